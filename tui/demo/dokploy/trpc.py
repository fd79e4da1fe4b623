"""The tRPC form of a procedure, under /api/trpc: superjson around what goes in and what comes out; in batches, too."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tui.demo.dokploy.asking import VOID, Asked, Refusal
from tui.demo.dokploy.procedures import Version, known
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.tokens import Key, Tokens
from tui.demo.dokploy.validation import checked
from tui.demo.gate import Gate
from tui.demo.world import World

_CODES = {
    "BAD_REQUEST": -32_600,
    "UNAUTHORIZED": -32_001,
    "NOT_FOUND": -32_004,
    "METHOD_NOT_SUPPORTED": -32_005,
    "INTERNAL_SERVER_ERROR": -32_603,
}
_UNDEFINED = {"json": None, "meta": {"values": ["undefined"], "v": 1}}
_PUBLIC = frozenset({"settings.health"})
Reply = tuple[dict[str, Any], int]


class Trpc:
    """A request spends one check of its key's limit, however many calls are in it."""

    def __init__(self, world: World, site: Site, tokens: Tokens, gate: Gate, version: Version) -> None:
        self._world = world
        self._site = site
        self._tokens = tokens
        self._gate = gate
        self._version = version

    async def __call__(self, request: Request) -> Response:
        calls = str(request.path_params["path"]).split(",")
        names = {request.method, *calls}
        if (early := await self._gate.before(request, names)) is not None:
            return early
        return await self._gate.behind(request, names, await self._answer(request, calls))

    async def _answer(self, request: Request, calls: list[str]) -> Response:
        key = None if self._site.is_down else self._tokens.caller(request.headers)
        if key is not None and not key.check(self._world.now):
            key = None
        text = request.query_params.get("input") if request.method == "GET" else (await request.body()).decode()
        given = _parsed(text or "{}")
        if not request.query_params.get("batch"):
            body, status = self._reply(key, ",".join(calls), given, request.method)
            return JSONResponse(body, status)
        inputs = given if isinstance(given, dict) else {}
        replies = [self._reply(key, call, inputs.get(str(n)), request.method) for n, call in enumerate(calls)]
        statuses = {status for _, status in replies}
        return JSONResponse([body for body, _ in replies], statuses.pop() if len(statuses) == 1 else 207)

    def _reply(self, key: Key | None, path: str, given: Any, method: str) -> Reply:  # noqa: ANN401 - JSON
        try:
            found = self._call(key, path, given, method)
        except Refusal as refusal:
            shown = {"message": refusal.message, "code": _CODES[refusal.code], "data": refusal.body(path)["data"]}
            return {"error": {"json": shown}}, refusal.status
        return {"result": {"data": _UNDEFINED if found is VOID else {"json": found}}}, 200

    def _call(self, key: Key | None, path: str, given: Any, method: str) -> Any:  # noqa: ANN401 - JSON
        """Input that is not wrapped in `json` is no input: where some is needed, the validation says so."""
        procedure = known(path, self._version)
        if procedure is None:
            raise Refusal(404, "NOT_FOUND", f'No procedure found on path "{path}"')
        if procedure.is_mutation != (method == "POST"):
            kind = "mutation" if procedure.is_mutation else "query"
            message = f'Unsupported {method}-request to {kind} procedure at path "{path}"'
            raise Refusal(405, "METHOD_NOT_SUPPORTED", message)
        if key is None and path not in _PUBLIC:
            raise Refusal(401, "UNAUTHORIZED", "UNAUTHORIZED")
        wrapped = given.get("json") if isinstance(given, dict) else None
        found = checked(procedure.params, wrapped if isinstance(wrapped, dict) else {}, in_query=False)
        return procedure.handler(Asked(self._world, self._site, key or self._tokens.owner, found))


def _parsed(text: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(text)
    except ValueError:
        return {}
