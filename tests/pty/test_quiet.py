"""Nothing is drawn while nothing changes, and nothing is switched on that nobody asked for."""

from __future__ import annotations

import re

from tests.pty.conftest import Open
from tests.pty.journey import has_log_lines

WATCHED_S = 7.0  # longer than the board's own slowest tick, five seconds


def test_a_world_that_stands_still_costs_no_byte(board: Open) -> None:
    terminal = board()
    terminal.press("j")
    terminal.wait_for(has_log_lines)
    terminal.quiet(for_s=1.5)
    before = len(terminal.raw)
    assert terminal.take(for_s=WATCHED_S) == 0, f"drawn: {terminal.text(before)!r}"


def test_the_mouse_is_the_terminals_own_unless_asked_for(board: Open) -> None:
    terminal = board()
    terminal.press("?")
    terminal.wait_for("Keys")
    assert re.search(rb"\x1b\[\?(?:9|1000|1001|1002|1003|1005|1006|1015|1016)h", bytes(terminal.raw)) is None


def test_no_window_title_and_no_clipboard_is_set_by_itself(board: Open) -> None:
    terminal = board()
    terminal.press("j")
    terminal.wait_for(has_log_lines)
    assert re.search(rb"\x1b\](?:0|1|2|52);", bytes(terminal.raw)) is None
