"""To the shell and back: by ctrl+z, by a signal that nobody can catch, and while the terminal does not read."""

from __future__ import annotations

import shlex
import signal

import pytest

from tests.demo_process import DemoProcess, watch
from tests.pty.conftest import Open
from tests.pty.journey import close, go_to, has_log_lines
from tests.pty.test_leaving import assert_given_back
from tests.terminal import Terminal, now


@pytest.fixture
def still(board: Open) -> Terminal:
    """The board at rest, with a log in it."""
    terminal = board()
    go_to(terminal, "production/api")
    terminal.wait_for(has_log_lines)
    terminal.quiet(1.0)
    return terminal


def go_on(terminal: Terminal) -> None:
    """After the shell has written over the screen."""
    terminal.raw += b"\x1b[2J\x1b[H$ fg\r\n"
    terminal.signal(signal.SIGCONT)


def test_ctrl_z_gives_the_terminal_to_the_shell_and_fg_comes_back(still: Terminal) -> None:
    before, threads = still.cells(), still.threads()
    still.press("ctrl+z")
    still.wait_for(lambda _: still.is_stopped())
    still.quiet(0.1)
    assert_given_back(still)
    go_on(still)
    still.wait_for(lambda _: still.cells() == before)
    still.press("?")
    still.wait_for("─ Keys")
    close(still, "Keys")
    assert still.threads() == threads


def test_a_stop_that_nobody_can_catch_leaves_the_screen_right_and_no_thread_twice(still: Terminal) -> None:
    before, threads = still.cells(), still.threads()
    for _ in range(2):
        still.signal(signal.SIGSTOP)
        still.wait_for(lambda _: still.is_stopped())
        go_on(still)
        still.wait_for(lambda _: still.cells()[1:] == before[1:])  # the first row tells how old the picture is
    still.press("?")
    still.wait_for("─ Keys")
    close(still, "Keys")
    still.wait_for(lambda _: still.threads() == threads)


def test_it_can_be_suspended_while_the_terminal_does_not_read(still: Terminal) -> None:
    for columns in [119, 120] * 20:
        still.resize(columns, 40)
        still.stall(0.02)
    still.signal(signal.SIGTSTP)
    given_up = now() + 20
    while not still.is_stopped():
        assert now() < given_up, "it is not suspended"
        still.stall(0.05)
    go_on(still)
    still.wait_for(lambda lines: lines[-1].startswith(" ? help"))
    still.quiet(0.5)
    before = still.cells()
    still.resize(119, 40)
    still.resize(120, 40)
    still.quiet(0.5)
    assert still.cells() == before


@pytest.fixture
def shell(run: Open, world: DemoProcess) -> Terminal:
    """A shell with the board as its job, suspended by ctrl+z."""
    terminal = run(["bash", "--norc", "-i"], env={"PS1": "prompt> ", "TERM": "xterm-256color"})
    terminal.wait_for("prompt>")
    terminal.type(shlex.join(watch(world)).encode() + b"\r")
    terminal.wait_for("gateway")
    terminal.press("ctrl+z")
    terminal.wait_for("Stopped")
    return terminal


def test_the_shell_brings_a_suspended_board_back(shell: Terminal) -> None:
    shell.type(b"fg\r")
    shell.wait_for(lambda lines: lines[-1].startswith(" ? help") and any("gateway" in line for line in lines))
    shell.press("?")
    shell.wait_for("─ Keys")


def test_the_shell_ends_a_suspended_board(shell: Terminal) -> None:
    shell.type(b"kill %1\r")
    shell.press_until("enter", lambda lines: any("Done" in line for line in lines))
