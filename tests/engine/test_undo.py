"""What was done is taken back by the verb that does so on its platform, or it is said why there is none."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.engine.test_actions import API, LIVE, ended, intend, ready
from tests.engine.world import Platform, World, deployment
from tui.engine.actions import Action
from tui.engine.audit import ActionPhase
from tui.engine.undo import Done, Undo, undo_of
from tui.model.action import Verb
from tui.model.status import Status


def way_back(world: World, action: Action) -> Undo | str:
    return undo_of(Done.of(action), world.engine.actions, world.engine.store)


async def redeployed(world: World, status: Status = Status.LIVE) -> Action:
    """A redeploy that came to an end, and took the place of what was live when it went well."""
    await ready(world)
    action = world.engine.actions.start(intend(world, Verb.REDEPLOY))
    made = deployment("d2", status, created_at=world.clock.now(), is_live=status.up)
    old = replace(LIVE, status=Status.SUPERSEDED, is_live=False) if status.up else LIVE
    world.platform.put(made, old)
    await ended(world, action)
    await world.clock.advance(15)
    return action


async def test_a_redeploy_is_taken_back_by_a_rollback_to_what_served_before() -> None:
    world = World()
    async with world.engine:
        found = way_back(world, await redeployed(world))
    assert isinstance(found, Undo)
    assert (found.verb, found.deployment and found.deployment.ref) == (Verb.ROLLBACK, LIVE.ref)


@pytest.mark.parametrize("as_it_was", [True, False])
async def test_where_it_cannot_be_rolled_back_a_redeploy_of_it_does_where_that_is_the_same(
    monkeypatch: pytest.MonkeyPatch, as_it_was: bool
) -> None:
    monkeypatch.setattr(Platform, "redeploys_as_it_was", as_it_was)
    world = World()
    async with world.engine:
        action = await redeployed(world)
        listed = world.platform.lists[API]
        old = replace(listed[1], not_now={Verb.ROLLBACK: "Its image is gone."})
        world.platform.put(listed[0], old)
        world.engine.store.put_deployment(old)
        found = way_back(world, action)
    if as_it_was:
        assert isinstance(found, Undo)
        assert (found.verb, found.deployment and found.deployment.ref) == (Verb.REDEPLOY, LIVE.ref)
    else:
        assert found == "Its image is gone."


async def test_what_failed_before_it_served_has_nothing_to_take_back() -> None:
    world = World()
    async with world.engine:
        assert way_back(world, await redeployed(world, Status.FAILED)) == (
            "sha-d1 still serves, so that there is nothing to take back"
        )


async def test_what_somebody_deployed_since_is_not_taken_away_by_taking_back() -> None:
    world = World()
    async with world.engine:
        action = await redeployed(world)
        newer = deployment("d3", created_at=world.clock.now(), is_live=True)
        world.platform.put(newer, *(replace(each, is_live=False) for each in world.platform.lists[API]))
        await world.clock.advance(15)
        assert "a newer deployment came since" in str(way_back(world, action))


async def test_a_stop_is_taken_back_by_a_start_and_a_start_by_a_stop() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        action = engine.actions.start(intend(world, Verb.STOP))
        world.platform.put(replace(LIVE, status=Status.STOPPED))
        await ended(world, action)
        await world.clock.advance(15)
        found = way_back(world, action)
        assert isinstance(found, Undo)
        assert found.verb is Verb.START
        action = engine.actions.start(intend(world, Verb.START))
        world.platform.put(LIVE)
        await ended(world, action)
        await world.clock.advance(15)
        found = way_back(world, action)
        assert isinstance(found, Undo)
        assert found.verb is Verb.STOP


@pytest.mark.parametrize("verb", [Verb.RESTART, Verb.REMOVE, Verb.CANCEL, Verb.APPROVE, Verb.REJECT, Verb.RECORD])
async def test_what_has_no_way_back_says_so(verb: Verb) -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        done = Done(verb.value, API, "prod/shop/production/api", LIVE.ref, None, ActionPhase.FINAL)
        found = undo_of(done, engine.actions, engine.store)
    assert isinstance(found, str)
    assert len(found) > 10


async def test_an_earlier_sessions_action_is_taken_back_by_its_line_in_the_audit() -> None:
    world = World()
    async with world.engine as engine:
        await redeployed(world)
        found = undo_of(Done.recorded(engine.audit.read()[-1]), engine.actions, engine.store)
    assert isinstance(found, Undo)
    assert found.verb is Verb.ROLLBACK


async def test_what_is_under_way_was_refused_or_is_gone_is_not_taken_back() -> None:
    world = World()
    async with world.engine as engine:
        await ready(world)
        done = Done("redeploy", API, "prod/shop/production/api", LIVE.ref, None, ActionPhase.FINAL)
        for phase, told in ((ActionPhase.ASKED, "under way"), (ActionPhase.REFUSED, "refused")):
            assert told in str(undo_of(replace(done, phase=phase), engine.actions, engine.store))
        gone = replace(done, service=replace(API, id="gone"))
        assert "not there any more" in str(undo_of(gone, engine.actions, engine.store))
