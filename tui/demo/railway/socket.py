"""graphql-transport-ws as Railway serves it: who comes without a credential gets an ack, and then silence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from ariadne.asgi.handlers import GraphQLTransportWSHandler
from ariadne.asgi.handlers.graphql_transport_ws import ClientContext
from graphql import ExecutionResult, GraphQLError
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from tui.demo.faults import STREAM_FAULTS, Channel, FaultKind
from tui.demo.railway.access import Context
from tui.demo.railway.documents import names, parsed
from tui.demo.railway.errors import NOT_AUTHORIZED, Refusal, error_body, format_error
from tui.demo.railway.feeds import Feed
from tui.demo.railway.tokens import Tokens
from tui.demo.world import World


class _Cut(Exception):
    """The connection was broken or closed in mid-stream, as a fault asked for."""


class SocketEndpoint(GraphQLTransportWSHandler):
    def __init__(self, world: World, tokens: Tokens, abort: Callable[[WebSocket], None]) -> None:
        super().__init__()
        self._world = world
        self._tokens = tokens
        self._abort = abort

    async def __call__(self, websocket: WebSocket) -> None:
        if self._world.faults.take(FaultKind.RATE_LIMIT, Channel.SOCKET, ()) is not None:
            await websocket.send_denial_response(PlainTextResponse("Too Many Requests", 429, {"Retry-After": "3"}))
            return
        if "graphql-transport-ws" not in websocket.scope.get("subprotocols", ()):
            await websocket.close(4406)
            return
        state = websocket.state
        state.contexts, state.silent, state.token, state.complaint = {}, False, None, NOT_AUTHORIZED
        state.authenticated = {"authorization", "project-access-token"} & set(websocket.headers)
        try:
            state.token = self._tokens.caller(websocket.headers)
        except LookupError as error:
            state.complaint = str(error.args[0])
        try:
            await self.handle_websocket(websocket)
        finally:
            if (timer := getattr(state, "init_timer", None)) is not None:
                timer.cancel()

    async def handle_connection_init_timeout(self, websocket: WebSocket, client_context: ClientContext) -> None:
        websocket.state.init_timer = asyncio.current_task()
        await super().handle_connection_init_timeout(websocket, client_context)

    async def handle_websocket_subscribe(
        self, websocket: WebSocket, data: object, operation_id: str, client_context: ClientContext
    ) -> None:
        state = websocket.state
        called = _called(data)
        if not state.authenticated or self._world.faults.take(FaultKind.SILENT, Channel.SOCKET, called, 0) is not None:
            return
        if not self._world.clock.frozen:
            self._world.run()
        context = Context(self._world, state.token, state.complaint)
        state.pending = context
        state.contexts[operation_id] = (context, called)
        await super().handle_websocket_subscribe(websocket, data, operation_id, client_context)

    async def get_context_for_request(self, request: WebSocket, data: object) -> Context:
        del data
        context: Context = request.state.pending
        return context

    async def observe_async_results(
        self,
        websocket: WebSocket,
        results_producer: AsyncIterator[ExecutionResult],
        operation_id: str,
        client_context: ClientContext,
    ) -> None:
        context, called = websocket.state.contexts.pop(operation_id)
        feed: Feed[Any] | None = context.feed
        frames = _results(results_producer, operation_id) if feed is None else _entries(feed, operation_id)
        forget = self._world.on_wake(lambda: self._drop_quiet(websocket, called) if feed is None else None)
        try:
            async for frame in self._faulty(websocket, frames, called, feed):
                await websocket.send_text(frame)
            client_context.operations.pop(operation_id, None)
            client_context.operation_tasks.pop(operation_id, None)
            await self._finish(websocket, operation_id, feed)
        except (_Cut, WebSocketDisconnect, RuntimeError):
            return  # the client is gone; the receiving side tidies up
        finally:
            forget()

    def _drop_quiet(self, websocket: WebSocket, called: set[str]) -> None:
        """A subscription to changes may have nothing to say for hours: it is cut without waiting for a frame."""
        if self._world.faults.take(FaultKind.DROP, Channel.SOCKET, called, 1) is not None:
            self._abort(websocket)

    async def _faulty(
        self, websocket: WebSocket, frames: AsyncIterator[str], called: set[str], feed: Feed[Any] | None
    ) -> AsyncIterator[str]:
        """The frames, with whatever faults are due in between. Raises _Cut."""
        faults = self._world.faults
        async for frame in frames:
            if frame:
                yield frame
            if not faults.armed(STREAM_FAULTS):
                continue
            sent = 1 if feed is None else feed.sent
            if faults.take(FaultKind.DROP, Channel.SOCKET, called, sent) is not None:
                self._abort(websocket)
                raise _Cut
            if (close := faults.take(FaultKind.CLOSE, Channel.SOCKET, called, sent)) is not None:
                await websocket.close(int(close.detail or 1000))
                raise _Cut
            if faults.take(FaultKind.MALFORMED, Channel.SOCKET, called, sent) is not None:
                yield '{"type":"next","id":'
            if faults.take(FaultKind.SILENT, Channel.SOCKET, called, sent) is not None:
                await asyncio.Event().wait()  # until the client gives up

    async def _finish(self, websocket: WebSocket, operation_id: str, feed: Feed[Any] | None) -> None:
        if websocket.application_state is WebSocketState.DISCONNECTED:
            return
        ending = self._world.build_ends_socket if feed is not None and feed.ends_socket else "complete"
        match ending:
            case "drop":
                self._abort(websocket)
            case "close":
                await websocket.close(1000)
            case _:
                await websocket.send_text(json.dumps({"type": "complete", "id": operation_id}))


async def _entries(feed: Feed[Any], operation_id: str) -> AsyncIterator[str]:
    """Of a log. An empty text where there is nothing new but a fault may be due."""
    try:
        async for batch in feed.batches():
            yield feed.frame(operation_id, batch) if batch else ""
    except Refusal as refusal:
        feed.ends_socket = False
        errors = [error_body(str(refusal), path=[feed.key])]
        yield json.dumps({"type": "next", "id": operation_id, "payload": {"data": None, "errors": errors}})


async def _results(results: AsyncIterator[ExecutionResult], operation_id: str) -> AsyncIterator[str]:
    async for result in results:
        payload: dict[str, Any] = {"data": result.data}
        if result.errors:
            payload["errors"] = [format_error(error) for error in result.errors]
        yield json.dumps({"type": "next", "id": operation_id, "payload": payload})


def _called(payload: object) -> set[str]:
    """Nothing, where it is no request at all: the handler says so."""
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        return set()
    try:
        return names(parsed(payload["query"]), payload.get("operationName"))
    except GraphQLError:
        return set()
