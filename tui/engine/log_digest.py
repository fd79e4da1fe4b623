"""What the lines of a view come to: volume, patterns, figures of requests; each read only once it is asked for."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from tui.engine.http_figures import Comparison, HttpScan, Summary, compare
from tui.engine.log_patterns import PatternScan, Since, since_deployment
from tui.engine.log_rows import Source
from tui.engine.log_store import Rule
from tui.engine.log_volume import Volume, VolumeScan
from tui.model.entities import Deployment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Boundary(Struct, frozen=True):
    """Where a deployment began to speak: its time, and the number of its first line where that is held."""

    us: int
    number: int | None
    label: str
    deployment: str

    @property
    def at(self) -> datetime:
        return _EPOCH + timedelta(microseconds=self.us)


class LogDigest:
    """Of the logs of one view. What nobody asked for is not read."""

    def __init__(self, sources: tuple[Source, ...]) -> None:
        self._sources = sources
        self._volumes: list[VolumeScan] = []
        self._patterns: PatternScan | None = None
        self._http: HttpScan | None = None

    def work(self, budget_s: float = 0.004, *, volume: bool = False, requests: bool = False) -> bool:
        """A slice of what is asked for now, or was before. True: there is more to read."""
        until = time.perf_counter() + budget_s
        more = False
        volumes = self.volumes if volume else self._volumes
        http = self.http if requests else self._http
        scans = [*volumes, *(scan for scan in (http, self._patterns) if scan is not None)]
        for scan in scans:
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
            self._patterns = PatternScan(self._sources[0].store)
        return self._patterns

    @property
    def http(self) -> HttpScan:
        if self._http is None:
            self._http = HttpScan(self._sources[0].store)
        return self._http

    def boundary(self, live: Deployment | None) -> Boundary | None:
        """Of the newest deployment that speaks in this log; where its beginning is not held, of the live one."""
        store = self._sources[0].store
        number = store.next_rule(store.end, -1)
        if number is not None:
            rule = store[number]
            if isinstance(rule, Rule) and (at := rule.at or rule.deployment.started_at) is not None:
                return _boundary(rule.deployment, at, number)
        if live is None:
            return None
        at = live.started_at or live.created_at
        return None if at is None else _boundary(live, at, None)

    def since(self, boundary: Boundary) -> Since:
        return since_deployment(self.patterns.book, boundary.us, boundary.number)

    def summary(self, window_s: float) -> Summary:
        return self.http.book.summary(window_s)

    def comparison(self, boundary: Boundary) -> Comparison:
        return compare(self.http.book, boundary.us, boundary.deployment, boundary.label)


def _boundary(deployment: Deployment, at: datetime, number: int | None) -> Boundary:
    label = deployment.revision.short if deployment.revision else deployment.id[:8]
    return Boundary((at - _EPOCH) // timedelta(microseconds=1), number, label, deployment.id)
