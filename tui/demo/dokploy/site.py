"""What Dokploy knows that the world does not: its queue, what was killed or hidden, titles that somebody gave."""

from __future__ import annotations

from dataclasses import dataclass

from tui.demo.cast import Commit, Person
from tui.demo.dokploy import ids
from tui.demo.entities import PENDING, Deployment, Phase, Service
from tui.demo.lifecycle import begin, let_go
from tui.demo.world import Change, StatusChanged, World

KEPT = 11  # rows of one service
BUILDING = frozenset({Phase.BUILDING, Phase.DEPLOYING})


@dataclass(frozen=True, slots=True)
class Job:
    number: int
    one: Deployment
    is_active: bool


class Site:
    """One build at a time for what is ordered through the API; pushes of the story go their own way."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.killed: set[str] = set()
        self.hidden: set[str] = set()
        self.titles: dict[str, tuple[str, str]] = {}  # title and description as they were given
        self.redeploys: set[str] = set()
        self.requests_recorded = True
        self._waiting: list[Deployment] = []
        self._numbers: dict[str, int] = {}
        world.listen(self._changed)

    @property
    def services(self) -> list[Service]:
        return self.world.estate("dokploy").services

    def service(self, id_: str) -> Service | None:
        return next((one for one in self.services if ids.service_id(one) == id_), None)

    def order(
        self, service: Service, commit: Commit, by: Person, title: str, description: str, *, again: bool
    ) -> Deployment:
        """Queues one build. Counted by whoever gave the order."""
        trigger = "redeploy" if again else "deploy"
        made = begin(self.world, service, commit, trigger, by, hold=Phase.QUEUED)
        self.titles[made.id] = (title, description)
        if again:
            self.redeploys.add(made.id)
        self._waiting.append(made)
        self.world.after(2.0, self._next)
        return made

    def _changed(self, change: Change) -> None:
        if isinstance(change, StatusChanged) and self._waiting:
            self.world.after(0.2, self._next)

    def _next(self) -> None:
        """The first that waits is built, when nothing is."""
        self._waiting = [one for one in self._waiting if one.phase in PENDING]
        if self._waiting and self._waiting[0].phase is Phase.QUEUED and not self.is_busy():
            let_go(self.world, self._waiting.pop(0))

    def is_busy(self) -> bool:
        return any(
            one.phase in BUILDING and one.live_from is None for service in self.services for one in service.recent[:4]
        )

    def jobs(self) -> list[Job]:
        """Newest first. A job that is done is gone."""
        found = [
            one
            for service in self.services
            if ids.type_of(service) in ("application", "compose")
            for one in service.recent
            if one.phase in PENDING or (one.phase in BUILDING and one.live_from is None)
        ]
        found.sort(key=lambda one: one.created_at)
        for one in found:
            self._numbers.setdefault(one.id, len(self._numbers) + 1)
        found.sort(key=lambda one: (one.phase in PENDING, one.created_at), reverse=True)
        return [Job(self._numbers[one.id], one, one.phase in BUILDING) for one in found]

    def rows(self, service: Service) -> list[Deployment]:
        """Those that have a row, newest first: nothing that waits, and not more than are kept."""
        found: list[Deployment] = []
        for one in service.recent if len(service.recent) > KEPT else service.deployments:
            if one.phase in PENDING or one.phase is Phase.SKIPPED or one.id in self.hidden:
                continue
            if one.build is None and one.live_from is None and one.phase is Phase.REMOVED:
                continue  # it was dropped from the queue
            found.append(one)
            if len(found) == KEPT:
                break
        return found

    def deployment(self, id_: str) -> Deployment | None:
        for service in self.services:
            for one in self.rows(service):
                if ids.deployment_id(one) == id_:
                    return one
        return None
