"""A loopback GitLab that answers what a test tells it to, and GitLab's JSON as its contract shows it.

It knows nothing of the provider: what it says is written out here and in the tests, from GitLab's documentation.
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

from tests.providers.loopback import Ledger, cut, running
from tui.credentials import Secret
from tui.model.clock import Clock, SystemClock
from tui.model.entities import Deployment, Service
from tui.model.provider import Connection
from tui.providers.gitlab import GitLabProvider

Json = dict[str, Any]
TOKEN = "glpat-a-very-secret-token"
SHA = "99d03678b90d914dbb1b109132516d71a4a03ea8"


@dataclass(frozen=True)
class Call:
    """`path` is what stands behind /api/v4/, as it was sent."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


Answer = Callable[[Call], Any]


@dataclass
class GitLabServer:
    """`answers` by "METHOD path": what JSON can write, a Response, or a function that gives one of them."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    port: int = 0
    uvicorn: uvicorn.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def named(self, name: str) -> list[Call]:
        return [call for call in self.calls if call.name == name]

    def mutations(self) -> list[Call]:
        return [call for call in self.calls if call.method != "GET"]

    def cut(self) -> None:
        """Ends every connection without a word."""
        assert self.uvicorn is not None
        cut(self.uvicorn)

    async def answer(self, request: Request) -> Response:
        raw = request.scope["raw_path"].decode().partition("?")[0]
        body = await request.body()
        path = raw.removeprefix("/api/v4/")
        call = Call(
            request.method, path, dict(request.query_params), dict(request.headers), json.loads(body or b"null")
        )
        self.calls.append(call)
        found = self.answers.get(call.name, no_route())
        if callable(found) and not isinstance(found, Response):
            found = found(call)
        if asyncio.iscoroutine(found):
            found = await found
        if found is CUT:
            self.cut()
            return Response(status_code=500)
        status = 201 if request.method == "POST" else 200
        response = found if isinstance(found, Response) else JSONResponse(found, status)
        response.headers.update(self.headers)
        return response


CUT = object()
"""An answer: the request arrived, and the connection breaks."""


def no_route() -> Response:
    return JSONResponse({"error": "404 Not Found"}, 404)


def refusal(status: int, message: object) -> Response:
    return JSONResponse({"message": message}, status)


def paged(rows: list[Any], **filters: str) -> Answer:
    """A list as GitLab pages it, newest first or oldest first as asked, and without totals.

    `filters`: query parameters that this server understands, and where in a row their value stands.
    """

    def answer(call: Call) -> Response:
        found = [
            row
            for row in rows
            if all(_at(row, where) == call.query.get(p, _at(row, where)) for p, where in filters.items())
        ]
        if call.query.get("sort", "asc") == "desc":
            found = sorted(found, key=lambda row: row.get(call.query.get("order_by", "id")) or "", reverse=True)
        if after := call.query.get("updated_after"):
            found = [row for row in found if row["updated_at"] >= after]
        page, size = int(call.query.get("page", 1)), int(call.query.get("per_page", 20))
        following = str(page + 1) if len(found) > page * size else ""
        return JSONResponse(found[(page - 1) * size : page * size], headers={"x-next-page": following})

    return answer


def _at(row: Json, where: str) -> object:
    found: Any = row
    for key in where.split("."):
        found = found[key]
    return found


@asynccontextmanager
async def serve(server: GitLabServer) -> AsyncIterator[GitLabServer]:
    app = Starlette(routes=[Route("/{path:path}", server.answer, methods=["GET", "POST", "PUT", "DELETE"])])
    async with running(app) as (server.uvicorn, server.port):
        yield server


@asynccontextmanager
async def gitlab(
    server: GitLabServer,
    *projects: str,
    clock: Clock | None = None,
    token: str = TOKEN,
    url: str | None = None,
    meter: Ledger | None = None,
) -> AsyncIterator[GitLabProvider]:
    """The provider against the server, which it is served on as long."""
    async with serve(server):
        connection = Connection("work", Secret(token), url=url or server.url, projects=projects or ("acme/shop/api",))
        provider = GitLabProvider(connection, meter=meter or Ledger(), clock=clock or SystemClock())
        try:
            yield provider
        finally:
            await provider.aclose()


async def the_service(provider: GitLabProvider, environment: str = "production") -> Service:
    found = (await provider.snapshot()).services
    return next(service for service in found if service.environment_name == environment)


async def the_deployment(provider: GitLabProvider, service: Service, id_: int) -> Deployment:
    return next(each for each in (await provider.deployments(service)).items if each.id == str(id_))


# -- rows -----------------------------------------------------------------------------------------------


def project(id_: int = 7, path: str = "acme/shop/api", **more: object) -> Json:
    return {
        "id": id_,
        "name": path.rpartition("/")[2].title(),
        "path": path.rpartition("/")[2],
        "path_with_namespace": path,
        "namespace": {"id": 3, "full_path": path.rpartition("/")[0], "kind": "group"},
        "web_url": f"https://gitlab.example.com/{path}",
        "archived": False,
        "ci_forward_deployment_enabled": True,
        "ci_forward_deployment_rollback_allowed": True,
        **more,
    }


def environment(id_: int = 9, name: str = "production", **more: object) -> Json:
    return {
        "id": id_,
        "name": name,
        "slug": name.replace("/", "-"),
        "external_url": "https://api.example.com",
        "state": "available",
        "tier": name if name in ("production", "staging") else "development",
        "auto_stop_at": None,
        **more,
    }


def job(id_: int, status: str = "success", **more: object) -> Json:
    ended = status in ("success", "failed", "canceled")
    return {
        "id": id_,
        "status": status,
        "stage": "deploy",
        "name": "deploy",
        "ref": "main",
        "tag": False,
        "coverage": None,
        "allow_failure": False,
        "created_at": "2026-03-01T11:00:00.000Z",
        "started_at": "2026-03-01T11:01:00.000Z",
        "finished_at": f"2026-03-01T12:{id_ % 60:02}:00.000Z" if ended else None,
        "erased_at": None,
        "web_url": f"https://gitlab.example.com/acme/shop/api/-/jobs/{id_}",
        "commit": {
            "id": SHA,
            "title": "Merge branch 'new-title' into 'main'\r",
            "message": "Merge branch 'new-title' into 'main'\r\n\r\nUpdate README",
            "author_name": "Ada",
            "created_at": "2026-03-01T11:36:01.000+02:00",
        },
        "pipeline": {"id": 36, "sha": SHA, "ref": "main", "status": status, "source": "push"},
        "runner": None,
        **more,
    }


def deployment(id_: int, status: str = "success", *, at: int = 9, name: str = "production", **more: object) -> Json:
    """Its job has the id 600 more, and the status that goes with it."""
    of_job = {"created": "pending", "blocked": "manual"}.get(status, status)
    return {
        "id": id_,
        "iid": id_ - 40,
        "ref": "main",
        "sha": SHA,
        "status": status,
        "created_at": f"2026-03-01T11:{id_ % 60:02}:00.000Z",
        "updated_at": f"2026-03-01T12:{id_ % 60:02}:00.000Z",
        "user": {"id": 1, "name": "Administrator", "username": "root"},
        "environment": {"id": at, "name": name, "external_url": "https://api.example.com"},
        "deployable": job(600 + id_, of_job),
        **more,
    }


def listed(row: Json) -> Json:
    """A deployment as lists have it: without its approvals."""
    return {name: value for name, value in row.items() if "approval" not in name}


def approval(status: str = "approved", by: str = "Grace", **more: object) -> Json:
    return {
        "user": {"id": 100, "name": by},
        "status": status,
        "created_at": "2026-03-01T12:01:00Z",
        "comment": None,
        **more,
    }


def rules(*given: tuple[str, int, list[Json]]) -> Json:
    """(whose, how many, what was said) of each rule."""
    return {
        "approval_summary": {
            "rules": [
                {
                    "user_id": None,
                    "group_id": 134,
                    "access_level": None,
                    "access_level_description": who,
                    "required_approvals": required,
                    "deployment_approvals": approvals,
                }
                for who, required, approvals in given
            ]
        },
        "pending_approval_count": sum(
            max(0, required - sum(each["status"] == "approved" for each in approvals))
            for _, required, approvals in given
        ),
        "approvals": [each for _, _, approvals in given for each in approvals],
    }


def world(
    *deployments: Json,
    environments: list[Json] | None = None,
    found: Json | None = None,
    answers: Mapping[str, Any] | None = None,
) -> GitLabServer:
    """One project, acme/shop/api with the id 7, its environments and deployments. `answers` join or replace."""
    here = found or project()
    rows = [listed(row) for row in deployments]
    places = environments if environments is not None else [environment()]
    server = GitLabServer(
        answers={
            "GET personal_access_tokens/self": {"id": 1, "name": "deckwatch", "scopes": ["api"]},
            "GET version": {"version": "18.0.0-ee"},
            "GET user": {"id": 1, "username": "root", "name": "Administrator"},
            "GET projects/acme%2Fshop%2Fapi": here,
            "GET projects/7": here,
            "GET projects/7/environments": paged(places, states="state"),
            "GET projects/7/deployments": paged(rows, environment="environment.name", status="status"),
            **{f"GET projects/7/environments/{each['id']}": {**each, "last_deployment": None} for each in places},
            **{f"GET projects/7/deployments/{each['id']}": each for each in deployments},
        }
    )
    server.answers |= answers or {}
    return server
