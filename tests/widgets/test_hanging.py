"""Where the rest of a long line goes on."""

from __future__ import annotations

import pytest
from rich.console import Console
from rich.text import Text

from tui.widgets.hanging import Hanging


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("name   one two three four", ["name   one two", "       three", "       four"]),
        ("  . one two three four", ["  . one two", "    three four"]),
        ("  one two three four", ["  one two three", "    four"]),
        ("one two three four", ["one two three", "four"]),
        ("short", ["short"]),
        ("", [""]),
        ("  漢字漢字漢字漢字漢字", ["  漢字漢字漢字", "    漢字漢字"]),
    ],
)
def test_goes_on_below_its_begin(line: str, shown: list[str]) -> None:
    console = Console(width=15)
    rows = console.render_lines(Hanging(Text(line)), console.options, pad=False)
    assert ["".join(segment.text for segment in row).rstrip() for row in rows] == shown


def test_keeps_its_styles_and_loses_no_character() -> None:
    console = Console(width=15)
    text = Text("name   one two ").append("three four" * 4, "bold")
    rows = console.render_lines(Hanging(text), console.options, pad=False)
    segments = [segment for row in rows[1:] for segment in row if segment.text.strip()]
    assert all(segment.style is not None and segment.style.bold for segment in segments)
    assert "".join(segment.text for row in rows for segment in row).replace(" ", "") == text.plain.replace(" ", "")
