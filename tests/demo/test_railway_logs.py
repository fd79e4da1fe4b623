"""Log queries: order, limits, bounds, the anchored window, filters, and the traps in a line."""

from __future__ import annotations

import itertools
import json

import pytest

from tests.conftest import RailwayDemo
from tests.demo.client import LINE, Json, ask, refusal
from tui.demo import lifecycle
from tui.demo.clock import MINUTE, parse_rfc3339, rfc3339
from tui.demo.entities import Deployment

RUNTIME = f"""query($d: String!, $limit: Int, $filter: String, $from: DateTime, $to: DateTime) {{
  deploymentLogs(deploymentId: $d, limit: $limit, filter: $filter, startDate: $from, endDate: $to) {{ {LINE} }} }}"""
BUILD = RUNTIME.replace("deploymentLogs(", "buildLogs(")
REQUEST = """timestamp requestId method path host httpStatus totalDuration upstreamRqDuration srcIp clientUa edgeRegion
  txBytes rxBytes upstreamAddress upstreamProto downstreamProto upstreamErrors responseDetails deploymentId
  deploymentInstanceId"""
WINDOW = """$limit: Int, $filter: String, $beforeLimit: Int, $beforeDate: String, $anchorDate: String,
  $afterDate: String, $afterLimit: Int"""
PASSED = """filter: $filter, beforeLimit: $beforeLimit, beforeDate: $beforeDate, anchorDate: $anchorDate,
  afterDate: $afterDate, afterLimit: $afterLimit"""
HTTP = f"query($d: String!, {WINDOW}) {{ httpLogs(deploymentId: $d, limit: $limit, {PASSED}) {{ {REQUEST} }} }}"
ENVIRONMENT = (
    f"query($e: String!, {WINDOW.replace('$limit: Int, ', '')}) {{ environmentLogs(environmentId: $e, {PASSED})"
    f" {{ {LINE} }} }}"
)


def newest(demo: RailwayDemo, path: str) -> Deployment:
    return demo.world.service(path).deployments[0]


def live(demo: RailwayDemo, path: str) -> Deployment:
    return demo.world.service(path).active[-1]


async def rows(demo: RailwayDemo, document: str, one: Deployment, **variables: object) -> list[Json]:
    (found,) = (await ask(demo, document, d=one.id, **variables)).values()
    assert isinstance(found, list)
    return found


def times(found: list[Json]) -> list[int]:
    return [parse_rfc3339(row["timestamp"]) for row in found]


@pytest.mark.parametrize("document", [RUNTIME, BUILD, HTTP])
async def test_a_limit_brings_one_more_of_the_newest_oldest_first(railway_demo: RailwayDemo, document: str) -> None:
    one = live(railway_demo, "shop/production/api")
    few, more = [await rows(railway_demo, document, one, limit=limit) for limit in (10, 30)]
    assert (len(few), len(more)) == (11, 31)
    assert few == more[-11:]
    assert times(more) == sorted(times(more))


async def test_history_reaches_back_over_thousands_of_lines(railway_demo: RailwayDemo) -> None:
    found = await rows(railway_demo, RUNTIME, live(railway_demo, "shop/production/api"), limit=4000)
    assert len(found) == 4001


async def test_date_bounds_cut_a_log_anywhere(railway_demo: RailwayDemo) -> None:
    one, now = live(railway_demo, "shop/production/api"), railway_demo.world.now
    whole = await rows(railway_demo, RUNTIME, one, limit=4000, **{"from": rfc3339(now - 20 * MINUTE)})
    cut = times(whole)[len(whole) // 2]
    early = {"from": rfc3339(now - 20 * MINUTE), "to": rfc3339(cut)}
    parts = [
        await rows(railway_demo, RUNTIME, one, limit=4000, **early),
        await rows(railway_demo, RUNTIME, one, limit=4000, **{"from": rfc3339(cut + 1)}),
    ]
    assert parts[0] + parts[1] == whole
    assert min(times(whole)) >= now - 20 * MINUTE


async def test_a_date_that_is_none_is_a_problem(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    message = await refusal(railway_demo, RUNTIME, d=one.id, **{"from": "yesterday"})
    assert message == "Problem processing request"


async def test_a_level_comes_quoted_and_severity_is_null_at_run_time(railway_demo: RailwayDemo) -> None:
    found = await rows(railway_demo, RUNTIME, newest(railway_demo, "shop/production/checkout"), limit=200)
    levels = {attribute["value"] for row in found for attribute in row["attributes"] if attribute["key"] == "level"}
    assert {'"error"', '"info"'} <= levels
    assert {row["severity"] for row in found} == {None}
    assert all(any(attribute["key"] == "level" for attribute in row["attributes"]) for row in found)
    built = await rows(railway_demo, BUILD, newest(railway_demo, "shop/production/search"))
    assert built[-1]["severity"] == "error"


async def test_structured_lines_have_json_texts_as_attributes(railway_demo: RailwayDemo) -> None:
    found = await rows(railway_demo, RUNTIME, live(railway_demo, "platform/production/gateway"), limit=50)
    row = next(row for row in found if row["message"] == "request completed")
    values = {attribute["key"]: json.loads(attribute["value"]) for attribute in row["attributes"]}
    assert values["status"] in (200, 201)
    assert isinstance(values["cached"], bool)
    assert values["request_id"]


async def test_timestamps_have_fractions_of_any_length_and_repeat_with_the_whole_line(
    railway_demo: RailwayDemo,
) -> None:
    found = await rows(railway_demo, RUNTIME, live(railway_demo, "shop/production/api"), limit=3000)
    assert len({len(row["timestamp"]) for row in found}) >= 5
    assert any(a == b for a, b in itertools.pairwise(found))


async def test_raw_escapes_reach_the_wire(railway_demo: RailwayDemo) -> None:
    found = await rows(railway_demo, RUNTIME, live(railway_demo, "shop/production/catalog"), limit=300)
    texts = "".join(row["message"] for row in found)
    assert all(hostile in texts for hostile in ("\x1b]52;", "\x1b[2J", "\x00", "\u202e", "\x9b31m", "\r"))


async def test_filters_are_applied_before_the_limit(railway_demo: RailwayDemo) -> None:
    one = newest(railway_demo, "shop/production/checkout")
    found = await rows(railway_demo, RUNTIME, one, limit=20, filter="@level:error UndefinedColumn")
    assert len(found) == 21
    assert all("UndefinedColumn" in row["message"] for row in found)
    failing = await rows(railway_demo, HTTP, one, limit=20, filter="@httpStatus:>=500 @method:POST")
    assert {(row["httpStatus"] >= 500, row["method"]) for row in failing} == {(True, "POST")}


async def test_the_error_rate_of_the_bad_deploy_shows_against_the_one_before(railway_demo: RailwayDemo) -> None:
    bad, before = railway_demo.world.service("shop/production/checkout").deployments[:2]
    shares = []
    for one in (bad, before):
        found = await rows(railway_demo, HTTP, one, limit=200)
        shares.append(sum(row["httpStatus"] == 500 for row in found) / len(found))
    assert shares[0] > 0.2
    assert shares[1] == 0


async def test_an_anchored_window_looks_both_ways(railway_demo: RailwayDemo) -> None:
    one, now = live(railway_demo, "shop/production/api"), railway_demo.world.now
    anchor = rfc3339(now - 5 * MINUTE)
    found = await rows(railway_demo, HTTP, one, beforeLimit=5, anchorDate=anchor, afterLimit=7)
    before = [at for at in times(found) if at <= now - 5 * MINUTE]
    assert (len(before), len(found)) == (5, 12)
    assert times(found) == sorted(times(found))
    bounded = await rows(
        railway_demo, HTTP, one, beforeLimit=500, beforeDate=rfc3339(now - 6 * MINUTE), anchorDate=anchor
    )
    assert min(times(bounded)) >= now - 6 * MINUTE
    assert max(times(bounded)) <= now - 5 * MINUTE


async def test_whoever_resumes_at_the_last_request_sees_it_again(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/api")
    last = (await rows(railway_demo, HTTP, one, limit=1))[-1]
    railway_demo.world.advance(20)
    found = await rows(railway_demo, HTTP, one, anchorDate=last["timestamp"], afterLimit=500)
    assert found[0] == last
    assert len(found) > 2


async def test_an_environments_log_merges_its_services_and_can_be_narrowed(railway_demo: RailwayDemo) -> None:
    service = railway_demo.world.service("shop/production/api")
    asked = {"e": service.environment.id, "beforeLimit": 300}
    found = (await ask(railway_demo, ENVIRONMENT, **asked))["environmentLogs"]
    assert len(found) == 300
    assert times(found) == sorted(times(found))
    assert len({row["tags"]["serviceId"] for row in found}) >= 5
    only = f"@service:{service.service_id}"
    found = (await ask(railway_demo, ENVIRONMENT, **asked, filter=only))["environmentLogs"]
    assert {row["tags"]["serviceId"] for row in found} == {service.service_id}


async def test_an_environments_log_reaches_back_over_a_change_of_deployment(railway_demo: RailwayDemo) -> None:
    service = railway_demo.world.service("shop/production/checkout")
    asked = {"e": service.environment.id, "beforeLimit": 3000, "filter": f"@service:{service.service_id}"}
    found = (await ask(railway_demo, ENVIRONMENT, **asked))["environmentLogs"]
    owners = list(dict.fromkeys(row["tags"]["deploymentId"] for row in found))
    assert owners[-2:] == [one.id for one in service.deployments[1::-1]]


async def test_right_after_a_deploy_there_is_no_log_yet(railway_demo: RailwayDemo) -> None:
    world = railway_demo.world
    made = lifecycle.push(world, world.service("shop/production/images"))
    assert await refusal(railway_demo, BUILD, d=made.id) == "Failed to retrieve build log"
    assert await refusal(railway_demo, RUNTIME, d=made.id) == "Deployment not found"
    world.advance(2)
    assert await refusal(railway_demo, BUILD, d=made.id) == "Failed to retrieve build log"
    assert await rows(railway_demo, RUNTIME, made) == []
    world.advance(6)
    assert await rows(railway_demo, BUILD, made)


async def test_a_line_of_a_megabyte_is_one_line(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/images")
    lifecycle.say(railway_demo.world, one, "x" * 1_000_000, "warn")
    found = await rows(railway_demo, RUNTIME, one, limit=1)
    assert len(found[-1]["message"]) == 1_000_000


async def test_a_stopped_service_writes_nothing_more(railway_demo: RailwayDemo) -> None:
    one = live(railway_demo, "shop/production/images")
    lifecycle.stop(railway_demo.world, one)
    railway_demo.world.advance(60)
    last = (await rows(railway_demo, RUNTIME, one, limit=5))[-1]
    assert last["message"] == "Stopping Container"
    assert parse_rfc3339(last["timestamp"]) == railway_demo.world.now - MINUTE
