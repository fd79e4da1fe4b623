"""What the lines of a view come to: volume, patterns, figures of requests; each read only once it is asked for."""

from __future__ import annotations

import time
from datetime import datetime

from msgspec import Struct

from tui.engine.http_figures import BUCKET_US, Comparison, HttpScan, Summary, compare
from tui.engine.log_patterns import PatternScan, Since, since_deployment
from tui.engine.log_records import Rule
from tui.engine.log_rows import Source
from tui.engine.log_store import LogStore
from tui.engine.log_volume import Volume, VolumeScan
from tui.model.entities import Deployment
from tui.model.moment import from_microseconds, microseconds

_ENOUGH = 50  # lines held from before a deployment began, with which no others are needed


class Boundary(Struct, frozen=True):
    """Where a deployment begins to speak in a log: its time, and the number of its first line. `held`: so many lines
    of the log are older."""

    us: int
    number: int
    held: int
    label: str
    deployment: str

    @property
    def at(self) -> datetime:
        return from_microseconds(self.us)

    @property
    def enough(self) -> bool:
        return self.held >= _ENOUGH


class LogDigest:
    """Of the logs of one view. What nobody asked for is not read.

    A log may hold nothing from before its deployment began: `compare_with` takes the end of the log of the one before
    it, which then counts as what came just before the oldest line that is held.
    """

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self._sources = sources
        self._volumes: list[VolumeScan] = []
        self._before: LogStore | None = None
        self._shift_us = 0
        self._old_patterns: PatternScan | None = None
        self._patterns: PatternScan | None = None
        self._old_http: HttpScan | None = None
        self._http: HttpScan | None = None

    def work(
        self, budget_s: float = 0.004, *, volume: bool = False, requests: bool = False, patterns: bool = False
    ) -> bool:
        """A slice of what is asked for now, or was before. True: there is more to read."""
        until = time.perf_counter() + budget_s
        more = False
        http = self.http if requests else self._http
        volumes = self.volumes if volume else self._volumes
        repeats = self.patterns if patterns else self._patterns
        for scan in (*volumes, self._old_http, http, self._old_patterns, repeats):
            if scan is None:
                continue
            left_s = until - time.perf_counter()
            if not scan.done and left_s > 0:
                scan.step(left_s)
            more = more or not scan.done
        return more

    # Volume

    @property
    def volumes(self) -> list[VolumeScan]:
        if not self._volumes:
            self._volumes = [VolumeScan(source.store) for source in self._sources]
        return self._volumes

    def volume(self, buckets: int) -> Volume:
        """Of all the logs together, as far as it was read."""
        known = [scan for scan in self.volumes if scan.first_us is not None and scan.last_us is not None]
        if not known:
            return Volume(0, 1, (), (), ())
        start = min(scan.first_us or 0 for scan in known)
        end = max(scan.last_us or 0 for scan in known) + 1
        parts = [scan.volume(start, end, buckets) for scan in known]
        widest = max(parts, key=lambda part: part.width_us)
        alike = [part for part in parts if (part.start_us, part.width_us) == (widest.start_us, widest.width_us)]
        return Volume(
            widest.start_us,
            widest.width_us,
            *(tuple(map(sum, zip(*(getattr(part, name) for part in alike), strict=True)))
              for name in ("other", "warn", "error")),
        )  # fmt: skip

    # Patterns and requests: of one log

    @property
    def patterns(self) -> PatternScan:
        if self._patterns is None:
            if self._before is not None:
                self._old_patterns = PatternScan(self._before, elsewhere=True, shift_us=self._shift_us)
            book = self._old_patterns.book if self._old_patterns else None
            self._patterns = PatternScan(self._sources[0].store, book)
        return self._patterns

    @property
    def http(self) -> HttpScan:
        if self._http is None:
            if self._before is not None:
                self._old_http = HttpScan(self._before, shift_us=self._shift_us)
            book = self._old_http.book if self._old_http else None
            self._http = HttpScan(self._sources[0].store, book)
        return self._http

    def boundary(self, live: Deployment | None) -> Boundary | None:
        """Of the newest deployment that speaks in this log; where its beginning is not held, of the live one, at the
        oldest line. None: no line has a time, or nothing is known to be live."""
        store = self._sources[0].store
        number = store.next_rule(store.end, -1)
        rule = store[number] if number is not None else None
        if number is not None and isinstance(rule, Rule) and rule.at is not None:
            return _boundary(rule.deployment, microseconds(rule.at), number, number - store.first)
        if live is None:
            return None
        for number in range(store.first, min(store.end, store.first + 100)):
            if (us := store.time_us(number)) is not None:
                return _boundary(live, us, number, 0)
        return None

    def compare_with(self, before: LogStore, boundary: Boundary) -> None:
        """The log of the deployment before. What was counted so far is counted again."""
        times = [us for number in range(before.first, before.end) if (us := before.time_us(number)) is not None]
        if not times:
            return
        self._before = before
        self._shift_us = boundary.us // BUCKET_US * BUCKET_US - 1 - max(times)
        self._old_patterns = self._patterns = None
        self._old_http = self._http = None

    def since(self, boundary: Boundary) -> Since:
        number = boundary.number if self._before is None else None
        return since_deployment(self.patterns.book, boundary.us, number)

    def summary(self, window_s: float) -> Summary:
        return self.http.book.summary(window_s)

    def comparison(self, boundary: Boundary) -> Comparison:
        return compare(self.http.book, boundary.us, boundary.deployment, boundary.label)


def _boundary(deployment: Deployment, us: int, number: int, held: int) -> Boundary:
    label = deployment.revision.short if deployment.revision else deployment.id[:8]
    return Boundary(us, number, held, label, deployment.id)
