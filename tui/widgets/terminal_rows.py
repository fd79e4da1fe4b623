"""Rows of a widget that the terminal scrolls itself: only what is new is written, and leanly.

Textual has no scrolling: one new line repaints the pane, 19 kB at 200x50; scrolled by the terminal it is the line.
It leans on private names of Textual (the version is pinned). Where anything is in doubt the widget is refreshed
as usual, so that Textual's own painting, before and after, gives the same screen.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._context import visible_screen_stack
from textual.geometry import Region
from textual.strip import SGR_STYLES, Strip
from textual.widget import Widget

from tui.widgets.terminal_app import TerminalApp
from tui.widgets.terminal_driver import TerminalDriver

_SYNC_START, _SYNC_END = "\x1b[?2026h", "\x1b[?2026l"
_AT_ONCE = 1024  # what a terminal reads, and so shows, in one piece
_SHORT = 4  # blanks that are as short as erasing them
_OFF = {"1": "22", "2": "22", "3": "23", "4": "24", "5": "25", "6": "25", "7": "27", "8": "28", "9": "29", "21": "24"}
_OFF |= {"51": "54", "52": "54", "53": "55"}
_SEEN_ON_BLANKS = frozenset(_OFF) - {"1", "2", "3"}


class TerminalRows:
    """What stands in the rows of one widget. The widget's `render_line` gives `row(y)`."""

    def __init__(self, widget: Widget) -> None:
        self._widget = widget
        self._rows: list[Strip] = []

    def row(self, y: int) -> Strip | None:
        """Row `y` as it was shown last; None where nothing was, or in another width."""
        found = self._rows[y] if y < len(self._rows) else None
        return found if found is not None and found.cell_length == self._widget.size.width else None

    def forget(self) -> None:
        """The looks changed: nothing of what stands there may stay."""
        self._rows = []

    def show(self, rows: Sequence[Strip]) -> None:
        """Puts these on the terminal, one strip a row from the top: now where that can be done by scrolling and
        writing what differs, else by Textual. A row that stays is best the same object."""
        old, self._rows = self._rows, list(rows)
        if len(old) != len(rows):
            self._widget.refresh()
            return
        shift = _shift(old, rows)
        changed = [y for y, row in enumerate(rows) if not _same(_at(old, y + shift), row)]
        if not changed or self._paint(shift, changed):
            return
        if shift:
            changed = [y for y, row in enumerate(rows) if not _same(old[y], row)]
        if len(changed) == len(rows):
            self._widget.refresh()
        else:
            width = self._widget.size.width
            self._widget.refresh(*(Region(0, y, width, 1) for y in changed))

    def _paint(self, shift: int, changed: Sequence[int]) -> bool:
        widget = self._widget
        app = widget.app
        region = _bare(widget)
        if region is None:
            return False
        visible_screen_stack.set(app._background_screens)  # the painter of Textual's that a style asks for
        cache = widget._styles_cache
        cache.clear()  # else a partial repaint would use what stood there before
        lines: dict[int, Strip] = {}
        for first, end in _runs(changed):
            lines.update(
                zip(range(first, end), widget.render_lines(Region(0, first, region.width, end - first)), strict=True)
            )
        if any(segment.control or (segment.style and segment.style.link) for row in lines.values() for segment in row):
            return False
        cursor = widget.screen.outer_size.clamp_offset(app.cursor_position)
        pen = Pen(app.console._color_system or ColorSystem.TRUECOLOR, erases=erases_in_colour())
        parts = [*_scrolled(region, shift, lines, pen), *_written(region, lines, pen), pen.end(), _place(*cursor)]
        written = "".join(parts)
        if app._sync_available and len(written) > _AT_ONCE:
            written = f"{_SYNC_START}{written}{_SYNC_END}"
        driver = app._driver
        assert driver is not None
        driver.write(written)
        driver.flush()
        return True


def _same(one: Strip | None, other: Strip) -> bool:
    return one is other or (one is not None and one == other)


def _at(rows: Sequence[Strip], y: int) -> Strip | None:
    return rows[y] if 0 <= y < len(rows) else None


def _shift(old: Sequence[Strip], new: Sequence[Strip]) -> int:
    """By how many rows the old ones stand higher now (negative: lower) so that most of them stay. O(rows) for logs."""
    height = len(new)
    best, kept = 0, sum(map(_same, old, new))
    for shift in range(1, height):
        for step in (shift, -shift):
            if kept >= height - shift:
                return best
            edge = (old[shift], new[0]) if step > 0 else (old[0], new[shift])
            if _same(*edge):
                stay = sum(map(_same, old[shift:], new) if step > 0 else map(_same, old, new[shift:]))
                if stay > kept:
                    best, kept = step, stay
    return best


def _runs(rows: Sequence[int]) -> Iterable[tuple[int, int]]:
    """Rows that follow each other, as first and end."""
    first = 0
    for at, row in enumerate(rows):
        if at + 1 == len(rows) or rows[at + 1] != row + 1:
            yield rows[first], row + 1
            first = at + 1


def _bare(widget: Widget) -> Region | None:
    """Where the widget is, if the terminal shows it, whole, in the terminal's full width, uncovered, and Textual has
    nothing left to paint there. Else None."""
    app = widget.app
    driver = app._driver
    if not isinstance(app, TerminalApp) or driver is None or not app._running or app._exit or app._batch_count:
        return None
    screen = widget.screen
    if driver.is_headless or driver.is_inline or driver.is_web or app.painted is not screen or app.screen is not screen:
        return None
    if isinstance(driver, TerminalDriver) and not driver.takes_frame():
        return None
    compositor = screen._compositor
    if (
        screen._layout_required
        or screen._scroll_required
        or compositor._dirty_regions
        or compositor.size != app.size
        or any(isinstance(each, Widget) and each._repaint_regions for each in widget.ancestors_with_self)
    ):
        return None
    placed = compositor.visible_widgets.get(widget)
    if placed is None:
        return None
    region, clip = placed
    whole = region.x == 0 and region.width == app.size.width and region.size == widget.size
    if not whole or not clip.contains_region(region):
        return None
    for other, (place, its_clip) in compositor.visible_widgets.items():
        if other is widget:
            return region
        if place.intersection(its_clip).overlaps(region):  # those in front come first
            return None
    return None


def _scrolled(region: Region, shift: int, lines: dict[int, Strip], pen: Pen) -> Iterable[str]:
    """Scrolls inside the margins, and writes the rows that come in: takes them out of `lines`. By line feed and
    reverse index, which every terminal since the VT100 has; not by SU and SD."""
    if not shift:
        return
    top, bottom = region.y + 1, region.bottom
    yield f"\x1b[{top};{bottom}r" + _place(0, (bottom if shift > 0 else top) - 1)
    coming = range(region.height - shift, region.height) if shift > 0 else range(-shift - 1, -1, -1)
    for number, y in enumerate(coming):
        yield ("\n" if shift > 0 else "\x1bM") if number == 0 else ("\r\n" if shift > 0 else "\r\x1bM")
        yield pen.row(lines.pop(y))
    yield "\x1b[r"


def _written(region: Region, lines: dict[int, Strip], pen: Pen) -> Iterable[str]:
    above = -2
    for y in sorted(lines):
        yield "\r\n" if y == above + 1 else _place(0, region.y + y)
        yield pen.row(lines[y])
        above = y


def _place(x: int, y: int) -> str:
    return f"\x1b[{y + 1 if y else ''}{f';{x + 1}' if x else ''}H"


class Pen:
    """Writes strips with as few SGR as the change from one segment to the next takes. `erases`: blanks at the end
    of a row may be erased whatever their background is, as the terminal erases in the current one."""

    def __init__(self, colours: ColorSystem, *, erases: bool) -> None:
        self._colours = colours
        self._erases = erases
        self._now: tuple[frozenset[str], str, str] = (frozenset(), "", "")

    def row(self, strip: Strip) -> str:
        """One row, written from its first column on."""
        segments, blanks = self._trimmed(strip)
        written: list[str] = []
        for text, style, _ in segments:
            written += self._turn(style, blank=text.isspace()), text
        if blanks is not None:
            long = len(blanks.text) > _SHORT
            written += self._turn(blanks.style, blank=True), "\x1b[K" if long else blanks.text
        return "".join(written)

    def end(self) -> str:
        """As Textual expects the terminal: with nothing set."""
        return "" if self._now == (frozenset(), "", "") else "\x1b[m"

    def _trimmed(self, strip: Strip) -> tuple[list[Segment], Segment | None]:
        """What the row says, and the blanks of one background that end it; None where they may not be erased."""
        segments = [segment for segment in strip if segment.text]
        count, ending = 0, None
        while segments:
            text, style, _ = segments[-1]
            on, _, ground = self._codes(style)
            if not text.endswith(" ") or on & _SEEN_ON_BLANKS or (ground and not self._erases):
                break
            if ending is not None and ground != self._codes(ending)[2]:
                break
            bare = text.rstrip(" ")
            count, ending = count + len(text) - len(bare), style
            segments.pop()
            if bare:
                segments.append(Segment(bare, style))
                break
        return segments, Segment(" " * count, ending) if count else None

    def _codes(self, style: Style | None) -> tuple[frozenset[str], str, str]:
        return (frozenset(), "", "") if style is None else codes(style, self._colours)

    def _turn(self, style: Style | None, *, blank: bool) -> str:
        on, colour, ground = self._codes(style)
        was, colour_was, ground_was = self._now
        if blank and not (on | was) & _SEEN_ON_BLANKS:
            on, colour = was, colour_was  # not to be seen on blanks
        off = {_OFF[code] for code in was - on}
        parts = sorted(off)
        parts += [code for code in sorted(on) if code not in was or _OFF[code] in off]
        if colour != colour_was:
            parts.append(colour or "39")
        if ground != ground_was:
            parts.append(ground or "49")
        if not parts:
            return ""
        self._now = (on, colour, ground)
        return "\x1b[m" if not (on or colour or ground) else f"\x1b[{';'.join(parts)}m"


@lru_cache(4096)
def codes(style: Style, colours: ColorSystem) -> tuple[frozenset[str], str, str]:
    """SGR of a style as Textual writes it: attributes, foreground, background; "" for the terminal's own."""
    bits = style._attributes & style._set_attributes
    on = frozenset(SGR_STYLES[bit] for bit in range(bits.bit_length()) if bits & (1 << bit))
    colour = ";".join(style.color.downgrade(colours).get_ansi_codes()) if style.color else ""
    ground = ";".join(style.bgcolor.downgrade(colours).get_ansi_codes(foreground=False)) if style.bgcolor else ""
    return on, "" if colour == "39" else colour, "" if ground == "49" else ground


@lru_cache(1)
def erases_in_colour() -> bool:
    """Whether what is erased gets the current background. GNU screen and old multiplexers leave the terminal's own."""
    multiplexed = os.environ.get("TERM", "").startswith(("screen", "tmux")) or "STY" in os.environ
    return not multiplexed or os.environ.get("TERM_PROGRAM") == "tmux"  # told since tmux 3.2
