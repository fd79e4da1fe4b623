from __future__ import annotations

from collections.abc import Hashable

from tests.entities import NOW
from tests.widgets.host import Host, lines
from tui.widgets.line_table import LineTable
from tui.widgets.line_widget import Span


class Names(LineTable[str]):
    """Rows of names; one that begins with # is a heading."""

    def key(self, item: str) -> Hashable | None:
        return None if item.startswith("#") else item

    def matches(self, item: str, words: str) -> bool:
        return words in item

    def row(self, item: str, width: int) -> tuple[list[Span], str]:
        return [(item, "")], ""


def at(table: Names, row: str) -> bool:
    return table.selected == row


ROWS = ["# fruit", "apple", "banana", "cherry", "# roots", "beet", "carrot"]


async def test_the_cursor_starts_on_the_first_row_that_can_be_selected() -> None:
    table = Names()
    async with Host(table).run_test(size=(20, 10)):
        table.show(ROWS, NOW)
        assert at(table, "apple")


async def test_moving_leaps_over_headings_and_stops_at_the_ends() -> None:
    table = Names()
    async with Host(table).run_test(size=(20, 10)):
        table.show(ROWS, NOW)
        table.move(3)
        assert at(table, "beet")
        table.last()
        assert at(table, "carrot")
        table.move(1)
        assert at(table, "carrot")
        table.first()
        assert at(table, "apple")


async def test_the_selection_stays_on_its_row_and_its_height_when_rows_come_above_it() -> None:
    table = Names()
    async with Host(table).run_test(size=(20, 3)):
        many = [f"row {number:02}" for number in range(30)]
        table.show(many, NOW)
        table.select("row 20")
        before = lines(table)
        table.show(["new 1", "new 2", *many], NOW)
        assert at(table, "row 20")
        assert lines(table) == before


async def test_when_the_selected_row_is_gone_the_one_in_its_place_is_selected() -> None:
    table = Names()
    async with Host(table).run_test(size=(20, 10)):
        table.show(ROWS, NOW)
        table.select("banana")
        table.show([row for row in ROWS if row != "banana"], NOW)
        assert at(table, "cherry")


async def test_when_all_rows_are_gone_the_message_says_what_to_do_and_nothing_is_selected() -> None:
    table = Names()
    async with Host(table).run_test(size=(40, 10)):
        table.show(ROWS, NOW)
        table.show([], NOW, ("nothing here", "press x"))
        assert table.selected is None
        assert lines(table)[:2] == [" nothing here", " press x"]
        table.move(1)
        table.show(ROWS, NOW)
        assert at(table, "apple")


async def test_find_goes_round_the_end() -> None:
    table = Names()
    async with Host(table).run_test(size=(20, 10)):
        table.show(ROWS, NOW)
        table.select("carrot")
        assert table.find("an")
        assert at(table, "banana")
        assert not table.find("zebra")
        assert at(table, "banana")


async def test_an_unchanged_list_asks_for_no_repaint() -> None:
    table = Names()
    async with Host(table).run_test(size=(20, 10)) as pilot:
        table.show(ROWS, NOW)
        await pilot.pause()
        table.show(list(ROWS), NOW)
        assert not table.redraw_changed()


async def test_the_selected_row_is_always_in_view_however_small_the_pane_gets() -> None:
    table = Names()
    async with Host(table).run_test(size=(20, 10)) as pilot:
        table.show([f"row {number:02}" for number in range(30)], NOW)
        table.select("row 09")
        await pilot.resize_terminal(20, 3)
        await pilot.pause()
        assert any("row 09" in line for line in lines(table))


async def test_a_table_that_opens_on_a_row_shows_those_above_it_too() -> None:
    table = Names()
    table.selected, table.moved = "beet", True
    async with Host(table).run_test(size=(20, 6)):
        table.show(ROWS, NOW)
        assert at(table, "beet")
        assert lines(table)[0].startswith("# fruit")


async def test_a_row_reached_from_below_brings_its_heading_with_it() -> None:
    table = Names()
    async with Host(table).run_test(size=(20, 3)):
        table.show(ROWS, NOW)
        table.last()
        assert lines(table) == ["# roots", "beet", "carrot"]
        table.show([*ROWS, "leek", "onion"], NOW)
        table.last()
        assert lines(table) == ["carrot", "leek", "onion"]
        table.move(-3)
        assert at(table, "beet")
        assert lines(table) == ["# roots", "beet", "carrot"]


async def test_up_from_the_first_row_brings_all_headings_above_it() -> None:
    table = Names()
    async with Host(table).run_test(size=(20, 4)):
        table.show(["# account", "# project", *ROWS], NOW)
        table.last()
        table.first()
        assert at(table, "apple")
        assert lines(table) == ["# fruit", "apple", "banana", "cherry"]
        table.move(-1)
        assert lines(table) == ["# account", "# project", "# fruit", "apple"]
