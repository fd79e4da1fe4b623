"""Cloud 66 as an ASGI application: one table of requests, each with the scope it needs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tui.demo.cloud66 import commands, orders, reads, words
from tui.demo.cloud66.asking import Asked, Bare, Listed, Refusal, bad_request, conflict
from tui.demo.cloud66.faye import PUSH, Faye
from tui.demo.cloud66.side import Side
from tui.demo.cloud66.tokens import Token, Tokens
from tui.demo.faults import Fault
from tui.demo.gate import Abort, Gate, Hang, Words
from tui.demo.world import World

PATH = "/api/3"
PER_PAGE = 30
_NO_TOKEN, _ANY_TOKEN = "", "any"

Handler = Callable[[Asked], Any]


def _not_implemented(_asked: Asked) -> None:
    raise Refusal(503, "not_implemented", "This is not implemented")


TABLE: tuple[tuple[str, str, str, Handler], ...] = (
    ("GET", "/ping", _NO_TOKEN, reads.ping),
    ("GET", "/ping/auth", _ANY_TOKEN, reads.ping),
    ("GET", "/accounts", "users", reads.accounts),
    ("GET", "/accounts/:id", "users", reads.account),
    ("GET", "/stacks", "public", reads.stacks),
    ("GET", "/stacks/:uid", "public", reads.stack),
    ("GET", "/stacks/:stack_id/deployments", "public", reads.deployments),
    ("POST", "/stacks/:stack_id/deployments", "redeploy", orders.deploy),
    ("GET", "/stacks/:stack_id/deployments/:deployment_id", "public", reads.deployment),
    ("DELETE", "/stacks/:stack_id/deployments/:deployment_id", "redeploy", orders.cancel),
    ("GET", "/stacks/:uid/actions", "public", reads.actions),
    ("POST", "/stacks/:uid/actions", "redeploy", commands.act),
    ("GET", "/stacks/:uid/actions/:id", "public", reads.action),
    ("GET", "/stacks/:uid/services", "public", reads.services),
    ("POST", "/stacks/:uid/services", "admin", commands.scale_service),
    ("GET", "/stacks/:uid/services/:name", "public", reads.service),
    ("DELETE", "/stacks/:uid/services/:name", "admin", commands.stop_service),
    ("GET", "/stacks/:uid/containers", "public", reads.containers),
    ("GET", "/stacks/:uid/containers/:id", "admin", reads.container),
    ("DELETE", "/stacks/:uid/containers/:id", "admin", commands.stop_container),
    ("GET", "/stacks/:uid/processes", "public", reads.processes),
    ("POST", "/stacks/:uid/processes", "admin", commands.scale_processes),
    ("GET", "/stacks/:uid/servers", "public", reads.servers),
    ("GET", "/stacks/:uid/servers/:id", "public", reads.server),
    # Printed with a scope "reboot" that no table of scopes has.
    ("POST", "/stacks/:uid/servers/:id/reboot_server", "admin", commands.reboot_server),
    ("POST", "/stacks/:uid/reboot_servers", "admin", commands.reboot_servers),
    ("GET", "/stacks/:uid/notifications", "public", reads.notifications),
    ("GET", "/stacks/:uid/snapshots", "public", _not_implemented),
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
    suffixed: bool

    @property
    def names(self) -> set[str]:
        """What a fault can be set on."""
        return {self.template, self.handler.__name__}


def routes(world: World, tokens: Tokens, *, abort: Abort, hang: Hang) -> list[BaseRoute]:
    """The API under `PATH`, the push channel at `PUSH`."""
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
        self._gate = Gate(world, Words(self._too_many, _unauthenticated, _refused), abort=abort, hang=hang)

    async def answer(self, request: Request) -> Response:
        try:
            body = await request.body()  # before anything waits: who has left by then sends none
        except ClientDisconnect:
            return Response()
        found = _find(request.method, "/" + request.path_params["path"].rstrip("/"))
        names = {request.method, *(found.names if found else ())}
        if (early := await self._gate.before(request, names)) is not None:
            return early
        try:
            status, answer = 200, self._carry_out(request, found, body)
        except Refusal as refusal:
            status, answer = refusal.status, refusal.body
        response = JSONResponse(answer, status, self._tokens.headers(self._world.now))
        return await self._gate.behind(request, names, response)

    def _carry_out(self, request: Request, found: _Found | None, body: bytes) -> Any:  # noqa: ANN401 - JSON
        if found is None:
            raise Refusal(404, "not_found", "No such resource")
        token = self._tokens.public if found.scope == _NO_TOKEN else self._let_in(request, found.scope)
        given = {**request.query_params, **_given(body)}
        account = request.headers.get("x-account", "")
        asked = Asked(self._world, self._side, token, found.path, given, account, found.suffixed)
        answer = Listed([]) if request.method == "GET" and _is_of_a_cluster(asked, found) else found.handler(asked)
        if isinstance(answer, Listed):
            return _listed(answer, asked.text("page"))
        return answer.body if isinstance(answer, Bare) else {"response": answer}

    def _let_in(self, request: Request, scope: str) -> Token:
        token = self._tokens.caller(request.headers)
        if token is None:
            raise Refusal(401, "unauthenticated", "The access token is invalid")
        if not self._tokens.spend(self._world.now):
            raise Refusal(503, "throttled", "Rate limit exceeded, you must retry in the next hourly interval")
        if token.expired:
            raise Refusal(402, "trial_expired", "The trial of this account has expired")
        if scope != _ANY_TOKEN and not token.may(scope):
            details = f"The access token does not have the scope {scope}"
            raise Refusal(403, "forbidden", "The access token may not do this", details)
        return token

    def _too_many(self, _fault: Fault) -> Response:
        body = {"error": "throttled", "error_description": "You must retry in the next hourly interval"}
        headers = {**self._tokens.headers(self._world.now), "X-RateLimit-Remaining": "0"}
        return JSONResponse(body, 503, headers)


def _find(method: str, path: str) -> _Found | None:
    parts = path.removesuffix(".json").split("/")
    for known, template, scope, handler in TABLE:
        names = template.split("/")
        if known != method or len(names) != len(parts):
            continue
        if all(name == part or name.startswith(":") for name, part in zip(names, parts, strict=True)):
            given = {name[1:]: part for name, part in zip(names, parts, strict=True) if name.startswith(":")}
            return _Found(template, scope, handler, given, path.endswith(".json"))
    return None


def _is_of_a_cluster(asked: Asked, found: _Found) -> bool:
    """A cluster is a stack with nothing in it: its lists are empty, and whatever else is asked of it is not found."""
    of_one = words.CLUSTER_UID in (asked.path.get("uid"), asked.path.get("stack_id"))
    return of_one and len(found.path) == 1 and found.handler is not reads.stack and bool(asked.services)


def _given(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        found = json.loads(body)
    except ValueError:
        raise bad_request("The body is not JSON") from None
    if not isinstance(found, dict):
        raise bad_request("The body is not a JSON object")
    return found


def _listed(answer: Listed, page: str) -> dict[str, Any]:
    """`count` beside the rows is how many there are on this page, the one in `pagination` how many in all."""
    rows, word = answer.rows, answer.word
    if not answer.paged:
        return {"response": [word(row) for row in rows], "count": len(rows)}
    count, current = len(rows), int(page) if page.isdecimal() and int(page) else 1
    pages = max(1, -(-count // PER_PAGE))
    shown = [word(row) for row in rows[(current - 1) * PER_PAGE : current * PER_PAGE]]
    pagination = {
        "previous": current - 1 if current > 1 else None,
        "next": current + 1 if current < pages else None,
        "current": current,
        "per_page": PER_PAGE,
        "count": count,
        "pages": pages,
    }
    return {"response": shown, "count": len(shown), "pagination": pagination}


def _unauthenticated() -> Response:
    return JSONResponse({"error": "unauthenticated", "error_description": "The access token is invalid"}, 401)


def _refused(words: str) -> Response:
    refusal = conflict(words)
    return JSONResponse(refusal.body, refusal.status)
