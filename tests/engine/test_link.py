from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from tests.clocks import FakeClock
from tests.engine.world import LOST, Platform, line, service
from tui.engine.budget import Budget
from tui.engine.link import Account, Fault, Link
from tui.model.errors import Unreachable
from tui.model.log import Cursor, LogEntry, LogKind, LogSource
from tui.model.provider import PRIORITY, Meter, Priority, Provider

SOURCE = LogSource(LogKind.RUNTIME, service())


async def first(entries: AsyncGenerator[LogEntry, None]) -> LogEntry:
    return await anext(entries)


def linked() -> tuple[Link, Platform]:
    clock = FakeClock()
    budget = Budget("prod", clock)
    platform = Platform(clock, budget)

    async def connect(meter: Meter) -> Provider:
        assert meter is budget
        return platform

    return Link(Account("prod", "fake", "Fake", connect), budget), platform


async def test_a_stream_that_is_left_early_is_closed_at_once() -> None:
    link, platform = linked()
    async with (
        asyncio.TaskGroup() as group,
        aclosing(link.stream(lambda provider: provider.logs(SOURCE, Cursor()))) as entries,
    ):
        reading = group.create_task(first(entries))
        await platform.clock.settle()
        platform.streams[0].send(line("one"), line("two"))
        assert await reading == line("one")
    assert platform.streams[0].closed


async def test_a_call_is_made_at_its_priority_and_leaves_the_callers_alone() -> None:
    link, platform = linked()
    await link.call(Priority.ACTION, lambda provider: provider.snapshot())
    assert platform.requests[0].priority is Priority.ACTION
    assert PRIORITY.get() is Priority.BACKGROUND


async def test_what_the_provider_raises_passes_and_a_bug_is_told_as_a_fault() -> None:
    link, platform = linked()
    platform.errors["snapshot"] = [LOST, ZeroDivisionError("1/0 with a token in it")]
    with pytest.raises(Unreachable):
        await link.call(Priority.ACTION, lambda provider: provider.snapshot())
    with pytest.raises(Fault, match="a fault inside deckwatch stopped this request") as fault:
        await link.call(Priority.ACTION, lambda provider: provider.snapshot())
    assert "token in it" not in str(fault.value)
    assert "ZeroDivisionError" not in str(fault.value), "the diagnostics log names it"
    assert isinstance(fault.value.__cause__, ZeroDivisionError)


async def test_a_closed_link_closes_its_provider_once() -> None:
    link, platform = linked()
    await link.provider()
    await link.aclose()
    await link.aclose()
    assert platform.closed == 1
