"""The strip above the panes: what wants a person, the worst first, each with its reason and since when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tui.engine.attention import Alert, Trouble
from tui.widgets.bars import side_by_side
from tui.widgets.format import age, fit
from tui.widgets.line_widget import LineWidget, Span

_LOOKS = {
    Trouble.CRASHED: ("✗ C", "bad"),
    Trouble.FAILED: ("✗ F", "bad"),
    Trouble.WORSE: ("▼ W", "bad"),
    Trouble.NOT_DEPLOYED: ("✗ F", "alert"),
    Trouble.APPROVAL: ("? A", "approval"),
}
_STEADY_S = 10.0  # a line that is needed no more stays empty for so long: each change of height moves every pane


def lines_at_most(rows: int) -> int:
    """Of a screen of so many rows."""
    return 1 if rows < 20 else 2 if rows < 30 else 3 if rows < 45 else 5


class AttentionStrip(LineWidget):
    """As high as it has alerts to show, `most` at most; hidden without any."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._alerts: Sequence[Alert] = ()
        self._now: datetime | None = None
        self._height = 0
        self._full_at = 0.0  # when all lines were needed

    def show(self, alerts: Sequence[Alert], now: datetime, *, most: int, at_s: float, soon: bool = False) -> None:
        """`at_s` is monotonic. `soon`: a key took an alert away, so the line goes with it."""
        self._alerts, self._now = alerts, now
        wanted = min(most, len(alerts))
        if wanted >= self._height or self._height > most:
            self._full_at = at_s
        elif not soon and at_s - self._full_at < _STEADY_S:
            wanted = self._height
        if wanted != self._height:
            self._height, self._full_at = wanted, at_s
            self.styles.height = wanted
            self.display = wanted > 0
        self.redraw_changed()

    def spans(self, y: int) -> tuple[list[Span], str]:
        if y >= min(len(self._alerts), self._height) or self._now is None:
            return [], ""
        alert = self._alerts[y]
        width = self.size.width
        sign, style = _LOOKS[alert.trouble]
        path = alert.path if width >= 120 else alert.path.partition("/")[2]
        left: list[Span] = [
            (f" {sign} ", style),
            (fit(path, min(max(16, width // 3), _longest(self._alerts, width))) + " ", "strong"),
            (alert.reason, ""),
        ]
        right: list[Span] = [(f" {age(alert.since, self._now):>4} ", "dim")]
        if (more := len(self._alerts) - self._height) > 0 and y == self._height - 1:
            right.append((f"and {more} more: e goes through them " if width >= 120 else f"+{more} more: e ", "alert"))
        return side_by_side(left, right, width), ""


def _longest(alerts: Sequence[Alert], width: int) -> int:
    return max(len(each.path if width >= 120 else each.path.partition("/")[2]) for each in alerts)
