"""Places that people start the board in: no home that can be written, odd variables, streams and locales."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.demo_process import DemoProcess, watch
from tests.pty.conftest import Open
from tests.pty.journey import go_to
from tests.terminal import Terminal


def fills(lines: list[str]) -> bool:
    """The board has the size of its terminal: its first row, its services and its last row are where they belong."""
    is_there = any("gateway" in line for line in lines)
    return (
        is_there
        and "failing" in lines[0]
        and [number for number, line in enumerate(lines) if line.startswith(" ? help")] == [len(lines) - 1]
    )


def furthest(terminal: Terminal) -> tuple[int, int]:
    """The last row and the last column to which the program has moved the cursor."""
    places = re.findall(rb"\x1b\[(\d+);(\d+)H", bytes(terminal.raw))
    return max(int(row) for row, _ in places), max(int(column) for _, column in places)


def test_the_board_opens_where_nothing_can_be_kept_and_acts_on_nothing(run: Open, own_world: DemoProcess) -> None:
    before = own_world.state()

    board = run(watch(own_world), 160, 45, {"HOME": "/proc"})
    board.wait_for("Nothing of this session is kept")
    board.wait_for("gateway")
    go_to(board, "pr-312/api")
    board.press("R")
    board.wait_for("redeploy")
    board.press_until("y", lambda lines: any("Nothing was done" in line for line in lines))
    board.press("ctrl+c", "ctrl+c")

    assert board.wait_end() == 0
    assert own_world.state() == before


def test_exported_columns_and_lines_do_not_count(run: Open, world: DemoProcess) -> None:
    """`docker exec -e COLUMNS=... -e LINES=...` exports those of a terminal that is not ours."""
    board = run(watch(world), 80, 24, {"COLUMNS": "200", "LINES": "60"})

    board.wait_for(fills)
    assert furthest(board) <= (24, 80)
    board.resize(120, 40)
    board.wait_for(fills)


@pytest.mark.parametrize("redirection", [">&-", ">/dev/null", ">/dev/full"])
def test_the_board_needs_no_stdout(run: Open, world: DemoProcess, redirection: str) -> None:
    board = run(["sh", "-c", f'exec "$@" {redirection}', "sh", *watch(world)], 100, 30)

    board.wait_for(fills)
    assert furthest(board)[0] == 30
    board.press("ctrl+c", "ctrl+c")
    assert board.wait_end() == 0


@pytest.mark.parametrize("odd", [{"LANG": "C"}, {"LC_ALL": "POSIX"}, {"PYTHONIOENCODING": "ascii"}])
def test_the_board_writes_utf8_whatever_the_locale_says(run: Open, world: DemoProcess, odd: dict[str, str]) -> None:
    board = run(watch(world), 120, 40, {"PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", **odd})

    board.wait_for("gateway")
    board.wait_for(lambda lines: any("● " in line for line in lines))
    assert "\\u25cf" not in board.text()


def in_tmux(folder: Path, *options: str) -> list[str]:
    """A tmux of its own, which ends with its only window."""
    (folder / "tmux.conf").write_text(
        "set -g status off\nset -g destroy-unattached on\nset -g default-terminal tmux-256color\n"
    )
    return ["tmux", *options, "-S", str(folder / "tmux"), "-f", str(folder / "tmux.conf"), "new-session"]


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
@pytest.mark.parametrize(("options", "sign"), [((), "* gateway"), (("-u",), "● gateway")])
def test_in_a_tmux_without_utf8_the_signs_are_ascii(
    run: Open, world: DemoProcess, tmp_path: Path, options: tuple[str, ...], sign: str
) -> None:
    board = run([*in_tmux(tmp_path, *options), *watch(world)], 120, 40, {"LANG": "C", "LC_ALL": "C"})

    lines = board.wait_for(sign)
    board.wait_for(lambda lines: any("3 Logs" in line for line in lines))

    assert not any("_ gateway" in line or "live_" in line for line in lines)
    board.press("ctrl+c", "ctrl+c")
    board.wait_end(20.0)


@pytest.mark.parametrize(("locale", "sign"), [("C", "* gateway"), ("C.UTF-8", "● gateway")])
def test_in_a_gnu_screen_the_locale_it_was_started_in_tells(
    run: Open, world: DemoProcess, locale: str, sign: str
) -> None:
    board = run(watch(world), 120, 40, {"STY": "1.pts", "TERM": "screen", "LANG": locale, "LC_ALL": locale})

    board.wait_for(sign)
    signs = {sign for line in board.screen() for sign in line if ord(sign) > 0x2000}
    assert bool(signs) == (locale != "C"), signs
