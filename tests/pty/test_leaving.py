"""However it ends, it ends: the process, the world it started, and its hold on the terminal."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import pytest

from tests.demo_process import DECKWATCH
from tests.pty.conftest import Open
from tests.pty.journey import HUP_IGNORED
from tests.terminal import Terminal, wait_gone

MOUSE_MODES = (b"1000", b"1002", b"1003", b"1006", b"1015")


def assert_given_back(terminal: Terminal) -> None:
    raw = bytes(terminal.raw)
    assert raw.rfind(b"\x1b[?1049l") > raw.rfind(b"\x1b[?1049h"), "the alternate screen is left"
    assert raw.rfind(b"\x1b[?25h") > raw.rfind(b"\x1b[?25l"), "the cursor is shown"
    assert raw.rfind(b"\x1b[?2004l") >= raw.rfind(b"\x1b[?2004h"), "pasting is as it was"
    for mode in MOUSE_MODES:
        assert raw.rfind(b"\x1b[?%sh" % mode) <= raw.rfind(b"\x1b[?%sl" % mode), f"mouse mode {mode!r} is off"
    assert terminal.given_back(), "echo and line mode are as they were"
    assert b"Traceback" not in raw


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_ends_it_and_gives_the_terminal_back(demo: Open, number: signal.Signals) -> None:
    terminal = demo()
    children = terminal.children()
    assert children, "the world runs beside it"
    terminal.signal(number)
    assert terminal.wait_end(timeout_s=20) == 0
    assert_given_back(terminal)
    assert wait_gone(children) == []


def test_a_signal_right_after_the_screen_was_taken_gives_it_back(run: Open) -> None:
    terminal = run([*DECKWATCH, "demo"])
    while b"\x1b[?1049h" not in terminal.raw:
        assert terminal.pump(5)
    terminal.signal(signal.SIGTERM)
    assert terminal.wait_end(timeout_s=20) == 0
    assert_given_back(terminal)


@pytest.mark.parametrize("prefix", [(), HUP_IGNORED], ids=["hup", "hup ignored"])
def test_the_end_of_the_terminal_ends_it(run: Open, prefix: Sequence[str]) -> None:
    terminal = run([*prefix, *DECKWATCH, "demo"])
    terminal.wait_for("gateway")
    children = terminal.children()
    assert children
    terminal.hang_up()
    assert terminal.wait_end(timeout_s=20) == 0
    assert wait_gone(children) == []


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
def test_a_key_leaves_only_when_pressed_twice(board: Open, key: str) -> None:
    terminal = board()
    terminal.press(key)
    terminal.wait_for("again to leave")
    terminal.press(key)
    assert terminal.wait_end(timeout_s=20) == 0
    assert_given_back(terminal)


def test_ending_while_a_sheet_is_open_gives_the_terminal_back(board: Open) -> None:
    terminal = board()
    terminal.press("?")
    terminal.wait_for("Keys")
    terminal.signal(signal.SIGTERM)
    assert terminal.wait_end(timeout_s=20) == 0
    assert_given_back(terminal)
