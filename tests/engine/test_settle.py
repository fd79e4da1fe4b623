"""An action's life: its steps, and the time for which what went live must stay healthy."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.engine.test_actions import API, LIVE, ended, intend, phases, ready
from tests.engine.world import World, deployment
from tui.engine.actions import Action
from tui.model.action import Intent, Receipt, Verb
from tui.model.entities import Deployment, Instance, Kind, Ref
from tui.model.errors import Refused, Unreachable
from tui.model.status import Status

MADE = Ref("prod", Kind.DEPLOYMENT, "d2")


def world_of(settle_s: float = 60.0) -> World:
    return World(settle_s=settle_s)


async def gone_live(world: World, verb: Verb = Verb.REDEPLOY) -> tuple[Action, Deployment]:
    """A redeploy whose new deployment has just gone live."""
    await ready(world)
    action = world.engine.actions.start(intend(world, verb))
    made = deployment("d2", Status.BUILDING, created_at=world.clock.now())
    world.platform.put(made, LIVE)
    await world.clock.until(lambda: action.status is Status.BUILDING)
    live = replace(made, status=Status.LIVE, is_live=True)
    world.platform.put(live, replace(LIVE, is_live=False))
    await world.clock.until(lambda: action.settles_at is not None)
    return action, live


def lived(action: Action) -> list[str]:
    return [step.what for step in action.life]


async def test_a_redeploy_lives_through_all_its_steps_and_is_done_when_it_stayed_healthy() -> None:
    world = world_of()
    async with world.engine as engine:
        action, _ = await gone_live(world)
        live_at = world.clock.monotonic()
        assert action.ended_at is None
        assert engine.actions.running == {API: action}
        await ended(world, action)
        assert 60 <= world.clock.monotonic() - live_at <= 65
    assert (action.ok, action.message) == (True, "live, healthy for 60 s")
    steps = ["asked", "accepted", "deployment d2 found", "building", "live", "settling"]
    assert lived(action) == [*steps, "done: live, healthy for 60 s"]
    assert [step.at for step in action.life] == sorted(step.at for step in action.life)
    final = engine.audit.read()[-1]
    assert phases(world) == ["asked", "accepted", "final"]
    assert (final.ok, final.made, [step.what for step in final.steps]) == (True, MADE, lived(action))


async def test_when_it_has_settled_what_served_before_is_seen_as_it_is_by_now() -> None:
    world = world_of()
    async with world.engine as engine:
        action, live = await gone_live(world)
        gone = replace(LIVE, status=Status.REMOVED, is_live=False, not_now={Verb.REDEPLOY: "It was removed."})
        world.platform.put(live, gone)
        await ended(world, action)
        assert engine.store.deployment(LIVE.ref) == gone


async def test_a_refusal_is_a_step_that_tells_why() -> None:
    world = world_of()

    async def answer(intent: Intent) -> Receipt:
        raise Refused("It is being moved.")

    world.platform.answer = answer
    async with world.engine as engine:
        await ready(world)
        action = engine.actions.start(intend(world, Verb.REDEPLOY))
        await ended(world, action)
    assert lived(action) == ["asked", "refused: It is being moved."]


async def test_what_crashes_while_it_settles_has_failed() -> None:
    world = world_of()
    async with world.engine as engine:
        action, live = await gone_live(world)
        await world.clock.advance(11)
        world.platform.put(replace(live, status=Status.CRASHED), replace(LIVE, is_live=False))
        await ended(world, action)
        assert engine.audit.read()[-1].status == "crashed"
    assert action.ok is False
    assert action.message.startswith("went live, crashed after 1")


async def test_an_instance_that_crashes_while_it_settles_has_failed_it() -> None:
    world = world_of()
    async with world.engine:
        action, _ = await gone_live(world)
        up, down = (
            Instance(Ref("prod", Kind.INSTANCE, name), status, status.name)
            for name, status in (("i1", Status.LIVE), ("i2", Status.CRASHED))
        )
        world.platform.services = [replace(world.platform.services[0], instances=(up, down))]
        await ended(world, action)
    assert action.ok is False
    assert action.message.startswith("went live, 1 of 2 instances crashed after")


async def test_an_instance_that_was_down_before_says_nothing_about_the_new_deployment() -> None:
    world = world_of()
    down = Instance(Ref("prod", Kind.INSTANCE, "old"), Status.CRASHED, "DEAD")
    world.platform.services = [replace(world.platform.services[0], instances=(down,))]
    async with world.engine:
        action, _ = await gone_live(world)
        await ended(world, action)
    assert action.ok


async def test_what_comes_up_anew_begins_the_time_again() -> None:
    world = world_of()
    async with world.engine:
        action, _ = await gone_live(world)
        live_at = world.clock.monotonic()
        comes = Instance(Ref("prod", Kind.INSTANCE, "i9"), Status.DEPLOYING, "STARTING")
        world.platform.services = [replace(world.platform.services[0], instances=(comes,))]
        await world.clock.advance(45)
        world.platform.services = [replace(world.platform.services[0], instances=(replace(comes, status=Status.LIVE),))]
        await ended(world, action)
    assert action.ok
    assert world.clock.monotonic() - live_at >= 90


async def test_what_another_takes_the_place_of_while_it_settles_is_not_called_healthy() -> None:
    world = world_of()
    async with world.engine:
        action, live = await gone_live(world)
        world.platform.put(deployment("d3", is_live=True, minutes_ago=0), replace(live, status=Status.SUPERSEDED))
        await ended(world, action)
    assert action.ok is None
    assert action.message.startswith("went live, superseded after")


async def test_what_cannot_be_read_while_it_settles_is_read_again() -> None:
    world = world_of()
    async with world.engine:
        action, _ = await gone_live(world)
        world.platform.errors["deployment"] = [Unreachable("Fake does not answer.")] * 3
        await ended(world, action)
    assert action.ok


@pytest.mark.parametrize("verb", [Verb.STOP, Verb.REMOVE, Verb.RECORD])
async def test_what_brings_nothing_up_has_nothing_to_settle(verb: Verb) -> None:
    world = world_of()
    async with world.engine:
        await ready(world)
        action = world.engine.actions.start(intend(world, verb))
        await world.clock.advance(2)
        world.platform.put(replace(LIVE, status=Status.STOPPED if verb is Verb.STOP else Status.REMOVED))
        await ended(world, action)
    assert action.ok
    assert "settling" not in lived(action)


async def test_what_fails_before_it_is_live_does_not_settle() -> None:
    world = world_of()
    async with world.engine:
        await ready(world)
        action = world.engine.actions.start(intend(world, Verb.REDEPLOY))
        world.platform.put(deployment("d2", Status.FAILED, created_at=world.clock.now()), LIVE)
        await ended(world, action)
    assert (action.ok, action.message) == (False, "failed")
    assert "settling" not in lived(action)


# Cancelling what an action made


async def building(world: World) -> Action:
    await ready(world)
    action = world.engine.actions.start(intend(world, Verb.REDEPLOY))
    world.platform.put(deployment("d2", Status.BUILDING, created_at=world.clock.now()), LIVE)
    await world.clock.until(lambda: action.status is Status.BUILDING)
    await world.clock.advance(10)
    return action


def own(world: World) -> Deployment:
    latest = world.engine.store.service(API).latest  # type: ignore[union-attr]
    assert latest is not None
    assert latest.ref == MADE
    return latest


async def test_what_an_action_made_can_be_cancelled_while_it_is_followed_and_both_end() -> None:
    world = world_of()
    async with world.engine as engine:
        first = await building(world)
        assert engine.actions.blocked(Verb.CANCEL, world.platform.services[0], own(world)) is None
        second = engine.actions.start(intend(world, Verb.CANCEL, own(world)))
        await world.clock.settle()
        assert second.cancels is first
        assert list(engine.actions.under_way) == [second, first]
        world.platform.put(deployment("d2", Status.CANCELLED, minutes_ago=0), LIVE)
        await ended(world, first)
        await ended(world, second)
        assert not engine.actions.running
    assert (first.ok, first.message) == (False, "cancelled from here")
    assert second.ok
    assert world.platform.count("cancel") == 1


async def test_only_its_own_deployment_may_be_cancelled_beside_an_action_and_only_once() -> None:
    world = world_of()
    async with world.engine as engine:
        await building(world)
        shown = world.platform.services[0]
        assert "has been running" in (engine.actions.blocked(Verb.CANCEL, shown, LIVE) or "")
        assert "has been running" in (engine.actions.blocked(Verb.STOP, shown, own(world)) or "")
        engine.actions.start(intend(world, Verb.CANCEL, own(world)))
        assert "cancel of api has been running" in (engine.actions.blocked(Verb.CANCEL, shown, own(world)) or "")
