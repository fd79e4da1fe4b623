"""The tasks of a swarm service, slot by slot: a pure function of when its deployments' instances were put up.

Swarm creates the successor of a task that ended at once, and starts it some seconds later. It keeps the last few tasks
of a slot, with their containers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tui.demo.cast import Fate
from tui.demo.clock import SECOND
from tui.demo.dokploy.ages import age
from tui.demo.entities import Deployment, Run, Service
from tui.demo.scripts import SWARM_DELAY, SWARM_PERIOD, SWARM_START

KEPT = 5  # tasks of a slot, the newest among them
_RECENT = 12  # deployments that could still have a task that is kept
_UNSTARTABLE_PERIOD = SWARM_DELAY + 700_000_000
_STAGGER = SECOND  # the replicas of a crash loop do not die at the same moment
_NOT_FOUND = (
    "starting container failed: failed to create shim task: OCI runtime create failed: runc create failed: "
    'unable to start container process: exec: "serve": executable file not found in $PATH: unknown'
)


@dataclass(frozen=True, slots=True)
class End:
    """How a task ended: swarm's word, the exit code of its process, the error with its quotes."""

    word: str
    code: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """Task `turn` of one slot in one run of a deployment, as it is now. `starts_at` is when swarm wants it started."""

    run: int
    turn: int
    created_at: int
    starts_at: int
    started_at: int | None = None
    ended_at: int | None = None
    end: End | None = None

    @property
    def key(self) -> str:
        return f"{self.run}" if self.turn == 0 else f"{self.run}.{self.turn}"

    def ran_at(self, at: int) -> bool:
        return self.started_at is not None and self.started_at <= at and (self.ended_at is None or at <= self.ended_at)

    def container(self, now: int) -> tuple[str, str]:
        """Docker's state and status; a container whose process never started stays created."""
        if self.started_at is None:
            return "created", "Created"
        if self.ended_at is None or self.end is None:
            return "running", f"Up {age(now - self.started_at)}"
        return "exited", f"Exited ({self.end.code}) {age(now - self.ended_at)} ago"

    def words(self, now: int) -> tuple[str, str, str]:
        """The desired state, the current state with its age, and the error."""
        if self.ended_at is not None and self.end is not None:
            return "shutdown", _since(self.end.word, now - self.ended_at), self.end.error
        if self.started_at is not None:
            return "running", _since("Running", now - self.started_at), ""
        if now < self.starts_at:
            return "ready", _since("Ready", now - self.created_at), ""
        return "running", _since("Starting", now - self.starts_at), ""


def _since(word: str, passed: int) -> str:
    return f"{word} {age(passed).lower()} ago"


def slots(service: Service, now: int) -> list[list[tuple[Deployment, Task]]]:
    """Return the tasks of each slot, newest first."""
    known = [one for one in service.recent if one.runs][:_RECENT]
    known += [one for one in service.active if one not in known]
    count = max((len(one.instances) for one in known), default=0)
    return [_slot(known, number, now) for number in range(count)]


def _slot(known: list[Deployment], number: int, now: int) -> list[tuple[Deployment, Task]]:
    found = [
        (one, each)
        for one in known
        if number < len(one.instances)
        for run in range(len(one.runs))
        for each in _tasks(one, run, number, now)
    ]
    found.sort(key=lambda pair: pair[1].created_at, reverse=True)
    return found[:KEPT]


def _tasks(one: Deployment, run: int, number: int, now: int) -> Iterator[Task]:
    """Yield the last tasks of one run, newest first."""
    latest = _turns(one, one.runs[run], number, now)
    for turn in range(latest, max(-1, latest - KEPT), -1):
        yield task(one, run, turn, number, now)


def task(one: Deployment, run: int, turn: int, number: int, now: int) -> Task:
    """Return one task by its place, however long ago it ended."""
    its = one.runs[run]
    loops_from, starts = _loops_from(one, its, number), one.commit.fate is not Fate.UNSTARTABLE
    if turn == 0:
        created_at = starts_at = its.created_at
        started_at = its.started_at
        dies_at = its.ended_at if its.died else loops_from
    else:
        assert loops_from is not None
        period = _period(one)
        created_at = loops_from + (turn - 1) * period
        starts_at = created_at + SWARM_DELAY
        started_at = starts_at + SWARM_START if starts else None
        dies_at = created_at + period
    until = now if its.ended_at is None else its.ended_at
    if started_at is not None and started_at > until:
        started_at = None
    if dies_at is not None and dies_at <= until:
        return Task(run, turn, created_at, starts_at, started_at, dies_at, _death(one))
    if its.ended_at is not None:
        code = _STOP_CODES.get(one.service.language, 0)
        return Task(run, turn, created_at, starts_at, started_at, its.ended_at, End("Shutdown", code))
    return Task(run, turn, created_at, starts_at, started_at)


def _turns(one: Deployment, run: Run, number: int, now: int) -> int:
    """Return the number of the newest task of a run."""
    loops_from = _loops_from(one, run, number)
    until = now if run.ended_at is None else run.ended_at
    return 0 if loops_from is None or until < loops_from else (until - loops_from) // _period(one) + 1


def _loops_from(one: Deployment, run: Run, number: int) -> int | None:
    """Return when the slot's first task died, if it is one of those that die again and again."""
    if one.commit.fate is Fate.PARTLY and number > 0:
        return None
    return None if run.loops_from is None else run.loops_from + number * _STAGGER


def _period(one: Deployment) -> int:
    return _UNSTARTABLE_PERIOD if one.commit.fate is Fate.UNSTARTABLE else SWARM_PERIOD


_STOP_CODES = {"node": 137}
"""Of what is told to stop: node as process 1 hears no SIGTERM, and is killed after ten seconds."""
_CRASH_CODES = {"redis": 127}


def _death(one: Deployment) -> End:
    match one.commit.fate:
        case Fate.FINISHES:
            return End("Complete", 0)
        case Fate.UNSTARTABLE:
            return End("Failed", 127, f'"{_NOT_FOUND}"')
    code = _CRASH_CODES.get(one.service.language, 1)
    return End("Failed", code, f'"task: non-zero exit ({code})"')
