"""How the instances of a deployment come up, die and are taken down; Docker Swarm has a mind of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tui.demo.cast import DYING, Fate, uuid
from tui.demo.entities import UP, Deployment, Instance, InstanceState, Phase, Run, Step, StepName
from tui.demo.flows import Cycle
from tui.demo.scripts import (
    CRASH,
    CRASH_PERIOD,
    STARTS,
    SWARM_DELAY,
    SWARM_PERIOD,
    SWARM_START,
    Line,
    crash_script,
    task_script,
)
from tui.demo.world import StatusChanged, StepChanged, World
from tui.demo.writing import write_lines, write_requests


def start_instances(world: World, deployment: Deployment) -> None:
    enter(world, deployment, Phase.DEPLOYING)
    deployment.instances = [
        Instance(uuid(deployment.id, "instance", number), InstanceState.CREATED)
        for number in range(deployment.service.replicas)
    ]
    deployment.runs.append(Run(world.now))
    _end_loops(world, deployment)
    create = begin_step(world, deployment, StepName.CREATE)
    then(world, deployment, 2.0, lambda: _check_health(world, deployment, create))


def _end_loops(world: World, deployment: Deployment) -> None:
    """Swarm creates tasks of the newest specification only: what died under a former one is not started again."""
    for former in deployment.service.active if deployment.service.is_swarm else ():
        if former is not deployment and former.loops_from is not None and former.commit.fate is not Fate.PARTLY:
            retire(world, former, deployment)


def _check_health(world: World, deployment: Deployment, create: Step) -> None:
    finish_step(world, deployment, create)
    if deployment.commit.fate is Fate.UNSTARTABLE:
        come_up(world, deployment, first=True)
        return
    deployment.runs[-1].started_at = world.now
    for text in STARTS.get(deployment.service.language, STARTS["python"]):
        note(world, deployment, text)
    step = begin_step(world, deployment, StepName.HEALTHCHECK)
    step.attempt, step.max_attempts = 1, 5
    if deployment.service.is_swarm:  # it waits for a running task, not for a healthy one
        then(world, deployment, 0.5, lambda: _pass(world, deployment, step))
    elif deployment.commit.fate is Fate.UNHEALTHY:
        then(world, deployment, 14.0, lambda: _give_up(world, deployment, step))
    else:
        then(world, deployment, 5.0, lambda: _pass(world, deployment, step))


def _give_up(world: World, deployment: Deployment, step: Step) -> None:
    step.attempt = step.max_attempts
    finish_step(world, deployment, step, error="Healthcheck failed! 1/1 replicas never became healthy!")
    note(world, deployment, "connection to 10.0.4.2:5432 refused, is the server running?", "error")
    for instance in deployment.instances:
        instance.state = InstanceState.EXITED
    enter(world, deployment, Phase.FAILED)


def _pass(world: World, deployment: Deployment, step: Step) -> None:
    finish_step(world, deployment, step)
    come_up(world, deployment, first=True)


def come_up(world: World, deployment: Deployment, *, first: bool) -> None:
    service, former, fate = deployment.service, _former(deployment), deployment.commit.fate
    if fate is Fate.UNSTARTABLE and service.is_swarm and former is not None:
        _fail(world, deployment)  # what ran before would have been stopped for a running successor only
        return
    if first:
        deployment.live_from = world.now
    elif fate is not Fate.UNSTARTABLE:
        deployment.runs[-1].started_at = world.now
        note(world, deployment, "Starting Container")
    if first or service.is_swarm:
        for each in service.active:
            if each is not deployment:
                world.after(2.0, partial(retire, world, each, deployment))
        for each in service.recent:
            if each is not deployment and each.stopped and each.phase in UP:
                end(world, each)
    for instance in deployment.instances:
        instance.state = InstanceState.RUNNING
    if service.cron is not None:
        _run_once(world, deployment)
        return
    enter(world, deployment, Phase.LIVE)
    if fate is Fate.UNSTARTABLE:
        _crash(world, deployment)
        return
    write_lines(deployment, world.now, world.lines_per_second(service))
    write_requests(world, deployment, world.now)
    if fate in DYING or fate is Fate.UNHEALTHY:
        then(world, deployment, 3.0, lambda: _die(world, deployment, former))
    elif fate is Fate.PARTLY and first:
        then(world, deployment, 3.0, lambda: _crash(world, deployment))


def _die(world: World, deployment: Deployment, former: Deployment | None) -> None:
    """Swarm puts the former specification back by itself; without one that helps, it starts the new one again."""
    if deployment.service.is_swarm:
        for _, text, level in task_script(deployment.commit.fate)[1:]:
            note(world, deployment, text, level)
    if former is not None and _is_remedy(former, deployment):
        _fail(world, deployment)
        bring_back(world, former)
    else:
        _crash(world, deployment)


def _is_remedy(former: Deployment, deployment: Deployment) -> bool:
    """Tell whether the former specification names something that runs: another image, or settings that were good.

    Two builds share the image `:latest`, and the newer of them is what both specifications start.
    """
    service = deployment.service
    if not service.is_swarm or service.kind:  # a stack has no policy of its own
        return False
    by_settings = deployment.commit.fate is Fate.UNHEALTHY or service.image is not None
    return by_settings or "rollback" in (deployment.trigger, former.trigger)


def _former(deployment: Deployment) -> Deployment | None:
    """What runs beside a deployment, until it is retired."""
    return next((one for one in deployment.service.active if one is not deployment), None)


def _fail(world: World, deployment: Deployment) -> None:
    """It died at once, and is not started again."""
    deployment.plan += 1
    silence(world, deployment)
    deployment.runs[-1].died = True
    for instance in deployment.instances:
        instance.state = InstanceState.EXITED
    enter(world, deployment, Phase.FAILED)


def _crash(world: World, deployment: Deployment) -> None:
    deployment.loops_from = world.now
    fate = deployment.commit.fate
    if fate is not Fate.PARTLY:
        silence(world, deployment, keep_loop=True)
    if deployment.service.is_swarm:
        words, pause, period = task_script(fate), SWARM_DELAY + SWARM_START, SWARM_PERIOD
    else:
        words, pause, period = CRASH, 0, CRASH_PERIOD
    if words:
        script = crash_script(words, [deployment.instances[0].id], deployment.id)
        deployment.lines.flows.append(Cycle(world.now + pause, period, script))
    enter(world, deployment, Phase.CRASHED)


def take_down(world: World, deployment: Deployment) -> None:
    deployment.plan += 1
    silence(world, deployment)
    note(world, deployment, "Stopping Container")


def put_up(world: World, deployment: Deployment, seconds: float | None) -> Run:
    """Create the instances of a deployment anew; they come up after so many seconds, or when the caller says."""
    deployment.plan += 1
    deployment.stopped = False
    run = Run(world.now)
    deployment.runs.append(run)
    for instance in deployment.instances:
        instance.state = InstanceState.RESTARTING
    enter(world, deployment, Phase.DEPLOYING)
    if seconds is not None:
        then(world, deployment, seconds, lambda: come_up(world, deployment, first=False))
    return run


def bring_back(world: World, deployment: Deployment) -> None:
    """Run a deployment again that was replaced, in place of what runs now."""
    deployment.removed_at = None
    _end_loops(world, deployment)
    put_up(world, deployment, 1.5)


def _run_once(world: World, deployment: Deployment) -> None:
    def done() -> None:
        note(world, deployment, "report: 41 233 orders, 3 files written")
        deployment.stopped = True
        for instance in deployment.instances:
            instance.state = InstanceState.EXITED
        enter(world, deployment, Phase.LIVE)

    enter(world, deployment, Phase.LIVE)
    then(world, deployment, 8.0, done)


def retire(world: World, deployment: Deployment, drained_by: Deployment | None = None) -> None:
    if deployment.phase not in UP and deployment.phase is not Phase.DEPLOYING:
        return
    deployment.plan += 1
    silence(world, deployment)
    note(world, deployment, "Stopping Container")
    enter(world, deployment, Phase.REMOVING)
    drain = begin_step(world, drained_by, StepName.DRAIN) if drained_by is not None else None

    def gone() -> None:
        if drained_by is not None and drain is not None:
            finish_step(world, drained_by, drain)
        end(world, deployment)

    then(world, deployment, 4.0, gone)


def end(world: World, deployment: Deployment) -> None:
    for instance in deployment.instances:
        instance.state = InstanceState.REMOVED
    silence(world, deployment)
    deployment.removed_at = world.now
    deployment.stopped = deployment.live_from is not None
    enter(world, deployment, Phase.REMOVED)


def silence(world: World, deployment: Deployment, *, keep_loop: bool = False) -> None:
    deployment.lines.stop(world.now)
    deployment.requests.stop(world.now)
    if not keep_loop:
        for run in deployment.runs:
            if run.ended_at is None:
                run.ended_at = world.now


def enter(world: World, deployment: Deployment, phase: Phase) -> None:
    deployment.phase = phase
    deployment.changed_at = world.now
    world.emit(StatusChanged(deployment, phase, deployment.stopped, world.now))


def then(world: World, deployment: Deployment, seconds: float, action: Callable[[], None]) -> None:
    plan = deployment.plan

    def act() -> None:
        if deployment.plan == plan:
            action()

    world.after(seconds, act)


def begin_step(world: World, deployment: Deployment, name: StepName) -> Step:
    step = Step(uuid(deployment.id, "step", len(deployment.steps)), name, world.now)
    deployment.steps.append(step)
    world.emit(StepChanged(deployment, step, None, world.now))
    return step


def finish_step(world: World, deployment: Deployment, step: Step, error: str = "") -> None:
    step.finished_at = world.now
    step.error = error
    world.emit(StepChanged(deployment, step, world.now, world.now))


def note(world: World, deployment: Deployment, text: str, level: str = "info") -> None:
    instance = deployment.instances[0].id if deployment.instances else ""
    deployment.lines.notes.append(Line(world.now, text, level, instance, (), deployment.id))
