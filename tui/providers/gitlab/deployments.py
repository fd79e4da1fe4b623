"""Reading deployments: lists by query, single ones, and what has changed; old servers get what they understand."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta

from tui.model.entities import Ref
from tui.model.errors import Refused
from tui.providers.gitlab import decode
from tui.providers.gitlab.api import PER_PAGE, Api, Rows, project_path
from tui.providers.gitlab.query import DeploymentQuery, OrderBy
from tui.providers.gitlab.wire import DeploymentRow

_OVERLAP = timedelta(seconds=5)  # rows of one moment may become visible one after the other
_WINDOW_PAGES = 5
_OLD_WINDOW = 20
_KNOWN = 2000


class Deployments:
    """Every row read passes here and is remembered for a while: actions and logs need the job behind a deployment."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: OrderedDict[tuple[int, int], DeploymentRow] = OrderedDict()
        self._by_update = True  # the server can order by the time of the update

    def known(self, service: Ref, deployment: str) -> DeploymentRow | None:
        """The row as it was last read, if it was lately."""
        if not deployment.isdecimal():
            return None
        return self._known.get((decode.split(service)[0], int(deployment)))

    async def page(
        self, project: int, query: DeploymentQuery, *, page: int = 1, per_page: int = PER_PAGE
    ) -> Rows[DeploymentRow]:
        """One page, filtered again on our side. Raises Refused for a query that GitLab would not answer."""
        params = {**query.params(), "per_page": per_page}
        rows = await self._api.page(f"{project_path(project)}/deployments", DeploymentRow, params, page)
        wanted = [row for row in rows.items if query.matches(row)]
        for row in rows.items:
            self.remember(project, row)
        return Rows(wanted, rows.next)

    async def one(self, project: int, deployment: str) -> DeploymentRow:
        """The whole row, with its approvals. Raises NotFound."""
        row = await self._api.one(f"{project_path(project)}/deployments/{_number(deployment)}", DeploymentRow)
        self.remember(project, row)
        return row

    async def newest(self, project: int) -> list[DeploymentRow]:
        return (await self.page(project, DeploymentQuery())).items

    async def changed(self, project: int, since: str | None) -> list[DeploymentRow]:
        """What was updated since the newest `updated_at` seen, on the server's clock.

        Servers that cannot order by it give their newest rows, among which the changed ones are.
        """
        at = decode.moment(since)
        if at is None:
            return await self.newest(project)
        if self._by_update:
            query = DeploymentQuery(order_by=OrderBy.UPDATED_AT, updated_after=at - _OVERLAP)
            found: list[DeploymentRow] = []
            page: int | None = 1
            try:
                while page is not None and page <= _WINDOW_PAGES:
                    rows = await self.page(project, query, page=page)
                    found += rows.items
                    page = rows.next
            except Refused as error:
                if "order_by" not in error.message:
                    raise
                self._by_update = False
            else:
                return found
        return (await self.page(project, DeploymentQuery(), per_page=_OLD_WINDOW)).items

    def remember(self, project: int, row: DeploymentRow) -> None:
        key = (project, row.id)
        self._known[key] = row
        self._known.move_to_end(key)
        while len(self._known) > _KNOWN:
            self._known.popitem(last=False)


def _number(deployment: str) -> int:
    if not deployment.isdecimal() or len(deployment) > 18:
        raise Refused(f"{deployment[:40]!r} is not a deployment of GitLab.", remedy="Its ids are numbers.")
    return int(deployment)
