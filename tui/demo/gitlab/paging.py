"""Lists come in pages by number; some can also be walked by key, from `Link` to `Link`."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import TypeVar
from urllib.parse import urlencode

from tui.demo.gitlab.errors import bad_parameter

USUAL, MOST = 20, 100
_MAX_OFFSET = 50_000

Row = TypeVar("Row")


def whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.lstrip("-").isdigit():
        raise bad_parameter(f"{name} is invalid")
    return int(text)


def page_of(
    rows: Sequence[Row], query: dict[str, str], url: str, *, count_limit: int, counts: bool = True
) -> tuple[Sequence[Row], dict[str, str]]:
    """One page and its headers; `url` is the request's without its query. Raises Refused."""
    page = whole(query, "page", 1)
    per_page = whole(query, "per_page", USUAL)
    if page < 1:
        raise bad_parameter("page does not have a valid value")
    if per_page < 1:
        raise bad_parameter("per_page does not have a valid value")
    per_page = min(per_page, MOST)
    start = (page - 1) * per_page
    if start > _MAX_OFFSET:
        raise bad_parameter(
            f"Offset pagination has a maximum allowed offset of {_MAX_OFFSET} for requests that return objects of type "
            "Deployment. Remaining records can be retrieved using keyset pagination."
        )
    last = max(1, -(-len(rows) // per_page))
    following = page + 1 if page < last else None
    counts = counts and len(rows) <= count_limit
    headers = {
        "X-Page": str(page),
        "X-Per-Page": str(per_page),
        "X-Next-Page": "" if following is None else str(following),
        "X-Prev-Page": str(page - 1) if page > 1 else "",
    }
    links = [("prev", page - 1 if page > 1 else None), ("next", following), ("first", 1)]
    if counts:
        headers |= {"X-Total": str(len(rows)), "X-Total-Pages": str(last)}
        links.append(("last", last))
    others = {name: value for name, value in query.items() if name not in ("page", "private_token")}
    headers["Link"] = ", ".join(
        f'<{url}?{urlencode({**others, "page": number, "per_page": per_page})}>; rel="{rel}"'
        for rel, number in links
        if number is not None
    )
    return rows[start : start + per_page], headers


def keyset_of(
    rows: Sequence[Row], query: dict[str, str], url: str, key: Callable[[Row], int]
) -> tuple[Sequence[Row], dict[str, str]]:
    """`rows` in the order that is asked for. The next page is behind `Link` only. Raises Refused."""
    per_page = min(max(1, whole(query, "per_page", USUAL)), MOST)
    start = 0
    if cursor := query.get("cursor"):
        try:
            after = int(json.loads(base64.urlsafe_b64decode(cursor))["id"])
        except (ValueError, KeyError, TypeError) as error:
            raise bad_parameter("cursor is invalid") from error
        start = next((place + 1 for place, row in enumerate(rows) if key(row) == after), len(rows))
    found = rows[start : start + per_page]
    headers = {"X-Per-Page": str(per_page)}
    if start + per_page < len(rows):
        token = base64.urlsafe_b64encode(json.dumps({"id": str(key(found[-1]))}).encode()).decode()
        others = {name: value for name, value in query.items() if name not in ("cursor", "private_token")}
        headers["Link"] = f'<{url}?{urlencode({**others, "per_page": per_page, "cursor": token})}>; rel="next"'
    return found, headers
