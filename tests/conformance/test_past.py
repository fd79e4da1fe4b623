"""A month of deployments, read back over every platform's own pages, within its request budget."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from tests.conformance.profiles import ACCOUNT, PROFILES, Profile, made, of_the_world, served
from tests.journeys.sailing import WorldTime
from tui.demo.story import frozen_world
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.engine.history import EVER
from tui.model.provider import Meter, Provider

MONTH = timedelta(days=30)
KEPT = {"dokploy": 10}  # rows of a service; the others keep all


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
async def test_a_month_is_read_back_whole_in_the_right_order_and_each_deployment_once(profile: Profile) -> None:
    world = frozen_world(platforms=(profile.name,), past=65)
    async with served(profile, world) as serving:
        clock = WorldTime(world, haste=200)

        async def connect(meter: Meter) -> Provider:
            return made(profile, serving, world, meter, clock=clock)

        async with Engine(
            [Account(ACCOUNT, profile.name, profile.name, connect)], clock=clock, audit=AuditLog(None)
        ) as engine:
            await engine.snapshot(ACCOUNT)
            read = asyncio.Event()
            engine.store.watch(lambda: read.set() if engine.history.progress[0] == engine.history.progress[1] else None)
            engine.history.want(clock.now() - MONTH)
            async with asyncio.timeout(60):
                await read.wait()
            assert not engine.history.problems
            months = 0
            for service in of_the_world(engine.store.services()):
                told = engine.history.deployments(service.ref)
                assert len({each.ref for each in told}) == len(told)
                times = [each.created_at for each in told if each.created_at is not None]
                assert times == sorted(times, reverse=True)
                since = engine.history.since(service.ref)
                assert since is not None
                assert since <= clock.now() - MONTH
                if profile.name in KEPT:
                    assert since == EVER
                months += sum(at >= clock.now() - MONTH for at in times)
            begin = world.now - 30 * 86_400 * 10**9
            there = [
                [one for one in service.deployments if one.created_at >= begin]
                for service in world.services
                if not service.environment.restricted
                and not (profile.name in KEPT and service.image)  # a database of Dokploy has no history
            ]
            expected = sum(min(len(of), KEPT.get(profile.name, 10_000)) for of in there)
            assert months == pytest.approx(expected, rel=0.1), "but for what a platform does not tell of"
            newest = engine.events.before(datetime.fromtimestamp(world.now / 1e9, UTC), 20)
            assert len(newest) == 20
