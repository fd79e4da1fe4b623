"""Colours by evidence: no terminal gets a colour that it did not say it has."""

from __future__ import annotations

import re

import pytest

from tests.demo_process import DECKWATCH
from tests.pty.conftest import Open
from tests.pty.journey import close
from tests.terminal import Terminal

SGR = re.compile(rb"\x1b\[([0-9;]*)m")
BASIC = {*range(30, 38), *range(40, 48), *range(90, 98), *range(100, 108)}
"""The 16 colours. 39 and 49 are the terminal's own foreground and background: not a colour."""


def depths(terminal: Terminal) -> set[str]:
    """Which kinds of colour were written: "16", "256", "truecolor"."""
    found = set()
    for parameters in set(SGR.findall(bytes(terminal.raw))):
        numbers = iter([int(each or 0) for each in parameters.split(b";")])
        for number in numbers:
            if number in (38, 48):
                kind = next(numbers)
                found.add({5: "256", 2: "truecolor"}[kind])
                for _ in range(1 if kind == 5 else 3):
                    next(numbers)
            elif number in BASIC:
                found.add("16")
    return found


def drawn(board: Open, **env: str | None) -> Terminal:
    """The board with much of what it can show."""
    terminal: Terminal = board(env=env)
    terminal.press("j")
    terminal.wait_for("2 Timeline  gateway production")
    terminal.press("R")
    terminal.wait_for("Redeploy gateway")
    close(terminal, "Redeploy gateway")
    terminal.press("?")
    terminal.wait_for("Keys")
    return terminal


def test_no_color_means_none_at_all(board: Open) -> None:
    terminal = drawn(board, NO_COLOR="1")
    assert depths(terminal) == set()
    assert b"\x1b[1m" in terminal.raw or re.search(rb"\x1b\[(?:\d+;)*7", bytes(terminal.raw)), "the cursor still shows"


@pytest.mark.parametrize("term", ["xterm", "screen"])
def test_a_terminal_that_says_16_colours_gets_16(board: Open, term: str) -> None:
    assert depths(drawn(board, TERM=term, COLORTERM=None)) <= {"16"}


def test_a_terminal_that_says_256_colours_gets_256(board: Open) -> None:
    found = depths(drawn(board, TERM="xterm-256color", COLORTERM=None))
    assert "256" in found
    assert "truecolor" not in found


def test_screen_gets_256_though_it_inherited_colorterm(board: Open) -> None:
    assert "truecolor" not in depths(drawn(board, TERM="screen-256color", COLORTERM="truecolor", STY="1.pts-0.host"))


@pytest.mark.parametrize("env", [{"COLORTERM": "truecolor"}, {"TERM": "xterm-ghostty", "COLORTERM": None}])
def test_a_terminal_known_for_24_bits_gets_them(board: Open, env: dict[str, str | None]) -> None:
    assert "truecolor" in depths(drawn(board, **env))


def test_a_dumb_terminal_is_refused_with_what_to_use_instead(run: Open) -> None:
    terminal = run([*DECKWATCH, "demo"], env={"TERM": "dumb"})
    assert terminal.wait_end(timeout_s=10) == 2
    assert b"\x1b" not in terminal.raw
    text = " ".join(terminal.text().split())
    assert "TERM is 'dumb'" in text
    assert "deckwatch services" in text
