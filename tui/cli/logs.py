"""logs: old lines of one or several services merged by time, then new ones as they come."""

from __future__ import annotations

import asyncio
import heapq
import os
import random
import re
import select
import stat
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import click
from msgspec.structs import replace

from tui.cli.exits import Exit, Fault, Unheard, tell
from tui.cli.log_print import Printer, Stream
from tui.cli.options import MOMENT, Common, as_json, common
from tui.cli.session import Session, run
from tui.engine.backoff import Backoff
from tui.engine.log_order import Reorder
from tui.model.clock import Clock
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized
from tui.model.log import Level, LogEntry, LogKind, LogSource
from tui.model.log_filter import HELP, FilterError, LogFilter, parse
from tui.model.moment import by_clock
from tui.model.text import plain
from tui.model.text_match import BadExpression, expression

TAIL = 200
ALL = 1_000_000  # lines, of a time that was asked for
WINDOW_S = 1.0  # how long a line of several logs waits for an older one
READER_S = 1.0  # between looks whether somebody still reads
FINAL = (Unauthorized, Forbidden, NotFound, Refused)  # trying again changes nothing

_FILTERS = "\b\nThe terms of a filter, all of which must hold:\n" + "\n".join(
    f"  {example:<27} {meaning}" for example, meaning in HELP
)


@click.command(epilog=_FILTERS)
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option("--kind", type=click.Choice([str(kind) for kind in LogKind]), default="runtime", show_default=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with new lines; a broken stream is taken up where it broke.")
@click.option(
    "--tail", type=click.IntRange(0), metavar="N", help=f"So many of the newest old lines. {TAIL} without --since."
)
@click.option(
    "--filter", "filters", multiple=True, metavar="TEXT", help="Only lines for which it holds; see below. Repeatable."
)
@click.option("--since", type=MOMENT, help="Old lines since then: 35m, 02:40, 2026-08-22T02:40:00Z.")
@click.option("--until", type=MOMENT, help="Lines until then, and the end.")
@click.option(
    "--level",
    type=click.Choice([level.name.lower() for level in Level]),
    help="Only lines at least this bad; of requests 5xx are errors, 4xx warnings.",
)
@click.option("--grep", metavar="RE", help="Only lines in which this regular expression is found; smart case.")
@click.option("-C", "--context", type=click.IntRange(0, 1000), default=0, metavar="N", help="And N lines around each.")
@as_json
@common
def logs(
    options: Common,
    *,
    targets: tuple[str, ...],
    kind: str,
    follow: bool,
    tail: int | None,
    filters: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    level: str | None,
    grep: str | None,
    context: int,
    json: bool,
) -> None:
    """Log lines of one TARGET or several, merged by time. TARGET may be api@live or api~1: that deployment's only."""
    wanted = _wanted(filters, since, until, level, grep, context)
    if follow and wanted.until:
        raise click.UsageError("A log that ends at a time is not followed: leave out -f, or until.")

    async def work(session: Session) -> Exit:
        count = tail if tail is not None else ALL if wanted.since else TAIL
        streams = await _streams(session, targets, LogKind(kind), count, wanted)
        printer = Printer(wanted, json=json, several=len(streams) > 1)
        began = session.now()
        for stream, entry in await _past(session, streams if count else ()):
            printer.show(stream, entry)
        if follow:
            await _follow(session, streams, printer, began)
        elif count and not any(stream.cursor.started for stream in streams) and not session.failed:
            tell("deckwatch: the log has no lines.")
        return session.exit

    run(options, work)


def _wanted(
    filters: Sequence[str],
    since: datetime | None,
    until: datetime | None,
    level: str | None,
    grep: str | None,
    context: int,
) -> LogFilter:
    """All the options as one filter. Raises BadParameter."""
    now = datetime.now(UTC)
    terms = []
    for text in filters:
        try:
            parse(text, now)
        except FilterError as error:
            where = f"\n  {plain(text)}\n  {' ' * error.position}^"
            raise click.BadParameter(f"{error}{where}", param_hint="--filter") from None
        terms.append(text)
    if level:
        terms.append(f"level>={level}")
    if context:
        terms.append(f"context:{context}")
    if grep:
        try:
            expression(grep)
        except BadExpression as error:
            raise click.BadParameter(f"{error}.", param_hint="--grep") from None
        terms.append("/" + re.sub(r"(\\.)|/", lambda found: found[1] or r"\/", grep, flags=re.DOTALL) + "/")
    wanted = parse(" ".join(terms), now)
    return replace(
        wanted,
        since=max((at for at in (wanted.since, since) if at), default=None),
        until=min((at for at in (wanted.until, until) if at), default=None),
    )


async def _streams(
    session: Session, targets: Sequence[str], kind: LogKind, tail: int, wanted: LogFilter
) -> list[Stream]:
    found = await session.find(targets)
    names = [service.name for service, _ in found]
    streams = []
    for service, selector in found:
        provider = await session.provider(service)
        if kind not in provider.log_kinds:
            raise Fault(provider.lacks.get(kind, f"{provider.title} has no {kind} log."), Exit.REFUSED)
        deployment = await session.deployment(service, selector) if selector else None
        search = provider.search_of(wanted, kind)
        shift = session.engine.skew(service.account).shift
        since, until = by_clock(wanted.since, shift), by_clock(wanted.until, shift)
        source = LogSource(kind, service, deployment, tail=tail, since=since, until=until, search=search, follow=False)
        label = service.name if names.count(service.name) == 1 else service.path
        streams.append(Stream(source, label, provider))
    return streams


async def _past(session: Session, streams: Sequence[Stream]) -> Iterator[tuple[Stream, LogEntry]]:
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


async def _follow(session: Session, streams: Sequence[Stream], printer: Printer, began: datetime) -> None:
    """Till every log has ended, or nobody reads any more."""
    merged = _Merged(printer, session.engine.clock, several=len(streams) > 1)
    try:
        async with asyncio.TaskGroup() as group:
            beside = [group.create_task(merged.release()), group.create_task(_reader_leaves(session.engine.clock))]
            async with asyncio.TaskGroup() as followed:
                for stream in streams:
                    if not stream.broken:
                        followed.create_task(_go_on(session, stream, merged, began))
            for task in beside:
                task.cancel()
        merged.flush()
    except BaseExceptionGroup as failed:
        error: BaseException = failed.subgroup(Fault) or failed
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]
        raise error from None
    except asyncio.CancelledError:  # ctrl+c
        merged.flush()
        raise


class _Merged:
    """The lines of several logs wait a moment for each other; those of one do not."""

    def __init__(self, printer: Printer, clock: Clock, *, several: bool) -> None:
        self._printer = printer
        self._clock = clock
        self._order: Reorder[tuple[Stream, LogEntry]] | None = Reorder(WINDOW_S) if several else None
        self._came = asyncio.Event()

    def show(self, stream: Stream, entry: LogEntry) -> None:
        if self._order is None:
            self._printer.show(stream, entry)
            return
        stream.last = entry.at or stream.last
        self._print(self._order.push((stream, entry), stream.last or self._clock.now(), self._clock.monotonic()))
        self._came.set()

    async def release(self) -> None:
        """Prints what has waited long enough, for ever."""
        while self._order is not None:
            wait_s = self._order.wait_s(self._clock.monotonic())
            if wait_s is None:
                self._came.clear()
                await self._came.wait()
            else:
                await self._clock.sleep(wait_s)
                self._print(self._order.due(self._clock.monotonic()))

    def flush(self) -> None:
        if self._order is not None:
            self._print(self._order.flush())

    def _print(self, entries: Sequence[tuple[Stream, LogEntry]]) -> None:
        for stream, entry in entries:
            self._printer.show(stream, entry)


async def _reader_leaves(clock: Clock) -> None:
    """Raises Unheard soon after the pipe's reader left, even when there is nothing to write."""
    if not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode):
        return
    pipe = select.poll()
    pipe.register(sys.stdout.fileno(), 0)
    while not any(event & (select.POLLERR | select.POLLHUP) for _, event in pipe.poll(0)):
        await clock.sleep(READER_S)
    raise Unheard(BrokenPipeError())


async def _go_on(session: Session, stream: Stream, merged: _Merged, began: datetime) -> None:
    """New lines till the platform ends the log. A break is told, and taken up with the same cursor."""
    source = replace(stream.source, follow=True)
    if not stream.cursor.started:  # nothing old was there, or wanted; what came since the look is new
        source = replace(source, tail=TAIL, since=session.engine.now(stream.service.account) - (session.now() - began))
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
                    merged.show(stream, entry)
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
async def _entries(stream: Stream, source: LogSource) -> AsyncIterator[AsyncIterator[LogEntry]]:
    """Closes the stream's socket at the end, however it comes."""
    entries = stream.provider.logs(source, stream.cursor)
    try:
        yield entries
    finally:
        if (close := getattr(entries, "aclose", None)) is not None:
            await close()
