"""Reads one project, as much of it as is due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from msgspec import Struct

from tui.model.clock import Clock
from tui.model.errors import NotFound, Refused
from tui.providers.gitlab import decode, pace, wire
from tui.providers.gitlab.api import Api, project_path
from tui.providers.gitlab.deployments import Deployments
from tui.providers.gitlab.errors import NoRoute
from tui.providers.gitlab.pace import Pace
from tui.providers.gitlab.query import DeploymentQuery
from tui.providers.gitlab.watched import Watched
from tui.providers.gitlab.wire import DeploymentRow, EnvironmentRow

_ENVIRONMENT_PAGES = 10
_SINGLES = 4  # rows read on their own at a time
_ASIDES = 10  # environments read on their own at a time
_EPHEMERAL_STAYS_S = 900.0  # a review app that was stopped


class Due(Struct, frozen=True):
    """What of a project is to be read now."""

    newest: bool
    changes: bool
    environments: bool
    singles: tuple[DeploymentRow, ...]

    @property
    def any(self) -> bool:
        return self.newest or self.changes or self.environments or bool(self.singles)


def due(watched: Watched, plan: Pace, now: float, *, close: bool, asked: bool) -> Due:
    """`close`: somebody looks at the project; `asked`: somebody wants to know now."""
    if watched.retry_at > now and not asked:
        return Due(False, False, False, ())
    spread = 0.9 + watched.project.id * 37 % 21 / 100  # so that projects are not all asked at the same moment
    if watched.moves or watched.hot_until > now:
        changes_s = pace.MOVING_S
    else:
        changes_s = pace.FOCUSED_S if close else plan.changes_s * spread
    return Due(
        _passed(watched.newest_at, plan.newest_s * spread, now),
        watched.wanted or _passed(watched.changes_at, pace.ASKED_S if asked else changes_s, now),
        watched.wanted or _passed(watched.environments_at, plan.environments_s * spread, now),
        tuple(_singles(watched, now, close=close)[:_SINGLES]),
    )


class Reader:
    def __init__(self, api: Api, deployments: Deployments, clock: Clock) -> None:
        self._api = api
        self._deployments = deployments
        self._clock = clock

    async def read(self, watched: Watched, part: Due) -> None:
        """Raises ProviderError; what was read until then stays in `watched`."""
        now = self._clock.monotonic()
        environments = part.environments
        if part.newest and environments:
            await _both(self._read_newest(watched), self._read_environments(watched))
            environments = False
        elif part.newest:
            await self._read_newest(watched)
        elif part.changes:
            environments |= await self._read_changes(watched)
        if environments:
            await self._read_environments(watched)
        await self._read_asides(watched)
        for row in part.singles:
            now_is = watched.rows.get(row.id)
            if now_is is not None and decode.word(now_is) in decode.UNDER_WAY:
                await self._read_single(watched, row)
        for row in _singles(watched, now, close=False)[:_SINGLES] if part.newest else ():
            if row.id not in watched.singly_at:  # what is blocked may wait for approvals or not: the first look tells
                await self._read_single(watched, row)
        watched.prune()
        watched.wanted = False

    async def _read_newest(self, watched: Watched) -> None:
        at, seen_at = self._clock.monotonic(), self._clock.now()
        page = await self._deployments.page(watched.project.id, DeploymentQuery())
        watched.put_newest(page.items, complete=page.next is None)
        watched.saw(page.items)
        watched.changes_at = watched.newest_at = at
        watched.seen_at = seen_at

    async def _read_changes(self, watched: Watched) -> bool:
        """Whether a deployment came in an environment that is not known, or was stopped."""
        at, seen_at = self._clock.monotonic(), self._clock.now()
        rows = await self._deployments.changed(watched.project.id, watched.updated_at)
        news = [row.environment.id for row in rows if row.id not in watched.rows and row.environment is not None]
        watched.put(rows)
        watched.saw(rows)
        watched.changes_at, watched.seen_at = at, seen_at
        return any(each not in watched.environments or each in watched.stopped_at for each in news)

    async def _read_environments(self, watched: Watched) -> None:
        at = self._clock.monotonic()
        path = f"{project_path(watched.project.id)}/environments"
        try:
            params = {"states": "available"}
            rows = await self._api.all(path, EnvironmentRow, params, pages=_ENVIRONMENT_PAGES)
        except Refused:  # the server has the parameter, but not this value
            rows = await self._api.all(path, EnvironmentRow, {}, pages=_ENVIRONMENT_PAGES)
        for missing in watched.put_environments(rows)[:_ASIDES]:
            await self._read_environment(watched, missing)
        for id_, since in list(watched.stopped_at.items()):
            if decode.is_ephemeral(watched.environments[id_]) and at - since > _EPHEMERAL_STAYS_S:
                watched.forget_environment(id_)
        watched.environments_at = at

    async def _read_asides(self, watched: Watched) -> None:
        """Environments on their own: one that is being stopped, and one of which no list told what serves."""
        wanted = [
            id_
            for id_, row in watched.environments.items()
            if decode.state(row) == "stopping" or (id_ not in watched.asked and watched.live(id_) is None)
        ]
        for environment in wanted[:_ASIDES]:
            await self._read_environment(watched, environment)

    async def _read_environment(self, watched: Watched, environment: int) -> None:
        path = f"{project_path(watched.project.id)}/environments/{environment}"
        try:
            row = await self._api.one(path, EnvironmentRow)
        except NoRoute:
            watched.asked.add(environment)
            return
        except NotFound:
            watched.forget_environment(environment)
            return
        watched.put_environment(row, self._clock.monotonic())
        watched.asked.add(environment)
        last = wire.convert(row.last_deployment, DeploymentRow)
        if last is not None and last.environment is not None and last.environment.id == environment:
            watched.put([last])
            self._deployments.remember(watched.project.id, last)

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


async def _both(one: Awaitable[None], other: Awaitable[None]) -> None:
    """Side by side. Raises the first's error rather than a group."""
    results = await asyncio.gather(one, other, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
