"""A loopback server for Dokploy's adapter: it answers REST by procedure and log sockets by path, as a test says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.clocks import START, FakeClock
from tests.providers.loopback import Ledger, cut, running
from tui.credentials import Secret
from tui.model.clock import Clock
from tui.model.entities import Service
from tui.model.provider import Connection, Meter
from tui.providers.dokploy import DokployProvider

KEY = "k" * 64


@dataclass(frozen=True)
class Call:
    method: str
    procedure: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


Json = dict[str, Any]
Answer = Callable[[Call], Any]
Streamer = Callable[[WebSocket], Awaitable[None]]


@dataclass
class DokployServer:
    """`answers` by procedure: JSON, or a Response; None is the empty 200 of a void mutation. `streams` by path."""

    answers: dict[str, Answer] = field(default_factory=dict)
    streams: dict[str, Streamer] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    opened: list[WebSocket] = field(default_factory=list)
    services: list[Json] = field(default_factory=list)
    rows: list[Json] = field(default_factory=list)
    jobs: list[Json] = field(default_factory=list)
    containers: list[Json] = field(default_factory=list)
    refuse_sockets: bool = False  # as a proxy does that knows no WebSockets
    sends_sockets_to: str = ""
    denies_sockets: int = 0  # the HTTP status
    uvicorn: uvicorn.Server | None = None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def called(self, procedure: str) -> list[Call]:
        return [call for call in self.calls if call.procedure == procedure]

    def cut(self) -> None:
        """Ends every connection without a word."""
        assert self.uvicorn is not None
        cut(self.uvicorn)

    def close_without_code(self) -> None:
        """Ends every socket as Dokploy turns a key away: a close frame with nothing in it, which ASGI cannot say."""
        assert self.uvicorn is not None
        for connection in list(self.uvicorn.server_state.connections):
            if "WebSocket" in type(connection).__name__:
                connection.transport.write(b"\x88\x00")

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
        if self.sends_sockets_to:
            await socket.send_denial_response(RedirectResponse(self.sends_sockets_to + socket.url.path, 307))
            return
        if self.denies_sockets:
            await socket.send_denial_response(Response("", self.denies_sockets))
            return
        if self.refuse_sockets:
            await socket.close()
            return
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


def denied(message: str = "You don't have access to this service") -> Response:
    return refusal(401, message, "UNAUTHORIZED", path="docker.getContainers")


def unknown() -> Response:
    return refusal(404, "Not found", "NOT_FOUND")


async def the_service(provider: DokployProvider, name: str = "api") -> Service:
    return next(each for each in (await provider.snapshot()).services if each.name == name)


@asynccontextmanager
async def serve(server: DokployServer) -> AsyncIterator[DokployServer]:
    app = Starlette(
        routes=[
            Route("/api/{procedure:path}", server.http, methods=["GET", "POST"]),
            WebSocketRoute("/{path:path}", server.socket),
        ]
    )
    async with running(app) as (server.uvicorn, server.port):
        yield server


@asynccontextmanager
async def provided(
    server: DokployServer,
    clock: Clock | None = None,
    *projects: str,
    meter: Meter | None = None,
    url: str | None = None,
) -> AsyncIterator[DokployProvider]:
    """The provider against the server, which is served as long."""
    async with serve(server):
        connection = Connection("dok", Secret(KEY), url or server.url, projects=projects)
        provider = DokployProvider(connection, meter=meter or Ledger(), clock=clock or FakeClock())
        try:
            yield provider
        finally:
            await provider.aclose()


class Hasty:
    """Waits are real, and fifty times as short as they say; the hour can be set."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return time.monotonic() * 50

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 50)


# -- rows as Dokploy writes them ----------------------------------------------------------------------------


def service(
    id_: str = "app1", type_: str = "application", status: str = "done", name: str = "api", **more: object
) -> Json:
    """A row of overview.services."""
    return {
        "id": id_,
        "type": type_,
        "name": name,
        "appName": f"shop-{name}-x1",
        "status": status,
        "createdAt": "2026-03-01T00:00:00.000Z",
        "serverId": None,
        "serverName": None,
        "projectId": "p1",
        "projectName": "shop",
        "environmentId": "e1",
        "environmentName": "production",
        "icon": None,
        "lastDeployAt": None,
        **more,
    }


def row(number: int, status: str = "done", *, application: str = "app1", **more: object) -> Json:
    """A deployment that began `number` minutes after START minus an hour, so that higher numbers are newer."""
    began = START - timedelta(minutes=60 - number)
    ended = began + timedelta(seconds=40)
    return {
        "deploymentId": f"dep{number}",
        "title": "Manual deployment",
        "description": "",
        "status": status,
        "logPath": f"/etc/dokploy/logs/shop-api-x1/shop-api-x1-{number}.log",
        "pid": None,
        "applicationId": application,
        "composeId": None,
        "serverId": None,
        "isPreviewDeployment": False,
        "previewDeploymentId": None,
        "createdAt": iso(began),
        "startedAt": iso(began),
        "finishedAt": iso(ended) if status in ("done", "error") else None,
        "errorMessage": None,
        "scheduleId": None,
        "backupId": None,
        "rollbackId": None,
        "volumeBackupId": None,
        "buildServerId": None,
        **more,
    }


def job(
    number: int, state: str = "waiting", *, application: str = "app1", at: datetime = START, **more: object
) -> Json:
    data: Json = {
        "applicationId": application,
        "titleLog": "Manual deployment",
        "descriptionLog": "",
        "type": "deploy",
        "applicationType": "application",
        "server": False,
    }
    found: Json = {
        "id": f"job-{number}",
        "name": "deployments",
        "data": {**data, **more},
        "timestamp": int(at.timestamp() * 1000) + number,
        "state": state,
        "servicePath": {"href": None, "label": "—"},
    }
    if state == "active":
        found["processedOn"] = found["timestamp"] + 1
    return found


def container(
    name: str = "shop-api-x1.1.t1",
    state: str = "running",
    status: str = "Up 3 hours",
    id_: str = "",
    image: str = "i",
) -> Json:
    id_ = id_ or name[-12:]
    return {"containerId": id_, "name": name, "image": image, "ports": "", "state": state, "status": status}


def iso(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def shop(*services: Json) -> DokployServer:
    """A server of 0.30 with one application that was deployed twice; tests change `rows`, `jobs`, `containers`."""
    server = DokployServer()
    server.services = list(services) or [service()]
    server.rows = [row(20), row(10)]
    server.containers = [container()]
    server.answers = {
        "overview.services": lambda _: server.services,
        "deployment.allCentralized": lambda _: server.rows,
        "deployment.all": lambda call: [
            each for each in server.rows if each.get("applicationId") == call.query["applicationId"]
        ],
        "deployment.allByCompose": lambda call: [
            each for each in server.rows if each.get("composeId") == call.query["composeId"]
        ],
        "deployment.queueList": lambda _: server.jobs,
        "docker.getContainers": lambda _: server.containers,
        "settings.getDokployVersion": lambda _: "v0.30.2",
        "settings.health": lambda _: {"status": "ok"},
    }
    return server
