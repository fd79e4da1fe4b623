"""What is not known of a service is said: newest deployments that a page does not reach, rows that cannot be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import FakeClock
from tests.providers.gitlab_server import (
    Call,
    GitLabServer,
    Json,
    deployment,
    environment,
    gitlab,
    paged,
    project,
    the_service,
    world,
)
from tui.model.action import Verb
from tui.model.entities import Service, Snapshot
from tui.model.status import Status
from tui.providers.gitlab import GitLabProvider

REVIEW = environment(20, "review/a")


def busy(*hidden: Json, review: int = 100, environments: list[Json] | None = None) -> GitLabServer:
    """100 newer deployments of a review app in front of production's."""
    rows = [*hidden, *(deployment(1000 + n, at=20, name="review/a") for n in range(review))]
    return world(*rows, environments=[*(environments or [environment()]), REVIEW])


async def refreshed(provider: GitLabProvider, clock: FakeClock, seconds: float, *, every_s: float = 10) -> Snapshot:
    snapshot = await provider.snapshot()
    for _ in range(int(seconds // every_s)):
        await clock.advance(every_s)
        snapshot = await provider.snapshot()
    return snapshot


def named(snapshot: Snapshot, environment_name: str = "production") -> Service:
    return next(each for each in snapshot.services if each.environment_name == environment_name)


# -- the newest deployment of every environment ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [("failed", Status.FAILED), ("running", Status.DEPLOYING), ("blocked", Status.NEEDS_APPROVAL)],
)
async def test_a_newest_deployment_is_found_behind_a_hundred_newer_ones_of_review_apps(
    status: str, state: Status
) -> None:
    production = environment(last_deployment=deployment(5))
    server = busy(deployment(5), deployment(6, status))
    server.answers["GET projects/7/environments/9"] = production
    async with gitlab(server) as provider:
        service = await the_service(provider)
    assert service.latest is not None
    assert service.live is not None
    assert (service.latest.id, service.latest.status, service.live.id) == ("6", state, "5")
    assert (service.state, service.doubt) == (state, "")


async def test_until_its_newest_deployment_is_known_a_service_is_in_doubt_and_production_is_asked_for_first() -> None:
    clock = FakeClock()
    others = [environment(100 + n, f"qa-{n:02}") for n in range(50)]
    hidden = [deployment(5), *(deployment(200 + n, at=100 + n, name=f"qa-{n:02}") for n in range(50))]
    async with gitlab(server := busy(*hidden, environments=[*others, environment()]), clock=clock) as provider:
        first = await provider.snapshot()
        unknown = [each for each in first.services if each.doubt]
        assert named(first).doubt == ""
        assert 15 <= len(unknown) <= 45
        for each in unknown:
            assert each.doubt == "Its newest deployment has not been read yet."
            assert each.status is Status.UNKNOWN
            assert "no deployment" not in each.status_raw
            assert "has no deployment" not in repr(each.not_now)
        assert any(f"of {len(unknown)} environments of acme/shop/api has not been read" in p for p in first.problems)
        assert not first.is_complete
        last = await refreshed(provider, clock, 120)
        assert not [each for each in last.services if each.doubt]
        assert last.is_complete
    asked = [call.query["environment"] for call in server.calls if "environment" in call.query]
    assert asked[0] == "production"
    assert len(asked) == len(set(asked)) == 51


async def test_an_environment_without_deployments_is_calm_only_when_it_was_asked() -> None:
    async with gitlab(busy()) as provider:
        service = await the_service(provider)
    assert (service.latest, service.status_raw, service.doubt) == (None, "no deployment", "")


async def test_a_new_deployment_of_an_environment_off_the_page_is_among_the_changes() -> None:
    clock = FakeClock()
    server = busy(deployment(5))
    rows = [deployment(5), *(deployment(1000 + n, at=20, name="review/a") for n in range(100))]
    server.answers["GET projects/7/deployments"] = paged(rows, environment="environment.name")
    async with gitlab(server, clock=clock) as provider:
        await provider.snapshot()
        rows[0] = deployment(5, "failed", updated_at="2026-03-01T12:59:30.000Z")
        rows += [deployment(1100 + n, at=20, name="review/a") for n in range(5)]
        for row in rows[-5:]:
            row["updated_at"] = "2026-03-01T12:59:59.000Z"
        await clock.advance(310)  # the newest page is due too, and must not pass over what changed behind it
        service = await the_service(provider)
        assert service.latest is not None
        assert (service.latest.id, service.latest.status) == ("5", Status.FAILED)


async def test_more_changes_than_are_read_leave_nothing_unasked() -> None:
    clock = FakeClock()
    rows = [deployment(5), *(deployment(1000 + n, at=20, name="review/a") for n in range(100))]
    server = busy()
    server.answers["GET projects/7/deployments"] = paged(rows, environment="environment.name")
    async with gitlab(server, clock=clock) as provider:
        await provider.snapshot()
        rows.append(deployment(1100, "failed", updated_at="2026-03-01T13:00:00.000Z"))
        late = "2026-03-01T14:00:00.000Z"
        rows += [deployment(2000 + n, at=20, name="review/a", updated_at=late) for n in range(700)]
        await clock.advance(60)
        service = await the_service(provider)
    assert service.latest is not None
    assert service.latest.id == "1100"


async def test_asking_by_name_stays_within_the_polling_plan() -> None:
    clock = FakeClock()
    others = [environment(100 + n, f"qa-{n:02}") for n in range(50)]
    hidden = [deployment(200 + n, at=100 + n, name=f"qa-{n:02}") for n in range(50)]
    async with gitlab(server := busy(*hidden, environments=others), clock=clock) as provider:
        await refreshed(provider, clock, 120)
        before = len(server.calls)
        snapshot = await refreshed(provider, clock, 3600, every_s=30)
        assert snapshot.is_complete
    calls = server.calls[before:]
    assert sum("environment" in call.query for call in calls) <= 55  # each once an hour, for rows that were deleted
    assert len(calls) <= 90 + 60 + 12 + 55 + 10


async def test_a_deployment_off_the_page_that_was_deleted_goes_within_the_hour() -> None:
    clock = FakeClock()
    rows = [deployment(5), deployment(6, "failed"), *(deployment(1000 + n, at=20, name="review/a") for n in range(100))]
    server = busy()
    server.answers["GET projects/7/deployments"] = paged(rows, environment="environment.name")
    async with gitlab(server, clock=clock) as provider:
        assert (await the_service(provider)).latest is not None
        del rows[1]
        latest = named(await refreshed(provider, clock, 3700, every_s=100)).latest
        assert latest is not None
        assert latest.id == "5"


async def test_an_environment_that_cannot_be_asked_for_is_in_doubt_and_costs_only_itself() -> None:
    clock = FakeClock()
    server = busy(deployment(5))
    usual = server.answers["GET projects/7/deployments"]

    def listed(call: Call) -> Any:  # noqa: ANN401
        return Response(status_code=502) if "environment" in call.query else usual(call)

    server.answers["GET projects/7/deployments"] = listed
    async with gitlab(server, clock=clock) as provider:
        snapshot = await provider.snapshot()
        assert named(snapshot).doubt.startswith("Its newest deployment has not been read yet. Account work: GitLab at")
        assert named(snapshot, "review/a").doubt == ""
        assert any("has not been read yet" in problem for problem in snapshot.problems)
        server.answers["GET projects/7/deployments"] = usual
        snapshot = await refreshed(provider, clock, 70)
        assert (named(snapshot).doubt, snapshot.problems) == ("", ())


async def test_a_used_up_limit_while_single_environments_are_asked_for_leaves_the_picture() -> None:
    clock = FakeClock()
    server = busy(deployment(5))
    usual = server.answers["GET projects/7/deployments"]
    limit = Response("Retry later", 429, {"retry-after": "30"})
    server.answers["GET projects/7/deployments"] = lambda call: limit if "environment" in call.query else usual(call)
    async with gitlab(server, clock=clock) as provider:
        snapshot = await provider.snapshot()
    assert named(snapshot, "review/a").live is not None
    assert named(snapshot).doubt
    assert len([call for call in server.calls if "environment" in call.query]) == 1


async def test_a_server_that_ignores_the_filter_is_read_back_through_its_pages() -> None:
    clock = FakeClock()
    server = busy(deployment(5), deployment(6, "failed"), review=250)
    rows = [deployment(5), deployment(6, "failed"), *(deployment(1000 + n, at=20, name="review/a") for n in range(250))]
    server.answers["GET projects/7/deployments"] = paged(rows)
    async with gitlab(server, clock=clock) as provider:
        service = await the_service(provider)
        assert service.latest is not None
        assert (service.latest.id, service.doubt) == ("6", "")
        before = len(server.calls)
        await refreshed(provider, clock, 1800, every_s=60)
        assert not [call for call in server.calls[before:] if call.query.get("page", "1") != "1"]


async def test_what_a_server_without_filters_does_not_show_stays_in_doubt() -> None:
    clock = FakeClock()
    rows = [deployment(5), *(deployment(1000 + n, at=20, name="review/a") for n in range(1200))]
    server = busy()
    server.answers["GET projects/7/deployments"] = paged(rows)
    async with gitlab(server, clock=clock) as provider:
        snapshot = await refreshed(provider, clock, 600)
    assert "not among the 1,000 newest of its project" in named(snapshot).doubt
    assert len([call for call in server.calls if call.query.get("page") == "10"]) == 1


async def test_deployments_that_come_oldest_first_are_sorted_or_said_to_be_too_many() -> None:
    def oldest_first(count: int) -> GitLabServer:
        server = world()
        rows = [deployment(100 + n, "failed" if n == count - 1 else "success") for n in range(count)]
        listed = paged(rows)
        server.answers["GET projects/7/deployments"] = lambda call: listed(
            replace(call, query=call.query | {"sort": "asc"})
        )
        return server

    async with gitlab(oldest_first(250)) as provider:
        service = await the_service(provider)
        assert service.latest is not None
        assert (service.latest.id, service.doubt) == ("349", "")
        seen: list[str] = []
        before: str | None = None
        while True:
            page = await provider.deployments(service, before, limit=60)
            assert page.problems == ()
            seen += [each.id for each in page.items]
            before = page.next
            if before is None:
                break
        assert seen == [str(n) for n in range(349, 99, -1)]
    clock = FakeClock()
    async with gitlab(server := oldest_first(1200), clock=clock) as provider:
        service = await the_service(provider)
        assert "not list its deployments newest first" in service.doubt
        asked = len(server.calls)
        await refreshed(provider, clock, 600)
        assert len(server.calls) - asked <= 2 * 11 + 15 + 10 + 1
        page = await provider.deployments(service)
        assert any("not list these deployments newest first" in problem for problem in page.problems)


# -- rows that cannot be read -----------------------------------------------------------------------------------

ODD = {"id": "x", "status": "failed"}
"""A deployment that does not even say which one it is."""


def listing(rows: list[Any]) -> GitLabServer:
    """Rows as they are given, newest first, on one page."""
    server = world(environments=[environment(), environment(10, "staging")])
    for id_, name in ((9, "production"), (10, "staging")):
        server.answers[f"GET projects/7/environments/{id_}"] = environment(id_, name, last_deployment=None)

    def listed(call: Call) -> Any:  # noqa: ANN401
        name = call.query.get("environment")
        return [row for row in rows if name is None or (row.get("environment") or {}).get("name") in (name, None)]

    server.answers["GET projects/7/deployments"] = listed
    return server


def of(name: str) -> Json:
    return {"environment": {"id": {"production": 9, "staging": 10}[name], "name": name}}


async def test_an_unreadable_newest_row_leaves_its_environment_in_doubt_and_no_other() -> None:
    rows = [ODD | of("production"), deployment(42, at=10, name="staging"), deployment(41)]
    async with gitlab(listing(rows)) as provider:
        snapshot = await provider.snapshot()
        production, staging = named(snapshot), named(snapshot, "staging")
        assert "may be its newest could not be read" in production.doubt
        assert production.state is Status.UNKNOWN
        assert (staging.doubt, staging.state) == ("", Status.LIVE)
        [problem] = snapshot.problems
        assert problem == "1 deployment of acme/shop/api could not be read: there is no usable id in it."
        page = await provider.deployments(production)
        assert page.problems == ("1 deployment of production could not be read: there is no usable id in it.",)
        assert "Choose the deployment" in (provider.blocked(Verb.CANCEL, production) or "")


async def test_an_unreadable_row_that_is_older_than_what_is_live_is_a_problem_and_no_doubt() -> None:
    rows = [deployment(42, at=10, name="staging"), deployment(41), ODD, deployment(40)]
    async with gitlab(listing(rows)) as provider:
        snapshot = await provider.snapshot()
    assert [each.doubt for each in snapshot.services] == ["", ""]
    assert len(snapshot.problems) == 1


async def test_an_unreadable_row_that_says_no_environment_is_cleared_by_asking_each_one() -> None:
    clock = FakeClock()
    rows: list[Any] = [ODD, deployment(42, at=10, name="staging"), deployment(41)]
    server = listing(rows)
    listed = server.answers["GET projects/7/deployments"]

    def filtered(call: Call) -> Any:  # noqa: ANN401
        wanted = {"production": rows[2:], "staging": rows[:2]}
        return wanted[call.query["environment"]] if "environment" in call.query else listed(call)

    server.answers["GET projects/7/deployments"] = filtered
    async with gitlab(server, clock=clock) as provider:
        snapshot = await refreshed(provider, clock, 10)
        assert named(snapshot).doubt == ""
        assert named(snapshot, "staging").doubt
        before = len(server.calls)
        await refreshed(provider, clock, 1200)
        asked = [call.query["environment"] for call in server.calls[before:] if "environment" in call.query]
        assert asked.count("production") == 0
        assert asked.count("staging") <= 8
        rows[0] = deployment(43, "failed", at=10, name="staging")
        snapshot = await refreshed(provider, clock, 310)
        assert (named(snapshot, "staging").doubt, snapshot.problems) == ("", ())
        assert named(snapshot, "staging").state is Status.FAILED


async def test_an_unreadable_row_among_the_changes_is_looked_into_once() -> None:
    clock = FakeClock()
    rows: list[Any] = [deployment(42, at=10, name="staging"), deployment(41)]
    server = listing(rows)
    listed = server.answers["GET projects/7/deployments"]
    strange = ODD | of("production")

    def changed(call: Call) -> Any:  # noqa: ANN401
        return [strange] if "updated_after" in call.query and strange in rows else listed(call)

    server.answers["GET projects/7/deployments"] = changed
    async with gitlab(server, clock=clock) as provider:
        await provider.snapshot()
        rows.insert(0, strange)
        snapshot = await refreshed(provider, clock, 60)
        assert named(snapshot).doubt
        before = len(server.calls)
        snapshot = await refreshed(provider, clock, 600)
        assert named(snapshot).doubt, "the row is still there"
        assert len(server.calls) - before <= 45
        rows.remove(strange)
        snapshot = await refreshed(provider, clock, 620)
        assert (named(snapshot).doubt, snapshot.problems) == ("", ())


@pytest.mark.parametrize("place", [None, [], {}, "production", {"id": [], "name": 5}])
async def test_a_row_that_does_not_say_its_environment_belongs_to_the_one_it_is_listed_for(place: object) -> None:
    rows = [deployment(43, "failed", environment=place), deployment(42, at=10, name="staging"), deployment(41)]
    server = world(environments=[environment(), environment(10, "staging")])

    def listed(call: Call) -> Any:  # noqa: ANN401
        wanted = {"production": rows[::2], "staging": rows[1:2]}
        return wanted[call.query["environment"]] if "environment" in call.query else rows

    server.answers["GET projects/7/deployments"] = listed
    async with gitlab(server) as provider:
        snapshot = await provider.snapshot()
        again = await provider.snapshot()
    for each in (snapshot, again):
        assert (named(each).state, named(each, "staging").state) == (Status.FAILED, Status.LIVE)
        assert [service.doubt for service in each.services] == ["", ""]


@pytest.mark.parametrize("place", [{"id": 9}, {"name": "production"}, {"id": "9", "name": None}])
async def test_half_an_environment_places_a_row(place: object) -> None:
    rows = [deployment(43, "failed", environment=place), deployment(41)]
    async with gitlab(world(answers={"GET projects/7/deployments": rows})) as provider:
        service = await the_service(provider)
    assert (service.state, service.doubt) == (Status.FAILED, "")


@pytest.mark.parametrize("deployable", [[], 5, "job", {"id": None}, {"id": "x", "status": "failed"}])
async def test_a_job_that_cannot_be_read_is_not_taken_for_none(deployable: object) -> None:
    async with gitlab(world(deployment(41), deployment(43, "failed", deployable=deployable))) as provider:
        service = await the_service(provider)
        latest = service.latest
        assert latest is not None
        assert (latest.status, latest.note, latest.trigger) == (Status.FAILED, "Its job could not be read.", None)
        assert "could not be read" in (provider.blocked(Verb.REDEPLOY, latest) or "")
        assert [step.detail for step in await provider.steps(latest)] == ["its job could not be read"]


@pytest.mark.parametrize(("status", "told"), [({}, "could not be read"), ("hibernating", "is “hibernating”")])
async def test_a_newest_deployment_in_an_unknown_state_is_a_doubt(status: object, told: str) -> None:
    row = deployment(43) | {"status": status, "deployable": {"id": 643, "status": 7}}
    async with gitlab(world(deployment(41), row)) as provider:
        service = await the_service(provider)
    assert told in service.doubt
    assert service.state is Status.UNKNOWN


async def test_a_last_success_that_cannot_be_read_is_a_doubt() -> None:
    rows = [deployment(number, "failed") for number in range(141, 260)]
    server = world(*rows, answers={"GET projects/7/environments/9": environment(last_deployment={"id": []})})
    async with gitlab(server) as provider:
        snapshot = await provider.snapshot()
    assert named(snapshot).doubt == "Its last successful deployment could not be read."
    assert snapshot.problems == ("The last successful deployment of 1 environment of acme/shop/api could not be read.",)


async def test_the_last_success_of_an_environment_need_not_say_where_it_is() -> None:
    last = {"id": 100, "status": "success", "sha": "a" * 40, "deployable": {"id": 710, "status": "success"}}
    rows = [deployment(number, "failed") for number in range(141, 260)]
    server = world(*rows, answers={"GET projects/7/environments/9": environment(last_deployment=last)})
    async with gitlab(server) as provider:
        service = await the_service(provider)
    assert service.live is not None
    assert (service.live.id, service.doubt) == ("100", "")


async def test_environments_that_cannot_be_read_are_counted_until_they_can() -> None:
    clock = FakeClock()
    places: list[Any] = [{"id": "9", "name": "production"}, {"name": "lost"}, None, {"id": 10, "name": []}]
    server = world(deployment(41), deployment(42, at=10))
    server.answers["GET projects/7/environments"] = lambda _: places
    server.answers["GET projects/7/environments/10"] = {"id": 10, "name": []}
    async with gitlab(server, clock=clock) as provider:
        snapshot = await provider.snapshot()
        assert [each.environment_name for each in snapshot.services] == ["production", "environment 10"]
        assert snapshot.problems == ("2 environments of acme/shop/api could not be read: there is no usable id in it.",)
        del places[1:3]
        assert (await refreshed(provider, clock, 70)).problems == ()


async def test_more_environments_than_are_read_are_said_and_the_list_is_read_less_often() -> None:
    clock = FakeClock()
    places = [environment(10_000 + n, f"review/{n:05}") for n in range(1234)]
    server = world(environments=[])
    server.answers["GET projects/7/environments"] = paged(places)
    async with gitlab(server, clock=clock) as provider:
        snapshot = await provider.snapshot()
        assert len(snapshot.services) == 1234
        before = len(server.calls)
        await refreshed(provider, clock, 600, every_s=60)
        assert len([call for call in server.calls[before:] if call.path.endswith("environments")]) <= 26
    many = [environment(10_000 + n, f"review/{n:05}") for n in range(5100)]
    server.answers["GET projects/7/environments"] = paged(many)
    async with gitlab(server) as provider:
        snapshot = await provider.snapshot()
        assert "acme/shop/api has more than 5,000 environments; the rest is not shown." in snapshot.problems


async def test_a_project_of_a_group_that_cannot_be_read_is_counted_and_the_known_one_stays() -> None:
    clock = FakeClock()
    server = world(deployment(41))
    found: list[Any] = [project(), {"id": 8, "path": "web", "path_with_namespace": "acme/web", "namespace": 5}]
    server.answers["GET groups/acme/projects"] = lambda _: found
    server.answers["GET projects/8/environments"] = [environment(4)]
    server.answers["GET projects/8/deployments"] = [deployment(50, at=4)]
    async with gitlab(server, "acme/*", clock=clock) as provider:
        assert {each.name for each in (await provider.snapshot()).services} == {"api", "web"}
        found[1] = {"path": "web"}
        await clock.advance(700)
        snapshot = await provider.snapshot()
        assert {each.name for each in snapshot.services} == {"api", "web"}
        assert "1 project of acme could not be read: there is no usable id in it." in snapshot.problems
        credential = await provider.check()
        assert credential.sees.startswith("at least 2 projects: acme/shop/api")


async def test_a_first_picture_of_a_project_whose_deployments_fail_has_its_environments_unread() -> None:
    server = world(deployment(41))
    server.answers |= {
        "GET projects/8": project(8, "acme/shop/web"),
        "GET projects/8/environments": [environment(4)],
        "GET projects/8/deployments": Response(status_code=500),
    }
    async with gitlab(server, "acme/shop/api", "8") as provider:
        snapshot = await provider.snapshot()
    assert [ref.id for ref in snapshot.unread] == ["8:4"]
    assert any("acme/shop/web could not be read" in problem for problem in snapshot.problems)


async def test_jobs_and_merge_requests_that_cannot_be_read_are_said_where_they_are_missing() -> None:
    server = world(deployment(41))
    server.answers["GET projects/7/pipelines/36/jobs"] = [{"id": 1, "status": None, "name": "lint"}, {"name": "x"}]
    server.answers["GET projects/7/deployments/41/merge_requests"] = [{"iid": "12", "title": []}, {"title": "lost"}]
    async with gitlab(server) as provider:
        latest = (await the_service(provider)).latest
        assert latest is not None
        steps = await provider.steps(latest)
        changes = await provider.changes(latest, None)
    assert [(step.name, step.status, step.detail) for step in steps] == [
        ("lint", Status.UNKNOWN, "its status could not be read"),
        ("not read", Status.UNKNOWN, "1 job of pipeline 36 could not be read: there is no usable id in it."),
    ]
    assert [each.id for each in changes.items] == ["!12"]
    assert changes.note == "1 merge request of deployment 41 could not be read: there is no usable iid in it."


async def test_a_page_that_is_no_list_is_no_answer() -> None:
    clock = FakeClock()
    server = world(deployment(41))
    async with gitlab(server, clock=clock) as provider:
        assert (await the_service(provider)).latest is not None
        server.answers["GET projects/7/deployments"] = JSONResponse({"message": "hello"})
        await clock.advance(60)
        with pytest.raises(Exception, match="what is not an answer"):
            await provider.snapshot()
