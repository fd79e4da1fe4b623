"""What people noted: marked log lines and acknowledgements, kept as JSON lines that several sessions append to.

A line is never rewritten: taking a mark away is a line too. Secrets are masked before they are written, so a mark
stands on the line whose masked text and time are its own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tui.engine import json_lines, state_files
from tui.engine.audit import current_user
from tui.model.clock import Clock, SystemClock
from tui.model.log import LogKind
from tui.model.moment import EPOCH
from tui.model.text import plain, without_sgr

KEPT = timedelta(days=90)  # older notes are not read any more
READ = 8 << 20  # bytes of the file's end, some 20,000 notes
LOADED = 10_000  # notes of another person, at most
TEXT, NOTE, NAME = 1_000, 500, 300  # characters
FENCE = "deckwatch-notes"

_USER = 64
_LOOKED_AT = 4 * TEXT  # characters of a line that are masked before it is cut
_AHEAD = timedelta(days=1)  # how wrong another machine's clock may be
_FENCED = rf"^[ \t>]*(?:`{{3,}}|~{{3,}})[ \t]*{FENCE}[ \t]*$(.*?)(?:^[ \t>]*(?:`{{3,}}|~{{3,}})[ \t]*$|\Z)"
_GAP = re.compile(r"\*\*\*\([^)]*\)")


class Mark(Struct, frozen=True):
    """`text` of a log line that somebody marked at `written`: harmless, masked, at most TEXT characters.

    `service` is its path, `deployment` an id or "", `at` the line's time, None where the platform gives none.
    """

    service: str
    deployment: str
    kind: LogKind
    at: datetime | None
    text: str
    note: str
    user: str
    written: datetime = EPOCH

    @property
    def key(self) -> tuple[object, ...]:
        return (self.service, self.kind, self.at, self.text, self.user)

    def is_of(self, text: str) -> bool:
        """Whether a line of that time is the marked one; `text` as `kept_text` makes it. A credential masked on one
        machine only is no difference."""
        if text == self.text:
            return True
        if "***(" not in self.text:
            return False
        parts = _GAP.split(self.text)
        place = len(parts[0])
        if not (text.startswith(parts[0]) and text.endswith(parts[-1])):
            return False
        for part in parts[1:-1]:
            if (place := text.find(part, place)) < 0:
                return False
            place += len(part)
        return place <= len(text) - len(parts[-1])


class Acknowledgement(Struct, frozen=True):
    """Somebody has seen what `key` names, for people `what`."""

    key: str
    at: datetime
    user: str
    what: str = ""


class _Line(Struct, omit_defaults=True, forbid_unknown_fields=False):
    type: Literal["mark", "unmark", "acknowledgement"]
    at: datetime  # when it was written
    user: str
    service: str = ""
    deployment: str = ""
    kind: LogKind = LogKind.RUNTIME
    line_at: datetime | None = None
    text: str = ""
    note: str = ""
    key: str = ""
    what: str = ""


class Loaded(Struct, frozen=True):
    """What another person's notes came to: how many of them were new, how many there were, how many no notes."""

    new: int
    notes: int
    skipped: int = 0


class Notes:
    """Without a path they are kept in memory. `version` moves when there are others than before."""

    def __init__(self, path: Path | None, clock: Clock | None = None, user: str = "") -> None:
        self.path = path
        self._user = user
        self.version = 0
        self.skipped = 0  # lines that could not be understood
        self.problem = ""  # a sentence: why the file, or all of it, cannot be read
        self._clock = clock or SystemClock()
        self._marks: dict[tuple[object, ...], Mark] = {}
        self._acknowledged: dict[str, Acknowledgement] = {}
        self._cut = ""  # a sentence: what was too much to read
        self._read_to = 0
        self._seen = -1  # how far it was looked at; behind `_read_to` is what is torn, or is being written
        self._inode = 0

    @cached_property
    def user(self) -> str:
        return kept_text(self._user or current_user(), _USER)

    # Reading

    def marks(self) -> tuple[Mark, ...]:
        """In the order in which they were made."""
        self._catch_up()
        return tuple(self._marks.values())

    def marks_of(self, service: str, kind: LogKind) -> tuple[Mark, ...]:
        return tuple(mark for mark in self.marks() if mark.service == service and mark.kind is kind)

    def acknowledgements(self) -> tuple[Acknowledgement, ...]:
        self._catch_up()
        return tuple(self._acknowledged.values())

    def acknowledged(self, key: str) -> Acknowledgement | None:
        self._catch_up()
        return self._acknowledged.get(_kept_key(key)) if self._acknowledged else None

    def _catch_up(self) -> None:
        """What was appended since the last look, by us or by others. What cannot be read is in `problem`."""
        if self.path is None:
            return
        self.problem = self._cut
        try:
            seen = self.path.stat()
            if seen.st_ino == self._inode and seen.st_size == self._seen:
                return
            with os.fdopen(state_files.open_regular(self.path), "rb") as file:
                content = self._new_in(file)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self.problem = f"The notes in {self.path} cannot be read: {error.strerror}."
            return
        whole = content.rfind(b"\n") + 1  # what is torn is whole, or foreign, once the next line comes
        lines, skipped = json_lines.decoded(content[:whole], _decoded)
        if not whole and len(content) == READ:  # no line of ours: it must not be read again and again
            whole, skipped = READ, 1
        self.skipped += skipped
        self._read_to += whole
        self._take(lines)

    def _new_in(self, file: BinaryIO) -> bytes:
        """Read at most READ bytes after what was read before; where more was added, the rest at the next look."""
        found = os.fstat(file.fileno())
        if found.st_ino != self._inode or found.st_size < self._read_to:
            self._marks, self._acknowledged, self.skipped, self._cut = {}, {}, 0, ""
            self._inode, self._read_to = found.st_ino, max(0, found.st_size - READ)
            file.seek(self._read_to)
            if self._read_to:
                self._read_to += len(file.readline(READ))  # the rest of a line
                self._cut = f"Only the newest {READ >> 20} MB of the notes in {self.path} were read."
        self.problem = self._cut
        file.seek(self._read_to)
        content = file.read(READ)
        self._seen = self._read_to + len(content)
        return content

    def _take(self, lines: Iterable[_Line]) -> None:
        oldest = self._clock.now() - KEPT
        for line in lines:
            if line.at >= oldest:
                self._apply(line)
                self.version += 1

    def _apply(self, line: _Line) -> None:
        if line.type == "acknowledgement":
            self._acknowledged[line.key] = Acknowledgement(line.key, line.at, line.user, line.what)
            return
        mark = _mark(line)
        self._marks.pop(mark.key, None)
        if line.type == "mark":
            self._marks[mark.key] = mark

    # Writing. OSError: it was not kept.

    def add_mark(
        self, service: str, deployment: str, kind: LogKind, at: datetime | None, text: str, note: str = ""
    ) -> Mark:
        """`text` as the log has it. The same person's mark of the same line is replaced."""
        line = _Line(
            "mark",
            self._clock.now(),
            self.user,
            kept_text(service, NAME),
            kept_text(deployment, NAME),
            kind,
            at,
            kept_text(text),
            kept_text(note, NOTE),
        )
        self._write([line])
        return _mark(line)

    def remove_mark(self, mark: Mark) -> None:
        """Anybody's, here: whoever made it keeps it."""
        self._write([_line(replace(mark, written=self._clock.now()), "unmark")])

    def acknowledge(self, key: str, what: str, at: datetime | None = None) -> Acknowledgement:
        line = _Line(
            "acknowledgement",
            at or self._clock.now(),
            self.user,
            key=kept_text(key, NAME),
            what=kept_text(what, NOTE),
        )
        self._write([line])
        return Acknowledgement(line.key, line.at, line.user, line.what)

    def load(self, document: str) -> Loaded:
        """Another person's hand-over, or bare JSON lines of notes: what is new in it becomes ours, said by them.

        Loading it again adds nothing. Raises ValueError for a document that holds no notes.
        """
        blocks = re.findall(_FENCED, document.replace("\r\n", "\n"), re.MULTILINE | re.DOTALL)
        if not blocks and not document.lstrip("\ufeff \t\r\n").startswith("{"):
            raise ValueError(f"It holds no notes: a hand-over has them in a block {FENCE}.")
        content = "\n".join(line.lstrip("> \t") for line in "\n".join(blocks or [document]).split("\n"))
        lines, skipped = json_lines.decoded(content.encode("utf-8", "replace"), _decoded)
        self._catch_up()
        now = self._clock.now()
        usable = [each for each in lines if each.type != "unmark" and now - KEPT <= each.at <= now + _AHEAD]
        new = [each for each in dict.fromkeys(map(_Hashed, usable[:LOADED])) if self._is_new(each.line)]
        if new:
            self._write([each.line for each in new])
        return Loaded(len(new), len(usable), skipped + len(lines) - len(usable) + max(0, len(usable) - LOADED))

    def _is_new(self, line: _Line) -> bool:
        if line.type == "acknowledgement":
            known = self._acknowledged.get(line.key)
            return known is None or known.at < line.at
        mark = self._marks.get(_mark(line).key)
        return mark is None or (mark.written < line.at and mark.note != line.note)

    def _write(self, lines: Sequence[_Line]) -> None:
        if self.path is None:
            self._take(lines)
            return
        json_lines.append(self.path, [msgspec.json.encode(each) for each in lines])
        self._catch_up()


class _Hashed:
    """A line by what it says, so that the same one twice in a document is one."""

    __slots__ = ("_said", "line")

    def __init__(self, line: _Line) -> None:
        self.line = line
        self._said = msgspec.json.encode(line)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Hashed) and other._said == self._said

    def __hash__(self) -> int:
        return hash(self._said)


def kept_text(text: str, longest: int = TEXT) -> str:
    """Of a log line, a note, a name: what is written. Harmless, without secrets, and not too long."""
    from tui.model.mask import mask  # its expressions take longer to compile than the first paint may wait

    kept = plain(without_sgr(text[:_LOOKED_AT]))
    while (cut := mask(kept)[:longest].strip()) != kept:
        kept = cut  # a cut can make a secret of what was none
    return kept


@lru_cache(maxsize=1024)
def _kept_key(key: str) -> str:
    """Asked for each alert whenever the board is drawn."""
    return kept_text(key, NAME)


def lines(marks: Iterable[Mark], acknowledgements: Iterable[Acknowledgement]) -> list[str]:
    """One JSON object a line, in ASCII: the block of a hand-over that `load` reads."""
    rows = [_line(mark, "mark") for mark in marks]
    rows += [_Line("acknowledgement", each.at, each.user, key=each.key, what=each.what) for each in acknowledgements]
    return [_ascii(msgspec.json.encode(row).decode()) for row in rows]


def _ascii(text: str) -> str:
    return text if text.isascii() else re.sub(r"[^\x00-\x7f]", _escaped, text)


def _escaped(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _decoded(raw: bytes) -> _Line:
    """Raises ValueError. Whatever stands there is made harmless: the file may be another person's."""
    line = _DECODER.decode(raw)
    line.at = state_files.instant(line.at)
    line.line_at = line.line_at and state_files.instant(line.line_at)
    needed = (line.key,) if line.type == "acknowledgement" else (line.service, line.text)
    if not all(needed) or not line.user:
        raise ValueError("something is missing")
    line.user, line.key = kept_text(line.user, _USER), kept_text(line.key, NAME)
    line.service, line.deployment = kept_text(line.service, NAME), kept_text(line.deployment, NAME)
    line.text, line.note, line.what = kept_text(line.text), kept_text(line.note, NOTE), kept_text(line.what, NOTE)
    if not line.user or not all((line.key,) if line.type == "acknowledgement" else (line.service, line.text)):
        raise ValueError("nothing is left of it")
    return line


_DECODER = msgspec.json.Decoder(_Line)


def _mark(line: _Line) -> Mark:
    return Mark(line.service, line.deployment, line.kind, line.line_at, line.text, line.note, line.user, line.at)


def _line(mark: Mark, type_: Literal["mark", "unmark"]) -> _Line:
    return _Line(
        type_, mark.written, mark.user, mark.service, mark.deployment, mark.kind, mark.at, mark.text, mark.note
    )
