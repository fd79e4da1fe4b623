"""The log pane by key: find, filter, jump, mark, merge, take away."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.entities import NOW, deployment, service
from tests.screens.running import app_of, running, screen_text, sees, until
from tests.scripted import ScriptedProvider, engine_of, scripted
from tui.engine.engine import Account
from tui.model.entities import Service
from tui.model.log import Level, LogEntry, LogKind, LogLine
from tui.screens.log_pane import shortest_names

SIZES = [(80, 24), (120, 40), (200, 50)]


def line(text: str, at_s: float = 0.0, level: Level = Level.INFO) -> LogLine:
    return LogLine(NOW + timedelta(seconds=at_s - 600), text, level)


def with_log(*entries: LogEntry, more: Sequence[Service] = ()) -> tuple[Account, ScriptedProvider]:
    account, platform = scripted(service("api"), *more)
    platform.log(platform.services[0].ref, LogKind.RUNTIME, entries)
    return account, platform


def numbered(count: int) -> list[LogLine]:
    return [_numbered(n) for n in range(count)]


def _numbered(n: int) -> LogLine:
    bad = n % 10 == 5
    return line(f"{'boom' if bad else 'fine'} {n}", n, Level.ERROR if bad else Level.INFO)


def log_text(pilot: Pilot[Any]) -> str:
    """What stands below the head of the logs."""
    return screen_text(pilot.app).partition("3 Logs")[2]


@pytest.mark.parametrize("size", SIZES)
async def test_a_search_goes_along_with_the_letters_counts_and_is_walked(size: tuple[int, int]) -> None:
    account, _ = with_log(*numbered(60))
    async with running(account, size=size) as (app, pilot):
        await sees(pilot, "fine 59")
        await pilot.press("3", "slash", *"boo")
        await sees(pilot, "/boo 6 of 6")
        await pilot.press("m", "enter")
        assert app.board.logs.sought == "boom"
        await pilot.press("N", "N")
        await sees(pilot, "/boom 4 of 6")
        await pilot.press("n")
        await sees(pilot, "/boom 5 of 6")
        await pilot.press("escape")
        await until(pilot, lambda: "/boom" not in screen_text(app))


async def test_a_search_from_the_oldest_line_finds_what_is_below() -> None:
    account, _ = with_log(*numbered(60))
    async with running(account) as (app, pilot):
        await sees(pilot, "fine 59")
        await pilot.press("3", "g", "slash", *"boom", "enter")
        await sees(pilot, "/boom 1 of 6")
        assert app.board.log_view.cursor == 5


async def test_a_search_that_was_left_is_over() -> None:
    account, _ = with_log(*numbered(20))
    async with running(account) as (app, pilot):
        await sees(pilot, "fine 19")
        await pilot.press("3", "slash", *"boom", "escape")
        await until(pilot, lambda: "/boom" not in screen_text(app))
        assert app.board.log_view.has_focus


@pytest.mark.parametrize("size", SIZES)
async def test_a_filter_hides_the_rest_as_it_is_typed_and_an_empty_one_shows_all(size: tuple[int, int]) -> None:
    account, platform = with_log(*numbered(60))
    async with running(account, size=size) as (_, pilot):
        await sees(pilot, "fine 59")
        await pilot.press("3", "ampersand", *"level>=error")
        await until(pilot, lambda: "fine" not in log_text(pilot) and "boom 55" in log_text(pilot))
        await pilot.press("enter")
        await sees(pilot, "& level>=error 6")
        platform.log(
            platform.services[0].ref, LogKind.RUNTIME, [line("not this", 61), line("boom new", 62, Level.FATAL)]
        )
        await sees(pilot, "boom new")
        assert "not this" not in log_text(pilot)
        await pilot.press("ampersand", "ctrl+u", "enter")
        await sees(pilot, "not this")


async def test_a_filter_that_is_wrong_says_what_and_keeps_the_last_good_one() -> None:
    account, _ = with_log(*numbered(20))
    async with running(account) as (_, pilot):
        await sees(pilot, "fine 19")
        await pilot.press("3", "ampersand", *"level>=loud", "enter")
        await sees(pilot, "loud", "The filter stays as it was.", "fine 19")


async def test_a_filter_that_keeps_nothing_says_so() -> None:
    account, _ = with_log(*numbered(20))
    async with running(account) as (_, pilot):
        await sees(pilot, "fine 19")
        await pilot.press("3", "ampersand", *"nowhere", "enter")
        await sees(pilot, "None of 20 lines is kept by nowhere")


async def test_a_line_found_by_a_filter_is_looked_at_in_its_context_and_back() -> None:
    account, _ = with_log(*numbered(60))
    async with running(account) as (_, pilot):
        await sees(pilot, "fine 59")
        await pilot.press("3", "ampersand", *"boom", "enter")
        await sees(pilot, "& boom 6")
        await pilot.press("p", "k", "v")
        await sees(pilot, "fine 44", "boom 45", "fine 46")
        await pilot.press("v")
        await until(pilot, lambda: "fine" not in log_text(pilot))


async def test_a_time_is_gone_to() -> None:
    account, _ = with_log(*(line(f"second {n}", n) for n in range(600)))
    async with running(account) as (app, pilot):
        await sees(pilot, "second 599")
        await pilot.press("3", "at", *"5m", "enter")
        await sees(pilot, "Before ", "(5 min ago)")
        await pilot.press("escape")
        await sees(pilot, "second 300", ". f goes back to now.")
        assert app.board.log_view.instant == NOW - timedelta(minutes=5)
        await pilot.press("at", *"gestern", "enter")
        await sees(pilot, "is not a time")


async def test_marks_are_gone_round_and_their_notes_are_on_the_line() -> None:
    account, _ = with_log(*numbered(60))
    async with running(account) as (app, pilot):
        await sees(pilot, "fine 59")
        await pilot.press("3", "p", "m", "k", "k", "M", *"look here", "enter")
        await sees(pilot, "◆", "Marked: look here")
        await pilot.press("apostrophe")
        assert app.board.log_view.cursor == 59
        await pilot.press("apostrophe", "enter")
        await sees(pilot, "look here", "fine 57")


@pytest.mark.parametrize("size", SIZES)
async def test_logs_of_several_services_are_one_by_time_each_line_named(size: tuple[int, int]) -> None:
    account, platform = with_log(line("a one", 1), line("a three", 3), more=[service("web")])
    web = platform.services[1].ref
    platform.log(web, LogKind.RUNTIME, [line("w two", 2)])
    async with running(account, size=size) as (_, pilot):
        await sees(pilot, "a three")
        await pilot.press("m", "j", "m")
        await sees(pilot, "merged: api, web", "2 services in one log")
        await until(pilot, lambda: _in_order(log_text(pilot), "a one", "w two", "a three"))
        platform.log(web, LogKind.RUNTIME, [line("w late", 2.5 - 60), line("w four", 4)])
        await until(pilot, lambda: _in_order(log_text(pilot), "w late", "a one", "w two", "a three", "w four"))
        assert "web" in next(each for each in log_text(pilot).splitlines() if "w four" in each)
        await pilot.press("M")
        await sees(pilot, "One service's log again")
        await until(pilot, lambda: "a three" not in log_text(pilot) and "w four" in log_text(pilot))


async def test_all_that_changed_in_the_last_hour_is_one_log_by_one_key() -> None:
    account, platform = with_log(line("a one", 1), more=[service("web"), service("old")])
    for name in ("api", "web"):
        new = deployment(f"new-{name}", ago_s=600)
        platform.replace_service(service(name, latest=new, live=new))
    platform.log(platform.services[1].ref, LogKind.RUNTIME, [line("w two", 2)])
    async with running(account) as (_, pilot):
        await sees(pilot, "a one")
        await pilot.press("M")
        await sees(pilot, "merged: api, web", "w two")


def _in_order(text: str, *parts: str) -> bool:
    places = [text.find(part) for part in parts]
    return -1 not in places and places == sorted(places)


STRUCTURED = json.dumps({"level": "error", "msg": "payment refused", "order": 17, "time": "2026-08-22T02:14:00Z"})


async def test_a_structured_line_is_read_and_raw_on_a_key_and_whole_on_enter() -> None:
    account, _ = with_log(line(STRUCTURED))
    async with running(account) as (_, pilot):
        await sees(pilot, "E payment refused order=17")
        await pilot.press("3", "x")
        await sees(pilot, '{"level": "error"')
        await pilot.press("x", "p", "enter")
        await sees(pilot, '"msg": "payment refused"', "level", "error")


async def test_a_line_of_a_megabyte_is_shown_in_part_and_whole_on_enter() -> None:
    account, _ = with_log(line("begin " + "x" * 1_000_000 + " end"))
    async with running(account) as (_, pilot):
        await sees(pilot, "begin xxx")
        await pilot.press("3", "w")
        await sees(pilot, "characters: enter")
        await pilot.press("p", "enter")
        await sees(pilot, "1,000,010 characters")
        await pilot.press("G")
        await sees(pilot, "xxx end")


async def test_what_is_shown_is_saved_and_what_is_hidden_is_not(tmp_path: Path) -> None:
    account, _ = with_log(*numbered(60))
    async with engine_of(account) as engine:
        app = app_of(engine, state_dir=tmp_path)
        async with app.run_test(size=(120, 40)) as pilot:
            await sees(pilot, "fine 59")
            await pilot.press("3", "ampersand", *"boom", "enter")
            await sees(pilot, "& boom 6")
            await pilot.press("s")
            await sees(pilot, "6 lines saved to")
            [saved] = (tmp_path / "saved").iterdir()
            lines = saved.read_text().splitlines()
            assert [each.rpartition(" ")[2] for each in lines] == ["5", "15", "25", "35", "45", "55"]
            assert saved.stat().st_mode & 0o777 == 0o600


def _clipboard(sequence: str) -> str:
    """What an OSC 52 puts there."""
    return base64.b64decode(sequence.removeprefix("\x1b]52;c;").removesuffix("\x07")).decode()


async def test_selected_lines_and_a_match_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    account, _ = with_log(*numbered(20))
    monkeypatch.delenv("TMUX", raising=False)
    async with running(account) as (app, pilot):
        copied: list[str] = []
        monkeypatch.setattr(app, "_write_raw", lambda sequence: copied.append(_clipboard(sequence)))
        await sees(pilot, "fine 19")
        await pilot.press("3", "p", "V", "k", "k", "y")
        await sees(pilot, "3 lines: copied")
        assert [each.rpartition(" ")[2] for each in copied[0].splitlines()] == ["17", "18", "19"]
        await pilot.press("slash", *"boo.", "enter", "Y")
        await until(pilot, lambda: copied[-1] == "boom")


async def test_another_log_is_opened_at_the_instant_that_was_looked_at() -> None:
    account, platform = with_log(*(line(f"run {n}", n) for n in range(600)))
    platform.log(platform.services[0].ref, LogKind.BUILD, [line(f"step {n}", n) for n in range(600)])
    async with running(account) as (app, pilot):
        await sees(pilot, "run 599")
        await pilot.press("3", "at", *"5m", "enter")
        await sees(pilot, "Before")
        await pilot.press("escape")
        await sees(pilot, "run 300")
        await pilot.press("left_square_bracket")
        await sees(pilot, "step 300")
        assert app.board.log_view.instant == NOW - timedelta(minutes=5)


@pytest.mark.parametrize("typed", [("slash", *"(x+x+)+y"), ("ampersand", "slash", *"(x+x+)+y", "slash")])
async def test_an_expression_that_goes_on_for_ever_is_given_up_and_said_so(typed: tuple[str, ...]) -> None:
    account, _ = with_log(line("x" * 200))
    async with running(account, size=(200, 50)) as (_, pilot):
        await sees(pilot, "xxxx")
        await pilot.press("3", *typed, "enter")
        await sees(pilot, "this expression backtracks")
        await pilot.press("p", "k")
        assert pilot.app.is_running


def test_services_of_one_log_are_named_as_shortly_as_tells_them_apart() -> None:
    paths = ["railway/shop/production/api", "railway/shop/production/web", "gitlab/pay/production/web"]
    assert shortest_names(paths) == ["api", "shop/production/web", "pay/production/web"]
    assert shortest_names(["a/b", "a/b"]) == ["a/b", "a/b"]
    assert shortest_names([]) == []
