"""A service's deployments as bars on a time axis: what stands in each column of its lane.

A bar reaches from the deployment's creation to its end; its phases are told by its steps where they are known, else by
when it was created, started and finished, or by when it was seen to have ended. In each column the sign of the state
that a deployment came to stands for it; several that come to it in one column are counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from operator import itemgetter

from msgspec import Struct

from tui.model.action import Verb
from tui.model.entities import Deployment, Ref, Step
from tui.model.moment import microseconds
from tui.model.status import Status
from tui.widgets.format import LOOKS, when
from tui.widgets.line_widget import Span
from tui.widgets.time_axis import Axis


class Part(StrEnum):
    """A stretch of a deployment, and how it is drawn."""

    QUEUE = "░"
    BUILD = "▒"
    DEPLOY = "▓"
    RUN = "━"  # build and deploy, not told apart
    EMPTY = " "
    UNREAD = "╱"


AHEAD = "»"  # its platform's clock is ahead of ours: it stands at now
MANY = "+"  # ten or more

_BUILD_WORDS = ("snapshot", "clone", "fetch", "install", "build", "compile", "test", "lint", "publish", "push", "image")
_DEPLOY_WORDS = ("deploy", "create", "container", "health", "start", "release", "rollout", "migrat", "drain", "verify")
_RANK = {
    Status.FAILED: 5, Status.CRASHED: 5, Status.NEEDS_APPROVAL: 4, Status.UNKNOWN: 3,
    Status.QUEUED: 2, Status.WAITING: 2, Status.BUILDING: 2, Status.DEPLOYING: 2, Status.REMOVING: 2, Status.LIVE: 1,
}  # fmt: skip
_PART_NOW = {Status.BUILDING: Part.BUILD, Status.DEPLOYING: Part.DEPLOY, Status.REMOVING: Part.DEPLOY}


class Bar(Struct, frozen=True):
    """`end_us` None: it goes on. `parts` are the phases with their ends, in order; None: until the bar's own end."""

    deployment: Deployment
    begin_us: int
    end_us: int | None
    parts: tuple[tuple[int | None, Part], ...]

    def until(self, now_us: int) -> int:
        return max(self.begin_us, now_us) if self.end_us is None else self.end_us


class Mark(Struct, frozen=True):
    """An action from here: its letter and what became of it (None: nobody knows, or not yet)."""

    at_us: int
    letter: str
    ok: bool | None
    text: str


class Lane(Struct, frozen=True):
    """`bars` by their begin; `reach` the latest end of the bars up to each; `undated` have no time at all.

    `since_us`: nothing is missing from there on; None: nothing was read.
    """

    bars: tuple[Bar, ...] = ()
    begins: tuple[int, ...] = ()
    reach: tuple[int, ...] = ()
    undated: tuple[Deployment, ...] = ()
    marks: tuple[Mark, ...] = ()
    since_us: int | None = None

    def within(self, begin_us: int, end_us: int) -> Sequence[Bar]:
        """Bars of which a part is in [begin, end)."""
        found = self.bars[bisect_left(self.reach, begin_us) : bisect_left(self.begins, end_us)]
        return [bar for bar in found if bar.end_us is None or bar.end_us >= begin_us]

    def shown(self, axis: Axis, now_us: int) -> Sequence[Bar]:
        """Bars of which a part is in the window; one that is ahead of now counts as now."""
        return self.within(axis.begin_us, _ENDLESS if axis.shows(now_us) else axis.end_us)

    def near(self, at_us: int, width_us: int) -> tuple[Bar | None, Sequence[Bar]]:
        """The bar at an instant, or the nearest one; and all bars of the column that begins there."""
        begin_us = at_us // width_us * width_us
        here = self.within(begin_us, begin_us + width_us)
        return min(here or self.bars, key=lambda bar: _apart(bar, at_us), default=None), here


_ENDLESS = 1 << 62


def _apart(bar: Bar, at_us: int) -> tuple[int, int]:
    begin = abs(bar.begin_us - at_us)
    inside = bar.begin_us <= at_us <= (_ENDLESS if bar.end_us is None else bar.end_us)
    return (0 if inside else min(begin, abs((bar.end_us or bar.begin_us) - at_us)), begin)


def lane(
    deployments: Iterable[Deployment],
    steps: Mapping[Ref, tuple[Step, ...]],
    ended: Mapping[Ref, datetime],
    marks: tuple[Mark, ...],
    since: datetime | None,
) -> Lane:
    """`ended`: when a deployment of which the platform does not tell the end was seen to be over."""
    bars: list[Bar] = []
    undated: list[Deployment] = []
    for deployment in deployments:
        bar = _bar(deployment, steps.get(deployment.ref, ()), ended.get(deployment.ref))
        if bar is None:
            undated.append(deployment)
        else:
            bars.append(bar)
    bars.sort(key=lambda bar: (bar.begin_us, bar.deployment.ref))
    reach: list[int] = []
    for bar in bars:
        end_us = _ENDLESS if bar.end_us is None else bar.end_us
        reach.append(max(end_us, reach[-1]) if reach else end_us)
    since_us = None if since is None else microseconds(since)
    return Lane(tuple(bars), tuple(bar.begin_us for bar in bars), tuple(reach), tuple(undated), marks, since_us)


def _bar(deployment: Deployment, steps: tuple[Step, ...], seen_ended: datetime | None) -> Bar | None:
    begin = when(deployment)
    if begin is None:
        return None
    begin_us = microseconds(begin)
    status = deployment.status
    if status.in_flight or status is Status.NEEDS_APPROVAL:
        end_us = None
    else:
        last = max((step.finished_at for step in steps if step.finished_at), default=None)
        end = deployment.finished_at or last or seen_ended or deployment.started_at or begin
        end_us = max(begin_us, microseconds(end))
    parts = _parts_of_steps(steps) or _parts_of_times(deployment, begin)
    return Bar(deployment, begin_us, end_us, parts)


def _parts_of_steps(steps: tuple[Step, ...]) -> tuple[tuple[int | None, Part], ...]:
    """What is before the first step is waiting; a part ends where the next one begins."""
    parts: list[tuple[int | None, Part]] = []
    part = Part.QUEUE
    for step in steps:
        if step.started_at is None:
            continue
        following = _part(step.name)
        if following is not part:
            parts.append((microseconds(step.started_at), part))
            part = following
    return (*parts, (None, part)) if parts else ()


def _part(step: str) -> Part:
    name = step.casefold()
    if any(word in name for word in _DEPLOY_WORDS):
        return Part.DEPLOY
    return Part.BUILD if any(word in name for word in _BUILD_WORDS) else Part.RUN


def never_started(deployment: Deployment) -> bool:
    """It is over, and its platform, which reports starts, reports none."""
    over = not deployment.status.in_flight and deployment.status is not Status.NEEDS_APPROVAL
    return over and deployment.started_at is None and not deployment.starts_at_creation


def _parts_of_times(deployment: Deployment, begin: datetime) -> tuple[tuple[int | None, Part], ...]:
    status, started = deployment.status, deployment.started_at
    if status in (Status.QUEUED, Status.WAITING, Status.NEEDS_APPROVAL) or never_started(deployment):
        return ((None, Part.QUEUE),)
    part = _PART_NOW.get(status, Part.RUN)
    return ((microseconds(started), Part.QUEUE), (None, part)) if started and started > begin else ((None, part),)


LETTERS: Mapping[str, str] = {
    Verb.DEPLOY: "D", Verb.REDEPLOY: "R", Verb.RESTART: "T", Verb.STOP: "S", Verb.START: "G", Verb.ROLLBACK: "B",
    Verb.CANCEL: "C", Verb.APPROVE: "Y", Verb.REJECT: "N", Verb.REMOVE: "X", Verb.RECORD: "E", Verb.SET_STATUS: "U",
}  # fmt: skip
"""Of an action; the keys of the `a` menu."""


def worst(statuses: Iterable[Status]) -> Status:
    """The one to look at first; at least one is given."""
    return max(statuses, key=lambda status: _RANK.get(status, 0))


class Counts(Struct, frozen=True):
    """What a lane's columns hold: of each the signs that came to stand there."""

    chars: list[str]
    styles: list[str]
    statuses: dict[int, list[Status]]


def counted(number: int) -> str:
    return MANY if number > 9 else str(number)


def cells(lane: Lane, axis: Axis, now_us: int, *, told_until_us: int, grid: Mapping[int, str]) -> Counts:
    """Every column of the window. `told_until_us`: what came later the platform did not tell yet.

    `grid`: what stands in an empty column, by its place.
    """
    columns, width, first = axis.columns, axis.width_us, axis.first
    now_column = now_us // width - first
    chars = [" "] * columns
    styles = [""] * columns
    for column, char in grid.items():
        chars[column], styles[column] = char, "lane-grid"
    unread = columns if lane.since_us is None else min(columns, -((axis.begin_us - lane.since_us) // width))
    untold = range(max(0, told_until_us // width - first + 1), min(columns, now_column + 1))
    for column in (*range(unread), *untold):
        chars[column], styles[column] = Part.UNREAD, "lane-unread"
    signs: dict[int, list[Bar]] = {}
    cut: set[int] = set()  # columns where a bar goes on beyond the window
    for bar in lane.shown(axis, now_us):
        end_us = min(bar.until(now_us), told_until_us) if bar.end_us is None else bar.end_us
        begin = min(bar.begin_us // width - first, now_column)
        end = max(begin, min(end_us // width - first, now_column))
        if end > begin:
            _draw_parts(bar, axis, begin, min(end, columns - 1), chars, styles)
        if end >= 0:
            signs.setdefault(min(end, columns - 1), []).append(bar)
        if end >= columns:
            cut.add(columns - 1)
    for column, bars in signs.items():
        if len(bars) > 1:
            status = worst(bar.deployment.status for bar in bars)
            chars[column] = counted(len(bars))
            styles[column] = "lane-bad" if status.bad else LOOKS[status].style
            continue
        [bar] = bars
        look = LOOKS[bar.deployment.status]
        if bar.begin_us // width - first > now_column:
            chars[column] = AHEAD
        elif column not in cut:
            chars[column] = look.sign
        styles[column] = look.style
    for mark in lane.marks:
        column = axis.column(mark.at_us)
        if 0 <= column < columns and column not in signs:
            chars[column], styles[column] = mark.letter, mark_style(mark.ok)
    return Counts(chars, styles, {column: [b.deployment.status for b in bars] for column, bars in signs.items()})


def _draw_parts(bar: Bar, axis: Axis, begin: int, last: int, chars: list[str], styles: list[str]) -> None:
    style = LOOKS[bar.deployment.status].style
    at = begin
    for until_us, part in bar.parts:
        stop = last if until_us is None else min(axis.column(until_us), last)
        for column in range(max(0, at), stop + 1):
            chars[column], styles[column] = part, style
        at = max(at, stop)


def mark_style(ok: bool | None) -> str:
    return "mark" if ok else "approval" if ok is None else "lane-bad"


def runs(chars: Sequence[str], styles: Sequence[str]) -> list[Span]:
    """Columns side by side as spans: one for those that look alike."""
    return [
        ("".join(map(itemgetter(1), group)), style)
        for style, group in groupby(zip(styles, chars, strict=True), key=itemgetter(0))
    ]
