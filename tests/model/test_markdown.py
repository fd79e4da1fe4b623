from __future__ import annotations

import pytest

from tui.model.markdown import cell, code, table


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("plain", "`plain`"),
        ("", "-"),
        ("  ", "-"),
        ("a `b` c", "``a `b` c``"),
        ("`", "`` ` ``"),
        ("``x", "``` ``x ```"),
        (" x ", "`  x  `"),
        ("**bold** <b>", "`**bold** <b>`"),
    ],
)
def test_a_code_span_holds_any_text(text: str, span: str) -> None:
    assert code(text) == span


def test_nothing_in_a_cell_divides_it() -> None:
    assert cell("a | b \\| c") == "`a ¦ b \\¦ c`"
    assert table(("x", "y"), [(cell("|"), cell(""))]) == ["| x | y |", "| --- | --- |", "| `¦` | - |"]
