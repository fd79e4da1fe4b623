"""Cloud 66's lists: their pages, the order of their rows, and what of them could not be read.

A list may say where its next page is, how many pages or rows there are, or nothing. It comes newest first, as the
dashboard shows it, or oldest first. Nothing of it is cut without a word.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Struct

from tui.model.errors import NotFound
from tui.providers.cloud66 import wire
from tui.providers.cloud66.wire import PageRow

PER_PAGE = 30
PAGES = 200  # of one list; then it is said that there is more

T = TypeVar("T")


class Numbered(Protocol):
    @property
    def id(self) -> int: ...


N = TypeVar("N", bound=Numbered)

_CALLED: dict[type, tuple[str, str, str]] = {
    wire.StackRow: ("stack", "stacks", "uid"),
    wire.DeploymentRow: ("deployment", "deployments", "id"),
    wire.ActionRow: ("action", "actions", "id"),
    wire.ServiceRow: ("service", "services", "name"),
    wire.ProcessRow: ("process", "processes", "name"),
    wire.AccountRow: ("account", "accounts", "id"),
    wire.OperationLine: ("line", "lines", "text"),
}
"""One, several, and what a row without cannot be told from the others."""


class Rows(Struct, Generic[T]):
    """One page or several. `slots` are its rows in the order in which they came; None: a row that cannot be read.

    `next` is the number of the following page; None: this was the last. `is_cut`: there is more that was not read.
    """

    kind: type[T]
    slots: list[T | None]
    number: int = 1
    next: int | None = None
    place: PageRow = msgspec.field(default_factory=PageRow)
    raw: list[msgspec.Raw] = []
    is_cut: bool = False

    @property
    def items(self) -> list[T]:
        return [each for each in self.slots if each is not None]

    @property
    def odd(self) -> int:
        return sum(each is None for each in self.slots)

    @property
    def is_whole(self) -> bool:
        """Every row was read: only then it is known what is not in the list."""
        return not self.odd and not self.is_cut

    @property
    def promises_more(self) -> bool:
        """The list itself says that another page follows, rather than a full page making it likely."""
        return self.next is not None and (self.place.next is not UNSET or self.place.pages is not None)

    def is_again(self, other: Rows[T]) -> bool:
        """Tell whether a server that does not page has sent the same rows for another page."""
        return list(map(bytes, self.raw)) == list(map(bytes, other.raw))

    def problems(self, of: str = "") -> list[str]:
        """Say what could not be read. `of` names whose rows they are."""
        one, many, identity = _CALLED[self.kind]
        whose = f" of {of}" if of else ""
        said = []
        if self.odd:
            said.append(f"{self.odd} {one if self.odd == 1 else many}{whose} could not be read: no usable {identity}.")
        if self.is_cut:
            said.append(f"Not all {many}{whose} could be read: Cloud 66 lists more than {len(self.slots)}.")
        return said


class Newest(Struct, Generic[N]):
    """The newest rows of a list: its first page, or its last one or two where it comes oldest first.

    `number` is the page of the newest rows, `older` the one of those before `rows`. `is_jumbled`: the rows are in no
    order, so newer ones may stand on later pages.
    """

    rows: Rows[N]
    number: int = 1
    older: int | None = None
    oldest_first: bool = False
    is_jumbled: bool = False

    @property
    def may_lack_newest(self) -> bool:
        return self.is_jumbled or self.rows.is_cut or may_lack_newest(self.rows.slots)

    def problems(self, of: str) -> list[str]:
        said = self.rows.problems(of)
        if self.is_jumbled:
            many = _CALLED[self.rows.kind][1]
            said.append(
                f"Cloud 66 lists the {many} of {of} in no order: newer ones may be on pages that were not read."
            )
        return said


Fetch = Callable[[int], Awaitable[Rows[T]]]
"""Fetch the page of that number."""


async def all_pages(fetch: Fetch[T]) -> Rows[T]:
    """Return the rows of all pages, one after the other. Raises ProviderError."""
    page = await fetch(1)
    slots = list(page.slots)
    for _ in range(PAGES - 1):
        if page.next is None:
            return Rows(page.kind, slots)
        after = await _page_after(fetch, page)
        if after is None:
            return Rows(page.kind, slots, is_cut=page.promises_more)
        slots += after.slots
        page = after
    return Rows(page.kind, slots, is_cut=page.next is not None)


async def newest(fetch: Fetch[N], last: int | None = None) -> Newest[N]:
    """Return the newest rows. `last`: the list came oldest first before, and that page was its last.

    Raises ProviderError.
    """
    page = await fetch(last or 1)
    if last is not None and not page.slots:
        page, last = await fetch(1), None
    if last is None and (page.next is None or not is_oldest_first(page.slots)):
        jumbled = page.next is not None and sum(map(bool, page.slots)) > 1 and not is_newest_first(page.slots)
        return Newest(page, older=page.next, is_jumbled=jumbled)
    return await _last_pages(fetch, page, last or 1)


async def _last_pages(fetch: Fetch[N], page: Rows[N], number: int) -> Newest[N]:
    """Go on to the last page. With the one before it where it is short: what is live may stand there."""
    for _ in range(PAGES):
        if page.next is None:
            break
        after = max(page.next, page.place.pages or 0)
        found = await _page_after(fetch, page, after)
        if found is None:
            page.is_cut = page.promises_more
            break
        page, number = found, after
    else:
        page.is_cut = True
    older = number - 1
    if older and len(page.slots) < (page.place.per_page or PER_PAGE):
        before = await fetch(older)
        page.slots = [*before.slots, *page.slots]
        older -= 1
    return Newest(page, number, older or None, oldest_first=True)


async def _page_after(fetch: Fetch[T], page: Rows[T], number: int | None = None) -> Rows[T] | None:
    """Return the following page; None where there is none after all: it is empty, or the same page again."""
    assert page.next is not None
    try:
        found = await fetch(number or page.next)
    except NotFound:
        if page.promises_more:
            raise
        return None
    return None if not found.slots or found.is_again(page) else found


def following(page: int, rows: int, place: PageRow) -> int | None:
    """Return the number of the page after `page`, which had that many rows; None where it was the last.

    Forms seen: `next`; `next` null or absent beside `pages`; only `count`; nothing at all, where a full page may be
    followed by another.
    """
    after = page + 1
    if isinstance(place.next, int) and place.next > page:
        return after
    if place.pages is not None:
        return after if page < place.pages else None
    if place.next is None:
        return None
    is_full = rows >= (place.per_page or PER_PAGE)
    more_counted = place.count is not None and place.count > page * rows
    return after if rows and (is_full or more_counted) else None


def is_oldest_first(slots: Sequence[Numbered | None]) -> bool:
    """Two rows are needed to tell."""
    ids = [each.id for each in slots if each is not None]
    return len(ids) > 1 and all(one < other for one, other in pairwise(ids))


def is_newest_first(slots: Sequence[Numbered | None]) -> bool:
    ids = [each.id for each in slots if each is not None]
    return len(ids) > 1 and all(one > other for one, other in pairwise(ids))


def may_lack_newest(slots: Sequence[Numbered | None]) -> bool:
    """A row that cannot be read stands where the newest stands, or the order of the list does not show where it is."""
    if None not in slots:
        return False
    if is_newest_first(slots):
        return slots[0] is None
    if is_oldest_first(slots):
        return slots[-1] is None
    return True
