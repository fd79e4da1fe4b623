"""Logs that are computed, not kept: any cut through time gives every entry once."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from tui.demo.clock import SECOND, parse_rfc3339, rfc3339
from tui.demo.flows import Cycle, Flow, Log, Steady, merged, tail, window


@dataclass(frozen=True, slots=True)
class Entry:
    at: int
    number: int


def entry(number: int, at: int) -> Entry:
    return Entry(at, number)


START = 1_000 * SECOND
FLOWS: dict[str, Flow[Entry]] = {
    "slow": Steady(START, round(SECOND / 0.7), entry, 5),
    "usual": Steady(START, SECOND // 8, entry, 9),
    "loud": Steady(START, SECOND // 2000, entry, 3),
    "ended": Steady(START, SECOND // 8, entry, 9, end=START + 5 * SECOND),
    "looping": Cycle(START, 3 * SECOND, [(0, entry), (SECOND, entry), (SECOND, entry)]),
}


@given(
    st.sampled_from(sorted(FLOWS)),
    st.lists(st.integers(START - SECOND, START + 20 * SECOND), min_size=2, max_size=12).map(sorted),
)
def test_however_time_is_cut_each_entry_comes_once_and_in_order(name: str, cuts: list[int]) -> None:
    flow = FLOWS[name]
    whole = window(flow, cuts[0], cuts[-1])
    parts = [one for a, b in itertools.pairwise(cuts) for one in window(flow, a, b)]
    assert parts == whole
    assert [one.at for one in whole] == sorted(one.at for one in whole)


def test_a_loud_flow_is_paced_to_the_entry() -> None:
    assert len(window(FLOWS["loud"], START - 1, START + 10 * SECOND - 1)) == 20_000


def test_a_slow_flow_holds_identical_entries_with_one_time() -> None:
    entries = window(FLOWS["usual"], START - 1, START + 60 * SECOND)
    twins = [(a, b) for a, b in itertools.pairwise(entries) if a == b]
    assert twins


@given(st.integers(0, 50), st.integers(START, START + 30 * SECOND))
def test_a_tail_is_the_end_of_what_was_written(count: int, until: int) -> None:
    logs = [Log([FLOWS["usual"], FLOWS["looping"]]), Log([FLOWS["slow"]], [Entry(START + SECOND, -1)])]
    everything = merged(logs, 0, until)
    assert tail(logs, until, count) == everything[len(everything) - min(count, len(everything)) :]


def test_a_tail_with_a_condition_looks_further_back() -> None:
    rare = tail([Log([FLOWS["loud"]])], START + 60 * SECOND, 3, keep=lambda one: one.number % 10_000 == 0)
    assert [one.number for one in rare] == [100_000, 110_000, 120_000]


@given(st.integers(0, 4 * 10**18))
def test_a_time_survives_being_written_and_read(at: int) -> None:
    assert parse_rfc3339(rfc3339(at)) == at


def test_the_fraction_has_as_many_digits_as_it_needs() -> None:
    assert [rfc3339(at)[19:] for at in (0, 500_000_000, 1)] == ["Z", ".5Z", ".000000001Z"]
