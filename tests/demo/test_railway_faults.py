"""What can be made to go wrong, by HTTP and on a socket, once or for good."""

from __future__ import annotations

import asyncio
import json
import time

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.conftest import RailwayDemo
from tests.demo.client import TLS, ask, bearer, post, subscribe
from tests.demo.test_railway_subscriptions import RUNTIME, STATUS, live
from tui.demo.faults import Channel, FaultKind
from tui.demo.story import frozen_world

ME = "query Who { me { id } }"


async def test_a_429_comes_once_and_says_when_to_come_back(railway_demo: RailwayDemo) -> None:
    railway_demo.world.faults.add("429", seconds=7)
    response = await post(railway_demo, ME)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "7")
    assert response.json()["errors"]
    assert (await post(railway_demo, ME)).status_code == 200


async def test_a_429_may_have_no_json(railway_demo: RailwayDemo) -> None:
    railway_demo.world.faults.add("429", detail="text")
    response = await post(railway_demo, ME)
    assert (response.status_code, response.text) == (429, "Too Many Requests")
    assert response.headers["Retry-After"] == "3"


@pytest.mark.parametrize(
    ("kind", "detail", "status", "text"),
    [
        ("5xx", "", 502, "Bad Gateway"),
        ("5xx", "503", 503, "cloudflare"),
        ("html", "", 403, "Access denied | backboard.railway.com used Cloudflare to restrict access"),
        ("html-ok", "", 200, "<!DOCTYPE html>"),
        ("429", "edge", 429, "Error 1015"),
    ],
)
async def test_a_page_stands_where_json_should(
    railway_demo: RailwayDemo, kind: str, detail: str, status: int, text: str
) -> None:
    railway_demo.world.faults.add(kind, detail=detail)
    response = await post(railway_demo, ME)
    assert response.status_code == status
    assert response.headers["content-type"].startswith("text/html")
    assert text in response.text
    assert not any("ratelimit" in name for name in response.headers)


async def test_a_query_string_is_no_other_endpoint(railway_demo: RailwayDemo) -> None:
    body = {"query": ME}
    async with httpx.AsyncClient(timeout=5, verify=TLS) as client:
        response = await client.post(f"{railway_demo.url}?source=x", json=body, headers=bearer(railway_demo.token))
    assert response.json()["data"]["me"]["id"]
    address = f"{railway_demo.socket_url}?source=x"
    headers = bearer(railway_demo.token)
    async with connect(address, subprotocols=["graphql-transport-ws"], additional_headers=headers) as socket:  # type: ignore[list-item]
        await socket.send('{"type":"connection_init"}')
        assert json.loads(await socket.recv())["type"] == "connection_ack"


@pytest.mark.parametrize(
    ("kind", "message"), [("problem", "Problem processing request"), ("unauthorized", "Not Authorized")]
)
async def test_errors_of_the_everyday(railway_demo: RailwayDemo, kind: str, message: str) -> None:
    railway_demo.world.faults.add(kind)
    answer = (await post(railway_demo, ME)).json()
    assert (answer["data"], answer["errors"][0]["message"]) == (None, message)


async def test_half_an_answer(railway_demo: RailwayDemo) -> None:
    railway_demo.world.faults.add("malformed")
    response = await post(railway_demo, ME)
    assert response.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        response.json()


async def test_the_connection_breaks_before_the_answer(railway_demo: RailwayDemo) -> None:
    railway_demo.world.faults.add("drop", channel="http")
    with pytest.raises(httpx.TransportError):
        await post(railway_demo, ME)
    assert (await post(railway_demo, ME)).status_code == 200


async def test_a_lost_reply_leaves_the_mutation_done(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/images")
    railway_demo.world.faults.add("lost-reply", "deploymentStop")
    assert (await post(railway_demo, ME)).status_code == 200
    with pytest.raises(httpx.TransportError):
        await post(railway_demo, "mutation($id: String!) { deploymentStop(id: $id) }", {"id": one.id})
    assert one.stopped
    assert railway_demo.world.calls["stop", one.id] == 1


async def test_an_answer_may_be_slow_or_never_come(railway_demo: RailwayDemo) -> None:
    railway_demo.world.faults.add("slow", seconds=0.2)
    began = time.monotonic()
    await ask(railway_demo, ME)
    assert time.monotonic() - began >= 0.2
    railway_demo.world.faults.add("silent", channel="http")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await post(railway_demo, ME)


async def test_a_fault_waits_for_its_operation_its_turn_and_its_count(railway_demo: RailwayDemo) -> None:
    faults = railway_demo.world.faults
    faults.add("5xx", "Who", count=2, after=1)
    other = "query Other { me { id } }"
    told = [(await post(railway_demo, each)).status_code for each in (other, ME, other, ME, ME, ME)]
    assert told == [200, 200, 200, 502, 502, 200]
    lasting = faults.add("5xx", count=None)
    assert [(await post(railway_demo, ME)).status_code for _ in range(3)] == [502] * 3
    assert lasting.taken == 3
    faults.remove(lasting)
    assert (await post(railway_demo, ME)).status_code == 200


async def test_the_log_socket_is_dropped_once_in_mid_stream(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    railway_demo.world.faults.add("drop", "deploymentLogs", channel="socket", after=101)
    async with subscribe(railway_demo, RUNTIME, d=one.id) as subscriber:
        assert len(await subscriber.lines("deploymentLogs")) == 100
        railway_demo.world.advance(3)
        assert await subscriber.lines("deploymentLogs")
        assert await subscriber.closed() == 1006
    async with subscribe(railway_demo, RUNTIME, d=one.id) as subscriber:
        await subscriber.lines("deploymentLogs")
        railway_demo.world.advance(3)
        assert await subscriber.lines("deploymentLogs")


@pytest.mark.parametrize("document", [RUNTIME, STATUS])
async def test_an_open_socket_is_dropped_at_once(railway_demo: RailwayDemo, document: str) -> None:
    one = live(railway_demo, "shop/production/api")
    async with subscribe(railway_demo, document, d=one.id) as subscriber:
        if document is RUNTIME:
            await subscriber.message()
        assert await subscriber.is_quiet()
        railway_demo.world.faults.add("drop", channel="socket")
        assert await subscriber.closed() == 1006


@pytest.mark.parametrize("code", [1000, 1011])
async def test_a_socket_is_closed_in_good_order(railway_demo: RailwayDemo, code: int) -> None:
    railway_demo.world.faults.add("close", detail=str(code))
    async with subscribe(railway_demo, RUNTIME, d=live(railway_demo, "shop/production/api").id) as subscriber:
        await subscriber.message()
        assert await subscriber.closed() == code


async def test_a_frame_that_is_no_json(railway_demo: RailwayDemo) -> None:
    railway_demo.world.faults.add("malformed", channel="socket")
    async with subscribe(railway_demo, RUNTIME, d=live(railway_demo, "shop/production/api").id) as subscriber:
        await subscriber.message()
        with pytest.raises(json.JSONDecodeError):
            await subscriber.message()


async def test_a_socket_falls_silent_before_or_in_mid_stream(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    railway_demo.world.faults.add("silent", channel="socket")
    async with subscribe(railway_demo, RUNTIME, d=one.id) as subscriber:
        assert await subscriber.is_quiet()
    railway_demo.world.faults.add("silent", channel="socket", after=100)
    async with subscribe(railway_demo, RUNTIME, d=one.id) as subscriber:
        assert len(await subscriber.lines("deploymentLogs")) == 100
        railway_demo.world.advance(60)
        assert await subscriber.is_quiet()


async def test_an_upgrade_may_be_refused_with_429(railway_demo: RailwayDemo) -> None:
    railway_demo.world.faults.add("429", channel="socket")
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            railway_demo.socket_url,
            subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
            additional_headers=bearer(railway_demo.token),
        ):
            pass
    assert refused.value.response.status_code == 429
    assert refused.value.response.headers["Retry-After"] == "3"


async def test_faults_from_the_start_come_now_and_then_and_the_same_for_a_seed(railway_demo: RailwayDemo) -> None:
    railway_demo.world.faults.start(["5xx"])
    told = [(await post(railway_demo, ME)).status_code for _ in range(60)]
    assert 1 <= told.count(502) <= 20
    again = frozen_world()
    again.faults.start(["5xx"])
    repeated = [again.faults.take(FaultKind.SERVER_ERROR, Channel.HTTP, ()) is not None for _ in range(60)]
    assert repeated == [status == 502 for status in told]


async def test_faults_from_the_start_leave_a_socket_some_peace(railway_demo: RailwayDemo) -> None:
    world = railway_demo.world
    world.faults.start(["drop"])
    cuts = 0
    for _ in range(1000):  # frames in 50 seconds
        world.advance(0.05)
        cuts += world.faults.take(FaultKind.DROP, Channel.SOCKET, ()) is not None
    assert 1 <= cuts <= 3


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="earthquake"):
        frozen_world().faults.add("earthquake")
