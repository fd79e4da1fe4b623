"""One project as it was read so far: its environments, and the deployments that the board shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tui.model.errors import ProviderError
from tui.providers import values
from tui.providers.gitlab import decode, heads, pages
from tui.providers.gitlab.deployments import Newest, parted, unplaced
from tui.providers.gitlab.heads import Heads
from tui.providers.gitlab.pages import Listing, Odd
from tui.providers.gitlab.wire import DeploymentRow, EnvironmentRow, PlaceRow, ProjectRow

_MOVING_KEPT = 20
_NEWEST, _CHANGES = 0, -1  # where unreadable rows were met; of an environment, its id


@dataclass(slots=True, eq=False)
class Watched:
    """Times are of the monotonic clock; None: not read yet."""

    project: ProjectRow
    environments: dict[int, EnvironmentRow] = field(default_factory=dict)
    stopped_at: dict[int, float] = field(default_factory=dict)  # environments that were seen at work before
    rows: dict[int, DeploymentRow] = field(default_factory=dict)
    singly_at: dict[int, float] = field(default_factory=dict)  # when a row was read on its own
    heads: Heads = field(default_factory=Heads)
    asked: set[int] = field(default_factory=set)  # environments whose live deployment, if any, is known
    live_unread: set[int] = field(default_factory=set)  # environments whose last success could not be read
    updated_at: str | None = None  # the newest that the server told
    highest_id: int = 0  # of its deployments that were read, those included that the board does not show
    changes_at: float | None = None
    seen_at: datetime | None = None  # when that was, on the wall's clock, which goes on while a laptop sleeps
    newest_at: float | None = None
    environments_at: float | None = None
    aside_at: dict[int, float] = field(default_factory=dict)  # environments not to be read on their own before
    window: set[int] = field(default_factory=set)  # rows of the last changes
    pages: int = 1  # of the list of environments
    environments_cut: int = 0  # so many were read, and there are more
    wanted: bool = False  # somebody acted, or looks: read it the next time
    hot_until: float = 0.0  # somebody acted: read it closely so long
    retry_at: float = 0.0
    error: ProviderError | None = None  # of the last try
    odd: dict[int, list[Odd]] = field(default_factory=dict)  # deployments that could not be read, by where
    odd_environments: list[Odd] = field(default_factory=list)
    _by_environment: dict[int, list[DeploymentRow]] | None = None  # None: the rows have changed since

    @property
    def name(self) -> str:
        return "/".join(decode.names(self.project))

    @property
    def read_at(self) -> datetime | None:
        """When what the board shows of its deployments was so; None: it was not read yet."""
        return None if self.environments_at is None else self.seen_at

    def doubt_all(self) -> None:
        """Have everything read anew: nobody looked for a while."""
        self.newest_at = None
        self.wanted = True
        self.retry_at = 0.0

    # -- what is missing --------------------------------------------------------------------------------

    def problems(self) -> list[str]:
        """Describe what of it could not be read, or has not been yet."""
        found = pages.unread(self.odd_environments, "environment", self.name)
        if self.environments_cut:
            found.append(f"{self.name} has more than {self.environments_cut:,} environments; the rest is not shown.")
        found += pages.unread((each for odd in self.odd.values() for each in odd), "deployment", self.name)
        if unknown := self.heads.unknown(self.environments):
            of = "1 environment" if len(unknown) == 1 else f"{len(unknown)} environments"
            failed = next((each.error for each in unknown if each.error), "")
            found.append(f"The newest deployment of {of} of {self.name} has not been read yet. {failed}".rstrip())
        if unread := sum(bool(self._live_doubt(each)) for each in self.environments):
            of = "1 environment" if unread == 1 else f"{unread} environments"
            found.append(f"The last successful deployment of {of} of {self.name} could not be read.")
        return found

    def doubt(self, environment: int) -> str:
        """Say why its newest or live deployment may be another one; "" where there is no reason."""
        if doubt := self.heads.doubt(environment):
            return doubt
        if doubt := self._live_doubt(environment):
            return doubt
        latest = self.latest(environment)
        if latest is not None and decode.word(latest) not in decode.STATUS:
            what = f"is “{decode.short(decode.word(latest))}”" if decode.word(latest) else "could not be read"
            return f"The status of its newest deployment, {latest.id}, {what}; what became of it is not known."
        return ""

    def _live_doubt(self, environment: int) -> str:
        """Say why its live deployment is not known. Where a success is known, later ones are among the changes."""
        row = self.environments.get(environment)
        if row is None or decode.state(row) == "stopped" or self.live(environment) is not None:
            return ""
        if environment in self.live_unread:
            return "Its last successful deployment could not be read."
        return "" if environment in self.asked else "Its last successful deployment has not been read yet."

    def stopping(self) -> list[int]:
        return [id_ for id_, row in self.environments.items() if decode.state(row) == "stopping"]

    def asides(self, now: float) -> list[int]:
        """Return environments to be read on their own, for a live deployment that no list shows."""
        return [
            row.id
            for row in sorted(self.environments.values(), key=decode.order)
            if now >= self.aside_at.get(row.id, 0.0) and row.id not in self.asked and self._live_doubt(row.id)
        ]

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
        self._by_environment = None

    def put_newest(self, newest: Newest, now: float) -> None:
        """The newest page: what should be on it and is not was deleted."""
        found = self._placed(newest.found)
        rows, self.odd[_NEWEST] = parted(found)
        self._drop_missing(self.rows.values(), rows, newest)
        self.put(rows)
        self.highest_id = max([self.highest_id, *(row.id for row in rows)])
        if newest.trusted:
            seen = heads.survey(found, self.environment_of)
            self.heads.saw_project(seen, self.environments, now, complete=newest.complete)
            for environment in [each for each in self.odd if each > 0 and not self.heads.doubt(each)]:
                del self.odd[environment]

    def put_newest_of(self, environment: int, newest: Newest, now: float) -> None:
        """The newest rows of one environment, which were asked for by its name."""
        found = self._placed(newest.found)
        rows, odd = parted(found)
        self._drop_missing(self.of(environment), rows, newest)
        self.put(rows)
        self.heads.saw_environment(environment, heads.survey(found, self.environment_of), now)
        if self.heads.doubt(environment):  # an older row that could not be read is a matter of the timeline
            self.odd[environment] = odd
        else:
            self.odd.pop(environment, None)
        if newest.complete and not odd:
            self.asked.add(environment)

    def unmet_environments(self, found: Sequence[DeploymentRow | Odd]) -> list[int]:
        """Return the environments of new rows that are not known, or were stopped: each row brings its own once."""
        rows, _ = parted(found)
        places = [self.environment_of(row.environment) for row in rows if not self._is_known(row.id)]
        self.window = {row.id for row in rows}
        return [
            each
            for each in dict.fromkeys(places)
            if each and (each not in self.environments or each in self.stopped_at)
        ]

    def _is_known(self, deployment: int) -> bool:
        return deployment in self.rows or deployment in self.window

    def put_changes(self, found: Sequence[DeploymentRow | Odd], *, whole: bool) -> bool:
        """Rows that were updated lately. False: a newer deployment of any environment may have been missed."""
        rows, odd = parted(self._placed(found))
        self.put(rows)
        self.saw(rows)
        self.odd[_CHANGES] = odd
        self.highest_id = max([self.highest_id, *(row.id for row in rows)])
        places = [self.environment_of(heads.place_of(row)) for row in self.heads.meet(odd)]
        of_any = None in places or not whole
        self.heads.lose(each for each in self.environments if of_any or each in places)
        return whole and not places

    def put_single(self, row: DeploymentRow, now: float) -> None:
        if row.environment is None and (old := self.rows.get(row.id)) is not None:
            row.environment = old.environment
        self.rows[row.id] = row
        self.singly_at[row.id] = now
        self._by_environment = None

    def saw(self, rows: Iterable[DeploymentRow]) -> None:
        """The newest update among them is where the next reading goes on from."""
        for row in rows:
            at = values.moment(row.updated_at)
            if at is not None and at > (values.moment(self.updated_at) or decode.NEVER):
                self.updated_at = row.updated_at

    def forget_row(self, deployment: int) -> None:
        self.rows.pop(deployment, None)
        self.singly_at.pop(deployment, None)
        self._by_environment = None

    def environment_of(self, place: PlaceRow | None) -> int | None:
        """Return the id of the environment that a row names; 0: one that is not here; None: it names none."""
        if place is None or (place.id is None and not place.name):
            return None
        if place.id is not None:
            return place.id
        return next((id_ for id_, row in self.environments.items() if row.name == place.name), 0)

    def of(self, environment: int) -> list[DeploymentRow]:
        if self._by_environment is None:
            self._by_environment = {}
            for row in self.rows.values():
                if row.environment is not None and row.environment.id is not None:
                    self._by_environment.setdefault(row.environment.id, []).append(row)
        return self._by_environment.get(environment, [])

    def latest(self, environment: int) -> DeploymentRow | None:
        return max(self.of(environment), key=lambda row: row.id, default=None)

    def live(self, environment: int) -> DeploymentRow | None:
        return decode.best(self.of(environment))

    def under_way(self) -> list[DeploymentRow]:
        """The newest of each environment if it has not ended, and whatever runs."""
        newest: dict[int, int] = {}
        for row in self.rows.values():
            if (place := self.environment_of(row.environment)) is not None:
                newest[place] = max(row.id, newest.get(place, 0))
        heads = set(newest.values())
        return [
            row
            for row in self.rows.values()
            if (word := decode.word(row)) == "running" or (row.id in heads and word in decode.UNDER_WAY)
        ]

    @property
    def moves(self) -> bool:
        """Something changes by itself."""
        return bool(self.stopping()) or any(decode.word(row) != "blocked" for row in self.under_way())

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

    def _placed(self, found: Iterable[DeploymentRow | Odd]) -> list[DeploymentRow | Odd]:
        """Complete the rows' environments by name, or from the same row read elsewhere; set aside what has none."""
        rows: list[DeploymentRow | Odd] = []
        for row in found:
            if isinstance(row, DeploymentRow):
                old = self.rows.get(row.id)
                if row.environment is None and old is not None:
                    row.environment = old.environment
                if row.environment is not None and row.environment.id is None:
                    row.environment.id = self.environment_of(row.environment)
                if row.environment is None or row.environment.id is None:
                    rows.append(unplaced(row))
                    continue
            rows.append(row)
        return rows

    def _drop_missing(self, known: Iterable[DeploymentRow], rows: Sequence[DeploymentRow], newest: Newest) -> None:
        """What is as new as the rows of a list and not among them was deleted."""
        if not newest.trusted:
            return
        found = {row.id for row in rows}
        oldest = 0 if newest.complete else min(found, default=0)
        for gone in [row.id for row in known if row.id >= oldest and row.id not in found]:
            self.forget_row(gone)

    # -- environments -----------------------------------------------------------------------------------

    def put_environments(self, listing: Listing[EnvironmentRow]) -> list[int]:
        """The list of those at work. Returns the ids of those that were in it before and are not any more."""
        found = {row.id: row for row in listing.items if decode.state(row) != "stopped"}
        self.pages = listing.pages
        self.odd_environments = listing.odd
        self.environments_cut = len(listing.items) if listing.cut else 0
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

    def put_last(self, environment: EnvironmentRow) -> DeploymentRow | None:
        """Take in the last deployment that an environment itself tells, and return it.

        It may not say its environment, being inside of it.
        """
        self.live_unread.discard(environment.id)
        self.asked.add(environment.id)
        last = values.convert(environment.last_deployment, DeploymentRow)
        if last is None:
            if environment.last_deployment is not None:
                self.live_unread.add(environment.id)
            return None
        if self.environment_of(last.environment) is None:
            last.environment = PlaceRow(environment.id, environment.name)
        self.put([last])
        return last

    def forget_environment(self, environment: int) -> None:
        self.environments.pop(environment, None)
        self.stopped_at.pop(environment, None)
        self.asked.discard(environment)
        self.aside_at.pop(environment, None)
        self.live_unread.discard(environment)
        self.odd.pop(environment, None)
        self.heads.forget(environment)


def _at(row: DeploymentRow) -> float:
    at = values.moment(row.updated_at)
    return at.timestamp() if at is not None else float("inf")
