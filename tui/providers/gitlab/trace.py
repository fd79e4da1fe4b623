"""A job's trace taken to pieces: bytes to lines, with the runner's stamps and section marks read off them.

Source: gitlab-runner's log timestamps (32 bytes in front of a line, default from 18.7 on) and
docs.gitlab.com/ci/jobs/job_logs (section marks).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from msgspec import Struct

from tui.model.text import log_text, plain, without_sgr

CHECKED = 64  # bytes in front of a position that show whether it is still the same log

_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) [0-9a-f]{2}([EO])([ +])")
_UNFINISHED = re.compile(rb"\r(?:\x1b\[[0-9;]*[A-Za-z])*\Z")
_SECTION = re.compile(
    r"(?:\x1b\[0K)?section_(start|end):(\d{1,12}):([\w.:\-]{1,200})(?:\[[^\]\r\n]{0,200}\])?(?:\r(?:\x1b\[0K)?|\Z)"
)

Sections = tuple[tuple[str, int], ...]
"""The sections that are open, the innermost last: name, and when it began (unix seconds)."""


class Mark(Struct, frozen=True, rename={"offset": "o", "check": "c", "skip": "k", "sections": "s"}):
    """A place between two lines. `check` is of the bytes in front of `offset`; `skip`: lines that were made of the
    row at `offset` and are behind us already."""

    offset: int = 0
    check: int = 0
    skip: int = 0
    sections: Sections = ()


class TraceLine(Struct, frozen=True):
    at: datetime | None
    text: str
    attributes: Mapping[str, str]
    mark: Mark  # the place behind it


class _Row(Struct):
    """One line of the trace, with what the runner glued to it."""

    begin: Mark
    stamped: bool
    at: datetime | None
    error: bool
    text: bytes


class Trace:
    """Reads a trace as it grows. What is unfinished at the end is kept until the rest comes, or `finish`."""

    def __init__(self, mark: Mark | None = None) -> None:
        mark = mark or Mark()
        self.end = mark.offset  # so many bytes were fed
        self.end_check = mark.check
        self._skip = mark.skip
        self._sections = mark.sections
        self._last = Mark(mark.offset, mark.check, 0, mark.sections)  # behind the last row that was finished
        self._before = b""  # up to CHECKED bytes in front of `_partial`
        self._partial = b""
        self._held: _Row | None = None

    def feed(self, data: bytes, before: bytes = b"") -> list[TraceLine]:
        """`before`: the bytes in front of the first data, where the reading did not begin at the beginning."""
        if not self._before and not self._partial:
            self._before = before[-CHECKED:]
        self.end += len(data)
        window = self._before + self._partial + data
        position = len(self._before)
        base = self.end - len(window)
        lines: list[TraceLine] = []
        while (newline := window.find(b"\n", position)) >= 0:
            raw, position = window[position:newline], newline + 1
            behind = Mark(base + position, check(window[max(0, position - CHECKED) : position]))
            lines += self._row(raw, behind)
        if self._held is not None and not (self._held.stamped and _UNFINISHED.search(self._held.text)):
            lines += self._release()
        self._before, self._partial = window[max(0, position - CHECKED) : position], window[position:]
        self.end_check = check(window)
        return lines

    def finish(self) -> list[TraceLine]:
        """The trace is complete: what is held or has no line end is a line too."""
        lines: list[TraceLine] = []
        if self._partial:
            lines += self._row(self._partial, Mark(self.end, self.end_check))
            self._before, self._partial = (self._before + self._partial)[-CHECKED:], b""
        if self._held is not None:
            lines += self._release()
        return lines

    def _row(self, raw: bytes, behind: Mark) -> Iterator[TraceLine]:
        stamp = _STAMP.match(raw)
        at = _moment(stamp[1]) if stamp is not None else None
        text = raw[stamp.end() :] if stamp is not None else raw
        if stamp is not None and stamp[3] == b"+" and self._held is not None:
            self._held.text += text
            self._last = behind
            return
        if self._held is not None:
            yield from self._release()
        self._held = _Row(self._last, stamp is not None, at, stamp is not None and stamp[2] == b"E", text)
        self._last = behind

    def _release(self) -> list[TraceLine]:
        row, self._held = self._held, None
        assert row is not None
        begin = Mark(row.begin.offset, row.begin.check, 0, self._sections)
        parts = list(self._parts(row))
        skip, self._skip = self._skip, 0
        lines: list[TraceLine] = []
        for number, (text, attributes) in enumerate(parts, 1):
            if number == len(parts):
                mark = Mark(self._last.offset, self._last.check, 0, self._sections)
            else:
                mark = Mark(begin.offset, begin.check, number, begin.sections)
            lines.append(TraceLine(row.at, text, attributes, mark))
        return lines[skip:]

    def _parts(self, row: _Row) -> Iterator[tuple[str, dict[str, str]]]:
        """The lines that one row makes: a section's end is one of its own, with how long it took."""
        text = row.text.decode("utf-8", "replace")
        rest: list[str] = []
        position = 0
        marked = False
        for found in _SECTION.finditer(text):
            marked = True
            rest.append(text[position : found.start()])
            position = found.end()
            name, second = plain(found[3]), int(found[2])
            if found[1] == "start":
                self._sections = (*(each for each in self._sections if each[0] != name), (name, second))
                continue
            began = dict(self._sections).get(name)
            if (before := log_text("".join(rest))) and without_sgr(before).strip():
                yield before, self._attributes(row)
            rest.clear()
            self._sections = tuple(each for each in self._sections if each[0] != name)
            if began is not None:
                took_s = max(0, second - began)
                yield f"{name}: {_duration(took_s)}", {"section": name, "duration_s": str(took_s)}
        rest.append(text[position:])
        line = log_text("".join(rest))
        if not marked or without_sgr(line).strip():
            yield line, self._attributes(row)

    def _attributes(self, row: _Row) -> dict[str, str]:
        attributes = {"section": self._sections[-1][0]} if self._sections else {}
        if row.error:
            attributes["stream"] = "stderr"
        return attributes


def check(before: bytes) -> int:
    """What a mark remembers of the bytes in front of it."""
    return zlib.crc32(before[-CHECKED:])


def _moment(text: bytes) -> datetime | None:
    try:
        return datetime.fromisoformat(text.decode()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _duration(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
