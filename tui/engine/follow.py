"""Watches what an action does until the platform reports its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from tui.engine.action import Action, revision_name
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
from tui.model.action import Outcome, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Page, Ref, Service, Snapshot
from tui.model.errors import NotFound, ProviderError, RateLimited, Unreachable
from tui.model.provider import Priority
from tui.model.status import Status

SKEW = timedelta(seconds=60)  # the platform's clocks may be behind the one that its answers tell by that much
SAME_MOMENT = timedelta(seconds=5)  # two clocks are not told apart any better
TRACE_EVERY_S = 3.0
NO_TRACE_S = 120.0
NEVER_APPEARED_S = 300.0
TIMES_NOT_FOUND = 5
NOT_FOUND_FOR = timedelta(seconds=4)  # on the platform's way from a queue to a record
OVERDUE_PACE_S = 30.0
LONGEST_S = 24 * 3600.0  # as far back as the next session takes up what was left open

_BY_A_DEPLOYMENT_TOO = frozenset({Verb.START, Verb.RESTART})
"""What they change, somebody's deployment changes as well."""

Overdue = Callable[[Verdict], bool]
"""Called once, when the end was not seen in time. True: follow on, slowly; False: leave it to the next session."""
LedTo = Callable[[Ref], None]
"""Called with the deployment that the action made, as soon as it is known, and again when it gets another id."""


class _Watch(Struct):
    """What is known so far of one action under way."""

    action: Action
    led_to: LedTo
    sure: bool  # it arrived
    target: Ref | None  # the deployment to look at; None: it is to be found, or the service itself is watched
    before: Deployment | None = None
    status_before: Status | None = None
    moved: bool = False
    not_found: int = 0
    not_found_since: datetime | None = None
    operation: Receipt | None = None  # the platform tells itself how it ends
    traced_s: float | None = None  # when the provider was asked last for a trace of it
    stranger: Deployment | None = None  # the first one since then, while none is shown to be the action's own

    @property
    def looks_for_new(self) -> bool:
        return self.target is None and self.action.intent.verb in MAKES_NEW

    @property
    def wants_trace(self) -> bool:
        return not self.sure or self.looks_for_new

    @property
    def is_of_service(self) -> bool:
        """The service itself shows what became of it, whichever deployment was named."""
        return self.action.intent.verb in OF_THE_SERVICE


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

    async def follow(
        self, action: Action, receipt: Receipt, timeout_s: float, *, overdue: Overdue, led_to: LedTo
    ) -> Verdict:
        """Watch until the platform reports an end. A verdict that is not final: `overdue` said not to wait for it."""
        watch = self._watch(action, receipt, led_to)
        if receipt.operation and watch.sure:
            watch.operation = receipt

        async def look(elapsed_s: float) -> Verdict | None:
            return await self._look(watch, elapsed_s)

        given_up = partial(self._given_up, watch, timeout_s=timeout_s)
        end = await self._repeat(action, look, given_up, timeout_s, overdue=overdue)
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
        overdue: Overdue = lambda _: False,
    ) -> Verdict:
        """Call `look` with the seconds since the beginning until there is an end or it is given up."""
        backoff = self._backoff()
        link = self._links[action.intent.service.account]
        pace_s = pace_s or _pace_s
        began = self._clock.monotonic()
        late = False
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
            if end is None and not (late and elapsed_s < LONGEST_S):
                end = given_up(elapsed_s)
            if end is not None and not end.is_final and not late:
                late = overdue(end)
                end = None if late else end
            if end is not None:
                return replace(end, is_final=True) if late else end
            if late:
                wait_s = max(wait_s, OVERDUE_PACE_S)
            await self._clock.sleep(min(wait_s, max(0.1, (LONGEST_S if late else timeout_s) - elapsed_s)))

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

    def _watch(self, action: Action, receipt: Receipt, led_to: LedTo) -> _Watch:
        intent = action.intent
        service = intent.service
        acted_upon = intent.deployment or service.live or service.latest
        if intent.verb in OF_THE_SERVICE or intent.verb in MAKES_NEW:
            acted_upon = None
        target = receipt.deployment or (None if acted_upon is None else acted_upon.ref)
        before = acted_upon if acted_upon is not None and acted_upon.ref == target else None
        if action.deployment is not None:
            led_to(action.deployment)
        return _Watch(
            action,
            led_to,
            sure=receipt.outcome is Outcome.ACCEPTED,
            target=target,
            before=before,
            status_before=service.status if before is None else before.status,
        )

    async def _look(self, watch: _Watch, elapsed_s: float) -> Verdict | None:
        if watch.wants_trace and (watch.traced_s is None or elapsed_s - watch.traced_s >= TRACE_EVERY_S):
            watch.traced_s = elapsed_s
            traced = await self._trace(watch)
            if traced is not None and watch.action.intent.verb in DONE_WHEN_ACCEPTED:
                return Verdict(True, traced.message or "done")
        if watch.operation is not None:
            return await self._ask(watch, watch.operation)
        if watch.looks_for_new:
            return _cancelled(watch.action)
        action = watch.action
        try:
            status = await self._status(watch)
        except NotFound:
            return self._gone(watch)
        watch.not_found, watch.not_found_since = 0, None
        if status is not watch.status_before:
            watch.moved = True
        if not watch.sure and watch.moved and is_trace(action.intent.verb, watch.status_before, status):
            if action.intent.verb in _BY_A_DEPLOYMENT_TOO:
                await self._meet_strangers(watch)
            if watch.stranger is None:
                self._arrived(watch)
        if status is not action.status:
            action.status = status
            self._say(action, word := status.value.replace("_", " "))
            action.lives(word, at=self._clock.now())
        if not watch.sure:
            return None
        return verdict(action.intent.verb, watch.status_before, status, elapsed_s=elapsed_s, moved=watch.moved)

    async def _trace(self, watch: _Watch) -> Receipt | None:
        """Ask the provider for evidence of this request; what it finds is followed as if it had been the reply."""
        if watch.looks_for_new:
            await self._meet_strangers(watch)
        action = watch.action
        link = self._links[action.intent.service.account]
        since = self._asked_at(action) - SAME_MOMENT
        try:
            found = await link.call(Priority.ACTION, lambda provider: provider.trace(action.intent, since))
        except (RateLimited, Unreachable):
            raise
        except ProviderError:  # what it may not read shows nothing; the target's state still may
            return None
        if found is None:
            return None
        if found.deployment is not None and watch.looks_for_new:
            watch.target = action.deployment = found.deployment
            watch.led_to(found.deployment)
            watch.status_before = None
            action.lives(f"deployment {found.deployment.id} found", at=self._clock.now())
        if found.operation and watch.operation is None:
            watch.operation = found
        if not watch.sure:
            self._arrived(watch, found.message)
        return found

    async def _ask(self, watch: _Watch, receipt: Receipt) -> Verdict | None:
        """An operation has a name of its own, and its end does not show on any deployment."""
        action = watch.action
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

    async def _meet_strangers(self, watch: _Watch) -> None:
        """Note the first deployment that began since the action: without evidence it is somebody else's."""
        action = watch.action
        page = await self._newest_page(action)
        earliest = self._asked_at(action) - SKEW
        began = [
            each
            for each in page.items
            if each.ref not in action.known and (each.created_at is None or each.created_at >= earliest)
        ]
        watch.stranger = began[-1] if began else None  # the page is newest first

    def _asked_at(self, action: Action) -> datetime:
        """When it was asked for, by the platform's clock."""
        return action.asked_at + self._links[action.intent.service.account].budget.skew.shift

    async def _newest_page(self, action: Action) -> Page[Deployment]:
        service = action.intent.service
        page = await self._links[service.account].call(Priority.ACTION, lambda provider: provider.deployments(service))
        self._store.put_page(service.ref, page, before=None, at=self._clock.now())
        return page

    async def _status(self, watch: _Watch) -> Status:
        """Read what shows the action's effect. Raises NotFound when it is not there."""
        if watch.is_of_service or watch.target is None:
            return await self._service_status(watch)
        return await self._deployment_status(watch, watch.target)

    async def _service_status(self, watch: _Watch) -> Status:
        intent = watch.action.intent
        status = await self._read_service(intent.service)
        named = intent.deployment
        if named is None or _ends(intent.verb, status) or _ends(intent.verb, named.status):
            return status
        try:  # one that does not serve shows its end alone
            of_deployment = await self._deployment_status(watch, named.ref)
        except NotFound:
            return status
        return of_deployment if _ends(intent.verb, of_deployment) else status

    async def _read_service(self, service: Service) -> Status:
        snapshot = await self._snapshot(service.account)
        for each in snapshot.services:
            if each.ref == service.ref:
                return each.status
        raise NotFound(f"{service.path} is not there any more.")

    async def _deployment_status(self, watch: _Watch, target: Ref) -> Status:
        service = watch.action.intent.service
        deployment = await self._links[service.account].call(
            Priority.ACTION, lambda provider: provider.deployment(target, service)
        )
        self._store.put_deployment(deployment)
        if deployment.ref != target and watch.target == target:  # a queued one has become a deployment with its own id
            watch.target = deployment.ref
            if watch.action.deployment == target:
                watch.action.deployment = deployment.ref
                watch.led_to(deployment.ref)
        if watch.before is not None and _instances(deployment) != _instances(watch.before):
            watch.moved = True
        return deployment.status

    def _gone(self, watch: _Watch) -> Verdict | None:
        if watch.action.intent.verb in TAKES_AWAY:
            return Verdict(True, "it is gone")
        if (cancelled := _cancelled(watch.action)) is not None:
            return cancelled
        now = self._clock.now()
        watch.not_found += 1
        watch.not_found_since = watch.not_found_since or now
        lasts = now - watch.not_found_since >= NOT_FOUND_FOR
        if watch.not_found >= TIMES_NOT_FOUND and lasts:  # a new deployment may not be readable at once
            return Verdict(None, "the platform no longer knows what was to be followed")
        return None

    def _arrived(self, watch: _Watch, what: str = "") -> None:
        watch.sure = True
        watch.action.phase = ActionPhase.ACCEPTED
        watch.action.lives("it did arrive", at=self._clock.now())
        what = what or ("the target changed" if watch.target is None else f"deployment {watch.target.id}")
        self._say(watch.action, f"it did arrive: {what}")

    def _given_up(self, watch: _Watch, elapsed_s: float, *, timeout_s: float) -> Verdict | None:
        """Say what is not known. That an end was not seen in time is no failure, and it may still come."""
        stranger = self._stranger(watch)
        if not watch.sure and elapsed_s >= NO_TRACE_S:
            found = f"no trace of it in {NO_TRACE_S / 60:.0f} min{stranger}"
            return Verdict(None, f"{found}; check the platform before you try again")
        if watch.looks_for_new and watch.operation is None and elapsed_s >= NEVER_APPEARED_S:
            message = f"accepted, but its deployment was not seen within {NEVER_APPEARED_S:.0f} s{stranger}"
            return Verdict(None, message, is_final=False)
        if elapsed_s >= timeout_s:
            status = watch.action.status
            state = f"still {status.value.replace('_', ' ')}" if status is not None else "no end seen"
            return Verdict(None, f"{state} after {elapsed_s / 60:.0f} min", is_final=False)
        return None

    def _stranger(self, watch: _Watch) -> str:
        """Name the deployment that somebody could take for this action's."""
        stranger = watch.stranger if watch.wants_trace else None
        if stranger is None:
            return ""
        creator = f" by {stranger.creator}" if stranger.creator else f" ({revision_name(stranger)})"
        if stranger.created_at is None:
            return f"; a deployment{creator} came since, it may not be yours"
        after_s = (stranger.created_at - self._asked_at(watch.action)).total_seconds()
        when = f"{abs(after_s):.0f} s {'later' if after_s >= 0 else 'earlier'}"
        return f"; a deployment{creator} began {when}, it may not be yours"

    def _say(self, action: Action, message: str) -> None:
        action.message = message
        self._store.touch()


def _pace_s(elapsed_s: float) -> float:
    """Often at first, when somebody surely looks on; less when it drags on."""
    return 1.0 if elapsed_s < 15 else 2.0 if elapsed_s < 120 else 5.0


def _ends(verb: Verb, status: Status) -> bool:
    """Whether a service or deployment in this state is what the verb was to bring about."""
    return status.up if verb is Verb.START else status in (Status.STOPPED, Status.REMOVED)


def _cancelled(action: Action) -> Verdict | None:
    """Its end, where it was cancelled from here before anything of it was to be seen."""
    by = action.cancelled_by
    return Verdict(False, "cancelled from here") if by is not None and by.ok else None


def _instances(deployment: Deployment) -> frozenset[Ref]:
    return frozenset(instance.ref for instance in deployment.instances)
