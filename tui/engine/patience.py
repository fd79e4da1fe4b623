"""When a question in the background that failed may be put again."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from msgspec import Struct

from tui.engine.backoff import Backoff
from tui.model.clock import Clock
from tui.model.entities import Ref
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized

AT_LEAST_S = 1.0
ANSWERED_NO_S = 300.0  # a no stays one for a while: nobody polls for another answer
KEPT = 200  # questions remembered


class _Failed(Struct):
    backoff: Backoff
    until_s: float = 0.0


class Patience:
    """One backoff a question, kept over all the reasons there are to put it again. A question is about one ref."""

    def __init__(self, clock: Clock, backoff: Callable[[], Backoff]) -> None:
        self._clock = clock
        self._backoff = backoff
        self._failed: dict[Ref, _Failed] = {}

    def wait_s(self, about: Ref) -> float:
        """Return the seconds until it may be put again; 0 where it may be now, inf where only a refresh helps."""
        failed = self._failed.get(about)
        return 0.0 if failed is None else max(0.0, failed.until_s - self._clock.monotonic())

    def failed(self, about: Ref, error: ProviderError) -> None:
        failed = self._failed.pop(about, None) or _Failed(self._backoff())
        self._failed[about] = failed
        while len(self._failed) > KEPT:
            del self._failed[next(iter(self._failed))]
        wait_s = max(AT_LEAST_S, failed.backoff.next_s())
        match error:
            case Unauthorized():
                wait_s = inf
            case RateLimited():
                wait_s = max(wait_s, (error.retry_at - self._clock.now()).total_seconds())
            case NotFound() | Forbidden() | Refused():
                wait_s = max(wait_s, ANSWERED_NO_S)
        failed.until_s = self._clock.monotonic() + wait_s

    def answered(self, about: Ref) -> None:
        self._failed.pop(about, None)

    def forget(self) -> None:
        """Somebody asks for it now: everything may be put at once, and a next failure counts as the first."""
        self._failed.clear()
