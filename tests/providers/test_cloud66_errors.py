"""What Cloud 66's refusals, faults and redirects become: never a failure that may be a success, never raw JSON."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.clocks import FakeClock
from tests.providers.cloud66_server import (
    CUT,
    RAILS,
    TOKEN,
    Cloud66Server,
    cloud66,
    deploying,
    deployment,
    refusal,
    stack,
    the_service,
    world,
)
from tests.providers.loopback import Ledger, running
from tui.credentials import Secret
from tui.model.action import Intent, Verb
from tui.model.errors import (
    Forbidden,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Refused,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.model.log import Cursor, LogKind, LogSource
from tui.model.provider import Connection
from tui.providers.cloud66 import Cloud66Provider

DEPLOY = f"POST stacks/{RAILS}/deployments"
ACT = f"POST stacks/{RAILS}/actions"
CANCEL = f"DELETE stacks/{RAILS}/deployments/108"
PAGE = "<html><head><title>Gateway</title></head><body>oops</body></html>"
REDIRECTS = (301, 302, 303, 307, 308)
JSONISH = re.compile(r"""[{\[]\s*["'}\]]|[a-z]Error\b|Exception|Traceback""")


def html(status: int) -> Response:
    return Response(PAGE, status, media_type="text/html")


def of_json(status: int, body: object) -> Response:
    return JSONResponse(body, status)


# -- what a mutation's answer means ---------------------------------------------------------------------------


UNKNOWN: dict[str, Any] = {
    **{f"{status} of a proxy": html(status) for status in (200, 302, 400, 404, 405, 409, 410, 422, 499, 500, 502, 504)},
    **{f"{status} in JSON": refusal(status, "oops") for status in (408, 499, 500, 502, 503, 504, 520)},
    "499 without a body": Response("", 499),
    "504 without a body": Response("", 504),
    "half a body": Response(b'{"response": {"ok": tr', media_type="application/json"),
    "less than was announced": Response(b"{", headers={"Content-Length": "100"}),
    "gzip that is none": Response(b"{}", headers={"Content-Encoding": "gzip"}),
    "no answer": CUT,
}


@pytest.mark.parametrize("case", UNKNOWN)
@pytest.mark.parametrize("name", [DEPLOY, ACT, CANCEL])
async def test_an_answer_that_does_not_say_what_happened_is_an_unknown_outcome(name: str, case: str) -> None:
    rows = [deploying(108), deployment(107, is_live=True)]
    server = world(stack(status=6), deployments={"shop": rows}, answers={name: UNKNOWN[case]})
    verb = {DEPLOY: Verb.REDEPLOY, ACT: Verb.RESTART, CANCEL: Verb.CANCEL}[name]
    async with cloud66(server) as provider:
        wanted = Intent("i1", verb, await the_service(provider))
        with pytest.raises(OutcomeUnknown) as caught:
            await provider.handlers[verb].run(wanted)
    assert len(server.mutations()) == 1
    assert not JSONISH.search(str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(400, "bad_request"), Refused),
        (refusal(401, "unauthenticated"), Unauthorized),
        (refusal(402, "trial_expired"), Refused),
        (refusal(403, "forbidden"), Forbidden),
        (refusal(404, "not_found"), NotFound),
        (refusal(409, "conflict"), Refused),
        (refusal(422, "unprocessable"), Refused),
        (refusal(429, "slow_down"), RateLimited),
        (refusal(503, "throttled"), RateLimited),
        (refusal(503, "not_implemented"), Refused),
        (html(401), Unauthorized),
        (html(403), Refused),
        (html(429), RateLimited),
    ],
)
async def test_a_clear_no_is_no_unknown_outcome(answer: Response, expected: type[Exception]) -> None:
    async with cloud66(world(answers={DEPLOY: answer})) as provider:
        wanted = Intent("i1", Verb.REDEPLOY, await the_service(provider))
        with pytest.raises(expected) as caught:
            await provider.handlers[Verb.REDEPLOY].run(wanted)
    assert type(caught.value) is expected


# -- what messages show ---------------------------------------------------------------------------------------


BODIES: list[object] = [
    {},
    [],
    ["x"],
    "x",
    None,
    {"error": {"code": 7}},
    {"errors": [{"detail": "x"}]},
    {"error": None, "error_description": "", "details": None},
    {"error": "the words", "details": [1]},
    {"status": 500, "exception": "NoMethodError", "traces": {"a": 1}},
]


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 408, 409, 418, 422, 429, 499, 500, 501, 503, 504])
async def test_no_message_shows_json_or_a_class_name(status: int) -> None:
    server = world()
    async with cloud66(server) as provider:
        for body in BODIES:
            server.answers["GET stacks"] = of_json(status, body)
            with pytest.raises(ProviderError) as caught:
                await provider.snapshot()
            said = str(caught.value)
            assert not JSONISH.search(said), said
            assert "None" not in said, said


async def test_a_broken_connection_is_told_in_words() -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_server(reset, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        provider = Cloud66Provider(Connection("work", Secret(TOKEN), url), meter=Ledger(), clock=FakeClock())
        with pytest.raises(Unreachable, match="cannot be reached") as caught:
            await provider.snapshot()
        await provider.aclose()
    assert not JSONISH.search(str(caught.value)), str(caught.value)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "tried again at 03:05 UTC"),
        ({"Retry-After": "60"}, "tried again at 03:01:00 UTC"),
        ({"Retry-After": "86400"}, "tried again at Sun 15 Mar 03:00 UTC"),
        ({"X-RateLimit-Reset": "1773547200"}, "tried again at Sun 15 Mar 04:00 UTC"),
    ],
)
async def test_a_time_that_is_not_today_has_its_day(headers: dict[str, str], said: str) -> None:
    throttled = refusal(503, "throttled")
    throttled.headers.update(headers)
    async with cloud66(world(answers={"GET stacks": throttled}), clock=FakeClock()) as provider:
        with pytest.raises(RateLimited, match=said):
            await provider.snapshot()


# -- redirects ------------------------------------------------------------------------------------------------


class Elsewhere:
    """Another origin, which must never hear of us."""

    def __init__(self) -> None:
        self.requests: list[str] = []
        self.url = ""

    async def answer(self, request: Request) -> Response:
        self.requests.append(f"{request.method} {request.url.path} {dict(request.headers)}")
        return JSONResponse([])


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Elsewhere]:
    other = Elsewhere()
    methods = ["GET", "POST", "DELETE"]
    async with running(Starlette(routes=[Route("/{path:path}", other.answer, methods=methods)])) as (_, port):
        other.url = f"http://127.0.0.1:{port}/api/3/stacks"
        yield other


@pytest.mark.parametrize("status", REDIRECTS)
async def test_a_redirect_of_the_api_is_not_followed(status: int) -> None:
    server = world()
    async with elsewhere() as other, cloud66(server) as provider:
        shop = await the_service(provider)
        server.answers["GET stacks"] = RedirectResponse(other.url, status)
        with pytest.raises(UnexpectedReply, match="not followed"):
            await provider.snapshot()
        for name, verb in ((DEPLOY, Verb.REDEPLOY), (ACT, Verb.RESTART)):
            server.answers[name] = RedirectResponse(other.url, status)
            with pytest.raises(OutcomeUnknown):
                await provider.handlers[verb].run(Intent("i1", verb, shop))
    assert other.requests == []


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("channel", ["/meta/handshake", "/meta/subscribe", "/meta/connect"])
async def test_a_redirect_of_the_push_server_is_not_followed(channel: str, status: int) -> None:
    """Each step of the long-polling: what would be followed hands the stack's channel to another origin."""
    server = world(stack(status=6), deployments={"shop": [deploying(108), deployment(107, is_live=True)]})
    async with elsewhere() as other, serving_push(channel, RedirectResponse(other.url, status)) as push:
        async with cloud66_with(server, push.url) as provider:
            shop = await the_service(provider)
            with pytest.raises(UnexpectedReply, match="not followed"):
                [each async for each in provider.logs(LogSource(LogKind.BUILD, shop), Cursor())]
        assert other.requests == []
    assert push.channels[-1] == channel
    assert TOKEN not in push.seen
    assert "authorization" not in push.seen.lower()


class Push:
    """A push server that answers one step of the exchange in its own way."""

    def __init__(self, channel: str, answer: Response) -> None:
        self.channels: list[str] = []
        self.seen = ""
        self.url = ""
        self._channel = channel
        self._answer = answer

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        message = json.loads(body)
        self.channels.append(message["channel"])
        self.seen += f"{dict(request.headers)} {body!r}"
        if message["channel"] == self._channel:
            return self._answer
        return JSONResponse([{"channel": message["channel"], "successful": True, "clientId": "c1"}])


@asynccontextmanager
async def serving_push(channel: str, answer: Response) -> AsyncIterator[Push]:
    push = Push(channel, answer)
    async with running(Starlette(routes=[Route("/push", push.answer, methods=["POST"])])) as (_, port):
        push.url = f"http://127.0.0.1:{port}/push"
        yield push


@asynccontextmanager
async def cloud66_with(server: Cloud66Server, push_url: str) -> AsyncIterator[Cloud66Provider]:
    """The provider with its live logs from another server than usual."""
    async with cloud66(server):
        connection = Connection("work", Secret(TOKEN), server.url, live_logs=push_url)
        provider = Cloud66Provider(connection, meter=Ledger(), clock=FakeClock())
        try:
            yield provider
        finally:
            await provider.aclose()


@pytest.mark.parametrize("uid", [".", "..", "../../elsewhere?x=#", "a b/c"])
async def test_a_stack_named_like_a_path_stays_below_the_api(uid: str) -> None:
    """A uid is the other side's word, and part of our path."""
    server = world(stack(), stack(uid=uid, name="odd"))
    async with cloud66(server) as provider:
        await provider.snapshot()
    paths = {unquote(call.path) for call in server.calls if call.path != "stacks"}
    assert paths == {f"stacks/{RAILS}/deployments", f"stacks/{uid}/deployments"}
