"""The timeline of everything: a lane a service, time from left to right; and the scale above the lanes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime
from itertools import accumulate

from msgspec import Struct
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from tui.model.entities import Ref
from tui.model.moment import microseconds
from tui.widgets.format import fit
from tui.widgets.lane_cells import Counts, Lane, cells, counted, mark_style, runs
from tui.widgets.line_table import LineTable, Moved
from tui.widgets.line_widget import LineWidget, Span, SpanRows
from tui.widgets.service_list import Heading, heading
from tui.widgets.time_axis import Axis, Tick, scale, ticks


class LaneRow(Struct, frozen=True):
    """`sign` and `style` tell the service's state; `told_until_us`: how new its picture is; `problem`: its past could
    not be read."""

    service: Ref
    name: str
    path: str
    sign: str
    style: str
    lane: Lane
    told_until_us: int
    problem: bool = False


Row = Heading | LaneRow


class _Drawn(Struct, eq=False):
    """A lane in a window: its columns by their looks, where each span begins, and the segments made of them."""

    spans: list[Span]
    begins: list[int]
    segments: list[Segment]


class Pointed(Message):
    """A column was clicked."""

    def __init__(self, column: int) -> None:
        super().__init__()
        self.column = column


def name_width(width: int, rows: Sequence[Row]) -> int:
    """Cells for the names, left of the lanes: what the longest takes, at most a fifth of a wide screen."""
    names = (cell_len(row.name) + 4 + _undated_cells(row) for row in rows if isinstance(row, LaneRow))
    longest = max(names, default=12)
    return max(min(longest, max(width // 5, 14)), min(12, width // 2))


def _undated_cells(row: LaneRow) -> int:
    return len(f" +{len(row.lane.undated)} undated") if row.lane.undated else 0


class _OverTime(LineWidget):
    def look(self, name: str, base: str = "") -> Style:
        """An "@" before a name: in the column of the cursor's instant; "@@": in the lane of the cursor, too."""
        if name == "@@":
            return super().look("", "cursor")
        return super().look(name[1:], "lane-cursor") if name.startswith("@") else super().look(name, base)


class Lanes(_OverTime, LineTable[Row], can_focus=True):
    """`axis` and `at_us`, the cursor's instant, are set by the screen; the cursor of the table is the lane."""

    starts_at_top = True

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.axis = Axis.until(0, 0, 1)
        self.at_us = 0
        self.now_us = 0
        self.names = 12
        self.marks: list[Tick] = []
        self.grid: dict[int, str] = {}
        self._cells: dict[Ref, tuple[tuple[object, ...], _Drawn]] = {}

    def look_at(self, axis: Axis, at_us: int, now: datetime) -> None:
        """Another window, or another instant in it. What differs is drawn by `redraw_changed`."""
        self.now, self.now_us, self.at_us = now, microseconds(now), at_us
        if axis != self.axis:
            self.axis = axis
            self.marks = ticks(axis)
            self.grid = {mark.column: "╎" if mark.day else "┊" for mark in self.marks}
            self._cells.clear()

    @property
    def room(self) -> int:
        """Columns there are for time."""
        return max(1, self.size.width - self.names)

    # What a row is

    def key(self, item: Row) -> Hashable | None:
        return item.service if isinstance(item, LaneRow) else None

    def spans(self, y: int) -> tuple[list[Span], str]:
        item = self._item(y)
        if item is None:
            return super().spans(y)
        column = self.axis.column(self.at_us)
        if isinstance(item, Heading):
            told = heading(item)
            taken = sum(cell_len(text) for text, _ in told)
            place = self.names + column
            if place >= taken and column >= 0:
                told += [(" " * (place - taken), ""), ("│", "@")]
            return told, ""
        chosen = item.service == self.selected
        lane = with_cursor(self._lane(item).spans, column, "@@" if chosen else "@")
        return [*self._named(item, chosen), *lane], "cursor-blurred" if chosen else ""

    def _item(self, y: int) -> Row | None:
        index = self.top + y
        return self.items[index] if 0 <= index < len(self.items) else None

    def render_line(self, y: int) -> Strip:
        """A lane's segments are kept, so that another cursor or another lane above it costs little."""
        item = self._item(y)
        if not isinstance(item, LaneRow) or item.service == self.selected:
            strip = super().render_line(y)
            self._drawn[y] = self._signature(y)
            return strip
        self._drawn[y] = self._signature(y)
        drawn = self._lane(item)
        segments = drawn.segments
        if not segments:
            segments += [Segment(text, self.look(name)) for text, name in drawn.spans]
        name = super().strip(self._named(item, False), self.names)
        column = self.axis.column(self.at_us)
        if not 0 <= column < self.axis.columns:
            return Strip([*name, *segments], self.names + self.axis.columns)
        number = bisect_right(drawn.begins, column) - 1
        shown = with_cursor(drawn.spans[number : number + 1], column - drawn.begins[number], "@")
        own = [Segment(text, self.look(style)) for text, style in shown]
        parts = [*name, *segments[:number], *own, *segments[number + 1 :]]
        return Strip(parts, self.names + self.axis.columns)

    def redraw_changed(self) -> bool:
        """Where only the cursor's instant is another one, two columns are drawn, not the lines."""
        width, moved, changed = self.size.width, set[int](), False
        for y in range(self.size.height):
            before, after = self._drawn.get(y), self._signature(y)
            if before is None or before[:-1] != after[:-1]:
                self.refresh(Region(0, y, width, 1))
                changed = True
            elif before != after:
                moved |= {before[-1], after[-1]}  # type: ignore[arg-type] # columns
        for column in moved:
            if 0 <= column < width - self.names:
                self.refresh(Region(self.names + column, 0, 1, self.size.height))
        return changed or bool(moved)

    def _signature(self, y: int) -> tuple[object, ...]:
        """What the looks of a line follow from; the cursor's column is the last of it."""
        item = self._item(y)
        width, column = self.size.width, self.axis.column(self.at_us)
        if item is None:
            return (width, *super().spans(y), None)
        if isinstance(item, Heading):
            return width, item, self.names, column
        return width, item, self.names, item.service == self.selected, self._lane(item), column

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._cells.clear()

    def _named(self, item: LaneRow, chosen: bool) -> list[Span]:
        width = self.names
        undated = len(item.lane.undated)
        told = f" +{undated} undated" if undated else ""
        if told and width - 4 - len(told) < min(cell_len(item.name), 8):
            told = f" +{undated}?"
        sign, style = ("!", "alert") if item.problem else (item.sign, item.style)
        name_style = "@@" if chosen else ""
        return [
            ("▌" if chosen else " ", "@@" if chosen else ""),
            (f"{sign} ", style),
            (fit(item.name, max(1, width - 4 - len(told))), name_style),
            (told, "alert"),
            (" ", ""),
        ]

    def _lane(self, item: LaneRow) -> _Drawn:
        now_column = self.axis.column(self.now_us)
        key = (item.lane, now_column, self.axis.column(item.told_until_us))
        kept = self._cells.get(item.service)
        if kept is not None and kept[0][0] is key[0] and kept[0][1:] == key[1:]:
            return kept[1]
        drawn = self.counts(item)
        spans = runs(drawn.chars, drawn.styles)
        begins = [0, *accumulate(len(text) for text, _ in spans)][:-1]
        made = _Drawn(spans, begins, [])
        self._cells[item.service] = (key, made)
        return made

    def counts(self, item: LaneRow) -> Counts:
        return cells(item.lane, self.axis, self.now_us, told_until_us=item.told_until_us, grid=self.grid)

    def on_click(self, event: events.Click) -> None:
        super().on_click(event)
        if event.x >= self.names:
            self.post_message(Pointed(event.x - self.names))


def with_cursor(spans: Sequence[Span], column: int, style: str) -> list[Span]:
    """The spans with one column told apart; one that is empty shows a line. A `style` "@" keeps the column's own."""
    if column < 0:
        return list(spans)
    found: list[Span] = []
    left = column
    for text, name in spans:
        if 0 <= left < len(text):
            char = text[left]
            shown = "│" if char in " ┊╎" else char
            own = f"@{'' if name == 'lane-grid' else name}" if style == "@" else style
            found += [part for part in ((text[:left], name), (shown, own), (text[left + 1 :], name)) if part[0]]
        else:
            found.append((text, name))
        left -= len(text)
    return found


class TimeScale(_OverTime, SpanRows):
    """Times above the lanes; below them, where there is room, how many deployments of all lanes began in each column,
    and what was done from here."""


def times_row(lanes: Lanes, day: str) -> list[Span]:
    axis = lanes.axis
    ends_now = axis.shows(lanes.now_us)
    text = scale(axis, lanes.marks, ends_now=ends_now, day=day)
    return [(" " * lanes.names, ""), (text, "dim")]


def totals_row(lanes: Lanes, begun: Sequence[int], bad: Mapping[int, int]) -> list[Span]:
    """How many began in each column, over all lanes; where one of them failed, that is told apart."""
    chars = [counted(number) if number else "·" for number in begun]
    styles = ["lane-bad" if bad.get(column) else "" if number else "dim" for column, number in enumerate(begun)]
    return [
        (fit(" all", lanes.names), "dim"),
        *with_cursor(runs(chars, styles), lanes.axis.column(lanes.at_us), "lane-now"),
    ]


def marks_row(lanes: Lanes, marks: Mapping[int, tuple[str, bool | None]]) -> list[Span]:
    """What was done from here: the letter, or how many, in each column."""
    chars, styles = [" "] * lanes.axis.columns, [""] * lanes.axis.columns
    for column, (letter, ok) in marks.items():
        chars[column], styles[column] = letter, mark_style(ok)
    return [
        (fit(" from here", lanes.names), "dim"),
        *with_cursor(runs(chars, styles), lanes.axis.column(lanes.at_us), "@"),
    ]


__all__ = ["Heading", "LaneRow", "Lanes", "Moved", "Pointed", "TimeScale", "marks_row", "times_row", "totals_row"]
