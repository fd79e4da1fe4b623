"""Followed logs: stream to buffer, reconnected visibly, flowing on across deployments."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from random import Random
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from tui.engine.backoff import Backoff
from tui.engine.bell import Bell
from tui.engine.completeness import Completeness, Cut
from tui.engine.link import Link
from tui.engine.log_records import BufferEntry, Notice, Rule
from tui.engine.log_store import LogBudget, LogLimits, LogStore
from tui.engine.store import Store
from tui.model.clock import Clock
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized
from tui.model.log import Cursor, GapKind, HttpRequest, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.model.moment import from_microseconds
from tui.model.provider import PRIORITY, Priority
from tui.model.skew import Skew
from tui.model.status import Status
from tui.model.structured import structured

if TYPE_CHECKING:
    from tui.engine.log_spool import LogSpool

LINES = 500  # old ones, to begin with
BUILD_LINES = 5_000  # a build is read from its beginning
LIVE_AFTER_S = 2.0
DOUBTED_LIVE_AFTER_S = 15.0  # longer than a connection attempt that comes to nothing takes
SLICE_S = 0.004  # of work between two looks of the event loop; at 2,000 lines a second more is felt at the keys
LINGER_S = 60.0  # a closed tail goes on for so long, so that coming back finds its lines
_SOUGHT = 100  # of the newest entries, for one with a time
STEADY_S = 60.0  # a stream that lasted so long was a good one, even if no line came


class TailPhase(StrEnum):
    CONNECTING = "connecting"
    LIVE = "live"
    RECONNECTING = "reconnecting"
    ENDED = "ended"
    FAILED = "failed"  # and not tried again by itself


class _Moved(Enum):
    ON = 1


class _Lacks(Refused):
    """The platform has no such log, and never will have while we run."""


class LogTail:
    """Reconnects with the same Cursor and says so in the buffer.

    LIVE means that the first entry came or that the stream has been open for 2 s: a quiet log gives no other sign.
    Once such a silence turned out to be a dead connection, 15 s of it are asked for, until a line comes.
    Without a deployment it follows the service: a build log moves on to the newest deployment, runtime and HTTP logs
    go on across deployments, and a Rule is drawn at each.
    """

    def __init__(
        self,
        kind: LogKind,
        service: Service,
        deployment: Deployment | None,
        *,
        link: Link,
        store: Store,
        clock: Clock,
        backoff: Backoff,
        buffer: LogStore | None = None,
    ) -> None:
        self.buffer = LogStore() if buffer is None else buffer  # an empty one is false
        self.marks: dict[int, str] = {}  # a person's notes, by line number
        self.completeness = Completeness()
        self.phase = TailPhase.CONNECTING
        self.error: ProviderError | None = None
        self.since: datetime = clock.now()  # when `phase` began
        self.last_at: datetime | None = None  # when the last entry came, on our clock
        self.reconnects = 0
        self.retry_at: datetime | None = None
        self.follows_service = deployment is None
        self.source = LogSource(kind, service, deployment, tail=BUILD_LINES if kind is LogKind.BUILD else LINES)
        self._cursor = Cursor()
        self._link = link
        self._store = store
        self._clock = clock
        self._backoff = backoff
        self._bell = Bell(clock)
        self._moved = asyncio.Event()
        self._aimed_at: Ref | None = None
        self._good = False  # a line came since it was opened
        self._silence_deceived = False
        self._seen: set[str] = set()  # ids of the deployments whose lines came
        self._lost_at: float | None = None
        self._back: Cut | None = None  # the cut that the stream is just back from: what is missing, is so since then
        self.filling = False  # a gap is being read back
        self._live_since = 0.0
        self._opened_at: datetime | None = None  # what is older came as history
        self._watchers: list[Callable[[], None]] = []

    @property
    def kind(self) -> LogKind:
        return self.source.kind

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back, synchronously, after each entry and each change of phase. Returns the end of it."""
        self._watchers.append(callback)

        def unwatch() -> None:
            if callback in self._watchers:
                self._watchers.remove(callback)

        return unwatch

    @property
    def platform_now(self) -> datetime:
        return self._clock.now() + self.skew.shift

    @property
    def lag_s(self) -> float | None:
        """How old the newest line was when it came, by the platform's clock. None: no new line came yet, it has no
        time, or the platform does not say what time it is."""
        skew_s, newest, came = self.skew.seconds, self.newest_at, self.last_at
        if skew_s is None or newest is None or came is None or not self.has_news:
            return None
        return max(0.0, (came - newest).total_seconds() + skew_s)

    @property
    def has_news(self) -> bool:
        """The newest line was written while the stream was open; what is older came as history."""
        newest = self.newest_at
        return newest is not None and self._opened_at is not None and newest >= self._opened_at + self.skew.shift

    @property
    def skew(self) -> Skew:
        return self._link.budget.skew

    @property
    def newest_at(self) -> datetime | None:
        """The time of the newest line that has one."""
        buffer = self.buffer
        for number in range(buffer.end - 1, max(buffer.first, buffer.end - _SOUGHT) - 1, -1):
            if buffer.level(number) is not None and (us := buffer.time_us(number)) is not None:
                return from_microseconds(us)
        return None

    async def fill(self, number: int) -> str:
        """Reads the gap at `number` of the buffer back, and puts what there is into its place. What came of it, in a
        sentence."""
        from tui.engine.log_fill import fill

        told = await fill(self, number, self._link)
        self._tell()
        return told

    def retry(self) -> None:
        """Try a failed one again, and do not wait out a backoff."""
        self._bell.ring()

    async def run(self) -> None:
        """Until cancelled, or until the log of the one given deployment ended, or where the platform has none."""
        unwatch = self._store.watch(self._look_around)
        try:
            while True:
                self._moved.clear()
                if not self._aim():
                    await self._rest(TailPhase.ENDED, f"{self.source.service.name} has no deployment yet")
                    continue
                end = await self._stream()
                if end is _Moved.ON:
                    self._lost_at = None
                    self._turn(TailPhase.CONNECTING)
                    continue
                if isinstance(end, ProviderError):
                    if not await self._after_error(end):
                        return
                elif not await self._after_end():
                    return
        finally:
            unwatch()

    def _aim(self) -> bool:
        """Points the source at the service as it is now, and at its newest deployment for a build log."""
        service = self._store.service(self.source.service.ref) or self.source.service
        deployment = self.source.deployment
        if deployment is not None:
            deployment = self._store.deployment(deployment.ref) or deployment
        if self.follows_service:
            deployment = self._newest() if self.kind is LogKind.BUILD else None
            if self.kind is LogKind.BUILD and deployment is None:
                return False
            self._aimed_at = self._goal()
        if deployment is not None and (self.source.deployment is None or deployment.ref != self.source.deployment.ref):
            self._cursor = Cursor()
        self.source = replace(self.source, service=service, deployment=deployment)
        return True

    def _newest(self) -> Deployment | None:
        timeline = self._store.timeline(self.source.service.ref)
        return timeline.deployments[0] if timeline is not None and timeline.deployments else None

    def _goal(self) -> Ref | None:
        """The deployment whose log it should be now: the newest one's build, or what the live one says."""
        service = self._store.service(self.source.service.ref)
        if self.kind is LogKind.BUILD:
            newest = self._newest()
            return None if newest is None else newest.ref
        return None if service is None or service.live is None else service.live.ref

    def _has_moved_on(self) -> bool:
        goal = self._goal() if self.follows_service else None
        return goal is not None and goal != self._aimed_at

    def _look_around(self) -> None:
        if self._has_moved_on():
            self._bell.ring()
            if self.kind is LogKind.BUILD:  # the others flow on by themselves
                self._moved.set()

    async def _stream(self) -> ProviderError | _Moved | None:
        """None: the platform has no more to say."""
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump())
            quiet = group.create_task(self._live_when_quiet())
            moved = group.create_task(self._moved.wait())
            await asyncio.wait((pump, moved), return_when=asyncio.FIRST_COMPLETED)
            for task in (pump, quiet, moved):
                task.cancel()
        return _Moved.ON if pump.cancelled() else pump.result()

    async def _pump(self) -> ProviderError | None:
        PRIORITY.set(Priority.FOCUSED)  # of this task alone
        source, cursor = self.source, self._cursor
        try:
            provider = await self._link.provider()
            if self.kind not in provider.log_kinds:
                return _Lacks(provider.lacks.get(self.kind, f"{provider.title} has no {self.kind} logs."))
            async with aclosing(self._link.stream(lambda provider: provider.logs(source, cursor))) as entries:
                looked = time.perf_counter()
                async for entry in entries:
                    self._take(entry)
                    if time.perf_counter() - looked >= SLICE_S:
                        await asyncio.sleep(0)
                        looked = time.perf_counter()
        except ProviderError as error:
            return error
        return None

    async def _live_when_quiet(self) -> None:
        await self._clock.sleep(DOUBTED_LIVE_AFTER_S if self._silence_deceived else LIVE_AFTER_S)
        if self.phase is not TailPhase.LIVE:
            self._live()

    def _take(self, entry: LogEntry) -> None:
        if self.phase is not TailPhase.LIVE:
            self._live()
        if not self._good:
            self._good = True
            if not isinstance(entry, LogGap):
                self._back = None
            self._silence_deceived = False
            self._backoff.reset()
        if self.follows_service and not isinstance(entry, LogGap) and entry.deployment not in self._seen:
            self._first_of(entry)
        self.last_at = self._clock.now()
        self._append(structured(entry) if isinstance(entry, LogLine) else self._noted(entry))

    def _noted(self, entry: HttpRequest | LogGap) -> HttpRequest | LogGap:
        """A gap that comes with a connection is of the time that there was none."""
        if not isinstance(entry, LogGap):
            return entry
        if self._back is not None and entry.kind is GapKind.MISSING:
            entry = replace(entry, at=self._back.at, until=self._back.until)
            self._back.lost = True
            self._back = None
        self.completeness.note(self.buffer.end, entry)
        return entry

    def _first_of(self, entry: LogLine | HttpRequest) -> None:
        """The first line of a deployment. What is under way when the log is opened needs no rule."""
        if not entry.deployment:
            return
        if self._seen:
            ref = Ref(self.source.service.account, Kind.DEPLOYMENT, entry.deployment)
            known = self._store.deployment(ref) or Deployment(ref, self.source.service.ref, Status.UNKNOWN, "")
            self._append(Rule(entry.at, known))
        self._seen.add(entry.deployment)

    def _live(self) -> None:
        if self._lost_at is not None:
            self.reconnects += 1
            self._notice(f"reconnected after {self._clock.monotonic() - self._lost_at:.1f} s")
            self._lost_at = None
            if self.completeness.cuts and (cut := self.completeness.cuts[-1]).until is None:
                cut.until = self.platform_now
                self._back = cut
        elif self.kind is LogKind.BUILD and self.follows_service and self.source.deployment is not None:
            self._build_begins(self.source.deployment)
        self._live_since = self._clock.monotonic()
        self._opened_at = self._clock.now()
        self.error = None
        self._turn(TailPhase.LIVE)

    def _build_begins(self, deployment: Deployment) -> None:
        if deployment.id not in self._seen:
            self._seen.add(deployment.id)
            self._append(Rule(deployment.created_at, deployment))

    async def _after_error(self, error: ProviderError) -> bool:
        """Waits for the next try. False: there will be none."""
        self.error = error
        if isinstance(error, _Lacks):
            self._turn(TailPhase.FAILED)
            return False
        if isinstance(error, Unauthorized | Forbidden | NotFound | Refused):
            self._notice(error.message, bad=True)
            await self._rest(TailPhase.FAILED)
            return True
        lost = "connection lost: " if self.phase is TailPhase.LIVE else ""
        await self._reconnect(lost + error.message, bad=True, error=error)
        return True

    async def _after_end(self) -> bool:
        if not self.follows_service:
            self._notice(self._ended_words())
            self._turn(TailPhase.ENDED)
            return False
        if self._has_moved_on():
            self._notice(self._ended_words())
            self._turn(TailPhase.CONNECTING)
        elif self.kind is not LogKind.BUILD and self._is_up():
            # What runs goes on talking: a stream that ends here was closed on us.
            await self._reconnect("the platform closed the stream", bad=False)
        else:
            await self._rest(TailPhase.ENDED, self._ended_words())
        return True

    def _is_up(self) -> bool:
        service = self._store.service(self.source.service.ref)
        return service is not None and service.live is not None and service.live.status.up

    async def _reconnect(self, what: str, *, bad: bool, error: ProviderError | None = None) -> None:
        now = self._clock.monotonic()
        if self.phase is TailPhase.LIVE and now - self._live_since >= STEADY_S:
            self._backoff.reset()
        elif not self._good:
            self._silence_deceived = True
        self._good = False
        if self._lost_at is None:
            self._lost_at = now
            again = "reconnecting" if self.phase is TailPhase.LIVE else "trying again"
            self._notice(f"{what.rstrip('.')}; {again}", bad=bad)
            if self.phase is TailPhase.LIVE:
                self.completeness.cuts.append(Cut(self.platform_now, what.removeprefix("connection lost: ")))
        wait_s = self._backoff.next_s()
        if isinstance(error, RateLimited):
            wait_s = max(wait_s, (error.retry_at - self._clock.now()).total_seconds())
        self.retry_at = self._clock.now() + timedelta(seconds=wait_s)
        self._turn(TailPhase.RECONNECTING)
        await self._bell.wait(wait_s)
        self.retry_at = None

    async def _rest(self, phase: TailPhase, words: str = "") -> None:
        """Until there is another deployment, or somebody wants another try."""
        if words and self.phase is not phase:
            self._notice(words)
        self._good = False
        self._lost_at = None
        self._turn(phase)
        await self._bell.wait()
        self._turn(TailPhase.CONNECTING)

    def _ended_words(self) -> str:
        return "the build's log ended" if self.kind is LogKind.BUILD else "the log ended"

    def _turn(self, phase: TailPhase) -> None:
        if phase is not self.phase:
            self.phase = phase
            self.since = self._clock.now()
        self._tell()

    def _notice(self, text: str, *, bad: bool = False) -> None:
        self._append(Notice(self.platform_now, text, bad))

    def _append(self, entry: BufferEntry) -> None:
        self.buffer.append(entry)
        self._tell()

    def _tell(self) -> None:
        for callback in tuple(self._watchers):
            callback()


_Key = tuple[LogKind, Ref, Ref | None]


class _Followed:
    """A tail, its task, and how many look at it; with nobody, the task that will end it."""

    def __init__(self, tail: LogTail, task: asyncio.Task[None]) -> None:
        self.tail = tail
        self.task = task
        self.users = 0
        self.ending: asyncio.Task[None] | None = None


class Tails:
    """Same log, same tail. A closed one goes on for a minute, so that coming back finds its lines."""

    def __init__(
        self,
        links: Mapping[str, Link],
        store: Store,
        clock: Clock,
        random: Random,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
        limits: LogLimits | None = None,
        spool: LogSpool | None = None,
    ) -> None:
        self.budget = LogBudget(limits)
        self._spool = spool
        self._links = links
        self._store = store
        self._clock = clock
        self._random = random
        self._spawn = spawn
        self._followed: dict[_Key, _Followed] = {}

    def open(self, kind: LogKind, service: Ref, deployment: Ref | None = None) -> LogTail:
        """Without a deployment the service is followed, across its deployments.

        Raises NotFound for a service or deployment that is not in the store.
        """
        key = (kind, service, deployment)
        followed = self._followed.get(key)
        if followed is None:
            tail = self._made(kind, service, deployment)
            followed = self._followed[key] = _Followed(tail, self._spawn(tail.run()))
        followed.users += 1
        if followed.ending is not None:
            followed.ending.cancel()
            followed.ending = None
        if followed.tail.phase is TailPhase.FAILED:
            followed.tail.retry()
        return followed.tail

    def close(self, tail: LogTail) -> None:
        """One user less. Closing more often than opening does nothing."""
        for key, followed in self._followed.items():
            if followed.tail is tail and followed.users > 0:
                followed.users -= 1
                if followed.users == 0:
                    followed.ending = self._spawn(self._end(key))
                return

    def retry(self, account: str | None = None) -> None:
        """Those that wait or failed try again now."""
        for (_, service, _), followed in self._followed.items():
            if account in (None, service.account) and followed.tail.phase in (
                TailPhase.FAILED,
                TailPhase.RECONNECTING,
            ):
                followed.tail.retry()

    def release(self) -> None:
        """What is on the disk goes, unless it is to be kept."""
        for followed in self._followed.values():
            followed.tail.buffer.close()
        if self._spool is not None:
            self._spool.close()

    def _made(self, kind: LogKind, service: Ref, deployment: Ref | None) -> LogTail:
        known = self._store.service(service)
        if known is None:
            raise NotFound("This service is not there any more.")
        one: Deployment | None = None
        if deployment is not None and (one := self._store.deployment(deployment)) is None:
            raise NotFound(f"Deployment {deployment.id} of {known.name} is not known.")
        link = self._links[service.account]
        return LogTail(
            kind,
            known,
            one,
            link=link,
            store=self._store,
            clock=self._clock,
            backoff=Backoff(self._random),
            buffer=LogStore(budget=self.budget, spool=self._spool, name=f"{known.name}-{kind}"),
        )

    async def _end(self, key: _Key) -> None:
        await self._clock.sleep(LINGER_S)
        followed = self._followed.pop(key)
        followed.task.cancel()
        followed.tail.buffer.close()
