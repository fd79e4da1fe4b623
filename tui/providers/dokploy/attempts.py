"""One attempt to run one copy of a service: a container, its Swarm task, or both.

Swarm replaces what ends: it creates the next container at once and starts it some five seconds later, and keeps the
former ones for a while. What a slot is worth shows in its attempts together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from tui.model.status import Status
from tui.model.text import plain
from tui.providers.dokploy.ages import Moments, Span
from tui.providers.dokploy.wire import ContainerRow, TaskRow

_EXIT = re.compile(r"Exited \((\d+)\)")
_WELL = frozenset({0, 143})  # it ended by itself, or when it was asked to
_ASKED_TO_END = frozenset({0, 137, 143})  # also how a container ends that Swarm takes away
_NO_ERROR = "Error:"  # what Dokploy makes of an empty field at the end of its list
_LONGEST_ERROR = 200
_ADDRESS = re.compile(r"@sha256:[0-9a-f]+$")


class Phase(StrEnum):
    WAITING = "waiting"  # created, or on its way to that
    RUNNING = "running"
    ENDED = "ended"
    ODD = "odd"  # a state that nobody here knows


class End(StrEnum):
    FAILED = "failed"
    COMPLETED = "completed"  # by itself and with code 0; a service should be up, though
    TAKEN_AWAY = "taken away"  # by Swarm, because somebody wanted it
    UNCLEAR = "unclear"  # one of the last two, or killed: the container alone does not say


class Attempt(Struct, frozen=True):
    """`status`, `word` and `words` are of this attempt by itself. `since` is when its phase began, if that is known."""

    id: str  # the container's; the task's where it has no container
    task: str
    phase: Phase
    status: Status
    word: str
    words: str
    image: str = ""
    since: Span | None = None
    end: End | None = None
    error: str = ""
    is_told: bool = False  # by Swarm, how it ended
    restarted: datetime | None = None  # when Docker was last seen restarting it, which it does without Swarm

    @property
    def ended_badly(self) -> bool:
        return self.end in (End.FAILED, End.COMPLETED)

    @property
    def reason(self) -> str:
        """Why it ended or does not begin: Swarm's words, else Docker's."""
        return self.error or self.words


class Memory:
    """What several readings told of one service's attempts: their moments, and how Swarm says that they ended."""

    def __init__(self) -> None:
        self.moments = Moments()
        self._ends: dict[str, tuple[End, str]] = {}
        self._restarted: dict[str, datetime] = {}

    def end(self, id_: str, task: TaskRow | None) -> tuple[End, str] | None:
        """Return how Swarm says that it ended, and why, now or in an earlier reading; None: it did not say."""
        if task is not None and (end := _END_OF_TASK.get(_task_word(task))) is not None:
            self._ends[id_] = end, task_error(task)
        return self._ends.get(id_)

    def restarted(self, id_: str, word: str, now: datetime) -> datetime | None:
        """Return when Docker was last seen restarting this very container."""
        if word == "restarting":
            self._restarted[id_] = now
        return self._restarted.get(id_)

    def end_reading(self, ids: frozenset[str]) -> None:
        """Forget what was not in this reading. `ids`: what was."""
        self.moments.end_reading()
        self._ends = {id_: end for id_, end in self._ends.items() if id_ in ids}
        self._restarted = {id_: at for id_, at in self._restarted.items() if id_ in ids}


def attempts(
    containers: Sequence[ContainerRow], tasks: Sequence[TaskRow], memory: Memory, now: datetime, tasks_at: datetime
) -> list[Attempt]:
    """Return the attempts of one slot, newest first as Docker lists them.

    Tasks without a container come where they stand among the tasks: one that was rejected never had one, one on another
    node has it there. Tasks that are older than the containers tell only how those ended, and what runs elsewhere.
    """
    is_fresh = tasks_at >= now
    by_task = {each.container_id: each for each in tasks}
    found = [of_container(each, by_task.pop(_task_of(each), None), memory, now, tasks_at) for each in containers]
    order = {each.container_id: number for number, each in enumerate(tasks)}
    for task in reversed(list(by_task.values())):
        one = of_task(task, memory, tasks_at)
        if not is_fresh and (containers or one.phase is Phase.WAITING):
            continue
        older = (n for n, each in enumerate(found) if order.get(each.task, -1) > order[task.container_id])
        found.insert(next(older, len(found)), one)
    return found


def of_container(row: ContainerRow, task: TaskRow | None, memory: Memory, now: datetime, tasks_at: datetime) -> Attempt:
    words = plain(row.status or row.state or "")
    phase, status, word = _state(row.state or "", words)
    end = _end(word, words) if phase is Phase.ENDED else None
    error = ""
    told = None if phase is Phase.RUNNING else memory.end(row.container_id, task)
    if told is not None:  # also of a container that could not be started
        phase, (end, error) = Phase.ENDED, told
        status = _STATUS_OF_END[end]
    elif task is not None and phase is Phase.WAITING:
        error = task_error(task)
    key, moments = f"{row.container_id} {phase}", memory.moments
    since = moments.see(key, words, now)
    if since is None and phase is Phase.ENDED and task is not None:
        since = moments.see(key, task.current_state or "", tasks_at)
    if since is None and phase is not Phase.RUNNING:
        since = moments.since_seen(key, now)
    image = _ADDRESS.sub("", plain(row.image or ""))
    restarted = memory.restarted(row.container_id, word, now)
    is_told = told is not None
    return Attempt(
        row.container_id, _task_of(row), phase, status, word, words, image, since, end, error, is_told, restarted
    )


def of_task(row: TaskRow, memory: Memory, now: datetime) -> Attempt:
    """A task whose container is not in the list: none was made yet, or it is gone already."""
    word, words = _task_word(row), plain(row.current_state or "")
    end = _END_OF_TASK.get(word)
    if end is not None:
        phase, status = Phase.ENDED, _STATUS_OF_END[end]
    elif word == "running":
        phase, status = Phase.RUNNING, Status.LIVE
    elif word in _WAITING_TASK:
        phase, status = Phase.WAITING, Status.DEPLOYING
    else:
        phase, status = Phase.ODD, Status.UNKNOWN
    since = memory.moments.see(f"{row.container_id} {phase}", words, now)
    error = task_error(row)
    return Attempt(
        row.container_id, row.container_id, phase, status, word, words, "", since, end, error, end is not None
    )


def task_error(row: TaskRow) -> str:
    """Return Swarm's words about a task, unquoted, harmless and bounded: `task: non-zero exit (1)`."""
    text = plain(row.error or "").strip().strip('"').strip()
    if text == _NO_ERROR:
        return ""
    return text if len(text) <= _LONGEST_ERROR else text[: _LONGEST_ERROR - 1] + "…"


def slot_of(name: str) -> str:
    """Return the slot of a container or task: `name.slot` of `name.slot.task`; a compose container is its own."""
    return ".".join(name.split(".")[:2])


def _task_of(row: ContainerRow) -> str:
    return row.name.rpartition(".")[2] if row.name.count(".") >= 2 else ""


def _task_word(row: TaskRow) -> str:
    return plain(row.current_state or "").partition(" ")[0].lower()


_WAITING_TASK = frozenset({"new", "allocated", "pending", "assigned", "accepted", "preparing", "ready", "starting"})
_END_OF_TASK: Mapping[str, End] = {
    "failed": End.FAILED,
    "rejected": End.FAILED,
    "complete": End.COMPLETED,
    "shutdown": End.TAKEN_AWAY,
    "remove": End.TAKEN_AWAY,
    "orphaned": End.TAKEN_AWAY,
}
_STATUS_OF_END: Mapping[End, Status] = {
    End.FAILED: Status.CRASHED,
    End.COMPLETED: Status.STOPPED,
    End.TAKEN_AWAY: Status.STOPPED,
}


def _state(state: str, words: str) -> tuple[Phase, Status, str]:
    match state:
        case "running" if "(unhealthy)" in words:
            return Phase.RUNNING, Status.CRASHED, "unhealthy"
        case "running" if "health: starting" in words:
            return Phase.RUNNING, Status.DEPLOYING, "starting"
        case "running":
            return Phase.RUNNING, Status.LIVE, "running"
        case "restarting" | "dead":
            return Phase.ENDED, Status.CRASHED, state
        case "created" | "starting":
            return Phase.WAITING, Status.DEPLOYING, state
        case "exited":
            code = _EXIT.search(words)
            ended_well = code is not None and int(code[1]) in _WELL
            return Phase.ENDED, Status.STOPPED if ended_well else Status.CRASHED, "exited"
        case "paused" | "removing":
            return Phase.ENDED, Status.STOPPED, state
    return Phase.ODD, Status.UNKNOWN, plain(state)


def _end(word: str, words: str) -> End:
    if word in ("paused", "removing"):
        return End.TAKEN_AWAY
    code = _EXIT.search(words)
    return End.UNCLEAR if code is not None and int(code[1]) in _ASKED_TO_END else End.FAILED
