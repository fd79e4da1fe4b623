"""One picture of an account's projects: how often it is read, what old servers and odd answers make of it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import FakeClock
from tests.providers.gitlab_server import (
    CUT,
    Call,
    GitLabServer,
    deployment,
    environment,
    gitlab,
    paged,
    project,
    refusal,
    rules,
    the_service,
    world,
)
from tests.providers.loopback import Ledger
from tui.model.action import Verb
from tui.model.errors import (
    RateLimited,
    UnexpectedReply,
    Unreachable,
)
from tui.model.log import LogKind
from tui.model.provider import PRIORITY, Priority
from tui.model.status import Status

# -- the picture ----------------------------------------------------------------------------------------


async def test_each_environment_is_a_service_by_tier_with_its_latest_and_live_deployment() -> None:
    places = [environment(12, "review/one-page"), environment(10, "staging"), environment(9)]
    rows = [
        deployment(41),
        deployment(42, "failed"),
        deployment(43, "running", at=10, name="staging"),
        deployment(44, at=12, name="review/one-page"),
    ]
    async with gitlab(world(*rows, environments=places)) as provider:
        snapshot = await provider.snapshot()
        shown = {each.environment_name: each for each in snapshot.services}
        assert list(shown) == ["production", "staging", "review/one-page"]
        production = shown["production"]
        assert production.ref.id == "7:9"
        assert production.latest is not None
        assert production.live is not None
        assert (production.latest.id, production.latest.status) == ("42", Status.FAILED)
        assert (production.live.id, production.live.status, production.live.is_live) == ("41", Status.LIVE, True)
        assert production.status is Status.LIVE
        assert shown["staging"].status is Status.DEPLOYING
        assert [each.ephemeral for each in snapshot.environments] == [False, False, True]
        assert shown["review/one-page"].environment.id == "7:12"
        assert production.url == "https://api.example.com"


async def test_what_serves_is_asked_of_the_environment_where_the_newest_page_does_not_tell() -> None:
    rows = [deployment(number, "failed") for number in range(141, 260)]
    last = deployment(41)
    server = world(*rows, answers={"GET projects/7/environments/9": environment(last_deployment=last)})
    clock = FakeClock()
    async with gitlab(server, clock=clock) as provider:
        service = await the_service(provider)
        assert service.live is not None
        assert service.live.id == "41"
        await clock.advance(400)
        await provider.snapshot()
    assert len(server.named("GET projects/7/environments/9")) == 1


async def test_an_idle_account_is_asked_little_and_only_for_changes() -> None:
    clock = FakeClock()
    async with gitlab(server := world(deployment(41)), clock=clock) as provider:
        await provider.snapshot()
        before = len(server.calls)
        for _ in range(30):
            await clock.advance(10)
            snapshot = await provider.snapshot()
            age_s = (clock.now() - snapshot.observed_at).total_seconds()
            assert 0 <= age_s <= 60
        calls = server.calls[before:]
    windows = [call for call in calls if call.query.get("order_by") == "updated_at"]
    assert len(calls) <= 5 * 2.5 + 2
    assert windows[0].query["updated_after"] == "2026-03-01T12:40:55.000Z"
    assert {call.query["sort"] for call in windows} == {"desc"}


def five_projects() -> GitLabServer:
    """As the demo's: five projects, seven environments, one deployment in each."""
    found = [project(100 + number, f"acme/payments/p{number}") for number in range(5)]
    server = GitLabServer({"GET groups/acme/projects": paged(found)})
    for number, row in enumerate(found):
        places = [environment(10 * number), environment(10 * number + 1, "staging")][: 1 + (number < 2)]
        rows = [deployment(41 + i, at=place["id"], name=place["name"]) for i, place in enumerate(places)]
        server.answers[f"GET projects/{row['id']}/environments"] = paged(places)
        server.answers[f"GET projects/{row['id']}/deployments"] = paged(rows)
    return server


async def test_an_idle_hour_keeps_to_the_polling_plan() -> None:
    clock = FakeClock()
    async with gitlab(server := five_projects(), "acme/*", clock=clock) as provider:
        first = await provider.snapshot()
        provider.focus(first.services[0].ref)
        before = len(server.calls)
        for _ in range(360):
            await clock.advance(10)
            snapshot = await provider.snapshot()
            assert (clock.now() - snapshot.observed_at).total_seconds() <= 60
    assert 360 <= len(server.calls) - before <= 360 + 4 * 90 + 5 * 60 + 5 * 12


class Laptop(FakeClock):
    """While it sleeps only the wall's clock goes on."""

    slept = timedelta()

    def now(self) -> datetime:
        return super().now() + self.slept


async def test_a_group_that_cannot_be_read_again_keeps_its_projects_and_is_told() -> None:
    clock = FakeClock()
    async with gitlab(server := five_projects(), "acme/*", "7", clock=clock) as provider:
        server.answers |= world(deployment(41)).answers
        assert len((await provider.snapshot()).services) == 8
        server.answers["GET groups/acme/projects"] = Response(status_code=502)
        await clock.advance(700)
        snapshot = await provider.snapshot()
        assert len(snapshot.services) == 8
        assert any("acme/* could not be read" in problem for problem in snapshot.problems)


async def test_a_project_that_left_its_group_goes() -> None:
    clock = FakeClock()
    async with gitlab(server := five_projects(), "acme/*", clock=clock) as provider:
        assert len((await provider.snapshot()).services) == 7
        server.answers["GET groups/acme/projects"] = [project(100, "acme/payments/p0")]
        await clock.advance(700)
        assert len((await provider.snapshot()).services) == 2


async def test_a_laptop_that_slept_reads_everything_anew() -> None:
    clock = Laptop()
    async with gitlab(server := five_projects(), "acme/*", clock=clock) as provider:
        await provider.snapshot()
        before = len(server.calls)
        clock.slept += timedelta(hours=8)
        snapshot = await provider.snapshot()
        assert snapshot.observed_at == clock.now()
    assert len([call for call in server.calls[before:] if call.query.get("order_by") == "id"]) >= 5


async def test_an_outage_that_one_project_meets_first_is_the_accounts() -> None:
    clock = FakeClock()
    async with gitlab(server := five_projects(), "acme/*", clock=clock) as provider:
        first = await provider.snapshot()
        provider.focus(first.services[0].ref)
        await provider.snapshot()
        for name in server.answers:
            server.answers[name] = Response(status_code=503)
        before = len(server.calls)
        await clock.advance(10)
        with pytest.raises(Unreachable):
            await provider.snapshot()
    assert len(server.calls) - before == 2


async def test_a_project_whose_deployments_are_nobodys_to_see_is_not_asked_all_the_time() -> None:
    clock = FakeClock()
    server = five_projects()
    server.answers["GET projects/104/deployments"] = refusal(403, "403 Forbidden")
    async with gitlab(server, "acme/*", clock=clock) as provider:
        for _ in range(30):
            snapshot = await provider.snapshot()
            await clock.advance(10)
    assert len(snapshot.services) == 6
    assert any("p4 could not be read" in problem for problem in snapshot.problems)
    assert len(server.named("GET projects/104/deployments")) == 1


async def test_the_focused_project_is_read_every_ten_seconds_and_a_new_row_is_seen() -> None:
    clock = FakeClock()
    rows = [deployment(41)]
    server = world(answers={"GET projects/7/deployments": paged(rows)})
    async with gitlab(server, clock=clock) as provider:
        service = await the_service(provider)
        provider.focus(service.ref)
        await provider.snapshot()
        rows.append(deployment(42, "running"))
        await clock.advance(10)
        latest = (await the_service(provider)).latest
        assert latest is not None
        assert (latest.id, latest.status) == ("42", Status.DEPLOYING)
        rows[1] = deployment(42, updated_at="2026-03-01T12:59:00Z")
        await clock.advance(5)
        live = (await the_service(provider)).live
        assert live is not None
        assert live.id == "42"


async def test_a_person_who_asks_gets_what_is_so_now() -> None:
    clock = FakeClock()
    rows = [deployment(41)]
    async with gitlab(world(answers={"GET projects/7/deployments": paged(rows)}), clock=clock) as provider:
        await provider.snapshot()
        rows.append(deployment(42, "running"))
        await clock.advance(3)
        token = PRIORITY.set(Priority.FOCUSED)
        latest = (await the_service(provider)).latest
        PRIORITY.reset(token)
        assert latest is not None
        assert latest.id == "42"


async def test_a_deployment_in_an_environment_nobody_knew_brings_the_environment() -> None:
    clock = FakeClock()
    rows, places = [deployment(41)], [environment()]
    server = world(answers={"GET projects/7/deployments": paged(rows), "GET projects/7/environments": paged(places)})
    async with gitlab(server, clock=clock) as provider:
        await provider.snapshot()
        rows.append(deployment(42, "running", at=15, name="review/new"))
        places.append(environment(15, "review/new"))
        await clock.advance(50)
        service = await the_service(provider, "review/new")
        assert service.latest is not None
        assert service.latest.id == "42"


async def test_a_deployment_that_was_deleted_goes() -> None:
    clock = FakeClock()
    rows = [deployment(41), deployment(42, "failed")]
    server = world(answers={"GET projects/7/deployments": paged(rows)})
    async with gitlab(server, clock=clock) as provider:
        await provider.snapshot()
        del rows[1]
        await clock.advance(400)
        latest = (await the_service(provider)).latest
        assert latest is not None
        assert latest.id == "41"


async def test_stopped_environments_are_left_out_unless_they_were_seen_at_work() -> None:
    clock = FakeClock()
    places = [environment(), environment(10, "staging"), environment(11, "old", state="stopped")]
    server = world(deployment(41), deployment(42, at=10, name="staging"), environments=places)
    server.answers["GET projects/7/environments/10"] = lambda _: places[1]
    async with gitlab(server, clock=clock) as provider:
        names = [each.environment_name for each in (await provider.snapshot()).services]
        assert names == ["production", "staging"]
        places[1] = environment(10, "staging", state="stopping")
        await clock.advance(90)
        assert (await the_service(provider, "staging")).status is Status.REMOVING
        places[1] = environment(10, "staging", state="stopped")
        await clock.advance(10)
        stopped = await the_service(provider, "staging")
        assert stopped.status is Status.STOPPED
        assert stopped.live is None
        assert "stopped already" in (provider.blocked(Verb.STOP, stopped) or "")
        asked = len(server.named("GET projects/7/environments/10"))
        await clock.advance(300)
        assert (await the_service(provider, "staging")).status is Status.STOPPED
        assert len(server.named("GET projects/7/environments/10")) == asked


async def test_what_waits_for_approval_and_what_is_manual_are_told_apart() -> None:
    places = [environment(), environment(10, "staging")]
    waiting = deployment(41, "blocked") | rules(("qa-group", 1, []), ("security-group", 2, []))
    manual = deployment(42, "blocked", at=10, name="staging")
    server = world(waiting, manual, environments=places)
    clock = FakeClock()
    async with gitlab(server, clock=clock) as provider:
        first = (await the_service(provider)).latest
        second = (await the_service(provider, "staging")).latest
        assert first is not None
        assert second is not None
        assert (first.status, first.status_raw) == (Status.NEEDS_APPROVAL, "blocked")
        assert [(rule.who, rule.missing) for rule in first.approvals] == [("qa-group", 1), ("security-group", 2)]
        assert first.note == "3 approvals missing."
        assert provider.blocked(Verb.APPROVE, first) is None
        assert "missing" in (provider.blocked(Verb.DEPLOY, first) or "")
        assert (second.status, second.status_raw) == (Status.NEEDS_APPROVAL, "manual")
        assert "manual" in (provider.blocked(Verb.APPROVE, second) or "")
        assert provider.blocked(Verb.DEPLOY, second) is None
        for _ in range(12):
            await clock.advance(10)
            await provider.snapshot()
    assert 2 <= len(server.named("GET projects/7/deployments/41")) <= 4
    assert len(server.named("GET projects/7/deployments/42")) == 1


async def test_what_gitlab_does_not_offer_is_said() -> None:
    async with gitlab(world(deployment(41))) as provider:
        assert set(provider.handlers) | {each for each in provider.lacks if isinstance(each, Verb)} == set(Verb)
        assert "does not offer runtime logs" in provider.lacks[LogKind.RUNTIME]
        assert "does not offer HTTP logs" in provider.lacks[LogKind.HTTP]


# -- old servers and odd answers ------------------------------------------------------------------------


def old(row: dict[str, Any]) -> dict[str, Any]:
    """As the documentation of GitLab 13 shows it."""
    return {name: value for name, value in row.items() if name != "status"}


async def test_an_old_server_without_status_filters_and_update_order_is_read_all_the_same() -> None:
    clock = FakeClock()
    rows = [old(deployment(41)), old(deployment(42, "running")), old(deployment(43, at=10, name="staging"))]
    pages = paged(rows)

    def listed(call: Call) -> Any:  # noqa: ANN401
        if call.query.get("order_by") == "updated_at":
            return JSONResponse({"error": "order_by does not have a valid value"}, 400)
        return pages(call)

    places = [
        {name: value for name, value in environment(id_, name_).items() if name not in ("state", "tier")}
        for id_, name_ in ((9, "production"), (10, "staging"))
    ]
    server = world(environments=places, answers={"GET projects/7/deployments": listed})
    server.answers["GET projects/7/environments"] = places
    async with gitlab(server, clock=clock) as provider:
        service = await the_service(provider)
        assert service.latest is not None
        assert service.live is not None
        assert (service.latest.id, service.latest.status, service.live.id) == ("42", Status.DEPLOYING, "41")
        page = await provider.deployments(service)
        assert [each.id for each in page.items] == ["42", "41"]
        rows[1] = old(deployment(42))
        for _ in range(3):
            await clock.advance(15)
            service = await the_service(provider)
        assert service.live is not None
        assert service.live.id == "42"
    assert len([call for call in server.calls if call.query.get("order_by") == "updated_at"]) == 1


async def test_an_odd_row_is_a_problem_of_the_picture_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    rows: list[Any] = [deployment(42, "failed"), deployment(41), {"id": "x"}]
    places: list[Any] = [environment(), {"name": 3}]
    server = world()
    server.answers |= {"GET projects/7/deployments": rows, "GET projects/7/environments": places}
    with caplog.at_level(logging.WARNING):
        async with gitlab(server) as provider:
            [service] = (await provider.snapshot()).services
            problems = (await provider.snapshot()).problems
    assert service.latest is not None
    assert service.latest.id == "42"
    assert [problem.partition(" of ")[0] for problem in problems] == ["1 environment", "1 deployment"]
    assert len([each for each in caplog.messages if "could not be read" in each]) == 2


async def test_a_row_with_every_optional_field_null_is_shown() -> None:
    bare = dict.fromkeys(deployment(41)) | {"id": 41, "environment": {"id": 9, "name": "production"}}
    place = dict.fromkeys(environment()) | {"id": 9, "name": "production"}
    answers = {"GET projects/7/deployments": [bare], "GET projects/7/environments": [place]}
    server = world(answers=answers)
    async with gitlab(server) as provider:
        [service] = (await provider.snapshot()).services
    assert service.latest is not None
    assert service.latest.status is Status.UNKNOWN
    assert service.latest.revision is None


async def test_names_that_move_a_terminal_are_made_harmless() -> None:
    server = world(deployment(41, ref="ma\x1b[2Jin"), environments=[environment(name="pro\x1b]0;x\x07duction")])
    async with gitlab(server) as provider:
        [service] = (await provider.snapshot()).services
    assert service.environment_name == "production"
    assert service.latest is not None
    assert "\x1b" not in repr(service)


async def test_both_kinds_of_429_are_a_pause_and_tell_the_meter() -> None:
    answers = (
        Response("Retry later", 429, {"retry-after": "30", "ratelimit-limit": "120", "ratelimit-remaining": "0"}),
        JSONResponse({"message": {"error": "This endpoint has been requested too many times."}}, 429),
    )
    for answer, seconds in zip(answers, (30, 60), strict=True):
        meter, clock = Ledger(), FakeClock()
        async with gitlab(world(answers={"GET projects/7/deployments": answer}), meter=meter, clock=clock) as provider:
            with pytest.raises(RateLimited) as raised:
                await provider.snapshot()
        assert (raised.value.retry_at - clock.now()).total_seconds() == seconds
        assert any(told["retry_at"] for told in meter.told)


async def test_a_page_of_html_is_no_answer() -> None:
    page = Response("<html><title>Sign in</title></html>", 200, media_type="text/html")
    async with gitlab(world(answers={"GET projects/7/deployments": page})) as provider:
        with pytest.raises(UnexpectedReply):
            await provider.snapshot()


async def test_a_broken_connection_is_unreachable_and_the_next_picture_is_whole() -> None:
    clock = FakeClock()
    async with gitlab(server := world(deployment(41)), clock=clock) as provider:
        await provider.snapshot()
        usual = server.answers["GET projects/7/deployments"]
        server.answers["GET projects/7/deployments"] = CUT
        await clock.advance(60)
        with pytest.raises(Unreachable):
            await provider.snapshot()
        server.answers["GET projects/7/deployments"] = usual
        await clock.advance(1)
        snapshot = await provider.snapshot()
        assert len(snapshot.services) == 1
        assert snapshot.observed_at == clock.now()
