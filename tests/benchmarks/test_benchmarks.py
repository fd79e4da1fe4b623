"""That the benchmarks run and say what they measured. How fast anything was is never asserted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks import events, flood, idle, lanes, log_search, logs, start, terminal_bytes, understand
from tests.benchmarks.report import Row, markdown, percentile


def test_a_row_says_whether_its_goal_is_reached() -> None:
    fast = Row("first paint", "150 ms = **1.20x**", "125 ms", 1.2, 1.3, "<= 1.3x")
    slow = Row("first paint", "250 ms = **2.00x**", "125 ms", 2.0, 1.3, "<= 1.3x")
    table = markdown([fast, slow]).splitlines()
    assert table[2].endswith("| <= 1.3x | reached |")
    assert table[3].endswith("| <= 1.3x | **missed** |")


@pytest.mark.parametrize(("share", "value"), [(0, 1.0), (50, 3.0), (75, 4.0), (90, 4.6), (100, 5.0)])
def test_percentiles_lie_between_the_nearest_two(share: float, value: float) -> None:
    assert percentile([5.0, 1.0, 4.0, 2.0, 3.0], share) == pytest.approx(value)


def test_start_measures_both_programs_each_time(tmp_path: Path) -> None:
    rows = list(start.rows(tmp_path, rounds=1))
    assert [row.goal for row in rows] == [1.3, 1.3, 1.6, 1.6]
    assert all(len(times) == 1 and times[0] > 0 for row in rows for times in row.runs.values())


def test_idle_measures_bytes_and_cpu(tmp_path: Path) -> None:
    [written, cpu] = idle.rows(tmp_path, rounds=1, seconds=0.5)
    assert "B/s" in written.said
    assert len(cpu.runs["%"]) == len(cpu.runs["hello %"]) == 1


def test_flood_finds_every_keys_effect_on_the_screen(tmp_path: Path) -> None:
    rows = {row.name.partition(": ")[2]: row for row in flood.rows(tmp_path, presses=9, rounds=1, seconds=0.5)}
    keys = [row for name, row in rows.items() if name.startswith("key to screen")]
    assert len(keys) == 3
    assert all(len(row.runs["ms"]) == 9 for row in keys)
    assert rows["taken"].runs["lines/s"][0] > 0


def test_understanding_measures_every_scan_and_every_question() -> None:
    rows = list(understand.rows(rounds=1, number=3000))
    assert len(rows) == 6
    assert all(all(value > 0 for value in next(iter(row.runs.values()))) for row in rows)


def test_events_measures_the_first_answer_and_every_one_after() -> None:
    rows = list(events.rows(rounds=1, services=5, each=4))
    assert len(rows) == 3
    assert all(row.value > 0 for row in rows)


def test_logs_measures_taking_in_holding_and_jumping(tmp_path: Path) -> None:
    rows = list(logs.rows(tmp_path, lines=3000, few=1000, rounds=1))
    assert len(rows) == 9
    assert all(value > 0 for row in rows for values in row.runs.values() for value in values)


def test_search_measures_the_first_screen_and_all(tmp_path: Path) -> None:
    rows = list(log_search.rows(tmp_path, lines=3000, rounds=1))
    assert sum("first 50" in row.name for row in rows) == 2
    assert sum(row.name.endswith(": all") for row in rows) == 5
    assert all(value > 0 for row in rows for values in row.runs.values() for value in values)


def test_lanes_finds_the_end_of_every_keys_frame(tmp_path: Path) -> None:
    rows = list(lanes.rows(tmp_path, presses=4, sizes=((120, 40),)))
    assert len(rows) == 4
    assert all(len(row.runs["ms"]) == 4 and min(row.runs["ms"]) > 0 for row in rows)


def test_the_way_to_the_terminal_is_measured_here_and_far_away(tmp_path: Path) -> None:
    row = terminal_bytes.bytes_row(tmp_path, 100, seconds=0.5)
    assert {"pane", "RichLog", "Log"} <= row.runs.keys()
    assert all(value > 0 for values in row.runs.values() for value in values)
    far = terminal_bytes.far_keys(tmp_path, 1e6, 0.08, presses=2)
    assert len(far.runs["ms"]) == 2
    assert min(far.runs["ms"]) >= 80, "no key comes back sooner than the line takes"
