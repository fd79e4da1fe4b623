"""A lane's columns: every deployment has its place, none is in two, and what is not known is not shown as nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.entities import NOW, deployment
from tui.model.entities import Deployment, Ref, Step
from tui.model.moment import EPOCH, microseconds
from tui.model.status import Status
from tui.widgets.format import LOOKS
from tui.widgets.lane_cells import AHEAD, MANY, Counts, Lane, Mark, Part, cells, lane, runs, worst
from tui.widgets.lanes import with_cursor
from tui.widgets.time_axis import Axis

NOW_US = microseconds(NOW)
HOUR = 2  # the zoom of an hour, here in 60 columns of a minute
EVER = 1 << 62


def made(
    id_: str,
    status: Status = Status.LIVE,
    *,
    ago_min: float = 30,
    queued_min: float | None = None,
    took_min: float | None = None,
) -> Deployment:
    from msgspec.structs import replace

    created = NOW - timedelta(minutes=ago_min)
    return replace(
        deployment(id_, status),
        created_at=created,
        started_at=None if queued_min is None else created + timedelta(minutes=queued_min),
        finished_at=None if took_min is None else created + timedelta(minutes=took_min),
    )


def lane_of(
    *deployments: Deployment,
    steps: dict[Ref, tuple[Step, ...]] | None = None,
    ended: dict[Ref, datetime] | None = None,
    marks: tuple[Mark, ...] = (),
    since: datetime | None = EPOCH,
) -> Lane:
    return lane(deployments, steps or {}, ended or {}, marks, since)


def drawn(one: Lane, *, told_until_us: int = EVER, axis: Axis | None = None) -> Counts:
    return cells(one, axis or Axis.until(NOW_US, HOUR, 60), NOW_US, told_until_us=told_until_us, grid={})


def row(one: Lane, *, told_until_us: int = EVER, axis: Axis | None = None) -> str:
    return "".join(drawn(one, told_until_us=told_until_us, axis=axis).chars)


def test_a_bar_reaches_from_its_creation_to_the_sign_of_what_it_came_to() -> None:
    told = row(lane_of(made("a", ago_min=30, queued_min=3, took_min=10)))
    assert told.strip() == f"{Part.QUEUE * 3}{Part.RUN * 7}●"
    assert told.index("●") == 59 - 20


@pytest.mark.parametrize(
    ("status", "bar"),
    [
        (Status.QUEUED, "░░░░░·"),
        (Status.NEEDS_APPROVAL, "░░░░░?"),
        (Status.BUILDING, "▒▒▒▒▒▸"),
        (Status.DEPLOYING, "▓▓▓▓▓▹"),
    ],
)
def test_what_is_under_way_reaches_to_now_with_what_it_does_now(status: Status, bar: str) -> None:
    assert row(lane_of(made("a", status, ago_min=5))).endswith(bar)


def test_steps_tell_build_from_deploy() -> None:
    one = made("a", ago_min=20, took_min=10)
    at = NOW - timedelta(minutes=20)
    steps = (
        Step("BUILD_IMAGE", Status.LIVE, at + timedelta(minutes=2), at + timedelta(minutes=6)),
        Step("HEALTHCHECK", Status.LIVE, at + timedelta(minutes=6), at + timedelta(minutes=10)),
    )
    assert row(lane_of(one, steps={one.ref: steps})).strip() == "░░▒▒▒▒▓▓▓▓●"


def test_of_a_deployment_without_an_end_only_its_beginning_is_known_until_it_was_seen_to_end() -> None:
    one = made("a", ago_min=20)
    assert row(lane_of(one)).strip() == "●"
    assert row(lane_of(one, ended={one.ref: NOW - timedelta(minutes=16)})).strip() == "━━━━●"


def test_several_in_one_column_are_counted_and_the_worst_is_seen() -> None:
    told = drawn(lane_of(made("a"), made("b", Status.FAILED), made("c", Status.SUPERSEDED)))
    assert "".join(told.chars).strip() == "3"
    assert told.styles["".join(told.chars).index("3")] == "lane-bad"
    assert worst(told.statuses[29]) is Status.FAILED
    assert row(lane_of(*(made(f"d{n}") for n in range(12)))).strip() == MANY


def test_one_without_any_time_is_nowhere_in_time() -> None:
    from msgspec.structs import replace

    one = lane_of(replace(made("a"), created_at=None, started_at=None, finished_at=None))
    assert row(one).strip() == ""
    assert [each.id for each in one.undated] == ["a"]


def test_one_that_is_ahead_of_this_clock_stands_at_now() -> None:
    assert row(lane_of(made("a", ago_min=-5))).endswith(AHEAD)


def test_what_was_not_read_is_not_shown_as_nothing() -> None:
    assert row(lane_of(since=None)) == Part.UNREAD * 60
    told = row(lane_of(made("old", ago_min=50), since=NOW - timedelta(minutes=20)))
    assert told == f"{Part.UNREAD * 9}●{Part.UNREAD * 30}".ljust(60)


def test_an_old_picture_tells_nothing_of_the_time_after_it() -> None:
    until = microseconds(NOW - timedelta(minutes=10))
    told = row(lane_of(made("a", Status.BUILDING, ago_min=15)), told_until_us=until)
    assert told.endswith("▒▒▒▒▒▸" + Part.UNREAD * 10)


def test_an_action_from_here_is_a_letter_where_no_outcome_stands() -> None:
    mark = Mark(microseconds(NOW - timedelta(minutes=40)), "T", True, "restart")
    assert row(lane_of(made("a", ago_min=30), marks=(mark,))).strip() == "T         ●"


def test_in_a_window_of_the_past_a_bar_that_goes_on_has_no_outcome_yet() -> None:
    axis = Axis.until(NOW_US, HOUR, 60).panned(-25, NOW_US)
    told = row(lane_of(made("a", ago_min=30, took_min=10)), axis=axis)
    assert told.endswith(Part.RUN)
    assert "●" not in told


minutes = st.floats(-10, 100, allow_nan=False)
some = st.builds(
    lambda number, status, ago, queued, took: made(
        f"d{number}", status, ago_min=ago, queued_min=queued, took_min=None if status.in_flight else took
    ),
    st.integers(0, 10**6),
    st.sampled_from(list(Status)),
    minutes,
    st.none() | st.floats(0, 5),
    st.none() | st.floats(-1, 40),
)


@given(st.lists(some, max_size=20), st.integers(1, 90), st.integers(-80, 0))
def test_every_deployment_of_the_window_stands_in_one_column_of_it(
    deployments: list[Deployment], columns: int, by: int
) -> None:
    one = lane_of(*deployments)
    axis = Axis.until(NOW_US, HOUR, columns).panned(by, NOW_US)
    told = cells(one, axis, NOW_US, told_until_us=EVER, grid={})
    assert len(told.chars) == len(told.styles) == columns
    assert all(len(char) == 1 for char in told.chars)
    shown = one.shown(axis, NOW_US)
    assert sum(len(statuses) for statuses in told.statuses.values()) == len(shown)
    here = [
        bar for bar in one.bars
        if axis.begin_us <= min(bar.begin_us, NOW_US) < axis.end_us or axis.begin_us <= bar.until(NOW_US) < axis.end_us
    ]  # fmt: skip
    assert {id(bar) for bar in here} <= {id(bar) for bar in shown}
    for column, statuses in told.statuses.items():
        assert told.chars[column] != " "
        if len(statuses) > 1:
            assert told.chars[column] == (MANY if len(statuses) > 9 else str(len(statuses)))


@given(st.lists(some, min_size=1, max_size=20), st.integers(0, 60))
def test_the_nearest_is_under_the_cursor_where_one_is(deployments: list[Deployment], column: int) -> None:
    one = lane_of(*deployments)
    axis = Axis.until(NOW_US, HOUR, 60)
    at = axis.begin_of(column)
    nearest, here = one.near(at, axis.width_us)
    assert nearest is not None
    assert nearest in here or not here
    assert list(here) == [bar for bar in one.bars if bar.begin_us < at + axis.width_us and bar.until(EVER) >= at]


@given(st.lists(st.sampled_from(["", "live", "bad"]), min_size=1, max_size=40), st.integers(-3, 45))
def test_the_cursors_column_changes_the_looks_of_no_other(styles: list[str], column: int) -> None:
    chars = [chr(ord("a") + number % 26) for number in range(len(styles))]
    plain = runs(chars, styles)
    assert "".join(text for text, _ in plain) == "".join(chars)
    told = with_cursor(plain, column, "cursor")
    flat = [(char, style) for text, style in told for char in text]
    for number, (char, style) in enumerate(flat):
        assert char == chars[number]
        assert style == ("cursor" if number == column else styles[number])


def test_every_state_has_a_sign_of_one_cell() -> None:
    assert all(len(look.sign) == 1 for look in LOOKS.values())
