"""Keeps one account's picture fresh: polls, waits, backs off, wakes when poked."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from tui.engine.backoff import Backoff
from tui.engine.bell import Bell
from tui.engine.budget import counted
from tui.engine.link import Fault, Link
from tui.engine.store import AccountState, Store
from tui.model.clock import Clock
from tui.model.entities import Snapshot
from tui.model.errors import ProviderError, RateLimited, Unauthorized
from tui.model.provider import Priority

BETWEEN_POLLS_S = 1.0

log = logging.getLogger(__name__)


class Poller:
    """One account's loop, as often as the platform wants to be asked, or every `poll_s`.

    `poke()` when the platform surely has news, `refresh()` when a person wants to know.
    """

    def __init__(self, link: Link, store: Store, clock: Clock, backoff: Backoff, *, poll_s: float | None) -> None:
        self._link = link
        self._store = store
        self._clock = clock
        self._backoff = backoff
        self._poll_s = poll_s
        self._bell = Bell(clock)
        self._wanted = True  # the first picture is waited for
        self._pokeable = True
        self._requests = 0  # of the last snapshot
        self._next_try_at: datetime | None = None

    def poke(self) -> None:
        """Poll soon. Pokes coalesce, and a pause that the platform asked for is kept."""
        if self._pokeable:
            self._bell.ring()

    def refresh(self) -> None:
        """Poll now, whatever the last answer was. A pause whose end the platform named is kept."""
        self._wanted = True
        self._bell.ring()

    async def run(self) -> None:
        while True:
            wait_s = await self._poll()
            ended = self._clock.monotonic()
            await self._bell.wait(wait_s)
            await self._clock.sleep(BETWEEN_POLLS_S - (self._clock.monotonic() - ended))

    async def once(self, priority: Priority = Priority.FOCUSED) -> Snapshot:
        """One picture, into the store too. Raises ProviderError, which is in the store as well."""
        try:
            return await self._read(priority)
        except ProviderError as error:
            self._fail(error)
            raise

    async def _poll(self) -> float | None:
        """One try. How long to wait after it; None: until somebody refreshes."""
        priority = Priority.FOCUSED if self._wanted else Priority.BACKGROUND
        if self._wanted:
            self._link.budget.allow_probe()
        self._wanted = False
        try:
            await self._read(priority)
        except ProviderError as error:
            wait_s = self._wait_after(error)
            self._next_try_at = None if wait_s is None else self._clock.now() + timedelta(seconds=wait_s)
            self._pokeable = not isinstance(error, RateLimited | Unauthorized)
            self._fail(error)
            return wait_s
        self._pokeable = True
        return self._interval_s()

    async def _read(self, priority: Priority) -> Snapshot:
        with counted() as tally:
            snapshot = await self._link.call(priority, lambda provider: provider.snapshot())
        self._requests = tally.requests
        self._backoff.reset()
        self._next_try_at = None
        if self._state.error is not None:
            log.info("%s: reached again", self._state.name)
        self._store.put(snapshot)
        return snapshot

    @property
    def _state(self) -> AccountState:
        return self._store.accounts[self._link.account.name]

    def _interval_s(self) -> float:
        snapshot = self._state.snapshot
        moving = snapshot is not None and any(
            service.latest is not None and service.latest.status.in_flight for service in snapshot.services
        )
        polling = self._link.polling
        idle_s = polling.snapshot_s if self._poll_s is None else self._poll_s
        wish_s = min(idle_s, polling.moving_s) if moving else idle_s
        interval_s = self._link.budget.interval_s(self._requests, at_least=wish_s)
        self._store.put_interval(self._state.name, interval_s, polling.spread_s)
        return interval_s

    def _wait_after(self, error: ProviderError) -> float | None:
        match error:
            case Unauthorized():
                return None
            case RateLimited():  # a platform that says "in a second" again and again is not asked each second
                until_s = (error.retry_at - self._clock.now()).total_seconds()
                return max(BETWEEN_POLLS_S, until_s, self._backoff.next_s())
            case _:
                return max(BETWEEN_POLLS_S, self._backoff.next_s())

    def _fail(self, error: ProviderError) -> None:
        if self._state.error is None:
            log.warning("%s: %s", self._state.name, error)
        self._store.fail(
            self._state.name,
            error,
            at=self._clock.now(),
            next_try_at=self._next_try_at,
            broken=isinstance(error, Fault),
        )
