"""Several logs in one order: nothing lost, nothing twice, nothing held for ever."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.entities import NOW
from tui.engine.log_order import Reorder


def pushed(order: Reorder[str], text: str, seconds: float, now_s: float) -> list[str]:
    return order.push(text, NOW + timedelta(seconds=seconds), now_s)


def test_a_slower_logs_line_is_placed_before_a_newer_one_that_came_first() -> None:
    order: Reorder[str] = Reorder(1.0)
    assert pushed(order, "b", 2, 0.0) == []
    assert pushed(order, "a", 1, 0.5) == []
    assert order.due(0.9) == []
    assert order.wait_s(0.9) == 1.0 - 0.9
    assert order.due(1.0) == ["a", "b"]
    assert (len(order), order.wait_s(1.0), order.late) == (0, None, 0)


def test_what_comes_too_late_comes_out_at_once() -> None:
    order: Reorder[str] = Reorder(1.0)
    pushed(order, "b", 2, 0.0)
    assert order.due(1.0) == ["b"]
    assert pushed(order, "a", 1, 1.5) == ["a"]
    assert pushed(order, "b again", 2, 1.5) == []
    assert (order.late, order.flush()) == (1, ["b again"])


def test_a_time_far_ahead_holds_nothing_back_beyond_its_window() -> None:
    order: Reorder[str] = Reorder(1.0)
    pushed(order, "tomorrow", 86_400, 0.0)
    pushed(order, "now", 0, 0.1)
    assert order.due(1.0) == ["now", "tomorrow"]


def test_more_than_the_capacity_does_not_wait() -> None:
    order: Reorder[str] = Reorder(1.0, capacity=2)
    assert [pushed(order, str(n), n, 0.0) for n in (3, 1, 2, 0)] == [[], [], ["1"], ["0"]]
    assert order.flush() == ["2", "3"]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 8).map(lambda n: n / 4), st.booleans())),
    st.integers(0, 12).map(lambda n: n / 4),
    st.integers(1, 5),
)
def test_whatever_comes_comes_out_once_in_time_and_in_order_but_for_the_late(
    pushes: list[tuple[int, float, bool]], window_s: float, capacity: int
) -> None:
    order: Reorder[tuple[int, int]] = Reorder(window_s, capacity)
    now = 0.0
    out: list[tuple[int, int]] = []
    came: dict[tuple[int, int], float] = {}
    for number, (second, later, look) in enumerate(pushes):
        now += later
        came[(second, number)] = now
        out += order.push((second, number), NOW + timedelta(seconds=second), now)
        if look:
            out += order.due(now)
        assert len(order) <= capacity
        assert all(now - came[item] < window_s or item in out for item in came)
        wait = order.wait_s(now)
        assert (wait is None) == (len(order) == 0)
        assert wait is None or wait <= window_s
    out += order.flush()
    assert sorted(out) == sorted(came)
    descents = sum(out[i][0] < max(each[0] for each in out[:i]) for i in range(1, len(out)))
    assert descents == order.late
    assert len(order) == 0
