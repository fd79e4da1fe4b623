"""An hour of the board on each platform: no more requests than the contract's polling plan has."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.conformance.jumping import JumpingClock, Traffic
from tests.conformance.profiles import ACCOUNT, CLOUD66, DOKPLOY, GITLAB, Profile, made, of_the_world, served
from tui.demo.story import frozen_world
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.model.provider import Meter, Provider
from tui.model.status import Status

HOUR_S = 3600

PLANS = [
    # GitLab, five projects with seven environments: the focused project every 10 s, the others every 60 s, all
    # environments every 60 s, everything anew every 5 min.
    pytest.param(GITLAB, True, 360 + 4 * 120 + 5 * 60 + 5 * 12, id="gitlab-calm"),
    pytest.param(GITLAB, False, 3600, id="gitlab-lively"),
    # Cloud 66, one page of stacks: the list 180, the focused stack's deployments 120, its services 120.
    pytest.param(CLOUD66, True, 420 + 30, id="cloud66-calm"),
    pytest.param(CLOUD66, False, 2000, id="cloud66-lively"),
    # Dokploy: the overview every 5 s, the queue every 10 s, the central list every 10 s, the focused service's own.
    pytest.param(DOKPLOY, True, 720 + 360 + 360 + 360, id="dokploy-calm"),
    pytest.param(DOKPLOY, False, 720 + 1800 + 360 + 1800, id="dokploy-lively"),
]


@pytest.mark.parametrize(("profile", "calm", "plan"), PLANS)
async def test_an_hour_keeps_to_the_polling_plan(
    profile: Profile, calm: bool, plan: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = frozen_world(platforms=(profile.name,), calm=calm)
    traffic = Traffic(monkeypatch)
    clock = JumpingClock(world, traffic)
    async with served(profile, world) as serving:

        async def connect(meter: Meter) -> Provider:
            return made(profile, serving, world, meter, clock=clock)

        account = Account(ACCOUNT, profile.name, profile.name, connect)
        async with Engine([account], clock=clock, audit=AuditLog(None)) as engine:
            engine.start()
            await clock.until(lambda: engine.store.services(), within_s=120)
            first = len(traffic.requests)
            focused = next(each for each in engine.store.services() if each.path.endswith(profile.healthy))
            engine.focus(focused.ref)
            await clock.advance(HOUR_S)
            state = engine.store.accounts[ACCOUNT]
            shown = {each.path: each for each in of_the_world(engine.store.services())}
        assert state.error is None
        assert state.snapshot is not None
        assert (clock.now() - state.snapshot.observed_at).total_seconds() < 90
    counted = Counter(f"{method} {path}" for method, path in traffic.requests[first:])
    assert sum(counted.values()) <= plan, counted.most_common(20)
    assert sum(counted.values()) > plan / 20, "it is asked at all"
    for path, service in shown.items():
        newest = world.service(path.split("/", 1)[1].removeprefix("acme/")).recent[0]
        if service.latest is not None and service.latest.status in (Status.LIVE, Status.FAILED):
            assert service.latest.id == profile.id(newest) or not calm, path
