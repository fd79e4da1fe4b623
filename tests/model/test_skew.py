from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.entities import NOW
from tui.model.moment import by_clock, moment
from tui.model.skew import Skew


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_nothing_is_known_before_an_answer_said_what_time_it_is() -> None:
    skew = Skew()
    assert skew.seconds is None
    assert skew.shift == timedelta(0)


@given(
    ahead_s=st.floats(-86_400, 86_400),
    answers=st.lists(st.tuples(st.floats(0, 3600), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30),
)
def test_it_is_known_to_half_the_round_trip_and_half_a_second(
    ahead_s: float, answers: list[tuple[float, float, float]]
) -> None:
    """`there_s` to the platform, which writes its whole second, and `back_s` from it."""
    skew = Skew()
    for sent_s, there_s, back_s in answers:
        written = after(sent_s + there_s + ahead_s)
        skew.observe(written.replace(microsecond=0), after(sent_s), after(sent_s + there_s + back_s))
    assert skew.seconds == pytest.approx(ahead_s, abs=1.01)


def test_one_answer_that_was_held_up_does_not_count() -> None:
    skew = Skew()
    for number in range(8):
        skew.observe(after(number - 43), after(number), after(number))
    skew.observe(after(-20), after(9), after(120))
    assert skew.seconds == -42.5
    assert skew.shift == timedelta(seconds=-42.5)


def test_clocks_that_agree_as_far_as_can_be_told_are_one() -> None:
    skew = Skew()
    skew.observe(after(1), NOW, NOW)
    assert skew.seconds == 1.5
    assert skew.shift == timedelta(0)


def test_so_long_ago_is_by_the_platforms_clock_and_a_date_is_itself() -> None:
    shift = timedelta(seconds=-43)
    assert by_clock(moment("35m", NOW), shift) == after(-35 * 60 - 43)
    assert by_clock(moment("2026-03-14T02:40:00Z", NOW), shift) == moment("2026-03-14T02:40:00Z", NOW)
    assert by_clock(None, shift) is None
