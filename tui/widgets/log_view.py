"""The log pane: draws the visible part of a LogStore at a fixed frame rate; following is explicit.

No message, task or widget per line: the buffer calls back once when something was appended, and the next frame
looks at it. Nothing runs while nothing comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.message import Message
from textual.strip import Strip

from tui.engine.log_buffer import BufferEntry, LogBuffer, Rule
from tui.widgets.frame_pacing import when_clear
from tui.widgets.line_widget import LineWidget, Span
from tui.widgets.log_text import Stamps, head_and_text, is_error, searchable
from tui.widgets.terminal_rows import TerminalRows

_CACHE_LINES = 4096
_LONGEST_SHOWN = 16_384  # characters of one line that are laid out; the whole of it is shown on enter


class LogView(LineWidget, can_focus=True):
    """`buffer` None: nothing chosen yet. `message` stands there while there are no lines."""

    class Changed(Message):
        """What the header tells moved: following, new lines below, the count."""

    def __init__(self, *, id: str | None = None, frames_per_second: int = 15) -> None:
        super().__init__(id=id)
        self._frame_s = 1 / frames_per_second
        self.buffer: LogStore | None = None
        self.following = True
        self.wrapping = False
        self.stamps = Stamps.LOCAL
        self.start: datetime | None = None
        self.now: datetime | None = None
        self.cursor: int | None = None  # number of the line the cursor stands on; None while following
        self.top = 0  # number of the first visible line
        self.left = 0  # cells scrolled sideways
        self.seen_end = 0  # end of the buffer when following stopped: what came after is new
        self.pattern: re.Pattern[str] | None = None
        self.message: tuple[str, ...] = ()
        self._frame_due = False
        self._drawn_end = 0
        self._cache: dict[tuple[object, ...], list[Strip]] = {}
        self._rows: list[tuple[int, int]] = []  # (number, part) of each visible line
        self._terminal = TerminalRows(self)

    # What it shows

    def show(self, buffer: LogStore | None, start: datetime | None = None) -> None:
        """Another log; from its end, following."""
        self.start = start
        if buffer is not self.buffer:
            self.buffer = buffer
            self._cache.clear()
            self._drawn_end = -1
            self.left = 0
            self.follow()
        self._redraw()

    def tell(self, message: tuple[str, ...]) -> None:
        """What stands here while there are no lines."""
        if message != self.message:
            self.message = message
            if not self.buffer:
                self._redraw()

    def tick(self, now: datetime) -> None:
        """Time went on: relative times are drawn again."""
        self.now = now
        if self.stamps is Stamps.RELATIVE and self._rows:
            self._cache.clear()
            self._redraw()

    @property
    def new_below(self) -> int:
        return 0 if self.following or self.buffer is None else max(0, self.buffer.end - self.seen_end)

    def appended(self) -> None:
        """Something came, or the stream's state changed: the next frame looks. Called for every line, so it is
        cheap."""
        if not self._frame_due and self.is_attached:
            self._frame_due = True
            self.call_later(self.set_timer, self._frame_s, self._frame)  # from our own context, whoever calls

    def _frame(self) -> None:
        """The next frame, once the terminal has shown what it was sent."""
        if not when_clear(self, self._frame):
            return
        self._frame_due = False
        buffer = self.buffer
        if buffer is None:
            return
        came = buffer.end != self._drawn_end
        self._drawn_end = buffer.end
        if came and (self.following or self.top < buffer.first or len(self._rows) < self.size.height):
            self._redraw()
        self.post_message(self.Changed())

    # Moving

    def follow(self) -> None:
        self.following = True
        self.cursor = None
        self._redraw()
        self.post_message(self.Changed())

    def pause(self) -> None:
        """Holds what is on screen; the cursor appears on its last line."""
        if self.following and self.buffer is not None and len(self.buffer):
            self._layout()
            self.following = False
            self.seen_end = self.buffer.end
            self.top = self._rows[0][0] if self._rows else self.buffer.first
            self.cursor = self.buffer.end - 1
            self._redraw()
            self.post_message(self.Changed())

    def move(self, lines: int) -> None:
        if self.buffer is None or not len(self.buffer):
            return
        if self.following:
            if lines > 0:
                return
            self.pause()
        self._go((self.cursor if self.cursor is not None else self.buffer.end - 1) + lines)

    def page(self, pages: float) -> None:
        self.move(int(pages * max(1, self.size.height - 1)) or (1 if pages > 0 else -1))

    def first(self) -> None:
        if self.buffer is not None and len(self.buffer):
            self.pause()
            self._go(self.buffer.first)

    def last(self) -> None:
        self.follow()
        self.paint_now()

    def sideways(self, steps: int) -> None:
        if not self.wrapping:
            self.left = max(0, self.left + steps * 16)
            self._redraw()
            self.paint_now()

    def wrap(self) -> None:
        self.wrapping = not self.wrapping
        self.left = 0
        self._redraw()
        self.paint_now()
        self.post_message(self.Changed())

    def next_stamps(self) -> Stamps:
        self.stamps = self.stamps.following
        self._redraw()
        self.paint_now()
        return self.stamps

    def next_error(self, step: int) -> bool:
        return self._seek(step, lambda number: is_error(self._entry(number)))

    def next_boundary(self, step: int) -> bool:
        return self._seek(step, lambda number: isinstance(self._entry(number), Rule))

    def search(self, words: str) -> bool:
        """Sets what to look for (smart case; a plain text where it is no regular expression) and goes to the last
        match at or above the cursor. Empty words end the search."""
        if not words:
            self.pattern = None
            self._cache.clear()
            self._redraw()
            return True
        flags = re.NOFLAG if any(c.isupper() for c in words) else re.IGNORECASE
        try:
            self.pattern = re.compile(words, flags)
        except re.error:
            self.pattern = re.compile(re.escape(words), flags)
        self._cache.clear()
        self._redraw()
        return self.next_match(-1, include=True)

    def next_match(self, step: int, *, include: bool = False) -> bool:
        pattern = self.pattern
        if pattern is None:
            return False
        return self._seek(step, lambda n: pattern.search(searchable(self._entry(n))) is not None, include=include)

    def _seek(self, step: int, wanted: Callable[[int], bool], *, include: bool = False) -> bool:
        """Puts the cursor on the next line that is wanted; stays where it is if there is none."""
        if self.buffer is None or not len(self.buffer):
            return False
        at = self.cursor if self.cursor is not None else self.buffer.end - 1
        number = at if include or (self.following and step < 0) else at + step
        while self.buffer.first <= number < self.buffer.end:
            if wanted(number):
                self.pause()
                self._go(number, middle=True)
                return True
            number += step
        return False

    def _go(self, number: int, *, middle: bool = False) -> None:
        assert self.buffer is not None
        number = max(self.buffer.first, min(number, self.buffer.end - 1))
        self.cursor = number
        height = max(1, self.size.height)
        visible = [row[0] for row in self._rows]
        if not visible or not visible[0] <= number <= visible[-1]:
            if middle:
                self.top = max(self.buffer.first, number - height // 2)
            elif not visible or number < visible[0]:
                self.top = number
            else:
                self.top = self._top_for_bottom(number)
        self._redraw()
        self.paint_now()
        self.post_message(self.Changed())

    # Drawing

    def _entry(self, number: int) -> BufferEntry:
        assert self.buffer is not None
        return self.buffer[number]

    def _redraw(self) -> None:
        self._layout()
        self._terminal.show([self._row(y) for y in range(self.size.height)])

    def on_resize(self) -> None:
        self._cache.clear()
        self._redraw()

    def on_focus(self) -> None:
        if self.cursor is not None:
            self._redraw()

    def on_blur(self) -> None:
        if self.cursor is not None:
            self._redraw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._cache.clear()
        self._terminal.forget()

    def _top_for_bottom(self, bottom: int) -> int:
        """The first line for which `bottom` is the last that still shows whole."""
        assert self.buffer is not None
        left = self.size.height - self._height(bottom)
        top = bottom
        while top > self.buffer.first and (height := self._height(top - 1)) <= left:
            left -= height
            top -= 1
        return top

    def _height(self, number: int) -> int:
        return len(self._strips(number)) if self.wrapping else 1

    def _layout(self) -> None:
        """Which line stands in which row. O(rows on screen)."""
        self._rows = []
        buffer, height = self.buffer, self.size.height
        if buffer is None or not len(buffer) or height <= 0:
            return
        if self.following:
            self.top = self._top_for_bottom(buffer.end - 1)
        self.top = max(buffer.first, min(self.top, buffer.end - 1))
        number = self.top
        while number < buffer.end and len(self._rows) < height:
            self._rows.extend((number, part) for part in range(self._height(number)))
            number += 1
        if self.following:
            self._rows = self._rows[-height:]
        else:
            del self._rows[height:]

    def render_line(self, y: int) -> Strip:
        return self._terminal.row(y) or self._row(y)

    def _row(self, y: int) -> Strip:
        width = self.size.width
        if not self._rows:
            spans: list[Span] = [(" " + self.message[y], "dim")] if y < len(self.message) else []
            return self.strip(spans, width)
        if y >= len(self._rows):
            return self.strip([], width)
        number, part = self._rows[y]
        strips = self._strips(number)
        return strips[min(part, len(strips) - 1)]

    def _strips(self, number: int) -> list[Strip]:
        """One line as the rows it takes: one, or several when wrapping. Cached until something that shapes it moves."""
        width = self.size.width
        base = ("cursor" if self.has_focus else "cursor-blurred") if number == self.cursor else ""
        key = (number, width, self.left, self.wrapping, self.stamps, base, self.start)
        found = self._cache.get(key)
        if found is None:
            if len(self._cache) > _CACHE_LINES:
                self._cache.clear()
            found = self._cache[key] = self._draw(number, width, base)
        return found

    def _draw(self, number: int, width: int, base: str) -> list[Strip]:
        entry = self._entry(number)
        head, text, name = head_and_text(entry, self.stamps, self.start, self.now)
        if isinstance(entry, Rule):
            return [self.strip([(text + "━" * max(0, width - cell_len(text)), name)], width, base)]
        if len(text) > _LONGEST_SHOWN + self.left:
            text = text[: _LONGEST_SHOWN + self.left] + f"…  (+{len(text) - _LONGEST_SHOWN:,} characters: enter)"
        text = text.expandtabs(8)
        head_width = sum(len(part) for part, _ in head)
        room = max(1, width - head_width)
        style = self.look(name, base)
        if "\x1b" not in text and self.pattern is None and text.isascii() and not self.wrapping:
            shown = text[self.left : self.left + room]
            segments = [Segment(part, self.look(look, base)) for part, look in head]
            segments.append(Segment(shown.ljust(room), style))
            return [Strip(segments, width)]
        return self._draw_rich(head, text, style, room, base)

    def _draw_rich(self, head: list[Span], text: str, style: Style, room: int, base: str) -> list[Strip]:
        """Colours of its own, matches, wide characters, several rows."""
        rich = Text.from_ansi(text, end="") if "\x1b" in text else Text(text, end="")
        if self.pattern is not None:
            rich.highlight_regex(self.pattern, self.look("match", base))
        body = Strip(list(rich.render(self.app.console))).apply_style(Style.null())
        body = Strip([Segment(s.text, style + (s.style or Style.null())) for s in body if s.text])
        lead = [Segment(part, self.look(look, base)) for part, look in head]
        blank = [Segment(" " * sum(len(part) for part, _ in head), self.look("", base))]
        if not self.wrapping:
            return [Strip([*lead, *body.crop(self.left, self.left + room).adjust_cell_length(room, style)])]
        rows = []
        starts = [0]
        for chunk in chop_cells(rich.plain, room)[:-1] if rich.plain else []:
            starts.append(starts[-1] + cell_len(chunk))
        for index, begin in enumerate(starts):
            end = starts[index + 1] if index + 1 < len(starts) else begin + room
            piece = body.crop(begin, end).adjust_cell_length(room, style)
            rows.append(Strip([*(lead if index == 0 else blank), *piece]))
        return rows
