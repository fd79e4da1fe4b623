"""What is shown of a log in $PAGER: the terminal is the pager's, then the board's again."""

from __future__ import annotations

import signal

import pytest

from tests.demo_process import DemoProcess, watch
from tests.pty.conftest import Open
from tests.pty.journey import HUP_IGNORED, LOG_LINE, go_to, has_log_lines


def test_the_pager_has_the_terminal_and_gives_it_back(board: Open) -> None:
    terminal = board(env={"PAGER": "less -S"})
    go_to(terminal, "production/api")
    terminal.wait_for(has_log_lines)
    terminal.press("3")
    terminal.wait_for("▌3 Logs")
    terminal.press("|")
    terminal.wait_for(lambda lines: any(line.startswith("2026-") and " INFO " in line for line in lines))
    terminal.press("ctrl+c")
    terminal.press_until("q", lambda lines: any("▌3 Logs" in line for line in lines))
    terminal.press("p")
    terminal.wait_for("paused")
    assert any(LOG_LINE.match(line) for line in terminal.screen())


def test_a_pager_that_is_not_there_is_named(board: Open) -> None:
    terminal = board(env={"PAGER": "no-such-pager"})
    go_to(terminal, "production/api")
    terminal.wait_for(has_log_lines)
    terminal.press("|")
    terminal.wait_for("no-such-pager did not open")
    terminal.press("3")
    terminal.wait_for("▌3 Logs")


@pytest.mark.parametrize("ending", ["sigterm", "hang-up"])
def test_the_board_ends_while_the_pager_has_the_terminal(run: Open, world: DemoProcess, ending: str) -> None:
    terminal = run([*HUP_IGNORED, *watch(world)], env={"PAGER": "less -S"})
    terminal.wait_for("gateway")
    go_to(terminal, "production/api")
    terminal.wait_for(has_log_lines)
    terminal.press("|")
    terminal.wait_for(lambda lines: any(line.startswith("2026-") and " INFO " in line for line in lines))
    if ending == "sigterm":
        terminal.signal(signal.SIGTERM)
    else:
        terminal.hang_up()
    assert terminal.wait_end(timeout_s=20) == 0
