"""The only way to a mutation: asked for as a value, leased, audited before and after, followed to its end."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from random import Random
from types import MappingProxyType
from typing import Any

from tui.engine.action import Action
from tui.engine.audit import ActionPhase, AuditEntry, AuditLog, current_user
from tui.engine.batch import Batch
from tui.engine.follow import Follower, Overdue
from tui.engine.lease import Holder, Lease, LeaseHeld, Leases
from tui.engine.link import Fault, Link
from tui.engine.sessions import session_name
from tui.engine.store import Store
from tui.engine.verdict import DONE_WHEN_ACCEPTED, GONE, Verdict
from tui.model.action import Effect, Intent, Outcome, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Ref, Service
from tui.model.errors import ProviderError, RateLimited, Refused, UnexpectedReply, Unreachable
from tui.model.provider import Priority
from tui.model.text import plain

__all__ = ["FOLLOW_S", "Action", "ActionPhase", "ActionService"]

FOLLOW_S = 30 * 60.0
RECENT = 200

log = logging.getLogger(__name__)


class ActionService:
    """Every mutation passes `perform`. Nothing here asks a person: the screen or the command line did."""

    def __init__(
        self,
        links: Mapping[str, Link],
        store: Store,
        audit: AuditLog,
        clock: Clock,
        random: Random,
        *,
        read_only: bool,
        poke: Callable[[str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        follower: Follower,
        leases: Leases,
        at_once: int = 3,
    ) -> None:
        """`at_once`: of several started together, how many may be under way."""
        self.read_only = read_only
        self._leases = leases
        self._links = links
        self._store = store
        self._audit = audit
        self._clock = clock
        self._random = random
        self._poke = poke
        self._spawn = spawn
        self._follower = follower
        self._user = current_user()
        self.at_once = at_once
        self.batch: Batch | None = None
        self._held: dict[Action, Lease] = {}
        self._running: dict[Ref, Action] = {}
        self._cancelling: dict[Ref, Action] = {}  # beside the one whose deployment is cancelled
        self._recent: deque[Action] = deque(maxlen=RECENT)

    @property
    def running(self) -> Mapping[Ref, Action]:
        """By lease: asked, accepted or unknown, and not final yet."""
        return MappingProxyType({**self._cancelling, **self._running})

    @property
    def under_way(self) -> Sequence[Action]:
        """All that run, newest first: the cancelling of another one too."""
        both = [*self._running.values(), *self._cancelling.values()]
        return sorted(both, key=_asked_at)[::-1]

    @property
    def recent(self) -> Sequence[Action]:
        """Newest first, those under way among them."""
        return tuple(self._recent)

    def blocked(self, verb: Verb, service: Service, deployment: Deployment | None = None) -> str | None:
        """Why not now, in words for the screen; None when it can be tried."""
        link = self._links[service.account]
        if self.read_only:
            return "deckwatch runs read-only: start it without --read-only to act."
        if link.account.read_only:
            return f"{service.account} is read-only by the configuration."
        if (reason := self._picture_in_doubt(service.account)) is not None:
            return reason
        if self._store.is_old(service):
            return f"{service.environment_name} could not be read the last time; wait for fresh data."
        if (held := self._holder(verb, service, deployment)) is not None:
            return f"{held.intent.verb} of {service.name} has been running for {self._since(held.asked_at)}."
        provider = link.connected
        if provider is None:
            return f"{service.account} is not connected yet."
        try:
            with link.contained():
                return provider.blocked(verb, service if deployment is None else deployment)
        except ProviderError as error:
            return str(error)

    def _holder(self, verb: Verb, service: Service, deployment: Deployment | None) -> Action | None:
        """The action that must end first. What one made may be cancelled while it is still followed."""
        held = self._cancelling.get(service.ref) or self._running.get(service.ref)
        if held is None or not _may_cancel(held, verb, deployment):
            return held
        return None

    def _since(self, at: datetime) -> str:
        return f"{max(0.0, (self._clock.now() - at).total_seconds()):.0f} s"

    def verbs(self, service: Service, deployment: Deployment | None = None) -> Mapping[Verb, str | None]:
        """Every verb with the reason why not now, or None."""
        return {verb: self.blocked(verb, service, deployment) for verb in Verb}

    def intent(
        self,
        verb: Verb,
        service: Service,
        deployment: Deployment | None = None,
        *,
        reason: str = "",
        options: Mapping[str, str] = MappingProxyType({}),
        id_: str = "",
    ) -> Intent:
        """`id_`: of an earlier session's, that is only followed."""
        return Intent(
            id=id_ or f"{self._random.getrandbits(64):016x}",
            verb=verb,
            service=service,
            deployment=deployment,
            reason=plain(reason),
            options=dict(options),
            production=self.is_production(service),
        )

    def options(self, verb: Verb, service: Service) -> Mapping[str, str]:
        """The verb's own options on this service's platform: name -> help; empty before it is connected."""
        connected = self._links[service.account].connected
        handler = connected.handlers.get(verb) if connected is not None else None
        return {} if handler is None else handler.options

    def redeploys_as_it_was(self, account: str) -> bool:
        """Whether a redeploy of an older deployment brings back what that one was; False before it is connected."""
        connected = self._links[account].connected
        return connected is not None and connected.redeploys_as_it_was

    def effect(self, intent: Intent) -> Effect:
        """What it would do, for the dialog. Raises Refused where it cannot be told because it cannot be done."""
        link = self._links[intent.service.account]
        if link.connected is None:
            raise Refused(f"{link.account.name} is not connected yet.")
        handler = link.connected.handlers.get(intent.verb)
        if handler is None:
            raise Refused(link.connected.lacks.get(intent.verb, f"{link.account.title} cannot {intent.verb}."))
        with link.contained():
            return handler.effect(intent)

    async def perform(self, intent: Intent) -> Receipt:
        """Does it, once; never again by itself. The lease is held until `follow` ends, or the platform refuses.

        Raises Refused before anything was sent: it is blocked now, or the audit log cannot be written. What the
        platform says, or fails to say, is in the receipt.
        """
        return await self._call(self._begin(intent))

    def start(self, intent: Intent) -> Action:
        """Performs and follows in the background. Blocked: the action comes back refused."""
        action = self._started(intent)
        if action.ended_at is None:
            self._spawn(self._see_through(action, asyncio.Event()))
        return action

    def _started(self, intent: Intent) -> Action:
        try:
            return self._begin(intent)
        except Refused as error:
            return self._refused(intent, error.message)

    def _refused(self, intent: Intent, why: str) -> Action:
        """Nothing was sent."""
        now = self._clock.now()
        action = Action(intent, ActionPhase.REFUSED, now, message=why, ended_at=now, ok=False)
        self._recent.appendleft(action)
        self._store.touch()
        return action

    async def follow(self, intent: Intent, receipt: Receipt, timeout_s: float = FOLLOW_S) -> Action:
        """Watch until the platform reports a final state, and audit it. A refused one has ended already.

        Where no end is seen within `timeout_s` the action comes back overdue, without a final line: the next session
        takes it up.
        """
        action = self._known(intent) or self._adopted(intent, receipt)
        await self._follow(action, receipt, timeout_s, overdue=lambda: False)
        return action

    async def _follow(self, action: Action, receipt: Receipt, timeout_s: float, overdue: Callable[[], bool]) -> None:
        """`overdue` is called when its end was not seen in time; True: it is followed on."""

        def overrun(verdict: Verdict) -> bool:
            action.overrun(verdict, at=self._clock.now())
            self._write(action, ActionPhase.UNKNOWN)
            self._release(action)
            return overdue()

        if action.ended_at is not None:
            return
        end = await self._end(action, receipt, timeout_s, overrun)
        if not end.is_final:
            return
        if not end.ok and action.status in GONE and _was_cancelled(action):
            end = Verdict(False, "cancelled from here")
        action.end(end, at=self._clock.now())
        self._write(action, ActionPhase.FINAL)
        self._release(action)

    def take_up(self, receipt: Receipt, lease: Lease) -> None:
        """Follow in the background what an earlier session asked for; sends nothing. Owns the lease from here on."""
        action = self._adopted(receipt.intent, receipt, lease)
        self._spawn(self._follow_on(action, receipt, asyncio.Event()))

    def start_many(self, intents: Sequence[Intent]) -> Batch:
        """Each as `start` does, some at once; after the first that fails no other is asked. One batch at a time.

        Raises Refused while another one runs.
        """
        if self.batch is not None and not self.batch.ended:
            raise Refused("Several actions are under way together: wait for their end, or stop the rest.")
        self.batch = Batch(tuple(intents))
        self._spawn(self.batch.run(self.at_once, start=self._ask, left=self._left, moved=self._store.touch))
        return self.batch

    async def _ask(self, intent: Intent, arrived: Callable[[Action], None]) -> Action:
        action = self._started(intent)
        arrived(action)
        if action.ended_at is None:
            decided = asyncio.Event()
            self._spawn(self._see_through(action, decided))
            await decided.wait()
        return action

    def _left(self, intent: Intent, why: str) -> None:
        """One that was confirmed and never asked for: its only line in the audit."""
        action = self._refused(intent, f"not asked: {why}")
        self._write(action, ActionPhase.REFUSED)

    async def _end(self, action: Action, receipt: Receipt, timeout_s: float, overdue: Overdue) -> Verdict:
        if action.intent.verb in DONE_WHEN_ACCEPTED and receipt.outcome is Outcome.ACCEPTED:
            return Verdict(True, receipt.message or "done")

        def led_to(deployment: Ref) -> None:
            if (lease := self._held.get(action)) is not None:
                lease.led_to(deployment)

        return await self._follower.follow(action, receipt, timeout_s, overdue=overdue, led_to=led_to)

    async def _see_through(self, action: Action, decided: asyncio.Event) -> None:
        """Perform and follow. `decided` is set when it has ended or is overdue: nobody should wait any longer."""
        await self._follow_on(action, await self._call(action), decided)

    async def _follow_on(self, action: Action, receipt: Receipt, decided: asyncio.Event) -> None:
        def overdue() -> bool:
            decided.set()
            return True

        try:
            await self._follow(action, receipt, FOLLOW_S, overdue)
        finally:
            decided.set()

    def _begin(self, intent: Intent) -> Action:
        """Check, lease and audit, without a chance for anything to come between. Raises Refused."""
        service = self._store.service(intent.service.ref)
        if service is None:
            raise Refused(f"{intent.service.path} is not there any more.")
        deployment = intent.deployment and (self._store.deployment(intent.deployment.ref) or intent.deployment)
        if (reason := self.blocked(intent.verb, service, deployment)) is not None:
            raise Refused(reason)
        action = Action(
            intent,
            ActionPhase.ASKED,
            self._clock.now(),
            known=self._known_deployments(service),
            cancels=self._running.get(intent.lease),
        )
        lease = self._take(action)
        try:
            self._audit.append(self._entry(action, ActionPhase.ASKED))
        except OSError as error:
            lease.release()
            raise Refused(f"Nothing was done: the audit log cannot be written ({_why(error)}).") from error
        if action.cancels is not None:
            action.cancels.cancelled_by = action
        self._hold(action, lease)
        self._recent.appendleft(action)
        self._store.touch()
        return action

    def _take(self, action: Action) -> Lease:
        """Raises Refused, naming the holder, while another process acts on the service."""
        intent = action.intent
        try:
            return self.lease(intent, intent.verb, action.asked_at)
        except LeaseHeld as error:
            raise Refused(self._held_by(intent, error.holder)) from None
        except OSError as error:
            raise Refused(f"Nothing was done: its lock file cannot be written ({_why(error)}).") from error

    def lease(self, intent: Intent, verb: str, since: datetime) -> Lease:
        """Take the lease of the intent's service, over all processes. Raises LeaseHeld, OSError."""
        account = self._links[intent.service.account].account
        holder = Holder(self._user, session_name(), verb, since)
        return self._leases.take(intent, account.host, account.provider, holder)

    def _held_by(self, intent: Intent, holder: Holder | None) -> str:
        if holder is None:
            return f"Another deckwatch on this machine acts on {intent.service.name} now: wait for its end."
        whose = f"{holder.user} ({holder.process})" if holder.process else holder.user
        return f"{holder.verb} of {intent.service.name} by {whose} has been running for {self._since(holder.since)}."

    async def _call(self, action: Action) -> Receipt:
        intent = action.intent
        link = self._links[intent.service.account]
        try:
            receipt = await link.call(Priority.ACTION, lambda provider: provider.handlers[intent.verb].run(intent))
        except asyncio.CancelledError:
            action.message = "deckwatch was closed before the answer came"
            self._write(action, ActionPhase.UNKNOWN)
            raise
        except ProviderError as error:
            receipt = Receipt(intent, _outcome(error), self._clock.now(), message=str(error))
        action.take(receipt)
        self._write(action, action.phase)
        if action.phase is ActionPhase.REFUSED:
            self._release(action)
        else:
            self._store.touch()
        self._poke(intent.service.account)
        return receipt

    def close(self) -> None:
        """Give back every lease: what is still under way is the next session's to take up."""
        while self._held:
            self._held.popitem()[1].release()

    def _picture_in_doubt(self, account: str) -> str | None:
        """What is acted upon must be what is seen. A budget that ran dry is no doubt: its rest is kept for actions."""
        state = self._store.accounts[account]
        if state.snapshot is None and state.error is None:
            return f"{account} has not been read yet."
        if state.error is not None and not (isinstance(state.error, RateLimited) and state.snapshot is not None):
            return f"{account} cannot be read now: {state.error.message}"
        if state.from_cache:
            return "The picture is from the last session; wait for fresh data."
        return None

    def is_production(self, service: Service) -> bool:
        """Whether its environment wants the typed confirmation."""
        name = service.environment_name.casefold()
        return any(fnmatchcase(name, each.casefold()) for each in self._links[service.account].account.production)

    def _known_deployments(self, service: Service) -> frozenset[Ref]:
        timeline = self._store.timeline(service.ref)
        return frozenset() if timeline is None else frozenset(each.ref for each in timeline.deployments)

    def _known(self, intent: Intent) -> Action | None:
        return next((action for action in self._recent if action.intent.id == intent.id), None)

    def _adopted(self, intent: Intent, receipt: Receipt, lease: Lease | None = None) -> Action:
        """Begin an action here whose receipt came from elsewhere."""
        action = Action(intent, ActionPhase.ASKED, receipt.at, known=self._known_deployments(intent.service))
        action.take(receipt)
        self._recent.appendleft(action)
        if action.ended_at is None and lease is not None:
            self._hold(action, lease)
        return action

    def _hold(self, action: Action, lease: Lease) -> None:
        running = self._running if action.cancels is None else self._cancelling
        running[action.intent.lease] = action
        self._held[action] = lease

    def _release(self, action: Action) -> None:
        for running in (self._running, self._cancelling):
            if running.get(action.intent.lease) is action:
                del running[action.intent.lease]
        if (lease := self._held.pop(action, None)) is not None:
            lease.release()
        self._store.touch()
        self._poke(action.intent.service.account)

    def _write(self, action: Action, phase: ActionPhase) -> None:
        """What came of it. It has happened, so a full disk no longer stops it, but it is said."""
        try:
            self._audit.append(self._entry(action, phase))
        except OSError as error:
            log.error("the audit log cannot be written", exc_info=error)  # noqa: TRY400 - the trace is of no use here
            action.message = f"{action.message} (the audit log could not be written: {error.strerror})".strip()

    def _entry(self, action: Action, phase: ActionPhase) -> AuditEntry:
        return action.entry(phase, at=self._clock.now(), user=self._user, session=session_name())


def _may_cancel(held: Action, verb: Verb, deployment: Deployment | None) -> bool:
    return (
        verb is Verb.CANCEL
        and held.intent.verb is not Verb.CANCEL
        and deployment is not None
        and held.deployment == deployment.ref
    )


def _was_cancelled(action: Action) -> bool:
    by = action.cancelled_by
    return by is not None and by.phase is not ActionPhase.REFUSED


def _why(error: OSError) -> str:
    return error.strerror or str(error) or "the system gave no reason"


def _asked_at(action: Action) -> datetime:
    return action.asked_at


def _outcome(error: ProviderError) -> Outcome:
    """REFUSED only where the platform's answer says that nothing was done."""
    doubtful = isinstance(error, Unreachable | UnexpectedReply | Fault) or type(error) is ProviderError
    return Outcome.UNKNOWN if doubtful else Outcome.REFUSED
