from __future__ import annotations

import logging
from datetime import timedelta
from itertools import pairwise

import pytest

from tests.clocks import START
from tests.engine.world import LOST, World, deployment, service
from tui.engine.store import Phase
from tui.model.action import Verb
from tui.model.errors import ProviderError, RateLimited, Unauthorized, UnexpectedReply
from tui.model.provider import Polling, Priority
from tui.model.status import Status


def polls(world: World) -> list[float]:
    return [each.at_s for each in world.platform.requests if each.what == "snapshot"]


async def test_every_account_is_polled_at_its_interval() -> None:
    world = World("prod", "other")
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(35)
    assert polls(world) == [0, 10, 20, 30]
    assert world.platforms["other"].count("snapshot") == 4


async def test_the_first_poll_is_waited_for_and_the_following_are_background() -> None:
    world = World()
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(12)
    assert [each.priority for each in world.platform.requests] == [Priority.FOCUSED, Priority.BACKGROUND]


async def test_pokes_coalesce_and_leave_a_second_between_polls() -> None:
    world = World()
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(5)
        for _ in range(20):
            engine.refresh()
        await world.clock.advance(0.5)
        for _ in range(20):
            engine.refresh()
        await world.clock.advance(3)
    assert polls(world) == [0, 5, 6]


async def test_a_lost_platform_is_tried_again_with_growing_waits_and_the_picture_stays() -> None:
    world = World()
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
        world.platform.errors["snapshot"] = [LOST] * 8
        await world.clock.until(lambda: world.engine.store.accounts["prod"].error is not None)
        state = engine.store.accounts["prod"]
        assert state.error is LOST
        assert state.snapshot is not None
        assert state.phase(world.clock.now()) is Phase.STALE
        assert state.next_try_at is not None
        assert not state.broken
        await world.clock.until(lambda: engine.store.accounts["prod"].error is None)
        assert engine.store.accounts["prod"].phase(world.clock.now()) is Phase.FRESH
    waits = [later - sooner for sooner, later in pairwise(polls(world)[1:])]
    assert all(1 <= wait <= 60 for wait in waits)
    assert max(waits) > 10


async def test_the_failure_and_the_recovery_are_logged_and_the_tries_between_are_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    with caplog.at_level(logging.INFO, logger="tui"):
        async with world.engine as engine:
            engine.start()
            await world.clock.advance(1)
            world.platform.errors["snapshot"] = [LOST] * 5
            await world.clock.until(lambda: engine.store.accounts["prod"].error is not None)
            await world.clock.until(lambda: engine.store.accounts["prod"].error is None)
    assert [record.getMessage() for record in caplog.records] == [
        "prod: Fake does not answer.",
        "prod: reached again",
    ]


async def test_a_bad_credential_is_not_tried_again_until_somebody_refreshes() -> None:
    world = World()
    world.platform.errors["snapshot"] = [Unauthorized("The token is not valid.", remedy="Make a new one.")]
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(3600)
        assert len(polls(world)) == 1
        state = engine.store.accounts["prod"]
        assert state.phase(world.clock.now()) is Phase.FAILED
        assert state.next_try_at is None
        engine.refresh("prod")
        await world.clock.advance(2)
        assert engine.store.accounts["prod"].phase(world.clock.now()) is Phase.FRESH


async def test_a_rate_limit_is_waited_out_and_its_end_is_shown() -> None:
    world = World()
    until = START + timedelta(seconds=300)
    world.platform.errors["snapshot"] = [RateLimited("Too many requests.", retry_at=until)]
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(299)
        assert len(polls(world)) == 1
        assert engine.store.accounts["prod"].next_try_at == until
        await world.clock.advance(2)
        assert engine.store.accounts["prod"].error is None
    assert polls(world)[1] == pytest.approx(300, abs=1)


async def test_an_action_does_not_break_the_pause_that_the_platform_asked_for() -> None:
    world = World()
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
        world.platform.errors["snapshot"] = [RateLimited("Later.", retry_at=START + timedelta(seconds=300))]
        await world.clock.until(lambda: engine.store.accounts["prod"].error is not None)
        shown = engine.store.services()[0]
        await engine.actions.perform(engine.actions.intent(Verb.DEPLOY, shown))
        await world.clock.advance(200)
        assert world.platform.count("deploy") == 1
        assert world.platform.count("snapshot") == 2


async def test_a_success_begins_the_waits_anew() -> None:
    world = World()
    world.platform.errors["snapshot"] = [LOST] * 8
    async with world.engine as engine:
        engine.start()
        await world.clock.until(lambda: engine.store.accounts["prod"].snapshot is not None)
        world.platform.errors["snapshot"] = [LOST]
        await world.clock.until(lambda: engine.store.accounts["prod"].error is not None)
        failed_at = world.clock.monotonic()
        await world.clock.until(lambda: engine.store.accounts["prod"].error is None)
        assert world.clock.monotonic() - failed_at <= 2


async def test_an_unreadable_answer_keeps_the_picture() -> None:
    world = World()
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
        world.platform.errors["snapshot"] = [UnexpectedReply("HTML instead of JSON.", where="snapshot")]
        await world.clock.until(lambda: engine.store.accounts["prod"].error is not None)
        assert len(engine.store.services()) == 1


async def test_while_something_is_in_flight_it_polls_more_often() -> None:
    world = World()
    world.platform.services = [service(latest=deployment("d1", Status.BUILDING))]
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(21)
    assert polls(world) == [0, 5, 10, 15, 20]


async def test_a_short_budget_stretches_the_polls_also_while_something_is_in_flight() -> None:
    world = World()
    world.platform.services = [service(latest=deployment("d1", Status.BUILDING))]
    world.platform.snapshot_cost = 5
    budget = world.engine.budgets["prod"]
    budget.observe(limit=1000, remaining=1000, resets_at=START + timedelta(hours=1))
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(120)
        assert engine.store.accounts["prod"].poll_s == pytest.approx(36, rel=0.1)
    assert 15 <= world.platform.count("snapshot") <= 20


async def test_an_account_that_cannot_be_connected_is_tried_again() -> None:
    world = World()
    world.connect_errors = [LOST, LOST]
    async with world.engine as engine:
        engine.start()
        await world.clock.settle()
        assert engine.store.accounts["prod"].phase(world.clock.now()) is Phase.FAILED
        await world.clock.until(lambda: engine.store.accounts["prod"].snapshot is not None)


async def test_a_one_shot_snapshot_is_in_the_store_and_its_error_is_raised() -> None:
    world = World()
    async with world.engine as engine:
        snapshot = await engine.snapshot("prod")
        assert engine.store.accounts["prod"].snapshot is snapshot
        world.platform.errors["snapshot"] = [LOST]
        with pytest.raises(ProviderError, match="does not answer"):
            await engine.snapshot("prod")
        assert engine.store.accounts["prod"].error is LOST


async def test_a_platform_is_asked_as_often_as_it_wants_to_be() -> None:
    world = World()
    world.platform.polling = Polling(snapshot_s=20, moving_s=7)  # type: ignore[misc]
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(45)
        assert polls(world) == [0, 20, 40]
        world.platform.put(deployment("d2", Status.BUILDING))
        engine.refresh()
        await world.clock.advance(15)
    assert [round(each) for each in polls(world)[3:]] == [45, 52, 59]


async def test_a_picture_whose_oldest_part_is_as_old_as_planned_is_fresh() -> None:
    world = World()
    world.platform.polling = Polling(spread_s=60)  # type: ignore[misc]
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
        state = engine.store.accounts["prod"]
        assert state.phase(START + timedelta(seconds=110)) is Phase.FRESH
        assert state.phase(START + timedelta(seconds=130)) is Phase.STALE


async def test_a_platform_that_says_in_a_second_each_time_is_not_asked_each_second() -> None:
    world = World()

    def soon() -> RateLimited:
        return RateLimited("Too many requests.", retry_at=world.clock.now() + timedelta(seconds=1))

    async with world.engine as engine:
        world.platform.errors["snapshot"] = [soon()]
        engine.start()
        for _ in range(600):
            await world.clock.advance(1)
            world.platform.errors["snapshot"] = [soon()]
    assert 10 <= world.platform.count("snapshot") <= 60
