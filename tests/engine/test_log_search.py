"""A search gives what looking at each entry would, in slices, while lines come and go."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.world import line
from tests.entities import NOW, deployment
from tui.engine.log_records import BufferEntry, Notice, Rule, searchable
from tui.engine.log_search import LineSearch, Numbers
from tui.engine.log_store import LogLimits, LogStore
from tui.model.log import HttpRequest, Level, LogGap, LogLine
from tui.model.log_filter import LogFilter, parse
from tui.model.text_match import TextMatch, expression, find


def entry(number: int, kind: int) -> BufferEntry:
    at = NOW + timedelta(seconds=number)
    match kind:
        case 0:
            return LogLine(at, f"\x1b[1mwarm\x1b[m start {number}", Level.WARN, attributes={"order": str(number % 7)})
        case 1:
            return LogLine(None, f"line {number} without a time", Level.DEBUG)
        case 2:
            return HttpRequest(at, f"r{number}", "GET", f"/cart/{number % 5}", 200 + number % 400, number, "10.0.0.1")
        case 3:
            return LogGap(at, "lines are missing")
        case 4:
            return Notice(at, "reconnected")
        case 5:
            return Rule(at, deployment())
        case _:
            return LogLine(at, f"Line {number} failed" if number % 3 else f"line {number}", Level(number % 6))


def filled(kinds: list[int], lines: int = 64) -> LogStore:
    store = LogStore(LogLimits(lines=lines))
    for number, kind in enumerate(kinds):
        store.append(entry(number, kind))
    return store


def matches(store: LogStore, wanted: LogFilter | TextMatch) -> list[int]:
    found = []
    for number in range(store.first, store.end):
        one = store[number]
        if isinstance(wanted, TextMatch):
            holds = wanted.found(searchable(one))
        else:
            holds = isinstance(one, LogLine | HttpRequest) and wanted.holds(one)
        if holds:
            found.append(number)
    return found


def shown(store: LogStore, wanted: LogFilter | TextMatch) -> list[int]:
    found = matches(store, wanted)
    if isinstance(wanted, TextMatch):
        return found
    there = range(store.first, store.end)
    beside = {n for each in found for n in range(each - wanted.context, each + wanted.context + 1) if n in there}
    for number in there:
        one = store[number]
        if isinstance(one, LogGap | Notice | Rule):
            us = store.time_us(number)
            low, high = wanted.since_us, wanted.until_us
            if us is None or ((low is None or us >= low) and (high is None or us <= high)):
                beside.add(number)
    return sorted(beside)


WANTED = st.sampled_from(
    [
        find("line"), find("Line"), find(r"\d5"), expression("^(warm|lines)"), find("reconnected"),
        *(
            parse(text, NOW)
            for text in (
                "", "line", "-line", "level>=warn", "level=debug", "failed -1", "status>=500",
                "status:4xx -path:/cart/1", "@order:3", "order>4 level:warn", "-status:2xx", "method:get duration>40",
                "since:2026-08-22T02:14:20Z", "until:2026-08-22T02:14:30Z line", "failed context:1",
                "status:5xx context:2", "warm context:3 -2",
                "since:2026-08-22T02:14:20Z until:2026-08-22T02:14:50Z context:1 /[05]$/", "absent context:2",
            )
        ),
    ]
)  # fmt: skip
KINDS = st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 6, 6, 6, 6]), max_size=120)


@settings(max_examples=300)
@given(KINDS, WANTED)
def test_a_search_finds_what_looking_at_each_entry_finds(kinds: list[int], wanted: LogFilter | TextMatch) -> None:
    store = filled(kinds)
    search = LineSearch(store, wanted)
    while search.step():
        pass
    found = matches(store, wanted)
    assert list(search.numbers) == shown(store, wanted)
    assert (search.count, search.done, search.progress, search.error) == (len(found), True, 1.0, "")
    assert [number for number in range(store.end) if search.is_match(number)] == found


@settings(max_examples=300)
@given(KINDS, st.lists(st.tuples(KINDS, st.sampled_from(["step", "catch up", "nothing"]))), WANTED)
def test_lines_may_come_and_be_dropped_between_any_two_slices(
    before: list[int], later: list[tuple[list[int], str]], wanted: LogFilter | TextMatch
) -> None:
    store = filled(before)
    search = LineSearch(store, wanted)
    for kinds, then in later:
        for kind in kinds:
            store.append(entry(store.end, kind))
        if then == "step":
            search.step(0)
        elif then == "catch up":
            search.catch_up(0)
        numbers = list(search.numbers)
        assert numbers == sorted(set(numbers))
        assert all(store.first <= number < store.end for number in numbers)
    while search.step():
        pass
    # The context of a match that was dropped may outlive it.
    surely = store.first + (wanted.context if isinstance(wanted, LogFilter) else 0)
    assert [n for n in search.numbers if n >= surely] == [n for n in shown(store, wanted) if n >= surely]
    assert set(shown(store, wanted)) <= set(search.numbers)
    assert search.count == len(matches(store, wanted))


def test_the_newest_are_found_first_a_block_a_slice() -> None:
    store = filled([6] * 64)
    search = LineSearch(store, find("line"))
    assert search.step(0)
    assert not search.done
    assert 0 < search.progress < 1
    assert search.numbers[-1] == 63
    assert search.next(64, -1) == 63
    assert search.next(-1, 1) is None  # what lies between is not searched yet
    while search.step():
        pass
    assert (search.next(-1, 1), search.next(0, 1), search.next(5, -1), search.next(63, 1)) == (0, 1, 4, None)


def test_what_comes_later_is_caught_up_without_looking_at_what_is_older() -> None:
    store = filled([6] * 64)
    search = LineSearch(store, find("line"))
    for _ in range(3):
        store.append(line("a new line"))
    assert not search.catch_up()
    assert list(search.numbers) == [64, 65, 66]
    assert not search.done


def test_an_expression_that_backtracks_ends_the_search_with_its_reason_and_keeps_what_was_found() -> None:
    store = LogStore(LogLimits(lines=64))
    store.append(line("a" * 5000 + "!y"))
    for _ in range(10):
        store.append(line("ay"))
    search = LineSearch(store, expression("(a|a)+y"))
    while search.step():
        pass
    assert search.done
    assert "this expression backtracks" in search.error
    assert not search.step()
    assert not search.catch_up()
    assert set(search.numbers) <= set(range(1, 11))


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4)))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3))), st.integers(0, 40), SPANS)
def test_numbers_are_a_sorted_sequence(steps: list[tuple[bool, int]], cut: int, spans: list[tuple[int, int]]) -> None:
    numbers = Numbers()
    expected: list[int] = []
    low = high = 20
    for front, count in steps:
        for _ in range(count):
            if front and low > 0:
                low -= 1
                numbers.prepend([low])
                expected.insert(0, low)
            elif not front:
                numbers.append([high])
                expected.append(high)
                high += 1
    numbers.drop_below(cut)
    expected = [number for number in expected if number >= cut]
    assert list(numbers) == expected == [numbers[at] for at in range(len(numbers))] == numbers[:]
    for low, high in spans:
        numbers.add(low, low + high)
        expected = sorted({*expected, *range(low, low + high + 1)})
        assert list(numbers) == expected
    assert numbers[-2:] == expected[-2:]
    assert [number in numbers for number in range(45)] == [number in expected for number in range(45)]
    with pytest.raises(IndexError):
        numbers[len(expected)]
