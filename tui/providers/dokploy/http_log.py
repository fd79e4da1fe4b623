"""HTTP requests: Traefik's access log of the main host, which only tRPC gives.

Both ends of the time range are always given: without them the oldest 500 lines of the file come.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

from tui.model.errors import NotFound, Refused
from tui.model.log import Cursor, GapKind, HttpRequest, LogEntry, LogGap, LogSource
from tui.model.text import plain
from tui.providers import http, values
from tui.providers.dokploy import servers
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.wire import LogEntryRow, ServiceRow
from tui.providers.overlap import NO_TIME, Overlap, Row, key, without_known
from tui.providers.stamps import nanoseconds, to_datetime

_log = logging.getLogger(__name__)

_POLL_S = 3.0  # the server parses the whole file each time
_BACK = timedelta(hours=24)  # the nightly clean-up keeps a thousand lines
_LATE = timedelta(seconds=60)  # Traefik writes a request when it has ended, and a hundred at a time
_AHEAD = timedelta(seconds=60)  # its clock and ours need not agree
_PAGE = 500
_PAGES = 40


class HttpLog:
    def __init__(self, api: Api, picture: Picture) -> None:
        self._api = api
        self._picture = picture

    async def read(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        service = self._service(source)
        await self._check_active()
        while True:
            found, whole = await self._read(source, cursor, service)
            overlap = Overlap(cursor.recent, _floor(cursor))
            new = [row for row in found if overlap.is_new(row)]
            if not whole and cursor.started:
                yield LogGap(None, "Requests are missing here: more came than are read at once.")
            if not cursor.started and source.since is None:
                new = new[-source.tail :] if source.tail > 0 else []
            for row in new:
                cursor.recent.append(row.key)
                for entry in row.entries:
                    yield entry
            if not source.follow or source.until is not None:
                return
            await self._api.clock.sleep(_POLL_S)
            if self._api.rest.closed:
                raise http.closed(self._api.peer)

    def _service(self, source: LogSource) -> ServiceRow:
        row = self._picture.row(source.service.ref)
        if row.type == servers.TYPE:
            raise Refused(servers.NO_LOG)
        if row.type not in ("application", "compose") or not row.app_name:
            raise Refused(
                f"{source.service.path} is a database: no HTTP requests go to it. Read its runtime log instead."
            )
        if row.server_id:
            raise Refused(
                f"{source.service.path} runs on another server, and Dokploy keeps HTTP requests of its main host only.",
                remedy="Read its runtime log instead.",
            )
        return row

    async def _check_active(self) -> None:
        try:
            active = (await self._api.query("settings.haveActivateRequests")).decode(bool)
        except NotFound:
            return
        if not active:
            raise Refused(
                f"Account {self._api.account}: Dokploy does not record HTTP requests.",
                remedy="Turn on requests in Dokploy's web interface, under Requests, and reload Traefik.",
            )

    async def _read(self, source: LogSource, cursor: Cursor, service: ServiceRow) -> tuple[list[Row], bool]:
        """Oldest first, what is known among it; and whether that is all since what is known."""
        now = self._api.rest.platform_now
        newest = to_datetime(max((at for _, at in cursor.recent), default=NO_TIME))
        start = newest - _LATE if newest is not None else source.since or now - _BACK
        end = source.until or now + _AHEAD
        enough = source.tail if newest is None and source.since is None else None
        found: list[Row] = []
        before: list[Row] = []
        whole = False
        for page in range(_PAGES):
            rows, total = await self._page(start, end, page)
            wanted = [_row(row) for row in rows if _is_of(row, service) and _is_wanted(row, source.search)]
            found += without_known(wanted, before)  # what came meanwhile moved the end of a page onto the next
            before = wanted
            whole = (page + 1) * _PAGE >= total or not rows
            if whole or (enough is not None and len(found) >= enough):
                break
        found.sort(key=lambda row: row.at)
        return found, whole

    async def _page(self, start: datetime, end: datetime, page: int) -> tuple[list[LogEntryRow], int]:
        given = {
            "page": {"pageIndex": page, "pageSize": _PAGE},
            "sort": {"id": "time", "desc": True},
            "dateRange": {"start": _iso(start), "end": _iso(end)},
        }
        answer = await self._api.trpc("settings.readStatsLogs", given)
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
            raise http.unreadable(self._api.peer, "settings.readStatsLogs", "no list of requests")
        converted = [values.convert(each, LogEntryRow) for each in answer["data"]]
        rows = [each for each in converted if each is not None]
        if len(rows) < len(converted):
            odd = len(converted) - len(rows)
            _log.warning("Account %s: %d requests of the log could not be read", self._api.account, odd)
        total = answer.get("totalCount")
        return rows, total if isinstance(total, int) else len(rows)


def _is_of(row: LogEntryRow, service: ServiceRow) -> bool:
    """`<appName>-service-…@file` of an application, `<appName>-<n>-web@docker` of a compose service."""
    name, _, rest = (row.ServiceName or "").partition(f"{service.app_name}-")
    if name or not rest:
        return False
    return rest.partition("-")[0].isdecimal() if service.type == "compose" else rest.startswith("service-")


def _is_wanted(row: LogEntryRow, search: str) -> bool:
    """Dokploy itself searches hosts only."""
    return search.casefold() in _words(row).casefold()


def _words(row: LogEntryRow) -> str:
    return f"{row.RequestMethod} {row.RequestHost}{row.RequestPath} {row.DownstreamStatus} {row.ClientHost}"


def _row(row: LogEntryRow) -> Row:
    stamp = row.StartUTC or ""
    try:
        nanos = nanoseconds(stamp)
    except ValueError:
        nanos = NO_TIME
    at = to_datetime(nanos)
    if at is None:
        return Row(
            key(repr(row), NO_TIME), (LogGap(None, "one request of the log could not be read", 1, GapKind.LOST),)
        )
    words = f"{_words(row)} {row.Duration} {row.RequestCount}"
    entry = HttpRequest(
        at=at,
        id=f"{nanos}-{row.RequestCount or 0}",
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
