"""Whether a Cloud 66 action arrived whose answer was lost: shown by what only it can have caused, or not known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tests.clocks import START, FakeClock
from tests.providers.cloud66_server import (
    CUT,
    DOCKER,
    RAILS,
    SHA,
    Cloud66Server,
    Json,
    action,
    cloud66,
    container,
    deploying,
    deployment,
    one,
    service,
    stack,
    the_service,
    world,
)
from tui.model.action import Intent, Outcome, Progress, Receipt, Verb
from tui.model.entities import Service
from tui.model.errors import OutcomeUnknown
from tui.providers.cloud66 import Cloud66Provider

ADA = "ada@acme.example"
ELSE = "jweber@acme.example"
OURS = {"user_reference": "deckwatch-i1"}
SINCE = START - timedelta(seconds=5)
ACT = f"POST stacks/{RAILS}/actions"
ACT_DOCKER = f"POST stacks/{DOCKER}/actions"
DEPLOY = f"POST stacks/{RAILS}/deployments"


class Platform:
    """A Cloud 66 of which a test decides what its actions are and whether it keeps references."""

    def __init__(self, **more: Any) -> None:  # noqa: ANN401
        self.actions: list[Json] = []
        self.rows: list[Json] = [deployment(107, is_live=True), deployment(106)]
        self.server: Cloud66Server = world(
            deployments={"shop": self.rows, "feeds": self.rows},
            actions=self.actions,
            services=[service("web", container("a")), service("worker", container("b"))],
            **more,
        )

    def began(self, id_: int, what: str, **more: Any) -> None:  # noqa: ANN401
        """Newest first, as the platform lists them."""
        self.actions.insert(0, action(id_, what, **more))


@asynccontextmanager
async def playing(platform: Platform, *, known: bool = True) -> AsyncIterator[Cloud66Provider]:
    """`known`: an earlier command has shown whose the token is."""
    async with cloud66(platform.server, clock=FakeClock()) as provider:
        if known:
            feeds = await the_service(provider, "feeds")
            platform.server.answers[ACT_DOCKER] = one(action(5, "service_restart", user=ADA))
            await provider.handlers[Verb.RESTART].run(
                Intent("i0", Verb.RESTART, feeds, options={"service": "web"}),
            )
            del platform.server.answers[ACT_DOCKER]
        yield provider


async def lost(platform: Platform, provider: Cloud66Provider, wanted: Intent) -> None:
    """The request goes out, and its answer does not come."""
    for name in (ACT, ACT_DOCKER, DEPLOY, f"POST stacks/{DOCKER}/deployments"):
        platform.server.answers[name] = CUT
    with pytest.raises(OutcomeUnknown):
        await provider.handlers[wanted.verb].run(wanted)


def restart(service: Service, /, **options: str) -> Intent:
    return Intent("i1", Verb.RESTART, service, options=options)


# -- redeploy, deploy, rollback -----------------------------------------------------------------------------


async def test_a_redeploy_that_arrived_is_found_by_its_reference() -> None:
    platform = Platform()
    async with playing(platform, known=False) as provider:
        wanted = Intent("i1", Verb.REDEPLOY, await the_service(provider))
        await lost(platform, provider, wanted)
        platform.began(40, "application_deployment", metadata=OURS)
        platform.began(41, "application_deployment", user=ELSE, metadata={"user_reference": "deckwatch-else"})
        found = await provider.trace(wanted, SINCE)
        assert found is not None
        platform.actions[1] |= {"finished_at": "2026-03-14T03:02:00Z", "finished_success": True}
        end = await provider.progress(found)
    assert (found.outcome, found.message) == (Outcome.ACCEPTED, "action 40")
    assert end.ok is True


@pytest.mark.parametrize("via", ["api", "web", "hook"])
async def test_a_redeploy_of_somebody_else_in_the_same_second_is_not_ours(via: str) -> None:
    platform = Platform()
    async with playing(platform) as provider:
        wanted = Intent("i1", Verb.REDEPLOY, await the_service(provider))
        await lost(platform, provider, wanted)
        platform.began(40, "application_deployment", user=ELSE, started_via=via)
        platform.rows.insert(0, deploying(108, started_at="2026-03-14T03:00:01Z", triggered_by=ELSE))
        assert await provider.trace(wanted, SINCE) is None


async def test_a_platform_that_keeps_no_references_leaves_a_lost_redeploy_unknown() -> None:
    platform = Platform()
    async with playing(platform) as provider:
        wanted = Intent("i1", Verb.REDEPLOY, await the_service(provider))
        await lost(platform, provider, wanted)
        platform.began(40, "application_deployment")
        assert await provider.trace(wanted, SINCE) is None


# -- restart, stop, start -----------------------------------------------------------------------------------


async def test_a_command_that_arrived_is_found_by_its_reference_whoever_we_are() -> None:
    platform = Platform()
    async with playing(platform, known=False) as provider:
        wanted = restart(await the_service(provider))
        await lost(platform, provider, wanted)
        platform.began(40, "restart", metadata=OURS)
        platform.began(41, "restart", metadata={"user_reference": "deckwatch-else"})
        found = await provider.trace(wanted, SINCE)
    assert found is not None
    assert (found.message, found.operation) == ("action 40 (restart)", "action:40:")


async def test_without_references_the_one_command_of_our_own_user_is_ours() -> None:
    platform = Platform()
    async with playing(platform) as provider:
        wanted = restart(await the_service(provider))
        await lost(platform, provider, wanted)
        platform.began(40, "restart", user="Ada@Acme.example")
        platform.began(41, "restart", user=ELSE)
        found = await provider.trace(wanted, SINCE)
    assert found is not None
    assert found.operation == "action:40:"


NOT_OURS: dict[str, Json] = {
    "of another user": {"user": ELSE},
    "of nobody": {"user": None},
    "by the dashboard": {"started_via": "web"},
    "by nothing that is told": {"started_via": None},
    "from before": {"started_at": "2026-03-14T02:59:54Z"},
    "without a time": {"started_at": None},
    "of another command": {"action": "service_restart"},
    "with another reference": {"metadata": {"user_reference": "deckwatch-else"}},
}


@pytest.mark.parametrize("difference", NOT_OURS)
async def test_a_command_that_never_arrived_is_not_found_in_another(difference: str) -> None:
    platform = Platform()
    async with playing(platform) as provider:
        wanted = restart(await the_service(provider))
        await lost(platform, provider, wanted)
        platform.began(40, "restart", **{"user": ADA, **NOT_OURS[difference]})
        assert await provider.trace(wanted, SINCE) is None


async def test_two_commands_that_fit_are_not_told_apart() -> None:
    platform = Platform()
    async with playing(platform) as provider:
        wanted = restart(await the_service(provider))
        await lost(platform, provider, wanted)
        platform.began(40, "restart", user=ADA)
        platform.began(41, "restart", user=ADA)
        assert await provider.trace(wanted, SINCE) is None


async def test_nobody_knows_whose_a_command_is_while_our_own_user_is_unknown() -> None:
    platform = Platform()
    async with playing(platform, known=False) as provider:
        wanted = restart(await the_service(provider))
        await lost(platform, provider, wanted)
        platform.began(40, "restart", user=ADA)
        assert await provider.trace(wanted, SINCE) is None


async def test_an_action_that_cannot_be_read_might_be_another_that_fits() -> None:
    platform = Platform()
    async with playing(platform) as provider:
        wanted = restart(await the_service(provider))
        await lost(platform, provider, wanted)
        platform.began(40, "restart", user=ADA)
        platform.actions.append({"action": "restart"})
        assert await provider.trace(wanted, SINCE) is None


@pytest.mark.parametrize(("told", "ours"), [("web", True), ("worker", False)])
async def test_a_command_for_another_service_is_not_ours_where_the_action_tells(told: str, ours: bool) -> None:
    platform = Platform()
    async with playing(platform) as provider:
        wanted = restart(await the_service(provider, "feeds"), service="web")
        await lost(platform, provider, wanted)
        platform.began(40, "service_restart", user=ADA, metadata={"service_name": told})
        assert (await provider.trace(wanted, SINCE) is not None) is ours


async def test_where_references_of_commands_come_back_one_without_is_not_ours() -> None:
    platform = Platform()
    async with playing(platform) as provider:
        earlier = restart(await the_service(provider))
        await lost(platform, provider, earlier)
        platform.began(40, "restart", metadata=OURS)
        assert await provider.trace(earlier, SINCE) is not None
        later = Intent("i2", Verb.RESTART, earlier.service)
        platform.began(41, "restart", user=ADA)
        assert await provider.trace(later, SINCE) is None


@pytest.mark.parametrize(
    ("verb", "options", "command"),
    [
        (Verb.STOP, {"service": "web"}, "service_pause"),
        (Verb.START, {"service": "web"}, "service_resume"),
        (Verb.RESTART, {"container": "a"}, "container_restart"),
    ],
)
async def test_each_verb_is_found_by_its_own_command(verb: Verb, options: dict[str, str], command: str) -> None:
    platform = Platform()
    async with playing(platform) as provider:
        provider.focus((await the_service(provider, "feeds")).ref)
        wanted = Intent("i1", verb, await the_service(provider, "feeds"), options=options)
        await lost(platform, provider, wanted)
        platform.began(40, command, user=ADA)
        platform.began(41, "restart", user=ADA)
        found = await provider.trace(wanted, SINCE)
    assert found is not None
    assert found.operation == "action:40:"


# -- cancel -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "arrived"),
    [
        (deployment(108, "failed"), True),
        (deployment(108, "cancelled"), True),
        (deployment(108, "aborted"), True),
        (deploying(108), False),
        (deployment(108, is_live=True), False),
        (deployment(108, "pending"), False),
        (deployment(108) | {"outcome": {}}, False),
        (deployment(108, "failed") | {"is_deploying": "?"}, False),
        (deployment(108, "aborted", finished_at=None), False),
    ],
)
async def test_a_cancel_arrived_where_its_deployment_ended_without_going_live(row: Json, arrived: bool) -> None:
    server = world(stack(status=6), deployments={"shop": [deploying(108), deployment(107, is_live=True)]})
    server.answers[f"DELETE stacks/{RAILS}/deployments/108"] = CUT
    async with cloud66(server) as provider:
        wanted = Intent("i1", Verb.CANCEL, await the_service(provider))
        with pytest.raises(OutcomeUnknown):
            await provider.handlers[Verb.CANCEL].run(wanted)
        server.answers[f"GET stacks/{RAILS}/deployments/108"] = one(row)
        found = await provider.trace(wanted, SINCE)
        assert (found is not None) is arrived
        if found is not None:
            assert (await provider.progress(found)).ok is True


# -- an accepted redeploy of which no action is shown ---------------------------------------------------------


async def accepted(
    rows: list[Json], answer: Json, verb: Verb = Verb.REDEPLOY, *, user: str = ADA, **options: str
) -> Progress:
    """How it goes a minute and more after it was accepted, while Cloud 66 lists no action with our reference."""
    platform, clock = Platform(), FakeClock()
    platform.server.answers[DEPLOY] = one(answer)
    platform.server.answers[ACT] = one(action(5, "restart", user=user))
    async with cloud66(platform.server, clock=clock) as provider:
        shop = await the_service(provider)
        if user:
            await provider.handlers[Verb.RESTART].run(Intent("i0", Verb.RESTART, shop))
        receipt = await provider.handlers[verb].run(Intent("i1", verb, shop, options=options))
        platform.rows[:0] = rows
        await clock.advance(90)
        return await provider.progress(receipt)


def began(id_: int, outcome: str = "success", **more: Any) -> Json:  # noqa: ANN401
    told = {"triggered_via": {"code": 1, "meaning": "api"}, "triggered_by": ADA, "is_live": outcome == "success"}
    return deployment(id_, outcome, started_at="2026-03-14T03:00:02Z") | told | more


SCHEDULED: Json = {"id": 555, "message": "Deployment scheduled", "queued": True}


@pytest.mark.parametrize(
    ("outcome", "ok", "said"),
    [("success", True, "deployment 108 is live"), ("failed", False, "deployment 108 is failed")],
)
async def test_the_only_deployment_of_our_own_user_through_the_api_tells_the_end(
    outcome: str, ok: bool, said: str
) -> None:
    assert await accepted([began(108, outcome)], SCHEDULED) == Progress(ok, said)


@pytest.mark.parametrize(
    "difference",
    [
        {"triggered_by": ELSE},
        {"triggered_via": {"code": 0, "meaning": "web"}},
        {"triggered_via": {"code": 2, "meaning": "hook"}},
        {"triggered_by": None},
        {"started_at": "2026-03-14T02:59:40Z"},
        {"started_at": None},
    ],
)
async def test_a_deployment_that_only_came_after_an_accepted_one_does_not_tell_its_end(difference: Json) -> None:
    end = await accepted([began(108, **difference)], SCHEDULED)
    assert end.ok is None
    assert "does not show which deployment it made" in end.message


async def test_what_began_instead_is_named() -> None:
    end = await accepted([began(108, triggered_by=ELSE)], SCHEDULED)
    assert "deployment 108 began since, and may not be its own" in end.message


async def test_two_deployments_that_fit_are_not_told_apart() -> None:
    assert (await accepted([began(109, "failed"), began(108)], SCHEDULED)).ok is None


async def test_while_our_own_user_is_unknown_the_revision_that_was_asked_for_tells() -> None:
    commit = "f" * 40
    rows = [began(109, git_hash=SHA, is_live=False), began(108, git_hash=commit)]
    assert (await accepted(rows[1:], SCHEDULED, Verb.DEPLOY, user="")).ok is None
    end = await accepted(rows, SCHEDULED, Verb.DEPLOY, user="", **{"git-ref": commit[:12]})
    assert end == Progress(True, "deployment 108 is live")


async def test_another_revision_than_was_asked_for_is_never_ours() -> None:
    end = await accepted([began(108, git_hash=SHA)], SCHEDULED, Verb.DEPLOY, **{"git-ref": "f" * 40})
    assert end.ok is None


async def test_the_number_in_the_answer_is_the_deployment_that_it_made() -> None:
    rows = [began(109, "failed"), began(108)]
    assert (await accepted(rows, {**SCHEDULED, "id": 108})) == Progress(True, "deployment 108 is live")


async def test_an_action_that_ended_without_a_word_is_judged_by_its_deployment() -> None:
    platform, clock = Platform(), FakeClock()
    platform.server.answers[DEPLOY] = one(SCHEDULED)
    async with cloud66(platform.server, clock=clock) as provider:
        shop = await the_service(provider)
        receipt = await provider.handlers[Verb.REDEPLOY].run(Intent("i1", Verb.REDEPLOY, shop))
        platform.began(40, "application_deployment", metadata=OURS, finished_at="2026-03-14T03:02:00Z")
        await clock.advance(5)
        assert (await provider.progress(receipt)).ok is None
        platform.rows.insert(0, began(108))
        await clock.advance(5)
        end = await provider.progress(receipt)
    assert end == Progress(True, "deployment 108 is live")


async def test_a_command_that_ended_without_a_word_did_not_fail_for_that() -> None:
    platform, clock = Platform(), FakeClock()
    platform.server.answers[ACT] = one(action(10, "restart"))
    ended = action(10, "restart", finished_at="2026-03-14T03:02:00Z", finished_success={})
    platform.server.answers[f"GET stacks/{RAILS}/actions/10"] = one(ended)
    async with cloud66(platform.server, clock=clock) as provider:
        receipt = await provider.handlers[Verb.RESTART].run(restart(await the_service(provider)))
        end = await provider.progress(receipt)
    assert (end.ok, end.message) == (None, "action 10 ended; Cloud 66 does not say how")


# -- answers that do not say yes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"message": "Stack is locked"},
        {"ok": None, "message": "?"},
        {"ok": {}, "id": 108},
        {"ok": "perhaps"},
        {"id": [], "queued": []},
    ],
)
async def test_an_answer_that_does_not_say_yes_is_no_acceptance(answer: Json) -> None:
    server = world(answers={DEPLOY: one(answer)})
    async with cloud66(server) as provider:
        wanted = Intent("i1", Verb.REDEPLOY, await the_service(provider))
        with pytest.raises(OutcomeUnknown):
            await provider.handlers[Verb.REDEPLOY].run(wanted)


@pytest.mark.parametrize("answer", [{"ok": "true"}, {"id": "108"}, {"queued": False}, {"ok": 1, "async_action_id": 4}])
async def test_an_answer_that_says_yes_does_so_in_any_spelling(answer: Json) -> None:
    server = world(answers={DEPLOY: one(answer)})
    async with cloud66(server) as provider:
        receipt: Receipt = await provider.handlers[Verb.REDEPLOY].run(
            Intent("i1", Verb.REDEPLOY, await the_service(provider))
        )
    assert receipt.outcome is Outcome.ACCEPTED
