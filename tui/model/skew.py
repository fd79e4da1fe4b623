"""How far a platform's clock is from this machine's."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from statistics import median

SAID_S = 5.0
"""A difference that people are told of."""

_KEPT = 9
_RESOLUTION_S = 2.0  # `Date` knows whole seconds, and one slow answer is off by its own time
_HALF_A_SECOND = timedelta(seconds=0.5)  # `Date` is cut, not rounded


class Skew:
    """Learned from what answers say of the time; the median, so that one answer that was held up does not count."""

    def __init__(self) -> None:
        self._seen: deque[float] = deque(maxlen=_KEPT)

    def observe(self, said: datetime, sent: datetime, received: datetime) -> None:
        """An answer that `said` its whole second: it was written between `sent` and `received`, by our clock."""
        middle = sent + (received - sent) / 2
        self._seen.append((said + _HALF_A_SECOND - middle).total_seconds())

    @property
    def seconds(self) -> float | None:
        """Positive: the platform is ahead. None: no answer said what time it is."""
        return median(self._seen) if self._seen else None

    @property
    def shift(self) -> timedelta:
        """What our clock lacks to be the platform's; nothing while they agree as far as can be told."""
        seconds = self.seconds
        return timedelta(0) if seconds is None or abs(seconds) < _RESOLUTION_S else timedelta(seconds=seconds)
