"""Copying takes the way that the terminal in between lets through, and only when the key is pressed."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

from tests.pty.conftest import Open
from tests.pty.journey import has_log_lines
from tests.terminal import Terminal

OSC_52 = re.compile(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)(?:\x07|\x1b\\)")


def on_a_log_line(board: Open, **env: str | None) -> Terminal:
    terminal: Terminal = board(env=env)
    terminal.press("j", "3")
    terminal.wait_for(lambda lines: has_log_lines(lines) and any("▌3 Logs" in line for line in lines))
    assert b"\x1b]52" not in terminal.raw, "before the key nothing is copied"
    return terminal


def fake_tmux(folder: Path, script: str) -> str:
    """A PATH on which `tmux` is that script."""
    folder.mkdir()
    (folder / "tmux").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "tmux").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def copied(raw: bytes) -> list[str]:
    return [base64.b64decode(one).decode() for one in OSC_52.findall(raw)]


def test_plainly_it_is_one_osc_52_with_the_line(board: Open) -> None:
    terminal = on_a_log_line(board)
    terminal.press("y")
    lines = terminal.wait_for("copied, if the terminal allows it")
    [text] = copied(bytes(terminal.raw))
    assert re.match(r"2026-08-22T02:1\d:\d\d\.\d{3}Z (?:INFO|DEBUG|WARN|ERROR) ", text), "whole, with its full time"
    assert any(text.split(None, 2)[2][:30] in line for line in lines), "the line that stands there"


def test_in_tmux_it_goes_through_tmux_and_nothing_to_the_terminal(board: Open, tmp_path: Path) -> None:
    got = tmp_path / "got"
    path = fake_tmux(tmp_path / "bin", f'echo "$@" > {got}.arguments; cat > {got}')
    terminal = on_a_log_line(board, TMUX="/tmp/tmux-0/default,1,0", PATH=path)
    terminal.press("y")
    terminal.wait_for("copied through tmux")
    assert Path(f"{got}.arguments").read_text().split() == ["load-buffer", "-w", "-"]
    assert "T02:1" in got.read_text()
    assert b"\x1b]52" not in terminal.raw


def test_where_tmux_refuses_it_is_tried_plainly(board: Open, tmp_path: Path) -> None:
    path = fake_tmux(tmp_path / "bin", "exit 1")
    terminal = on_a_log_line(board, TMUX="/tmp/tmux-0/default,1,0", PATH=path)
    terminal.press("y")
    terminal.wait_for("copied, if the terminal allows it")
    assert len(copied(bytes(terminal.raw))) == 1


def test_in_screen_it_is_wrapped_for_screen(board: Open) -> None:
    terminal = on_a_log_line(board, STY="1.pts-0.host", TERM="screen-256color")
    terminal.press("y")
    terminal.wait_for("copied through screen")
    assert re.search(rb"\x1bP\x1b\]52;c;[A-Za-z0-9+/=]+\x07\x1b\\", bytes(terminal.raw))
