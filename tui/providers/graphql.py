"""GraphQL over gql: queries and mutations by HTTP, subscriptions by graphql-transport-ws, errors made ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Protocol, Self

import httpx
from gql.graphql_request import GraphQLRequest
from gql.transport.exceptions import (
    TransportClosed,
    TransportConnectionFailed,
    TransportError,
    TransportProtocolError,
    TransportQueryError,
    TransportServerError,
)
from gql.transport.httpx import HTTPXAsyncTransport
from graphql import DocumentNode
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tui.model.clock import Clock
from tui.model.errors import Forbidden, ProviderError, RateLimited, Unauthorized, UnexpectedReply, Unreachable
from tui.model.provider import Meter
from tui.providers import http
from tui.providers.graphql_socket import Inbox, NotAcknowledgedError, Socket
from tui.providers.http import Peer
from tui.providers.values import decode_json

_BATCH = 512


@dataclass(frozen=True, slots=True)
class Fault:
    """One of a GraphQL answer's `errors`. `where` is its path, dotted."""

    message: str
    code: str = ""
    trace: str = ""
    where: str = ""
    extensions: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `data` is None when the whole request failed."""

    data: dict[str, Any] | None
    faults: tuple[Fault, ...] = ()


Classify = Callable[[Sequence[Fault], bool], ProviderError]
"""A platform's faults (never none) as one error; the flag says whether a mutation caused them."""


class Edge(Protocol):
    """What stands before a platform's API: makes an error of an answer that did not come from the API itself."""

    def __call__(
        self, peer: Peer, response: httpx.Response, *, mutation: bool, now: datetime
    ) -> ProviderError | None: ...


class Endpoint:
    """One account's GraphQL address: a pooled HTTP client, and a socket for each subscription.

    `headers` carry the credential; they may be replaced at any time and hold from the next request on.
    """

    def __init__(
        self,
        peer: Peer,
        *,
        meter: Meter,
        clock: Clock,
        classify: Classify,
        edge: Edge | None = None,
        ca_file: Path | None = None,
    ) -> None:
        self.peer = peer
        self.meter = meter
        self.clock = clock
        self.classify = classify
        self.edge = edge
        self.ca_file = ca_file
        self.headers: Mapping[str, str] = {}
        self.closed = False
        self._transport: HTTPXAsyncTransport | None = None
        self._opening = asyncio.Lock()
        self._subscriptions: set[Subscription] = set()

    async def ask(
        self,
        document: str,
        variables: Mapping[str, Any],
        *,
        mutation: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; the platform's faults are in the answer. Raises ProviderError when there is no answer.

        After a mutation left, everything but a clear answer is OutcomeUnknown. `headers` instead of the usual
        ones: to try a credential.
        """
        await self.meter.spend()
        transport = await self._http()
        call = request(document, variables)
        try:
            result = await transport.execute(
                call, extra_args={"headers": dict(self.headers if headers is None else headers)}
            )
        except TransportConnectionFailed as error:
            raise self._unanswered(error.__cause__ or error, mutation=mutation) from error
        except TransportServerError as error:
            cause = error.__cause__
            response = cause.response if isinstance(cause, httpx.HTTPStatusError) else None
            raise self.status_error(error.code or 0, response, mutation=mutation) from None
        except (TransportProtocolError, TypeError, AttributeError, ValueError, RecursionError) as error:
            what = "no GraphQL" if isinstance(error, TransportProtocolError) else "no JSON object"
            raise http.unreadable(self.peer, _name(document), what, mutation=mutation) from None
        if result.data is not None and not isinstance(result.data, dict):
            raise http.unreadable(self.peer, f"{_name(document)}: data", "no JSON object", mutation=mutation)
        answer = Answer(result.data, faults(result.errors))
        if answer.data is None and not answer.faults:
            raise http.unreadable(self.peer, _name(document), "neither data nor errors", mutation=mutation)
        return answer

    async def execute(
        self,
        document: str,
        variables: Mapping[str, Any],
        *,
        mutation: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """`ask`, where a fault is raised and part of an answer is none."""
        answer = await self.ask(document, variables, mutation=mutation, headers=headers)
        if answer.faults or answer.data is None:
            raise self.classify(answer.faults, mutation)
        return answer.data

    def subscribe(
        self, document: str, variables: Mapping[str, Any], *, wake: asyncio.Event | None = None
    ) -> Subscription:
        """A subscription on a socket of its own, opened by `async with`."""
        if self.peer.read_only and not _name(document).startswith("subscription"):
            raise http.read_only(self.peer)
        return Subscription(self, request(document, variables), wake or asyncio.Event())

    async def aclose(self) -> None:
        self.closed = True
        for subscription in tuple(self._subscriptions):
            await subscription.aclose(http.closed(self.peer))
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.close()  # type: ignore[no-untyped-call]

    def status_error(self, status: int, response: httpx.Response | None, *, mutation: bool) -> ProviderError:
        now = self.clock.now()
        if response is not None and self.edge is not None:
            error = self.edge(self.peer, response, mutation=mutation, now=now)
            if isinstance(error, RateLimited):  # its page has no header that the meter could have read
                self.meter.observe(retry_at=error.retry_at)
            if error is not None:
                return error
        return http.status_error(self.peer, status, response, mutation=mutation, now=now)

    async def _http(self) -> HTTPXAsyncTransport:
        async with self._opening:
            if self.closed:
                raise http.closed(self.peer)
            if self._transport is None:
                keeper = http.Timekeeper(self.meter.skew, self.clock)
                client = await http.open_client(
                    self.peer,
                    headers={},
                    ca_file=self.ca_file,
                    on_request=[keeper.sent],
                    on_response=[keeper.answered, self._on_response],
                )
                self._transport = HTTPXAsyncTransport(self.peer.url, json_deserialize=decode_json)
                self._transport.client = client
            return self._transport

    async def _on_response(self, response: httpx.Response) -> None:
        """gql forgets the status of an answer that has a GraphQL body: these are told here, and raised through it."""
        now = self.clock.now()
        status = response.status_code
        http.observe(self.meter, response.headers, now, limited=status == 429)
        if status in (401, 408, 429, 499) or status >= 500:
            await response.aread()
            raise _Status(status, response)

    def _unanswered(self, cause: BaseException, *, mutation: bool) -> ProviderError:
        if isinstance(cause, ProviderError):
            return cause
        if isinstance(cause, _Status):
            return self.status_error(cause.status, cause.response, mutation=mutation)
        if self.closed and not mutation:
            return http.closed(self.peer)
        return http.transport_error(cause, self.peer, mutation=mutation)


class _Status(Exception):
    """Carries a status through gql, which wraps whatever its client raises."""

    def __init__(self, status: int, response: httpx.Response) -> None:
        super().__init__(status)
        self.status = status
        self.response = response


class Subscription:
    """One subscription on one socket. `ended`: the platform completed it."""

    def __init__(self, endpoint: Endpoint, call: GraphQLRequest, wake: asyncio.Event) -> None:
        self.ended = False
        self._endpoint = endpoint
        self._call = call
        self._socket: Socket | None = None
        self._inbox = Inbox(wake)

    async def __aenter__(self) -> Self:
        endpoint = self._endpoint
        await endpoint.meter.spend()
        if endpoint.closed:
            raise http.closed(endpoint.peer)
        endpoint._subscriptions.add(self)
        try:
            await self._open()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def receive(self, timeout_s: float) -> list[dict[str, Any]]:
        """What has come, in order, each message's `data`; empty after `timeout_s` of silence, and once `ended`.

        Raises ProviderError when the socket or the subscription broke, after everything that came before.
        """
        if self._inbox.items:
            await asyncio.sleep(0)  # a flood must not have the loop for itself
        elif not self.ended:
            self._inbox.wake.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._inbox.wake.wait()
            except TimeoutError:
                return []
        return self.taken()

    def taken(self) -> list[dict[str, Any]]:
        """`receive` without waiting."""
        taken: list[dict[str, Any]] = []
        items = self._inbox.items
        while items and len(taken) < _BATCH and not self.ended:
            item = items[0]
            if isinstance(item, Exception):
                if taken:
                    break  # first what came before
                raise self._failure(item) from item
            answer_type, result = item
            if result is not None and (result.errors or not isinstance(result.data, dict)):
                if taken:
                    break
                if result.errors:
                    raise self._endpoint.classify(faults(result.errors), False)
                raise http.unreadable(self._endpoint.peer, "subscription", "a frame without data")
            items.popleft()
            if result is not None and result.data is not None:
                taken.append(result.data)
            elif answer_type == "complete":
                self.ended = True
        return taken

    async def aclose(self, error: ProviderError | None = None) -> None:
        """Closes the socket; whoever is waiting in `receive` gets `error`."""
        self._endpoint._subscriptions.discard(self)
        socket, self._socket = self._socket, None
        if error is not None:
            await self._inbox.set_exception(error)
        if socket is not None:
            await socket.hang_up(self._inbox)

    async def _open(self) -> None:
        endpoint = self._endpoint
        url = httpx.URL(endpoint.peer.url)
        secure = url.scheme != "http"
        self._socket = socket = Socket(
            str(url.copy_with(scheme="wss" if secure else "ws")),
            endpoint.headers,
            await http.tls(endpoint.peer, endpoint.ca_file) if secure else False,
            http.proxy_url(endpoint.peer),
        )
        try:
            await socket.connect()
            _still_wanted()
            http.observe(endpoint.meter, httpx.Headers(socket.response_headers), endpoint.clock.now())
            await socket.listen(self._call, self._inbox)
        except (TransportError, TimeoutError) as error:
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> ProviderError:
        peer = self._endpoint.peer
        match error:
            case ProviderError():
                return error
            case TransportQueryError():
                return self._endpoint.classify(faults(error.errors) or (Fault(str(error)),), False)
            case NotAcknowledgedError():
                return Unreachable(
                    f"Account {peer.account}: {peer.title} opened a stream and then did not acknowledge it in time.",
                    remedy="It is opened again; if that goes on, something in between may hold WebSockets back.",
                )
            case TransportProtocolError():
                return http.unreadable(peer, "subscription", "a frame that is no graphql-transport-ws")
            case TransportClosed():
                return http.closed(peer)
        cause = error.__cause__
        if isinstance(cause, InvalidStatus):
            return self._refused_upgrade(cause)
        if isinstance(cause, ConnectionClosed):
            return _closed_by_peer(peer, cause)
        return http.transport_error(cause or error, peer, mutation=False)

    def _refused_upgrade(self, refusal: InvalidStatus) -> ProviderError:
        endpoint, status = self._endpoint, refusal.response.status_code
        wanted = ("content-type", "retry-after", "location", "x-ratelimit")
        headers = {k: v for k, v in refusal.response.headers.raw_items() if k.lower().startswith(wanted)}
        response = httpx.Response(status, headers=headers, content=bytes(refusal.response.body or b""))
        http.observe(endpoint.meter, response.headers, endpoint.clock.now(), limited=status == 429)
        if status < 300:  # something answered the upgrade with a page
            return http.unreadable(endpoint.peer, "subscription", "no WebSocket")
        return endpoint.status_error(status, response, mutation=False)


def _still_wanted() -> None:
    """gql connects inside asyncio.wait_for, which before Python 3.12 swallows a cancellation that comes together with
    the answer: whoever cancelled would wait for ever."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _closed_by_peer(peer: Peer, closing: ConnectionClosed) -> ProviderError:
    """The codes of graphql-transport-ws; everything else is a broken connection."""
    close = closing.rcvd
    words = peer.quote(f"{close.code} {close.reason}".strip()) if close else "it broke"
    match close.code if close else 0:
        case 4401:
            return Unauthorized(f"Account {peer.account}: {peer.title} does not accept the token ({words}).")
        case 4403:
            return Forbidden(f"Account {peer.account}: {peer.title} does not allow this stream ({words}).")
        case 4400 | 4406 | 1009:
            message = f"Account {peer.account}: {peer.title} and we do not understand each other ({words})."
            return UnexpectedReply(message, where="subscription")
    return Unreachable(f"Account {peer.account}: the stream from {peer.host} ended ({words}).")


# -- small parts -----------------------------------------------------------------------------------


@cache
def _parsed(document: str) -> DocumentNode:
    return GraphQLRequest(document).document


def request(document: str, variables: Mapping[str, Any]) -> GraphQLRequest:
    """What gql sends. Variables that are None are left out: not given and null are not the same everywhere."""
    given = {name: value for name, value in variables.items() if value is not None}
    return GraphQLRequest(_parsed(document), variable_values=given)


def faults(errors: object) -> tuple[Fault, ...]:
    """An answer's `errors`, whatever they look like."""
    if not errors:
        return ()
    return tuple(_fault(error) for error in (errors if isinstance(errors, list) else [errors]))


def _fault(error: object) -> Fault:
    """An error without words has an empty message: JSON is none."""
    if not isinstance(error, dict):
        return Fault(error if isinstance(error, str) else "")
    extensions = error.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    path = error.get("path")
    return Fault(
        message=_text(error.get("message")),
        code=_text(extensions.get("code")),
        trace=_text(error.get("traceId")) or _text(extensions.get("traceId")),
        where=".".join(str(part) for part in path if isinstance(part, str | int)) if isinstance(path, list) else "",
        extensions=extensions,
    )


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""


@cache
def _name(document: str) -> str:
    """`query Projects`: an operation for a message."""
    return " ".join(document.split("{")[0].split("(")[0].split())
