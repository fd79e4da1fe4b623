"""Serves a world on loopback, inside the running loop."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Protocol

from tui.demo.clock import SECOND
from tui.demo.world import World

if TYPE_CHECKING:  # all of these are loaded after the addresses are known, so that a start is quick
    from starlette.requests import HTTPConnection
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATHS = {"railway": "/graphql/v2", "gitlab": "", "cloud66": "/api/3", "dokploy": ""}
"""What an account's url has behind the host."""
PROJECTS = {"gitlab": ("acme/*",)}
"""What an account must name to be shown anything."""
LIVE_LOGS = {"cloud66": "/push"}
"""Where a platform pushes its logs from, if it has a place of its own for that."""
TICK_S = 0.02
LOUD_TICK_S = 0.01  # from 500 lines a second on


@dataclass(frozen=True, slots=True)
class Address:
    """How a client reaches the world as one platform."""

    url: str
    token: str
    projects: tuple[str, ...] = ()
    live_logs: str | None = None


def listen() -> socket.socket:
    """A port of its own on loopback; who connects waits until the server takes them."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # else asyncio leaves Nagle on
    made.bind(("127.0.0.1", 0))
    made.listen(128)
    made.setblocking(False)
    return made


def address(platform: str, listening: socket.socket, token: str) -> Address:
    host, port = listening.getsockname()
    root = f"http://{host}:{port}"
    live = LIVE_LOGS.get(platform)
    return Address(root + PATHS[platform], token, PROJECTS.get(platform, ()), live and root + live)


class Access(Protocol):
    """Who may come in on one platform, and how often."""

    @property
    def usual(self) -> str:
        """The token that may do everything."""


def access(world: World, platform: str, limit: int | None = None) -> Access:
    """`limit`: requests a window and token, as the platform counts them; None: its usual one."""
    tokens = importlib.import_module(f"tui.demo.{platform}.tokens")
    made: Access = tokens.Tokens(world) if limit is None else tokens.Tokens(world, limit)
    return made


@dataclass(slots=True)
class Serving:
    """What `serve` yields, by platform."""

    addresses: dict[str, Address]
    tokens: dict[str, Any]


@contextlib.asynccontextmanager
async def serve(
    world: World,
    platforms: Sequence[str] | None = None,
    *,
    rate_limit: int | None = None,
    sockets: dict[str, socket.socket] | None = None,
    tokens: dict[str, Any] | None = None,
) -> AsyncIterator[Serving]:
    """Serves until left: `platforms`, or else those that the world has. `rate_limit`: requests a window and token.

    `sockets`: already listening ones.
    """
    platforms = platforms or tuple(dict.fromkeys(one.platform for one in world.workspaces))
    listening = sockets or {platform: listen() for platform in platforms}
    tokens = tokens or {platform: access(world, platform, rate_limit) for platform in listening}
    servers: list[_Server] = []
    pacer = _Pacer(world)
    try:
        for platform, one in listening.items():
            server = _Server(world, platform, tokens[platform])
            await server.start(one)
            servers.append(server)
        pacer.start()
        addresses = {name: address(name, one, tokens[name].usual) for name, one in listening.items()}
        yield Serving(addresses, tokens)
    finally:
        pacer.stop()
        for server in servers:
            await server.stop()
        for one in listening.values():
            one.close()


class _Pacer:
    """Keeps a world on the real clock up to date, so that what is due happens though nobody asks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        if not self._world.clock.frozen:
            self._tick()

    def _tick(self) -> None:
        self._world.run()
        tick = LOUD_TICK_S if (self._world.log_rate or 0) >= 500 else TICK_S
        self._timer = asyncio.get_running_loop().call_later(tick, self._tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


def _means_something(record: logging.LogRecord) -> bool:
    """uvicorn takes an upgrade that was refused in good order, and a client that left in the middle of its request, for
    mistakes of the application's."""
    if record.exc_info and type(record.exc_info[1]).__name__ == "ClientDisconnect":
        return False
    return "without completing handshake" not in record.getMessage()


class _Dated:
    """ASGI: every answer says what time it is in the world."""

    def __init__(self, application: ASGIApp, world: World) -> None:
        self._application = application
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._world.clock.now() // SECOND, usegmt=True)
                message = {**message, "headers": [*message.get("headers", ()), (b"date", date.encode())]}
            await send(message)

        await self._application(scope, receive, dated)


class _Server:
    """One uvicorn server without its main loop, its signal handlers and its log."""

    def __init__(self, world: World, platform: str, tokens: Access) -> None:
        import uvicorn
        from starlette.applications import Starlette

        from tui.demo import control

        app = importlib.import_module(f"tui.demo.{platform}.app")
        logging.getLogger("uvicorn.error").addFilter(_means_something)
        self._stopping = asyncio.Event()
        application = Starlette(
            routes=[
                *app.routes(world, tokens, abort=self._abort, hang=self._hang),
                *control.routes(world),
            ]
        )
        config = uvicorn.Config(
            _Dated(application, world),
            http="h11",
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,  # uvicorn's own 5 s would close a connection just when a slow poller uses it
            loop="none",
        )
        self._uvicorn = uvicorn.Server(config)

    async def start(self, listening: socket.socket) -> None:
        server = self._uvicorn
        server.config.load()
        server.lifespan = server.config.lifespan_class(server.config)
        await server.startup(sockets=[listening])

    def _abort(self, connection: HTTPConnection) -> None:
        for one in tuple(self._uvicorn.server_state.connections):
            if connection.client is not None and getattr(one, "client", None) == tuple(connection.client):
                one.transport.abort()

    async def _hang(self, seconds: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def stop(self) -> None:
        self._stopping.set()
        state = self._uvicorn.server_state
        for server in self._uvicorn.servers:
            server.close()
        for _ in range(5):  # what was accepted last becomes a connection, which is closed as the others
            await asyncio.sleep(0)
        for connection in tuple(state.connections):
            connection.shutdown()
        if state.tasks:
            _, pending = await asyncio.wait(tuple(state.tasks), timeout=1.0)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        for connection in tuple(state.connections):
            connection.transport.abort()
        for server in self._uvicorn.servers:
            await server.wait_closed()
        await asyncio.sleep(0)
