"""An app with one widget on it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widget import Widget

from tui.app import style_file
from tui.widgets.line_widget import PALETTE


class PaletteScreen(Screen[None]):
    COMPONENT_CLASSES: ClassVar[set[str]] = set(PALETTE)


class Host(App[None]):
    CSS_PATH = style_file()

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.shown = widget

    def get_default_screen(self) -> Screen[None]:
        return PaletteScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield self.shown


def lines(widget: Widget) -> list[str]:
    """What a widget draws, as text, without trailing blanks."""
    return ["".join(s.text for s in widget.render_line(y)).rstrip() for y in range(widget.size.height)]
