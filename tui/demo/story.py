"""The world's opening: acme's projects, and the night's trouble in them. Everything in it is made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from tui.demo.cast import HOSTILE_MESSAGE, Commit, Fate, Person, new_commit, uuid
from tui.demo.clock import DAY, HOUR, MINUTE, SECOND, WorldClock
from tui.demo.entities import Environment, InstanceState, Phase, Project, PullRequest, Service, Workspace
from tui.demo.history import settle
from tui.demo.lifecycle import begin, let_go, push
from tui.demo.world import World
from tui.demo.writing import set_log_rate

FROZEN_AT = datetime(2026, 8, 22, 2, 14, 7, tzinfo=UTC)
_BEFORE = 60 * MINUTE  # so long has the story been going on when somebody first looks


def new_world(
    seed: int = 1, *, services: int | None = None, clock: WorldClock | None = None, log_rate: float | None = None
) -> World:
    """`services`: how many in all; None is the story's own score. `log_rate`: runtime lines a second in all."""
    world = World(seed, clock)
    _build(world, services)
    for scene in _SCENES:
        scene(world)
    world.run_until(world.started_at)
    if log_rate is not None:
        set_log_rate(world, log_rate)
    _live_on(world, 40.0)
    return world


def frozen_world(seed: int = 1, *, services: int | None = None, log_rate: float | None = None) -> World:
    """Stands still at `FROZEN_AT` until advanced."""
    clock = WorldClock(FROZEN_AT, frozen=True)
    return new_world(seed, services=services, clock=clock, log_rate=log_rate)


# who is there


@dataclass(frozen=True, slots=True)
class _Part:
    project: str
    environment: str
    name: str
    language: str
    flavour: str
    routes: str | None = None
    weight: float = 1.0
    replicas: int = 1
    image: str | None = None
    build_s: float = 35.0
    cron: str | None = None
    sleeps: bool = False
    age_h: float = 30.0


_PARTS = (
    _Part("shop", "production", "api", "python", "python", "api", 4, 2, age_h=9),
    _Part("shop", "production", "web", "node", "node", "site", 4, 2, build_s=55, age_h=27),
    _Part("shop", "production", "checkout", "python", "python", "checkout", 3, 2, age_h=31),
    _Part("shop", "production", "search", "go", "go", "api", 1, build_s=30, age_h=52),
    _Part("shop", "production", "emails", "python", "worker", weight=0.7, replicas=2, age_h=26),
    _Part("shop", "production", "worker", "python", "worker", weight=1.5, replicas=3, age_h=20),
    _Part("shop", "production", "catalog", "node", "hostile", "site", 1, age_h=0.45),
    _Part("shop", "production", "images", "go", "go", "api", 1, build_s=25, age_h=0.6),
    _Part("shop", "production", "nightly-report", "python", "worker", cron="0 2 * * *", age_h=0.3),
    _Part("shop", "production", "postgres", "postgres", "postgres", weight=0.4, image="postgres:17.6", age_h=600),
    _Part("shop", "production", "redis", "redis", "redis", weight=0.2, image="redis:8.2-alpine", age_h=600),
    _Part("platform", "production", "gateway", "go", "go", "api", 2, 2, build_s=28, age_h=6),
    _Part("platform", "production", "auth", "go", "auth", "api", 1, 2, build_s=28, age_h=100),
    _Part("platform", "production", "metrics", "go", "go", weight=0.5, build_s=22, age_h=44),
    _Part("platform", "production", "scheduler", "python", "worker", weight=0.5, age_h=90),
    _Part("shop", "staging", "api", "python", "python", "api", 0.4, age_h=2),
    _Part("shop", "staging", "web", "node", "node", "site", 0.3, sleeps=True, age_h=15),
    _Part("shop", "staging", "checkout", "python", "python", "checkout", 0.3, age_h=5),
    _Part("shop", "staging", "postgres", "postgres", "postgres", weight=0.1, image="postgres:17.6", age_h=600),
    _Part("shop", "pr-312", "api", "python", "python", "api", 0.1, age_h=1.6),
    _Part("shop", "pr-312", "web", "node", "node", "site", 0.1, build_s=50, age_h=1.6),
    _Part("platform", "staging", "gateway", "go", "go", "api", 0.3, build_s=28, age_h=8),
)
_LIVELY = (
    "shop/production/api",
    "shop/production/images",
    "shop/production/catalog",
    "platform/production/gateway",
    "platform/production/metrics",
    "shop/staging/api",
    "shop/staging/checkout",
)
_DOMAINS = {"railway": "up.railway.app"}
_NOUNS = (
    "billing",
    "ledger",
    "stock",
    "parcel",
    "label",
    "returns",
    "tax",
    "loyalty",
    "audit",
    "export",
    "import",
    "feed",
)
_ROLES = ("api", "worker", "web", "sync")


def _build(world: World, services: int | None) -> None:
    """Places and people as they are an hour before the curtain."""
    world.now = world.started_at - _BEFORE
    acme = Workspace(uuid(world.seed, "workspace", "acme"), "acme")
    world.workspaces.append(acme)
    parts = list(_PARTS) if services is None else list(_PARTS[:services])
    parts += [_extra(number) for number in range((services or 0) - len(_PARTS))]
    for part in parts:
        _add(world, acme, part)
    world.weigh()
    _side_rooms(world, acme)
    world.loud = world.services[0]
    for part, service in zip(parts, world.services, strict=True):
        commit = None
        if part.flavour == "hostile":
            commit = new_commit(f"{world.seed}:hostile", message=HOSTILE_MESSAGE)
        one = settle(world, service, part.age_h * HOUR / SECOND, commit)
        if service.sleeps:
            one.phase, one.changed_at = Phase.SLEEPING, world.now
            one.lines.stop(world.now)
            one.requests.stop(world.now)
        if service.cron is not None:
            one.stopped = True
            one.instances[0].state = InstanceState.EXITED
            one.lines.stop(one.changed_at + 8 * SECOND)


def _extra(number: int) -> _Part:
    team, place = divmod(number, 100)
    name = f"{_NOUNS[place % len(_NOUNS)]}-{_ROLES[place // len(_NOUNS) % len(_ROLES)]}-{place:02d}"
    environment = "production" if place < 50 else "staging"
    return _Part(f"team-{team + 1:02d}", environment, name, "go", "go", "api", 0.2, age_h=1 + number % 300)


def _add(world: World, workspace: Workspace, part: _Part) -> Service:
    project = next((one for one in workspace.projects if one.name == part.project), None)
    if project is None:
        id_ = uuid(world.seed, "project", part.project)
        project = Project(id_, part.project, workspace, "railway", world.started_at - 400 * DAY)
        workspace.projects.append(project)
    environment = next((one for one in project.environments if one.name == part.environment), None)
    if environment is None:
        environment = _environment(world, project, part.environment)
    id_ = uuid(world.seed, project.name, environment.name, part.name)
    service = Service(
        id_,
        uuid(world.seed, project.name, "service", part.name),
        part.name,
        environment,
        part.language,
        part.flavour,
        part.weight,
        routes=part.routes,
        repo=None if part.image else f"{workspace.name}/{project.name}",
        image=part.image,
        replicas=part.replicas,
        build_s=part.build_s,
        cron=part.cron,
        sleeps=part.sleeps,
    )
    if part.routes:
        service.host = f"{part.name}-{environment.name}-{id_[:4]}.{_DOMAINS[project.platform]}"
    world.add_service(service)
    return service


def _environment(world: World, project: Project, name: str) -> Environment:
    id_ = uuid(world.seed, "environment", project.name, name)
    environment = Environment(id_, name, project, world.started_at - 399 * DAY)
    if name.startswith("pr-"):
        environment.created_at = world.started_at - 2 * DAY
        environment.pull_request = PullRequest(
            int(name[3:]), "One-page checkout", f"{project.workspace.name}/{project.name}", "feat/one-page-checkout"
        )
    project.environments.append(environment)
    return environment


def _side_rooms(world: World, workspace: Workspace) -> None:
    """An environment nobody may enter, and one that is gone."""
    last = workspace.projects[-1]
    vault = _environment(world, last, "vault")
    vault.restricted = True
    former = _environment(world, last, "pr-298")
    former.deleted_at = world.started_at - 3 * DAY


# what happens


Scene = Callable[[World], None]


def _scene(path: str, minutes: float) -> Callable[[Callable[[World, Service], None]], Scene]:
    """Plays on one service, so many minutes before the world is first seen; not at all where it is not there."""

    def staged(play: Callable[[World, Service], None]) -> Scene:
        def scene(world: World) -> None:
            service = next((one for one in world.services if one.path == path), None)
            if service is not None:
                world.at(world.started_at - round(minutes * MINUTE), lambda: play(world, service))

        return scene

    return staged


@_scene("shop/production/worker", 46)
def _one_replica_crashes(world: World, service: Service) -> None:
    push(world, service, Fate.PARTLY, "Raise the worker's prefetch to 64")


@_scene("shop/production/emails", 22)
def _a_crash_loop(world: World, service: Service) -> None:
    push(world, service, Fate.CRASHES, "Sign outgoing mail (#541)\n\nNeeds SMTP_SIGNING_KEY in every environment.")


@_scene("shop/production/search", 9)
def _a_build_fails(world: World, service: Service) -> None:
    push(world, service, Fate.BUILD_FAILS, "Merge index shards lazily")


@_scene("shop/production/checkout", 6.5)
def _a_bad_deploy(world: World, service: Service) -> None:
    push(world, service, Fate.ERRORS, "Tax by region (#548)\n\nThe migration runs with the next release.")


@_scene("shop/production/web", 0.25)
def _a_rollout_is_under_way(world: World, service: Service) -> None:
    push(world, service, Fate.GOOD, "Show delivery dates on product pages (#552)")


@_scene("platform/production/scheduler", 14)
def _nothing_to_build(world: World, service: Service) -> None:
    commit = new_commit(f"{world.seed}:skipped", message="Correct a typo in the README")
    begin(world, service, commit, "push", commit.author, hold=Phase.SKIPPED)


@_scene("platform/production/auth", 7)
def _waiting_for_ci(world: World, service: Service) -> None:
    commit = new_commit(f"{world.seed}:ci", message="Rotate signing keys every 30 days (#77)")
    one = begin(world, service, commit, "push", commit.author, hold=Phase.WAITING)
    world.at(world.started_at + 6 * MINUTE, lambda: let_go(world, one))


@_scene("platform/staging/gateway", 4)
def _queued(world: World, service: Service) -> None:
    commit = new_commit(f"{world.seed}:queued", branch="develop", message="Trace upstream retries")
    reason = "Deployment queued due to upstream GitHub issues"
    begin(world, service, commit, "push", commit.author, hold=Phase.QUEUED, reason=reason)


@_scene("shop/pr-312/web", 18)
def _needs_approval(world: World, service: Service) -> None:
    author = Person("drive-by-dev", "1234+drive-by-dev@users.noreply.github.com", "drive-by-dev")
    made = new_commit(
        f"{world.seed}:fork", branch="feat/one-page-checkout", message="One-page checkout: keep the basket"
    )
    commit = Commit(made.sha, made.message, author, made.branch)
    begin(world, service, commit, "push", author, hold=Phase.NEEDS_APPROVAL)


_SCENES: tuple[Scene, ...] = (
    _one_replica_crashes,
    _a_crash_loop,
    _a_build_fails,
    _a_bad_deploy,
    _a_rollout_is_under_way,
    _nothing_to_build,
    _waiting_for_ci,
    _queued,
    _needs_approval,
)


def _live_on(world: World, seconds: float) -> None:
    """From now on somebody pushes something every minute or two."""
    lively = [service for service in world.services if service.path in _LIVELY]
    if not lively:
        return

    def somebody_pushes() -> None:
        _live_on(world, world.random.uniform(50.0, 110.0))
        service = world.random.choice(lively)
        fate = world.random.choices(_FATES, _ODDS)[0]
        newest = service.latest
        if newest is None or newest.phase is not Phase.LIVE or newest.stopped:
            return  # somebody is at it; leave it alone
        if service is world.loud and world.log_rate is not None:
            return  # its flood is being watched
        push(world, service, fate)
        if fate is not Fate.GOOD:
            world.after(world.random.uniform(150.0, 240.0), lambda: _mend(world, service))

    world.after(seconds, somebody_pushes)


_FATES = (Fate.GOOD, Fate.BUILD_FAILS, Fate.UNHEALTHY, Fate.ERRORS)
_ODDS = (86, 7, 4, 3)


def _mend(world: World, service: Service) -> None:
    newest = service.latest
    if newest is not None and newest.commit.fate is not Fate.GOOD and newest.phase in (Phase.LIVE, Phase.FAILED):
        subject = newest.commit.message.partition("\n")[0]
        push(world, service, Fate.GOOD, f'Revert "{subject}"\n\nThis reverts commit {newest.commit.sha}.')
