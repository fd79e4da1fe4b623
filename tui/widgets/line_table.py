"""A list of rows with a cursor. The selection is kept by identity; only changed lines are drawn."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import datetime
from typing import ClassVar, Generic, TypeVar

from textual import events
from textual.message import Message

from tui.widgets.line_widget import LineWidget, Span

Item = TypeVar("Item")


class Moved(Message):
    """The cursor of `table` stands on another row. `key` is None when there is nothing to stand on."""

    def __init__(self, table: LineWidget, key: Hashable | None) -> None:
        super().__init__()
        self.table = table
        self.key = key


class Chosen(Moved):
    """A row was clicked that the cursor stood on already."""


class LineTable(LineWidget, Generic[Item], can_focus=True):
    """Subclasses say what a row is: its `key` (None: a heading, never selected) and its `row` of spans."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.items: tuple[Item, ...] = ()
        self.selected: Hashable | None = None
        self.top = 0
        self.now: datetime | None = None
        self.message: tuple[str, ...] = ()  # what stands where rows would, and what to do
        self.moved = False  # somebody put the cursor somewhere; until then it stands on the first row

    # What a subclass gives

    starts_at_top: ClassVar[bool] = False
    """Rows come from several places, the first of them perhaps last: the cursor waits at the top for them."""

    def key(self, item: Item) -> Hashable | None:
        return None

    def row(self, item: Item, width: int) -> tuple[list[Span], str]:
        """The spans of one row and its base style."""
        return [], ""

    def matches(self, item: Item, words: str) -> bool:
        return False

    # State

    def show(self, items: Sequence[Item], now: datetime, message: Sequence[str] = ()) -> None:
        """New rows. The cursor stays on what it stood on, at the same height on the screen; if that is gone, on
        the row that took its place."""
        before = self._index(self.selected)
        height_of_cursor = before - self.top if before is not None else None
        self.items = tuple(items)
        self.now = now
        self.message = tuple(message)
        keeps = self.moved or not self.starts_at_top
        after = self._index(self.selected) if keeps else None
        if after is None:
            nearest = self._nearest(before if keeps and before is not None else 0)
            self._select(nearest)
            after = nearest
        if after is not None and height_of_cursor is not None:
            self.top = after - height_of_cursor
        self._keep_in_view()
        self.redraw_changed()

    def on_resize(self) -> None:
        self._keep_in_view()

    def on_focus(self) -> None:
        self.redraw_changed()

    def on_blur(self) -> None:
        self.redraw_changed()

    def current(self) -> Item | None:
        index = self._index(self.selected)
        return None if index is None else self.items[index]

    def select(self, key: Hashable) -> bool:
        """Puts the cursor on that row, if it is there."""
        index = self._index(key)
        if index is not None:
            self._move_to(index)
        return index is not None

    def move(self, rows: int) -> None:
        """Down or up by that many selectable rows, to the end at most."""
        index = self._index(self.selected)
        if index is None:
            return
        step = 1 if rows > 0 else -1
        target = index
        for _ in range(abs(rows)):
            following = self._next_selectable(target, step)
            if following is None:
                break
            target = following
        if target == index and step < 0:  # the headings above the first row come into view
            self.top = 0
        self._move_to(target)

    def page(self, pages: float) -> None:
        self.move(int(pages * max(1, self.size.height - 1)) or 1)

    def first(self) -> None:
        self.move(-len(self.items))

    def last(self) -> None:
        self.move(len(self.items))

    def find(self, words: str, step: int = 1) -> bool:
        """The next row from the cursor on that matches, round the end."""
        start = self._index(self.selected)
        if start is None or not words:
            return False
        for distance in range(1, len(self.items) + 1):
            index = (start + step * distance) % len(self.items)
            item = self.items[index]
            if self.key(item) is not None and self.matches(item, words.casefold()):
                self._move_to(index)
                return True
        return False

    # Drawing

    def spans(self, y: int) -> tuple[list[Span], str]:
        if not self.items:
            return ([(" " + self.message[y], "dim")], "") if y < len(self.message) else ([], "")
        index = self.top + y
        if not 0 <= index < len(self.items):
            return [], ""
        item = self.items[index]
        spans, base = self.row(item, self.size.width)
        key = self.key(item)
        if key is not None and key == self.selected:
            base = "cursor" if self.has_focus else "cursor-blurred"
        return spans, base

    def on_click(self, event: events.Click) -> None:
        index = self.top + event.y
        if 0 <= index < len(self.items) and (key := self.key(self.items[index])) is not None:
            again = key == self.selected
            self._move_to(index)
            if again:
                self.post_message(Chosen(self, key))

    # Helpers

    def _index(self, key: Hashable | None) -> int | None:
        if key is None:
            return None
        return next((i for i, item in enumerate(self.items) if self.key(item) == key), None)

    def _next_selectable(self, index: int, step: int) -> int | None:
        index += step
        while 0 <= index < len(self.items):
            if self.key(self.items[index]) is not None:
                return index
            index += step
        return None

    def _nearest(self, index: int) -> int | None:
        below = self._next_selectable(min(index, len(self.items)) - 1, 1)
        return below if below is not None else self._next_selectable(len(self.items), -1)

    def _select(self, index: int | None) -> None:
        key = None if index is None else self.key(self.items[index])
        if key != self.selected:
            self.selected = key
            self.post_message(Moved(self, key))

    def _move_to(self, index: int) -> None:
        self.moved = True
        self._select(index)
        self._keep_in_view()
        self.redraw_changed()
        self.paint_now()

    def _keep_in_view(self) -> None:
        height = self.size.height
        if height <= 0:
            return
        index = self._index(self.selected)
        if index is not None:
            lead = 1 if index and self.key(self.items[index - 1]) is None else 0  # its heading, where it has one
            if index - lead < self.top:
                self.top = index - lead
            elif index >= self.top + height:
                self.top = index - height + 1
        self.top = max(0, min(self.top, len(self.items) - height))
