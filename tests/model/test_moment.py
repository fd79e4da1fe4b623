"""A moment as people type it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tui.model.moment import moment

NOW = datetime(2026, 8, 22, 2, 14, 7, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("24h", "2026-08-21T02:14:07+00:00"),
        ("-35m", "2026-08-22T01:39:07+00:00"),
        ("1h30m", "2026-08-22T00:44:07+00:00"),
        ("2d", "2026-08-20T02:14:07+00:00"),
        ("04:10", "2026-08-22T02:10:00+00:00"),  # ten past four in Berlin, four minutes ago
        ("04:20", "2026-08-21T02:20:00+00:00"),  # not yet today: yesterday's
        ("2:40:05", "2026-08-22T00:40:05+00:00"),
        ("2026-08-22T02:00:00Z", "2026-08-22T02:00:00+00:00"),
        ("2026-08-22T02:00:00.5+02:00", "2026-08-22T00:00:00.500000+00:00"),
        ("2026-08-22 02:00", "2026-08-22T00:00:00+00:00"),
        ("2026-08-22", "2026-08-21T22:00:00+00:00"),
    ],
)
def test_a_moment_is_long_ago_a_time_of_day_or_a_date(text: str, meant: str) -> None:
    found = moment(text, NOW, BERLIN)

    assert found.isoformat() == meant
    assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["", "soon", "25:00", "5", "5y", "2026-13-01", "99999999999999d"])
def test_what_is_no_time_is_told_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a time\. Write how long ago"):
        moment(text, NOW, BERLIN)
