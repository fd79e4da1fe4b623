"""What to list of a project's deployments: every filter there is, checked before it is sent and again on the rows.

Source: docs.gitlab.com/api/deployments (list project deployments); the pairing rules are those of GitLab's finder.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from tui.model.errors import Refused
from tui.providers import values
from tui.providers.gitlab import decode
from tui.providers.gitlab.wire import DeploymentRow, PlaceRow


class OrderBy(StrEnum):
    ID = "id"
    IID = "iid"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    FINISHED_AT = "finished_at"
    REF = "ref"  # gone from the newest servers


class Sort(StrEnum):
    ASC = "asc"
    DESC = "desc"


class Word(StrEnum):
    """A deployment's status in GitLab's own words."""

    CREATED = "created"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    BLOCKED = "blocked"


class DeploymentQuery(Struct, frozen=True):
    """Newest first by default, where GitLab's own default is the oldest first. Times are aware."""

    order_by: OrderBy = OrderBy.ID
    sort: Sort = Sort.DESC
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    finished_after: datetime | None = None
    finished_before: datetime | None = None
    environment: str | None = None  # the exact name
    environment_id: int | None = None  # not sent: GitLab filters by name only
    status: Word | None = None

    def params(self) -> dict[str, Any]:
        """The query string's parts. Raises Refused for a combination that GitLab answers with 400."""
        self.check()
        times = {
            "updated_after": self.updated_after,
            "updated_before": self.updated_before,
            "finished_after": self.finished_after,
            "finished_before": self.finished_before,
        }
        return {
            "order_by": self.order_by.value,
            "sort": self.sort.value,
            **{name: _utc(at) for name, at in times.items() if at is not None},
            **({"environment": self.environment} if self.environment is not None else {}),
            **({"status": self.status.value} if self.status is not None else {}),
        }

    def check(self) -> None:
        by_update = self.updated_after is not None or self.updated_before is not None
        by_finish = self.finished_after is not None or self.finished_before is not None
        if by_update and by_finish:
            raise Refused("GitLab filters by the time of the update or of the end, not by both.")
        if by_finish != (self.order_by is OrderBy.FINISHED_AT):
            raise Refused("A filter by the time of the end goes with order_by=finished_at, and the other way round.")
        if by_finish and self.status is not Word.SUCCESS:
            raise Refused("A filter by the time of the end goes with status=success.")
        if by_update and self.order_by is not OrderBy.UPDATED_AT:
            raise Refused("A filter by the time of the update goes with order_by=updated_at.")

    def is_of(self, place: PlaceRow | None) -> bool:
        """Tell whether a row's environment was asked for; by id where both are known, for names may change."""
        if self.environment is None and self.environment_id is None:
            return True
        if place is None:
            return False
        if self.environment_id is not None and place.id is not None:
            return place.id == self.environment_id
        return bool(place.name) and place.name == self.environment

    def matches(self, row: DeploymentRow) -> bool:
        """Tell whether the row was asked for: old servers ignore filters they do not know, and answer 200."""
        if not self.is_of(row.environment):
            return False
        if self.status is not None and decode.word(row) != self.status:
            return False
        finished_at = row.job.finished_at if row.job is not None else None
        return _within(row.updated_at, self.updated_after, self.updated_before) and _within(
            finished_at, self.finished_after, self.finished_before
        )


def _within(text: str | None, after: datetime | None, before: datetime | None) -> bool:
    at = values.moment(text)
    return at is None or ((after is None or at >= after) and (before is None or at <= before))


def _utc(at: datetime) -> str:
    """With a `Z`: the plus of an offset would be read as a blank if anything on the way decoded it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
