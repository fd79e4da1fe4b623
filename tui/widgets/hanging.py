"""A text to read whose long lines go on below where their value began, not at the margin."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

_MOST = 30  # columns of a name in front of its value
_NAME = re.compile(r"\s*\S.*?\s{2,}(?=\S)")
_SIGN = re.compile(r"\s*[^\w\s](?=\s)|\s+")


@dataclass(frozen=True, slots=True)
class Hanging:
    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in self.text.split("\n"):
            yield from _rows(line, console, options.max_width)


def _rows(line: Text, console: Console, width: int) -> list[Text]:
    first, *more = line.wrap(console, width) or [Text()]
    if not more:
        return [first]
    indent = hang(line.plain, width)
    rest = line[len(first.plain) :]
    rest = rest[len(rest.plain) - len(rest.plain.lstrip()) :]
    return [first, *(Text(" " * indent).append_text(row) for row in rest.wrap(console, width - indent))]


def hang(line: str, width: int) -> int:
    """Below its value where the line is a name, two blanks or more, and a value; else a little in from its begin."""
    name = _NAME.match(line)
    if name is not None and name.end() <= min(_MOST, width // 2):
        return name.end()
    sign = _SIGN.match(line)
    return sign.end() + (1 if sign.group().strip() else 2) if sign else 0
