"""What is said of a review: on a deployment's page, and in a row."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from tui.engine.reviews import Looks, Review

_STYLES: Mapping[Looks, str] = {Looks.FINE: "", Looks.WORSE: "bold", Looks.UNCLEAR: "dim"}
_SIGNS: Mapping[Looks, str] = {Looks.FINE: "✓", Looks.WORSE: "▼", Looks.UNCLEAR: "·"}
_ERRORS = 5


def review_text(review: Review | None) -> Text:
    """A heading with the judgement, then a line each for the evidence and the first new errors."""
    text = Text()
    text.append("\nAgainst the one before  ", "bold")
    if review is None:
        text.append("not compared yet\n", "dim")
        return text
    text.append(f"{_SIGNS[review.looks]} {review.looks}\n", _STYLES[review.looks])
    for sentence in review.evidence:
        text.append(f"  {sentence}\n")
    for error in review.errors[:_ERRORS]:
        at = f"{error.at.astimezone():%H:%M:%S} " if error.at else ""
        text.append(f"  {at}x{error.count:<5,} {error.text}\n", "dim")
    if (more := len(review.errors) - _ERRORS) > 0:
        text.append(f"  and {more} more new error pattern{'s' if more > 1 else ''}\n", "dim")
    return text
