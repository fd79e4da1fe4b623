"""Following Railway's logs: old rows by HTTP, new ones by a socket, and the seam between them shut.

A subscription says neither when it begins nor where. So it is opened first; then the old rows are read; then what
comes is compared with them, by count. When the first thing to come does not overlap what was read, something may
have fallen between, and it is read once more.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic

from tui.model.clock import Clock
from tui.model.entities import Deployment, Service
from tui.model.errors import NotFound, ProviderError, Unreachable
from tui.model.log import Cursor, LogEntry, LogKind, LogSource
from tui.model.status import Status
from tui.providers.graphql import Endpoint
from tui.providers.overlap import NO_TIME, Overlap
from tui.providers.railway import decode, documents, log_root, states, wire
from tui.providers.railway.inventory import Inventory
from tui.providers.railway.log_pages import KNOWN, Mark, Pages, Reading
from tui.providers.railway.log_root import LATE, Root
from tui.providers.railway.log_rows import rows_of
from tui.providers.values import moment

_NOT_BUILT = frozenset({Status.QUEUED, Status.WAITING, Status.NEEDS_APPROVAL, Status.BUILDING, Status.UNKNOWN})
_SILENT_FOR_EVER = frozenset({Status.FAILED, Status.SKIPPED, Status.CANCELLED, Status.REMOVED})
_YOUNG_S = 120.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long silence is believed, in seconds.

    A socket whose credential was not taken is acknowledged and then silent, like one of a service that says
    nothing: a query tells the two apart, soon for a socket that never said anything, else now and then.
    """

    first: float = 15.0
    silent: float = 120.0
    silent_at_most: float = 600.0
    in_flight: float = 3.0  # for a row that a query already has and the socket does not
    switch: float = 5.0  # between looks whether another deployment serves
    snapshot: float = 60.0  # a snapshot younger than that tells it
    ask: float = 30.0  # between questions for it, when none does
    shortest_window: float = 5.0  # a stream of requests that ends sooner has failed


Question = Callable[[], Awaitable[bool]]


class Logs:
    def __init__(self, endpoint: Endpoint, inventory: Inventory, clock: Clock, patience: Patience) -> None:
        self._endpoint = endpoint
        self._inventory = inventory
        self._clock = clock
        self._patience = patience
        self._pages = Pages(endpoint, clock)

    async def read(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        deployment = source.deployment
        if source.kind is LogKind.BUILD and deployment is None:
            deployment = source.service.latest
            if deployment is None:
                raise self._nothing_yet(source.service, "it has no deployment yet")
        if source.kind is LogKind.HTTP:
            stream = self._requests(source, cursor)
        else:
            stream = self._lines(source, cursor, deployment)
        try:
            async with aclosing(stream):
                async for entry in stream:
                    yield entry
        except NotFound as error:
            if deployment is not None and self._is_young(deployment):
                raise self._nothing_yet(source.service, "its log is not there yet", error.trace) from error
            raise

    # -- lines ----------------------------------------------------------------------------------------

    async def _lines(
        self, source: LogSource, cursor: Cursor, deployment: Deployment | None
    ) -> AsyncGenerator[LogEntry, None]:
        if deployment is None:
            root = log_root.of_service(source.service, source.search)
        elif source.kind is LogKind.BUILD:
            root = log_root.build(deployment.id, source.search)
        else:
            root = log_root.of_deployment(deployment.id, source.search)
        settled = deployment is not None and deployment.status.settled
        if not _follows(source) or (settled and deployment is not None and _is_over(source.kind, deployment.status)):
            for entry in _given(await self._old(root, source, cursor), cursor):
                yield entry
            return

        async def is_over() -> bool:
            """Railway closes a build's socket when it is built, in any manner: the status tells an end from a cut."""
            return deployment is not None and _is_over(source.kind, await self._status(deployment))

        stream = self._follow(root, source, cursor, is_over=is_over)
        try:
            async with aclosing(stream):
                async for entry in stream:
                    yield entry
        except Unreachable:
            if not await is_over():
                raise
        else:
            if not await is_over():
                raise self._broken("ended the stream")
        for entry in _given(await self._pages.missed(root, cursor), cursor):
            yield entry

    async def _status(self, deployment: Deployment) -> Status:
        peer = self._endpoint.peer
        data = await self._endpoint.execute(documents.DEPLOYMENT, {"id": deployment.id})
        row = wire.one(wire.at(data, "deployment", peer), wire.DeploymentRow, peer, "deployment")
        return states.state(row, row.replicas())

    # -- requests ---------------------------------------------------------------------------------------

    async def _requests(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        """Railway keeps requests by deployment, in windows that end: here they become one stream of the service."""
        serving = _Serving(self._endpoint, self._inventory, self._clock, source, self._patience)
        current = await serving.now()
        if current is None:
            raise self._nothing_yet(source.service, "it has no deployment yet")
        if not _follows(source):
            root = log_root.requests(current, source.search)
            for entry in _given(await self._old(root, source, cursor), cursor):
                yield entry
            return
        before = Mark.of(cursor).deployment or current
        while True:
            if current != before:
                for entry in _given(await self._rest(before, source, cursor), cursor):
                    yield entry
            before = current
            opened = monotonic()

            async def moved(current: str = current) -> bool:
                return await serving.now() not in (None, current)

            stream = self._follow(log_root.requests(current, source.search), source, cursor, moved=moved)
            async with aclosing(stream):
                async for entry in stream:
                    yield entry
            current = await serving.now() or current
            if current == before and monotonic() - opened < self._patience.shortest_window:
                raise self._broken("ended the stream at once")

    async def _rest(self, deployment: str, source: LogSource, cursor: Cursor) -> Reading:
        """What the deployment that served before still had to say. Its log may be gone with it."""
        try:
            reading = await self._pages.missed(log_root.requests(deployment, source.search), cursor)
        except NotFound:
            return Reading([])
        return reading if reading.rows else Reading([])

    # -- both -------------------------------------------------------------------------------------------

    async def _old(self, root: Root, source: LogSource, cursor: Cursor) -> Reading:
        if cursor.started:
            return await self._pages.missed(root, cursor)
        return await self._pages.first(root, source, cursor)

    async def _follow(
        self,
        root: Root,
        source: LogSource,
        cursor: Cursor,
        *,
        is_over: Question | None = None,
        moved: Question | None = None,
    ) -> AsyncGenerator[LogEntry, None]:
        """Ends when the platform completes the subscription, or one of the questions is answered with yes."""
        now = self._pages.now()
        newest = max((key[1] for key in cursor.recent), default=NO_TIME)
        since = now - LATE if newest == NO_TIME else newest
        async with self._endpoint.subscribe(root.subscription, root.new(since, now)) as socket:
            for entry in _given(await self._old(root, source, cursor), cursor):
                yield entry
            floor = Mark.of(cursor).floor
            overlap: Overlap | None = Overlap(cursor.recent, floor)
            seam_open = True
            silence = _Silence(self._patience)
            while True:
                batch = await socket.receive(silence.wait_s(moved is not None))
                rows = [root.row(row, root.deployment) for data in batch for row in rows_of(data, root.field)]
                if rows and overlap is not None:
                    new = [row for row in rows if overlap.is_new(row)]
                    if seam_open and new and not overlap.met:
                        for entry in _given(await self._pages.missed(root, cursor), cursor):
                            yield entry
                        overlap = Overlap(cursor.recent, floor)
                        new = [row for row in rows if overlap.is_new(row)]
                    seam_open = False
                    if new and overlap.passed(new[-1].at, 2 * LATE):
                        overlap = None
                    rows = new
                for row in rows:
                    cursor.recent.append(row.key)
                    for entry in row.entries:
                        yield entry
                if batch:
                    silence.broken()
                if socket.ended or (moved is not None and silence.look_due() and await moved()):
                    return
                if silence.too_long():
                    if silence.doubted:
                        raise self._broken("has newer lines, but its socket is silent")
                    if is_over is not None and await is_over():
                        return
                    silence.asked(doubted=await self._has_newer(root, cursor))

    async def _has_newer(self, root: Root, cursor: Cursor) -> bool:
        overlap = Overlap(cursor.recent, Mark.of(cursor).floor)
        since = None if overlap.newest == NO_TIME else overlap.newest
        rows, _ = await self._pages.page(root, since, None, KNOWN)
        return any(overlap.is_new(row) for row in rows)

    def _broken(self, what: str) -> Unreachable:
        peer = self._endpoint.peer
        return Unreachable(f"Account {peer.account}: {peer.title} {what}.", remedy="It is opened again.")

    def _nothing_yet(self, service: Service, why: str, trace: str = "") -> Unreachable:
        """Not NotFound: it will come."""
        return Unreachable(f"There is no log of {service.path}: {why}.", remedy="It is tried again.", trace=trace)

    def _is_young(self, deployment: Deployment) -> bool:
        if deployment.status.in_flight:
            return True
        made = deployment.created_at
        return (
            made is not None and (self._clock.now() + self._endpoint.meter.skew.shift - made).total_seconds() < _YOUNG_S
        )


class _Silence:
    """How long nothing has come, and when to ask whether that is true."""

    def __init__(self, patience: Patience) -> None:
        self.doubted = False
        self._patience = patience
        self._limit = patience.first
        self._since = self._looked = monotonic()

    def wait_s(self, looking: bool) -> float:
        left = max(0.0, self._since + self._limit - monotonic())
        return min(left, self._patience.switch) if looking else left

    def broken(self) -> None:
        self.doubted = False
        self._limit = self._patience.silent
        self._since = monotonic()

    def look_due(self) -> bool:
        if monotonic() - self._looked < self._patience.switch:
            return False
        self._looked = monotonic()
        return True

    def too_long(self) -> bool:
        return monotonic() - self._since >= self._limit

    def asked(self, *, doubted: bool) -> None:
        """A platform that agrees is asked less and less often; one that does not gets a moment to deliver."""
        self.doubted = doubted
        self._since = monotonic()
        self._limit = self._patience.in_flight if doubted else min(2 * self._limit, self._patience.silent_at_most)


class _Serving:
    """Which deployment of a service answers requests: as the last snapshot says, or asked for when there is none."""

    def __init__(
        self, endpoint: Endpoint, inventory: Inventory, clock: Clock, source: LogSource, patience: Patience
    ) -> None:
        known = source.deployment or source.service.live or source.service.latest
        self._answer = known.id if known else None
        self._fixed = source.deployment is not None
        self._service = source.service
        self._endpoint = endpoint
        self._inventory = inventory
        self._clock = clock
        self._patience = patience
        self._asked = monotonic() if known else None

    async def now(self) -> str | None:
        if self._fixed:
            return self._answer
        read_at = self._inventory.read_at
        if read_at is not None and self._clock.monotonic() - read_at < self._patience.snapshot:
            self._answer = self._inventory.live.get(self._service.ref) or self._answer
        elif self._asked is None or monotonic() - self._asked >= self._patience.ask:
            self._asked = monotonic()
            try:
                self._answer = await self._ask() or self._answer
            except ProviderError:
                if self._answer is None:
                    raise  # else the one that was known goes on being read
        return self._answer

    async def _ask(self) -> str | None:
        """The newest that is up. Railway promises no order, and success outlives the processes."""
        peer, service = self._endpoint.peer, self._service
        environment, service_id = decode.split(service.ref)
        scope = {
            "projectId": service.project.id,
            "environmentId": environment,
            "serviceId": service_id,
            "status": {"in": ["SUCCESS", "SLEEPING"]},
        }
        data = await self._endpoint.execute(documents.DEPLOYMENTS, {"input": scope, "first": 10})
        rows = wire.page(wire.at(data, "deployments", peer), wire.DeploymentRow, peer, "deployments").items
        newest = sorted(rows, key=lambda row: moment(row.created_at) or decode.NEVER, reverse=True)
        return next((row.id for row in newest if states.is_up(row)), None)


def _follows(source: LogSource) -> bool:
    return source.follow and source.until is None


def _is_over(kind: LogKind, status: Status) -> bool:
    """Nothing more will be written to this deployment's log."""
    if kind is LogKind.BUILD:
        return status not in _NOT_BUILT
    return status in _SILENT_FOR_EVER


def _given(reading: Reading, cursor: Cursor) -> Iterator[LogEntry]:
    """The entries, each row noted in the cursor as it goes out."""
    if reading.gap is not None:
        yield reading.gap
    for row in reading.rows:
        cursor.recent.append(row.key)
        yield from row.entries
