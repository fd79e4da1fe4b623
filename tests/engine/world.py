"""A platform for the engine's tests: an implementation of the port whose every answer the test decides."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import ClassVar

from msgspec.structs import replace

from tests.clocks import START, FakeClock
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.engine.log_spool import LogSpool
from tui.engine.log_store import LogLimits
from tui.engine.verdict import MAKES_NEW
from tui.model.action import Effect, Intent, Outcome, Progress, Receipt, Verb
from tui.model.entities import Deployment, Instance, Kind, Page, Ref, Revision, Service, Snapshot, Step
from tui.model.errors import NotFound, Unreachable
from tui.model.log import Cursor, LogEntry, LogKind, LogLine, LogSource
from tui.model.provider import PRIORITY, Credential, Handler, Meter, Priority, Provider
from tui.model.status import Status

US = "us"
"""The token's own user."""


def ref(kind: Kind, id_: str, account: str = "prod") -> Ref:
    return Ref(account, kind, id_)


def deployment(
    id_: str,
    status: Status = Status.LIVE,
    *,
    of: str = "api",
    account: str = "prod",
    minutes_ago: float = 60.0,
    created_at: datetime | None = None,
    is_live: bool = False,
    instances: tuple[str, ...] = (),
    by: str = US,
) -> Deployment:
    """`by` US: made by a request of this token's own, which Platform.trace recognizes."""
    return Deployment(
        ref(Kind.DEPLOYMENT, id_, account),
        ref(Kind.SERVICE, of, account),
        status,
        status.name,
        created_at=created_at or START - timedelta(minutes=minutes_ago),
        revision=Revision(f"sha-{id_}"),
        creator=by,
        is_live=is_live,
        instances=tuple(
            Instance(ref(Kind.INSTANCE, each, account), Status.LIVE, "RUNNING", each) for each in instances
        ),
    )


def service(
    name: str = "api",
    *,
    account: str = "prod",
    project: str = "shop",
    environment: str = "production",
    latest: Deployment | None = None,
    live: Deployment | None = None,
    status: Status | None = None,
) -> Service:
    shown = status or (latest.status if latest is not None else Status.LIVE)
    return Service(
        ref(Kind.SERVICE, name, account),
        ref(Kind.PROJECT, project, account),
        ref(Kind.ENVIRONMENT, environment, account),
        name,
        project,
        environment,
        shown,
        shown.name,
        latest=latest,
        live=live,
    )


def line(text: str, deployment_id: str = "") -> LogLine:
    return LogLine(START, text, deployment=deployment_id)


@dataclass(frozen=True)
class Request:
    at_s: float
    what: str
    priority: Priority


class Stream:
    """One connection of a log or of a watch. The test says what comes out of it."""

    def __init__(self, source: LogSource | None, cursor: Cursor | None) -> None:
        self.source = source
        self.cursor = cursor
        self.closed = False
        self._queue: asyncio.Queue[LogEntry | Exception | None] = asyncio.Queue()

    def send(self, *entries: LogEntry) -> None:
        for entry in entries:
            self._queue.put_nowait(entry)

    def end(self) -> None:
        self._queue.put_nowait(None)

    def fail(self, error: Exception) -> None:
        self._queue.put_nowait(error)

    async def entries(self) -> AsyncGenerator[LogEntry, None]:
        try:
            while (entry := await self._queue.get()) is not None:
                if isinstance(entry, Exception):
                    raise entry
                yield entry
        finally:
            self.closed = True


def _is_between(line: LogLine, source: LogSource) -> bool:
    since, until = source.since, source.until
    return line.at is None or ((since is None or line.at >= since) and (until is None or line.at <= until))


class Platform(Provider):
    """`services` and `lists` are its truth; `errors[what]` are raised, once each, by the next such request."""

    name: ClassVar[str] = "fake"
    title: ClassVar[str] = "Fake"
    log_kinds: ClassVar[frozenset[LogKind]] = frozenset({LogKind.BUILD, LogKind.RUNTIME})
    lacks: ClassVar[Mapping[Verb | LogKind, str]] = {
        LogKind.HTTP: "Fake keeps no HTTP logs; look at the proxy's.",
        Verb.REJECT: "Fake cannot reject; cancel instead.",
    }

    def __init__(self, clock: FakeClock, meter: Meter, account: str = "prod") -> None:
        self.account = account
        self.clock = clock
        self.meter = meter
        self.services: list[Service] = []
        self.lists: dict[Ref, list[Deployment]] = defaultdict(list)
        self.step_lists: dict[Ref, tuple[Step, ...]] = {}
        self.errors: dict[str, list[Exception]] = defaultdict(list)
        self.requests: list[Request] = []
        self.streams: list[Stream] = []
        self.kept: list[LogLine] = []  # what it gives of the past
        self.watches: list[Stream] = []
        self.can_watch = False
        self.page_size = 50
        self.problems: tuple[str, ...] = ()  # of a snapshot
        self.odd_rows: tuple[str, ...] = ()  # of every page
        self.snapshot_cost = 1
        self.hourly: int | None = None  # its rate limit, told after every request as platforms do in headers
        self.left_at_worst = 0
        self._hour = -1
        self._used = 0
        self.closed = 0
        self.focused: list[Ref | None] = []
        self.becomes: dict[Ref, Deployment] = {}  # what a deployment is called by now
        self.operations: list[Progress | Exception] = []  # what progress tells, one after the other
        self.traced: Callable[[Intent, datetime], Receipt | None] | None = None  # what shows that one arrived
        self.answer: Callable[[Intent], Awaitable[Receipt]] = self.accept
        self.handlers = {
            verb: Handler(self._run, lambda intent: Effect(f"{intent.verb}()", "does it")) for verb in Verb
        }
        del self.handlers[Verb.REJECT]

    def focus(self, service: Ref | None) -> None:
        self.focused.append(service)

    async def progress(self, receipt: Receipt) -> Progress:
        await self._request("progress")
        told = self.operations.pop(0)
        if isinstance(told, Exception):
            raise told
        return told

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        if self.traced is not None:
            await self._request("trace")
            return self.traced(intent, since)
        if intent.verb not in MAKES_NEW:
            return None
        await self._request("trace")
        ours = [
            each
            for each in self.lists[intent.service.ref]
            if each.creator == US and each.created_at is not None and each.created_at >= since
        ]
        return None if not ours else replace(await self.accept(intent), deployment=ours[-1].ref)

    async def accept(self, intent: Intent) -> Receipt:
        return Receipt(intent, Outcome.ACCEPTED, self.clock.now())

    def count(self, what: str) -> int:
        return sum(request.what == what for request in self.requests)

    def put(self, *deployments: Deployment) -> None:
        """The service has these, newest first, and shows the first as its latest and the live one as live."""
        latest = deployments[0]
        live = next((each for each in deployments if each.is_live), None)
        self.lists[latest.service] = list(deployments)
        self.services = [
            replace(each, latest=latest, live=live, status=latest.status, status_raw=latest.status_raw)
            if each.ref == latest.service
            else each
            for each in self.services
        ]

    async def check(self) -> Credential:
        return Credential("token", "everything")

    async def snapshot(self) -> Snapshot:
        for _ in range(self.snapshot_cost):
            await self._request("snapshot")
        return Snapshot(self.account, self.clock.now(), services=tuple(self.services), problems=self.problems)

    async def deployments(self, service: Service, before: str | None = None, limit: int = 50) -> Page[Deployment]:
        await self._request("deployments")
        size = min(limit, self.page_size)
        begin = int(before or 0)
        everything = self.lists[service.ref]
        more = begin + size < len(everything)
        following = str(begin + size) if more else None
        return Page(tuple(everything[begin : begin + size]), following, self.odd_rows)

    async def deployment(self, ref: Ref, service: Service) -> Deployment:
        await self._request("deployment")
        if (now := self.becomes.get(ref)) is not None:
            return now
        for each in self.lists[service.ref]:
            if each.ref == ref:
                return each
        raise NotFound(f"there is no deployment {ref.id}")

    async def steps(self, deployment: Deployment) -> tuple[Step, ...]:
        await self._request("steps")
        return self.step_lists.get(deployment.ref, ())

    async def watch(self, deployment: Deployment) -> AsyncIterator[None]:
        if not self.can_watch:
            return
        stream = Stream(None, None)
        self.watches.append(stream)
        async with aclosing(stream.entries()) as entries:
            async for _ in entries:
                yield None

    async def logs(self, source: LogSource, cursor: Cursor) -> AsyncIterator[LogEntry]:
        stream = Stream(source, cursor)
        self.streams.append(stream)
        if self.errors["logs"]:
            raise self.errors["logs"].pop(0)
        if not source.follow:
            stream.send(*(each for each in self.kept if _is_between(each, source)))
            stream.end()
        async with aclosing(stream.entries()) as entries:
            async for entry in entries:
                yield entry

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1

    async def _run(self, intent: Intent) -> Receipt:
        await self._request(intent.verb.value)
        return await self.answer(intent)

    async def _request(self, what: str) -> None:
        await self.meter.spend()
        self.requests.append(Request(self.clock.monotonic(), what, PRIORITY.get()))
        if self.hourly is not None:
            self._tell_limit(self.hourly)
        if self.errors[what]:
            raise self.errors[what].pop(0)
        await asyncio.sleep(0)

    def _tell_limit(self, hourly: int) -> None:
        hour = int(self.clock.monotonic() // 3600)
        if hour != self._hour:
            self.left_at_worst = hourly if self._hour < 0 else self.left_at_worst
            self._hour, self._used = hour, 0
        self._used += 1
        self.left_at_worst = min(self.left_at_worst, hourly - self._used)
        self.meter.observe(
            limit=hourly, remaining=hourly - self._used, resets_at=START + timedelta(hours=self._hour + 1)
        )


class World:
    """An engine over fake platforms, one an account."""

    def __init__(
        self,
        *names: str,
        audit: AuditLog | None = None,
        cache: Path | None = None,
        read_only: bool = False,
        accounts_read_only: bool = False,
        log_limits: LogLimits | None = None,
        log_spool: LogSpool | None = None,
        settle_s: float = 0.0,
    ) -> None:
        self.clock = FakeClock()
        self.platforms: dict[str, Platform] = {}
        self.connect_errors: list[Exception] = []
        self.connects = 0
        self.engine = Engine(
            [
                Account(name, "fake", "Fake", self._connecting(name), read_only=accounts_read_only)
                for name in names or ("prod",)
            ],
            audit=audit or AuditLog(None),
            clock=self.clock,
            random=Random(7),
            cache=cache,
            read_only=read_only,
            log_limits=log_limits,
            log_spool=log_spool,
            settle_s=settle_s,
            reviewing=False,  # these tests count requests and streams
        )
        # Built ahead, so that a test can say what they hold before anybody connects.
        for name, budget in self.engine.budgets.items():
            self.platforms[name] = Platform(self.clock, budget, name)
        self.platform.services = [service(latest=None)]

    @property
    def platform(self) -> Platform:
        return next(iter(self.platforms.values()))

    def _connecting(self, name: str) -> Callable[[Meter], Awaitable[Provider]]:
        async def connect(meter: Meter) -> Provider:
            self.connects += 1
            await asyncio.sleep(0)
            if self.connect_errors:
                raise self.connect_errors.pop(0)
            return self.platforms[name]

        return connect


LOST = Unreachable("Fake does not answer.")
