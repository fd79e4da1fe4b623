"""Whatever one endpoint answers, the board keeps to its polling plan, and what others answer stays fresh."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from tests.conformance.jumping import JumpingClock, Traffic
from tests.conformance.profiles import ACCOUNT, Profile, made
from tui.demo.cast import Fate
from tui.demo.faults import Channel, Fault, FaultKind
from tui.demo.lifecycle import push
from tui.demo.serve import serve
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.model.entities import Service
from tui.model.provider import Meter, Provider

REST_S = 300.0
FLIGHT_S = 300.0
TRIES = 40  # of one question with its own backoff in ten minutes, at the very most
FAULTS = [
    ("unauthorized", ""),
    ("5xx", "403"),
    ("5xx", "404"),
    ("5xx", "500"),
    ("429", ""),
    ("drop", ""),
    ("html-ok", ""),
    ("malformed", ""),
    ("problem", ""),
]


class Asked:
    """Counts the requests by the most telling of their names, as faults can be set on it."""

    def __init__(self, world: World) -> None:
        self.counted: Counter[str] = Counter()
        take = world.faults.take

        def counting(
            kind: FaultKind, channel: Channel, names: Iterable[str], progress: int | None = None
        ) -> Fault | None:
            names = set(names)
            if kind is FaultKind.SLOW and channel is Channel.HTTP:  # looked for first, once a request
                self.counted[max(names, key=lambda name: (len(name), name))] += 1
            return take(kind, channel, names, progress)

        world.faults.take = counting  # type: ignore[method-assign]


class Board:
    """A board that rests on a failed service, then on one whose rollout is under way."""

    def __init__(self, world: World, engine: Engine, clock: JumpingClock, asked: Asked, profile: Profile) -> None:
        self.world = world
        self.engine = engine
        self.clock = clock
        self._asked = asked
        self._profile = profile

    def _service(self, path: str) -> Service | None:
        """None: the platform has refused to show it."""
        return next((each for each in self.engine.store.services() if each.path.endswith(f"/{path}")), None)

    async def rest(self) -> Counter[str]:
        """Five minutes on a service whose newest deployment failed, an older one live."""
        push(self.world, self.world.service(self._profile.healthy), Fate.BUILD_FAILS)
        self.world.advance(300)
        return await self._watch(self._profile.healthy, REST_S)

    async def fly(self) -> Counter[str]:
        """Five minutes with a rollout, and then another one, under way."""
        service = self.world.service(self._profile.busy)
        push(self.world, service)
        counted = await self._watch(self._profile.busy, FLIGHT_S / 2)
        push(self.world, service)
        return counted + await self._watch(self._profile.busy, FLIGHT_S / 2)

    async def _watch(self, path: str, seconds: float) -> Counter[str]:
        if (service := self._service(path)) is not None:
            self.engine.focus(service.ref)
        before = self._asked.counted.copy()
        await self.clock.advance(seconds)
        return self._asked.counted - before


@asynccontextmanager
async def board(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Board]:
    world = frozen_world(platforms=(profile.name,))
    asked = Asked(world)
    clock = JumpingClock(world, Traffic(monkeypatch))
    async with serve(world, platforms=(profile.name,)) as serving:  # with the platform's usual limits

        async def connect(meter: Meter) -> Provider:
            return made(profile, serving, world, meter, clock=clock)

        account = Account(ACCOUNT, profile.name, profile.name, connect)
        async with Engine([account], clock=clock, audit=AuditLog(None), reviewing=False) as engine:
            engine.start()
            await clock.until(lambda: engine.store.services(), within_s=120)
            yield Board(world, engine, clock, asked, profile)


_CALM: dict[str, Counter[str]] = {}


async def calm_of(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Every endpoint, and how often it is asked while all is well."""
    if profile.name not in _CALM:
        async with board(profile, monkeypatch) as shown:
            _CALM[profile.name] = await shown.rest() + await shown.fly()
    return _CALM[profile.name]


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "detail"), FAULTS, ids=[f"{fault}{detail}" for fault, detail in FAULTS])
async def test_no_endpoint_that_fails_is_asked_in_a_storm_or_starves_the_others(
    profile: Profile, fault: str, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next poll may ask again for what failed, where that had waited for a later one; nothing asks more often."""
    calm = await calm_of(profile, monkeypatch)
    assert len(calm) >= 4
    for endpoint in calm:
        async with board(profile, monkeypatch) as shown:
            shown.world.faults.add(fault, endpoint, channel="http", count=None, detail=detail)
            stormy = await shown.rest() + await shown.fly()
            state, budget = shown.engine.store.accounts[ACCOUNT], shown.engine.budgets[ACCOUNT].view()
            age_s = state.age_s(shown.clock.now())
        told = f"{endpoint}: {stormy}, calm {calm}"
        assert stormy[endpoint] <= max(calm[endpoint] * 3, max(calm.values()) * 1.25, TRIES), told
        assert stormy.total() <= max(calm.total() * 1.5 + TRIES, 0.9 * (budget.limit or 0) / 6), told
        if state.error is None:
            assert age_s is not None
            assert age_s < 120, f"the snapshots starve. {told}"
