"""Watches what an action does until the platform reports its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from tui.engine.action import Action
from tui.engine.audit import ActionPhase
from tui.engine.backoff import Backoff
from tui.engine.link import Link
from tui.engine.settle import Settling
from tui.engine.store import Store
from tui.engine.verdict import (
    BRINGS_UP,
    DONE_WHEN_ACCEPTED,
    MAKES_NEW,
    OF_THE_SERVICE,
    TAKES_AWAY,
    Verdict,
    is_trace,
    verdict,
)
from tui.model.action import Outcome, Receipt
from tui.model.clock import Clock
from tui.model.entities import Deployment, Page, Ref, Snapshot
from tui.model.errors import NotFound, ProviderError, RateLimited, Unreachable
from tui.model.provider import Priority
from tui.model.status import Status

SKEW = timedelta(seconds=60)  # the platform's clocks may be behind the one that its answers tell by that much
SAME_MOMENT = timedelta(seconds=5)  # two clocks are not told apart any better
TRACE_EVERY_S = 4.0
NO_TRACE_S = 120.0
NEVER_APPEARED_S = 300.0
TIMES_NOT_FOUND = 5


class _Watch(Struct):
    """What is known so far of one action under way."""

    action: Action
    sure: bool  # it arrived
    target: Ref | None  # the deployment to look at; None: it is to be found, or the service itself is watched
    before: Deployment | None = None
    status_before: Status | None = None
    moved: bool = False
    not_found: int = 0
    operation: Receipt | None = None  # the platform tells itself how it ends
    traced_s: float | None = None  # when the provider was asked last whether it arrived

    @property
    def looks_for_new(self) -> bool:
        return self.target is None and self.action.intent.verb in MAKES_NEW


class Follower:
    """Reads at the pace that the budget allows. Its requests count as the action's own: they may use the reserve."""

    def __init__(
        self,
        links: Mapping[str, Link],
        store: Store,
        clock: Clock,
        *,
        backoff: Callable[[], Backoff],
        snapshot: Callable[[str], Awaitable[Snapshot]],
        settle_s: float = 0.0,
    ) -> None:
        """`settle_s`: how long what an action brought up must stay up before the action is done."""
        self._links = links
        self._store = store
        self._clock = clock
        self._backoff = backoff
        self._snapshot = snapshot
        self._settle_s = settle_s

    async def follow(self, action: Action, receipt: Receipt, timeout_s: float) -> Verdict:
        watch = self._watch(action, receipt)
        if receipt.operation and watch.sure:
            watch.operation = receipt

        async def look(elapsed_s: float) -> Verdict | None:
            return await self._look(watch, elapsed_s)

        end = await self._repeat(action, look, partial(self._given_up, watch, timeout_s=timeout_s), timeout_s)
        if end.ok and self._settle_s > 0 and action.intent.verb in BRINGS_UP:
            end = await self._settled(watch, end, timeout_s)
        if action.intent.verb in MAKES_NEW:
            await self._look_back(action)
        came_late = watch.sure and receipt.outcome is Outcome.UNKNOWN
        return replace(end, message=f"it did arrive: {end.message}") if came_late else end

    async def _repeat(
        self,
        action: Action,
        look: Callable[[float], Awaitable[Verdict | None]],
        given_up: Callable[[float], Verdict | None],
        timeout_s: float,
        pace_s: Callable[[float], float] | None = None,
    ) -> Verdict:
        """Looks, each time told how many seconds it has been, until there is an end or it is given up."""
        backoff = self._backoff()
        link = self._links[action.intent.service.account]
        pace_s = pace_s or _pace_s
        began = self._clock.monotonic()
        while True:
            elapsed_s = self._clock.monotonic() - began
            try:
                end = await look(elapsed_s)
                backoff.reset()
                wait_s = link.budget.interval_s(1, at_least=pace_s(elapsed_s), priority=Priority.FOCUSED)
            except RateLimited as error:
                end, wait_s = None, max(1.0, (error.retry_at - self._clock.now()).total_seconds())
            except ProviderError as error:
                end, wait_s = None, max(1.0, backoff.next_s())
                self._say(action, f"cannot be followed for the moment: {error.message}")
            if end is None:
                end = given_up(elapsed_s)
            if end is not None:
                return end
            await self._clock.sleep(min(wait_s, max(0.1, timeout_s - elapsed_s)))

    async def _settled(self, watch: _Watch, end: Verdict, timeout_s: float) -> Verdict:
        """What went live stays so for the settling time, or not. What was not brought up keeps the end it has."""
        settling = Settling(watch.action, self._settle_s, self._clock, self._store, self._snapshot)

        async def look(elapsed_s: float) -> Verdict | None:
            try:
                status = await self._status(watch)
            except NotFound:
                status = Status.REMOVED
            return await settling.look(status, end)

        return await self._repeat(watch.action, look, settling.given_up, timeout_s, pace_s=settling.pace_s)

    def _watch(self, action: Action, receipt: Receipt) -> _Watch:
        intent = action.intent
        service = intent.service
        acted_upon = intent.deployment or service.live or service.latest
        if intent.verb in OF_THE_SERVICE and intent.deployment is None:
            acted_upon = None
        if intent.verb in MAKES_NEW:
            acted_upon = None
        target = receipt.deployment or (None if acted_upon is None else acted_upon.ref)
        before = acted_upon if acted_upon is not None and acted_upon.ref == target else None
        return _Watch(
            action,
            sure=receipt.outcome is Outcome.ACCEPTED,
            target=target,
            before=before,
            status_before=service.status if before is None else before.status,
        )

    async def _look(self, watch: _Watch, elapsed_s: float) -> Verdict | None:
        if not watch.sure and (watch.traced_s is None or elapsed_s - watch.traced_s >= TRACE_EVERY_S):
            watch.traced_s = elapsed_s
            traced = await self._trace(watch)
            if traced is not None and watch.action.intent.verb in DONE_WHEN_ACCEPTED:
                return Verdict(True, traced.message or "done")
        if watch.operation is not None:
            return await self._ask(watch, watch.operation)
        if watch.looks_for_new:
            await self._find(watch)
            if watch.target is None:
                return None
        action = watch.action
        try:
            status = await self._status(watch)
        except NotFound:
            return self._gone(watch)
        watch.not_found = 0
        if status is not watch.status_before:
            watch.moved = True
        if not watch.sure and watch.moved and is_trace(action.intent.verb, watch.status_before, status):
            self._arrived(watch)
        if status is not action.status:
            action.status = status
            self._say(action, word := status.value.replace("_", " "))
            action.lives(word, at=self._clock.now())
        if not watch.sure:
            return None
        return verdict(action.intent.verb, watch.status_before, status, elapsed_s=elapsed_s, moved=watch.moved)

    async def _trace(self, watch: _Watch) -> Receipt | None:
        """What the provider takes for a sign that it arrived; from then on it is followed as if it had answered."""
        action = watch.action
        link = self._links[action.intent.service.account]
        since = action.asked_at + link.budget.skew.shift - SAME_MOMENT
        try:
            found = await link.call(Priority.ACTION, lambda provider: provider.trace(action.intent, since))
        except (RateLimited, Unreachable):
            raise
        except ProviderError:  # what it may not read shows nothing; the target's state still may
            return None
        if found is None:
            return None
        if found.deployment is not None:
            watch.target = action.deployment = found.deployment
        if found.operation:
            watch.operation = found
        self._arrived(watch, found.message)
        return found

    async def _ask(self, watch: _Watch, receipt: Receipt) -> Verdict | None:
        """An operation has a name of its own, and its end does not show on any deployment."""
        action = watch.action
        if watch.looks_for_new:
            await self._find(watch)
        progress = await self._links[action.intent.service.account].call(
            Priority.ACTION, lambda provider: provider.progress(receipt)
        )
        if progress.ok is not None:
            return Verdict(progress.ok, progress.message or ("done" if progress.ok else "failed"))
        if progress.message and progress.message != action.message:
            self._say(action, progress.message)
        return None

    async def _look_back(self, action: Action) -> None:
        """What the older ones are by now, and may be done with them: what served before can be gone back to."""
        with suppress(ProviderError):
            await self._newest_page(action)

    async def _find(self, watch: _Watch) -> None:
        """The deployment that came after the action was asked for."""
        action = watch.action
        page = await self._newest_page(action)
        service = action.intent.service
        earliest = action.asked_at + self._links[service.account].budget.skew.shift - SKEW
        new = [
            each
            for each in page.items
            if each.ref not in action.known and (each.created_at is None or each.created_at >= earliest)
        ]
        if new:
            found = new[-1]  # the list is newest first, and ours came first after the asking
            watch.target = action.deployment = found.ref
            watch.status_before = None
            action.lives(f"deployment {found.id} found", at=self._clock.now())
            if not watch.sure:
                self._arrived(watch)

    async def _newest_page(self, action: Action) -> Page[Deployment]:
        service = action.intent.service
        page = await self._links[service.account].call(Priority.ACTION, lambda provider: provider.deployments(service))
        self._store.put_page(service.ref, page, before=None, at=self._clock.now())
        return page

    async def _status(self, watch: _Watch) -> Status:
        service = watch.action.intent.service
        target = watch.target
        if target is None:
            snapshot = await self._snapshot(service.account)
            for each in snapshot.services:
                if each.ref == service.ref:
                    return each.status
            raise NotFound(f"{service.path} is not there any more.")
        deployment = await self._links[service.account].call(
            Priority.ACTION, lambda provider: provider.deployment(target, service)
        )
        self._store.put_deployment(deployment)
        if deployment.ref != target:  # what was queued has become a deployment, with an id of its own
            watch.target = deployment.ref
            if watch.action.deployment == target:
                watch.action.deployment = deployment.ref
        if watch.before is not None and _instances(deployment) != _instances(watch.before):
            watch.moved = True
        return deployment.status

    def _gone(self, watch: _Watch) -> Verdict | None:
        if watch.action.intent.verb in TAKES_AWAY:
            return Verdict(True, "it is gone")
        watch.not_found += 1
        if watch.not_found >= TIMES_NOT_FOUND:  # a new deployment may not be readable at once
            ok = False if watch.sure else None
            return Verdict(ok, "the platform no longer knows what was to be followed")
        return None

    def _arrived(self, watch: _Watch, what: str = "") -> None:
        watch.sure = True
        watch.action.phase = ActionPhase.ACCEPTED
        watch.action.lives("it did arrive", at=self._clock.now())
        what = what or ("the target changed" if watch.target is None else f"deployment {watch.target.id}")
        self._say(watch.action, f"it did arrive: {what}")

    def _given_up(self, watch: _Watch, elapsed_s: float, *, timeout_s: float) -> Verdict | None:
        if not watch.sure and elapsed_s >= NO_TRACE_S:
            minutes = f"{elapsed_s / 60:.0f} min"
            return Verdict(None, f"no trace of it found in {minutes}; look at the platform before you try again")
        if watch.looks_for_new and watch.operation is None and elapsed_s >= NEVER_APPEARED_S:
            return Verdict(False, f"it was accepted, but no new deployment came within {elapsed_s:.0f} s")
        if elapsed_s >= timeout_s:
            state = "unknown" if watch.action.status is None else watch.action.status.value.replace("_", " ")
            return Verdict(False, f"still {state} after {elapsed_s / 60:.0f} min; not followed any longer")
        return None

    def _say(self, action: Action, message: str) -> None:
        action.message = message
        self._store.touch()


def _pace_s(elapsed_s: float) -> float:
    """Often at first, when somebody surely looks on; less when it drags on."""
    return 1.0 if elapsed_s < 15 else 2.0 if elapsed_s < 120 else 5.0


def _instances(deployment: Deployment) -> frozenset[Ref]:
    return frozenset(instance.ref for instance in deployment.instances)
