"""logs: old lines of one or several services merged by time, then new ones as they come."""

from __future__ import annotations

import asyncio
import heapq
import random
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import click
from msgspec.structs import replace

from tui.cli import output
from tui.cli.exits import Exit, Fault, tell
from tui.cli.options import MOMENT, Common, as_json, common
from tui.cli.session import Session, run
from tui.engine.backoff import Backoff
from tui.model.entities import Service
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized
from tui.model.log import Cursor, HttpRequest, Level, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.model.provider import Provider
from tui.model.structured import structured
from tui.model.text import without_sgr

TAIL = 200
ALL = 1_000_000  # lines, of a time that was asked for
FINAL = (Unauthorized, Forbidden, NotFound, Refused)  # trying again changes nothing


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--kind", type=click.Choice([str(kind) for kind in LogKind]), default="runtime", show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines; a broken stream is taken up where it broke.")
@click.option("--tail", type=click.IntRange(0), help=f"So many of the newest old lines. {TAIL} without --since.")
@click.option("--since", type=MOMENT, help="Old lines since then: 35m, 02:40, 2026-08-22T02:40:00Z.")
@click.option(
    "--level",
    type=click.Choice([level.name.lower() for level in Level]),
    help="Only lines at least this bad; of requests 5xx are errors, 4xx warnings.",
)
@click.option("--grep", metavar="RE", help="Only lines in which this regular expression is found.")
@as_json
@common
def logs(
    options: Common,
    *,
    targets: tuple[str, ...],
    kind: str,
    follow: bool,
    tail: int | None,
    since: datetime | None,
    level: str | None,
    grep: str | None,
    json: bool,
) -> None:
    """Log lines of one TARGET or several, merged by time. TARGET may be api@live or api~1: that deployment's only."""
    sieve = _Sieve(Level[level.upper()] if level else Level.TRACE, _pattern(grep))

    async def work(session: Session) -> Exit:
        count = tail if tail is not None else ALL if since else TAIL
        streams = await _streams(session, targets, LogKind(kind), count, since)
        printer = _Printer(sieve, json=json, several=len(streams) > 1)
        began = session.now()
        for stream, entry in await _past(session, streams if count else ()):
            printer.show(stream, entry)
        if follow:
            await _follow(session, streams, printer, began)
        elif count and not any(stream.cursor.started for stream in streams) and not session.failed:
            tell("deckwatch: the log has no lines.")
        return session.exit

    run(options, work)


def _pattern(grep: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(grep) if grep else None
    except re.error as error:
        raise click.BadParameter(f"{grep!r} is not a regular expression: {error}.", param_hint="--grep") from None


@dataclass(slots=True)
class _Stream:
    source: LogSource
    label: str
    provider: Provider
    cursor: Cursor = field(default_factory=Cursor)
    deployment: str = ""  # of the last line
    broken: bool = False

    @property
    def service(self) -> Service:
        return self.source.service


async def _streams(
    session: Session, targets: Sequence[str], kind: LogKind, tail: int, since: datetime | None
) -> list[_Stream]:
    found = await session.find(targets)
    names = [service.name for service, _ in found]
    streams = []
    for service, selector in found:
        provider = await session.provider(service)
        if kind not in provider.log_kinds:
            raise Fault(provider.lacks.get(kind, f"{provider.title} has no {kind} log."), Exit.REFUSED)
        deployment = await session.deployment(service, selector) if selector else None
        source = LogSource(kind, service, deployment, tail=tail, since=since, follow=False)
        label = service.name if names.count(service.name) == 1 else service.path
        streams.append(_Stream(source, label, provider))
    return streams


async def _past(session: Session, streams: Sequence[_Stream]) -> Iterator[tuple[_Stream, LogEntry]]:
    """The old lines of all streams, oldest first. A line without a time stays behind the one before it."""
    read: list[list[tuple[datetime, int, LogEntry]]] = [[] for _ in streams]

    async def collect(number: int) -> None:
        stream = streams[number]
        last = datetime.min.replace(tzinfo=UTC)
        try:
            async with _entries(stream, stream.source) as entries:
                async for entry in entries:
                    last = max(last, entry.at) if entry.at else last
                    read[number].append((last, number, entry))
        except ProviderError as error:
            session.fault(stream.service.account, error)
            stream.broken = isinstance(error, FINAL)

    async with asyncio.TaskGroup() as group:
        for number in range(len(streams)):
            group.create_task(collect(number))
    merged = heapq.merge(*read, key=lambda row: row[0])
    return ((streams[number], entry) for _, number, entry in merged)


async def _follow(session: Session, streams: Sequence[_Stream], printer: _Printer, began: datetime) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for stream in streams:
                if not stream.broken:
                    group.create_task(_go_on(session, stream, printer, began))
    except* BrokenPipeError:
        raise BrokenPipeError from None


async def _go_on(session: Session, stream: _Stream, printer: _Printer, began: datetime) -> None:
    """New lines till the platform ends the log. A break is told, and taken up with the same cursor."""
    source = replace(stream.source, follow=True)
    if not stream.cursor.started:  # nothing old was there, or wanted; what came since the look is new
        source = replace(source, tail=TAIL, since=began)
    backoff = Backoff(random.Random())
    broke_at: datetime | None = None
    while True:
        try:
            async with _entries(stream, source) as entries:
                async for entry in entries:
                    if broke_at is not None:
                        away_s = (session.now() - broke_at).total_seconds()
                        tell(f"deckwatch: {stream.label}: the log goes on after {away_s:.0f} s.")
                        broke_at = None
                        backoff.reset()
                    printer.show(stream, entry)
        except FINAL as error:
            session.fault(stream.service.account, error)
            return
        except ProviderError as error:
            wait_s = backoff.next_s()
            if isinstance(error, RateLimited):
                wait_s = max(wait_s, (error.retry_at - session.now()) / timedelta(seconds=1))
            if broke_at is None:
                broke_at = session.now()
            tell(f"deckwatch: {stream.label}: the log broke off: {error} Trying again in {wait_s:.0f} s.")
            await session.engine.clock.sleep(wait_s)
        else:
            return


@asynccontextmanager
async def _entries(stream: _Stream, source: LogSource) -> AsyncIterator[AsyncIterator[LogEntry]]:
    """Closes the stream's socket at the end, however it comes."""
    entries = stream.provider.logs(source, stream.cursor)
    try:
        yield entries
    finally:
        if (close := getattr(entries, "aclose", None)) is not None:
            await close()


@dataclass(frozen=True, slots=True)
class _Sieve:
    level: Level
    pattern: re.Pattern[str] | None

    def holds(self, entry: LogLine | HttpRequest) -> bool:
        if isinstance(entry, LogLine):
            return entry.level >= self.level and self._found(without_sgr(entry.raw or entry.text))
        return _request_level(entry) >= self.level and self._found(_request_text(entry))

    def _found(self, text: str) -> bool:
        return self.pattern is None or self.pattern.search(text) is not None


class _Printer:
    def __init__(self, sieve: _Sieve, *, json: bool, several: bool) -> None:
        self._sieve = sieve
        self._json = json
        self._several = several
        self._colored = output.colored()

    def show(self, stream: _Stream, entry: LogEntry) -> None:
        if isinstance(entry, LogGap):
            lines = "Lines" if entry.lines is None else f"{entry.lines} lines"
            tell(f"deckwatch: {stream.label}: {lines} are missing here: {entry.reason}")
            if self._json:
                output.emit(output.gap_json(entry, stream.service, stream.source.kind))
            return
        if entry.deployment and entry.deployment != stream.deployment:
            if stream.deployment and not self._json:
                tell(f"deckwatch: {stream.label}: deployment {entry.deployment} speaks from here.")
            stream.deployment = entry.deployment
        if isinstance(entry, LogLine):
            entry = structured(entry)
        if not self._sieve.holds(entry):
            return
        if self._json:
            output.emit(self._object(stream, entry))
        else:
            output.line(self._text(stream, entry))

    def _object(self, stream: _Stream, entry: LogLine | HttpRequest) -> output.Json:
        if isinstance(entry, LogLine):
            return output.line_json(entry, stream.service, stream.source.kind)
        return output.request_json(entry, stream.service)

    def _text(self, stream: _Stream, entry: LogLine | HttpRequest) -> str:
        at = f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}.{entry.at.microsecond // 1000:03}" if entry.at else "-" * 23
        label = f" {stream.label}" if self._several else ""
        if isinstance(entry, HttpRequest):
            return f"{at}{label} {_request_text(entry)}"
        text = entry.raw or entry.text
        text = f"{text}\x1b[m" if self._colored and "\x1b" in text else without_sgr(text)
        return f"{at}{label} {entry.level.letter} {text}"


def _request_level(request: HttpRequest) -> Level:
    return Level.ERROR if request.status >= 500 else Level.WARN if request.status >= 400 else Level.INFO


def _request_text(request: HttpRequest) -> str:
    detail = f" {request.detail}" if request.detail else ""
    return (
        f"{request.status} {request.method} {request.path} {request.duration_ms}ms {request.client_ip or '-'}{detail}"
    )
