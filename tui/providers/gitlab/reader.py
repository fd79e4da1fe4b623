"""Reads one project, as much of it as is due."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from msgspec import Struct

from tui.model.clock import Clock
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized, Unreachable
from tui.providers.gitlab import decode, pace
from tui.providers.gitlab.api import Api, project_path
from tui.providers.gitlab.deployments import Deployments, Newest
from tui.providers.gitlab.errors import NoRoute
from tui.providers.gitlab.pace import Pace
from tui.providers.gitlab.pages import Listing, Odd
from tui.providers.gitlab.watched import Watched
from tui.providers.gitlab.wire import DeploymentRow, EnvironmentRow
from tui.providers.rest import together

_ENVIRONMENT_PAGES = 50
_DEEP_PAGES = 10  # of a project's deployments, on servers that cannot be asked for one environment
_SINGLES = 4  # rows read on their own at a time
_ASIDES = 10  # environments read on their own at a time
_AT_ONCE = 5  # questions by name that are asked side by side
_OTHER_ORDER = "GitLab does not list its deployments newest first, and they are too many to sort."
_EPHEMERAL_STAYS_S = 900.0  # a review app that was stopped


class Due(Struct, frozen=True):
    """What of a project is to be read now."""

    newest: bool = False
    changes: bool = False
    environments: bool = False
    singles: tuple[DeploymentRow, ...] = ()

    @property
    def any(self) -> bool:
        return self.newest or self.changes or self.environments or bool(self.singles)


@dataclass(slots=True)
class Allowance:
    """How many single environments one snapshot may still ask for, in whichever project."""

    left: int

    def take(self, wanted: int) -> int:
        taken = min(self.left, wanted)
        self.left -= taken
        return taken


def due(watched: Watched, plan: Pace, now: float, *, close: bool, asked: bool) -> Due:
    """`close`: somebody looks at the project; `asked`: somebody wants to know now."""
    if watched.retry_at > now and not asked:
        return Due()
    spread = 0.9 + watched.project.id * 37 % 21 / 100  # so that projects are not all asked at the same moment
    hot = watched.hot_until > now
    at_rest_s = pace.FOCUSED_S if close else plan.changes_s * spread
    changes_s = pace.MOVING_S if watched.moves or hot else at_rest_s
    environments_s = max(pace.FOCUSED_S if hot else plan.environments_s * spread, pace.list_s(watched.pages))
    return Due(
        newest=_passed(watched.newest_at, plan.newest_s * spread, now),
        changes=watched.wanted or _passed(watched.changes_at, pace.ASKED_S if asked else changes_s, now),
        environments=watched.wanted or _passed(watched.environments_at, environments_s, now),
        singles=tuple(_singles(watched, now, close=close)[:_SINGLES]),
    )


class Reader:
    def __init__(self, api: Api, deployments: Deployments, clock: Clock) -> None:
        self._api = api
        self._deployments = deployments
        self._clock = clock

    async def read(self, watched: Watched, part: Due) -> None:
        """Read the lists, and what is under way on its own.

        Raises ProviderError; what was read until then stays in `watched`.
        """
        wanted, watched.wanted = watched.wanted, False  # somebody may act while this reads
        try:
            await self._read(watched, part)
        except ProviderError:
            watched.wanted |= wanted
            raise

    async def read_more(self, watched: Watched, allowance: Allowance) -> None:
        """Ask for single environments what the lists do not show: their newest and their live deployment.

        Raises RateLimited, Unauthorized. What was not asked for stays in doubt, and says so.
        """
        await self._read_heads(watched, allowance)
        asides = watched.asides(self._clock.monotonic())
        for environment in asides[: allowance.take(len(asides))]:
            await self._read_environment(watched, environment)
        await self._look_at_blocked(watched)
        watched.prune()

    async def _read(self, watched: Watched, part: Due) -> None:
        first = watched.updated_at is None
        await self._read_lists(watched, newest=part.newest or (part.changes and first), environments=part.environments)
        if part.changes and not first:
            await self._read_changes(watched)
        for environment in watched.stopping()[:_ASIDES]:
            await self._read_environment(watched, environment)
        for row in part.singles:
            now_is = watched.rows.get(row.id)
            if now_is is not None and decode.word(now_is) in decode.UNDER_WAY:
                await self._read_single(watched, row)
        if part.newest:
            await self._look_at_blocked(watched)
        watched.prune()

    # -- lists ------------------------------------------------------------------------------------------------

    async def _read_lists(self, watched: Watched, *, newest: bool, environments: bool) -> None:
        """Fetch them side by side; which environments the newest page reaches shows when both are there.

        Raises ProviderError after what could be read was put down.
        """
        at, seen_at = self._clock.monotonic(), self._clock.now()
        page, listing = await asyncio.gather(
            self._newest(watched, wanted=newest),
            self._environments(watched, wanted=environments),
            return_exceptions=True,
        )
        if isinstance(listing, BaseException):
            raise listing
        if listing is not None:
            await self._put_environments(watched, listing, at)
        if isinstance(page, BaseException):
            raise page
        if page is None:
            return
        watched.put_newest(page, at)
        watched.newest_at = at
        if watched.updated_at is None:  # from then on only the changes move these: the page does not show all of them
            watched.saw(page.items)
            watched.changes_at, watched.seen_at = at, seen_at

    async def _newest(self, watched: Watched, *, wanted: bool) -> Newest | None:
        return await self._deployments.newest(watched.project.id) if wanted else None

    async def _environments(self, watched: Watched, *, wanted: bool) -> Listing[EnvironmentRow] | None:
        if not wanted:
            return None
        path = f"{project_path(watched.project.id)}/environments"
        try:
            return await self._api.all(path, EnvironmentRow, {"states": "available"}, pages=_ENVIRONMENT_PAGES)
        except Refused:  # the server has the parameter, but not this value
            return await self._api.all(path, EnvironmentRow, {}, pages=_ENVIRONMENT_PAGES)

    async def _put_environments(self, watched: Watched, listing: Listing[EnvironmentRow], at: float) -> None:
        for missing in watched.put_environments(listing)[:_ASIDES]:
            await self._read_environment(watched, missing)
        for id_, since in list(watched.stopped_at.items()):
            if decode.is_ephemeral(watched.environments[id_]) and at - since > _EPHEMERAL_STAYS_S:
                watched.forget_environment(id_)
        watched.environments_at = at

    async def _read_changes(self, watched: Watched) -> None:
        """Fetch what was updated. Where that does not show everything that is new, the newest page is read again."""
        at, seen_at = self._clock.monotonic(), self._clock.now()
        changed = await self._deployments.changed(watched.project.id, watched.updated_at or "", watched.highest_id)
        unmet = watched.unmet_environments(changed.found)
        nothing_missed = watched.put_changes(changed.found, whole=changed.whole)
        watched.changes_at, watched.seen_at = at, seen_at
        if unmet and (watched.pages == 1 or len(unmet) > _ASIDES):
            await self._read_lists(watched, newest=False, environments=True)
        else:
            for environment in unmet:
                await self._read_environment(watched, environment)
        if not nothing_missed:
            await self._read_lists(watched, newest=True, environments=False)

    # -- environments on their own ----------------------------------------------------------------------------

    async def _read_heads(self, watched: Watched, allowance: Allowance) -> None:
        """Ask for the newest deployment of environments that the project's newest page does not reach."""
        rows = sorted(watched.environments.values(), key=decode.order)
        wanted = watched.heads.due([row.id for row in rows], self._clock.monotonic())
        wanted = wanted[: allowance.take(len(wanted))]
        while wanted and self._deployments.filters:
            some, wanted = wanted[:_AT_ONCE], wanted[_AT_ONCE:]
            answered = await together(self._read_head(watched, watched.environments[each]) for each in some)
            if not all(answered):
                break
        if not self._deployments.filters and watched.heads.due(watched.environments, self._clock.monotonic()):
            await self._read_deep(watched)

    async def _read_head(self, watched: Watched, environment: EnvironmentRow) -> bool:
        """False: the server does not answer now. Raises RateLimited, Unauthorized."""
        now = self._clock.monotonic()
        try:
            newest = await self._deployments.newest_of(watched.project.id, environment)
        except (RateLimited, Unauthorized):
            raise
        except ProviderError as error:
            watched.heads.failed(environment.id, error.message, now + _patience(error))
            return not isinstance(error, Unreachable)
        if newest.trusted:
            watched.put_newest_of(environment.id, newest, now)
        elif not environment.name:
            watched.heads.failed(environment.id, "Its name could not be read either.", now + pace.REFUSED_S)
        elif self._deployments.filters:
            watched.heads.failed(environment.id, _OTHER_ORDER, now + pace.OLD_S)
        return True

    async def _read_deep(self, watched: Watched) -> None:
        """Go back through the project's deployments, on servers that answer for all environments whatever is asked."""
        now = self._clock.monotonic()
        found: list[DeploymentRow | Odd] = []
        after: str | None = ""
        trusted = True
        for _ in range(_DEEP_PAGES):  # the page that was read already too: it may have moved on
            page = await self._deployments.newest(watched.project.id, after=after or "")
            found += page.found
            after, trusted = page.next, page.trusted
            if after is None:
                break
        watched.put_newest(Newest(found, after, trusted), now)
        for each in watched.heads.due(watched.environments, now):
            why = f"It is not among the {len(found):,} newest of its project, and this GitLab server has no other list."
            watched.heads.failed(each, why, now + pace.OLD_S)

    async def _read_environment(self, watched: Watched, environment: int) -> None:
        """Raises RateLimited, Unauthorized. What else goes wrong concerns this environment only."""
        now = self._clock.monotonic()
        path = f"{project_path(watched.project.id)}/environments/{environment}"
        try:
            row = await self._api.one(path, EnvironmentRow)
        except (RateLimited, Unauthorized):
            raise
        except NoRoute:
            watched.asked.add(environment)
            watched.live_unread.add(environment)
            return
        except NotFound:
            watched.forget_environment(environment)
            return
        except ProviderError as error:
            watched.aside_at[environment] = now + _patience(error)
            return
        if environment not in watched.environments and decode.state(row) == "stopped":
            return  # a review app that is over
        watched.put_environment(row, now)
        last = watched.put_last(row)
        if last is not None:
            self._deployments.remember(watched.project.id, last)

    async def _look_at_blocked(self, watched: Watched) -> None:
        """What is blocked may wait for approvals or for somebody to run its job: the first look at it shows."""
        for row in _singles(watched, self._clock.monotonic(), close=False)[:_SINGLES]:
            if row.id not in watched.singly_at:
                await self._read_single(watched, row)

    async def _read_single(self, watched: Watched, row: DeploymentRow) -> None:
        now = self._clock.monotonic()
        try:
            watched.put_single(await self._deployments.one(watched.project.id, str(row.id)), now)
        except NotFound:  # deleted, which no list tells
            watched.forget_row(row.id)


def _singles(watched: Watched, now: float, *, close: bool) -> list[DeploymentRow]:
    """Rows under way, for what the list does not tell of them: a job's state, approvals. Who waited longest first.

    What is manual stays so until the list shows that somebody ran it.
    """
    wanted: list[tuple[float, DeploymentRow]] = []
    for row in watched.under_way():
        blocked = decode.word(row) == "blocked"
        at = watched.singly_at.get(row.id, 0.0 if blocked else watched.changes_at or 0.0)
        first_look = blocked and row.id not in watched.singly_at
        if blocked and not first_look and decode.is_manual(row, whole=True):
            continue
        patience = pace.SINGLE_S if close or not blocked else pace.WAITING_S
        if first_look or now - at >= patience:
            wanted.append((at, row))
    return [row for _, row in sorted(wanted, key=lambda each: each[0])]


def _passed(at: float | None, seconds: float, now: float) -> bool:
    return at is None or now - at >= seconds


def _patience(error: ProviderError) -> float:
    return pace.REFUSED_S if isinstance(error, (Forbidden, Refused)) else pace.AGAIN_S
