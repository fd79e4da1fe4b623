"""Rows that come again are told from rows that are equal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tui.providers.overlap import NO_TIME, Overlap, Row, key, without_known

ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 4)), max_size=30).map(
    lambda keys: [Row(one, ()) for one in sorted(keys, key=lambda one: one[1])]
)


@given(ROWS, st.integers(0, 30), st.integers(0, 4))
def test_a_replay_gives_exactly_what_was_not_there_before(rows: list[Row], seen: int, since: int) -> None:
    """Whatever is equal to whatever, and whichever instant the replay begins at."""
    before, rest = rows[:seen], rows[seen:]
    overlap = Overlap(row.key for row in before)
    again = [row for row in before if row.at >= min([since, *(row.at for row in rest)])] if rest else before
    fresh = [row.key for row in again + rest if overlap.is_new(row)]
    assert sorted(fresh) == sorted(row.key for row in rest)


@given(ROWS, st.integers(0, 30), st.integers(0, 30))
def test_two_pages_that_share_rows_join_to_the_whole(rows: list[Row], cut: int, shared: int) -> None:
    """The older one reaches over the whole instant at which the newer begins: that is how it is asked for."""
    newer = rows[cut:]
    instant = sum(row.at <= newer[0].at for row in rows) if newer else len(rows)
    older = rows[: max(cut, instant) + shared]
    joined = without_known(older, newer) + newer
    assert sorted(row.key for row in joined) == sorted(row.key for row in rows)


def test_rows_before_the_floor_are_not_wanted_and_rows_without_time_always_are() -> None:
    overlap = Overlap([("b", 5)], floor=4)
    assert not overlap.is_new(Row(("a", 4), ()))
    assert overlap.is_new(Row(("late", 5), ()))
    assert overlap.is_new(Row(("odd", NO_TIME), ()))


def test_a_long_text_makes_a_short_key_that_still_tells_apart() -> None:
    one, other = key("x" * 5000 + "a", 1), key("x" * 5000 + "b", 1)
    assert one != other
    assert len(one[0]) < 300
