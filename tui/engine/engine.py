"""Joins the parts that keep the picture fresh, and owns the tasks they run in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from datetime import datetime
from pathlib import Path
from random import Random
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from tui.engine.actions import ActionService
from tui.engine.attention import Attention
from tui.engine.audit import AuditLog, current_user
from tui.engine.backoff import Backoff
from tui.engine.budget import Budget
from tui.engine.events import Events
from tui.engine.focus import Focus
from tui.engine.follow import Follower
from tui.engine.history import History
from tui.engine.lease import Leases
from tui.engine.link import Account, Link
from tui.engine.log_store import LogLimits
from tui.engine.log_tail import Tails
from tui.engine.notes import Notes
from tui.engine.picture_cache import PictureCache
from tui.engine.poller import Poller
from tui.engine.recheck import Recheck
from tui.engine.reviews import Reviews
from tui.engine.store import AccountState, Store
from tui.model.clock import Clock, SystemClock
from tui.model.entities import Changes, Deployment, Ref, Snapshot
from tui.model.log import Cursor, LogEntry, LogSource
from tui.model.provider import Polling, Priority, Provider
from tui.model.skew import Skew

if TYPE_CHECKING:
    from tui.engine.log_spool import LogSpool

__all__ = ["Account", "Engine"]


class Engine:
    """Everything that goes on behind the screen, in one TaskGroup. An async context manager.

    A fault inside one account stays there (`Link.contained`); a bug anywhere else ends the engine: it cancels the
    task that entered it and comes out of the `async with`, with its traceback. Leaving ends every task, then
    closes every provider.
    """

    def __init__(
        self,
        accounts: Sequence[Account],
        *,
        audit: AuditLog,
        notes: Notes | None = None,
        clock: Clock | None = None,
        read_only: bool = False,
        random: Random | None = None,
        poll_s: float | None = None,
        cache: Path | None = None,
        log_limits: LogLimits | None = None,
        log_spool: LogSpool | None = None,
        settle_s: float = 60.0,
        at_once: int = 3,
        reviewing: bool = True,
        notices: Sequence[str] = (),
    ) -> None:
        """`log_spool` is closed with the engine. `settle_s`: how long what an action brought up must stay healthy;
        `at_once`: of several actions started together, how many may be under way. Not `reviewing`: only what somebody
        asks for is judged. `notices`: sentences about how this session was started, for as long as it runs."""
        self.accounts = tuple(accounts)
        self.notices = tuple(notices)
        self.audit = audit
        self.clock: Clock = clock or SystemClock()
        self.notes = notes or Notes(None, self.clock)
        self._random = random or Random()
        first_s = poll_s or Polling().snapshot_s
        self.store = Store([AccountState(each.name, each.provider, each.title, first_s) for each in accounts])
        self.budgets = {each.name: Budget(each.name, self.clock) for each in accounts}
        self._links = {each.name: Link(each, self.budgets[each.name], read_only=read_only) for each in accounts}
        self._pollers = {
            name: Poller(link, self.store, self.clock, self._backoff(), poll_s=poll_s)
            for name, link in self._links.items()
        }
        self._cache = None if cache is None else PictureCache(cache, self.store, self.clock)
        self.tails = Tails(self._links, self.store, self.clock, self._random, self._spawn, log_limits, log_spool)
        self._focus = Focus(self._links, self.store, self.clock, backoff=self._backoff, poke=self._poke)
        self.actions = ActionService(
            self._links,
            self.store,
            audit,
            self.clock,
            self._random,
            read_only=read_only,
            poke=self._poke,
            spawn=self._spawn,
            follower=Follower(
                self._links,
                self.store,
                self.clock,
                backoff=self._backoff,
                snapshot=self._fresh_snapshot,
                settle_s=settle_s,
            ),
            leases=Leases(None if audit.path is None else audit.path.parent / "leases"),
            at_once=at_once,
        )
        self.history = History(self._links, self.store, self.clock, backoff=self._backoff, spawn=self._spawn)
        self.recheck = Recheck(self._links, self.store, audit, self.actions, self.clock, current_user)
        self.reviews = Reviews(self._links, self.store, self.clock, self._spawn)
        self.events = Events(self.history, audit, self.reviews.all)
        self.attention = Attention(self.store, self.reviews, self.actions, self.clock, self.notes)
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()
        self._started = False
        self._reviewing = reviewing
        if self._cache is not None:
            self._cache.load()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        try:
            # Only a cancellation is the group's business; what else left the block passes as it is, not wrapped.
            cancelled = isinstance(error, asyncio.CancelledError)
            await self._group.__aexit__(*((kind, error, trace) if cancelled else (None, None, None)))
        finally:
            await self._close()

    def start(self) -> None:
        """Begin to poll every account. Once; headless commands ask for one snapshot instead."""
        if self._started:
            return
        self._started = True
        for budget in self.budgets.values():
            budget.keeps_for_polls = True
        for poller in self._pollers.values():
            self._spawn(poller.run())
        self._spawn(self._focus.run())
        self._spawn(self.recheck.run())
        if self._reviewing:
            self.reviews.start()
        self.attention.start()
        if self._cache is not None:
            self._spawn(self._cache.run())

    def focus(self, service: Ref | None) -> None:
        """Keep this service's timeline fresh, and the steps of its deployment in flight. None: nobody looks."""
        self._focus.turn_to(service)

    def refresh(self, account: str | None = None) -> None:
        """Poll now, all accounts or one; also one that was stopped by a bad credential. Waiting logs try again."""
        for name, poller in self._pollers.items():
            if account in (None, name):
                poller.refresh()
        self._focus.refresh()
        self.history.refresh(account)
        self.tails.retry(account)

    def more(self, service: Ref) -> None:
        """Load the next older page of its timeline; does nothing while one is loading or when there is none."""
        timeline = self.store.timeline(service)
        if timeline is not None and timeline.next is not None and not timeline.loading:
            self.store.put_loading(service, True)  # at once: the key repeats faster than tasks begin
            self._spawn(self._focus.load_older(service, timeline.next))

    def timeline(self, service: Ref) -> None:
        """Load the newest page of its timeline, where it was not read yet."""
        timeline = self.store.timeline(service)
        if timeline is not None and timeline.observed_at is None and not timeline.loading:
            self.store.put_loading(service, True)
            self._spawn(self._focus.load_newest(service))

    def steps(self, deployment: Ref) -> None:
        """Load the steps of one deployment into its timeline, once; what is in flight and focused needs no asking."""
        if (known := self.store.deployment(deployment)) is not None:
            self._spawn(self._load_steps(known))

    async def _load_steps(self, deployment: Deployment) -> None:
        await self._focus.load_steps(deployment)

    def changes(self, deployment: Ref) -> None:
        """Load what one deployment brought, once; what failed is tried again."""
        known = self.store.deployment(deployment)
        if known is not None and not isinstance(self.store.changes(deployment), Changes):
            self._spawn(self._focus.load_changes(known))

    def skew(self, account: str) -> Skew:
        """How far the platform's clock is from ours."""
        return self.budgets[account].skew

    def now(self, account: str) -> datetime:
        """What time it is by that account's platform: its things are as old as this says. What is done here, and how
        fresh a picture is, goes by `clock`."""
        return self.clock.now() + self.skew(account).shift

    async def provider(self, account: str) -> Provider:
        """Connected on first use. Raises ProviderError."""
        return await self._links[account].provider()

    def logs(self, source: LogSource) -> AsyncGenerator[LogEntry, None]:
        """Once through a log, at the priority of the task that reads it; the caller closes it. Raises ProviderError."""
        return self._links[source.service.account].stream(lambda provider: provider.logs(source, Cursor()))

    async def snapshot(self, account: str) -> Snapshot:
        """One picture now, into the store too. Raises ProviderError."""
        return await self._pollers[account].once()

    async def _fresh_snapshot(self, account: str) -> Snapshot:
        return await self._pollers[account].once(Priority.ACTION)

    def _poke(self, account: str) -> None:
        self._pollers[account].poke()

    def _backoff(self) -> Backoff:
        return Backoff(self._random)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _close(self) -> None:
        """Every provider is closed and waited for."""
        async with asyncio.TaskGroup() as group:
            for link in self._links.values():
                group.create_task(link.aclose())
        self.actions.close()
        self.tails.release()
        if self._cache is not None:
            self._cache.save()
