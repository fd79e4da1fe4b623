"""What is remembered of each stack between two pictures, and when which part of it is to be read again."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tui.model.entities import Kind, Ref
from tui.model.errors import ProviderError
from tui.model.provider import Polling
from tui.providers.cloud66 import decode
from tui.providers.cloud66.decode import Child, Place
from tui.providers.cloud66.listing import Newest
from tui.providers.cloud66.wire import ActionRow, DeploymentRow, StackRow

POLLING = Polling(snapshot_s=20.0, moving_s=10.0, focused_s=5.0, burst=100, requests_per_hour=2000)

FOCUSED_S = 30.0  # the deployments and the services of the stack that somebody looks at
MOVING_S = 10.0  # the same while it is busy
PROCESSES_S = 120.0
GUARD_S = 30.0  # a deployment under way that nobody looks at: its stack's row should tell of the end, and may not
ACTIONS_S = 30.0  # while the deployments themselves show what is under way
RETRY_S = 20.0
ODD_S = 300.0  # a list with rows that could not be read, though nothing happened since
ACTED_S = 60.0  # so long after an action its stack is read with every picture
SHOWN_S = 60.0  # what runs inside a stack that nobody looks at any more is shown for so long


class Beat:
    """A part that is read every so often. A late reading does not move the following ones."""

    def __init__(self) -> None:
        self._next = 0.0
        self.at: float | None = None  # when it was read

    def due(self, now: float) -> bool:
        return self.at is None or now >= self._next

    def age_s(self, now: float) -> float | None:
        return None if self.at is None else now - self.at

    def read(self, now: float, every_s: float) -> None:
        planned = self._next + every_s
        self._next = planned if now < planned <= now + every_s else now + every_s
        self.at = now

    def soon(self, now: float, within_s: float) -> None:
        """It became more urgent."""
        self._next = min(self._next, now + within_s)


@dataclass(slots=True)
class Stack:
    """`deployments` is the newest page, newest first; `actions` those of deployments that are not over."""

    account: str
    row: StackRow
    listed_at: datetime | None = None  # when the list of stacks had it
    is_listed: bool = True  # the last one did
    deployments: list[DeploymentRow] = field(default_factory=list)
    actions: list[ActionRow] = field(default_factory=list)
    children: list[Child] | None = None
    error: ProviderError | None = None  # of the last reading of its deployments
    children_error: ProviderError | None = None
    mark: tuple[object, ...] = ()  # what its row said when its deployments were read
    read_at: datetime | None = None  # its deployments
    hot_until: float = 0.0
    retry_at: float = 0.0
    timeline_beat: Beat = field(default_factory=Beat)
    actions_beat: Beat = field(default_factory=Beat)
    children_beat: Beat = field(default_factory=Beat)
    singles: dict[int, float] = field(default_factory=dict)  # when a deployment was read on its own
    seen_at: dict[str, datetime] = field(default_factory=dict)  # what has no time of its own yet
    odd: tuple[str, ...] = ()  # sentences about rows of the newest page that could not be read
    actions_odd: tuple[str, ...] = ()
    children_odd: tuple[str, ...] = ()
    may_lack_newest: bool = False  # a row that could not be read may be the newest deployment
    last_page: int | None = None  # of a list of deployments that comes oldest first
    live: int | None = None  # of `deployments`: the one that serves
    in_flight: list[DeploymentRow] = field(default_factory=list)  # of `deployments`

    @property
    def ref(self) -> Ref:
        return Ref(self.account, Kind.SERVICE, self.row.uid)

    @property
    def place(self) -> Place:
        return Place(self.ref, self.live, decode.is_docker(self.row))

    @property
    def moves(self) -> bool:
        return decode.is_busy(self.row) or bool(self.in_flight)

    def put(self, found: Newest[DeploymentRow], *, now: float, at: datetime) -> None:
        """Take the newest rows as they are now."""
        self._keep(decode.newest_first(found.rows.items))
        self.odd = tuple(found.problems(decode.stack_name(self.row)))
        self.may_lack_newest = found.may_lack_newest
        self.last_page = found.number if found.oldest_first else None
        self.mark = mark(self.row)
        self.read_at = at
        self.error = None
        self.timeline_beat.read(now, MOVING_S if self.moves else FOCUSED_S)
        self.singles = {}

    def put_one(self, row: DeploymentRow, *, now: float) -> None:
        """A deployment that was read on its own: where it is among the newest, it is as it is now."""
        if any(old.id == row.id for old in self.deployments):
            self._keep([row if old.id == row.id else old for old in self.deployments])
        elif not self.deployments or row.id > self.deployments[0].id:
            self._keep([row, *self.deployments])
        self.singles[row.id] = now

    def _keep(self, rows: list[DeploymentRow]) -> None:
        self.deployments = rows
        self.live = decode.live_id(rows)
        self.in_flight = [row for row in rows if decode.under_way(row, self.live)]

    def wants_deployments(self, now: float, *, focused: bool) -> bool:
        if now < self.retry_at:
            return False
        if self.timeline_beat.at is None or self.error is not None or self.mark != mark(self.row):
            return True
        if now < self.hot_until:
            return True
        in_flight = self.in_flight
        age_s = self.timeline_beat.age_s(now) or 0.0
        if (self.odd or self.actions_odd) and age_s >= ODD_S:
            return True
        if in_flight and not decode.is_busy(self.row):
            return True  # the two do not agree: one of them is older
        if focused and in_flight and all(now - self.singles.get(row.id, -MOVING_S) < MOVING_S for row in in_flight):
            return age_s >= GUARD_S  # somebody reads it more often than a picture is made
        if focused:
            return self.timeline_beat.due(now)
        return bool(in_flight) and age_s >= GUARD_S

    def wants_actions(self, now: float) -> bool:
        """Which deployments wait is told by the actions alone."""
        if not decode.is_busy(self.row) and now >= self.hot_until:
            return False
        age_s = self.actions_beat.age_s(now)
        return age_s is None or age_s >= ACTIONS_S or not self.in_flight

    def wants_children(self, now: float) -> bool:
        if self.moves and decode.is_docker(self.row):
            self.children_beat.soon(now, MOVING_S)
        return self.children_beat.due(now) or now < self.hot_until

    def children_every_s(self) -> float:
        if not decode.is_docker(self.row):
            return PROCESSES_S
        return MOVING_S if self.moves else FOCUSED_S


def mark(row: StackRow) -> tuple[object, ...]:
    """What changes in a stack's row when anything happens to it."""
    return (
        row.status,
        row.health,
        row.is_busy,
        row.maintenance_mode,
        row.last_activity_iso or row.last_activity,
        row.updated_at_iso or row.updated_at,
    )
