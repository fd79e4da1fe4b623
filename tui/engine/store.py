"""The latest picture of every account, its age, and what of it changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct, field
from msgspec.structs import replace

from tui.engine.merge import joined, newest_first, overlaid
from tui.model.entities import Changes, Deployment, Page, Ref, Service, Snapshot, Step
from tui.model.errors import ProviderError

STALE_INTERVALS = 3
STALE_AT_LEAST_S = 60.0
TIMELINES = 100  # kept; the longest unused goes first
STEPS_PER_TIMELINE = 20
CHANGES = 200  # deployments whose changes are kept


_EVER = datetime.min.replace(tzinfo=UTC)


class Phase(StrEnum):
    LOADING = "loading"  # never seen, the first try is under way
    FRESH = "fresh"
    STALE = "stale"  # a picture, but an old one, or the last try failed
    FAILED = "failed"  # no picture, and an error


class AccountState(Struct, frozen=True):
    """What is known of one account. `broken`: the fault is ours, not the platform's; the picture stays."""

    name: str
    provider: str
    title: str
    poll_s: float
    snapshot: Snapshot | None = None
    from_cache: bool = False  # the picture is a former session's, not confirmed yet
    error: ProviderError | None = None  # of the last try
    failed_at: datetime | None = None
    spread_s: float = 0.0  # how much older than the rest a part of a good picture may be
    next_try_at: datetime | None = None  # None with an error: only a refresh tries again
    broken: bool = False

    def phase(self, now: datetime) -> Phase:
        age_s = self.age_s(now)
        if age_s is None:
            return Phase.LOADING if self.error is None else Phase.FAILED
        old = age_s > max(STALE_INTERVALS * self.poll_s, STALE_AT_LEAST_S) + self.spread_s
        return Phase.STALE if old or self.from_cache or self.error is not None else Phase.FRESH

    def age_s(self, now: datetime) -> float | None:
        """None without a picture. Never negative, whatever two clocks say."""
        return None if self.snapshot is None else max(0.0, (now - self.snapshot.observed_at).total_seconds())


class Timeline(Struct, frozen=True):
    """One service's deployments, newest first, each once; `observed_at` None: only what the snapshot told so far."""

    service: Ref
    deployments: tuple[Deployment, ...] = ()
    next: str | None = None  # older ones exist; the cursor for them
    observed_at: datetime | None = None
    loading: bool = False
    error: ProviderError | None = None
    steps: Mapping[Ref, tuple[Step, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()  # sentences about rows that could not be read: there are more than these


class Store:
    """`version` moves with every visible change, `heartbeat` when only freshness did.

    Written by the engine alone; everybody else reads, and watches.
    """

    def __init__(self, accounts: Sequence[AccountState]) -> None:
        self.version = 0
        self.heartbeat = 0
        self._accounts = {account.name: account for account in accounts}
        self.accounts: Mapping[str, AccountState] = self._accounts
        self._services: tuple[Service, ...] | None = None
        self._by_ref: dict[Ref, Service] = {}
        self._timelines: dict[Ref, Timeline] = {}
        self._changes: dict[Ref, Changes | ProviderError] = {}
        self._deep: set[Ref] = set()  # timelines of more than the newest page
        self._watchers: list[Callable[[], object]] = []

    # Reading

    def services(self) -> tuple[Service, ...]:
        """Of all accounts, ordered by account (as configured), project, environment, name."""
        if self._services is None:
            self._services = tuple(
                service
                for account in self._accounts.values()
                if account.snapshot is not None
                for service in sorted(account.snapshot.services, key=_place)
            )
        return self._services

    def service(self, ref: Ref) -> Service | None:
        return self._by_ref.get(ref)

    def is_old(self, service: Service) -> bool:
        """Its environment could not be read the last time: it is shown as it was before."""
        snapshot = self._accounts[service.account].snapshot
        return snapshot is not None and service.environment in snapshot.unread

    def timeline(self, ref: Ref) -> Timeline | None:
        """None for a service nobody knows; before its first page, what the snapshot tells."""
        if (timeline := self._timelines.get(ref)) is not None:
            return timeline
        service = self._by_ref.get(ref)
        return None if service is None else Timeline(ref, overlaid((), service))

    def changes(self, deployment: Ref) -> Changes | ProviderError | None:
        """What it brought, or why that could not be read; None before somebody asked."""
        return self._changes.get(deployment)

    def deployment(self, ref: Ref) -> Deployment | None:
        for timeline in self._timelines.values():
            if (found := _named(timeline.deployments, ref)) is not None:
                return found
        for service in self._by_ref.values():
            for deployment in (service.latest, service.live):
                if deployment is not None and deployment.ref == ref:
                    return deployment
        return None

    def watch(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Calls back, synchronously, after a change of version, heartbeat or an action. Returns the end of it."""
        self._watchers.append(callback)

        def unwatch() -> None:
            if callback in self._watchers:
                self._watchers.remove(callback)

        return unwatch

    # Writing

    def put(self, snapshot: Snapshot, *, from_cache: bool = False) -> None:
        before = self._accounts[snapshot.account]
        snapshot = _with_old(snapshot, before.snapshot)
        after = replace(
            before,
            snapshot=snapshot,
            from_cache=from_cache,
            error=None,
            failed_at=None,
            next_try_at=None,
            broken=False,
        )
        self._accounts[snapshot.account] = after
        if (
            before.snapshot is not None
            and after == replace(before, snapshot=snapshot)
            and _same(before.snapshot, snapshot)
        ):
            self._index()
            self._tell(visible=False)
            return
        self._index()
        for service in snapshot.services:
            if (timeline := self._timelines.get(service.ref)) is not None:
                merged = overlaid(timeline.deployments, service)
                self._timelines[service.ref] = replace(timeline, deployments=merged)
        self._tell()

    def fail(
        self,
        account: str,
        error: ProviderError,
        *,
        at: datetime,
        next_try_at: datetime | None,
        broken: bool = False,
    ) -> None:
        """The last try failed: the picture stays, with its age and this error."""
        self._accounts[account] = replace(
            self._accounts[account], error=error, failed_at=at, next_try_at=next_try_at, broken=broken
        )
        self._tell()

    def put_interval(self, account: str, poll_s: float, spread_s: float = 0.0) -> None:
        self._accounts[account] = replace(self._accounts[account], poll_s=poll_s, spread_s=spread_s)

    def put_loading(self, service: Ref, loading: bool) -> None:
        timeline = self._own_timeline(service)
        if timeline.loading is not loading:
            self._put_timeline(replace(timeline, loading=loading))

    def put_page(self, service: Ref, page: Page[Deployment], *, before: str | None, at: datetime) -> None:
        """A page of the timeline; `before` is what it was asked with, None for the newest page."""
        timeline = self._own_timeline(service)
        deep = service in self._deep
        deployments, following = joined(timeline.deployments, timeline.next, page, first=before is None, deep=deep)
        kept = timeline.problems if before is not None or (deep and following != page.next) else ()
        if before is not None:
            self._deep.add(service)
        elif deep and following == page.next:
            self._deep.discard(service)
        known = self._by_ref.get(service)
        if known is not None:
            deployments = overlaid(deployments, known, only_absent=True)
        self._put_timeline(
            replace(
                timeline,
                deployments=deployments,
                next=following,
                problems=tuple(dict.fromkeys((*kept, *page.problems))),
                observed_at=at if before is None else timeline.observed_at,
                error=None,
            )
        )

    def put_timeline_error(self, service: Ref, error: ProviderError | None) -> None:
        """The last reading failed, or after one that did, went well; the list stays."""
        timeline = self._own_timeline(service)
        if timeline.error is not error:
            self._put_timeline(replace(timeline, error=error))

    def put_steps(self, deployment: Deployment, steps: tuple[Step, ...]) -> None:
        timeline = self._own_timeline(deployment.service)
        if timeline.steps.get(deployment.ref) == steps:
            return
        kept = {ref: old for ref, old in timeline.steps.items() if ref != deployment.ref}
        for oldest in list(kept)[: max(0, len(kept) - STEPS_PER_TIMELINE + 1)]:
            del kept[oldest]
        self._put_timeline(replace(timeline, steps={**kept, deployment.ref: steps}))

    def put_changes(self, deployment: Ref, changes: Changes | ProviderError) -> None:
        self._changes.pop(deployment, None)
        self._changes[deployment] = changes
        while len(self._changes) > CHANGES:
            del self._changes[next(iter(self._changes))]
        self._tell()

    def put_deployment(self, deployment: Deployment) -> None:
        """One deployment, read by itself: wherever it is shown, it is shown as it is now."""
        changed = False
        timeline = self._timelines.get(deployment.service)
        if timeline is not None and _named(timeline.deployments, deployment.ref) != deployment:
            rest = [other for other in timeline.deployments if other.ref != deployment.ref]
            merged = newest_first([deployment, *rest])
            self._timelines[deployment.service] = replace(timeline, deployments=merged)
            changed = True
        if (service := self._by_ref.get(deployment.service)) is not None:
            renewed = _renewed(service, deployment)
            if renewed != service:
                self._replace_service(renewed)
                changed = True
        if changed:
            self._tell()

    def touch(self) -> None:
        """Something that is shown beside the picture changed: an action."""
        self._tell()

    def _own_timeline(self, service: Ref) -> Timeline:
        return self.timeline(service) or Timeline(service)

    def _put_timeline(self, timeline: Timeline) -> None:
        self._timelines.pop(timeline.service, None)  # to the end of the row: the first is the longest unused
        self._timelines[timeline.service] = timeline
        while len(self._timelines) > TIMELINES:
            del self._timelines[next(iter(self._timelines))]
        self._tell()

    def _replace_service(self, service: Service) -> None:
        state = self._accounts[service.account]
        if state.snapshot is None:
            return
        services = tuple(service if old.ref == service.ref else old for old in state.snapshot.services)
        self._accounts[service.account] = replace(state, snapshot=replace(state.snapshot, services=services))
        self._index()

    def _index(self) -> None:
        self._services = None
        self._by_ref = {service.ref: service for service in self.services()}

    def _tell(self, *, visible: bool = True) -> None:
        if visible:
            self.version += 1
        else:
            self.heartbeat += 1
        for callback in tuple(self._watchers):
            callback()


def _with_old(snapshot: Snapshot, old: Snapshot | None) -> Snapshot:
    """With the services, as they were, of the environments that could not be read this time."""
    if old is None or not snapshot.unread:
        return snapshot
    kept = tuple(service for service in old.services if service.environment in snapshot.unread)
    return replace(snapshot, services=snapshot.services + kept)


def _same(one: Snapshot, other: Snapshot) -> bool:
    return _timeless(one) == _timeless(other)


def _timeless(snapshot: Snapshot) -> Snapshot:
    """Without when it and its parts were read."""
    services = snapshot.services
    if any(service.observed_at is not None for service in services):
        services = tuple(replace(service, observed_at=None) for service in services)
    return replace(snapshot, observed_at=_EVER, services=services)


def _place(service: Service) -> tuple[str, str, str, Ref]:
    return (
        service.project_name.casefold(),
        service.environment_name.casefold(),
        service.name.casefold(),
        service.ref,
    )


def _named(deployments: Sequence[Deployment], ref: Ref) -> Deployment | None:
    return next((deployment for deployment in deployments if deployment.ref == ref), None)


def _renewed(service: Service, deployment: Deployment) -> Service:
    latest = deployment if service.latest is not None and service.latest.ref == deployment.ref else service.latest
    live = deployment if service.live is not None and service.live.ref == deployment.ref else service.live
    return replace(service, latest=latest, live=live)
