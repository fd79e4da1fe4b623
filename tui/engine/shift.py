"""What happened in a span of time and what is open at its end: what a hand-over tells."""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from tui import __version__
from tui.engine.attention import Alert
from tui.engine.audit import ActionPhase, AuditEntry
from tui.engine.http_figures import HttpBook, Summary
from tui.engine.notes import Acknowledgement, Mark
from tui.engine.store import Phase
from tui.model.entities import Deployment, Service
from tui.model.errors import ProviderError, Refused
from tui.model.log import HttpRequest, LogKind, LogSource
from tui.model.moment import from_microseconds, microseconds
from tui.model.provider import PRIORITY, Priority
from tui.model.status import Status
from tui.model.words import duration, plural

if TYPE_CHECKING:
    from tui.engine.engine import Engine

REQUESTS = 2_000  # of one service's HTTP log, the newest
ASKED = 24  # services whose HTTP log is read: what is open or was deployed
QUIET = 4  # of those, at least so many though nothing happened to them
AT_ONCE = 4
ANSWERS_WITHIN_S = 15.0
UNFINISHED = timedelta(days=7)  # an action that ended nowhere is told for so long

_NOW = timedelta(minutes=1)

Told = Callable[[str], None]


class Traffic(Struct, frozen=True):
    """Requests of one service's HTTP log; `since` the first that was read, `cut` where there were more."""

    summary: Summary
    since: datetime
    until: datetime
    cut: bool


NEEDS_APPROVAL = "needs approval"
UNKNOWN = "unknown"


class Open(Struct, frozen=True):
    """One thing the next person has to know about. `path` is a service's."""

    state: str
    path: str
    since: datetime | None
    what: str
    bad: bool = False
    seen: Acknowledgement | None = None


class Tally(Struct, frozen=True):
    """Of one service's deployments, or of a day's."""

    deployments: int
    failed: int
    median_s: float | None


class Action(Struct, frozen=True):
    """One intent's entries in the audit, oldest first."""

    steps: tuple[AuditEntry, ...]

    @property
    def asked(self) -> AuditEntry:
        return self.steps[0]

    @property
    def last(self) -> AuditEntry:
        return self.steps[-1]

    @property
    def open(self) -> bool:
        return self.last.phase not in (ActionPhase.FINAL, ActionPhase.REFUSED)


class Past(Struct, frozen=True):
    """Deployments made in the span, with their service's path, and sentences about what could not be read."""

    deployments: tuple[tuple[str, Deployment], ...]
    unread: tuple[str, ...] = ()


class Shift(Struct, frozen=True):
    """`deployments` and `actions` newest first, `marks` by the time of their line. Texts are harmless but may hold
    secrets."""

    since: datetime
    until: datetime
    written: datetime
    user: str
    host: str
    version: str
    accounts: tuple[tuple[str, str], ...]  # (name, platform)
    open: tuple[Open, ...]
    deployments: tuple[tuple[str, Deployment], ...]
    actions: tuple[Action, ...]
    marks: tuple[Mark, ...]
    acknowledgements: tuple[Acknowledgement, ...]
    traffic: Mapping[str, Traffic]
    without_traffic: tuple[str, ...]  # why there is none of some services
    unread: tuple[str, ...]
    lacks_actions: bool = False  # the audit could not be read, or not all of it
    lacks_marks: bool = False  # as little the notes

    @property
    def failed(self) -> int:
        return sum(deployment.status.bad for _, deployment in self.deployments)

    def by_service(self) -> dict[str, Tally]:
        """Those with the most failures first, then with the most deployments."""
        grouped: dict[str, list[Deployment]] = {path: [] for path in self.traffic}
        for path, deployment in self.deployments:
            grouped.setdefault(path, []).append(deployment)
        tallies = {path: tally(each, self.written) for path, each in grouped.items()}
        return dict(sorted(tallies.items(), key=lambda item: (-item[1].failed, -item[1].deployments, item[0])))


def tally(deployments: Sequence[Deployment], now: datetime) -> Tally:
    took = [
        seconds
        for each in deployments
        if each.finished_at is not None and (seconds := each.duration_s(now)) is not None
    ]
    return Tally(len(deployments), sum(each.status.bad for each in deployments), median(took) if took else None)


async def shift(
    engine: Engine,
    since: datetime,
    until: datetime,
    past: Past,
    *,
    told: Told,
) -> Shift:
    """From what the engine has, and the HTTP logs, which are read now; `told` hears how far it is."""
    now = engine.clock.now()
    services = engine.store.services()
    unread = [*_unread_accounts(engine), *past.unread]
    entries = engine.audit.read(min(since, now - UNFINISHED))
    if engine.audit.unread:
        unread.append(engine.audit.unread)
    actions = _actions(entries, {account.name for account in engine.accounts})
    recent = tuple(each for each in actions if any(since <= step.at <= until for step in each.steps))
    marks = sorted(
        (each for each in engine.notes.marks() if any(since <= at <= until for at in (each.at, each.written) if at)),
        key=lambda mark: mark.at or mark.written,
    )
    if engine.notes.problem:
        unread.append(engine.notes.problem)
    opened = (*_of_services(services), *_of_alerts(engine.attention.alerts()), *_of_actions(actions))
    dated = [(path, each) for path, each in past.deployments if began(each) is not None]
    undated = Counter(path for path, each in past.deployments if began(each) is None)
    unread += [f"{path}: the platform gives no time of {number} deployments." for path, number in undated.items()]
    deployments = tuple(sorted(dated, key=lambda pair: began(pair[1]) or since, reverse=True))
    reading = _Traffic(engine, since, until, told)
    await reading.read(services, {each.path for each in opened}, {path for path, _ in deployments})
    return Shift(
        since,
        until,
        now,
        engine.notes.user,
        platform.node(),
        __version__,
        tuple((state.name, state.title) for state in engine.store.accounts.values()),
        tuple(sorted(_once(opened), key=_rank)),
        deployments,
        recent,
        tuple(marks),
        tuple(each for each in engine.notes.acknowledgements() if since <= each.at <= until),
        reading.found,
        tuple(reading.lacking),
        tuple(dict.fromkeys([*unread, *reading.unread])),
        lacks_actions=bool(engine.audit.unread),
        lacks_marks=bool(engine.notes.problem),
    )


def began(deployment: Deployment) -> datetime | None:
    """None where the platform gives no time at all."""
    return deployment.created_at or deployment.started_at or deployment.finished_at


def _unread_accounts(engine: Engine) -> Iterable[str]:
    now = engine.clock.now()
    for state in engine.store.accounts.values():
        if state.snapshot is None:
            yield f"{state.name} ({state.title}): {state.error or 'it was not read yet.'}"
            continue
        whose = f"{state.name} ({state.title})"
        if state.error is not None:
            yield f"{whose}: {state.error}"
        if state.phase(now) is Phase.STALE:
            yield f"{whose}: Its services are as they were {duration(state.age_s(now))} before."
        for problem in state.snapshot.problems:
            yield f"{whose}: {problem}"
        if state.snapshot.unread and not state.snapshot.problems:
            yield f"{whose}: {plural(len(state.snapshot.unread), 'environment')} did not answer."


def _actions(entries: Iterable[AuditEntry], accounts: set[str]) -> tuple[Action, ...]:
    """Newest first."""
    steps: dict[str, list[AuditEntry]] = {}
    for entry in entries:
        if entry.account in accounts:
            steps.setdefault(entry.id, []).append(entry)
    return tuple(sorted((Action(tuple(each)) for each in steps.values()), key=lambda one: one.asked.at, reverse=True))


def _of_services(services: Iterable[Service]) -> Iterable[Open]:
    for service in services:
        latest = service.latest
        if service.state is Status.UNKNOWN:
            yield Open(UNKNOWN, service.path, None, service.doubt or f"the platform says {service.status_raw}")
        since = (latest.finished_at or latest.started_at or latest.created_at) if latest else None
        if service.status.bad:
            yield Open(str(service.status), service.path, since, _words(latest), bad=True)
        elif latest is not None and latest.status.bad and latest != service.live:
            serves = f"{_revision(service.live)} still serves; " if service.live and service.status.up else ""
            yield Open(f"rollout {latest.status}", service.path, since, serves + _words(latest), bad=True)
        elif latest is not None and latest.status is Status.NEEDS_APPROVAL:
            missing = ", ".join(f"{rule.missing} of {rule.who}" for rule in latest.approvals if rule.missing)
            wants = f"wants {missing}; " if missing else ""
            yield Open(NEEDS_APPROVAL, service.path, latest.created_at, wants + _words(latest))
        elif latest is not None and latest.status.in_flight:
            yield Open(str(latest.status), service.path, latest.started_at or latest.created_at, _words(latest))


def _revision(deployment: Deployment) -> str:
    return deployment.revision.short if deployment.revision else deployment.id


def _words(deployment: Deployment | None) -> str:
    if deployment is None:
        return ""
    revision = deployment.revision
    message = ((revision.message if revision else "") or "").partition("\n")[0]
    who = (revision.author if revision else None) or deployment.creator or ""
    parts = (deployment.note, revision.short if revision else "", message, f"by {who}" if who else "")
    return " · ".join(filter(None, parts))


def _of_alerts(alerts: Iterable[Alert]) -> Iterable[Open]:
    for alert in alerts:
        yield Open("alert", alert.path, alert.since, alert.reason, bad=True, seen=alert.acknowledged)


def _of_actions(actions: Iterable[Action]) -> Iterable[Open]:
    for action in actions:
        if action.open:
            last = action.last
            end = "not over yet" if last.phase is ActionPhase.ACCEPTED else "no answer is known"
            what = f"{last.verb} by {last.user}: {last.message or end}"
            yield Open(f"action {last.phase}", last.target, action.asked.at, what, bad=last.phase == "unknown")


def _once(opened: Iterable[Open]) -> Iterable[Open]:
    """An alert of a service that is told already adds only who has seen it."""
    found: dict[str, Open] = {}
    for each in opened:
        told = found.get(each.path)
        if each.state == "alert" and told is not None:
            bad = told.bad or told.state != NEEDS_APPROVAL
            found[each.path] = replace(told, what=_both(each.what, told), bad=bad, seen=each.seen)
        elif told is not None:
            yield each
        else:
            found[each.path] = each
    yield from found.values()


def _both(reason: str, told: Open) -> str:
    """An alert's reason before what is told already, without what they have in common."""
    head, _, rest = reason.partition(": ")
    new = head if rest and rest in told.what else reason
    return told.what if new == told.state or new in told.what else f"{new}; {told.what}"


def _rank(one: Open) -> tuple[bool, bool]:
    """What is down comes first, then what failed."""
    return not one.bad, " " in one.state


class _Traffic:
    """Reads the HTTP logs of as many services as may be asked. Bounded, and says what it left out."""

    def __init__(self, engine: Engine, since: datetime, until: datetime, told: Told) -> None:
        self.found: dict[str, Traffic] = {}
        self.lacking: list[str] = []
        self.unread: list[str] = []
        self._engine = engine
        self._since, self._until = since, until
        self._told = told
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._done = 0

    async def read(self, services: Sequence[Service], opened: set[str], moved: set[str]) -> None:
        offered = await self._offered([each for each in services if each.live is not None or each.status.up])
        offered.sort(key=lambda each: (each.path not in opened, each.path not in moved))
        told = sum(each.path in opened or each.path in moved for each in offered)
        wanted = offered[: min(ASKED, max(QUIET, told))]
        if len(offered) > len(wanted):
            self.lacking.append(f"HTTP logs were read of {len(wanted)} of {len(offered)} services.")
        async with asyncio.TaskGroup() as group:
            for service in wanted:
                group.create_task(self._read(service, len(wanted)))

    async def _offered(self, services: Sequence[Service]) -> list[Service]:
        """Those whose platform has HTTP logs."""
        has: dict[str, bool] = {}
        for account in dict.fromkeys(service.account for service in services):
            try:
                provider = await self._engine.provider(account)
            except ProviderError as error:
                self.unread.append(f"{account}: {error}")
                continue
            has[account] = LogKind.HTTP in provider.log_kinds
            if not has[account]:
                self.lacking.append(provider.lacks.get(LogKind.HTTP, f"{provider.title} has no HTTP log."))
        return [service for service in services if has.get(service.account)]

    async def _read(self, service: Service, of: int) -> None:
        async with self._gate:
            PRIORITY.set(min(PRIORITY.get(), Priority.VISIBLE))  # of this task alone: somebody waits
            try:
                async with asyncio.timeout(ANSWERS_WITHIN_S):
                    traffic = await self._requests(service)
            except Refused as error:  # there is none, and that is no fault
                self.lacking.append(str(error))
            except ProviderError as error:
                self.unread.append(f"The HTTP log of {service.path}: {error}")
            except TimeoutError:
                self.unread.append(f"The HTTP log of {service.path} did not come within {ANSWERS_WITHIN_S:.0f} s.")
            else:
                if traffic is not None:
                    self.found[service.path] = traffic
            self._done += 1
            self._told(f"HTTP logs: {self._done} of {of}")

    async def _requests(self, service: Service) -> Traffic | None:
        """The newest, where the span ends now; else the first of the span: no platform counts back from a time."""
        source = LogSource(LogKind.HTTP, service, tail=REQUESTS, follow=False)
        if self._engine.clock.now() - self._until > _NOW:
            source = replace(source, since=self._since, until=self._until)
        book, count = HttpBook(), 0
        async with aclosing(self._engine.logs(source)) as entries:
            async for entry in entries:
                if isinstance(entry, HttpRequest):
                    count += 1
                    if self._since <= entry.at <= self._until:
                        book.add(entry, microseconds(entry.at))
                    if count >= REQUESTS:
                        break
        if book.first_us is None or book.last_us is None:
            return None
        begin, end = from_microseconds(book.first_us), from_microseconds(book.last_us)
        return Traffic(book.summary(), begin, end, cut=count >= 0.9 * REQUESTS)  # a page may repeat a few


async def past_of(engine: Engine, since: datetime, until: datetime, *, within_s: float, told: Told) -> Past:
    """What the history has of the span; waits at most `within_s` for what it still reads."""
    history, clock = engine.history, engine.clock
    given_up = clock.monotonic() + within_s
    history.want(since)
    while history.reading and clock.monotonic() < given_up:
        done, all_ = history.progress
        if done == all_:
            break
        told(f"Deployments: {done} of {all_} services")
        await clock.sleep(0.1)
    found: list[tuple[str, Deployment]] = []
    unread = [f"{history.path(ref)}: {error}" for ref, error in history.problems.items()]
    for ref in history.services():
        unread += [f"{history.path(ref)}: {problem}" for problem in history.odd(ref)]
        found += [(history.path(ref), each) for each in history.deployments(ref) if holds(each, since, until)]
        back_to = history.since(ref)
        if not history.gone(ref) and ref not in history.problems and (back_to is None or back_to > since):
            unread.append(_only_back_to(history.path(ref), back_to))
    return Past(tuple(found), tuple(unread))


def _only_back_to(path: str, back_to: datetime | None) -> str:
    if back_to is None:
        return f"The deployments of {path} were not read."
    return f"The deployments of {path} were read back to {back_to.astimezone():%Y-%m-%d %H:%M} only."


def holds(deployment: Deployment, since: datetime, until: datetime) -> bool:
    """It began or ended in the span, or nobody can tell."""
    at = began(deployment)
    return at is None or (at < until and max(at, deployment.finished_at or at) >= since)
