from __future__ import annotations

import asyncio

from tests.clocks import FakeClock
from tui.engine.bell import Bell


async def test_a_ring_wakes_before_the_time_is_over() -> None:
    clock = FakeClock()
    bell = Bell(clock)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(bell.wait(10))
        await clock.advance(3)
        assert not waiting.done()
        bell.ring()
        assert await waiting is True
    assert clock.monotonic() == 3


async def test_without_a_ring_the_time_goes_by() -> None:
    clock = FakeClock()
    bell = Bell(clock)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(bell.wait(10))
        await clock.until(waiting.done)
        assert waiting.result() is False
    assert clock.monotonic() == 10


async def test_rings_while_nobody_waits_count_as_one() -> None:
    clock = FakeClock()
    bell = Bell(clock)
    bell.ring()
    bell.ring()
    assert await bell.wait(None) is True
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(bell.wait(5))
        await clock.until(waiting.done)
        assert waiting.result() is False


async def test_a_cancelled_wait_leaves_no_task() -> None:
    clock = FakeClock()
    bell = Bell(clock)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(bell.wait(10))
        await clock.settle()
        waiting.cancel()
    assert waiting.cancelled()
    assert asyncio.all_tasks() == {asyncio.current_task()}
