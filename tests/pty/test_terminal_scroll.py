"""Scrolled by the terminal or painted by Textual: the same screen, character by character and colour by colour."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.demo_process import DemoProcess, watch
from tests.pty.conftest import Open
from tests.pty.journey import close, go_to, has_log_lines
from tests.terminal import Terminal

MARGINS = re.compile(rb"\x1b\[\d+;\d+r")
LINES = (
    "plain and short",
    "wide 漢字かな and 한글, an emoji 🚀, e\u0301 combined, and on to the end of the row " + "漢" * 120,
    "\x1b[31mred \x1b[1;44mbold on blue\x1b[0m \x1b[4munderlined   \x1b[0m \x1b[7m reverse \x1b[0m",
    "long " + "0123456789" * 30,
    "",
    "\x1b[38;2;10;200;30mtrue\x1b[38;5;208m indexed\x1b[2m dim\x1b[9m struck   ",
    "ends in blanks" + " " * 90,
)
COLOURS: dict[str, dict[str, str | None]] = {
    "truecolor": {},
    "256": {"COLORTERM": None},
    "16": {"TERM": "xterm", "COLORTERM": None},
    "none": {"NO_COLOR": "1"},
}


class Both:
    """The pane in two terminals, one scrolling by itself, one painted by Textual, given the same."""

    def __init__(self, terminals: Sequence[Terminal], fifos: Sequence[int]) -> None:
        self.terminals = terminals
        self._fifos = fifos
        self._sent = 0
        self.see("drawn 0")

    def send(self, count: int, *, seen: bool = True) -> None:
        """Lines, until they are drawn."""
        lines = [f"{self._sent + n} {LINES[(self._sent + n) % len(LINES)]}" for n in range(count)]
        self._sent += count
        for fifo in self._fifos:
            os.write(fifo, "".join(f"{line}\n" for line in lines).encode())
        if seen:
            self.see_all()

    def see_all(self) -> None:
        self.see(f"drawn {self._sent},")

    def press(self, key: str, told: str, *, gone: bool = False) -> None:
        for terminal in self.terminals:
            terminal.press(key)
        self.see(told, gone=gone)

    def resize(self, columns: int, rows: int) -> None:
        for terminal in self.terminals:
            terminal.resize(columns, rows)
        self.see("drawn")

    def see(self, told: str, *, gone: bool = False) -> None:
        """Waits for it on both, and for both to be the same."""
        for terminal in self.terminals:
            terminal.wait_for(lambda lines: any(told in line for line in lines) is not gone)
        one, other = self.terminals
        one.wait_for(lambda _: one.cells() == self._drained(other), timeout_s=20)

    @staticmethod
    def _drained(terminal: Terminal) -> object:
        terminal.pump(0)
        return terminal.cells()


OpenPair = Callable[..., Both]


def walk(both: Both, columns: int, rows: int, colours: str) -> None:
    """All that can happen around a log that goes on."""
    both.send(1)
    both.send(rows)
    for count in (1, 2, 5, 1, rows - 12, rows * 3, 1):
        both.send(count)
    both.press("z", "above", gone=True)
    both.send(3)
    both.press("z", "above")
    both.send(2)
    both.press("w", "wrapping")
    for count in (1, 2, 1, 7):
        both.send(count)
    both.press("w", "wrapping", gone=True)
    both.press("s", "a sheet over")
    both.send(4, seen=colours not in ("16", "none"))  # there a sheet hides what is behind it
    both.press("escape", "a sheet over", gone=True)
    both.see_all()
    both.send(2)
    both.press("/", "search")
    both.send(3)
    both.press("escape", "search", gone=True)
    both.send(1)
    both.press("p", ", on ")
    for _ in range(4):
        both.press("k", ", on ")
    both.send(2)
    both.press("j", ", on ")
    both.press("f", "following")
    both.resize(columns - 13, rows - 5)
    both.send(3)
    both.resize(columns, rows)
    both.send(1)


@pytest.fixture
def pair(run: Open, tmp_path: Path) -> Iterator[OpenPair]:
    """Opens the two; with `within`, an environment, each in a tmux."""
    with ExitStack() as stack:

        def open_pair(
            columns: int, rows: int, env: dict[str, str | None], within: dict[str, str | None] | None = None
        ) -> Both:
            terminals, pipes = [], []
            for name, options in (("by-terminal", ()), ("by-textual", ("--textual",))):
                fifo = tmp_path / name
                os.mkfifo(fifo)
                command = [sys.executable, "-m", "tests.log_pane", str(fifo), *options]
                if within is not None:
                    command = [*tmux(tmp_path, name), "new-session", "env", *variables(within), *command]
                    stack.callback(subprocess.run, [*tmux(tmp_path, name), "kill-server"], check=False)
                terminals.append(run(command, columns, rows, env))
                pipes.append(os.open(fifo, os.O_RDWR))
                stack.callback(os.close, pipes[-1])
            return Both(terminals, pipes)

        yield open_pair


def tmux(folder: Path, name: str) -> list[str]:
    return ["tmux", "-S", str(folder / f"{name}.tmux"), "-f", str(folder / "tmux.conf")]


def variables(env: dict[str, str | None]) -> list[str]:
    unset = [part for name, value in env.items() if value is None for part in ("-u", name)]
    return [*unset, *(f"{name}={value}" for name, value in env.items() if value is not None)]


@pytest.mark.parametrize(
    ("columns", "rows", "colours"),
    [*((80, 24, colours) for colours in COLOURS), (120, 40, "truecolor"), (120, 40, "16"), (200, 50, "truecolor")],
)
def test_both_ways_leave_the_same_screen(pair: OpenPair, columns: int, rows: int, colours: str) -> None:
    both = pair(columns, rows, COLOURS[colours])
    walk(both, columns, rows, colours)
    scrolling, painted = both.terminals
    assert len(MARGINS.findall(scrolling.raw)) >= 15
    assert not MARGINS.search(painted.raw)
    assert len(scrolling.raw) < len(painted.raw)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
@pytest.mark.parametrize("colours", ["truecolor", "16", "none"])
def test_tmux_in_between_sees_the_same_screen_too(pair: OpenPair, tmp_path: Path, colours: str) -> None:
    """tmux draws on its terminal what it made of ours: a second opinion on margins, erasing and wide characters."""
    (tmp_path / "tmux.conf").write_text(
        "set -g status off\nset -s escape-time 0\nset -g destroy-unattached on\nset -g default-terminal tmux-256color\n"
        "set -ga terminal-overrides ',*:Tc:indn@:rin@:rep@'\n"  # what pyte does not know
    )
    within = {"TERM": "tmux-256color", "COLORTERM": "truecolor", **COLOURS[colours]}
    both = pair(120, 40, {}, within)
    walk(both, 120, 40, colours)


def test_the_cursor_stays_where_textual_put_it(pair: OpenPair) -> None:
    both = pair(80, 24, {})
    both.send(30)
    both.press("/", "search")
    both.press("x", "x")
    both.send(2)
    scrolling, painted = both.terminals
    assert scrolling.cursor() == painted.cursor()
    assert scrolling.cursor()[1] > 0


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (120, 40)])
def test_on_the_board_painting_all_of_it_again_changes_nothing(
    run: Open, own_world: DemoProcess, columns: int, rows: int
) -> None:
    terminal: Terminal = run(watch(own_world), columns, rows)
    terminal.wait_for("gateway")
    go_to(terminal, "production/gateway")
    terminal.press("3")
    terminal.wait_for("▌3 Logs")
    terminal.wait_for(has_log_lines)
    for number, line in enumerate(LINES * 3):
        own_world.order("line", service="platform/production/gateway", text=f"line {number} {line}")
        terminal.wait_for(f" line {number}")
    terminal.quiet(0.3)
    assert MARGINS.search(terminal.raw), "the terminal scrolled it"
    before = terminal.cells()
    terminal.press("?")
    terminal.wait_for("─ Keys")
    close(terminal, "Keys")
    terminal.quiet(0.3)
    assert terminal.cells() == before
