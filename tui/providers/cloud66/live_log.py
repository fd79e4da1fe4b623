"""A deploy log as it is pushed while the deployment runs: from now on only, for the whole stack, without any ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

from tui.model.clock import Clock
from tui.model.errors import ProviderError, RateLimited, UnexpectedReply, Unreachable
from tui.model.log import Cursor, LogEntry, LogGap
from tui.providers.cloud66.faye import ClientForgotten, PushServer, Subscription
from tui.providers.cloud66.log_lines import live_row
from tui.providers.overlap import Row

CHECK_S = 5.0  # how often it is looked whether the deployment is over
EMPTY_S = 0.5  # before the next poll after one that brought nothing: the server holds it as long as it likes
DRAIN_S = 3.0  # what still comes after it is over

CUT = "The connection to Cloud 66's push server broke; lines may be missing here."
FORGOTTEN = "Cloud 66's push server dropped the subscription; lines may be missing here."


class LiveLog:
    """One stack's pushed lines, for as long as one deployment runs.

    `is_over` asks Cloud 66 whether the deployment has ended.
    """

    def __init__(
        self, server: PushServer, stack: str, deployment: str, is_over: Callable[[], Awaitable[bool]], clock: Clock
    ) -> None:
        self._deployment = deployment
        self._is_over = is_over
        self._clock = clock
        self._server = server
        self._channel = f"/realtime/{stack}/*"
        self._checked_at = clock.monotonic()
        self._over = False
        self._drained = False

    async def read(self, cursor: Cursor, first: LogGap | None) -> AsyncGenerator[LogEntry, None]:
        """`first` is told once the subscription stands. Raises ProviderError; the cursor remembers the client's id,
        for which the server goes on queueing lines for a while."""
        resumed = cursor.started
        subscription = Subscription(self._server, self._channel, cursor.token)
        found = [] if cursor.token else await subscription.open()
        cursor.token = subscription.client_id
        if resumed:
            yield LogGap(None, CUT)
        elif first is not None:
            yield first
        pause_s, forgotten = 0.0, False
        while True:
            rows = [live_row(data, self._deployment) for data in found]
            if resumed and rows:
                rows = _without_resent(rows, cursor)
                resumed = False
            for row in rows:
                cursor.recent.append(row.key)
                for entry in row.entries:
                    yield entry
            if self._drained:
                return
            try:
                found = await self._next(subscription, pause_s)
                pause_s = 0.0 if found else EMPTY_S
                forgotten = False
            except ClientForgotten:
                if forgotten:  # twice, with nothing between: it would go on for ever
                    raise self._server.broke_off() from None
                found = await subscription.open()
                forgotten = True
                cursor.token = subscription.client_id
                yield LogGap(None, FORGOTTEN)

    async def _next(self, subscription: Subscription, pause_s: float) -> list[object]:
        """What the next poll brings; nothing when the deployment is over and nothing more came for a while."""
        outcome: list[object] | ProviderError | ClientForgotten | None = None
        was_over = self._over
        async with asyncio.TaskGroup() as group:
            polling = group.create_task(self._poll(subscription, max(pause_s, subscription.interval_s)))
            while not polling.done() or self._is_due():
                if self._over:
                    await self._wait(group, polling, DRAIN_S)
                    break
                if self._is_due():
                    error = await self._check()
                    if error is not None:
                        outcome = error
                        break
                else:
                    await self._wait(group, polling, self._checked_at + CHECK_S - self._clock.monotonic())
            if polling.done():
                outcome = outcome or polling.result()
            else:
                polling.cancel()
        if isinstance(outcome, Exception):
            raise outcome
        self._drained = was_over and not outcome
        return outcome or []

    async def _poll(self, subscription: Subscription, wait_s: float) -> list[object] | ProviderError | ClientForgotten:
        try:
            if wait_s:
                await self._clock.sleep(wait_s)
            return await subscription.poll()
        except (ProviderError, ClientForgotten) as error:
            return error

    def _is_due(self) -> bool:
        return not self._over and self._clock.monotonic() - self._checked_at >= CHECK_S

    async def _check(self) -> ProviderError | None:
        """A look that fails for now is no reason to leave the stream: the next one will do."""
        self._checked_at = self._clock.monotonic()
        try:
            self._over = await self._is_over()
        except (Unreachable, RateLimited, UnexpectedReply):
            return None
        except ProviderError as error:
            return error
        return None

    async def _wait(self, group: asyncio.TaskGroup, polling: asyncio.Task[object], seconds: float) -> None:
        sleeping = group.create_task(self._clock.sleep(max(0.0, seconds)))
        await asyncio.wait({polling, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        sleeping.cancel()


def _without_resent(rows: list[Row], cursor: Cursor) -> list[Row]:
    """The server may send again what it does not know to have arrived: a beginning that is the end of what is known."""
    known = list(cursor.recent)
    keys = [row.key for row in rows]
    for length in range(min(len(known), len(keys)), 0, -1):
        if keys[:length] == known[-length:]:
            return rows[length:]
    return rows
