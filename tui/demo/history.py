"""What was before the world began: the weeks of deployments behind each service, made when somebody asks."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tui.demo.cast import Commit, Fate, new_commit, uuid
from tui.demo.clock import DAY, HOUR, MINUTE, SECOND
from tui.demo.entities import Deployment, Instance, InstanceState, Phase, Run, Service, Step, StepName
from tui.demo.scripts import STARTS, Line
from tui.demo.world import World
from tui.demo.writing import write_lines, write_requests


def settle(world: World, service: Service, age_s: float, commit: Commit | None = None) -> Deployment:
    """A deployment that went live `age_s` ago and still runs, with all that came before it."""
    count = random.Random(f"count:{world.seed}:{service.id}").randint(*_count(world, service))
    commit = commit or new_commit(f"{world.seed}:{service.id}:{count}")
    deployment = _past(world, service, count, commit, world.now - round(age_s * SECOND), Phase.LIVE, None)
    service.next_number = count + 1
    world.add_deployment(deployment)
    service.old = lambda: _history(world, service, deployment)
    return deployment


def _history(world: World, service: Service, newest: Deployment) -> list[Deployment]:
    rng = random.Random(f"history:{world.seed}:{service.id}")
    at, gaps = newest.created_at, _gaps(world, service, newest)
    replaced = newest.live_from or newest.created_at
    made: list[Deployment] = []
    for number in range(newest.number - 1, 0, -1):
        at -= round(next(gaps) * rng.uniform(0.4, 1.6)) + 3 * MINUTE
        phase, fate = rng.choices(_OUTCOMES, _WEIGHTS)[0] if service.repo else (Phase.REMOVED, Fate.GOOD)
        branch = newest.commit.branch
        commit = new_commit(f"{world.seed}:{service.id}:{number}", branch=branch, fate=fate)
        one = _past(world, service, number, commit, at, phase, replaced)
        one.trigger = rng.choices(("push", "redeploy", "rollback", "deploy", "upload"), (82, 6, 3, 3, 6))[0]
        made.append(one)
        if one.live_from is not None:
            replaced = one.live_from
    made[-1].orphan = service.path == _OF_A_DELETED_SERVICE
    return made


def _count(world: World, service: Service) -> tuple[int, int]:
    """How many there are of a service, at least and at most. What is only an image is not deployed every day."""
    if world.past is None or not service.repo:
        return 33, 46
    return round(world.past * 0.85), round(world.past * 1.15)


def _gaps(world: World, service: Service, newest: Deployment) -> Iterator[float]:
    """The time between two deployments, from the newest back: longer and longer. With a `past` they fill 30 days."""
    busy = world.past is not None and service.repo
    longest = 14.0 * HOUR if busy else 3.0 * DAY
    shape = [min(1.5 * HOUR * 1.12**number, longest) for number in range(max(1, newest.number - 1))]
    scale = 1.0
    if busy:
        left = 30.0 * DAY - (world.started_at - newest.created_at)
        scale = max(left, 5.0 * DAY) / (sum(shape) + 3 * MINUTE * len(shape))
    return (gap * scale for gap in shape)


_OF_A_DELETED_SERVICE = "shop/production/images"  # the oldest there is of a service that is no more


_OUTCOMES = (
    (Phase.REMOVED, Fate.GOOD),
    (Phase.FAILED, Fate.BUILD_FAILS),
    (Phase.FAILED, Fate.UNHEALTHY),
    (Phase.SKIPPED, Fate.GOOD),
)
_WEIGHTS = (87, 6, 3, 4)


def _past(
    world: World, service: Service, number: int, commit: Commit, created_at: int, phase: Phase, replaced_at: int | None
) -> Deployment:
    """Deployment `number` as it is now. `replaced_at`: when the next one went live."""
    id_ = service.tag + uuid(world.seed, service.id, number)[8:]
    one = Deployment(id_, service, number, commit, "push", commit.author, created_at, phase, created_at)
    if phase is Phase.SKIPPED:
        one.changed_at = created_at + 2 * SECOND
        return one
    at = created_at + 3 * SECOND
    if service.image is None:
        at = _built(one, at)
    if commit.fate is not Fate.BUILD_FAILS:
        at = _started(one, at)
    one.changed_at = at
    if phase is Phase.FAILED:
        for run in one.runs:
            run.ended_at, run.died = at, True
        one.steps[-1].error = _FAILURES[commit.fate]
        return one
    one.live_from = at
    write_lines(one, at, world.usual_lines_per_second(service))
    write_requests(world, one, at)
    if replaced_at is not None:
        _replaced(one, replaced_at)
    return one


_FAILURES = {
    Fate.BUILD_FAILS: "Failed to build an image. Please check the build logs.",
    Fate.UNHEALTHY: "Healthcheck failed! 1/1 replicas never became healthy!",
}


def _built(one: Deployment, at: int) -> int:
    seconds = one.service.build_s * random.Random(f"plan:{one.id}").uniform(0.8, 1.25)
    snapped, published = min(2.0, seconds / 5), min(4.0, seconds / 5)
    start, at = at, _stepped(one, StepName.SNAPSHOT, at, snapped)
    at = _stepped(one, StepName.BUILD, at, seconds - snapped - published)
    if one.commit.fate is not Fate.BUILD_FAILS:
        at = _stepped(one, StepName.PUBLISH, at, published)
    one.build = (start, at)
    return at


def _started(one: Deployment, at: int) -> int:
    state = InstanceState.RUNNING if one.phase is Phase.LIVE else InstanceState.REMOVED
    one.instances = [Instance(uuid(one.id, "instance", n), state) for n in range(one.service.replicas)]
    created_at, at = at, _stepped(one, StepName.CREATE, at, 2.0)
    one.runs = [Run(created_at, at)]
    for text in STARTS.get(one.service.language, STARTS["python"]):
        one.lines.notes.append(Line(at, text, "info", one.instances[0].id, (), one.id))
    return _stepped(one, StepName.HEALTHCHECK, at, 14.0 if one.commit.fate is Fate.UNHEALTHY else 5.0)


def _stepped(one: Deployment, name: StepName, at: int, seconds: float) -> int:
    end = at + round(seconds * SECOND)
    one.steps.append(Step(uuid(one.id, "step", len(one.steps)), name, at, end))
    return end


def _replaced(one: Deployment, at: int) -> None:
    silent = at + 2 * SECOND
    one.lines.stop(silent)
    one.requests.stop(silent)
    one.lines.notes.append(Line(silent, "Stopping Container", "info", one.instances[0].id, (), one.id))
    one.stopped = True
    one.runs[-1].ended_at = silent
    one.removed_at = one.changed_at = silent + 4 * SECOND
