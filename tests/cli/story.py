"""A platform in memory that is found as other people's platforms are: through an entry point.

What an account's services are and what fails is told by the account's `projects`, the only words a test in another
process can pass.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from msgspec.structs import replace

from tests.entities import NOW, deployment, ref, service
from tests.scripted import ScriptedProvider
from tui.model.action import Intent, Outcome, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Kind, Page, Ref, Revision, Service, Snapshot
from tui.model.errors import Forbidden, OutcomeUnknown, Refused, Unreachable
from tui.model.log import Cursor, HttpRequest, Level, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.model.log_filter import LogFilter
from tui.model.provider import Connection, Credential, Meter
from tui.model.status import Status


class StoryProvider(ScriptedProvider):
    name: ClassVar[str] = "story"
    title: ClassVar[str] = "Story"
    log_kinds: ClassVar[frozenset[LogKind]] = frozenset({LogKind.RUNTIME, LogKind.HTTP})
    lacks: ClassVar[Mapping[Verb | LogKind, str]] = {
        **{key: why for key, why in ScriptedProvider.lacks.items() if key is not LogKind.HTTP},
        LogKind.BUILD: "Story has no build log. Look at its web page.",
    }

    def __init__(self, connection: Connection, *, meter: Meter, clock: Clock) -> None:
        super().__init__(connection, meter=meter, clock=clock)
        account = connection.account
        self.words = frozenset(connection.projects)
        self.broke = False
        live = deployment("api-3", service="api", account=account, message="feat: the cart")
        failed = deployment("api-4", Status.FAILED, service="api", account=account, ago_s=60)
        failed = replace(failed, revision=Revision("f00dcafe" * 5, "main", "fix: the pump", "bob"))
        removed = deployment("api-2", Status.REMOVED, service="api", account=account, ago_s=9000)
        lost = deployment(
            "api-1", Status.REMOVED, service="api", account=account, ago_s=90000, not_now={Verb.ROLLBACK: "gone"}
        )
        api = service("api", Status.LIVE, latest=failed, live=live, account=account)
        staged = service("api", environment="staging", account=account)
        staged = replace(staged, ref=Ref(account, Kind.SERVICE, "api-staging"))
        worker = service("worker", Status.CRASHED, account=account)
        self.services = [] if "empty" in self.words else [api, staged, worker]
        if "doubtful" in self.words:
            self.services[1] = replace(staged, doubt="A newer deployment of it could not be read.")
        if "odd" in self.words:
            self.problems = ("One row of its services could not be read.",)
        if "unread" in self.words:
            self.unread = (ref(Kind.ENVIRONMENT, "canary", account),)
        self.history = {api.ref: [failed, live, removed, lost]}
        self.handlers = {
            **self.handlers,
            Verb.REDEPLOY: replace(self.handlers[Verb.REDEPLOY], options={"region": "where it runs"}),
        }

    async def check(self) -> Credential:
        if "down" in self.words:
            raise Unreachable("Story does not answer.", remedy="Look at its status page.")
        if "slow-clock" in self.words:
            now = self.clock.now()
            self.meter.skew.observe(now - timedelta(seconds=43), now, now)
        self.meter.observe(limit=1000, remaining=877, resets_at=NOW)
        return Credential("story token", "three services", ("It expires soon.",), {Verb.STOP: "not with this token"})

    async def snapshot(self) -> Snapshot:
        if "bug" in self.words:
            raise AssertionError("a bug")
        if "down" in self.words:
            raise Unreachable("Story does not answer.", remedy="Look at its status page.")
        return await super().snapshot()

    async def deployments(self, service: Service, before: str | None = None, limit: int = 50) -> Page[Deployment]:
        if "down-later" in self.words and service.name == "api":
            raise Unreachable("Story does not answer any more.")
        if "closed" in self.words and service.name == "worker":
            raise Forbidden("This token may not read deployments.")
        page = await super().deployments(service)
        if "odd-deployment" in self.words and service.name == "api":
            page = replace(page, problems=("One row of its deployments could not be read.",))
        if "timeless" in self.words and service.name == "worker":
            old = deployment("w-0", Status.REMOVED, service="worker", account=self.connection.account)
            page = Page((replace(old, created_at=None, finished_at=None), *page.items))
        if "paged" not in self.words:
            return page
        begin = int(before or 0)
        if begin == 2 and "torn" in self.words:
            raise Forbidden("No further.")
        return Page(page.items[begin : begin + 1], str(begin + 1) if begin + 1 < len(page.items) else None)

    def search_of(self, wanted: LogFilter, kind: LogKind) -> str:
        return wanted.texts[0].words if "searches" in self.words and wanted.texts else ""

    async def logs(self, source: LogSource, cursor: Cursor) -> AsyncIterator[LogEntry]:
        if "secret-logs" in self.words:
            raise Forbidden("This token may not read logs.")
        entries = [
            entry for entry in self._entries(source) if not isinstance(entry, LogLine) or source.search in entry.text
        ]
        at = int(cursor.token or max(0, len(entries) - source.tail))
        for entry in entries[at:]:
            at += 1
            cursor.token = str(at)
            yield entry
        if not source.follow:
            return
        if not self.broke:  # the first following try breaks off, the second goes on
            self.broke = True
            raise Unreachable("The line was cut.")
        for number in range(3):
            cursor.token = str(at + number + 1)
            yield LogLine(NOW + timedelta(seconds=10 + number), f"new {number}", deployment="api-4")
        if "endless" in self.words:
            await asyncio.Event().wait()

    def _entries(self, source: LogSource) -> list[LogEntry]:
        name, shift = source.service.name, 0.5 if source.service.name == "worker" else 0.0
        if source.kind is LogKind.HTTP:
            return [HttpRequest(NOW, "r1", "GET", "/cart", 502, 31, "10.0.0.1", "shop.example", deployment="api-3")]
        lines: list[LogEntry] = [
            LogLine(
                NOW + timedelta(seconds=number + shift),
                f"\x1b[32m{name}\x1b[m line {number}",
                Level.ERROR if number % 2 else Level.INFO,
                deployment="api-3",
                instance="i1",
                attributes={"n": str(number)},
            )
            for number in range(4)
        ]
        return [*lines, LogGap(NOW + timedelta(seconds=8), "the platform dropped them", 7)]

    async def _perform(self, intent: Intent) -> Receipt:
        if intent.reason == "lost":
            raise OutcomeUnknown("The answer was lost.")
        if intent.reason == "no":
            raise Refused("Story said no.")
        if intent.verb in (Verb.REDEPLOY, Verb.ROLLBACK):
            status = Status.FAILED if intent.reason == "bad build" else Status.LIVE
            made = self._made(intent, status)
            return Receipt(intent, Outcome.ACCEPTED, self.clock.now(), str(dict(intent.options)), made.ref)
        return Receipt(intent, Outcome.ACCEPTED, self.clock.now(), "Story took it.")

    def _made(self, intent: Intent, status: Status) -> Deployment:
        made = replace(
            deployment("api-5", status, service="api", account=self.connection.account), created_at=datetime.now(UTC)
        )
        self.history[intent.service.ref] = [made, *self.history.get(intent.service.ref, [])]
        return made
