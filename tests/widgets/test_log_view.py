from __future__ import annotations

from datetime import timedelta

import pytest
from rich.cells import cell_len

from tests.entities import NOW, deployment
from tests.widgets.host import Host, lines
from tui.engine.log_records import Rule
from tui.engine.log_rows import LogRows, Source
from tui.engine.log_store import LogLimits, LogStore
from tui.model.log import Level, LogLine
from tui.model.text_match import find
from tui.widgets.log_text import Stamps
from tui.widgets.log_view import LogView


def filled(count: int, capacity: int = 50_000, **levels: Level) -> LogStore:
    buffer = LogStore(LogLimits(lines=capacity))
    for number in range(count):
        buffer.append(LogLine(NOW + timedelta(seconds=number), f"line {number}", levels.get(f"n{number}", Level.INFO)))
    return buffer


def rows(store: LogStore) -> LogRows:
    return LogRows([Source(store)])


def view() -> LogView:
    made = LogView(frames_per_second=60)
    made.stamps = Stamps.OFF
    return made


async def test_it_follows_the_end() -> None:
    shown, buffer = view(), filled(100)
    async with Host(shown).run_test(size=(40, 5)) as pilot:
        shown.show(rows(buffer))
        assert lines(shown) == [f"I line {n}" for n in range(95, 100)]
        buffer.append(LogLine(NOW, "the newest"))
        shown.appended()
        await pilot.pause(0.1)
        assert lines(shown)[-1] == "I the newest"


async def test_a_log_that_fills_after_another_as_long_was_shown_is_drawn() -> None:
    shown, buffer = view(), LogStore()
    async with Host(shown).run_test(size=(40, 5)) as pilot:
        shown.show(rows(filled(1)))
        shown.appended()
        await pilot.pause(0.1)
        shown.show(rows(buffer))
        buffer.append(LogLine(NOW, "of the other"))
        shown.appended()
        await pilot.pause(0.1)
        assert lines(shown)[0] == "I of the other"


async def test_a_paused_log_stands_still_and_counts_what_is_new() -> None:
    shown, buffer = view(), filled(100)
    async with Host(shown).run_test(size=(40, 5)) as pilot:
        shown.show(rows(buffer))
        shown.move(-1)
        before = lines(shown)
        for number in range(30):
            buffer.append(LogLine(NOW, f"more {number}"))
            shown.appended()
        await pilot.pause(0.1)
        assert lines(shown) == before
        assert shown.new_below == 30
        shown.last()
        assert shown.new_below == 0
        assert lines(shown)[-1] == "I more 29"


async def test_when_the_held_lines_are_dropped_the_view_goes_on_with_the_oldest_there_is() -> None:
    shown, buffer = view(), filled(100, capacity=100)
    async with Host(shown).run_test(size=(40, 5)) as pilot:
        shown.show(rows(buffer))
        shown.first()
        for number in range(50):
            buffer.append(LogLine(NOW, f"more {number}"))
        shown.appended()
        await pilot.pause(0.1)
        assert lines(shown)[0] == "I line 50"
        assert buffer.dropped == 50


async def test_errors_are_found_both_ways() -> None:
    shown = view()
    async with Host(shown).run_test(size=(40, 5)):
        shown.show(rows(filled(100, n20=Level.ERROR, n60=Level.FATAL)))
        assert shown.next_error(-1)
        assert shown.cursor == 60
        assert shown.next_error(-1)
        assert shown.cursor == 20
        assert not shown.next_error(-1)
        assert shown.next_error(1)
        assert shown.cursor == 60


async def test_the_deployments_boundary_is_a_place_to_go_to() -> None:
    shown, buffer = view(), filled(50)
    buffer.append(Rule(NOW, deployment(message="the new one")))
    buffer.append(LogLine(NOW, "after"))
    async with Host(shown).run_test(size=(60, 5)):
        shown.show(rows(buffer))
        assert shown.next_boundary(-1)
        assert shown.cursor == 50
        assert any("the new one" in line for line in lines(shown))


async def test_search_marks_matches_and_walks_them_without_hiding_anything() -> None:
    shown = view()
    async with Host(shown).run_test(size=(40, 100)):
        shown.show(rows(filled(60)))
        shown.search(find("line 1"))
        assert shown.cursor == 19
        assert shown.next_match(-1)
        assert shown.cursor == 18
        assert sum(1 for line in lines(shown) if line) == 60


@pytest.mark.parametrize(("words", "found"), [("LINE 5", False), ("line 5", True), ("line (5", False), ("LiNe", False)])
async def test_search_is_case_smart_and_takes_a_broken_expression_as_text(words: str, found: bool) -> None:
    shown = view()
    async with Host(shown).run_test(size=(40, 5)):
        shown.show(rows(filled(10)))
        shown.search(find(words))
        assert (shown.cursor is not None) is found


TEXTS = [
    "plain",
    "漢字" * 40,
    "\x1b[31mred\x1b[0m and " + "x" * 200,
    "a\tb",
    "👩‍💻" * 30,
    "y" * 1_000_000,
    "",
    "é" * 90,
]


@pytest.mark.parametrize("wrapping", [False, True])
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_every_row_is_as_wide_as_the_pane_whatever_the_line_holds(text: str, wrapping: bool) -> None:
    shown, buffer = view(), LogStore()
    buffer.append(LogLine(NOW, text))
    async with Host(shown).run_test(size=(33, 6)):
        shown.wrapping = wrapping
        shown.show(rows(buffer))
        for y in range(6):
            assert cell_len("".join(s.text for s in shown.render_line(y))) == 33


async def test_wrapping_shows_the_whole_of_a_long_line() -> None:
    shown, buffer = view(), LogStore()
    buffer.append(LogLine(NOW, "abcdefghij" * 8))
    async with Host(shown).run_test(size=(32, 6)):
        shown.show(rows(buffer))
        shown.wrap()
        assert "".join(line[2:] for line in lines(shown)) == "abcdefghij" * 8


async def test_markup_in_a_line_is_text() -> None:
    shown, buffer = view(), LogStore()
    buffer.append(LogLine(NOW, "[bold]not markup[/bold] [x]"))
    async with Host(shown).run_test(size=(60, 3)):
        shown.show(rows(buffer))
        assert lines(shown)[0] == "I [bold]not markup[/bold] [x]"
