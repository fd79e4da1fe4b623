"""Many environments in few requests, whatever one of them, the size of a request or an outage does to a group."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import FakeClock
from tests.providers.loopback import Ledger
from tests.providers.railway_rows import (
    RailwayServer,
    connection,
    environment,
    instance,
    inventory,
    project,
    railway,
    world,
)
from tests.providers.server import Call, Json, errors, serve
from tui.model.entities import Snapshot
from tui.model.errors import Unauthorized, Unreachable
from tui.providers.railway import RailwayProvider


def many(count: int, services: int = 1) -> RailwayServer:
    """An account with so many environments, each with so many services."""
    found = project("p1", "shop", *(environment(f"e{n}", f"env{n}") for n in range(count)))
    rows = [instance(f"s{n}", f"api{n}") for n in range(services)]
    return world(Projects=lambda _: {"projects": connection(found)}, Inventory=lambda _: inventory(*rows))


def sizes(server: RailwayServer) -> list[int]:
    """How many environments each inventory query asked for; forgets them."""
    found = [sum(name.startswith("environmentId") for name in call.variables) for call in server.named("Inventory")]
    server.calls.clear()
    return sorted(found, reverse=True)


def refusing(server: RailwayServer, is_refused: Callable[[Call], bool], response: Callable[[], Response]) -> None:
    """Every inventory query that fits gets the response instead of an answer; no part of it is named."""
    usual = server.answer

    async def answer(call: Call) -> object:
        return response() if call.name == "Inventory" and is_refused(call) else await usual(call)

    server.answer = answer  # type: ignore[method-assign]


def asked(call: Call) -> list[str]:
    return [value for name, value in call.variables.items() if name.startswith("environmentId")]


async def read(provider: RailwayProvider) -> Snapshot:
    return await provider.snapshot()


@pytest.mark.parametrize(("environments", "requests"), [(1, 1), (20, 1), (60, 3), (250, 13)])
async def test_twenty_environments_are_one_request(environments: int, requests: int) -> None:
    meter = Ledger()
    async with serve(many(environments)) as server:
        provider = railway(server, meter=meter)
        snapshot = await provider.snapshot()
        assert len(snapshot.services) == environments
        assert snapshot.is_complete
        assert [each.name for each in snapshot.environments] == [f"env{n}" for n in range(environments)]
        before = meter.spent
        await provider.snapshot()
        assert meter.spent - before == requests
        await provider.aclose()


async def test_large_environments_share_a_request_with_fewer_others() -> None:
    server = many(20, services=60)
    async with serve(server):
        provider = railway(server)
        await provider.snapshot()
        server.calls.clear()
        snapshot = await provider.snapshot()
        assert len(snapshot.services) == 20 * 60
        assert sizes(server) == [3, 3, 3, 3, 3, 3, 2]
        await provider.aclose()


async def test_a_closed_environment_costs_its_group_one_request_and_is_alone_from_then_on() -> None:
    server = many(20)

    def answer(variables: Json) -> object:
        closed = variables["environmentId"] in ("e4", "e9")
        return JSONResponse(errors("Not Authorized")) if closed else inventory(instance())

    server.answers["Inventory"] = answer
    async with serve(server):
        provider = railway(server)
        for expected in ([20, 18], [18, 1, 1], [18, 1, 1]):
            snapshot = await provider.snapshot()
            assert {ref.id for ref in snapshot.unread} == {"e4", "e9"}
            assert len(snapshot.services) == 18
            assert sizes(server) == expected
        server.answers["Inventory"] = lambda _: inventory(instance())
        assert (await provider.snapshot()).is_complete
        sizes(server)
        await provider.snapshot()
        assert sizes(server) == [20]
        await provider.aclose()


async def test_an_environment_that_spoils_its_group_without_being_named_is_found() -> None:
    server = many(20)
    refusing(server, lambda call: "e13" in asked(call), lambda: JSONResponse({"data": None, "errors": [{}]}))
    async with serve(server):
        provider = railway(server)
        snapshot = await provider.snapshot()
        assert [ref.id for ref in snapshot.unread] == ["e13"]
        assert len(snapshot.services) == 19
        assert len(sizes(server)) <= 16
        await provider.snapshot()
        assert sizes(server) == [19, 1]
        await provider.aclose()


@pytest.mark.parametrize("status", [200, 413, 504])
async def test_a_size_that_railway_does_not_answer_is_not_asked_for_again(status: int) -> None:
    server, clock = many(40), FakeClock()
    body = errors("Query is too complex")
    del body["errors"][0]["path"]
    refusing(server, lambda call: len(asked(call)) > 6, lambda: JSONResponse(body, status))
    async with serve(server):
        provider = railway(server, clock=clock)
        assert len((await provider.snapshot()).services) == 40
        sizes(server)
        snapshot = await provider.snapshot()
        assert snapshot.is_complete
        assert sizes(server) == [4] * 10
        clock._elapsed_s += 601
        assert (await provider.snapshot()).is_complete
        await provider.aclose()


async def test_an_outage_costs_no_more_than_two_requests_a_group() -> None:
    server = many(100)
    refusing(server, lambda _: True, lambda: Response("down", 502))
    async with serve(server):
        provider = railway(server)
        for _ in range(3):
            with pytest.raises(Unreachable):
                await provider.snapshot()
            assert sizes(server) == [20] * 5 + [1] * 5
        server.answer = RailwayServer.answer.__get__(server)  # type: ignore[method-assign]
        assert (await provider.snapshot()).is_complete
        assert sizes(server) == [20] * 5
        await provider.aclose()


async def test_a_token_that_is_refused_ends_the_reading_at_once() -> None:
    server = many(100)
    async with serve(server):
        provider = railway(server)
        await provider.snapshot()
        server.calls.clear()
        refusing(server, lambda _: True, lambda: JSONResponse(errors("Project Token not found")))
        with pytest.raises(Unauthorized):
            await provider.snapshot()
        assert sizes(server) == [20] * 5
        await provider.aclose()
