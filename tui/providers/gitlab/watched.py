"""One project as it was read so far: its environments, and the deployments that the board shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tui.model.errors import ProviderError
from tui.providers.gitlab import decode
from tui.providers.gitlab.wire import DeploymentRow, EnvironmentRow, ProjectRow

_MOVING_KEPT = 20


@dataclass(slots=True, eq=False)
class Watched:
    """Times are of the monotonic clock; None: not read yet."""

    project: ProjectRow
    environments: dict[int, EnvironmentRow] = field(default_factory=dict)
    stopped_at: dict[int, float] = field(default_factory=dict)  # environments that were seen at work before
    rows: dict[int, DeploymentRow] = field(default_factory=dict)
    singly_at: dict[int, float] = field(default_factory=dict)  # when a row was read on its own
    asked: set[int] = field(default_factory=set)  # environments that told their last deployment themselves
    updated_at: str | None = None  # the newest that the server told
    changes_at: float | None = None
    seen_at: datetime | None = None  # when that was, on the wall's clock, which goes on while a laptop sleeps
    newest_at: float | None = None
    environments_at: float | None = None
    wanted: bool = False  # somebody acted, or looks: read it the next time
    hot_until: float = 0.0  # somebody acted: read it closely so long
    retry_at: float = 0.0
    error: ProviderError | None = None  # of the last try

    @property
    def name(self) -> str:
        return self.project.path_with_namespace

    @property
    def read_at(self) -> datetime | None:
        """When what the board shows of its deployments was so; None: it was not read yet."""
        return None if self.environments_at is None else self.seen_at

    def doubt(self) -> None:
        """Everything is to be read anew: nobody looked for a while."""
        self.newest_at = None
        self.wanted = True
        self.retry_at = 0.0

    # -- deployments ------------------------------------------------------------------------------------

    def put(self, rows: Iterable[DeploymentRow]) -> None:
        """Rows of a list. They lack the approvals that are known from a row's own reading while it stays as it was."""
        for row in rows:
            old = self.rows.get(row.id)
            if old is not None:
                if _at(row) < _at(old):
                    continue  # an answer that was overtaken
                if decode.word(old) != decode.word(row):
                    self.singly_at.pop(row.id, None)
                elif decode.detailed(old) and not decode.detailed(row):
                    row.pending_approval_count = old.pending_approval_count
                    row.approvals = old.approvals
                    row.approval_summary = old.approval_summary
            self.rows[row.id] = row

    def put_newest(self, rows: Sequence[DeploymentRow], *, complete: bool) -> None:
        """The newest page: what should be on it and is not was deleted. `complete`: there is no other page."""
        oldest = 0 if complete else min((row.id for row in rows), default=0)
        found = {row.id for row in rows}
        for gone in [id_ for id_ in self.rows if id_ >= oldest and id_ not in found]:
            self.forget_row(gone)
        self.put(rows)

    def put_single(self, row: DeploymentRow, now: float) -> None:
        self.rows[row.id] = row
        self.singly_at[row.id] = now

    def saw(self, rows: Iterable[DeploymentRow]) -> None:
        """The newest update among them is where the next reading goes on from."""
        for row in rows:
            at = decode.moment(row.updated_at)
            if at is not None and at > (decode.moment(self.updated_at) or decode.NEVER):
                self.updated_at = row.updated_at

    def forget_row(self, deployment: int) -> None:
        self.rows.pop(deployment, None)
        self.singly_at.pop(deployment, None)

    def of(self, environment: int) -> list[DeploymentRow]:
        return [row for row in self.rows.values() if row.environment is not None and row.environment.id == environment]

    def latest(self, environment: int) -> DeploymentRow | None:
        return max(self.of(environment), key=lambda row: row.id, default=None)

    def live(self, environment: int) -> DeploymentRow | None:
        return decode.best(self.of(environment))

    def under_way(self) -> list[DeploymentRow]:
        """The newest of each environment if it has not ended, and whatever runs."""
        newest: dict[int, int] = {}
        for row in self.rows.values():
            if row.environment is not None:
                newest[row.environment.id] = max(row.id, newest.get(row.environment.id, 0))
        heads = set(newest.values())
        return [
            row
            for row in self.rows.values()
            if (word := decode.word(row)) == "running" or (row.id in heads and word in decode.UNDER_WAY)
        ]

    @property
    def moves(self) -> bool:
        """Something changes by itself."""
        stopping = any(decode.state(each) == "stopping" for each in self.environments.values())
        return stopping or any(decode.word(row) != "blocked" for row in self.under_way())

    def prune(self) -> None:
        """Keeps what the board shows."""
        kept: set[int] = set()
        for environment in self.environments:
            rows = sorted(self.of(environment), key=lambda row: row.id, reverse=True)
            kept.update(row.id for row in rows[:1])
            kept.update([row.id for row in rows if decode.word(row) in decode.UNDER_WAY][:_MOVING_KEPT])
            live = decode.best(rows)
            kept.update([live.id] if live is not None else [])
        for id_ in [each for each in self.rows if each not in kept]:
            self.forget_row(id_)

    # -- environments -----------------------------------------------------------------------------------

    def put_environments(self, rows: Iterable[EnvironmentRow]) -> list[int]:
        """The whole list of those at work. Gives the ids of those that were in it before and are not any more."""
        found = {row.id: row for row in rows if decode.state(row) != "stopped"}
        missing = [each for each in self.environments if each not in found and each not in self.stopped_at]
        for id_, row in found.items():
            self.stopped_at.pop(id_, None)
            self.environments[id_] = row
        return missing

    def put_environment(self, row: EnvironmentRow, now: float) -> None:
        if decode.state(row) == "stopped":
            self.stopped_at.setdefault(row.id, now)
        else:
            self.stopped_at.pop(row.id, None)
        self.environments[row.id] = row

    def forget_environment(self, environment: int) -> None:
        self.environments.pop(environment, None)
        self.stopped_at.pop(environment, None)
        self.asked.discard(environment)


def _at(row: DeploymentRow) -> float:
    at = decode.moment(row.updated_at)
    return at.timestamp() if at is not None else float("inf")
