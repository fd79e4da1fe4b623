"""GraphQL over HTTP as Railway answers it: 200 with errors inside, and what stands before it when things go wrong."""

from __future__ import annotations

import json
from typing import Any

from ariadne import graphql
from graphql import GraphQLError, GraphQLSchema
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from tui.demo.clock import SECOND
from tui.demo.faults import Fault
from tui.demo.gate import BLOCK_PAGE, GATEWAY_PAGE, Abort, Gate, Hang, Words
from tui.demo.railway.access import Context
from tui.demo.railway.documents import Validator, names, parse_query, parsed
from tui.demo.railway.errors import NOT_AUTHORIZED, PROBLEM, QUIET, error_body, format_error
from tui.demo.railway.tokens import Token, Tokens
from tui.demo.world import World


def _words() -> Words:
    def too_many(fault: Fault) -> Response:
        if fault.detail == "edge":  # Cloudflare's, which knows nothing of the token's budget
            return HTMLResponse(BLOCK_PAGE.replace("acme.example", "backboard.railway.com"), 429)
        if fault.detail == "text":
            return PlainTextResponse("Too Many Requests", 429, {"Retry-After": f"{fault.seconds:.0f}"})
        return _too_many({}, round(fault.seconds * SECOND))

    return Words(
        too_many,
        unauthorized=lambda: _errors(NOT_AUTHORIZED),
        refused=_errors,
        problem=lambda: _errors(PROBLEM),
        block_page=BLOCK_PAGE.replace("acme.example", "backboard.railway.com"),
        gateway_page=GATEWAY_PAGE.replace("nginx", "cloudflare"),
    )


class HttpEndpoint:
    def __init__(self, world: World, tokens: Tokens, schema: GraphQLSchema, *, abort: Abort, hang: Hang) -> None:
        self._world = world
        self._tokens = tokens
        self._schema = schema
        self._validator = Validator()
        self._gate = Gate(world, _words(), abort=abort, hang=hang)

    async def __call__(self, request: Request) -> Response:
        try:
            payload = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("Bad Request", 400)
        if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
            return _errors(PROBLEM, 400)
        called = _names(payload)
        if (early := await self._gate.before(request, called)) is not None:
            return early
        token, complaint = self._caller(request)
        headers: dict[str, str] = {}
        if token is not None:
            within = token.spend(self._world.now)
            headers = token.headers(self._world.now)
            if not within:
                return _too_many(headers, token.resets_at(self._world.now) - self._world.now)
        answer = await self._answer(payload, Context(self._world, token, complaint))
        response = Response(json.dumps(answer).encode(), headers=headers, media_type="application/json")
        return await self._gate.behind(request, called, response)

    def _caller(self, request: Request) -> tuple[Token | None, str]:
        try:
            return self._tokens.caller(request.headers), NOT_AUTHORIZED
        except LookupError as error:
            return None, str(error.args[0])

    async def _answer(self, payload: dict[str, Any], context: Context) -> dict[str, Any]:
        _, answer = await graphql(
            self._schema,
            payload,
            context_value=context,
            query_parser=parse_query,
            query_validator=self._validator,
            error_formatter=format_error,
            logger=QUIET,
        )
        errors = answer.get("errors")
        if errors and errors[0]["extensions"]["code"].startswith("GRAPHQL_"):
            return {"errors": errors}  # nothing was run: no data, not even null
        return answer


def _names(payload: dict[str, Any]) -> set[str]:
    try:
        return names(parsed(payload["query"]), payload.get("operationName"))
    except GraphQLError:
        return set()


def _errors(message: str, status: int = 200) -> Response:
    return JSONResponse({"errors": [error_body(message)], "data": None}, status)


def _too_many(headers: dict[str, str], wait: int) -> Response:
    body = {"errors": [error_body("Rate limit exceeded, please try again later")]}
    return JSONResponse(body, 429, {**headers, "Retry-After": str(max(1, -(-wait // SECOND)))})
