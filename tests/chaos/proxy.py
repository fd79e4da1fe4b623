"""A TCP proxy between deckwatch and a platform that breaks the next request which changes something."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

_CHUNK = 65_536
_HELD_S = 2.0  # a client that does not give up by then would wait for ever


class Harm(StrEnum):
    CUT = "cut"  # closed in good order
    RESET = "reset"
    HALF_CLOSE = "half-close"  # one direction ends, the other goes on
    BLACK_HOLE = "black hole"  # accepted, then nothing
    DELAY = "delay"
    DUPLICATE = "duplicate"  # the reply comes twice


class Where(StrEnum):
    REQUEST = "request"
    REPLY = "reply"


@dataclass(frozen=True)
class Fault:
    """`at`: after which part of the request's or reply's bytes, 0 to 1. `outage`: how many connections after it are
    reset at once, whatever they ask."""

    harm: Harm
    where: Where
    at: float = 0.0
    outage: int = 0

    def __str__(self) -> str:
        return f"{self.harm} in the {self.where}"


class Proxy:
    """`url` leads to the platform. What changes something is counted; `on_mutation` is called at its first byte."""

    def __init__(self, target: str, on_mutation: Callable[[], None]) -> None:
        parts = urlsplit(target)
        assert parts.hostname is not None
        assert parts.port is not None
        self._target = (parts.hostname, parts.port)
        self._on_mutation = on_mutation
        self._armed: Fault | None = None
        self._outage = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.mutations = 0
        self.port = 0

    def arm(self, fault: Fault) -> None:
        """The next request that changes something meets it."""
        self._armed = fault

    def heal(self) -> None:
        self._armed, self._outage = None, 0

    def url(self, target: str) -> str:
        return urlsplit(target)._replace(netloc=f"127.0.0.1:{self.port}").geturl()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=2**24)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        client = _Side(reader, writer)
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                if self._outage > 0:
                    self._outage -= 1
                    client.reset()
                    return
                server = _Side(*await asyncio.open_connection(*self._target, limit=2**24))
                try:
                    await self._serve(client, server)
                finally:
                    server.close()
        except asyncio.CancelledError:
            pass
        finally:
            client.close()
            self._tasks.discard(task)

    async def _serve(self, client: _Side, server: _Side) -> None:
        """Pass messages on, one after the other, until one is broken."""
        while (request := await client.message()) is not None:
            fault = None
            if _changes(request):
                self.mutations += 1
                self._on_mutation()
                fault, self._armed = self._armed, None
            if fault is None:
                server.send(request)
                if b"upgrade: websocket" in request.lower():
                    await _pipe(client, server)
                    return
                reply = await server.message(reply=True)
                if reply is None:
                    return
                client.send(reply)
            else:
                self._outage = fault.outage
                if not await _broken(client, server, request, fault):
                    return


def _changes(request: bytes) -> bool:
    head, _, body = request.partition(b"\r\n\r\n")
    method = head.split(b" ", 1)[0]
    if method in (b"GET", b"HEAD", b"OPTIONS"):
        return False
    return b"graphql" not in head.split(b"\r\n", 1)[0] or b"mutation" in body


async def _broken(client: _Side, server: _Side, request: bytes, fault: Fault) -> bool:
    """Do the harm. True: the connection goes on."""
    if fault.where is Where.REQUEST:
        cut = round(len(request) * fault.at)
        server.send(request[:cut])
        return await _harm_request(client, server, request[cut:], fault.harm)
    server.send(request)
    reply = await server.message(reply=True)
    if reply is None:
        return False
    cut = round(len(reply) * fault.at)
    return await _harm_reply(client, reply, cut, fault.harm)


async def _harm_request(client: _Side, server: _Side, rest: bytes, harm: Harm) -> bool:
    match harm:
        case Harm.CUT:
            pass
        case Harm.RESET:
            server.reset()
            client.reset()
        case Harm.HALF_CLOSE:
            server.half_close()
            reply = await server.message(reply=True)  # what a server says to half a request, or to a whole one
            client.send(reply or b"")
        case Harm.BLACK_HOLE:
            await client.gone(_HELD_S)
        case Harm.DELAY | Harm.DUPLICATE:  # a request is never sent twice: no network does that to TCP
            await asyncio.sleep(0.02)
            server.send(rest)
            client.send(await server.message(reply=True) or b"")
            return True
    return False


async def _harm_reply(client: _Side, reply: bytes, cut: int, harm: Harm) -> bool:
    match harm:
        case Harm.CUT:
            client.send(reply[:cut])
        case Harm.RESET:
            client.send(reply[:cut])
            client.reset()
        case Harm.HALF_CLOSE:
            client.send(reply[:cut])
            client.half_close()
            await client.gone(_HELD_S)
        case Harm.BLACK_HOLE:
            client.send(reply[:cut])
            await client.gone(_HELD_S)
        case Harm.DELAY:
            await asyncio.sleep(0.02)
            client.send(reply)
            return True
        case Harm.DUPLICATE:
            client.send(reply + reply)
            return True
    return False


class _Side:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def message(self, *, reply: bool = False) -> bytes | None:
        """Read one HTTP message, whole; None at the end of the stream."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        fields = dict(_fields(head))
        if fields.get("transfer-encoding") == "chunked":
            return head + await self._chunks()
        if "content-length" in fields:
            return head + await self.reader.readexactly(int(fields["content-length"]))
        if not reply or head.split(b" ")[1] in (b"101", b"204", b"304"):
            return head
        return head + await self.reader.read()

    async def _chunks(self) -> bytes:
        found = b""
        while True:
            line = await self.reader.readuntil(b"\r\n")
            size = int(line.split(b";")[0], 16)
            found += line + await self.reader.readexactly(size + 2)
            if size == 0:
                return found

    async def gone(self, seconds: float) -> None:
        """Return when the other end has left, at the latest after `seconds`."""
        with suppress(TimeoutError, OSError):
            async with asyncio.timeout(seconds):
                while await self.reader.read(_CHUNK):
                    pass

    def send(self, content: bytes) -> None:
        if not self.writer.is_closing():
            self.writer.write(content)

    def half_close(self) -> None:
        with suppress(OSError, RuntimeError):
            self.writer.write_eof()

    def reset(self) -> None:
        """Close without a word: RST instead of FIN, whatever was still to be sent."""
        made = self.writer.get_extra_info("socket")
        with suppress(OSError):
            made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def close(self) -> None:
        with suppress(OSError, RuntimeError):
            self.writer.close()


def _fields(head: bytes) -> list[tuple[str, str]]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return [(name.strip().lower(), value.strip().lower()) for name, _, value in (line.partition(":") for line in lines)]


async def _pipe(client: _Side, server: _Side) -> None:
    async def copy(one: _Side, other: _Side) -> None:
        while content := await one.reader.read(_CHUNK):
            other.send(content)
        other.half_close()

    async with asyncio.TaskGroup() as group:
        group.create_task(copy(client, server))
        group.create_task(copy(server, client))
