"""What Dokploy knows that the world does not: its queue, what was killed or hidden, titles that somebody gave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tui.demo.cast import Commit, Person
from tui.demo.clock import MINUTE
from tui.demo.dokploy import ids
from tui.demo.entities import PENDING, Deployment, Phase, Service
from tui.demo.faults import FaultKind
from tui.demo.lifecycle import begin, let_go
from tui.demo.world import Change, Denied, StatusChanged, World

KEPT = 11  # rows of one service: ten are left when the next deploy makes one more
BUILDING = frozenset({Phase.BUILDING, Phase.DEPLOYING})


@dataclass(frozen=True, slots=True)
class Job:
    number: int
    one: Deployment
    is_active: bool


class Site:
    """One build at a time for what is ordered through the API; pushes of the story go their own way.

    Deployments in `stuck`, `interrupted` and `unstarted` have rows that say something else than the world: running
    for ever, cancelled by a restart of Dokploy, failed before there was a log file. One of each is in the history of
    a compose service that nobody looks at.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.killed: set[str] = set()
        self.hidden: set[str] = set()  # whose rows were removed
        self.cleared: set[str] = set()  # whose log files were removed
        self.rollbacks: dict[str, int] = {}  # what a rollback made runs without a row; which version's image it runs
        self.titles: dict[str, tuple[str, str]] = {}  # title and description as they were given
        self.redeploys: set[str] = set()
        self.stack_removed_at: dict[str, int] = {}  # by service; nothing that was created before is there any more
        self.said_up: set[str] = set()  # stacks that are done by their status, and were not started
        self.unrecorded_from: int | None = None  # requests are not written down since then
        self.unrecorded: list[tuple[int, int]] = []  # nor were they in between
        self._waiting: list[Deployment] = []
        self._numbers = {"foreign": 1}
        for one in sorted(self._queued(), key=lambda one: one.created_at):
            self._number(one)
        self.stuck, self.interrupted, self.unstarted = (set(found) for found in self._oddities())
        world.listen(self._changed)

    @property
    def services(self) -> list[Service]:
        return self.world.estate("dokploy").services

    def service(self, id_: str) -> Service | None:
        return next((one for one in self.services if ids.service_id(one) == id_), None)

    @property
    def is_down(self) -> bool:
        """Tell whether the database of Dokploy itself is down: nobody can be known then."""
        return self.world.faults.armed({FaultKind.DATABASE_DOWN})

    # orders

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

    def roll_back(self, one: Deployment, by: Person) -> None:
        """Run its kept image again; no row, no job and no status show it. Raises Denied: no image was kept."""
        self.world.calls["rollback", one.id] += 1
        if not self.has_image(one):
            raise Denied("Cannot rollback to this deployment")
        made = begin(self.world, one.service, one.commit, "rollback", by, build=False)
        self.rollbacks[made.id] = one.number

    def newest_build(self, service: Service) -> Deployment | None:
        """Return the deployment whose image is the service's `:latest`."""
        return next((one for one in service.deployments if one.id not in self.rollbacks and self.has_image(one)), None)

    def has_image(self, one: Deployment) -> bool:
        """Tell whether its build went well; a row may have a rollback without one."""
        return bool(one.runs) and one.id not in self.killed

    def _changed(self, change: Change) -> None:
        if not isinstance(change, StatusChanged) or change.deployment.service.platform != "dokploy":
            return
        if change.phase is Phase.INITIALIZING and is_queueable(change.deployment.service):
            self._number(change.deployment)
        if self._waiting:
            self.world.after(0.2, self._next)

    def _next(self) -> None:
        """The first that waits is built, when nothing is."""
        self._waiting = [one for one in self._waiting if one.phase in PENDING]
        if self._waiting and self._waiting[0].phase is Phase.QUEUED and not self._is_busy():
            let_go(self.world, self._waiting.pop(0))

    def _is_busy(self) -> bool:
        return any(self.is_building(one) for one in self._queued())

    def _number(self, one: Deployment) -> int:
        """Of its job, in the order in which they came."""
        return self._numbers.setdefault(one.id, len(self._numbers) + 1)

    # what there is

    def is_building(self, one: Deployment) -> bool:
        """Tell whether its job is active. It ends when swarm was told what to run, whatever becomes of that.

        What is restarted or rolled back is under way, too, but no job's.
        """
        if one.phase is Phase.DEPLOYING and one.service.is_swarm:
            return False
        return one.phase in BUILDING and one.live_from is None and one.id not in self.rollbacks

    def _queued(self) -> Iterator[Deployment]:
        for service in self.services:
            if is_queueable(service):
                for one in service.recent:
                    if one.id not in self.rollbacks and (one.phase in PENDING or self.is_building(one)):
                        yield one

    def jobs(self) -> list[Job]:
        """Newest first, what waits above what is active. A job that is done is gone."""
        found = [Job(self._number(one), one, self.is_building(one)) for one in self._queued()]
        return sorted(found, key=lambda job: (not job.is_active, job.number), reverse=True)

    @property
    def foreign_job(self) -> int | None:
        """The number of another organisation's job, in the one queue that all share; it is done in a minute."""
        return self._numbers["foreign"] if self.world.now < self.world.started_at + MINUTE else None

    def rows(self, service: Service) -> list[Deployment]:
        """Those that have a row, newest first: nothing that waits, and not more than are kept."""
        kept: list[Deployment] = []
        for one in _newest_first(service):
            if self.has_row(one):
                kept.append(one)
                if len(kept) == KEPT:
                    break
        return [one for one in kept if one.id not in self.hidden] if self.hidden else kept

    def has_row(self, one: Deployment) -> bool:
        """A row appears when a job turns active, and stays until it is removed or the history is too long."""
        if one.phase in PENDING or one.id in self.rollbacks:
            return False
        dropped = one.phase is Phase.REMOVED and one.build is None and one.live_from is None
        return not dropped  # from the queue

    def deployment(self, id_: str) -> Deployment | None:
        for service in self.services:
            for one in self.rows(service):
                if ids.deployment_id(one) == id_:
                    return one
        return None

    def _oddities(self) -> tuple[list[str], list[str], list[str]]:
        quiet = [one for one in self.services if one.kind == "compose" and one.environment.name == "staging"]
        rows = self.rows(quiet[0]) if quiet else []
        return [one.id for one in rows[2:3]], [one.id for one in rows[4:5]], [one.id for one in rows[6:7]]


def is_queueable(service: Service) -> bool:
    """Databases are deployed at once, and leave no history."""
    return ids.type_of(service) in ("application", "compose")


def _newest_first(service: Service) -> Iterator[Deployment]:
    """The history is made only if it is come to."""
    yield from tuple(service.recent)
    yield from service.history
