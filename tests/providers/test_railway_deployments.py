"""Timelines, steps, changes as they happen, and everything that can be done to a deployment."""

from __future__ import annotations

import asyncio
import re
from contextlib import aclosing
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.providers.loopback import until
from tests.providers.railway_rows import TOKEN, connection, deployment, railway, world
from tests.providers.server import Answer, GraphQLServer, Json, Stream, errors, refusal, serve
from tui.model.action import Intent, Outcome, Receipt, Verb
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import (
    Forbidden,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Refused,
    Unreachable,
)
from tui.model.status import Status
from tui.providers.railway import RailwayProvider


async def the_service(provider: RailwayProvider) -> Service:
    return (await provider.snapshot()).services[0]


# -- timelines ----------------------------------------------------------------------------------------


async def test_a_timeline_is_newest_first_and_goes_on_with_its_cursor() -> None:
    pages = {
        None: connection(
            deployment("d0", "REMOVED", createdAt="2026-09-01T11:00:00Z"),
            deployment("d2", "BUILDING", createdAt="2026-09-01T13:00:00Z"),
            deployment("d1"),
            end="c1",
        ),
        "c1": connection(deployment("dx", "FAILED", createdAt="2026-08-01T11:00:00Z")),
    }
    async with serve(world(Deployments=lambda v: {"deployments": pages[v.get("after")]})) as server:
        provider = railway(server)
        service = await the_service(provider)
        first = await provider.deployments(service, limit=3)
        assert [(d.id, d.status, d.is_live) for d in first.items] == [
            ("d2", Status.BUILDING, False),
            ("d1", Status.LIVE, True),
            ("d0", Status.REMOVED, False),
        ]
        second = await provider.deployments(service, before=first.next, limit=3)
        assert [d.id for d in second.items] == ["dx"]
        assert second.next is None
        assert server.named("Deployments")[0].variables == {
            "input": {"projectId": "p1", "environmentId": "e1", "serviceId": "s1"},
            "first": 3,
        }
        await provider.aclose()


async def test_an_older_success_is_superseded_and_a_newer_one_has_taken_over() -> None:
    rows = connection(
        deployment("d0", createdAt="2026-09-01T11:00:00Z"),
        deployment("d1"),
        deployment("d2", createdAt="2026-09-01T13:00:00Z"),
    )
    async with serve(world(Deployments=lambda _: {"deployments": rows})) as server:
        provider = railway(server)
        service = await the_service(provider)  # the snapshot still has d1
        found = (await provider.deployments(service)).items
        assert [(d.id, d.status, d.is_live) for d in found] == [
            ("d2", Status.LIVE, True),
            ("d1", Status.SUPERSEDED, False),
            ("d0", Status.SUPERSEDED, False),
        ]
        await provider.aclose()


async def test_one_odd_deployment_does_not_cost_the_timeline() -> None:
    rows = connection(deployment("d1"), {"id": None}, deployment("d0", "REMOVED"))
    async with serve(world(Deployments=lambda _: {"deployments": rows})) as server:
        provider = railway(server)
        found = await provider.deployments(await the_service(provider))
        assert [d.id for d in found.items] == ["d1", "d0"]
        await provider.aclose()


async def test_one_deployment_by_its_id_or_not_found() -> None:
    async with serve(world(Deployment=lambda _: {"deployment": deployment("d7", "FAILED")})) as server:
        provider = railway(server)
        service = await the_service(provider)
        ref = Ref("prod", Kind.DEPLOYMENT, "d7")
        assert (await provider.deployment(ref, service)).status is Status.FAILED
        server.answers["Deployment"] = refusal("Deployment not found")
        with pytest.raises(NotFound) as raised:
            await provider.deployment(ref, service)
        assert raised.value.trace
        await provider.aclose()


async def test_build_steps_are_paged_and_show_their_failure() -> None:
    def event(step: str, minute: int, done: bool = True, **payload: Any) -> Json:  # noqa: ANN401
        at = f"2026-09-01T12:{minute:02}:00Z"
        return {
            "id": f"{step}-{minute}",
            "step": step,
            "createdAt": at,
            "completedAt": at if done else None,
            "payload": payload or None,
        }

    pages = {
        None: connection(event("BUILD_IMAGE", 2, attempt=2, maxAttempts=3), event("SNAPSHOT_CODE", 1), end="c"),
        "c": connection(
            event("HEALTHCHECK", 5, error="service unavailable"),
            event("MIGRATE_VOLUMES", 3, skipped=True),
            event("CREATE_CONTAINER", 4, done=False),
        ),
    }
    async with serve(world(DeploymentEvents=lambda v: {"deploymentEvents": pages[v.get("after")]})) as server:
        provider = railway(server)
        service = await the_service(provider)
        running = Deployment(Ref("prod", Kind.DEPLOYMENT, "d2"), service.ref, Status.DEPLOYING, "DEPLOYING")
        found = await provider.steps(running)
        assert [(step.name, step.status) for step in found] == [
            ("Snapshot code", Status.LIVE),
            ("Build image", Status.LIVE),
            ("Migrate volumes", Status.SKIPPED),
            ("Create container", Status.BUILDING),
            ("Healthcheck", Status.FAILED),
        ]
        assert found[1].detail == "attempt 2 of 3"
        assert found[4].error == "service unavailable"
        await provider.aclose()


# -- changes ------------------------------------------------------------------------------------------


async def to_the_end(provider: RailwayProvider, deployment: Deployment) -> int:
    """How often a watch poked until it ended."""
    pokes = 0
    async with asyncio.timeout(5):
        async for _ in provider.watch(deployment):
            pokes += 1
    return pokes


async def test_a_watch_pokes_when_it_is_open_and_at_every_change_and_ends_with_the_platform() -> None:
    poked = 0

    async def status(socket: Stream, _: Json) -> None:
        await until(lambda: poked == 1)
        await socket.next(deployment={"id": "d1", "status": "REMOVING", "deploymentStopped": False})
        await until(lambda: poked == 3)
        await socket.complete()
        await socket.hold()

    async def events(socket: Stream, _: Json) -> None:
        await until(lambda: poked == 2)
        await socket.next(deploymentEvents={"id": "ev", "step": "DRAIN_INSTANCES"})
        await socket.hold()

    async with serve(world()) as server:
        server.streams.update(OnDeployment=status, OnDeploymentEvents=events)
        provider = railway(server)
        service = await the_service(provider)
        assert service.live is not None
        async with asyncio.timeout(5):
            async for _ in provider.watch(service.live):
                poked += 1
        assert poked == 3
        await provider.aclose()


async def test_a_watch_goes_on_without_steps_and_ends_quietly_where_it_is_not_allowed() -> None:
    async def status(socket: Stream, _: Json) -> None:
        await socket.next(deployment={"id": "d1", "status": "REMOVED"})
        await socket.hold()

    async def not_authorized(socket: Stream, _: Json) -> None:
        await socket.error("Not Authorized")
        await socket.hold()

    async with serve(world()) as server:
        server.streams.update(OnDeployment=status, OnDeploymentEvents=not_authorized)
        provider = railway(server)
        service = await the_service(provider)
        assert service.live is not None
        pokes = 0
        async with asyncio.timeout(5), aclosing(provider.watch(service.live)) as watch:
            async for _ in watch:
                pokes += 1
                if pokes == 2:
                    break
        server.streams["OnDeployment"] = not_authorized
        assert await to_the_end(provider, service.live) <= 1
        await provider.aclose()


async def test_a_watch_whose_socket_breaks_is_unreachable() -> None:
    async def status(socket: Stream, _: Json) -> None:
        await socket.close(1011)

    async def events(socket: Stream, _: Json) -> None:
        await socket.hold()

    async with serve(world()) as server:
        server.streams.update(OnDeployment=status, OnDeploymentEvents=events)
        provider = railway(server)
        service = await the_service(provider)
        assert service.live is not None
        with pytest.raises(Unreachable, match="1011"):
            await to_the_end(provider, service.live)
        await provider.aclose()


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (Response("no", 401), ProviderError),
        (Response("slow down", 429, headers={"Retry-After": "9"}), RateLimited),
        (Response("<html><title>Access denied</title>", 403, media_type="text/html"), Unreachable),
        (Response("down", 503), Unreachable),
    ],
)
async def test_a_refused_upgrade_means_what_its_status_means(response: Response, kind: type[ProviderError]) -> None:
    async with serve(world()) as server:
        provider = railway(server)
        service = await the_service(provider)
        server.refuse_upgrade = response
        assert service.live is not None
        with pytest.raises(kind):
            await to_the_end(provider, service.live)
        await provider.aclose()


# -- verbs --------------------------------------------------------------------------------------------


def intent(verb: Verb, service: Service, target: Deployment | None = None, **options: str) -> Intent:
    return Intent("i1", verb, service, target, options={name.replace("_", "-"): v for name, v in options.items()})


async def act(server: GraphQLServer, verb: Verb, *, target: bool = True, **options: str) -> Receipt:
    provider = railway(server)
    try:
        service = await the_service(provider)
        return await provider.handlers[verb].run(intent(verb, service, service.latest if target else None, **options))
    finally:
        await provider.aclose()


@pytest.mark.parametrize(
    ("verb", "operation", "field", "followed"),
    [
        (Verb.RESTART, "Restart", "deploymentRestart", "d1"),
        (Verb.ROLLBACK, "Rollback", "deploymentRollback", None),
        (Verb.STOP, "Stop", "deploymentStop", "d1"),
        (Verb.CANCEL, "Cancel", "deploymentCancel", "d1"),
        (Verb.REMOVE, "Remove", "deploymentRemove", "d1"),
        (Verb.APPROVE, "Approve", "deploymentApprove", "d1"),
    ],
)
async def test_a_verb_is_its_mutation_and_the_receipt_names_what_to_follow(
    verb: Verb, operation: str, field: str, followed: str | None
) -> None:
    async with serve(world(**{operation: lambda _: {field: True}})) as server:
        receipt = await act(server, verb)
        assert receipt.outcome is Outcome.ACCEPTED
        assert (receipt.deployment.id if receipt.deployment else None) == followed
        assert [call.variables for call in server.named(operation)] == [{"id": "d1"}]
        server.answers[operation] = lambda _: {field: False}
        with pytest.raises(Refused):
            await act(server, verb)
        server.answers[operation] = lambda _: {field: None}
        with pytest.raises(OutcomeUnknown):
            await act(server, verb)


async def test_a_redeploy_is_followed_by_its_new_id() -> None:
    made = {"deploymentRedeploy": {"id": "d9", "status": "INITIALIZING"}}
    async with serve(world(Redeploy=lambda _: made)) as server:
        receipt = await act(server, Verb.REDEPLOY, previous_image="yes")
        assert receipt.deployment == Ref("prod", Kind.DEPLOYMENT, "d9")
        await act(server, Verb.REDEPLOY, target=False)
        assert [call.variables for call in server.named("Redeploy")] == [
            {"id": "d1", "usePreviousImageTag": True},
            {"id": "d1"},
        ]
        with pytest.raises(Refused, match="yes or no"):
            await act(server, Verb.REDEPLOY, previous_image="perhaps")


@pytest.mark.parametrize(
    ("options", "operation", "answer", "variables", "followed"),
    [
        ({}, "Deploy", {"serviceInstanceDeployV2": "d9"}, {"environmentId": "e1", "serviceId": "s1"}, "d9"),
        (
            {"commit": "b" * 40},
            "Deploy",
            {"serviceInstanceDeployV2": "d9"},
            {"environmentId": "e1", "serviceId": "s1", "commitSha": "b" * 40},
            "d9",
        ),
        (
            {"trigger": "latest"},
            "DeployLatestCommit",
            {"serviceInstanceDeploy": True},
            {"environmentId": "e1", "serviceId": "s1"},
            None,
        ),
        (
            {"trigger": "connected"},
            "DeployTriggers",
            {"environmentTriggersDeploy": True},
            {"input": {"projectId": "p1", "environmentId": "e1", "serviceId": "s1"}},
            None,
        ),
    ],
)
async def test_a_service_is_deployed_in_each_of_railways_ways(
    options: dict[str, str], operation: str, answer: Json, variables: Json, followed: str | None
) -> None:
    async with serve(world(**{operation: lambda _: answer})) as server:
        receipt = await act(server, Verb.DEPLOY, target=False, **options)
        assert server.named(operation)[0].variables == variables
        assert (receipt.deployment.id if receipt.deployment else None) == followed


@pytest.mark.parametrize(
    "options", [{"commit": "abc"}, {"trigger": "magic"}, {"commit": "b" * 40, "trigger": "latest"}]
)
async def test_options_that_railway_would_not_understand_are_refused_before_they_are_sent(
    options: dict[str, str],
) -> None:
    async with serve(world()) as server:
        with pytest.raises(Refused):
            await act(server, Verb.DEPLOY, target=False, **options)
        assert server.named("Deploy") == []


def deep(message: str) -> Answer:
    """A fault below the mutation's own field: it was done, and what was to be told of it failed."""
    body = errors(message)
    body["errors"][0]["path"] = ["deploymentRestart", "status"]
    return lambda _: JSONResponse(body)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refusal("Not Authorized"), Forbidden),
        (refusal("Deployment not found"), NotFound),
        (refusal("Deployment cannot be restarted right now"), Refused),
        (refusal("Problem processing request"), OutcomeUnknown),
        (refusal("no such field", code="GRAPHQL_VALIDATION_FAILED"), Refused),
        (refusal("Deployment is not stoppable", code="BAD_USER_INPUT"), Refused),
        (refusal("Error in numReplicas - Invalid input", code="BAD_USER_INPUT"), Refused),
        (refusal("Not while maintenance is under way"), Refused),
        (refusal("slow down", code="RATE_LIMITED"), RateLimited),
        (refusal("Could not reach the builder"), OutcomeUnknown),
        (refusal("Failed to restart"), OutcomeUnknown),
        (refusal("context deadline exceeded"), OutcomeUnknown),
        (refusal("Deployment restarted?"), OutcomeUnknown),
        (refusal(""), OutcomeUnknown),
        (deep("Not Authorized"), OutcomeUnknown),
        (lambda _: {"deploymentRestart": None}, OutcomeUnknown),
        (lambda _: {"deploymentRestart": "yes"}, OutcomeUnknown),
        (lambda _: {}, OutcomeUnknown),
        (lambda _: JSONResponse({"data": None}), OutcomeUnknown),
        (lambda _: JSONResponse({"data": 7}), OutcomeUnknown),
        (lambda _: JSONResponse({"data": None, "errors": []}), OutcomeUnknown),
        (lambda _: JSONResponse(7), OutcomeUnknown),
        (lambda _: JSONResponse(errors("Not Authorized"), 499), OutcomeUnknown),
        (lambda _: Response("", 499), OutcomeUnknown),
        (lambda _: Response("", 408), OutcomeUnknown),
        (lambda _: Response("{", 200, media_type="application/json"), OutcomeUnknown),
        (lambda _: Response("gateway", 502), OutcomeUnknown),
        (lambda _: Response("gateway", 504), OutcomeUnknown),
        (lambda _: JSONResponse({"error": {"message": "down", "code": 7}}, 503), OutcomeUnknown),
        (lambda _: Response("<html>", 200, media_type="text/html"), OutcomeUnknown),
        (lambda _: Response("<html><title>no</title>", 403, media_type="text/html"), Refused),
        (lambda _: Response(status_code=600), OutcomeUnknown),
        (lambda _: JSONResponse(errors("slow"), 429, headers={"Retry-After": "3"}), RateLimited),
    ],
)
async def test_a_mutation_is_sent_once_and_only_a_clear_no_is_a_no(answer: Answer, kind: type[ProviderError]) -> None:
    async with serve(world(Restart=answer)) as server:
        with pytest.raises(ProviderError) as raised:
            await act(server, Verb.RESTART)
        assert type(raised.value) is kind
        assert "prod" in raised.value.message
        assert not re.search(r"[{}\[\]]|\w(Error|Exception)\b|\bNone\b", str(raised.value))
        assert len(server.named("Restart")) == 1


async def test_a_yes_beside_a_fault_is_a_yes() -> None:
    body = {**errors("Problem processing request"), "data": {"deploymentRestart": True}}
    async with serve(world(Restart=lambda _: JSONResponse(body))) as server:
        assert (await act(server, Verb.RESTART)).outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("made", [None, 7, "d9"])
async def test_a_redeploy_that_names_no_deployment_may_not_have_been_done(made: object) -> None:
    async with serve(world(Redeploy=lambda _: {"deploymentRedeploy": made})) as server:
        with pytest.raises(OutcomeUnknown):
            await act(server, Verb.REDEPLOY)
        server.answers["Redeploy"] = lambda _: {"deploymentRedeploy": {"id": None}}
        assert (await act(server, Verb.REDEPLOY)).deployment is None


async def test_steps_that_railway_could_not_answer_are_asked_for_later_and_not_refused() -> None:
    """A board at rest on a failed deployment must back off, not take it for a no that another question may change."""
    body = errors("Problem processing request")
    async with serve(world(DeploymentEvents=lambda _: JSONResponse(body))) as server:
        provider = railway(server)
        service = await the_service(provider)
        assert service.latest is not None
        with pytest.raises(ProviderError) as raised:
            await provider.steps(service.latest)
        assert type(raised.value) is Unreachable
        assert len(server.named("DeploymentEvents")) == 1
        await provider.aclose()


async def test_a_commit_that_railway_does_not_know_is_refused_in_its_words() -> None:
    async with serve(world(Deploy=refusal("Commit not found"))) as server:
        with pytest.raises(Refused, match="Commit not found"):
            await act(server, Verb.DEPLOY, target=False, commit="c" * 40)


async def test_an_effect_shows_the_call_without_the_token_and_what_is_lost() -> None:
    async with serve(world()) as server:
        provider = railway(server)
        service = await the_service(provider)
        for verb, handler in provider.handlers.items():
            effect = handler.effect(intent(verb, service, service.latest))
            assert service.name in effect.does
            assert "mutation" in effect.call
            assert TOKEN not in effect.call
            assert effect.warnings, verb
        assert 'deploymentStop(id: "d1")' in provider.handlers[Verb.STOP].effect(intent(Verb.STOP, service)).call
        assert "down" in " ".join(provider.handlers[Verb.REMOVE].effect(intent(Verb.REMOVE, service)).warnings)
        rollback = provider.handlers[Verb.ROLLBACK].effect(intent(Verb.ROLLBACK, service, service.latest))
        assert "new deployment" in rollback.does
        assert any("migrations" in warning for warning in rollback.warnings)
        await provider.aclose()


async def test_what_cannot_be_done_now_is_told_in_words() -> None:
    rows = connection(
        deployment("d2", "BUILDING", createdAt="2026-09-01T13:00:00Z", canRedeploy=False, canRollback=False),
        deployment("d1"),
        deployment("d0", "REMOVED", createdAt="2026-09-01T11:00:00Z", canRedeploy=False, canRollback=True),
        deployment("a0", "NEEDS_APPROVAL", createdAt="2026-09-01T10:00:00Z"),
    )
    async with serve(world(Deployments=lambda _: {"deployments": rows})) as server:
        provider = railway(server)
        service = await the_service(provider)
        under_way, live, removed, waiting = (await provider.deployments(service)).items
        assert "cancel" in (provider.blocked(Verb.STOP, under_way) or "")
        assert provider.blocked(Verb.CANCEL, under_way) is None
        assert provider.blocked(Verb.REDEPLOY, under_way)
        assert provider.blocked(Verb.RESTART, live) is None
        assert "serves" in (provider.blocked(Verb.ROLLBACK, live) or "")
        assert provider.blocked(Verb.ROLLBACK, removed) is None
        assert provider.blocked(Verb.REMOVE, removed)
        assert provider.blocked(Verb.APPROVE, waiting) is None
        assert provider.blocked(Verb.APPROVE, live)
        assert "redeploy" in (provider.blocked(Verb.START, service) or "")
        assert "cancel" in (provider.blocked(Verb.REJECT, waiting) or "")
        await provider.aclose()


async def test_a_watch_that_is_cancelled_at_whatever_step_ends() -> None:
    """Inside the library a cancellation that comes together with an answer is swallowed."""

    async def hold(socket: Stream, _: Json) -> None:
        await socket.hold()

    async with serve(world()) as server:
        server.streams.update(OnDeployment=hold, OnDeploymentEvents=hold)
        provider = railway(server)
        service = await the_service(provider)
        assert service.live is not None
        live = service.live

        async def watch() -> None:
            async for _ in provider.watch(live):
                pass

        for steps in range(0, 120, 2):
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(watch())
                for _ in range(steps):
                    await asyncio.sleep(0)
                watching.cancel()
                await asyncio.wait([watching], timeout=5)
                assert watching.done(), f"cancelled after {steps} steps it goes on"
        await provider.aclose()
