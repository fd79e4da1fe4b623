"""After it went live: whether it stays healthy for as long as it takes to believe it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from tui.engine.action import Action
from tui.engine.store import Store
from tui.engine.verdict import Verdict
from tui.model.clock import Clock
from tui.model.entities import Ref, Service, Snapshot
from tui.model.status import Status

FRESH_S = 10.0
"""A service's row that is older is read anew, where no poller does."""
UNSETTLED_S = 300.0
_COMES_UP_S = 120.0


class Settling:
    """Told the state of what is followed at every look, says when it has settled. Its instances must not be bad and its
    service not crash meanwhile; what comes up anew (an instance in flight) begins the time again."""

    def __init__(
        self,
        action: Action,
        settle_s: float,
        clock: Clock,
        store: Store,
        snapshot: Callable[[str], Awaitable[Snapshot]],
    ) -> None:
        self._action = action
        self._settle_s = settle_s
        self._clock = clock
        self._store = store
        self._snapshot = snapshot
        self._began_at = clock.now()
        self._live_s: float | None = None  # since when it is up; None: not seen up yet
        self._first_live_s: float | None = None
        self._bad_before = _bad(action.intent.service)

    def pace_s(self, elapsed_s: float) -> float:
        return min(1.0 if elapsed_s < 10 else 3.0, max(0.2, self._settle_s / 5))

    def given_up(self, elapsed_s: float) -> Verdict | None:
        if elapsed_s < self._settle_s + UNSETTLED_S:
            return None
        return Verdict(None, f"it went live, and was not seen settled in {elapsed_s / 60:.0f} min")

    async def look(self, status: Status, end: Verdict) -> Verdict | None:
        """`end`: how the action ended but for this."""
        now_s = self._clock.monotonic()
        self._tell(status)
        if self._live_s is None and not status.up:
            return self._not_up(status, end)
        if self._first_live_s is None:
            self._live_s = self._first_live_s = now_s
            self._action.lives("settling", at=self._clock.now())
            self._settle_from_now()
        if status.in_flight:  # Swarm, for one, tries again what has failed once
            self._live_s = now_s
            self._settle_from_now()
            return None
        service = await self._service()
        after = f"after {now_s - self._first_live_s:.0f} s"
        if (reason := self._unwell(status, service)) is not None:
            ok = False if status.bad or status.up else None  # somebody took it away, or another took its place
            return Verdict(ok, f"went live, {reason} {after}")
        if service is not None and any(each.status.in_flight for each in service.instances):
            self._live_s = now_s
            self._settle_from_now()
        if self._live_s is not None and now_s - self._live_s >= self._settle_s:
            return Verdict(True, f"{end.message}, healthy for {self._settle_s:.0f} s")
        return None

    def _not_up(self, status: Status, end: Verdict) -> Verdict | None:
        """The platform called it done before its state says so; what was only let go ahead is done as it is."""
        if status.bad:
            return Verdict(False, status.value)
        waited_s = (self._clock.now() - self._began_at).total_seconds()
        return None if status.in_flight and waited_s < _COMES_UP_S else end

    def _unwell(self, status: Status, service: Service | None) -> str | None:
        if not status.up:
            return status.value.replace("_", " ")
        if service is None:
            return None
        if service.status is Status.CRASHED:
            return "crashed"
        if new := _bad(service) - self._bad_before:
            return f"{len(new)} of {len(service.instances)} instances crashed"
        return None

    async def _service(self) -> Service | None:
        """As it was read since it went live; None before."""
        ref = self._action.intent.service.ref
        state = self._store.accounts[ref.account]
        age_s = FRESH_S if state.snapshot is None else (self._clock.now() - state.snapshot.observed_at).total_seconds()
        if age_s >= FRESH_S and state.error is None:
            await self._snapshot(ref.account)
            state = self._store.accounts[ref.account]
        service = self._store.service(ref)
        if service is None or state.snapshot is None:
            return None
        return service if (service.observed_at or state.snapshot.observed_at) >= self._began_at else None

    def _settle_from_now(self) -> None:
        self._action.settles_at = self._clock.now() + timedelta(seconds=self._settle_s)
        self._store.touch()

    def _tell(self, status: Status) -> None:
        if status is not self._action.status:
            self._action.status = status
            self._action.lives(status.value.replace("_", " "), at=self._clock.now())


def _bad(service: Service) -> frozenset[Ref]:
    return frozenset(each.ref for each in service.instances if each.status.bad)
