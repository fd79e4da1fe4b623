"""What runs of a service: Docker's containers and Swarm's tasks sorted to it, and what they come to.

Dokploy's "done" means that Swarm took the order; whether anything serves shows in the containers alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from tui.model.entities import Instance, Kind, Ref
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.dokploy.attempts import Attempt, Memory, Phase, attempts, slot_of
from tui.providers.dokploy.slots import Since, Slot, Turn, judge, single, turn
from tui.providers.dokploy.wire import ContainerRow, ServiceRow, TaskRow

NOTHING_RUNS = "no container runs"

_KEPT = re.compile(r"(?:.*/)?(?P<name>[^/:]+):v(?P<version>\d{1,9})")


class Reading(Struct, frozen=True):
    """One service's containers as they were `at` a moment on the platform's clock; by slot, newest attempt first."""

    at: datetime
    slots: Mapping[str, Sequence[Attempt]] = {}

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(each.id for found in self.slots.values() for each in found)


class Trouble(Struct, frozen=True):
    """What is wrong with what should be up. `whole`: nothing of it serves."""

    status: Status
    word: str
    note: str
    whole: bool


def of_service(row: ServiceRow, containers: Iterable[ContainerRow], names: frozenset[str]) -> list[ContainerRow]:
    """Return the service's own among all. `names` are those of every service: one may begin like another."""
    name = row.app_name
    if not name:
        return []
    if row.type != "compose":  # a swarm's: name.slot.task
        return [each for each in containers if each.name.partition(".")[0] == name]
    longer = [other for other in names if other.startswith(f"{name}-")]
    return [
        each
        for each in containers
        if each.name.startswith((f"{name}-", f"{name}_"))  # compose's own, a stack's
        and not any(
            each.name == other or each.name.startswith((f"{other}-", f"{other}_", f"{other}.")) for other in longer
        )
    ]


def read(
    containers: Sequence[ContainerRow],
    tasks: Sequence[TaskRow],
    memory: Memory,
    now: datetime,
    tasks_at: datetime | None = None,
) -> Reading:
    """Put the containers of `now` and the tasks of `tasks_at` together, which may be older.

    Docker and Swarm list the newest first, and keep those of former tasks.
    """
    rows: dict[str, list[ContainerRow]] = {}
    for container in containers:
        rows.setdefault(slot_of(container.name), []).append(container)
    runs: dict[str, list[TaskRow]] = {}
    for task in tasks:
        runs.setdefault(slot_of(task.name), []).append(task)
    names = sorted(rows.keys() | runs.keys())
    found = {name: attempts(rows.get(name, ()), runs.get(name, ()), memory, now, tasks_at or now) for name in names}
    reading = Reading(now, found)
    memory.end_reading(reading.ids)
    return reading


def slots(row: ServiceRow, reading: Reading, since: Since | None = None) -> list[Slot]:
    return [
        judge(name, found, reading.at, since) if _is_swarms(row, name) else single(name, found[0], reading.at)
        for name, found in reading.slots.items()
    ]


def instances(account: str, found: Sequence[Slot]) -> tuple[Instance, ...]:
    return tuple(
        Instance(Ref(account, Kind.INSTANCE, slot.best.id), slot.status, slot.best.words, plain(slot.name))
        for slot in found
    )


def trouble(row: ServiceRow, found: Sequence[Slot]) -> Trouble | None:
    """None: it serves, as far as is known. A compose service's containers are no replicas: each of them counts."""
    bad = [slot for slot in found if slot.status is Status.CRASHED]
    live = [slot for slot in found if slot.is_live]
    if bad:
        first = bad[0]
        why = first.reason or first.best.words
        if row.type == "compose":
            return Trouble(Status.CRASHED, first.word, f"{plain(first.name)}: {why}", whole=True)
        return Trouble(Status.CRASHED, first.word, f"{len(bad)}/{len(found)} replicas: {why}", whole=not live)
    if live:
        return None
    coming = next((slot for slot in found if slot.status.in_flight), None)
    if coming is not None:
        return Trouble(Status.DEPLOYING, coming.word, coming.reason, whole=True)
    odd = next((slot for slot in found if slot.status is Status.UNKNOWN), None)
    if odd is not None:
        return Trouble(Status.UNKNOWN, odd.word, odd.best.words, whole=True)
    return Trouble(Status.CRASHED, NOTHING_RUNS, NOTHING_RUNS, whole=True)


def kept_version(row: ServiceRow, reading: Reading) -> int | None:
    """Return the version of the kept image that runs, which is what a rollback brought; None: the newest build's.

    Another image may have such a tag of its own: Dokploy names those that it keeps after the application.
    """
    runs = [each for found in reading.slots.values() if (each := _runs(found)) is not None]
    last = [found[0] for found in reading.slots.values() if found]
    newest = max(runs or last, key=lambda each: each.since.latest if each.since else reading.at, default=None)
    return None if newest is None else _version(row, newest)


def turns(row: ServiceRow, reading: Reading, deployed_at: datetime | None) -> list[Turn | None]:
    """Return how the newest deployment fares in each slot of an application; none for what is no application."""
    if row.type != "application" or deployed_at is None:
        return []
    return [turn(found, deployed_at) for found in reading.slots.values()]


def went_back(row: ServiceRow, reading: Reading, before: frozenset[str], version: int) -> str | None:
    """Return why Swarm gave up a rollback to a kept image: a container of it failed, and another image runs again."""
    for found in reading.slots.values():
        runs = _runs(found)
        if runs is None or not runs.image or _version(row, runs) == version:
            continue
        failed = (each for each in found if each.ended_badly and each.id not in before)
        if (last := next((each for each in failed if _version(row, each) == version), None)) is not None:
            return last.reason
    return None


def _version(row: ServiceRow, attempt: Attempt) -> int | None:
    found = _KEPT.fullmatch(attempt.image)
    return int(found["version"]) if found is not None and found["name"] == row.app_name else None


def _runs(found: Sequence[Attempt]) -> Attempt | None:
    return next((each for each in found if each.phase is Phase.RUNNING), None)


def _is_swarms(row: ServiceRow, name: str) -> bool:
    """A stack's slots are `app_service.1`; the containers of docker compose have no slot."""
    return row.type != "compose" or "." in name
