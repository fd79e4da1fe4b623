"""A moment as people type it: `35m` ago, `02:40` last night, or RFC 3339."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_AGO = re.compile(r"^-?((?:\d+(?:\.\d+)?[smhdw])+)$")
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_CLOCK = re.compile(r"^(\d{1,2}):(\d{2})(?::(\d{2}))?$")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Ago(datetime):
    """A moment that was given as so long ago: by another clock it is another one."""


def by_clock(at: datetime | None, shift: timedelta) -> datetime | None:
    """What `at` is on a clock that is ahead of ours by `shift`. A date or a time of day is the same on any."""
    return at + shift if isinstance(at, Ago) else at


def moment(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """UTC; an Ago, if it is so long ago. `zone` is the reader's, None for the machine's own; a time of day is its last
    occurrence before `now`.

    Raises ValueError with a sentence.
    """
    text = text.strip()
    try:
        if ago := _AGO.match(text.lower()):
            seconds = sum(float(number) * _SECONDS[unit] for number, unit in _AMOUNT.findall(ago[1]))
            at = now - timedelta(seconds=seconds)
            return Ago.combine(at.date(), at.timetz())
        if clock := _CLOCK.match(text):
            hour, minute, second = (int(part or 0) for part in clock.groups())
            return _last(time(hour, minute, second), now, zone)
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else _local(at, zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            f"{text!r} is not a time. Write how long ago (35m, 24h, 2d), a time of day (02:40), "
            "or a date and time (2026-08-22T02:40:00Z)."
        ) from None


def _last(of_day: time, now: datetime, zone: tzinfo | None) -> datetime:
    """When the wall clock last said that, by the offset of then. An hour that came twice: the later one."""
    today = now.astimezone(zone).date()
    for days, fold in ((0, 1), (0, 0), (1, 1)):
        wall = datetime.combine(today - timedelta(days=days), of_day.replace(fold=fold))
        at = _local(wall, zone).astimezone(UTC)
        if at <= now:
            break
    return at


def _local(at: datetime, zone: tzinfo | None) -> datetime:
    return at.replace(tzinfo=zone) if zone else at.astimezone()


def microseconds(at: datetime) -> int:
    """Since the epoch, exactly."""
    return (at - EPOCH) // timedelta(microseconds=1)


def from_microseconds(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)
