"""The REST form of a procedure: GET with a query or POST with JSON, under /api; a bare JSON value comes back."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tui.demo.dokploy.asking import VOID, Asked, Refusal
from tui.demo.dokploy.procedures import Procedure, Version, known
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.tokens import Tokens
from tui.demo.dokploy.validation import checked
from tui.demo.gate import Gate
from tui.demo.world import World

JSON = "application/json"


class Rest:
    """Every request spends two checks of its key's limit: one to come in, one to be known by."""

    def __init__(self, world: World, site: Site, tokens: Tokens, gate: Gate, version: Version) -> None:
        self._world = world
        self._site = site
        self._tokens = tokens
        self._gate = gate
        self._version = version

    async def __call__(self, request: Request) -> Response:
        path: str = request.path_params["path"]
        names = {request.method, path}
        if (early := await self._gate.before(request, names)) is not None:
            return early
        try:
            answer = await self._answer(request, path)
        except Refusal as refusal:
            answer = refused(refusal, path)
        return await self._gate.behind(request, names, answer)

    async def _answer(self, request: Request, path: str) -> Response:
        if request.method == "HEAD":
            return Response(status_code=204)
        if self._site.is_down:
            return unauthorized()
        key = self._tokens.caller(request.headers)
        if key is None or not key.check(self._world.now):
            return unauthorized()
        if not key.check(self._world.now):
            raise Refusal(401, "UNAUTHORIZED", "UNAUTHORIZED")
        procedure = known(path, self._version)
        method = "POST" if procedure is not None and procedure.is_mutation else "GET"
        if procedure is None or procedure.trpc_only or request.method != method:
            return refused(Refusal(404, "NOT_FOUND", "Not found"), None)
        given = await _given(request, procedure)
        if given is None:
            return Response(b"Invalid JSON", 400)
        asked = Asked(self._world, self._site, key, checked(procedure.params, given, in_query=method == "GET"))
        found = procedure.handler(asked)
        return Response(b"" if found is VOID else json.dumps(found), media_type=JSON)


async def _given(request: Request, procedure: Procedure) -> dict[str, Any] | None:
    """None: it is no JSON. Raises Refusal."""
    if not procedure.is_mutation:
        query = request.query_params
        return {name: values if len(values := query.getlist(name)) > 1 else values[0] for name in query}
    sent_as = request.headers.get("content-type", "").partition(";")[0]
    if not sent_as:
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", "Missing content-type header")
    if sent_as != JSON:
        raise Refusal(415, "UNSUPPORTED_MEDIA_TYPE", f'Unsupported content-type "{sent_as}')  # without its end
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        return None
    return body if isinstance(body, dict) else {}


def refused(refusal: Refusal, path: str | None) -> Response:
    return JSONResponse(refusal.body(path), refusal.status)


def unauthorized() -> Response:
    """A key that is bad, has run out, or has reached its limit: it is not said which."""
    return JSONResponse({"message": "Unauthorized"}, 401)
