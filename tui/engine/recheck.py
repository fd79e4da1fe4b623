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
from tui.engine.follow import SKEW
from tui.engine.link import Link
from tui.engine.sessions import may_be_alive, session_name
from tui.engine.store import Store
from tui.engine.verdict import DONE_WHEN_ACCEPTED, GONE, MAKES_NEW, TAKES_AWAY, Verdict
from tui.model.action import Outcome, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import NotFound, ProviderError
from tui.model.provider import Priority
from tui.model.status import Status

LOOK_BACK = timedelta(hours=24)
FOLLOWED = timedelta(seconds=2 * FOLLOW_S)
"""After that no session still follows: one of another host, of which nothing else is known, has ended."""
_TAKEN_AWAY_SINCE = frozenset({Status.REMOVED, Status.REMOVING, Status.STOPPED, Status.UNKNOWN})
_WAIT_S = 600.0  # for an account that cannot be read

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

    What is still in flight is followed to its end like an action of this session, and holds its lease meanwhile.
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
            try:
                verdict = await self._became(each)
            except ProviderError as error:
                verdict = Verdict(None, f"cannot be told any more: {error.message}")
            if verdict is not None:
                self._write(each, verdict)

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

    async def _became(self, left: Left) -> Verdict | None:
        """None: it is under way still, and followed from here. Raises ProviderError."""
        service = self._service(left.asked)
        if service is None:
            return Verdict(None, f"cannot be told any more: {left.asked.target} is not there")
        try:
            verb = Verb(left.asked.verb)
        except ValueError:
            return Verdict(None, f"cannot be told any more: {left.asked.verb} is no action")
        if verb in MAKES_NEW:
            return await self._of_new(verb, left, service)
        if verb in TAKES_AWAY or verb is Verb.APPROVE:
            return await self._of_named(verb, left, service)
        if verb in DONE_WHEN_ACCEPTED:  # it would have had its end with the answer
            return (
                Verdict(True, "accepted")
                if left.arrived
                else Verdict(None, f"cannot be told any more: {_now(service)}")
            )
        return _of_service(verb, left, service)

    def _service(self, asked: AuditEntry) -> Service | None:
        """By its reference; a line of an older version has only the path."""
        if asked.service is not None:
            return self._store.service(asked.service)
        return next((each for each in self._store.services() if each.path == asked.target), None)

    async def _of_new(self, verb: Verb, left: Left, service: Service) -> Verdict | None:
        made = await self._made(left, service)
        if made is None:
            since = f"{left.asked.at.astimezone():%H:%M}"
            return Verdict(None, f"cannot be told any more: no deployment of {since} is its own; {_now(service)}")
        if made.status.in_flight or made.status is Status.NEEDS_APPROVAL:
            self._follow(verb, left, service, made)
            return None
        went_live = made.status.up or made.status is Status.SUPERSEDED
        ok = None if made.status in _TAKEN_AWAY_SINCE else went_live
        return Verdict(ok, f"found {_word(made)}: deployment {made.id}")

    async def _made(self, left: Left, service: Service) -> Deployment | None:
        """The deployment that its lines name; else the first that came after it was asked for."""
        link = self._links[service.account]
        if left.made is not None:
            named = left.made
            try:
                return await link.call(Priority.FOCUSED, lambda provider: provider.deployment(named, service))
            except NotFound:
                return None
        page = await link.call(Priority.FOCUSED, lambda provider: provider.deployments(service))
        newer = []
        for each in page.items:
            if each.ref == left.asked.newest:
                break
            if each.created_at is not None and each.created_at >= left.asked.at - SKEW:
                newer.append(each)
        return newer[-1] if newer else None

    async def _of_named(self, verb: Verb, left: Left, service: Service) -> Verdict:
        ref = left.asked.deployment
        if ref is None and service.latest is not None and left.asked.from_ in _names(service.latest):
            ref = service.latest.ref
        if ref is None:
            return Verdict(None, f"cannot be told any more: which deployment was meant is not written; {_now(service)}")
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
        return Verdict(None if found.status.in_flight else False, word)

    def _follow(self, verb: Verb, left: Left, service: Service, made: Deployment) -> None:
        self._actions.take_up(
            Receipt(
                self._actions.intent(verb, service, reason=left.asked.reason, id_=left.asked.id),
                Outcome.ACCEPTED,
                left.asked.at,
                message="taken up again",
                deployment=Ref(service.account, Kind.DEPLOYMENT, made.id),
            )
        )

    def _write(self, left: Left, verdict: Verdict) -> None:
        """Unless another session, started beside this one, has said it meanwhile."""
        asked, now = left.asked, self._clock.now()
        if any(line.id == asked.id and line.phase is ActionPhase.FINAL for line in self._audit.read(asked.at)):
            return
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
    return Verdict(None, f"cannot be told any more: {_now(service)}")


def _now(service: Service) -> str:
    return f"{service.name} is {_word(service)} now"


def _word(one: Deployment | Service) -> str:
    return one.status.value.replace("_", " ")


def _names(deployment: Deployment) -> tuple[str, ...]:
    revision = deployment.revision
    return (deployment.id, *(() if revision is None else (revision.short,)))
