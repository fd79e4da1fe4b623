from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.log_records import Notice
from tui.engine.log_store import LogLimits, LogStore
from tui.engine.log_volume import SECOND_US, WIDTHS_S, VolumeScan, bars, bucket_us, volume
from tui.model.log import Level, LogGap, LogLine

START = datetime(2026, 8, 22, 2, 0, tzinfo=UTC)
START_US = int(START.timestamp()) * SECOND_US


def store_of(*lines: tuple[float | None, Level]) -> LogStore:
    """(seconds since START, level) of each line."""
    store = LogStore()
    for seconds, level in lines:
        at = None if seconds is None else START + timedelta(seconds=seconds)
        store.append(LogLine(at, "x", level))
    return store


def test_lines_are_counted_by_time_and_level() -> None:
    shown = volume(store_of((0, Level.INFO), (0.5, Level.DEBUG), (1, Level.WARN), (3, Level.ERROR), (3.9, Level.FATAL)))
    assert (shown.start_us, shown.width_us, shown.width_words) == (START_US, SECOND_US, "1s")
    assert shown.other == (2, 0, 0, 0)
    assert shown.warn == (0, 1, 0, 0)
    assert shown.error == (0, 0, 0, 2)
    assert shown.total == (2, 1, 0, 2)


@pytest.mark.parametrize(
    ("seconds", "width"), [(50, "1s"), (250, "5s"), (3000, "1m"), (3 * 3600, "5m"), (86400, "30m")]
)
def test_a_bucket_is_a_round_span_and_begins_at_a_multiple_of_it(seconds: int, width: str) -> None:
    shown = volume(store_of((7, Level.INFO), (seconds, Level.INFO)), buckets=60)
    assert shown.width_words == width
    assert shown.start_us % shown.width_us == 0
    assert len(shown.total) <= 60
    assert sum(shown.total) == 2


def test_a_part_is_counted_alone_and_covers_what_was_asked_for() -> None:
    scan = VolumeScan(store_of(*[(second, Level.INFO) for second in range(100)]))
    assert scan.step(1.0)
    shown = scan.volume(START_US + 20 * SECOND_US, START_US + 40 * SECOND_US, 20)
    assert shown.total == (1,) * 20
    assert scan.volume(START_US - 10 * SECOND_US, START_US, 10).total == (0,) * 10
    assert scan.volume(START_US, START_US, 10).total == ()


def test_lines_without_a_time_are_counted_apart_and_what_is_no_line_is_not() -> None:
    store = store_of((0, Level.INFO), (None, Level.ERROR))
    store.append(Notice(START, "reconnected"))
    store.append(LogGap(START, "dropped"))
    scan = VolumeScan(store)
    scan.step(1.0)
    assert scan.untimed == 1
    assert scan.volume().total == (1,)


def test_nothing_makes_an_empty_volume() -> None:
    assert volume(LogStore()).total == ()


def test_it_goes_on_with_what_came_since_and_keeps_what_was_dropped() -> None:
    store = LogStore(LogLimits(lines=1000))
    scan = VolumeScan(store)
    for number in range(6000):
        store.append(LogLine(START + timedelta(seconds=number // 100), "x"))
        if number % 500 == 0:
            scan.step(1.0)
    assert scan.step(1.0)
    assert store.first > 0
    assert scan.volume().total == (100,) * 60


def test_a_slice_ends_when_its_time_is_up() -> None:
    scan = VolumeScan(store_of(*[(second, Level.INFO) for second in range(5000)]))
    assert not scan.step(0.0)
    assert 0 < scan.number < 5000
    while not scan.step(0.0):
        pass
    assert sum(scan.volume().total) == 5000


def test_a_long_span_is_held_in_wider_buckets() -> None:
    scan = VolumeScan(store_of(*[(second * 5, Level.INFO) for second in range(25_000)]))
    scan.step(10.0)
    assert sum(scan.volume(buckets=100).total) == 25_000
    assert scan.volume(buckets=10**6).width_us > SECOND_US


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(list(Level))), min_size=1, max_size=60),
    st.integers(2, 90),
)
def test_every_line_is_in_one_bucket(lines: list[tuple[int, Level]], buckets: int) -> None:
    shown = volume(store_of(*lines), buckets=buckets)
    assert len(shown.total) <= buckets
    assert sum(shown.total) == len(lines)
    assert sum(shown.error) == sum(level >= Level.ERROR for _, level in lines)


@given(st.integers(0, 10**17), st.integers(1, 10**17), st.integers(2, 500))
def test_any_span_has_a_width(start: int, span: int, buckets: int) -> None:
    width = bucket_us(start, start + span, buckets)
    assert (start + span - 1) // width + 1 - start // width <= buckets
    assert width // SECOND_US in WIDTHS_S or width % (WIDTHS_S[-1] * SECOND_US) == 0


def test_bars_show_shares_of_the_largest_and_every_count() -> None:
    assert bars([0, 1, 4, 8], 4) == " ▁▄█"
    assert bars([1, 10_000], 10) == "▁█"
    assert bars([0, 0], 2) == "  "
    assert bars([2, 4], 2, top=8) == "▂▄"


def test_bars_of_several_rows_stand_on_each_other() -> None:
    assert bars([8, 16, 1], 3, height=2) == " █ \n██▁"


@given(st.lists(st.integers(0, 10**9), max_size=200), st.integers(-1, 80), st.integers(0, 4))
def test_bars_are_never_wider_or_higher_than_told(counts: list[int], width: int, height: int) -> None:
    rows = bars(counts, width, height).split("\n")
    assert all(len(row) == len(rows[0]) <= max(0, width) for row in rows)
    assert len(rows) == (max(1, height) if counts and width > 0 else 1)
    if any(counts) and width > 0 and height > 0:
        assert "█" in rows[0]
