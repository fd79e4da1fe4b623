"""Timelines, single deployments, their steps and what they brought; and what can be asked of a list."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from starlette.responses import JSONResponse

from tests.clocks import FakeClock
from tests.providers.gitlab_server import (
    SHA,
    Call,
    approval,
    deployment,
    environment,
    gitlab,
    job,
    no_route,
    paged,
    refusal,
    rules,
    the_deployment,
    the_service,
    world,
)
from tui.model.action import Verb
from tui.model.entities import ChangeKind, Kind, Ref
from tui.model.errors import Forbidden, NotFound, Refused, Unreachable
from tui.model.status import Status
from tui.providers.gitlab.query import DeploymentQuery, OrderBy, Sort, Word

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)

# -- queries ----------------------------------------------------------------------------------------------


def test_every_filter_is_sent_in_gitlabs_words_and_in_utc() -> None:
    india = timezone(timedelta(hours=5, minutes=30))
    query = DeploymentQuery(
        OrderBy.FINISHED_AT,
        Sort.ASC,
        finished_after=AT.astimezone(india),
        finished_before=AT + timedelta(seconds=1.5),
        environment="review/one",
        status=Word.SUCCESS,
    )
    assert query.params() == {
        "order_by": "finished_at",
        "sort": "asc",
        "finished_after": "2026-03-01T12:00:00.000Z",
        "finished_before": "2026-03-01T12:00:01.500Z",
        "environment": "review/one",
        "status": "success",
    }
    updated = DeploymentQuery(OrderBy.UPDATED_AT, updated_after=AT, updated_before=AT)
    assert set(updated.params()) == {"order_by", "sort", "updated_after", "updated_before"}
    assert DeploymentQuery().params() == {"order_by": "id", "sort": "desc"}
    assert {each.value for each in OrderBy} == {"id", "iid", "created_at", "updated_at", "finished_at", "ref"}


@pytest.mark.parametrize(
    "query",
    [
        DeploymentQuery(OrderBy.UPDATED_AT, updated_after=AT, finished_after=AT, status=Word.SUCCESS),
        DeploymentQuery(finished_after=AT, status=Word.SUCCESS),
        DeploymentQuery(OrderBy.FINISHED_AT, status=Word.SUCCESS),
        DeploymentQuery(OrderBy.FINISHED_AT, finished_before=AT),
        DeploymentQuery(OrderBy.FINISHED_AT, finished_before=AT, status=Word.FAILED),
        DeploymentQuery(OrderBy.ID, updated_before=AT),
    ],
)
async def test_what_gitlab_would_answer_with_400_is_not_sent(query: DeploymentQuery) -> None:
    with pytest.raises(Refused, match=r"goes with|not by both"):
        query.params()


# -- timelines --------------------------------------------------------------------------------------------


async def test_a_timeline_is_newest_first_and_every_page_is_read_once_though_rows_come_in_between() -> None:
    rows = [deployment(number) for number in range(100, 130)]
    server = world(answers={"GET projects/7/deployments": paged(rows, environment="environment.name")})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        first = await provider.deployments(service, limit=12)
        rows.append(deployment(130))
        seen = [each.id for each in first.items]
        before = first.next
        while before is not None:
            page = await provider.deployments(service, before, limit=12)
            seen += [each.id for each in page.items]
            before = page.next
    assert seen == [str(number) for number in range(129, 99, -1)]
    assert server.calls[-1].query["environment"] == "production"


async def test_a_server_that_ignores_filters_still_gives_only_this_environments_rows() -> None:
    rows = [deployment(n, at=9 + n % 3, name=("production", "staging", "qa")[n % 3]) for n in range(100, 160)]
    places = [environment(9), environment(10, "staging"), environment(11, "qa")]
    server = world(environments=places, answers={"GET projects/7/deployments": paged(rows)})
    async with gitlab(server) as provider:
        service = await the_service(provider, "qa")
        seen: list[str] = []
        before: str | None = None
        while True:
            page = await provider.deployments(service, before, limit=7)
            assert len(page.items) <= 7
            seen += [each.id for each in page.items]
            before = page.next
            if before is None:
                break
    assert seen == [str(n) for n in range(159, 99, -1) if n % 3 == 2]


async def test_ten_thousand_rows_without_totals_are_read_page_by_page() -> None:
    rows = [{"id": n, "status": "success", "environment": {"id": 9, "name": "production"}} for n in range(1, 10_001)]
    server = world(answers={"GET projects/7/deployments": paged(rows)})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        page = await provider.deployments(service, limit=100)
        second = await provider.deployments(service, page.next, limit=100)
    assert (page.items[0].id, second.items[0].id) == ("10000", "9900")


async def test_a_link_of_a_proxy_gives_only_its_page() -> None:
    def listed(call: Call) -> Any:  # noqa: ANN401
        if call.query["page"] == "2":
            return JSONResponse([deployment(40)])
        link = '<https://elsewhere.invalid/api/v4/projects/7/deployments?page=2&per_page=1>; rel="next"'
        return JSONResponse([deployment(41)], headers={"link": link})

    async with gitlab(world(answers={"GET projects/7/deployments": listed})) as provider:
        service = await the_service(provider)
        page = await provider.deployments(service, limit=1)
        assert [each.id for each in (await provider.deployments(service, page.next, limit=1)).items] == ["40"]


async def test_the_statuses_of_a_timeline() -> None:
    rows = [
        deployment(41),
        deployment(42),
        deployment(43, "failed", deployable=job(643, "failed", failure_reason="script_failure")),
        deployment(44, "canceled"),
        deployment(45, "skipped"),
        deployment(46, "created", deployable=job(646, "waiting_for_resource")),
        deployment(47, "created"),
        deployment(48, "running"),
        deployment(49, "blocked"),
        deployment(50, "hibernating"),
    ]
    async with gitlab(world(*rows)) as provider:
        service = await the_service(provider)
        found = {each.id: each for each in (await provider.deployments(service)).items}
    assert {id_: each.status for id_, each in found.items()} == {
        "41": Status.SUPERSEDED,
        "42": Status.LIVE,
        "43": Status.FAILED,
        "44": Status.CANCELLED,
        "45": Status.SKIPPED,
        "46": Status.WAITING,
        "47": Status.QUEUED,
        "48": Status.DEPLOYING,
        "49": Status.NEEDS_APPROVAL,
        "50": Status.UNKNOWN,
    }
    assert [each.id for each in found.values() if each.is_live] == ["42"]
    assert found["43"].note == "Script failure"
    assert "resource group" in found["46"].note
    assert (found["47"].status_raw, found["50"].status_raw) == ("pending", "hibernating")


async def test_what_serves_is_the_success_that_ended_last_not_the_one_that_began_last() -> None:
    late = deployment(41, deployable=job(641, finished_at="2026-03-01T13:00:00Z"))
    async with gitlab(world(late, deployment(42))) as provider:
        service = await the_service(provider)
        assert service.live is not None
        assert service.live.id == "41"


async def test_a_deployment_says_what_was_deployed_by_whom_and_why() -> None:
    async with gitlab(world(deployment(41))) as provider:
        service = await the_service(provider)
        one = await provider.deployment(Ref("work", Kind.DEPLOYMENT, "41"), service)
    assert one.revision is not None
    assert (one.revision.sha, one.revision.branch, one.revision.author) == (SHA, "main", "Ada")
    assert one.revision.message == "Merge branch 'new-title' into 'main'"
    assert one.revision.url == f"https://gitlab.example.com/acme/shop/api/-/commit/{SHA}"
    assert (one.creator, one.trigger, one.url) == (
        "Administrator",
        "push",
        "https://gitlab.example.com/acme/shop/api/-/jobs/641",
    )
    assert one.finished_at == datetime(2026, 3, 1, 12, 41, tzinfo=UTC)


async def test_approvals_are_shown_by_rule() -> None:
    given = approval(comment="fine")
    row = deployment(42, "blocked") | rules(("qa-group", 1, []), ("security-group", 2, [given]))
    async with gitlab(world(deployment(41), row)) as provider:
        service = await the_service(provider)
        one = await the_deployment(provider, service, 42)
    assert [(rule.who, rule.required, rule.missing) for rule in one.approvals] == [
        ("qa-group", 1, 1),
        ("security-group", 2, 1),
    ]
    [said] = one.approvals[1].given
    assert (said.by, said.approved, said.comment) == ("Grace", True, "fine")


async def test_a_deployment_that_is_gone_or_of_another_environment_is_not_found() -> None:
    server = world(deployment(41), deployment(42, at=10, name="staging"))
    server.answers["GET projects/7/deployments/90000007"] = refusal(404, "404 Not found")
    async with gitlab(server) as provider:
        service = await the_service(provider)
        for id_ in ("90000007", "42"):
            with pytest.raises(NotFound):
                await provider.deployment(Ref("work", Kind.DEPLOYMENT, id_), service)
        with pytest.raises(Refused, match="ids are numbers"):
            await provider.deployment(Ref("work", Kind.DEPLOYMENT, "../7"), service)


async def test_a_deployment_read_alone_is_news_for_the_next_picture() -> None:
    clock = FakeClock()
    server = world(deployment(41), deployment(42, "running"))
    async with gitlab(server, clock=clock) as provider:
        service = await the_service(provider)
        server.answers["GET projects/7/deployments/42"] = deployment(42)
        one = await provider.deployment(Ref("work", Kind.DEPLOYMENT, "42"), service)
        assert one.is_live
        live = (await the_service(provider)).live
        assert live is not None
        assert live.id == "42"


# -- steps and changes ------------------------------------------------------------------------------------


async def test_the_steps_are_the_jobs_of_the_pipeline_in_their_order() -> None:
    jobs = [
        job(643, "manual", name="deploy", stage="deploy"),
        job(640, "success", name="compile", stage="build", started_at="2026-03-01T11:00:00Z"),
        job(641, "failed", name="lint", stage="test", allow_failure=True, failure_reason="script_failure"),
        job(642, "running", name="unit", stage="test"),
    ]
    server = world(deployment(41), answers={"GET projects/7/pipelines/36/jobs": paged(jobs)})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        found = await provider.steps(await the_deployment(provider, service, 41))
    assert [(step.name, step.status, step.detail, step.error) for step in found] == [
        ("build: compile", Status.LIVE, "", ""),
        ("test: lint", Status.FAILED, "allowed to fail", "script failure"),
        ("test: unit", Status.BUILDING, "", ""),
        ("deploy", Status.QUEUED, "manual", ""),
    ]


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (403, Forbidden), (500, Unreachable)])
async def test_steps_that_cannot_be_read_cost_one_request_and_leave_the_picture(
    status: int, kind: type[Exception]
) -> None:
    server = world(deployment(41), deployment(42, "failed"))
    server.answers["GET projects/7/pipelines/36/jobs"] = refusal(status, f"{status} Forbidden")
    async with gitlab(server) as provider:
        service = await the_service(provider)
        failed = await the_deployment(provider, service, 42)
        before = len(server.calls)
        with pytest.raises(kind):
            await provider.steps(failed)
        assert len(server.calls) == before + 1
        assert (await provider.snapshot()).is_complete


async def test_an_external_deployment_has_no_steps() -> None:
    async with gitlab(world(deployment(41, deployable=None))) as provider:
        service = await the_service(provider)
        assert await provider.steps(await the_deployment(provider, service, 41)) == ()


async def test_changes_are_the_merge_requests_newest_first_with_a_page_that_compares() -> None:
    found = [
        {"iid": 11, "title": "Old", "author": {"username": "ada"}, "merged_at": "2026-02-01T00:00:00Z"},
        {
            "iid": 12,
            "title": "N\x1b[2Jew",
            "web_url": "https://a.example/12",
            "merged_at": "2026-02-02T00:00:00Z",
        },
    ]
    rows = [deployment(41, sha="b" * 40), deployment(42)]
    server = world(*rows, answers={"GET projects/7/deployments/42/merge_requests": paged(found)})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        now, before = [await the_deployment(provider, service, id_) for id_ in (42, 41)]
        changes = await provider.changes(now, before)
    assert [(each.id, each.title, each.author) for each in changes.items] == [
        ("!12", "New", None),
        ("!11", "Old", "ada"),
    ]
    assert changes.items[0].url == "https://a.example/12"
    assert changes.compare_url == f"https://gitlab.example.com/acme/shop/api/-/compare/{'b' * 40}...{SHA}"


async def test_without_merge_requests_the_commit_is_told_and_why() -> None:
    for answer, note in (([], "tracks them only"), (no_route(), "does not tell")):
        server = world(deployment(41), answers={"GET projects/7/deployments/41/merge_requests": answer})
        async with gitlab(server) as provider:
            service = await the_service(provider)
            changes = await provider.changes(await the_deployment(provider, service, 41), None)
        assert [(each.kind, each.id) for each in changes.items] == [(ChangeKind.COMMIT, "99d0367")]
        assert note in changes.note
        assert changes.compare_url is None


async def test_reasons_of_a_deployment_under_way() -> None:
    async with gitlab(world(deployment(41), deployment(42, "running"))) as provider:
        service = await the_service(provider)
        running = await the_deployment(provider, service, 42)
        assert provider.blocked(Verb.CANCEL, running) is None
        assert "when it has ended" in (provider.blocked(Verb.REDEPLOY, running) or "")
        assert "whole environment" in (provider.blocked(Verb.STOP, running) or "")
        assert provider.blocked(Verb.STOP, service) is None
        live = await the_deployment(provider, service, 41)
        assert "under way" in (provider.blocked(Verb.CANCEL, live) or "")
        assert "choose an older one" in (provider.blocked(Verb.ROLLBACK, live) or "")
