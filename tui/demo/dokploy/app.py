"""Dokploy as an ASGI application: REST below /api, tRPC below /api/trpc, log sockets on the root; and an old one.

A real server closes a connection that was idle for five seconds. This one keeps it: else it would depend on how quick
the machine is whether a request still finds its connection.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route, WebSocketRoute
from starlette.types import Scope
from starlette.websockets import WebSocket

from tui.demo.dokploy.asking import Refusal
from tui.demo.dokploy.procedures import NOW, OLD
from tui.demo.dokploy.rest import Rest, refused, unauthorized
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.sockets import socket_routes
from tui.demo.dokploy.tokens import Tokens
from tui.demo.dokploy.trpc import Trpc
from tui.demo.faults import Fault
from tui.demo.gate import Abort, Gate, Hang, Words
from tui.demo.world import World

OLD_PREFIX = "/v028"
_PAGE = "<!DOCTYPE html><html><head><title>Dokploy</title></head><body>404</body></html>"
_METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
Endpoint = Callable[[Request], Awaitable[Response]]


def routes(world: World, tokens: Tokens, *, abort: Abort, hang: Hang) -> list[BaseRoute]:
    site = Site(world)
    gate = Gate(world, Words(_too_many, unauthorized, _refused, _problem), abort=abort, hang=hang)
    found: list[BaseRoute] = []
    for prefix, version in ((OLD_PREFIX, OLD), ("", NOW)):
        rest, trpc = Rest(world, site, tokens, gate, version), Trpc(world, site, tokens, gate, version)
        found += [
            Route(prefix + "/api/health", _health, methods=["GET"]),
            Route(prefix + "/api/auth/ok", _health, methods=["GET"]),
            Route(prefix + "/api/auth/get-session", _session, methods=["GET"]),
            Route(prefix + "/api/trpc/{path:path}", _tidied(trpc), methods=_METHODS),
            Route(prefix + "/api/{path:path}", _tidied(rest), methods=_METHODS),
            *socket_routes(prefix, world, site, tokens, abort),
        ]

    async def never_answered(_socket: WebSocket) -> None:
        """An upgrade to an unknown path gets no answer at all."""
        await hang(None)

    return [
        *found,
        _Elsewhere("/{path:path}", _tidied(_page), methods=_METHODS),
        WebSocketRoute("/{path:path}", never_answered),
    ]


def _tidied(endpoint: Endpoint) -> Endpoint:
    """Doubled and trailing slashes are sent on to the path without them, before anybody is asked who they are."""

    async def answered(request: Request) -> Response:
        path = request.url.path
        clean = "/" + re.sub(r"/{2,}", "/", path).strip("/")
        if clean != path:
            return RedirectResponse(f"{clean}?{request.url.query}" if request.url.query else clean, 308)
        return await endpoint(request)

    return answered


class _Elsewhere(Route):
    """A path outside of the API is a page of the web interface; the world's back door is none of these."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if scope["path"].startswith("/_demo/"):
            return Match.NONE, {}
        return super().matches(scope)


async def _health(_request: Request) -> Response:
    return JSONResponse({"ok": True})


async def _session(_request: Request) -> Response:
    """Return nobody's: cookies are not served here."""
    return JSONResponse(None)


async def _page(_request: Request) -> Response:
    return HTMLResponse(_PAGE, 404)


def _too_many(_fault: Fault) -> Response:
    """There is no 429: a used-up limit looks like a bad key."""
    return unauthorized()


def _refused(words: str) -> Response:
    return refused(Refusal(400, "BAD_REQUEST", words), "")


def _problem() -> Response:
    return HTMLResponse(_PAGE.replace("404", "500: Internal Server Error"), 500)
