"""Times of log rows to the nanosecond: whole numbers since the epoch, which sort and compare where texts do not."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from tui.providers.overlap import NO_TIME

_SECOND = 1_000_000_000


def nanoseconds(text: str) -> int:
    """RFC 3339 to the nanosecond, since the epoch. As strings they sort wrongly: "…00Z" > "…00.5Z"."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    whole = int(at.replace(microsecond=0).timestamp()) * _SECOND
    _, point, rest = text.partition(".")
    if not point:
        return whole
    digits = rest[:9]
    if not digits.isdigit():
        digits = re.match(r"\d*", rest)[0][:9]  # type: ignore[index]  # it matches always
    return whole + int(digits.ljust(9, "0"))


def rfc3339(at: int) -> str:
    """The reverse of `nanoseconds`."""
    seconds, rest = divmod(at, _SECOND)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def of_datetime(at: datetime) -> int:
    return int(at.replace(microsecond=0).timestamp()) * _SECOND + at.microsecond * 1000


def to_datetime(at: int) -> datetime | None:
    if at == NO_TIME:
        return None
    seconds, rest = divmod(at, _SECOND)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
