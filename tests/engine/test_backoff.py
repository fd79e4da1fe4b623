from __future__ import annotations

from random import Random

from tui.engine.backoff import Backoff


class Highest(Random):
    """Draws the upper end, so that the ceiling shows."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_ceiling_doubles_to_the_cap() -> None:
    backoff = Backoff(Highest())
    assert [backoff.next_s() for _ in range(7)] == [2, 4, 8, 16, 32, 60, 60]


def test_success_begins_anew() -> None:
    backoff = Backoff(Highest())
    for _ in range(5):
        backoff.next_s()
    backoff.reset()
    assert backoff.failures == 0
    assert backoff.next_s() == 2


def test_waits_are_spread_over_the_whole_range() -> None:
    waits = []
    for seed in range(200):
        backoff = Backoff(Random(seed))
        backoff.next_s()
        waits.append(backoff.next_s())
    assert min(waits) < 0.5
    assert max(waits) > 3.5
    assert max(waits) <= 4


def test_ten_thousand_failures_do_not_overflow() -> None:
    backoff = Backoff(Random(1))
    assert all(0 <= backoff.next_s() <= 60 for _ in range(10_000))
