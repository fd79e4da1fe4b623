"""The one-line bars: who is fresh, what the log does, what just happened, which keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len

from tui.engine.budget import BudgetView
from tui.engine.store import AccountState, Phase
from tui.model.entities import Service
from tui.model.status import Status
from tui.widgets.format import age, duration
from tui.widgets.line_widget import LineWidget, Span


class Bar(LineWidget):
    """One line: what is on the left is cut first, what is on the right always stays."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.left: list[Span] = []
        self.right: list[Span] = []
        self.base = ""

    def show(self, left: list[Span], right: list[Span] | None = None, base: str = "") -> None:
        self.left, self.right, self.base = left, right or [], base
        self.redraw_changed()

    def spans(self, y: int) -> tuple[list[Span], str]:
        return side_by_side(self.left, self.right, self.size.width), self.base


def side_by_side(left: Sequence[Span], right: Sequence[Span], width: int) -> list[Span]:
    """In `width` cells: what is on the left is cut first."""
    room = max(0, width - _width(right))
    end = "… " if right and not right[0][0].startswith(" ") else "…"
    shown: list[Span] = []
    for text, style in left:
        cells = cell_len(text)
        if cells > room:
            if room > len(end):
                cut = text[: room - len(end)]
                shown.append((cut + end, style))
                room -= cell_len(cut) + len(end)
            break
        shown.append((text, style))
        room -= cells
    shown.append((" " * max(0, room), ""))
    return [*shown, *right]


def _width(spans: Sequence[Span]) -> int:
    return sum(cell_len(text) for text, _ in spans)


def freshness(state: AccountState, budget: BudgetView, now: datetime) -> list[Span]:
    """One account: its sign and name; how old its picture is, or what is wrong; its budget.

    While it is fresh the words do not change from poll to poll, so that a quiet screen is not redrawn.
    """
    phase = state.phase(now)
    old = age(state.snapshot.observed_at, now) if state.snapshot else ""
    partial = state.snapshot is not None and not state.snapshot.is_complete
    name = state.name
    spans: list[Span]
    match phase:
        case Phase.LOADING:
            spans = [("◌ ", "waiting"), (name, ""), (" loading", "dim")]
        case Phase.FRESH:
            sign = ("●◐ ", "alert") if partial else ("● ", "live")
            spans = [sign, (name, ""), (f" <{duration(_bound(state))}", "dim")]
        case Phase.STALE:
            word = "last session's" if state.from_cache else "STALE"
            spans = [("◐ ", "alert"), (name, ""), (f" {word} {old}", "alert")]
        case Phase.FAILED:
            spans = [("✗ ", "bad"), (name, ""), (" failed", "bad")]
    in_part = [(" in part", "alert")] if partial else []
    return [*spans, *in_part, *_budget(budget, now)]


def _bound(state: AccountState) -> float:
    """The picture is at most this old while its account is fresh, in steps, so that the figure stands still."""
    for step in (10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 900, 1800):
        if state.poll_s * 1.1 <= step:
            return step
    return 3600


def _budget(budget: BudgetView, now: datetime) -> list[Span]:
    if budget.retry_at and budget.retry_at > now:
        return [(f" rate limited, {duration((budget.retry_at - now).total_seconds() // 10 * 10 + 10)}", "alert")]
    if budget.limit and budget.remaining is not None:
        share = round(20 * budget.remaining / budget.limit) * 5
        return [(f" budget {share}%", "alert" if share <= 10 else "dim")]
    return []


def tally(services: Sequence[Service], acknowledged: int = 0, caveat: str = "") -> list[Span]:
    """How many want attention, by name while there are few, and nobody knows of them.

    `caveat` says why there may be more than was read. It goes before the calm words, which a narrow bar cuts.
    """
    more = "+" if caveat else ""
    unknown = [s.name for s in services if s.state is Status.UNKNOWN]
    bad = [s.name for s in services if (state := s.trouble) is not None and state is not Status.NEEDS_APPROVAL]
    asking = [s.name for s in services if s.trouble is Status.NEEDS_APPROVAL]
    spans: list[Span] = []
    if bad:
        spans += [(f"✗ {len(bad)}{more} failing ", "bad"), (_named(bad, 0 if acknowledged else 4), "strong")]
    if asking:
        spans += [(f"? {len(asking)}{more} to approve ", "approval"), (_named(asking, 0 if acknowledged else 2), "")]
    if acknowledged:
        spans.append((f"{acknowledged} acknowledged  ", "dim"))
    if unknown:
        spans += [(f"? {len(unknown)} unknown ", "approval"), (_named(unknown, 0 if spans else 2), "")]
    if spans or not services:
        return spans
    if caveat:
        return [(f"◐ {caveat} ", "alert"), ("· nothing failing in what was read  ", "dim")]
    return [("✓ nothing failing  ", "live")]


def _named(names: Sequence[str], most: int) -> str:
    return f"{', '.join(names[:most])}{' …' if len(names) > most > 0 else ''}{'  ' if most else ' '}"
