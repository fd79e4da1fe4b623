"""What each platform's cases need to know of it: a fifth provider is one more `Profile`."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.journeys.sailing import WorldTime
from tests.providers.loopback import Ledger
from tui import providers
from tui.credentials import Secret
from tui.demo.cast import PEOPLE, new_commit
from tui.demo.entities import Deployment, Phase, Service
from tui.demo.lifecycle import record, stop
from tui.demo.serve import Serving, serve
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.model.action import Verb
from tui.model.clock import Clock
from tui.model.entities import Service as ShownService
from tui.model.entities import Snapshot
from tui.model.log import LogKind
from tui.model.provider import Connection, Meter, Provider
from tui.model.status import Status
from tui.providers.dokploy.servers import PROJECT as SERVERS

ACCOUNT = "demo"

Choose = Callable[[World, Service], Deployment | None]


@dataclass(frozen=True)
class Order:
    """One verb, and where in the world it can be given."""

    verb: Verb
    service: str
    target: Choose
    options: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[World, Service], object] | None = None  # what has to have happened


@dataclass(frozen=True)
class Profile:
    """`statuses`: what each phase of a service's newest deployment is shown as; a phase that is not there has no
    word of its own on the platform. `keeps`: how many deployments of a service the platform lists; None: all.
    `mutations`: the operations that change something, as faults name them. `limited`: a token that may not change
    anything, None where the platform has none.
    """

    name: str
    healthy: str
    busy: str  # a service whose rollout is under way
    statuses: Mapping[Phase, Status]
    orders: tuple[Order, ...]
    mutations: tuple[str, ...] = ("POST", "PUT", "DELETE")
    keeps: int | None = None
    limited: Callable[[object], str] | None = None
    unknown: str = "90000007"  # an id that no deployment has
    tells_limits: bool = True  # else a used-up limit looks like a bad token
    cuts: Mapping[LogKind, str] = field(default_factory=dict)  # which channel a log's faults go by
    whole_build_log: bool = True  # lines written before somebody looked are still there
    build_log_faults: tuple[str, ...] = ("drop", "close", "malformed")

    def id(self, one: Deployment) -> str:
        """The platform's own id of a deployment of the world."""
        if self.name == "railway":
            return one.id
        ids = importlib.import_module(f"tui.demo.{self.name}.ids")
        found: str = ids.deployment_id(one)
        return found


def live(_world: World, service: Service) -> Deployment:
    return service.active[0]


def newest(_world: World, service: Service) -> Deployment:
    return service.deployments[0]


def older(_world: World, service: Service) -> Deployment:
    """The last one that was live before the one that is."""
    current = service.active[0]
    return next(one for one in service.deployments if one is not current and one.live_from is not None)


def nothing(_world: World, _service: Service) -> None:
    return None


def _stopped(world: World, service: Service) -> None:
    stop(world, service.active[0])
    world.advance(10)


def _recorded(world: World, service: Service) -> None:
    """Something outside tells of a deployment."""
    commit = new_commit("outside")
    record(world, service, commit, PEOPLE[0], Phase.BUILDING)


RAILWAY = Profile(
    "railway",
    healthy="platform/production/metrics",
    busy="shop/production/web",
    statuses={
        Phase.INITIALIZING: Status.QUEUED,
        Phase.QUEUED: Status.QUEUED,
        Phase.WAITING: Status.WAITING,
        Phase.NEEDS_APPROVAL: Status.NEEDS_APPROVAL,
        Phase.BUILDING: Status.BUILDING,
        Phase.DEPLOYING: Status.DEPLOYING,
        Phase.LIVE: Status.LIVE,
        Phase.SLEEPING: Status.SLEEPING,
        Phase.CRASHED: Status.CRASHED,
        Phase.FAILED: Status.FAILED,
        Phase.SKIPPED: Status.SKIPPED,
        Phase.REMOVING: Status.REMOVING,
        Phase.REMOVED: Status.REMOVED,
    },
    orders=(
        Order(Verb.REDEPLOY, "platform/production/metrics", live),
        Order(Verb.RESTART, "platform/production/metrics", live),
        Order(Verb.STOP, "platform/production/metrics", live),
        Order(Verb.ROLLBACK, "shop/production/images", older),
        Order(Verb.CANCEL, "shop/production/web", newest),
        Order(Verb.REMOVE, "platform/production/metrics", live),
        Order(Verb.DEPLOY, "platform/production/metrics", nothing),
        Order(Verb.APPROVE, "shop/pr-312/web", newest),
    ),
    mutations=(
        "deploymentRedeploy",
        "deploymentRestart",
        "deploymentStop",
        "deploymentRollback",
        "deploymentCancel",
        "deploymentRemove",
        "serviceInstanceDeployV2",
        "deploymentApprove",
    ),
    unknown="00000000-0000-4000-8000-000000000000",
    cuts={LogKind.RUNTIME: "socket", LogKind.HTTP: "socket", LogKind.BUILD: "socket"},
)

GITLAB = Profile(
    "gitlab",
    healthy="payments/staging/api",
    busy="payments/production/web",
    statuses={
        Phase.INITIALIZING: Status.QUEUED,
        Phase.QUEUED: Status.QUEUED,
        Phase.WAITING: Status.WAITING,
        Phase.NEEDS_APPROVAL: Status.NEEDS_APPROVAL,
        Phase.BUILDING: Status.DEPLOYING,
        Phase.DEPLOYING: Status.DEPLOYING,
        Phase.LIVE: Status.LIVE,
        Phase.FAILED: Status.FAILED,
        Phase.SKIPPED: Status.SKIPPED,
        Phase.REMOVED: Status.CANCELLED,
    },
    orders=(
        Order(Verb.REDEPLOY, "payments/staging/api", live),
        Order(Verb.ROLLBACK, "payments/staging/api", older),
        Order(Verb.CANCEL, "payments/production/web", newest),
        Order(Verb.DEPLOY, "payments/staging/api", nothing, {"ref": "main"}),
        Order(Verb.STOP, "payments/review/one-page/web", nothing),
        Order(Verb.REMOVE, "payments/staging/api", older),
        Order(Verb.APPROVE, "payments/production/settlement", newest),
        Order(Verb.REJECT, "payments/production/settlement", newest),
        Order(Verb.RECORD, "payments/staging/api", nothing, {"sha": "f" * 40, "ref": "main", "status": "running"}),
        Order(Verb.SET_STATUS, "payments/staging/api", newest, {"status": "success"}, _recorded),
    ),
    limited=lambda tokens: tokens.read_api.value,  # type: ignore[attr-defined]
    cuts={LogKind.BUILD: "http"},
    build_log_faults=("drop", "5xx"),
)

CLOUD66 = Profile(
    "cloud66",
    healthy="outlet/production/feeds",
    busy="outlet/production/storefront",
    statuses={
        Phase.INITIALIZING: Status.QUEUED,
        Phase.QUEUED: Status.QUEUED,
        Phase.BUILDING: Status.DEPLOYING,
        Phase.DEPLOYING: Status.DEPLOYING,
        Phase.LIVE: Status.LIVE,
        Phase.FAILED: Status.FAILED,
    },
    orders=(
        Order(Verb.REDEPLOY, "outlet/production/feeds", live),
        Order(Verb.DEPLOY, "outlet/staging/storefront", nothing),
        Order(Verb.RESTART, "outlet/production/feeds", live),
        Order(Verb.STOP, "outlet/production/backoffice", live),
        Order(Verb.START, "outlet/production/backoffice", live, {}, _stopped),
        Order(Verb.ROLLBACK, "outlet/production/backoffice", older),
        Order(Verb.CANCEL, "outlet/production/storefront", newest),
    ),
    limited=lambda tokens: tokens.public.value,  # type: ignore[attr-defined]
    cuts={LogKind.BUILD: "socket"},
    whole_build_log=False,
)

DOKPLOY = Profile(
    "dokploy",
    healthy="tools/production/status-page",
    busy="tools/production/wiki",
    statuses={
        Phase.BUILDING: Status.BUILDING,
        Phase.LIVE: Status.LIVE,
        Phase.CRASHED: Status.CRASHED,
        Phase.FAILED: Status.FAILED,
    },
    orders=(
        Order(Verb.DEPLOY, "tools/production/status-page", nothing),
        Order(Verb.REDEPLOY, "tools/production/status-page", live),
        Order(Verb.RESTART, "tools/production/status-page", live),
        Order(Verb.STOP, "tools/production/status-page", live),
        Order(Verb.START, "tools/production/status-page", live, {}, _stopped),
        Order(Verb.CANCEL, "tools/production/wiki", newest, {"how": "build"}),
        Order(Verb.ROLLBACK, "tools/production/status-page", older),
        Order(Verb.REMOVE, "tools/production/status-page", older),
    ),
    keeps=11,
    tells_limits=False,
    limited=lambda tokens: tokens.member.value,  # type: ignore[attr-defined]
    cuts={LogKind.RUNTIME: "socket", LogKind.BUILD: "socket"},
)

PROFILES = (RAILWAY, GITLAB, CLOUD66, DOKPLOY)


def prepared(profile: Profile, order: Order) -> tuple[World, Deployment | None]:
    """A world in which the order can be given, and what it is given on; None: the service is enough."""
    world = frozen_world(platforms=(profile.name,))
    service = world.service(order.service)
    if order.before is None:
        return world, order.target(world, service)
    order.before(world, service)
    return world, order.target(world, service) if order.verb is not Verb.START else service.recent[0]


@asynccontextmanager
async def provided(
    profile: Profile, serving: Serving, world: World, *, token: str | None = None, url: str | None = None
) -> AsyncIterator[Provider]:
    provider = made(profile, serving, world, Ledger(), token=token, url=url)
    try:
        yield provider
    finally:
        await provider.aclose()


def made(
    profile: Profile,
    serving: Serving,
    world: World,
    meter: Meter,
    *,
    token: str | None = None,
    url: str | None = None,
    clock: Clock | None = None,
    account: str = ACCOUNT,
    read_only: bool = False,
) -> Provider:
    place = serving.addresses[profile.name]
    connection = Connection(
        account,
        Secret(token or place.token),
        url or place.url,
        place.projects,
        live_logs=place.live_logs,
        read_only=read_only,
    )
    return providers.load(profile.name)(connection, meter=meter, clock=clock or WorldTime(world))


@asynccontextmanager
async def served(profile: Profile, world: World) -> AsyncIterator[Serving]:
    async with serve(world, platforms=(profile.name,), rate_limit=1_000_000) as serving:
        yield serving


def of_the_world(services: Iterable[ShownService]) -> list[ShownService]:
    """Return the services but for Dokploy's servers, which are services of the world only to deckwatch."""
    return [each for each in services if each.project_name != SERVERS]


def named(snapshot: Snapshot, path: str) -> ShownService:
    return next(service for service in snapshot.services if service.path.endswith(f"/{path}"))
