"""What Cloud 66 knows that the world does not: asynchronous actions, holding pages, what is paused, who waits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tui.demo.clock import SECOND
from tui.demo.entities import UNDER_WAY, Deployment, Phase, Service
from tui.demo.lifecycle import let_go
from tui.demo.world import Change, StatusChanged, World

FIRST_ACTION = 6_566_400
TAKES_S = {"restart": 8.0, "clear_caches": 1.0}
_USUALLY_S = 5.0


@dataclass(slots=True, eq=False)
class Action:
    """One asynchronous action. With a deployment it ends as that does, else after a while."""

    id: int
    service: Service
    user: str
    name: str
    started_at: int
    reference: str = ""
    deployment: Deployment | None = None
    ends_at: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    def finished_at(self, now: int) -> int | None:
        if self.deployment is not None:
            return None if self.deployment.phase in UNDER_WAY else self.deployment.changed_at
        return self.ends_at if now >= self.ends_at else None

    @property
    def success(self) -> bool:
        one = self.deployment
        return one is None or (one.phase is not Phase.FAILED and one.live_from is not None)


class Side:
    def __init__(self, world: World) -> None:
        self.world = world
        self.actions: dict[str, list[Action]] = {}  # by the service's id, newest first
        self.maintenance: set[str] = set()
        self.paused: set[tuple[str, str]] = set()  # (service's id, name of the service or process in it)
        self.scale: dict[tuple[str, str], int] = {}
        self.waiting: dict[str, list[Deployment]] = {}  # behind the one that is under way
        self._next = FIRST_ACTION
        world.listen(self._changed)

    def begin(self, service: Service, name: str, user: str, reference: str = "", **more: Any) -> Action:  # noqa: ANN401
        self._next += 1
        seconds = TAKES_S.get(name, _USUALLY_S)
        ends_at = self.world.now + round(seconds * SECOND)
        made = Action(self._next, service, user, name, self.world.now, reference, ends_at=ends_at, **more)
        self.actions.setdefault(service.id, []).insert(0, made)
        return made

    def queue(self, one: Deployment) -> None:
        self.waiting.setdefault(one.service.id, []).append(one)

    def _changed(self, change: Change) -> None:
        """The first in the queue goes on when nothing is under way any more."""
        if not isinstance(change, StatusChanged):
            return
        service = change.deployment.service
        queue = self.waiting.get(service.id)
        if not queue:
            return
        queue[:] = [one for one in queue if one.phase in UNDER_WAY]
        if queue and not busy(service, but=queue):
            let_go(self.world, queue.pop(0))


def busy(service: Service, but: list[Deployment] | None = None) -> bool:
    return any(one.phase in UNDER_WAY and one not in (but or ()) for one in service.recent)
