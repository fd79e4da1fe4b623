"""Reads one stack: its newest deployments, its actions, what runs inside it."""

from __future__ import annotations

from tui.model.clock import Clock
from tui.model.errors import ProviderError, RateLimited, Unauthorized
from tui.providers.cloud66 import decode, pending
from tui.providers.cloud66.api import Api, Rows, stack_path
from tui.providers.cloud66.decode import Child
from tui.providers.cloud66.stacks import MOVING_S, RETRY_S, Stack
from tui.providers.cloud66.wire import ActionRow, DeploymentRow, ProcessRow, ServiceRow


class Reader:
    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock

    async def deployments(self, stack: Stack, *, actions: bool) -> Rows[DeploymentRow]:
        """The newest page, with the actions of those that wait. Raises ProviderError; what was known stays."""
        at = self._clock.now()
        try:
            page = await self._api.page(stack_path(stack.row.uid, "deployments"), DeploymentRow)
            if actions:
                await self.actions(stack)
        except ProviderError as error:
            stack.error = error
            stack.retry_at = self._clock.monotonic() + RETRY_S
            raise
        if not decode.is_busy(stack.row) and not actions:
            stack.actions = []
        stack.put(page.items, now=self._clock.monotonic(), at=at)
        return page

    async def actions(self, stack: Stack) -> None:
        page = await self._api.page(stack_path(stack.row.uid, "actions"), ActionRow)
        stack.actions = [each for each in page.items if pending.deploys(each) and pending.is_running(each)]
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
                stack.children_error = error
                stack.children_beat.read(now, stack.children_every_s())

    async def children(self, stack: Stack) -> list[Child]:
        """Services with their containers, or processes. Raises ProviderError."""
        uid, account = stack.row.uid, stack.account
        if decode.is_docker(stack.row):
            found = decode.of_services(await self._api.all(stack_path(uid, "services"), ServiceRow), account)
        else:
            found = decode.of_processes(await self._api.all(stack_path(uid, "processes"), ProcessRow), account)
        stack.children = found
        stack.children_error = None
        stack.children_beat.read(self._clock.monotonic(), stack.children_every_s())
        return found
