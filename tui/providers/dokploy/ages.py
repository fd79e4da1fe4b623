"""Ages as Docker writes them ("4 seconds ago", "About a minute"), and the moments that they stand for.

One age is coarse: "7 minutes" covers sixty seconds. Several readings of one container narrow its moment down.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from msgspec import Struct

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "week": 7 * 86_400, "month": 30 * 86_400}
_SECONDS["year"] = 365 * 86_400
_AGE = re.compile(
    r"\b(?:(?P<instant>less than a second|\d+ ?ms)|about an? (?P<one>minute|hour)"
    r"|(?P<count>\d{1,6}) (?P<unit>second|minute|hour|day|week|month|year)s?)\b",
    re.IGNORECASE,
)
_LATENCY = timedelta(seconds=1)  # the text is that much older than its answer, at most


class Age(Struct, frozen=True):
    """At least `least_s` and less than `most_s` seconds."""

    least_s: float
    most_s: float


class Span(Struct, frozen=True):
    """A moment on the platform's clock that is known to lie between two others."""

    earliest: datetime
    latest: datetime

    def within(self, other: Span) -> Span:
        """Return what both say; where they disagree, what this one says."""
        earliest, latest = max(self.earliest, other.earliest), min(self.latest, other.latest)
        return Span(earliest, latest) if earliest <= latest else self

    def age_s(self, now: datetime) -> float:
        """Return the age that it has at least."""
        return max(0.0, (now - self.latest).total_seconds())


def age(text: str) -> Age | None:
    """Return the age in Docker's words; None where there is none, as in "Created"."""
    found = _AGE.search(text)
    if found is None:
        return None
    if found["instant"]:
        return Age(0, 1)
    unit_s = _SECONDS[(found["one"] or found["unit"]).lower()]
    count = int(found["count"] or 1)
    least_s = count * unit_s
    if unit_s == _SECONDS["hour"]:  # Docker rounds hours, and cuts off everything else
        least_s -= unit_s // 2
    return Age(least_s, (count + 1) * unit_s)


def span(found: Age, now: datetime) -> Span | None:
    """Return when what has this age `now` happened; None for more than there are years."""
    try:
        return Span(now - timedelta(seconds=found.most_s) - _LATENCY, now - timedelta(seconds=found.least_s))
    except OverflowError:
        return None


class Moments:
    """What was learned of each container's moments, reading after reading. One reading's keys replace the former."""

    def __init__(self) -> None:
        self._known: dict[str, Span] = {}
        self._read: dict[str, Span] = {}

    def see(self, key: str, text: str, now: datetime) -> Span | None:
        """Return the moment of which `text` tells the age `now`, as narrow as the readings make it."""
        if (found := age(text)) is None:
            return None
        if (seen := span(found, now)) is None:
            return None
        return self._keep(key, seen)

    def since_seen(self, key: str, now: datetime) -> Span:
        """Return a moment that Docker gives no age of: it is not later than when it was seen first."""
        return self._keep(key, self._known.get(key) or Span(now, now))

    def _keep(self, key: str, seen: Span) -> Span:
        known = self._known.get(key)
        self._read[key] = seen if known is None else seen.within(known)
        return self._read[key]

    def end_reading(self) -> None:
        """Forget what was not seen in this reading."""
        self._known, self._read = self._read, {}
