"""The account's picture: services, deployments, the queue and the containers, each read as often as its plan says."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from tui.model.action import Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Environment, Instance, Kind, Project, Ref, Service, Snapshot
from tui.model.errors import Forbidden, NotFound, ProviderError, Refused
from tui.model.text import plain
from tui.providers.dokploy import decode
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.errors import NoProcedure
from tui.providers.dokploy.inventory import Inventory
from tui.providers.dokploy.wire import ContainerRow, DeploymentRow, JobRow, ServiceRow
from tui.providers.rest import together

OVERVIEW_S = 5.0
QUEUE_S = 10.0
BUSY_QUEUE_S = 2.0
CENTRAL_S = 10.0
CONTAINERS_S = 10.0
_NEWEST = 12  # rows of one service that Dokploy keeps, and one to spare

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Known(Struct):
    """What was read last, and when (monotonic seconds)."""

    services: dict[Ref, ServiceRow] = {}
    rows: dict[Ref, list[DeploymentRow]] = {}
    jobs: list[JobRow] = []
    containers: dict[str | None, list[ContainerRow]] = {}
    read_at: dict[str, float] = {}
    problems: dict[str, str] = {}


class Picture:
    def __init__(self, api: Api, inventory: Inventory, clock: Clock) -> None:
        self._api = api
        self._inventory = inventory
        self._clock = clock
        self._reading = asyncio.Lock()
        self.known = Known()

    # -- reading ----------------------------------------------------------------------------------------------

    async def snapshot(self) -> Snapshot:
        async with self._reading:
            oldest = await self._read_what_is_due()
        known, now = self.known, self._clock.now()
        services = [self.service(ref, now) for ref in known.services]
        age_s = max(0.0, self._clock.monotonic() - oldest)
        return Snapshot(
            self._api.account,
            datetime.fromtimestamp(now.timestamp() - age_s, now.tzinfo),
            projects=tuple({service.project: self._project(service) for service in services}.values()),
            environments=tuple(
                {
                    service.environment: Environment(service.environment, service.project, service.environment_name)
                    for service in services
                }.values()
            ),
            services=tuple(services),
            problems=tuple(known.problems.values()),
        )

    async def _read_what_is_due(self) -> float:
        """Returns when the oldest part of the picture was read."""
        known = self.known
        if self._due("overview", OVERVIEW_S):
            rows = await self._inventory.read()
            before = {ref: row.status for ref, row in known.services.items()}
            known.services = {decode.service_ref(self._api.account, row): row for row in rows}
            if {ref: row.status for ref, row in known.services.items()} != before:
                self.doubt("central", "containers")
            self._was_read("overview")
        due: list[Awaitable[None]] = []
        if self._due("queue", BUSY_QUEUE_S if known.jobs or self._is_building() else QUEUE_S):
            due.append(self._part("queue", self._read_queue()))
        if self._due("central", CENTRAL_S):
            due.append(self._part("central", self._read_central()))
        if self._due("containers", CONTAINERS_S):
            due.append(self._part("containers", self._read_containers()))
        await together(due)
        return min(known.read_at.get(part, 0.0) for part in ("overview", "central"))

    async def _part(self, name: str, reading: Awaitable[None]) -> None:
        """What this key may not read, or this version does not have, is a sentence, and the rest goes on."""
        try:
            await reading
        except (Forbidden, NotFound, Refused) as error:
            self.known.problems[name] = f"{_WITHOUT[name]} {error.message}"
        else:
            self.known.problems.pop(name, None)
        self._was_read(name)

    async def _read_queue(self) -> None:
        jobs = await self._api.rows("deployment.queueList", JobRow)
        if {job.id for job in jobs} != {job.id for job in self.known.jobs}:
            self.doubt("central")
        self.known.jobs = jobs

    async def _read_central(self) -> None:
        """Versions before 0.28.3 have no list of all: one request a service, then."""
        try:
            rows = await self._api.rows("deployment.allCentralized", DeploymentRow)
        except NoProcedure:
            refs = [ref for ref in self.known.services if decode.split(ref)[0] not in decode.DATABASES]
            found = await together([self.read_rows(ref) for ref in refs])
            self.known.rows = dict(zip(refs, found, strict=True))
            return
        by_service: dict[Ref, list[DeploymentRow]] = {}
        for row in rows:
            if (ref := self._owner(row)) is not None:
                by_service.setdefault(ref, []).append(row)
        self.known.rows = by_service

    async def read_rows(self, service: Ref) -> list[DeploymentRow]:
        """One service's, newest first; remembered. Databases have none."""
        type_, id_ = decode.split(service)
        if type_ == "compose":
            rows = await self._api.rows("deployment.allByCompose", DeploymentRow, composeId=id_)
        elif type_ == "application":
            rows = await self._api.rows("deployment.all", DeploymentRow, applicationId=id_)
        else:
            return []
        self.known.rows[service] = rows
        return rows

    async def read_queue(self) -> list[JobRow]:
        """The queue as it is now; none where there is no such list."""
        try:
            await self._read_queue()
        except (Forbidden, NotFound, Refused):
            return []
        self._was_read("queue")
        return self.known.jobs

    async def _read_containers(self) -> None:
        """All of one server in one request."""
        servers = list(dict.fromkeys(row.server_id for row in self.known.services.values()))
        found = await together([self._containers(server) for server in servers])
        self.known.containers = dict(zip(servers, found, strict=True))

    async def _containers(self, server: str | None) -> list[ContainerRow]:
        params = {"serverId": server} if server else {}
        try:
            return await self._api.rows("docker.getContainers", ContainerRow, **params)
        except ProviderError:
            if server is None:
                raise
            return []  # a server that cannot be reached must not blank the others

    async def refresh_containers(self) -> None:
        await self._part("containers", self._read_containers())

    # -- what is known ----------------------------------------------------------------------------------------

    def service(self, ref: Ref, now: datetime) -> Service:
        row = self.known.services[ref]
        account = self._api.account
        found = self.instances(ref)
        listed = self.deployments(ref, now)
        latest = listed[0] if listed else None
        status, raw = decode.service_status(row, latest, found)
        return Service(
            ref,
            Ref(account, Kind.PROJECT, row.project_id),
            Ref(account, Kind.ENVIRONMENT, row.environment_id),
            plain(row.name),
            plain(row.project_name),
            plain(row.environment_name),
            status,
            raw,
            replicas=len(found) or None,
            latest=latest,
            live=next((each for each in listed if each.is_live), None),
            instances=found,
            not_now=_service_not_now(row),
        )

    def deployments(self, ref: Ref, now: datetime) -> list[Deployment]:
        row = self.known.services.get(ref)
        if row is None:
            raise NotFound(f"Account {self._api.account}: Dokploy does not know this service any more.")
        jobs = [job for job in self.known.jobs if _of(job, ref)]
        return decode.deployments(row, ref, self.known.rows.get(ref, []), jobs, self.instances(ref), now)

    def instances(self, ref: Ref) -> tuple[Instance, ...]:
        row = self.known.services[ref]
        everybody = frozenset(each.app_name for each in self.known.services.values() if each.app_name)
        there = self.known.containers.get(row.server_id, [])
        return decode.instances(self._api.account, decode.of_service(row, there, everybody))

    def row(self, service: Ref, deployment: str) -> DeploymentRow | None:
        rows = self.known.rows.get(service, [])
        return next((row for row in rows if row.deployment_id == deployment), None)

    def doubt(self, *parts: str) -> None:
        """These are read with the next picture, whatever the plan says."""
        for part in parts:
            self.known.read_at.pop(part, None)

    # -- the parts --------------------------------------------------------------------------------------------

    def _project(self, service: Service) -> Project:
        return Project(
            service.project, service.project_name, f"{self._api.root}/dashboard/project/{service.project.id}"
        )

    def _owner(self, row: DeploymentRow) -> Ref | None:
        account = self._api.account
        if row.application_id:
            return Ref(account, Kind.SERVICE, f"application:{row.application_id}")
        return Ref(account, Kind.SERVICE, f"compose:{row.compose_id}") if row.compose_id else None

    def _is_building(self) -> bool:
        return any(row.status == "running" for row in self.known.services.values())

    def _due(self, part: str, after_s: float) -> bool:
        at = self.known.read_at.get(part)
        return at is None or self._clock.monotonic() - at >= after_s - 0.05

    def _was_read(self, part: str) -> None:
        self.known.read_at[part] = self._clock.monotonic()


_WITHOUT = {
    "queue": "What waits in the queue is not shown.",
    "central": "Deployments are not shown.",
    "containers": "Crash loops are not seen: the containers cannot be read.",
}


def _of(job: JobRow, ref: Ref) -> bool:
    """The queue is the instance's: jobs of other organisations are in it, too."""
    type_, id_ = decode.split(ref)
    if job.data.preview_deployment_id:
        return False
    return id_ == (job.data.compose_id if type_ == "compose" else job.data.application_id)


def _service_not_now(row: ServiceRow) -> dict[Verb, str]:
    reasons: dict[Verb, str] = {}
    if row.type in decode.DATABASES:
        reasons[Verb.REDEPLOY] = "A database is not rebuilt from here: Dokploy's rebuild deletes its volumes."
        reasons[Verb.ROLLBACK] = "Dokploy rolls back applications only."
        reasons[Verb.CANCEL] = "Databases are deployed at once, there is nothing to cancel."
        reasons[Verb.REMOVE] = "Databases have no deployment records."
    return reasons
