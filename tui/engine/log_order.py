"""Entries of several logs as one stream by time, held back a moment so that a slower log can still be placed."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from heapq import heappop, heappush
from typing import Generic, TypeVar

T = TypeVar("T")

CAPACITY = 10_000


class Reorder(Generic[T]):
    """What is pushed comes out once, within `window_s` of its coming, ordered by time; equal times as they came.

    What is older than something already out is late: it comes out at once. With `capacity` entries held the oldest
    does not wait either. `now_s` are the caller's monotonic seconds.
    """

    def __init__(self, window_s: float = 1.0, capacity: int = CAPACITY) -> None:
        self.window_s = window_s
        self.capacity = capacity
        self.late = 0  # so many came out behind what is newer than they
        self._held: list[tuple[datetime, int, T]] = []
        self._came: deque[tuple[float, int, datetime]] = deque()  # in the order of coming, with what is out already
        self._count = 0
        self._out: tuple[datetime, int] | None = None  # the newest that is out

    def __len__(self) -> int:
        return len(self._held)

    def push(self, item: T, at: datetime, now_s: float) -> list[T]:
        """What comes out by it."""
        number = self._count
        self._count += 1
        if self._out is not None and at < self._out[0]:
            self.late += 1
            return [item, *self.due(now_s)]
        heappush(self._held, (at, number, item))
        self._came.append((now_s, number, at))
        out = self.due(now_s)
        while len(self._held) > self.capacity:
            out.append(self._pop())
        return out

    def due(self, now_s: float) -> list[T]:
        """What has waited long enough, and whatever is older than that."""
        out: list[T] = []
        while self._came and self._came[0][0] + self.window_s <= now_s:
            _, number, at = self._came.popleft()
            while self._held and self._held[0][:2] <= (at, number):
                out.append(self._pop())
        return out

    def wait_s(self, now_s: float) -> float | None:
        """Until something is due; None: nothing is held."""
        while self._came and self._out is not None and (self._came[0][2], self._came[0][1]) <= self._out:
            self._came.popleft()
        return max(0.0, self._came[0][0] + self.window_s - now_s) if self._came else None

    def flush(self) -> list[T]:
        """All that is held."""
        out = [self._pop() for _ in range(len(self._held))]
        self._came.clear()
        return out

    def _pop(self) -> T:
        at, number, item = heappop(self._held)
        self._out = (at, number) if self._out is None else max(self._out, (at, number))
        return item
