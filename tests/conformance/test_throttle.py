"""Cloud 66 says `throttled` without saying until when: how long an account stays blind after that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from tests.conformance.jumping import JumpingClock, Traffic
from tests.conformance.profiles import ACCOUNT, CLOUD66, made, served
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.engine.store import AccountState
from tui.model.errors import RateLimited
from tui.model.provider import Meter, Provider

FIVE_MIN_S = 300
PROBE_S = 2


class Board:
    """An engine over the demo, at rest on a picture."""

    def __init__(self, engine: Engine, clock: JumpingClock, world: World, traffic: Traffic) -> None:
        self.engine = engine
        self.clock = clock
        self.world = world
        self._traffic = traffic

    @property
    def account(self) -> AccountState:
        return self.engine.store.accounts[ACCOUNT]

    def throttle(self, times: int | None = 1) -> None:
        self.world.faults.add("429", channel="http", count=times)

    async def blind(self) -> None:
        """Let time go by until the next poll was throttled."""
        await self.clock.until(lambda: self.account.error is not None, within_s=120)
        assert isinstance(self.account.error, RateLimited)

    async def requests_within(self, seconds: float) -> int:
        before = len(self._traffic.requests)
        await self.clock.advance(seconds)
        return len(self._traffic.requests) - before


@pytest.fixture
async def board(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Board]:
    async with _board(monkeypatch) as board:
        yield board


@asynccontextmanager
async def _board(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Board]:
    world = frozen_world(platforms=(CLOUD66.name,), calm=True)
    traffic = Traffic(monkeypatch)
    clock = JumpingClock(world, traffic)
    async with served(CLOUD66, world) as serving:

        async def connect(meter: Meter) -> Provider:
            return made(CLOUD66, serving, world, meter, clock=clock)

        account = Account(ACCOUNT, CLOUD66.name, "Cloud 66", connect)
        async with Engine([account], clock=clock, audit=AuditLog(None)) as engine:
            engine.start()
            await clock.until(lambda: engine.store.services(), within_s=120)
            yield Board(engine, clock, world, traffic)


async def test_after_one_throttled_answer_the_account_is_read_again_when_it_was_promised(board: Board) -> None:
    board.throttle()
    await board.blind()
    promised = board.account.next_try_at
    assert promised is not None
    assert promised - board.clock.now() == timedelta(seconds=FIVE_MIN_S)
    assert await board.requests_within(FIVE_MIN_S - 1) == 0
    await board.clock.advance(1 + PROBE_S)
    assert board.account.error is None
    assert board.account.snapshot is not None
    assert board.account.snapshot.observed_at >= promised


async def test_throttled_again_and_again_it_is_probed_by_one_request_each_time(board: Board) -> None:
    board.throttle(times=3)
    await board.blind()
    for minutes in (5, 10, 20):
        promised = board.account.next_try_at
        assert promised is not None
        left_s = (promised - board.clock.now()).total_seconds()
        assert left_s == pytest.approx(minutes * 60, abs=PROBE_S)
        assert await board.requests_within(left_s - 1) == 0
        if minutes < 20:
            assert await board.requests_within(PROBE_S) == 1
    await board.clock.advance(1 + PROBE_S)
    assert board.account.error is None


async def test_a_refresh_by_a_person_probes_once_before_the_promised_time(board: Board) -> None:
    board.throttle(times=None)
    await board.blind()
    promised = board.account.next_try_at
    await board.clock.advance(60)
    board.engine.refresh()
    assert await board.requests_within(5) == 1, "one probe"
    assert board.account.next_try_at == promised, "which the promised time does not move for"
    for _ in range(5):
        board.engine.refresh()
        assert await board.requests_within(5) == 0, "and none after it"


async def test_a_refresh_that_is_answered_ends_the_pause(board: Board) -> None:
    board.throttle()
    await board.blind()
    await board.clock.advance(60)
    board.engine.refresh()
    await board.clock.advance(PROBE_S)
    assert board.account.error is None
    assert await board.requests_within(60) >= 3, "it is polled as before"
