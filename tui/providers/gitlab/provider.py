"""GitLab as a provider: the parts of this package, put together."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime
from typing import ClassVar

from tui.model.action import Intent, Progress, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Changes, Deployment, Page, Ref, Service, Snapshot, Step
from tui.model.log import Cursor, LogEntry, LogKind, LogSource
from tui.model.provider import Connection, Credential, Meter, Polling, Provider
from tui.providers.gitlab.access import Access
from tui.providers.gitlab.acting import Acting
from tui.providers.gitlab.api import Api
from tui.providers.gitlab.deployments import Deployments
from tui.providers.gitlab.inventory import Inventory
from tui.providers.gitlab.logs import Logs
from tui.providers.gitlab.pace import POLLING
from tui.providers.gitlab.projects import Projects
from tui.providers.gitlab.timeline import Timeline
from tui.providers.gitlab.verbs import LACKS, Verbs


class GitLabProvider(Provider):
    """One GitLab account: the projects that are named for it, one service for each of their environments."""

    name: ClassVar[str] = "gitlab"
    title: ClassVar[str] = "GitLab"
    log_kinds: ClassVar[frozenset[LogKind]] = frozenset({LogKind.BUILD})
    lacks: ClassVar[Mapping[Verb | LogKind, str]] = LACKS
    redeploys_as_it_was: ClassVar[bool] = True
    polling: ClassVar[Polling] = POLLING

    def __init__(self, connection: Connection, *, meter: Meter, clock: Clock) -> None:
        self._api = Api(connection, self.title, meter=meter, clock=clock)
        projects = Projects(self._api, connection.projects, clock)
        deployments = Deployments(self._api)
        self._access = Access(self._api, projects)
        self._inventory = Inventory(self._api, projects, deployments, clock)
        self._timeline = Timeline(self._api, projects, deployments, self._inventory)
        self._logs = Logs(self._api, self._timeline, clock)
        self._verbs = Verbs(Acting(self._api, self._inventory, deployments, clock, self._access.me))
        self.handlers = self._verbs.handlers()

    def blocked(self, verb: Verb, target: Service | Deployment) -> str | None:
        if verb in self.handlers and (reason := self._access.blocked()) is not None:
            return reason
        return super().blocked(verb, target)

    async def check(self) -> Credential:
        return await self._access.check(list(self.handlers))

    async def snapshot(self) -> Snapshot:
        await self._access.ready()
        return await self._inventory.snapshot()

    def focus(self, service: Ref | None) -> None:
        self._inventory.focus(service)

    async def deployments(self, service: Service, before: str | None = None, limit: int = 50) -> Page[Deployment]:
        await self._access.ready()
        return await self._timeline.page(service, before, limit)

    async def deployment(self, ref: Ref, service: Service) -> Deployment:
        await self._access.ready()
        return await self._timeline.one(ref, service)

    async def steps(self, deployment: Deployment) -> tuple[Step, ...]:
        await self._access.ready()
        return await self._timeline.steps(deployment)

    async def changes(self, deployment: Deployment, before: Deployment | None) -> Changes:
        await self._access.ready()
        return await self._timeline.changes(deployment, before)

    async def progress(self, receipt: Receipt) -> Progress:
        await self._access.ready()
        return await self._verbs.progress(receipt)

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        await self._access.ready()
        return await self._verbs.trace(intent, since)

    def logs(self, source: LogSource, cursor: Cursor) -> AsyncIterator[LogEntry]:
        return self._read_logs(source, cursor)

    async def aclose(self) -> None:
        self._logs.aclose()
        await self._api.aclose()

    async def _read_logs(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        await self._access.ready()
        stream = self._logs.read(source, cursor)
        try:
            async for entry in stream:
                yield entry
        finally:
            await stream.aclose()
