"""Headers and answers, sorted into what to do about them."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import quote, unquote

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from tests.providers.loopback import Ledger, running
from tests.providers.railway_rows import TOKEN
from tests.scripted import FrozenClock
from tui.credentials import Secret
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
from tui.providers import http
from tui.providers.graphql import Endpoint
from tui.providers.http import Peer
from tui.providers.rest import Rest

NOW = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
PEER = Peer("prod", "Railway", "https://backboard.example/graphql", "Make a new token.", Secret(TOKEN))
PAGE = "<html><head><title>Access denied | backboard.example used Cloudflare</title></head><body>no</body></html>"


def answer(status: int, body: str = "", kind: str = "application/json", **headers: str) -> httpx.Response:
    return httpx.Response(status, text=body, headers={"content-type": kind, **headers})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30", NOW + timedelta(seconds=30)),
        ("0", NOW),
        ("1788264060", datetime(2026, 9, 1, 12, 1, tzinfo=UTC)),
        ("1788264060000", datetime(2026, 9, 1, 12, 1, tzinfo=UTC)),
        ("2026-09-01T12:01:00Z", datetime(2026, 9, 1, 12, 1, tzinfo=UTC)),
        ("Tue, 01 Sep 2026 12:01:00 GMT", datetime(2026, 9, 1, 12, 1, tzinfo=UTC)),
        ("soon", None),
        ("-5", None),
        ("nan", None),
        ("1e400", None),
        ("", None),
        (None, None),
    ],
)
def test_a_moment_is_read_in_every_form_that_headers_have(text: str | None, expected: datetime | None) -> None:
    assert http.moment(text, NOW) == expected


def test_what_an_answer_says_of_the_budget_is_told() -> None:
    meter = Ledger()
    headers = {"x-ratelimit-limit": "1000", "x-ratelimit-remaining": "998", "x-ratelimit-reset": "60"}
    http.observe(meter, headers, NOW)
    http.observe(meter, {}, NOW)
    assert meter.told == [{"limit": 1000, "remaining": 998, "resets_at": NOW + timedelta(seconds=60), "retry_at": None}]


def test_what_they_date_by_their_clock_is_told_by_ours() -> None:
    meter = Ledger()
    meter.skew.observe(NOW + timedelta(seconds=600), NOW, NOW)
    http.observe(meter, {"ratelimit-reset": f"{(NOW + timedelta(seconds=660)).timestamp():.0f}"}, NOW)
    http.observe(meter, {"ratelimit-reset": "60"}, NOW)
    assert [told["resets_at"] - NOW for told in meter.told] == [timedelta(seconds=59.5), timedelta(seconds=60)]


@pytest.mark.parametrize(("headers", "seconds"), [({}, -42.5), ({"Age": "7"}, None)])
async def test_an_answers_date_tells_how_far_their_clock_is_from_ours(
    headers: dict[str, str], seconds: float | None
) -> None:
    """A cache's answer tells when it was first given, and nothing of the time."""

    async def dated(_request: Request) -> Response:
        date = format_datetime(NOW - timedelta(seconds=43), usegmt=True)
        return Response(b"{}", headers={"Date": date, **headers})

    meter = Ledger()
    async with running(Starlette(routes=[Route("/", dated)])) as (_, port):
        peer = replace(PEER, url=f"http://127.0.0.1:{port}")
        clock = FrozenClock(NOW)
        rest = Rest(peer, meter=meter, clock=clock, classify=lambda _answer, _mutation: None, headers={})
        try:
            await rest.get("/")
        finally:
            await rest.aclose()
        assert meter.skew.seconds == seconds
        assert rest.platform_now == NOW + timedelta(seconds=seconds or 0)


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"retry-after": "7"}, 7), ({"x-ratelimit-reset": "90"}, 90), ({}, 60)]
)
def test_a_limit_that_is_reached_says_when_to_come_back(headers: dict[str, str], seconds: int) -> None:
    meter = Ledger()
    assert http.observe(meter, headers, NOW, limited=True) == NOW + timedelta(seconds=seconds)
    assert meter.told[0]["retry_at"] == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("response", "query", "mutation"),
    [
        (answer(401), Unauthorized, Unauthorized),
        (answer(403, "{}"), Forbidden, Forbidden),
        (answer(403, PAGE, "text/html"), Unreachable, Refused),
        (answer(404, "{}"), NotFound, NotFound),
        (answer(404, "not here", "text/plain"), UnexpectedReply, UnexpectedReply),
        (answer(429), RateLimited, RateLimited),
        (answer(408), Unreachable, OutcomeUnknown),
        (answer(499), Unreachable, OutcomeUnknown),
        (answer(500), Unreachable, OutcomeUnknown),
        (answer(502, PAGE, "text/html"), Unreachable, OutcomeUnknown),
        (answer(504, '{"message":"Gateway Timeout"}'), Unreachable, OutcomeUnknown),
        (answer(520), Unreachable, OutcomeUnknown),
        (answer(599), Unreachable, OutcomeUnknown),
        (answer(503, PAGE, "text/html"), Unreachable, OutcomeUnknown),
        (answer(302, "", "text/html", location="https://evil.example"), UnexpectedReply, UnexpectedReply),
        (answer(400, "bad"), Refused, Refused),
    ],
)
def test_a_status_is_what_to_do_about_it(
    response: httpx.Response, query: type[ProviderError], mutation: type[ProviderError]
) -> None:
    for kind, is_mutation in ((query, False), (mutation, True)):
        error = http.status_error(PEER, response.status_code, response, mutation=is_mutation, now=NOW)
        assert type(error) is kind
        assert "prod" in error.message


def test_a_web_page_is_quoted_by_its_title_only() -> None:
    error = http.status_error(PEER, 403, answer(403, PAGE, "text/html"), mutation=False, now=NOW)
    assert "Access denied | backboard.example used Cloudflare" in error.message
    assert "<html" not in error.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"message": "Application not found", "code": 404}', "(404: Application not found)"),
        ('{"errors": [{"message": "deep", "extensions": {"code": 7}}]}', "(404: deep)"),
        ('{"error": {"message": "no"}, "detail": "x"}', "(404: no)"),
        ('["first", "second"]', "(404: first)"),
        ('{"code": 7}', "(404)"),
        ('{"message": {"a": {"b": {"c": {"d": 1}}}}}', "(404)"),
        ('{"message": "cut', "(404)"),
    ],
)
def test_json_is_quoted_by_its_message_only(body: str, words: str) -> None:
    error = http.status_error(PEER, 404, answer(404, body), mutation=False, now=NOW)
    assert words in error.message
    assert "{" not in error.message


def test_the_words_of_a_long_json_answer_are_found_too() -> None:
    body = json.dumps({"stack": "at x " * 10_000, "message": "no room"})
    assert "(400: no room)" in http.status_error(PEER, 400, answer(400, body), mutation=False, now=NOW).message


def test_an_error_without_words_is_not_called_by_its_class() -> None:
    message = http.transport_error(httpx.ReadError(""), PEER, mutation=False).message
    assert "Error" not in message


def test_the_limit_of_the_hour_is_read_from_a_policy_where_nothing_else_tells_it() -> None:
    meter = Ledger()
    http.observe(meter, {"ratelimit-policy": '"default";q=1000;w=3600'}, NOW)
    http.observe(meter, {"ratelimit-policy": '"burst";q=10;w=1'}, NOW)
    http.observe(meter, {"ratelimit-policy": '"default";q=1000;w=3600', "x-ratelimit-limit": "500"}, NOW)
    assert [told["limit"] for told in meter.told] == [1000, 500]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 499, 502])
def test_no_message_holds_a_bare_json_body(status: int) -> None:
    body = '{"message": {"base": ["the ref is odd"]}, "code": 42}'
    error = http.status_error(PEER, status, answer(status, body), mutation=False, now=NOW)
    assert f"({status}: the ref is odd)" in error.message
    bare = http.status_error(PEER, status, answer(status, '{"ok": false}'), mutation=False, now=NOW)
    assert f"({status})" in bare.message


@pytest.mark.parametrize(
    ("headers", "until"),
    [
        ({"retry-after": "1800"}, "until 12:30 UTC."),
        ({"retry-after": "30"}, "until 12:00:30 UTC."),
        ({"retry-after": "86400"}, "until Wed 2 Sep 12:00 UTC."),
    ],
)
def test_a_limit_that_ends_another_day_says_which(headers: dict[str, str], until: str) -> None:
    error = http.status_error(PEER, 429, answer(429, **headers), mutation=False, now=NOW)
    assert until in error.message


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (httpx.ReadError(""), "it was cut off"),
        (httpx.RemoteProtocolError(""), "it was cut off"),
        (httpx.ConnectError("[Errno 111] Connection refused"), "Connection refused"),
        (OSError(32, "Broken pipe"), "Broken pipe"),
        (
            httpx.ConnectError(
                "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1006)"
            ),
            "certificate verify failed: self-signed certificate",
        ),
    ],
)
def test_no_message_speaks_the_language_of_the_program(cause: Exception, words: str) -> None:
    for is_mutation in (False, True):
        assert f"({words})" in http.transport_error(cause, PEER, mutation=is_mutation).message


async def test_an_answer_that_is_too_large_is_not_read_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed it is small: what counts is what it would fill."""
    monkeypatch.setattr(http, "LARGEST", 1 << 20)
    packed = gzip.compress(bytes(4 << 20))

    async def huge(_request: Request) -> Response:
        async def chunks() -> AsyncIterator[bytes]:
            for begin in range(0, len(packed), 64):
                yield packed[begin : begin + 64]

        return StreamingResponse(chunks(), headers={"content-encoding": "gzip", "content-type": "application/json"})

    async with running(Starlette(routes=[Route("/x", huge, methods=["GET", "POST"])])) as (_, port):
        peer = replace(PEER, url=f"http://127.0.0.1:{port}")
        clock = FrozenClock(NOW)
        rest = Rest(peer, meter=Ledger(), clock=clock, classify=lambda _answer, _mutation: None, headers={})
        graph = replace(peer, url=f"{peer.url}/x")
        endpoint = Endpoint(graph, meter=Ledger(), clock=clock, classify=lambda faults, _: ProviderError(str(faults)))
        try:
            for ask in (rest.get("x"), endpoint.ask("query X { x }", {})):
                with pytest.raises(UnexpectedReply, match=r"an answer of more than 1 MB, which is not read\."):
                    await ask
            for ask in (rest.ask("POST", "x", mutation=True), endpoint.ask("mutation X { x }", {}, mutation=True)):
                with pytest.raises(OutcomeUnknown, match="more than 1 MB"):
                    await ask
        finally:
            await rest.aclose()
            await endpoint.aclose()


async def test_a_usual_answer_is_read_whole_however_it_is_packed() -> None:
    content = json.dumps(["x" * 1000] * 1000).encode()

    async def packed(_request: Request) -> Response:
        return Response(gzip.compress(content), headers={"content-encoding": "gzip"})

    async with running(Starlette(routes=[Route("/x", packed)])) as (_, port):
        peer = replace(PEER, url=f"http://127.0.0.1:{port}")
        rest = Rest(peer, meter=Ledger(), clock=FrozenClock(NOW), classify=lambda _answer, _mutation: None, headers={})
        try:
            assert (await rest.get("x")).content == content
        finally:
            await rest.aclose()


def test_no_message_holds_the_token_even_if_the_answer_does() -> None:
    written = b64encode(f"deckwatch:{TOKEN}".encode()).decode()
    body = f"bad token {TOKEN}\x1b[2J, {quote(TOKEN).replace('-', '%2D')}, Basic {written}"
    error = http.status_error(PEER, 400, answer(400, body), mutation=False, now=NOW)
    assert TOKEN not in str(error)
    assert TOKEN not in unquote(str(error))
    assert error.message.count("***(credential)") == 3
    assert "\x1b" not in str(error)
    assert TOKEN not in repr(PEER)


@pytest.mark.parametrize(
    ("cause", "query", "mutation"),
    [
        (httpx.ConnectError("refused"), Unreachable, Unreachable),
        (httpx.ConnectTimeout(""), Unreachable, Unreachable),
        (httpx.PoolTimeout(""), Unreachable, Unreachable),
        (httpx.ProxyError("Proxy Server could not connect: Connection refused"), Unreachable, Unreachable),
        (httpx.ReadTimeout(""), Unreachable, OutcomeUnknown),
        (httpx.WriteError("broken"), Unreachable, OutcomeUnknown),
        (httpx.RemoteProtocolError("Server disconnected"), Unreachable, OutcomeUnknown),
    ],
)
def test_a_broken_connection_leaves_a_mutation_open_unless_it_was_never_made(
    cause: Exception, query: type[ProviderError], mutation: type[ProviderError]
) -> None:
    assert type(http.transport_error(cause, PEER, mutation=False)) is query
    assert type(http.transport_error(cause, PEER, mutation=True)) is mutation


def test_a_certificate_that_is_not_trusted_leads_to_ca_file() -> None:
    cause = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed")
    assert "ca_file" in http.transport_error(cause, PEER, mutation=False).remedy


async def test_a_ca_file_that_cannot_be_read_is_named(tmp_path: object) -> None:
    from pathlib import Path

    missing = Path(str(tmp_path)) / "corp.pem"
    with pytest.raises(Unreachable, match=r"corp\.pem"):
        await http.open_client(PEER, headers={}, ca_file=missing)


async def test_the_context_is_made_once_and_a_client_follows_no_redirect() -> None:
    assert http.ssl_context() is http.ssl_context()
    client = await http.open_client(PEER, headers={})
    assert client.follow_redirects is False
    assert client.headers["user-agent"].startswith("deckwatch/")
    await client.aclose()
