"""One picture of an account: each project is asked only for what is due, what one refuses does not cost the others."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from tui.model.clock import Clock
from tui.model.entities import Ref, Service, Snapshot
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized, Unreachable
from tui.model.provider import PRIORITY, Priority
from tui.providers.gitlab import board, decode, pace
from tui.providers.gitlab.api import Api
from tui.providers.gitlab.decode import Place
from tui.providers.gitlab.deployments import Deployments, query_of
from tui.providers.gitlab.pace import Pace
from tui.providers.gitlab.projects import Projects, Scope
from tui.providers.gitlab.query import DeploymentQuery
from tui.providers.gitlab.reader import Allowance, Due, Reader, due
from tui.providers.gitlab.watched import Watched
from tui.providers.gitlab.wire import DeploymentRow, EnvironmentRow
from tui.providers.values import link

_log = logging.getLogger(__name__)
_AT_ONCE = 5  # projects; each asks for two things at once when it is new


class Inventory:
    """Reads snapshots, and keeps what one leaves for the next. What others read of its projects, they tell it."""

    def __init__(self, api: Api, projects: Projects, deployments: Deployments, clock: Clock) -> None:
        self.has_approvals = True  # until the server says it has not
        self._api = api
        self._projects = projects
        self._reader = Reader(api, deployments, clock)
        self._clock = clock
        self._watched: dict[int, Watched] = {}
        self._focus: Ref | None = None
        self._reading = asyncio.Lock()
        self._has_read = False
        self._logged: frozenset[str] = frozenset()
        self._behind_s: float | None = None  # the monotonic clock behind the wall's

    async def snapshot(self) -> Snapshot:
        async with self._reading:
            scope = await self._projects.scope()
            self._adopt(scope)
            self._look_at_the_clock()
            plan = pace.pace(len(self._watched), self._api.per_minute)
            await self._read_due(plan, asked=PRIORITY.get() is Priority.FOCUSED)
            self._weigh()
            await self._read_more(plan)
            watched = list(self._watched.values())
            snapshot = board.snapshot(self._api.account, watched, scope.problems, self._clock, self.place)
            self._log_news(snapshot.problems)
            return snapshot

    def focus(self, service: Ref | None) -> None:
        if service is not None and service != self._focus and (watched := self._of(service)) is not None:
            watched.wanted = True
        self._focus = service

    # -- what is known --------------------------------------------------------------------------------------

    def place(self, service: Ref) -> Place:
        """What is known of a service beside a deployment's own row."""
        project, environment = decode.split(service)
        watched = self._watched.get(project)
        found = watched.environments.get(environment) if watched is not None else None
        live = watched.live(environment) if watched is not None else None
        row = self._projects.known(project)
        return Place(
            service,
            link(row.web_url) if row is not None else None,
            live=live.id if live is not None else None,
            state=decode.state(found) if found is not None else "available",
            rollback=decode.rollback_allowed(row) if row is not None else None,
            approvals=self.has_approvals,
        )

    def query(self, service: Service) -> DeploymentQuery:
        """Select a service's deployments by its environment's name as GitLab writes it, which screens may not."""
        watched = self._of(service.ref)
        environment = decode.split(service.ref)[1]
        row = watched.environments.get(environment) if watched is not None else None
        if row is not None:
            return query_of(row)
        return DeploymentQuery(environment=service.environment_name, environment_id=environment)

    def row(self, service: Ref, row: DeploymentRow) -> tuple[DeploymentRow, bool]:
        """The row with the approvals that are known of it, and whether it was read on its own."""
        watched = self._of(service)
        if watched is None or row.id not in watched.rows:
            return row, False
        return watched.rows[row.id], row.id in watched.singly_at

    # -- what others found out ------------------------------------------------------------------------------

    def learn(self, service: Ref, rows: list[DeploymentRow]) -> None:
        if (watched := self._of(service)) is not None:
            watched.put(rows)

    def learn_single(self, service: Ref, row: DeploymentRow) -> None:
        if (watched := self._of(service)) is not None:
            watched.put_single(row, self._clock.monotonic())

    def learn_environment(self, service: Ref, row: EnvironmentRow) -> None:
        if (watched := self._of(service)) is not None:
            watched.put_environment(row, self._clock.monotonic())

    def forget(self, service: Ref, deployment: str) -> None:
        watched = self._of(service)
        if watched is not None and deployment.isdecimal():
            watched.forget_row(int(deployment))

    def acted(self, service: Ref) -> None:
        """Something was done there: it is read with the next snapshot, and closely for a while."""
        if (watched := self._of(service)) is not None:
            watched.wanted = True
            watched.hot_until = self._clock.monotonic() + pace.ACTED_S

    def _log_news(self, problems: Iterable[str]) -> None:
        """Log each problem once, not with every picture that has it."""
        for problem in problems:
            if problem not in self._logged:
                _log.warning("Account %s: %s", self._api.account, problem)
        self._logged = frozenset(problems)

    # -- reading --------------------------------------------------------------------------------------------

    def _of(self, service: Ref) -> Watched | None:
        return self._watched.get(decode.split(service)[0])

    def _adopt(self, scope: Scope) -> None:
        known, self._watched = self._watched, {}
        for id_, row in scope.projects.items():
            watched = known.get(id_) or Watched(row)
            watched.project = row
            self._watched[id_] = watched

    def _look_at_the_clock(self) -> None:
        """A laptop that slept: the wall's clock went on, the other did not."""
        behind_s = self._clock.now().timestamp() - self._clock.monotonic()
        if self._behind_s is not None and behind_s - self._behind_s > pace.SLEPT_S:
            for each in self._watched.values():
                each.doubt_all()
        self._behind_s = behind_s

    async def _read_due(self, plan: Pace, *, asked: bool) -> None:
        now = self._clock.monotonic()
        focus = decode.split(self._focus)[0] if self._focus is not None else 0
        parts: list[tuple[Watched, Due]] = []
        for id_, watched in self._watched.items():
            part = due(watched, plan, now, close=id_ == focus, asked=asked)
            if part.any:
                parts.append((watched, part))
        await self._read_all(parts)
        if parts and all(isinstance(watched.error, Unreachable) for watched, _ in parts):
            await self._read_another([watched for watched, _ in parts])

    async def _read_more(self, plan: Pace) -> None:
        """Ask for single environments, the focused project's first, when all lists are read: they cannot cost those."""
        allowance = Allowance(plan.asides if self._has_read else pace.FIRST_ASIDES)
        self._has_read = True
        focus = decode.split(self._focus)[0] if self._focus is not None else 0
        for watched in sorted(self._watched.values(), key=lambda each: each.project.id != focus):
            if watched.error is not None or not allowance.left:
                continue
            try:
                await self._reader.read_more(watched, allowance)
            except RateLimited:
                return

    async def _read_another(self, tried: list[Watched]) -> None:
        """Whether it is these projects or the whole account: another one tells."""
        others = [each for each in self._watched.values() if each not in tried and each.error is None]
        if not others:
            return
        await self._read_all([(others[0], Due(changes=True))])
        if others[0].error is not None:  # it is not known what of the others is still so
            for each in others:
                each.error = others[0].error

    async def _read_all(self, parts: list[tuple[Watched, Due]]) -> None:
        at_once = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            for watched, part in parts:
                group.create_task(self._read_one(watched, part, at_once))

    async def _read_one(self, watched: Watched, part: Due, at_once: asyncio.Semaphore) -> None:
        async with at_once:
            try:
                await self._reader.read(watched, part)
            except ProviderError as error:
                watched.error = error
                patience = pace.REFUSED_S if isinstance(error, (Forbidden, Refused)) else pace.RETRY_S
                watched.retry_at = self._clock.monotonic() + patience
            else:
                watched.error = None

    def _weigh(self) -> None:
        """Raises what concerns the whole account, which is then asked again as soon as somebody does."""
        errors = [each.error for each in self._watched.values() if each.error is not None]
        whole: list[ProviderError] = [error for error in errors if isinstance(error, (RateLimited, Unauthorized))]
        if errors and len(errors) == len(self._watched) and len({type(error) for error in errors}) == 1:
            whole += errors
        if any(isinstance(error, NotFound) for error in errors):
            self._projects.doubt()
        if whole:
            for each in self._watched.values():
                each.error, each.retry_at = None, 0.0
                if not isinstance(whole[0], RateLimited):
                    each.doubt_all()
            raise whole[0]
