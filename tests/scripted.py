"""A platform in memory: an implementation of the port whose answers a test sets. The wire has its own tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

from tests.entities import ACCOUNT, NOW
from tui.credentials import Secret
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.engine.notes import Notes
from tui.model.action import Danger, Effect, Intent, Outcome, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Changes, Deployment, Page, Ref, Service, Snapshot, Step
from tui.model.errors import NotFound, ProviderError, Refused
from tui.model.log import Cursor, LogEntry, LogKind, LogSource
from tui.model.provider import Connection, Credential, Handler, Meter, Provider
from tui.model.skew import Skew


class FrozenClock:
    """The hour stands still, waiting is real."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class ScriptedProvider(Provider):
    name: ClassVar[str] = "scripted"
    title: ClassVar[str] = "Scripted"
    log_kinds: ClassVar[frozenset[LogKind]] = frozenset({LogKind.BUILD, LogKind.RUNTIME})
    lacks: ClassVar[Mapping[Verb | LogKind, str]] = {
        LogKind.HTTP: "Scripted has no HTTP log. Read the runtime log.",
        **{
            verb: f"Scripted has no {verb}: use redeploy."
            for verb in (Verb.START, Verb.REJECT, Verb.RECORD, Verb.SET_STATUS)
        },
    }

    def __init__(self, connection: Connection, *, meter: Meter, clock: Clock) -> None:
        self.connection = connection
        self.meter = meter
        self.clock = clock
        self.services: list[Service] = []
        self.history: dict[Ref, list[Deployment]] = {}
        self.odd_rows: tuple[str, ...] = ()  # of every timeline
        self.taken: dict[Ref, tuple[Step, ...]] = {}
        self.steps_asked: list[str] = []  # ids of deployments
        self.brought: dict[Ref, Changes] = {}  # what a deployment not named here brought is the port's own answer
        self.compared: list[tuple[str, str | None]] = []  # the deployments whose changes were asked for, over which
        self.lines: dict[tuple[Ref, LogKind], list[LogEntry]] = {}
        self.problems: tuple[str, ...] = ()
        self.unread: tuple[Ref, ...] = ()
        self.error: ProviderError | None = None
        self.log_error: ProviderError | None = None
        self.changes_error: ProviderError | None = None
        self.changes_gate: asyncio.Event | None = None  # as `gate`, of the changes
        self.history_error: ProviderError | None = None
        self.history_gate: asyncio.Event | None = None  # as `gate`, of the timelines
        self.gate: asyncio.Event | None = None  # while it is set and not open, no snapshot answers
        self.performed: list[Intent] = []
        self.reply: ProviderError | None = None
        self.own: set[str] = set()  # ids of the deployments that this token's requests made
        self._more = asyncio.Event()
        self.danger = Danger.ASK  # of every effect
        self.options: dict[Verb, dict[str, str]] = {}
        self.set_handlers()

    def set_handlers(self) -> None:
        """Anew, after `options` were changed."""
        self.handlers = {
            verb: Handler(self._perform, self._effect, self.options.get(verb, {}))
            for verb in Verb
            if verb not in self.lacks
        }

    async def check(self) -> Credential:
        return Credential("scripted token", "everything")

    async def snapshot(self) -> Snapshot:
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Snapshot(
            self.connection.account,
            self.clock.now(),
            services=tuple(self.services),
            problems=self.problems,
            unread=self.unread,
        )

    async def deployments(self, service: Service, before: str | None = None, limit: int = 50) -> Page[Deployment]:
        if self.history_gate is not None:
            await self.history_gate.wait()
        if self.history_error is not None:
            raise self.history_error
        items = self.history.get(service.ref, [d for d in (service.latest,) if d is not None])
        return Page(tuple(items), problems=self.odd_rows)

    async def deployment(self, ref: Ref, service: Service) -> Deployment:
        known: list[Deployment | None] = [*self.history.get(service.ref, ()), service.latest, service.live]
        for each in known:
            if each is not None and each.ref == ref:
                return each
        raise NotFound(f"There is no deployment {ref.id}.")

    async def steps(self, deployment: Deployment) -> tuple[Step, ...]:
        self.steps_asked.append(deployment.id)
        return self.taken.get(deployment.ref, ())

    async def changes(self, deployment: Deployment, before: Deployment | None) -> Changes:
        self.compared.append((deployment.id, None if before is None else before.id))
        if self.changes_gate is not None:
            await self.changes_gate.wait()
        if self.changes_error is not None:
            raise self.changes_error
        known = self.brought.get(deployment.ref)
        return await super().changes(deployment, before) if known is None else known

    async def logs(self, source: LogSource, cursor: Cursor) -> AsyncIterator[LogEntry]:
        sent = int(cursor.token or 0)
        while True:
            if self.log_error is not None:
                raise self.log_error
            lines = self.lines.get((source.service.ref, source.kind), [])
            for line in lines[sent:]:
                sent += 1
                cursor.token = str(sent)
                yield line
            if not source.follow:
                return
            self._more.clear()
            await self._more.wait()

    def log(self, service: Ref, kind: LogKind, entries: Sequence[LogEntry]) -> None:
        """Lines that come now."""
        self.lines.setdefault((service, kind), []).extend(entries)
        self._more.set()

    def replace_service(self, service: Service) -> None:
        self.services = [service if old.ref == service.ref else old for old in self.services]

    async def aclose(self) -> None:
        self._more.set()

    def _effect(self, intent: Intent) -> Effect:
        if intent.options.get("ref") == "nowhere":
            raise Refused("Scripted has no branch nowhere.", remedy="Give another ref.")
        given = "".join(f", {name}: {value}" for name, value in intent.options.items())
        return Effect(
            danger=self.danger,
            call=f'{intent.verb}(id: "{intent.deployment.id if intent.deployment else intent.service.ref.id}"{given})',
            does=f"Scripted will {intent.verb} {intent.service.name}.",
            warnings=("What it held in memory is lost.",) if intent.verb is Verb.STOP else (),
        )

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        found = [each for each in self.history.get(intent.service.ref, ()) if each.id in self.own]
        return Receipt(intent, Outcome.ACCEPTED, self.clock.now(), deployment=found[0].ref) if found else None

    async def _perform(self, intent: Intent) -> Receipt:
        self.performed.append(intent)
        if self.reply is not None:
            raise self.reply
        return Receipt(intent, Outcome.ACCEPTED, self.clock.now(), "Scripted took it.", None)


def scripted(
    *services: Service, account: str = ACCOUNT, clock: Clock | None = None, read_only: bool = False
) -> tuple[Account, ScriptedProvider]:
    """An account of the engine, and the provider behind it."""
    clock = clock or FrozenClock()
    made = ScriptedProvider(Connection(account, Secret("s3cret")), meter=_NoMeter(), clock=clock)
    made.services = list(services)

    async def connect(meter: Meter) -> Provider:
        made.meter = meter
        return made

    return Account(account, "scripted", "Scripted", connect, read_only=read_only), made


def engine_of(
    *accounts: Account,
    clock: Clock | None = None,
    read_only: bool = False,
    poll_s: float = 0.05,
    settle_s: float = 0.0,
    notes: Notes | None = None,
    audit: AuditLog | None = None,
) -> Engine:
    return Engine(
        accounts,
        clock=clock or FrozenClock(),
        audit=audit or AuditLog(None),
        read_only=read_only,
        poll_s=poll_s,
        settle_s=settle_s,
        notes=notes,
    )


class _NoMeter:
    def __init__(self) -> None:
        self.skew = Skew()

    async def spend(self) -> None:
        return

    def observe(self, **told: object) -> None:
        return
