"""gql's graphql-transport-ws transport with what it lacks: no redirects, one limit for opening, quick reading."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from ssl import SSLContext
from time import monotonic

from gql.graphql_request import GraphQLRequest
from gql.transport.common.adapters.websockets import WebSocketsAdapter
from gql.transport.common.listener_queue import ListenerQueue
from gql.transport.exceptions import TransportConnectionFailed, TransportError, TransportProtocolError
from gql.transport.websockets_protocol import WebsocketsProtocolTransportBase
from graphql import ExecutionResult
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tui.providers import http
from tui.providers.values import decode_json

CONNECT_S = 10.0
"""For the socket and its acknowledgement together: one second gave Railway's own CLI false failures."""

PING_S = 20.0
"""WebSocket pings; no pong in as long again means that nobody is there."""

FRAME_BYTES = 32 * 2**20
"""One frame holds many log lines, or one huge one: the library's own 1 MiB would break the stream for ever."""

_SUBPROTOCOL = Subprotocol(WebsocketsProtocolTransportBase.GRAPHQLWS_SUBPROTOCOL)
_PACE_S = 0.025
_AT_ONCE_S = 0.0002  # a message that was there already takes less
_QUEUE = 1024

Item = tuple[str, ExecutionResult | None] | Exception


class NotAcknowledgedError(TransportProtocolError):
    """The socket opened, and `connection_ack` did not come in time."""


class Inbox(ListenerQueue):
    """gql's queue for one subscription, readable with a time limit and together with others."""

    def __init__(self, wake: asyncio.Event) -> None:
        super().__init__(0, send_stop=True)
        self.items: deque[Item] = deque()
        self.wake = wake

    async def put(self, item: tuple[str, ExecutionResult | None]) -> None:
        self.items.append(item)
        self.wake.set()

    async def set_exception(self, exception: Exception) -> None:
        self.send_stop = False
        self.items.append(exception)
        self.wake.set()


class _Connect(connect):
    """A redirect is a refusal: the library would carry the credential in our headers to wherever it leads."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class _Adapter(WebSocketsAdapter):
    async def connect(self) -> None:
        try:
            self.websocket = await _Connect(
                self.url,
                ssl=self.ssl or None,
                additional_headers=self.headers,
                subprotocols=[_SUBPROTOCOL],
                **self.connect_args,
            )
        except Exception as error:
            raise TransportConnectionFailed("Connect failed") from error
        if self.websocket.response is not None:
            self._response_headers = self.websocket.response.headers


class Socket(WebsocketsProtocolTransportBase):
    """One socket for one subscription; nothing that comes over it can kill the reader."""

    def __init__(self, url: str, headers: Mapping[str, str], ssl: SSLContext | bool, proxy: str | None = None) -> None:
        self.adapter = _Adapter(
            url,
            headers=dict(headers),
            ssl=ssl,
            connect_args={
                "proxy": proxy,
                "user_agent_header": http.USER_AGENT,
                "open_timeout": CONNECT_S,
                "close_timeout": 1,
                "ping_interval": PING_S,
                "ping_timeout": PING_S,
                "max_size": FRAME_BYTES,
                "max_queue": _QUEUE,
            },
        )
        super().__init__(
            adapter=self.adapter,
            subprotocols=[_SUBPROTOCOL],
            connect_timeout=CONNECT_S,
            close_timeout=2,
        )
        self._opened_at = monotonic()
        self._waited = False

    async def connect(self) -> None:
        self._opened_at = monotonic()
        await super().connect()

    async def _initialize(self) -> None:
        self.ack_timeout = max(0.0, CONNECT_S - (monotonic() - self._opened_at))
        try:
            await super()._initialize()  # type: ignore[no-untyped-call]
        except TimeoutError as error:
            raise NotAcknowledgedError("no connection_ack") from error

    async def _receive(self) -> str:
        """In a flood, to wake up for every message costs more than to read it: what comes in 25 ms is read at once."""
        if self._waited:
            self._waited = False
            await asyncio.sleep(_PACE_S)
        began = monotonic()
        answer = await super()._receive()
        self._waited = monotonic() - began > _AT_ONCE_S
        return answer

    async def listen(self, call: GraphQLRequest, inbox: Inbox) -> None:
        query_id = await self._send_query(call)
        inbox.query_id = query_id
        self.listeners[query_id] = inbox
        self._no_more_listeners.clear()

    async def hang_up(self, inbox: Inbox) -> None:
        if inbox.query_id in self.listeners:
            if inbox.send_stop and self.close_exception is None:
                with suppress(TransportError):  # it may be gone already
                    await self._send_complete_message(inbox.query_id)
            self._remove_listener(inbox.query_id)
        await self.close()
        task, self.receive_data_task = self.receive_data_task, None
        if task is not None:
            await asyncio.wait([task], timeout=1)

    def _parse_answer(self, answer: str) -> tuple[str, int | None, ExecutionResult | None]:
        try:
            return self._parse_answer_graphqlws(decode_json(answer))
        except (ValueError, AttributeError, TypeError, IndexError, KeyError, RecursionError) as error:
            # gql lets some of these end its reading task in silence, and the subscriber would wait for ever.
            raise TransportProtocolError("not a graphql-transport-ws message") from error

    @property
    def response_headers(self) -> dict[str, str]:
        return self.adapter.response_headers
