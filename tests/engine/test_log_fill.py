"""A gap is read back from the platform's history, and what comes stands where it was missing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clocks import START
from tests.engine.world import LOST, Stream, World, deployment, service
from tui.engine import log_fill
from tui.engine.log_rows import LogRows, Source
from tui.engine.log_store import LogStore
from tui.engine.log_tail import LogTail
from tui.model.entities import Kind, Ref
from tui.model.errors import Unreachable
from tui.model.log import Cursor, GapKind, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.model.log_filter import parse

API = Ref("prod", Kind.SERVICE, "api")
GAP = LogGap(None, "lines are missing here")
SOURCE = LogSource(LogKind.RUNTIME, service())


def line(text: str, at_s: float) -> LogLine:
    return LogLine(START + timedelta(seconds=at_s), text, deployment="d1")


def numbered(*seconds: float) -> list[LogLine]:
    return [line(f"line at {each}", each) for each in seconds]


def texts(store: LogStore) -> list[str]:
    return [entry.text for entry in store if isinstance(entry, LogLine)]


class History:
    """What a platform keeps. It gives what lies between two times, at most the newest `most`."""

    def __init__(self, lines: list[LogLine], most: int = 1_000_000) -> None:
        self.lines = lines
        self.most = most
        self.asked: list[LogSource] = []

    async def logs(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        self.asked.append(source)
        assert not source.follow
        assert source.since is not None
        assert source.until is not None
        found = [each for each in self.lines if each.at is None or source.since <= each.at <= source.until]
        if len(found) > self.most:
            yield LogGap(None, f"it gives only the newest {self.most} lines", kind=GapKind.OLDER)
        for each in found[-self.most :]:
            yield each


async def filled(held: list[LogEntry], history: History) -> tuple[LogStore, log_fill.Filled]:
    store = LogStore()
    store.extend(held)
    number = next(each for each in range(store.end) if isinstance(store[each], LogGap))
    gap = store[number]
    assert isinstance(gap, LogGap)
    edges = log_fill.edges(store, number, START + timedelta(hours=1))
    assert edges is not None
    found = await log_fill.read(SOURCE, edges, gap, history.logs, title="Fake")
    assert store.fill(number, found.gap, found.entries)
    return store, found


async def test_what_is_missing_comes_into_its_place_in_the_order_of_time() -> None:
    whole = numbered(*range(10))
    store, found = await filled([*whole[:3], GAP, *whole[7:]], History(whole))
    assert texts(store) == [each.text for each in whole]
    assert found.gap.closed
    assert found.gap.filled == 4
    assert found.told == "4 lines read back: the gap is filled."


async def test_lines_alike_at_the_edges_are_counted_not_dropped() -> None:
    """Three equal lines at one time, of which one was held: two are missing."""
    same = [line("again", 5)] * 3
    whole = [*numbered(1), *same, *numbered(9)]
    store, _ = await filled([whole[0], same[0], GAP, whole[-1]], History(whole))
    assert texts(store) == [each.text for each in whole]


async def test_a_part_that_is_given_leaves_a_smaller_gap_with_the_reason() -> None:
    whole = numbered(*range(10))
    history = History(whole, most=4)
    store, found = await filled([*whole[:2], GAP, *whole[9:]], history)
    assert texts(store) == [each.text for each in (*whole[:2], *whole[6:])]
    assert not found.gap.closed
    assert (found.gap.filled, found.gap.until) == (3, whole[6].at)
    assert found.gap.reason == "it gives only the newest 4 lines"
    assert found.told == "3 lines read back, and not all: it gives only the newest 4 lines."
    history.most = 100
    gap = store[2]
    assert isinstance(gap, LogGap)
    again, rest = await filled([*whole[:2], gap, *whole[6:]], history)
    assert texts(again) == [each.text for each in whole]
    assert (rest.gap.closed, rest.gap.filled) == (True, 7)


async def test_a_platform_that_has_not_even_what_is_known_no_longer_reaches_back_so_far() -> None:
    whole = numbered(*range(10))
    store, found = await filled([*whole[:3], GAP, *whole[7:]], History(whole[5:]))
    assert texts(store) == [each.text for each in (*whole[:3], *whole[5:])]
    assert not found.gap.closed
    assert found.gap.reason == "Fake no longer has the lines from before"


async def test_nothing_was_missing_only_where_the_platform_shows_both_edges() -> None:
    whole = numbered(1, 2, 3)
    _, found = await filled([*whole[:2], GAP, *whole[2:]], History(whole))
    assert (found.gap.closed, found.gap.filled) == (True, 0)
    assert found.told == "Nothing was missing here: the platform has no others."


async def test_what_is_older_than_the_log_was_not_asked_for() -> None:
    whole = numbered(0, 0, 1, 2, 3, 4)
    store, _ = await filled([*whole[2:3], GAP, *whole[4:]], History(whole))
    assert texts(store) == [each.text for each in whole[2:]]


async def test_a_late_line_that_was_cut_off_is_found_before_the_edge() -> None:
    """Two replicas: the one that is a second behind lost a line older than the last that came."""
    whole = [*numbered(1, 2), line("late", 2.5), *numbered(3, 9)]
    store, found = await filled([whole[0], whole[1], whole[3], GAP, whole[4]], History(whole))
    assert sorted(texts(store)) == sorted(each.text for each in whole)
    assert found.gap.filled == 1


@given(data=st.data())
@settings(deadline=None, max_examples=80)
async def test_a_filled_log_is_the_log_without_the_gap(data: st.DataObject) -> None:
    """Whatever stands around the gap: lines of one instant, and alike ones."""
    steps = data.draw(st.lists(st.sampled_from([0.0, 0.0, 0.001, 0.5, 3.0, 20.0]), min_size=3, max_size=60))
    words = st.sampled_from(["a", "b"])
    at_s, whole = 0.0, []
    for step in steps:
        at_s += step
        whole.append(line(data.draw(words), at_s))
    begin = data.draw(st.integers(1, len(whole) - 1))
    end = data.draw(st.integers(begin, len(whole) - 1))
    # Of an instant that the log begins with, nobody can say what it was to hold.
    if whole[begin - 1].at == whole[0].at:
        whole = [line("the first", -60), *whole]
        begin, end = begin + 1, end + 1
    store, found = await filled([*whole[:begin], GAP, *whole[end:]], History(whole))
    assert found.gap.closed
    assert found.gap.filled == end - begin
    held = [entry for entry in store if isinstance(entry, LogLine)]
    assert [each.at for each in held] == [each.at for each in whole]
    assert sorted(each.text for each in held) == sorted(each.text for each in whole)


def rows_of(*stores: LogStore) -> LogRows:
    rows = LogRows([Source(each, str(number)) for number, each in enumerate(stores)])
    return worked(rows)


def worked(rows: LogRows) -> LogRows:
    rows.catch_up()
    while rows.work(1.0):
        pass
    return rows


def shown(rows: LogRows) -> list[str]:
    entries = [rows.entry(rows.key(index)) for index in range(len(rows))]
    return [each.text for each in entries if isinstance(each, LogLine)]


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("kept", ["", "at"])
def test_a_view_follows_what_is_put_in(several: bool, kept: str) -> None:
    """Keys that are taken along stay with their line; what came behind them is not new again."""
    whole = numbered(*range(10))
    store = LogStore()
    store.extend([*whole[:3], GAP, *whole[7:]])
    other = LogStore()
    other.extend([line("other at 2", 2.1), line("other at 5", 5.1), line("other at 8", 8.1)])
    rows = rows_of(store, other) if several else rows_of(store)
    if kept:
        rows.keep(parse(kept, START))
        worked(rows)
    keys = {key: rows.entry(key) for key in (rows.key(index) for index in range(len(rows)))}
    arrived = rows.arrived
    store.fill(3, LogGap(None, "filled", filled=4, closed=True), whole[3:7])
    worked(rows)
    assert {rows.moved(key, 0): entry for key, entry in keys.items() if not isinstance(entry, LogGap)}.items() <= {
        key: rows.entry(key) for key in (rows.key(index) for index in range(len(rows)))
    }.items()
    beside = [each for each in other if isinstance(each, LogLine)] if several else []
    assert shown(rows) == [each.text for each in sorted([*whole, *beside], key=lambda each: each.at or START)]
    assert rows.arrived == arrived
    store.append(line("line at 20", 20))
    rows.catch_up()
    assert rows.arrived == arrived + 1


# The tail


def live_world() -> World:
    world = World()
    world.platform.put(deployment("d1", is_live=True))
    return world


async def opened(world: World) -> tuple[LogTail, Stream]:
    world.engine.start()
    await world.clock.until(lambda: world.engine.store.services())
    tail = world.engine.tails.open(LogKind.RUNTIME, API)
    await world.clock.settle()
    return tail, world.platform.streams[-1]


async def cut(world: World, tail: LogTail, first: Stream, lines: list[LogLine], gap: LogGap = GAP) -> int:
    """The stream breaks; when it is back the platform says that something is missing. The gap's number."""
    first.send(*lines[:2])
    await world.clock.settle()
    first.fail(LOST)
    await world.clock.until(lambda: len(world.platform.streams) == 2)
    world.platform.streams[-1].send(gap, *lines[-2:])
    await world.clock.until(lambda: tail.buffer.level(tail.buffer.end - 1) is not None)
    return next(each for each in range(tail.buffer.end) if isinstance(tail.buffer[each], LogGap))


async def test_a_gap_says_from_when_to_when_and_enter_reads_it() -> None:
    world = live_world()
    whole = numbered(*range(8))
    async with world.engine:
        tail, first = await opened(world)
        number = await cut(world, tail, first, whole)
        gap = tail.buffer[number]
        assert isinstance(gap, LogGap)
        (broke,) = tail.completeness.cuts
        assert (gap.at, gap.until) == (broke.at, broke.until)
        assert broke.lost
        assert not tail.completeness.whole
        assert tail.completeness.open == [gap]
        newest = tail.buffer.end - 1
        tail.marks[newest] = "the newest"
        world.platform.kept = [*whole]
        assert await tail.fill(number) == "4 lines read back: the gap is filled."
        asked = world.platform.streams[-1].source
        assert asked is not None
        assert (asked.since, asked.until) == (whole[0].at, whole[6].at)
        assert texts(tail.buffer) == [each.text for each in whole]
        assert tail.marks == {newest + 4: "the newest"}
        assert tail.completeness.whole
        assert tail.completeness.filled == 4
        assert await tail.fill(number) == "This gap is filled: nothing is missing here any more."


async def test_a_cut_that_is_read_over_leaves_no_gap() -> None:
    world = live_world()
    async with world.engine:
        tail, first = await opened(world)
        first.send(*numbered(1))
        await world.clock.settle()
        first.fail(LOST)
        await world.clock.until(lambda: len(world.platform.streams) == 2)
        world.platform.streams[-1].send(*numbered(2))
        await world.clock.settle()
        (broke,) = tail.completeness.cuts
        assert (broke.lost, broke.why) == (False, "Fake does not answer.")
        assert broke.until is not None
        assert tail.completeness.whole
        world.platform.streams[-1].send(GAP)
        await world.clock.settle()
        assert tail.completeness.open == [GAP], "a gap in mid-stream is not of that cut"


async def test_a_gap_that_cannot_be_read_back_stays_and_says_why() -> None:
    world = live_world()
    async with world.engine:
        tail, first = await opened(world)
        number = await cut(world, tail, first, numbered(*range(8)))
        gap = tail.buffer[number]
        world.platform.errors["logs"] = [Unreachable("Fake does not answer.")]
        assert await tail.fill(number) == "The gap could not be read back: Fake does not answer."
        assert tail.buffer[number] == gap
        assert tail.completeness.open == [gap]


@pytest.mark.parametrize(
    ("gap", "told"),
    [
        (LogGap(None, "dropped", 312, GapKind.DROPPED), "nobody has them"),
        (LogGap(None, "It was erased.", kind=GapKind.LOST), "It was erased."),
        (LogGap(None, "No history.", kind=GapKind.OLDER), "The log begins here. No history."),
        (LogGap(None, "Polled.", kind=GapKind.NOTE), "Nothing is missing here."),
    ],
)
async def test_what_nobody_can_fill_is_not_asked_for(gap: LogGap, told: str) -> None:
    world = live_world()
    async with world.engine:
        tail, first = await opened(world)
        number = await cut(world, tail, first, numbered(*range(8)), gap)
        assert told in await tail.fill(number)
        assert len(world.platform.streams) == 2
        assert tail.completeness.open_count == 0
        assert tail.completeness.platform_dropped == (312 if gap.kind is GapKind.DROPPED else 0)


async def test_a_gap_before_any_line_cannot_be_told_from_the_lines_that_were_never_asked_for() -> None:
    world = live_world()
    async with world.engine:
        tail, first = await opened(world)
        first.send(GAP, *numbered(1))
        await world.clock.settle()
        assert (await tail.fill(0)).startswith("No line before this gap has a time")


async def test_the_lag_is_by_the_platforms_clock_and_unknown_until_a_new_line_came() -> None:
    world = live_world()
    async with world.engine as engine:
        tail, stream = await opened(world)
        stream.send(*numbered(-600))
        await world.clock.settle()
        assert not tail.has_news
        assert tail.lag_s is None
        now = world.clock.now()
        stream.send(LogLine(now - timedelta(seconds=43), "new"))
        await world.clock.settle()
        assert not tail.has_news
        engine.skew("prod").observe(now - timedelta(seconds=43.5), now, now)
        assert tail.has_news
        assert tail.lag_s == 0
        await world.clock.advance(4)
        stream.send(LogLine(now - timedelta(seconds=41), "later"))
        await world.clock.settle()
        assert tail.lag_s == 2
