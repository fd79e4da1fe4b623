"""The containers that Docker has of a service, newest first: what runs, and what ran before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tui.demo.clock import DAY, HOUR, MINUTE, SECOND
from tui.demo.dokploy import ids
from tui.demo.dokploy.site import Site
from tui.demo.entities import UP, Deployment, InstanceState, Phase, Service
from tui.demo.scripts import Line

REMEMBERED = 4  # tasks that a swarm keeps of what ran before
_COMPOSED = ("web", "db", "jobs")


@dataclass(frozen=True, slots=True)
class Container:
    """One of replica `number` of a deployment, from after `since` until `until` (None: it is still there)."""

    one: Deployment
    number: int
    turn: int  # how often the deployment's containers were replaced before
    since: int
    until: int | None
    image: str

    @property
    def id(self) -> str:
        return ids.container_id(self.one, self.number, self.turn)

    @property
    def task_id(self) -> str:
        return ids.task_id(self.one, self.number, self.turn)

    @property
    def slot(self) -> str:
        return f"{ids.app_name(self.one.service)}.{self.number + 1}"

    @property
    def name(self) -> str:
        app = ids.app_name(self.one.service)
        if ids.type_of(self.one.service) == "compose":
            return f"{app}-{_COMPOSED[self.number % 3]}-{self.number // 3 + 1}"
        return f"{self.slot}.{self.task_id}"

    def wrote(self, line: Line) -> bool:
        """A line that names no replica is the first one's."""
        if line.owner != self.one.id or line.at <= self.since or (self.until is not None and line.at > self.until):
            return False
        writer = next((n for n, each in enumerate(self.one.instances) if each.id == line.instance), 0)
        return writer == self.number

    def state(self, now: int) -> tuple[str, str]:
        """Docker's word for it, and its sentence."""
        if self.until is not None:
            return "exited", f"Exited (0) {_age(now - self.until)} ago"
        one = self.one
        found = InstanceState.EXITED if one.stopped else one.instance_state(self.number, now)
        match found:
            case InstanceState.CREATED:
                return "created", "Created"
            case InstanceState.RESTARTING if one.loops_from is None:  # somebody restarts it: no container failed
                return "created", "Created"
            case InstanceState.RESTARTING:
                return "restarting", "Restarting (1) 2 seconds ago"
            case InstanceState.CRASHED:
                return "exited", "Exited (1) 4 seconds ago"
            case InstanceState.EXITED | InstanceState.REMOVED:
                return "exited", f"Exited (0) {_age(now - one.changed_at)} ago"
        return "running", f"Up {_age(now - max(self.since, one.live_from or now))}"

    def task(self, now: int) -> tuple[str, str, str]:
        """A swarm's words for it: state, current state, error."""
        word, sentence = self.state(now)
        if word == "running":
            return "running", f"Running {sentence.removeprefix('Up ')} ago", ""
        if sentence.startswith(("Exited (1)", "Restarting")):
            return "failed", f"Failed {sentence.partition(') ')[2]}", '"task: non-zero exit (1)"'
        return ("shutdown", "Shutdown " + sentence.partition(") ")[2], "") if word == "exited" else (word, word, "")


def containers(service: Service, site: Site) -> list[Container]:
    """None where nothing of it has run since the world began."""
    serving = next((one for one in service.recent if one.phase in UP or _is_restarting(one)), None)
    if serving is None:
        return []
    is_swarm = ids.type_of(service) != "compose"
    reloads = site.reloads.get(serving.id, [])
    now = [_container(site, serving, number, len(reloads), None) for number in range(len(serving.instances))]
    return now + (list(_former(service, site, serving))[:REMEMBERED] if is_swarm else [])


def up_to_date(container: Container, site: Site) -> Container:
    """It may have been replaced since it was listed."""
    reloads = site.reloads.get(container.one.id, [])
    return replace(container, until=reloads[container.turn]) if len(reloads) > container.turn else container


def every_container(site: Site) -> list[Container]:
    return [each for service in site.services for each in containers(service, site)]


def of_app(site: Site, app_name: str) -> list[Container]:
    """Of the one service that is called so."""
    return next((containers(one, site) for one in site.services if ids.app_name(one) == app_name), [])


def _former(service: Service, site: Site, serving: Deployment) -> Iterator[Container]:
    for one in service.recent:
        if one is not serving and (one.live_from is None or one.created_at > serving.created_at):
            continue
        ends = list(site.reloads.get(one.id, []))
        if one is not serving:
            ends.append(one.removed_at or serving.live_from or site.world.now)
        for turn in reversed(range(len(ends))):
            for number in range(len(one.instances)):
                yield _container(site, one, number, turn, ends[turn])


def _container(site: Site, one: Deployment, number: int, turn: int, until: int | None) -> Container:
    reloads = site.reloads.get(one.id, [])
    since = reloads[turn - 1] if turn else 0
    return Container(one, number, turn, since, until, image(one, site))


def image(one: Deployment, site: Site) -> str:
    """After a rollback that of the registry; else what was built last on the host."""
    name = ids.app_name(one.service)
    if one.id in site.rollbacks:
        origin = next(each for each in one.service.deployments if each.commit == one.commit and each is not one)
        return f"{REGISTRY}/{name}:v{origin.number}"
    return one.service.image or f"{name}:latest"


REGISTRY = "registry.tools.example/acme"


def _is_restarting(one: Deployment) -> bool:
    return one.phase is Phase.DEPLOYING and one.live_from is not None


def _age(passed: int) -> str:
    """As Docker says it: in the largest unit of which there are two."""
    for size, unit in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if passed >= 2 * size:
            return f"{passed // size} {unit}"
    return f"{max(1, passed // SECOND)} second{'s' if passed >= 2 * SECOND else ''}"
