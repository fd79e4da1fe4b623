"""Dokploy as an ASGI application: REST below /api, tRPC below /api/trpc, log sockets on the root; and an old one."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from tui.demo.dokploy import reads
from tui.demo.dokploy.asking import VOID, Asked, Refusal
from tui.demo.dokploy.procedures import NOW, OLD, PROCEDURES, Procedure, Version
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.sockets import never_answered, socket_routes
from tui.demo.dokploy.tokens import Key, Tokens
from tui.demo.faults import Fault
from tui.demo.gate import Abort, Gate, Hang, Words
from tui.demo.world import World

OLD_PREFIX = "/v028"
_PAGE = "<!DOCTYPE html><html><head><title>Dokploy</title></head><body>404</body></html>"
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]


def routes(world: World, tokens: Tokens, *, abort: Abort, hang: Hang) -> list[BaseRoute]:
    site = Site(world)
    gate = Gate(world, Words(_too_many, _unauthorized, _problem), abort=abort, hang=hang)
    found: list[BaseRoute] = []
    for prefix, version in ((OLD_PREFIX, OLD), ("", NOW)):
        endpoint = _Endpoint(world, site, tokens, gate, version)
        found += [
            Route(prefix + "/api/health", _health, methods=["GET"]),
            Route(prefix + "/api/trpc/{path:path}", endpoint.trpc, methods=_METHODS),
            Route(prefix + "/api/{path:path}", endpoint.rest, methods=_METHODS),
            *socket_routes(prefix, world, site, tokens, abort),
        ]
    return [*found, Route("/{path:path}", _elsewhere, methods=_METHODS), WebSocketRoute("/{path:path}", never_answered)]


class _Endpoint:
    """Every request spends two checks of its key's limit, a tRPC call one."""

    def __init__(self, world: World, site: Site, tokens: Tokens, gate: Gate, version: Version) -> None:
        self._world = world
        self._site = site
        self._tokens = tokens
        self._gate = gate
        self._version = version

    async def rest(self, request: Request) -> Response:
        path: str = request.path_params["path"]
        if (clean := _cleaned(request)) is not None:
            return clean
        names = {request.method, path}
        if (early := await self._gate.before(request, names)) is not None:
            return early
        return await self._gate.behind(request, names, await self._answer(request, path))

    async def _answer(self, request: Request, path: str) -> Response:
        key = self._tokens.caller(request.headers)
        if key is None or not key.check(self._world.now):
            return _unauthorized()
        if not key.check(self._world.now):
            return JSONResponse(Refusal(401, "UNAUTHORIZED", "UNAUTHORIZED").body(path), 401)
        procedure = self._known(path)
        if procedure is None or procedure.trpc_only or procedure.is_mutation != (request.method == "POST"):
            return JSONResponse(Refusal(404, "NOT_FOUND", "Not found").body(None), 404)
        given: dict[str, Any] = dict(request.query_params)
        if procedure.is_mutation:
            if request.headers.get("content-type", "").partition(";")[0] != "application/json":
                refusal = Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "Unsupported content-type: expected JSON")
                return JSONResponse(refusal.body(path), 415)
            try:
                body = json.loads(await request.body())
            except ValueError:
                return PlainTextResponse("Invalid JSON", 400)
            given = body if isinstance(body, dict) else {}
        try:
            found = procedure.handler(Asked(self._world, self._site, key, procedure.checked(given)))
        except Refusal as refusal:
            return JSONResponse(refusal.body(path), refusal.status)
        return Response(b"" if found is VOID else json.dumps(found), media_type="application/json")

    async def trpc(self, request: Request) -> Response:
        path: str = request.path_params["path"]
        names = {request.method, *path.split(",")}
        if (early := await self._gate.before(request, names)) is not None:
            return early
        key = self._tokens.caller(request.headers)
        if key is None or not key.check(self._world.now):
            answer: Response = JSONResponse(_trpc_error(Refusal(401, "UNAUTHORIZED", "UNAUTHORIZED"), path), 401)
        elif request.query_params.get("batch"):
            given = _json(request.query_params.get("input", "{}"))
            each = [
                self._trpc_one(key, name, (given or {}).get(str(n)), request) for n, name in enumerate(path.split(","))
            ]
            answer = JSONResponse([body for body, _ in each], 200 if all(s == 200 for _, s in each) else 207)
        else:
            text = request.query_params.get("input") if request.method == "GET" else (await request.body()).decode()
            body, status = self._trpc_one(key, path, _json(text or "{}"), request)
            answer = JSONResponse(body, status)
        return await self._gate.behind(request, names, answer)

    def _trpc_one(self, key: Key, path: str, given: Any, request: Request) -> tuple[dict[str, Any], int]:  # noqa: ANN401
        """The input is wrapped in `json`; without parameters anything goes."""
        procedure = self._known(path)
        if procedure is None or procedure.is_mutation != (request.method == "POST"):
            refusal = Refusal(404, "NOT_FOUND", f'No procedure found on path "{path}"')
            return _trpc_error(refusal, path), 404
        try:
            inner = given.get("json") if isinstance(given, dict) else None
            needed = any(not kind.endswith("?") for kind in procedure.params.values())
            if inner is None and needed:
                inner = {}  # a bare input is no input: the validation says so
            found = procedure.handler(Asked(self._world, self._site, key, procedure.checked(inner or {})))
        except Refusal as refusal:
            return _trpc_error(refusal, path), refusal.status
        if found is VOID:
            return {"result": {"data": {"json": None, "meta": {"values": ["undefined"]}}}}, 200
        return {"result": {"data": {"json": found}}}, 200

    def _known(self, path: str) -> Procedure | None:
        procedure = PROCEDURES.get(path)
        if procedure is None or procedure.since > self._version:
            return None
        if path == "settings.getDokployVersion" and self._version == OLD:
            return Procedure(reads.old_version)
        return procedure


def _json(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _trpc_error(refusal: Refusal, path: str) -> dict[str, Any]:
    body = refusal.body(path)
    return {"error": {"json": {"message": refusal.message, "code": -32_600, "data": body["data"]}}}


async def _health(_request: Request) -> Response:
    return JSONResponse({"ok": True})


async def _elsewhere(request: Request) -> Response:
    """A path outside of the API is a page of the web interface that is not there."""
    return _cleaned(request) or HTMLResponse(_PAGE, 404)


def _cleaned(request: Request) -> Response | None:
    """Doubled and trailing slashes are sent on to the path without them."""
    path = request.url.path
    clean = "/" + re.sub(r"/{2,}", "/", path).strip("/")
    if clean == path:
        return None
    return RedirectResponse(f"{clean}?{request.url.query}" if request.url.query else clean, 308)


def _unauthorized() -> Response:
    return JSONResponse({"message": "Unauthorized"}, 401)


def _too_many(_fault: Fault) -> Response:
    """There is no 429: a used-up limit looks like a bad key."""
    return _unauthorized()


def _problem() -> Response:
    return HTMLResponse(_PAGE.replace("404", "500: Internal Server Error"), 500)
