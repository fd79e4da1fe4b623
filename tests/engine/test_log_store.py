from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.engine.world import deployment, line
from tui.engine import log_store
from tui.engine.log_records import BufferEntry, Notice, Rule, searchable
from tui.engine.log_store import InMemory, LogBudget, LogLimits, LogStore
from tui.model.log import HttpRequest, Level, LogGap, LogLine
from tui.model.text import log_text, plain

START = datetime(2026, 8, 22, 2, 14, 7, 123456, tzinfo=UTC)
US = timedelta(microseconds=1)
HELD = 48
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

texts = st.text(max_size=40).map(log_text) | st.sampled_from(["", "\x1b[31mred\x1b[0m", "漢字 👩‍💻"])
words = st.text(max_size=12).map(plain)
times = st.datetimes(timezones=st.just(UTC)) | st.integers(0, 10**9).map(lambda us: START + us * US)
log_lines = st.builds(
    LogLine,
    at=st.none() | times,
    text=texts,
    level=st.sampled_from(Level),
    deployment=words,
    instance=words,
    attributes=st.dictionaries(words, texts, max_size=3),
    raw=st.just("") | texts,
)
requests = st.builds(
    HttpRequest,
    at=times,
    id=words,
    method=words,
    path=words,
    status=st.integers(-1, 999),
    duration_ms=st.integers(0, 10**9),
    client_ip=words,
    host=words,
    bytes_sent=st.integers(0, 10**12),
    user_agent=words,
    deployment=words,
    instance=words,
    detail=words,
)
rare = st.one_of(
    st.builds(LogGap, at=st.none() | times, reason=words, lines=st.none() | st.integers(0, 100)),
    st.builds(Notice, at=times, text=words, bad=st.booleans()),
    st.just(Rule(None, deployment("d1"))) | st.just(Rule(START, deployment("d2"))),
)
entries = st.one_of(log_lines, log_lines, requests, rare)


def of(*texts: str, **limits: int) -> LogStore:
    store = LogStore(LogLimits(**limits))
    for text in texts:
        store.append(line(text))
    return store


def numbers(count: int, **limits: int) -> LogStore:
    return of(*map(str, range(count)), **limits)


def noise(count: int) -> list[str]:
    """Lines of 6,000 characters that hardly compress."""
    chance = Random(7)
    return [chance.randbytes(3000).hex() for _ in range(count)]


def shown(store: LogStore) -> list[str]:
    return [entry.text for entry in store if isinstance(entry, LogLine)]


def level_of(entry: BufferEntry) -> Level | None:
    match entry:
        case LogLine():
            return entry.level
        case HttpRequest():
            return Level.ERROR if entry.status >= 500 else Level.WARN if entry.status >= 400 else Level.INFO
        case _:
            return None


def badness(entry: BufferEntry) -> Level | None:
    if (isinstance(entry, LogGap) and not entry.closed) or (isinstance(entry, Notice) and entry.bad):
        return Level.ERROR
    return level_of(entry)


def us_of(entry: BufferEntry) -> int | None:
    return None if entry.at is None else (entry.at - EPOCH) // US


def scanned(store: LogStore) -> list[str]:
    found, number = [], store.first
    while number < store.end:
        scan = store.scan(number)
        assert scan.first <= number < scan.end
        assert len(scan.starts) == len(scan.levels) == len(scan.times) == scan.end - scan.first
        ends = [*scan.starts[1:], len(scan.text)]
        found += [scan.text[start : end - 1] for start, end in zip(scan.starts, ends, strict=True)]
        number = scan.end
    return found


class AgainstAList(RuleBasedStateMachine):
    """Blocks of at most 3 lines, so that every operation crosses sealed ones, waiting ones and the open one."""

    def __init__(self) -> None:
        super().__init__()
        self.model: list[BufferEntry] = []
        self.jobs: list[Callable[[], None]] = []
        self.store = LogStore(LogLimits(lines=HELD), elsewhere=self.elsewhere)
        self.most = HELD

    def elsewhere(self, work: Callable[[], InMemory], done: Callable[[InMemory], None]) -> None:
        self.jobs.append(lambda: done(work()))

    @rule(entry=entries)
    def append(self, entry: BufferEntry) -> None:
        self.store.append(entry)
        self.model.append(entry)

    @rule(some=st.lists(entries, max_size=60))
    def extend(self, some: list[BufferEntry]) -> None:
        self.store.extend(some)
        self.model += some

    def on_disk(self, number: int) -> bool:
        return False

    @precondition(lambda self: len(self.store) > 0)
    @rule(share=st.floats(0, 1), some=st.lists(entries, max_size=10), closed=st.booleans())
    def fill(self, share: float, some: list[BufferEntry], closed: bool) -> None:
        number = self.store.first + int(share * (len(self.store) - 1))
        gap = LogGap(START, "filled", filled=len(some), closed=closed)
        if not self.store.fill(number, gap, some):
            assert self.on_disk(number), "only what is on the disk cannot be filled"
            return
        self.model[number : number + 1] = [gap, *some]
        if some:
            assert self.store.inserted[-1] == (number + 1, len(some))

    @precondition(lambda self: self.jobs)
    @rule()
    def seal(self) -> None:
        self.jobs.pop(0)()

    @invariant()
    def counts(self) -> None:
        assert self.store.end == len(self.model)

    @precondition(lambda self: self.model)
    @rule(share=st.floats(0, 1))
    def look(self, share: float) -> None:
        store, model = self.store, self.model
        assert len(store) <= self.most
        assert len(store) >= min(len(model), HELD - 3)
        number = store.first + int(share * (len(store) - 1))
        assert store[number] == model[number]
        assert store.time_us(number) == us_of(model[number])
        assert store.level(number) == level_of(model[number])

    @rule()
    def read_all(self) -> None:
        first = self.store.first
        assert list(self.store) == self.model[first:]
        assert scanned(self.store) == [searchable(entry) for entry in self.model[first:]]

    @precondition(lambda self: self.model)
    @rule(share=st.floats(-0.1, 1.1), level=st.sampled_from(Level))
    def jump(self, share: float, level: Level) -> None:
        store, model = self.store, self.model
        number = store.first + int(share * len(store))
        held = range(store.first, store.end)
        bad = [each for each in held if (worst := badness(model[each])) is not None and worst >= level]
        rules = [each for each in held if isinstance(model[each], Rule)]
        assert store.next_level(number, 1, level) == next((each for each in bad if each > number), None)
        assert store.next_level(number, -1, level) == next((each for each in reversed(bad) if each < number), None)
        assert store.next_rule(number, 1) == next((each for each in rules if each > number), None)
        assert store.next_rule(number, -1) == next((each for each in reversed(rules) if each < number), None)

    @rule(us=times.map(lambda at: (at - EPOCH) // US))
    def to_a_time(self, us: int) -> None:
        store = self.store
        later = [
            each for each in range(store.first, store.end) if (at := us_of(self.model[each])) is not None and at >= us
        ]
        assert store.at_time(us) == (later[0] if later else store.end)


def test_it_is_a_list_that_forgets_its_oldest_lines() -> None:
    run_state_machine_as_test(AgainstAList, settings=settings(max_examples=60, stateful_step_count=25))


@given(st.lists(entries, max_size=40))
@settings(max_examples=60)
def test_every_entry_comes_out_of_a_sealed_block_as_it_went_in(some: list[BufferEntry]) -> None:
    store = LogStore(LogLimits(lines=16 * len(some) + 16))
    store.extend([*some, *(line("after") for _ in range(2 * len(some) + 2))])
    assert list(store)[: len(some)] == some


def test_entries_keep_their_number_when_older_ones_are_dropped() -> None:
    store = numbers(8, lines=3)
    assert (store.first, store.end, len(store), store.dropped) == (5, 8, 3, 5)
    assert shown(store) == ["5", "6", "7"]
    assert store[5] == line("5")
    for number in (-1, 4, 8):
        with pytest.raises(IndexError):
            store[number]


def test_nothing_is_dropped_up_to_the_limit() -> None:
    store = numbers(3, lines=3)
    assert (store.dropped, store.first, shown(store)) == (0, 0, ["0", "1", "2"])


def test_separators_of_ours_in_hostile_text_can_forge_nothing() -> None:
    hostile = "a\x1fkey\x1eforged\x1draw\nsecond line"
    store = LogStore()
    store.append(LogLine(START, hostile, attributes={"k" + hostile: hostile}, raw=hostile, deployment=hostile))
    store.append(
        HttpRequest(START, hostile, hostile, hostile, 200, 1, hostile, hostile, 0, hostile, hostile, detail=hostile)
    )
    store.append(LogLine(START, "after"))
    clean = "akeyforgedrawsecond line"
    assert store[0] == LogLine(START, clean, attributes={"k" + clean: clean}, raw=clean, deployment=clean)
    assert store[1] == HttpRequest(START, clean, clean, clean, 200, 1, clean, clean, 0, clean, clean, detail=clean)
    assert store[2] == LogLine(START, "after")
    assert scanned(store)[2] == "after"
    assert len(scanned(store)) == 3


def test_what_is_hidden_is_not_searched() -> None:
    store = LogStore()
    store.append(LogLine(START, "\x1b[31mred\x1b[0m", attributes={"user": "ada"}, raw='{"secret": 1}'))
    store.append(
        HttpRequest(START, "request-id", "GET", "/a", 503, 12, "1.2.3.4", "host", 7, "agent", detail="refused")
    )
    assert scanned(store) == ["red user=ada", "503 GET /a 12ms 1.2.3.4 refused"]


def test_full_blocks_are_held_compressed_and_counted_so() -> None:
    store = LogStore()
    text = "GET /api/v1/orders/1234 took 12 ms, answered 200 " * 2
    store.extend([line(f"{text}{number}") for number in range(20_000)])
    raw = sum(len(entry) + 1 for entry in scanned(store))
    assert len(store) == 20_000
    assert store.nbytes < raw / 2


def test_over_its_bytes_a_store_drops_its_oldest_block() -> None:
    store = LogStore(LogLimits(bytes=400_000))
    sent = noise(200)
    store.extend([line(text) for text in sent])
    assert 0 < store.first < 199
    assert store.nbytes <= 400_000 + log_store.BLOCK_CHARS
    assert shown(store) == sent[store.first :]


def test_a_line_longer_than_a_block_has_one_to_itself() -> None:
    store = LogStore()
    long = "0123456789" * 100_000
    for text in ("before", long, "after", long):
        store.append(line(text))
    assert shown(store) == ["before", long, "after", long]
    assert [len(scan.text) for scan in (store.scan(0), store.scan(1), store.scan(2))] == [7, len(long) + 1, 6]


def test_a_batch_of_long_lines_is_cut_into_blocks() -> None:
    store = LogStore()
    store.extend([line("x" * 4000 + str(number)) for number in range(256)])
    assert all(len(store.scan(number).text) <= log_store.BLOCK_CHARS for number in range(256))
    assert len(shown(store)) == 256


def test_a_flood_drops_its_own_lines_before_those_of_a_quiet_log() -> None:
    budget = LogBudget(LogLimits(total_bytes=3_000_000))
    quiet, loud = LogStore(budget=budget), LogStore(budget=budget)
    quiet.extend([line(text) for text in noise(200)])
    loud.extend([line(text) for text in noise(1000)])
    assert budget.nbytes <= 3_000_000 + log_store.BLOCK_CHARS
    assert quiet.dropped == 0
    assert loud.dropped > 0


def test_a_closed_store_leaves_its_share_to_the_others() -> None:
    budget = LogBudget()
    store = LogStore(budget=budget)
    store.append(line("still readable"))
    assert budget.nbytes == store.nbytes
    store.close()
    assert budget.nbytes == 0
    assert shown(store) == ["still readable"]


async def test_blocks_are_sealed_in_a_thread_while_the_loop_runs() -> None:
    store = LogStore()
    text = "the same words again and again, as logs have them "
    store.extend([line(f"{text}{number}") for number in range(20_000)])
    before = store.nbytes
    for _ in range(1000):
        if store.nbytes < before / 2:
            break
        await asyncio.sleep(0.005)
    assert store.nbytes < before / 2
    assert store[0] == line(f"{text}0")


def test_times_that_go_backwards_find_the_first_at_or_after() -> None:
    store = LogStore(LogLimits(lines=32))
    seconds = [0, 1, 2, 1, 3, 4, 3, 5]
    for number, second in enumerate(seconds):
        store.append(LogLine(START + timedelta(seconds=second), str(number)))
    found = [store.at_time((START - EPOCH) // US + second * 1_000_000) for second in range(7)]
    assert found == [0, 1, 2, 4, 5, 7, 8]
    assert all(one <= other for one, other in pairwise(found))
