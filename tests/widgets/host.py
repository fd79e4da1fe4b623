"""An app with one widget on it."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widget import Widget

from tui.app import style_file


class Host(App[None]):
    CSS_PATH = style_file()

    def __init__(self, widget: Widget) -> None:
        super().__init__()
        self.shown = widget

    def compose(self) -> ComposeResult:
        yield self.shown


def lines(widget: Widget) -> list[str]:
    """What a widget draws, as text, without trailing blanks."""
    return ["".join(s.text for s in widget.render_line(y)).rstrip() for y in range(widget.size.height)]
