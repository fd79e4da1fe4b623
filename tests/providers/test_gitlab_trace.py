"""Traces taken to pieces: stamps, sections, progress bars, and bytes cut anywhere."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shared import CONTRACTS
from tui.model.text import without_sgr
from tui.providers.gitlab.trace import CHECKED, Mark, Trace, TraceLine

PLAIN = (
    b"\x1b[0KRunning with gitlab-runner 19.4.0 (abc)\x1b[0;m\n"
    b"section_start:1767312001:step_script\r\x1b[0K\x1b[0K\x1b[36;1mExecuting the job script\x1b[0;m\x1b[0;m\n"
    b"\x1b[32;1m$ ./deploy.sh --env production\x1b[0;m\n"
    b"pulling 10%\rpulling 60%\rpulling 100%\n"
    b"warn: no healthcheck \xc3\xa9\n"
    b"\n"
    b"\x1b[0Ksection_end:1767312060:step_script\r\x1b[0K\x1b[0K\x1b[32;1mJob succeeded\x1b[0;m\n"
)
STAMPED = (
    b"2026-01-02T00:00:00.137000Z 00O \x1b[0KRunning with gitlab-runner 19.4.0 (abc)\x1b[0;m\n"
    b"2026-01-02T00:00:00.274000Z 00O section_start:1767312001:step_script\r\x1b[0K\n"
    b"2026-01-02T00:00:00.411000Z 00O+\x1b[0K\x1b[36;1mExecuting the job script\x1b[0;m\x1b[0;m\n"
    b"2026-01-02T00:00:00.548000Z 01O \x1b[32;1m$ ./deploy.sh --env production\x1b[0;m\n"
    b"2026-01-02T00:00:00.685000Z 01O pulling 10%\rpulling 60%\r\n"
    b"2026-01-02T00:00:00.822000Z 01O+pulling 100%\n"
    b"2026-01-02T00:00:00.959000Z 01E warn: no healthcheck \xc3\xa9\n"
    b"2026-01-02T00:00:00.960000Z 01O \n"
    b"2026-01-02T00:00:01.096000Z 00O \x1b[0Ksection_end:1767312060:step_script\r\x1b[0K\n"
    b"2026-01-02T00:00:01.233000Z 00O+\x1b[0K\x1b[32;1mJob succeeded\x1b[0;m\n"
)
TEXTS = [
    "Running with gitlab-runner 19.4.0 (abc)",
    "Executing the job script",
    "$ ./deploy.sh --env production",
    "pulling 100%",
    "warn: no healthcheck é",
    "",
    "step_script: 59 s",
    "Job succeeded",
]


def whole(data: bytes) -> list[TraceLine]:
    trace = Trace()
    return [*trace.feed(data), *trace.finish()]


def texts(lines: list[TraceLine]) -> list[str]:
    return [without_sgr(line.text) for line in lines]


@pytest.mark.parametrize("data", [PLAIN, STAMPED], ids=["plain", "stamped"])
def test_a_trace_becomes_lines_without_marks_and_stamps(data: bytes) -> None:
    lines = whole(data)
    assert texts(lines) == TEXTS
    assert not any("\x1b[0K" in line.text or "\r" in line.text for line in lines)
    assert "\x1b[32;1m" in lines[2].text
    assert [line.attributes.get("section") for line in lines] == [None, *["step_script"] * 6, None]
    assert lines[6].attributes["duration_s"] == "59"


def test_stamps_give_time_and_stream() -> None:
    lines = whole(STAMPED)
    assert lines[0].at == datetime(2026, 1, 2, 0, 0, 0, 137000, UTC)
    assert lines[3].at == datetime(2026, 1, 2, 0, 0, 0, 685000, UTC)
    assert [line.attributes.get("stream") for line in lines].count("stderr") == 1
    assert all(line.at is None for line in whole(PLAIN))


@pytest.mark.parametrize("data", [PLAIN, STAMPED], ids=["plain", "stamped"])
@settings(max_examples=60)
@given(cuts=st.lists(st.integers(0, 700), max_size=12))
def test_bytes_cut_anywhere_make_the_same_lines(data: bytes, cuts: list[int]) -> None:
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    trace = Trace()
    lines = [line for begin, end in itertools.pairwise(edges) for line in trace.feed(data[begin:end])]
    lines += trace.finish()
    assert texts(lines) == TEXTS
    assert trace.end == len(data)


@pytest.mark.parametrize("data", [PLAIN, STAMPED], ids=["plain", "stamped"])
def test_from_the_mark_behind_any_line_the_rest_comes_and_nothing_else(data: bytes) -> None:
    lines = whole(data)
    for number, line in enumerate(lines):
        mark = msgspec.json.decode(msgspec.json.encode(line.mark), type=Mark)
        trace = Trace(mark)
        before = data[max(0, mark.offset - CHECKED) : mark.offset]
        rest = [*trace.feed(data[mark.offset :], before), *trace.finish()]
        assert [(each.text, each.attributes, each.mark) for each in rest] == [
            (each.text, each.attributes, each.mark) for each in lines[number + 1 :]
        ]


def test_what_has_no_line_end_waits_for_it_or_for_the_end_of_the_job() -> None:
    trace = Trace()
    assert texts(trace.feed(b"one\ntw")) == ["one"]
    assert trace.feed(b"") == []
    assert texts(trace.feed(b"o\nthr")) == ["two"]
    assert texts(trace.finish()) == ["thr"]
    assert trace.finish() == []


def test_a_piece_that_comes_late_is_a_line_of_its_own_rather_than_none() -> None:
    trace = Trace()
    first = trace.feed(b"2026-01-02T00:00:00.137000Z 01O one\n")
    assert texts(first + trace.feed(b"2026-01-02T00:00:00.138000Z 01O+two\n")) == ["one", "two"]


def test_nested_and_unended_sections() -> None:
    data = (
        b"section_start:100:outer[collapsed=true]\r\x1b[0KOuter\n"
        b"section_start:110:inner[hide_duration=true,collapsed=true]\r\x1b[0KInner\ndeep\n"
        b"section_end:175:inner\r\x1b[0Ksection_start:176:next\r\x1b[0KNext\n"
        b"section_end:1:unknown\r\x1b[0K\nbye\n"
    )
    lines = whole(data)
    assert [(line.text, line.attributes.get("section")) for line in lines] == [
        ("Outer", "outer"),
        ("Inner", "inner"),
        ("deep", "inner"),
        ("inner: 1 min 5 s", "inner"),
        ("Next", "next"),
        ("bye", "next"),
    ]


def test_words_that_only_look_like_a_mark_stay() -> None:
    data = b"$ echo section_start:soon\nsection_start:1767312001:x and more\n"
    assert texts(whole(data)) == ["$ echo section_start:soon", "section_start:1767312001:x and more"]


@settings(max_examples=100)
@given(data=st.binary(max_size=300))
def test_any_bytes_are_harmless_and_no_line_is_lost(data: bytes) -> None:
    lines = whole(data)
    assert all(not set(line.text) & set("\r\n\x07\x9b") for line in lines)
    if b"section_" not in data and b"T" not in data:
        assert len(lines) == data.count(b"\n") + (not data.endswith(b"\n") and data != b"")


@pytest.mark.parametrize("name", ["trace_plain.log", "trace_stamped.log"])
def test_the_contracts_samples(name: str) -> None:
    sample = CONTRACTS / "gitlab" / "clients" / name
    if not sample.is_file():
        pytest.skip("the contracts (DECKWATCH_CONTRACTS) are not here")
    found = texts(whole(sample.read_bytes()))
    assert found == [
        "Running with gitlab-runner 19.4.0 (abc)",
        'Executing "step_script" stage of the job script',
        "$ ./deploy.sh --env production",
        "pulling 100%",
        "warn: no healthcheck configured",
        "step_script: 59 s",
        "Job succeeded",
    ]
