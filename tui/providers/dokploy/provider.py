"""Dokploy as a provider: the parts of this package, put together."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from datetime import datetime
from typing import ClassVar

from tui.model.action import Intent, Progress, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Page, Ref, Service, Snapshot
from tui.model.log import Cursor, LogEntry, LogKind, LogSource
from tui.model.provider import Connection, Credential, Meter, Polling, Provider
from tui.providers.dokploy import decode
from tui.providers.dokploy.access import Access
from tui.providers.dokploy.acting import Acting
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.build_log import BuildLog
from tui.providers.dokploy.http_log import HttpLog
from tui.providers.dokploy.inventory import Inventory
from tui.providers.dokploy.picture import BUSY_QUEUE_S, OVERVIEW_S, Picture
from tui.providers.dokploy.running import CONTAINERS_S
from tui.providers.dokploy.runtime_log import RuntimeLog
from tui.providers.dokploy.sockets import Sockets
from tui.providers.dokploy.timeline import Timeline
from tui.providers.dokploy.verbs import LACKS


class DokployProvider(Provider):
    """One API key of one organisation on one Dokploy server."""

    name: ClassVar[str] = "dokploy"
    title: ClassVar[str] = "Dokploy"
    log_kinds: ClassVar[frozenset[LogKind]] = frozenset(LogKind)
    lacks: ClassVar[Mapping[Verb | LogKind, str]] = LACKS
    polling: ClassVar[Polling] = Polling(
        snapshot_s=OVERVIEW_S, moving_s=BUSY_QUEUE_S, focused_s=2.0, spread_s=CONTAINERS_S, burst=20
    )

    def __init__(self, connection: Connection, *, meter: Meter, clock: Clock) -> None:
        self._api = Api(connection, self.title, meter=meter, clock=clock)
        self._sockets = Sockets(self._api)
        inventory = Inventory(self._api, connection.projects)
        self._picture = Picture(self._api, inventory, clock)
        self._timeline = Timeline(self._api, self._picture)
        self._access = Access(self._api, inventory, self._picture)
        self._acting = Acting(self._api, self._picture, self._timeline, clock)
        self._build = BuildLog(self._api, self._sockets, self._picture, self._timeline)
        self._runtime = RuntimeLog(self._api, self._sockets, self._picture)
        self._http = HttpLog(self._api, self._picture)
        self.handlers = self._acting.handlers()

    def blocked(self, verb: Verb, target: Service | Deployment) -> str | None:
        """What the service's type forbids is forbidden of its deployments, too."""
        reason = super().blocked(verb, target)
        if reason is not None or isinstance(target, Service):
            return reason
        row = self._picture.known.services.get(target.service)
        return None if row is None else decode.service_not_now(row, target).get(verb)

    async def check(self) -> Credential:
        return await self._access.check()

    def focus(self, service: Ref | None) -> None:
        self._picture.focus(service)

    async def snapshot(self) -> Snapshot:
        return await self._picture.snapshot()

    async def deployments(self, service: Service, before: str | None = None, limit: int = 50) -> Page[Deployment]:
        await self._ready()
        return await self._timeline.page(service, before, limit)

    async def deployment(self, ref: Ref, service: Service) -> Deployment:
        await self._ready()
        return await self._timeline.one(ref, service)

    async def progress(self, receipt: Receipt) -> Progress:
        await self._ready()
        return await self._acting.progress(receipt)

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        await self._ready()
        return await self._acting.trace(intent, since)

    def logs(self, source: LogSource, cursor: Cursor) -> AsyncIterator[LogEntry]:
        return self._read_logs(source, cursor)

    async def aclose(self) -> None:
        self._api.rest.closed = True
        await self._sockets.aclose()
        await self._api.aclose()

    async def _ready(self) -> None:
        """Deployments are read with what is known of their services."""
        if not self._picture.known.services:
            await self._picture.snapshot()

    async def _read_logs(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        await self._ready()
        match source.kind:
            case LogKind.BUILD:
                stream = self._build.read(source, cursor)
            case LogKind.RUNTIME:
                stream = self._runtime.read(source, cursor)
            case LogKind.HTTP:
                stream = self._http.read(source, cursor)
        try:
            async for entry in stream:
                yield entry
        finally:
            await stream.aclose()
