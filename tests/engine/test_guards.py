"""Conditions and constants that each keep one thing from going wrong: without them nothing else would say so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.clocks import START
from tests.engine.test_actions import API, LIVE
from tests.engine.test_log_tail import latest, live_world, open_tail
from tests.engine.test_settle import building, own, world_of
from tests.engine.world import LOST, deployment, line
from tui.engine.judge import of_lines
from tui.engine.log_patterns import PatternBook, since_deployment
from tui.engine.log_store import InMemory, LogLimits, LogStore
from tui.engine.reviews import Looks
from tui.model.action import Verb
from tui.model.log import GapKind, Level, LogGap
from tui.model.status import Status

SECOND_US = 1_000_000
BEFORE, AFTER = 1_000, 60  # lines of the two deployments


@pytest.mark.parametrize(("errors", "looks"), [(2, Looks.UNCLEAR), (3, Looks.WORSE)])
def test_a_new_error_is_believed_from_its_third_line_on(errors: int, looks: Looks) -> None:
    """Chance would put two lines of 1,060 on the new side once in 300 times: the share alone would believe them."""
    book = PatternBook()
    for number in range(BEFORE + AFTER):
        failing = number >= BEFORE + AFTER - errors
        text, level = ("payment refused", Level.ERROR) if failing else ("order accepted", Level.INFO)
        book.add(text, level, number * SECOND_US, number)
    finding = of_lines(since_deployment(book, BEFORE * SECOND_US, BEFORE), AFTER)
    assert finding.looks is looks, finding
    assert finding.doubt is (looks is Looks.UNCLEAR)


def test_a_block_that_was_replaced_while_it_was_compressed_changes_nothing_when_that_ends() -> None:
    jobs: list[Callable[[], None]] = []

    def later(work: Callable[[], InMemory], done: Callable[[InMemory], None]) -> None:
        jobs.append(lambda: done(work()))

    store = LogStore(LogLimits(), elsewhere=later)
    store.append(LogGap(START, "cut"))
    number = 0
    while not jobs:  # the first block is full, and on its way
        number += 1
        store.append(line(f"line {number} " + "x" * 200))
    assert store.fill(0, LogGap(START, "cut", filled=1), [line("read back")])
    held = store.nbytes
    jobs.pop(0)()
    assert store.nbytes == held, "the memory of a block that is no more is not counted"
    assert [entry.text for entry in (store[1], store[2])] == ["read back", "line 1 " + "x" * 200]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", [GapKind.DROPPED, GapKind.LOST, GapKind.NOTE])
async def test_what_else_a_platform_says_after_a_cut_is_not_taken_for_what_the_cut_cost(kind: GapKind) -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        latest(world).send(line("one"))
        await world.clock.settle()
        latest(world).fail(LOST)
        await world.clock.advance(30)
        latest(world).send(LogGap(START, "the platform's own word", 5, kind))
        await world.clock.settle()
        gap = next(entry for entry in tail.buffer if isinstance(entry, LogGap))
        assert (gap.at, gap.until) == (START, None), "its own time, not that of the cut"
        assert [cut.lost for cut in tail.completeness.cuts] == [False]
        latest(world).send(LogGap(None, "lines are missing"))
        await world.clock.settle()
        assert [cut.lost for cut in tail.completeness.cuts] == [True], "this is what the cut cost"


async def test_beside_an_action_only_what_it_made_may_be_cancelled() -> None:
    world = world_of()
    async with world.engine as engine:
        await building(world)
        other = deployment("d3", Status.BUILDING, created_at=world.clock.now() - timedelta(seconds=1))
        world.platform.put(own(world), other, LIVE)
        engine.refresh()
        await world.clock.advance(5)
        row = engine.store.service(API)
        assert row is not None
        assert engine.actions.blocked(Verb.CANCEL, row, own(world)) is None
        for not_its_own in (other, LIVE, None):
            held = engine.actions.blocked(Verb.CANCEL, row, not_its_own)
            assert held is not None
            assert held.startswith("redeploy of api has been running for")
