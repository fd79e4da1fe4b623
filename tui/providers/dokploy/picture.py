"""The account's picture: services, deployments, the queue and the containers, each read as often as its plan says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from tui.model.clock import Clock
from tui.model.entities import Deployment, Environment, Kind, Project, Ref, Service, Snapshot
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized
from tui.model.status import Status
from tui.model.text import plain
from tui.providers import http, values
from tui.providers.dokploy import containers, decode, runs
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.decode import Scene
from tui.providers.dokploy.errors import NoProcedure
from tui.providers.dokploy.inventory import Inventory
from tui.providers.dokploy.running import CONTAINERS_S, TURNING_S, Running
from tui.providers.dokploy.servers import Servers
from tui.providers.dokploy.slots import Slot, Turn
from tui.providers.dokploy.wire import DeploymentRow, JobRow, OddRow, ServiceRow, UnreadProject
from tui.providers.rest import together
from tui.providers.values import moment

OVERVIEW_S = 5.0
QUEUE_S = 10.0
BUSY_QUEUE_S = 2.0
CENTRAL_S = 10.0
LONE_S = 120.0  # one service's rows, where there is no list of all and nothing speaks for a change
_CLOSE_S = 2.0  # how old what an action is followed by may be
_VERSIONS_S = 300.0  # between two questions for kept images that were not found

_WITHOUT = {
    "queue": "What waits in the queue is not shown.",
    "central": "Deployments are not shown.",
}
_ENDED = frozenset({"completed", "failed", "cancelled"})  # queues before 0.29.9, and the cloud's, remember


class Known(Struct):
    """What was read last, and when (monotonic seconds)."""

    services: dict[Ref, ServiceRow] = {}
    unread: Sequence[UnreadProject] = ()
    rows: dict[Ref, list[DeploymentRow]] = {}  # each service's own, newest first
    rows_at: dict[Ref, float] = {}
    odd: dict[Ref | None, list[OddRow]] = {}  # None: whose they are is not known
    jobs: list[JobRow] = []
    read_at: dict[str, float] = {}
    problems: dict[str, str] = {}
    versions: dict[Ref, dict[int, str]] = {}
    versions_at: dict[Ref, float] = {}
    turned: dict[str, tuple[frozenset[str], Turn]] = {}  # by deployment: what ran when Swarm was seen to go back


class Picture:
    def __init__(self, api: Api, inventory: Inventory, clock: Clock) -> None:
        self._api = api
        self._inventory = inventory
        self._clock = clock
        self._reading = asyncio.Lock()
        self._focus: Ref | None = None
        self.known = Known()
        self.queue_at: datetime | None = None
        self.running = Running(api, clock, self.deployed_at)
        self.servers = Servers(api, inventory, clock)

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
        servers = self.servers.picture(self.running.unreached)
        return Snapshot(
            self._api.account,
            now - timedelta(seconds=max(0.0, elapsed - oldest)),
            projects=(*projects.values(), *servers.projects),
            environments=(*environments.values(), *servers.environments),
            services=(*services, *servers.services),
            problems=(
                *(f"The project {each.name} could not be read. {each.why}" for each in known.unread),
                *known.problems.values(),
                *self.running.unreached.values(),
                *servers.problems,
            ),
            unread=tuple(unread),
        )

    async def _read_what_is_due(self) -> None:
        if self._due("overview", OVERVIEW_S):
            await self.read_services()
        due: list[Awaitable[None]] = []
        if self._due("queue", BUSY_QUEUE_S if self.known.jobs or self._is_building() else QUEUE_S):
            due.append(self._part("queue", self._read_queue))
        await together(due)
        due = [self.servers.read(self._focus)]
        if self._due("central", CENTRAL_S):
            due.append(self._part("central", self._read_central))
        turning = self.running.is_turning(self.known.services)
        looks = self._due("containers", TURNING_S if turning else CONTAINERS_S)
        if looks:
            due.append(self._read_containers())
        await together(due)
        if looks:  # with the deployments of now
            await self._clear_doubts()

    async def _part(self, name: str, read: Callable[[], Awaitable[None]]) -> None:
        """What this key may not read, or this version does not have, is a sentence, and the rest goes on."""
        try:
            await read()
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
        self._tell_odd("service", found.odd, "service", "services")
        changed = [ref for ref, row in known.services.items() if before.get(ref, "") != row.status]
        for ref in changed:
            known.rows_at.pop(ref, None)
        if changed:
            self.doubt("queue", "central", "containers")
        self._was_read("overview")

    async def _read_queue(self) -> None:
        rows = await self._api.rows("deployment.queueList", JobRow)
        self.queue_at = self._api.rest.platform_now
        jobs = [row for row in rows.items if row.state not in _ENDED]
        if [(job.id, job.state) for job in jobs] != [(job.id, job.state) for job in self.known.jobs]:
            self.doubt("central")
        self.known.jobs = jobs
        self._tell_odd("job", len(rows.odd), "job of the queue", "jobs of the queue")

    async def read_queue(self) -> list[JobRow]:
        """Return the queue as it is now; empty where there is no such list."""
        await self._part("queue", self._read_queue)
        return self.known.jobs

    async def _read_central(self) -> None:
        began = self._clock.monotonic()
        try:
            rows = await self._api.rows("deployment.allCentralized", DeploymentRow)
        except NoProcedure:
            await self._read_one_by_one()
            return
        found: dict[Ref, list[DeploymentRow]] = {}
        for row in rows.items:
            if (ref := self._owner(row)) is not None:
                found.setdefault(ref, []).append(row)
        known = self.known
        found = {ref: decode.own_rows(each) for ref, each in found.items()}
        younger = {ref: known.rows[ref] for ref, at in known.rows_at.items() if at > began and ref in known.rows}
        known.rows = {**found, **younger}
        odd: dict[Ref | None, list[OddRow]] = {}
        for each in _odd(rows.odd):
            odd.setdefault(self._owner(each), []).append(each)
        known.odd = {**odd, **{ref: known.odd[ref] for ref in younger if ref in known.odd}}
        self._tell_odd_rows()

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
        if self.servers.knows(service):
            return await self.servers.read_rows(service)
        type_, id_ = decode.split(service)
        if type_ == "compose":
            rows = await self._api.rows("deployment.allByCompose", DeploymentRow, composeId=id_)
        elif type_ == "application":
            rows = await self._api.rows("deployment.all", DeploymentRow, applicationId=id_)
        else:
            return []
        own = self.known.rows[service] = decode.own_rows(rows.items)
        self.known.rows_at[service] = self._clock.monotonic()
        self.known.odd.pop(service, None)
        if rows.odd:
            self.known.odd[service] = _odd(rows.odd)
        self._tell_odd_rows()
        return own

    async def read_service(self, ref: Ref) -> None:
        """Read its row, its containers and its tasks as they are now: what an action did to it shows there alone."""
        await self.read_services()
        await self.read_containers(ref, tasks=True)

    async def read_containers(self, ref: Ref, *, tasks: bool = False) -> None:
        """Read the containers of one service as they are now, and its tasks where those leave doubt or are wanted."""
        services = self.known.services
        await self.running.read_one(ref, services)
        row = services.get(ref)
        if row is not None and (tasks or self.running.is_doubtful(ref, row)):
            await self.running.ask(ref, services)
        await self._read_version(ref)

    async def look_closer(self, ref: Ref, deployment: str) -> None:
        """Before one deployment is shown by itself: what it became of a "done" shows in the containers alone."""
        row, now = self.record(ref, deployment), self._clock.monotonic()
        if row is None or row.status != "done" or row.deployment_id not in self._at_stake(ref):
            return
        if now - self.known.read_at.get("overview", -OVERVIEW_S) >= _CLOSE_S:
            await self.read_services()
        if now - self.running.read_at(ref) >= _CLOSE_S:
            await self.read_containers(ref)

    def _at_stake(self, ref: Ref) -> tuple[str, ...]:
        """The newest that went well, and the one that serves."""
        if ref not in self.known.services:
            return ()
        own = self.known.rows.get(ref, [])
        newest = [row.deployment_id for row in own if row.status == "done"][:1]
        serving = decode.standing(self.scene(ref), own).serving
        return (*newest, serving) if serving else tuple(newest)

    async def _read_containers(self) -> None:
        await self.running.read_all(self.known.services, self._focus)
        self._was_read("containers")

    async def _clear_doubts(self) -> None:
        await self.running.ask_more(self.known.services, self._focus)
        await together(self._read_version(ref) for ref in self.known.services)

    async def _read_version(self, ref: Ref) -> None:
        """A kept image runs: which deployment it is of does not change, so that it is asked for once."""
        version = self.kept(ref)
        if version is not None and version not in self.known.versions.get(ref, {}):
            await self.read_versions(ref)

    async def read_versions(self, ref: Ref, again_s: float = _VERSIONS_S) -> dict[int, str]:
        """Return which deployment each kept image of an application is of, as far as Dokploy tells.

        It is asked again after `again_s` at the earliest.
        """
        known, now = self.known, self._clock.monotonic()
        if now - known.versions_at.get(ref, float("-inf")) >= again_s:
            known.versions_at[ref] = now
            try:
                known.versions[ref] = await runs.kept_versions(self._api, decode.split(ref)[1])
            except (RateLimited, Unauthorized):
                raise
            except ProviderError:
                pass  # then the image is shown by its version alone
        return known.versions.get(ref, {})

    # -- what is known ----------------------------------------------------------------------------------------

    def service(self, ref: Ref) -> Service:
        scene = self.scene(ref)
        row = scene.row
        listed = self.deployments(ref)
        stands = decode.standing(scene, self.known.rows.get(ref, []))
        latest = listed[0] if listed else None
        serving = next((each for each in listed if each.id == stands.serving), None)
        status, raw = decode.service_status(scene, latest, serving)
        if raw == decode.NEVER and self._has_unread(ref):
            status, raw = Status.UNKNOWN, "deployments not read"
        doubts = (self._odd_newest(ref), stands.doubt, scene.unread if scene.is_up else "")
        return Service(
            ref,
            self._ref(Kind.PROJECT, row.project_id),
            self._ref(Kind.ENVIRONMENT, row.environment_id),
            plain(row.name) or plain(row.app_name or "") or row.id,
            plain(row.project_name),
            plain(row.environment_name),
            status,
            raw,
            replicas=len(scene.slots or ()) or None,
            latest=latest,
            live=serving if serving is not None and serving.is_live else None,
            instances=scene.instances,
            not_now=decode.service_not_now(row, latest),
            doubt=" ".join(each for each in doubts if each),
        )

    def deployments(self, ref: Ref) -> list[Deployment]:
        """Newest first. Raises NotFound for a service that is not there."""
        if self.servers.knows(ref):
            return self.servers.deployments(ref)
        jobs = [job for job in self.known.jobs if _is_of(job, ref)]
        return decode.deployments(self.scene(ref), self.known.rows.get(ref, []), jobs)

    def waiting(self, ref: Ref) -> list[JobRow]:
        return [job for job in self.known.jobs if _is_of(job, ref) and job.state != "active"]

    def deployed_at(self, ref: Ref) -> datetime | None:
        """When the newest deployment that went well did."""
        newest = self._newest_done(ref)
        return None if newest is None else moment(newest.finished_at)

    def scene(self, ref: Ref) -> Scene:
        row = self.row(ref)
        type_, id_ = decode.split(ref)
        project = f"{self._api.root}/dashboard/project/{row.project_id}"
        url = f"{project}/environment/{row.environment_id}/services/{type_}/{id_}"
        now = self._api.rest.platform_now
        reading = self.running.reading(ref)
        if reading is None:
            return Scene(row, ref, None, now, url, self.running.why_not(ref))
        kept = self.kept(ref)
        kept_id = None if kept is None else self.known.versions.get(ref, {}).get(kept)
        turns = self._turns(ref, row)
        return Scene(row, ref, self.slots(ref), reading.at, url, turns=turns, kept=kept, kept_id=kept_id)

    def row(self, ref: Ref) -> ServiceRow:
        if self.servers.knows(ref):
            return self.servers.row(ref)
        row = self.known.services.get(ref)
        if row is None:
            raise NotFound(f"Account {self._api.account}: Dokploy does not know this service any more.")
        return row

    def slots(self, ref: Ref) -> list[Slot]:
        """What runs of it; empty also where that was not read."""
        row, reading = self.known.services.get(ref), self.running.reading(ref)
        if row is None or reading is None:
            return []
        return containers.slots(row, reading, self.running.since(ref))

    def kept(self, ref: Ref) -> int | None:
        """Return the version of the kept image that runs, after a rollback; None: the newest build does."""
        row, reading = self.known.services.get(ref), self.running.reading(ref)
        if row is None or reading is None or row.type != "application":
            return None
        return containers.kept_version(row, reading)

    def version(self, ref: Ref, deployment: str) -> int | None:
        """Return the version of the image that was kept of a deployment, if that is known already."""
        versions = self.known.versions.get(ref, {})
        return next((version for version, id_ in versions.items() if id_ == deployment), None)

    def record(self, service: Ref, deployment: str) -> DeploymentRow | None:
        rows = self.servers.rows(service) if self.servers.knows(service) else self.known.rows.get(service, ())
        return next((row for row in rows if row.deployment_id == deployment), None)

    def doubt(self, *parts: str) -> None:
        """These are read with the next picture, whatever the plan says."""
        for part in parts:
            self.known.read_at.pop(part, None)

    def odd_rows(self, ref: Ref) -> tuple[str, ...]:
        """Sentences about deployments of this service that could not be read."""
        count = self.servers.odd_rows(ref) + len(self.known.odd.get(ref, ()))
        sentence = _unreadable(count, "deployment", "deployments")
        return (sentence,) if sentence else ()

    # -- the parts --------------------------------------------------------------------------------------------

    def _turns(self, ref: Ref, row: ServiceRow) -> list[Turn | None]:
        """How the newest deployment fares. That Swarm went back is remembered: Docker clears its containers away."""
        reading, newest = self.running.reading(ref), self._newest_done(ref)
        if reading is None or newest is None:
            return []
        found = containers.turns(row, reading, moment(newest.finished_at))
        runs_now = frozenset(slot.best.id for slot in self.slots(ref) if slot.is_live)
        back = next((each for each in found if each is not None and each.went_back and each.is_sure), None)
        if back is not None:
            self.known.turned[newest.deployment_id] = runs_now, back
        elif (before := self.known.turned.get(newest.deployment_id)) is not None and runs_now <= before[0] and runs_now:
            found.append(before[1])
        return found

    def _newest_done(self, ref: Ref) -> DeploymentRow | None:
        own = self.known.rows.get(ref, [])
        return next((row for row in own if row.status == "done"), None)

    def _odd_newest(self, ref: Ref) -> str:
        """Why its newest deployment may be another one."""
        own = self.known.rows.get(ref, [])
        newest = moment(own[0].created_at) if own else None
        times = [moment(each.created_at) for each in self.known.odd.get(ref, ())]
        if any(newest is None or at is None or at >= newest for at in times):
            return "A deployment that may be its newest could not be read."
        return ""

    def _has_unread(self, ref: Ref) -> bool:
        """Whether it may have deployments all the same."""
        return bool(self.known.odd.get(ref) or self.known.odd.get(None)) or "central" in self.known.problems

    def _tell_odd(self, key: str, count: int, one: str, many: str) -> None:
        self.known.problems.pop(f"odd {key}", None)
        if sentence := _unreadable(count, one, many):
            self.known.problems[f"odd {key}"] = sentence

    def _tell_odd_rows(self) -> None:
        count = sum(map(len, self.known.odd.values()))
        self._tell_odd("rows", count, "deployment", "deployments")

    def _project(self, id_: str, name: str) -> Project:
        return Project(self._ref(Kind.PROJECT, id_), name, f"{self._api.root}/dashboard/project/{id_}")

    def _ref(self, kind: Kind, id_: str) -> Ref:
        return Ref(self._api.account, kind, id_)

    def _owner(self, row: DeploymentRow | OddRow) -> Ref | None:
        if row.application_id:
            return self._ref(Kind.SERVICE, f"application:{row.application_id}")
        return self._ref(Kind.SERVICE, f"compose:{row.compose_id}") if row.compose_id else None

    def _is_building(self) -> bool:
        return any(row.status == "running" for row in self.known.services.values())

    def _due(self, part: str, after_s: float) -> bool:
        at = self.known.read_at.get(part)
        return at is None or self._clock.monotonic() - at >= after_s - 0.05

    def _was_read(self, part: str) -> None:
        self.known.read_at[part] = self._clock.monotonic()


def _odd(rows: Sequence[msgspec.Raw]) -> list[OddRow]:
    """What is left of each; nothing at all where it is no object."""
    return [(values.rows((raw,), OddRow)[0] or [OddRow()])[0] for raw in rows]


def _unreadable(count: int, one: str, many: str) -> str:
    """A sentence about rows that are missing; "" where none is."""
    if not count:
        return ""
    what = f"1 {one} could not be read and is" if count == 1 else f"{count} {many} could not be read and are"
    return f"{what} not shown."


def _is_of(job: JobRow, ref: Ref) -> bool:
    """The queue is the instance's: jobs of other organisations are in it, too."""
    type_, id_ = decode.split(ref)
    if job.data.preview_deployment_id:
        return False
    return id_ == (job.data.compose_id if type_ == "compose" else job.data.application_id)
