"""Several at once: each with its own lease, some at a time, and after the first that fails none is asked any more."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.engine.world import World, deployment, service
from tui.engine.batch import Batch
from tui.model.action import Intent, Outcome, Receipt, Verb
from tui.model.entities import Deployment
from tui.model.errors import OutcomeUnknown, Refused
from tui.model.status import Status

NAMES = ("a", "b", "c", "d", "e")


async def marked(world: World, names: tuple[str, ...] = NAMES, verb: Verb = Verb.STOP) -> list[Intent]:
    """Services that run, and one intent for each."""
    world.platform.services = [service(name, latest=_live(name), live=_live(name)) for name in names]
    for name in names:
        world.platform.lists[_live(name).service] = [_live(name)]
    world.engine.start()
    await world.clock.until(lambda: world.engine.store.services())
    return [world.engine.actions.intent(verb, each, each.latest) for each in world.engine.store.services()]


def _live(name: str) -> Deployment:
    return deployment(f"d-{name}", of=name, is_live=True)


def stops(world: World, *names: str) -> None:
    """These have stopped at the platform."""
    for name in names:
        gone = replace(_live(name), status=Status.STOPPED)
        world.platform.lists[gone.service] = [gone]


def asked(world: World) -> list[str]:
    return [entry.target.rpartition("/")[2] for entry in world.engine.audit.read() if entry.phase == "asked"]


async def ended(world: World, batch: Batch) -> None:
    await world.clock.until(lambda: batch.ended)


async def test_no_more_are_under_way_than_may_be_and_all_are_done_in_their_order() -> None:
    world = World()
    async with world.engine as engine:
        intents = await marked(world)
        batch = engine.actions.start_many(intents)
        await world.clock.advance(5)
        assert asked(world) == ["a", "b", "c"]
        assert (len(batch.running), batch.waiting, len(batch.done)) == (3, 2, 0)
        stops(world, "b")
        await world.clock.advance(5)
        assert asked(world) == ["a", "b", "c", "d"]
        assert len(engine.actions.running) == 3
        stops(world, *NAMES)
        await ended(world, batch)
    assert (len(batch.done), batch.stopped, batch.left) == (5, "", ())
    assert world.platform.count("stop") == 5


async def test_after_the_first_refusal_no_more_are_asked_and_the_audit_says_so() -> None:
    world = World()

    async def answer(intent: Intent) -> Receipt:
        if intent.service.name == "b":
            raise Refused("It is being moved.")
        return await world.platform.accept(intent)

    world.platform.answer = answer
    async with world.engine as engine:
        batch = engine.actions.start_many(await marked(world))
        await world.clock.advance(3)
        stops(world, "a", "c")
        await ended(world, batch)
        lines = engine.audit.read()
    assert batch.stopped == "b was refused"
    assert [intent.service.name for intent in batch.left] == ["d", "e"]
    assert sorted(each.intent.service.name for each in batch.done) == ["a", "c"], "what was asked went on"
    assert world.platform.count("stop") == 3
    left = [(entry.target[-1], entry.phase.value, entry.message) for entry in lines if entry.target[-1] in "de"]
    assert left == [(name, "refused", "not asked: b was refused") for name in "de"]


async def test_a_lost_answer_stops_the_rest_whatever_becomes_of_it() -> None:
    world = World()

    async def answer(intent: Intent) -> Receipt:
        raise OutcomeUnknown("The answer was lost.")

    world.platform.answer = answer
    async with world.engine as engine:
        engine.actions.at_once = 1
        batch = engine.actions.start_many(await marked(world))
        await world.clock.advance(5)
        stops(world, "a")
        await ended(world, batch)
    assert [each.ok for each in batch.actions] == [True], "it did arrive"
    assert batch.stopped == "a is unknown: the answer was lost"
    assert world.platform.count("stop") == 1


async def test_one_that_fails_later_stops_those_that_wait() -> None:
    world = World()

    async def answer(intent: Intent) -> Receipt:
        name = intent.service.name
        made = deployment(f"new-{name}", Status.FAILED, of=name, created_at=world.clock.now())
        world.platform.lists[made.service].insert(0, made)
        return Receipt(intent, Outcome.ACCEPTED, world.clock.now(), deployment=made.ref)

    world.platform.answer = answer
    async with world.engine as engine:
        engine.actions.at_once = 2
        batch = engine.actions.start_many(await marked(world, verb=Verb.REDEPLOY))
        await ended(world, batch)
    assert batch.stopped.endswith("failed")
    assert len(batch.actions) == 2
    assert len(batch.left) == 3


async def test_one_whose_end_cannot_be_told_stops_those_that_wait_and_has_not_failed() -> None:
    world = World(settle_s=60)

    async def answer(intent: Intent) -> Receipt:
        made = deployment(f"new-{intent.service.name}", of=intent.service.name, created_at=world.clock.now())
        world.platform.lists[made.service].insert(0, made)
        return Receipt(intent, Outcome.ACCEPTED, world.clock.now(), deployment=made.ref)

    world.platform.answer = answer
    async with world.engine as engine:
        engine.actions.at_once = 1
        batch = engine.actions.start_many(await marked(world, verb=Verb.REDEPLOY))
        await world.clock.advance(10)
        [made, *rest] = world.platform.lists[batch.intents[0].service.ref]
        world.platform.lists[made.service] = [replace(made, status=Status.SUPERSEDED), *rest]
        await ended(world, batch)
    assert [each.ok for each in batch.actions] == [None]
    assert batch.stopped == "a is unknown"


async def test_the_rest_is_stopped_by_hand_and_what_was_asked_goes_on() -> None:
    world = World()
    async with world.engine as engine:
        batch = engine.actions.start_many(await marked(world))
        await world.clock.advance(3)
        batch.stop("by hand")
        assert batch.waiting == 0
        stops(world, *NAMES)
        await ended(world, batch)
        assert [entry.message for entry in engine.audit.read()][-2:] == ["not asked: by hand"] * 2
    assert len(batch.done) == 3


async def test_what_is_under_way_already_is_refused_by_its_own_lease() -> None:
    world = World()
    async with world.engine as engine:
        intents = await marked(world)
        engine.actions.start(intents[0])
        batch = engine.actions.start_many(intents)
        await world.clock.advance(1)
        stops(world, *NAMES)
        await ended(world, batch)
    assert "has been running" in batch.failed[0].message
    assert world.platform.count("stop") == 1 + len(batch.actions) - 1


async def test_two_batches_do_not_run_at_once() -> None:
    world = World()
    async with world.engine as engine:
        intents = await marked(world)
        batch = engine.actions.start_many(intents[:2])
        with pytest.raises(Refused, match="under way together"):
            engine.actions.start_many(intents[2:])
        await world.clock.settle()
        stops(world, *NAMES)
        await ended(world, batch)
        engine.actions.start_many(intents[2:])
