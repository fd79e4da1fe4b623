"""What stands before and behind every HTTP endpoint of the world, whatever platform it speaks for: its faults."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from tui.demo.faults import Channel, Fault, FaultKind
from tui.demo.world import World

BLOCK_PAGE = """<!DOCTYPE html>
<html lang="en-US"><head><title>Access denied | acme.example used Cloudflare to restrict access</title></head>
<body><h1>Error 1015</h1><p>You are being rate limited</p><p>Ray ID: 8f2b1c0d9e7a6b5c</p></body></html>
"""
GATEWAY_PAGE = """<html><head><title>502 Bad Gateway</title></head>
<body><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center></body></html>
"""

Hang = Callable[[float | None], Awaitable[None]]
"""Returns after so many seconds (None: never), or when the server stops."""
Abort = Callable[[HTTPConnection], None]
"""Breaks the connection."""


@dataclass(frozen=True, slots=True)
class Words:
    """How one platform says what every platform can say."""

    too_many: Callable[[Fault], Response]
    unauthorized: Callable[[], Response]
    refused: Callable[[str], Response]
    problem: Callable[[], Response] = lambda: PlainTextResponse("Internal Server Error", 500)
    block_page: str = BLOCK_PAGE
    gateway_page: str = GATEWAY_PAGE


class Gate:
    """`names` of a request are what a fault can be set on: its method, its route's path, what the platform calls it."""

    def __init__(self, world: World, words: Words, *, abort: Abort, hang: Hang) -> None:
        self._world = world
        self._words = words
        self._abort = abort
        self._hang = hang

    async def before(self, request: Request, names: set[str]) -> Response | None:
        """To be asked before anything is done; a response: it is the answer, and nothing is to be done."""
        if not self._world.clock.frozen:
            self._world.run()
        if (slow := self._world.faults.take(FaultKind.SLOW, Channel.HTTP, names)) is not None:
            await self._hang(slow.seconds)
        if self._take(FaultKind.DROP, names):
            return await self._broken(request)
        if self._take(FaultKind.SILENT, names):
            await self._hang(None)
            return await self._broken(request)
        if (limit := self._world.faults.take(FaultKind.RATE_LIMIT, Channel.HTTP, names)) is not None:
            return self._words.too_many(limit)
        if (down := self._world.faults.take(FaultKind.SERVER_ERROR, Channel.HTTP, names)) is not None:
            return HTMLResponse(self._words.gateway_page, int(down.detail or 502))
        if self._take(FaultKind.HTML, names):
            return HTMLResponse(self._words.block_page, 403)
        if self._take(FaultKind.HTML_OK, names):
            return HTMLResponse(self._words.block_page, 200)
        if self._take(FaultKind.PROBLEM, names):
            return self._words.problem()
        if self._take(FaultKind.UNAUTHORIZED, names):
            return self._words.unauthorized()
        if (refused := self._world.faults.take(FaultKind.REFUSED, Channel.HTTP, names)) is not None:
            return self._words.refused(refused.detail or "Not while maintenance is under way")
        return None

    async def behind(self, request: Request, names: set[str], answer: Response) -> Response:
        """The answer as it leaves; whatever was done is done."""
        self._world.wake()
        if self._take(FaultKind.LOST_REPLY, names):
            return await self._broken(request)
        if self._take(FaultKind.MALFORMED, names):
            body = bytes(answer.body)
            headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
            return Response(body[: len(body) // 2] or b"{", answer.status_code, headers)
        return answer

    def _take(self, kind: FaultKind, names: set[str]) -> bool:
        return self._world.faults.take(kind, Channel.HTTP, names) is not None

    async def _broken(self, request: Request) -> Response:
        self._abort(request)
        await asyncio.sleep(0)
        return PlainTextResponse("", 500)  # nobody reads it any more
