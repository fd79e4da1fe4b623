"""What a service's containers write: by socket; by REST where no socket comes through.

Applications and databases are followed as swarm services, by name: that goes on over a redeploy, where a container's
own socket stays open and mute. Compose services are followed container by container.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence

from tui.model.entities import Ref
from tui.model.errors import NotFound, ProviderError, Refused, Unreachable
from tui.model.log import Cursor, GapKind, LogEntry, LogGap, LogLine, LogSource
from tui.model.status import Status
from tui.providers import http
from tui.providers.dokploy import servers
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.runtime_lines import Frames, Reader, since_s
from tui.providers.dokploy.sockets import Inbox, NoSocket, Sockets
from tui.providers.dokploy.wire import ServiceRow
from tui.providers.overlap import NO_TIME, Overlap, Row
from tui.providers.stamps import to_datetime

MOST = 10_000  # lines that one request may ask for
_LOOK_S = 5.0  # how often the containers of a compose service are listed anew
_FIRST_S = 5.0  # without a line, and there are no old ones
_SETTLED_S = 0.7  # of silence, and all old lines are there
_OLD_S = 4.0  # a service that talks without pause is never silent
_REST_POLL_S = 3.0
_DOUBT_S = 30.0  # of silence, and it is asked whether that is true
_SELDOM_S = 300.0
_NOTHING = "Nothing of it runs."
_LATE_NS = 5_000_000_000
_CUT = LogGap(None, "Lines are missing here: more came than Dokploy gives at once.")
_GONE = LogGap(None, "Docker no longer has the lines from before: some may be missing here.")


class RuntimeLog:
    def __init__(self, api: Api, sockets: Sockets, picture: Picture) -> None:
        self._api = api
        self._sockets = sockets
        self._picture = picture

    async def read(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        """Ends with the old lines, where nobody follows."""
        row = self._picture.row(source.service.ref)
        if row.type == servers.TYPE:
            raise Refused(servers.NO_LOG)
        if not row.app_name:
            raise Refused(f"Dokploy did not tell the internal name of {source.service.path}, which its logs go by.")
        resumed = cursor.started
        while True:
            readers = await self._readers(source, row)
            try:
                async for entry in self._follow(source, cursor, row, readers, resumed=resumed):
                    yield entry
            except NoSocket as error:
                if not self._api.has(f"{row.type}.readLogs"):
                    raise
                if not cursor.started:
                    replicas = "" if row.type == "compose" else ", of one replica"
                    how = f"The log is asked for every few seconds instead{replicas}."
                    yield LogGap(None, f"{error.message} {how}", kind=GapKind.NOTE)
                async for entry in self._poll(source, cursor, row, readers, resumed=resumed):
                    yield entry
            if not _follows(source):
                return
            resumed = False  # other containers: those from before were heard to their end

    async def _readers(self, source: LogSource, row: ServiceRow) -> list[Reader]:
        if row.type != "compose":
            return [Reader(row.app_name or "", swarm=True)]
        await self._picture.read_service(source.service.ref)
        slots = self._picture.slots(source.service.ref)
        found = [slot for slot in slots if slot.status is not Status.STOPPED]
        if not found and not source.follow:
            found = slots  # what has ended still has its log
        if not found:
            running = self._picture.running
            why = running.why_not(source.service.ref) if running.reading(source.service.ref) is None else _NOTHING
            message = f"{source.service.path} has no container to read from. {why}"
            raise Unreachable(message, remedy="It is tried again.") if source.follow else Refused(message)
        return [Reader(slot.best.id, swarm=False, name=slot.name) for slot in found]

    # -- by socket --------------------------------------------------------------------------------------------

    async def _follow(
        self, source: LogSource, cursor: Cursor, row: ServiceRow, readers: Sequence[Reader], *, resumed: bool
    ) -> AsyncGenerator[LogEntry, None]:
        """Ends when the containers are others than `readers`."""
        urls = [self._url(source, cursor, row, reader) for reader in readers]
        frames = Frames(self._api.peer, readers)
        clock = self._api.clock
        async with self._sockets.open(urls) as inbox:
            known = Overlap(cursor.recent, _floor(cursor))
            old, error = await self._old(inbox, frames)
            new = [each for each in old if known.is_new(each)]
            if (gap := _missing(old, known, source, cursor, resumed=resumed)) is not None:
                yield gap
            for entry in _given(new if cursor.started else _newest(new, source), source, cursor):
                yield entry
            if error is not None:
                raise error
            if not _follows(source):
                return
            overlap: Overlap | None = known
            heard = looked = clock.monotonic()
            patience_s = _DOUBT_S
            while True:
                taken = await inbox.take(_LOOK_S)
                now = clock.monotonic()
                if taken is not None:
                    heard, patience_s = now, _DOUBT_S
                    for line in frames.take(*taken):
                        if overlap is not None and not overlap.is_new(line):
                            continue
                        if overlap is not None and overlap.passed(line.at, _LATE_NS):
                            overlap = None
                        for entry in _given([line], source, cursor):
                            yield entry
                if row.type == "compose" and now - looked >= _LOOK_S:
                    looked = now
                    if await self._are_others(source.service.ref, readers):
                        return
                elif row.type != "compose" and now - heard >= patience_s:
                    await self._doubt(row, cursor)
                    heard, patience_s = now, min(2 * patience_s, _SELDOM_S)

    async def _old(self, inbox: Inbox, frames: Frames) -> tuple[list[Row], ProviderError | None]:
        """Old lines, of all replicas and containers together, in the order of their times; and what broke it off."""
        found: list[Row] = []
        began = self._api.clock.monotonic()
        error: ProviderError | None = None
        try:
            while (taken := await inbox.take(_SETTLED_S if found else _FIRST_S)) is not None:
                found += frames.take(*taken)
                if self._api.clock.monotonic() - began >= _OLD_S:
                    break
        except ProviderError as broken:
            error = broken
        return sorted(found, key=lambda row: row.at), error

    async def _are_others(self, ref: Ref, readers: Sequence[Reader]) -> bool:
        await self._picture.read_containers(ref)
        running = {slot.best.id for slot in self._picture.slots(ref) if slot.status is not Status.STOPPED}
        return running != {reader.container for reader in readers}

    async def _doubt(self, row: ServiceRow, cursor: Cursor) -> None:
        """A socket stays open and mute when what it follows is gone. Raises Unreachable if there are newer lines."""
        procedure = f"{row.type}.readLogs"
        if not self._api.has(procedure):
            return
        try:
            given: dict[str, str | int] = {f"{row.type}Id": row.id, "tail": 5}
            text = await self._api.text(procedure, **given)
        except (NotFound, Refused, Unreachable):
            return  # nothing runs, and there is nothing to be said
        frames = Frames(self._api.peer, [Reader(row.app_name or "", swarm=True)])
        overlap = Overlap(cursor.recent, _floor(cursor))
        if any(overlap.is_new(line) and line.at > overlap.newest for line in frames.take(0, text)):
            message = f"Account {self._api.account}: Dokploy has newer lines, but its log socket is silent."
            raise Unreachable(message, remedy="It is opened again.")

    def _url(self, source: LogSource, cursor: Cursor, row: ServiceRow, reader: Reader) -> str:
        back_s = self._back_s(source, cursor)
        tail = min(MOST, max(1, source.tail)) if back_s is None else MOST
        return self._api.socket(
            "docker-container-logs",
            containerId=reader.container,
            tail=tail,
            since="all" if back_s is None else f"{back_s}s",
            runType="swarm" if reader.swarm else "native",
            serverId=row.server_id or "",
            serviceId=row.id,
        )

    def _back_s(self, source: LogSource, cursor: Cursor) -> int | None:
        """How far back is asked for; None: as many lines as are wanted."""
        newest = max((at for _, at in cursor.recent), default=NO_TIME)
        return since_s(self._api.rest.platform_now, newest, source.since)

    # -- by REST ----------------------------------------------------------------------------------------------

    async def _poll(
        self, source: LogSource, cursor: Cursor, row: ServiceRow, readers: Sequence[Reader], *, resumed: bool
    ) -> AsyncGenerator[LogEntry, None]:
        """The last lines, again and again. Ends when the containers of a compose service are others."""
        while True:
            frames = Frames(self._api.peer, readers)
            found: list[Row] = []
            for number, reader in enumerate(readers):
                text = await self._text(source, cursor, row, reader)
                found += frames.take(number, text if text.endswith("\n") else f"{text}\n")
            found.sort(key=lambda each: each.at)
            overlap = Overlap(cursor.recent, _floor(cursor))
            new = [each for each in found if overlap.is_new(each)]
            if (gap := _missing(found, overlap, source, cursor, resumed=resumed)) is not None:
                yield gap
            resumed = False
            for entry in _given(new if cursor.started else _newest(new, source), source, cursor):
                yield entry
            if not _follows(source):
                return
            await self._api.clock.sleep(_REST_POLL_S)
            if self._api.rest.closed:
                raise http.closed(self._api.peer)
            if row.type == "compose" and await self._are_others(source.service.ref, readers):
                return

    async def _text(self, source: LogSource, cursor: Cursor, row: ServiceRow, reader: Reader) -> str:
        back_s = self._back_s(source, cursor)
        given: dict[str, str | int] = {f"{row.type}Id": row.id}
        given["tail"] = min(MOST, max(1, source.tail)) if back_s is None else MOST
        if back_s is not None:
            given["since"] = f"{back_s}s"
        if not reader.swarm:
            given["containerId"] = reader.container
        return await self._api.text(f"{row.type}.readLogs", **given)


def _given(rows: Sequence[Row], source: LogSource, cursor: Cursor) -> Iterator[LogEntry]:
    """The entries that are wanted, each row noted in the cursor as it goes out."""
    for row in rows:
        cursor.recent.append(row.key)
        for entry in row.entries:
            if not isinstance(entry, LogLine) or _is_wanted(entry, source):
                yield entry


def _newest(rows: Sequence[Row], source: LogSource) -> list[Row]:
    """Swarm gives its tail of each replica."""
    if source.since is not None:
        return list(rows)
    wanted = [row for row in rows if any(not isinstance(e, LogLine) or _is_wanted(e, source) for e in row.entries)]
    return wanted[-source.tail :] if source.tail > 0 else []


def _is_wanted(line: LogLine, source: LogSource) -> bool:
    """Dokploy's own search is late, because it holds matches back: it is done here."""
    if source.search and source.search.casefold() not in line.text.casefold():
        return False
    if line.at is None:
        return True
    return (source.since is None or line.at >= source.since) and (source.until is None or line.at <= source.until)


def _missing(
    found: Sequence[Row], known: Overlap, source: LogSource, cursor: Cursor, *, resumed: bool
) -> LogGap | None:
    """What is not among what was found, though it was asked for. `resumed`: after the connection broke."""
    full = len(found) >= MOST
    if not cursor.started:
        first = to_datetime(found[0].at) if found else None
        if not full or source.since is None or first is None or first <= source.since:
            return None
        return LogGap(first, f"Dokploy gives only its newest {MOST:,} lines.", kind=GapKind.OLDER)
    if known.met or not found:
        return None
    return _CUT if full else _GONE if resumed and known.newest != NO_TIME else None


def _follows(source: LogSource) -> bool:
    return source.follow and source.until is None


def _floor(cursor: Cursor) -> int:
    """Lines before the oldest that is still known were shown long ago."""
    return min((at for _, at in cursor.recent if at != NO_TIME), default=0)
