"""What stands before Railway's API: the query string that it wants, and answers that say nothing of the token."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import FakeClock
from tests.providers.loopback import Ledger, until
from tests.providers.railway_rows import connection, deployment, environment, project, railway, world
from tests.providers.server import Call, Json, Stream, errors, serve
from tui.engine.budget import Budget
from tui.model.action import Intent, Verb
from tui.model.errors import ProviderError, RateLimited, Refused, UnexpectedReply, Unreachable
from tui.providers.railway import RailwayProvider, edge

PAGE = "<html><title>Access denied | backboard.railway.com used Cloudflare to restrict access</title></html>"
NOT_FOUND = {"status": "error", "code": 404, "message": "Application not found", "request_id": "x"}


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://backboard.railway.com", "https://backboard.railway.com/graphql/v2?source=deckwatch"),
        ("https://backboard.railway.com/", "https://backboard.railway.com/graphql/v2?source=deckwatch"),
        ("http://127.0.0.1:7/graphql/v2", "http://127.0.0.1:7/graphql/v2?source=deckwatch"),
        ("https://proxy.example/railway", "https://proxy.example/railway?source=deckwatch"),
        ("https://proxy.example?team=a%20b", "https://proxy.example/graphql/v2?team=a%20b&source=deckwatch"),
        ("https://proxy.example/x?source=ours", "https://proxy.example/x?source=ours"),
        ("https://proxy.example/x?a=1&source=", "https://proxy.example/x?a=1&source="),
    ],
)
def test_the_address_has_a_path_and_one_source(url: str, address: str) -> None:
    assert edge.address(url) == address
    assert edge.address(address) == address


@pytest.mark.parametrize(("query", "sent"), [("", "source=deckwatch"), ("?a=1", "a=1&source=deckwatch")])
async def test_every_request_and_every_socket_has_a_query_string(query: str, sent: str) -> None:
    async def hold(socket: Stream, _: Json) -> None:
        await socket.hold()

    async with serve(world(Stop=lambda _: {"deploymentStop": True})) as server:
        server.streams.update(OnDeployment=hold, OnDeploymentEvents=hold)
        provider = railway(server, url=server.url + query)
        service = (await provider.snapshot()).services[0]
        await provider.handlers[Verb.STOP].run(Intent("i1", Verb.STOP, service, service.latest))
        assert service.live is not None
        async for _ in provider.watch(service.live):
            break
        await until(lambda: len(server.subscribed) == 2)
        assert {call.query for call in (*server.calls, *server.subscribed)} == {sent}
        await provider.aclose()


# -- blocked ------------------------------------------------------------------------------------------


async def failing(response: Response, clock: FakeClock | None = None, meter: Ledger | None = None) -> ProviderError:
    async with serve(world(Inventory=lambda _: response)) as server:
        provider = railway(server, clock=clock, meter=meter)
        with pytest.raises(ProviderError) as raised:
            await provider.snapshot()
        await provider.aclose()
    return raised.value


@pytest.mark.parametrize(
    ("headers", "wait", "words"),
    [
        ({}, timedelta(minutes=10), "it does not say until when"),
        ({"Retry-After": "120"}, timedelta(minutes=2), "until 03:02 UTC"),
        ({"Retry-After": "86400"}, timedelta(days=1), "until Sun 15 Mar 03:00 UTC"),
    ],
)
async def test_a_block_of_the_edge_is_told_as_what_it_is(headers: dict[str, str], wait: timedelta, words: str) -> None:
    clock, meter = FakeClock(), Ledger()
    error = await failing(Response(PAGE, 429, headers=headers, media_type="text/html"), clock, meter)
    assert isinstance(error, RateLimited)
    assert "Railway's edge (Cloudflare) blocks this address, not your token" in error.message
    assert words in error.message
    assert error.retry_at - clock.now() == wait
    assert meter.told[-1] == {"retry_at": error.retry_at}


async def test_a_limit_of_the_token_is_not_the_edges() -> None:
    headers = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "0", "Retry-After": "9"}
    error = await failing(Response(PAGE, 429, headers=headers, media_type="text/html"))
    assert isinstance(error, RateLimited)
    assert "edge" not in error.message
    error = await failing(JSONResponse(errors("Too many requests"), 429, headers={"Retry-After": "9"}))
    assert isinstance(error, RateLimited)
    assert "edge" not in error.message


async def test_a_block_page_is_the_edges_word_and_not_the_tokens() -> None:
    error = await failing(Response(PAGE, 403, media_type="text/html"))
    assert type(error) is Unreachable
    assert "blocks this address, not your token (“Access denied" in error.message


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response(PAGE, 403, media_type="text/html"), Unreachable),
        (Response(PAGE, 429, media_type="text/html"), RateLimited),
        (JSONResponse(NOT_FOUND, 404), UnexpectedReply),
    ],
)
async def test_a_socket_meets_the_same_edge(response: Response, kind: type[ProviderError]) -> None:
    async with serve(world()) as server:
        provider = railway(server)
        service = (await provider.snapshot()).services[0]
        server.refuse_upgrade = response
        assert service.live is not None
        with pytest.raises(kind) as raised:
            async for _ in provider.watch(service.live):
                pass
        assert "token" in raised.value.message
        await provider.aclose()


# -- the wrong address --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "response", [JSONResponse(NOT_FOUND, 404), Response("not found", 404), JSONResponse({}, 405), Response(PAGE, 410)]
)
async def test_what_is_not_there_is_the_url_and_neither_the_token_nor_a_deployment(response: Response) -> None:
    server = world(ApiToken=lambda _: response, ProjectToken=lambda _: response)
    async with serve(server):
        provider = railway(server)
        with pytest.raises(UnexpectedReply, match="there is no Railway API at this url of 127") as raised:
            await provider.snapshot()
        assert "Check the url" in raised.value.remedy
        await provider.aclose()

        server.answers["ApiToken"] = world().answers["ApiToken"]
        provider = railway(server)
        service = (await provider.snapshot()).services[0]
        assert service.latest is not None
        for name in ("Deployment", "Stop"):
            server.answers[name] = lambda _: response
        with pytest.raises(UnexpectedReply):
            await provider.deployment(service.latest.ref, service)
        with pytest.raises(Refused, match="the token was not looked at"):
            await provider.handlers[Verb.STOP].run(Intent("i1", Verb.STOP, service, service.latest))
        await provider.aclose()


async def test_the_routers_words_are_quoted_without_their_json() -> None:
    error = await failing(JSONResponse(NOT_FOUND, 404))
    assert "(“Application not found”)" in error.message
    assert "{" not in error.message


# -- the pace -----------------------------------------------------------------------------------------


async def test_a_policy_without_a_count_sets_the_limit_of_the_hour() -> None:
    """The live API was seen to send nothing but `RateLimit-Policy`."""
    server, meter = world(), Ledger()
    server.headers = {"RateLimit-Policy": '"default";q=1000;w=3600'}
    async with serve(server):
        provider = railway(server, meter=meter)
        await provider.snapshot()
        assert meter.told[0] == {"limit": 1000, "remaining": None, "resets_at": None, "retry_at": None}
        await provider.aclose()


@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "900"}])
async def test_the_first_picture_stays_below_ten_requests_a_second(headers: dict[str, str]) -> None:
    clock = FakeClock()
    budget = Budget("prod", clock)
    budget.suit(RailwayProvider.polling)
    found = project("p1", "shop", *(environment(f"e{n}", f"env{n}") for n in range(250)))
    server = world(Projects=lambda _: {"projects": connection(found)})
    server.headers = headers
    sent: list[float] = []
    usual = server.answer

    async def answer(call: Call) -> object:
        sent.append(clock.monotonic())
        return await usual(call)

    server.answer = answer  # type: ignore[method-assign]
    async with serve(server):
        provider = railway(server, clock=clock, meter=budget)  # type: ignore[arg-type]
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(provider.snapshot())
            while not reading.done():
                await until(lambda: reading.done() or clock._next() is not None)
                if not reading.done():
                    await clock._wake(clock._next() or 0.0)
        assert len(reading.result().services) == 250
        await provider.aclose()
    assert len(sent) == 16
    assert max(sum(at <= each < at + 1.0 for each in sent) for at in sent) <= 9
    assert sent[-1] <= 8.0


async def test_the_block_of_the_edge_in_the_middle_of_the_list_is_an_error_of_the_whole_account() -> None:
    found = project("p1", "shop", environment("e1"), environment("e2", "b"))
    answers = [Response(PAGE, 429, media_type="text/html")]
    server = world(Projects=lambda _: {"projects": connection(found)}, Inventory=lambda _: answers[0])
    server.answers["Deployments"] = lambda _: {"deployments": connection(deployment("d1"))}
    async with serve(server):
        provider = railway(server)
        with pytest.raises(RateLimited):
            await provider.snapshot()
        assert len(server.named("Inventory")) == 1
        await provider.aclose()
