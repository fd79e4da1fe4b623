"""What runs of a service: Docker's containers sorted to it, and whether they crash.

Dokploy's "done" means that the build went well; a crash loop shows in the containers alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from msgspec import Struct

from tui.model.entities import Instance, Kind, Ref
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.dokploy.wire import ContainerRow, ServiceRow

_EXIT = re.compile(r"Exited \((\d+)\)")
_ENDED_WELL = frozenset({0, 143})  # by itself, and when it was asked to
_YOUNG = re.compile(r"(?:Up|Exited \(\d+\)) (?:Less than a second|\d+ seconds?|About a minute|1 minute|\d+ms)\b")
_LOOPS = 2  # failures of one slot in its last minute, while it runs again for the moment


class Slot(Struct, frozen=True):
    """One replica of a swarm service, or one container of a compose service. `word`: why it is as it is."""

    name: str
    row: ContainerRow
    status: Status
    word: str


class Trouble(Struct, frozen=True):
    """What is wrong with what should be up. `whole`: nothing of it serves."""

    word: str
    note: str
    whole: bool


def of_service(row: ServiceRow, containers: Sequence[ContainerRow], names: frozenset[str]) -> list[ContainerRow]:
    """The service's own among all. `names` are those of every service: one may begin like another."""
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


def slots(containers: Sequence[ContainerRow]) -> list[Slot]:
    """Docker lists the newest first, and keeps the containers of former tasks: what counts is one a slot."""
    grouped: dict[str, list[ContainerRow]] = {}
    for each in containers:
        grouped.setdefault(".".join(each.name.split(".")[:2]), []).append(each)
    return [_slot(name, grouped[name]) for name in sorted(grouped)]


def instances(account: str, found: Sequence[Slot]) -> tuple[Instance, ...]:
    return tuple(
        Instance(
            Ref(account, Kind.INSTANCE, slot.row.container_id),
            slot.status,
            plain(slot.row.status or slot.row.state or ""),
            plain(slot.name),
        )
        for slot in found
    )


def trouble(row: ServiceRow, found: Sequence[Slot]) -> Trouble | None:
    """None: nothing that is known. The containers of a compose service are no replicas: each of them counts."""
    bad = [slot for slot in found if slot.status is Status.CRASHED]
    if not bad:
        return None
    serving = any(slot.status is Status.LIVE for slot in found)
    first = bad[0]
    words = plain(first.row.status or first.word)
    if row.type == "compose":
        return Trouble(first.word, f"{plain(first.name)}: {words}", whole=True)
    return Trouble(first.word, f"{len(bad)}/{len(found)} replicas: {words}", whole=not serving)


def _slot(name: str, rows: Sequence[ContainerRow]) -> Slot:
    best = next((row for row in rows if row.state == "running"), rows[0])
    status, word = _state(best)
    if status in (Status.LIVE, Status.DEPLOYING) and _YOUNG.match(best.status or ""):
        failed = [row for row in rows if row is not best and _state(row)[0] is Status.CRASHED]
        if sum(_YOUNG.match(row.status or "") is not None for row in failed) >= _LOOPS:
            return Slot(name, best, Status.CRASHED, "restarting")
    return Slot(name, best, status, word)


def _state(row: ContainerRow) -> tuple[Status, str]:
    words = row.status or ""
    match row.state:
        case "running" if "(unhealthy)" in words:
            return Status.CRASHED, "unhealthy"
        case "running" if "health: starting" in words:
            return Status.DEPLOYING, "starting"
        case "running":
            return Status.LIVE, "running"
        case "restarting" | "dead":
            return Status.CRASHED, row.state
        case "created" | "starting":
            return Status.DEPLOYING, row.state
        case "exited":
            code = _EXIT.search(words)
            ended_well = code is not None and int(code[1]) in _ENDED_WELL
            return (Status.STOPPED if ended_well else Status.CRASHED), "exited"
        case "paused" | "removing":
            return Status.STOPPED, row.state
    return Status.UNKNOWN, plain(row.state or "")
