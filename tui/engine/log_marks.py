"""Marks on the lines of a log: put there by a key and kept, or put back where they were when the log is read again."""

from __future__ import annotations

import time
from collections.abc import Iterable

from tui.engine.log_records import BufferEntry, searchable
from tui.engine.log_rows import Source
from tui.engine.notes import Mark, Notes, kept_text
from tui.model.log import HttpRequest, LogKind, LogLine
from tui.model.moment import from_microseconds, microseconds

AROUND = 200  # lines on either side of a mark's time that are looked at: equal times, and lines out of order
LATE_US = 60_000_000  # a mark whose time the log has passed by so much is on none of its lines


class LogMarks:
    """Of one log. `source.marks` says what is marked, by line number; this keeps it in step with the notes.

    A kept mark is looked for once the log has come to its time, within `step`, and never again once it was passed.
    """

    def __init__(self, notes: Notes, source: Source, kind: LogKind) -> None:
        assert source.service is not None
        self._notes = notes
        self._source = source
        self._kind = kind
        self._path = kept_text(source.service.path)
        kept = notes.marks_of(self._path, kind)
        self._timed = {microseconds(mark.at): mark.at for mark in kept if mark.at is not None}
        self._untimed = [mark for mark in kept if mark.at is None]
        self._looked_to = source.store.first  # for marks without a time
        self._end = -1

    def step(self, budget_s: float = 0.002) -> bool:
        """Puts marks on lines that came since. True: another line is marked now than before."""
        store = self._source.store
        if not (self._timed or self._untimed) or store.end == self._end or store.end == store.first:
            return False
        before = len(self._source.marks)
        newest = self._newest_us() if self._timed else 0
        for us in [each for each in self._timed if each <= newest]:
            if self._put_back(us) or newest - us > LATE_US:
                del self._timed[us]
        if not self._untimed or self._look_on(time.perf_counter() + budget_s):
            self._end = store.end
        return len(self._source.marks) != before

    @property
    def more(self) -> bool:
        """There are lines that `step` has not come to."""
        return bool(self._timed or self._untimed) and self._source.store.end != self._end

    def _newest_us(self) -> int:
        store = self._source.store
        newest = range(store.end - 1, max(store.first, store.end - AROUND) - 1, -1)
        return next((us for number in newest if (us := store.time_us(number)) is not None), 0)

    def _put_back(self, us: int) -> bool:
        """All marks of that time. True when each has its line."""
        store = self._source.store
        wanted = [mark for mark in self._notes.marks_of(self._path, self._kind) if mark.at == self._timed[us]]
        at = store.at_time(us)
        for number in range(max(store.first, at - AROUND), min(at + AROUND, store.end)):
            if store.time_us(number) == us:
                self._put(number, wanted)
        return not wanted

    def _look_on(self, until: float) -> bool:
        """For marks without a time, line by line. False: there is more to look at."""
        store = self._source.store
        self._looked_to = max(self._looked_to, store.first)
        while self._looked_to < store.end:
            if store.time_us(self._looked_to) is None:
                self._put(self._looked_to, self._untimed)
            self._looked_to += 1
            if time.perf_counter() >= until:
                return self._looked_to == store.end
        return True

    def _put(self, number: int, wanted: list[Mark]) -> None:
        """Those that this line has are no longer wanted."""
        text = _text(self._source.store[number])
        found = [mark for mark in wanted if mark.is_of(text)]
        if found:
            self._source.marks[number] = said(found, self._notes.user)
            for mark in found:
                wanted.remove(mark)

    def keep(self, number: int, note: str) -> None:
        """Marks this line, also for the next session. Raises OSError where that cannot be kept."""
        entry, us = self._source.store[number], self._source.store.time_us(number)
        deployment = entry.deployment if isinstance(entry, LogLine | HttpRequest) else ""
        at = None if us is None else from_microseconds(us)
        self._notes.add_mark(self._path, deployment, self._kind, at, searchable(entry), note)
        self._source.marks[number] = said(self.marks_at(number), self._notes.user)

    def drop(self, number: int) -> None:
        """Raises OSError where that cannot be kept."""
        for mark in self.marks_at(number):
            self._notes.remove_mark(mark)

    def marks_at(self, number: int) -> list[Mark]:
        us = self._source.store.time_us(number)
        at, text = None if us is None else from_microseconds(us), _text(self._source.store[number])
        return [m for m in self._notes.marks_of(self._path, self._kind) if m.at == at and m.is_of(text)]


def said(marks: Iterable[Mark], user: str) -> str:
    """The notes of a line's marks; somebody else's with their name."""
    words = [mark.note if mark.user == user else f"{mark.user}: {mark.note}".rstrip(": ") for mark in marks]
    return " · ".join(filter(None, words))


def _text(entry: BufferEntry) -> str:
    return kept_text(searchable(entry))
