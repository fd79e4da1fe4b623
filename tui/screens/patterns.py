"""The patterns of a log: what is new since the deployment first, then what became more, then the rest."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import ClassVar

from msgspec import Struct
from textual.binding import Binding, BindingType

from tui.engine.log_patterns import ELSEWHERE, Change, PatternChange
from tui.engine.log_volume import bars
from tui.model.entities import Service
from tui.model.log import Level
from tui.screens.digest_sheet import DigestSheet
from tui.screens.log_pane import LogPane
from tui.widgets.format import count, duration, plural
from tui.widgets.line_table import LineTable
from tui.widgets.line_widget import Span
from tui.widgets.log_text import LEVEL_STYLES

_TAGS = {
    Change.NEW: ("NEW ", "bad"),
    Change.MORE: ("more", "approval"),
    Change.SAME: ("    ", ""),
    Change.GONE: ("gone", "dim"),
    Change.UNKNOWN: ("    ", ""),
}


class Place(Struct, frozen=True):
    """A line to go to, ELSEWHERE if it is not in this log; with `filter` a filter to set."""

    number: int
    filter: str = ""


class Patterns(LineTable[PatternChange]):
    starts_at_top: ClassVar[bool] = True

    def key(self, item: PatternChange) -> Hashable | None:
        return id(item.pattern)

    def row(self, item: PatternChange, width: int) -> tuple[list[Span], str]:
        pattern = item.pattern
        tag, style = _TAGS[item.kind]
        level = LEVEL_STYLES[pattern.level]
        spans: list[Span] = [
            (f" {tag} ", style if pattern.level >= Level.WARN or item.kind is not Change.NEW else "approval"),
            (f"{pattern.level.letter} ", level or "dim"),
            (f"{count(pattern.count):>8} ", "strong"),
        ]
        if width >= 90:
            spans.append((f"{item.before:>6,} -> {item.after:<6,} ", "dim"))
            spans.append((f"{bars(pattern.spark(12), 12):<12} ", "live"))
        return [*spans, (pattern.text, level if pattern.level >= Level.ERROR else "")], ""


class PatternsSheet(DigestSheet[Place]):
    """Returns the line of the pattern taken."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ampersand,F", "filter", show=False)]
    what = "Patterns"
    reads: ClassVar[Mapping[str, bool]] = {"patterns": True}
    nothing = "no lines yet"
    foot = "enter its first line · & only its lines · esc back"

    def __init__(self, logs: LogPane, service: Service | None) -> None:
        super().__init__(logs, service)
        self.table = Patterns(id="patterns")

    def told(self) -> tuple[str, str, Sequence[PatternChange]]:
        digest, boundary = self.digest, self.logs.boundary(self.service)
        scan = digest.patterns
        book = scan.book
        changes: Sequence[PatternChange]
        if boundary is None:
            changes = [PatternChange(Change.UNKNOWN, each, 0, 0) for each in book.patterns()]
            told = "no deployment is known to compare with"
        else:
            since = digest.since(boundary)
            changes = since.changes
            told = f"since {boundary.label}: {since.words()}"
            if since.known_before:
                told += f"; against {plural(since.known_before, 'line')} of {duration(since.known_before_s)} before it"
            elif self.logs.before is not None:
                told = f"since {boundary.label}: reading the log of the deployment before …"
        reading = f"; reading, {plural(scan.left, 'line')} to go" if scan.left else ""
        return f"{plural(len(book), 'pattern')}, {told}{reading}", "", changes

    def action_take(self) -> None:
        if (item := self.table.current()) is not None:
            self.dismiss(Place(_number(item)))

    def action_filter(self) -> None:
        if (item := self.table.current()) is not None:
            self.dismiss(Place(_number(item), _as_filter(item.pattern.text)))


def _number(change: PatternChange) -> int:
    """Where it began, of what is new; else where it was last."""
    pattern = change.pattern
    return pattern.first_number if pattern.first_number != ELSEWHERE else pattern.last_number


def _as_filter(pattern: str) -> str:
    """Its words that stand still, each exactly."""
    words = [part.strip() for part in pattern.replace("…", "<*>").split("<*>")]
    return " ".join(f'"{word}"' for word in words if word and '"' not in word)
