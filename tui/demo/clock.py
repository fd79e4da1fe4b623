"""The world's time: real by default, standing still in tests. Whole nanoseconds since 1970, UTC."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class WorldClock:
    """Real time since it was made, `behind_s` behind the machine's, or a fixed instant; `advance` adds to either.

    Counted on the monotonic clock, so that setting the machine's clock does not shake the world.
    """

    def __init__(self, start: datetime | None = None, *, frozen: bool = False, behind_s: float = 0.0) -> None:
        self._start = time.time_ns() - round(behind_s * SECOND) if start is None else nanoseconds(start)
        self._anchor = None if frozen else time.monotonic_ns()
        self._added = 0

    @property
    def frozen(self) -> bool:
        return self._anchor is None

    def now(self) -> int:
        passed = 0 if self._anchor is None else time.monotonic_ns() - self._anchor
        return self._start + passed + self._added

    def advance(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("time only goes forward")
        self._added += round(seconds * SECOND)


def nanoseconds(at: datetime) -> int:
    return int(at.replace(microsecond=0).timestamp()) * SECOND + at.microsecond * 1000


def rfc3339(at: int) -> str:
    """With as many digits of the fraction as it has, from none to nine: a trap for whoever compares these as text."""
    whole, fraction = divmod(at, SECOND)
    return f"{_to_second(whole)}.{fraction:09d}".rstrip("0") + "Z" if fraction else f"{_to_second(whole)}Z"


def rfc3339_ms(at: int) -> str:
    """Always three digits, as an API written in JavaScript does."""
    whole, fraction = divmod(at, SECOND)
    return f"{_to_second(whole)}.{fraction // 1_000_000:03d}Z"


@lru_cache(maxsize=4096)
def _to_second(whole: int) -> str:
    return datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def parse_rfc3339(text: str) -> int:
    """Nanoseconds of an RFC 3339 time with any number of fraction digits. Raises ValueError."""
    head, dot, tail = text.strip().partition(".")
    if not dot:
        return nanoseconds(_aware(head))
    digits = len(tail) - len(tail.lstrip("0123456789"))
    if not digits:
        raise ValueError(f"not a time: {text!r}")
    return nanoseconds(_aware(head + tail[digits:])) + int(tail[:digits][:9].ljust(9, "0"))


def _aware(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"a time without a zone: {text!r}")
    return at
