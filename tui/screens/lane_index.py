"""What the timeline of everything shows, from the engine: lanes that are made anew only where something changed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

from tui.engine.audit import ActionPhase, AuditEntry
from tui.model.entities import Deployment, Ref, Service, Step
from tui.model.moment import microseconds
from tui.model.status import Status
from tui.model.text import plain
from tui.screens.words import is_old
from tui.widgets.format import LOOKS, service_state, when
from tui.widgets.lane_cells import LETTERS, Bar, Mark, lane
from tui.widgets.lanes import LaneRow, Row
from tui.widgets.service_list import Heading, Trouble, with_headings
from tui.widgets.time_axis import Axis

if TYPE_CHECKING:
    from tui.engine.engine import Engine

_NO_STEPS: Mapping[Ref, tuple[Step, ...]] = {}


Place = tuple[int, int]
"""An instant, and a lane's number among those found."""


class LaneIndex:
    """`rows` are the lanes whose path has all `words` and that `keep` keeps, below their headings."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.words: tuple[str, ...] = ()
        self.keep: Callable[[LaneRow], bool] | None = None
        self.rows: tuple[Row, ...] = ()
        self.lanes: tuple[LaneRow, ...] = ()  # of all services
        self.found: tuple[LaneRow, ...] = ()  # of those that have the words
        self._rows_of: dict[Ref, tuple[tuple[object, ...], LaneRow]] = {}
        self._in_flight: set[Ref] = set()
        self._ended: dict[Ref, datetime] = {}
        self._marks: dict[str, tuple[Mark, ...]] = {}
        self._audit_stamp = (0, 0)
        self._begins: list[int] = []
        self._bad: list[int] = []
        self._placed: list[Row] = []
        self._stale: frozenset[Ref] = frozenset()

    def update(self, now: datetime) -> bool:
        """Reads what changed. Whether any lane did."""
        store = self._engine.store
        self._read_audit()
        old_accounts = {name for name, account in store.accounts.items() if is_old(account, now)}
        services = store.services()
        stale = frozenset(each.ref for each in services if each.account in old_accounts or store.is_old(each))
        lanes = tuple(self._row(service, now, old=service.ref in stale) for service in services)
        same = len(lanes) == len(self.lanes) and all(map(_is, lanes, self.lanes)) and stale == self._stale
        self.lanes, self._stale = lanes, stale
        if not same:
            self._rows_of = {row.service: self._rows_of[row.service] for row in lanes}
            self.sift()
        return not same

    def sift(self) -> None:
        """The rows anew: `words` or lanes changed."""
        self.found = tuple(row for row in self.lanes if all(word in row.path.casefold() for word in self.words))
        self._begins = sorted(begin for row in self.found for begin in row.lane.begins)
        self._bad = sorted(bar.begin_us for row in self.found for bar in row.lane.bars if bar.deployment.status.bad)
        found = {row.service: row for row in self.found}
        services = [each for each in self._engine.store.services() if each.ref in found]
        production = {each.ref: self._engine.actions.is_production(each) for each in services}
        placed = with_headings(services, production=production, stale=self._stale)
        self._placed = [
            found[each.ref] if isinstance(each, Service) else each for each in placed if not isinstance(each, Trouble)
        ]
        self.choose()

    def choose(self) -> None:
        """The rows anew: what `keep` keeps has changed."""
        rows: list[Row] = []
        heading: Heading | None = None
        for each in self._placed:
            if isinstance(each, Heading):
                heading = each
            elif self.keep is None or self.keep(each):
                if heading is not None:
                    rows.append(heading)
                    heading = None
                rows.append(each)
        self.rows = tuple(rows)

    # What is over all lanes

    def begun(self, axis: Axis) -> tuple[list[int], dict[int, int]]:
        """How many deployments began in each column of the window; of each where some failed, how many did."""
        edges = [bisect_left(self._begins, axis.begin_of(column)) for column in range(axis.columns + 1)]
        failed: dict[int, int] = {}
        for at_us in self._bad[bisect_left(self._bad, axis.begin_us) : bisect_left(self._bad, axis.end_us)]:
            column = axis.column(at_us)
            failed[column] = failed.get(column, 0) + 1
        return [after - before for before, after in pairwise(edges)], failed

    def marks(self, axis: Axis) -> dict[int, list[Mark]]:
        """What was done from here, by column."""
        found: dict[int, list[Mark]] = {}
        for marks in self._marks.values():
            for mark in marks:
                if axis.shows(mark.at_us):
                    found.setdefault(axis.column(mark.at_us), []).append(mark)
        return found

    def beside(self, place: Place, step: int, *, bad: bool = False) -> tuple[LaneRow, Bar] | None:
        """The deployment next in time, in any lane that has the words. At one instant the lanes come in their order."""
        best: tuple[int, int] | None = None
        found: tuple[LaneRow, Bar] | None = None
        for number, row in enumerate(self.found):
            begins = row.lane.begins
            here = (place[0], number)
            if step > 0:
                at = bisect_right(begins, place[0]) if here <= place else bisect_left(begins, place[0])
                candidates: Iterable[int] = range(at, len(begins))
            else:
                at = bisect_left(begins, place[0]) if here >= place else bisect_right(begins, place[0])
                candidates = range(at - 1, -1, -1)
            for index in candidates:
                bar = row.lane.bars[index]
                if bad and not bar.deployment.status.bad:
                    continue
                key = (bar.begin_us, number)
                if best is None or (key < best if step > 0 else key > best):
                    best, found = key, (row, bar)
                break
        return found

    @property
    def oldest_us(self) -> int | None:
        return self._begins[0] if self._begins else None

    @property
    def deployments(self) -> int:
        return len(self._begins)

    # One lane

    def _row(self, service: Service, now: datetime, *, old: bool) -> LaneRow:
        store, past, ref = self._engine.store, self._engine.history, service.ref
        deployments = past.deployments(ref)
        timeline = store.timeline(ref)
        steps = timeline.steps if timeline else _NO_STEPS
        marks = self._marks.get(service.path, ())
        since = past.since(ref)
        account = store.accounts[service.account]
        told_until = _EVER  # a fresh picture holds until now, an old one until it was read
        if old and account.snapshot is not None:
            told_until = microseconds(service.observed_at or account.snapshot.observed_at)
        odd = past.odd(ref) or (timeline.problems if timeline else ())
        problem = ref in past.problems or bool(odd) or bool(timeline and timeline.error)
        made_of = (deployments, steps, marks, since, told_until, service, problem)
        kept = self._rows_of.get(ref)
        if kept is not None and all(map(_is_same, kept[0], made_of)):
            return kept[1]
        for each in deployments:
            self._watch_end(each, now)
        newest = when(service.latest) if service.latest else None
        if newest is not None and not account.from_cache:
            since = newest if since is None else min(since, newest)  # the picture tells that nothing is newer
        look = LOOKS[service_state(service)[0]]
        made = lane(deployments, steps, self._ended, marks, since)
        row = LaneRow(ref, service.name, service.path, look.sign, look.style, made, told_until, problem)
        self._rows_of[ref] = (made_of, row)
        return row

    def _watch_end(self, deployment: Deployment, now: datetime) -> None:
        """Some platforms do not tell when a deployment was over: then it is when it was seen to be."""
        ref = deployment.ref
        if deployment.status.in_flight:
            self._in_flight.add(ref)
        elif ref in self._in_flight:
            self._in_flight.discard(ref)
            if deployment.finished_at is None and deployment.status is not Status.UNKNOWN:
                self._ended[ref] = now

    # What was done from here

    def _read_audit(self) -> None:
        stamp = self._engine.audit.stamp
        if stamp == self._audit_stamp:
            return
        self._audit_stamp = stamp
        intents: dict[str, list[AuditEntry]] = {}
        for entry in self._engine.audit.read():
            intents.setdefault(entry.id, []).append(entry)
        by_path: dict[str, list[Mark]] = {}
        for entries in intents.values():
            by_path.setdefault(entries[0].target, []).append(_mark(entries))
        self._marks = {path: tuple(sorted(marks, key=lambda each: each.at_us)) for path, marks in by_path.items()}


_EVER = 1 << 62
_BAD_ENDS = ("failed", "crashed", "unknown")


def _mark(entries: Sequence[AuditEntry]) -> Mark:
    """One action: asked for when its first line says, come to what its last one does."""
    first, last = entries[0], entries[-1]
    if last.phase is ActionPhase.FINAL:
        ok: bool | None = last.status not in _BAD_ENDS
    else:
        ok = False if last.phase is ActionPhase.REFUSED else None
    told = last.message or last.status or str(last.phase)
    words = f"{first.verb} {first.target} by {first.user}: {told}" + (f" ({first.reason})" if first.reason else "")
    return Mark(microseconds(first.at), LETTERS.get(first.verb, "?"), ok, plain(words))


def _is(one: object, other: object) -> bool:
    return one is other


def _is_same(one: object, other: object) -> bool:
    return one is other or one == other
