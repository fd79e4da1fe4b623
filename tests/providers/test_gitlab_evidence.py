"""What proves that a very request arrived though its answer was lost, and what others did within the same seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import FakeClock
from tests.providers.gitlab_server import (
    CUT,
    GitLabServer,
    Json,
    approval,
    deployment,
    environment,
    gitlab,
    job,
    no_route,
    paged,
    rules,
    the_deployment,
    the_service,
    world,
)
from tui.model.action import Intent, Outcome, Receipt, Verb
from tui.model.entities import Deployment, Service
from tui.model.errors import OutcomeUnknown, ProviderError
from tui.model.status import Status
from tui.providers.gitlab import GitLabProvider

SINCE = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)
BEFORE, AFTER = "2026-03-14T02:59:59.000Z", "2026-03-14T03:00:07.000Z"
ME: Json = {"id": 1, "username": "root", "name": "Administrator"}
OTHER: Json = {"id": 2, "username": "jweber", "name": "Jonas Weber"}


def run(id_: int, status: str = "running", *, by: Json = ME, at: str = AFTER, **more: Any) -> Json:  # noqa: ANN401
    """A deployment whose job somebody has just made; `more` is of the job."""
    made = job(600 + id_, status, user=by, created_at=at, started_at=at, **more)
    return deployment(id_, status, deployable=made, created_at=at, user=by)


def live(**more: Any) -> GitLabServer:  # noqa: ANN401
    """41 is live, 40 was before it; what joins `rows` later is listed, too."""
    rows = [deployment(40, sha="b" * 40), deployment(41)]
    listed = paged(rows, environment="environment.name")
    server = world(*rows, answers={"GET projects/7/deployments": listed, **more})
    server.rows = rows  # type: ignore[attr-defined]
    return server


def answers(server: GitLabServer, *new: Json, arrives: bool = True) -> Callable[[Any], Any]:
    """What a mutation does: these rows appear. It arrives and its answer is lost, or it never arrives."""

    def answer(_: object) -> Any:  # noqa: ANN401
        for row in new:
            server.rows.append(row)  # type: ignore[attr-defined]
            server.answers[f"GET projects/7/deployments/{row['id']}"] = row
        return CUT if arrives else Response(status_code=502)

    return answer


async def asked(
    provider: GitLabProvider,
    verb: Verb,
    service: Service,
    target: Deployment | None = None,
    **options: str,
) -> Receipt | None:
    """Perform a verb whose answer is lost, then look for its evidence."""
    wanted = Intent("i1", verb, service, target, options=options)
    with pytest.raises(OutcomeUnknown):
        await provider.handlers[verb].run(wanted)
    found = await provider.trace(wanted, SINCE)
    again = await provider.trace(wanted, SINCE)
    assert (found is None) == (again is None)
    return found


def names(receipt: Receipt | None, deployment: str) -> bool:
    assert receipt is not None
    assert (receipt.outcome, receipt.deployment is not None) == (Outcome.ACCEPTED, True)
    assert receipt.message
    return receipt.deployment is not None and receipt.deployment.id == deployment


# -- redeploy and rollback ----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [Verb.REDEPLOY, Verb.ROLLBACK])
async def test_the_next_run_of_the_named_job_by_the_tokens_owner_is_ours(verb: Verb) -> None:
    named = 41 if verb is Verb.REDEPLOY else 40
    sha = {} if verb is Verb.REDEPLOY else {"sha": "b" * 40}
    server = live()
    server.answers[f"POST projects/7/jobs/{600 + named}/retry"] = answers(server, run(43) | sha)
    async with gitlab(server) as provider:
        service = await the_service(provider)
        target = await the_deployment(provider, service, named)
        assert names(await asked(provider, verb, service, target), "43")


SOMEBODYS: list[tuple[str, list[Json]]] = [
    ("the same job, by somebody else", [run(43, by=OTHER)]),
    ("somebody else's run, and then one of ours that cannot be this one", [run(43, by=OTHER), run(44)]),
    ("another revision", [run(43) | {"sha": "c" * 40}]),
    ("another pipeline on the same commit", [run(43, pipeline={"id": 37})]),
    ("another job of the same pipeline", [run(43, name="deploy-canary")]),
    ("a run from before", [run(43, at=BEFORE)]),
    ("a push by somebody else", [run(43, by=OTHER, pipeline={"id": 38}) | {"sha": "d" * 40}]),
    ("a deployment by the API", [run(43) | {"deployable": None}]),
    ("a job that cannot be read, before one of ours", [run(43) | {"deployable": []}, run(44)]),
    ("nobody knows by whom", [run(43, by={"name": "Administrator"})]),
]


@pytest.mark.parametrize("rows", [rows for _, rows in SOMEBODYS], ids=[name for name, _ in SOMEBODYS])
@pytest.mark.parametrize("arrives", [True, False])
async def test_what_others_did_within_seconds_is_not_ours(rows: list[Json], arrives: bool) -> None:
    server = live()
    server.answers["POST projects/7/jobs/641/retry"] = answers(server, *rows, arrives=arrives)
    async with gitlab(server) as provider:
        assert await asked(provider, Verb.REDEPLOY, await the_service(provider)) is None


async def test_a_run_is_not_ours_where_the_list_does_not_reach_back_to_the_named_one() -> None:
    server = live()
    rows = [run(400 - n, pipeline={"id": 90 + n}) | {"sha": "f" * 40} for n in range(300)]
    server.answers["POST projects/7/jobs/641/retry"] = answers(server, run(500), *rows)
    async with gitlab(server) as provider:
        assert await asked(provider, Verb.REDEPLOY, await the_service(provider)) is None


async def test_without_knowing_who_we_are_nothing_is_proved() -> None:
    server = live(**{"GET user": no_route()})
    server.answers["POST projects/7/jobs/641/retry"] = answers(server, run(43))
    async with gitlab(server) as provider:
        assert await asked(provider, Verb.REDEPLOY, await the_service(provider)) is None


async def test_the_run_of_a_job_that_was_run_again_before_is_found_from_its_newest_run() -> None:
    server = live()
    server.rows.append(deployment(42, deployable=job(642, user=OTHER)))  # type: ignore[attr-defined]
    server.answers["POST projects/7/jobs/642/retry"] = answers(server, run(43))
    server.answers["GET projects/7/deployments/42"] = server.rows[-1]  # type: ignore[attr-defined]
    async with gitlab(server) as provider:
        service = await the_service(provider)
        target = await the_deployment(provider, service, 41)
        assert names(await asked(provider, Verb.REDEPLOY, service, target), "43")


async def test_an_action_of_an_earlier_session_is_found_by_the_same_evidence() -> None:
    server = live()
    for by, expected in ((ME, "43"), (OTHER, None)):
        server.rows[2:] = [run(43, by=by)]  # type: ignore[attr-defined]
        async with gitlab(server) as provider:
            service = await the_service(provider)
            target = await the_deployment(provider, service, 41)
            found = await provider.trace(Intent("of-before", Verb.REDEPLOY, service, target), SINCE)
            assert (found.deployment.id if found and found.deployment else None) == expected


async def test_an_accepted_retry_whose_deployment_comes_later_is_found_by_its_job() -> None:
    server = live(**{"POST projects/7/jobs/641/retry": job(643, "pending")})
    async with gitlab(server) as provider:
        service = await the_service(provider)
        wanted = Intent("i1", Verb.REDEPLOY, service)
        receipt = await provider.handlers[Verb.REDEPLOY].run(wanted)
        assert (receipt.outcome, receipt.deployment) == (Outcome.ACCEPTED, None)
        server.rows.append(run(44, by=OTHER))  # type: ignore[attr-defined]
        assert await provider.trace(wanted, SINCE) is None
        server.rows.append(run(43, by={"id": 9}))  # type: ignore[attr-defined]
        assert names(await provider.trace(wanted, SINCE), "43")


# -- deploy -------------------------------------------------------------------------------------------------


def waiting() -> GitLabServer:
    manual = deployment(42, "blocked", deployable=job(642, "manual", user=ME, started_at=None))
    return world(deployment(41), manual)


@pytest.mark.parametrize(
    ("played", "ours"),
    [
        (job(642, "running", user=ME, started_at=AFTER), True),
        (job(642, "pending", user=ME, started_at=None), True),
        (job(642, "success", user=ME, started_at=AFTER), True),
        (job(642, "manual", user=ME, started_at=None), False),
        (job(642, "running", user=OTHER, started_at=AFTER), False),
        (job(642, "running", user=ME, started_at=BEFORE), False),
        (job(642, "canceled", user=ME, started_at=None), False),
        (job(642, "running", user=None, started_at=AFTER), False),
        ([], False),
    ],
)
async def test_a_manual_job_that_the_owner_started_is_ours(played: Json, ours: bool) -> None:
    server = waiting()

    def play(_: object) -> Any:  # noqa: ANN401
        server.answers["GET projects/7/deployments/42"] = deployment(42, "running", deployable=played)
        return CUT

    server.answers["POST projects/7/jobs/642/play"] = play
    async with gitlab(server) as provider:
        found = await asked(provider, Verb.DEPLOY, await the_service(provider))
        assert names(found, "42") if ours else found is None


def pipeline(id_: int, by: Json | None = ME, **more: Any) -> Json:  # noqa: ANN401
    return {"id": id_, "ref": "main", "source": "api", "status": "running", "created_at": AFTER, "user": by, **more}


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ([pipeline(50)], "pipeline:7:50"),
        ([pipeline(50), pipeline(51, OTHER)], "pipeline:7:50"),
        ([pipeline(50), pipeline(51)], None),
        ([pipeline(50, OTHER)], None),
        ([pipeline(50, source="push")], None),
        ([pipeline(50, ref="other")], None),
        ([pipeline(50, created_at=BEFORE)], None),
        ([pipeline(50, created_at=None)], None),
        ([pipeline(50, None)], None),
        ([], None),
    ],
)
async def test_the_one_pipeline_of_the_owner_by_the_api_on_the_ref_is_ours(made: list[Json], found: str | None) -> None:
    server = live()

    def create(_: object) -> Any:  # noqa: ANN401
        listed = [{name: value for name, value in row.items() if name != "user"} for row in made]
        server.answers["GET projects/7/pipelines"] = listed
        server.answers |= {f"GET projects/7/pipelines/{row['id']}": row for row in made}
        return CUT

    server.answers["POST projects/7/pipeline"] = create
    async with gitlab(server) as provider:
        receipt = await asked(provider, Verb.DEPLOY, await the_service(provider), ref="main")
    assert (receipt.operation if receipt is not None else None) == found


# -- cancel -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "ours"),
    [
        ({"status": "canceling"}, True),
        ({"status": "canceled", "finished_at": AFTER}, True),
        ({"status": "canceled", "finished_at": BEFORE}, False),
        ({"status": "running"}, False),
        ({"status": "failed", "finished_at": AFTER}, False),
        ({"status": "success", "finished_at": AFTER}, False),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
async def test_a_cancel_shows_on_the_job_that_was_named(state: Json, ours: bool, whole: bool) -> None:
    server = world(deployment(41), deployment(42, "running"))

    def cancel(_: object) -> Any:  # noqa: ANN401
        server.answers["GET projects/7/deployments/42"] = deployment(42, "running", deployable=job(642) | state)
        server.answers["GET projects/7/pipelines/36"] = {"id": 36, "status": state["status"]}
        return CUT

    server.answers["POST projects/7/jobs/642/cancel"] = server.answers["POST projects/7/pipelines/36/cancel"] = cancel
    options = {"pipeline": "yes"} if whole else {}
    async with gitlab(server) as provider:
        found = await asked(provider, Verb.CANCEL, await the_service(provider), None, **options)
        assert names(found, "42") if ours else found is None


async def test_a_job_that_was_canceled_alone_does_not_show_that_its_pipeline_was() -> None:
    server = world(deployment(41), deployment(42, "running"))

    def somebody(_: object) -> Any:  # noqa: ANN401
        canceled = job(642, "canceled", finished_at=AFTER)
        server.answers["GET projects/7/deployments/42"] = deployment(42, "canceled", deployable=canceled)
        server.answers["GET projects/7/pipelines/36"] = {"id": 36, "status": "running"}
        return Response(status_code=502)

    server.answers["POST projects/7/pipelines/36/cancel"] = somebody
    async with gitlab(server) as provider:
        assert await asked(provider, Verb.CANCEL, await the_service(provider), pipeline="yes") is None


# -- approvals and records ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "ours"),
    [
        (approval(user=ME, created_at=AFTER, comment="fine"), True),
        (approval(user=OTHER, created_at=AFTER, comment="fine"), False),
        (approval(user=ME, created_at=BEFORE, comment="fine"), False),
        (approval(user=ME, created_at=AFTER, comment="another"), False),
        (approval("rejected", user=ME, created_at=AFTER, comment="fine"), False),
        (approval(user=None, created_at=AFTER, comment="fine"), False),
    ],
)
async def test_an_approval_is_ours_by_its_person_its_time_and_its_comment(given: Json, ours: bool) -> None:
    server = world(deployment(41), deployment(42, "blocked") | rules(("qa", 1, [])))

    def approve(_: object) -> Any:  # noqa: ANN401
        server.answers["GET projects/7/deployments/42"] = deployment(42, "blocked") | rules(("qa", 1, [given]))
        return CUT

    server.answers["POST projects/7/deployments/42/approval"] = approve
    async with gitlab(server) as provider:
        found = await asked(provider, Verb.APPROVE, await the_service(provider), comment="fine")
    assert (found is not None) == ours


@pytest.mark.parametrize(
    ("by", "ours"), [([ME], True), ([OTHER], False), ([ME, ME], False), ([OTHER, ME], True), ([], False)]
)
async def test_a_record_is_ours_by_its_person_and_content_if_there_is_one(by: list[Json], ours: bool) -> None:
    server = live()
    made = [run(43 + n, "success", by=each) | {"deployable": None, "sha": "e" * 40} for n, each in enumerate(by)]
    server.answers["POST projects/7/deployments"] = answers(server, *made)
    async with gitlab(server) as provider:
        found = await asked(provider, Verb.RECORD, await the_service(provider), sha="e" * 40, ref="main")
    assert (found is not None) == ours


@pytest.mark.parametrize(("at", "ours"), [(AFTER, True), (BEFORE, False)])
async def test_a_status_is_ours_where_it_was_set_since_then(at: str, ours: bool) -> None:
    external = deployment(42, "running", deployable=None)
    server = world(external)

    def put(_: object) -> Any:  # noqa: ANN401
        server.answers["GET projects/7/deployments/42"] = external | {"status": "success", "updated_at": at}
        return CUT

    server.answers["PUT projects/7/deployments/42"] = put
    async with gitlab(server) as provider:
        found = await asked(provider, Verb.SET_STATUS, await the_service(provider), status="success")
    assert (found is not None) == ours


# -- stop ---------------------------------------------------------------------------------------------------


def stopping(state: str, *jobs: Json) -> GitLabServer:
    server = live()
    at_work = environment()

    def stop(_: object) -> Any:  # noqa: ANN401
        server.answers["GET projects/7/environments/9"] = at_work | {"state": state}
        server.answers["GET projects/7/environments"] = [] if state != "available" else [at_work]
        server.answers["GET projects/7/pipelines/36/jobs"] = list(jobs)
        return CUT

    server.answers["POST projects/7/environments/9/stop"] = stop
    return server


STOPPER = job(700, "running", name="stop", started_at=AFTER)


@pytest.mark.parametrize(
    ("state", "jobs", "ours"),
    [
        ("stopped", [], True),
        ("stopping", [STOPPER | {"user": ME}], True),
        ("stopping", [STOPPER | {"user": OTHER}], False),
        ("stopping", [STOPPER | {"user": OTHER, "started_at": BEFORE}], True),
        ("available", [], False),
    ],
)
async def test_a_stop_shows_on_the_environment_and_by_who_ran_its_job(state: str, jobs: list[Json], ours: bool) -> None:
    async with gitlab(stopping(state, *jobs)) as provider:
        found = await asked(provider, Verb.STOP, await the_service(provider))
        assert (found.operation if found is not None else None) == ("stop:7:9" if ours else None)


@pytest.mark.parametrize(("state", "shown"), [("stopped", Status.STOPPED), ("stopping", Status.REMOVING)])
async def test_a_stop_whose_answer_was_lost_is_in_the_next_picture_and_on_the_deployment(
    state: str, shown: Status
) -> None:
    clock = FakeClock()
    async with gitlab(server := stopping(state), clock=clock) as provider:
        service = await the_service(provider)
        wanted = Intent("i1", Verb.STOP, service)
        with pytest.raises(OutcomeUnknown):
            await provider.handlers[Verb.STOP].run(wanted)
        await clock.advance(1)
        assert (await the_service(provider)).status is shown
    assert len(server.mutations()) == 1


async def test_a_stop_that_arrives_late_is_seen_while_the_action_is_fresh() -> None:
    clock = FakeClock()
    server = stopping("stopped")
    arrive = server.answers["POST projects/7/environments/9/stop"]
    server.answers["POST projects/7/environments/9/stop"] = JSONResponse({"message": "504 Timeout"}, 504)
    async with gitlab(server, clock=clock) as provider:
        service = await the_service(provider)
        with pytest.raises(ProviderError):
            await provider.handlers[Verb.STOP].run(Intent("i1", Verb.STOP, service))
        await clock.advance(1)
        assert (await the_service(provider)).status is Status.LIVE
        arrive(None)
        await clock.advance(10)
        assert (await the_service(provider)).status is Status.STOPPED


async def test_somebody_who_acts_while_a_picture_is_read_is_seen_in_the_next_one() -> None:
    """The picture under way was begun before: it must not count as the look after the action."""
    clock = FakeClock()
    server = stopping("stopped")
    usual = server.answers["GET projects/7/deployments"]
    arrive = server.answers["POST projects/7/environments/9/stop"]
    server.answers["POST projects/7/environments/9/stop"] = lambda _: arrive(None) and Response(status_code=504)
    async with gitlab(server, clock=clock) as provider:
        service = await the_service(provider)

        async def meanwhile(call: Any) -> Any:  # noqa: ANN401
            server.answers["GET projects/7/deployments"] = usual
            with pytest.raises(OutcomeUnknown):
                await provider.handlers[Verb.STOP].run(Intent("i1", Verb.STOP, service))
            return usual(call)

        server.answers["GET projects/7/deployments"] = meanwhile
        await clock.advance(60)
        await provider.snapshot()
        await clock.advance(1)
        assert (await the_service(provider)).status is Status.STOPPED
