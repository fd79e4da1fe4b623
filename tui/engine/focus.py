"""Keeps the timeline of the service somebody looks at fresh, and the steps of its deployment in flight."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import aclosing
from math import isinf

from tui.engine.backoff import Backoff
from tui.engine.bell import Bell
from tui.engine.link import Link
from tui.engine.patience import Patience
from tui.engine.store import Store
from tui.model.clock import Clock
from tui.model.entities import Deployment, Ref, Service
from tui.model.errors import ProviderError, RateLimited
from tui.model.provider import PRIORITY, Priority
from tui.model.status import Status
from tui.model.target import served_before

DEBOUNCE_S = 0.15  # holding a key down the list must not spend a request a row
OLD_S = 30.0
BETWEEN_READS_S = 1.0
LISTENING_POLL_S = 30.0  # while the platform tells of changes, in case it forgets to

log = logging.getLogger(__name__)

_Shown = tuple[Ref | None, Status | None, Ref | None]


class Focus:
    """One service at a time. Its requests go before those of the polls."""

    def __init__(
        self,
        links: Mapping[str, Link],
        store: Store,
        clock: Clock,
        *,
        backoff: Callable[[], Backoff],
        poke: Callable[[str], None],
    ) -> None:
        self._links = links
        self._store = store
        self._clock = clock
        self._backoff = backoff
        self._poke = poke
        self._service: Ref | None = None
        self._turned = Bell(clock)
        self._again = Bell(clock)
        self._patience = Patience(clock, backoff)  # about services: their timelines; about deployments: their steps
        self._loaded: dict[Ref, _Shown] = {}  # what the snapshot showed when the timeline was loaded

    def turn_to(self, service: Ref | None) -> None:
        if service != self._service:
            self._service = service
            self._turned.ring()

    def refresh(self) -> None:
        """Load the timeline anew, and do not wait out a backoff."""
        self._patience.forget()
        if self._service is not None:
            self._loaded.pop(self._service, None)
            self._again.ring()

    async def run(self) -> None:
        await self._turned.wait()
        while True:
            while await self._turned.wait(DEBOUNCE_S):
                pass
            async with asyncio.TaskGroup() as group:
                kept = self._service
                for account, link in self._links.items():
                    link.turn_to(kept if kept is not None and kept.account == account else None)
                keeping = [] if kept is None else [self._keep_timeline(kept), self._keep_steps(kept)]
                tasks = [group.create_task(each) for each in keeping]
                await self._turned.wait()
                for task in tasks:
                    task.cancel()

    async def load_older(self, service: Ref, cursor: str) -> None:
        if (known := self._store.service(service)) is not None:
            await self._load(known, before=cursor)

    async def load_newest(self, service: Ref) -> None:
        if (known := self._store.service(service)) is not None:
            await self._load(known)

    async def load_steps(self, deployment: Deployment) -> ProviderError | None:
        """Read the steps of one deployment once, into the store; return the error, which is in the store too."""
        try:
            steps = await self._link(deployment.service).call(
                Priority.FOCUSED, lambda provider: provider.steps(deployment)
            )
        except ProviderError as error:
            self._patience.failed(deployment.ref, error)
            self._store.put_timeline_error(deployment.service, error)
            return error
        self._patience.answered(deployment.ref)
        self._store.put_steps(deployment, steps)
        return None

    async def load_changes(self, deployment: Deployment) -> None:
        """What one deployment brought over what served before it."""
        timeline = self._store.timeline(deployment.service)
        before = served_before(deployment, timeline.deployments) if timeline is not None else None
        try:
            changes = await self._link(deployment.service).call(
                Priority.FOCUSED, lambda provider: provider.changes(deployment, before)
            )
        except ProviderError as error:
            self._store.put_changes(deployment.ref, error)
        else:
            self._store.put_changes(deployment.ref, changes)

    # The timeline

    async def _keep_timeline(self, ref: Ref) -> None:
        news = Bell(self._clock)
        unwatch = self._store.watch(news.ring)
        just_turned_to = True
        try:
            while True:
                service = self._store.service(ref)
                if service is not None and self._is_due(service, just_turned_to):
                    if (wait_s := self._patience.wait_s(ref)) > 0:
                        await self._again.wait(None if isinf(wait_s) else wait_s)
                        continue
                    if await self._load(service) is not None:
                        continue
                    await self._clock.sleep(BETWEEN_READS_S)
                just_turned_to = just_turned_to and service is None
                await news.wait()
        finally:
            unwatch()

    def _is_due(self, service: Service, just_turned_to: bool) -> bool:
        if self._loaded.get(service.ref) != _shown(service):
            return True
        timeline = self._store.timeline(service.ref)
        if timeline is None or timeline.observed_at is None:
            return True
        return just_turned_to and (self._clock.now() - timeline.observed_at).total_seconds() > OLD_S

    async def _load(self, service: Service, before: str | None = None) -> ProviderError | None:
        """One page into the store; the error, which is in the store too."""
        shown = _shown(service)
        self._store.put_loading(service.ref, True)
        try:
            page = await self._link(service.ref).call(
                Priority.FOCUSED, lambda provider: provider.deployments(service, before)
            )
        except ProviderError as error:
            self._patience.failed(service.ref, error)
            self._store.put_timeline_error(service.ref, error)
            return error
        finally:
            self._store.put_loading(service.ref, False)
        self._patience.answered(service.ref)
        if before is None:
            self._loaded[service.ref] = shown
        self._store.put_page(service.ref, page, before=before, at=self._clock.now())
        return None

    # The deployment in flight

    async def _keep_steps(self, ref: Ref) -> None:
        news = Bell(self._clock)
        unwatch = self._store.watch(news.ring)
        try:
            while True:
                service = self._store.service(ref)
                moving = self._moving(ref)
                if service is not None and moving is not None:
                    await self._accompany(service, moving)
                    continue
                failed, wait_s = self._failed_unseen(ref), None
                if failed is not None and (wait_s := self._patience.wait_s(failed.ref)) == 0:
                    await self.load_steps(failed)
                    continue
                await news.wait(None if wait_s is None or isinf(wait_s) else wait_s)
        finally:
            unwatch()

    def _moving(self, ref: Ref) -> Deployment | None:
        """The newest one in flight. An old one on its way out has no steps of interest."""
        timeline = self._store.timeline(ref)
        if timeline is None:
            return None
        return next((each for each in timeline.deployments if _rolls_out(each)), None)

    def _failed_unseen(self, ref: Ref) -> Deployment | None:
        """The newest one, if it failed and nobody has read at which step."""
        timeline = self._store.timeline(ref)
        if timeline is None or timeline.observed_at is None or not timeline.deployments:
            return None
        newest = timeline.deployments[0]
        return newest if newest.status is Status.FAILED and newest.ref not in timeline.steps else None

    async def _accompany(self, service: Service, deployment: Deployment) -> None:
        """Reads it again whenever the platform tells of a change, or else as often as the budget allows.

        Until it has settled or a newer one is under way.
        """
        bell = Bell(self._clock)
        backoff = self._backoff()
        was_told = True

        def is_the_one() -> bool:
            moving = self._moving(service.ref)
            return moving is not None and moving.ref == deployment.ref

        unwatch = self._store.watch(lambda: None if is_the_one() else bell.ring())
        try:
            async with asyncio.TaskGroup() as group:
                # Listen first, then read: what changes in between is told.
                listening = group.create_task(self._listen(deployment, bell))
                while is_the_one():
                    error = await self._read(service, deployment)
                    if error is not None:
                        await self._again.wait(self._wait_s(error, backoff))
                        continue
                    backoff.reset()
                    if is_the_one():
                        began = self._clock.monotonic()
                        told = not listening.done()
                        if was_told and not told:
                            await bell.wait(0)  # hear its last ring: the reading just done came after it
                        was_told = told
                        await bell.wait(self._pace_s(service, told=told))
                        await self._clock.sleep(BETWEEN_READS_S - (self._clock.monotonic() - began))
                listening.cancel()
        finally:
            unwatch()

    def _pace_s(self, service: Service, *, told: bool) -> float:
        at_least = LISTENING_POLL_S if told else self._link(service.ref).polling.focused_s
        return self._link(service.ref).budget.interval_s(2, at_least=at_least, priority=Priority.FOCUSED)

    async def _listen(self, deployment: Deployment, bell: Bell) -> None:
        PRIORITY.set(Priority.FOCUSED)  # of this task alone
        try:
            async with aclosing(
                self._link(deployment.service).stream(lambda provider: provider.watch(deployment))
            ) as changes:
                async for _ in changes:
                    bell.ring()
        except ProviderError as error:
            log.info("%s: changes are polled for: %s", deployment.ref.account, error)
        bell.ring()  # nobody must wait for it any longer

    async def _read(self, service: Service, deployment: Deployment) -> ProviderError | None:
        """Read it and, unless they failed a moment ago, its steps. Return the error of the deployment's own reading."""
        link = self._link(service.ref)
        try:
            now = await link.call(Priority.FOCUSED, lambda provider: provider.deployment(deployment.ref, service))
        except ProviderError as error:
            self._store.put_timeline_error(service.ref, error)
            return error
        if self._patience.wait_s(now.ref) == 0 and await self.load_steps(now) is None:
            self._store.put_timeline_error(service.ref, None)
        self._store.put_deployment(now)
        if not _rolls_out(now):
            self._poke(service.account)
        return None

    def _wait_s(self, error: ProviderError, backoff: Backoff) -> float:
        wait_s = max(BETWEEN_READS_S, backoff.next_s())
        if isinstance(error, RateLimited):
            wait_s = max(wait_s, (error.retry_at - self._clock.now()).total_seconds())
        return wait_s

    def _link(self, ref: Ref) -> Link:
        return self._links[ref.account]


def _shown(service: Service) -> _Shown:
    latest, live = service.latest, service.live
    return (
        None if latest is None else latest.ref,
        None if latest is None else latest.status,
        None if live is None else live.ref,
    )


def _rolls_out(deployment: Deployment) -> bool:
    return deployment.status.in_flight and deployment.status is not Status.REMOVING
