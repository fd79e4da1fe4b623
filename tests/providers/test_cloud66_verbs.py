"""What can be done to a Cloud 66 stack: each request, what is refused before it is sent, how its end is seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import START, FakeClock
from tests.providers.cloud66_server import (
    CUT,
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
    one,
    paged,
    refusal,
    service,
    stack,
    the_deployment,
    the_service,
    world,
)
from tui.model.action import Danger, Effect, Intent, Outcome, Receipt, Verb
from tui.model.entities import Deployment, Service
from tui.model.errors import Forbidden, NotFound, OutcomeUnknown, RateLimited, Refused, Unreachable
from tui.providers.cloud66 import Cloud66Provider

DEPLOY = f"POST stacks/{RAILS}/deployments"
DEPLOY_DOCKER = f"POST stacks/{DOCKER}/deployments"
ACT = f"POST stacks/{RAILS}/actions"
ACT_DOCKER = f"POST stacks/{DOCKER}/actions"
SCHEDULED = one({"id": 108, "message": "Deployment scheduled", "queued": True})


def acting(*stacks: Json, **more: Any) -> Cloud66Server:  # noqa: ANN401
    server = world(*stacks, **more)
    begun = one(action(10, "restart"))
    server.answers = {
        DEPLOY: SCHEDULED,
        DEPLOY_DOCKER: SCHEDULED,
        ACT: begun,
        ACT_DOCKER: begun,
        f"GET stacks/{RAILS}/actions/10": begun,
        **server.answers,
    }
    return server


def intent(
    verb: Verb, service: Service, deployment: Deployment | None = None, options: Mapping[str, str] | None = None
) -> Intent:
    return Intent("i1", verb, service, deployment, options=options or {})


def effect(provider: Cloud66Provider, wanted: Intent) -> Effect:
    return provider.handlers[wanted.verb].effect(wanted)


async def run(provider: Cloud66Provider, wanted: Intent) -> Receipt:
    return await provider.handlers[wanted.verb].run(wanted)


async def refused(server: Cloud66Server, provider: Cloud66Provider, wanted: Intent, words: str) -> None:
    """By the dialog and by the action itself, before anything is sent."""
    with pytest.raises(Refused) as shown:
        effect(provider, wanted)
    with pytest.raises(Refused) as done:
        await run(provider, wanted)
    assert words in str(shown.value)
    assert words in str(done.value)
    assert server.mutations() == []


# -- deploy, redeploy -----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [Verb.REDEPLOY, Verb.DEPLOY])
async def test_a_redeploy_sends_only_what_is_set_and_a_reference_of_its_own(verb: Verb) -> None:
    server = acting()
    async with cloud66(server) as provider:
        wanted = intent(verb, await the_service(provider))
        shown = effect(provider, wanted)
        receipt = await run(provider, wanted)
    (call,) = server.mutations()
    assert (call.name, call.body) == (DEPLOY, {"user_reference": "deckwatch-i1"})
    assert shown.call.endswith('/api/3/stacks/5999…/deployments {"user_reference":"deckwatch-i1"}')
    assert receipt.outcome is Outcome.ACCEPTED
    assert receipt.deployment is None, "the id in the answer may be the action's"
    assert receipt.message == "Deployment scheduled (it may wait for another deployment)"


async def test_every_option_of_a_stack_of_code_is_sent() -> None:
    server = acting()
    options = {"git-ref": "v1.2/rc", "profile": "night", "strategy": "rolling"}
    async with cloud66(server) as provider:
        await run(provider, intent(Verb.DEPLOY, await the_service(provider), options=options))
    assert server.mutations()[0].body == {
        "git_ref": "v1.2/rc",
        "deployment_profile": "night",
        "deploy_strategy": "rolling",
        "user_reference": "deckwatch-i1",
    }


async def test_every_option_of_a_docker_stack_is_sent() -> None:
    server = acting()
    options = {"services": "web:v2, api:registry.example:5000/api:v7,cron", "strategy": "serial"}
    async with cloud66(server) as provider:
        await run(provider, intent(Verb.DEPLOY, await the_service(provider, "feeds"), options=options))
    assert server.mutations()[0].body == {
        "services": "web:v2,api:registry.example:5000/api:v7,cron",
        "deploy_strategy": "serial",
        "user_reference": "deckwatch-i1",
    }


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("feeds", {"git-ref": "main"}, "docker stack"),
        ("shop", {"services": "web:v2"}, "no docker stack"),
        ("feeds", {"services": "web:"}, "web:tag"),
        ("feeds", {"services": "web:v1,,api"}, "web:tag"),
        ("feeds", {"services": "nope:v1"}, "no service 'nope'"),
        ("shop", {"git-ref": "a b"}, "blanks"),
        ("shop", {"git-ref": "a\nb"}, "one line"),
        ("shop", {"profile": "x" * 256}, "at most 255"),
        ("shop", {"strategy": "yolo"}, "one of serial, parallel, rolling, fast"),
        ("shop", {"strategy": "fast"}, "Kubernetes"),
        ("feeds", {"strategy": "rolling"}, "Rails and Rack"),
        ("shop", {"branch": "main"}, "no option 'branch'"),
    ],
)
async def test_nonsense_is_refused_before_anything_is_sent(name: str, options: dict[str, str], words: str) -> None:
    server = acting(services=[service("web", container("web.one"))])
    async with cloud66(server) as provider:
        provider.focus((await the_service(provider, "feeds")).ref)
        await refused(server, provider, intent(Verb.DEPLOY, await the_service(provider, name), options=options), words)


async def test_a_redeploy_of_an_older_deployment_says_that_it_is_none() -> None:
    async with cloud66(acting()) as provider:
        shop = await the_service(provider)
        shown = effect(provider, intent(Verb.REDEPLOY, shop, await the_deployment(provider, shop, 106)))
    assert any("rollback does" in each for each in shown.warnings)


async def test_a_redeploy_while_one_is_under_way_says_that_it_waits() -> None:
    rows = {"shop": [deploying(108), deployment(107, is_live=True)]}
    async with cloud66(acting(stack(status=6), deployments=rows)) as provider:
        shown = effect(provider, intent(Verb.REDEPLOY, await the_service(provider)))
    assert any("waits for its end" in each for each in shown.warnings)


# -- the end of a redeploy --------------------------------------------------------------------------------


async def test_a_redeploy_is_followed_by_its_reference_and_asked_for_no_oftener_than_planned() -> None:
    actions: list[Json] = [action(9, ended=True, metadata={"user_reference": "somebody else"})]
    server, clock = acting(actions=actions), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        receipt = await run(provider, intent(Verb.REDEPLOY, await the_service(provider)))
        assert (await provider.progress(receipt)).ok is None
        actions.insert(0, action(40, metadata={"user_reference": "deckwatch-i1"}))
        server.calls.clear()
        for _ in range(20):
            await clock.advance(1)
            assert (await provider.progress(receipt)).ok is None
        assert len(server.calls) == 4
        assert server.calls[0].query == {"user_reference": "deckwatch-i1"}
        await clock.advance(60)
        server.calls.clear()
        for _ in range(24):
            await clock.advance(1)
            await provider.progress(receipt)
        assert len(server.calls) == 2
        actions[0] |= {"finished_at": "x", "finished_success": "true", "finished_message": "Completed successfully"}
        await clock.advance(12)
        end = await provider.progress(receipt)
    assert (end.ok, end.message) == (True, "Completed successfully")


@pytest.mark.parametrize(
    ("success", "ok"),
    [(True, True), ("true", True), ("True", True), (False, False), ("false", False), (None, None), ({}, None)],
)
async def test_how_it_ended_is_read_in_all_spellings(success: object, ok: bool | None) -> None:
    ended = action(40, ended=success, finished_at="2026-03-14T03:02:00Z", metadata={"user_reference": "deckwatch-i1"})
    async with cloud66(acting(actions=[ended])) as provider:
        receipt = await run(provider, intent(Verb.REDEPLOY, await the_service(provider)))
        assert (await provider.progress(receipt)).ok is ok


async def test_a_server_that_knows_no_references_is_followed_by_the_actions_id() -> None:
    answer = one({"ok": True, "message": "Stack queued for redeployment", "async_action_id": 40, "queued": False})
    server = acting(actions=[action(41, ended=True, metadata=None)])
    server.answers[DEPLOY] = answer
    server.answers[f"GET stacks/{RAILS}/actions"] = paged([action(41, ended=True)])
    server.answers[f"GET stacks/{RAILS}/actions/40"] = action(40, ended=False, finished_message="it broke")
    async with cloud66(server) as provider:
        receipt = await run(provider, intent(Verb.REDEPLOY, await the_service(provider)))
        end = await provider.progress(receipt)
    assert receipt.message == "Stack queued for redeployment"
    assert (end.ok, end.message) == (False, "it broke")


async def test_without_any_action_the_deployment_that_came_after_decides() -> None:
    rows = [deployment(107, is_live=True)]
    server, clock = acting(deployments={"shop": rows}), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        receipt = await run(provider, intent(Verb.REDEPLOY, await the_service(provider)))
        await clock.advance(70)
        assert (await provider.progress(receipt)).ok is None
        rows.insert(0, deploying(108, started_at="2026-03-14T03:00:02Z"))
        await clock.advance(15)
        assert (await provider.progress(receipt)).ok is None
        rows[0] |= deployment(108, "failed", started_at="2026-03-14T03:00:02Z") | {"is_deploying": False}
        await clock.advance(15)
        end = await provider.progress(receipt)
    assert (end.ok, end.message) == (False, "deployment 108 is failed")


async def test_an_operation_that_is_none_is_not_found() -> None:
    async with cloud66(acting()) as provider:
        wanted = intent(Verb.REDEPLOY, await the_service(provider))
        with pytest.raises(NotFound):
            await provider.progress(Receipt(wanted, Outcome.ACCEPTED, START, operation="odd"))


async def test_after_an_action_the_stack_is_read_with_every_picture_for_a_while() -> None:
    server, clock = acting(), FakeClock()
    async with cloud66(server, clock=clock) as provider:
        await run(provider, intent(Verb.REDEPLOY, await the_service(provider)))
        server.calls.clear()
        for _ in range(12):
            await clock.advance(10)
            await provider.snapshot()
    assert len(server.named(f"GET stacks/{RAILS}/deployments")) == 5


# -- rollback and cancel ----------------------------------------------------------------------------------


async def test_a_rollback_deploys_the_older_commit_and_says_what_it_does_not_undo() -> None:
    older = "a" * 40
    server = acting(deployments={"shop": [deployment(107, is_live=True), deployment(106, git_hash=older)]})
    async with cloud66(server) as provider:
        shop = await the_service(provider)
        wanted = intent(Verb.ROLLBACK, shop, await the_deployment(provider, shop, 106))
        shown = effect(provider, wanted)
        await run(provider, wanted)
    assert server.mutations()[0].body == {"git_ref": older, "user_reference": "deckwatch-i1"}
    assert shown.does == "Redeploys the older commit of deployment 106 (aaaaaaa) to shop in production."
    assert any("migrations only run forward" in each for each in shown.warnings)
    assert any("database is not restored" in each for each in shown.warnings)


async def test_a_rollback_wants_a_deployment_and_no_docker_stack() -> None:
    server = acting()
    async with cloud66(server) as provider:
        await refused(server, provider, intent(Verb.ROLLBACK, await the_service(provider)), "which deployment")
        feeds = await the_service(provider, "feeds")
        older = await the_deployment(provider, feeds, 106)
        await refused(server, provider, intent(Verb.ROLLBACK, feeds, older), "image tag")


async def test_a_cancel_is_a_request_and_is_followed_until_it_ended() -> None:
    rows = [deploying(108), deployment(107, is_live=True)]
    path = f"stacks/{RAILS}/deployments/108"
    server, clock = acting(stack(status=6), deployments={"shop": rows}), FakeClock()
    server.answers[f"DELETE {path}"] = one({"ok": True, "message": "Cancelling deployment"})
    async with cloud66(server, clock=clock) as provider:
        shop = await the_service(provider)
        assert provider.blocked(Verb.CANCEL, shop) is None
        shown = effect(provider, intent(Verb.CANCEL, shop))
        receipt = await run(provider, intent(Verb.CANCEL, shop))
        assert (await provider.progress(receipt)).ok is None
        server.answers[f"GET {path}"] = one(deployment(108, "failed"))
        await clock.advance(5)
        end = await provider.progress(receipt)
    assert shown.call.startswith("DELETE ")
    assert (server.mutations()[0].name, server.mutations()[0].body) == (f"DELETE {path}", None)
    assert receipt.message == "Cancelling deployment"
    assert receipt.deployment is not None
    assert receipt.deployment.id == "108"
    assert (end.ok, end.message) == (True, "cancelled; Cloud 66 shows it as failed")


async def test_a_cancel_that_came_too_late_did_not_go_well() -> None:
    server = acting(stack(status=6), deployments={"shop": [deploying(108)]})
    server.answers[f"DELETE stacks/{RAILS}/deployments/108"] = one({"ok": True, "message": "Deployment cancelled"})
    async with cloud66(server) as provider:
        receipt = await run(provider, intent(Verb.CANCEL, await the_service(provider)))
        server.answers[f"GET stacks/{RAILS}/deployments/108"] = one(deployment(108, is_live=True))
        end = await provider.progress(receipt)
    assert (end.ok, end.message) == (False, "it went live before it could be cancelled")


async def test_what_is_not_listed_yet_cannot_be_cancelled() -> None:
    server = acting(stack(status=5))
    async with cloud66(server) as provider:
        shop = await the_service(provider)
        assert "not listed" in (provider.blocked(Verb.CANCEL, shop) or "")
        await refused(server, provider, intent(Verb.CANCEL, shop), "not listed")


# -- restart, stop, start -----------------------------------------------------------------------------------


CONTAINERS = [
    service("web", container("web.one", uid="c0ffee00" * 8), container("web.two", uid="deadbeef" * 8)),
    service("worker", container("worker.one", "worker", uid="ab" * 32)),
]
PROCESSES: list[Json] = [{"name": "worker", "servers": {"Lion": 1}}, {"name": "mailer", "servers": {"Lion": 1}}]


@pytest.mark.parametrize(
    ("verb", "name", "options", "body"),
    [
        (Verb.RESTART, "shop", {}, {"command": "restart"}),
        (Verb.RESTART, "feeds", {"service": "web"}, {"command": "service_restart", "service_name": "web"}),
        (
            Verb.RESTART,
            "feeds",
            {"service": "web", "server": "abc"},
            {"command": "service_restart", "service_name": "web", "server_uid": "abc"},
        ),
        (
            Verb.RESTART,
            "feeds",
            {"container": "web.two"},
            {"command": "container_restart", "container_id": "deadbeef" * 8},
        ),
        (
            Verb.RESTART,
            "feeds",
            {"container": "c0ffee00"},
            {"command": "container_restart", "container_id": "c0ffee00" * 8},
        ),
        (Verb.RESTART, "shop", {"process": "worker"}, {"command": "process_restart", "process_name": "worker"}),
        (Verb.STOP, "feeds", {"service": "worker"}, {"command": "service_pause", "service_name": "worker"}),
        (Verb.START, "feeds", {"service": "worker"}, {"command": "service_resume", "service_name": "worker"}),
        (Verb.STOP, "shop", {"process": "mailer"}, {"command": "process_pause", "process_name": "mailer"}),
        (Verb.START, "shop", {"process": "mailer"}, {"command": "process_resume", "process_name": "mailer"}),
        (Verb.STOP, "shop", {}, {"command": "maintenance_mode", "value": 1}),
    ],
)
async def test_each_action_is_the_one_command_that_it_says(
    verb: Verb, name: str, options: dict[str, str], body: Json
) -> None:
    server = acting(services=CONTAINERS, processes=PROCESSES)
    async with cloud66(server) as provider:
        chosen = await the_service(provider, name)
        provider.focus(chosen.ref)
        wanted = intent(verb, await the_service(provider, name), options=options)
        shown = effect(provider, wanted)
        receipt = await run(provider, wanted)
    (call,) = server.mutations()
    assert call.body == {**body, "user_reference": "deckwatch-i1"}
    assert all(str(value) in shown.call for value in body.values())
    assert shown.does.endswith(".")
    assert receipt.message == "action 10 has begun"


async def test_a_restart_of_a_whole_stack_warns_of_the_databases_and_wants_to_be_typed() -> None:
    async with cloud66(acting(services=CONTAINERS)) as provider:
        feeds = await the_service(provider, "feeds")
        whole = effect(provider, intent(Verb.RESTART, feeds))
        part = effect(provider, intent(Verb.RESTART, feeds, options={"service": "web"}))
    assert whole.danger is Danger.TYPE
    assert "nginx and the databases" in whole.warnings[0]
    assert part.danger is Danger.ASK


async def test_what_does_not_fit_is_refused_with_what_there_is() -> None:
    server = acting(services=CONTAINERS, processes=PROCESSES)
    async with cloud66(server) as provider:
        for name in ("shop", "feeds"):
            provider.focus((await the_service(provider, name)).ref)
            await provider.snapshot()
        shop, feeds = await the_service(provider), await the_service(provider, "feeds")
        for wanted, words in [
            (intent(Verb.STOP, feeds), "web, worker"),
            (intent(Verb.START, feeds), "2 services"),
            (intent(Verb.RESTART, feeds, options={"service": "nope"}), "It has web, worker"),
            (intent(Verb.RESTART, feeds, options={"process": "worker"}), "Use the option service"),
            (intent(Verb.RESTART, shop, options={"service": "web"}), "Use the option process"),
            (intent(Verb.RESTART, shop, options={"container": "x"}), "no containers"),
            (intent(Verb.RESTART, feeds, options={"container": "nope"}), "no container"),
            (intent(Verb.RESTART, feeds, options={"service": "web", "container": "web.one"}), "One at a time"),
            (intent(Verb.RESTART, feeds, options={"server": "abc"}), "goes with"),
            (intent(Verb.START, shop), "not in maintenance mode"),
            (intent(Verb.STOP, feeds, options={"container": "web.one"}), "no option"),
        ]:
            await refused(server, provider, wanted, words)


async def test_the_only_service_of_a_docker_stack_is_paused_by_default_after_a_look() -> None:
    server = acting(services=[service("web", container("web.one"))])
    async with cloud66(server) as provider:
        wanted = intent(Verb.STOP, await the_service(provider, "feeds"))
        shown = effect(provider, wanted)
        await run(provider, wanted)
        assert '{"command":"service_pause","service_name":"web",' in effect(provider, wanted).call
    assert "its only service" in shown.call
    (call,) = server.mutations()
    assert (call.body["command"], call.body["service_name"]) == ("service_pause", "web")


async def test_a_docker_stack_of_several_services_is_refused_after_a_look_and_nothing_is_sent() -> None:
    server = acting(services=CONTAINERS)
    async with cloud66(server) as provider:
        with pytest.raises(Refused, match="2 services"):
            await run(provider, intent(Verb.STOP, await the_service(provider, "feeds")))
    assert server.mutations() == []


async def test_maintenance_mode_is_taken_off_by_start() -> None:
    server = acting(stack(maintenance_mode=True))
    async with cloud66(server) as provider:
        shop = await the_service(provider)
        await refused(server, provider, intent(Verb.STOP, shop), "already")
        await run(provider, intent(Verb.START, shop))
    assert server.mutations()[0].body == {"command": "maintenance_mode", "value": 0, "user_reference": "deckwatch-i1"}


async def test_a_stack_of_neither_kind_is_told_its_processes() -> None:
    server = acting(stack(framework="nodejs"), processes=PROCESSES)
    async with cloud66(server) as provider:
        provider.focus((await the_service(provider)).ref)
        await refused(server, provider, intent(Verb.STOP, await the_service(provider)), "worker, mailer")


@pytest.mark.parametrize("shape", ["object", "bare"])
async def test_an_action_is_followed_to_its_end_in_every_shape_of_answer(shape: str) -> None:
    begun: Any = {
        "object": one(action(10, "restart")),
        "bare": action(10, "restart"),
    }[shape]
    server, clock = acting(), FakeClock()
    server.answers[ACT] = begun
    async with cloud66(server, clock=clock) as provider:
        receipt = await run(provider, intent(Verb.RESTART, await the_service(provider)))
        assert (await provider.progress(receipt)).ok is None
        server.answers[f"GET stacks/{RAILS}/actions/10"] = one(action(10, "restart", ended=True))
        assert (await provider.progress(receipt)).ok is None, "not asked again so soon"
        await clock.advance(5)
        end = await provider.progress(receipt)
    assert (end.ok, end.message) == (True, "Completed")


# -- what goes wrong ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "expected", "words"),
    [
        (CUT, OutcomeUnknown, "not known"),
        (refusal(500, "oops"), OutcomeUnknown, "not known"),
        (refusal(503, "unavailable"), OutcomeUnknown, "not known"),
        (refusal(408, "time_out"), OutcomeUnknown, "not known"),
        (Response("<html>", 200, media_type="text/html"), OutcomeUnknown, "not known"),
        (Response("", 200), OutcomeUnknown, "not known"),
        (JSONResponse({"response": {}}), OutcomeUnknown, "not known"),
        (refusal(403, "forbidden"), Forbidden, "the scope redeploy"),
        (refusal(409, "conflict", details="a deployment is running"), Refused, "a deployment is running"),
        (refusal(402, "trial_expired"), Refused, "trial"),
        (refusal(503, "throttled"), RateLimited, "used up"),
        (refusal(503, "not_implemented"), Refused, "does not offer"),
        (JSONResponse({"response": {"ok": False, "message": "Stack is locked"}}), Refused, "Stack is locked"),
    ],
)
async def test_an_answer_that_is_none_is_an_unknown_outcome_and_nothing_is_sent_twice(
    answer: Any,  # noqa: ANN401
    expected: type[Exception],
    words: str,
) -> None:
    server = acting()
    async with cloud66(server) as provider:
        shop = await the_service(provider)
        server.answers[DEPLOY] = answer
        with pytest.raises(expected, match=words) as caught:
            await run(provider, intent(Verb.REDEPLOY, shop))
    assert type(caught.value) is expected
    assert len(server.mutations()) == 1
    if isinstance(caught.value, Forbidden):
        assert caught.value.scope == "redeploy"


async def test_an_action_on_a_closed_account_is_no_unknown_outcome() -> None:
    server = acting()
    async with cloud66(server) as provider:
        shop = await the_service(provider)
    async with cloud66(server) as gone:
        await gone.aclose()
        with pytest.raises(Unreachable) as caught:
            await run(gone, intent(Verb.REDEPLOY, shop))
    assert not isinstance(caught.value, OutcomeUnknown)
    assert server.mutations() == []


async def test_a_warning_beside_the_answer_is_in_the_receipt() -> None:
    server = acting()
    server.answers[DEPLOY] = JSONResponse(SCHEDULED, headers={"X-Cloud66-Warning": "Old stack version"})
    async with cloud66(server) as provider:
        receipt = await run(provider, intent(Verb.REDEPLOY, await the_service(provider)))
    assert receipt.message.endswith("Old stack version")


async def test_an_action_without_an_id_is_accepted_and_nobody_waits_for_it_in_vain() -> None:
    server = acting()
    server.answers[ACT] = one({"ok": True, "message": "Restarting"})
    async with cloud66(server) as provider:
        receipt = await run(provider, intent(Verb.RESTART, await the_service(provider)))
    assert (receipt.outcome, receipt.message, receipt.operation) == (Outcome.ACCEPTED, "Restarting", "")


async def test_every_option_is_explained() -> None:
    async with cloud66(acting(docker())) as provider:
        for handler in provider.handlers.values():
            assert all(len(help_) > 10 for help_ in handler.options.values())
