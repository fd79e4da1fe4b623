"""Read-only: at each layer, on every platform, nothing that changes anything leaves the process."""

from __future__ import annotations

import pytest

from tests.conformance.profiles import ACCOUNT, PROFILES, Profile, made, prepared, provided, served
from tests.conformance.test_verbs import intent_of
from tests.journeys.sailing import WorldTime
from tests.providers.loopback import Ledger
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.model.action import Verb
from tui.model.errors import Refused
from tui.model.provider import Meter, Provider

ORDERS = [(profile, order) for profile in PROFILES for order in profile.orders]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
async def test_the_wire_carries_no_mutation_whoever_asks_for_it(profile: Profile) -> None:
    """The handlers themselves, without anything above that could have said no."""
    for order in profile.orders:
        world, target = prepared(profile, order)
        async with served(profile, world) as serving, provided(profile, serving, world) as able:
            intent, _ = await intent_of(able, profile, order, target)
            before = sum(world.calls.values())
            only = made(profile, serving, world, Ledger(), read_only=True)
            try:
                assert (await only.snapshot()).services, "reading goes on"
                await only.deployments(intent.service)
                with pytest.raises(Refused, match="read-only"):
                    await only.handlers[order.verb].run(intent)
            finally:
                await only.aclose()
            assert sum(world.calls.values()) == before, order.verb


@pytest.mark.parametrize("of_the_process", [True, False], ids=["--read-only", "read_only"])
@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: profile.name)
async def test_neither_the_engine_nor_its_provider_runs_any_verb(profile: Profile, of_the_process: bool) -> None:
    order = profile.orders[0]
    world, target = prepared(profile, order)
    async with served(profile, world) as serving, provided(profile, serving, world) as able:
        intent, _ = await intent_of(able, profile, order, target)

        async def connect(meter: Meter) -> Provider:
            return made(profile, serving, world, meter)  # which could, by its connection

        account = Account(ACCOUNT, profile.name, profile.name, connect, read_only=not of_the_process)
        async with Engine([account], clock=WorldTime(world), audit=AuditLog(None), read_only=of_the_process) as engine:
            await engine.snapshot(ACCOUNT)
            service = engine.store.service(intent.service.ref)
            assert service is not None
            reasons = engine.actions.verbs(service, intent.deployment)
            assert set(reasons) == set(Verb)
            assert all("read-only" in (reason or "") for reason in reasons.values()), reasons
            with pytest.raises(Refused, match="read-only"):
                await engine.actions.perform(intent)
            provider = await engine.provider(ACCOUNT)
            for verb, handler in provider.handlers.items():
                with pytest.raises(Refused, match="read-only"):
                    await handler.run(intent)
                assert verb in reasons
            assert engine.audit.read() == []
    assert sum(world.calls.values()) == 0
