"""Kept marks on the lines of a log that is read again."""

from __future__ import annotations

from datetime import timedelta

from tests.entities import NOW, service
from tests.scripted import FrozenClock
from tui.engine.log_marks import LogMarks
from tui.engine.log_rows import Source
from tui.engine.log_store import LogStore
from tui.engine.notes import Notes, lines
from tui.model.log import HttpRequest, LogEntry, LogKind, LogLine

API = service("api")


def line(number: int, text: str = "") -> LogLine:
    return LogLine(NOW + timedelta(seconds=number), text or f"line {number}", deployment="d-7")


def opened(notes: Notes, entries: list[LogEntry], kind: LogKind = LogKind.RUNTIME) -> tuple[LogMarks, Source]:
    source = Source(LogStore(), service=API)
    source.store.extend(entries)
    return LogMarks(notes, source, kind), source


def kept(user: str = "ann") -> Notes:
    return Notes(None, FrozenClock(), user)


def test_a_mark_is_on_its_line_when_the_log_is_read_again_from_elsewhere() -> None:
    notes = kept()
    marks, source = opened(notes, [line(number) for number in range(10)])
    marks.keep(7, "here it began")
    assert source.marks == {7: "here it began"}
    assert [(each.text, each.deployment) for each in notes.marks()] == [("line 7", "d-7")]

    again, source = opened(notes, [line(number) for number in range(5, 9)])
    assert again.step()
    assert source.marks == {2: "here it began"}
    assert not again.step()
    assert not again.more


def test_a_mark_waits_for_its_line_and_gives_up_once_its_time_has_passed() -> None:
    notes = kept()
    marks, _ = opened(notes, [line(100), line(200)])
    marks.keep(0, "")
    marks.keep(1, "gone from the platform")

    again, source = opened(notes, [line(number) for number in range(99)])
    assert not again.step()
    source.store.append(line(100))
    assert again.step()
    source.store.extend([line(number) for number in range(101, 300) if number != 200])
    assert not again.step()
    assert not again.more
    assert source.marks == {99: ""}


def test_of_lines_at_the_same_time_the_one_with_the_text_is_marked_even_out_of_order() -> None:
    notes = kept()
    marks, _ = opened(notes, [line(5, "b")])
    marks.keep(0, "this one")
    entries: list[LogEntry] = [line(5, "a"), line(6), line(5, "b"), line(5, "b")]
    again, source = opened(notes, entries)
    again.step()
    assert source.marks == {2: "this one"}


def test_a_line_without_a_time_is_known_by_its_text() -> None:
    notes = kept()
    marks, _ = opened(notes, [LogLine(None, "Step 3/7"), LogLine(None, "error: no space")], LogKind.BUILD)
    marks.keep(1, "disk")
    again, source = opened(notes, [LogLine(None, f"Step {number}/7") for number in range(2000)], LogKind.BUILD)
    source.store.append(LogLine(None, "error: no space"))
    while again.more:
        again.step(budget_s=0.0001)
    assert source.marks == {2000: "disk"}


def test_requests_are_marked_too_and_only_in_their_own_log() -> None:
    notes = kept()
    request = HttpRequest(NOW, "r1", "GET", "/cart?token=abcdef", 502, 31, deployment="d-7")
    marks, _ = opened(notes, [request], LogKind.HTTP)
    marks.keep(0, "")
    assert "abcdef" not in notes.marks()[0].text
    for kind, found in ((LogKind.HTTP, {0: ""}), (LogKind.RUNTIME, {})):
        again, source = opened(notes, [request], kind)
        again.step()
        assert source.marks == found


def test_another_persons_mark_says_whose_it_is_and_can_be_taken_away_here() -> None:
    theirs = kept("bob")
    opened(theirs, [line(1)])[0].keep(0, "first 500")
    notes = kept()
    notes.load("\n".join(lines(theirs.marks(), ())))
    again, source = opened(notes, [line(1)])
    again.step()
    assert source.marks == {0: "bob: first 500"}
    again.keep(0, "mine")
    assert source.marks == {0: "bob: first 500 · mine"}
    again.drop(0)
    assert notes.marks() == ()
