"""A loopback server that answers what a test tells it to: GraphQL over HTTP and graphql-transport-ws, on one port.

It knows nothing of the providers. What it says is written out in the tests, from the platform's contract.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.providers.loopback import cut, running

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    name: str
    variables: Json
    headers: dict[str, str]
    query: str = ""  # of its URL


@dataclass
class Stream:
    """One subscription, from the server's side."""

    socket: WebSocket
    id: str
    server: GraphQLServer

    async def next(self, **data: object) -> None:
        await self.send({"type": "next", "id": self.id, "payload": {"data": data}})

    async def next_errors(self, *messages: str) -> None:
        errors = [{"message": message, "traceId": "42"} for message in messages]
        await self.send({"type": "next", "id": self.id, "payload": {"errors": errors, "data": None}})

    async def error(self, *messages: str) -> None:
        await self.send({"type": "error", "id": self.id, "payload": [{"message": m} for m in messages]})

    async def complete(self) -> None:
        await self.send({"type": "complete", "id": self.id})

    async def send(self, message: object) -> None:
        await self.raw(json.dumps(message))

    async def raw(self, text: str) -> None:
        await self.socket.send_text(text)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.socket.close(code, reason)

    async def hold(self) -> None:
        """Stays silent until the client goes away."""
        try:
            while True:
                await self.socket.receive_text()
        except (WebSocketDisconnect, RuntimeError):
            return


Answer = Callable[[Json], Any]
Streamer = Callable[[Stream, Json], Awaitable[None]]


@dataclass
class GraphQLServer:
    """`answers` by operation name: data, or a Response. `streams` likewise."""

    answers: dict[str, Answer] = field(default_factory=dict)
    streams: dict[str, Streamer] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    subscribed: list[Call] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    acknowledge: bool = True
    refuse_upgrade: Response | None = None
    port: int = 0
    uvicorn: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql/v2"

    def named(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name]

    def cut(self) -> None:
        """Ends every connection without a word."""
        assert self.uvicorn is not None
        cut(self.uvicorn)

    async def post(self, request: Request) -> Response:
        body = await request.json()
        name, variables = _operation(body["query"]), body.get("variables") or {}
        call = Call(name, variables, dict(request.headers), request.url.query)
        self.calls.append(call)
        found = await self.answer(call)
        response = found if isinstance(found, Response) else JSONResponse({"data": found}, headers=self.headers)
        if response.status_code >= 600:  # what no server says: the connection breaks instead
            self.cut()
        return response

    async def answer(self, call: Call) -> Any:  # noqa: ANN401
        """Return what the test has for this call: data, or a Response."""
        return await self.ask(call.name, call.variables)

    async def ask(self, name: str, variables: Json) -> Any:  # noqa: ANN401
        answer = self.answers.get(name)
        if answer is None:
            return JSONResponse(errors(f"nothing answers {name}"))
        found = answer(variables)
        return await found if asyncio.iscoroutine(found) else found

    async def connect(self, socket: WebSocket) -> None:
        if self.refuse_upgrade is not None:
            await socket.send_denial_response(self.refuse_upgrade)
            return
        await socket.accept("graphql-transport-ws", headers=[])
        try:
            init = json.loads(await socket.receive_text())
            assert init["type"] == "connection_init"
            if not self.acknowledge:
                await Stream(socket, "", self).hold()
                return
            await socket.send_text('{"type":"connection_ack"}')
            message = json.loads(await socket.receive_text())
            assert message["type"] == "subscribe"
            payload = message["payload"]
            name, variables = _operation(payload["query"]), payload.get("variables") or {}
            call = Call(name, variables, dict(socket.headers), socket.url.query)
            self.subscribed.append(call)
            stream = self.streams.get(call.name)
            if stream is not None:
                await stream(Stream(socket, message["id"], self), call.variables)
        except (WebSocketDisconnect, RuntimeError):
            return


def errors(*messages: str, data: object = None, code: str = "INTERNAL_SERVER_ERROR", **extensions: object) -> Json:
    """A body as Railway writes it: status 200, one code for everything, `traceId` beside the extensions."""
    return {
        "errors": [
            {
                "message": message,
                "locations": [{"line": 1, "column": 3}],
                "path": ["me"],
                "extensions": {"code": code, **extensions},
                "traceId": "3228611448008834401",
            }
            for message in messages
        ],
        "data": data,
    }


def refusal(*messages: str, **more: Any) -> Answer:  # noqa: ANN401
    return lambda _: JSONResponse(errors(*messages, **more))


@asynccontextmanager
async def serve(server: GraphQLServer) -> AsyncIterator[GraphQLServer]:
    app = Starlette(
        routes=[
            Route("/graphql/v2", server.post, methods=["POST"]),
            WebSocketRoute("/graphql/v2", server.connect),
        ]
    )
    async with running(app) as (server.uvicorn, server.port):
        yield server


def _operation(query: str) -> str:
    found = re.search(r"\b(?:query|mutation|subscription)\s+(\w+)", query)
    return found[1] if found else "?"
