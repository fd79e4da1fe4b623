"""Lines that come again, told from lines that are new, where the platform gives no line an id.

Replays and pages overlap what was there before. Two equal lines in one millisecond are two lines, so that a set
would lose one of them: the known are counted, and each that comes again uses one up.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tui.model.log import LogEntry

Key = tuple[str, int]
"""What a line says (or a short form of it), and its time in nanoseconds since the epoch, as the platform wrote it."""

NO_TIME = -1
_LONG = 200


class Row(NamedTuple):
    """One of the platform's rows: what makes it the same row again, and what a reader gets for it."""

    key: Key
    entries: tuple[LogEntry, ...]

    @property
    def at(self) -> int:
        return self.key[1]


def key(text: str, at: int) -> Key:
    """Long texts are shortened: 2048 keys are kept for each stream."""
    return (text if len(text) <= _LONG else f"{text[:_LONG]}{hash(text)}", at)


class Overlap:
    """The rows that were there before. Rows up to `floor` that are not among them are older than what is wanted."""

    def __init__(self, known: Iterable[Key], floor: int = 0) -> None:
        self._left: dict[Key, int] = {}
        self._floor = floor
        self.newest = NO_TIME
        self.met = False
        for one in known:
            self._left[one] = self._left.get(one, 0) + 1
            self.newest = max(self.newest, one[1])

    def is_new(self, row: Row) -> bool:
        """False for a known row, which is thereby used up, and for an older one than is wanted."""
        left = self._left.get(row.key, 0)
        if left:
            self.met = True
            self._left[row.key] = left - 1
            return False
        return row.at > self._floor or row.at == NO_TIME

    def passed(self, at: int, by: int) -> bool:
        """`at` is later than everything known by so much that nothing known will come again."""
        return at > self.newest + by


def without_known(rows: list[Row], known: list[Row]) -> list[Row]:
    """An older page without what it shares with the younger one behind it, counted."""
    left: dict[Key, int] = {}
    for row in known:
        left[row.key] = left.get(row.key, 0) + 1
    kept: list[Row] = []
    for row in rows:
        if left.get(row.key, 0):
            left[row.key] -= 1
        else:
            kept.append(row)
    return kept
