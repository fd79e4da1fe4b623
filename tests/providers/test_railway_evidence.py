"""A lost answer: what shows that this very request arrived, and what only looks like it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.conformance.profiles import ACCOUNT, RAILWAY, named, provided, served
from tests.journeys.sailing import WorldTime
from tests.providers.railway_rows import RailwayServer, connection, deployment, instance, inventory, railway, world
from tests.providers.server import Json, errors, refusal, serve
from tui.demo import lifecycle
from tui.demo.story import frozen_world
from tui.engine.follow import SAME_MOMENT
from tui.model.action import Intent, Receipt, Verb
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import OutcomeUnknown, Unreachable
from tui.providers.railway import RailwayProvider

SINCE = datetime(2026, 9, 1, 12, 30, tzinfo=UTC)
LATER = "2026-09-01T12:30:07.000Z"
EARLIER = "2026-09-01T12:29:59.000Z"
ADA = {"id": "u1", "name": "Ada", "email": "ada@example.com"}
BOB = {"id": "u2", "name": "Bob", "email": "bob@example.com"}
COMMIT, OTHER = "a" * 40, "b" * 40


def made(id_: str = "d9", reason: str = "redeploy", commit: str = COMMIT, **more: Any) -> Json:  # noqa: ANN401
    """A deployment that may be ours: by default it is."""
    meta = {"reason": reason, "commitHash": commit, "branch": "main"}
    return deployment(id_, "BUILDING", **{"createdAt": LATER, "creator": ADA, "meta": meta, **more})


def account(*rows: object, **answers: Any) -> RailwayServer:  # noqa: ANN401
    """Ada's account, with these rows on top of the deployment that was there."""
    server = world(Deployments=lambda _: {"deployments": connection(*rows, deployment("d1"))}, **answers)
    server.answers.setdefault("Me", lambda _: {"me": ADA})
    return server


async def traced(server: RailwayServer, verb: Verb, **options: str) -> Receipt | None:
    async with serve(server):
        provider = railway(server)
        try:
            service = (await provider.snapshot()).services[0]
            return await provider.trace(Intent("i1", verb, service, service.latest, options=options), SINCE)
        finally:
            await provider.aclose()


def found(receipt: Receipt | None) -> str | None:
    return receipt.deployment.id if receipt is not None and receipt.deployment is not None else None


# -- what only this request can have made --------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "reason", "options"),
    [
        (Verb.REDEPLOY, "redeploy", {}),
        (Verb.ROLLBACK, "rollback", {}),
        (Verb.DEPLOY, "deploy", {}),
        (Verb.DEPLOY, "deploy", {"commit": COMMIT}),
        (Verb.DEPLOY, "deploy", {"commit": COMMIT.upper()}),
        (Verb.DEPLOY, "deploy", {"trigger": "latest"}),
        (Verb.DEPLOY, "deploy", {"trigger": "connected"}),
    ],
)
async def test_the_deployment_of_its_user_reason_and_revision_is_found(
    verb: Verb, reason: str, options: dict[str, str]
) -> None:
    stranger = made("d8", "deploy", OTHER, creator=BOB)
    receipt = await traced(account(stranger, made(reason=reason)), verb, **options)
    assert found(receipt) == "d9"
    assert receipt is not None
    assert "d9" in receipt.message


@pytest.mark.parametrize("verb", [Verb.REDEPLOY, Verb.ROLLBACK, Verb.DEPLOY])
@pytest.mark.parametrize(
    "rows",
    [
        [],
        [made(creator=BOB)],  # somebody else did the same
        [made(creator=None)],
        [made(creator={"id": "u2", "email": "ada@example.com"})],
        [made(createdAt=EARLIER)],
        [made(reason="migrate")],
        [made(meta=None)],  # it says nothing of itself yet
        [made("d1")],  # it was there
        [made("d8"), made("d9")],  # one of two, and nobody knows which
        [made(), {"id": None}],  # the other one cannot be read
        [made(), made("d8", createdAt="yesterday")],
    ],
)
async def test_what_may_be_somebody_elses_is_not_ours(verb: Verb, rows: list[Json]) -> None:
    if verb is Verb.DEPLOY:
        rows = [{**row, "meta": {**row["meta"], "reason": "deploy"}} if _says(row, "redeploy") else row for row in rows]
    if verb is Verb.ROLLBACK:
        rows = [
            {**row, "meta": {**row["meta"], "reason": "rollback"}} if _says(row, "redeploy") else row for row in rows
        ]
    assert await traced(account(*rows), verb) is None


def _says(row: Json, reason: str) -> bool:
    return bool(row.get("meta")) and row["meta"]["reason"] == reason


@pytest.mark.parametrize(
    ("verb", "options"), [(Verb.REDEPLOY, {}), (Verb.ROLLBACK, {}), (Verb.DEPLOY, {"commit": COMMIT})]
)
async def test_a_deployment_of_another_revision_is_never_ours(verb: Verb, options: dict[str, str]) -> None:
    for reason in ("redeploy", "rollback", "deploy"):
        assert await traced(account(made(reason=reason, commit=OTHER)), verb, **options) is None


async def test_a_list_of_nothing_but_younger_deployments_may_hide_another_one() -> None:
    server = account()
    server.answers["Deployments"] = lambda _: {"deployments": connection(made(), end="more")}
    assert await traced(server, Verb.REDEPLOY) is None


@pytest.mark.parametrize(
    ("source", "again", "expected"),
    [
        ({"image": "ghcr.io/acme/api:1.4"}, {"image": "ghcr.io/acme/api:1.4", "imageDigest": "sha256:1"}, "d9"),
        ({"image": "ghcr.io/acme/api:1.4"}, {"image": "ghcr.io/acme/api:1.5"}, None),
        ({"cliMessage": "hot fix"}, {"cliMessage": "hot fix"}, "d9"),
        ({"cliMessage": "hot fix"}, {"cliMessage": "hotter fix"}, None),
        ({"cliCaller": "cli"}, {"cliCaller": "cli"}, None),  # nothing tells one upload from another
        ({}, {}, None),
    ],
)
async def test_images_and_uploads_are_compared_by_all_that_is_said_of_them(
    source: Json, again: Json, expected: str | None
) -> None:
    server = account(made(meta={"reason": "redeploy", **again}))
    running = deployment("d1", meta=source)
    server.answers["Inventory"] = lambda _: inventory(instance(latestDeployment=running, activeDeployments=[running]))
    assert found(await traced(server, Verb.REDEPLOY)) == expected


@pytest.mark.parametrize(
    ("creator", "reason", "expected"),
    [(None, "redeploy", "d9"), (None, "deploy", None), (ADA, "redeploy", None), ({"id": None}, "redeploy", None)],
)
async def test_a_token_without_a_user_knows_only_what_is_nobodys(
    creator: Json | None, reason: str, expected: str | None
) -> None:
    server = account(made(reason=reason, creator=creator), Me=refusal("Not Authorized"))
    assert found(await traced(server, Verb.REDEPLOY)) == expected


async def test_a_user_who_cannot_be_read_now_is_asked_for_again() -> None:
    server = account(made(), Me=lambda _: Response("down", 502))
    async with serve(server):
        provider = railway(server)
        service = (await provider.snapshot()).services[0]
        intent = Intent("i1", Verb.REDEPLOY, service, service.latest)
        with pytest.raises(Unreachable):
            await provider.trace(intent, SINCE)
        server.answers["Me"] = lambda _: {"me": ADA}
        for _ in range(2):
            assert found(await provider.trace(intent, SINCE)) == "d9"
        assert len(server.named("Me")) == 2
        assert [call.name for call in server.calls if call.name in ("Redeploy", "Rollback", "Deploy")] == []
        await provider.aclose()


# -- what was done to a deployment --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "row", "is_shown"),
    [
        (Verb.RESTART, {"status": "DEPLOYING", "statusUpdatedAt": LATER}, True),
        (Verb.RESTART, {"status": "DEPLOYING", "statusUpdatedAt": EARLIER}, False),
        (Verb.RESTART, {"status": "SUCCESS", "statusUpdatedAt": LATER}, False),  # woken, perhaps
        (Verb.RESTART, {"status": "CRASHED", "statusUpdatedAt": LATER}, False),
        (Verb.STOP, {"deploymentStopped": True, "instances": []}, True),
        (Verb.STOP, {"deploymentStopped": False}, False),
        (Verb.STOP, {"status": "SLEEPING", "deploymentStopped": True}, False),
        (
            Verb.STOP,
            {
                "deploymentStopped": True,
                "instances": [],
                "meta": {"serviceManifest": {"deploy": {"cronSchedule": "0 * * * *"}}},
            },
            False,  # a job ends by itself
        ),
        (Verb.CANCEL, {"status": "REMOVED", "statusUpdatedAt": LATER}, True),
        (Verb.CANCEL, {"status": "REMOVED", "statusUpdatedAt": EARLIER}, False),
        (Verb.CANCEL, {"status": "REMOVED", "statusUpdatedAt": None}, False),
        (Verb.CANCEL, {"status": "FAILED", "statusUpdatedAt": LATER}, False),
        (Verb.REMOVE, {"status": "REMOVING", "statusUpdatedAt": LATER}, True),
        (Verb.REMOVE, {"status": "SUCCESS", "statusUpdatedAt": LATER}, False),
        (Verb.APPROVE, {"status": "QUEUED", "statusUpdatedAt": LATER}, True),
        (Verb.APPROVE, {"status": "NEEDS_APPROVAL", "statusUpdatedAt": LATER}, False),
        (Verb.APPROVE, {"status": "REMOVED", "statusUpdatedAt": LATER}, False),
    ],
)
async def test_the_deployment_itself_shows_what_was_done_to_it(verb: Verb, row: Json, is_shown: bool) -> None:
    server = account(Deployment=lambda _: {"deployment": deployment("d1", **row)})
    receipt = await traced(server, verb)
    assert (receipt is not None) is is_shown
    if receipt is not None:
        assert found(receipt) == "d1"
        assert bool(receipt.operation) is (verb is Verb.STOP)


@pytest.mark.parametrize("verb", [Verb.CANCEL, Verb.REMOVE])
async def test_what_a_newer_deployment_took_the_place_of_was_not_taken_away_by_us(verb: Verb) -> None:
    gone = deployment("d1", "REMOVED", statusUpdatedAt=LATER)
    server = account(made("d9", "deploy", OTHER, creator=BOB), Deployment=lambda _: {"deployment": gone})
    assert await traced(server, verb) is None


async def test_a_deployment_that_is_not_there_shows_nothing() -> None:
    assert await traced(account(Deployment=refusal("Deployment not found")), Verb.STOP) is None


@pytest.mark.parametrize(
    ("row", "ok"),
    [
        ({"deploymentStopped": False}, None),
        ({"deploymentStopped": True, "instances": [{"id": "i1", "status": "EXITED"}]}, True),
        ({"status": "REMOVED"}, True),
        ({"status": "SLEEPING", "deploymentStopped": True}, None),
        ({"status": "CRASHED", "deploymentStopped": False}, None),
        ({"status": "CRASHED", "deploymentStopped": True, "instances": [{"id": "i1", "status": "CRASHED"}]}, True),
        ({"status": "TELEPORTING", "deploymentStopped": True}, None),
    ],
)
async def test_a_stop_is_followed_on_its_deployment_until_nothing_of_it_runs(row: Json, ok: bool | None) -> None:
    server = account(
        Stop=lambda _: {"deploymentStop": True}, Deployment=lambda _: {"deployment": deployment("d1", **row)}
    )
    async with serve(server):
        provider = railway(server)
        service = (await provider.snapshot()).services[0]
        receipt = await provider.handlers[Verb.STOP].run(Intent("i1", Verb.STOP, service, service.latest))
        progress = await provider.progress(receipt)
        assert progress.ok is ok
        assert bool(progress.message) is bool(ok)
        await provider.aclose()


async def test_a_fault_while_looking_is_not_an_answer() -> None:
    server = account(Deployment=lambda _: JSONResponse(errors("Problem processing request")))
    with pytest.raises(Unreachable):
        await traced(server, Verb.STOP)


# -- the whole of it, on the demo ---------------------------------------------------------------------


DEPLOYS: tuple[dict[str, str], ...] = ({}, {"trigger": "latest"}, {"trigger": "connected"}, {"commit": "known"})


async def the_intent(
    provider: RailwayProvider, path: str, verb: Verb, target: str | None, options: dict[str, str]
) -> Intent:
    service: Service = named(await provider.snapshot(), path)
    chosen: Deployment | None = None
    if target is not None:
        chosen = await provider.deployment(Ref(ACCOUNT, Kind.DEPLOYMENT, target), service)
    return Intent("i1", verb, service, chosen, options=options)


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize(
    ("verb", "options"),
    [(Verb.REDEPLOY, {}), (Verb.ROLLBACK, {}), *((Verb.DEPLOY, options) for options in DEPLOYS)],
)
async def test_a_lost_action_is_found_beside_a_push_and_a_push_is_never_taken_for_it(
    verb: Verb, options: dict[str, str], arrives: bool
) -> None:
    whole = frozen_world(platforms=("railway",))
    path = "shop/production/checkout"
    service = whole.service(path)
    active = service.active[0]
    older = next(one for one in service.deployments if lifecycle.can_roll_back(whole, one))
    target = {Verb.REDEPLOY: active.id, Verb.ROLLBACK: older.id}.get(verb)
    if "commit" in options:
        options = {"commit": older.commit.sha}
    async with served(RAILWAY, whole) as serving, provided(RAILWAY, serving, whole) as provider:
        assert isinstance(provider, RailwayProvider)
        intent = await the_intent(provider, path, verb, target, options)
        since = WorldTime(whole).now() - SAME_MOMENT
        for operation in (
            *("deploymentRedeploy", "deploymentRollback", "serviceInstanceDeployV2", "serviceInstanceDeploy"),
            "environmentTriggersDeploy",
        ):
            whole.faults.add("lost-reply" if arrives else "5xx", operation)
        with pytest.raises(OutcomeUnknown):
            await provider.handlers[verb].run(intent)
        ours = service.deployments[0] if arrives else None
        assert ours is not active
        whole.advance(2)
        _push_by_somebody_else(whole, service, serving.tokens["railway"].account.person)
        for _ in range(3):
            assert found(await provider.trace(intent, since)) == (ours.id if ours else None)
            whole.advance(20)


def _push_by_somebody_else(whole: Any, service: Any, person: object) -> None:  # noqa: ANN401
    while True:
        pushed = lifecycle.push(whole, service)
        if pushed.creator is not person:
            return
        whole.forget(pushed)
