"""Cloud 66 as a provider: the parts of this package, put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import ClassVar

from tui.model.action import Intent, Progress, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Page, Ref, Service, Snapshot
from tui.model.log import Cursor, LogEntry, LogKind, LogSource
from tui.model.provider import Connection, Credential, Meter, Polling, Provider
from tui.providers.cloud66 import access, verbs
from tui.providers.cloud66.acting import Acting
from tui.providers.cloud66.api import Api
from tui.providers.cloud66.faye import PushServer
from tui.providers.cloud66.inventory import Inventory
from tui.providers.cloud66.logs import Logs
from tui.providers.cloud66.progress import Following
from tui.providers.cloud66.reader import Reader
from tui.providers.cloud66.stacks import POLLING
from tui.providers.cloud66.timeline import Timeline
from tui.providers.cloud66.tracing import Tracing


class Cloud66Provider(Provider):
    """One Cloud 66 user: each stack is a service, what runs inside it are the service's instances."""

    name: ClassVar[str] = "cloud66"
    title: ClassVar[str] = "Cloud 66"
    log_kinds: ClassVar[frozenset[LogKind]] = frozenset({LogKind.BUILD})
    lacks: ClassVar[Mapping[Verb | LogKind, str]] = verbs.LACKS
    polling: ClassVar[Polling] = POLLING

    def __init__(self, connection: Connection, *, meter: Meter, clock: Clock) -> None:
        self._api = Api(connection, self.title, meter=meter, clock=clock)
        reader = Reader(self._api, clock)
        self._inventory = Inventory(self._api, reader, clock, connection.projects)
        self._timeline = Timeline(self._api, self._inventory, reader, clock)
        self._following = Following(self._api, self._timeline, clock)
        self._tracing = Tracing(self._api, self._inventory, self._timeline, clock)
        push: PushServer | None = None
        if connection.live_logs:
            push = PushServer(
                self._api.peer, connection.live_logs, meter=meter, clock=clock, ca_file=connection.ca_file
            )
        self._logs = Logs(self._api, self._timeline, push, clock)
        self.handlers = verbs.handlers(Acting(self._api, self._inventory, reader, clock))

    async def check(self) -> Credential:
        return await access.check(self._api, live_logs=self._logs.are_live)

    async def snapshot(self) -> Snapshot:
        return await self._inventory.snapshot()

    def focus(self, service: Ref | None) -> None:
        self._inventory.focus(service)

    async def deployments(self, service: Service, before: str | None = None, limit: int = 50) -> Page[Deployment]:
        return await self._timeline.page(service, before, limit)

    async def deployment(self, ref: Ref, service: Service) -> Deployment:
        return await self._timeline.one(ref, service)

    async def progress(self, receipt: Receipt) -> Progress:
        return await self._following.progress(receipt)

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        return await self._tracing.trace(intent, since)

    def logs(self, source: LogSource, cursor: Cursor) -> AsyncIterator[LogEntry]:
        return self._logs.read(source, cursor)

    async def aclose(self) -> None:
        await self._logs.aclose()
        await self._api.aclose()
