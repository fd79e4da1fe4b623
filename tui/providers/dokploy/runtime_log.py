"""What a service's containers write, by socket; by REST where no socket comes through.

Applications and databases are followed as swarm services, by name: that goes on over a redeploy, where a container's
own socket stays open and mute. Compose services are followed container by container.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AsyncExitStack

from msgspec import Struct

from tui.model.errors import NotFound, ProviderError, Refused
from tui.model.log import Cursor, LogEntry, LogGap, LogLine, LogSource
from tui.model.status import Status
from tui.model.text import log_lines
from tui.providers import http
from tui.providers.dokploy import decode
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.sockets import NoSocket, Socket, Sockets
from tui.providers.dokploy.wire import ServiceRow
from tui.providers.overlap import NO_TIME, Overlap, Row, key
from tui.providers.stamps import nanoseconds, of_datetime, to_datetime

MOST = 10_000  # lines that one request may ask for
_LOOK_S = 5.0
_QUIET_S = 1.5  # so long without a line, and the old ones are all there
_REST_POLL_S = 3.0
_MARGIN_S = 3
_LATE_NS = 5_000_000_000
_MISSING = "Error response from daemon"


class _From(Struct, frozen=True):
    """One thing whose lines are read."""

    container: str
    swarm: bool
    name: str = ""


class RuntimeLog:
    def __init__(self, api: Api, sockets: Sockets, picture: Picture) -> None:
        self._api = api
        self._sockets = sockets
        self._picture = picture

    async def read(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        row = self._picture.known.services.get(source.service.ref)
        if row is None:
            await self._picture.snapshot()
            row = self._picture.known.services.get(source.service.ref)
        if row is None:
            raise NotFound(f"Account {self._api.account}: Dokploy does not know {source.service.path} any more.")
        while True:
            targets = await self._targets(source, row)
            try:
                async for entry in self._follow(source, cursor, row, targets):
                    yield entry
            except NoSocket as error:
                if row.type != "application" or not self._api.has("application.readLogs"):
                    raise
                if not cursor.started:
                    yield LogGap(None, f"{error.message} The log is asked for instead, of one replica.")
                async for entry in self._poll(source, cursor, row):
                    yield entry
            if not source.follow:
                return  # else the containers have changed: begin anew with those of now

    async def _targets(self, source: LogSource, row: ServiceRow) -> list[_From]:
        if row.type != "compose":
            if not row.app_name:
                raise Refused(f"Dokploy did not tell the internal name of {source.service.path}.")
            return [_From(row.app_name, True)]
        await self._picture.refresh_containers()
        found = [each for each in self._picture.instances(source.service.ref) if each.status is not Status.STOPPED]
        if not found:
            raise Refused(
                f"{source.service.path} has no running container to read from.",
                remedy=self._picture.known.problems.get("containers", "Start it first."),
            )
        return [_From(each.ref.id, False, each.name) for each in found]

    async def _follow(
        self, source: LogSource, cursor: Cursor, row: ServiceRow, targets: Sequence[_From]
    ) -> AsyncGenerator[LogEntry, None]:
        """Ends when the containers have changed, or with the old lines if nobody follows."""
        async with AsyncExitStack() as stack:
            inbox: asyncio.Queue[tuple[_From, str | ProviderError]] = asyncio.Queue()
            opened = [
                (
                    target,
                    await stack.enter_async_context(
                        self._sockets.open("docker-container-logs", **self._params(source, cursor, row, target))
                    ),
                )
                for target in targets
            ]
            group = await stack.enter_async_context(_tasks())
            for target, socket in opened:
                group.create_task(_pump(target, socket, inbox))
            try:
                async for entry in self._entries(source, cursor, row, inbox):
                    yield entry
            finally:
                group.stop()

    async def _entries(
        self,
        source: LogSource,
        cursor: Cursor,
        row: ServiceRow,
        inbox: asyncio.Queue[tuple[_From, str | ProviderError]],
    ) -> AsyncIterator[LogEntry]:
        overlap: Overlap | None = Overlap(cursor.recent, _floor(cursor))
        partial: dict[str, str] = {}
        before = {each.ref.id for each in self._picture.instances(source.service.ref)}
        while True:
            taken = await self._taken(inbox, _LOOK_S if source.follow else _QUIET_S)
            if taken is None:
                if not source.follow:
                    return
                if row.type == "compose" and before != await self._now(source):
                    return
                continue
            target, frame = taken
            if isinstance(frame, ProviderError):
                raise frame
            *whole, partial[target.container] = (partial.get(target.container, "") + frame).split("\n")
            for text in whole:
                line = _row(text.rstrip("\r"), target)
                if line is None or (overlap is not None and not overlap.is_new(line)):
                    continue
                if overlap is not None and overlap.passed(line.at, _LATE_NS):
                    overlap = None
                cursor.recent.append(line.key)
                for entry in line.entries:
                    if not isinstance(entry, LogLine) or _within(entry, source):
                        yield entry

    async def _taken(
        self, inbox: asyncio.Queue[tuple[_From, str | ProviderError]], timeout_s: float
    ) -> tuple[_From, str | ProviderError] | None:
        async with asyncio.TaskGroup() as group:
            getting = group.create_task(inbox.get())
            waiting = group.create_task(self._api.clock.sleep(timeout_s))
            await asyncio.wait({getting, waiting}, return_when=asyncio.FIRST_COMPLETED)
            getting.cancel()
            waiting.cancel()
        return None if getting.cancelled() else getting.result()

    async def _now(self, source: LogSource) -> set[str]:
        await self._picture.refresh_containers()
        return {each.ref.id for each in self._picture.instances(source.service.ref)}

    def _params(self, source: LogSource, cursor: Cursor, row: ServiceRow, target: _From) -> dict[str, str | int]:
        newest = max((at for _, at in cursor.recent), default=NO_TIME)
        now = self._api.clock.now()
        tail, since = min(MOST, max(1, source.tail)), "all"
        if newest != NO_TIME:  # all since then; what is known is recognised
            tail, since = MOST, f"{max(1, (of_datetime(now) - newest) // 1_000_000_000 + _MARGIN_S)}s"
        elif source.since is not None:
            tail, since = MOST, f"{max(1, int((now - source.since).total_seconds()) + _MARGIN_S)}s"
        return {
            "containerId": target.container,
            "tail": tail,
            "since": since,
            "runType": "swarm" if target.swarm else "native",
            "serverId": row.server_id or "",
            "serviceId": row.id,
        }

    async def _poll(self, source: LogSource, cursor: Cursor, row: ServiceRow) -> AsyncGenerator[LogEntry, None]:
        _, id_ = decode.split(source.service.ref)
        while True:
            tail = min(MOST, max(1, source.tail)) if not cursor.started else MOST
            text = await self._api.text("application.readLogs", applicationId=id_, tail=tail)
            overlap = Overlap(cursor.recent, _floor(cursor))
            for each in text.split("\n"):
                line = _row(each.rstrip("\r"), _From(row.app_name or "", True))
                if line is not None and overlap.is_new(line):
                    cursor.recent.append(line.key)
                    for entry in line.entries:
                        yield entry
            if not source.follow:
                return
            await self._api.clock.sleep(_REST_POLL_S)
            if self._api.rest.closed:
                raise http.closed(self._api.peer)


class _tasks:
    """The readers of the sockets: ended together, awaited together."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._running: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> _tasks:
        await self._group.__aenter__()
        return self

    def create_task(self, work: object) -> None:
        self._running.append(self._group.create_task(work))  # type: ignore[arg-type]

    def stop(self) -> None:
        for task in self._running:
            task.cancel()

    async def __aexit__(self, *error: object) -> None:
        self.stop()
        await self._group.__aexit__(None, None, None)


async def _pump(target: _From, socket: Socket, inbox: asyncio.Queue[tuple[_From, str | ProviderError]]) -> None:
    while True:
        try:
            frame = await socket.receive(_LOOK_S)
        except ProviderError as error:
            inbox.put_nowait((target, error))
            return
        if frame is not None:
            inbox.put_nowait((target, frame))


def _row(text: str, target: _From) -> Row | None:
    """`2026-08-21T14:04:03.118237001Z message`. The time is Docker's."""
    if not text:
        return None
    stamp, _, message = text.partition(" ")
    try:
        at = nanoseconds(stamp)
    except ValueError:
        if text.startswith(_MISSING):
            return Row(
                key(text, NO_TIME), (LogGap(None, f"Docker has no such container any more ({target.container})."),)
            )
        at, message = NO_TIME, text
    lines = tuple(LogLine(to_datetime(at), each, instance=target.name or "") for each in log_lines(message))
    return Row(key(f"{target.container}\0{message}", at), lines)


def _floor(cursor: Cursor) -> int:
    """Lines before the oldest that is still known were shown long ago."""
    return min((at for _, at in cursor.recent if at != NO_TIME), default=0)


def _within(line: LogLine, source: LogSource) -> bool:
    if line.at is None:
        return True
    return (source.since is None or line.at >= source.since) and (source.until is None or line.at <= source.until)
