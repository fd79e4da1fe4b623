"""A clock that tests move. Nobody waits for it: it jumps to the next sleeper when everybody sleeps."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)


class FakeClock:
    """Implements `tui.model.clock.Clock`. Time stands still but for `advance` and `until`."""

    def __init__(self, at: datetime = START) -> None:
        self._began = at
        self._elapsed_s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._began + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        return self._elapsed_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._elapsed_s + seconds, self._count, waker))
        await waker

    async def settle(self) -> None:
        """Until every task waits: for this clock, for a socket, or for something that only the test can do."""
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        while loop._ready:  # type: ignore[attr-defined]  # noqa: ASYNC110 - no event tells that nobody wants to run
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Lets that much time go by, each sleeper waking at its own moment."""
        goal = self._elapsed_s + seconds
        await self.settle()
        while (wakes_at := self._next()) is not None and wakes_at <= goal:
            await self._wake(wakes_at)
        self._move_to(goal)
        await self.settle()

    async def until(self, condition: Callable[[], object], *, within_s: float = 4 * 3600.0) -> None:
        """Lets time go by until the condition holds. AssertionError when it does not within that time."""
        limit = self._elapsed_s + within_s
        await self.settle()
        while not condition():
            wakes_at = self._next()
            assert wakes_at is not None, "it does not hold, and nobody waits for a time that could change it"
            assert wakes_at <= limit, f"it does not hold after {within_s:.0f} s"
            await self._wake(wakes_at)

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _move_to(self, at: float) -> None:
        self._elapsed_s = at

    async def _wake(self, at: float) -> None:
        self._move_to(max(self._elapsed_s, at))
        while (wakes_at := self._next()) is not None and wakes_at <= at:
            heapq.heappop(self._sleepers)[2].set_result(None)
        await self.settle()
