"""A stack's deployments, page by page and one by one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

from tui.model.clock import Clock
from tui.model.entities import Deployment, Page, Ref, Service
from tui.model.errors import NotFound
from tui.providers.cloud66 import decode, evidence, inventory, pending
from tui.providers.cloud66.api import Api, stack_path
from tui.providers.cloud66.decode import Place
from tui.providers.cloud66.inventory import Inventory
from tui.providers.cloud66.listing import PAGES, Rows
from tui.providers.cloud66.reader import Reader
from tui.providers.cloud66.stacks import Stack
from tui.providers.cloud66.wire import ActionRow, DeploymentRow
from tui.providers.values import moment

_SKEW = timedelta(seconds=5)  # a deployment begins after the action that makes it, or with it


class Timeline:
    def __init__(self, api: Api, stacks: Inventory, reader: Reader, clock: Clock) -> None:
        self._api = api
        self._inventory = stacks
        self._reader = reader
        self._clock = clock

    async def page(self, service: Service, before: str | None, limit: int) -> Page[Deployment]:
        """`before` is `page:id`: what is older than that id, from that page on. New deployments push rows to later
        pages, so the page alone would repeat some."""
        stack = self._inventory.stack(service.ref)
        if before is None:
            return await self._first(stack, limit)
        name = decode.stack_name(stack.row)
        number, older_than = _place(before)
        problems: list[str] = []
        seen: Rows[DeploymentRow] | None = None
        for _ in range(PAGES):
            rows = await self._reader.older(stack, number)
            if seen is not None and rows.is_again(seen):  # a server that does not page
                problems += [f"Cloud 66 lists more deployments of {name}, and sends none."] * seen.promises_more
                break
            problems += rows.problems(name)
            older = [row for row in decode.newest_first(rows.items) if row.id < older_than]
            if older or rows.next is None:
                found = [decode.deployment(row, stack.place) for row in older]
                return _page(found, limit, number, rows.next, problems)
            number, seen = rows.next, rows
        return Page((), problems=tuple(problems))

    async def _first(self, stack: Stack, limit: int) -> Page[Deployment]:
        newest = await self._reader.deployments(stack, actions=stack.wants_actions(self._clock.monotonic()))
        found = inventory.shown(stack, self._clock.now())
        return _page(found, limit, newest.number, newest.older, [*stack.odd, *stack.actions_odd])

    async def newest(self, service: Service) -> tuple[list[DeploymentRow], Place]:
        """Read the newest rows, newest first, and where they belong. Raises ProviderError."""
        stack = self._inventory.stack(service.ref)
        await self._reader.deployments(stack, actions=stack.wants_actions(self._clock.monotonic()))
        return stack.deployments, stack.place

    async def one(self, ref: Ref, service: Service) -> Deployment:
        """Raises NotFound. What was waiting comes back as the deployment it has become, with that one's id."""
        stack = self._inventory.stack(service.ref)
        if pending.is_provisional(ref):
            return await self._provisional(ref, stack)
        row = await self.row(ref, service)
        place = stack.place
        if not any(old.id == row.id for old in stack.deployments):
            place = Place(stack.ref, decode.live_id([*stack.deployments, row]), place.docker)
        return decode.deployment(row, place, stack.seen_at.get(ref.id))

    async def row(self, ref: Ref, service: Service) -> DeploymentRow:
        """Raises NotFound."""
        if not ref.id.isdecimal():
            raise NotFound(f"Account {ref.account}: Cloud 66 has no deployment {ref.id[:40]!r}.")
        row = await self._api.one(stack_path(service.ref.id, "deployments", ref.id), DeploymentRow)
        self._inventory.stack(service.ref).put_one(row, now=self._clock.monotonic())
        return row

    def recent(self, ref: Ref, service: Service, within_s: float) -> Deployment | None:
        """As it was when somebody read it, if that is not long ago."""
        stack = self._inventory.stack(service.ref)
        read_at = stack.singles.get(int(ref.id)) if ref.id.isdecimal() else None
        if read_at is None or self._clock.monotonic() - read_at >= within_s:
            return None
        row = next((row for row in stack.deployments if str(row.id) == ref.id), None)
        return None if row is None else decode.deployment(row, stack.place, stack.seen_at.get(ref.id))

    async def _provisional(self, ref: Ref, stack: Stack) -> Deployment:
        await self._reader.deployments(stack, actions=True)
        now = self._clock.now()
        found = inventory.shown(stack, now)
        same = next((each for each in found if each.ref == ref), None)
        if same is not None:
            return same
        listed = [each for each in found if not pending.is_provisional(each.ref)]
        id_ = pending.action_of(ref)
        if id_ is None:
            if not listed:
                raise NotFound(f"Account {ref.account}: Cloud 66 lists no deployment of this stack.")
            return listed[0]
        action = await self._api.one(stack_path(stack.row.uid, "actions", id_), ActionRow)
        began = moment(action.started_at)
        others = {
            str(row.id)
            for row in stack.deployments
            if began is not None and not evidence.may_have_made(action, row, not_before=began - _SKEW)
        }
        later = [each for each in listed if each.id not in others]
        if later:
            return later[-1]
        if listed and not pending.is_running(action) and pending.succeeded(action):
            return listed[0]
        if pending.is_running(action):
            raise NotFound(f"Account {ref.account}: Cloud 66 has not listed this deployment yet.")
        return pending.ended(stack, action, now)


def _page(
    found: list[Deployment], limit: int, number: int, following: int | None, problems: Sequence[str]
) -> Page[Deployment]:
    """At most `limit` of them. `number` is the page they are from, `following` the next older one."""
    rest, items = found[limit:], found[:limit]
    if not rest and following is None:
        return Page(tuple(items), problems=tuple(problems))
    last = next((each.id for each in reversed(items) if not pending.is_provisional(each.ref)), None)
    if last is None:  # more wait than were asked for, or no row of the page can be read
        return Page(tuple(found), None if following is None else f"{following}:", tuple(problems))
    return Page(tuple(items), f"{number if rest else following}:{last}", tuple(problems))


def _place(before: str) -> tuple[int, float]:
    page, _, id_ = before.partition(":")
    return (int(page) if page.isdecimal() else 1), (int(id_) if id_.isdecimal() else math.inf)
