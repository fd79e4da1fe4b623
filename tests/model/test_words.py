from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tui.model.words import clock_time, utc_time

NOW = datetime(2025, 12, 1, 6, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (datetime(2025, 12, 1, 6, 45, tzinfo=UTC), "06:45 UTC"),
        (datetime(2025, 12, 1, 6, 44, 1, tzinfo=UTC), "06:45 UTC"),
        (datetime(2025, 12, 1, 6, 16, 5, tzinfo=UTC), "06:16:05 UTC"),
        (datetime(2025, 12, 1, 6, 15, 25, tzinfo=UTC), "06:15:25 UTC"),
        (datetime(2025, 12, 1, 5, 44, 59, tzinfo=UTC), "05:44 UTC"),
        (datetime(2025, 12, 2, 6, 45, tzinfo=UTC), "Tue 2 Dec 06:45 UTC"),
        (datetime(2025, 12, 1, 23, 59, 30, tzinfo=UTC), "Tue 2 Dec 00:00 UTC"),
        (datetime(2025, 11, 30, 23, 59, tzinfo=UTC), "Sun 30 Nov 23:59 UTC"),
        (datetime(2026, 1, 2, 6, 45, tzinfo=UTC), "Fri 2 Jan 2026 06:45 UTC"),
        (datetime(2025, 12, 1, 8, 45, tzinfo=timezone(timedelta(hours=2))), "06:45 UTC"),
    ],
)
def test_a_time_that_is_not_today_carries_its_day(at: datetime, said: str) -> None:
    assert utc_time(at, NOW) == said


def test_a_day_is_the_readers_own() -> None:
    zone = timezone(timedelta(hours=2))
    late = datetime(2025, 12, 1, 22, 30, tzinfo=UTC)

    assert clock_time(late, NOW, UTC) == "22:30"
    assert clock_time(late, NOW, zone) == "Tue 2 Dec 00:30"
