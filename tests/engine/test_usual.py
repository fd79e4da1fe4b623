"""What is usual for a service, and how one deployment compares."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.entities import NOW, deployment
from tui.engine.usual import Usual, compared, usual
from tui.model.entities import Deployment
from tui.model.status import Status


def earlier(*took_s: float | None) -> list[Deployment]:
    """Newest first, an hour apart."""
    return [
        deployment(f"h{n}", Status.SUPERSEDED, ago_s=3600 * (n + 2), took_s=seconds) for n, seconds in enumerate(took_s)
    ]


def test_usual_is_the_median_of_the_last_twenty_that_went_well() -> None:
    ones = earlier(*[100.0] * 9, *[110.0] * 2, *[200.0] * 9, *[9000.0] * 30)
    assert usual(deployment("new"), ones) == Usual(110.0, 20)


def test_what_failed_is_in_flight_or_tells_no_times_does_not_count() -> None:
    odd = [
        deployment("failed", Status.FAILED, ago_s=4000, took_s=3),
        deployment("building", Status.BUILDING, ago_s=4100),
        deployment("cancelled", Status.CANCELLED, ago_s=4200, took_s=3),
        replace(deployment("timeless", Status.SUPERSEDED, took_s=3), created_at=None),
        replace(deployment("queued", Status.SUPERSEDED, took_s=3), started_at=None, starts_at_creation=False),
        replace(deployment("back", Status.SUPERSEDED, ago_s=4300), finished_at=NOW - timedelta(days=9)),
    ]
    new = deployment("new")
    assert usual(new, [new, *odd, *earlier(60, None, 80, 100)]) == Usual(80.0, 3)


def test_an_older_one_is_compared_with_those_before_it() -> None:
    ones = earlier(10, 10, 10, 500, 100, 100, 100)
    assert usual(ones[3], ones) == Usual(100.0, 3)


@pytest.mark.parametrize("ones", [(), (60,), (60, 70)])
def test_of_too_few_nothing_is_usual(ones: tuple[float, ...]) -> None:
    assert usual(deployment("new"), earlier(*ones)) == Usual(None, len(ones))


def test_it_is_told_how_many_times_as_long_it_took() -> None:
    assert compared(deployment(took_s=230), NOW, Usual(100.0, 20)) == 2.3
    assert compared(deployment(status=Status.BUILDING), NOW, Usual(100.0, 20)) is None
    assert compared(deployment(took_s=None), NOW, Usual(100.0, 20)) is None
    assert compared(deployment(took_s=230), NOW, Usual(None, 1)) is None
    assert compared(deployment(took_s=5), NOW, Usual(0.0, 3)) is None
