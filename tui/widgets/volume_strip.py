"""How much was logged when: a row of bars, red and yellow where errors and warnings are, and a row of times."""

from __future__ import annotations

from datetime import timedelta

from tui.engine.log_volume import Volume, bars
from tui.model.moment import from_microseconds
from tui.widgets.line_widget import LineWidget, Span


class VolumeStrip(LineWidget):
    """`cursor_us`: the time that is looked at; its bar is told apart."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[list[Span]] = [[], []]

    @property
    def buckets(self) -> int:
        """For how many there is room."""
        return max(10, self.size.width - 2)

    def show(self, volume: Volume, cursor_us: int | None) -> None:
        total = volume.total
        if not total:
            self._rows = [[(" no times yet", "dim")], []]
        else:
            self._rows = [_bars(volume, cursor_us), _scale(volume)]
        self.redraw_changed()

    def spans(self, y: int) -> tuple[list[Span], str]:
        return (self._rows[y] if y < len(self._rows) else []), ""


def _bars(volume: Volume, cursor_us: int | None) -> list[Span]:
    total = volume.total
    at = None if cursor_us is None else (cursor_us - volume.start_us) // volume.width_us
    spans: list[Span] = [(" ", "")]
    for place, (cell, warn, error) in enumerate(zip(bars(total, len(total)), volume.warn, volume.error, strict=True)):
        name = "match" if place == at else "level-error" if error else "level-warn" if warn else "live"
        if spans[-1][1] == name:
            spans[-1] = (spans[-1][0] + cell, name)
        else:
            spans.append((cell, name))
    return spans


def _scale(volume: Volume) -> list[Span]:
    """Begin and end of the bars, what one is, and the biggest."""
    width = len(volume.total)
    ends = [from_microseconds(volume.start_us + place * volume.width_us) for place in (0, width)]
    day = "%d %b " if ends[1] - ends[0] > timedelta(hours=20) else ""
    first, last = (f"{at.astimezone():{day}%H:%M:%S}" for at in ends)
    told = f"{volume.width_words} a bar, most {max(volume.total):,}; errors {sum(volume.error):,}"
    room = max(1, width - len(first) - len(last))
    return [(f" {first}{told.center(room)}{last}" if len(told) <= room - 2 else f" {first} {told}", "dim")]
