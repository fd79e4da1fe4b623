"""Subscriptions over graphql-transport-ws: what is replayed, pushed, held back, and how a stream ends."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.conftest import RailwayDemo
from tests.demo.client import LINE, Json, Subscriber, ask, bearer, subscribe
from tests.demo.test_railway_logs import PASSED, REQUEST, WINDOW
from tui.demo import lifecycle
from tui.demo.clock import HOUR, parse_rfc3339, rfc3339
from tui.demo.entities import Deployment
from tui.demo.writing import set_log_rate

STATUS = "subscription($d: String!) { deployment(id: $d) { id status statusUpdatedAt deploymentStopped } }"
EVENTS = "subscription($d: String!) { deploymentEvents(id: $d) { step completedAt payload { error } } }"
RUNTIME = f"""subscription($d: String!, $filter: String, $limit: Int) {{
  deploymentLogs(deploymentId: $d, filter: $filter, limit: $limit) {{ {LINE} }} }}"""
BUILD = RUNTIME.replace("deploymentLogs(", "buildLogs(")
OF_WINDOW = WINDOW.replace("$limit: Int, ", "")
HTTP = f"subscription($d: String!, {OF_WINDOW}) {{ httpLogs(deploymentId: $d, {PASSED}) {{ {REQUEST} }} }}"
ENVIRONMENT = f"subscription($e: String!, {OF_WINDOW}) {{ environmentLogs(environmentId: $e, {PASSED}) {{ {LINE} }} }}"


def newest(demo: RailwayDemo, path: str) -> Deployment:
    return demo.world.service(path).deployments[0]


def live(demo: RailwayDemo, path: str) -> Deployment:
    return demo.world.service(path).active[-1]


def times(found: list[Json]) -> list[int]:
    return [parse_rfc3339(row["timestamp"]) for row in found]


async def next_status(subscriber: Subscriber) -> Json:
    found: Json = (await subscriber.data())["deployment"]
    return found


# status


async def test_a_status_is_pushed_only_when_it_changes_and_without_its_time(railway_demo: RailwayDemo) -> None:
    one = newest(railway_demo, "shop/production/web")
    async with subscribe(railway_demo, STATUS, d=one.id) as subscriber:
        assert await subscriber.is_quiet()
        railway_demo.world.advance(120)
        told = [await next_status(subscriber) for _ in range(2)]
    assert [each["status"] for each in told] == ["DEPLOYING", "SUCCESS"]
    assert {each["statusUpdatedAt"] for each in told} == {None}


async def test_every_subscriber_sees_a_removal_step_by_step(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/redis")
    async with (
        subscribe(railway_demo, STATUS, d=one.id) as first,
        subscribe(railway_demo, STATUS, d=one.id) as second,
    ):
        assert await first.is_quiet()
        assert await second.is_quiet()
        lifecycle.remove(railway_demo.world, one)
        railway_demo.world.advance(30)
        for subscriber in (first, second):
            assert [(await next_status(subscriber))["status"] for _ in range(2)] == ["REMOVING", "REMOVED"]


async def test_a_stop_is_pushed_with_the_status_unchanged(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/images")
    async with subscribe(railway_demo, STATUS, d=one.id) as subscriber:
        assert await subscriber.is_quiet()
        await ask(railway_demo, "mutation($id: String!) { deploymentStop(id: $id) }", id=one.id)
        told = await next_status(subscriber)
    assert (told["status"], told["deploymentStopped"]) == ("SUCCESS", True)


async def test_a_new_deployment_can_be_subscribed_to_at_once(railway_demo: RailwayDemo) -> None:
    made = lifecycle.push(railway_demo.world, railway_demo.world.service("shop/production/images"))
    async with subscribe(railway_demo, STATUS, d=made.id) as subscriber:
        assert await subscriber.is_quiet()
        railway_demo.world.advance(4)
        assert [(await next_status(subscriber))["status"] for _ in range(2)] == ["QUEUED", "BUILDING"]


async def test_steps_are_pushed_when_they_begin_and_end(railway_demo: RailwayDemo) -> None:
    one = newest(railway_demo, "shop/production/web")
    async with subscribe(railway_demo, EVENTS, d=one.id) as subscriber:
        assert await subscriber.is_quiet()
        railway_demo.world.advance(90)
        told = [(await subscriber.data())["deploymentEvents"] for _ in range(4)]
    assert [(each["step"], each["completedAt"] is not None) for each in told] == [
        ("BUILD_IMAGE", True),
        ("PUBLISH_IMAGE", False),
        ("PUBLISH_IMAGE", True),
        ("CREATE_CONTAINER", False),
    ]


# logs


async def test_a_log_replays_its_last_hundred_lines_whatever_the_limit(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    async with subscribe(railway_demo, RUNTIME, d=one.id, limit=500, filter="") as subscriber:
        replayed = await subscriber.lines("deploymentLogs")
    assert len(replayed) == 100
    query = RUNTIME.replace("subscription", "query")
    assert replayed == (await ask(railway_demo, query, d=one.id, limit=99))["deploymentLogs"]


async def test_no_line_is_lost_or_repeated_between_replay_stream_and_history(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    async with subscribe(railway_demo, RUNTIME, d=one.id) as subscriber:
        seen = await subscriber.lines("deploymentLogs")
        for seconds in (7, 0.4, 61, 30):
            railway_demo.world.advance(seconds)
        while times(seen)[-1] < railway_demo.world.now - 3 * 10**9:
            seen += await subscriber.lines("deploymentLogs")
    query = RUNTIME.replace("subscription", "query")
    history = (await ask(railway_demo, query, d=one.id, limit=len(seen) - 1))["deploymentLogs"]
    assert seen == history


async def test_one_message_holds_all_lines_of_a_tick(railway_demo: RailwayDemo) -> None:
    set_log_rate(railway_demo.world, 20_000)
    one = live(railway_demo, "shop/production/api")
    async with subscribe(railway_demo, RUNTIME, d=one.id) as subscriber:
        await subscriber.lines("deploymentLogs")
        railway_demo.world.advance(0.1)
        assert len(await subscriber.lines("deploymentLogs")) == pytest.approx(2000, rel=0.01)


async def test_a_stream_is_filtered_as_a_query_is(railway_demo: RailwayDemo) -> None:
    one = newest(railway_demo, "shop/production/checkout")
    async with subscribe(railway_demo, RUNTIME, d=one.id, filter="@level:error") as subscriber:
        replayed = await subscriber.lines("deploymentLogs")
        railway_demo.world.advance(30)
        new = await subscriber.lines("deploymentLogs")
    assert {attribute["value"] for row in replayed + new for attribute in row["attributes"]} == {'"error"'}


async def test_aliases_fragments_and_directives_are_honoured(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "platform/production/gateway")
    document = """subscription($d: String!, $no: Boolean!) { log: deploymentLogs(deploymentId: $d, limit: 3) {
      ...L severity @include(if: $no) ... on Log { tags { dep: deploymentId } } text: message __typename } }
      fragment L on Log { timestamp message @skip(if: true) attributes { value } }"""
    async with subscribe(railway_demo, document, d=one.id, no=False) as subscriber:
        (row, *_) = await subscriber.lines("log")
    assert set(row) == {"timestamp", "attributes", "tags", "text", "__typename"}
    assert row["tags"] == {"dep": one.id}
    assert row["__typename"] == "Log"
    assert set(row["attributes"][0]) == {"value"}


async def test_a_build_log_streams_to_its_end_and_the_server_closes_the_socket(railway_demo: RailwayDemo) -> None:
    one = newest(railway_demo, "shop/production/web")
    async with subscribe(railway_demo, BUILD, d=one.id) as subscriber:
        seen = await subscriber.lines("buildLogs")
        for _ in range(4):
            railway_demo.world.advance(20)
        while len(seen) < len(one.build_lines(railway_demo.world.now)):
            seen += await subscriber.lines("buildLogs")
        assert await subscriber.closed() == 1000
    assert [row["message"] for row in seen] == [line.text for line in one.build_lines(railway_demo.world.now)]


@pytest.mark.parametrize(("ending", "code"), [("close", 1000), ("drop", 1006)])
async def test_how_a_finished_builds_stream_ends_can_be_chosen(
    railway_demo: RailwayDemo, ending: str, code: int
) -> None:
    railway_demo.world.build_ends_socket = ending
    one = newest(railway_demo, "shop/production/search")
    async with subscribe(railway_demo, BUILD, d=one.id) as subscriber:
        replayed = await subscriber.lines("buildLogs")
        assert replayed[-1]["message"].startswith("ERROR: failed to build")
        assert await subscriber.closed() == code


async def test_a_finished_builds_stream_can_end_with_complete(railway_demo: RailwayDemo) -> None:
    railway_demo.world.build_ends_socket = "complete"
    async with subscribe(railway_demo, BUILD, d=newest(railway_demo, "shop/production/search").id) as subscriber:
        await subscriber.lines("buildLogs")
        assert await subscriber.message() == {"type": "complete", "id": "1"}
        assert await subscriber.is_quiet()


async def test_a_cancelled_build_ends_its_stream(railway_demo: RailwayDemo) -> None:
    one = newest(railway_demo, "shop/production/web")
    async with subscribe(railway_demo, BUILD, d=one.id) as subscriber:
        await subscriber.lines("buildLogs")
        lifecycle.cancel(railway_demo.world, one)
        railway_demo.world.advance(1)
        assert await subscriber.closed() == 1000


@pytest.mark.parametrize(
    ("document", "message"), [(BUILD, "Failed to retrieve build log"), (RUNTIME, "Deployment not found")]
)
async def test_too_early_a_stream_ends_with_null_data_and_the_reason(
    railway_demo: RailwayDemo, document: str, message: str
) -> None:
    made = lifecycle.push(railway_demo.world, railway_demo.world.service("shop/production/images"))
    async with subscribe(railway_demo, document, d=made.id) as subscriber:
        told = await subscriber.message()
        assert told["type"] == "next"
        assert told["payload"]["data"] is None
        assert told["payload"]["errors"][0]["message"] == message
        assert (await subscriber.message())["type"] == "complete"


async def test_a_queued_build_has_no_log(railway_demo: RailwayDemo) -> None:
    one = newest(railway_demo, "platform/staging/gateway")
    async with subscribe(railway_demo, BUILD, d=one.id) as subscriber:
        assert (await subscriber.message())["payload"]["errors"][0]["message"] == "Failed to retrieve build log"


async def test_a_log_of_one_deployment_does_not_follow_to_the_next(railway_demo: RailwayDemo) -> None:
    old = live(railway_demo, "shop/production/images")
    async with subscribe(railway_demo, RUNTIME, d=old.id) as subscriber:
        await subscriber.lines("deploymentLogs")
        lifecycle.push(railway_demo.world, old.service)
        railway_demo.world.advance(120)
        rest = await subscriber.lines("deploymentLogs")
        assert rest[-1]["message"] == "Stopping Container"
        railway_demo.world.advance(120)
        assert await subscriber.is_quiet()


async def test_an_environments_log_goes_on_across_deployments(railway_demo: RailwayDemo) -> None:
    old = live(railway_demo, "shop/production/images")
    service = old.service
    asked: Json = {"e": service.environment.id, "filter": f"@service:{service.service_id}"}
    async with subscribe(railway_demo, ENVIRONMENT, **asked) as subscriber:
        seen = await subscriber.lines("environmentLogs")
        made = lifecycle.push(railway_demo.world, service)
        railway_demo.world.advance(150)
        seen += await subscriber.lines("environmentLogs")
    owners = list(dict.fromkeys(row["tags"]["deploymentId"] for row in seen))
    assert owners[-2:] == [old.id, made.id]
    assert times(seen) == sorted(times(seen))


async def test_requests_stream_from_an_anchor_until_the_window_is_over(railway_demo: RailwayDemo) -> None:
    one, now = live(railway_demo, "shop/production/api"), railway_demo.world.now
    asked: Json = {"anchorDate": rfc3339(now - 60 * 10**9), "afterDate": rfc3339(now + HOUR), "afterLimit": 500}
    async with subscribe(railway_demo, HTTP, d=one.id, **asked) as subscriber:
        seen = await subscriber.lines("httpLogs")
        assert min(times(seen)) >= now - 60 * 10**9
        railway_demo.world.advance(20)
        new = await subscriber.lines("httpLogs")
        assert min(times(new)) >= now
        assert not {row["requestId"] for row in seen} & {row["requestId"] for row in new}
        railway_demo.world.advance(3600)
        assert times(await subscriber.lines("httpLogs"))[-1] <= now + HOUR
        assert (await subscriber.message())["type"] == "complete"


# the socket itself


async def test_without_a_credential_there_is_an_ack_and_then_silence(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    async with subscribe(railway_demo, RUNTIME, headers={}, d=one.id) as subscriber:
        railway_demo.world.advance(60)
        assert await subscriber.is_quiet()


async def test_a_credential_in_the_payload_alone_does_not_count(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    async with connect(railway_demo.socket_url, subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        await socket.send(json.dumps({"type": "connection_init", "payload": bearer(railway_demo.token)}))
        assert json.loads(await socket.recv()) == {"type": "connection_ack"}
        payload = {"query": RUNTIME, "variables": {"d": one.id}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        assert await Subscriber(socket).is_quiet()


async def test_a_wrong_credential_is_told_so(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    async with subscribe(railway_demo, RUNTIME, headers=bearer("wrong"), d=one.id) as subscriber:
        told = await subscriber.message()
    assert told["type"] == "error"
    assert told["payload"][0]["message"] == "Not Authorized"


async def test_a_project_token_subscribes_with_its_header(railway_demo: RailwayDemo) -> None:
    headers = {"Project-Access-Token": railway_demo.tokens.project.value}
    one = live(railway_demo, "shop/production/api")
    async with subscribe(railway_demo, RUNTIME, headers=headers, d=one.id) as subscriber:
        assert len(await subscriber.lines("deploymentLogs")) == 100
    elsewhere = live(railway_demo, "platform/production/gateway")
    async with subscribe(railway_demo, RUNTIME, headers=headers, d=elsewhere.id) as subscriber:
        assert (await subscriber.message())["payload"][0]["message"] == "Not Authorized"


async def test_a_wrong_document_is_an_error_message(railway_demo: RailwayDemo) -> None:
    async with subscribe(railway_demo, "subscription { deployments { id } }") as subscriber:
        told = await subscriber.message()
    assert told["type"] == "error"
    assert told["payload"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_several_subscriptions_share_a_socket_and_end_one_by_one(railway_demo: RailwayDemo) -> None:
    ids = [live(railway_demo, path).id for path in ("shop/production/api", "shop/production/images")]
    async with connect(
        railway_demo.socket_url,
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
        additional_headers=bearer(railway_demo.token),
    ) as socket:
        subscriber = Subscriber(socket)
        await socket.send('{"type":"connection_init"}')
        await subscriber.message()
        for number, id_ in enumerate(ids):
            payload = {"query": RUNTIME, "variables": {"d": id_, "limit": 1}}
            await socket.send(json.dumps({"id": str(number), "type": "subscribe", "payload": payload}))
        assert {(await subscriber.message())["id"] for _ in ids} == {"0", "1"}
        await socket.send('{"id":"0","type":"complete"}')
        assert await subscriber.is_quiet()
        railway_demo.world.advance(30)
        assert (await subscriber.message())["id"] == "1"
        assert await subscriber.is_quiet()


async def test_another_subprotocol_is_turned_away(railway_demo: RailwayDemo) -> None:
    with pytest.raises(InvalidStatus):
        async with connect(railway_demo.socket_url, additional_headers=bearer(railway_demo.token)):
            pass


async def test_a_subscriber_that_goes_leaves_nothing_behind(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    for document in (RUNTIME, STATUS, HTTP):
        async with subscribe(railway_demo, document, d=one.id) as subscriber:
            await subscriber.is_quiet() if document is STATUS else await subscriber.message()
    async with asyncio.timeout(3):
        while railway_demo.world.has_listeners:  # noqa: ASYNC110  # the world tells nobody that nobody listens
            await asyncio.sleep(0.01)


async def test_time_that_really_passes_brings_lines_by_itself() -> None:
    from tui.demo.serve import serve
    from tui.demo.story import new_world

    world = new_world(log_rate=2000)
    async with serve(world) as serving:
        address = serving.addresses["railway"]
        demo = RailwayDemo(world, address.url, address.token, serving.tokens["railway"])
        async with subscribe(demo, RUNTIME, d=live(demo, "shop/production/api").id) as subscriber:
            seen = await subscriber.lines("deploymentLogs")
            while len(seen) < 500:
                seen += await subscriber.lines("deploymentLogs")
    assert times(seen) == sorted(times(seen))
    assert len({row["timestamp"] for row in seen[100:]}) == len(seen) - 100
