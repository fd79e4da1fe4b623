"""What happened, everywhere: deployments, actions and new error patterns in one order of time.

A deployment happened at two moments: when it began (from then on its build, its migrations and the instances it takes
away can be felt) and when it ended: went live, or failed. Seen from a time T it stands at the nearer of those before
T, once. So does an action, which is asked, answered and over at times of its own.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from tui.engine.audit import AuditEntry, AuditLog
from tui.engine.history import History
from tui.engine.reviews import NewError, Review
from tui.model.entities import Deployment, Ref
from tui.model.status import Status
from tui.model.text import plain

TOLD_ERRORS = 500  # of the logs that were open


class EventKind(StrEnum):
    DEPLOYMENT = "deployment"
    ACTION = "action"
    ERROR = "error"


class Event(Struct, frozen=True):
    """`what` in words: "went live", "redeploy accepted", the pattern. `path` is the service's, the last it had."""

    at: datetime
    kind: EventKind
    service: Ref | None
    path: str
    what: str
    deployment: Deployment | None = None
    entry: AuditEntry | None = None  # the action's newest before the time that was asked for
    count: int = 0  # lines of the pattern
    gone: bool = False  # the service is no more

    @property
    def key(self) -> Hashable:
        """The same for every moment of one deployment, action or pattern."""
        if self.deployment is not None:
            return self.deployment.ref
        return (self.kind, self.path, self.entry.id if self.entry is not None else self.what)


class Undated(Struct, frozen=True):
    """A deployment that the platform gives no time of: it stands nowhere in time, and is not left out."""

    service: Ref
    path: str
    deployment: Deployment


_Thing = Deployment | AuditEntry | NewError
_Moment = tuple[datetime, int, int, _Thing]  # when, the owner's number, a number within it, what


class Events:
    """Put in order when somebody asks, and then only what changed since the last time.

    `reviews`: what was found in logs after deployments.
    """

    def __init__(self, history: History, audit: AuditLog, reviews: Callable[[], Iterable[Review]] = tuple) -> None:
        self._history = history
        self._audit = audit
        self.reviews = reviews
        self._told: dict[tuple[Ref, str], tuple[NewError, ...]] = {}  # the longest untold first
        self._order: list[_Moment] = []
        self._owners: list[Ref | None] = []
        self._numbers: dict[Hashable, int] = {}
        self._sources: dict[Hashable, object] = {}
        self._undated: dict[Ref, tuple[Deployment, ...]] = {}
        self._commits: dict[str, dict[Ref, None]] | None = None  # the services that had it; None: to be made

    def tell_errors(self, service: Ref, deployment: str, errors: Sequence[NewError]) -> None:
        """The error patterns that are new since `deployment` in a log that is open; they replace what was told of it
        before."""
        self._told.pop((service, deployment), None)
        if errors:
            self._told[service, deployment] = tuple(errors)
        while len(self._told) > 1 and sum(map(len, self._told.values())) > TOLD_ERRORS:
            del self._told[next(iter(self._told))]

    def before(self, at: datetime, limit: int = 500) -> tuple[Event, ...]:
        """Nearest first, what happened at `at` or earlier."""
        self._renew()
        end = bisect_right(self._order, at, key=_when)
        nearest_first = (self._order[place] for place in range(end - 1, -1, -1))
        return tuple(self._each_once(nearest_first, limit))

    def between(self, begin: datetime, end: datetime) -> tuple[Event, ...]:
        """Oldest first, each once at its last moment from `begin` on and before `end`."""
        self._renew()
        first = bisect_left(self._order, begin, key=_when)
        last = bisect_left(self._order, end, key=_when)
        return tuple(self._each_once(reversed(self._order[first:last]), None))[::-1]

    def undated(self) -> tuple[Undated, ...]:
        """Deployments without any time."""
        self._renew()
        return tuple(
            Undated(service, self._history.path(service), each)
            for service, deployments in self._undated.items()
            for each in deployments
        )

    def same_commit(self, deployment: Deployment) -> tuple[str, ...]:
        """Paths of the other services that had a deployment of this commit."""
        revision = deployment.revision
        if revision is None or revision.short == revision.sha:  # a tag says nothing of what is in it
            return ()
        self._renew()
        if self._commits is None:
            self._commits = {}
            for _, owner, _, thing in self._order:
                service = self._owners[owner]
                if isinstance(thing, Deployment) and thing.revision is not None and service is not None:
                    self._commits.setdefault(thing.revision.sha, {})[service] = None
        others = self._commits.get(revision.sha, ())
        return tuple(self._history.path(service) for service in others if service != deployment.service)

    # The order

    def _each_once(self, moments: Iterable[_Moment], limit: int | None) -> Iterator[Event]:
        """The first moment of each thing among these."""
        seen: set[Hashable] = set()
        for at, owner, _, thing in moments:
            key = _identity(owner, thing)
            if key not in seen:
                seen.add(key)
                yield self._event(at, self._owners[owner], thing)
                if limit is not None and len(seen) >= limit:
                    return

    def _event(self, at: datetime, service: Ref | None, thing: _Thing) -> Event:
        if isinstance(thing, AuditEntry):
            service = self._history.named(thing.target)
            path, gone = plain(thing.target), service is not None and self._history.gone(service)
            what = f"{plain(thing.verb)} {plain(thing.status or thing.phase)}"
            return Event(at, EventKind.ACTION, service, path, what, entry=thing, gone=gone)
        assert service is not None  # only the audit has none
        path, gone = self._history.path(service), self._history.gone(service)
        if isinstance(thing, Deployment):
            return Event(at, EventKind.DEPLOYMENT, service, path, _became(thing, at), thing, gone=gone)
        return Event(at, EventKind.ERROR, service, path, thing.text, count=thing.count, gone=gone)

    def _renew(self) -> None:
        """Takes out what changed since the last time, and puts in what it is now."""
        history = self._history
        changed: set[int] = set()
        added: list[_Moment] = []
        refs = history.services()
        there = set(refs)
        forgotten = [key for key in self._sources if isinstance(key, Ref) and key not in there]
        for ref in (*refs, *forgotten):
            deployments = history.deployments(ref)
            if self._sources.get(ref) is not deployments:
                number = self._changed(ref, ref, deployments, changed)
                added += _of_deployments(deployments, number)
                self._undated[ref] = tuple(each for each in deployments if not _is_dated(each))
        for ref in forgotten:
            del self._sources[ref], self._undated[ref]
        if self._sources.get("audit") != (stamp := self._audit.stamp):
            number = self._changed("audit", None, stamp, changed)
            added += [(entry.at, number, n, entry) for n, entry in enumerate(self._audit.read())]
        errors = self._errors()
        for ref in [*errors, *(key[1] for key in self._sources if isinstance(key, tuple) and key[1] not in errors)]:
            if self._sources.get(("errors", ref), ()) != (now := errors.get(ref, ())):
                number = self._changed(("errors", ref), ref, now, changed)
                added += [(error.at, number, n, error) for n, error in enumerate(now)]
        if changed:
            kept = [moment for moment in self._order if moment[1] not in changed]
            kept += added
            kept.sort()  # all but sorted already
            self._order = kept
            self._commits = None

    def _changed(self, key: Hashable, service: Ref | None, source: object, changed: set[int]) -> int:
        self._sources[key] = source
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._owners)
            self._owners.append(service)
        changed.add(number)
        return number

    def _errors(self) -> dict[Ref, tuple[NewError, ...]]:
        """By service; of a pattern that was found twice the earlier."""
        found: dict[Ref, dict[str, NewError]] = {}
        for review in self.reviews():
            _add(found.setdefault(review.service, {}), review.errors)
        for (ref, _), errors in self._told.items():
            _add(found.setdefault(ref, {}), errors)
        return {ref: tuple(errors.values()) for ref, errors in found.items()}


def _add(found: dict[str, NewError], errors: Iterable[NewError]) -> None:
    for error in errors:
        if error.text not in found or error.at < found[error.text].at:
            found[error.text] = error


def _is_dated(deployment: Deployment) -> bool:
    return bool(deployment.created_at or deployment.started_at or deployment.finished_at)


def _of_deployments(deployments: Sequence[Deployment], owner: int) -> Iterator[_Moment]:
    """Oldest first, as they are nearly in order then."""
    number = 0
    for each in reversed(deployments):
        if (began := each.started_at or each.created_at) is not None:
            yield began, owner, number, each
        if each.finished_at is not None:
            yield each.finished_at, owner, number + 1, each
        number += 2


def _when(moment: _Moment) -> datetime:
    return moment[0]


def _identity(owner: int, thing: _Thing) -> Hashable:
    if isinstance(thing, Deployment):
        return thing.ref
    return (owner, thing.id if isinstance(thing, AuditEntry) else thing.text)


_ENDS = {
    Status.FAILED: "failed",
    Status.CANCELLED: "cancelled",
    Status.SKIPPED: "skipped",
    Status.UNKNOWN: "ended",
    Status.NEEDS_APPROVAL: "held",
}


def _became(deployment: Deployment, at: datetime) -> str:
    """What it did at that moment."""
    if deployment.finished_at != at:
        return "began"
    return _ENDS.get(deployment.status, "went live")
