"""A loopback server for Dokploy's adapter: it answers REST by procedure and log sockets by path, as a test says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.clocks import FakeClock
from tests.providers.server import _Quiet, until
from tui.credentials import Secret
from tui.model.provider import Connection
from tui.providers.dokploy import DokployProvider

KEY = "k" * 64


@dataclass(frozen=True)
class Call:
    method: str
    procedure: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


Answer = Callable[[Call], Any]
Streamer = Callable[[WebSocket], Awaitable[None]]


@dataclass
class DokployServer:
    """`answers` by procedure: JSON, or a Response; None is the empty 200 of a void mutation. `streams` by path."""

    answers: dict[str, Answer] = field(default_factory=dict)
    streams: dict[str, Streamer] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    opened: list[WebSocket] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def called(self, procedure: str) -> list[Call]:
        return [call for call in self.calls if call.procedure == procedure]

    async def http(self, request: Request) -> Response:
        text = await request.body()
        procedure = request.path_params["procedure"]
        call = Call(
            request.method,
            procedure,
            dict(request.query_params),
            json.loads(text) if text else None,
            dict(request.headers),
        )
        self.calls.append(call)
        answer = self.answers.get(procedure)
        if answer is None:
            return refusal(404, "Not found", "NOT_FOUND")
        found = answer(call)
        if isinstance(found, Response):
            return found
        return Response(b"" if found is None else json.dumps(found), media_type="application/json")

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept()
        self.opened.append(socket)
        stream = self.streams.get(socket.url.path.strip("/"))
        try:
            if stream is not None:
                await stream(socket)
            await hold(socket)
        except (WebSocketDisconnect, RuntimeError):
            return


async def hold(socket: WebSocket) -> None:
    """Stays silent until the client goes away."""
    while True:
        await socket.receive_text()


def refusal(status: int, message: str, code: str | None, *, path: str | None = None) -> Response:
    body: dict[str, Any] = {"message": message}
    if code is not None:
        body |= {"code": code, "data": {"code": code, "httpStatus": status, **({"path": path} if path else {})}}
    return Response(json.dumps(body), status, media_type="application/json")


class FreeMeter:
    def __init__(self) -> None:
        self.told: list[dict[str, object]] = []

    async def spend(self) -> None:
        return

    def observe(self, **told: object) -> None:
        self.told.append(told)


@asynccontextmanager
async def serve(server: DokployServer) -> AsyncIterator[DokployServer]:
    app = Starlette(
        routes=[
            Route("/api/{procedure:path}", server.http, methods=["GET", "POST"]),
            WebSocketRoute("/{path:path}", server.socket),
        ]
    )
    config = uvicorn.Config(app, port=0, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
    runner = _Quiet(config)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(runner.serve_quietly())
        await until(lambda: runner.started)
        server.port = runner.servers[0].sockets[0].getsockname()[1]
        try:
            yield server
        finally:
            for connection in list(runner.server_state.connections):
                transport = getattr(connection, "transport", None)
                if transport is not None:
                    transport.abort()
            runner.should_exit = True
            await task


@asynccontextmanager
async def provided(server: DokployServer, clock: FakeClock | None = None) -> AsyncIterator[DokployProvider]:
    connection = Connection("dok", Secret(KEY), server.url)
    provider = DokployProvider(connection, meter=FreeMeter(), clock=clock or FakeClock())
    try:
        yield provider
    finally:
        await provider.aclose()
