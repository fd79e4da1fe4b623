"""The lines of one log, bounded, each with a number it keeps."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from tui.model.entities import Deployment
from tui.model.log import HttpRequest, LogGap, LogLine

CAPACITY = 50_000


class Rule(Struct, frozen=True):
    """A new deployment starts here."""

    at: datetime | None
    deployment: Deployment


class Notice(Struct, frozen=True):
    """Something that happened to the stream itself."""

    at: datetime
    text: str
    bad: bool = False


BufferEntry = LogLine | HttpRequest | LogGap | Rule | Notice


class LogBuffer:
    """A ring: when it is full, the oldest entry makes room. Entries are numbered from 0 and keep their number.

    `buffer[number]` raises IndexError for what was dropped or has not come yet.
    """

    __slots__ = ("_ring", "capacity", "end")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self.end = 0  # one past the newest number
        self._ring: list[BufferEntry] = []

    @property
    def first(self) -> int:
        """The oldest number still there."""
        return self.end - len(self._ring)

    @property
    def dropped(self) -> int:
        return self.end - len(self._ring)

    @property
    def version(self) -> int:
        """Moves with every entry."""
        return self.end

    def append(self, entry: BufferEntry) -> None:
        if len(self._ring) < self.capacity:
            self._ring.append(entry)
        else:
            self._ring[self.end % self.capacity] = entry
        self.end += 1

    def __len__(self) -> int:
        return len(self._ring)

    def __getitem__(self, number: int) -> BufferEntry:
        if not self.first <= number < self.end:
            raise IndexError(number)
        return self._ring[number % self.capacity]

    def __iter__(self) -> Iterator[BufferEntry]:
        for number in range(self.first, self.end):
            yield self._ring[number % self.capacity]
