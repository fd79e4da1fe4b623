from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.engine.world import LOST, World, deployment, service
from tui.engine.actions import Action
from tui.engine.audit import ActionPhase, AuditEntry, AuditLog
from tui.engine.follow import SKEW
from tui.model.action import Intent, Outcome, Progress, Receipt, Verb
from tui.model.entities import Deployment, Instance, Kind, Ref, Service
from tui.model.errors import (
    Forbidden,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Refused,
    Unauthorized,
    UnexpectedReply,
)
from tui.model.provider import Priority
from tui.model.status import Status

API = Ref("prod", Kind.SERVICE, "api")
LIVE = deployment("d1", minutes_ago=60, is_live=True, instances=("i1",))


async def ready(world: World, *deployments: Deployment) -> Service:
    """The board is fresh, and the service has these deployments."""
    world.platform.put(*(deployments or (LIVE,)))
    world.engine.start()
    await world.clock.until(lambda: world.engine.store.services())
    return row(world)


def row(world: World) -> Service:
    found = world.engine.store.service(API)
    assert found is not None
    return found


def intend(world: World, verb: Verb, target: Deployment | None = LIVE, **options: str) -> Intent:
    return world.engine.actions.intent(verb, row(world), target, reason="500s", options=options)


def phases(world: World) -> list[str]:
    return [entry.phase.value for entry in world.engine.audit.read()]


def refusal(world: World, verb: Verb, target: Deployment | None = LIVE) -> str:
    reason = world.engine.actions.blocked(verb, row(world), target)
    assert reason is not None
    return reason


async def ended(world: World, action: Action) -> Action:
    await world.clock.until(lambda: action.ended_at is not None)
    return action


# Blocked, and why


async def test_an_action_on_a_fresh_picture_is_not_blocked() -> None:
    world = World()
    async with world.engine as engine:
        shown = await ready(world)
        reasons: Mapping[Verb, str | None] = engine.actions.verbs(shown, LIVE)
        assert set(reasons) == set(Verb)
        assert [verb for verb, reason in reasons.items() if reason is not None] == [Verb.REJECT]
        assert reasons[Verb.REJECT] == "Fake cannot reject; cancel instead."


async def test_read_only_blocks_everything() -> None:
    world = World(read_only=True)
    async with world.engine:
        await ready(world)
        assert "read-only" in refusal(world, Verb.RESTART)


async def test_a_read_only_account_blocks_by_its_configuration() -> None:
    world = World(accounts_read_only=True)
    async with world.engine:
        await ready(world)
        assert "prod is read-only" in refusal(world, Verb.RESTART)


async def test_an_account_that_does_not_answer_is_not_acted_upon() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.errors["snapshot"] = [LOST]
        await world.clock.until(lambda: engine.store.accounts["prod"].error is not None)
        assert refusal(world, Verb.STOP) == "prod cannot be read now: Fake does not answer."


async def test_an_exhausted_budget_does_not_block_since_its_rest_is_kept_for_actions() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.errors["snapshot"] = [RateLimited("later", retry_at=world.clock.now().replace(hour=5))]
        await world.clock.until(lambda: engine.store.accounts["prod"].error is not None)
        assert engine.actions.blocked(Verb.STOP, row(world), LIVE) is None


async def test_a_former_sessions_picture_is_not_acted_upon(tmp_path: Path) -> None:
    first = World(cache=tmp_path)
    async with first.engine:
        await ready(first)
    second = World(cache=tmp_path)
    second.connect_errors = [LOST]
    async with second.engine as engine:
        assert refusal(second, Verb.STOP) == "The picture is from the last session; wait for fresh data."
        engine.start()
        await second.clock.until(lambda: not engine.store.accounts["prod"].from_cache)
        assert engine.actions.blocked(Verb.STOP, row(second), LIVE) is None


async def test_the_second_action_on_a_service_waits_for_the_first() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        engine.actions.start(intend(world, Verb.STOP))
        await world.clock.advance(12)
        assert refusal(world, Verb.RESTART) == "stop of api has been running for 12 s."
        with pytest.raises(Refused, match="has been running"):
            await engine.actions.perform(intend(world, Verb.RESTART))
        assert world.platform.count("restart") == 0


async def test_two_actions_at_the_same_moment_do_not_both_go_out() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        first, second = (engine.actions.start(intend(world, Verb.RESTART)) for _ in range(2))
        await world.clock.settle()
        assert first.phase is ActionPhase.ACCEPTED
        assert second.phase is ActionPhase.REFUSED
        assert "has been running" in second.message
        assert world.platform.count("restart") == 1


async def test_a_service_that_went_away_while_the_dialog_was_open_is_refused() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        intent = intend(world, Verb.STOP)
        world.platform.services = []
        await world.clock.advance(11)
        with pytest.raises(Refused, match="not there any more"):
            await engine.actions.perform(intent)


async def test_what_the_platform_says_now_counts_and_not_what_the_dialog_saw() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        intent = intend(world, Verb.REMOVE)
        world.platform.put(replace(LIVE, not_now={Verb.REMOVE: "It is being moved."}))
        await world.clock.advance(11)
        with pytest.raises(Refused, match="It is being moved"):
            await engine.actions.perform(intent)


# Intents


async def test_production_is_told_by_the_accounts_patterns() -> None:
    world = World()
    world.platform.services = [
        service("api"),
        service("b", environment="Prod-EU"),
        service("c", environment="staging"),
        service("d", environment="preproduction"),
    ]
    async with world.engine as engine:
        await ready(world)
        told = {
            each.environment_name: engine.actions.intent(Verb.RESTART, each).production
            for each in engine.store.services()
        }
    assert told == {"production": True, "Prod-EU": True, "staging": False, "preproduction": False}


async def test_intents_have_ids_of_their_own_and_harmless_reasons() -> None:
    world = World()
    async with world.engine as engine:
        shown = await ready(world)
        intents = [engine.actions.intent(Verb.STOP, shown, reason="a\x1b[2Jb\nc") for _ in range(50)]
    assert len({each.id for each in intents}) == 50
    assert intents[0].reason == "ab c"


# Audit


async def test_the_asked_line_is_on_the_disk_when_the_platform_is_called(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    world = World(audit=AuditLog(path))
    seen: list[list[AuditEntry]] = []

    async def answer(intent: Intent) -> Receipt:
        seen.append(AuditLog(path).read())
        return await world.platform.accept(intent)

    world.platform.answer = answer
    async with world.engine as engine:
        await ready(world)
        receipt = await engine.actions.perform(intend(world, Verb.RESTART))
    assert receipt.outcome is Outcome.ACCEPTED
    [[asked]] = seen
    assert (asked.phase, asked.verb, asked.target) == (ActionPhase.ASKED, "restart", "prod/shop/production/api")
    assert (asked.reason, asked.from_, asked.id) == ("500s", "sha-d1", receipt.intent.id)
    assert asked.user


async def test_what_cannot_be_audited_is_not_done() -> None:
    world = World(audit=AuditLog(Path("/dev/full")))
    async with world.engine as engine:
        await ready(world)
        with pytest.raises(Refused, match="Nothing was done: the audit log cannot be written"):
            await engine.actions.perform(intend(world, Verb.RESTART))
        assert world.platform.count("restart") == 0
        assert not engine.actions.running
        assert engine.actions.blocked(Verb.RESTART, row(world), LIVE) is None


async def test_a_disk_that_fills_up_meanwhile_is_said_and_the_action_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    world = World(audit=AuditLog(path))

    async def answer(intent: Intent) -> Receipt:
        path.unlink()
        path.symlink_to("/dev/full")
        return await world.platform.accept(intent)

    world.platform.answer = answer
    async with world.engine as engine:
        await ready(world)
        action = await ended(world, engine.actions.start(intend(world, Verb.RESTART)))
    assert action.ok
    assert "the audit log could not be written: No space left" in action.message


async def test_quitting_while_the_answer_is_awaited_is_audited_as_unknown() -> None:
    world = World()

    async def never(intent: Intent) -> Receipt:
        await asyncio.Event().wait()
        raise AssertionError

    world.platform.answer = never
    async with world.engine as engine:
        await ready(world)
        engine.actions.start(intend(world, Verb.STOP))
        await world.clock.settle()
    assert phases(world) == ["asked", "unknown"]


# What the platform says


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Refused("It is being built."), Outcome.REFUSED),
        (Forbidden("No.", scope="write"), Outcome.REFUSED),
        (NotFound("Gone."), Outcome.REFUSED),
        (Unauthorized("Who?"), Outcome.REFUSED),
        (OutcomeUnknown("The answer was lost."), Outcome.UNKNOWN),
        (LOST, Outcome.UNKNOWN),
        (UnexpectedReply("HTML"), Outcome.UNKNOWN),
        (KeyError("id"), Outcome.UNKNOWN),
    ],
)
async def test_a_failed_call_is_refused_only_where_surely_nothing_was_done(error: Exception, outcome: Outcome) -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.errors["restart"] = [error]
        receipt = await engine.actions.perform(intend(world, Verb.RESTART))
        assert receipt.outcome is outcome
        assert phases(world) == ["asked", outcome.value]
        assert bool(engine.actions.running) is (outcome is Outcome.UNKNOWN)
        await world.clock.advance(600)
        assert world.platform.count("restart") == 1, "never repeated"


async def test_an_action_goes_out_at_once_and_from_the_reserve() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        engine.budgets["prod"].observe(limit=1000, remaining=20)
        await engine.actions.perform(intend(world, Verb.RESTART))
    assert world.platform.requests[-1].what == "restart"
    assert world.platform.requests[-1].priority is Priority.ACTION


async def test_an_action_has_the_board_read_again() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        await world.clock.advance(2)
        assert world.platform.count("snapshot") == 1
        await engine.actions.perform(intend(world, Verb.RESTART))
        await world.clock.advance(1)
        assert world.platform.count("snapshot") == 2


async def test_watchers_of_the_store_hear_of_an_actions_progress() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        heard: list[ActionPhase] = []

        def look() -> None:
            heard.extend(action.phase for action in engine.actions.recent[:1])

        engine.store.watch(look)
        await ended(world, engine.actions.start(intend(world, Verb.RESTART)))
    assert set(heard) == {ActionPhase.ASKED, ActionPhase.ACCEPTED, ActionPhase.FINAL}


# Followed to the end


async def test_a_redeploy_is_followed_through_the_deployment_it_made() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        action = engine.actions.start(intend(world, Verb.REDEPLOY))
        await world.clock.advance(3)
        assert action.deployment is None
        made = deployment("d2", Status.BUILDING, created_at=world.clock.now())
        world.platform.put(made, LIVE)
        await world.clock.advance(3)
        assert action.deployment == made.ref
        assert (action.phase, action.status) == (ActionPhase.ACCEPTED, Status.BUILDING)
        assert engine.actions.running == {API: action}
        world.platform.put(replace(made, status=Status.LIVE, is_live=True), replace(LIVE, is_live=False))
        await ended(world, action)
        assert (action.phase, action.ok, action.status) == (ActionPhase.FINAL, True, Status.LIVE)
        assert not engine.actions.running
        assert phases(world) == ["asked", "accepted", "final"]
        final = engine.audit.read()[-1]
        assert (final.status, final.from_, final.to) == ("live", "sha-d1", "sha-d1")


async def test_what_it_made_is_known_by_the_platforms_clock_however_far_that_is_behind() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        behind = timedelta(minutes=10)
        engine.skew("prod").observe(world.clock.now() - behind, world.clock.now(), world.clock.now())
        action = engine.actions.start(intend(world, Verb.REDEPLOY))
        await world.clock.advance(3)
        made = deployment("d2", Status.BUILDING, created_at=world.clock.now() - behind)
        world.platform.put(made, LIVE)
        await world.clock.advance(3)
        assert action.deployment == made.ref
        assert engine.now("prod") == world.clock.now() - behind + timedelta(seconds=0.5)


async def test_the_deployment_that_the_receipt_names_is_the_one_followed() -> None:
    world = World()
    made = deployment("d2", Status.FAILED, minutes_ago=0)

    async def answer(intent: Intent) -> Receipt:
        world.platform.put(deployment("push", Status.BUILDING, minutes_ago=-1), made, LIVE)
        return Receipt(intent, Outcome.ACCEPTED, world.clock.now(), deployment=made.ref)

    world.platform.answer = answer
    async with world.engine as engine:
        await ready(world)
        action = await ended(world, engine.actions.start(intend(world, Verb.DEPLOY, None)))
    assert (action.deployment, action.ok, action.message) == (made.ref, False, "failed")


async def test_an_older_deployment_that_was_not_known_is_not_taken_for_the_new_one() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.put(LIVE, deployment("d0", Status.REMOVED, minutes_ago=90))
        action = engine.actions.start(intend(world, Verb.ROLLBACK))
        await world.clock.advance(60)
        assert action.deployment is None


async def test_a_push_just_before_is_not_taken_for_the_rollback() -> None:
    world = World()
    async with world.engine as engine:
        pushed = deployment("push", Status.BUILDING, created_at=world.clock.now(), by="jweber")
        await ready(world, pushed, LIVE)
        action = engine.actions.start(intend(world, Verb.ROLLBACK))
        await world.clock.advance(60)
        assert action.deployment is None


async def test_a_push_just_after_is_not_taken_for_the_rollback() -> None:
    world = World()

    async def answer(intent: Intent) -> Receipt:
        pushed = deployment("push", Status.BUILDING, created_at=world.clock.now(), by="jweber")
        world.platform.put(pushed, deployment("ours", created_at=world.clock.now()), LIVE)
        return await world.platform.accept(intent)

    world.platform.answer = answer
    async with world.engine as engine:
        await ready(world)
        action = await ended(world, engine.actions.start(intend(world, Verb.ROLLBACK)))
    assert action.deployment is not None
    assert action.deployment.id == "ours"


async def test_a_restart_that_leaves_and_comes_back_is_done() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.put(replace(LIVE, status=Status.DEPLOYING))
        action = engine.actions.start(intend(world, Verb.RESTART))
        await world.clock.advance(20)
        assert action.ended_at is None
        world.platform.put(LIVE)
        await ended(world, action)
    assert (action.ok, action.message) == (True, "restarted, live")


async def test_a_restart_with_new_instances_is_done_at_once() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        fresh = Instance(Ref("prod", Kind.INSTANCE, "i2"), Status.LIVE, "RUNNING")
        world.platform.put(replace(LIVE, instances=(fresh,)))
        action = await ended(world, engine.actions.start(intend(world, Verb.RESTART)))
        assert action.ok
        assert world.clock.monotonic() < 2


async def test_a_restart_that_never_seems_to_leave_is_done_after_its_settle_time() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        action = await ended(world, engine.actions.start(intend(world, Verb.RESTART)))
        assert action.ok
        assert 5 <= world.clock.monotonic() <= 7


async def test_a_removed_deployment_that_is_not_found_any_more_is_gone() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world, LIVE)
        action = engine.actions.start(intend(world, Verb.REMOVE))
        world.platform.lists[API] = []
        await ended(world, action)
    assert (action.ok, action.message) == (True, "it is gone")


async def test_a_stop_without_a_deployment_is_read_off_the_service() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        action = engine.actions.start(intend(world, Verb.STOP, None))
        await world.clock.advance(5)
        assert action.ended_at is None
        world.platform.services = [replace(world.platform.services[0], status=Status.STOPPED)]
        await ended(world, action)
    assert (action.ok, action.status) == (True, Status.STOPPED)


async def test_a_platform_that_is_lost_meanwhile_does_not_end_the_following() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world, deployment("d1", Status.NEEDS_APPROVAL))
        world.platform.errors["deployment"] = [LOST, LOST, UnexpectedReply("HTML")]
        action = engine.actions.start(intend(world, Verb.APPROVE))
        await world.clock.settle()
        assert "cannot be followed for the moment" in action.message
        world.platform.put(deployment("d1", Status.LIVE, is_live=True))
        await ended(world, action)
    assert action.ok


async def overdue(world: World, action: Action) -> Action:
    await world.clock.until(lambda: action.overdue_at is not None)
    return action


async def test_what_does_not_end_in_half_an_hour_is_not_known_and_followed_on() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world, deployment("d1", Status.BUILDING))
        action = await overdue(world, engine.actions.start(intend(world, Verb.APPROVE)))
        assert (action.ended_at, action.ok, action.message) == (None, None, "still building after 30 min")
        assert 1800 <= world.clock.monotonic() <= 1810
        assert not engine.actions.running, "it keeps nobody from acting"
        assert phases(world) == ["asked", "accepted", "unknown"]
        before = world.platform.count("deployment")
        await world.clock.advance(600)
        assert 10 <= world.platform.count("deployment") - before <= 21, "looked at seldom from then on"
        world.platform.put(deployment("d1", Status.LIVE, is_live=True))
        await ended(world, action)
    assert (action.ok, action.message, action.overdue_at) == (True, "live", None)
    assert phases(world) == ["asked", "accepted", "unknown", "final"]


async def test_what_is_overdue_for_a_day_ends_as_not_known() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world, deployment("d1", Status.BUILDING))
        action = await overdue(world, engine.actions.start(intend(world, Verb.APPROVE)))
        await world.clock.until(lambda: action.ended_at is not None, within_s=25 * 3600)
    assert (action.ok, action.message) == (None, "still building after 1440 min")


async def test_an_accepted_rollback_whose_deployment_is_not_seen_is_not_known() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        action = await overdue(world, engine.actions.start(intend(world, Verb.ROLLBACK)))
        assert action.message == "accepted, but its deployment was not seen within 300 s"
        world.platform.put(deployment("d2", created_at=world.clock.now(), is_live=True), LIVE)
        await ended(world, action)
    assert (action.ok, action.deployment) == (True, Ref("prod", Kind.DEPLOYMENT, "d2"))


async def test_a_headless_act_that_is_overdue_is_left_to_the_next_session() -> None:
    world = World()
    world.platform.put(deployment("d1", Status.BUILDING))
    async with world.engine as engine:
        await engine.snapshot("prod")
        intent = intend(world, Verb.APPROVE)
        receipt = await engine.actions.perform(intent)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(engine.actions.follow(intent, receipt))
            await world.clock.until(following.done)
        action = following.result()
    assert (action.ok, action.ended_at) == (None, None)
    assert phases(world) == ["asked", "accepted", "unknown"]


async def test_recording_is_done_when_it_is_accepted() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        action = await ended(world, engine.actions.start(intend(world, Verb.RECORD, None)))
    assert action.ok
    assert phases(world) == ["asked", "accepted", "final"]


async def test_a_headless_act_performs_and_follows_without_any_poller() -> None:
    world = World()
    world.platform.put(LIVE)
    async with world.engine as engine:
        await engine.snapshot("prod")
        intent = intend(world, Verb.RESTART)
        receipt = await engine.actions.perform(intent)
        async with asyncio.TaskGroup() as group:
            following = group.create_task(engine.actions.follow(intent, receipt))
            await world.clock.until(following.done)
        assert following.result().ok


# Lost answers


async def test_a_lost_answer_is_decided_by_the_deployment_that_appears() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.errors["rollback"] = [OutcomeUnknown("The answer was lost.")]
        action = engine.actions.start(intend(world, Verb.ROLLBACK))
        await world.clock.advance(5)
        assert action.phase is ActionPhase.UNKNOWN
        assert API in engine.actions.running
        made = deployment("d2", Status.BUILDING, created_at=world.clock.now())
        world.platform.put(made, LIVE)
        heard: list[str] = []
        engine.store.watch(lambda: heard.append(action.message))
        await world.clock.advance(5)
        assert "it did arrive: deployment d2" in heard
        world.platform.put(replace(made, status=Status.LIVE, is_live=True))
        await ended(world, action)
        assert action.ok
        assert phases(world) == ["asked", "unknown", "final"]
        assert world.platform.count("rollback") == 1


@pytest.mark.parametrize(("after_s", "creator", "words"), [(8, "jweber", "by jweber"), (3, "", "(sha-push)")])
async def test_a_strangers_deployment_is_never_taken_for_the_one_whose_answer_was_lost(
    after_s: float, creator: str, words: str
) -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.errors["rollback"] = [OutcomeUnknown("The connection broke.")]
        action = engine.actions.start(intend(world, Verb.ROLLBACK))
        await world.clock.advance(after_s)
        pushed = deployment("push", Status.BUILDING, created_at=world.clock.now(), by=creator)
        world.platform.put(pushed, LIVE)
        await world.clock.advance(60)
        world.platform.put(replace(pushed, status=Status.LIVE, is_live=True), LIVE)
        await ended(world, action)
    assert (action.ok, action.deployment) == (None, None)
    assert action.message == (
        f"no trace of it in 2 min; a deployment {words} began {after_s} s later, it may not be yours; "
        "check the platform before you try again"
    )


async def test_a_push_from_before_is_not_even_named_where_the_clocks_agree_on_it() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.errors["rollback"] = [OutcomeUnknown("The connection broke.")]
        action = engine.actions.start(intend(world, Verb.ROLLBACK))
        old = deployment(
            "old", Status.BUILDING, created_at=world.clock.now() - SKEW - timedelta(seconds=1), by="jweber"
        )
        close = deployment("close", Status.LIVE, created_at=world.clock.now() - SKEW + timedelta(seconds=1), by="eva")
        world.platform.put(close, old, LIVE)
        await ended(world, action)
    assert "a deployment by eva began 59 s earlier" in action.message


async def test_a_lost_answer_without_a_trace_is_told_as_such() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.errors["stop"] = [OutcomeUnknown("The answer was lost.")]
        action = await ended(world, engine.actions.start(intend(world, Verb.STOP)))
    assert action.ok is None
    assert action.message == "no trace of it in 2 min; check the platform before you try again"
    final = world.engine.audit.read()[-1]
    assert (final.phase, final.ok, final.message) == (ActionPhase.FINAL, None, action.message)


async def test_a_lost_restart_is_not_taken_for_done_because_all_runs() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.errors["restart"] = [OutcomeUnknown("The answer was lost.")]
        action = await ended(world, engine.actions.start(intend(world, Verb.RESTART)))
    assert action.ok is None
    assert "no trace" in action.message


async def test_a_lost_start_is_not_taken_for_done_because_the_deployment_was_live_all_the_time() -> None:
    """As of a service in maintenance: what is stopped is the service, and its deployment says live."""
    world = World()
    async with world.engine as engine:
        await ready(world)
        [stopped] = [replace(each, status=Status.STOPPED) for each in world.platform.services if each.ref == API]
        world.platform.services = [stopped if each.ref == API else each for each in world.platform.services]
        await world.clock.until(lambda: row(world).status is Status.STOPPED)
        world.platform.errors["start"] = [OutcomeUnknown("The answer was lost.")]
        action = await ended(world, engine.actions.start(intend(world, Verb.START)))
    assert action.ok is None
    assert "no trace" in action.message


async def test_what_a_strangers_deployment_brought_up_was_not_the_lost_start() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world, replace(LIVE, status=Status.STOPPED, is_live=False))
        world.platform.errors["start"] = [OutcomeUnknown("The answer was lost.")]
        action = engine.actions.start(intend(world, Verb.START, None))
        await world.clock.advance(8)
        pushed = deployment("d2", Status.LIVE, created_at=world.clock.now(), is_live=True, by="eva")
        world.platform.put(pushed, replace(LIVE, status=Status.STOPPED, is_live=False))
        await ended(world, action)
    assert action.ok is None
    assert "a deployment by eva began 8 s later, it may not be yours" in action.message


async def test_a_lost_stop_that_stopped_it_did_arrive() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.errors["stop"] = [OutcomeUnknown("The answer was lost.")]
        action = engine.actions.start(intend(world, Verb.STOP))
        await world.clock.advance(5)
        world.platform.put(replace(LIVE, status=Status.STOPPED, is_live=False))
        await ended(world, action)
    assert (action.ok, action.message) == (True, "it did arrive: stopped")


async def test_a_build_that_goes_on_by_itself_is_no_trace_of_a_lost_cancel() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world, deployment("d1", Status.BUILDING))
        world.platform.errors["cancel"] = [OutcomeUnknown("The answer was lost.")]
        action = engine.actions.start(intend(world, Verb.CANCEL))
        await world.clock.advance(5)
        world.platform.put(deployment("d1", Status.DEPLOYING))
        await ended(world, action)
    assert action.ok is None
    assert "no trace" in action.message


def _losing(world: World, verb: Verb, told: Receipt | ProviderError | None, after_s: float = 0) -> list[datetime]:
    """The answer is lost, and what the platform shows of it after that time is `told`. Returns the times asked for."""
    since: list[datetime] = []
    lost_at = world.clock.now()

    def traced(_: Intent, at: datetime) -> Receipt | None:
        since.append(at)
        if (world.clock.now() - lost_at).total_seconds() < after_s:
            return None
        if isinstance(told, ProviderError):
            raise told
        return told

    world.platform.errors[verb] = [OutcomeUnknown("The answer was lost.")]
    world.platform.traced = traced
    return since


def _shown(world: World, intent: Intent, message: str = "", operation: str = "") -> Receipt:
    return Receipt(intent, Outcome.ACCEPTED, world.clock.now(), message=message, operation=operation)


async def test_what_the_provider_finds_of_a_lost_action_is_followed_as_its_answer() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        intent = intend(world, Verb.RESTART)
        asked_at = world.clock.now()
        since = _losing(world, Verb.RESTART, _shown(world, intent, message="action 7", operation="op-7"), after_s=30)
        world.platform.operations = [Progress(message="action 7 is running"), Progress(True, "restarted by action 7")]
        heard: list[str] = []
        action = engine.actions.start(intent)
        engine.store.watch(lambda: heard.append(action.message))
        await ended(world, action)
    assert (action.ok, action.message) == (True, "it did arrive: restarted by action 7")
    assert "it did arrive: action 7" in heard
    assert phases(world) == ["asked", "unknown", "final"]
    assert since[0] == asked_at - timedelta(seconds=5)
    assert 5 < len(since) < 12, "asked for now and then, and no more once it is found"
    assert world.platform.count("restart") == 1


async def test_what_is_done_once_accepted_is_done_once_a_trace_of_it_is_found() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        intent = intend(world, Verb.SET_STATUS)
        _losing(world, Verb.SET_STATUS, _shown(world, intent, message="d1 is success"))
        action = await ended(world, engine.actions.start(intent))
    assert (action.ok, action.message) == (True, "it did arrive: d1 is success")


async def test_a_lost_action_whose_trace_may_not_be_read_is_still_known_by_its_target() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        _losing(world, Verb.STOP, Forbidden("Not with this token."))
        action = engine.actions.start(intend(world, Verb.STOP))
        await world.clock.advance(5)
        world.platform.put(replace(LIVE, status=Status.STOPPED, is_live=False))
        await ended(world, action)
    assert (action.ok, action.message) == (True, "it did arrive: stopped")


async def test_an_action_that_was_answered_is_not_looked_for() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        world.platform.traced = lambda intent, _: _shown(world, intent)
        assert (await ended(world, engine.actions.start(intend(world, Verb.RESTART)))).ok
        assert world.platform.count("trace") == 0


async def test_effects_are_the_providers_and_what_it_lacks_is_refused() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        assert engine.actions.effect(intend(world, Verb.STOP)).call == "stop()"
        with pytest.raises(ProviderError, match="cancel instead"):
            engine.actions.effect(intend(world, Verb.REJECT))


# Operations: what a platform tells by a name of its own


def _operating(world: World, *told: Progress | Exception) -> None:
    async def answer(intent: Intent) -> Receipt:
        return Receipt(intent, Outcome.ACCEPTED, world.clock.now(), operation="op-7")

    world.platform.answer = answer
    world.platform.operations = list(told)


@pytest.mark.parametrize(("ok", "verb"), [(True, Verb.RESTART), (False, Verb.RESTART), (True, Verb.ROLLBACK)])
async def test_an_operation_decides_the_end_whatever_the_deployments_show(ok: bool, verb: Verb) -> None:
    world = World()
    _operating(world, Progress(), Progress(message="half done"), LOST, Progress(ok, "that is all"))
    async with world.engine as engine:
        await ready(world)
        action = await ended(world, engine.actions.start(intend(world, verb)))
    assert (action.ok, action.message) == (ok, "that is all")
    assert phases(world) == ["asked", "accepted", "final"]


async def test_an_operation_that_makes_a_deployment_names_it_too() -> None:
    world = World()
    _operating(world, Progress(), Progress(), Progress(ok=True))
    async with world.engine as engine:
        await ready(world)
        action = engine.actions.start(intend(world, Verb.REDEPLOY))
        world.platform.put(deployment("d2", Status.BUILDING, created_at=world.clock.now()), LIVE)
        await ended(world, action)
    assert action.deployment == Ref("prod", Kind.DEPLOYMENT, "d2")


async def test_what_was_queued_is_followed_under_the_id_it_gets_later() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        action = engine.actions.start(intend(world, Verb.REDEPLOY))
        queued = deployment("job-1", Status.QUEUED, created_at=world.clock.now())
        world.platform.put(queued, LIVE)
        await world.clock.until(lambda: action.deployment == queued.ref)
        world.platform.becomes[queued.ref] = deployment("d2", created_at=world.clock.now(), is_live=True)
        await ended(world, action)
    assert action.ok
    assert action.deployment == Ref("prod", Kind.DEPLOYMENT, "d2")
