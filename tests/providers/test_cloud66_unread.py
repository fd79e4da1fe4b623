"""What of a Cloud 66 account could not be read is said, and nothing calm is said of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.providers.cloud66_server import (
    DOCKER,
    RAILS,
    Cloud66Server,
    Json,
    action,
    cloud66,
    container,
    deploying,
    deployment,
    docker,
    paged,
    refusal,
    service,
    stack,
    the_service,
    world,
)
from tests.shared import CASES, needs_cases
from tui.model.action import Danger, Intent, Verb
from tui.model.entities import Service, Snapshot
from tui.model.errors import Refused
from tui.model.log import Cursor, LogKind, LogSource
from tui.model.status import Status

LIST = f"GET stacks/{RAILS}/deployments"
NO_ID: Json = {"outcome": {"code": 2, "meaning": "failed"}}


async def picture(server: Cloud66Server, *projects: str) -> Snapshot:
    async with cloud66(server, *projects) as provider:
        return await provider.snapshot()


async def the_shop(*rows: Any, at: Json | None = None) -> Service:  # noqa: ANN401
    """The Rails stack with these deployments."""
    server = world(at or stack(), deployments={"shop": []})
    server.answers[LIST] = paged(list(rows))
    return (await picture(server)).services[0]


# -- rows that cannot be read -----------------------------------------------------------------------------


async def test_rows_without_an_identity_are_counted_by_what_and_whose_they_are() -> None:
    server = world(stack(status=6), docker(), actions=[action(40), NO_ID])
    server.answers["GET stacks"] = paged([stack(status=6), {"name": "no uid"}, docker()])
    server.answers[LIST] = paged([deploying(108), NO_ID, "odd", deployment(106, is_live=True)])
    server.answers[f"GET stacks/{DOCKER}/services"] = paged([service("web"), {"name": ""}])
    async with cloud66(server) as provider:
        feeds = await the_service(provider, "feeds")
        provider.focus(feeds.ref)
        snapshot = await provider.snapshot()
        shop = snapshot.services[0]
        page = await provider.deployments(shop)
    assert snapshot.problems == (
        "1 stack could not be read: no usable uid.",
        "2 deployments of shop (production) could not be read: no usable id.",
        "1 action of shop (production) could not be read: no usable id.",
        "1 service of feeds (production) could not be read: no usable name.",
    )
    assert not snapshot.is_complete
    assert [each.id for each in page.items] == ["108", "106"]
    assert page.problems == snapshot.problems[1:3]
    assert RAILS not in repr(snapshot.problems)


async def test_problems_are_gone_with_the_next_clean_read() -> None:
    row = stack()
    server, clock = world(row), FakeClock()
    server.answers[LIST] = paged([NO_ID, deployment(107, is_live=True), deployment(106)])
    async with cloud66(server, clock=clock) as provider:
        odd = await provider.snapshot()
        server.answers[LIST] = paged([deployment(108, "failed"), deployment(107, is_live=True)])
        await clock.advance(20)
        again = await provider.snapshot()
        await clock.advance(300)
        clean = await provider.snapshot()
    assert odd.problems == again.problems != ()
    assert odd.services[0].state is Status.UNKNOWN
    assert clean.problems == ()
    assert (clean.services[0].doubt, clean.services[0].state) == ("", Status.FAILED)


async def test_many_problems_are_counted_instead_of_listed() -> None:
    rows = [stack(f"{i:032}", f"stack{i}") for i in range(40)]
    server = world(*rows)
    for each in rows:
        server.answers[f"GET stacks/{each['uid']}/deployments"] = paged([deployment(2, is_live=True), NO_ID, NO_ID])
    problems = (await picture(server)).problems
    assert len(problems) == 11
    assert problems[-1] == "30 more problems of this kind are not listed."


@pytest.mark.parametrize(
    ("rows", "doubted"),
    [
        ([NO_ID, deployment(107, is_live=True), deployment(106)], True),
        ([deployment(107, is_live=True), deployment(106), NO_ID], False),
        ([deployment(107, is_live=True), NO_ID, deployment(105)], False),
        ([deployment(105), deployment(107, is_live=True), NO_ID], True),
        ([NO_ID, deployment(105), deployment(107, is_live=True)], False),
        ([NO_ID, deployment(107, is_live=True)], True),
        ([deployment(107, is_live=True), NO_ID], True),
        ([NO_ID], True),
    ],
    ids=["newest", "oldest", "between", "newest last", "oldest first", "of two", "of two, order unknown", "only one"],
)
async def test_a_service_whose_newest_deployment_cannot_be_read_says_so(rows: list[Any], doubted: bool) -> None:
    shop = await the_shop(*rows)
    assert bool(shop.doubt) is doubted
    assert (shop.state is Status.UNKNOWN) is doubted


async def test_a_stack_whose_deployments_answer_500_was_not_never_deployed() -> None:
    server = world(answers={LIST: refusal(500, "broken")})
    async with cloud66(server) as provider:
        snapshot = await provider.snapshot()
        shop = snapshot.services[0]
        reasons = {verb: provider.blocked(verb, shop) for verb in (Verb.CANCEL, Verb.ROLLBACK)}
        with pytest.raises(Refused, match="could not be read"):
            [each async for each in provider.logs(LogSource(LogKind.BUILD, shop), Cursor())]
    assert (shop.latest, shop.state) == (None, Status.UNKNOWN)
    assert shop.doubt == "Its deployments could not be read."
    assert reasons == dict.fromkeys(reasons, shop.doubt)
    assert len(snapshot.problems) == 1
    assert snapshot.problems[0].startswith("The deployments of shop (production) could not be read.")


async def test_a_stack_that_changed_and_could_not_be_read_again_is_in_doubt() -> None:
    row = stack()
    server, clock = world(row), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        await provider.snapshot()
        server.answers[LIST] = refusal(502, "broken")
        row["last_activity_iso"] = "later"
        await clock.advance(20)
        shop = await the_service(provider)
    assert shop.latest is not None
    assert (shop.latest.id, shop.state) == ("107", Status.UNKNOWN)
    assert "Something changed" in shop.doubt


async def test_a_stack_that_may_be_the_one_that_could_not_be_read_is_kept_as_it_was() -> None:
    server, clock = world(), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        await provider.snapshot()
        seen_at = clock.now()
        server.answers["GET stacks"] = paged([stack(uid=""), docker()])
        await clock.advance(20)
        odd = await provider.snapshot()
        server.answers["GET stacks"] = paged([docker()])
        await clock.advance(20)
        gone = await provider.snapshot()
    shop = next(each for each in odd.services if each.name == "shop")
    assert (shop.observed_at, shop.state) == (seen_at, Status.UNKNOWN)
    assert shop.doubt == "It is not among the stacks that could be read."
    assert [each.name for each in gone.services] == ["feeds"]


@pytest.mark.parametrize("name", [None, "", ["shop"]])
async def test_a_stack_whose_name_cannot_be_read_may_be_one_that_was_asked_for(name: object) -> None:
    server = world(answers={"GET stacks": paged([stack() | {"name": name}, docker("blog")])})
    assert [each.name for each in (await picture(server, "shop")).services] == ["stack 5999"]


async def test_no_stack_is_not_said_while_a_stack_could_not_be_read() -> None:
    server = world(answers={"GET stacks": paged([{"name": "no uid"}])})
    async with cloud66(server) as provider:
        snapshot = await provider.snapshot()
        credential = await provider.check()
    assert snapshot.problems == (
        "1 stack could not be read: no usable uid.",
        "No stack can be shown: what this token sees could not be read whole.",
    )
    assert credential.sees == "0 stacks that can be read"
    assert credential.problems[0] == snapshot.problems[0]


async def test_a_token_that_sees_only_clusters_is_told_so() -> None:
    server = world(stack(is_cluster=True), deployments={"shop": []})
    assert (await picture(server)).problems == ("The token is good, but sees only clusters, which are not shown.",)


# -- fields that cannot be read ---------------------------------------------------------------------------


@needs_cases
async def test_a_maintenance_mode_that_is_a_number_costs_no_stack() -> None:
    body = json.loads((CASES / "answers" / "C15-cloud66-maintenance_mode-number.json").read_text("utf-8"))
    uid = body["response"][0]["uid"]
    answers = {"GET stacks": body, f"GET stacks/{uid}/deployments": paged([deployment(107, is_live=True)])}
    snapshot = await picture(world(answers=answers))
    (web,) = snapshot.services
    assert (web.name, web.state, web.doubt, snapshot.problems) == ("web", Status.LIVE, "", ())


@needs_cases
async def test_a_git_hash_that_is_a_number_costs_no_deployment() -> None:
    body = json.loads((CASES / "answers" / "C16-cloud66-deployment-git_hash-number.json").read_text("utf-8"))
    snapshot = await picture(world(stack(), answers={LIST: body}))
    (shop,) = snapshot.services
    assert shop.latest is not None
    assert shop.live is not None
    assert (shop.latest.id, shop.latest.status, shop.latest.revision) == ("108", Status.FAILED, None)
    assert (shop.live.id, shop.state, snapshot.problems) == ("107", Status.FAILED, ())


@pytest.mark.parametrize("value", [1, "1", "true", True])
async def test_a_boolean_is_read_in_every_spelling(value: object) -> None:
    shop = await the_shop(deployment(107, is_live=value), at=stack(maintenance_mode=value))
    assert shop.live is not None
    assert (shop.status, shop.status_raw, shop.doubt) == (Status.STOPPED, "deployed, maintenance mode", "")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outcome", []),
        ("outcome", True),
        ("outcome", {"code": {}}),
        ("is_live", "perhaps"),
        ("is_live", 2),
        ("is_deploying", {}),
        ("reverted", []),
    ],
)
async def test_a_state_that_cannot_be_read_does_not_become_calm(field: str, value: object) -> None:
    newest = deployment(108, is_live=True) | {field: value}
    shop = await the_shop(newest, deployment(107), deployment(106))
    assert shop.latest is not None
    assert (shop.latest.id, shop.latest.status, shop.state) == ("108", Status.UNKNOWN, Status.UNKNOWN)
    assert field in shop.latest.note
    assert field in shop.doubt


async def test_without_a_readable_is_live_nothing_is_taken_for_live() -> None:
    shop = await the_shop(*(deployment(id_) | {"is_live": "?"} for id_ in (108, 107)))
    assert (shop.live, shop.state) == (None, Status.UNKNOWN)


async def test_an_old_row_whose_is_live_cannot_be_read_leaves_open_what_is_live() -> None:
    rows = [deployment(109, "failed"), deployment(108) | {"is_live": "?"}, deployment(107, is_live=True)]
    shop = await the_shop(*rows)
    assert shop.doubt == "Which deployment is live could not be read."
    assert shop.state is Status.UNKNOWN


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("health", [], "health"),
        ("health", 9, "health"),
        ("status", {}, "status"),
        ("status", 42, "status"),
        ("maintenance_mode", "?", "maintenance mode"),
        ("environment", ["production"], "environment"),
    ],
)
async def test_a_stack_whose_state_cannot_be_read_is_not_called_well(field: str, value: object, word: str) -> None:
    server = world(stack() | {field: value})
    snapshot = await picture(server)
    (shop,) = snapshot.services
    assert (shop.doubt, shop.state) == (f"Its {word} could not be read.", Status.UNKNOWN)
    assert len(snapshot.problems) == 1
    assert shop.doubt in snapshot.problems[0]


@pytest.mark.parametrize(
    ("row", "status", "raw"),
    [
        ({"status": "deploying", "health": "healthy"}, Status.LIVE, "deploying"),
        ({"status": {"code": 2, "meaning": "deployment_failed"}}, Status.LIVE, "deployment failed"),
        ({"status": 1.0, "health": {"code": 4}}, Status.CRASHED, "deployed, failed"),
        ({"status": "Deployed successfully", "health": "impaired"}, Status.CRASHED, "deployed, impaired"),
    ],
)
async def test_codes_come_as_numbers_or_words(row: Json, status: Status, raw: str) -> None:
    shop = await the_shop(deployment(107, is_live=True), at=stack(**row))
    assert (shop.status, shop.status_raw, shop.doubt) == (status, raw, "")


async def test_an_environment_that_cannot_be_read_is_confirmed_like_production() -> None:
    async with cloud66(world(stack(environment=["production"]))) as provider:
        shop = await the_service(provider)
        effect = provider.handlers[Verb.REDEPLOY].effect(Intent("i1", Verb.REDEPLOY, shop))
    assert shop.environment_name == "unknown"
    assert effect.danger is Danger.TYPE
    assert "may be production" in effect.warnings[-1]


# -- what runs inside -------------------------------------------------------------------------------------


async def inside(server: Cloud66Server, name: str) -> list[tuple[str, Status, str]]:
    async with cloud66(server) as provider:
        provider.focus((await the_service(provider, name)).ref)
        shown = await the_service(provider, name)
        return [(each.name, each.status, each.status_raw) for each in shown.instances]


async def test_containers_that_were_not_told_are_not_none() -> None:
    services = [service("web") | {"containers": None}, service("api") | {"containers": "x"}, service("cron")]
    assert await inside(world(services=services), "feeds") == [
        ("web", Status.UNKNOWN, "containers not told"),
        ("api", Status.UNKNOWN, "containers unreadable"),
        ("cron", Status.STOPPED, "no containers"),
    ]


async def test_processes_whose_number_cannot_be_read_are_not_none() -> None:
    processes = [
        {"name": "worker", "servers": {"Lion": "2", "Bison": "x"}},
        {"name": "mailer", "servers": {"Lion": 2}, "servers_pauses": "x"},
        {"name": "cron", "servers": {"Lion": 0}},
    ]
    assert await inside(world(processes=processes), "shop") == [
        ("worker · Lion", Status.LIVE, "2 running"),
        ("worker · Bison", Status.UNKNOWN, "number unreadable"),
        ("mailer", Status.UNKNOWN, "2 running or paused"),
        ("cron", Status.STOPPED, "none run"),
    ]


@pytest.mark.parametrize("sent", [{"status": ["started"]}, {"health_state": {}}, {"health_state": 77}])
async def test_a_container_whose_state_cannot_be_read_does_not_run_for_sure(sent: Json) -> None:
    ((_, status, _),) = await inside(world(services=[service("web", container("web.one", **sent))]), "feeds")
    assert status is Status.UNKNOWN


async def test_what_cannot_be_read_any_more_is_not_shown_as_it_was() -> None:
    server, clock = world(services=[service("web", container("a"))]), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        provider.focus((await the_service(provider, "feeds")).ref)
        assert (await the_service(provider, "feeds")).instances
        server.answers[f"GET stacks/{DOCKER}/services"] = refusal(500, "broken")
        await clock.advance(60)
        snapshot = await provider.snapshot()
    assert snapshot.services[1].instances == ()
    assert "What runs inside feeds" in snapshot.problems[0]


async def test_the_only_service_that_can_be_read_is_not_the_only_one() -> None:
    server = world(services=[service("web", container("a"))])
    server.answers[f"GET stacks/{DOCKER}/services"] = paged([service("web", container("a")), {"name": 5}])
    async with cloud66(server) as provider:
        feeds = await the_service(provider, "feeds")
        with pytest.raises(Refused, match="Not all services"):
            await provider.handlers[Verb.STOP].run(Intent("i1", Verb.STOP, feeds))
    assert server.mutations() == []


# -- times ------------------------------------------------------------------------------------------------


async def test_what_never_started_has_no_duration() -> None:
    ended = "2026-03-14T01:30:00Z"
    shop = await the_shop(
        deployment(109, "failed", started_at=None, finished_at=ended), deployment(108, is_live=True), deployment(107)
    )
    assert shop.latest is not None
    assert shop.latest.id == "109"
    assert shop.latest.duration_s(FakeClock().now()) is None
    assert shop.latest.created_at is not None, "it has its place among the others"
    assert shop.live is not None
    assert shop.live.duration_s(FakeClock().now()) == 59


@pytest.mark.parametrize("never", ["0001-01-01T00:00:00Z", "soon", [], 1e300])
async def test_a_placeholder_is_no_time(never: object) -> None:
    shop = await the_shop(deployment(108, is_live=True, started_at=never, finished_at=never))
    assert shop.latest is not None
    assert (shop.latest.started_at, shop.latest.finished_at, shop.latest.duration_s(FakeClock().now())) == (None,) * 3
