"""What Dokploy's refusals mean: the key, its rate limit, its rights, a database that is down, and all the rest."""

from __future__ import annotations

import json

import pytest
from starlette.responses import Response

from tests.clocks import FakeClock
from tests.providers.dokploy_server import (
    KEY,
    Json,
    denied,
    provided,
    refusal,
    serve,
    shop,
    the_service,
)
from tests.providers.loopback import Ledger
from tui.credentials import Secret
from tui.model.action import Intent, Verb
from tui.model.errors import (
    Forbidden,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.model.provider import Connection
from tui.providers.dokploy.api import Api


async def test_a_key_that_never_worked_is_unauthorized_and_the_header_is_dokploys() -> None:
    server = shop()
    server.answers["overview.services"] = lambda _: refusal(401, "Unauthorized", None)
    async with provided(server) as provider:
        with pytest.raises(Unauthorized) as caught:
            await provider.snapshot()
    assert KEY not in str(caught.value)
    assert server.calls[0].headers["x-api-key"] == KEY
    assert "authorization" not in server.calls[0].headers


@pytest.mark.parametrize("bare", [refusal(401, "Unauthorized", None), refusal(401, "UNAUTHORIZED", "UNAUTHORIZED")])
async def test_a_key_that_worked_and_is_refused_gets_silence_first_a_minute_then_five(bare: Response) -> None:
    server, clock, meter = shop(), FakeClock(), Ledger()
    async with provided(server, clock, meter=meter) as provider:
        await provider.snapshot()
        server.answers = dict.fromkeys(server.answers, lambda _: bare)
        waits = []
        for _ in range(3):
            await clock.advance(400)
            with pytest.raises(RateLimited) as caught:
                await provider.snapshot()
            waits.append((caught.value.retry_at - clock.now()).total_seconds())
    assert waits == [60, 300, 300]
    assert [told["retry_at"] for told in meter.told if told.get("retry_at")][-1] == caught.value.retry_at
    assert "without" in caught.value.remedy


async def test_requests_refused_side_by_side_make_one_silence() -> None:
    server, clock = shop(), FakeClock()
    async with provided(server, clock) as provider:
        await provider.snapshot()
        bare = refusal(401, "Unauthorized", None)
        server.answers |= dict.fromkeys(("deployment.allCentralized", "docker.getContainers"), lambda _: bare)
        await clock.advance(20)
        with pytest.raises(RateLimited) as caught:
            await provider.snapshot()
        assert (caught.value.retry_at - clock.now()).total_seconds() == 60
        await clock.advance(60)
        with pytest.raises(RateLimited) as caught:
            await provider.snapshot()
    assert len(server.called("docker.getContainers")) == 3


DOWN = {
    "error": {
        "json": {
            "message": "Failed query: SELECT 1\nparams: ",
            "code": -32603,
            "data": {"code": "INTERNAL_SERVER_ERROR", "httpStatus": 500, "path": "settings.health", "zodError": None},
        }
    }
}


@pytest.mark.parametrize("worked", [True, False])
async def test_while_dokploys_database_is_down_no_key_is_blamed(worked: bool) -> None:
    server, clock = shop(), FakeClock()
    healthy = dict(server.answers)
    async with provided(server, clock) as provider:
        if worked:
            await provider.snapshot()
        server.answers = dict.fromkeys(server.answers, lambda _: refusal(401, "Unauthorized", None))
        server.answers["trpc/settings.health"] = lambda _: Response(
            json.dumps(DOWN), 500, media_type="application/json"
        )
        for _ in range(5):
            await clock.advance(20)
            with pytest.raises(Unreachable, match="database does not answer") as caught:
                await provider.snapshot()
        assert "params" not in str(caught.value)
        assert "may well be good" in caught.value.remedy
        server.answers = healthy
        await clock.advance(20)
        assert (await provider.snapshot()).services
    asked = server.called("trpc/settings.health")
    assert asked
    assert all("x-api-key" not in call.headers for call in asked)
    assert len(asked) <= 5


async def test_an_action_while_dokploys_database_is_down_was_surely_not_done() -> None:
    server = shop()
    server.answers["application.stop"] = lambda _: refusal(401, "Unauthorized", None)
    server.answers["trpc/settings.health"] = lambda _: Response(json.dumps(DOWN), 500, media_type="application/json")
    async with provided(server) as provider:
        found = await the_service(provider)
        with pytest.raises(Refused, match="Nothing was done"):
            await provider.handlers[Verb.STOP].run(Intent("i1", Verb.STOP, found))


@pytest.mark.parametrize(
    "health",
    [
        Response(json.dumps({"result": {"data": {"json": {"status": "ok"}}}}), media_type="application/json"),
        refusal(404, "Not found", "NOT_FOUND"),
    ],
)
async def test_a_refused_key_is_the_keys_fault_where_dokploy_is_well_or_does_not_say(health: Response) -> None:
    server = shop()
    server.answers["overview.services"] = lambda _: refusal(401, "Unauthorized", None)
    server.answers["trpc/settings.health"] = lambda _: health
    async with provided(server) as provider:
        with pytest.raises(Unauthorized, match="does not accept the key"):
            await provider.snapshot()


async def test_a_gate_in_front_of_dokploy_is_not_taken_for_dokploy() -> None:
    server = shop()
    server.answers["overview.services"] = lambda _: Response("<html>Sign in</html>", 401, media_type="text/html")
    async with provided(server) as provider:
        with pytest.raises(Unauthorized, match="in front of Dokploy"):
            await provider.snapshot()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ('[{"code": "too_small", "path": ["title"], "message": "Too short"}]', "title: Too short"),
        ('{"broken', "the request was not valid"),
        ("", "it gave no reason"),
    ],
)
async def test_json_inside_json_is_no_message(message: str, shown: str) -> None:
    server = shop()
    server.answers["overview.services"] = lambda _: refusal(400, message, "BAD_REQUEST", path="x")
    async with provided(server) as provider:
        with pytest.raises(Refused) as caught:
            await provider.snapshot()
    assert shown in caught.value.message
    assert not any(sign in caught.value.message for sign in '[{"')


REFUSALS = [
    (denied(), Forbidden, "access"),
    (refusal(403, "You are not a member", "FORBIDDEN", path="x"), Forbidden, "member"),
    (refusal(404, "Application not found", "NOT_FOUND", path="x"), NotFound, "not found"),
    (refusal(400, "Input validation failed", "BAD_REQUEST", path="x"), Refused, "validation"),
    (Response("Invalid JSON", 400), Refused, "Invalid JSON"),
    (refusal(415, "Missing content-type header", "UNSUPPORTED_MEDIA_TYPE", path="x"), Refused, "content-type"),
    (refusal(500, "boom", "INTERNAL_SERVER_ERROR", path="x"), Unreachable, "boom"),
    (Response("<html><title>Dokploy</title></html>", 500, media_type="text/html"), Unreachable, "Dokploy"),
    (Response("<html><title>Dokploy</title></html>", 404, media_type="text/html"), UnexpectedReply, "url"),
    (Response("<html>login</html>", 200, media_type="text/html"), UnexpectedReply, "not an answer"),
    (Response("", 308, {"location": "https://elsewhere.example/"}), UnexpectedReply, "not followed"),
    (Response('[{"id":', 200, media_type="application/json"), UnexpectedReply, "not an answer"),
]


@pytest.mark.parametrize(("answer", "error", "words"), REFUSALS)
async def test_each_refusal_is_the_error_that_says_what_to_do(
    answer: Response, error: type[ProviderError], words: str
) -> None:
    server = shop()
    server.answers = {"deployment.all": lambda _: answer}
    async with serve(server):
        api = Api(Connection("dok", Secret(KEY), f"{server.url}/api/"), "Dokploy", meter=Ledger(), clock=FakeClock())
        with pytest.raises(error) as caught:
            (await api.query("deployment.all")).decode(list[Json])
        await api.aclose()
    assert words in str(caught.value)
    assert "dok" in str(caught.value)


async def test_a_failed_commands_line_is_not_shown_because_it_may_hold_a_password() -> None:
    server = shop()
    message = "Command execution failed: Command failed: docker login -u ops -p hunter22 reg\nerror: denied hunter22"
    server.answers["overview.services"] = lambda _: refusal(500, message, "INTERNAL_SERVER_ERROR", path="x")
    async with provided(server) as provider:
        with pytest.raises(Unreachable, match="docker login") as caught:
            await provider.snapshot()
    assert "hunter22" not in str(caught.value)


async def test_nobody_there_is_unreachable() -> None:
    async with provided(shop(), url="http://127.0.0.1:9") as provider:
        with pytest.raises(Unreachable):
            await provider.snapshot()
