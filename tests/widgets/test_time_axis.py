"""Where instants stand: zoom keeps the cursor's, nothing beyond now comes into view, marks are at round times."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.model.moment import microseconds
from tui.widgets.time_axis import ZOOMS, Axis, scale, ticks, zoom_words

NOW = microseconds(datetime(2026, 8, 22, 2, 14, 7, tzinfo=UTC))
BERLIN = ZoneInfo("Europe/Berlin")

zooms = st.integers(0, len(ZOOMS) - 1)
columns = st.integers(1, 300)
agos = st.integers(0, 40 * 86400 * 1_000_000)


def test_now_is_in_the_last_column_and_the_window_is_as_long_as_its_zoom_says() -> None:
    axis = Axis.until(NOW, 4, 100)
    assert axis.column(NOW) == 99
    assert axis.end_us - axis.begin_us >= 6 * 3600 * 1_000_000
    assert [zoom_words(zoom) for zoom in (0, 2, 4, 6, 7, 10)] == ["15m", "1h", "6h", "24h", "3d", "30d"]


@given(zooms, columns, agos)
def test_an_instant_is_within_the_column_that_it_is_said_to_be_in(zoom: int, number: int, ago: int) -> None:
    axis = Axis.until(NOW, zoom, number)
    column = axis.column(NOW - ago)
    assert axis.begin_of(column) <= NOW - ago < axis.begin_of(column + 1)
    assert axis.shows(NOW - ago) == (0 <= column < number)


@given(zooms, zooms, columns, st.integers(0, 299))
def test_zoom_keeps_the_cursors_instant_in_its_column_unless_that_would_show_what_is_to_come(
    zoom: int, other: int, number: int, place: int
) -> None:
    axis = Axis.until(NOW, zoom, number)
    at = min(axis.begin_of(min(place, number - 1)) + axis.width_us // 2, NOW)
    zoomed = axis.zoomed(other, at, NOW)
    assert zoomed.shows(at)
    assert zoomed.shows(NOW) or zoomed.end_us <= NOW
    assert zoomed.column(at) == axis.column(at) or zoomed.column(NOW) == number - 1


@given(zooms, columns, st.integers(-500, 500))
def test_a_window_never_begins_to_show_what_is_beyond_now(zoom: int, number: int, by: int) -> None:
    panned = Axis.until(NOW, zoom, number).panned(by, NOW)
    assert panned.begin_of(panned.columns - 1) <= NOW


@given(zooms, columns, columns, agos)
def test_another_width_of_the_screen_keeps_the_instant_in_view(zoom: int, number: int, other: int, ago: int) -> None:
    axis = Axis.until(NOW, zoom, number).towards(NOW - ago, NOW)
    assert axis.shows(NOW - ago)
    resized = axis.resized(other, NOW - ago, NOW)
    assert resized.columns == other
    assert resized.shows(NOW - ago)


@given(zooms, columns, agos)
def test_marks_stand_at_round_times_of_the_reader_apart_enough_for_their_words(
    zoom: int, number: int, ago: int
) -> None:
    axis = Axis.until(NOW, zoom, number).towards(NOW - ago, NOW)
    marks = ticks(axis, BERLIN)
    assert all(0 <= mark.column < number for mark in marks)
    assert all(later.column > sooner.column for sooner, later in pairwise(marks))
    for mark in marks:
        begin, end = axis.begin_of(mark.column), axis.begin_of(mark.column + 1)
        assert any(begin <= at < end for at in _round_times(begin, end)), mark
    row = scale(axis, marks, ends_now=axis.shows(NOW), day="Fri 21 Aug")
    assert len(row) == number
    assert not axis.shows(NOW) or number < 3 or row.endswith("now")


def _round_times(begin: int, end: int) -> list[int]:
    """The quarter minutes between two instants, or the first of them: every mark is at one."""
    quarter = 15 * 1_000_000
    first = -(-begin // quarter) * quarter
    return [first] if first < end else []


def test_a_day_begins_at_the_readers_midnight() -> None:
    axis = Axis.until(NOW, 4, 100)
    [day] = [mark for mark in ticks(axis, BERLIN) if mark.day]
    assert day.text == "Sat 22 Aug"
    at = microseconds(datetime(2026, 8, 21, 22, 0, tzinfo=UTC))
    assert axis.begin_of(day.column) <= at < axis.begin_of(day.column + 1)


@pytest.mark.parametrize("at", [datetime(2026, 3, 29, 3, 0, tzinfo=UTC), datetime(2026, 10, 25, 4, 0, tzinfo=UTC)])
def test_the_night_when_clocks_change_has_its_marks_in_order(at: datetime) -> None:
    axis = Axis.until(microseconds(at), 4, 120)
    marks = ticks(axis, BERLIN)
    assert len(marks) > 3
    assert all(later.column > sooner.column for sooner, later in pairwise(marks))
