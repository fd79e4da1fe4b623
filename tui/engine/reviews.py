"""How each deployment does against the one before it: looks fine, worse or can't tell, with the evidence in words.

Its logs are read in the background, a few times while it settles, and no action follows from what is found.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tui.engine.bell import Bell
from tui.engine.link import Link
from tui.engine.store import Store
from tui.model.clock import Clock
from tui.model.entities import Deployment, Ref, Service
from tui.model.errors import ProviderError
from tui.model.provider import Priority
from tui.model.status import Status
from tui.model.target import served_before

if TYPE_CHECKING:
    from tui.engine.judge import Judge

SETTLING_S = (30.0, 120.0, 600.0)  # so long after it went live it is looked at
RECENT_S = 1800.0  # what went live so long before we first saw its service is looked at too,
RECENT = 12  # so many of these at a time
WATCHED = 50  # deployments that settle; of more, only what somebody asks for is looked at
AT_ONCE = 2
KEPT = 200

_COMES = frozenset({Status.NEEDS_APPROVAL, Status.UNKNOWN})


class Looks(StrEnum):
    FINE = "looks fine"
    WORSE = "worse"
    UNCLEAR = "can't tell"


class NewError(Struct, frozen=True):
    """A pattern of error lines that the deployment before did not write. `at`: of its first line."""

    at: datetime
    text: str
    count: int


class Review(Struct, frozen=True):
    """`evidence`: sentences, the weightiest first. `seen`: it went live, or failed, before our eyes. `fell`: it was
    judged when it had failed or crashed."""

    deployment: Ref
    service: Ref
    looks: Looks
    evidence: tuple[str, ...]
    errors: tuple[NewError, ...]
    at: datetime
    seen: bool = False
    fell: bool = False


class _Watch:
    """One deployment while it settles. `since`: when it went live; `before`: what served then, where we saw it."""

    def __init__(
        self, deployment: Deployment, before: Deployment | None, since: datetime, clock: Clock, *, seen: bool
    ) -> None:
        self.deployment = deployment
        self.before = before
        self.since = since
        self.seen = seen
        self.bell = Bell(clock)
        self.judge: Judge | None = None


class Reviews:
    """Of the deployments that went live or fell while we run, or shortly before; of others when somebody asks.

    `version` moves with every change, and the store's with it.
    """

    def __init__(
        self,
        links: Mapping[str, Link],
        store: Store,
        clock: Clock,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.version = 0
        self._links = links
        self._store = store
        self._clock = clock
        self._spawn = spawn
        self._reviews: dict[Ref, Review] = {}
        self._watches: dict[Ref, _Watch] = {}
        self._services: dict[Ref, Service] = {}  # as they were when last looked at
        self._live_at: dict[Ref, datetime] = {}  # what went live before our eyes
        self._gate = asyncio.Semaphore(AT_ONCE)

    def start(self) -> None:
        """From now on every deployment is watched."""
        self._store.watch(self._look_around)
        self._look_around()

    def of(self, deployment: Ref) -> Review | None:
        return self._reviews.get(deployment)

    def all(self) -> tuple[Review, ...]:
        """Newest judgement last."""
        return tuple(self._reviews.values())

    def want(self, deployment: Deployment) -> None:
        """In the background, once. One that has yet to go live or to fail is judged when it does."""
        if deployment.ref not in self._reviews and not (deployment.status.in_flight or deployment.status in _COMES):
            self._begin(deployment, seen=False)

    # What happens to deployments

    def _look_around(self) -> None:
        services = self._store.services()
        for service in services:
            before = self._services.get(service.ref)
            if before is service or self._store.accounts[service.account].from_cache:
                continue
            self._services[service.ref] = service
            if before is None:
                self._meet(service)
            else:
                self._compare(before, service)
        if len(self._services) > 2 * len(services) + 100:
            self._services = {service.ref: service for service in services if service.ref in self._services}

    def _meet(self, service: Service) -> None:
        live = service.live
        if live is None or not live.status.up or sum(not each.seen for each in self._watches.values()) >= RECENT:
            return
        if (self._clock.now() - self._since(live)).total_seconds() <= RECENT_S:
            self._begin(live, seen=False)

    def _compare(self, before: Service, service: Service) -> None:
        known = {each.ref: each.status for each in (before.latest, before.live) if each is not None}
        for deployment in {each.ref: each for each in (service.live, service.latest) if each is not None}.values():
            was = known.get(deployment.ref)
            if (watch := self._watches.get(deployment.ref)) is not None:
                if was is not deployment.status:
                    watch.bell.ring()
            elif _has_come(before, service, deployment, was) and deployment.ref not in self._live_at:
                self._live_at[deployment.ref] = self._clock.now()
                self._begin(deployment, before.live, seen=True)
            elif deployment.status.bad and (was is None or not was.bad) and not self._is_told(deployment):
                self._begin(deployment, seen=True)

    def _is_told(self, deployment: Deployment) -> bool:
        """What falls again and again is not read each time."""
        review = self._reviews.get(deployment.ref)
        if review is None or review.looks is not Looks.WORSE:
            return False
        return (self._clock.now() - review.at).total_seconds() < SETTLING_S[-1]

    def _since(self, deployment: Deployment) -> datetime:
        """When it went live, as far as can be told; never in our future, whatever two clocks say."""
        now = self._clock.now()
        told = deployment.finished_at or deployment.started_at or deployment.created_at
        return self._live_at.get(deployment.ref) or (min(told, now) if told else now)

    def _begin(self, deployment: Deployment, before: Deployment | None = None, *, seen: bool) -> None:
        if deployment.ref in self._watches or (len(self._watches) >= WATCHED and seen):
            return
        watch = _Watch(deployment, before, self._since(deployment), self._clock, seen=seen)
        self._watches[deployment.ref] = watch
        self._spawn(self._settle(watch))

    # Looking

    async def _settle(self, watch: _Watch) -> None:
        ref = watch.deployment.ref
        try:
            age_s = (self._clock.now() - watch.since).total_seconds()
            waits = [each for each in SETTLING_S if each > age_s]
            if not watch.seen or watch.deployment.status.bad or not await self._has_logs(watch):
                await self._look(watch)
            while waits and self._goes_on(watch) and await self._has_logs(watch):
                due = watch.since + timedelta(seconds=waits[0])
                if not await watch.bell.wait((due - self._clock.now()).total_seconds()):
                    waits.pop(0)
                await self._look(watch)
        finally:
            del self._watches[ref]
            if watch.judge is not None:
                watch.judge.close()

    def _goes_on(self, watch: _Watch) -> bool:
        """It serves still; what fell or was replaced says no more."""
        service = self._store.service(watch.deployment.service)
        live = None if service is None else service.live
        return live is not None and live.ref == watch.deployment.ref and live.status.up

    async def _has_logs(self, watch: _Watch) -> bool:
        from tui.engine.judge import has_logs

        return await has_logs(self._links[watch.deployment.ref.account])

    async def _look(self, watch: _Watch) -> None:
        from tui.engine.judge import Judge

        service = self._store.service(watch.deployment.service)
        if service is None:
            return
        deployment = self._store.deployment(watch.deployment.ref) or watch.deployment
        async with self._gate:
            if watch.judge is None:
                before = watch.before or await self._served_before(deployment, service)
                link = self._links[service.account]
                watch.judge = Judge(link, self._clock, service, deployment, before, watch.since)
            live_at = self._live_at.get(deployment.ref)
            lived_s = None if live_at is None else (self._clock.now() - live_at).total_seconds()
            looks, evidence, errors = await watch.judge.look(deployment, lived_s)
        now, fell = self._clock.now(), deployment.status.bad
        self._put(Review(deployment.ref, service.ref, looks, evidence, errors, now, seen=watch.seen, fell=fell))

    async def _served_before(self, deployment: Deployment, service: Service) -> Deployment | None:
        """Asked for where nobody looked at this service's timeline yet."""
        timeline = self._store.timeline(service.ref)
        if timeline is not None and (found := served_before(deployment, timeline.deployments)) is not None:
            return found
        try:
            page = await self._links[service.account].call(
                Priority.BACKGROUND, lambda provider: provider.deployments(service, limit=20)
            )
        except ProviderError:
            return None
        return served_before(deployment, page.items)

    def _put(self, review: Review) -> None:
        self._reviews.pop(review.deployment, None)
        self._reviews[review.deployment] = review
        while len(self._reviews) > KEPT:
            del self._reviews[next(iter(self._reviews))]
        while len(self._live_at) > KEPT:
            del self._live_at[next(iter(self._live_at))]
        self.version += 1
        self._store.touch()


def _has_come(before: Service, service: Service, deployment: Deployment, was: Status | None) -> bool:
    """It serves now and did not. A platform may call it live a while before it says that it is the one."""
    if service.live is None or service.live.ref != deployment.ref or not deployment.status.up:
        return False
    coming = was is None or was.in_flight or was in _COMES
    if before.live is not None and before.live.ref == deployment.ref:
        return coming
    return (coming or (was is not None and was.up)) and not _is_older(deployment, before.live)


def _is_older(deployment: Deployment, than: Deployment | None) -> bool:
    """It served before already: what is newer was taken away."""
    if than is None or deployment.created_at is None or than.created_at is None:
        return False
    return deployment.created_at < than.created_at
