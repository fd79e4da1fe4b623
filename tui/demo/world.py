"""The world: its time, what is in it, and who listens.

It is a function of its seed, the time that passed, and what was done to it. `tui.demo.story` makes one,
`tui.demo.lifecycle` has what can be done.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from tui.demo.cast import uuid
from tui.demo.clock import SECOND, WorldClock
from tui.demo.entities import Deployment, Environment, Phase, Project, Service, Step, Workspace
from tui.demo.faults import Faults
from tui.demo.flows import Cycle

BASE_LINES_PER_SECOND = 8.0
REQUESTS_PER_SECOND = 3.0


@dataclass(frozen=True, slots=True)
class StatusChanged:
    deployment: Deployment
    phase: Phase
    stopped: bool
    at: int


@dataclass(frozen=True, slots=True)
class StepChanged:
    deployment: Deployment
    step: Step
    finished_at: int | None
    at: int


Change = StatusChanged | StepChanged


class Denied(Exception):
    """What the world refuses; the platforms put it in their own words where they have some."""


class World:
    """Everything happens inside `run`, in the order of time, so that a frozen world can be advanced in one leap or in
    many steps with the same outcome. Not thread-safe: it lives in its server's loop.
    """

    def __init__(
        self,
        seed: int = 1,
        clock: WorldClock | None = None,
        past: int | None = None,
    ) -> None:
        """`past`: about so many deployments has a service had in 30 days; None: some forty, in two months."""
        self.seed = seed
        self.past = past
        self.clock = clock or WorldClock()
        self.random = random.Random(f"life:{seed}")
        self.started_at = self.clock.now()
        self.now = self.started_at
        self.calls: Counter[tuple[str, str]] = Counter()  # (verb, id of what it was done to) -> how often
        self.faults = Faults(seed, lambda: self.now, self.wake)
        self.workspaces: list[Workspace] = []
        self.build_ends_socket = "close"  # how a build's log stream ends: close, complete or drop
        self._services: dict[str, Service] = {}
        self._by_tag: dict[str, Service] = {}
        self._deployments: dict[str, Deployment] = {}
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._listeners: list[Callable[[Change], None]] = []
        self._sleepers: list[Callable[[], None]] = []
        self._weights = (1.0, 1.0)
        self.log_rate: float | None = None  # lines a second in all, where somebody asked for so many
        self.loud: Service | None = None  # where the lines come from that a higher log rate asks for

    # time

    def advance(self, seconds: float) -> None:
        """Let time pass: everything due happens, then whoever waits is woken."""
        self.clock.advance(seconds)
        self.run()

    def run(self) -> None:
        """Catch up with the clock."""
        until = self.clock.now()
        self.run_until(until)
        self.wake()

    def run_until(self, until: int) -> None:
        agenda = self._agenda
        while agenda and agenda[0][0] <= until:
            at, _, action = heapq.heappop(agenda)
            self.now = max(self.now, at)
            action()
        self.now = max(self.now, until)

    def at(self, when: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (when, next(self._order), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        self.at(self.now + round(seconds * SECOND), action)

    # listening

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Told of each change as it happens. Returns what ends it."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def emit(self, change: Change) -> None:
        for listener in tuple(self._listeners):
            listener(change)

    def on_wake(self, sleeper: Callable[[], None]) -> Callable[[], None]:
        """Called after time has passed or a fault was added. Returns what ends it."""
        self._sleepers.append(sleeper)
        return lambda: self._sleepers.remove(sleeper)

    @property
    def has_listeners(self) -> bool:
        return bool(self._listeners or self._sleepers)

    def wake(self) -> None:
        for sleeper in tuple(self._sleepers):
            sleeper()

    # what is in it

    def estate(self, platform: str) -> Estate:
        """What one platform shows of the world."""
        return Estate([one for one in self.workspaces if one.platform == platform])

    @property
    def services(self) -> list[Service]:
        return list(self._services.values())

    def service(self, path: str) -> Service:
        """By `project/environment/service`. Raises KeyError."""
        for service in self._services.values():
            if service.path == path:
                return service
        raise KeyError(path)

    def add_service(self, service: Service) -> None:
        self._services[service.id] = service
        self._by_tag[service.tag] = service
        service.environment.services.append(service)

    def deployment(self, id_: str) -> Deployment:
        """Raises KeyError."""
        if id_ not in self._deployments and (service := self._by_tag.get(id_[:8])) is not None:
            for one in service.deployments:
                self._deployments[one.id] = one
        return self._deployments[id_]

    def new_deployment_id(self, service: Service) -> str:
        return service.tag + uuid(self.seed, service.id, service.next_number)[8:]

    def add_deployment(self, deployment: Deployment) -> None:
        service = deployment.service
        self._deployments[deployment.id] = deployment
        service.recent.insert(0, deployment)
        service.hidden_latest = False
        for forgotten in service.recent[_REMEMBERED:]:
            if forgotten.phase in (Phase.REMOVED, Phase.FAILED, Phase.SKIPPED):
                service.recent.remove(forgotten)
                self._deployments.pop(forgotten.id, None)

    def forget(self, deployment: Deployment) -> None:
        """As if it had never been."""
        for kept in (deployment.service.recent, deployment.service.history):
            if deployment in kept:
                kept.remove(deployment)
        self._deployments.pop(deployment.id, None)

    # how much is written

    def weigh(self) -> None:
        """To be called once all services are there."""
        lines = sum(service.weight for service in self._services.values())
        requests = sum(service.weight for service in self._services.values() if service.routes)
        self._weights = (lines or 1.0, requests or 1.0)

    def usual_lines_per_second(self, service: Service) -> float:
        return BASE_LINES_PER_SECOND * service.weight / self._weights[0]

    def lines_per_second(self, service: Service) -> float:
        usual = self.usual_lines_per_second(service)
        if self.log_rate is None:
            return usual
        crashing = (flow for one in self._running() for flow in one.lines.flows if isinstance(flow, Cycle))
        loops = sum(flow.rate for flow in crashing if flow.end is None)
        usual *= min(1.0, max(0.02, (self.log_rate - loops) / BASE_LINES_PER_SECOND))
        if service is not self.loud:
            return usual
        return max(usual, self.log_rate - sum(one.lines.rate(self.now) for one in self._running(but=service)))

    def _running(self, but: Service | None = None) -> list[Deployment]:
        return [one for service in self._services.values() if service is not but for one in service.active]

    def requests_per_second(self, service: Service) -> float:
        return REQUESTS_PER_SECOND * service.weight / self._weights[1]


@dataclass(frozen=True, slots=True)
class Estate:
    """What one platform shows of a world."""

    workspaces: list[Workspace]

    @property
    def projects(self) -> list[Project]:
        return [project for workspace in self.workspaces for project in workspace.projects]

    @property
    def environments(self) -> list[Environment]:
        return [environment for project in self.projects for environment in project.environments]

    @property
    def services(self) -> list[Service]:
        return [service for environment in self.environments for service in environment.services]


_REMEMBERED = 400  # of a service's deployments since the start: the board may stay open for days
