"""A stretch of time on a row of columns: which instant is where, zoom, pan, and the marks of its scale.

Columns stand at multiples of their own width since the epoch: while time goes on or the window is moved, what is in a
column stays together. Instants are microseconds since the epoch.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Self

from msgspec import Struct
from msgspec.structs import replace

from tui.model.moment import from_microseconds, microseconds

SECOND_US = 1_000_000
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
ZOOMS = tuple(
    each * SECOND_US
    for each in (
        15 * _MINUTE_S, 30 * _MINUTE_S, _HOUR_S, 3 * _HOUR_S, 6 * _HOUR_S, 12 * _HOUR_S,
        _DAY_S, 3 * _DAY_S, 7 * _DAY_S, 14 * _DAY_S, 30 * _DAY_S,
    )
)  # fmt: skip
"""Spans of the window, shortest first."""
USUAL_ZOOM = 4

_STEPS_S = (
    15, 30, _MINUTE_S, 2 * _MINUTE_S, 5 * _MINUTE_S, 10 * _MINUTE_S, 15 * _MINUTE_S, 30 * _MINUTE_S,
    _HOUR_S, 2 * _HOUR_S, 3 * _HOUR_S, 6 * _HOUR_S, 12 * _HOUR_S, _DAY_S, 2 * _DAY_S, 7 * _DAY_S, 14 * _DAY_S,
)  # fmt: skip
_APART = 9  # columns between two marks, at least: a time and a space


def zoom_words(zoom: int) -> str:
    """'15m', '6h', '30d'."""
    seconds = ZOOMS[zoom] // SECOND_US
    if seconds < _HOUR_S:
        return f"{seconds // _MINUTE_S}m"
    return f"{seconds // _HOUR_S}h" if seconds <= _DAY_S else f"{seconds // _DAY_S}d"


class Axis(Struct, frozen=True):
    """`first` is the number, since the epoch, of the leftmost of `columns` columns, each `width_us` wide."""

    zoom: int
    first: int
    columns: int

    @classmethod
    def until(cls, now_us: int, zoom: int, columns: int) -> Self:
        """The window whose last column holds `now_us`."""
        columns = max(1, columns)
        return cls(zoom, now_us // _width_us(zoom, columns) - columns + 1, columns)

    @property
    def width_us(self) -> int:
        return _width_us(self.zoom, self.columns)

    @property
    def begin_us(self) -> int:
        return self.first * self.width_us

    @property
    def end_us(self) -> int:
        """Exclusive."""
        return (self.first + self.columns) * self.width_us

    def column(self, at_us: int) -> int:
        """Of an instant; below 0 or from `columns` on it is outside."""
        return at_us // self.width_us - self.first

    def begin_of(self, column: int) -> int:
        return (self.first + column) * self.width_us

    def shows(self, at_us: int) -> bool:
        return self.begin_us <= at_us < self.end_us

    def panned(self, columns: int, now_us: int) -> Self:
        """Moved by so many columns; never beyond now."""
        return replace(self, first=min(self.first + columns, self._newest(now_us)))

    def zoomed(self, zoom: int, at_us: int, now_us: int) -> Self:
        """Another span; the instant stays in its column as far as nothing beyond now comes into view."""
        kept = min(max(self.column(at_us), 0), self.columns - 1)
        found = replace(self, zoom=min(max(zoom, 0), len(ZOOMS) - 1), first=0)
        return replace(found, first=min(at_us // found.width_us - kept, found._newest(now_us)))

    def resized(self, columns: int, at_us: int, now_us: int) -> Self:
        """As wide as the screen now is; the instant keeps its share of the way to the right edge."""
        columns = max(1, columns)
        if columns == self.columns:
            return self
        from_right = (self.columns - 1 - self.column(at_us)) * columns // self.columns
        found = replace(self, columns=columns, first=0)
        first = at_us // found.width_us - (columns - 1 - from_right)
        return replace(found, first=min(first, found._newest(now_us))).towards(at_us, now_us)

    def towards(self, at_us: int, now_us: int) -> Self:
        """The window as it is while it shows the instant, else with the instant in its middle."""
        if self.shows(at_us):
            return self
        return replace(self, first=min(at_us // self.width_us - self.columns // 2, self._newest(now_us)))

    def _newest(self, now_us: int) -> int:
        return now_us // self.width_us - self.columns + 1


def _width_us(zoom: int, columns: int) -> int:
    return -(-ZOOMS[zoom] // columns)


class Tick(Struct, frozen=True):
    """A mark of the scale: its column, its words, and whether a day begins there."""

    column: int
    text: str
    day: bool


def ticks(axis: Axis, zone: tzinfo | None = None) -> list[Tick]:
    """At round times of the reader's day, at most one in nine columns, left to right. `zone` None: the machine's."""
    step_s = next((s for s in _STEPS_S if s * SECOND_US >= axis.width_us * _APART), _STEPS_S[-1])
    local = from_microseconds(axis.begin_us).astimezone(zone).replace(tzinfo=None)
    days = max(1, step_s // _DAY_S)
    midnight = datetime(local.year, local.month, local.day)  # noqa: DTZ001 - the reader's wall clock
    midnight -= timedelta(days=midnight.toordinal() % days)
    step = timedelta(seconds=step_s)
    at = midnight + (local - midnight) // step * step
    found: list[Tick] = []
    day: date | None = None
    while (us := microseconds(_instant(at, zone))) < axis.end_us:
        shown = from_microseconds(us).astimezone(zone)
        column = axis.column(us)
        if column >= 0 and (not found or column >= found[-1].column + _APART // 2):
            new_day = day is not None and shown.date() != day and step_s < _DAY_S
            text = f"{shown:%a %d %b}" if new_day or step_s >= _DAY_S else f"{shown:%H:%M}"
            if step_s < _MINUTE_S:
                text = f"{shown:%H:%M:%S}"
            found.append(Tick(column, text, new_day))
        day = shown.date()
        at += step
    return found


def _instant(at: datetime, zone: tzinfo | None) -> datetime:
    """UTC of a time on the reader's wall clock."""
    return (at.replace(tzinfo=zone) if zone else at.astimezone()).astimezone(UTC)


def scale(axis: Axis, marks: list[Tick], *, ends_now: bool, day: str) -> str:
    """The row of words: what begins at each mark, the day at the left, "now" at the right. `columns` characters."""
    row = [" "] * axis.columns
    taken = 0
    end = axis.columns - (4 if ends_now else 0)

    def put(column: int, text: str) -> None:
        nonlocal taken
        if column >= taken and column + len(text) <= end:
            row[column : column + len(text)] = text
            taken = column + len(text) + 1

    first = next((mark.column for mark in marks if mark.column > 0), axis.columns)
    if day and len(day) < first:
        put(0, day)
    for mark in marks:
        put(mark.column, mark.text)
    if ends_now and axis.columns >= 3:
        row[-3:] = "now"
    return "".join(row)
