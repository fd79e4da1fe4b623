"""The deployments of every service back to a wanted time, read in the background, page by page."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from tui.engine.backoff import Backoff
from tui.engine.bell import Bell
from tui.engine.budget import counted
from tui.engine.link import Link
from tui.engine.merge import joined, newest_first
from tui.engine.store import Store
from tui.model.clock import Clock
from tui.model.entities import Deployment, Page, Ref, Service
from tui.model.errors import NotFound, ProviderError, RateLimited, Unauthorized, Unreachable
from tui.model.provider import Priority

EVER = datetime.min.replace(tzinfo=UTC)
"""Complete back to here: back to the first deployment there was."""
PAGES = 20  # of one service
HELD = 1_000  # deployments of one service, the newest
KEPT = 20_000  # deployments of all services: no older ones are read then
GONE = 200  # services that are no more, the last ones
AGAIN_S = 60.0  # what failed is tried again by a later want
ASKED_S = 60.0  # so long after a want the newest page is read again where a service moved on
FAILURES = 3  # in a row, and the account is left alone till a later want

_Shown = tuple[Ref | None, Ref | None]


class _Past(Struct, eq=False):
    """One service's. `listed` came in pages, `seen` are settled ones that only snapshots told of."""

    service: Service  # as it was last told
    gone: bool = False
    listed: tuple[Deployment, ...] = ()
    seen: dict[Ref, Deployment] = field(default_factory=dict)
    told: tuple[Deployment, ...] = ()  # by the store, when `whole` was made
    told_at: int = -1  # the store's version then
    whole: tuple[Deployment, ...] = ()
    since: datetime | None = None
    cursor: str | None = None
    pages: int = 0
    shown: _Shown = (None, None)  # when the newest page was read
    problem: ProviderError | None = None
    odd: tuple[str, ...] = ()  # sentences about rows that could not be read
    failed_at_s: float = 0.0


class _Reader(Struct, eq=False):
    """One account's. `left_at_s`: it failed too often then; `stopped`: only a refresh goes on."""

    bell: Bell
    backoff: Backoff
    begun: bool = False
    rests_until_s: float = 0.0
    left_at_s: float | None = None
    stopped: bool = False


class History:
    """What the store knows of one service for a while, kept of all: pages as far back as somebody wants, and what
    snapshots told. Every change of it touches the store, whose watchers hear of it.

    A deployment in flight is told by the store alone: what becomes of it may have another id.
    """

    def __init__(
        self,
        links: Mapping[str, Link],
        store: Store,
        clock: Clock,
        *,
        backoff: Callable[[], Backoff],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._links = links
        self._store = store
        self._clock = clock
        self._spawn = spawn
        self._readers = {name: _Reader(Bell(clock), backoff()) for name in links}
        self._past: dict[Ref, _Past] = {}
        self._names: dict[str, Ref] = {}
        self._services: tuple[Service, ...] = ()
        self._changes = 0
        self._asked_at_s = 0.0
        self.wanted: datetime | None = None
        """The earliest time that was asked for."""
        store.watch(self._store_moved)
        self._store_moved()

    # Asking

    @property
    def version(self) -> int:
        """Moves whenever what is told here may have changed."""
        return self._changes + self._store.version

    def services(self) -> tuple[Ref, ...]:
        """Also those that are gone."""
        return tuple(self._past)

    def deployments(self, service: Ref) -> tuple[Deployment, ...]:
        """Newest first, undated last. The same tuple, as long as nothing changed."""
        past = self._past.get(service)
        if past is None:
            return ()
        if past.told_at != self._store.version:
            past.told_at = self._store.version
            timeline = self._store.timeline(service)
            if timeline is not None and timeline.deployments != past.told:
                past.told = timeline.deployments
                self._join(past)
        return past.whole

    def since(self, service: Ref) -> datetime | None:
        """Complete back to here; None: nothing is known. EVER: it has no older ones."""
        past = self._past.get(service)
        return None if past is None else self._since(past)

    def path(self, service: Ref) -> str:
        """Its name, the last one it had."""
        past = self._past.get(service)
        return service.id if past is None else past.service.path

    def gone(self, service: Ref) -> bool:
        """It was there, and is no more."""
        past = self._past.get(service)
        return past is not None and past.gone

    def named(self, path: str) -> Ref | None:
        """The service that has this path, or had it."""
        return self._names.get(path)

    @property
    def progress(self) -> tuple[int, int]:
        """Services read back to the wanted time, and all."""
        present = [past for past in self._past.values() if not past.gone]
        return sum(self._is_complete(past) for past in present), len(present)

    @property
    def reading(self) -> bool:
        """There is more to come by itself."""
        return any(self._next(name) for name in self._readers)

    @property
    def kept(self) -> int:
        """Deployments of all services, but for what only the store tells."""
        return sum(len(past.listed) + len(past.seen) for past in self._past.values())

    @property
    def full(self) -> bool:
        """So many are kept that no older ones are read."""
        return self.kept >= KEPT

    @property
    def problems(self) -> Mapping[Ref, ProviderError]:
        return {ref: past.problem for ref, past in self._past.items() if past.problem is not None and not past.gone}

    def odd(self, service: Ref) -> tuple[str, ...]:
        """Return sentences about deployments of it that could not be read."""
        past = self._past.get(service)
        return () if past is None else past.odd

    # Wanting

    def want(self, since: datetime) -> None:
        """All services back to `since`, in the background; what failed a while ago is tried again. Cheap enough to be
        called whenever it is drawn."""
        self._asked_at_s = self._clock.monotonic()
        self.wanted = since if self.wanted is None else min(since, self.wanted)
        for name, reader in self._readers.items():
            if not reader.begun:
                reader.begun = True
                self._spawn(self._read(name, reader))
            reader.bell.ring()

    def refresh(self, account: str | None = None) -> None:
        """What failed is tried again at once."""
        for name, reader in self._readers.items():
            if account in (None, name):
                reader.rests_until_s, reader.left_at_s, reader.stopped = 0.0, None, False
                reader.backoff.reset()
                reader.bell.ring()
        for past in self._past.values():
            if account in (None, past.service.account):
                past.problem = None

    def lend(self, service: Ref) -> None:
        """Gives the store's timeline of this service what was read here, where that goes further back."""
        past, timeline = self._past.get(service), self._store.timeline(service)
        if past is None or timeline is None or not past.pages or past.gone:
            return
        known = {each.ref for each in timeline.deployments}
        more = tuple(each for each in past.listed if each.ref not in known)
        if more and (timeline.next is not None or timeline.observed_at is None):
            self._store.put_page(
                service, Page(more, past.cursor, past.odd), before=past.cursor or "", at=self._clock.now()
            )

    # Reading

    async def _read(self, account: str, reader: _Reader) -> None:
        link = self._links[account]
        while True:
            past = self._next(account)
            rest_s = reader.rests_until_s - self._clock.monotonic()
            if past is None or rest_s > 0:
                await reader.bell.wait(rest_s if past is not None else None)
                continue
            if past.pages == 0 and self._taken_over(past):
                continue
            with counted() as tally:
                await self._read_page(past, link, reader)
            spare_at_s = self._clock.monotonic() + link.budget.spare_s(tally.requests)
            reader.rests_until_s = max(reader.rests_until_s, spare_at_s)

    def _next(self, account: str) -> _Past | None:
        """The service of that account to read on: the one of which least is known."""
        reader = self._readers[account]
        left = reader.left_at_s is not None and self._asked_at_s < reader.left_at_s + AGAIN_S
        if self.wanted is None or reader.stopped or left:
            return None
        full = self.full
        due = [
            past
            for past in self._past.values()
            if past.service.account == account and not past.gone and self._is_due(past, full=full)
        ]
        return max(due, key=self._urgency, default=None)

    def _urgency(self, past: _Past) -> tuple[bool, bool, bool, datetime]:
        since = self._since(past)
        return past.problem is None, self._moved_on(past), since is None, since or EVER

    def _is_due(self, past: _Past, *, full: bool) -> bool:
        if past.problem is not None and self._asked_at_s < past.failed_at_s + AGAIN_S:
            return False
        if self._moved_on(past):
            return True
        return not self._is_complete(past) and past.pages < PAGES and not full

    def _is_complete(self, past: _Past) -> bool:
        since = self._since(past)
        return since is not None and self.wanted is not None and since <= self.wanted

    def _since(self, past: _Past) -> datetime | None:
        """Before the first page, the picture tells the newest one: there is nothing after it."""
        if past.pages or past.service.latest is None or self._store.accounts[past.service.account].from_cache:
            return past.since
        return past.service.latest.created_at

    def _moved_on(self, past: _Past) -> bool:
        """Something newer came after its newest page was read, and somebody asked lately."""
        asked = self._clock.monotonic() < self._asked_at_s + ASKED_S
        return asked and past.pages > 0 and past.shown != _shown(past.service)

    def _taken_over(self, past: _Past) -> bool:
        """What the store has of it, where somebody looked at it a moment ago."""
        timeline = self._store.timeline(past.service.ref)
        if timeline is None or timeline.observed_at is None:
            return False
        if (self._clock.now() - timeline.observed_at).total_seconds() > AGAIN_S:
            return False
        past.odd = timeline.problems
        self._put(past, timeline.deployments, timeline.next, pages=1)
        return True

    async def _read_page(self, past: _Past, link: Link, reader: _Reader) -> None:
        service, shown = past.service, _shown(past.service)
        first = past.pages == 0 or self._moved_on(past)
        before = None if first else past.cursor
        try:
            page = await link.call(Priority.BACKGROUND, lambda provider: provider.deployments(service, before))
        except ProviderError as error:
            self._failed(past, reader, error)
            return
        reader.backoff.reset()
        reader.left_at_s = None
        listed, cursor = joined(past.listed, past.cursor, page, first=first, deep=past.pages > 1)
        anew = first and cursor == page.next
        if first:
            past.shown = shown
            timeline = self._store.timeline(service.ref)
            if timeline is not None and timeline.observed_at is not None:
                self._store.put_page(service.ref, page, before=None, at=self._clock.now())
        past.odd = tuple(dict.fromkeys((*(() if anew else past.odd), *page.problems)))
        self._put(past, listed, cursor, pages=1 if anew else past.pages + (not first))

    def _failed(self, past: _Past, reader: _Reader, error: ProviderError) -> None:
        """Of the account's failures nobody makes one of each of its services."""
        if isinstance(error, NotFound) and self._store.service(past.service.ref) is None:
            past.gone = True  # an incomplete picture lacked it, and now the platform does
            self._tell()
            return
        now_s = self._clock.monotonic()
        past.problem = error
        past.failed_at_s = now_s
        match error:
            case RateLimited():
                past.failed_at_s = -AGAIN_S  # goes on by itself
                reader.rests_until_s = now_s + max(1.0, (error.retry_at - self._clock.now()).total_seconds())
            case Unauthorized():
                reader.stopped = True
            case Unreachable():
                reader.rests_until_s = now_s + reader.backoff.next_s()
                if reader.backoff.failures >= FAILURES:
                    reader.left_at_s = now_s
                    reader.backoff.reset()
        self._tell()

    def _put(self, past: _Past, listed: tuple[Deployment, ...], cursor: str | None, *, pages: int) -> None:
        whole = cursor is None
        if len(listed) > HELD:
            listed, whole, pages = listed[:HELD], False, PAGES
        past.listed, past.cursor, past.pages = listed, cursor, pages
        if not any(past.shown):
            past.shown = _shown(past.service)
        dated = [each.created_at for each in listed if each.created_at is not None]
        past.since = since = EVER if whole else min(dated, default=None)
        past.problem = None
        if since is not None:  # the platform has told all of that time
            past.seen = {ref: each for ref, each in past.seen.items() if each.created_at and each.created_at < since}
        self._join(past)
        self._tell()

    # Joining

    def _store_moved(self) -> None:
        services = self._store.services()
        if services is self._services:
            return
        self._services = services
        there = set()
        for service in services:
            there.add(service.ref)
            past = self._past.get(service.ref)
            told = past is None or (past.service.latest, past.service.live) != (service.latest, service.live)
            if past is None:
                past = self._past[service.ref] = _Past(service)
            past.service, past.gone = service, False
            self._names[service.path] = service.ref
            if told:
                self.deployments(service.ref)  # what the next picture replaces is kept
        gone = [ref for ref in self._past if ref not in there and self._is_whole(ref.account)]
        for ref in gone:
            self._past[ref].gone = True
        for ref in gone[:-GONE]:
            self._names.pop(self._past.pop(ref).service.path, None)
        if self.wanted is not None:
            for reader in self._readers.values():
                reader.bell.ring()

    def _is_whole(self, account: str) -> bool:
        """What its picture does not have is gone, and not only unread."""
        snapshot = self._store.accounts[account].snapshot
        return snapshot is not None and snapshot.is_complete

    def _join(self, past: _Past) -> None:
        """The store's word goes before that of the pages, and that before what was seen in passing."""
        told = {each.ref: each for each in past.told}
        past.listed = tuple(told.get(each.ref, each) for each in past.listed)
        listed = {each.ref for each in past.listed}
        past.seen.update((ref, each) for ref, each in told.items() if not each.status.in_flight)
        past.seen = {ref: each for ref, each in past.seen.items() if ref not in listed}
        for oldest in list(past.seen)[:-HELD]:
            del past.seen[oldest]
        live = next((each.ref for each in past.told if each.is_live), None)
        rest = (each for part in (past.listed, past.seen.values()) for each in part if each.ref not in told)
        past.whole = newest_first([*past.told, *_replaced(rest, live)])

    def _tell(self) -> None:
        self._changes += 1
        self._store.touch()


def _replaced(deployments: Iterator[Deployment], live: Ref | None) -> Iterator[Deployment]:
    """Where another one is known to serve, these do not."""
    for each in deployments:
        yield replace(each, is_live=False) if each.is_live and live is not None else each


def _shown(service: Service) -> _Shown:
    latest, live = service.latest, service.live
    return (None if latest is None else latest.ref, None if live is None else live.ref)
