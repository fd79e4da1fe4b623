from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.model.text import log_lines, log_text, plain, without_sgr

SGR = re.compile(r"\x1b\[[0-9;:]*m")
MOVES_A_TERMINAL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

HOSTILE = [
    "\x1b]52;c;UFdORUQ=\x07",  # clipboard
    "\x1b]52;c;UFdORUQ=\x1b\\",
    "\x9d52;c;UFdORUQ=\x9c",  # the same in C1
    "\x1b]0;title\x07",
    "\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "\x1bP+q544e\x1b\\",  # DCS
    "\x1b[2J\x1b[H",
    "\x1b[?1049h",
    "\x1bc",
    "\x9b31m",
    "\x1b",
    "\x1b\x1b]52;c;UFdORUQ=\x07",
    "\x1b]52;c;never ends",
    "\u202eevil\u202c",
    "\ud800",
    "\x00\x08\x7f",
]


@pytest.mark.parametrize("attack", HOSTILE)
def test_no_escape_reaches_a_name(attack: str) -> None:
    shown = plain(f"before {attack} after")
    assert shown.startswith("before")
    assert not MOVES_A_TERMINAL.search(shown)
    assert "UFdORUQ" not in shown


@pytest.mark.parametrize("attack", HOSTILE)
def test_only_colours_reach_a_log_line(attack: str) -> None:
    shown = log_text(f"before {attack} after")
    assert not MOVES_A_TERMINAL.search(SGR.sub("", shown))
    assert "UFdORUQ" not in shown


@given(
    st.text(
        alphabet=st.sampled_from("\x1b\x9b\x9d\x9c[]()PX^_;:?0123456789mhHJcP\\\x07\x08\r\n\t aé漢\u202e\u2066\ud800")
    )
)
def test_no_control_survives_whatever_is_glued_together(text: str) -> None:
    assert not MOVES_A_TERMINAL.search(plain(text))
    assert not MOVES_A_TERMINAL.search(SGR.sub("", log_text(text)))


@given(st.text())
def test_harmless_text_is_not_made_harmless_twice(text: str) -> None:
    assert log_text(log_text(text)) == log_text(text)
    assert plain(plain(text)) == plain(text)


def test_ordinary_text_stays_as_it_is() -> None:
    assert log_text("GET /a [200] café 漢字 👩‍💻") == "GET /a [200] café 漢字 👩‍💻"
    assert plain("feat: [api] café 漢字") == "feat: [api] café 漢字"


def test_colours_stay_in_a_log_line_and_can_be_taken_off() -> None:
    line = log_text("\x1b[1;31mred\x1b[0m plain")
    assert line == "\x1b[1;31mred\x1b[0m plain"
    assert without_sgr(line) == "red plain"


def test_a_progress_bar_keeps_what_stood_there_last() -> None:
    assert log_text("10%\r50%\r100%\r\n") == "100%"


def test_a_message_of_several_lines_becomes_several() -> None:
    assert log_lines("one\n\ntwo\n") == ["one", "", "two"]
