"""Dokploy's log sockets. The handshake always succeeds; a refusal is a close right after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tui.demo.dokploy.site import Site
from tui.demo.dokploy.streams import Opened, Refused, Streams, said
from tui.demo.dokploy.tokens import Tokens
from tui.demo.faults import STREAM_FAULTS, Channel, FaultKind
from tui.demo.gate import Abort
from tui.demo.world import World

Stream = Callable[[Opened], AsyncIterator[str]]


class _Cut(Exception):
    """The connection is no more."""


def socket_routes(prefix: str, world: World, site: Site, tokens: Tokens, abort: Abort) -> list[BaseRoute]:
    streams = Streams(world, site, tokens)
    served: dict[str, Stream] = {
        "/listen-deployment": streams.build,
        "/docker-container-logs": streams.runtime,
        "/listen-docker-stats-monitoring": streams.stats,
    }
    return [
        WebSocketRoute(prefix + path, _Sockets(world, path, stream, abort).serve) for path, stream in served.items()
    ]


class _Sockets:
    """All that are opened on one path, which is what faults call them."""

    def __init__(self, world: World, path: str, stream: Stream, abort: Abort) -> None:
        self._world = world
        self._path = path
        self._stream = stream
        self._abort = abort

    async def serve(self, socket: WebSocket) -> None:
        await socket.accept()
        if not self._world.clock.frozen:
            self._world.run()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send(socket))
            await _gone(socket)
            sending.cancel()

    async def _send(self, socket: WebSocket) -> None:
        opened = Opened(socket.query_params, socket.headers, lambda: self._moments(socket, opened))
        try:
            async for frame in self._stream(opened):
                await socket.send_text(frame)
        except Refused as refused:
            if text := said(refused):
                await socket.send_text(text)
            await socket.send({"type": "websocket.close", "code": refused.code, "reason": refused.reason})
        except (_Cut, WebSocketDisconnect, RuntimeError):
            return

    async def _moments(self, socket: WebSocket, opened: Opened) -> AsyncIterator[None]:
        """Now, and whenever time has passed; in between whatever faults are due. Raises _Cut."""
        woken = asyncio.Event()
        forget = self._world.on_wake(woken.set)
        try:
            while True:
                yield
                if self._world.faults.armed(STREAM_FAULTS):
                    await self._fault(socket, opened.sent)
                await woken.wait()
                woken.clear()
        finally:
            forget()

    async def _fault(self, socket: WebSocket, sent: int) -> None:
        take, names = self._world.faults.take, {self._path}
        if take(FaultKind.DROP, Channel.SOCKET, names, sent) is not None:
            self._abort(socket)
            raise _Cut
        if (close := take(FaultKind.CLOSE, Channel.SOCKET, names, sent)) is not None:
            await socket.close(int(close.detail or 1000))
            raise _Cut
        if take(FaultKind.MALFORMED, Channel.SOCKET, names, sent) is not None:
            await socket.send_bytes(b"\x00\xff\xfe half a frame")
        if take(FaultKind.SILENT, Channel.SOCKET, names, sent) is not None:
            await asyncio.Event().wait()


async def _gone(socket: WebSocket) -> None:
    """Returns when the client is. What it sends is typed into a terminal that nobody reads."""
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
    except RuntimeError:
        return
