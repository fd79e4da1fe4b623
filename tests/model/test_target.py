"""What served at a time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.entities import NOW, deployment
from tui.model.status import Status
from tui.model.target import serving_at

BUILDING = deployment("d4", Status.BUILDING, ago_s=600)
FAILED = deployment("d3", Status.FAILED, ago_s=3000)
LIVE = deployment("d2", ago_s=4000, took_s=500)
FIRST = deployment("d1", Status.REMOVED, ago_s=9000)
TIMELESS = replace(deployment("d0", Status.REMOVED), created_at=None, finished_at=None)
ALL = (BUILDING, FAILED, LIVE, FIRST, TIMELESS)


@pytest.mark.parametrize(
    ("ago_s", "expected"),
    [
        (0, "d2"),  # one that builds, or failed, does not serve
        (3500, "d2"),
        (3600, "d1"),  # the next one had begun, and was not live yet
        (8000, "d1"),
        (8950, "d1"),  # nothing served: the newest that had begun
        (9500, "d1"),  # before all of them: the oldest
    ],
)
def test_what_served_is_the_newest_that_had_gone_live(ago_s: float, expected: str) -> None:
    found = serving_at(NOW - timedelta(seconds=ago_s), ALL, whole=True)
    assert found is not None
    assert found.id == expected


def test_a_timeline_that_does_not_go_back_so_far_tells_nothing() -> None:
    assert serving_at(NOW - timedelta(seconds=3600), ALL[:3], whole=False) is None
    assert serving_at(NOW, ALL[:3], whole=False) is LIVE
    assert serving_at(NOW, (), whole=True) is None
