"""Short words for figures, the same on the screen, in a pipe and in a document."""

from __future__ import annotations

from datetime import MAXYEAR, UTC, datetime, timedelta, tzinfo

_SOON = timedelta(minutes=2)


def duration(seconds: float | None) -> str:
    """'8s', '2m10s', '1h05m', '3d'; '' when unknown."""
    if seconds is None:
        return ""
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 48 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d"


def clock_time(at: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """'06:45'; of another day 'Tue 2 Dec 06:45', of another year with it; '06:45:10' where it is that soon.

    A time that is still to come is rounded up to the minute. `zone` None: the machine's own.
    """
    here, today = at.astimezone(zone), now.astimezone(zone)
    is_soon = abs(at - now) < _SOON
    if not is_soon and here > today and (here.second or here.microsecond) and here.year < MAXYEAR:
        here = here.replace(second=0, microsecond=0) + timedelta(minutes=1)
    day = "" if here.date() == today.date() else f"{here:%a} {here.day} {here:%b} "
    year = "" if here.year == today.year else f"{here.year} "
    return f"{day}{year}" + (f"{here:%H:%M:%S}" if is_soon else f"{here:%H:%M}")


def utc_time(at: datetime, now: datetime) -> str:
    """`clock_time` for messages, which are read on any machine: 'Tue 2 Dec 06:45 UTC'."""
    return f"{clock_time(at, now, UTC)} UTC"


def count(number: int) -> str:
    return f"{number:,}"


def plural(number: int, word: str) -> str:
    return f"{count(number)} {word}" if number == 1 else f"{count(number)} {word}s"


def age(at: datetime | None, now: datetime) -> str:
    """Coarse on purpose: '42s' moves in tens, '3m' by minutes, then hours and days. '' when unknown.

    A finer figure would redraw a quiet screen.
    """
    if at is None:
        return ""
    seconds = max(0, int((now - at).total_seconds()))
    if seconds < 60:
        return "now" if seconds < 10 else f"{seconds // 10 * 10}s"
    if seconds < 3600:
        return f"{seconds // 60}m"
    if seconds < 48 * 3600:
        return f"{seconds // 3600}h"
    return f"{seconds // 86400}d"
