"""What wants a person now: services that fail, crash, wait for approval, or are worse since a deployment.

One alert a service, for the worst of it. Each event is told once, by its key; what was so already when we came is
shown, and not rung.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from tui.engine.actions import ActionPhase, ActionService
from tui.engine.notes import Acknowledgement, Notes
from tui.engine.reviews import Looks, Review, Reviews
from tui.engine.store import Store
from tui.model.action import Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Ref, Service
from tui.model.status import Status

AGAIN = timedelta(minutes=10)  # gone for so long, and the same cause is a new event
OUR_DOING = timedelta(minutes=2)  # after the end of an action that takes down
_TAKES_DOWN = frozenset({Verb.STOP, Verb.REMOVE, Verb.CANCEL, Verb.REJECT})


class Trouble(StrEnum):
    """The worst first."""

    CRASHED = "crashed"
    FAILED = "failed"  # and nothing serves
    WORSE = "worse"
    NOT_DEPLOYED = "not deployed"  # the newest failed; the one before goes on serving
    APPROVAL = "approval"


_RANK = {trouble: rank for rank, trouble in enumerate(Trouble)}


class Alert(Struct, frozen=True):
    """`since` is None where it was so before we came and the platform does not tell when it began. `new`: it began
    before our eyes."""

    key: str
    service: Ref
    path: str
    trouble: Trouble
    reason: str
    since: datetime | None
    deployment: Ref | None
    new: bool = False
    acknowledged: Acknowledgement | None = None


class _Event(Struct):
    """`began`: when we saw it begin, on our clock; None: it was there when we came."""

    began: datetime | None
    ended: datetime | None = None


class Attention:
    def __init__(
        self,
        store: Store,
        reviews: Reviews,
        actions: ActionService,
        clock: Clock,
        notes: Notes,
    ) -> None:
        self._notes = notes
        self._store = store
        self._reviews = reviews
        self._actions = actions
        self._clock = clock
        self._began_at = clock.now()
        self._alerts: tuple[Alert, ...] = ()
        self._events: dict[str, _Event] = {}
        self._quiet: set[str] = set()  # keys of what we did ourselves
        self._met: set[Ref] = set()  # services seen in a picture of this session
        self._accounts: set[str] = set()  # that were read in this session
        self._told: list[Callable[[Alert], object]] = []
        self._seen = (-1, -1)

    def start(self) -> None:
        self._store.watch(self._look)
        self._look()

    def on_event(self, callback: Callable[[Alert], object]) -> None:
        """Called back, synchronously, once for each event that begins while we run."""
        self._told.append(callback)

    def alerts(self) -> tuple[Alert, ...]:
        """Those to be acknowledged first. Of these what began before our eyes, the newest first; then what was there,
        the worst first; approvals below."""
        alerts = [replace(each, acknowledged=self._acknowledgement(each.key)) for each in self._alerts]
        return tuple(sorted(alerts, key=_place))

    def of(self, service: Ref) -> Alert | None:
        return next((each for each in self.alerts() if each.service == service), None)

    def acknowledge(self, alert: Alert) -> None:
        """It comes back for a new event only. Raises OSError where that cannot be kept."""
        self._notes.acknowledge(alert.key, f"{alert.path}: {alert.reason}", self._clock.now())
        self._store.touch()

    def _acknowledgement(self, key: str) -> Acknowledgement | None:
        """One that is older than what we saw begin was for another time."""
        found = self._notes.acknowledged(key)
        event = self._events.get(key)
        if found is None or (event is not None and event.began is not None and found.at < event.began):
            return None
        return found

    # Looking

    def _look(self) -> None:
        seen = (self._store.version, self._reviews.version)
        if seen == self._seen:
            return
        self._seen = seen
        now = self._clock.now()
        alerts: list[Alert] = []
        begun: list[Alert] = []
        raised: set[str] = set()
        for service in self._store.services():
            if (alert := self._alert(service)) is None:
                continue
            raised.add(alert.key)
            event = self._events.get(alert.key)
            if event is None or (event.ended is not None and now - event.ended >= AGAIN):
                if alert.key in self._quiet or self._is_ours(service, now):
                    self._quiet.add(alert.key)
                    continue
                new = self._is_new(service, alert)
                event = self._events[alert.key] = _Event(now if new else None)
                if new:
                    begun.append(alert)
            event.ended = None
            alerts.append(replace(alert, since=alert.since or event.began, new=event.began is not None))
        self._end(raised, now)
        self._alerts = tuple(alerts)
        self._meet()
        for alert in begun:
            for callback in tuple(self._told):
                callback(alert)

    def _end(self, raised: set[str], now: datetime) -> None:
        self._quiet &= raised
        for key, event in tuple(self._events.items()):
            if key in raised:
                continue
            if event.ended is None:
                event.ended = now
            elif now - event.ended >= AGAIN:
                del self._events[key]

    def _meet(self) -> None:
        for name, account in self._store.accounts.items():
            if account.snapshot is not None and not account.from_cache:
                self._accounts.add(name)
                self._met.update(service.ref for service in account.snapshot.services)

    def _is_new(self, service: Service, alert: Alert) -> bool:
        """It began while we ran: its service was seen without it, or came to be after that."""
        if self._store.accounts[service.account].from_cache:
            return False
        if alert.trouble is Trouble.WORSE:
            review = self._reviews.of(alert.deployment) if alert.deployment else None
            return review is not None and review.seen
        if service.ref in self._met:
            return True
        made = service.latest.created_at if service.latest else None
        return service.account in self._accounts and made is not None and made >= self._began_at

    def _is_ours(self, service: Service, now: datetime) -> bool:
        """The last thing done from here was to take it down."""
        for action in self._actions.recent:
            if action.intent.service.ref == service.ref and action.phase is not ActionPhase.REFUSED:
                lately = action.ended_at is None or now - action.ended_at < OUR_DOING
                return action.intent.verb in _TAKES_DOWN and lately
        return False

    def _alert(self, service: Service) -> Alert | None:
        """For the worst of what is wrong with it."""
        trouble, deployment = _trouble(service)
        review = self._reviews.of(service.live.ref) if service.live is not None else None
        worse = review is not None and review.looks is Looks.WORSE and not review.fell  # it may be up again
        if worse and (trouble is None or _RANK[Trouble.WORSE] < _RANK[trouble]):
            trouble, deployment = Trouble.WORSE, service.live
        if trouble is None:
            return None
        review = self._reviews.of(deployment.ref) if deployment is not None else None
        return Alert(
            key=f"{service.path}|{trouble.name.lower()}|{deployment.id if deployment else ''}",
            service=service.ref,
            path=service.path,
            trouble=trouble,
            reason=_reason(trouble, deployment, review),
            since=_since(trouble, deployment),
            deployment=deployment.ref if deployment else None,
        )


def _trouble(service: Service) -> tuple[Trouble | None, Deployment | None]:
    latest = service.latest or service.live
    match service.trouble:
        case None:
            return None, None
        case Status.NEEDS_APPROVAL:
            return Trouble.APPROVAL, latest
        case Status.CRASHED if service.status.bad:
            return Trouble.CRASHED, service.live or latest
        case _ if service.status.bad:
            return Trouble.FAILED, latest
        case _:
            return Trouble.NOT_DEPLOYED, latest


def _reason(trouble: Trouble, deployment: Deployment | None, review: Review | None) -> str:
    note = f": {deployment.note}" if deployment is not None and deployment.note else ""
    told = "; ".join(review.evidence) if review is not None and review.looks is Looks.WORSE else ""
    match trouble:
        case Trouble.WORSE:
            revision = deployment.revision.short if deployment is not None and deployment.revision else "a deployment"
            return f"worse since {revision}: {told}"
        case Trouble.CRASHED:
            return told or f"crashed{note}"
        case Trouble.FAILED:
            return f"failed{note}"
        case Trouble.NOT_DEPLOYED:
            return f"the newest deployment failed{note}; the one before serves on"
        case Trouble.APPROVAL:
            awaits = deployment.awaits if deployment is not None else ""
            return "needs approval" + (f", {awaits}" if awaits else note)


def _since(trouble: Trouble, deployment: Deployment | None) -> datetime | None:
    """By the platform. When a deployment crashed, or its errors began, none of them tells."""
    if deployment is None or trouble in (Trouble.CRASHED, Trouble.WORSE):
        return None
    ended = deployment.finished_at if trouble is not Trouble.APPROVAL else None
    return ended or deployment.created_at


def _place(alert: Alert) -> tuple[bool, bool, bool, int, float, str]:
    newest = -alert.since.timestamp() if alert.since is not None else 0.0
    rank = 0 if alert.new else _RANK[alert.trouble]
    return alert.acknowledged is not None, alert.trouble is Trouble.APPROVAL, not alert.new, rank, newest, alert.key
