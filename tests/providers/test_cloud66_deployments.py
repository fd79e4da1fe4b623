"""Cloud 66's deployments: their states in all spellings, their pages, those that are not listed yet."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.providers.cloud66_server import (
    RAILS,
    Call,
    Json,
    action,
    cloud66,
    deploying,
    deployment,
    docker,
    one,
    paged,
    refusal,
    stack,
    the_service,
    world,
)
from tui.model.action import Verb
from tui.model.entities import Deployment, Kind, Ref
from tui.model.errors import NotFound
from tui.model.status import Status

LIST = f"GET stacks/{RAILS}/deployments"


async def shown(*rows: Json, at: Json | None = None) -> tuple[Deployment, ...]:
    """The first page of the stack's deployments."""
    row = at or stack()
    async with cloud66(world(row, deployments={row["name"]: list(rows)})) as provider:
        return (await provider.deployments(await the_service(provider, row["name"]))).items


@pytest.mark.parametrize(
    ("outcome", "status", "raw"),
    [
        ({"code": 1, "meaning": "success"}, Status.LIVE, "success"),
        ({"code": "success", "meaning": "Successful"}, Status.LIVE, "success"),
        ({"code": 1}, Status.LIVE, "success"),
        ({"code": "1", "meaning": "Successful"}, Status.LIVE, "success"),
        ("success", Status.LIVE, "success"),
        (1, Status.LIVE, "success"),
        ({"code": 2, "meaning": "failed"}, Status.FAILED, "failed"),
        ({"code": 0, "meaning": "pending"}, Status.QUEUED, "pending"),
        ({"code": "cancelled", "meaning": "Cancelled"}, Status.CANCELLED, "cancelled"),
        ({"code": 9, "meaning": "Hibernating\x1b[2J"}, Status.UNKNOWN, "hibernating"),
        ({"code": "rolled_out", "meaning": "Rolled out"}, Status.UNKNOWN, "rolled out"),
        ({"code": 77}, Status.UNKNOWN, "77"),
        ({"code": None, "meaning": None}, Status.UNKNOWN, "unknown"),
        (None, Status.UNKNOWN, "unknown"),
        ([], Status.UNKNOWN, "unknown"),
    ],
)
async def test_an_outcome_is_known_in_every_spelling(outcome: object, status: Status, raw: str) -> None:
    (found,) = await shown(deployment(107, is_live=True, finished_at=None) | {"outcome": outcome})
    assert (found.status, found.status_raw) == (status, raw)


async def test_what_is_deploying_live_reverted_or_replaced_is_told_apart() -> None:
    found = await shown(
        deploying(110),
        deployment(109, "failed"),
        deployment(108, is_live=True),
        deployment(107, reverted=True, reverted_by="grace@acme.example"),
        deployment(106),
    )
    assert [(each.id, each.status, each.is_live) for each in found] == [
        ("110", Status.DEPLOYING, False),
        ("109", Status.FAILED, False),
        ("108", Status.LIVE, True),
        ("107", Status.SUPERSEDED, False),
        ("106", Status.SUPERSEDED, False),
    ]
    assert (found[3].status_raw, found[3].note) == ("reverted", "Reverted by grace@acme.example.")
    assert found[0].finished_at is None


async def test_what_was_passed_by_does_not_wait_for_ever() -> None:
    """A row that was never finished would be polled for until the end of days."""
    found = await shown(deployment(109, "pending"), deployment(108, is_live=True), deployment(107, "pending"))
    assert [each.status for each in found] == [Status.QUEUED, Status.LIVE, Status.UNKNOWN]


async def test_only_the_newest_of_those_that_call_themselves_live_is() -> None:
    found = await shown(deployment(108, is_live=True), deployment(107, is_live=True))
    assert [each.is_live for each in found] == [True, False]


async def test_without_is_live_the_newest_success_is_live() -> None:
    rows = [deployment(109, "failed"), deployment(108), deployment(107)]
    found = await shown(*({key: value for key, value in row.items() if key != "is_live"} for row in rows))
    assert [each.status for each in found] == [Status.FAILED, Status.LIVE, Status.SUPERSEDED]


async def test_the_newest_comes_first_whatever_the_order_is() -> None:
    assert [each.id for each in await shown(deployment(9), deployment(101), deployment(30))] == ["101", "30", "9"]


@pytest.mark.parametrize(
    ("made_as", "via", "trigger"),
    [
        ({"code": 0, "meaning": "build"}, {"code": 2, "meaning": "hook"}, "hook"),
        ({"code": 1}, {"code": 1}, "api"),
        ({"code": 4, "meaning": "revert"}, {"code": 0, "meaning": "web"}, "revert"),
        ({"code": "first_build", "meaning": "First build"}, None, "first build"),
        (None, {"code": "web", "meaning": "Web Interface"}, "web"),
        (None, None, None),
    ],
)
async def test_what_made_it_is_told(made_as: object, via: object, trigger: str | None) -> None:
    (found,) = await shown(deployment(1) | {"deploy_type": made_as, "triggered_via": via})
    assert found.trigger == trigger


async def test_a_deployment_of_images_has_no_revision_and_a_ref_is_its_branch() -> None:
    first, second = await shown(deployment(2, git_hash=None, commit_url=None), deployment(1, git_ref="develop"))
    assert first.revision is None
    assert second.revision is not None
    assert second.revision.branch == "develop"


# -- pages ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [7, 30, 50])
async def test_all_pages_are_read_each_deployment_once(limit: int) -> None:
    rows = [deployment(id_, is_live=id_ == 100) for id_ in range(100, 0, -1)]
    async with cloud66(world(stack(), deployments={"shop": rows})) as provider:
        service = await the_service(provider)
        seen: list[Deployment] = []
        before: str | None = None
        while True:
            page = await provider.deployments(service, before, limit)
            assert 0 < len(page.items) <= limit
            seen += page.items
            before = page.next
            if before is None:
                break
    assert [each.id for each in seen] == [str(id_) for id_ in range(100, 0, -1)]
    assert [each.id for each in seen if each.is_live] == ["100"]


async def test_what_is_new_meanwhile_makes_no_row_come_twice() -> None:
    rows = [deployment(id_, is_live=id_ == 60) for id_ in range(60, 0, -1)]
    async with cloud66(world(stack(), deployments={"shop": rows})) as provider:
        service = await the_service(provider)
        first = await provider.deployments(service)
        rows[:0] = [deployment(id_) for id_ in range(95, 60, -1)]  # more than a page
        second = await provider.deployments(service, first.next)
    assert [int(each.id) for each in second.items] == list(range(30, 5, -1))


async def test_a_page_of_nothing_ends() -> None:
    async with cloud66(world(stack(), deployments={"shop": []})) as provider:
        page = await provider.deployments(await the_service(provider))
    assert (page.items, page.next) == ((), None)


async def test_one_is_read_by_its_id_and_an_unknown_one_is_not_found() -> None:
    async with cloud66(world()) as provider:
        service = await the_service(provider)
        found = await provider.deployment(Ref("work", Kind.DEPLOYMENT, "106"), service)
        assert (found.id, found.status) == ("106", Status.SUPERSEDED)
        for unknown in ("9999", "../stacks", "é"):
            with pytest.raises(NotFound):
                await provider.deployment(Ref("work", Kind.DEPLOYMENT, unknown), service)


async def test_one_that_went_live_meanwhile_takes_over_at_once() -> None:
    rows = [deploying(108), deployment(107, is_live=True)]
    server = world(stack(status=6), deployments={"shop": rows})
    async with cloud66(server) as provider:
        service = await the_service(provider)
        assert service.latest is not None
        server.answers[f"{LIST}/108"] = one(deployment(108, is_live=True))
        found = await provider.deployment(service.latest.ref, service)
        again = await the_service(provider)
    assert (found.status, found.is_live) == (Status.LIVE, True)
    assert again.live is not None


# -- what is not listed yet -----------------------------------------------------------------------------


async def test_of_a_queued_deployment_whose_list_was_not_read_no_time_is_told() -> None:
    server = world(stack(status=5), docker(), answers={f"GET stacks/{RAILS}/deployments": refusal(502, "broken")})
    async with cloud66(server) as provider:
        service = await the_service(provider)
    assert service.latest is not None
    assert (service.latest.created_at, service.latest.status) == (None, Status.QUEUED)
    assert service.latest.note == "The stack says so; its deployments could not be read."


async def test_a_stack_that_is_queued_has_a_provisional_deployment_on_top() -> None:
    row = stack(status=5)
    async with cloud66(world(row)) as provider:
        service = await the_service(provider)
        page = await provider.deployments(service)
        assert service.latest is not None
        again = await provider.deployment(service.latest.ref, service)
    assert service.latest.status is Status.QUEUED
    assert page.items[0].ref == service.latest.ref == again.ref
    assert [each.id for each in page.items[1:]] == ["107", "106"]
    assert RAILS not in service.latest.id
    assert page.items[0].created_at is not None
    assert service.latest.not_now[Verb.CANCEL]


async def test_a_stack_that_deploys_what_is_listed_has_none() -> None:
    found = await shown(deploying(108), deployment(107, is_live=True), at=stack(status=6))
    assert [each.id for each in found] == ["108", "107"]


async def test_a_second_deployment_waits_and_becomes_the_one_that_is_listed() -> None:
    row = stack(status=6)
    rows = [deploying(108, started_at="2026-03-14T02:59:58Z"), deployment(107, is_live=True)]
    actions = [
        action(41, started_at="2026-03-14T03:00:30Z"),
        action(40, started_at="2026-03-14T02:59:57Z"),
        action(39, "service_restart", started_at="2026-03-14T03:00:31Z"),
        action(12, ended=True),
    ]
    server, clock = world(row, deployments={"shop": rows}, actions=actions), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        service = await the_service(provider)
        assert service.latest is not None
        assert (service.latest.id, service.latest.status) == ("action-41", Status.QUEUED)
        assert service.latest.trigger == "api"
        actions[1] |= {"finished_at": "2026-03-14T03:01:00Z", "finished_success": True}
        rows[0] |= deployment(108, is_live=True, started_at="2026-03-14T02:59:58Z")
        rows[1]["is_live"] = False
        via_api = {"code": 1, "meaning": "api"}
        rows.insert(0, deploying(109, started_at="2026-03-14T03:01:02Z", triggered_via=via_api))
        row["last_activity_iso"] = "later"
        server.answers[f"GET stacks/{RAILS}/actions/41"] = one(actions[0])
        become = await provider.deployment(service.latest.ref, service)
        await clock.advance(10)
        service = await the_service(provider)
    assert become.id == "109"
    assert service.latest is not None
    assert service.latest.id == "109"
    assert service.live is not None
    assert service.live.id == "108"


@pytest.mark.parametrize("difference", [{"triggered_by": "else@acme.example"}, {"triggered_via": {"code": 2}}])
async def test_what_waits_does_not_become_the_deployment_of_somebody_else(difference: Json) -> None:
    row = stack(status=5)
    rows = [deployment(107, is_live=True)]
    waiting = action(41, started_at="2026-03-14T03:00:30Z")
    server = world(row, deployments={"shop": rows}, actions=[waiting])
    server.answers[f"GET stacks/{RAILS}/actions/41"] = one(waiting)
    async with cloud66(server) as provider:
        service = await the_service(provider)
        assert service.latest is not None
        assert service.latest.id == "action-41"
        via_api = {"triggered_via": {"code": 1, "meaning": "api"}}
        rows.insert(0, deploying(108, started_at="2026-03-14T03:00:31Z", **{**via_api, **difference}))
        row["status"] = 6
        with pytest.raises(NotFound, match="not listed this deployment yet"):
            await provider.deployment(service.latest.ref, service)
        rows.insert(0, deploying(109, started_at="2026-03-14T03:00:33Z", **via_api))
        assert (await provider.deployment(service.latest.ref, service)).id == "109"


async def test_what_ended_before_it_was_listed_failed() -> None:
    row = stack(status=5)
    actions = [action(41)]
    server = world(row, actions=actions)
    async with cloud66(server) as provider:
        service = await the_service(provider)
        assert service.latest is not None
        assert service.latest.id == "action-41"
        row["status"] = 1
        actions[0] |= {"finished_at": "2026-03-14T03:01:00Z", "finished_success": "false", "finished_message": "locked"}
        server.answers[f"GET stacks/{RAILS}/actions/41"] = actions[0]  # without its envelope, as one page prints it
        await provider.snapshot()
        found = await provider.deployment(service.latest.ref, service)
    assert (found.status, found.note) == (Status.FAILED, "locked")


async def test_an_old_action_that_never_ended_is_no_deployment_that_waits() -> None:
    old = action(5, started_at="2014-09-01T19:08:05Z")
    row = stack(is_busy=True)
    async with cloud66(world(row, actions=[old])) as provider:
        service = await the_service(provider)
    assert service.latest is not None
    assert service.latest.id == "107"


async def test_an_idle_stack_is_not_asked_for_its_actions() -> None:
    server = world()
    async with cloud66(server) as provider:
        await provider.deployments(await the_service(provider))
    assert not server.named(f"GET stacks/{RAILS}/actions")


# -- why not now ----------------------------------------------------------------------------------------


async def test_what_cannot_be_done_is_said_on_the_deployment() -> None:
    found = await shown(
        deploying(110), deployment(109, "failed"), deployment(108, is_live=True), deployment(107, git_hash=""),
        deployment(106),
    )  # fmt: skip
    under_way, failed, live, nameless, older = (each.not_now for each in found)
    assert Verb.CANCEL not in under_way
    assert "under way" in failed[Verb.CANCEL]
    assert "went well" in failed[Verb.ROLLBACK]
    assert "serves" in live[Verb.ROLLBACK]
    assert "commit" in nameless[Verb.ROLLBACK]
    assert Verb.ROLLBACK not in older
    assert all(Verb.REDEPLOY not in each.not_now for each in found), "whatever failed, it can be deployed again"


async def test_a_docker_stack_is_not_rolled_back_by_commit() -> None:
    async with cloud66(world()) as provider:
        feeds = await the_service(provider, "feeds")
        older = (await provider.deployments(feeds)).items[1]
        assert "image tag" in (provider.blocked(Verb.ROLLBACK, feeds) or "")
        assert "image tag" in (provider.blocked(Verb.ROLLBACK, older) or "")
        assert provider.blocked(Verb.REDEPLOY, older) is None


async def test_a_large_timeline_without_totals_is_read_to_its_end() -> None:
    """10,000 rows, of which no page says how many there are."""
    rows = [deployment(id_) for id_ in range(10_000, 0, -1)]
    pages = paged(rows)

    def answer(call: Call) -> Any:  # noqa: ANN401
        found: Json = pages(call)
        found["pagination"] = {"next": found["pagination"]["next"]}
        return found

    server = world(stack(), deployments={"shop": []}, answers={LIST: answer})
    async with cloud66(server) as provider:
        service = await the_service(provider)
        before, count = None, 0
        while True:
            page = await provider.deployments(service, before)
            count, before = count + len(page.items), page.next
            if before is None:
                break
    assert count == 10_000


async def test_a_stack_of_containers_on_kubernetes_counts_as_docker() -> None:
    async with cloud66(world(docker(framework="rails", backend="kubernetes"))) as provider:
        assert Verb.ROLLBACK in (await the_service(provider, "feeds")).not_now
