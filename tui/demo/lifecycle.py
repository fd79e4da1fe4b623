"""What happens to deployments, by themselves and by somebody's order. Every order is counted in `World.calls`."""

from __future__ import annotations

import random
from dataclasses import replace

from tui.demo.cast import Commit, Fate, Person, new_commit
from tui.demo.clock import HOUR, SECOND
from tui.demo.entities import (
    PENDING,
    UNDER_WAY,
    UP,
    Deployment,
    InstanceState,
    Phase,
    Service,
    Step,
    StepName,
)
from tui.demo.running import (
    begin_step,
    come_up,
    end,
    enter,
    finish_step,
    note,
    put_up,
    retire,
    start_instances,
    take_down,
    then,
)
from tui.demo.world import Denied, StatusChanged, World

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
    take_down(world, deployment)
    put_up(world, deployment, 4.0)


def reload(world: World, deployment: Deployment) -> None:
    """Replace the instances start-first: the former ones run until the new ones do."""
    world.calls["restart", deployment.id] += 1
    if deployment.phase not in UP:
        raise Denied("Only a running deployment can be reloaded")
    if deployment.stopped:
        put_up(world, deployment, 4.0)
        return
    deployment.plan += 1
    new = put_up(world, deployment, None)

    def swap() -> None:
        deployment.runs.remove(new)
        take_down(world, deployment)
        deployment.runs.append(new)
        then(world, deployment, 0.1, lambda: come_up(world, deployment, first=False))

    then(world, deployment, 3.9, swap)


def stop(world: World, deployment: Deployment) -> None:
    world.calls["stop", deployment.id] += 1
    if deployment.phase not in UP or deployment.stopped:
        raise Denied("Deployment is not running")
    take_down(world, deployment)
    for instance in deployment.instances:
        instance.state = InstanceState.EXITED
    deployment.stopped = True
    enter(world, deployment, deployment.phase)


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
    abort(world, deployment)


def abort(world: World, deployment: Deployment) -> None:
    """End what is under way; the order was counted when it was given."""
    deployment.plan += 1
    for step in deployment.steps:
        if step.finished_at is None:
            finish_step(world, deployment, step, error="cancelled")
    end(world, deployment)


def remove(world: World, deployment: Deployment) -> None:
    """Takes the service down if it is the one that runs."""
    world.calls["remove", deployment.id] += 1
    if deployment.phase in (Phase.REMOVED, Phase.REMOVING):
        raise Denied("Deployment was already removed")
    deployment.plan += 1
    if deployment is deployment.service.latest:
        deployment.service.hidden_latest = True
    if deployment.phase in UP or deployment.phase is Phase.DEPLOYING:
        retire(world, deployment)
    else:
        end(world, deployment)


def approve(world: World, deployment: Deployment) -> None:
    world.calls["approve", deployment.id] += 1
    if deployment.phase is not Phase.NEEDS_APPROVAL:
        raise Denied("Deployment does not need approval")
    deployment.plan += 1
    enter(world, deployment, Phase.QUEUED)
    then(world, deployment, 2.0, lambda: _build(world, deployment))


def reject(world: World, deployment: Deployment) -> None:
    world.calls["reject", deployment.id] += 1
    if deployment.phase is not Phase.NEEDS_APPROVAL:
        raise Denied("Deployment does not need approval")
    deployment.plan += 1
    deployment.reason = "rejected"
    enter(world, deployment, Phase.FAILED)


def start(world: World, deployment: Deployment) -> None:
    """What was stopped runs again."""
    world.calls["start", deployment.id] += 1
    if deployment.phase not in UP or not deployment.stopped:
        raise Denied("Deployment is not stopped")
    put_up(world, deployment, 3.0)


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
    note(world, deployment, text, level)
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
    if (fate := world.faults.bad_fate(service.path)) is not None:
        commit = replace(commit, fate=fate)
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
        then(world, deployment, 1.5, lambda: enter(world, deployment, hold))
    elif not build or service.image is not None:
        then(world, deployment, 2.5, lambda: start_instances(world, deployment))
    else:
        then(world, deployment, 1.5, lambda: enter(world, deployment, Phase.QUEUED))
        then(world, deployment, 3.0, lambda: _build(world, deployment))
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
                retire(world, former)
    if phase is Phase.REMOVED:
        deployment.removed_at = world.now
    enter(world, deployment, phase)


def _build(world: World, deployment: Deployment) -> None:
    rng = random.Random(f"plan:{deployment.id}")
    seconds = deployment.service.build_s * rng.uniform(0.8, 1.25)
    enter(world, deployment, Phase.BUILDING)
    snapped, published = min(2.0, seconds / 5), min(4.0, seconds / 5)
    ends = seconds - published if deployment.commit.fate is Fate.BUILD_FAILS else seconds
    deployment.build = (world.now, world.now + round(ends * SECOND))
    snapshot = begin_step(world, deployment, StepName.SNAPSHOT)

    def compile_() -> None:
        finish_step(world, deployment, snapshot)
        step = begin_step(world, deployment, StepName.BUILD)
        then(world, deployment, seconds - snapped - published, lambda: publish(step))

    def publish(step: Step) -> None:
        if deployment.commit.fate is Fate.BUILD_FAILS:
            finish_step(world, deployment, step, error="Failed to build an image. Please check the build logs.")
            enter(world, deployment, Phase.FAILED)
            return
        finish_step(world, deployment, step)
        last = begin_step(world, deployment, StepName.PUBLISH)
        then(world, deployment, published, lambda: done(last))

    def done(step: Step) -> None:
        finish_step(world, deployment, step)
        start_instances(world, deployment)

    then(world, deployment, snapped, compile_)


def _branch(service: Service) -> str:
    pull_request = service.environment.pull_request
    if pull_request is not None:
        return pull_request.branch
    return "main" if service.environment.name == "production" else "develop"
