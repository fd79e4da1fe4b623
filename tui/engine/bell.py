"""Waiting for a time or for somebody to ring, on the injected clock."""

from __future__ import annotations

import asyncio

from tui.model.clock import Clock


class Bell:
    """Wakes its one waiter early. Rings while nobody waits count as one, and the next wait returns at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float | None = None) -> bool:
        """True when rung, False when `seconds` went by first; None waits for ever."""
        if not self._rung.is_set():
            if seconds is None:
                await self._rung.wait()
            elif seconds > 0:
                await self._race(seconds)
        rung = self._rung.is_set()
        self._rung.clear()
        return rung

    async def _race(self, seconds: float) -> None:
        async with asyncio.TaskGroup() as group:
            rung = group.create_task(self._rung.wait())
            slept = group.create_task(self._clock.sleep(seconds))
            await asyncio.wait((rung, slept), return_when=asyncio.FIRST_COMPLETED)
            rung.cancel()
            slept.cancel()
