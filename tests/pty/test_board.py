"""The board as a person meets it: in a terminal of three sizes, by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.demo_process import DemoProcess, watch
from tests.pty.conftest import Open
from tests.pty.journey import go_to, has_log_lines

SIZES = [(80, 24), (120, 40), (200, 50)]


def heads(lines: list[str]) -> str:
    """The row with the heads of the upper panes: alerts may stand above it."""
    return next((line for line in lines if "2 Timeline" in line), "")


def newest(lines: list[str]) -> str:
    """The timeline's first row."""
    place = next((number for number, line in enumerate(lines) if "2 Timeline" in line), len(lines) - 2)
    return lines[place + 1].partition("▏")[2]


@pytest.mark.parametrize(("columns", "rows"), SIZES)
def test_the_demo_shows_three_live_panes_within_seconds(demo: Open, columns: int, rows: int) -> None:
    terminal = demo(columns, rows)
    lines = terminal.wait_for(lambda lines: heads(lines) and any("● live" in line for line in lines))
    assert "1 Services" in heads(lines)
    assert any("3 Logs" in line for line in lines)
    terminal.press("j")  # the first service only waits for its CI; the next one writes
    terminal.wait_for(has_log_lines)
    since = len(terminal.raw)
    terminal.wait_written(r"\d\d:\d\d:\d\d [TDIWEF] ", since)  # and goes on writing


@pytest.mark.parametrize(("columns", "rows"), [SIZES[0], SIZES[-1]])
def test_no_line_is_wider_than_the_terminal(board: Open, columns: int, rows: int) -> None:
    terminal = board(columns, rows)
    terminal.press("j")
    lines = terminal.wait_for(has_log_lines)
    assert lines[-1].startswith(" ? help"), "the last row is the keys bar: nothing pushed it off"
    assert "failing" in lines[0], "the first row is the status bar: nothing scrolled it away"


def test_keys_move_through_panes_and_tabs(board: Open) -> None:
    terminal = board()
    terminal.wait_for("▌1 Services")
    terminal.press("tab")
    terminal.wait_for("▌2 Timeline")
    terminal.press("3")
    terminal.wait_for("▌3 Logs")
    terminal.press("]")
    terminal.wait_for("[runtime]")
    terminal.press("]")
    terminal.wait_for("[HTTP]")
    terminal.press("1")
    terminal.wait_for("▌1 Services")
    terminal.press("G")
    terminal.wait_for("2 Timeline  web staging")
    terminal.press("g")
    terminal.wait_for("2 Timeline  auth production")


def test_keys_typed_ahead_act_where_the_keys_before_them_led(board: Open) -> None:
    terminal = board()
    terminal.press("3")
    terminal.wait_for("▌3 Logs")
    terminal.type(b"1G")  # in one read, as from somebody who knows the way, or over a slow line
    terminal.wait_for("2 Timeline  web staging", timeout_s=4)


def test_a_search_typed_ahead_is_a_search(board: Open) -> None:
    terminal = board()
    terminal.type(b"/production/checkout\r")
    terminal.wait_for("2 Timeline  checkout production", timeout_s=4)


def test_resizing_draws_for_the_new_size(board: Open) -> None:
    terminal = board(120, 40)
    terminal.resize(200, 50)
    terminal.wait_for(lambda lines: lines[49].startswith(" ? help"))
    terminal.resize(80, 24)
    terminal.wait_for(lambda lines: lines[23].startswith(" ? help") and "failing" in lines[0])


def test_a_sheet_opens_and_escape_keeps_everything_as_it_is(board: Open, world: DemoProcess) -> None:
    terminal = board()
    go_to(terminal, "staging/api")
    terminal.press("R")
    terminal.wait_for("esc keeps")
    terminal.wait_for("Redeploy api")
    # Keys are not taken for an answer in the sheet's first moment: pressed again until it is.
    terminal.press_until("escape", lambda lines: any("Kept: nothing was done." in line for line in lines))
    assert world.state()["calls"] == []


def test_a_confirmed_redeploy_is_told_by_the_timeline_to_its_end(run: Open, own_world: DemoProcess) -> None:
    with Path(own_world.config).open("a", encoding="utf-8") as config:
        config.write("\n[actions]\nsettle = 1\n")
    terminal = run(watch(own_world))
    terminal.wait_for("gateway")
    go_to(terminal, "staging/api")
    terminal.wait_for(lambda lines: any("● live" in line.partition("▏")[2] for line in lines))
    terminal.press("R")
    terminal.wait_for("y does it")
    terminal.wait_for("[ Redeploy ]")
    terminal.press_until("y", lambda lines: not any("y does it" in line for line in lines))
    terminal.wait_for(lambda lines: "live" not in newest(lines) and newest(lines))
    assert [call["verb"] for call in own_world.state()["calls"]] == ["redeploy"]
    own_world.order("advance", seconds=300)
    terminal.wait_for(lambda lines: "● live" in newest(lines))
    terminal.press("A")
    lines = terminal.wait_for("Audit: what was done from here")
    for phase in ("asked", "accepted", "final"):
        lines = terminal.wait_for(phase)
    assert any("final" in line and "redeploy" in line and "api" in line for line in lines)
