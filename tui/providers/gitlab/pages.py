"""Pages of a list: the rows that could be read, those that could not, and where the next page is.

Source: docs.gitlab.com/api/rest#pagination (offset and keyset pages, headers that GitLab and proxies leave out)
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

from msgspec import Raw, Struct, field

from tui.providers import values
from tui.providers.rest import Answer

T = TypeVar("T")

_LINK = 2000  # characters of a link's query
_SAID = 100  # characters of what is odd about a row
_NUMBER = re.compile(r"\d{1,9}")
_NOTHING = re.compile(r"Object missing required field `(\w+)`")
_NO_OBJECT = re.compile(r"Expected `object`, got `(\w+)`")


class Odd(Struct, frozen=True):
    """A row that could not be read. `key` identifies it on other pages; `raw` is what it was."""

    words: str
    key: int
    raw: bytes


class Rows(Struct, Generic[T]):
    """One page, or several in one. `next` is the query of the following page; None: this was the last.

    `found` is in the server's order. `guessed`: no header announced `next`, the page was merely full.
    """

    found: list[T | Odd]
    next: str | None = None
    guessed: bool = False

    @property
    def items(self) -> list[T]:
        return [each for each in self.found if not isinstance(each, Odd)]

    @property
    def odd(self) -> list[Odd]:
        return [each for each in self.found if isinstance(each, Odd)]


class Listing(Struct, Generic[T]):
    """A whole list. `cut`: there is more than was read."""

    items: list[T] = field(default_factory=list)
    odd: list[Odd] = field(default_factory=list)
    pages: int = 0
    cut: bool = False


def decode(rows: Iterable[Raw], kind: type[T]) -> list[T | Odd]:
    """Decode each row on its own and keep the order, which tells what an unreadable row may be newer than."""
    found: list[T | Odd] = []
    same: Counter[bytes] = Counter()
    for row in rows:
        items, odd = values.rows([row], kind)
        found += items
        if odd:
            raw = bytes(row)
            found.append(Odd(_plainer(odd[0]), zlib.crc32(raw, same[raw]), raw))
            same[raw] += 1
    return found


def page_of(answer: Answer, kind: type[T], asked: Mapping[str, Any]) -> Rows[T]:
    """Decode one page. Raises UnexpectedReply where the answer is no list."""
    found = decode(answer.rows(), kind)
    following, guessed = _next(answer, asked, len(found))
    return Rows(found, following, guessed)


def query_of(params: Mapping[str, Any], after: str) -> dict[str, Any]:
    """Merge a list's own parameters with those of the page that `after` names; the first page where it is empty."""
    return {**params, **(dict(parse_qsl(after)) if after else {"page": 1})}


def unread(odd: Iterable[Odd], what: str, where: str) -> list[str]:
    """Describe rows that could not be read in one sentence, each of them counted once: none where there are none."""
    found = {each.key: each for each in odd}
    if not found:
        return []
    number = len(found)
    words = next(iter(found.values())).words
    return [f"{number} {what}{'s' * (number != 1)} of {where} could not be read: {words}."]


def _next(answer: Answer, asked: Mapping[str, Any], count: int) -> tuple[str | None, bool]:
    """By header, by link, else by the page being full. Of a link only the query is used: a proxy may have spoilt the
    rest, and the token goes to no other address."""
    page, per_page = _number(asked.get("page")), _number(asked.get("per_page")) or 1
    told = answer.headers.get("x-next-page")
    if told is not None and _NUMBER.fullmatch(told.strip()) and int(told) > page:
        return f"page={int(told)}&per_page={per_page}", False
    query = answer.links.get("next", {}).get("url", "").partition("?")[2].partition("#")[0]
    link = dict(parse_qsl(query)) if len(query) <= _LINK else {}
    if _leads_on(link, asked, page):
        return urlencode(link), False
    if told is None and page and count >= per_page:
        return f"page={page + 1}&per_page={per_page}", True
    return None, False


def _leads_on(link: Mapping[str, str], asked: Mapping[str, Any], page: int) -> bool:
    """A link to the page itself or to an earlier one would be followed for ever."""
    number = link.get("page", "")
    if _NUMBER.fullmatch(number) and int(number) > page:
        return True
    return bool(cursor := link.get("cursor") or link.get("id_after") or link.get("id_before")) and cursor not in (
        asked.get("cursor"),
        asked.get("id_after"),
        asked.get("id_before"),
    )


def _number(value: object) -> int:
    text = str(value)
    return int(text) if _NUMBER.fullmatch(text) else 0


def _plainer(words: str) -> str:
    if missing := _NOTHING.match(words):
        return f"there is no usable {missing[1]} in it"
    if other := _NO_OBJECT.match(words):
        return f"it is no object but {other[1]}"
    words = words.removesuffix(".")
    return words if len(words) <= _SAID else words[: _SAID - 1] + "…"
