"""The log of an operation, whole and afterwards, where its uid is known.

`GET /operations/:uid/logs.json` is real, but no documented call tells the uid.
Source: cloud66-oss/cloud66, operation.go; https://help.cloud66.com/docs/toolbelt (cx logs)
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from urllib.parse import quote

from tui.model.log import Cursor, LogEntry, LogLine, LogSource
from tui.providers.cloud66.api import Api
from tui.providers.cloud66.listing import PER_PAGE, Rows
from tui.providers.cloud66.log_lines import operation_lines
from tui.providers.cloud66.wire import OperationLine

POLL_S = 5.0


class OperationLog:
    """`is_over` asks whether the operation has ended; `pause` waits, or raises when the account is closed."""

    def __init__(
        self,
        api: Api,
        operation: str,
        deployment: str,
        is_over: Callable[[], Awaitable[bool]],
        pause: Callable[[float], Awaitable[None]],
    ) -> None:
        self._api = api
        self._operation = operation
        self._deployment = deployment
        self._is_over = is_over
        self._pause = pause
        self._per_page = PER_PAGE
        self._path = f"operations/{quote(operation, safe='')}/logs.json"

    async def read(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        """The cursor's token is how many rows were told: rows are only added at the end."""
        if not cursor.started:
            old, told = await self._old(source)
            for entry in old:
                yield entry
            cursor.token = str(told)
        while source.follow:
            over = await self._is_over()
            async for row, position in self._rows(_told(cursor)):
                for entry in operation_lines(row, self._deployment, self._operation):
                    yield entry
                cursor.token = str(position)
            if over:
                return
            await self._pause(POLL_S)

    async def _old(self, source: LogSource) -> tuple[list[LogEntry], int]:
        bounded = source.since is not None or source.until is not None
        entries: deque[LogEntry] = deque(maxlen=None if bounded else max(0, source.tail))
        start = 0 if bounded else await self._where_tail_begins(source.tail)
        position = start
        async for row, position in self._rows(start):  # noqa: B007 - the last one is what counts
            entries.extend(
                each
                for each in operation_lines(row, self._deployment, self._operation)
                if not bounded or _within(each, source)
            )
        return list(entries), position

    async def _where_tail_begins(self, tail: int) -> int:
        """Long logs are not read from their beginning, where the list says how many pages it has."""
        page = await self._page(1)
        size, pages = page.place.per_page or self._per_page, page.place.pages or 1
        needed = -(-max(1, tail) // size) + 1
        return max(0, pages - needed) * size

    async def _rows(self, told: int) -> AsyncGenerator[tuple[OperationLine | None, int], None]:
        """The rows after the first `told`, each with how many there are up to it."""
        page = await self._page_with(told)
        while True:
            for position, row in enumerate(page.slots, (page.number - 1) * self._per_page + 1):
                if position > told:
                    yield row, position
            if page.next is None:
                return
            before, page = page, await self._page(page.next)
            if not page.slots or page.is_again(before):
                return

    async def _page_with(self, told: int) -> Rows[OperationLine]:
        """The page of the last row that was told: it surely exists. How many rows a page has, only a page tells."""
        page = await self._page(max(0, told - 1) // self._per_page + 1)
        per_page = page.place.per_page or max(self._per_page, len(page.slots))
        if per_page == self._per_page:
            return page
        self._per_page = per_page
        return await self._page(max(0, told - 1) // per_page + 1)

    async def _page(self, number: int) -> Rows[OperationLine]:
        return await self._api.page(self._path, OperationLine, number, {"include_children": "true"})


def _within(entry: LogEntry, source: LogSource) -> bool:
    at = entry.at if isinstance(entry, LogLine) else None
    if at is None:
        return True
    return (source.since is None or at >= source.since) and (source.until is None or at <= source.until)


def _told(cursor: Cursor) -> int:
    return int(cursor.token) if cursor.token.isdecimal() else 0
