"""Cloud 66's account: the picture, what of it is read when, what goes wrong."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import START, FakeClock
from tests.providers.cloud66_server import (
    CUT,
    DOCKER,
    HOOK,
    RAILS,
    TOKEN,
    Call,
    Cloud66Server,
    Json,
    action,
    cloud66,
    container,
    deploying,
    deployment,
    docker,
    one,
    paged,
    refusal,
    service,
    stack,
    the_service,
    world,
)
from tests.providers.loopback import Ledger
from tui.model.action import Verb
from tui.model.errors import Forbidden, NotFound, RateLimited, Refused, Unauthorized, UnexpectedReply, Unreachable
from tui.model.status import Status
from tui.providers.cloud66.api import address
from tui.providers.cloud66.errors import needed_scope

LIST = f"GET stacks/{RAILS}/deployments"
OF_DOCKER = f"GET stacks/{DOCKER}/deployments"


# -- the picture ----------------------------------------------------------------------------------------


async def test_a_stack_is_a_service_named_by_account_environment_and_name() -> None:
    async with cloud66(world()) as provider:
        snapshot = await provider.snapshot()
    assert [each.path for each in snapshot.services] == ["work/Acme/production/shop", "work/Acme/production/feeds"]
    shop = snapshot.services[0]
    assert shop.ref.id == RAILS
    assert shop.project == snapshot.projects[0].ref
    assert len(snapshot.environments) == 1
    assert (shop.status, shop.status_raw, shop.url) == (Status.LIVE, "deployed", "http://shop.c66.me")
    assert shop.latest is not None
    assert shop.latest == shop.live
    assert shop.latest.id == "107"
    assert snapshot.problems == ()


async def test_environments_of_two_accounts_are_two() -> None:
    other = stack("a" * 32, "blog", account_id=140, account_name="Beta (beta@example.com)")
    async with cloud66(world(stack(), other, stack("b" * 32, "old", account_id=None, account_name=None))) as provider:
        snapshot = await provider.snapshot()
    assert len({each.ref for each in snapshot.environments}) == 3
    assert [each.project_name for each in snapshot.services] == ["Acme", "Beta", "Cloud 66"]


async def test_clusters_are_hidden_and_so_is_what_was_not_asked_for() -> None:
    rows = [stack(), docker(), stack("c" * 32, "k8s", is_cluster=True)]
    async with cloud66(world(*rows), "FEED*") as provider:
        assert [each.name for each in (await provider.snapshot()).services] == ["feeds"]
    async with cloud66(world(*rows), "acme") as provider:
        assert [each.name for each in (await provider.snapshot()).services] == ["shop", "feeds"]
    async with cloud66(world(*rows), "elsewhere") as provider:
        snapshot = await provider.snapshot()
    assert snapshot.services == ()
    assert "name stacks or accounts" in snapshot.problems[0]


@pytest.mark.parametrize("following", ["next", "prev"])
async def test_all_pages_of_stacks_are_read_each_stack_once(following: str) -> None:
    rows = [stack(f"{i:032}", f"stack{i}") for i in range(65)]
    server = world(*rows)
    pages = paged(rows)

    def answer(call: Call) -> Json:
        found: Json = pages(call)
        if following == "prev":  # the model page's way to write it
            place = found["pagination"]
            found["pagination"] = {key: place[key] for key in ("current", "next", "count", "pages")}
        return found

    server.answers["GET stacks"] = answer
    async with cloud66(server) as provider:
        snapshot = await provider.snapshot()
    assert len(snapshot.services) == 65
    assert len(server.named("GET stacks")) == 3
    assert all("per_page" not in call.query for call in server.calls)


async def test_pages_that_never_end_are_not_read_for_ever() -> None:
    server = world()
    place = {"next": 1, "current": 1}
    server.answers["GET stacks"] = {"response": [stack()], "pagination": place}
    async with cloud66(server) as provider:
        assert len((await provider.snapshot()).services) == 1
    assert len(server.named("GET stacks")) == 1


async def test_rows_with_nothing_but_an_id_are_shown() -> None:
    server = world(answers={"GET stacks": paged([{"uid": RAILS}]), LIST: paged([{"id": 7}])})
    async with cloud66(server) as provider:
        (shown,) = (await provider.snapshot()).services
    assert shown.name == "stack 5999"
    assert shown.latest is not None
    assert shown.latest.status is Status.UNKNOWN


async def test_hostile_names_are_made_harmless() -> None:
    row = stack(name="shop\x1b]0;owned\x07\u202e", environment="prod\x1b[2Juction", account_name="A\x00cme (x@y)")
    async with cloud66(world(row, deployments={row["name"]: []})) as provider:
        (shown,) = (await provider.snapshot()).services
    assert shown.path == "work/A cme/production/shop"


async def test_no_secret_is_in_a_picture_or_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = world()
    async with cloud66(server) as provider:
        shown = [repr(await provider.snapshot()), repr(await provider.check()), repr(provider)]
        server.answers["GET stacks"] = refusal(401, "unauthenticated", details=f"the token {TOKEN} is bad")
        with pytest.raises(Unauthorized) as caught:
            await provider.snapshot()
        server.answers["GET stacks"] = "no list"
        with pytest.raises(UnexpectedReply) as unreadable:
            await provider.snapshot()
    text = " ".join([*shown, str(caught.value), str(unreadable.value), unreadable.value.where, caplog.text])
    assert TOKEN not in text
    assert HOOK not in text


@pytest.mark.parametrize(
    ("row", "status", "raw"),
    [
        ({"health": 2}, Status.CRASHED, "deployed, impaired"),
        ({"health": 4}, Status.CRASHED, "deployed, failed"),
        ({"health": 1}, Status.LIVE, "deployed"),
        ({"status": 2}, Status.LIVE, "deployment failed"),
        ({"status": 6, "is_busy": True}, Status.LIVE, "deploying"),
        ({"status": "1", "health": "4"}, Status.CRASHED, "deployed, failed"),
        ({"maintenance_mode": True}, Status.STOPPED, "deployed, maintenance mode"),
        ({"status": 1, "framework": "skycap"}, Status.LIVE, "built"),
    ],
)
async def test_a_stack_with_a_live_deployment_is_as_well_as_its_health(row: Json, status: Status, raw: str) -> None:
    rows = {"shop": [deployment(107, is_live=True)]}
    async with cloud66(world(stack(**row), deployments=rows)) as provider:
        shown = await the_service(provider)
    assert (shown.status, shown.status_raw) == (status, raw)
    assert shown.live is not None
    assert shown.live.status is Status.LIVE


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (0, Status.QUEUED),
        (1, Status.LIVE),
        (2, Status.FAILED),
        (3, Status.BUILDING),
        (4, Status.STOPPED),
        (5, Status.QUEUED),
        (6, Status.DEPLOYING),
        (7, Status.FAILED),
        (99, Status.UNKNOWN),
        (None, Status.UNKNOWN),
    ],
)
async def test_a_stack_without_a_live_deployment_is_what_its_status_says(number: int | None, status: Status) -> None:
    async with cloud66(world(stack(status=number), deployments={"shop": []})) as provider:
        shown = await the_service(provider)
    assert shown.status is status
    assert shown.live is None


# -- what is read when ------------------------------------------------------------------------------------


async def test_an_idle_account_is_one_request_a_picture() -> None:
    server, clock = world(), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        await provider.snapshot()
        server.calls.clear()
        for _ in range(9):
            await clock.advance(20)
            await provider.snapshot()
    assert Counter(call.name for call in server.calls) == {"GET stacks": 9}


async def test_the_focused_stack_is_read_every_30_s_on_average_and_its_services_too() -> None:
    server, clock = world(services=[service("web", container("a"))]), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        provider.focus((await the_service(provider, "feeds")).ref)
        server.calls.clear()
        for _ in range(180):
            await clock.advance(20)
            await provider.snapshot()
    counts = Counter(call.name for call in server.calls)
    assert counts["GET stacks"] == 180
    assert 110 <= counts[OF_DOCKER] <= 120
    assert 110 <= counts[f"GET stacks/{DOCKER}/services"] <= 121
    assert sum(counts.values()) <= 421
    assert counts[LIST] == 0


async def test_a_stack_is_read_again_when_its_row_changed_and_only_then() -> None:
    row = stack()
    rows = [deployment(107, is_live=True)]
    server, clock = world(row, docker(), deployments={"shop": rows}), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        await provider.snapshot()
        rows.insert(0, deploying(108))
        await clock.advance(20)
        shown = await the_service(provider)
        assert shown.latest is not None
        assert shown.latest.id == "107"
        row |= {"last_activity_iso": "2026-03-14T03:00:21Z"}
        await clock.advance(20)
        shown = await the_service(provider)
    assert shown.latest is not None
    assert (shown.latest.id, shown.latest.status) == ("108", Status.DEPLOYING)
    assert shown.live is not None
    assert shown.live.id == "107"
    assert len(server.named(LIST)) == 2
    assert len(server.named(OF_DOCKER)) == 1


async def test_a_deployment_under_way_is_looked_after_though_its_stack_says_nothing() -> None:
    row = stack(status=6)
    rows = [deploying(108), deployment(107, is_live=True)]
    server, clock = world(row, deployments={"shop": rows}), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        await provider.snapshot()
        for _ in range(6):
            await clock.advance(10)
            await provider.snapshot()
    assert len(server.named(LIST)) == 3


async def test_what_somebody_reads_on_its_own_is_not_read_twice() -> None:
    row = stack(status=6)
    rows = [deploying(108), deployment(107, is_live=True)]
    server, clock = world(row, deployments={"shop": rows}), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        shown = await the_service(provider)
        provider.focus(shown.ref)
        assert shown.latest is not None
        server.calls.clear()
        for second in range(5, 61, 5):
            await clock.advance(5)
            await provider.deployment(shown.latest.ref, shown)
            if second % 10 == 0:
                await provider.snapshot()
    counts = Counter(call.name for call in server.calls)
    assert counts[f"{LIST}/108"] == 12
    assert counts[LIST] <= 2
    assert sum(counts.values()) < 2000 / 60


async def test_watching_a_deployment_stays_within_the_plan_of_an_hour() -> None:
    row = docker(status=6, is_busy=True)
    rows = [deploying(108, started_at="2026-03-14T02:59:50Z"), deployment(107, is_live=True)]
    actions = [action(40, started_at="2026-03-14T02:59:49Z")]
    server, clock = world(row, deployments={"feeds": rows}, actions=actions), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        shown = await the_service(provider, "feeds")
        provider.focus(shown.ref)
        assert shown.latest is not None
        server.calls.clear()
        for _ in range(60):
            for _twice in range(2):  # as the engine does
                await clock.advance(5)
                await provider.deployment(shown.latest.ref, shown)
            row["last_activity_iso"] = row["last_activity_iso"] if clock.now().second else str(clock.now())
            await provider.snapshot()
    counts = Counter(call.name for call in server.calls)
    assert sum(counts.values()) <= 1800 / 6, counts
    assert counts[f"GET stacks/{DOCKER}/services"] >= 50


async def test_the_first_picture_reads_all_stacks_at_once_ten_at_a_time() -> None:
    rows = [stack(f"{i:032}", f"stack{i}") for i in range(30)]
    server = world(*rows)
    under_way, most = 0, 0

    async def answer(_: Call) -> Json:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _turn in range(20):
            await asyncio.sleep(0)
        under_way -= 1
        return {"response": [deployment(1, is_live=True)]}

    for each in rows:
        server.answers[f"GET stacks/{each['uid']}/deployments"] = answer
    async with cloud66(server) as provider:
        assert len((await provider.snapshot()).services) == 30
    assert 5 <= most <= 10


async def test_containers_are_the_instances_of_the_stack_that_is_looked_at() -> None:
    services = [
        service(
            "web",
            container("web.one"),
            container("web.two", health_state=2),
            container("web.three", status="odd"),
            {"name": 17},
            "odd",
        ),
        service("worker", container("worker", status="stopped", health_state=0)),
        service("cron"),
    ]
    async with cloud66(world(services=services), clock=(clock := FakeClock())) as provider:
        feeds = await the_service(provider, "feeds")
        assert feeds.instances == ()
        provider.focus(feeds.ref)
        feeds = await the_service(provider, "feeds")
        assert [(each.name, each.status, each.status_raw) for each in feeds.instances] == [
            ("web · web.one", Status.LIVE, "started, up"),
            ("web · web.two", Status.CRASHED, "started, down"),
            ("web · web.three", Status.UNKNOWN, "odd, up"),
            ("web", Status.UNKNOWN, "unknown"),
            ("web", Status.UNKNOWN, "unreadable"),
            ("worker", Status.STOPPED, "stopped"),
            ("cron", Status.STOPPED, "no containers"),
        ]
        provider.focus(None)
        await clock.advance(120)
        assert (await the_service(provider, "feeds")).instances == (), "what is old is not shown as fresh"


async def test_processes_are_the_instances_of_other_stacks() -> None:
    processes: list[Json] = [
        {
            "md5": "1",
            "name": "worker",
            "command": "x",
            "servers": {"Lion": 2, "Bison": 1},
            "servers_pauses": {"Bison": 1},
        },
        {"md5": "2", "name": "scheduler", "command": "x", "servers": {"Lion": 1}},
        {"md5": "3", "name": "idle", "command": "x", "servers": {}},
        {"md5": "4", "name": "mute", "command": "x", "servers": None},
    ]
    server, clock = world(processes=processes), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        provider.focus((await the_service(provider)).ref)
        shop = await the_service(provider)
        for _ in range(9):
            await clock.advance(20)
            await provider.snapshot()
    assert [(each.name, each.status, each.status_raw) for each in shop.instances] == [
        ("worker · Lion", Status.LIVE, "2 running"),
        ("worker · Bison", Status.STOPPED, "paused"),
        ("scheduler", Status.LIVE, "1 running"),
        ("idle", Status.STOPPED, "none run"),
        ("mute", Status.UNKNOWN, "servers not told"),
    ]
    assert len(server.named(f"GET stacks/{RAILS}/processes")) == 2
    assert not server.named(f"GET stacks/{RAILS}/services")


# -- what goes wrong ------------------------------------------------------------------------------------


async def test_a_stack_that_fails_costs_only_itself_and_keeps_what_was_known() -> None:
    row = stack()
    server, clock = world(row, docker()), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        await provider.snapshot()
        read_at = clock.now()
        row["last_activity_iso"] = "later"
        server.answers[LIST] = refusal(500, "broken")
        await clock.advance(20)
        snapshot = await provider.snapshot()
        await clock.advance(10)
        await provider.snapshot()
        assert len(server.named(LIST)) == 2, "not at every picture"
        server.answers[LIST] = paged([deployment(108, is_live=True)])
        await clock.advance(20)
        healed = await provider.snapshot()
    shop, feeds = snapshot.services
    assert shop.latest is not None
    assert (shop.latest.id, shop.observed_at, feeds.observed_at) == ("107", read_at, None)
    assert "shop (production)" in snapshot.problems[0]
    assert (healed.problems, healed.services[0].observed_at) == ((), None)
    assert healed.services[0].latest is not None
    assert healed.services[0].latest.id == "108"


async def test_if_every_stack_fails_at_first_the_account_does() -> None:
    server = world(answers={LIST: refusal(500, "broken"), OF_DOCKER: refusal(500, "broken")})
    async with cloud66(server) as provider:
        with pytest.raises(Unreachable):
            await provider.snapshot()


async def test_what_runs_inside_may_be_forbidden_and_the_rest_is_there() -> None:
    server = world(answers={f"GET stacks/{DOCKER}/services": refusal(403, "forbidden")})
    async with cloud66(server) as provider:
        provider.focus((await the_service(provider, "feeds")).ref)
        snapshot = await provider.snapshot()
    assert len(snapshot.services) == 2
    assert "What runs inside feeds" in snapshot.problems[0]


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (refusal(400, "bad_request", details="page is odd"), Refused, "page is odd"),
        (refusal(401, "unauthenticated"), Unauthorized, "does not accept the token"),
        (refusal(402, "trial_expired"), Refused, "trial has expired"),
        (refusal(403, "forbidden"), Forbidden, "scope public"),
        (refusal(404, "not_found"), NotFound, "does not know it"),
        (refusal(408, "time_out"), Unreachable, "408"),
        (refusal(409, "conflict"), Refused, "under way"),
        (refusal(500, "oops"), Unreachable, "500"),
        (refusal(503, "not_implemented"), Refused, "does not offer this"),
        (refusal(503, "unavailable"), Unreachable, "503"),
        (Response("<html><title>Bad gateway</title>", 502, media_type="text/html"), Unreachable, "Bad gateway"),
        (Response("<html><title>Log in</title>", 200, media_type="text/html"), UnexpectedReply, "not an answer"),
        (Response('{"response": [{"uid"', 200, media_type="application/json"), UnexpectedReply, "not an answer"),
        (Response("", 200), UnexpectedReply, "not an answer"),
        (Response("[" * 100_000, 200), UnexpectedReply, "not an answer"),
        (JSONResponse({"response": {"an": "object"}}), UnexpectedReply, "not an answer"),
        (CUT, Unreachable, "cannot be reached"),
    ],
)
async def test_each_answer_is_the_error_that_says_what_to_do(
    answer: Any,  # noqa: ANN401
    expected: type[Exception],
    words: str,
) -> None:
    async with cloud66(world(answers={"GET stacks": answer})) as provider:
        with pytest.raises(expected, match=words) as caught:
            await provider.snapshot()
    assert "work" in str(caught.value)


async def test_throttled_waits_five_ten_and_twenty_minutes_and_then_longer() -> None:
    server, clock, meter = world(), FakeClock(), Ledger()
    throttled = refusal(503, "throttled", error_description="must retry in the next hourly interval")
    server.answers["GET stacks"] = throttled
    waits = []
    async with cloud66(server, clock=clock, meter=meter) as provider:
        for _ in range(6):
            with pytest.raises(RateLimited) as caught:
                await provider.snapshot()
            wait_s = (caught.value.retry_at - clock.now()).total_seconds()
            waits.append(wait_s / 60)
            await clock.advance(wait_s)
        assert {"retry_at": START.replace(minute=5), "guessed": True} in meter.told
        server.answers["GET stacks"] = paged([])
        await provider.snapshot()
        server.answers["GET stacks"] = throttled
        with pytest.raises(RateLimited) as caught:
            await provider.snapshot()
    assert waits == [5, 10, 20, 40, 60, 60]
    assert (caught.value.retry_at - clock.now()).total_seconds() == 300


async def test_many_throttled_requests_at_once_count_as_one() -> None:
    rows = [stack(f"{i:032}", f"stack{i}") for i in range(20)]
    clock = FakeClock()
    throttled = {f"GET stacks/{each['uid']}/deployments": refusal(503, "throttled") for each in rows}
    async with cloud66(world(*rows, answers=throttled), clock=clock) as provider:
        with pytest.raises(RateLimited) as caught:
            await provider.snapshot()
    assert (caught.value.retry_at - clock.now()).total_seconds() == 300


async def test_the_meter_hears_what_the_headers_say() -> None:
    server, meter = world(), Ledger()
    server.headers = {"X-RateLimit-Limit": "3600", "X-RateLimit-Remaining": "3597"}
    async with cloud66(server, meter=meter) as provider:
        await provider.snapshot()
    assert meter.spent == len(server.calls)
    assert meter.told[0]["limit"] == 3600


async def test_a_warning_of_cloud_66_is_told_once_a_picture() -> None:
    server = world()
    server.headers = {"X-Cloud66-Warning": "This API version ends\x1b[2J in May"}
    async with cloud66(server) as provider:
        assert (await provider.snapshot()).problems == ("This API version ends in May",)
        server.headers = {}
        assert (await provider.snapshot()).problems == ()


# -- the credential -------------------------------------------------------------------------------------


async def test_check_says_what_the_token_sees_and_that_its_scopes_cannot_be_told() -> None:
    async with cloud66(world()) as provider:
        credential = await provider.check()
    assert credential.kind == "API token of ops@acme.example"
    assert credential.sees == "2 stacks of Acme"
    assert any("scopes" in each for each in credential.problems)


async def test_check_does_without_the_scope_users_and_without_a_ping() -> None:
    answers = {"GET accounts": refusal(403, "forbidden"), "GET ping/auth": refusal(404, "not_found")}
    async with cloud66(world(answers=answers)) as provider:
        credential = await provider.check()
    assert credential.kind == "API token"


async def test_check_of_a_bad_token_is_unauthorized() -> None:
    async with cloud66(world(answers={"GET ping/auth": refusal(401, "unauthenticated")})) as provider:
        with pytest.raises(Unauthorized, match="does not accept"):
            await provider.check()


async def test_the_token_goes_out_as_a_bearer() -> None:
    server = world()
    async with cloud66(server) as provider:
        await provider.snapshot()
    assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {TOKEN}"}


def test_the_address_is_taken_as_given_or_completed() -> None:
    assert address("https://app.cloud66.com/api/3") == "https://app.cloud66.com/api/3"
    assert address("https://c66.corp.example/") == "https://c66.corp.example/api/3"


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "stacks/x/deployments", "public"),
        ("POST", "stacks/x/deployments", "redeploy"),
        ("DELETE", "stacks/x/deployments/1", "redeploy"),
        ("POST", "stacks/x/actions", "redeploy"),
        ("DELETE", "stacks/x/services/web", "admin"),
        ("GET", "accounts", "users"),
        ("GET", "operations/x/logs.json", ""),
    ],
)
def test_what_a_request_needs_is_known(method: str, path: str, scope: str) -> None:
    assert needed_scope(method, path) == scope


async def test_closing_ends_what_is_under_way() -> None:
    async with cloud66(world()) as provider:
        await provider.snapshot()
        await provider.aclose()
        with pytest.raises(Unreachable):
            await provider.snapshot()


async def test_every_verb_is_had_or_explained() -> None:
    async with cloud66(Cloud66Server(answers={"GET stacks": one([])})) as provider:
        assert set(provider.handlers) | {each for each in provider.lacks if isinstance(each, Verb)} == set(Verb)
        assert not set(provider.handlers) & set(provider.lacks)
        assert (await provider.snapshot()).problems == ("The token is good, but sees no stack.",)
