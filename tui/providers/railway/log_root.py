"""Railway's log fields, each with how old rows and new ones are asked of it.

No row has an id and no field a cursor: `limit` and dates are all there is. `limit: N` answers with N + 1 rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tui.model.entities import Service
from tui.providers.overlap import Row
from tui.providers.railway import documents
from tui.providers.railway.decode import split
from tui.providers.railway.log_rows import http_row, log_row
from tui.providers.stamps import rfc3339

SECOND = 1_000_000_000
LATE = 30 * SECOND
"""How much later than its time a row may become readable: what is read again overlaps by as much."""

_REPLAY = 500
_EPOCH = "1970-01-01T00:00:00.000000000Z"


class _Dates(Enum):
    BOUNDS = "startDate and endDate"
    WINDOW = "a window before an anchor"
    AFTER = "a window after an anchor, which ends"


@dataclass(frozen=True, slots=True)
class Root:
    """One log: a root field, for queries and for subscriptions, with its variables but the dates.

    `deployment` is whose rows they are where a row does not say it, and "" for a service's own log.
    """

    field: str
    query: str
    subscription: str
    ids: Mapping[str, str]
    filter: str
    row: Callable[[Any, str], Row]
    dates: _Dates
    deployment: str = ""

    def old(self, since: int | None, until: int | None, limit: int, now: int) -> dict[str, Any]:
        """Variables for the newest `limit` rows of a time span (ns), open where it is None."""
        start = None if since is None else rfc3339(max(0, since))
        end = None if until is None else rfc3339(until)
        dates: dict[str, Any]
        match self.dates:
            case _Dates.BOUNDS:
                dates = {"limit": limit, "startDate": start, "endDate": end}
            case _Dates.WINDOW:
                # A day ahead: our clock and theirs need not agree, and the newest row must be inside.
                end = end or rfc3339(now + 86_400 * SECOND)
                dates = {
                    "beforeLimit": limit,
                    "beforeDate": start or _EPOCH,
                    "anchorDate": end,
                    "afterDate": end,
                    "afterLimit": 0,
                }
            case _Dates.AFTER:
                dates = {"beforeLimit": limit, "beforeDate": start, "anchorDate": end}
        return {**self.ids, "filter": self.filter or None, **dates}

    def new(self, since: int, now: int) -> dict[str, Any]:
        """Variables for following from `since` on: some rows before it come again."""
        dates: dict[str, Any]
        match self.dates:
            case _Dates.BOUNDS:
                dates = {"limit": _REPLAY}
            case _Dates.WINDOW:
                dates = {"beforeLimit": _REPLAY, "beforeDate": rfc3339(max(0, since - LATE))}
            case _Dates.AFTER:
                dates = {
                    "anchorDate": rfc3339(max(0, since)),
                    "afterDate": rfc3339(now + 3600 * SECOND),
                    "afterLimit": _REPLAY,
                }
        return {**self.ids, "filter": self.filter, **dates}


def build(deployment: str, search: str) -> Root:
    return Root(
        field="buildLogs",
        query=documents.BUILD_LOGS,
        subscription=documents.ON_BUILD_LOGS,
        ids={"deploymentId": deployment},
        filter=search,
        row=log_row,
        dates=_Dates.BOUNDS,
        deployment=deployment,
    )


def of_deployment(deployment: str, search: str) -> Root:
    return Root(
        field="deploymentLogs",
        query=documents.DEPLOYMENT_LOGS,
        subscription=documents.ON_DEPLOYMENT_LOGS,
        ids={"deploymentId": deployment},
        filter=search,
        row=log_row,
        dates=_Dates.BOUNDS,
        deployment=deployment,
    )


def of_service(service: Service, search: str) -> Root:
    """The environment's log, of which one service: unlike a deployment's, it goes on across redeploys."""
    environment, service_id = split(service.ref)
    only = f"@service:{service_id}"
    return Root(
        field="environmentLogs",
        query=documents.ENVIRONMENT_LOGS,
        subscription=documents.ON_ENVIRONMENT_LOGS,
        ids={"environmentId": environment},
        filter=f"{only} AND ({search})" if search else only,
        row=log_row,
        dates=_Dates.WINDOW,
    )


def requests(deployment: str, search: str) -> Root:
    return Root(
        field="httpLogs",
        query=documents.HTTP_LOGS,
        subscription=documents.ON_HTTP_LOGS,
        ids={"deploymentId": deployment},
        filter=search,
        row=http_row,
        dates=_Dates.AFTER,
        deployment=deployment,
    )
