"""One deployment against the one before it: the end of both logs read, compared, and put into words."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

from msgspec import Struct

from tui.engine.http_figures import FEW, Comparison, Trend
from tui.engine.link import Link
from tui.engine.log_digest import Boundary, LogDigest
from tui.engine.log_patterns import Change, PatternChange, Since
from tui.engine.log_rows import Source
from tui.engine.log_store import LogStore
from tui.engine.reviews import Looks, NewError
from tui.model.clock import Clock
from tui.model.entities import Deployment, Service
from tui.model.errors import ProviderError, RateLimited
from tui.model.log import Cursor, HttpRequest, Level, LogKind, LogLine, LogSource
from tui.model.moment import from_microseconds
from tui.model.status import Status
from tui.model.structured import structured

LINES = 1000  # of each log: one request where the platform has pages of so many
MOST = 10 * LINES  # that are taken from a platform which sends more than it was asked for
READ_S = 60.0  # a log that takes longer is given up
SLICE_S = 0.004  # of work between two looks of the event loop
FEW_LINES = 50  # on a side, under which nothing is said
FEW_ERRORS = 3
LUCK = 0.01  # of all lines of a pattern standing on the new side by chance
SWITCH = timedelta(seconds=30)  # before a time at which it went live: lines of either deployment
ERRORS_TOLD = 20
_TEXT = 100  # characters of a pattern
_NAMES = {LogKind.RUNTIME: "runtime log", LogKind.HTTP: "HTTP log"}

Told = tuple[Looks, tuple[str, ...], tuple[NewError, ...]]
_Entries = list[LogLine | HttpRequest]


class Finding(Struct, frozen=True):
    """What one log comes to. `doubt`: it holds something bad, but too little of it to tell."""

    looks: Looks
    words: tuple[str, ...]
    errors: tuple[NewError, ...] = ()
    doubt: bool = False


async def has_logs(link: Link) -> bool:
    """Whether there is anything to compare, now or later."""
    try:
        return not _NAMES.keys().isdisjoint((await link.provider()).log_kinds)
    except ProviderError:
        return True


class Judge:
    """Of one deployment, look after look; what was read of the one before it is kept. `since`: when it went live."""

    def __init__(
        self,
        link: Link,
        clock: Clock,
        service: Service,
        deployment: Deployment,
        before: Deployment | None,
        since: datetime,
    ) -> None:
        self._link = link
        self._clock = clock
        self._service = service
        self._before = before
        told = deployment.finished_at or deployment.started_at or deployment.created_at
        self._began = told or since  # on the platform's clock where it tells one, as its lines are
        self._old: dict[LogKind, LogStore] = {}

    async def look(self, deployment: Deployment, lived_s: float | None) -> Told:
        """`lived_s`: since it went live before our eyes."""
        fate = _fate(deployment, lived_s)
        if deployment.status is Status.FAILED:
            return Looks.WORSE, fate, ()
        findings = [await self._find(kind, deployment) for kind in _NAMES]
        looks = Looks.WORSE if fate else overall(findings)
        findings.sort(key=lambda each: _WEIGHT[each.looks] - each.doubt)
        words = tuple(sentence for finding in findings for sentence in finding.words)
        return looks, fate + words, tuple(error for finding in findings for error in finding.errors)

    def close(self) -> None:
        for store in self._old.values():
            store.close()

    async def _find(self, kind: LogKind, deployment: Deployment) -> Finding:
        """Whatever hinders the reading is said, and is no verdict."""
        try:
            provider = await self._link.provider()
            if kind not in provider.log_kinds:
                return Finding(Looks.UNCLEAR, (f"no {_NAMES[kind]} on {provider.title}",))
            new, owned = await self._sides(kind, deployment)
        except RateLimited:
            return Finding(Looks.UNCLEAR, (f"{_NAMES[kind]} not read: the requests left are kept",))
        except ProviderError as error:
            return Finding(Looks.UNCLEAR, (f"{_NAMES[kind]} not read: {error.message}",))
        except TimeoutError:
            return Finding(Looks.UNCLEAR, (f"{_NAMES[kind]} not read: it took longer than {READ_S:.0f} s",))
        try:
            return await self._compared(kind, new, deployment, owned=owned)
        finally:
            new.close()

    async def _compared(self, kind: LogKind, new: LogStore, deployment: Deployment, *, owned: bool) -> Finding:
        what = "line" if kind is LogKind.RUNTIME else "request"
        first = next((us for n in range(new.first, new.end) if (us := new.time_us(n)) is not None), None)
        if first is None:
            return Finding(Looks.UNCLEAR, (f"0 {'log lines' if kind is LogKind.RUNTIME else 'requests'} yet",))
        old = self._old[kind]
        if old.end == old.first:
            return Finding(Looks.UNCLEAR, (f"no {what} of the deployment before to compare with",))
        label = deployment.revision.short if deployment.revision else deployment.id[:8]
        boundary = Boundary(first, new.first, 0, label, deployment.id if owned else "")
        digest = LogDigest((Source(new),))
        digest.compare_with(old, boundary)
        runtime = kind is LogKind.RUNTIME
        while digest.work(SLICE_S, patterns=runtime, requests=not runtime):  # noqa: ASYNC110 - keys come in between
            await asyncio.sleep(0)
        if runtime:
            return of_lines(digest.since(boundary), new.end - new.first)
        return of_requests(digest.comparison(boundary))

    async def _sides(self, kind: LogKind, deployment: Deployment) -> tuple[LogStore, bool]:
        """Its entries, and whether they name it; those of the one before are kept from the first look on.

        A platform whose lines name no deployment has one log of the service: the time parts the two.
        """
        entries = await self._read(kind, deployment)
        owned = any(each.deployment for each in entries)
        if owned:
            new = [each for each in entries if each.deployment == deployment.id]
        else:
            new = [each for each in entries if each.at is not None and each.at >= self._began]
        if kind not in self._old and entries:
            if not owned:
                old = [each for each in entries if each.at is not None and each.at < self._began - SWITCH]
            else:
                old = await self._read_old(kind)
            self._old[kind] = await _store(old)
        elif kind not in self._old:
            return await _store([]), owned
        return await _store(new), owned

    async def _read_old(self, kind: LogKind) -> _Entries:
        """A log that is gone with its deployment tells nothing."""
        if self._before is None:
            return []
        try:
            entries = await self._read(kind, self._before)
        except RateLimited:
            raise
        except ProviderError:
            return []
        return [each for each in entries if each.deployment == self._before.id]

    async def _read(self, kind: LogKind, deployment: Deployment) -> _Entries:
        """The newest entries. Raises ProviderError and TimeoutError."""
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._stream(LogSource(kind, self._service, deployment, LINES, follow=False)))
            limit = group.create_task(self._clock.sleep(READ_S))
            await asyncio.wait((reading, limit), return_when=asyncio.FIRST_COMPLETED)
            reading.cancel()
            limit.cancel()
        if reading.cancelled():
            raise TimeoutError
        read = reading.result()
        if isinstance(read, ProviderError):
            raise read
        return read

    async def _stream(self, source: LogSource) -> _Entries | ProviderError:
        entries: deque[LogLine | HttpRequest] = deque(maxlen=LINES)
        try:
            async with aclosing(self._link.stream(lambda provider: provider.logs(source, Cursor()))) as stream:
                looked = time.perf_counter()
                count = 0
                async for entry in stream:
                    if isinstance(entry, LogLine):
                        entries.append(structured(entry))
                    elif isinstance(entry, HttpRequest):
                        entries.append(entry)
                    if (count := count + 1) >= MOST:
                        break
                    if time.perf_counter() - looked >= SLICE_S:
                        await asyncio.sleep(0)
                        looked = time.perf_counter()
        except ProviderError as error:
            return error
        return list(entries)


async def _store(entries: Sequence[LogLine | HttpRequest]) -> LogStore:
    store = LogStore()
    for begin in range(0, len(entries), 250):
        store.extend(entries[begin : begin + 250])
        await asyncio.sleep(0)
    return store


_WEIGHT = {Looks.WORSE: 0, Looks.FINE: 2, Looks.UNCLEAR: 4}


def overall(findings: Sequence[Finding]) -> Looks:
    """Worse if one log says so. Fine if one does, and none holds a doubt."""
    if any(each.looks is Looks.WORSE for each in findings):
        return Looks.WORSE
    fine = any(each.looks is Looks.FINE for each in findings)
    return Looks.FINE if fine and not any(each.doubt for each in findings) else Looks.UNCLEAR


def _fate(deployment: Deployment, lived_s: float | None) -> tuple[str, ...]:
    note = f": {deployment.note}" if deployment.note else ""
    match deployment.status:
        case Status.CRASHED if lived_s is not None:
            return (f"crashed {_span(lived_s)} after going live{note}",)
        case Status.CRASHED:
            return (f"crashed{note}",)
        case Status.FAILED:
            return (f"failed before it went live{note}",)
        case _:
            return ()


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else "hours"


def of_lines(since: Since, lines: int) -> Finding:
    """`lines`: of the new deployment.

    A new error pattern is believed with three lines or more, when chance would not put all of them on the new side:
    (new / all lines) ** count under 1 in 100. One that grew, by the rule of `since_deployment`.
    """
    known = since.known_before
    new = [each for each in since.changes if each.kind is Change.NEW and each.pattern.level >= Level.ERROR]
    more = [each for each in since.changes if each.kind is Change.MORE and each.pattern.level >= Level.ERROR]
    errors = tuple(new_errors(new))[:ERRORS_TOLD]
    if known < FEW_LINES:
        few = f"only {known} log lines of the deployment before"
        return Finding(Looks.UNCLEAR, (few,), doubt=bool(new))
    share = lines / (lines + known)
    sure = [each for each in new if each.pattern.count >= FEW_ERRORS and share**each.pattern.count < LUCK]
    words = []
    if sure:
        words.append(f"{_number(len(sure), 'new error pattern')}: {_lines_of(sure[0])}")
    if more:
        words.append(
            f"{_number(len(more), 'error pattern')} more often: {more[0].before:,} -> {more[0].after:,} lines, "
            f"{_short(more[0].pattern.text)}"
        )
    if words:
        return Finding(Looks.WORSE, tuple(words), errors)
    if new:
        told = f"{_number(len(new), 'new error pattern')}, too few lines to tell: {_lines_of(new[0])}"
        return Finding(Looks.UNCLEAR, (told,), errors, doubt=True)
    if lines < FEW_LINES:
        return Finding(Looks.UNCLEAR, (f"only {_number(lines, 'log line')} yet",))
    return Finding(Looks.FINE, (f"no new error pattern in {lines:,} log lines, against {known:,} before",))


def of_requests(comparison: Comparison) -> Finding:
    words = (comparison.words().removeprefix("can't tell: "),)
    match comparison.trend:
        case Trend.WORSE:
            return Finding(Looks.WORSE, words)
        case Trend.SAME | Trend.BETTER if min(comparison.before.requests, comparison.after.requests) >= FEW:
            return Finding(Looks.FINE, words)
        case _:
            return Finding(Looks.UNCLEAR, words)


def new_errors(changes: Iterable[PatternChange]) -> Iterator[NewError]:
    """Of patterns, those of errors that are new and have a time."""
    for change in changes:
        pattern = change.pattern
        if change.kind is Change.NEW and pattern.level >= Level.ERROR and pattern.first_us is not None:
            yield NewError(from_microseconds(pattern.first_us), pattern.text, pattern.count)


def _lines_of(change: PatternChange) -> str:
    return f"{_short(change.pattern.text)} ({_number(change.pattern.count, 'line')})"


def _short(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


def _number(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
