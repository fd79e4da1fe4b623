"""What is said of a review: on a deployment's page, and in a row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rich.text import Text

from tui.engine.reviews import Looks, Review
from tui.widgets.format import to_the_second

_SIGNS: Mapping[Looks, str] = {Looks.FINE: "✓", Looks.WORSE: "▼", Looks.UNCLEAR: "·"}
_ERRORS = 5


def review_line(review: Review | None) -> str:
    """'· can't tell: 0 log lines yet; no HTTP log on Dokploy'; '' of one that has more to say: `review_text` does."""
    if review is None:
        return "with the one before: not yet"
    if _is_long(review):
        return ""
    return f"{_SIGNS[review.looks]} {review.looks}: {'; '.join(review.evidence)}"


def _is_long(review: Review) -> bool:
    return review.looks is Looks.WORSE or bool(review.errors)


def review_text(review: Review | None, now: datetime) -> Text:
    """Of one that is worse, or has new errors: a heading, then a line each for the evidence and the first of them."""
    text = Text()
    if review is None or not _is_long(review):
        return text
    text.append("\nAgainst the one before  ", "bold")
    text.append(f"{_SIGNS[review.looks]} {review.looks}", "bold")
    if len(review.evidence) == 1 and not review.errors:
        text.append(f": {review.evidence[0]}\n")
        return text
    text.append("\n")
    for sentence in review.evidence:
        text.append(f"  {sentence}\n")
    for error in review.errors[:_ERRORS]:
        at = f"{to_the_second(error.at, now)} " if error.at else ""
        text.append(f"  {at}x{error.count:<5,} {error.text}\n", "dim")
    if (more := len(review.errors) - _ERRORS) > 0:
        text.append(f"  and {more} more new error pattern{'s' if more > 1 else ''}\n", "dim")
    return text
