"""Relay connections. The order of a list is the caller's; a cursor is opaque and survives new entries in front."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any, TypedDict, TypeVar

from tui.demo.railway.errors import PROBLEM, Refusal

T = TypeVar("T")


class Page(TypedDict, total=False):
    """The arguments every connection takes."""

    first: int | None
    after: str | None
    last: int | None
    before: str | None


def connection(
    items: Sequence[T],
    key: Callable[[T], str],
    node: Callable[[T], object],
    *,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    most: int = 500,
) -> dict[str, Any]:
    """`most` is a page's greatest size, and the size of one that is not asked for. Raises Refusal: a bad cursor."""
    if (first or 0) < 0 or (last or 0) < 0:
        raise Refusal(PROBLEM)
    start, end = 0, len(items)
    if after is not None:
        start = _position(items, key, after) + 1
    if before is not None:
        end = _position(items, key, before)
    page = range(start, max(start, end))
    if first is not None or last is None:
        page = page[: min(most if first is None else first, most)]
    if last is not None:
        page = page[max(0, len(page) - min(last, most)) :]
    edges = [{"cursor": _cursor(key(items[n])), "node": node(items[n])} for n in page]
    return {
        "edges": edges,
        "pageInfo": {
            "hasNextPage": bool(page) and page[-1] + 1 < len(items),
            "hasPreviousPage": bool(page) and page[0] > 0,
            "startCursor": edges[0]["cursor"] if edges else None,
            "endCursor": edges[-1]["cursor"] if edges else None,
        },
    }


def _cursor(key: str) -> str:
    return base64.urlsafe_b64encode(f"c:{key}".encode()).decode()


def _position(items: Sequence[T], key: Callable[[T], str], cursor: str) -> int:
    try:
        wanted = base64.urlsafe_b64decode(cursor.encode()).decode().removeprefix("c:")
    except (binascii.Error, UnicodeError):
        raise Refusal(PROBLEM) from None
    for number, item in enumerate(items):
        if key(item) == wanted:
            return number
    raise Refusal(PROBLEM)
