"""What every sheet over the board has in common: a frame, a title, keys that wait a moment, one way out."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from tui.screens.layer import Layer
from tui.widgets.hanging import Hanging
from tui.widgets.line_table import LineTable
from tui.widgets.line_widget import PALETTE

Result = TypeVar("Result")


class Sheet(Layer[Result], ModalScreen[Result]):
    """Subclasses give `heading()`, `body()`, `answers()` and `foot`. Escape and q go back without doing anything.

    Textual calls the `on_mount` of every class of a sheet, the subclass's first: none calls its base's.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = set(PALETTE)
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "keep", show=False)]
    foot = "esc back"

    def compose(self) -> ComposeResult:
        with Vertical(id="sheet"):
            yield from self.body()
            with Vertical(id="bottom"):
                yield from self.answers()
                yield Static(Text(self.foot), id="foot")

    def on_mount(self) -> None:
        self.query_one("#sheet").border_title = Text(self.heading(), overflow="ellipsis").markup

    def heading(self) -> str:
        return ""

    def body(self) -> ComposeResult:
        yield from ()

    def answers(self) -> ComposeResult:
        """What must be seen however long the body is."""
        yield from ()

    def action_keep(self) -> None:
        self.dismiss(None)


class TableSheet(Sheet[Result]):
    """A sheet that chooses a row. Subclasses make `table` before they are shown, and say what taking a row does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", show=False),
        Binding("k,up", "move(-1)", show=False),
        Binding("g,home", "move(-99999)", show=False),
        Binding("G,end", "move(99999)", show=False),
        Binding("space,pagedown", "move(10)", show=False),
        Binding("pageup", "move(-10)", show=False),
        Binding("enter", "take", show=False),
    ]
    table: LineTable[Any]

    def body(self) -> ComposeResult:
        yield self.table

    def on_mount(self) -> None:
        self.table.focus()

    def action_move(self, rows: int) -> None:
        self.table.move(rows)

    def on_chosen(self) -> None:
        self.action_take()

    def action_take(self) -> None:
        """Of the row under the cursor."""


class ReadSheet(Sheet[None]):
    """A sheet to read and scroll; the board's motions work in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "line(1)", show=False),
        Binding("k,up", "line(-1)", show=False),
        Binding("space,pagedown", "pages(1)", show=False),
        Binding("pageup", "pages(-1)", show=False),
        Binding("d,ctrl+d", "pages(0.5)", show=False),
        Binding("u,ctrl+u", "pages(-0.5)", show=False),
        Binding("g,home", "edge(0)", show=False),
        Binding("G,end", "edge(1)", show=False),
    ]
    foot = "j k scroll · esc back"

    def body(self) -> ComposeResult:
        with VerticalScroll(id="text", can_focus=True):
            yield Static(Hanging(self.text()), id="body")

    def text(self) -> Text:
        return Text()

    def reread(self) -> None:
        """Draw `text()` again: what it tells has changed."""
        self.query_one("#body", Static).update(Hanging(self.text()))

    @property
    def _scroll(self) -> Widget:
        return self.query_one("#text")

    def action_line(self, lines: int) -> None:
        self._scroll.scroll_relative(y=lines, animate=False)

    def action_pages(self, pages: float) -> None:
        self._scroll.scroll_relative(y=pages * max(1, self._scroll.size.height - 1), animate=False)

    def action_edge(self, end: int) -> None:
        if end:
            self._scroll.scroll_end(animate=False)
        else:
            self._scroll.scroll_home(animate=False)


def field(text: Text, name: str, value: str, style: str = "") -> None:
    """One `name   value` line; nothing where the value is empty."""
    if value:
        text.append(f"{name:<10} ", "dim")
        text.append(value + "\n", style)
