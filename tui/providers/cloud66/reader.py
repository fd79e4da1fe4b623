"""Reads one stack: its newest deployments, its actions, what runs inside it."""

from __future__ import annotations

from tui.model.clock import Clock
from tui.model.errors import NotFound, ProviderError, RateLimited, Unauthorized
from tui.providers.cloud66 import decode, pending
from tui.providers.cloud66.api import Api, stack_path
from tui.providers.cloud66.decode import Child
from tui.providers.cloud66.listing import Newest, Rows
from tui.providers.cloud66.stacks import MOVING_S, RETRY_S, Stack
from tui.providers.cloud66.wire import ActionRow, DeploymentRow, ProcessRow, ServiceRow


class Reader:
    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def deployments(self, stack: Stack, *, actions: bool) -> Newest[DeploymentRow]:
        """The newest page, with the actions of those that wait. Raises ProviderError; what was known stays."""
        at = self._clock.now()
        path = stack_path(stack.row.uid, "deployments")
        try:
            found = await self._api.newest(path, DeploymentRow, last=stack.last_page)
            if actions:
                await self.actions(stack)
        except ProviderError as error:
            stack.error = error
            stack.retry_at = self._clock.monotonic() + RETRY_S
            raise
        if not decode.is_busy(stack.row) and not actions:
            stack.actions, stack.actions_odd = [], ()
        stack.put(found, now=self._clock.monotonic(), at=at)
        return found

    async def older(self, stack: Stack, number: int) -> Rows[DeploymentRow]:
        """One page of its deployments, whose `next` is the page of those before. A page that is not there is empty."""
        try:
            page = await self._api.page(stack_path(stack.row.uid, "deployments"), DeploymentRow, number)
        except NotFound:
            if number == 1:
                raise
            return Rows(DeploymentRow, [])
        if stack.last_page is not None:
            page.next = number - 1 or None
        return page

    async def actions(self, stack: Stack) -> None:
        found = await self._api.newest(stack_path(stack.row.uid, "actions"), ActionRow)
        stack.actions = [each for each in found.rows.items if pending.deploys(each) and pending.is_running(each)]
        stack.actions_odd = tuple(found.rows.problems(decode.stack_name(stack.row)))
        stack.actions_beat.at = self._clock.monotonic()

    async def refresh(self, stack: Stack, *, focused: bool) -> None:
        """As much as is due. An error of one part stays in the stack; one that concerns the account is raised."""
        now = self._clock.monotonic()
        if focused and stack.moves:
            stack.timeline_beat.soon(now, MOVING_S)
        if stack.wants_deployments(now, focused=focused):
            try:
                await self.deployments(stack, actions=stack.wants_actions(now))
            except (RateLimited, Unauthorized):
                raise
            except ProviderError:
                return
        elif focused and stack.wants_actions(now):
            try:
                await self.actions(stack)
            except (RateLimited, Unauthorized):
                raise
            except ProviderError as error:
                stack.error = error
        if focused and stack.wants_children(now):
            try:
                await self.children(stack)
            except (RateLimited, Unauthorized):
                raise
            except ProviderError as error:
                stack.children_error, stack.children, stack.children_odd = error, None, ()
                stack.children_beat.read(now, stack.children_every_s())

    async def children(self, stack: Stack) -> list[Child]:
        """Services with their containers, or processes. Raises ProviderError."""
        uid, account, of = stack.row.uid, stack.account, decode.stack_name(stack.row)
        if decode.is_docker(stack.row):
            services = await self._api.all(stack_path(uid, "services"), ServiceRow)
            found, odd = decode.of_services(services.items, account), services.problems(of)
        else:
            processes = await self._api.all(stack_path(uid, "processes"), ProcessRow)
            found, odd = decode.of_processes(processes.items, account), processes.problems(of)
        stack.children, stack.children_odd = found, tuple(odd)
        stack.children_error = None
        stack.children_beat.read(self._clock.monotonic(), stack.children_every_s())
        return found
