"""Cloud 66's push channel: Bayeux over long polling, one channel a stack, lines from now on and never a history."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tui.demo.clock import rfc3339
from tui.demo.cloud66 import ids
from tui.demo.cloud66.tokens import Tokens
from tui.demo.entities import Deployment, Service
from tui.demo.faults import Channel, FaultKind
from tui.demo.gate import Abort, Hang
from tui.demo.scripts import Line
from tui.demo.world import World

PUSH = "/push"
SEVERITIES = {"debug": 1, "info": 2, "warn": 3, "error": 4}  # not those of the operation log from 3 on
HOLDS_S = 25.0  # an idle connect is answered after so long
AT_MOST = 200  # messages in one answer
_CHANNEL = re.compile(r"/realtime/([0-9a-f]{32})/\*")

Message = dict[str, Any]


@dataclass(slots=True, eq=False)
class _Client:
    id: str
    stacks: dict[str, int] = field(default_factory=dict)  # service's id -> until when its lines were sent
    sent: int = 0


class Faye:
    """Deployment lines of a stack are pushed as they are written: the world's build lines, once to each client."""

    def __init__(self, world: World, tokens: Tokens, *, abort: Abort, hang: Hang) -> None:
        self._world = world
        self._tokens = tokens
        self._abort = abort
        self._hang = hang
        self._clients: dict[str, _Client] = {}
        self._number = 0

    async def answer(self, request: Request) -> Response:
        if "authorization" in request.headers:
            self._tokens.leaked += 1
        try:
            message = json.loads(await request.body())
        except ValueError:
            return PlainTextResponse("Bad request", 400)
        if not isinstance(message, dict):
            return PlainTextResponse("Bad request", 400)
        handler = _HANDLERS.get(str(message.get("channel")))
        if handler is None:
            return JSONResponse([{"channel": message.get("channel"), "successful": False, "error": "405:unknown"}])
        answer: Response = await handler(self, request, message)
        return answer

    async def handshake(self, _request: Request, _message: Message) -> Response:
        self._number += 1
        client = _Client(f"client{self._number}")
        self._clients[client.id] = client
        return JSONResponse(
            [
                {
                    "channel": "/meta/handshake",
                    "successful": True,
                    "version": "1.0",
                    "supportedConnectionTypes": ["long-polling"],
                    "clientId": client.id,
                    "advice": _ADVICE,
                }
            ]
        )

    async def subscribe(self, _request: Request, message: Message) -> Response:
        client = self._client(message)
        if client is None:
            return _unknown(message)
        found = _CHANNEL.fullmatch(str(message.get("subscription")))
        service = self._stack(found[1]) if found is not None else None
        reply = {
            "channel": "/meta/subscribe",
            "successful": service is not None,
            "clientId": client.id,
            "subscription": message.get("subscription"),
            "id": message.get("id"),
        }
        if service is not None:
            client.stacks[service.id] = self._world.now
        return JSONResponse([reply])

    async def connect(self, request: Request, message: Message) -> Response:
        client = self._client(message)
        if client is None:
            return _unknown(message)
        if (broken := await self._fault(request, client)) is not None:
            return broken
        lines = self._lines(client)
        if not lines:
            await self._something(client)
            lines = self._lines(client)
        client.sent += len(lines)
        reply = {"channel": "/meta/connect", "successful": True, "clientId": client.id, "advice": _ADVICE}
        return JSONResponse([reply, *lines])

    async def disconnect(self, _request: Request, message: Message) -> Response:
        client = self._clients.pop(str(message.get("clientId")), None)
        return JSONResponse([{"channel": "/meta/disconnect", "successful": client is not None}])

    async def _fault(self, request: Request, client: _Client) -> Response | None:
        take = self._world.faults.take
        names = {"/meta/connect", PUSH}
        if take(FaultKind.DROP, Channel.SOCKET, names, client.sent) is not None:
            self._abort(request)
            await asyncio.sleep(0)
            return PlainTextResponse("", 500)
        if take(FaultKind.CLOSE, Channel.SOCKET, names, client.sent) is not None:
            self._clients.pop(client.id, None)  # the server forgot it
            return _unknown({"channel": "/meta/connect", "clientId": client.id})
        if take(FaultKind.MALFORMED, Channel.SOCKET, names, client.sent) is not None:
            return Response(b'[{"channel":"/meta/conn', media_type="application/json")
        if take(FaultKind.SILENT, Channel.SOCKET, names, client.sent) is not None:
            await self._hang(None)
        return None

    async def _something(self, client: _Client) -> None:
        """Returns when there are lines for this client, a fault was added, or it has waited long enough."""
        news = asyncio.Event()
        unwatch = self._world.on_wake(news.set)
        loop = asyncio.get_running_loop()
        until = loop.time() + HOLDS_S
        try:
            while not self._pending(client) and not self._armed() and loop.time() < until:
                news.clear()
                try:
                    async with asyncio.timeout_at(until):
                        await news.wait()
                except TimeoutError:
                    return
        finally:
            unwatch()

    def _armed(self) -> bool:
        return self._world.faults.armed((FaultKind.DROP, FaultKind.CLOSE, FaultKind.MALFORMED))

    def _pending(self, client: _Client) -> bool:
        return any(self._written(service, client.stacks[service.id]) for service in self._services(client))

    def _lines(self, client: _Client) -> list[Message]:
        found: list[tuple[int, Message]] = []
        for service in self._services(client):
            written = self._written(service, client.stacks[service.id])[:AT_MOST]
            channel = f"/realtime/{ids.stack_uid(service)}/deployment"
            found += [(line.at, _message(channel, line, one)) for one, line in written]
            if written:
                client.stacks[service.id] = written[-1][1].at
        found.sort(key=lambda each: each[0])
        return [message for _, message in found]

    def _written(self, service: Service, after: int) -> list[tuple[Deployment, Line]]:
        """What its builds wrote since then. Lines of one moment go out together."""
        now = self._world.now
        found = [
            (one, line)
            for one in service.recent
            if one.build is not None and one.build[1] >= after
            for line in one.build_lines(now)
            if line.at > after
        ]
        found.sort(key=lambda each: each[1].at)
        if len(found) > AT_MOST:
            last = found[AT_MOST - 1][1].at
            found = [each for each in found if each[1].at <= last]
        return found

    def _client(self, message: Message) -> _Client | None:
        return self._clients.get(str(message.get("clientId")))

    def _services(self, client: _Client) -> list[Service]:
        return [one for one in self._world.estate("cloud66").services if one.id in client.stacks]

    def _stack(self, uid: str) -> Service | None:
        services = self._world.estate("cloud66").services
        return next((one for one in services if ids.stack_uid(one) == uid), None)


_ADVICE = {"reconnect": "retry", "interval": 0, "timeout": 45000}


def _unknown(message: Message) -> Response:
    reply = {
        "channel": message.get("channel"),
        "successful": False,
        "clientId": message.get("clientId"),
        "error": "401:unknown client",
        "advice": {"reconnect": "handshake", "interval": 0},
    }
    return JSONResponse([reply])


def _message(channel: str, line: Line, one: Deployment) -> Message:
    """`data` is a string that holds a quoted JSON string: encoded twice."""
    row = {
        "severity": SEVERITIES[line.level],
        "message": line.text,
        "time": rfc3339(line.at),
        "is_raw": line.level == "debug",
        "is_cap": True,
    }
    return {"channel": channel, "id": f"{one.id[-6:]}-{line.at}", "data": json.dumps(json.dumps(row))}


_HANDLERS: dict[str, Callable[[Faye, Request, Message], Any]] = {
    "/meta/handshake": Faye.handshake,
    "/meta/subscribe": Faye.subscribe,
    "/meta/connect": Faye.connect,
    "/meta/disconnect": Faye.disconnect,
}
