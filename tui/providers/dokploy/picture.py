"""The account's picture: services, deployments, the queue and the containers, each read as often as its plan says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import timedelta

from msgspec import Struct

from tui.model.clock import Clock
from tui.model.entities import Deployment, Environment, Kind, Project, Ref, Service, Snapshot
from tui.model.errors import Forbidden, NotFound, Refused, Unreachable
from tui.model.text import plain
from tui.providers import http
from tui.providers.dokploy import containers, decode
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.containers import Slot
from tui.providers.dokploy.decode import Scene
from tui.providers.dokploy.errors import NoProcedure
from tui.providers.dokploy.inventory import Inventory
from tui.providers.dokploy.wire import ContainerRow, DeploymentRow, JobRow, ServiceRow, UnreadProject
from tui.providers.rest import together

OVERVIEW_S = 5.0
QUEUE_S = 10.0
BUSY_QUEUE_S = 2.0
CENTRAL_S = 10.0
CONTAINERS_S = 20.0
LONE_S = 120.0  # one service's rows, where there is no list of all and nothing speaks for a change

_WITHOUT = {
    "queue": "What waits in the queue is not shown.",
    "central": "Deployments are not shown.",
    "containers": "Crash loops are not seen, because the containers cannot be read.",
}
_ENDED = frozenset({"completed", "failed", "cancelled"})  # queues before 0.29.9, and the cloud's, remember


class Known(Struct):
    """What was read last, and when (monotonic seconds)."""

    services: dict[Ref, ServiceRow] = {}
    unread: Sequence[UnreadProject] = ()
    rows: dict[Ref, list[DeploymentRow]] = {}
    rows_at: dict[Ref, float] = {}
    jobs: list[JobRow] = []
    slots: dict[Ref, list[Slot]] = {}
    read_at: dict[str, float] = {}
    problems: dict[str, str] = {}


class Picture:
    def __init__(self, api: Api, inventory: Inventory, clock: Clock) -> None:
        self._api = api
        self._inventory = inventory
        self._clock = clock
        self._reading = asyncio.Lock()
        self._focus: Ref | None = None
        self._by_name = False  # this key may read containers only by the name of their service
        self.known = Known()

    def focus(self, service: Ref | None) -> None:
        self._focus = service

    # -- reading ----------------------------------------------------------------------------------------------

    async def snapshot(self) -> Snapshot:
        if self._api.rest.closed:  # nothing may be due
            raise http.closed(self._api.peer)
        async with self._reading:
            await self._read_what_is_due()
        known, now = self.known, self._clock.now()
        services = [self.service(ref) for ref in known.services]
        elapsed = self._clock.monotonic()
        oldest = min(known.read_at.get(part, elapsed) for part in ("overview", "central"))
        projects = {each.project: self._project(each.project.id, each.project_name) for each in services}
        environments = {
            each.environment: Environment(each.environment, each.project, each.environment_name) for each in services
        }
        unread: list[Ref] = []
        for project in known.unread:
            ref = self._ref(Kind.PROJECT, project.id)
            projects.setdefault(ref, self._project(project.id, project.name))
            for id_, name in project.environments:
                unread.append(self._ref(Kind.ENVIRONMENT, id_))
                environments.setdefault(unread[-1], Environment(unread[-1], ref, name))
        return Snapshot(
            self._api.account,
            now - timedelta(seconds=max(0.0, elapsed - oldest)),
            projects=tuple(projects.values()),
            environments=tuple(environments.values()),
            services=tuple(services),
            problems=(
                *(f"The project {each.name} could not be read. {each.why}" for each in known.unread),
                *known.problems.values(),
            ),
            unread=tuple(unread),
        )

    async def _read_what_is_due(self) -> None:
        if self._due("overview", OVERVIEW_S):
            await self.read_services()
        due: list[Awaitable[None]] = []
        if self._due("queue", BUSY_QUEUE_S if self.known.jobs or self._is_building() else QUEUE_S):
            due.append(self._part("queue", self._read_queue()))
        await together(due)
        due = []
        if self._due("central", CENTRAL_S):
            due.append(self._part("central", self._read_central()))
        if self._due("containers", CONTAINERS_S):
            due.append(self.read_containers())
        await together(due)

    async def _part(self, name: str, reading: Awaitable[None]) -> None:
        """What this key may not read, or this version does not have, is a sentence, and the rest goes on."""
        try:
            await reading
        except (Forbidden, NotFound, Refused) as error:
            self.known.problems[name] = f"{_WITHOUT[name]} {error.message}"
        else:
            self.known.problems.pop(name, None)
        self._was_read(name)

    async def read_services(self) -> None:
        known = self.known
        found = await self._inventory.read()
        before = {ref: row.status for ref, row in known.services.items()}
        known.services = {decode.service_ref(self._api.account, row): row for row in found.services}
        known.unread = found.unread
        changed = [ref for ref, row in known.services.items() if before.get(ref, "") != row.status]
        for ref in changed:
            known.rows_at.pop(ref, None)
        if changed:
            self.doubt("queue", "central", "containers")
        self._was_read("overview")

    async def _read_queue(self) -> None:
        rows = await self._api.rows("deployment.queueList", JobRow)
        jobs = [row for row in rows if row.state not in _ENDED]
        if [(job.id, job.state) for job in jobs] != [(job.id, job.state) for job in self.known.jobs]:
            self.doubt("central")
        self.known.jobs = jobs

    async def read_queue(self) -> list[JobRow]:
        """The queue as it is now; none where there is no such list."""
        await self._part("queue", self._read_queue())
        return self.known.jobs

    async def _read_central(self) -> None:
        began = self._clock.monotonic()
        try:
            rows = await self._api.rows("deployment.allCentralized", DeploymentRow)
        except NoProcedure:
            await self._read_one_by_one()
            return
        found: dict[Ref, list[DeploymentRow]] = {}
        for row in rows:
            if (ref := self._owner(row)) is not None:
                found.setdefault(ref, []).append(row)
        known = self.known
        younger = {ref: known.rows[ref] for ref, at in known.rows_at.items() if at > began and ref in known.rows}
        known.rows = {**found, **younger}

    async def _read_one_by_one(self) -> None:
        """Before 0.28.3: one request a service, so that those go first that changed, move or are looked at."""
        now = self._clock.monotonic()
        due = [
            ref
            for ref, row in self.known.services.items()
            if row.type not in decode.DATABASES
            and (ref == self._focus or row.status == "running" or now - self.known.rows_at.get(ref, -LONE_S) >= LONE_S)
        ]
        await together(self.read_rows(ref) for ref in due)

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
        self.known.rows_at[service] = self._clock.monotonic()
        return rows

    async def read_containers(self) -> None:
        await self._part("containers", self._read_containers())

    async def _read_containers(self) -> None:
        """All of one server in one request, where the key may; else those of some services, by their names."""
        if not self._by_name:
            try:
                await self._read_servers()
            except Forbidden:
                self._by_name = True
            else:
                return
        await together(self._read_named(ref) for ref in self._worth_a_look())

    async def _read_servers(self) -> None:
        services = self.known.services
        servers = list(dict.fromkeys(row.server_id for row in services.values()))
        found = dict(zip(servers, await together(self._containers(each) for each in servers), strict=True))
        names = self._names()
        self.known.slots = {
            ref: containers.slots(containers.of_service(row, found[row.server_id], names))
            for ref, row in services.items()
        }

    async def _containers(self, server: str | None) -> list[ContainerRow]:
        try:
            rows = await self._api.rows("docker.getContainers", ContainerRow, **_on(server))
        except (Unreachable, NotFound, Refused) as error:
            if server is None:
                raise
            self.known.problems[f"server {server}"] = f"The containers of one server cannot be read. {error.message}"
            return []
        self.known.problems.pop(f"server {server}", None)
        return rows

    async def _read_named(self, ref: Ref) -> None:
        row = self.known.services.get(ref)
        if row is None or not row.app_name:
            return
        params = {"appName": row.app_name, **_on(row.server_id)}
        if row.type == "compose":
            params["appType"] = "docker-compose"
        rows = await self._api.rows("docker.getContainersByAppNameMatch", ContainerRow, **params)
        self.known.slots[ref] = containers.slots(containers.of_service(row, rows, self._names()))

    def _worth_a_look(self) -> list[Ref]:
        """The service somebody looks at, and those that came up within the last minutes: a crash loop begins then."""
        now = self._clock.now()
        found = [self._focus] if self._focus in self.known.services else []
        for ref in self.known.services:
            done = [row for row in self.known.rows.get(ref, ()) if row.status == "done"]
            ended = max((at for row in done if (at := decode.moment(row.finished_at))), default=None)
            if ended is not None and now - ended < timedelta(minutes=5) and ref not in found:
                found.append(ref)
        return [ref for ref in found if ref is not None]

    async def read_service(self, ref: Ref) -> None:
        """Its row and its containers as they are now: what an action did to it shows there alone."""
        await self.read_services()
        if self._by_name:
            await self._part("containers", self._read_named(ref))
        else:
            await self.read_containers()

    # -- what is known ----------------------------------------------------------------------------------------

    def service(self, ref: Ref) -> Service:
        scene = self.scene(ref)
        row = scene.row
        listed = self.deployments(ref)
        latest = listed[0] if listed else None
        live = next((each for each in listed if each.is_live), None)
        status, raw = decode.service_status(scene, latest, live)
        return Service(
            ref,
            self._ref(Kind.PROJECT, row.project_id),
            self._ref(Kind.ENVIRONMENT, row.environment_id),
            plain(row.name),
            plain(row.project_name),
            plain(row.environment_name),
            status,
            raw,
            replicas=len(scene.slots) or None,
            latest=latest,
            live=live,
            instances=scene.instances,
            not_now=decode.service_not_now(row, latest),
        )

    def deployments(self, ref: Ref) -> list[Deployment]:
        """Newest first. Raises NotFound for a service that is not there."""
        jobs = [job for job in self.known.jobs if _is_of(job, ref)]
        return decode.deployments(self.scene(ref), self.known.rows.get(ref, []), jobs)

    def waiting(self, ref: Ref) -> list[JobRow]:
        return [job for job in self.known.jobs if _is_of(job, ref) and job.state != "active"]

    def scene(self, ref: Ref) -> Scene:
        row = self.row(ref)
        type_, id_ = decode.split(ref)
        project = f"{self._api.root}/dashboard/project/{row.project_id}"
        url = f"{project}/environment/{row.environment_id}/services/{type_}/{id_}"
        return Scene(row, ref, self.slots(ref), self._clock.now(), url)

    def row(self, ref: Ref) -> ServiceRow:
        row = self.known.services.get(ref)
        if row is None:
            raise NotFound(f"Account {self._api.account}: Dokploy does not know this service any more.")
        return row

    def slots(self, ref: Ref) -> list[Slot]:
        return self.known.slots.get(ref, [])

    def record(self, service: Ref, deployment: str) -> DeploymentRow | None:
        rows = self.known.rows.get(service, [])
        return next((row for row in rows if row.deployment_id == deployment), None)

    def doubt(self, *parts: str) -> None:
        """These are read with the next picture, whatever the plan says."""
        for part in parts:
            self.known.read_at.pop(part, None)

    # -- the parts --------------------------------------------------------------------------------------------

    def _project(self, id_: str, name: str) -> Project:
        return Project(self._ref(Kind.PROJECT, id_), name, f"{self._api.root}/dashboard/project/{id_}")

    def _ref(self, kind: Kind, id_: str) -> Ref:
        return Ref(self._api.account, kind, id_)

    def _owner(self, row: DeploymentRow) -> Ref | None:
        if row.application_id:
            return self._ref(Kind.SERVICE, f"application:{row.application_id}")
        return self._ref(Kind.SERVICE, f"compose:{row.compose_id}") if row.compose_id else None

    def _names(self) -> frozenset[str]:
        return frozenset(each.app_name for each in self.known.services.values() if each.app_name)

    def _is_building(self) -> bool:
        return any(row.status == "running" for row in self.known.services.values())

    def _due(self, part: str, after_s: float) -> bool:
        at = self.known.read_at.get(part)
        return at is None or self._clock.monotonic() - at >= after_s - 0.05

    def _was_read(self, part: str) -> None:
        self.known.read_at[part] = self._clock.monotonic()


def _on(server: str | None) -> dict[str, str]:
    return {"serverId": server} if server else {}


def _is_of(job: JobRow, ref: Ref) -> bool:
    """The queue is the instance's: jobs of other organisations are in it, too."""
    type_, id_ = decode.split(ref)
    if job.data.preview_deployment_id:
        return False
    return id_ == (job.data.compose_id if type_ == "compose" else job.data.application_id)
