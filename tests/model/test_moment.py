"""A moment as people type it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

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


@pytest.mark.parametrize(
    ("zone", "now", "text", "meant"),
    [
        ("Europe/Berlin", "2026-10-25T08:00", "23:00", "2026-10-24T21:00"),
        ("Europe/Berlin", "2026-03-29T08:00", "01:15", "2026-03-29T00:15"),
        ("America/New_York", "2026-11-01T14:00", "00:30", "2026-11-01T04:30"),
        ("America/New_York", "2026-03-08T15:00", "01:30", "2026-03-08T06:30"),
        ("Europe/Berlin", "2026-10-25T08:00", "02:30", "2026-10-25T01:30"),  # came twice: the later one
        ("Europe/Berlin", "2026-10-25T01:00", "02:30", "2026-10-25T00:30"),  # which has not come yet
    ],
)
def test_a_time_of_day_is_what_the_wall_clock_said_then(
    monkeypatch: pytest.MonkeyPatch, zone: str, now: str, text: str, meant: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        found = moment(text, datetime.fromisoformat(now).replace(tzinfo=UTC))
        assert f"{found:%Y-%m-%dT%H:%M}" == meant
        assert moment(text, datetime.fromisoformat(now).replace(tzinfo=UTC), ZoneInfo(zone)) == found
    finally:
        monkeypatch.undo()
        time.tzset()
