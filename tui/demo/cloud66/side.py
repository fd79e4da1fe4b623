"""What Cloud 66 knows that the world does not: asynchronous actions, holding pages, what is paused, who waits."""

from __future__ import annotations

from dataclasses import dataclass

from tui.demo.clock import SECOND
from tui.demo.cloud66 import ids, states
from tui.demo.entities import UNDER_WAY, Deployment, Phase, Service
from tui.demo.lifecycle import let_go
from tui.demo.world import Change, StatusChanged, World

DEPLOYMENT = "application_deployment"
VIA = {"push": (2, "hook"), "upload": (0, "web"), "rollback": (0, "web")}
API = (1, "api")
_TAKES_S = {"clear_caches": 1.0, "stack_reboot": 40.0, "server_reboot": 25.0}
_USUALLY_S = 5.0

Part = tuple[str, str]
"""A stack's service or process: (the world service's id, its name in the stack)."""


@dataclass(frozen=True, slots=True, eq=False)
class Action:
    """One asynchronous action. With a deployment it ends as that does, else at its time."""

    id: int
    service: Service
    user: str
    name: str
    started_at: int
    via: str = "api"
    reference: str = ""
    deployment: Deployment | None = None
    ends_at: int = 0

    def finished_at(self, now: int) -> int | None:
        if self.deployment is not None:
            return states.finished_at(self.deployment)
        return self.ends_at if now >= self.ends_at else None

    @property
    def success(self) -> bool:
        """Once it is finished."""
        return self.deployment is None or states.went_well(self.deployment)


class Side:
    """`paused`, `maintenance` and the like are by hand: a deployment changes none of them, but brings a service back
    that was stopped by scaling it to nothing.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.maintenance: set[str] = set()  # ids of services
        self.paused: set[Part] = set()
        self.scale: dict[Part, int] = {}
        self.tags: dict[Part, str] = {}  # what was asked for in `services`, since it is live
        self.stopped: set[str] = set()  # uids of containers
        self.restarted: dict[Part | str, int] = {}  # when: parts, or uids of containers
        self._ordered: dict[str, list[Action]] = {}  # by the service's id, newest first
        self._by_deployment: dict[str, Action] = {}
        self._waiting: dict[str, list[Deployment]] = {}
        self._wanted: dict[str, dict[str, str]] = {}  # by the deployment's id: tags by service
        self._last = 0
        world.listen(self._changed)

    # actions

    def begin(
        self, service: Service, name: str, user: str, reference: str = "", deployment: Deployment | None = None
    ) -> Action:
        now = self.world.now
        self._last = max(self._last + 1, ids.action_number(now))
        ends_at = now + round(_TAKES_S.get(name, _USUALLY_S) * SECOND)
        made = Action(self._last, service, user, name, now, reference=reference, deployment=deployment, ends_at=ends_at)
        self._ordered.setdefault(service.id, []).insert(0, made)
        if deployment is not None:
            self._by_deployment[deployment.id] = made
        return made

    def ordered(self, service: Service) -> list[Action]:
        """Those that were asked for here, newest first."""
        return self._ordered.get(service.id, [])

    def actions(self, service: Service) -> list[Action]:
        """All, newest first: behind every deployment there is one, whoever started it."""
        others = [self.behind(one) for one in service.deployments if one.id not in self._by_deployment]
        return sorted([*self.ordered(service), *others], key=lambda one: one.id, reverse=True)

    def behind(self, one: Deployment) -> Action:
        """The action of a deployment."""
        if (known := self._by_deployment.get(one.id)) is not None:
            return known
        _, via = VIA.get(one.trigger, API)
        number = ids.action_number(one.created_at)
        return Action(number, one.service, one.creator.email, DEPLOYMENT, one.created_at, via, deployment=one)

    def busy(self, service: Service) -> bool:
        now = self.world.now
        return states.busy(service) or any(one.finished_at(now) is None for one in self.ordered(service))

    def last_order_at(self, service: Service) -> int:
        return next((one.started_at for one in self.ordered(service)), 0)

    # what waits, and what comes with a deployment

    def queue(self, one: Deployment) -> None:
        """It goes on when nothing else of its stack is under way."""
        self._waiting.setdefault(one.service.id, []).append(one)

    def ask_for(self, one: Deployment, tags: dict[str, str]) -> None:
        """What its services are to run once it is live."""
        if tags:
            self._wanted[one.id] = tags

    def _changed(self, change: Change) -> None:
        if not isinstance(change, StatusChanged):
            return
        one = change.deployment
        if change.phase is Phase.LIVE:
            self._arrived(one)
        self._next_in_the_queue(one.service)

    def _next_in_the_queue(self, service: Service) -> None:
        queue = self._waiting.get(service.id)
        if not queue:
            return
        queue[:] = [one for one in queue if one.phase in UNDER_WAY]
        if queue and not any(one.phase in UNDER_WAY and one not in queue for one in service.recent):
            let_go(self.world, queue.pop(0))

    def _arrived(self, one: Deployment) -> None:
        id_ = one.service.id
        for name, tag in self._wanted.pop(one.id, {}).items():
            self.tags[id_, name] = tag
        for part in [part for part, count in self.scale.items() if part[0] == id_ and count == 0]:
            del self.scale[part]
