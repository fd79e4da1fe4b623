"""One slot of a Docker Swarm service on the tests' clock, as a real Swarm was seen to behave.

When a task ends, the next one's container is created at once and started some five seconds later. The containers of
four former tasks stay. An update starts the new task beside the old one and takes the old one away when the new runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from tests.clocks import START, FakeClock
from tests.providers.dokploy_server import DokployServer, Json, container, iso, row, shop
from tui.model.entities import Service
from tui.providers.dokploy import DokployProvider

NAME = "shop-api-x1"
LATEST = f"{NAME}:latest"
DELAY_S = 5.0
LONG_AGO = START - timedelta(days=2)
ERROR = "task: non-zero exit (1)"
_KEPT = 5
_NEVER = timedelta(days=365)


def duration(age: timedelta) -> str:
    """Docker's words for an age."""
    seconds = int(age.total_seconds())
    if seconds < 1:
        return "Less than a second"
    for unit, least, one in (("second", 60, "1 second"), ("minute", 3600, "About a minute")):
        if seconds < least:
            number = seconds // (least // 60)
            return one if number == 1 else f"{number} {unit}s"
    hours = int(seconds / 3600 + 0.5)
    return "About an hour" if hours == 1 else f"{hours} hours" if hours < 48 else f"{hours // 24} days"


@dataclass
class Task:
    """`code` None: Swarm takes it away (its container exits with 143)."""

    id: str
    image: str
    created: datetime
    starts: datetime
    ends: datetime
    code: int | None = None
    error: str = ""

    def container(self, now: datetime) -> Json:
        if now < self.starts:
            state, status = "created", "Created"
        elif now < self.ends:
            state, status = "running", f"Up {duration(now - self.starts)}"
        else:
            code = 143 if self.code is None else self.code
            state, status = "exited", f"Exited ({code}) {duration(now - self.ends)} ago"
        name = f"{NAME}.1.{self.id}"
        return {"containerId": f"c{self.id}", "name": name, "image": self.image, "state": state, "status": status}

    def row(self, now: datetime) -> Json:
        if now < self.starts:
            state, word, since = "ready", "Ready", self.created
        elif now < self.ends:
            state, word, since = "running", "Running", self.starts
        else:
            word = {None: "Shutdown", 0: "Complete"}.get(self.code, "Failed")
            state, since = "shutdown", self.ends
        failed = self.error or (f'"task: non-zero exit ({self.code})"' if word == "Failed" else "")
        return {
            "containerId": self.id,
            "name": f"{NAME}.1",
            "state": state,
            "currentState": f"{word} {duration(now - since).lower()} ago",
            "node": "vm",
            "error": failed if now >= self.ends else "",
        }


@dataclass
class Swarm:
    tasks: list[Task] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)

    def run(self, image: str, at: datetime, *, lives_s: float | None = None, code: int | None = None) -> Task:
        """Start a task; None: it lives on."""
        ends = at + (_NEVER if lives_s is None else timedelta(seconds=lives_s))
        task = Task(f"t{next(self.numbers)}", image, at, at, ends, code)
        self.tasks.append(task)
        return task

    def loop(self, image: str, at: datetime, *, lives_s: float = 1.0, code: int = 1, times: int = 30) -> None:
        """A task that ends by itself, and the next ones after it."""
        created = starts = at
        for _ in range(times):
            ends = starts + timedelta(seconds=lives_s)
            self.tasks.append(Task(f"t{next(self.numbers)}", image, created, starts, ends, code))
            created, starts = ends, ends + timedelta(seconds=DELAY_S)

    def update(self, image: str, at: datetime, *, lives_s: float | None = None, code: int | None = None) -> Task:
        """Replace what runs, start-first: the old task is taken away when the new one runs. What has not begun goes."""
        self.take_away(at)
        return self.run(image, at, lives_s=lives_s, code=code)

    def take_away(self, at: datetime) -> None:
        self.tasks = [task for task in self.tasks if task.starts <= at]
        for task in self.tasks:
            if task.ends > at:
                task.ends, task.code = at, None

    def containers(self, now: datetime) -> list[Json]:
        return [task.container(now) for task in self._there(now)]

    def rows(self, now: datetime) -> list[Json]:
        return [task.row(now) for task in self._there(now)]

    def _there(self, now: datetime) -> list[Task]:
        return [task for task in reversed(self.tasks) if task.created <= now][:_KEPT]


def on_swarm(swarm: Swarm, clock: FakeClock, *services: Json) -> DokployServer:
    """A shop whose one application runs there; it was deployed two days ago."""
    server = shop(*services)
    server.rows = [row(20, createdAt=iso(LONG_AGO), startedAt=iso(LONG_AGO), finishedAt=iso(LONG_AGO))]
    server.answers["docker.getContainers"] = lambda _: swarm.containers(clock.now())
    server.answers["docker.getServiceContainersByAppName"] = lambda _: swarm.rows(clock.now())
    return server


async def read(provider: DokployProvider) -> Service:
    return (await provider.snapshot()).services[0]


def ended(name: str, code: int, ago: str, image: str = LATEST) -> Json:
    return container(f"{NAME}.1.{name}", "exited", f"Exited ({code}) {ago} ago", image=image)


def real(name: str, *rows: tuple[str, str, str, str]) -> list[Json]:
    return [
        {"containerId": id_, "name": f"{name}.1.{id_}", "image": image, "ports": "", "state": state, "status": status}
        for id_, image, state, status in rows
    ]
