"""Dokploy's log sockets: they always open, and a refusal is how they close. The key is a header; nothing is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from tui import __version__
from tui.model.errors import Forbidden, ProviderError, Refused, Unauthorized, Unreachable
from tui.providers import http
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.errors import CREDENTIAL

OPEN_S = 10.0  # an address that the server does not know is never answered
PING_S = 20.0
FRAME_BYTES = 4 * 2**20

_SAYS_NOTHING = (1000, 1005)  # a key that is refused is told nothing
_BAD_INPUT, _NOT_AUTHORIZED = 4000, 4003


class Socket:
    """Text frames as they come; not lines: a frame may end anywhere."""

    def __init__(self, api: Api, connection: ClientConnection) -> None:
        self._api = api
        self._connection = connection
        self._frames = 0

    async def receive(self, timeout_s: float) -> str | None:
        """The next frame; None after `timeout_s` without one, on the account's clock. Raises ProviderError."""
        async with asyncio.TaskGroup() as group:
            frame = group.create_task(self._next())
            waiting = group.create_task(self._api.clock.sleep(timeout_s))
            await asyncio.wait({frame, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if not frame.done():
                frame.cancel()
            waiting.cancel()
        if frame.cancelled():
            return None
        result = frame.result()
        if isinstance(result, ProviderError):
            raise result
        return result

    async def _next(self) -> str | ProviderError:
        try:
            data = await self._connection.recv()
        except ConnectionClosed as closed:
            return self._ended(closed)
        self._frames += 1
        if isinstance(data, bytes):
            return self._unreadable()
        return data

    def _unreadable(self) -> ProviderError:
        return Unreachable(
            f"Account {self._api.account}: Dokploy sent what is no text into the log.", remedy="It is opened again."
        )

    def _ended(self, closed: ConnectionClosed) -> ProviderError:
        peer, account = self._api.peer, f"Account {self._api.account}"
        code = closed.rcvd.code if closed.rcvd is not None else None
        reason = peer.quote(closed.rcvd.reason) if closed.rcvd is not None else ""
        if self._api.rest.closed:
            return http.closed(peer)
        if code == _BAD_INPUT:
            return Refused(f"{account}: Dokploy refuses to show this log ({reason}).")
        if code == _NOT_AUTHORIZED:
            return Forbidden(f"{account}: this key may not read this log ({reason}).", remedy=CREDENTIAL)
        if code in _SAYS_NOTHING and self._frames == 0:
            return Unauthorized(f"{account}: Dokploy does not open this log for the key.", remedy=CREDENTIAL)
        return Unreachable(f"{account}: the log's connection to Dokploy was closed.", remedy="It is opened again.")


class NoSocket(Unreachable):
    """It could not be opened at all: a proxy may let no WebSockets through."""


class Sockets:
    """Opens them, and closes those that are open when the account is."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._open: set[ClientConnection] = set()

    @asynccontextmanager
    async def open(self, path: str, **params: str | int) -> AsyncIterator[Socket]:
        """Raises NoSocket."""
        api = self._api
        await api.meter.spend()
        if api.rest.closed:
            raise http.closed(api.peer)
        url = api.socket(path, **params)
        secure = await http.tls(api.peer, api.ca_file) if url.startswith("wss") else None
        try:
            connection = await connect(
                url,
                additional_headers=api.headers,
                user_agent_header=f"deckwatch/{__version__}",
                ssl=secure,
                open_timeout=OPEN_S,
                ping_interval=PING_S,
                ping_timeout=PING_S,
                close_timeout=2,
                max_size=FRAME_BYTES,
                compression=None,
            )
        except (InvalidHandshake, InvalidURI, OSError, TimeoutError, EOFError) as error:
            raise NoSocket(
                f"Account {api.account}: Dokploy's log socket at {api.peer.host} cannot be opened "
                f"({api.peer.quote(str(error) or type(error).__name__)}).",
                remedy="A proxy in between must let WebSockets through.",
            ) from error
        self._open.add(connection)
        try:
            yield Socket(api, connection)
        finally:
            self._open.discard(connection)
            await connection.close()

    async def aclose(self) -> None:
        for connection in tuple(self._open):
            await connection.close()
