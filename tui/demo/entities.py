"""What the world is made of, whatever platform serves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from tui.demo.cast import Commit, Fate, Person
from tui.demo.clock import SECOND
from tui.demo.flows import Log
from tui.demo.scripts import CRASH_PERIOD, Line, build_log
from tui.demo.traffic import Request


class Phase(StrEnum):
    INITIALIZING = "initializing"
    QUEUED = "queued"
    WAITING = "waiting"  # for CI
    NEEDS_APPROVAL = "needs-approval"
    BUILDING = "building"
    DEPLOYING = "deploying"
    LIVE = "live"
    SLEEPING = "sleeping"
    CRASHED = "crashed"
    FAILED = "failed"
    SKIPPED = "skipped"
    REMOVING = "removing"
    REMOVED = "removed"


PENDING = frozenset({Phase.INITIALIZING, Phase.QUEUED, Phase.WAITING, Phase.NEEDS_APPROVAL})
UNDER_WAY = PENDING | {Phase.BUILDING, Phase.DEPLOYING}
UP = frozenset({Phase.LIVE, Phase.SLEEPING, Phase.CRASHED})


class InstanceState(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    RESTARTING = "restarting"
    CRASHED = "crashed"
    EXITED = "exited"
    REMOVED = "removed"


class StepName(StrEnum):
    SNAPSHOT = "snapshot"
    BUILD = "build"
    PUBLISH = "publish"
    MIGRATE = "migrate"
    CREATE = "create"
    HEALTHCHECK = "healthcheck"
    DRAIN = "drain"


@dataclass(slots=True, eq=False)
class Workspace:
    id: str
    name: str
    platform: str  # which platform's protocol serves it
    projects: list[Project] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Project:
    id: str
    name: str
    workspace: Workspace
    platform: str  # which platform's protocol serves it
    created_at: int
    environments: list[Environment] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PullRequest:
    number: int
    title: str
    repo: str
    branch: str


@dataclass(slots=True, eq=False)
class Environment:
    id: str
    name: str
    project: Project
    created_at: int
    pull_request: PullRequest | None = None  # it was made for one and goes with it
    restricted: bool = False
    deleted_at: int | None = None
    services: list[Service] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Instance:
    id: str
    state: InstanceState


@dataclass(slots=True, eq=False)
class Run:
    """One time that a deployment's instances were put up, until they were taken down or died for good."""

    created_at: int
    started_at: int | None = None  # None: not yet, or its process could not be started
    loops_from: int | None = None  # its instances die again and again, from then on
    ended_at: int | None = None
    died: bool = False  # it ended by itself, and nothing was started in its place


@dataclass(slots=True, eq=False)
class Step:
    id: str
    name: StepName
    started_at: int
    finished_at: int | None = None
    error: str = ""
    detail: str = ""
    attempt: int | None = None
    max_attempts: int | None = None


@dataclass(slots=True, eq=False)
class Service:
    """One service in one environment. `service_id` is the same in all environments, `id` is not."""

    id: str
    service_id: str
    name: str
    environment: Environment
    language: str  # how it is built
    flavour: str  # what it writes
    weight: float  # its share of all log lines
    routes: str | None = None  # what is requested of it; None: it speaks no HTTP
    host: str | None = None
    repo: str | None = None
    image: str | None = None
    replicas: int = 1
    build_s: float = 40.0
    cron: str | None = None
    sleeps: bool = False
    kind: str = ""  # the platform's own kind of service; "" is its usual one
    recent: list[Deployment] = field(default_factory=list)  # newest first
    old: Callable[[], list[Deployment]] = field(default=list, repr=False)  # makes the history, newest first
    hidden_latest: bool = False  # the newest deployment was removed by somebody
    next_number: int = 1
    _history: list[Deployment] | None = None

    @property
    def tag(self) -> str:
        """How the ids of its deployments begin, so that one can be found without making everybody's history."""
        return self.id[:8]

    @property
    def deployments(self) -> list[Deployment]:
        """All of them, newest first."""
        return self.recent + self.history

    @property
    def history(self) -> list[Deployment]:
        """Those from before the world began."""
        if self._history is None:
            self._history = self.old()
        return self._history

    @property
    def latest(self) -> Deployment | None:
        return None if self.hidden_latest or not self.recent else self.recent[0]

    @property
    def active(self) -> list[Deployment]:
        """Those that are deployed and run, newest first."""
        return [one for one in self.recent if one.phase in UP and not one.stopped]

    @property
    def platform(self) -> str:
        return self.environment.project.platform

    @property
    def is_swarm(self) -> bool:
        """Docker Swarm runs it, as tasks; the containers of a compose project are Docker's own."""
        return self.platform == "dokploy" and self.kind != "compose"

    @property
    def path(self) -> str:
        return f"{self.environment.project.name}/{self.environment.name}/{self.name}"


@dataclass(slots=True, eq=False)
class Deployment:
    id: str
    service: Service
    number: int
    commit: Commit
    trigger: str  # push, redeploy, rollback, deploy, upload
    creator: Person
    created_at: int
    phase: Phase
    changed_at: int
    stopped: bool = False  # all its instances have ended
    reason: str = ""  # why it is queued
    word: str = ""  # the platform says this instead of the phase: a status from the future
    orphan: bool = False  # its service is no more
    external: bool = False  # something else made it; the platform was only told
    instances: list[Instance] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)  # oldest first
    steps: list[Step] = field(default_factory=list)
    build: tuple[int, int] | None = None  # from, to
    live_from: int | None = None
    removed_at: int | None = None
    lines: Log[Line] = field(default_factory=Log)
    requests: Log[Request] = field(default_factory=Log)
    plan: int = 0  # moves on when something else was decided: what had been scheduled no longer happens
    _build_lines: list[Line] | None = None

    @property
    def loops_from(self) -> int | None:
        """Since when it crashes again and again."""
        run = self.runs[-1] if self.runs else None
        return None if run is None or run.ended_at is not None else run.loops_from

    @loops_from.setter
    def loops_from(self, at: int) -> None:
        self.runs[-1].loops_from = at

    @property
    def image_digest(self) -> str:
        return f"sha256:{self.commit.sha}{self.commit.sha[:24]}"

    def build_lines(self, until: int) -> list[Line]:
        """Of its build, as far as it had come at `until`."""
        if self.build is None:
            return []
        if self._build_lines is None:
            start, end = self.build
            self._build_lines = build_log(self.service.language, self.commit, start, end, self.id, self.id)
        stop = until if self.removed_at is None else min(until, self.removed_at)  # cancelled in mid-build
        return [line for line in self._build_lines if line.at <= stop]

    def instance_state(self, position: int, now: int) -> InstanceState:
        if self.loops_from is None:
            return self.instances[position].state
        if self.commit.fate is Fate.PARTLY and position > 0:
            return InstanceState.RUNNING
        turn = (now - self.loops_from + position * 4 * SECOND) % CRASH_PERIOD
        return InstanceState.RESTARTING if turn < 2 * SECOND else InstanceState.CRASHED
