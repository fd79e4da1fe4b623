"""Dokploy's log sockets: they always open, and a refusal is how they close. The key is a header; nothing is sent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI

from tui.model.errors import Forbidden, ProviderError, Refused, UnexpectedReply, Unreachable
from tui.providers import http
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.errors import CREDENTIAL

_OPEN_S = 10.0  # an address that the server does not know is never answered
_PING_S = 20.0  # it answers pings, so that a dead connection is noticed
_FRAME_BYTES = 4 * 2**20

_NO_CODE = 1005
_BAD_INPUT, _NOT_AUTHORIZED = 4000, 4003
_BAD_DATA = (1003, 1007, 1009)

_quiet = logging.getLogger(f"{__name__}.wire")
_quiet.setLevel(logging.INFO)  # at DEBUG websockets writes every header, and the key is one


class NoSocket(Unreachable):
    """It could not be opened at all: a proxy may let no WebSockets through."""


class Socket:
    """Text frames as they come; not lines: a frame may end anywhere."""

    def __init__(self, api: Api, connection: ClientConnection) -> None:
        self._api = api
        self._connection = connection
        self._silent = True

    async def receive(self) -> str:
        """The next frame. Raises ProviderError when there are no more."""
        try:
            frame = await self._connection.recv()
        except ConnectionClosed as closed:
            raise await self._ended(closed) from closed
        if isinstance(frame, bytes):
            raise UnexpectedReply(f"Account {self._api.account}: a log of Dokploy's is not text.", where="log socket")
        self._silent = False
        return frame

    async def _ended(self, closed: ConnectionClosed) -> ProviderError:
        peer, account = self._api.peer, f"Account {self._api.account}"
        code, reason = (closed.rcvd.code, peer.quote(closed.rcvd.reason)) if closed.rcvd is not None else (None, "")
        if self._api.rest.closed:
            return http.closed(peer)
        if closed.sent is not None and closed.sent.code in _BAD_DATA:
            return UnexpectedReply(f"{account}: a log of Dokploy's is not text.", where="log socket")
        if code == _BAD_INPUT:
            return Refused(f"{account}: Dokploy refuses to show this log ({reason}).")
        if code == _NOT_AUTHORIZED:
            return Forbidden(f"{account}: this key may not read this log ({reason}).", remedy=CREDENTIAL)
        if code == _NO_CODE and self._silent:
            return await self._shut_out()
        return Unreachable(f"{account}: the log's connection to Dokploy was closed.", remedy="It is opened again.")

    async def _shut_out(self) -> ProviderError:
        """Closed without a word: the key itself is refused, or what it may see does not hold this log."""
        try:
            await self._api.query("settings.health")
        except ProviderError as error:
            return error
        return Forbidden(
            f"Account {self._api.account}: Dokploy does not open this log for the key.",
            remedy="It may be another organisation's, or on a server without an SSH key.",
        )


class Inbox:
    """What several sockets bring, as (its number, frame): one of them that ends, ends all."""

    def __init__(self, api: Api, queue: asyncio.Queue[tuple[int, str] | ProviderError]) -> None:
        self._api = api
        self._queue = queue

    async def take(self, timeout_s: float) -> tuple[int, str] | None:
        """The next frame; None after `timeout_s` of silence on the account's clock. Raises ProviderError."""
        if self._queue.empty():
            async with asyncio.TaskGroup() as group:
                getting = group.create_task(self._queue.get())
                waiting = group.create_task(self._api.clock.sleep(timeout_s))
                await asyncio.wait({getting, waiting}, return_when=asyncio.FIRST_COMPLETED)
                getting.cancel()
                waiting.cancel()
            if getting.cancelled():
                return None
            found = getting.result()
        else:
            found = self._queue.get_nowait()
        if isinstance(found, ProviderError):
            raise found
        return found


class Sockets:
    """Opens them, and closes those that are open when the account is."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._open: set[ClientConnection] = set()

    @asynccontextmanager
    async def open(self, urls: Sequence[str]) -> AsyncGenerator[Inbox, None]:
        """Raises NoSocket where one cannot be opened."""
        queue: asyncio.Queue[tuple[int, str] | ProviderError] = asyncio.Queue(maxsize=64)
        async with AsyncExitStack() as stack:
            sockets = [await stack.enter_async_context(self._connected(url)) for url in urls]
            pumps = asyncio.TaskGroup()
            await pumps.__aenter__()
            running = [pumps.create_task(_pump(number, each, queue)) for number, each in enumerate(sockets)]
            try:
                yield Inbox(self._api, queue)
            finally:  # not `async with`: whoever stops reading in the middle must not be seen as a failed task
                for task in running:
                    task.cancel()
                await pumps.__aexit__(None, None, None)

    @asynccontextmanager
    async def _connected(self, url: str) -> AsyncGenerator[Socket, None]:
        api = self._api
        await api.meter.spend()
        if api.rest.closed:
            raise http.closed(api.peer)
        secure = await http.tls(api.peer, api.ca_file) if url.startswith("wss") else None
        try:
            connection = await _Connect(
                url,
                additional_headers=api.headers,
                user_agent_header=http.USER_AGENT,
                ssl=secure,
                proxy=http.proxy_url(api.peer),
                open_timeout=_OPEN_S,
                ping_interval=_PING_S,
                ping_timeout=_PING_S,
                close_timeout=2,
                max_size=_FRAME_BYTES,
                compression=None,
                logger=_quiet,
            )
        except (InvalidHandshake, InvalidURI, OSError, TimeoutError, EOFError) as error:
            raise NoSocket(
                f"Account {api.account}: Dokploy's log socket at {api.peer.host} cannot be opened "
                f"({_why(api, error)}).",
                remedy="A proxy in between must let WebSockets through.",
            ) from error
        self._open.add(connection)
        try:
            if api.rest.closed:
                raise http.closed(api.peer)
            yield Socket(api, connection)
        finally:
            self._open.discard(connection)
            await connection.close()

    async def aclose(self) -> None:
        for connection in tuple(self._open):
            await connection.close()


class _Connect(connect):
    """Never goes where the server sends it on: that could carry the key elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


def _why(api: Api, error: Exception) -> str:
    match error:
        case InvalidStatus() if 300 <= error.response.status_code < 400:
            target = api.peer.quote(error.response.headers.get("Location") or "another address", 100)
            return f"it sends on to {target}, which is not followed"
        case InvalidStatus():
            return f"it was answered with an HTTP status {error.response.status_code}"
        case TimeoutError():
            return "no answer in time"
        case EOFError() | InvalidMessage():
            return "the connection was closed before it was open"
    return api.peer.quote(str(error)).rstrip(".") or "the connection failed"


async def _pump(number: int, socket: Socket, queue: asyncio.Queue[tuple[int, str] | ProviderError]) -> None:
    while True:
        try:
            frame = await socket.receive()
        except ProviderError as error:
            await queue.put(error)
            return
        await queue.put((number, frame))
