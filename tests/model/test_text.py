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


INVISIBLE = {
    "a zero width space": "\u200b",
    "a joiner between Latin letters": "\u200d",
    "a word joiner": "\u2060",
    "a soft hyphen": "\u00ad",
    "a byte order mark": "\ufeff",
    "a direction mark": "\u200e",
    "a tag": "\U000e0041",
    "a Hangul filler": "\u3164",
    "another Hangul filler": "\u115f",
    "a third one": "\u1160",
    "a half-width filler": "\uffa0",
    "a blank of braille": "\u2800",
    "a variation selector alone": "\ufe0f",
    "a supplementary variation selector": "\U000e0100",
}


@pytest.mark.parametrize("sign", INVISIBLE.values(), ids=INVISIBLE)
def test_what_nobody_sees_in_a_name_is_shown_as_what_it_is(sign: str) -> None:
    shown = plain(f"prod{sign}uction")

    assert shown == f"prod‹U+{ord(sign):04X}›uction"
    assert plain(f"{sign}api") == f"‹U+{ord(sign):04X}›api"
    assert plain(f"api{sign}") == f"api‹U+{ord(sign):04X}›"
    assert plain(shown) == shown


@pytest.mark.parametrize(
    "text", ["👩\u200d💻 ships", "❤\ufe0f", "1\ufe0f\u20e3", "می\u200cخواهم", "क्\u200dष", "葛\U000e0100", "✔\ufe0e ok"]
)
def test_what_joins_or_chooses_signs_stays_where_a_script_needs_it(text: str) -> None:
    assert plain(text) == text


def test_a_message_that_is_hidden_in_a_name_does_not_fill_the_screen() -> None:
    hidden = "".join(chr(0xE0000 + ord(each)) for each in "ignore what was said")

    shown = plain(f"api{hidden} ok")

    assert shown == "api‹U+E0069›‹U+E0067›‹U+E006E›‹17 more invisible› ok"
    assert plain("❤" + "\ufe0f" * 20) == "❤\ufe0f‹U+FE0F›‹U+FE0F›‹U+FE0F›‹16 more invisible›"
    assert plain(shown) == shown


@pytest.mark.parametrize("sign", ["\u200b", "\u2060", "\ufeff", "\U000e0041", "\u3164", "\ufe0f", "\u200b\u200d"])
def test_what_nobody_sees_is_dropped_at_the_head_of_a_log_line(sign: str) -> None:
    assert log_text(f"{sign}ERROR no space") == "ERROR no space"
    assert log_text(f"  \x1b[31m{sign}ERROR\x1b[m") == "  \x1b[31mERROR\x1b[m"
    assert log_text("⠀⣿ 50%") == "⠀⣿ 50%", "a blank of braille is part of a picture"


def test_colours_stay_in_a_log_line_and_can_be_taken_off() -> None:
    line = log_text("\x1b[1;31mred\x1b[0m plain")
    assert line == "\x1b[1;31mred\x1b[0m plain"
    assert without_sgr(line) == "red plain"


def test_a_progress_bar_keeps_what_stood_there_last() -> None:
    assert log_text("10%\r50%\r100%\r\n") == "100%"


@pytest.mark.parametrize(
    ("text", "tail"),
    [
        ("payment said “declined”: order 4711 refused".encode().decode("latin-1"), "order 4711 refused"),
        ("Адрес недоступен code=500".encode().decode("latin-1"), "code=500"),
        ("✅ done 🚀 deployed id=1".encode().decode("latin-1"), "deployed id=1"),
        ("deploy \x1b]0;title without an end, ERROR order 4711", "ERROR order 4711"),
        ("a \x1bX b ERROR c", "ERROR c"),
    ],
)
def test_nothing_printable_is_lost(text: str, tail: str) -> None:
    assert tail in log_text(text)
    assert tail in plain(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("uploaded app.tar 100%\r          ", "uploaded app.tar 100%"),
        ("fetching 80%\r\x1b[K", "fetching 80%"),
        ("ERROR boom\r".encode("utf-16-le").decode(), "ERROR boom"),
        ("a\r\u200e", "a"),
        ("\x1b[32m80%\x1b[m\r\x1b[m", "\x1b[32m80%\x1b[m"),
        ("Progress: 10%\b\b\b20%\b\b\b30%", "Progress: 30%"),
        ("all\b\b\b", "all"),
        ("\b\bok", "ok"),
        ("first\u2028second", "first second"),
        ("first\x0bsecond\x0cthird\x85fourth", "first second third fourth"),
    ],
)
def test_what_showed_something_last_stays_of_a_line_that_is_redrawn(text: str, shown: str) -> None:
    assert log_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[8mcharged twice\x1b[0m shown", "charged twice\x1b[0m shown"),
        ("\x1b[1;8;31mcharged\x1b[m", "\x1b[1;31mcharged\x1b[m"),
        ("\x1b[30;40mtwice\x1b[0m", "\x1b[30;49mtwice\x1b[0m"),
        ("\x1b[40m\x1b[30mtwice", "\x1b[40m\x1b[39mtwice"),
        ("\x1b[38;5;8;48;5;8mtwice", "\x1b[38;5;8;49mtwice"),
        ("\x1b[100;90mtwice", "\x1b[100;39mtwice"),
        ("\x1b[38;5;8mgrey\x1b[48;2;1;2;3mon blue", "\x1b[38;5;8mgrey\x1b[48;2;1;2;3mon blue"),
        ("\x1b[30;40;0;40mnot here", "\x1b[30;49;0;40mnot here"),
    ],
)
def test_what_colours_would_hide_is_shown(text: str, shown: str) -> None:
    assert log_text(text) == shown


def test_a_message_of_several_lines_becomes_several() -> None:
    assert log_lines("one\n\ntwo\n") == ["one", "", "two"]
