"""How long to wait before the next try."""

from __future__ import annotations

from random import Random


class Backoff:
    """Doubles to a cap, with full jitter: many clients that lost the same platform do not come back at once."""

    def __init__(self, random: Random, *, base_s: float = 2.0, cap_s: float = 60.0) -> None:
        self._random = random
        self._base_s = base_s
        self._cap_s = cap_s
        self.failures = 0

    def next_s(self) -> float:
        """Counts one more failure and draws the wait after it."""
        ceiling_s = min(self._cap_s, self._base_s * 2.0 ** min(self.failures, 32))
        self.failures += 1
        return self._random.uniform(0.0, ceiling_s)

    def reset(self) -> None:
        self.failures = 0
