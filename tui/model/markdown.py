"""Other people's text in a Markdown document: shown as it is, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NOTHING = "-"
_RUN = re.compile(r"`+")


def code(text: str) -> str:
    """One line of text as a code span: nothing in it is markup, a mention or a link. "" is a dash.

    `text` has no line ends (`model.text.plain`).
    """
    if not text.strip():
        return NOTHING
    fence = "`" * (max((len(run) for run in _RUN.findall(text)), default=0) + 1)
    pad = " " if text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def cell(text: str) -> str:
    """As `code`, within a table. What divides cells is broken: no escape of it means the same to all readers."""
    return code(text.replace("|", "¦"))


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Cells are Markdown already."""
    return [
        f"| {' | '.join(header)} |",
        f"|{'|'.join(' --- ' for _ in header)}|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
