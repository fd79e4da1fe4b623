"""GraphQL over HTTP as Railway answers it: 200 with errors inside, and what stands before it when things go wrong."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ariadne import graphql
from graphql import GraphQLError, GraphQLSchema
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response

from tui.demo.clock import SECOND
from tui.demo.faults import Channel, FaultKind
from tui.demo.railway.access import Context
from tui.demo.railway.documents import Validator, names, parse_query, parsed
from tui.demo.railway.errors import NOT_AUTHORIZED, PROBLEM, QUIET, error_body, format_error
from tui.demo.railway.tokens import Token, Tokens
from tui.demo.world import World

BLOCK_PAGE = """<!DOCTYPE html>
<html lang="en-US"><head><title>Access denied | backboard.railway.com used Cloudflare to restrict access</title></head>
<body><h1>Error 1015</h1><p>You are being rate limited</p><p>Ray ID: 8f2b1c0d9e7a6b5c</p></body></html>
"""
GATEWAY_PAGE = """<html><head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>cloudflare</center></body></html>
"""

Hang = Callable[
    [float | None], Awaitable[None]
]  # returns after so many seconds (None: never), or when the server stops
Abort = Callable[[HTTPConnection], None]  # breaks the connection


class HttpEndpoint:
    def __init__(self, world: World, tokens: Tokens, schema: GraphQLSchema, *, abort: Abort, hang: Hang) -> None:
        self._world = world
        self._tokens = tokens
        self._schema = schema
        self._validator = Validator()
        self._abort = abort
        self._hang = hang

    async def __call__(self, request: Request) -> Response:
        if not self._world.clock.frozen:
            self._world.run()
        try:
            payload = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("Bad Request", 400)
        if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
            return _errors(PROBLEM, 400)
        called = _names(payload)
        if (early := await self._fault(request, called)) is not None:
            return early
        token, complaint = self._caller(request)
        headers: dict[str, str] = {}
        if token is not None:
            within = token.spend(self._world.now)
            headers = token.headers(self._world.now)
            if not within:
                return _too_many(headers, token.resets_at(self._world.now) - self._world.now)
        answer = await self._answer(payload, Context(self._world, token, complaint))
        self._world.wake()
        if self._take(FaultKind.LOST_REPLY, called):
            return await self._broken(request)
        body = json.dumps(answer).encode()
        if self._take(FaultKind.MALFORMED, called):
            body = body[: len(body) // 2]
        return Response(body, headers=headers, media_type="application/json")

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

    async def _fault(self, request: Request, called: set[str]) -> Response | None:
        if (slow := self._world.faults.take(FaultKind.SLOW, Channel.HTTP, called)) is not None:
            await self._hang(slow.seconds)
        if self._take(FaultKind.DROP, called):
            return await self._broken(request)
        if self._take(FaultKind.SILENT, called):
            await self._hang(None)
            return await self._broken(request)
        if (limit := self._world.faults.take(FaultKind.RATE_LIMIT, Channel.HTTP, called)) is not None:
            if limit.detail == "text":
                return PlainTextResponse("Too Many Requests", 429, {"Retry-After": f"{limit.seconds:.0f}"})
            return _too_many({}, round(limit.seconds * SECOND))
        if (down := self._world.faults.take(FaultKind.SERVER_ERROR, Channel.HTTP, called)) is not None:
            return HTMLResponse(GATEWAY_PAGE, int(down.detail or 502))
        if self._take(FaultKind.HTML, called):
            return HTMLResponse(BLOCK_PAGE, 403)
        if self._take(FaultKind.HTML_OK, called):
            return HTMLResponse(BLOCK_PAGE, 200)
        if self._take(FaultKind.PROBLEM, called):
            return _errors(PROBLEM)
        if self._take(FaultKind.UNAUTHORIZED, called):
            return _errors(NOT_AUTHORIZED)
        return None

    def _take(self, kind: FaultKind, called: set[str]) -> bool:
        return self._world.faults.take(kind, Channel.HTTP, called) is not None

    async def _broken(self, request: Request) -> Response:
        self._abort(request)
        await asyncio.sleep(0)
        return PlainTextResponse("", 500)  # nobody reads it any more


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
