"""Marks and acknowledgements: kept, shared by sessions, handed on."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.entities import NOW
from tests.scripted import FrozenClock
from tui.engine import notes as notes_
from tui.engine.notes import Loaded, Mark, Notes, kept_text, lines
from tui.model.log import LogKind

API = "prod/shop/production/api"
AT = NOW - timedelta(minutes=3)


def notes(path: Path | None = None, user: str = "ann", clock: FrozenClock | None = None) -> Notes:
    return Notes(path, clock or FrozenClock(), user)


def mark(kept: Notes, text: str = "ERROR no stock", note: str = "", at: datetime | None = AT) -> Mark:
    return kept.add_mark(API, "d-7", LogKind.RUNTIME, at, text, note)


def handed_over(kept: Notes) -> str:
    rows = lines(kept.marks(), kept.acknowledgements())
    return "\n".join(["# Hand-over", "", "```deckwatch-notes", *rows, "```", ""])


@pytest.mark.parametrize("on_disk", [True, False])
def test_what_was_noted_is_there_for_the_next_session(tmp_path: Path, on_disk: bool) -> None:
    path = tmp_path / "notes.jsonl" if on_disk else None
    kept = notes(path)
    first, second = mark(kept), mark(kept, "another", "the first 500s")
    seen = kept.acknowledge("failed:d-7", "api failed", NOW)

    after = notes(path) if on_disk else kept

    assert after.marks() == (first, second)
    assert (second.note, second.user, second.at, second.written) == ("the first 500s", "ann", AT, NOW)
    assert after.acknowledged("failed:d-7") == seen
    assert after.acknowledged("failed:d-8") is None


def test_a_mark_that_was_taken_away_stays_away(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    kept = notes(path)
    kept.remove_mark(mark(kept))
    assert kept.marks() == notes(path).marks() == ()
    again = mark(kept, note="after all")
    assert notes(path).marks() == (again,)


def test_a_new_note_on_the_same_line_replaces_ones_own_and_nobody_elses(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    mark(notes(path, "bob"), note="bob's")
    kept = notes(path)
    mark(kept, note="first")
    mark(kept, note="second")
    assert [(each.user, each.note) for each in kept.marks()] == [("bob", "bob's"), ("ann", "second")]


def test_the_file_is_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "notes.jsonl"
    mark(notes(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_torn_and_foreign_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    first = mark(notes(path))
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"type":"audit"}\n\xff\xfe\n[]\n' + whole[: len(whole) // 2])
    kept = notes(path)
    assert (kept.marks(), kept.skipped) == ((first,), 3)
    second = mark(kept, "behind the torn one")
    assert (kept.marks(), kept.skipped) == ((first, second), 4)
    assert notes(path).marks() == (first, second)


def test_what_another_session_writes_is_seen_and_old_notes_are_not(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    mark(notes(path, clock=FrozenClock(NOW - timedelta(days=91))), "long ago")
    kept = notes(path)
    assert kept.marks() == ()
    version = kept.version
    theirs = mark(notes(path, "bob"))
    assert kept.marks() == (theirs,)
    assert kept.version > version


def test_a_file_that_cannot_be_read_is_told_and_not_raised(tmp_path: Path) -> None:
    (tmp_path / "notes.jsonl").mkdir()
    kept = notes(tmp_path / "notes.jsonl")
    assert kept.marks() == ()
    assert "cannot be read" in kept.problem
    with pytest.raises(OSError, match="directory"):
        mark(kept)


def test_two_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    code = (
        "import sys; from pathlib import Path; from tui.engine.notes import Notes; from tui.model.log import LogKind\n"
        "kept = Notes(Path(sys.argv[1]), user=sys.argv[2])\n"
        "for n in range(100): kept.add_mark('a/b/c/d', '', LogKind.RUNTIME, None, f'line {n} ' + 'x' * 900)\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(path), user], env={**os.environ, "PYTHONPATH": os.getcwd()})
        for user in ("ann", "bob")
    ]
    assert [each.wait(60) for each in writers] == [0, 0]
    kept = Notes(path)
    assert {(each.user, each.text.split()[1]) for each in kept.marks()} == {
        (user, str(number)) for user in ("ann", "bob") for number in range(100)
    }
    assert kept.skipped == 0


def test_secrets_do_not_reach_the_file_and_the_line_is_still_found(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    line = "login failed password=hunter2 for https://ann:hunter2@shop"
    made = mark(notes(path), line, "used token=hunter22")
    assert "hunter2" not in path.read_text()
    assert made.is_of(kept_text(line))
    assert not made.is_of(kept_text(line + " again"))


def test_a_line_whose_credential_is_masked_on_one_machine_only_is_the_same() -> None:
    made = mark(notes(), "sent 0f8fad5b to x, got 0f8fad5b")
    theirs = Mark(API, "", LogKind.RUNTIME, AT, "sent ***(credential) to x, got ***(credential)", "", "bob")
    assert theirs.is_of(made.text)
    assert not theirs.is_of("sent 0f8fad5b to y, got 0f8fad5b")
    assert not Mark(API, "", LogKind.RUNTIME, AT, "ab***(x)ba", "", "bob").is_of("aba")


def test_a_hand_over_brings_another_persons_notes_once(tmp_path: Path) -> None:
    bobs = notes(user="bob")
    mark(bobs, note="look here")
    bobs.acknowledge("failed:d-7", "api failed", AT)
    document = handed_over(bobs)
    mine = notes(tmp_path / "notes.jsonl")

    assert mine.load(document) == Loaded(2, 2)
    assert mine.load(document) == Loaded(0, 2)
    assert mine.marks() == notes(mine.path).marks() == bobs.marks()
    assert mine.acknowledged("failed:d-7") == bobs.acknowledged("failed:d-7")


def test_a_hand_over_that_went_through_mail_and_an_editor_is_still_read() -> None:
    bobs = notes(user="bob")
    mark(bobs, note="look here")
    document = "My words first.\n" + handed_over(bobs) + "\nand mine after."
    quoted = "".join(f"> {line}\r\n" for line in document.split("\n"))
    cut = document.partition("\n```\n")[0]
    bare = "\n".join(lines(bobs.marks(), ()))
    for each in (document, quoted, cut, bare):
        assert notes().load(each).new == 1
    with pytest.raises(ValueError, match="holds no notes"):
        notes().load("# A letter\n\nnothing of ours in it")


def test_notes_from_elsewhere_are_checked_and_made_harmless() -> None:
    good = {"type": "mark", "at": "2026-08-22T02:00:00Z", "user": "bob", "service": API, "text": "x"}
    hostile = {**good, "note": "\x1b]0;owned\x07see \x1b[31mred\u202e", "text": "y" * 5000, "user": "b\nob" * 99}
    bad: list[object] = [
        {**good, "at": "yesterday"},
        {**good, "at": "2026-08-22T02:00:00"},
        {**good, "kind": "secret"},
        {**good, "service": "\x1b[31m"},
        {**good, "text": ""},
        {**good, "type": "unmark"},
        {**good, "at": "2036-08-22T02:00:00Z"},
        {**good, "type": "acknowledgement"},
        {**good, "note": 7},
        [],
    ]
    kept = notes()
    loaded = kept.load("\n".join(json.dumps(each) for each in [hostile, *bad, hostile]))
    assert (loaded.new, loaded.skipped) == (1, len(bad))
    (only,) = kept.marks()
    assert (only.note, len(only.text), len(only.user)) == ("see red", 1000, 64)


@given(st.text(max_size=300), st.sampled_from([0, 3, 17, 100]))
def test_what_is_kept_is_kept_as_it_is_when_it_is_read_again(text: str, longest: int) -> None:
    kept = kept_text(text, longest or 1000)
    assert kept_text(kept, longest or 1000) == kept


HOSTILE = st.one_of(
    st.text(max_size=80),
    st.lists(
        st.sampled_from(
            ["```", "~~~", "\n", "\r", "deckwatch-notes", "|", "`", "<b>", "{", '"', "\\", "\x1b[31m", "password=", "é"]
        ),
        max_size=12,
    ).map("".join),
)


@given(HOSTILE, HOSTILE, HOSTILE, st.integers(0, 10**13).map(lambda us: NOW - timedelta(microseconds=us)))
def test_whatever_was_noted_comes_back_as_it_was(text: str, note: str, key: str, at: datetime) -> None:
    bobs = notes(user="bob")
    if kept_text(text):
        bobs.add_mark(f"prod/{text}", note, LogKind.BUILD, at, text, note)
    if kept_text(key):
        bobs.acknowledge(key, note, at)
    mine = notes()
    loaded = mine.load(handed_over(bobs))
    assert loaded.skipped == 0
    assert mine.marks() == bobs.marks()
    assert mine.acknowledgements() == bobs.acknowledgements()


def test_a_pipe_or_a_link_in_the_files_place_is_said_and_not_read(tmp_path: Path) -> None:
    mark(notes(tmp_path / "theirs"))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    for name in ("pipe", "link"):
        kept = notes(tmp_path / name)
        assert kept.marks() == ()
        assert kept.problem.endswith("it is not a regular file.")


def test_of_a_file_that_is_too_long_the_newest_notes_are_read_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes.jsonl"
    for number in range(20):
        mark(notes(path), f"line {number}")
    monkeypatch.setattr(notes_, "READ", 1 << 10)
    kept = notes(path)
    texts = [each.text for each in kept.marks()]
    assert 0 < len(texts) < 20
    assert texts == [f"line {number}" for number in range(20 - len(texts), 20)]
    mark(notes(path), "one more")
    assert [each.text for each in kept.marks()] == [*texts, "one more"]
    assert kept.problem.startswith("Only the newest ")


def test_a_line_that_never_ends_is_left_out_and_what_follows_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "notes.jsonl"
    monkeypatch.setattr(notes_, "READ", 1 << 10)
    kept = notes(path)
    first = mark(kept)
    with path.open("a") as file:
        file.write("x" * 3000)
    last = mark(notes(path), "after")
    for _ in range(4):
        kept.marks()
    assert kept.marks() == (first, last)
    assert kept.skipped >= 1
