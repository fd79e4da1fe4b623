"""Figures of HTTP requests: rate, errors, latency; by route and deployment; one deployment against the one before.

Quantiles come from a histogram whose buckets keep eight significant bits of the milliseconds: exact below 256 ms, at
most 0.4 % off above, and two of them add up.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from math import sqrt

from msgspec import Struct, field

from tui.engine.log_store import LogStore
from tui.model.log import HttpRequest

BUCKET_US = 10_000_000
HELD = 360  # buckets of which figures by time are kept: an hour
WINDOW = 90  # buckets: the longest window of a comparison, 15 min
ROUTES = 200
OTHER = "other"
NOT_FOUND = "not found"  # 404 and 405 of paths that never answered anything else: what scanners try
_DEPLOYMENTS = 20
_CELLS = 20_000  # some 20 MB, before an hour is shortened
_BATCH = 64  # requests between two looks at the clock

# routes

_SEGMENTS = 12
_LONG = 24
_STATIC = re.compile(  # v12, v1.2, v2beta1, s3, oauth2, k8s: a name, not an id
    r"v[0-9]{1,2}(?:\.[0-9]{1,2}|(?:alpha|beta|rc)[0-9]{0,2})?|[A-Za-z]{1,6}[0-9]|k8s|k3s|i18n|l10n|a11y|[a-z]2[a-z]|2fa|3d"
)
_METHOD = re.compile(r"(.+)(:[A-Za-z]+)")  # /orders/123:cancel
_DIGIT = re.compile(r"[0-9]")
_HEX = re.compile(r"(?<=/)(?:[a-f]{4,}|[a-f]{3,5}[0-9])(?=[/.]|\Z)")  # "face": a word, or one id in fifty


@lru_cache(maxsize=8192)
def route(path: str) -> str:
    """'/orders/123/items?page=2' is '/orders/:id/items'. Numbers, hex, UUIDs, slugs with digits and long tokens are
    ids; a file keeps its extension, and what is done to an id its name. The query, parameters of a segment and a slash
    at the end are dropped, and what is deeper than twelve segments."""
    path = path.partition("?")[0].partition("#")[0][:1024]
    segments = [each.partition(";")[0] for each in path.removeprefix("/").split("/")]
    if len(segments) > 1 and not segments[-1]:
        segments.pop()
    shown = [_segment(each) for each in segments[:_SEGMENTS]]
    return "/" + "/".join(shown) + ("/…" if len(segments) > _SEGMENTS else "")


def _segment(segment: str) -> str:
    if _STATIC.fullmatch(segment):
        return segment
    if (method := _METHOD.fullmatch(segment)) is not None:
        return f"{_segment(method[1])}{method[2]}"
    stem, dot, extension = segment.rpartition(".")
    if "@" in segment or not stem or len(extension) > 5 or not extension.isalnum() or not extension[0].isalpha():
        stem, dot, extension = segment, "", ""
    if _STATIC.fullmatch(stem):
        return segment
    if _DIGIT.search(stem) or "%" in stem or "@" in stem or len(stem) > _LONG:
        return f":id{dot}{extension}"
    return segment


# figures


class Figures(Struct):
    """Of some requests, and addable. `durations`: requests by the lower edge of their bucket of milliseconds."""

    requests: int = 0
    client_errors: int = 0  # 4xx
    server_errors: int = 0  # 5xx
    bytes_sent: int = 0
    durations: dict[int, int] = field(default_factory=dict)

    def add(self, status: int, duration_ms: int, bytes_sent: int) -> None:
        self.requests += 1
        self.bytes_sent += bytes_sent
        if status >= 400:
            if status >= 500:
                self.server_errors += 1
            else:
                self.client_errors += 1
        edge = _edge(duration_ms)
        self.durations[edge] = self.durations.get(edge, 0) + 1

    def merge(self, other: Figures) -> None:
        self.requests += other.requests
        self.client_errors += other.client_errors
        self.server_errors += other.server_errors
        self.bytes_sent += other.bytes_sent
        durations = self.durations
        for edge, count in other.durations.items():
            durations[edge] = durations.get(edge, 0) + count

    @property
    def error_share(self) -> float:
        """5xx, from 0 to 1."""
        return self.server_errors / self.requests if self.requests else 0.0

    @property
    def client_error_share(self) -> float:
        return self.client_errors / self.requests if self.requests else 0.0

    def quantile(self, share: float) -> float | None:
        """Milliseconds under which that share of the requests stayed; None without any."""
        return self.quantiles(share)[0]

    def quantiles(self, *shares: float) -> tuple[float | None, ...]:
        """Of ascending shares, in one pass."""
        found: list[float | None] = []
        passed = 0
        for edge in sorted(self.durations):
            passed += self.durations[edge]
            while len(found) < len(shares) and passed >= shares[len(found)] * self.requests:
                found.append(_middle(edge))
        return (*found, *[None] * (len(shares) - len(found)))

    def slower(self, than_ms: float) -> int:
        return sum(count for edge, count in self.durations.items() if _middle(edge) > than_ms)


def _edge(ms: int) -> int:
    if ms < 256:
        return max(ms, 0)
    shift = ms.bit_length() - 8
    return ms >> shift << shift


def _middle(edge: int) -> float:
    return edge if edge < 256 else edge + ((1 << (edge.bit_length() - 8)) - 1) / 2


def merged(parts: Iterable[Figures]) -> Figures:
    figures = Figures()
    for part in parts:
        figures.merge(part)
    return figures


class RouteFigures(Struct):
    """`route` with its method: 'GET /orders/:id'; or OTHER, or NOT_FOUND."""

    route: str
    figures: Figures


class Summary(Struct):
    """What the head of the HTTP tab says. Quantiles in milliseconds, None without requests."""

    requests: int
    per_s: float
    error_share: float
    client_error_share: float
    p50: float | None
    p95: float | None
    p99: float | None
    bytes_sent: int


class HttpBook:
    """Figures of a stream of requests: by route and deployment for all of it, and by time for the last hour."""

    def __init__(self) -> None:
        self.first_us: int | None = None
        self.last_us: int | None = None
        self._whole: dict[tuple[str, str], Figures] = {}  # of (deployment, route)
        self._routes: set[str] = set()
        self._deployments: dict[str, None] = {}  # oldest first
        self._held = 0  # cells
        self._cells: dict[int, dict[tuple[str, str], Figures]] = {}  # by bucket; of (deployment, route)

    def add(self, request: HttpRequest, time_us: int) -> None:
        """`time_us`: of the request, microseconds since the epoch."""
        deployment = request.deployment
        if deployment not in self._deployments:
            self._take_in(deployment)
        if self.first_us is None or time_us < self.first_us:
            self.first_us = time_us
        if self.last_us is None or time_us > self.last_us:
            self.last_us = time_us
        key = (deployment, self._route(request.method, request.path, request.status))
        whole = self._whole.get(key)
        if whole is None:
            whole = self._whole[key] = Figures()
        for figures in (self._cell(time_us // BUCKET_US, key), whole):
            figures.add(request.status, request.duration_ms, request.bytes_sent)

    def _take_in(self, deployment: str) -> None:
        """With too many, the figures of the oldest are those of an unknown one, ''."""
        known = [each for each in self._deployments if each]
        if len(known) >= _DEPLOYMENTS:
            del self._deployments[known[0]]
            self._deployments.setdefault("")
            for key in [key for key in self._whole if key[0] == known[0]]:
                self._whole.setdefault(("", key[1]), Figures()).merge(self._whole.pop(key))
        self._deployments[deployment] = None

    def _cell(self, bucket: int, key: tuple[str, str]) -> Figures:
        cells = self._cells.get(bucket)
        if cells is None:
            cells = self._cells[bucket] = {}
        cell = cells.get(key)
        if cell is None:
            cell = cells[key] = Figures()
            self._held += 1
            while (len(self._cells) > HELD or self._held > _CELLS) and len(self._cells) > 1:
                self._held -= len(self._cells.pop(min(self._cells)))
        return cell

    def _route(self, method: str, path: str, status: int) -> str:
        name = f"{method} {route(path)}"
        if name in self._routes:
            return name
        folded = _HEX.sub(":id", name)
        if folded in self._routes:
            return folded
        if status in (404, 405):
            name = NOT_FOUND
        elif len(self._routes) >= ROUTES:
            name = OTHER
        self._routes.add(name)
        return name

    def summary(self, window_s: float | None = None) -> Summary:
        """Of the last `window_s` seconds before the newest request, in whole buckets of 10 s; None: of all."""
        if self.first_us is None or self.last_us is None:
            return Summary(0, 0.0, 0.0, 0.0, None, None, None, 0)
        if window_s is None:
            figures, start_us = merged(self._whole.values()), self.first_us
        else:
            start = max(int(self.last_us - window_s * 1e6), self.first_us) // BUCKET_US
            figures = merged(cell for _, _, cell in self.cells(start, self.last_us // BUCKET_US + 1))
            start_us = max(start * BUCKET_US, self.first_us)
        seconds = max(1.0, (self.last_us - start_us) / 1e6)
        p50, p95, p99 = figures.quantiles(0.5, 0.95, 0.99)
        return Summary(
            figures.requests,
            figures.requests / seconds,
            figures.error_share,
            figures.client_error_share,
            p50,
            p95,
            p99,
            figures.bytes_sent,
        )

    def routes(self, order: Order | None = None, deployment: str | None = None) -> list[RouteFigures]:
        """Of all it was given, or of one deployment's requests."""
        routes: dict[str, Figures] = {}
        for (by, name), figures in self._whole.items():
            if deployment is None or by == deployment:
                routes.setdefault(name, Figures()).merge(figures)
        return ordered(routes, order)

    def deployments(self) -> dict[str, Figures]:
        """By id, in the order in which they first answered; the newest twenty, all before them as ''."""
        deployments = {deployment: Figures() for deployment in self._deployments}
        for (by, _), figures in self._whole.items():
            deployments[by].merge(figures)
        return deployments

    def cells(self, start: int, end: int) -> Iterable[tuple[str, str, Figures]]:
        """(deployment, route, figures) of the buckets start..end-1."""
        for bucket, cells in self._cells.items():
            if start <= bucket < end:
                for (deployment, name), figures in cells.items():
                    yield deployment, name, figures

    @property
    def oldest_bucket(self) -> int | None:
        return min(self._cells, default=None)


class Order(StrEnum):
    """How routes are sorted; the largest first."""

    REQUESTS = "requests"
    ERRORS = "errors"
    P95 = "p95"


_KEYS: dict[Order, Callable[[Figures], float]] = {
    Order.REQUESTS: lambda figures: figures.requests,
    Order.ERRORS: lambda figures: figures.server_errors,
    Order.P95: lambda figures: figures.quantile(0.95) or 0.0,
}


def ordered(routes: Mapping[str, Figures], order: Order | None = None) -> list[RouteFigures]:
    key = _KEYS[order or Order.REQUESTS]
    rows = [RouteFigures(name, figures) for name, figures in routes.items() if figures.requests]
    return sorted(rows, key=lambda row: (-key(row.figures), -row.figures.requests, row.route))


class HttpScan:
    """Reads a log store's requests into a book, each once, slice by slice; with `shift_us` added to their times."""

    def __init__(self, store: LogStore, book: HttpBook | None = None, *, shift_us: int = 0) -> None:
        self._shift_us = shift_us
        self.book = HttpBook() if book is None else book
        self.number = store.first  # the next one to read
        self._store = store

    @property
    def done(self) -> bool:
        return self.number >= self._store.end

    def step(self, budget_s: float = 0.004) -> bool:
        """Works for about that long. True: everything there is has been read."""
        until = time.perf_counter() + budget_s
        while not self.done:
            self.number = max(self.number, self._store.first)
            end = min(self.number + _BATCH, self._store.end)
            for number in range(self.number, end):
                entry = self._store[number]
                if isinstance(entry, HttpRequest) and (us := self._store.time_us(number)) is not None:
                    self.book.add(entry, us + self._shift_us)
            self.number = end
            if time.perf_counter() >= until:
                break
        return self.done


# one deployment against the one before

FEW = 20  # requests on a side, under which nothing is said
FEW_FOR_P95 = 60
_ERRORS = 3
SIGMAS = 3  # what chance makes of equal shares once in some hundred looks


class Trend(StrEnum):
    """In the order in which routes are listed."""

    WORSE = "worse"
    NEW = "new"  # a route that answered only after
    SAME = "same"
    BETTER = "better"
    UNKNOWN = "unknown"  # too few requests


class RouteChange(Struct, frozen=True):
    route: str
    trend: Trend
    before: Figures
    after: Figures


class Comparison(Struct, frozen=True):
    """Requests of a deployment since it began and of those before it, over equal windows of `window_s` seconds.

    The rule: under 20 requests on a side nothing is said. The 5xx share changed if it did by more than three standard
    errors of the pooled share, with three errors or more on the worse side. p95 changed if there are 60 requests on
    both sides, it moved by a fifth and 10 ms, and of the slower side the share above the faster one's p95 is more
    than three standard errors over 5 %.
    """

    label: str
    window_s: float
    before: Figures
    after: Figures
    errors: Trend
    latency: Trend
    routes: tuple[RouteChange, ...]  # worse ones first

    @property
    def trend(self) -> Trend:
        return _worst(self.errors, self.latency)

    def words(self) -> str:
        """'5xx 0.1% -> 4.2%, p95 120 -> 480 ms since 7f3a'."""
        since = f"since {self.label}"
        for side, when in ((self.before, "before"), (self.after, "since")):
            if side.requests < FEW:
                number = f"only {side.requests:,}" if side.requests else "no"
                plural = "" if side.requests == 1 else "s"
                return f"can't tell: {number} request{plural} {when}" + (f" {self.label}" if self.label else "")
        changes = []
        if self.errors is not Trend.SAME:
            changes.append(f"5xx {percent(self.before.error_share)} -> {percent(self.after.error_share)}")
        if self.latency not in (Trend.SAME, Trend.UNKNOWN):
            changes.append(f"p95 {_ms(self.before)} -> {_ms(self.after)} ms")
        if changes:
            return f"{', '.join(changes)} {since}"
        return f"no clear change {since}: 5xx {percent(self.after.error_share)}, p95 {_ms(self.after)} ms"


def percent(share: float) -> str:
    """'0%', '0.1%', '4.2%', '38%'."""
    value = share * 100
    if value == 0:
        return "0%"
    if value < 0.1:
        return "<0.1%"
    return f"{value:.1f}%" if value < 9.95 else f"{value:.0f}%"


def _ms(figures: Figures) -> str:
    return f"{figures.quantile(0.95) or 0.0:.0f}"


def compare(book: HttpBook, boundary_us: int, deployment: str = "", label: str = "") -> Comparison:
    """`boundary_us`: when the deployment began to answer. Windows end and begin at it and are as long as the shorter
    of the time since it, the time held before it, and 15 min; whole buckets of 10 s, the one it lies in left out.

    With `deployment`, its id, requests of others after the boundary and of it before count on neither side.
    """
    boundary = boundary_us // BUCKET_US
    oldest = book.oldest_bucket
    last = boundary if book.last_us is None else book.last_us // BUCKET_US
    held = 0
    if oldest is not None and book.first_us is not None:
        held = min(boundary - oldest, (boundary_us - book.first_us) // BUCKET_US)
    window = max(1, min(last - boundary, held, WINDOW))
    before: dict[str, Figures] = {}
    after: dict[str, Figures] = {}
    for by, name, figures in book.cells(boundary - window, boundary):
        if not deployment or by != deployment:
            before.setdefault(name, Figures()).merge(figures)
    for by, name, figures in book.cells(boundary + 1, boundary + 1 + window):
        if not deployment or by == deployment:
            after.setdefault(name, Figures()).merge(figures)
    all_before, all_after = merged(before.values()), merged(after.values())
    errors, latency = _trends(all_before, all_after)
    nothing = Figures()
    routes = [_change(name, before.get(name, nothing), after.get(name, nothing)) for name in before.keys() | after]
    return Comparison(
        label or deployment[:7],
        window * BUCKET_US / 1e6,
        all_before,
        all_after,
        errors,
        latency,
        tuple(sorted(routes, key=_place)),
    )


def _trends(before: Figures, after: Figures) -> tuple[Trend, Trend]:
    """Of the 5xx share and of p95."""
    if before.requests < FEW or after.requests < FEW:
        return Trend.UNKNOWN, Trend.UNKNOWN
    pooled = (before.server_errors + after.server_errors) / (before.requests + after.requests)
    error = sqrt(pooled * (1 - pooled) * (1 / before.requests + 1 / after.requests))
    enough = max(before.server_errors, after.server_errors) >= _ERRORS
    errors = _trend((after.error_share - before.error_share) / error) if enough and error else Trend.SAME
    if before.requests < FEW_FOR_P95 or after.requests < FEW_FOR_P95:
        return errors, Trend.UNKNOWN
    was, now = before.quantile(0.95) or 0.0, after.quantile(0.95) or 0.0
    if abs(now - was) < max(10.0, 0.2 * min(was, now)):
        return errors, Trend.SAME
    slow, base = (after.slower(was), after.requests) if now > was else (before.slower(now), before.requests)
    surprise = (slow - 0.05 * base) / sqrt(0.05 * 0.95 * base)
    return errors, _trend(surprise if now > was else -surprise)


def _trend(sigmas: float) -> Trend:
    return Trend.WORSE if sigmas > SIGMAS else Trend.BETTER if sigmas < -SIGMAS else Trend.SAME


def _worst(*trends: Trend) -> Trend:
    for trend in (Trend.WORSE, Trend.BETTER, Trend.SAME):
        if trend in trends:
            return trend
    return Trend.UNKNOWN


def _change(name: str, before: Figures, after: Figures) -> RouteChange:
    if before.requests == 0 and after.requests >= FEW:
        return RouteChange(name, Trend.NEW, before, after)
    return RouteChange(name, _worst(*_trends(before, after)), before, after)


_ORDER = {trend: place for place, trend in enumerate(Trend)}


def _place(change: RouteChange) -> tuple[int, float, float, int, str]:
    before, after = change.before, change.after
    slower = (after.quantile(0.95) or 0.0) - (before.quantile(0.95) or 0.0)
    return (
        _ORDER[change.trend],
        before.error_share - after.error_share,
        -slower,
        -after.requests,
        change.route,
    )
