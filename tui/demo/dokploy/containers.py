"""The containers that Docker has, newest first: what runs, and what ran before."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tui.demo.dokploy import ids, swarm
from tui.demo.dokploy.ages import age
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.swarm import Task
from tui.demo.entities import UP, Deployment, InstanceState, Phase, Service
from tui.demo.scripts import Line

REGISTRY = "registry.tools.example/acme"
_PARTS = ("web", "db", "jobs")  # of a compose project or a stack


@dataclass(frozen=True, slots=True)
class Container:
    """One of replica `number` of a deployment. `task` is None in a compose project, which has none."""

    one: Deployment
    number: int
    image: str
    task: Task | None

    @property
    def id(self) -> str:
        return ids.container_id(self.one, self.number, self._key)

    @property
    def task_id(self) -> str:
        return ids.task_id(self.one, self.number, self._key)

    @property
    def _key(self) -> str:
        return "0" if self.task is None else self.task.key

    @property
    def slot(self) -> str:
        app, part, place = ids.app_name(self.one.service), _PARTS[self.number % 3], self.number // 3 + 1
        match self.one.service.kind:
            case "stack":
                return f"{app}_{part}.{place}"
            case "compose":
                return f"{app}-{part}-{place}"
        return f"{app}.{self.number + 1}"

    @property
    def name(self) -> str:
        return self.slot if self.task is None else f"{self.slot}.{self.task_id}"

    @property
    def created_at(self) -> int:
        return self.one.created_at if self.task is None else self.task.created_at

    @property
    def writes_from(self) -> int:
        """No line of it is older."""
        return 0 if self.task is None or self.task.started_at is None else self.task.started_at

    def wrote(self, line: Line) -> bool:
        """Tell whether a line is this container's; one that names no replica is the first one's."""
        if line.owner != self.one.id or (self.task is not None and not self.task.ran_at(line.at)):
            return False
        writer = next((n for n, each in enumerate(self.one.instances) if each.id == line.instance), 0)
        return writer == self.number

    def state(self, now: int) -> tuple[str, str]:
        """Return Docker's word for it, and its sentence."""
        return _composed_state(self.one, self.number, now) if self.task is None else self.task.container(now)


def containers(service: Service, site: Site) -> list[Container]:
    """Return what Docker has of a service, newest first; nothing where nothing of it has run since the world began."""
    if not service.is_swarm:
        serving = next((one for one in service.recent if one.phase in UP or _is_restarting(one)), None)
        count = 0 if serving is None else len(serving.instances)
        return [Container(serving, number, image(serving, site), None) for number in range(count) if serving]
    found = [each for slot in tasks(service, site) for each in slot]
    return sorted(found, key=lambda each: each.created_at, reverse=True)


def tasks(service: Service, site: Site) -> list[list[Container]]:
    """Return the tasks of a swarm service slot by slot, newest first; of a stack those since it was removed."""
    since = site.stack_removed_at.get(service.id, 0)
    found = []
    for number, slot in enumerate(swarm.slots(service, site.world.now)):
        slot = [pair for pair in slot if pair[1].created_at >= since]
        found.append([Container(one, number, image(one, site), task) for one, task in slot])
    return found


def up_to_date(container: Container, site: Site) -> Container:
    """Return the container as it is now; it may have ended since it was listed."""
    known = container.task
    if known is None:
        return container
    task = swarm.task(container.one, known.run, known.turn, container.number, site.world.now)
    return replace(container, task=task)


def every_container(site: Site) -> list[Container]:
    found = [each for service in site.services for each in containers(service, site)]
    return sorted(found, key=lambda each: each.created_at, reverse=True)


def of_app(site: Site, app_name: str) -> list[Container]:
    """Return those of the one service that is called so."""
    return next((containers(one, site) for one in site.services if ids.app_name(one) == app_name), [])


def image(one: Deployment, site: Site) -> str:
    """Return the kept image of the registry after a rollback, else the one that was built last on the host."""
    name = ids.app_name(one.service)
    if one.id in site.rollbacks:
        return f"{REGISTRY}/{name}:v{site.rollbacks[one.id]}"
    return one.service.image or f"{name}:latest"


# compose projects: Docker itself restarts what dies


def _composed_state(one: Deployment, number: int, now: int) -> tuple[str, str]:
    match InstanceState.EXITED if one.stopped else one.instance_state(number, now):
        case InstanceState.CREATED:
            return "created", "Created"
        case InstanceState.RESTARTING if one.loops_from is None:  # somebody restarts it: no container failed
            return "created", "Created"
        case InstanceState.RESTARTING:
            return "restarting", "Restarting (1) 2 seconds ago"
        case InstanceState.CRASHED:
            return "exited", "Exited (1) 4 seconds ago"
        case InstanceState.EXITED | InstanceState.REMOVED:
            return "exited", f"Exited (0) {age(now - one.changed_at)} ago"
    started_at = next((run.started_at for run in reversed(one.runs) if run.started_at is not None), one.live_from)
    return "running", f"Up {age(now - (started_at or now))}"


def _is_restarting(one: Deployment) -> bool:
    return one.phase is Phase.DEPLOYING and one.live_from is not None
