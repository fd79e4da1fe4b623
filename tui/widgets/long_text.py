"""A text of any length, cut into rows as wide as it stands; only the rows on the screen are drawn."""

from __future__ import annotations

from rich.cells import chop_cells
from textual.geometry import Size

from tui.widgets.line_widget import LineWidget, Span

_AT_ONCE = 4096  # characters that are cut together: a line of a megabyte must not be one piece of work


class LongText(LineWidget):
    """`text` has no line ends but "\\n", and no controls."""

    def __init__(self, text: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.text = text
        self._cut: tuple[int, list[str]] = (0, [])

    def rows(self, width: int) -> list[str]:
        if self._cut[0] != width:
            self._cut = (width, [row for line in self.text.split("\n") for row in _rows(line, width)])
        return self._cut[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self.rows(max(1, width)))

    def spans(self, y: int) -> tuple[list[Span], str]:
        rows = self.rows(max(1, self.size.width))
        return ([(rows[y], "")] if y < len(rows) else []), ""


def _rows(line: str, width: int) -> list[str]:
    if not line:
        return [""]
    if line.isascii():
        return [line[at : at + width] for at in range(0, len(line), width)]
    rows: list[str] = []
    rest = ""
    for at in range(0, len(line), _AT_ONCE):
        *whole, rest = chop_cells(rest + line[at : at + _AT_ONCE], width)
        rows += whole
    return [*rows, rest]
