from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.test_text import HOSTILE, MOVES_A_TERMINAL, SGR
from tui.model.lines import LineSplitter
from tui.model.text import log_text

streams = st.binary(max_size=200) | st.lists(
    st.sampled_from([b"\n", b"\r", b"\r\n", b"\0", "漢é👩‍💻".encode(), b"\xff\xfe", b"\xe6\xbc", b"10%", b"x" * 9])
    | st.sampled_from([each.encode("utf-8", "surrogatepass") for each in HOSTILE]),
    max_size=40,
).map(b"".join)


def lines_of(*chunks: bytes | str, longest: int = 1000) -> list[str]:
    splitter = LineSplitter(longest)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.flush()


@given(streams, st.lists(st.integers(0, 400), max_size=30), st.sampled_from([1, 7, 40, 10_000]))
def test_any_chunking_gives_the_same_lines(stream: bytes, cuts: list[int], longest: int) -> None:
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    chunks = [stream[start:end] for start, end in pairwise(places)]
    assert lines_of(*chunks, longest=longest) == lines_of(stream, longest=longest)


@given(streams)
def test_lines_of_ordinary_length_are_those_of_the_whole_text(stream: bytes) -> None:
    text = stream.decode("utf-8", "replace")
    *whole, last = text.split("\n")
    assert lines_of(stream, longest=10_000) == [*whole, *([last] if last else [])]
    assert lines_of(text, longest=10_000) == lines_of(stream, longest=10_000)


@given(streams, st.integers(1, 9), st.sampled_from([7, 10_000]))
def test_no_attack_survives_however_it_is_cut(stream: bytes, size: int, longest: int) -> None:
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    for line in lines_of(*chunks, longest=longest):
        assert not MOVES_A_TERMINAL.search(SGR.sub("", log_text(line)))


@pytest.mark.parametrize("attack", HOSTILE)
def test_an_attack_cut_in_every_place_is_as_harmless_as_whole(attack: str) -> None:
    stream = f"before {attack} after\nnext".encode("utf-8", "surrogatepass")
    for cut in range(len(stream) + 1):
        shown = [log_text(line) for line in lines_of(stream[:cut], stream[cut:])]
        assert shown == [log_text(line) for line in lines_of(stream)]
        assert "UFdORUQ" not in "".join(shown)


def test_what_is_not_finished_waits() -> None:
    splitter = LineSplitter()
    assert splitter.feed("a\nb") == ["a"]
    assert splitter.partial == "b"
    assert splitter.feed("c\n") == ["bc"]
    assert (splitter.partial, splitter.flush()) == ("", [])


def test_a_stream_that_ends_inside_a_character_ends_with_its_sign() -> None:
    assert lines_of("é".encode()[:1]) == ["\ufffd"]


def test_a_long_line_is_kept_up_to_a_limit_and_the_rest_counted() -> None:
    [line, after] = lines_of("x" * 400, "y" * 800, "z" * 1_200_000, "\nafter")
    assert line == "x" * 400 + "y" * 600 + "… (+1,200,200 characters)"
    assert after == "after"


def test_a_progress_bar_without_an_end_takes_no_more_room_and_keeps_its_last_state() -> None:
    splitter = LineSplitter(1000)
    for step in range(100_000):
        assert splitter.feed(f"\rbuilding {step:>6}") == []
        assert len(splitter.partial) <= 1000 + 20
    [line] = splitter.feed("\r\n")
    assert log_text(line) == "building  99999"


def test_the_first_words_of_a_long_progress_bar_stay_too() -> None:
    [line] = lines_of("2026-08-22T02:14:07Z 1%", *(f"\r{number}%" for number in range(2000)), "\n")
    assert re.fullmatch(r"2026-08-22T02:14:07Z 1%\r1999%", line)
