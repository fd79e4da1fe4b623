"""Cloud 66 as an ASGI application: one table of requests, each with the scope it needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tui.demo.cloud66 import orders, reads
from tui.demo.cloud66.asking import Asked, Listed, Refusal
from tui.demo.cloud66.faye import PUSH, Faye
from tui.demo.cloud66.side import Side
from tui.demo.cloud66.tokens import Tokens
from tui.demo.faults import Fault
from tui.demo.gate import Abort, Gate, Hang, Words
from tui.demo.world import World

PATH = "/api/3"
PER_PAGE = 30
_NO_SUCH = {"error": "not_found", "error_description": "No such resource"}
_NO_TOKEN = frozenset({"/ping"})

Handler = Callable[[Asked], Any]

TABLE: tuple[tuple[str, str, str, Handler], ...] = (
    ("GET", "/ping", "public", reads.ping),
    ("GET", "/ping/auth", "public", reads.ping),
    ("GET", "/accounts", "users", reads.accounts),
    ("GET", "/accounts/:id", "users", reads.account),
    ("GET", "/stacks", "public", reads.stacks),
    ("GET", "/stacks/:uid", "public", reads.stack),
    ("GET", "/stacks/:uid/deployments", "public", reads.deployments),
    ("POST", "/stacks/:uid/deployments", "redeploy", orders.deploy),
    ("GET", "/stacks/:uid/deployments/:id", "public", reads.deployment),
    ("DELETE", "/stacks/:uid/deployments/:id", "redeploy", orders.cancel),
    ("GET", "/stacks/:uid/actions", "public", reads.actions),
    ("POST", "/stacks/:uid/actions", "redeploy", orders.act),
    ("GET", "/stacks/:uid/actions/:id", "public", reads.action),
    ("GET", "/stacks/:uid/services", "public", reads.services),
    ("POST", "/stacks/:uid/services", "admin", orders.scale_service),
    ("GET", "/stacks/:uid/services/:name", "public", reads.service),
    ("DELETE", "/stacks/:uid/services/:name", "admin", orders.stop_service),
    ("GET", "/stacks/:uid/containers", "public", reads.containers),
    ("GET", "/stacks/:uid/containers/:id", "admin", reads.container),
    ("DELETE", "/stacks/:uid/containers/:id", "admin", orders.stop_container),
    ("GET", "/stacks/:uid/processes", "public", reads.processes),
    ("POST", "/stacks/:uid/processes", "admin", orders.scale_processes),
    ("GET", "/stacks/:uid/servers", "public", reads.servers),
    ("GET", "/stacks/:uid/servers/:id", "public", reads.server),
    ("POST", "/stacks/:uid/servers/:id/reboot_server", "admin", orders.reboot_server),
    ("POST", "/stacks/:uid/reboot_servers", "admin", orders.reboot_servers),
    ("GET", "/stacks/:uid/notifications", "public", reads.notifications),
    ("GET", "/stacks/:uid/application_variants", "redeploy", reads.variants),
    ("PUT", "/stacks/:uid/application_variants/:id", "redeploy", orders.change_variant),
    ("PATCH", "/stacks/:uid/application_variants/:id", "redeploy", orders.change_variant),
    ("GET", "/operations/:uid/logs", "public", reads.operation_logs),
)


@dataclass(frozen=True, slots=True)
class _Found:
    template: str
    scope: str
    handler: Handler
    path: dict[str, str]


def routes(world: World, tokens: Tokens, *, abort: Abort, hang: Hang) -> list[BaseRoute]:
    endpoint = _Endpoint(world, tokens, abort=abort, hang=hang)
    faye = Faye(world, tokens, abort=abort, hang=hang)
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return [
        Route(PATH + "/{path:path}", endpoint.answer, methods=methods),
        Route(PUSH, faye.answer, methods=["POST"]),
    ]


class _Endpoint:
    def __init__(self, world: World, tokens: Tokens, *, abort: Abort, hang: Hang) -> None:
        self._world = world
        self._tokens = tokens
        self._side = Side(world)
        self._gate = Gate(world, Words(_too_many, _unauthenticated), abort=abort, hang=hang)

    async def answer(self, request: Request) -> Response:
        path = "/" + request.path_params["path"].removesuffix(".json").rstrip("/")
        found = _find(request.method, path)
        names = {request.method, *([found.template] if found else [])}
        if (early := await self._gate.before(request, names)) is not None:
            return early
        response = await self._answer(request, found)
        return await self._gate.behind(request, names, response)

    async def _answer(self, request: Request, found: _Found | None) -> Response:
        if found is None:
            return JSONResponse(_NO_SUCH, 404, self._tokens.headers())
        try:
            body = await self._carry_out(request, found)
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status, self._tokens.headers())
        headers = self._tokens.headers()
        return JSONResponse(body, headers=headers)

    async def _carry_out(self, request: Request, found: _Found) -> Any:  # noqa: ANN401 - JSON
        token = self._tokens.caller(request.headers)
        if token is None and found.template not in _NO_TOKEN:
            raise Refusal(401, "unauthenticated", "The access token is invalid")
        if token is not None and not self._tokens.spend(self._world.now):
            raise Refusal(503, "throttled", "Rate limit exceeded, must retry in the next hourly interval")
        token = token or self._tokens.public
        if not token.may(found.scope):
            details = f"This needs the scope {found.scope}"
            raise Refusal(403, "forbidden", "The access token has not the scope that this needs", details)
        given = {**request.query_params, **await _body(request)}
        asked = Asked(self._world, self._side, token, found.path, given)
        answer = found.handler(asked)
        if isinstance(answer, Listed):
            return _listed(answer, asked.text("page"))
        return {"response": answer}


def _find(method: str, path: str) -> _Found | None:
    parts = path.split("/")
    for known, template, scope, handler in TABLE:
        names = template.split("/")
        if known != method or len(names) != len(parts):
            continue
        if all(name == part or name.startswith(":") for name, part in zip(names, parts, strict=True)):
            given = {name[1:]: part for name, part in zip(names, parts, strict=True) if name.startswith(":")}
            return _Found(template, scope, handler, given)
    return None


async def _body(request: Request) -> dict[str, Any]:
    text = await request.body()
    if not text:
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        raise Refusal(400, "bad_request", "The body is not JSON") from None
    return found if isinstance(found, dict) else {}


def _listed(answer: Listed, page: str) -> dict[str, Any]:
    if not answer.paged:
        return {"response": answer.rows, "count": len(answer.rows)}
    count, current = len(answer.rows), int(page) if page.isdecimal() and int(page) else 1
    pages = max(1, -(-count // PER_PAGE))
    shown = answer.rows[(current - 1) * PER_PAGE : current * PER_PAGE]
    pagination = {
        "previous": current - 1 if current > 1 else None,
        "next": current + 1 if current < pages else None,
        "current": current,
        "per_page": PER_PAGE,
        "count": count,
        "pages": pages,
    }
    return {"response": shown, "count": len(shown), "pagination": pagination}


def _too_many(_fault: Fault) -> Response:
    return JSONResponse({"error": "throttled", "error_description": "Must retry in the next hourly interval"}, 503)


def _unauthenticated() -> Response:
    return JSONResponse({"error": "unauthenticated", "error_description": "The access token is invalid"}, 401)
