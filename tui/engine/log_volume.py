"""How many lines at which time, by level, and bars to draw them with."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct

from tui.engine.log_store import NO_LEVEL, NO_TIME, LogStore, Scan
from tui.model.log import Level

SECOND_US = 1_000_000
WIDTHS_S = (1, 5, 10, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86_400, 7 * 86_400)
_HELD = 20_000  # buckets in memory before they get wider
_BATCH = 512  # entries between two looks at the clock


class Volume(Struct, frozen=True):
    """Counts by bucket, oldest first: bucket n holds [start_us + n * width_us, + width_us). `error` is ERROR and
    FATAL, `other` all below WARN."""

    start_us: int
    width_us: int
    other: tuple[int, ...]
    warn: tuple[int, ...]
    error: tuple[int, ...]

    @property
    def total(self) -> tuple[int, ...]:
        return tuple(map(sum, zip(self.other, self.warn, self.error, strict=True)))

    @property
    def width_words(self) -> str:
        """'10s', '5m', '1h'."""
        seconds = self.width_us // SECOND_US
        for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
            if seconds % size == 0:
                return f"{seconds // size}{unit}"
        return f"{seconds}s"


class VolumeScan:
    """Counts a log store's lines and requests, each once, slice by slice. What the store drops stays counted."""

    def __init__(self, store: LogStore) -> None:
        self.number = store.first  # the next one to read
        self.untimed = 0  # lines without a time
        self.first_us: int | None = None
        self.last_us: int | None = None
        self._store = store
        self._width = 0  # index in WIDTHS_S
        self._counts: dict[int, list[int]] = {}  # bucket: [other, warn, error]

    @property
    def done(self) -> bool:
        return self.number >= self._store.end

    def step(self, budget_s: float = 0.004) -> bool:
        """Works for about that long. True: everything there is has been counted."""
        until = time.perf_counter() + budget_s
        while not self.done:
            self.number = max(self.number, self._store.first)
            scan = self._store.scan(self.number)
            while self.number < scan.end:
                self._read(scan, min(self.number + _BATCH, scan.end))
                if time.perf_counter() >= until:
                    return self.done
        return True

    def _read(self, scan: Scan, end: int) -> None:
        counts = self._counts
        width_us = WIDTHS_S[self._width] * SECOND_US
        low, high = self.first_us, self.last_us
        part = slice(self.number - scan.first, end - scan.first)
        for us, level in zip(scan.times[part], scan.levels[part], strict=True):
            if level == NO_LEVEL:
                continue
            if us == NO_TIME:
                self.untimed += 1
                continue
            if low is None or us < low:
                low = us
            if high is None or us > high:
                high = us
            bucket = counts.get(us // width_us)
            if bucket is None:
                bucket = counts[us // width_us] = [0, 0, 0]
            bucket[0 if level < Level.WARN else 1 if level < Level.ERROR else 2] += 1
        self.first_us, self.last_us = low, high
        self.number = end
        while len(counts) > _HELD and self._width + 1 < len(WIDTHS_S):
            self._widen()
            counts = self._counts

    def _widen(self) -> None:
        old_s = WIDTHS_S[self._width]
        self._width += 1
        wide: dict[int, list[int]] = {}
        for bucket, counts in self._counts.items():
            into = wide.setdefault(bucket * old_s // WIDTHS_S[self._width], [0, 0, 0])
            for place, count in enumerate(counts):
                into[place] += count
        self._counts = wide

    def volume(self, start_us: int | None = None, end_us: int | None = None, buckets: int = 60) -> Volume:
        """At most `buckets`, from the one that holds `start_us` to the one that holds the moment before `end_us`;
        None: all there is. A bucket is a round span and begins at a multiple of it."""
        start = start_us if start_us is not None else self.first_us
        end = end_us if end_us is not None else (self.last_us or 0) + 1
        if start is None or end <= start or buckets <= 0:
            return Volume(start or 0, SECOND_US, (), (), ())
        width_us = max(bucket_us(start, end, buckets), WIDTHS_S[self._width] * SECOND_US)
        first = start // width_us
        number = (end - 1) // width_us + 1 - first
        columns = [[0] * number for _ in range(3)]
        own_us = WIDTHS_S[self._width] * SECOND_US
        for bucket, counts in self._counts.items():
            place = bucket * own_us // width_us - first
            if 0 <= place < number:
                for column, count in zip(columns, counts, strict=True):
                    column[place] += count
        other, warn, error = map(tuple, columns)
        return Volume(first * width_us, width_us, other, warn, error)


def volume(store: LogStore, start_us: int | None = None, end_us: int | None = None, buckets: int = 60) -> Volume:
    """Of a store in one go: 1 M lines take about a second."""
    scan = VolumeScan(store)
    while not scan.step(1.0):
        pass
    return scan.volume(start_us, end_us, buckets)


def bucket_us(start_us: int, end_us: int, buckets: int) -> int:
    """The narrowest round width of which at most `buckets` cover the span; whole weeks beyond the table."""
    place = bisect_left(WIDTHS_S, (end_us - start_us) / buckets / SECOND_US)
    for width_s in WIDTHS_S[place:]:
        width = width_s * SECOND_US
        if (end_us - 1) // width + 1 - start_us // width <= buckets:
            return width
    week = WIDTHS_S[-1] * SECOND_US
    width = week
    while (end_us - 1) // width + 1 - start_us // width > buckets and width < 2 * (end_us - start_us):
        width += week * max(1, width // week)
    return width


_BLOCKS = " ▁▂▃▄▅▆▇█"


def bars(counts: Sequence[int], width: int, height: int = 1, top: int | None = None) -> str:
    """Block characters, `height` rows of at most `width` cells, joined by newlines; more counts than cells are added
    up. `top`: the count of a full bar, None for the largest. What is not zero is seen."""
    cells = min(width, len(counts))
    if cells <= 0 or height <= 0:
        return ""
    sums = [0] * cells
    for place, count in enumerate(counts):
        sums[place * cells // len(counts)] += count
    full = top if top is not None else max(sums)
    eighths = [
        0 if count <= 0 or full <= 0 else min(8 * height, max(1, round(count * 8 * height / full))) for count in sums
    ]
    return "\n".join(
        "".join(_BLOCKS[max(0, min(8, each - 8 * row))] for each in eighths) for row in reversed(range(height))
    )
