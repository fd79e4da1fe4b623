"""The log pane: draws the visible part of LogRows at a fixed frame rate; following is explicit.

No message, task or widget per line: the tail calls back once when something was appended, and the next frame looks
at what came. Filtering and searching are done in slices between frames. Nothing runs while nothing comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.message import Message
from textual.strip import Strip

from tui.engine.log_records import BufferEntry, Rule
from tui.engine.log_rows import LogRows, Source
from tui.model.moment import from_microseconds, microseconds
from tui.widgets.frame_pacing import when_clear
from tui.widgets.line_widget import LineWidget, Span
from tui.widgets.log_text import Form, Stamps, head_and_body
from tui.widgets.terminal_rows import TerminalRows

if TYPE_CHECKING:
    from tui.model.text_match import TextMatch

_CACHE_LINES = 4096
_LONGEST_SHOWN = 16_384  # characters of one line that are laid out; the whole of it is shown on enter
_SLICE_S = 0.006
_NOTE = 24  # characters of a mark's note in its line; `'` and enter tell all of it
_LABELS = ("source-0", "source-1", "source-2", "source-3", "source-4", "source-5")


class LogView(LineWidget, can_focus=True):
    """`rows` without sources: nothing chosen yet. `message` stands there while there are no lines."""

    class Changed(Message):
        """What the header tells moved: following, new lines below, the count."""

    def __init__(self, *, id: str | None = None, frames_per_second: int = 15) -> None:
        super().__init__(id=id)
        self._frame_s = 1 / frames_per_second
        self.rows = LogRows()
        self.following = True
        self.wrapping = False
        self.raw = False  # structured lines as they came
        self.stamps = Stamps.LOCAL
        self.start: datetime | None = None
        self.now: datetime | None = None
        self.cursor: int | None = None  # key of the line the cursor stands on; None while following
        self.selected_from: int | None = None  # the other end of what is selected; None: nothing is
        self.top: int | None = None  # key of the first visible line
        self.left = 0  # cells scrolled sideways
        self.seen = 0  # rows that had arrived when following stopped: what came after is new
        self.message: tuple[str, ...] = ()
        self._moves = 0  # of the rows, that the keys here know of
        self._wanted: Callable[[], bool] | None = None  # a place to go to, as soon as it is there
        self._sought_from: int | None = None  # where the cursor stood when the search began
        self._frame_due = False
        self._drawn_version = -1
        self._cache: dict[tuple[object, ...], list[Strip]] = {}
        self._rows: list[tuple[int, int]] = []  # (key, part) of each visible line
        self._terminal = TerminalRows(self)

    # What it shows

    def show(self, rows: LogRows | None, start: datetime | None = None) -> None:
        """Another log; from its end, following."""
        self.start = start
        self.rows = LogRows() if rows is None else rows  # an empty one is false
        self.left = 0
        self._moves = len(self.rows.moves)
        self._sought_from = None
        self._catch_up()
        self.follow()
        if self.rows.work(0.0):
            self.appended()

    def tell(self, message: tuple[str, ...]) -> None:
        """What stands here while there are no lines."""
        if message != self.message:
            self.message = message
            if not self._rows:
                self._redraw()

    def tick(self, now: datetime) -> None:
        """Time went on: relative times are drawn again."""
        self.now = now
        if self.stamps is Stamps.RELATIVE and self._rows:
            self._cache.clear()
            self._redraw()

    @property
    def new_below(self) -> int:
        return 0 if self.following else max(0, self.rows.arrived - self.seen)

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
        rows = self.rows
        self._catch_up()
        more = rows.work(_SLICE_S)
        if self._wanted is not None and self._wanted():
            self._wanted = None
        if rows.version != self._drawn_version:
            self._redraw()
        if more and not self._frame_due:
            self._frame_due = True
            self.set_timer(0.001, self._frame)  # the keys come in between
        self.post_message(self.Changed())

    def _catch_up(self) -> None:
        """Takes what came. Lines that were put in where a gap was move those behind them: the cursor goes along."""
        rows = self.rows
        rows.catch_up()
        begin, self._moves = self._moves, len(rows.moves)
        if begin == self._moves:
            return
        self.cursor, self.top, self.selected_from = (
            None if key is None else rows.moved(key, begin) for key in (self.cursor, self.top, self.selected_from)
        )
        self._cache.clear()
        if rows.filter is not None and (at := self.cursor) is not None:
            self.goes_to(lambda: not rows.searching and (self.go_to(at) or True))

    # Moving

    def follow(self) -> None:
        self.following = True
        self._wanted = None
        self.cursor = self.selected_from = None
        self._redraw()
        self.post_message(self.Changed())

    def pause(self) -> None:
        """Holds what is on screen; the cursor appears on its last line."""
        if self.following and len(self.rows):
            self._catch_up()
            self._layout()
            self.following = False
            self.seen = self.rows.arrived
            self.top = self._rows[0][0] if self._rows else self.rows.first
            self.cursor = self.rows.last
            self._redraw()
            self.post_message(self.Changed())

    def move(self, lines: int) -> None:
        self._wanted = None
        if not len(self.rows):
            return
        if self.following:
            if lines > 0:
                return
            self.pause()
        to = self.rows.beside(self._at(), lines)
        if to is not None:
            self._go(to)

    def page(self, pages: float) -> None:
        self.move(int(pages * max(1, self.size.height - 1)) or (1 if pages > 0 else -1))

    def first(self) -> None:
        if (first := self.rows.first) is not None:
            self.pause()
            self._go(first)

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
        self._repaint()

    def show_raw(self) -> bool:
        self.raw = not self.raw
        self._repaint()
        return self.raw

    def next_stamps(self) -> Stamps:
        self.stamps = self.stamps.following
        self._repaint()
        return self.stamps

    def changed(self) -> None:
        """The rows were given another filter or search: the next frame draws what it finds."""
        self._cache.clear()
        self.rows.work(_SLICE_S)
        self._repaint()
        self.appended()

    def _repaint(self) -> None:
        self._redraw()
        self.paint_now()
        self.post_message(self.Changed())

    def _at(self) -> int:
        """Where a jump begins: the cursor's line, or one beyond the last."""
        if self.cursor is not None:
            return self.cursor
        last = self.rows.last
        return 0 if last is None else last + 1

    def go_to(self, key: int | None) -> bool:
        """Puts the cursor on a row, in the middle of the pane if it was not visible. False for None."""
        if key is None:
            return False
        self.pause()
        self._go(key, middle=True)
        return True

    def next_error(self, step: int) -> bool:
        return self.go_to(self.rows.next_error(self._at(), step))

    def next_boundary(self, step: int) -> bool:
        return self.go_to(self.rows.next_rule(self._at(), step))

    def next_mark(self, step: int = 1) -> bool:
        return self.go_to(self.rows.next_mark(self._at(), step))

    def next_match(self, step: int) -> bool:
        return self.go_to(self.rows.next_match(self._at(), step))

    def go_to_time(self, at: datetime) -> bool:
        """To the first line at or after that time."""
        return self.go_to(self.rows.at_time(microseconds(at)))

    @property
    def instant(self) -> datetime | None:
        """The time of the line under the cursor, or of the nearest one above that has one; None while following."""
        key = self.cursor
        for _ in range(100):
            if key is None:
                break
            if self.rows.holds(key) and (us := self.rows.time_us(key)) is not None:
                return from_microseconds(us)
            key = self.rows.beside(key, -1)
        return None

    # Finding

    def search(self, wanted: TextMatch | None) -> None:
        """What to look for, from the line the search began at upwards, then downwards; None ends it."""
        self.rows.find(wanted)
        self._cache.clear()
        if wanted is not None:
            begin = self._at() if self._sought_from is None else self._sought_from
            self._sought_from = begin
            self.rows.work(_SLICE_S)

            def found() -> bool:
                """The last one above, else the first one below."""
                if self.go_to(self.rows.next_match(begin + 1, -1)):
                    return True
                return not self.rows.searching and (self.go_to(self.rows.next_match(begin, 1)) or True)

            self.goes_to(found)
        else:
            self._sought_from = None
        self._repaint()

    def goes_to(self, place: Callable[[], bool]) -> None:
        """To a place that is perhaps not there yet: tried at once, then at every frame until it is True, or until
        somebody moves."""
        self._wanted = None if place() else place
        self.appended()

    def mark(self, note: str = "") -> bool:
        """Marks the line under the cursor, or takes its mark away. True: it is marked now."""
        self.pause()
        if self.cursor is None:
            return False
        source, number = self.rows.where(self.cursor)
        marked = number not in source.marks or bool(note)
        if marked:
            source.marks[number] = note
        else:
            del source.marks[number]
        self._cache.clear()
        self._repaint()
        return marked

    # Selecting

    def select(self) -> bool:
        """Begins to select lines at the cursor, or ends it. True: it began."""
        self.pause()
        self.selected_from = None if self.selected_from is not None else self.cursor
        self._repaint()
        return self.selected_from is not None

    def selected(self) -> Iterator[tuple[Source, BufferEntry]]:
        """What is selected, oldest first; else the line under the cursor, or the newest one."""
        if not len(self.rows):
            return
        at = self.cursor if self.cursor is not None else self.rows.last
        assert at is not None
        low, high = sorted((at, self.selected_from if self.selected_from is not None else at))
        index = self.rows.index(low)
        while index < len(self.rows) and (key := self.rows.key(index)) <= high:
            if self.rows.holds(key):
                yield self.rows.where(key)[0], self.rows.entry(key)
            index += 1

    def _go(self, key: int, *, middle: bool = False) -> None:
        if self.rows.version != self._drawn_version:
            self._layout()
        self.cursor = key
        height = max(1, self.size.height)
        visible = [row[0] for row in self._rows]
        if not visible or not visible[0] <= key <= visible[-1]:
            if middle:
                above = self.rows.beside(key, -(height // 2))
                self.top = key if above is None else above
            elif not visible or key < visible[0]:
                self.top = key
            else:
                self.top = self._top_for_bottom(self.rows.index(key))
        self._repaint()

    # Drawing

    def _redraw(self) -> None:
        """Lays out what is to be seen; what differs from the last time is drawn."""
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
        """The key of the first row for which the row at index `bottom` is the last that still shows whole."""
        left = self.size.height - self._height(self.rows.key(bottom))
        top = bottom
        while top > 0 and (height := self._height(self.rows.key(top - 1))) <= left:
            left -= height
            top -= 1
        return self.rows.key(top)

    def _height(self, key: int) -> int:
        return len(self._strips(key)) if self.wrapping else 1

    def _layout(self) -> None:
        """Which line stands in which row. O(rows on screen)."""
        self._rows = []
        rows, height = self.rows, self.size.height
        self._drawn_version = rows.version
        if not len(rows) or height <= 0:
            return
        if self.following:
            self.top = self._top_for_bottom(len(rows) - 1)
        index = min(rows.index(self.top or 0), len(rows) - 1)
        self.top = rows.key(index)
        if self.cursor is not None and self.cursor < rows.key(0):
            self.cursor = rows.key(0)
        while index < len(rows) and len(self._rows) < height:
            key = rows.key(index)
            self._rows.extend((key, part) for part in range(self._height(key)))
            index += 1
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
        key, part = self._rows[y]
        strips = self._strips(key)
        return strips[min(part, len(strips) - 1)]

    def _base(self, key: int) -> str:
        if key == self.cursor:
            return "cursor" if self.has_focus else "cursor-blurred"
        if self.selected_from is not None and self.cursor is not None:
            low, high = sorted((self.selected_from, self.cursor))
            return "selected" if low <= key <= high else ""
        return ""

    def _strips(self, key: int) -> list[Strip]:
        """One line as the rows it takes: one, or several when wrapping. Cached until something that shapes it moves."""
        width = self.size.width
        base = self._base(key)
        shape = (key, id(self.rows), width, self.left, self.wrapping, self.raw, self.stamps, base, self.start)
        found = self._cache.get(shape)
        if found is None:
            if len(self._cache) > _CACHE_LINES:
                self._cache.clear()
            found = self._cache[shape] = self._draw(key, width, base)
        return found

    def _draw(self, key: int, width: int, base: str) -> list[Strip]:
        if not self.rows.holds(key):
            return [
                self.strip([("   dropped: it was the oldest when the memory for logs was full", "dim")], width, base)
            ]
        entry = self.rows.entry(key)
        head, body = head_and_body(entry, Form(self.stamps, self.start, self.now, raw=self.raw))
        if isinstance(entry, Rule):
            text, name = body[0]
            return [self.strip([(text + "━" * max(0, width - cell_len(text)), name)], width, base)]
        head = [*self._lead(key), *head]
        if not self.rows.is_match(key):
            head, body = [(text, "dim") for text, _ in head], [(text, "dim") for text, _ in body]
        if len(body) == 1 and len(body[0][0]) > _LONGEST_SHOWN + self.left:
            text, name = body[0]
            shown = text[: _LONGEST_SHOWN + self.left]
            body = [(f"{shown}…  (+{len(text) - len(shown):,} characters: enter)", name)]
        room = max(1, width - sum(cell_len(part) for part, _ in head))
        match = self.rows.match
        if match is None and not self.wrapping and all(text.isascii() and text.isprintable() for text, _ in body):
            return [self._plain(head, body, room, width, base)]
        return self._rich(head, body, room, base)

    def _lead(self, key: int) -> list[Span]:
        """The mark of a marked line; whose line it is, where several logs are merged."""
        source, number = self.rows.where(key)
        lead: list[Span] = []
        if number in source.marks:
            note = source.marks[number]
            shown = f"{note[:_NOTE]}… " if len(note) > _NOTE + 1 else f"{note} " if note else ""
            lead.append((f"◆ {shown}", "mark"))
        if self.rows.merged:
            widest = min(max(12, self.size.width // 8), max(cell_len(each.label) for each in self.rows.sources))
            label = source.label if cell_len(source.label) <= widest else "…" + source.label[1 - widest :]
            name = _LABELS[self.rows.source_index(key) % len(_LABELS)]
            lead.append((label + " " * (widest - cell_len(label) + 1), name))
        return lead

    def _plain(self, head: list[Span], body: list[Span], room: int, width: int, base: str) -> Strip:
        segments = [Segment(text, self.look(name, base)) for text, name in head]
        skip, left = self.left, room
        for text, name in body:
            shown = text[skip : skip + left]
            skip = max(0, skip - len(text))
            if shown:
                segments.append(Segment(shown, self.look(name, base)))
                left -= len(shown)
        if left:
            segments.append(Segment(" " * left, self.look("", base)))
        return Strip(segments, width)

    def _rich(self, head: list[Span], body: list[Span], room: int, base: str) -> list[Strip]:
        """Colours of its own, matches, wide characters, several rows."""
        rich = Text(end="")
        for text, name in body:
            text = text.expandtabs(8)
            look = self.look(name, base)
            if "\x1b" in text:
                part = Text.from_ansi(text, end="")
                part.style = look
                rich.append_text(part)
            else:
                rich.append(text, look)
        if self.rows.match is not None:
            from tui.model.text_match import TooSlow

            try:
                for begin, end in self.rows.match.spans(rich.plain):
                    rich.stylize(self.look("match", base), begin, end)
            except TooSlow:
                pass  # said once, by the search itself
        style = self.look("", base)
        strip = Strip(
            [Segment(s.text, style + (s.style or Style.null())) for s in rich.render(self.app.console) if s.text]
        )
        lead = [Segment(part, self.look(look, base)) for part, look in head]
        if not self.wrapping:
            return [Strip([*lead, *strip.crop(self.left, self.left + room).adjust_cell_length(room, style)])]
        blank = [Segment(" " * sum(cell_len(part) for part, _ in head), style)]
        rows = []
        starts = [0]
        for chunk in chop_cells(rich.plain, room)[:-1] if rich.plain else []:
            starts.append(starts[-1] + cell_len(chunk))
        for index, begin in enumerate(starts):
            end = starts[index + 1] if index + 1 < len(starts) else begin + room
            piece = strip.crop(begin, end).adjust_cell_length(room, style)
            rows.append(Strip([*(lead if index == 0 else blank), *piece]))
        return rows
