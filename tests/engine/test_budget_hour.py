"""Hours on a small token, on a simulated clock: the board, one focused service, and rollouts going on."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.engine.world import World, deployment, service
from tui.model.entities import Kind, Ref
from tui.model.status import Status

DISCOVERY = 2
ENVIRONMENTS = ("production", "staging", "preview")
SERVICES = 20
API = Ref("prod", Kind.SERVICE, "api")


def board(hourly: int) -> World:
    """20 services in 3 environments; a snapshot costs the discovery and a request an environment."""
    world = World()
    platform = world.platform
    platform.hourly = hourly
    platform.snapshot_cost = DISCOVERY + len(ENVIRONMENTS)
    names = ["api", *(f"s{n}" for n in range(SERVICES - 1))]
    platform.services = [service(name, environment=ENVIRONMENTS[n % 3]) for n, name in enumerate(names)]
    platform.put(deployment("d0", minutes_ago=60, is_live=True))
    return world


async def roll_out(world: World, number: int) -> None:
    """A build of two minutes, on a platform that tells of no change: everything is polled for."""
    old = world.platform.lists[API][0]
    new = deployment(f"d{number}", Status.BUILDING, created_at=world.clock.now())
    world.platform.put(new, old)
    await world.clock.advance(120)
    world.platform.put(deployment(f"d{number}", created_at=new.created_at, is_live=True))


@pytest.mark.parametrize(
    ("hourly", "longest_gap_s"),
    [
        pytest.param(1000, 120, id="hobby"),
        pytest.param(100, 1200, id="free"),
        pytest.param(10_000, 15, id="pro"),
    ],
)
async def test_a_token_lasts_its_hours_with_the_last_tenth_untouched(hourly: int, longest_gap_s: float) -> None:
    world = board(hourly)
    async with world.engine as engine:
        engine.start()
        engine.focus(API)
        for number in range(1, 13):
            await roll_out(world, number)
            await world.clock.advance(480)
        assert engine.store.accounts["prod"].error is None
        timeline = engine.store.timeline(API)
        assert timeline is not None
        assert timeline.deployments[0].id == "d12"
    polls = sorted({each.at_s for each in world.platform.requests if each.what == "snapshot"})
    starts = [polls[0], *(later for sooner, later in pairwise(polls) if later - sooner > 2)]
    gaps = [later - sooner for sooner, later in pairwise(starts)]
    assert world.platform.left_at_worst >= hourly / 10
    assert max(gaps) <= longest_gap_s
    assert 7200 - starts[-1] <= longest_gap_s


async def test_looking_about_without_rest_stops_at_what_is_kept_for_actions() -> None:
    """Somebody looks at another service every three seconds for an hour: more than the whole token would allow."""
    world = board(1000)
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
        refs = [each.ref for each in engine.store.services()]
        for second in range(0, 3590, 3):
            engine.focus(refs[second // 3 % len(refs)])
            await world.clock.advance(3)
        await world.clock.advance(60)
        assert engine.store.accounts["prod"].error is None, "the next hour begins by itself"
    assert world.platform.left_at_worst >= 100
