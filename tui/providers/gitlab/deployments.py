"""Reading deployments: lists by query, single ones, and what has changed; old servers get what they understand."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise

from msgspec import Struct

from tui.model.entities import Ref
from tui.model.errors import Refused
from tui.providers import values
from tui.providers.gitlab import decode
from tui.providers.gitlab.api import PER_PAGE, Api, project_path
from tui.providers.gitlab.pages import Odd, Rows
from tui.providers.gitlab.query import DeploymentQuery, OrderBy
from tui.providers.gitlab.wire import DeploymentRow, EnvironmentRow, PlaceRow

_OVERLAP = timedelta(seconds=5)  # rows of one moment may become visible one after the other
_WINDOW_PAGES = 5
_OLD_WINDOW = 20
_WALKED_PAGES = 10
_KNOWN = 2000
_OF_ONE = 5  # rows asked for of one environment: its newest, and mostly what is live


class Newest(Struct):
    """The newest rows of a list, newest first. `complete`: there are no others. `next` is the following page.

    `trusted` False: a newer row may be missing, because the server does not list them newest first, or, asked for
    one environment, answers for all.
    """

    found: list[DeploymentRow | Odd]
    next: str | None = None
    trusted: bool = True
    guessed: bool = False  # no header announced `next`

    @property
    def items(self) -> list[DeploymentRow]:
        return parted(self.found)[0]

    @property
    def odd(self) -> list[Odd]:
        return parted(self.found)[1]

    @property
    def complete(self) -> bool:
        return self.next is None and self.trusted


class Changed(Struct):
    """Rows that were updated lately. `whole` False: there were more of them than were read."""

    found: list[DeploymentRow | Odd]
    whole: bool


class Deployments:
    """Every row read passes here and is remembered for a while: actions and logs need the job behind a deployment."""

    def __init__(self, api: Api) -> None:
        self.filters = True  # by environment, until the server has shown that it does not
        self._api = api
        self._known: OrderedDict[tuple[int, int], DeploymentRow] = OrderedDict()
        self._by_update = True  # the server can order by the time of the update

    def known(self, service: Ref, deployment: str) -> DeploymentRow | None:
        """Return the row as it was last read, if it was lately."""
        if not deployment.isdecimal():
            return None
        return self._known.get((decode.split(service)[0], int(deployment)))

    async def newest(
        self, project: int, query: DeploymentQuery | None = None, *, per_page: int = PER_PAGE, after: str = ""
    ) -> Newest:
        """Fetch one page, newest first: of the project, or of what `query` selects. Filters are applied again here.

        A server that lists them in another order is read to its end, as far as `_WALKED_PAGES` go.
        Raises Refused for a query that GitLab would not answer.
        """
        query = query or DeploymentQuery()
        rows = await self._page(project, query, per_page=per_page, after=after)
        trusted = True
        if rows.next is not None and not _is_newest_first(rows.items):
            rows = await self._walk(project, query)
            trusted = rows.next is None
            rows.next = None
        if not _is_newest_first(rows.items):
            rows.found = [*rows.odd, *sorted(rows.items, key=lambda row: row.id, reverse=True)]
        return Newest(self._selected(query, rows.found), rows.next, trusted, rows.guessed)

    async def newest_of(self, project: int, environment: EnvironmentRow) -> Newest:
        """Fetch the newest rows of one environment. Not `trusted` where the server answers for all of them."""
        newest = await self.newest(project, query_of(environment), per_page=_OF_ONE)
        newest.trusted = newest.trusted and self.filters and bool(environment.name)
        return newest

    async def one(self, project: int, deployment: str) -> DeploymentRow:
        """Fetch the whole row, with its approvals. Raises NotFound."""
        row = await self._api.one(f"{project_path(project)}/deployments/{_number(deployment)}", DeploymentRow)
        self.remember(project, row)
        return row

    async def changed(self, project: int, since: str, newest_known: int) -> Changed:
        """Fetch what was updated since `since`, the newest `updated_at` seen, on the server's clock.

        Servers that cannot order by it give their newest rows: all that is new if they reach back to `newest_known`.
        """
        at = values.moment(since)
        if self._by_update and at is not None:
            query = DeploymentQuery(order_by=OrderBy.UPDATED_AT, updated_after=at - _OVERLAP)
            try:
                return await self._window(project, query)
            except Refused as error:
                if "order_by" not in error.message:
                    raise
                self._by_update = False
        newest = await self.newest(project, per_page=_OLD_WINDOW)
        reaches = newest.complete or any(row.id <= newest_known for row in newest.items)
        return Changed(newest.found, whole=reaches)

    def remember(self, project: int, row: DeploymentRow) -> None:
        key = (project, row.id)
        self._known[key] = row
        self._known.move_to_end(key)
        while len(self._known) > _KNOWN:
            self._known.popitem(last=False)

    # -- the parts --------------------------------------------------------------------------------------------

    async def _page(
        self, project: int, query: DeploymentQuery, *, per_page: int = PER_PAGE, after: str = ""
    ) -> Rows[DeploymentRow]:
        params = {**query.params(), "per_page": per_page}
        rows = await self._api.page(f"{project_path(project)}/deployments", DeploymentRow, params, after)
        for row in rows.items:
            if row.environment is not None and row.environment.id is None and not row.environment.name:
                row.environment = None
            self.remember(project, row)
        return rows

    async def _window(self, project: int, query: DeploymentQuery) -> Changed:
        found: list[DeploymentRow | Odd] = []
        after: str | None = ""
        for _ in range(_WINDOW_PAGES):
            rows = await self._page(project, query, after=after or "")
            found += self._selected(query, rows.found)
            after = rows.next
            if after is None:
                return Changed(found, whole=True)
        return Changed(found, whole=False)

    async def _walk(self, project: int, query: DeploymentQuery) -> Rows[DeploymentRow]:
        """Fetch every page, up to a bound. `next` of the result is None if that was all."""
        found: list[DeploymentRow | Odd] = []
        after: str | None = ""
        for _ in range(_WALKED_PAGES):
            rows = await self._page(project, query, after=after or "")
            repeats = rows.guessed and bool(rows.found) and rows.found == found[-len(rows.found) :]
            after = None if repeats else rows.next
            found += [] if repeats else rows.found
            if after is None:
                break
        return Rows(found[::-1], after)

    def _selected(self, query: DeploymentQuery, found: list[DeploymentRow | Odd]) -> list[DeploymentRow | Odd]:
        """Filter again on our side: old servers ignore filters that they do not know, and answer 200.

        A row that does not say its environment belongs to the one asked for, unless the server answers for all.
        """
        if query.environment is not None:
            rows, _ = parted(found)
            if any(row.environment is not None and row.environment.name not in ("", query.environment) for row in rows):
                self.filters = False
            if self.filters:
                for row in rows:
                    row.environment = row.environment or PlaceRow(query.environment_id, query.environment)
        if query.environment is not None or query.environment_id is not None:
            found = [row if isinstance(row, Odd) or row.environment else unplaced(row) for row in found]
        return [row for row in found if isinstance(row, Odd) or query.matches(row)]


def query_of(environment: EnvironmentRow) -> DeploymentQuery:
    """Select the deployments of one environment, newest first."""
    return DeploymentQuery(environment=environment.name or None, environment_id=environment.id)


def parted(found: Iterable[DeploymentRow | Odd]) -> tuple[list[DeploymentRow], list[Odd]]:
    """Part a list into the rows that could be read and those that could not."""
    rows: list[DeploymentRow] = []
    odd: list[Odd] = []
    for each in found:
        if isinstance(each, Odd):
            odd.append(each)
        else:
            rows.append(each)
    return rows, odd


def unplaced(row: DeploymentRow) -> Odd:
    """Count a row that may be of any environment among those that could not be read."""
    return Odd(f"deployment {row.id} does not say its environment", -row.id, b"")


def _is_newest_first(rows: list[DeploymentRow]) -> bool:
    return all(newer.id >= older.id for newer, older in pairwise(rows))


def _number(deployment: str) -> int:
    if not deployment.isdecimal() or len(deployment) > 18:
        raise Refused(f"{deployment[:40]!r} is not a deployment of GitLab.", remedy="Its ids are numbers.")
    return int(deployment)
