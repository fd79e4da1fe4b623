"""Hours of a world in seconds: time jumps to whoever wakes next, as soon as no request is under way."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.clocks import FakeClock
from tui.demo.world import World
from tui.providers import http


class Traffic:
    """Counts what goes over HTTP, by (method, path), and knows what is under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[tuple[str, str]] = []
        self.under_way = 0
        real = http.open_client

        async def open_client(*arguments: Any, **named: Any) -> httpx.AsyncClient:  # noqa: ANN401
            client = await real(*arguments, **named)
            client.event_hooks["request"].append(self._sent)
            client.event_hooks["response"].append(self._answered)
            return client

        monkeypatch.setattr(http, "open_client", open_client)

    async def _sent(self, request: httpx.Request) -> None:
        self.under_way += 1
        self.requests.append((request.method, request.url.path))

    async def _answered(self, response: httpx.Response) -> None:
        await response.aread()
        self.under_way -= 1


class JumpingClock(FakeClock):
    """The world's time. `settle` also waits for the answers that are under way."""

    def __init__(self, world: World, traffic: Traffic) -> None:
        super().__init__()
        self._world = world
        self._traffic = traffic

    def now(self) -> datetime:
        return datetime.fromtimestamp(self._world.clock.now() / 1e9, UTC)

    async def settle(self) -> None:
        await super().settle()
        while self._traffic.under_way:
            await asyncio.sleep(0.0005)
            await super().settle()

    def _move_to(self, at: float) -> None:
        self._world.advance(at - self._elapsed_s)
        super()._move_to(at)
