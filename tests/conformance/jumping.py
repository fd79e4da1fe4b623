"""Hours of a world in seconds: time jumps to whoever wakes next, as soon as no request is under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.clocks import FakeClock
from tui.demo.world import World
from tui.providers import http


class Traffic:
    """Counts what goes over HTTP, by (method, path), and knows what is under way: until its body was read, or broke."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[tuple[str, str]] = []
        self.under_way = 0
        real = http.open_client

        async def open_client(*arguments: Any, **named: Any) -> httpx.AsyncClient:  # noqa: ANN401
            client = await real(*arguments, **named)
            client._transport = _Watched(client._transport, self)
            client._mounts = {}
            return client

        monkeypatch.setattr(http, "open_client", open_client)


class _Watched(httpx.AsyncBaseTransport):
    def __init__(self, inner: httpx.AsyncBaseTransport, traffic: Traffic) -> None:
        self._inner = inner
        self._traffic = traffic

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._traffic.requests.append((request.method, request.url.path))
        self._traffic.under_way += 1
        try:
            response = await self._inner.handle_async_request(request)
        except BaseException:
            self._traffic.under_way -= 1
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _Body(response.stream, self._traffic)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream, traffic: Traffic) -> None:
        self._inner = inner
        self._traffic = traffic
        self._open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._inner:
            yield part

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            self._traffic.under_way -= 1
        await self._inner.aclose()


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
