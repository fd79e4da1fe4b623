"""The world's opening: acme's projects, and the night's trouble in them. Everything in it is made up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from tui.demo.cast import HOSTILE_MESSAGE, Commit, Fate, Person, new_commit, uuid
from tui.demo.clock import DAY, HOUR, MINUTE, SECOND, WorldClock
from tui.demo.entities import Environment, InstanceState, Phase, Project, PullRequest, Service, Workspace
from tui.demo.history import settle
from tui.demo.lifecycle import begin, let_go, push
from tui.demo.parts import EXTRAS, LIVELY, PLATFORMS, Part, cast_of
from tui.demo.world import World
from tui.demo.writing import set_log_rate

FROZEN_AT = datetime(2026, 8, 22, 2, 14, 7, tzinfo=UTC)
_BEFORE = 60 * MINUTE  # so long has the story been going on when somebody first looks


def new_world(
    seed: int = 1,
    *,
    services: int | None = None,
    clock: WorldClock | None = None,
    log_rate: float | None = None,
    platforms: tuple[str, ...] = PLATFORMS,
    calm: bool = False,
    past: int | None = None,
) -> World:
    """`services`: how many in all; None is the story's own score. `log_rate`: runtime lines a second in all.

    `calm`: nothing happens but what somebody orders. `past`: as `World` takes it.
    """
    world = World(seed, clock, past)
    _build(world, cast_of(platforms, services))
    for scene in () if calm else _SCENES:
        scene(world)
    world.run_until(world.started_at)
    if log_rate is not None:
        set_log_rate(world, log_rate)
    if not calm:
        _live_on(world, 40.0)
    return world


def frozen_world(
    seed: int = 1,
    *,
    services: int | None = None,
    log_rate: float | None = None,
    platforms: tuple[str, ...] = PLATFORMS,
    calm: bool = False,
    past: int | None = None,
) -> World:
    """Stands still at `FROZEN_AT` until advanced."""
    clock = WorldClock(FROZEN_AT, frozen=True)
    return new_world(seed, services=services, clock=clock, log_rate=log_rate, platforms=platforms, calm=calm, past=past)


# who is there


_DOMAINS = {
    "railway": "up.railway.app",
    "gitlab": "acme.example",
    "cloud66": "outlet.example",
    "dokploy": "tools.example",
}


def _build(world: World, parts: list[Part]) -> None:
    """Places and people as they are an hour before the curtain."""
    world.now = world.started_at - _BEFORE
    for part in parts:
        _add(world, _workspace(world, part.platform), part)
    world.weigh()
    if railway := world.estate("railway").workspaces:
        _side_rooms(world, railway[0])
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


def add_extra(world: World, path: str) -> Service:
    """Add one of the services that are not there from the start; it has a past as they have. Raises KeyError."""
    part = {one.path: one for one in EXTRAS}[path]
    if any(one.path == path for one in world.services):
        raise KeyError(f"{path} is there already")
    service = _add(world, _workspace(world, part.platform), part)
    settle(world, service, part.age_h * HOUR / SECOND)
    return service


def _workspace(world: World, platform: str) -> Workspace:
    """acme's on one platform."""
    found = world.estate(platform).workspaces
    if not found:
        id_ = uuid(world.seed, "workspace", *(() if platform == "railway" else (platform,)), "acme")
        found = [Workspace(id_, "acme", platform)]
        world.workspaces += found
    return found[0]


def _add(world: World, workspace: Workspace, part: Part) -> Service:
    project = next((one for one in workspace.projects if one.name == part.project), None)
    if project is None:
        id_ = uuid(world.seed, "project", part.project)
        project = Project(id_, part.project, workspace, part.platform, world.started_at - 400 * DAY)
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
        kind=part.kind,
    )
    if part.routes:
        service.host = f"{part.name}-{environment.name}-{id_[:4]}.{_DOMAINS[project.platform]}"
    world.add_service(service)
    return service


def _environment(world: World, project: Project, name: str) -> Environment:
    id_ = uuid(world.seed, "environment", project.name, name)
    environment = Environment(id_, name, project, world.started_at - 399 * DAY)
    if name.startswith(("pr-", "review/")):
        environment.created_at = world.started_at - 2 * DAY
        number = int(name[3:]) if name.startswith("pr-") else 87
        environment.pull_request = PullRequest(
            number, "One-page checkout", f"{project.workspace.name}/{project.name}", "feat/one-page-checkout"
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


@_scene("payments/production/web", 0.25)
def _a_rollout_on_gitlab(world: World, service: Service) -> None:
    push(world, service, Fate.GOOD, "Ask for the card's country first (!231)")


@_scene("payments/production/settlement", 11)
def _awaits_two_approvals(world: World, service: Service) -> None:
    commit = new_commit(f"{world.seed}:settlement", message="Settle in batches of 500 (!227)")
    begin(world, service, commit, "push", commit.author, hold=Phase.NEEDS_APPROVAL)


@_scene("payments/production/fraud", 16)
def _a_pipeline_fails(world: World, service: Service) -> None:
    push(world, service, Fate.BUILD_FAILS, "Score by merchant category (!229)")


@_scene("outlet/production/storefront", 0.25)
def _a_rollout_on_cloud66(world: World, service: Service) -> None:
    push(world, service, Fate.GOOD, "Lazy-load the size guide")


@_scene("outlet/staging/backoffice", 12)
def _a_stack_fails(world: World, service: Service) -> None:
    push(world, service, Fate.UNHEALTHY, "Bulk price edits")


@_scene("tools/production/wiki", 0.25)
def _a_rollout_on_dokploy(world: World, service: Service) -> None:
    push(world, service, Fate.GOOD, "Search in attachments")


@_scene("tools/production/deploy-bot", 19)
def _done_but_crash_looping(world: World, service: Service) -> None:
    push(world, service, Fate.CRASHES, "Announce rollbacks in the channel")


@_scene("tools/staging/wiki", 8)
def _a_build_fails_on_dokploy(world: World, service: Service) -> None:
    push(world, service, Fate.BUILD_FAILS, "Move to pnpm")


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
    _a_rollout_on_gitlab,
    _awaits_two_approvals,
    _a_pipeline_fails,
    _a_rollout_on_cloud66,
    _a_stack_fails,
    _a_rollout_on_dokploy,
    _done_but_crash_looping,
    _a_build_fails_on_dokploy,
)


def _live_on(world: World, seconds: float) -> None:
    """From now on somebody pushes something every minute or two."""
    lively = [service for service in world.services if service.path in LIVELY]
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
