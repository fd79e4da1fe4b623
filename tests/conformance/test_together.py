"""All platforms at once: one picture, told apart by account; one that fails slows none of the others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.conformance.profiles import PROFILES, Profile, made, of_the_world, served
from tests.journeys.sailing import WorldTime
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.engine.store import Phase
from tui.model.provider import Meter, Provider
from tui.model.status import Status


@asynccontextmanager
async def together() -> AsyncIterator[tuple[Engine, dict[str, World]]]:
    """An engine over the four, each platform with a world of its own, so that one can fail alone."""
    worlds = {profile.name: frozen_world(platforms=(profile.name,)) for profile in PROFILES}
    async with AsyncExitStack() as stack:
        accounts = []
        for profile in PROFILES:
            world = worlds[profile.name]
            serving = await stack.enter_async_context(served(profile, world))

            def account(profile: Profile = profile, world: World = world, serving: object = serving) -> Account:
                async def connect(meter: Meter) -> Provider:
                    return made(profile, serving, world, meter, account=profile.name)  # type: ignore[arg-type]

                return Account(profile.name, profile.name, profile.name, connect)

            accounts.append(account())
        clock = WorldTime(worlds["railway"])
        yield await stack.enter_async_context(Engine(accounts, clock=clock, audit=AuditLog(None))), worlds


async def fresh(engine: Engine, *accounts: str, within_s: float = 10.0) -> float:
    """Waits until these have a picture. Returns how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(within_s):
        while any(engine.store.accounts[name].snapshot is None for name in accounts):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return time.monotonic() - began


async def test_a_rollout_is_seen_on_every_platform_at_once() -> None:
    async with together() as (engine, worlds):
        engine.start()
        await fresh(engine, *worlds)
        services = engine.store.services()
    assert list(dict.fromkeys(service.account for service in services)) == list(worlds)
    for profile in PROFILES:
        [busy] = [
            service
            for service in services
            if service.account == profile.name and service.path.endswith(f"/{profile.busy}")
        ]
        assert busy.latest is not None
        assert busy.latest.status in (Status.BUILDING, Status.DEPLOYING)
    assert len(of_the_world(services)) == sum(
        not service.environment.restricted for world in worlds.values() for service in world.services
    )
    assert len({service.ref for service in services}) == len(services)


@pytest.mark.parametrize("fault", ["silent", "drop", "429", "5xx", "html", "malformed", "unauthorized"])
@pytest.mark.parametrize("failing", ["gitlab", "dokploy"])
async def test_one_account_that_fails_in_any_way_slows_none_of_the_others(failing: str, fault: str) -> None:
    async with together() as (engine, worlds):
        worlds[failing].faults.add(fault, channel="http", count=None)
        others = [name for name in worlds if name != failing]
        engine.start()
        await fresh(engine, *others, within_s=5)
        now = engine.clock.now()
        assert [engine.store.accounts[name].phase(now) for name in others] == [Phase.FRESH] * 3
        assert engine.store.accounts[failing].snapshot is None
