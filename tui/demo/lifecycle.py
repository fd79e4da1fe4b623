"""What happens to deployments, by themselves and by somebody's order. Every order is counted in `World.calls`."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial

from tui.demo.cast import Commit, Fate, Person, new_commit, uuid
from tui.demo.clock import HOUR, SECOND
from tui.demo.entities import (
    PENDING,
    UNDER_WAY,
    UP,
    Deployment,
    Instance,
    InstanceState,
    Phase,
    Service,
    Step,
    StepName,
)
from tui.demo.flows import Cycle
from tui.demo.scripts import CRASH_PERIOD, STARTS, Line, crash_script
from tui.demo.world import Denied, StatusChanged, StepChanged, World
from tui.demo.writing import write_lines, write_requests

ROLLBACK_WINDOW = 72 * HOUR  # how long the image of a removed deployment is kept


# by order


def redeploy(world: World, deployment: Deployment, by: Person, *, rebuild: bool = True) -> Deployment:
    world.calls["redeploy", deployment.id] += 1
    if not can_redeploy(deployment):
        raise Denied("This deployment is currently building, deploying, or was removed, and cannot be redeployed")
    return begin(world, deployment.service, deployment.commit, "redeploy", by, build=rebuild)


def restart(world: World, deployment: Deployment) -> None:
    world.calls["restart", deployment.id] += 1
    if deployment.phase not in UP:
        raise Denied("Only a running deployment can be restarted")
    deployment.plan += 1
    _silence(world, deployment)
    _note(world, deployment, "Stopping Container")
    deployment.stopped = False
    for instance in deployment.instances:
        instance.state = InstanceState.RESTARTING
    _enter(world, deployment, Phase.DEPLOYING)
    _then(world, deployment, 4.0, lambda: _come_up(world, deployment, first=False))


def stop(world: World, deployment: Deployment) -> None:
    world.calls["stop", deployment.id] += 1
    if deployment.phase not in UP or deployment.stopped:
        raise Denied("Deployment is not running")
    deployment.plan += 1
    _silence(world, deployment)
    _note(world, deployment, "Stopping Container")
    for instance in deployment.instances:
        instance.state = InstanceState.EXITED
    deployment.stopped = True
    _enter(world, deployment, deployment.phase)


def roll_back(world: World, deployment: Deployment, by: Person) -> Deployment:
    """To `deployment`: its image runs again as a new deployment."""
    world.calls["rollback", deployment.id] += 1
    if not can_roll_back(world, deployment):
        raise Denied("Cannot rollback to this deployment")
    return begin(world, deployment.service, deployment.commit, "rollback", by, build=False)


def cancel(world: World, deployment: Deployment) -> None:
    world.calls["cancel", deployment.id] += 1
    if deployment.phase not in UNDER_WAY:
        raise Denied("Deployment is not building or queued")
    deployment.plan += 1
    for step in deployment.steps:
        if step.finished_at is None:
            _finish_step(world, deployment, step, error="cancelled")
    _end(world, deployment)


def remove(world: World, deployment: Deployment) -> None:
    """Takes the service down if it is the one that runs."""
    world.calls["remove", deployment.id] += 1
    if deployment.phase in (Phase.REMOVED, Phase.REMOVING):
        raise Denied("Deployment was already removed")
    deployment.plan += 1
    if deployment is deployment.service.latest:
        deployment.service.hidden_latest = True
    if deployment.phase in UP or deployment.phase is Phase.DEPLOYING:
        _retire(world, deployment)
    else:
        _end(world, deployment)


def approve(world: World, deployment: Deployment) -> None:
    world.calls["approve", deployment.id] += 1
    if deployment.phase is not Phase.NEEDS_APPROVAL:
        raise Denied("Deployment does not need approval")
    deployment.plan += 1
    _enter(world, deployment, Phase.QUEUED)
    _then(world, deployment, 2.0, lambda: _build(world, deployment))


def reject(world: World, deployment: Deployment) -> None:
    world.calls["reject", deployment.id] += 1
    if deployment.phase is not Phase.NEEDS_APPROVAL:
        raise Denied("Deployment does not need approval")
    deployment.plan += 1
    deployment.reason = "rejected"
    _enter(world, deployment, Phase.FAILED)


def start(world: World, deployment: Deployment) -> None:
    """What was stopped runs again."""
    world.calls["start", deployment.id] += 1
    if deployment.phase not in UP or not deployment.stopped:
        raise Denied("Deployment is not stopped")
    deployment.plan += 1
    deployment.stopped = False
    for instance in deployment.instances:
        instance.state = InstanceState.RESTARTING
    _enter(world, deployment, Phase.DEPLOYING)
    _then(world, deployment, 3.0, lambda: _come_up(world, deployment, first=False))


def record(world: World, service: Service, commit: Commit, by: Person, phase: Phase) -> Deployment:
    """A deployment that something outside of the world made, and tells of. It writes nothing here."""
    world.calls["record", service.id] += 1
    number = service.next_number
    service.next_number += 1
    id_ = world.new_deployment_id(service)
    one = Deployment(id_, service, number, commit, "api", by, world.now, Phase.BUILDING, world.now, external=True)
    world.add_deployment(one)
    _become(world, one, phase)
    return one


def set_status(world: World, deployment: Deployment, phase: Phase) -> None:
    """Of an external deployment: whoever made it says how it goes."""
    world.calls["set-status", deployment.id] += 1
    if not deployment.external:
        raise Denied("Only an external deployment is told how it goes")
    _become(world, deployment, phase)


def forget(world: World, deployment: Deployment) -> None:
    """The record goes, and nothing else."""
    world.calls["remove", deployment.id] += 1
    world.forget(deployment)


def deploy(world: World, service: Service, by: Person, commit_sha: str | None = None) -> Deployment:
    """The head of the branch, or one commit that was deployed before."""
    world.calls["deploy", service.id] += 1
    if commit_sha is None:
        commit = new_commit(f"{world.seed}:{service.id}:{service.next_number}", branch=_branch(service))
    else:
        known = [one.commit for one in service.deployments if one.commit.sha == commit_sha]
        if not known:
            raise Denied("Commit not found")
        commit = known[0]
    return begin(world, service, commit, "deploy", by)


def redeploy_latest(world: World, service: Service, by: Person) -> Deployment:
    """The newest deployment's commit once more, whatever became of it."""
    world.calls["redeploy", service.id] += 1
    if not service.deployments:
        raise Denied("No deployment found for service instance")
    return begin(world, service, service.deployments[0].commit, "redeploy", by)


def say(world: World, deployment: Deployment, text: str, level: str = "info") -> None:
    """One runtime line, now; a microsecond passes, so that it can be seen."""
    _note(world, deployment, text, level)
    world.advance(1e-6)


def can_redeploy(deployment: Deployment) -> bool:
    return deployment.phase not in UNDER_WAY and deployment.phase not in (Phase.REMOVED, Phase.REMOVING)


def can_roll_back(world: World, deployment: Deployment) -> bool:
    """It has run, something else runs now, and its image is still there."""
    if deployment.live_from is None or deployment.phase is not Phase.REMOVED or deployment.orphan:
        return False
    return deployment.removed_at is not None and world.now - deployment.removed_at < ROLLBACK_WINDOW


# by themselves


def begin(
    world: World,
    service: Service,
    commit: Commit,
    trigger: str,
    by: Person,
    *,
    build: bool = True,
    hold: Phase | None = None,
    reason: str = "",
) -> Deployment:
    """A new deployment; `hold` is where it stays until somebody or something lets it go on."""
    deployment = Deployment(
        world.new_deployment_id(service),
        service,
        service.next_number,
        commit,
        trigger,
        by,
        world.now,
        Phase.INITIALIZING,
        world.now,
        reason=reason,
    )
    service.next_number += 1
    world.add_deployment(deployment)
    world.emit(StatusChanged(deployment, Phase.INITIALIZING, False, world.now))
    if hold is not None:
        _then(world, deployment, 1.5, lambda: _enter(world, deployment, hold))
    elif not build or service.image is not None:
        _then(world, deployment, 2.5, lambda: _start(world, deployment))
    else:
        _then(world, deployment, 1.5, lambda: _enter(world, deployment, Phase.QUEUED))
        _then(world, deployment, 3.0, lambda: _build(world, deployment))
    return deployment


def let_go(world: World, deployment: Deployment) -> None:
    """What a held deployment waited for has come."""
    if deployment.phase in PENDING:
        deployment.plan += 1
        _build(world, deployment)


def push(world: World, service: Service, fate: Fate = Fate.GOOD, message: str | None = None) -> Deployment:
    seed = f"{world.seed}:{service.id}:{service.next_number}"
    commit = new_commit(seed, branch=_branch(service), fate=fate, message=message)
    return begin(world, service, commit, "push", commit.author)


def _become(world: World, deployment: Deployment, phase: Phase) -> None:
    if phase is Phase.LIVE:
        deployment.live_from = world.now
        for former in deployment.service.active:
            if former is not deployment:
                _retire(world, former)
    if phase is Phase.REMOVED:
        deployment.removed_at = world.now
    _enter(world, deployment, phase)


def _build(world: World, deployment: Deployment) -> None:
    rng = random.Random(f"plan:{deployment.id}")
    seconds = deployment.service.build_s * rng.uniform(0.8, 1.25)
    _enter(world, deployment, Phase.BUILDING)
    snapped, published = min(2.0, seconds / 5), min(4.0, seconds / 5)
    ends = seconds - published if deployment.commit.fate is Fate.BUILD_FAILS else seconds
    deployment.build = (world.now, world.now + round(ends * SECOND))
    snapshot = _step(world, deployment, StepName.SNAPSHOT)

    def compile_() -> None:
        _finish_step(world, deployment, snapshot)
        step = _step(world, deployment, StepName.BUILD)
        _then(world, deployment, seconds - snapped - published, lambda: publish(step))

    def publish(step: Step) -> None:
        if deployment.commit.fate is Fate.BUILD_FAILS:
            _finish_step(world, deployment, step, error="Failed to build an image. Please check the build logs.")
            _enter(world, deployment, Phase.FAILED)
            return
        _finish_step(world, deployment, step)
        last = _step(world, deployment, StepName.PUBLISH)
        _then(world, deployment, published, lambda: done(last))

    def done(step: Step) -> None:
        _finish_step(world, deployment, step)
        _start(world, deployment)

    _then(world, deployment, snapped, compile_)


def _start(world: World, deployment: Deployment) -> None:
    _enter(world, deployment, Phase.DEPLOYING)
    deployment.instances = [
        Instance(uuid(deployment.id, "instance", number), InstanceState.CREATED)
        for number in range(deployment.service.replicas)
    ]
    create = _step(world, deployment, StepName.CREATE)
    _then(world, deployment, 2.0, lambda: _check_health(world, deployment, create))


def _check_health(world: World, deployment: Deployment, create: Step) -> None:
    _finish_step(world, deployment, create)
    for text in STARTS.get(deployment.service.language, STARTS["python"]):
        _note(world, deployment, text)
    step = _step(world, deployment, StepName.HEALTHCHECK)
    step.attempt, step.max_attempts = 1, 5
    if deployment.commit.fate is Fate.UNHEALTHY:
        _then(world, deployment, 14.0, lambda: _give_up(world, deployment, step))
    else:
        _then(world, deployment, 5.0, lambda: _pass(world, deployment, step))


def _give_up(world: World, deployment: Deployment, step: Step) -> None:
    step.attempt = step.max_attempts
    _finish_step(world, deployment, step, error="Healthcheck failed! 1/1 replicas never became healthy!")
    _note(world, deployment, "connection to 10.0.4.2:5432 refused, is the server running?", "error")
    for instance in deployment.instances:
        instance.state = InstanceState.EXITED
    _enter(world, deployment, Phase.FAILED)


def _pass(world: World, deployment: Deployment, step: Step) -> None:
    _finish_step(world, deployment, step)
    _come_up(world, deployment, first=True)


def _come_up(world: World, deployment: Deployment, *, first: bool) -> None:
    service = deployment.service
    if first:
        deployment.live_from = world.now
        for former in service.active:
            if former is not deployment:
                world.after(2.0, partial(_retire, world, former, deployment))
        for former in service.recent:
            if former.stopped and former.phase in UP:
                _end(world, former)
    else:
        _note(world, deployment, "Starting Container")
    for instance in deployment.instances:
        instance.state = InstanceState.RUNNING
    if service.cron is not None:
        _run_once(world, deployment)
        return
    _enter(world, deployment, Phase.LIVE)
    write_lines(deployment, world.now, world.lines_per_second(service))
    write_requests(world, deployment, world.now)
    if deployment.commit.fate is Fate.CRASHES or (deployment.commit.fate is Fate.PARTLY and first):
        _then(world, deployment, 3.0, lambda: _crash(world, deployment))


def _crash(world: World, deployment: Deployment) -> None:
    deployment.loops_from = world.now
    if deployment.commit.fate is Fate.CRASHES:
        _silence(world, deployment, keep_loop=True)
    ids = [instance.id for instance in deployment.instances]
    deployment.lines.flows.append(Cycle(world.now, CRASH_PERIOD, crash_script(ids[:1], deployment.id)))
    _enter(world, deployment, Phase.CRASHED)


def _run_once(world: World, deployment: Deployment) -> None:
    def done() -> None:
        _note(world, deployment, "report: 41 233 orders, 3 files written")
        deployment.stopped = True
        for instance in deployment.instances:
            instance.state = InstanceState.EXITED
        _enter(world, deployment, Phase.LIVE)

    _enter(world, deployment, Phase.LIVE)
    _then(world, deployment, 8.0, done)


def _retire(world: World, deployment: Deployment, drained_by: Deployment | None = None) -> None:
    if deployment.phase not in UP and deployment.phase is not Phase.DEPLOYING:
        return
    deployment.plan += 1
    _silence(world, deployment)
    _note(world, deployment, "Stopping Container")
    _enter(world, deployment, Phase.REMOVING)
    drain = _step(world, drained_by, StepName.DRAIN) if drained_by is not None else None

    def gone() -> None:
        if drained_by is not None and drain is not None:
            _finish_step(world, drained_by, drain)
        _end(world, deployment)

    _then(world, deployment, 4.0, gone)


def _end(world: World, deployment: Deployment) -> None:
    for instance in deployment.instances:
        instance.state = InstanceState.REMOVED
    _silence(world, deployment)
    deployment.removed_at = world.now
    deployment.stopped = deployment.live_from is not None
    _enter(world, deployment, Phase.REMOVED)


def _silence(world: World, deployment: Deployment, *, keep_loop: bool = False) -> None:
    deployment.lines.stop(world.now)
    deployment.requests.stop(world.now)
    if not keep_loop:
        deployment.loops_from = None


def _enter(world: World, deployment: Deployment, phase: Phase) -> None:
    deployment.phase = phase
    deployment.changed_at = world.now
    world.emit(StatusChanged(deployment, phase, deployment.stopped, world.now))


def _then(world: World, deployment: Deployment, seconds: float, action: Callable[[], None]) -> None:
    plan = deployment.plan

    def act() -> None:
        if deployment.plan == plan:
            action()

    world.after(seconds, act)


def _step(world: World, deployment: Deployment, name: StepName) -> Step:
    step = Step(uuid(deployment.id, "step", len(deployment.steps)), name, world.now)
    deployment.steps.append(step)
    world.emit(StepChanged(deployment, step, None, world.now))
    return step


def _finish_step(world: World, deployment: Deployment, step: Step, error: str = "") -> None:
    step.finished_at = world.now
    step.error = error
    world.emit(StepChanged(deployment, step, world.now, world.now))


def _note(world: World, deployment: Deployment, text: str, level: str = "info") -> None:
    instance = deployment.instances[0].id if deployment.instances else ""
    deployment.lines.notes.append(Line(world.now, text, level, instance, (), deployment.id))


def _branch(service: Service) -> str:
    pull_request = service.environment.pull_request
    if pull_request is not None:
        return pull_request.branch
    return "main" if service.environment.name == "production" else "develop"
