"""One request budget per credential, fed by what the platform's own answers say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from enum import Enum, auto

from msgspec import Struct

from tui.model.clock import Clock
from tui.model.errors import RateLimited
from tui.model.provider import PRIORITY, Polling, Priority
from tui.model.skew import Skew

RESERVE = 0.10  # of the window: only actions may use it
BACKGROUND_SHARE = 0.50  # of the window: the polls; the rest is for what somebody looks at
LONGEST_WAIT_S = 5.0  # a request that must wait longer is refused instead
UNKNOWN_RATE = 2.0  # requests a second where the platform tells no limit
KNOWN_RATE = 5.0  # where it does: half of the lowest limit per second among the platforms (10/s)
WINDOW_S = 3600.0  # assumed until a reset time is seen
PROBE_S = 300.0  # how often one request asks how much is left, where no answer names the reset
FOCUSED_HORIZON_S = 1200.0  # looking closely at one deployment seldom lasts longer
ROLLS_AFTER = timedelta(seconds=1)  # a window's end: two clocks do not agree on it to the moment


class BudgetView(Struct, frozen=True):
    """None where the platform did not say."""

    limit: int | None
    remaining: int | None
    resets_at: datetime | None
    retry_at: datetime | None
    spent: int  # by this process since its start


class Tally(Struct):
    """Requests made inside one `counted()` block."""

    requests: int = 0


_TALLY: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def counted() -> Iterator[Tally]:
    tally = Tally()
    token = _TALLY.set(tally)
    try:
        yield tally
    finally:
        _TALLY.reset(token)


class Pause(Enum):
    """What a person's refresh may do while `retry_at` is in the future."""

    NONE = auto()  # wait for it: the platform named that time
    MAY_PROBE = auto()  # the time is a guess: send one request before it
    PROBES = auto()  # the next request is that one
    HAS_PROBED = auto()


class Budget:
    """The account's Meter: a token bucket against bursts, and a window that the platform's headers keep true.

    Of a window, half is for polling and 40 % for what somebody looks at; the last tenth stays for actions, which
    never wait. What one did not use flows to the other as the window goes by.
    """

    def __init__(self, account: str, clock: Clock) -> None:
        self.skew = Skew()
        self.keeps_for_polls = False  # set where a poller runs: what somebody looks at must not starve the picture
        self._account = account
        self._clock = clock
        self._limit: int | None = None
        self._assumed = False  # nobody told us the limit
        self._remaining = 0
        self._resets_at: datetime | None = None
        self._reset_known = False  # an answer named `_resets_at`
        self._remaining_at = clock.now()  # when `_remaining` was last told, or asked for by a probe
        self._retry_at: datetime | None = None
        self._pause = Pause.NONE
        self._window_s = WINDOW_S
        self._window_began_at = clock.now()  # as far as it was seen
        self._window_free = 0.0  # what was left then, less the reserve
        self._burst = Polling().burst
        self._tokens = float(self._burst)
        self._filled_at = clock.monotonic()
        self._queue: list[tuple[Priority, int]] = []
        self._ticket = 0
        self._spent = 0

    def suit(self, polling: Polling) -> None:
        """What the platform stands at once, and in an hour where its answers name no limit."""
        self._tokens += polling.burst - self._burst
        self._burst = polling.burst
        if polling.requests_per_hour is not None and self._limit is None:
            self.observe(limit=polling.requests_per_hour)
            self._assumed = True

    def view(self) -> BudgetView:
        self._roll()
        told = self._limit is not None and not self._assumed
        return BudgetView(
            limit=self._limit if told else None,
            remaining=max(0, self._remaining) if told else None,
            resets_at=self._resets_at if told else None,
            retry_at=self._retry_at,
            spent=self._spent,
        )

    async def spend(self) -> None:
        priority = PRIORITY.get()
        if priority is not Priority.ACTION:
            await self._turn(priority)
            if self._pause is Pause.PROBES:
                self._pause = Pause.HAS_PROBED
        if self._is_short:
            self._remaining_at = self._clock.now()
        self._fill()
        self._tokens -= 1.0
        self._spent += 1
        self._remaining -= 1
        if (tally := _TALLY.get()) is not None:
            tally.requests += 1

    def observe(
        self,
        *,
        limit: int | None = None,
        remaining: int | None = None,
        resets_at: datetime | None = None,
        retry_at: datetime | None = None,
        guessed: bool = False,
    ) -> None:
        self._roll()
        now = self._clock.now()
        if limit is not None and limit > 0:
            if (self._limit is None or self._assumed) and remaining is None:
                self._remaining = limit
            if self._assumed:
                self._assumed, self._resets_at = False, None
            self._limit = limit
        # An answer from the last window, which came late; a clock that is always behind never named a later one.
        is_over = resets_at is not None and resets_at <= now and self._reset_known
        is_new = self._resets_at is None
        if remaining is not None and self._limit is not None and not is_over:
            self._remaining, self._remaining_at = remaining, now
        if resets_at is not None and resets_at > now:
            left_s = (resets_at - now).total_seconds()
            # The longest time to a reset that was seen is how long a window is, as far as we can know.
            self._window_s = max(left_s, self._window_s if self._resets_at is not None else 0.0)
            self._resets_at, self._reset_known = resets_at, True
        elif self._resets_at is None and self._limit is not None:
            self._resets_at = now + timedelta(seconds=self._window_s)
        if is_new:
            self._begin_window()
        if retry_at is not None:
            self._put_pause(retry_at, guessed=guessed)

    def allow_probe(self) -> None:
        """Let one request break a pause whose end is only a guess, because a person asks. Once a pause."""
        self._roll()
        if self._pause is Pause.MAY_PROBE:
            self._pause = Pause.PROBES

    def _put_pause(self, until: datetime, *, guessed: bool) -> None:
        """`until` now or earlier ends the pause."""
        begins = self._retry_at is None
        self._retry_at = until
        self._roll()
        if self._retry_at is not None and not guessed:
            self._pause = Pause.NONE
        elif self._retry_at is not None and begins:
            self._pause = Pause.MAY_PROBE

    def _begin_window(self) -> None:
        self._window_began_at = self._clock.now()
        self._window_free = self._remaining - RESERVE * (self._limit or 0)

    def interval_s(self, requests: int, *, at_least: float, priority: Priority = Priority.BACKGROUND) -> float:
        """How often work of that many requests may be done again without the window running dry."""
        self._roll()
        if self._limit is None or self._resets_at is None or requests <= 0:
            return max(at_least, requests / UNKNOWN_RATE)
        now = self._clock.now()
        if self._is_short:
            return max(at_least, 1.0, (self._more_at(now) - now).total_seconds())
        left_s = max(1.0, (self._resets_at - now).total_seconds())
        free = self._remaining - RESERVE * self._limit
        share = BACKGROUND_SHARE / (1.0 - RESERVE)
        if priority is not Priority.BACKGROUND:
            share, left_s = 1.0 - share, min(left_s, FOCUSED_HORIZON_S)
        return max(at_least, requests / (share * free / left_s))

    def spare_s(self, requests: int) -> float:
        """How long to hold back after so many requests that nobody waits for: half of the burst stays for others, and
        when half of the window is gone, they go at the pace of the polls."""
        self._roll()
        self._fill()
        wait_s = max(0.0, (1.0 + self._burst / 2 - self._tokens) / self._rate)
        if self._limit is None or self._remaining > self._limit / 2:
            return wait_s
        return self.interval_s(requests, at_least=wait_s)

    async def _turn(self, priority: Priority) -> None:
        """Returns when this request is the next to go. The closer looked at go first, then who came first."""
        self._ticket += 1
        place = (priority, self._ticket)
        self._queue.append(place)
        try:
            while (wait_s := self._wait_s(place)) > 0:
                await self._clock.sleep(wait_s)
        finally:
            self._queue.remove(place)

    def _wait_s(self, place: tuple[Priority, int]) -> float:
        self._roll()
        now = self._clock.now()
        if self._retry_at is not None:
            if self._pause is Pause.PROBES:
                return 0.0
            return self._bearable(self._retry_at, f"{self._account}: the platform asks for a pause.")
        if self._is_short:
            if (until := self._more_at(now)) > now:
                return self._bearable(until, f"{self._account}: {self._left()}, kept for actions.")
        elif place[0] is not Priority.BACKGROUND and (until := self._polls_until(now)) > now:
            return self._bearable(until, f"{self._account}: {self._left()}, kept for the snapshots.")
        self._fill()
        ahead = sum(other < place for other in self._queue)
        missing = 1.0 + ahead - self._tokens
        return missing / self._rate if missing > 1e-9 else 0.0

    def _resets(self, now: datetime) -> datetime:
        return (self._resets_at or now + timedelta(seconds=self._window_s)) + ROLLS_AFTER

    def _left(self) -> str:
        return f"{max(0, self._remaining)} of {self._limit} requests are left"

    def _polls_until(self, now: datetime) -> datetime:
        """Return when something beside the polls may go out. Their share shrinks as the window goes by."""
        if self._limit is None or not self.keeps_for_polls:
            return now
        resets_at = self._resets(now)
        share = BACKGROUND_SHARE / (1.0 - RESERVE)
        polls_a_s = share * max(1.0, self._window_free) / max(1.0, (resets_at - self._window_began_at).total_seconds())
        lasts_s = (self._remaining - RESERVE * self._limit) / polls_a_s  # what is left, were it for the polls alone
        return resets_at - timedelta(seconds=min(lasts_s, 1e9))

    def _bearable(self, until: datetime, message: str) -> float:
        wait_s = (until - self._clock.now()).total_seconds()
        if wait_s > LONGEST_WAIT_S:
            raise RateLimited(message, retry_at=until, remedy="It goes on by itself then.")
        return max(wait_s, 0.001)

    @property
    def _is_short(self) -> bool:
        """What is left of the window is kept for actions."""
        return self._limit is not None and self._remaining <= RESERVE * self._limit

    def _more_at(self, now: datetime) -> datetime:
        """Return when the window resets, or the time of the next probe if that is earlier and the reset a guess."""
        resets_at = self._resets(now)
        if self._reset_known or self._assumed:
            return resets_at
        return min(resets_at, self._remaining_at + timedelta(seconds=PROBE_S))

    @property
    def _rate(self) -> float:
        return UNKNOWN_RATE if self._limit is None and not self._assumed else KNOWN_RATE

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(float(self._burst), self._tokens + (now - self._filled_at) * self._rate)
        self._filled_at = now

    def _roll(self) -> None:
        """A new window, when the time for it has come: full until an answer says otherwise."""
        now = self._clock.now()
        if self._retry_at is not None and self._retry_at <= now:
            self._retry_at, self._pause = None, Pause.NONE
        if self._limit is not None and self._resets_at is not None and self._resets(now) <= now:
            self._remaining = self._limit
            self._resets_at = now + timedelta(seconds=self._window_s)
            self._begin_window()
