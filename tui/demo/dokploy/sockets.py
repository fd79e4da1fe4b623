"""Dokploy's log sockets. The handshake always succeeds; a refusal is a close right after it."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tui.demo.clock import SECOND
from tui.demo.dokploy import ids, texts, words
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.tokens import Tokens
from tui.demo.entities import Deployment, Service
from tui.demo.faults import STREAM_FAULTS, Channel, FaultKind
from tui.demo.gate import Abort
from tui.demo.scripts import Line
from tui.demo.world import World

FRAME = 64 * 1024
_NO_CODE = 1005
_LOG_PATH = re.compile(r"[\w/. :\[\]-]{1,500}")
_CONTAINER = re.compile(r"[0-9a-f]{12,64}|[a-zA-Z0-9][\w.-]{0,127}")
_SINCE = re.compile(r"all|(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class _Refused(Exception):
    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Sent:
    """How many lines have gone out, which faults may wait for."""

    lines = 0


class _Cut(Exception):
    """The connection is no more."""


def socket_routes(prefix: str, world: World, site: Site, tokens: Tokens, abort: Abort) -> list[BaseRoute]:
    sockets = _Sockets(world, site, tokens, abort)
    return [
        WebSocketRoute(prefix + "/listen-deployment", sockets.build),
        WebSocketRoute(prefix + "/docker-container-logs", sockets.runtime),
    ]


async def never_answered(_socket: WebSocket) -> None:
    """An upgrade to an unknown path gets no answer at all."""
    await asyncio.Event().wait()


class _Sockets:
    def __init__(self, world: World, site: Site, tokens: Tokens, abort: Abort) -> None:
        self._world = world
        self._site = site
        self._tokens = tokens
        self._abort = abort

    async def build(self, socket: WebSocket) -> None:
        await self._serve(socket, self._build)

    async def runtime(self, socket: WebSocket) -> None:
        await self._serve(socket, self._runtime)

    async def _serve(self, socket: WebSocket, frames: Callable[[WebSocket], AsyncIterator[str]]) -> None:
        await socket.accept()
        if not self._world.clock.frozen:
            self._world.run()
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send(socket, frames(socket)))
            await _gone(socket)
            sending.cancel()

    async def _send(self, socket: WebSocket, frames: AsyncIterator[str]) -> None:
        try:
            async for frame in frames:
                if frame:
                    await socket.send_text(frame)
        except _Refused as refused:
            if refused.code == _NO_CODE:
                await _close_without_code(socket)
            else:
                await socket.close(refused.code, refused.reason)
        except (_Cut, WebSocketDisconnect, RuntimeError):
            return

    # -- the file of a build --------------------------------------------------------------------------------

    async def _build(self, socket: WebSocket) -> AsyncIterator[str]:
        """The whole file from its beginning, then what is appended. It never ends by itself."""
        path = socket.query_params.get("logPath", "")
        if not path:
            raise _Refused(4000, "logPath no provided")
        if not _LOG_PATH.fullmatch(path) or not path.startswith("/etc/dokploy/") or ".." in path:
            raise _Refused(4000, "Invalid log path")
        if self._tokens.caller(socket.headers) is None:
            raise _Refused(_NO_CODE)
        one = self._of_path(path)
        if one is None:
            yield f"tail error: tail: cannot open '{path}' for reading: No such file or directory\n"
            raise _Refused(_NO_CODE)
        written, sent = 0, _Sent()
        chunks = random.Random(f"chunks:{path}")
        async for _ in self._moments(socket, {"/listen-deployment"}, sent):
            text = texts.build_file(one, self._site)
            for frame in _cut_anywhere(text[written:], chunks, first=written == 0):
                yield frame
            written, sent.lines = len(text), text.count("\n")

    def _of_path(self, path: str) -> Deployment | None:
        for service in self._site.services:
            for one in self._site.rows(service):
                if ids.log_path(one) == path:
                    return one
        return None

    # -- what containers write --------------------------------------------------------------------------------

    async def _runtime(self, socket: WebSocket) -> AsyncIterator[str]:
        given = socket.query_params
        wanted, tail = given.get("containerId", ""), given.get("tail", "100")
        since = _SINCE.fullmatch(given.get("since", "all"))
        if not wanted:
            raise _Refused(4000, "containerId no provided")
        if not _CONTAINER.fullmatch(wanted):
            raise _Refused(4000, "Invalid container ID format")
        if not tail.isdecimal() or int(tail) > 10_000:
            raise _Refused(4000, "Invalid tail parameter")
        if since is None:
            raise _Refused(4000, "Invalid since parameter")
        if not re.fullmatch(r"[a-zA-Z0-9 ._-]{0,500}", given.get("search", "")):
            raise _Refused(4000, "Invalid search parameter")
        key = self._tokens.caller(socket.headers)
        if key is None:
            raise _Refused(_NO_CODE)
        if not key.may_all and not given.get("serviceId"):
            raise _Refused(4003, "Not authorized")
        begin = 0 if since[1] is None else self._world.now - int(since[1]) * _SECONDS[since[2]] * SECOND
        found = self._named(wanted) if given.get("runType") == "swarm" else self._container(wanted)
        if found is None:
            yield f"Error response from daemon: No such container: {wanted}\r\n"
            await asyncio.Event().wait()  # and the socket stays open
            return
        service, only = found
        sent, after = _Sent(), self._world.now - 1
        first = [each for each in texts.last_lines(self._world, service, int(tail), begin) if _is_of(each, only)]
        chunks = random.Random(f"chunks:{wanted}:{after}")
        for frame in _cut_anywhere(texts.stamped(first), chunks):
            yield frame
        sent.lines += len(first)
        async for _ in self._moments(socket, {"/docker-container-logs"}, sent):
            until = self._world.now - 1
            if only is not None and only.removed_at is not None:
                continue  # mute: the end of a container is not told
            lines = [each for each in texts.new_lines(self._world, service, after) if _is_of(each, only)]
            after = max(after, until)
            sent.lines += len(lines)
            for frame in _cut_anywhere(texts.stamped(lines), chunks):
                yield frame

    def _named(self, name: str) -> tuple[Service, Deployment | None] | None:
        """A swarm service, whatever task of it runs."""
        return next(((one, None) for one in self._site.services if ids.app_name(one) == name), None)

    def _container(self, wanted: str) -> tuple[Service, Deployment | None] | None:
        for service in self._site.services:
            for one in service.active:
                for number in range(len(one.instances)):
                    names = (ids.container_id(one, number), words.container_name(service, one, number))
                    if wanted in names or (len(wanted) >= 12 and names[0].startswith(wanted[:12])):
                        return service, one
        return None

    # -- both -------------------------------------------------------------------------------------------------

    async def _moments(self, socket: WebSocket, names: set[str], sent: _Sent) -> AsyncIterator[None]:
        """Now, and whenever time has passed; in between whatever faults are due. Raises _Cut."""
        woken = asyncio.Event()
        forget = self._world.on_wake(woken.set)
        try:
            while True:
                yield
                if self._world.faults.armed(STREAM_FAULTS):
                    await self._fault(socket, names, sent.lines)
                await woken.wait()
                woken.clear()
        finally:
            forget()

    async def _fault(self, socket: WebSocket, names: set[str], sent: int) -> None:
        take = self._world.faults.take
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


def _is_of(line: Line, only: Deployment | None) -> bool:
    return only is None or line.owner == only.id


def _cut_anywhere(text: str, rng: random.Random, *, first: bool = False) -> list[str]:
    """Frames that end where it pleases them, in mid-line; the first of a file within its first emoji."""
    if first and "✅" in text:
        before, _, after = text.partition("✅")
        return [before + "\ufffd", "\ufffd", *_cut_anywhere(after, rng)]
    frames: list[str] = []
    while text:
        size = min(FRAME // 4, rng.randint(1, max(2, len(text))))
        frames.append(text[:size])
        text = text[size:]
    return frames


async def _gone(socket: WebSocket) -> None:
    """Returns when the client is. What it sends is typed into a terminal that nobody reads."""
    try:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
    except RuntimeError:
        return


async def _close_without_code(socket: WebSocket) -> None:
    """Dokploy's close frame says nothing (1005). uvicorn cannot send such a one: it says 1000."""
    await socket.close(1000)
