"""One picture of an account: the list of stacks each time, and of each stack only what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase

from tui.model.clock import Clock
from tui.model.entities import Deployment, Environment, Instance, Kind, Project, Ref, Service, Snapshot
from tui.model.errors import ProviderError, RateLimited, Unauthorized
from tui.providers.cloud66 import decode, doubts, pending, reasons, words
from tui.providers.cloud66.api import Api
from tui.providers.cloud66.listing import Rows
from tui.providers.cloud66.reader import Reader
from tui.providers.cloud66.stacks import ACTED_S, SHOWN_S, Stack
from tui.providers.cloud66.wire import DeploymentRow, StackRow

_AT_ONCE = 10


class Inventory:
    """Keeps what was read of each stack, for the next picture and for everybody else in this package."""

    def __init__(self, api: Api, reader: Reader, clock: Clock, wanted: Sequence[str]) -> None:
        self._api = api
        self._reader = reader
        self._clock = clock
        self._wanted = [each.casefold() for each in wanted]
        self._stacks: dict[str, Stack] = {}
        self._focused = ""

    def focus(self, service: Ref | None) -> None:
        self._focused = service.id if service is not None else ""

    def stack(self, service: Ref) -> Stack:
        """What is remembered; a stack that was never listed has an empty row."""
        found = self._stacks.get(service.id)
        return found if found is not None else Stack(self._api.account, StackRow(service.id))

    def acted(self, service: Ref) -> None:
        """Something was done to it: it is read with every picture for a while."""
        if (stack := self._stacks.get(service.id)) is not None:
            stack.hot_until = self._clock.monotonic() + ACTED_S
            stack.retry_at = 0.0

    async def snapshot(self) -> Snapshot:
        self._api.warnings()
        observed_at = self._clock.now()
        listed = await self._api.all("stacks", StackRow)
        self._list(listed, observed_at)
        at_once = asyncio.Semaphore(_AT_ONCE)
        first_look = not any(stack.read_at for stack in self._stacks.values())
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._refresh(stack, at_once)) for stack in self._stacks.values()]
        for error in filter(None, (task.result() for task in tasks)):
            raise error
        stacks = list(self._stacks.values())
        if first_look and stacks and all(stack.error is not None for stack in stacks):
            for error in filter(None, (stack.error for stack in stacks)):
                raise error
        problems = [*listed.problems(), *doubts.problems(stacks, focused=self._focused), *self._api.warnings()]
        if not stacks:
            problems.append(self._nothing(listed))
        return self._picture(stacks, observed_at, problems)

    def _list(self, listed: Rows[StackRow], at: datetime) -> None:
        """Take what the list says. A stack that it does not name is gone, unless a row could not be read."""
        found: dict[str, Stack] = {}
        for row in listed.items:
            if decode.is_cluster(row) or not self._is_wanted(row):
                continue
            stack = self._stacks.get(row.uid) or Stack(self._api.account, row)
            stack.row, stack.listed_at, stack.is_listed = row, at, True
            found[row.uid] = stack
        for uid, stack in self._stacks.items() if not listed.is_whole else ():
            if uid not in found:
                stack.is_listed = False
                found[uid] = stack
        self._stacks = found

    def _is_wanted(self, row: StackRow) -> bool:
        """A stack without a name that can be read may be wanted."""
        name = words.text(row.name).casefold()
        names = (name, decode.account_name(row).casefold())
        wanted = any(fnmatchcase(each, pattern) for each in names for pattern in self._wanted)
        return wanted or not name or not self._wanted

    async def _refresh(self, stack: Stack, at_once: asyncio.Semaphore) -> ProviderError | None:
        """The error that concerns the whole account, if one came."""
        async with at_once:
            try:
                await self._reader.refresh(stack, focused=stack.row.uid == self._focused)
            except (RateLimited, Unauthorized) as error:
                return error
        return None

    def _nothing(self, listed: Rows[StackRow]) -> str:
        """Say why there is no stack to show."""
        if not listed.is_whole:
            return "No stack can be shown: what this token sees could not be read whole."
        if listed.items and self._wanted:
            return "None of the stacks is among the configured projects: name stacks or accounts there."
        if listed.items:
            return "The token is good, but sees only clusters, which are not shown."
        return "The token is good, but sees no stack."

    def _picture(self, stacks: Sequence[Stack], observed_at: datetime, problems: Sequence[str]) -> Snapshot:
        account = self._api.account
        projects: dict[str, Project] = {}
        environments: dict[str, Environment] = {}
        services: list[Service] = []
        for stack in stacks:
            row = stack.row
            owner, name = decode.account_id(row), decode.environment_name(row)
            project = projects.setdefault(owner, Project(Ref(account, Kind.PROJECT, owner), decode.account_name(row)))
            place = f"{owner}:{name}"
            environment = environments.setdefault(
                place, Environment(Ref(account, Kind.ENVIRONMENT, place), project.ref, name)
            )
            services.append(self._service(stack, project, environment))
        return Snapshot(
            account=account,
            observed_at=observed_at,
            projects=tuple(projects.values()),
            environments=tuple(environments.values()),
            services=tuple(services),
            problems=tuple(problems),
        )

    def _service(self, stack: Stack, project: Project, environment: Environment) -> Service:
        row = stack.row
        latest, live = _newest(stack, self._clock.now())
        doubt = doubts.doubt(stack)
        return Service(
            ref=stack.ref,
            project=project.ref,
            environment=environment.ref,
            name=decode.name(row),
            project_name=project.name,
            environment_name=environment.name,
            status=decode.stack_status(row, serves=live is not None),
            status_raw=decode.stack_word(row),
            url=decode.stack_url(row),
            latest=latest,
            live=live,
            instances=self._instances(stack),
            not_now=reasons.of_service(latest, doubt, docker=decode.is_docker(row)),
            observed_at=_observed_at(stack),
            doubt=doubt,
        )

    def _instances(self, stack: Stack) -> tuple[Instance, ...]:
        age_s = stack.children_beat.age_s(self._clock.monotonic())
        if age_s is None or (stack.row.uid != self._focused and age_s > SHOWN_S):
            return ()
        return tuple(child.instance for child in stack.children or ())


def shown(stack: Stack, now: datetime) -> list[Deployment]:
    """The newest deployments, those that are not listed yet first."""
    return [*pending.waiting(stack, now), *(_listed(stack, row, now) for row in stack.deployments)]


def _newest(stack: Stack, now: datetime) -> tuple[Deployment | None, Deployment | None]:
    """(the newest, the one that serves): all that a picture shows, and of 200 stacks all that is worth decoding."""
    waiting = pending.waiting(stack, now)
    latest = waiting[0] if waiting else _listed(stack, stack.deployments[0], now) if stack.deployments else None
    live = next((_listed(stack, row, now) for row in stack.deployments if row.id == stack.live), None)
    return latest, live if live is not None and live.is_live else None


def _listed(stack: Stack, row: DeploymentRow, now: datetime) -> Deployment:
    seen_at = None if row.started_at else stack.seen_at.setdefault(str(row.id), now)
    return decode.deployment(row, stack.place, seen_at)


def _observed_at(stack: Stack) -> datetime | None:
    """None: with the picture."""
    if not stack.is_listed:
        return stack.listed_at
    return stack.read_at if stack.error is not None else None
