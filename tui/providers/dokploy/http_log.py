"""HTTP requests: Traefik's access log of the main host, which only tRPC gives.

Both ends of the time range are always given: without them the oldest 500 lines of the file come.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import msgspec

from tui.model.errors import NotFound, Refused
from tui.model.log import Cursor, HttpRequest, LogEntry, LogGap, LogSource
from tui.model.text import plain
from tui.providers import http
from tui.providers.dokploy import wire
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.wire import LogEntryRow
from tui.providers.overlap import NO_TIME, Overlap, Row, key
from tui.providers.stamps import nanoseconds, to_datetime

_POLL_S = 3.0  # the server parses the whole file each time
_BACK = timedelta(minutes=15)
_MARGIN = timedelta(seconds=5)  # Traefik writes a request when it has ended, and a hundred at a time
_PAGE = 500
_PAGES = 40


class HttpLog:
    def __init__(self, api: Api, picture: Picture) -> None:
        self._api = api
        self._picture = picture

    async def read(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        name = self._service_name(source)
        await self._check_active()
        first = not cursor.started
        while True:
            found = await self._read(source, cursor, name)
            overlap = Overlap(cursor.recent, _floor(cursor))
            new = [row for row in found if overlap.is_new(row)]
            if first and source.since is None:
                new = new[-source.tail :] if source.tail > 0 else []
            first = False
            for row in new:
                cursor.recent.append(row.key)
                for entry in row.entries:
                    yield entry
            if not source.follow:
                return
            await self._api.clock.sleep(_POLL_S)
            if self._api.rest.closed:
                raise http.closed(self._api.peer)

    def _service_name(self, source: LogSource) -> str:
        row = self._picture.known.services.get(source.service.ref)
        if row is None:
            raise NotFound(f"Account {self._api.account}: Dokploy does not know {source.service.path} any more.")
        if row.type not in ("application", "compose") or not row.app_name:
            raise Refused(f"{source.service.path} is a database, which speaks no HTTP.")
        if row.server_id:
            raise Refused(
                f"{source.service.path} runs on another server, and Dokploy keeps HTTP logs of its main host only."
            )
        return row.app_name

    async def _check_active(self) -> None:
        try:
            active = (await self._api.query("settings.haveActivateRequests")).decode(bool)
        except NotFound:
            return
        if not active:
            raise Refused(
                f"Account {self._api.account}: Dokploy does not record HTTP requests.",
                remedy="Turn it on in Dokploy under Requests (Traefik is reloaded by that).",
            )

    async def _read(self, source: LogSource, cursor: Cursor, name: str) -> list[Row]:
        """Oldest first, what is known among it."""
        now = self._api.clock.now()
        newest = to_datetime(max((at for _, at in cursor.recent), default=NO_TIME))
        start = newest - _MARGIN if newest is not None else source.since or now - _BACK
        end = source.until if source.until is not None and not source.follow else now + _MARGIN
        found: list[Row] = []
        for page in range(_PAGES):
            rows, total = await self._page(start, end, page)
            found += [_row(row) for row in rows if _is_of(row, name)]
            if (page + 1) * _PAGE >= total or not rows:
                break
        found.sort(key=lambda row: row.at)
        return found

    async def _page(self, start: datetime, end: datetime, page: int) -> tuple[list[LogEntryRow], int]:
        given = {
            "page": {"pageIndex": page, "pageSize": _PAGE},
            "sort": {"id": "time", "desc": True},
            "dateRange": {"start": _iso(start), "end": _iso(end)},
        }
        answer = await self._api.trpc("settings.readStatsLogs", given)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise http.unreadable(self._api.peer, "settings.readStatsLogs", "no list of requests")
        rows, _ = wire.rows([msgspec.Raw(msgspec.json.encode(each)) for each in answer["data"]], LogEntryRow)
        total = answer.get("totalCount")
        return rows, total if isinstance(total, int) else len(rows)


def _is_of(row: LogEntryRow, name: str) -> bool:
    """`<appName>-service-…@file` of an application, `<appName>-<n>-web@docker` of a compose service."""
    service = row.ServiceName or ""
    rest = service.removeprefix(f"{name}-")
    return rest != service and (rest.startswith("service-") or rest.partition("-")[0].isdecimal())


def _row(row: LogEntryRow) -> Row:
    stamp = row.StartUTC or ""
    try:
        nanos = nanoseconds(stamp)
    except ValueError:
        nanos = NO_TIME
    at = to_datetime(nanos)
    if at is None:
        return Row(key(repr(row), NO_TIME), (LogGap(None, "one request of the log could not be read", 1),))
    words = (
        f"{row.RequestMethod} {row.RequestHost}{row.RequestPath} {row.DownstreamStatus} {row.Duration} {row.ClientHost}"
    )
    entry = HttpRequest(
        at=at,
        id=f"{nanos}",
        method=plain(row.RequestMethod or ""),
        path=plain(row.RequestPath or ""),
        status=row.DownstreamStatus or 0,
        duration_ms=(row.Duration or 0) // 1_000_000,
        client_ip=plain(row.ClientHost or ""),
        host=plain(row.RequestHost or ""),
        bytes_sent=row.DownstreamContentSize or 0,
    )
    return Row(key(words, nanos), (entry,))


def _floor(cursor: Cursor) -> int:
    return min((at for _, at in cursor.recent if at != NO_TIME), default=0)


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
