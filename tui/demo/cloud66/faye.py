"""Cloud 66's push channel: Bayeux over long polling, one channel a stack, lines from now on and never a history.

Whatever answer is cut or spoilt takes its lines with it: there is no acknowledgement in this protocol.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from tui.demo.clock import SECOND, rfc3339
from tui.demo.cloud66 import ids, narration, states
from tui.demo.cloud66.narration import Told
from tui.demo.cloud66.tokens import Tokens
from tui.demo.entities import Service
from tui.demo.faults import Channel, FaultKind
from tui.demo.gate import Abort, Hang
from tui.demo.world import World

PUSH = "/push"
HOLDS_S = 25.0  # an idle connect is answered after so long, in the world's time
FORGETS_S = 90.0  # a client that does not connect for so long is unknown
AT_MOST = 200  # messages in one answer
_CHANNEL = re.compile(r"/realtime/([0-9a-f]{32})/\*")
_ADVICE = {"reconnect": "retry", "interval": 0, "timeout": 45000}
_NAMES = frozenset({"/meta/connect", PUSH})
_FAULTS = (FaultKind.DROP, FaultKind.CLOSE, FaultKind.MALFORMED, FaultKind.SILENT)

Message = dict[str, Any]


@dataclass(slots=True, eq=False)
class _Client:
    id: str
    seen_at: int
    stacks: dict[str, int] = field(default_factory=dict)  # service's id -> how far its lines were sent
    sent: int = 0
    turn: int = 0  # of its connects: a newer one ends those before it
    news: asyncio.Event = field(default_factory=asyncio.Event)


class Faye:
    """What is told of each deployment of a stack goes out as it happens, once to each client.

    A token that comes here is counted in `Tokens.leaked` and refused.
    """

    def __init__(self, world: World, tokens: Tokens, *, abort: Abort, hang: Hang) -> None:
        self._world = world
        self._tokens = tokens
        self._abort = abort
        self._hang = hang
        self._clients: dict[str, _Client] = {}
        self._number = 0

    async def answer(self, request: Request) -> Response:
        try:
            text = (await request.body()).decode("utf-8", "replace")
        except ClientDisconnect:
            return Response()
        if "authorization" in request.headers or self._tokens.holds_one(f"{request.url} {text}"):
            self._tokens.leaked += 1
            return PlainTextResponse("No token belongs here", 403)
        try:
            given = json.loads(text)
        except ValueError:
            return PlainTextResponse("Bad request", 400)
        messages = given if isinstance(given, list) else [given]
        if not messages or not all(isinstance(one, dict) for one in messages):
            return PlainTextResponse("Bad request", 400)
        replies: list[Message] = []
        for message in messages:
            if message.get("channel") == "/meta/connect":
                return await self._connect(request, message, replies)
            replies.append(self._reply(message))
        return JSONResponse(replies)

    # what is answered at once

    def _reply(self, message: Message) -> Message:
        channel = str(message.get("channel"))
        if channel == "/meta/handshake":
            return self._handshake(message)
        client = self._client(message)
        if client is None:
            return _unknown(message)
        order = {
            "/meta/subscribe": self._subscribe,
            "/meta/unsubscribe": self._unsubscribe,
            "/meta/disconnect": self._disconnect,
        }.get(channel)
        reply = _about(message, client)
        if order is None:
            return reply | {"error": f"405:{channel}:Cannot publish here"}
        return reply | order(client, message)

    def _handshake(self, message: Message) -> Message:
        offered = {"version": "1.0", "supportedConnectionTypes": ["long-polling"]}
        reply = {"channel": "/meta/handshake", **offered, **_id(message)}
        if "long-polling" not in (message.get("supportedConnectionTypes") or ()):
            return reply | {"successful": False, "error": "301::Connection types not supported"}
        self._forget_the_silent()
        self._number += 1
        client = _Client(f"client{self._number}", self._world.now)
        self._clients[client.id] = client
        return reply | {"successful": True, "clientId": client.id}

    def _subscribe(self, client: _Client, message: Message) -> Message:
        wanted = message.get("subscription")
        service = self._stack(str(wanted))
        if service is None:
            return {"subscription": wanted, "error": f"403:{wanted}:Forbidden"}
        client.stacks.setdefault(service.id, self._world.now)
        return {"successful": True, "subscription": wanted}

    def _unsubscribe(self, client: _Client, message: Message) -> Message:
        service = self._stack(str(message.get("subscription")))
        if service is not None:
            client.stacks.pop(service.id, None)
        return {"successful": True, "subscription": message.get("subscription")}

    def _disconnect(self, client: _Client, _message: Message) -> Message:
        self._clients.pop(client.id)
        client.turn += 1
        client.news.set()
        return {"successful": True}

    # what is answered when there is something to say

    async def _connect(self, request: Request, message: Message, replies: list[Message]) -> Response:
        client = self._client(message)
        if client is None:
            return JSONResponse([*replies, _unknown(message)])
        client.turn = turn = client.turn + 1
        client.news.set()
        waited = await self._unless_gone(request, self._something(client, turn))
        client.seen_at = self._world.now
        if waited is FaultKind.CLOSE:  # the server forgot it
            self._clients.pop(client.id, None)
            return JSONResponse([*replies, _unknown(message)])
        reply = _about(message, client) | {"successful": True, "advice": _ADVICE}
        if waited is _GONE or client.turn != turn:
            return JSONResponse([*replies, reply])  # nobody reads it any more, and lines are for who does
        answer = JSONResponse([*replies, reply, *self._lines(client)])
        if waited is FaultKind.MALFORMED:
            return Response(bytes(answer.body)[: len(answer.body) // 2], media_type="application/json")
        if waited is FaultKind.DROP:
            self._abort(request)
            await asyncio.sleep(0)
        elif waited is FaultKind.SILENT:
            await self._unless_gone(request, _until(self._hang))
        return answer

    async def _something(self, client: _Client, turn: int) -> FaultKind | None:
        """Returns when there are lines for the client, or it has waited long enough, or what is to go wrong."""
        until = self._world.now + round(HOLDS_S * SECOND)
        forget = self._world.on_wake(client.news.set)
        try:
            while True:
                client.news.clear()
                if client.turn != turn:
                    return None
                for kind in _FAULTS:
                    if self._world.faults.take(kind, Channel.SOCKET, _NAMES, client.sent) is not None:
                        return kind
                if self._world.now >= until or self._untold(client):
                    return None
                await client.news.wait()
        finally:
            forget()

    async def _unless_gone(self, request: Request, work: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 - the work's
        """What the work gives; `_GONE` if the client leaves or the server stops before that."""

        async def left() -> None:
            while (await request.receive())["type"] != "http.disconnect":
                pass

        async with asyncio.TaskGroup() as group:
            working = group.create_task(work)
            others = [group.create_task(left()), group.create_task(_until(self._hang))]
            await asyncio.wait([working, *others], return_when=asyncio.FIRST_COMPLETED)
            done = working.done()
            for task in (working, *others):
                task.cancel()
        return working.result() if done else _GONE

    def _lines(self, client: _Client) -> list[Message]:
        """What was not sent yet, in the order of time. What belongs to one moment goes out together."""
        untold = self._untold(client)
        if len(untold) > AT_MOST:
            last = untold[AT_MOST - 1][1].at
            untold = [each for each in untold if each[1].at <= last]
        messages = []
        for service, told in untold:
            client.stacks[service.id] = told.at
            client.sent += 1
            messages.append(_message(f"/realtime/{ids.stack_uid(service)}/deployment", told, client.sent))
        return messages

    def _untold(self, client: _Client) -> list[tuple[Service, Told]]:
        now, found = self._world.now, []
        for service in self._services(client):
            after = client.stacks[service.id]
            for one in service.recent:
                finished = states.finished_at(one)
                if finished is None or finished > after:
                    found += [(service, told) for told in narration.of_deployment(one, now) if told.at > after]
        found.sort(key=lambda each: each[1].at)
        return found

    # who and what there is

    def _client(self, message: Message) -> _Client | None:
        client = self._clients.get(str(message.get("clientId")))
        if client is not None:
            client.seen_at = self._world.now
        return client

    def _forget_the_silent(self) -> None:
        since = self._world.now - round(FORGETS_S * SECOND)
        self._clients = {id_: one for id_, one in self._clients.items() if one.seen_at >= since}

    def _services(self, client: _Client) -> list[Service]:
        return [one for one in self._world.estate("cloud66").services if one.id in client.stacks]

    def _stack(self, channel: str) -> Service | None:
        found = _CHANNEL.fullmatch(channel)
        services = self._world.estate("cloud66").services if found is not None else ()
        return next((one for one in services if found is not None and ids.stack_uid(one) == found[1]), None)


_GONE = object()


async def _until(hang: Hang) -> None:
    await hang(None)


def _id(message: Message) -> Message:
    return {"id": message["id"]} if "id" in message else {}


def _about(message: Message, client: _Client) -> Message:
    return {"channel": message.get("channel"), "successful": False, "clientId": client.id, **_id(message)}


def _unknown(message: Message) -> Message:
    return {
        "channel": message.get("channel"),
        "successful": False,
        "clientId": message.get("clientId"),
        "error": f"401:{message.get('clientId')}:Unknown client",
        "advice": {"reconnect": "handshake", "interval": 0},
        **_id(message),
    }


def _message(channel: str, told: Told, number: int) -> Message:
    """`data` is a string that holds a quoted JSON string: encoded twice. Every line is of a deployment (`is_cap`)."""
    row = {
        "severity": narration.ON_THE_PUSH_CHANNEL[told.level],
        "message": told.text,
        "time": rfc3339(told.at),
        "is_raw": told.raw,
        "is_cap": True,
    }
    return {"channel": channel, "id": str(number), "data": json.dumps(json.dumps(row))}
