"""What became of the actions that an earlier session left open: it crashed, or the line dropped. Reads, never acts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tui.engine.actions import FOLLOW_S, ActionService
from tui.engine.audit import ActionPhase, AuditEntry, AuditLog, LifeStep
from tui.engine.bell import Bell
from tui.engine.follow import SAME_MOMENT
from tui.engine.lease import Lease, LeaseHeld
from tui.engine.link import Link
from tui.engine.sessions import may_be_alive, session_name
from tui.engine.store import Store
from tui.engine.verdict import BRINGS_UP, DONE_WHEN_ACCEPTED, GONE, MAKES_NEW, TAKES_AWAY, Verdict
from tui.model.action import Intent, Outcome, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Ref, Service
from tui.model.errors import Forbidden, NotFound, ProviderError
from tui.model.provider import Priority
from tui.model.status import Status
from tui.model.words import clock_time

LOOK_BACK = timedelta(hours=24)
FOLLOWED = timedelta(seconds=2 * FOLLOW_S)
"""After that no session still follows: one of another host, of which nothing else is known, has ended."""
_TAKEN_AWAY_SINCE = frozenset({Status.REMOVED, Status.REMOVING, Status.STOPPED, Status.UNKNOWN})
_WAIT_S = 600.0  # for what cannot be read, or a service that another session acts on; the next start looks again
_LEASE_EVERY_S = 5.0
_AGAIN_S = 10.0  # after what failed
_YOUNG = timedelta(minutes=5)  # its request may still be on its way, and what it brought up has not settled

log = logging.getLogger(__name__)


class Left(Struct, frozen=True):
    """One action that nobody followed to its end: its lines so far, oldest first."""

    lines: tuple[AuditEntry, ...]

    @property
    def asked(self) -> AuditEntry:
        return self.lines[0]

    @property
    def last(self) -> AuditEntry:
        return self.lines[-1]

    @property
    def arrived(self) -> bool:
        return any(line.phase is ActionPhase.ACCEPTED for line in self.lines)

    @property
    def made(self) -> Ref | None:
        return next((line.made for line in reversed(self.lines) if line.made is not None), None)


def left_open(entries: Sequence[AuditEntry], now: datetime) -> list[Left]:
    """Oldest first. What a session that may be alive has asked is its own to follow."""
    by_id: dict[str, list[AuditEntry]] = {}
    for entry in entries:
        by_id.setdefault(entry.id, []).append(entry)
    return [Left(tuple(lines)) for lines in by_id.values() if _is_left(lines, now)]


def _is_left(lines: Sequence[AuditEntry], now: datetime) -> bool:
    if any(line.phase in (ActionPhase.REFUSED, ActionPhase.FINAL) for line in lines):
        return False
    last = lines[-1]
    if last.session == session_name() or now - lines[0].at > LOOK_BACK:
        return False
    return not may_be_alive(last.session) or now - last.at > FOLLOWED


class Recheck:
    """Once after the start. `told` has a line for each, for the screen; the audit has it as `final`.

    What is young or still in flight, and what has only just come up, is followed to its end like an action of this
    session, and holds its lease meanwhile. Only the session that holds an action's lease writes its end: of two that
    start together, the first. Of what cannot be read no end is written.
    """

    def __init__(
        self,
        links: Mapping[str, Link],
        store: Store,
        audit: AuditLog,
        actions: ActionService,
        clock: Clock,
        user: Callable[[], str],
    ) -> None:
        self.told: tuple[AuditEntry, ...] = ()
        self._links = links
        self._store = store
        self._audit = audit
        self._actions = actions
        self._clock = clock
        self._user = user

    async def run(self) -> None:
        now = self._clock.now()
        entries = await self._entries(now - LOOK_BACK)
        left = [each for each in left_open(entries, now) if each.asked.account in self._links]
        async with asyncio.TaskGroup() as group:
            for account in dict.fromkeys(each.asked.account for each in left):
                group.create_task(self._look_at(account, [each for each in left if each.asked.account == account]))

    async def _entries(self, since: datetime) -> Sequence[AuditEntry]:
        """Off the event loop where they are in a file, which may be a long one."""
        path = self._audit.path
        return self._audit.read(since) if path is None else await asyncio.to_thread(AuditLog(path).read, since)

    async def _look_at(self, account: str, left: Sequence[Left]) -> None:
        if not await self._fresh(account):
            log.info("%s: not read, so that nothing is known of %d open actions", account, len(left))
            return
        for each in left:
            await self._take_up(each)

    async def _take_up(self, left: Left) -> None:
        service = await self._present(left.asked)
        if service is None:
            if self._is_whole(left.asked.account):
                self._write(left, Verdict(None, f"not known any more: {left.asked.target} is not there"))
            return
        try:
            intent = self._intent(left, service)
        except ValueError:
            self._write(left, Verdict(None, f"not known any more: {left.asked.verb} is no action"))
            return
        lease = await self._lease(intent, left.asked)
        if lease is None or self._is_final(left.asked):
            if lease is not None:
                lease.release()
            return
        became = await self._read(left, intent)
        if isinstance(became, Receipt):
            self._actions.take_up(became, lease)
            return
        if became is not None:
            self._write(left, became)
        lease.release()

    async def _present(self, asked: AuditEntry) -> Service | None:
        """Wait for the service, as long as it may only be unread."""
        until = self._clock.monotonic() + _WAIT_S
        while (service := self._service(asked)) is None and not self._is_whole(asked.account):
            if self._clock.monotonic() >= until:
                log.info("%s: cannot be read, so that nothing is known of what was asked", asked.target)
                return None
            await self._clock.sleep(_AGAIN_S)
        return service

    def _is_whole(self, account: str) -> bool:
        snapshot = self._store.accounts[account].snapshot
        return snapshot is not None and snapshot.is_complete

    async def _read(self, left: Left, intent: Intent) -> Verdict | Receipt | None:
        """Try until the platform answers. None: it did not."""
        until = self._clock.monotonic() + _WAIT_S
        while True:
            try:
                return await self._became(left, intent)
            except (Forbidden, NotFound) as error:
                return Verdict(None, f"not known any more: {error.message}")
            except ProviderError as error:
                if self._clock.monotonic() >= until:
                    log.info("%s: not read, so that nothing is known of it: %s", left.asked.target, error)
                    return None
            await self._clock.sleep(_AGAIN_S)

    def _intent(self, left: Left, service: Service) -> Intent:
        """The action as it was asked for, as far as the audit has it. Raises ValueError for an unknown verb."""
        asked = left.asked
        deployment = None if asked.deployment is None else self._store.deployment(asked.deployment)
        return self._actions.intent(Verb(asked.verb), service, deployment, reason=asked.reason, id_=asked.id)

    async def _lease(self, intent: Intent, asked: AuditEntry) -> Lease | None:
        """Wait while another session acts on the service. None: it did so for too long; the next start looks again."""
        until = self._clock.monotonic() + _WAIT_S
        while True:
            try:
                return self._actions.lease(intent, intent.verb, asked.at)
            except LeaseHeld:
                if self._clock.monotonic() >= until:
                    return None
            except OSError as error:
                log.info("%s: the lease cannot be taken: %s", asked.target, error)
                return None
            await self._clock.sleep(_LEASE_EVERY_S)

    def _is_final(self, asked: AuditEntry) -> bool:
        """Another session has written its end meanwhile."""
        return any(line.id == asked.id and line.phase is ActionPhase.FINAL for line in self._audit.read(asked.at))

    async def _fresh(self, account: str) -> bool:
        """Waits for a picture of this session. False: none came; the next start looks again."""
        news = Bell(self._clock)
        unwatch = self._store.watch(news.ring)
        until = self._clock.monotonic() + _WAIT_S
        try:
            while (state := self._store.accounts[account]).snapshot is None or state.from_cache:
                if self._clock.monotonic() >= until:
                    return False
                await news.wait(_WAIT_S / 10)
        finally:
            unwatch()
        return True

    async def _became(self, left: Left, intent: Intent) -> Verdict | Receipt:
        """Return how it ended; the receipt to follow while it is still under way. Raises ProviderError."""
        verb, service = intent.verb, intent.service
        if verb in DONE_WHEN_ACCEPTED and left.arrived:  # it would have had its end with the answer
            return Verdict(True, "accepted")
        became: Verdict | Receipt
        found: Receipt | None = None
        if verb in MAKES_NEW:
            found = await self._evidence(left, intent)
            became = await self._of_new(left, intent, found)
        elif verb in TAKES_AWAY or verb is Verb.APPROVE:
            became = await self._of_named(verb, left, service)
        elif verb in DONE_WHEN_ACCEPTED:
            became = Verdict(None, f"not known any more: {_now(service)}")
        else:
            became = _of_service(verb, left, service)
        if isinstance(became, Receipt):
            return became
        may_change = self._clock.now() - left.asked.at < _YOUNG and (not became.ok or verb in BRINGS_UP)
        if became.is_final and not may_change:
            return became
        if verb not in MAKES_NEW:
            found = await self._evidence(left, intent)
        return found or self._receipt(intent, left, None)

    def _service(self, asked: AuditEntry) -> Service | None:
        """By its reference; a line of an older version has only the path."""
        if asked.service is not None:
            return self._store.service(asked.service)
        return next((each for each in self._store.services() if each.path == asked.target), None)

    async def _of_new(self, left: Left, intent: Intent, found: Receipt | None) -> Verdict | Receipt:
        """`found` is the evidence of it, None where there is none."""
        service = intent.service
        made = None if found is None or found.deployment is None else await self._named(found.deployment, service)
        if made is None:
            if found is not None and found.operation:
                return found
            since = clock_time(left.asked.at, self._clock.now())
            return Verdict(None, f"not known any more: no deployment since {since} is surely its own; {_now(service)}")
        has_just_come_up = made.status.up and self._clock.now() - left.asked.at < timedelta(seconds=FOLLOW_S)
        if made.status.in_flight or made.status is Status.NEEDS_APPROVAL or has_just_come_up:
            return self._receipt(intent, left, made.ref)
        went_live = made.status.up or made.status is Status.SUPERSEDED
        ok = None if made.status in _TAKEN_AWAY_SINCE else went_live
        return Verdict(ok, f"found {_word(made)}: deployment {made.id}")

    async def _evidence(self, left: Left, intent: Intent) -> Receipt | None:
        """Return what the action led to, by its own lines or by what the platform shows of this very request."""
        if left.made is not None:
            return self._receipt(intent, left, left.made)
        link = self._links[intent.service.account]
        since = left.asked.at + link.budget.skew.shift - SAME_MOMENT
        return await link.call(Priority.FOCUSED, lambda provider: provider.trace(intent, since))

    def _receipt(self, intent: Intent, left: Left, made: Ref | None) -> Receipt:
        """Return the platform's word as far as it is known: a deployment that was made says that it arrived."""
        outcome = Outcome.ACCEPTED if left.arrived or made is not None else Outcome.UNKNOWN
        return Receipt(intent, outcome, left.asked.at, message="taken up again", deployment=made)

    async def _named(self, ref: Ref, service: Service) -> Deployment | None:
        link = self._links[service.account]
        try:
            return await link.call(Priority.FOCUSED, lambda provider: provider.deployment(ref, service))
        except NotFound:
            return None

    async def _of_named(self, verb: Verb, left: Left, service: Service) -> Verdict:
        ref = left.asked.deployment
        if ref is None and service.latest is not None and left.asked.from_ in _names(service.latest):
            ref = service.latest.ref
        if ref is None:
            return Verdict(None, f"not known any more: which deployment was meant is not written; {_now(service)}")
        meant = ref
        link = self._links[service.account]
        try:
            found = await link.call(Priority.FOCUSED, lambda provider: provider.deployment(meant, service))
        except NotFound:
            return Verdict(verb in TAKES_AWAY or None, "found gone")
        word = f"found {_word(found)}"
        if verb is Verb.APPROVE:
            if found.status is Status.NEEDS_APPROVAL:  # another approval may be missing
                return Verdict(None, word)
            went_on = found.status not in GONE
            return Verdict(went_on if went_on or left.arrived else None, word)
        if found.status in GONE:
            return Verdict(True, word)
        if verb is not Verb.REMOVE and found.status.bad:  # as some platforms call what was cancelled or rejected
            return Verdict(True if left.arrived else None, word)
        is_under_way = found.status.in_flight or found.status is Status.REMOVING
        return Verdict(None if is_under_way else False, word, is_final=not (is_under_way and left.arrived))

    def _write(self, left: Left, verdict: Verdict) -> None:
        asked, now = left.asked, self._clock.now()
        lived = [LifeStep(line.at, str(line.phase)) for line in left.lines]
        entry = AuditEntry(
            at=now,
            user=self._user(),
            account=asked.account,
            verb=asked.verb,
            target=asked.target,
            phase=ActionPhase.FINAL,
            id=asked.id,
            from_=asked.from_,
            to=left.last.to,
            reason=asked.reason,
            message=verdict.message,
            ok=verdict.ok,
            service=asked.service,
            deployment=asked.deployment,
            made=left.made,
            before=asked.before,
            newest=asked.newest,
            session=session_name(),
            steps=(*lived, LifeStep(now, f"looked at again: {verdict.message}")),
        )
        try:
            self._audit.append(entry)
        except OSError as error:
            log.error("the audit log cannot be written", exc_info=error)  # noqa: TRY400 - the trace is of no use here
        self.told = (*self.told, entry)
        self._store.touch()


def _of_service(verb: Verb, left: Left, service: Service) -> Verdict:
    """Read off the service: that it is so now does not say who made it so, unless the platform had said yes."""
    down = service.status in (Status.STOPPED, Status.REMOVED)
    as_wanted = down if verb is Verb.STOP else service.status.up
    if as_wanted and (left.arrived or verb is not Verb.RESTART):
        return Verdict(True, f"found {_word(service)}")
    if service.status.bad and left.arrived and verb is not Verb.STOP:
        return Verdict(False, f"found {_word(service)}")
    is_under_way = left.arrived and service.status.in_flight
    return Verdict(None, f"not known any more: {_now(service)}", is_final=not is_under_way)


def _now(service: Service) -> str:
    return f"{service.name} is {_word(service)} now"


def _word(one: Deployment | Service) -> str:
    return one.status.value.replace("_", " ")


def _names(deployment: Deployment) -> tuple[str, ...]:
    revision = deployment.revision
    return (deployment.id, *(() if revision is None else (revision.short,)))
