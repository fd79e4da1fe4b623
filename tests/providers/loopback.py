"""What every provider's test server shares: it is run on loopback, and the meter that its provider is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette

from tui.model.skew import Skew


class Ledger:
    """The meter of a test: counts what is spent and keeps what is told."""

    def __init__(self) -> None:
        self.skew = Skew()
        self.spent = 0
        self.told: list[dict[str, Any]] = []

    async def spend(self) -> None:
        self.spent += 1

    def observe(self, **told: Any) -> None:  # noqa: ANN401
        self.told.append(told)


@asynccontextmanager
async def running(app: Starlette) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    """The server and its port. On leaving every connection is cut and waited for."""
    # Without its Date: the tests' clocks stand elsewhere.
    config = uvicorn.Config(
        app, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1, date_header=False
    )
    config.load()
    runner = uvicorn.Server(config)  # without its main loop, which looks ten times a second whether to end
    runner.lifespan = config.lifespan_class(config)
    await runner.startup()
    try:
        yield runner, runner.servers[0].sockets[0].getsockname()[1]
    finally:
        for listening in runner.servers:  # uvicorn's own shutdown sleeps first
            listening.close()
            await listening.wait_closed()
        for _ in range(5):  # what was accepted last becomes a connection
            await asyncio.sleep(0)
        await until(lambda: not (cut(runner) or runner.server_state.tasks))


def cut(runner: uvicorn.Server) -> int:
    """Ends every connection without a word; how many there were."""
    for connection in list(runner.server_state.connections):
        transport = getattr(connection, "transport", None)
        if transport is not None:
            transport.abort()
    return len(runner.server_state.connections)


async def until(condition: Callable[[], object], timeout_s: float = 20.0) -> None:
    """Waits for a condition, and fails when it does not come."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)
