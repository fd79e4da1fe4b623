"""A widget that draws line by line from its own state, and only the lines that changed."""

from __future__ import annotations

from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from tui.widgets.format import fit

Span = tuple[str, str]
"""Text, and the name of the component class that styles it ("" for the widget's own style)."""

STYLES = (
    "live", "flight", "waiting", "approval", "bad", "idle", "dim", "strong", "production", "heading", "link",
    "cursor", "cursor-blurred", "match", "level-debug", "level-warn", "level-error", "rule", "notice", "alert",
    "tab", "tab-chosen", "head-focused", "key", "selected", "mark", "field",
    "source-0", "source-1", "source-2", "source-3", "source-4", "source-5",
)  # fmt: skip


PALETTE = frozenset(f"line--{name}" for name in STYLES)
"""The COMPONENT_CLASSES of a screen that shows LineWidgets; `styles/deckwatch.tcss` gives the looks.

Held once by the screen: held by each widget, these classes were half of the time to the first paint.
"""


class LineWidget(Widget):
    """Subclasses give `spans(y)`. Lives on a screen with the PALETTE."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._styles_by_name: dict[tuple[str, str], Style] = {}
        self._drawn: dict[int, tuple[object, ...]] = {}

    def look(self, name: str, base: str = "") -> Style:
        """The style of a component class on top of that of `base`; resolved once until the stylesheet changes."""
        found = self._styles_by_name.get((name, base))
        if found is None:
            found = self._component(base) if base else self.rich_style
            if name:
                own = self._component(name, partial=True)
                if base == "cursor":  # every word has the cursor's colours: others may not be readable there
                    own = Style(bold=own.bold, reverse=True if name == "match" else None)
                found = found + own
            if base:
                found = found + Style(bgcolor=self._component(base).bgcolor)
            self._styles_by_name[name, base] = found
        return found

    def _component(self, name: str, *, partial: bool = False) -> Style:
        return self.screen.get_component_rich_style(f"line--{name}", partial=partial)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles_by_name.clear()
        self._drawn.clear()

    def strip(self, spans: list[Span], width: int, base: str = "") -> Strip:
        """Spans side by side, cut or padded to `width` cells."""
        segments = []
        left = width
        for text, name in spans:
            if left <= 0:
                break
            shown = text if text.isascii() and len(text) <= left else fit(text, min(left, _cells(text)))
            segments.append(Segment(shown, self.look(name, base)))
            left -= _cells(shown)
        if left > 0:
            segments.append(Segment(" " * left, self.look("", base)))
        return Strip(segments, width)

    def spans(self, y: int) -> tuple[list[Span], str]:
        """Line `y` of what is visible, and the base style of the whole line."""
        return [], ""

    def render_line(self, y: int) -> Strip:
        spans, base = self.spans(y)
        self._drawn[y] = (self.size.width, base, *spans)
        return self.strip(spans, self.size.width, base)

    def redraw_changed(self) -> bool:
        """Asks for a repaint of just the lines that would look different now. True if there were any."""
        changed = False
        width = self.size.width
        for y in range(self.size.height):
            spans, base = self.spans(y)
            if self._drawn.get(y) != (width, base, *spans):
                self.refresh(Region(0, y, width, 1))
                changed = True
        return changed

    def paint_now(self) -> None:
        """Put what changed on the terminal at once instead of at the screen timer's next tick.

        A key's answer waits 22 to 35 ms for that tick under load, 1 ms like this. It leans on private names of
        Textual (the version is pinned); without them the tick does the same a little later.
        """
        screen = self.screen
        if self.is_attached and screen.is_current and hasattr(screen, "_on_timer_update"):
            screen._dirty_widgets.add(self)
            screen._on_timer_update()


class SpanRows(LineWidget):
    """The rows that it was last given to show."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: list[list[Span]] = []

    def show(self, rows: list[list[Span]]) -> None:
        self._rows = rows
        self.redraw_changed()

    def spans(self, y: int) -> tuple[list[Span], str]:
        return (self._rows[y] if y < len(self._rows) else []), ""


def paint_now(screen: Screen[Any]) -> None:
    """A key's whole answer at once: all that says something else now. Private names, as LineWidget.paint_now."""
    if not (screen.is_current and hasattr(screen, "_on_timer_update")):
        return
    for widget in screen.query(LineWidget):
        if widget._repaint_required:
            screen._dirty_widgets.add(widget)
    screen._on_timer_update()


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)
