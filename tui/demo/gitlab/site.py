"""The world as GitLab has it: a service is a project, what it is in one environment is an environment of that project.

What only GitLab knows is kept here: approvals, which job was retried by which, what a pipeline contains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tui.demo.cast import PEOPLE, Person, uuid
from tui.demo.entities import Deployment, Environment, Phase, Service
from tui.demo.entities import Project as Group
from tui.demo.gitlab.approvals import Approval
from tui.demo.gitlab.ids import (
    STAGES,
    deployment_number,
    environment_number,
    group_number,
    pipeline_number,
    project_number,
)
from tui.demo.gitlab.states import MANUAL
from tui.demo.gitlab.tokens import ON_CALL
from tui.demo.world import World

CAUTIOUS = "fraud"  # this project forbids to deploy what is older than what is deployed
PLAIN = "settlement"  # this one's runner stamps no lines


@dataclass(slots=True, eq=False)
class Project:
    id: int
    path: str  # acme/payments/api
    name: str
    group: Group
    services: list[Service]  # one an environment
    iids: dict[str, int] = field(default_factory=dict)

    @property
    def rollback_forbidden(self) -> bool:
        return self.name == CAUTIOUS

    @property
    def stamped(self) -> bool:
        return self.name != PLAIN

    @property
    def created_at(self) -> int:
        return self.group.created_at

    @property
    def deployments(self) -> list[Deployment]:
        """Oldest first, as their ids are."""
        found = sorted((one for service in self.services for one in service.deployments), key=deployment_number)
        number = max(self.iids.values(), default=0)
        for one in found:
            if one.id not in self.iids:
                number += 1
                self.iids[one.id] = number
        return found

    def iid(self, one: Deployment) -> int:
        """Its number in the project, which it keeps though others go."""
        if one.id not in self.iids:
            _ = self.deployments
        return self.iids[one.id]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """`runs`: what was deployed in it, oldest first: the first by its own job, the others by jobs that retried it."""

    id: int
    project: Project
    runs: list[Deployment]


class Site:
    def __init__(self, world: World) -> None:
        self.world = world
        self.approvals: dict[str, list[Approval]] = {}  # by the deployment's id
        self.retried: dict[str, Deployment] = {}  # a deployment's id -> the one whose job retried its own
        self.origin: dict[str, Deployment] = {}  # the other way round
        self.players: dict[str, Person] = {}  # a deployment's id -> who started its manual job
        self.canceling: set[str] = set()  # ids of deployments whose job has been told to end
        self.forced: set[str] = set()  # ids of deployments that were stopped without the environment's own job
        self.moved: dict[str, str] = {"acme/billing/api": "acme/payments/api"}  # where projects once were
        self._gone: set[str] = set()  # ids of services whose environment was deleted
        self._projects: dict[str, Project] = {}
        self._counted = -1
        _stage(world)

    @property
    def projects(self) -> list[Project]:
        """In order of their ids."""
        services = self.world.estate("gitlab").services
        if len(services) != self._counted:
            self._counted = len(services)
            self._arrange(services)
        return list(self._projects.values())

    def _arrange(self, services: list[Service]) -> None:
        found: dict[str, Project] = {}
        for service in services:
            if (project := found.get(service.service_id)) is None:
                group = service.environment.project
                path = f"{group.workspace.name}/{group.name}/{service.name}"
                known = self._projects.get(service.service_id)
                iids = known.iids if known else {}
                project = Project(project_number(service.service_id), path, service.name, group, [], iids)
                found[service.service_id] = project
            if service.id not in self._gone:
                project.services.append(service)
        self._projects = dict(sorted(found.items(), key=lambda item: item[1].id))

    def project(self, key: str) -> Project | None:
        """By its number or its path, in any case."""
        return next((one for one in self.projects if key == str(one.id) or key.lower() == one.path.lower()), None)

    def delete_environment(self, service: Service) -> None:
        self._gone.add(service.id)
        self._counted = -1

    def add_environment(self, project: Project, name: str) -> Service:
        """As a service of the world that nothing was deployed to."""
        group = project.group
        environment = next((one for one in group.environments if one.name == name), None)
        if environment is None:
            id_ = uuid(self.world.seed, "environment", group.name, name)
            environment = Environment(id_, name, group, self.world.now)
            group.environments.append(environment)
        like = self._any_service(project)
        service = Service(
            uuid(self.world.seed, group.name, name, project.name),
            like.service_id,
            project.name,
            environment,
            like.language,
            like.flavour,
            0.0,
            repo=like.repo,
            build_s=like.build_s,
        )
        if service.id in self._gone:
            self._gone.discard(service.id)
            environment.services = [one for one in environment.services if one.id != service.id]
        self.world.add_service(service)
        self._counted = -1
        return service

    def _any_service(self, project: Project) -> Service:
        services = self.world.estate("gitlab").services
        return next(one for one in services if project_number(one.service_id) == project.id)

    # pipelines and jobs

    def first(self, one: Deployment) -> Deployment:
        """The deployment that began the pipeline."""
        while one.id in self.origin:
            one = self.origin[one.id]
        return one

    def retry(self, one: Deployment, by: Deployment) -> None:
        self.retried[one.id] = by
        self.origin[by.id] = one

    def pipelines(self, project: Project) -> list[Pipeline]:
        """Newest first."""
        runs: dict[str, list[Deployment]] = {}
        for one in project.deployments:
            if not one.external:
                runs.setdefault(self.first(one).id, []).append(one)
        return [Pipeline(pipeline_number(each[0]), project, each) for each in reversed(list(runs.values()))]

    def pipeline(self, project: Project, number: int) -> Pipeline | None:
        return next((one for one in self.pipelines(project) if one.id == number), None)

    def job(self, project: Project, number: int) -> tuple[Deployment, str] | None:
        """The deployment and the stage that a job is of."""
        stage = number % 10 - 1
        if not 0 <= stage < len(STAGES):
            return None
        one = deployment(project, number // 10)
        if one is None or one.external or (one.id in self.origin and STAGES[stage] != "deploy"):
            return None
        return one, STAGES[stage]

    def jobs(self, project: Project) -> Iterator[tuple[Deployment, str]]:
        """Newest first."""
        for one in reversed(project.deployments):
            if not one.external:
                yield from (
                    (one, stage) for stage in reversed(STAGES) if stage == "deploy" or one.id not in self.origin
                )


def deployment(project: Project, number: int) -> Deployment | None:
    return next((one for one in project.deployments if deployment_number(one) == number), None)


def environment(project: Project, number: int) -> Service | None:
    return next((one for one in project.services if environment_number(one) == number), None)


def groups(world: World) -> list[tuple[int, str]]:
    """Numbers and full paths."""
    found: list[tuple[int, str]] = []
    for workspace in world.estate("gitlab").workspaces:
        found.append((group_number(workspace), workspace.name))
        found += [(group_number(one), f"{workspace.name}/{one.name}") for one in workspace.projects]
    return found


def people() -> tuple[Person, ...]:
    return (*PEOPLE, ON_CALL)


def _stage(world: World) -> None:
    """Two rows of the past that others' GitLabs have: one that Argo told of, and a manual job nobody ever started."""
    services = [one for one in world.estate("gitlab").services if one.environment.name == "production"]
    for service in services[:1]:
        told = [one for one in service.history if one.phase is Phase.REMOVED and one.live_from is not None]
        for one in told[12:13]:
            one.external, one.build = True, None
    for service in services[1:2]:
        if any(one.reason == MANUAL for one in service.history):
            continue  # this world was served before
        for one in [one for one in service.history if one.phase is Phase.SKIPPED][-1:]:
            one.phase, one.reason = Phase.WAITING, MANUAL
