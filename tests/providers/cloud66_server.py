"""A loopback Cloud 66 that answers what a test tells it to, its JSON as the contract shows it, and its push server.

It knows nothing of the provider: what it says is written out here and in the tests, from Cloud 66's documentation.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.clocks import FakeClock
from tests.providers.loopback import Ledger, cut, running
from tui.credentials import Secret
from tui.model.clock import Clock
from tui.model.entities import Deployment, Service
from tui.model.provider import Connection
from tui.providers.cloud66 import Cloud66Provider

Json = dict[str, Any]
TOKEN = "c66-a-very-secret-token"
HOOK = "http://hooks.cloud66.com/stacks/redeploy/secret/hook"
SHA = "5675fcd8f9e6dc534ecf1410c0661c066097e310"
RAILS = "5999b763474b0eafa5fafb64bff0ba80"
DOCKER = "327270243a9c6cb6eefa123ec55bde6f"


@dataclass(frozen=True)
class Call:
    """`path` is what stands behind /api/3/, without `.json`."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


Answer = Callable[[Call], Any]
CUT = object()
"""An answer: the request arrived, and the connection breaks."""


@dataclass
class Push:
    """The push server. What is said is queued for each client that subscribed, until it asks."""

    calls: list[tuple[Json, dict[str, str]]] = field(default_factory=list)
    queues: dict[str, list[Any]] = field(default_factory=dict)
    polls: int = 0  # that wait now
    refuse: str = ""  # the subscription, with these words
    denied: int = 0  # every request, with this status
    broken: list[object] = field(default_factory=list)  # answers to the next polls: CUT, or bytes
    advice: Json = field(default_factory=lambda: {"reconnect": "retry", "interval": 0, "timeout": 45000})
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def say(self, *texts: str, severity: int = 2, at: str = "2026-03-14T03:00:05Z") -> None:
        for text in texts:
            line = {"severity": severity, "message": text, "time": at, "is_raw": False, "is_cap": True}
            await self.send(json.dumps(json.dumps(line)))

    async def send(self, data: Any) -> None:  # noqa: ANN401
        async with self._news:
            for queue in self.queues.values():
                queue.append(data)
            self._news.notify_all()

    async def forget(self) -> None:
        """Every client has to shake hands again."""
        async with self._news:
            self.queues.clear()
            self._news.notify_all()

    async def wake(self) -> None:
        async with self._news:
            self._news.notify_all()

    def named(self, channel: str) -> list[Json]:
        return [message for message, _ in self.calls if message["channel"] == channel]

    async def answer(self, message: Json) -> Any:  # noqa: ANN401
        client = message.get("clientId", "")
        reply: Json = {"channel": message["channel"], "successful": True, "clientId": client}
        match message["channel"]:
            case "/meta/handshake":
                client = f"client{len(self.named('/meta/handshake'))}"
                return [{**reply, "version": "1.0", "supportedConnectionTypes": ["long-polling"], "clientId": client}]
            case "/meta/subscribe" if self.refuse:
                return [{**reply, "successful": False, "error": self.refuse}]
            case "/meta/subscribe":
                self.queues[client] = []
                return [{**reply, "subscription": message["subscription"], "id": message["id"]}]
            case "/meta/connect":
                return await self._connect(client, reply)
        raise AssertionError(message)

    async def _connect(self, client: str, reply: Json) -> Any:  # noqa: ANN401
        async with self._news:
            self.polls += 1
            await self._news.wait_for(lambda: self.queues.get(client, True) or self.broken)
            self.polls -= 1
            if self.broken:
                return self.broken.pop(0)
            if client not in self.queues:
                error = f"401:{client}:Unknown client"
                return [{**reply, "successful": False, "error": error, "advice": {"reconnect": "handshake"}}]
            queue = self.queues[client]
            sent = [{"channel": f"/realtime/{RAILS}/x", "id": str(i), "data": data} for i, data in enumerate(queue)]
            queue.clear()
            return [{**reply, "advice": self.advice}, *sent]


@dataclass
class Cloud66Server:
    """`answers` by "METHOD path": what JSON can write, a Response, or a function that gives one of them."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    push: Push = field(default_factory=Push)
    port: int = 0
    uvicorn: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/3"

    @property
    def push_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/push"

    def named(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name]

    def mutations(self) -> list[Call]:
        return [call for call in self.calls if call.method != "GET"]

    def cut(self) -> None:
        """Ends every connection without a word."""
        assert self.uvicorn is not None
        cut(self.uvicorn)

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        path = request.url.path.removeprefix("/api/3/").removesuffix(".json")
        call = Call(
            request.method, path, dict(request.query_params), dict(request.headers), json.loads(body or b"null")
        )
        self.calls.append(call)
        found = self.answers.get(call.name, refusal(404, "not_found"))
        if callable(found) and not isinstance(found, Response):
            found = found(call)
        if asyncio.iscoroutine(found):
            found = await found
        if found is CUT:
            self.cut()
            return Response(status_code=500)
        # ensure_ascii, as Rails does: half a surrogate pair is sent as its escape
        response = found if isinstance(found, Response) else Response(json.dumps(found), media_type="application/json")
        response.headers.update(self.headers)
        return response

    async def pushed(self, request: Request) -> Response:
        message = json.loads(await request.body())
        self.push.calls.append((message, dict(request.headers)))
        if self.push.denied:
            return Response("Unauthorized", self.push.denied)
        found = await self.push.answer(message)
        if found is CUT:
            self.cut()
            return Response(status_code=500)
        return Response(found, media_type="application/json") if isinstance(found, bytes) else JSONResponse(found)


def refusal(status: int, error: str, **more: str) -> Response:
    return JSONResponse({"error": error, "error_description": f"the words of {error}", **more}, status)


def one(row: object) -> Json:
    return {"response": row}


def paged(rows: list[Any], *, per_page: int = 30, reference: bool = False) -> Answer:
    """A list as Cloud 66 pages it. `reference`: filtered by user_reference."""

    def answer(call: Call) -> Json:
        found = rows
        if reference and (wanted := call.query.get("user_reference")):
            found = [row for row in rows if (row.get("metadata") or {}).get("user_reference") == wanted]
        page = int(call.query.get("page", 1))
        pages = -(-len(found) // per_page) or 1
        place = {
            "previous": page - 1 or None,
            "next": page + 1 if page < pages else None,
            "current": page,
            "per_page": per_page,
            "count": len(found),
            "pages": pages,
        }
        return {
            "response": found[(page - 1) * per_page : page * per_page],
            "count": len(found),
            "pagination": place,
        }

    return answer


@asynccontextmanager
async def serve(server: Cloud66Server) -> AsyncIterator[Cloud66Server]:
    routes = [
        Route("/api/3/{path:path}", server.answer, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        Route("/push", server.pushed, methods=["POST"]),
    ]
    async with running(Starlette(routes=routes)) as (server.uvicorn, server.port):
        try:
            yield server
        finally:
            server.push.broken = [b"[]"] * 20
            await server.push.wake()


@asynccontextmanager
async def cloud66(
    server: Cloud66Server,
    *projects: str,
    clock: Clock | None = None,
    meter: Ledger | None = None,
    live: bool = False,
    token: str = TOKEN,
) -> AsyncIterator[Cloud66Provider]:
    """The provider against the server, which it is served on as long. `live`: with the push server."""
    async with serve(server):
        connection = Connection(
            "work", Secret(token), server.url, projects, live_logs=server.push_url if live else None
        )
        provider = Cloud66Provider(connection, meter=meter or Ledger(), clock=clock or FakeClock())
        try:
            yield provider
        finally:
            await provider.aclose()


async def the_service(provider: Cloud66Provider, name: str = "shop") -> Service:
    return next(each for each in (await provider.snapshot()).services if each.name == name)


async def the_deployment(provider: Cloud66Provider, service: Service, id_: int) -> Deployment:
    return next(each for each in (await provider.deployments(service)).items if each.id == str(id_))


# -- rows -----------------------------------------------------------------------------------------------


def stack(uid: str = RAILS, name: str = "shop", **more: object) -> Json:
    return {
        "uid": uid,
        "name": name,
        "account_id": 139,
        "account_name": "Acme (ops@acme.example)",
        "git": "http://github.com/acme/shop.git",
        "git_branch": "main",
        "environment": "production",
        "cloud": "DigitalOcean",
        "fqdn": f"{name}.c66.me",
        "language": "ruby",
        "framework": "rails",
        "status": 1,
        "health": 3,
        "is_busy": False,
        "is_cluster": False,
        "last_activity": "2026-03-14 02:46:53 UTC",
        "last_activity_iso": "2026-03-14T02:46:53Z",
        "maintenance_mode": False,
        "created_at": "2014-08-14 00:38:14 UTC",
        "updated_at": "2026-03-14 02:46:52 UTC",
        "updated_at_iso": "2026-03-14T02:46:52Z",
        "redeploy_hook": HOOK,
        **more,
    }


def docker(name: str = "feeds", uid: str = DOCKER, **more: object) -> Json:
    return stack(uid, name, **{"framework": "docker", "git": None, "git_branch": None, **more})


OUTCOMES = {"pending": 0, "success": 1, "failed": 2}


def deployment(id_: int, outcome: str = "success", **more: object) -> Json:
    """Its times follow from its id."""
    return {
        "id": id_,
        "triggered_by": "ada@acme.example",
        "triggered_via": {"code": 0, "meaning": "web"},
        "started_at": f"2026-03-14T01:{id_ % 60:02}:00Z",
        "finished_at": None if outcome == "pending" else f"2026-03-14T01:{id_ % 60:02}:59Z",
        "outcome": {"code": OUTCOMES.get(outcome, 9), "meaning": outcome},
        "git_hash": SHA,
        "deploy_session": "OhBHNzkXSl",
        "deploy_type": {"code": 0, "meaning": "build"},
        "is_head": False,
        "is_live": False,
        "reverted": None,
        "reverted_by": None,
        "reverted_at": None,
        "is_deploying": False,
        "commit_url": f"https://github.com/acme/shop/commit/{SHA}",
        **more,
    }


def deploying(id_: int, **more: object) -> Json:
    return deployment(id_, "pending", is_deploying=True, **more)


def action(id_: int, what: str = "application_deployment", *, ended: object = None, **more: object) -> Json:
    """`ended`: what finished_success says; None: it runs."""
    return {
        "id": id_,
        "user": "ada@acme.example",
        "resource_type": "stack",
        "action": what,
        "resource_id": "283",
        "started_via": "api",
        "started_at": "2026-03-14T03:00:00Z",
        "finished_at": None if ended is None else "2026-03-14T03:02:00Z",
        "finished_success": ended,
        "finished_message": None if ended is None else "Completed",
        **more,
    }


def container(name: str, service: str = "web", **more: object) -> Json:
    return {
        "uid": (name.encode().hex() * 8)[:64],
        "name": name,
        "server_uid": "4e452d775c481a8157dc43d7556d5430",
        "server_name": "Bison",
        "service_name": service,
        "image": "acme/web",
        "command": None,
        "started_at": "2026-03-14T01:00:00Z",
        "ports": [],
        "health_state": 1,
        "health_message": None,
        "status": "started",
        **more,
    }


def service(name: str, *containers: Json | str) -> Json:
    return {"name": name, "containers": list(containers), "source_type": "git", "git_ref": "", "image_name": ""}


def world(
    *stacks: Json,
    deployments: Mapping[str, list[Json]] | None = None,
    services: list[Json] | None = None,
    processes: list[Json] | None = None,
    actions: list[Json] | None = None,
    answers: Mapping[str, Any] | None = None,
) -> Cloud66Server:
    """By default two stacks: `shop`, in Rails, and `feeds`, of containers; each has a live deployment and an older one.

    The lists may be changed while it is served.
    """
    listed = list(stacks) or [stack(), docker()]
    server = Cloud66Server()
    server.answers = {
        "GET ping/auth": one({"ok": True, "message": ""}),
        "GET accounts": paged([{"id": 139, "owner": "ops@acme.example", "stack_count": len(listed)}]),
        "GET stacks": paged(listed),
    }
    for each in listed:
        path = f"stacks/{each['uid']}"
        rows = (deployments or {}).get(each["name"])
        if rows is None:
            rows = [deployment(107, is_live=True), deployment(106)]
        server.answers[f"GET {path}/deployments"] = paged(rows)
        server.answers[f"GET {path}/actions"] = paged(actions if actions is not None else [], reference=True)
        server.answers[f"GET {path}/services"] = paged(services if services is not None else [])
        server.answers[f"GET {path}/processes"] = paged(processes if processes is not None else [])
        for row in rows:
            server.answers[f"GET {path}/deployments/{row['id']}"] = one(row)
    server.answers |= answers or {}
    return server
