"""Whether a request arrived whose answer was lost: only what nobody else can have caused shows that it did."""

from __future__ import annotations

from datetime import datetime

from tui.model.action import Intent, Outcome, Receipt, Verb
from tui.model.clock import Clock
from tui.model.text import plain
from tui.providers.cloud66 import decode, evidence, pending, running
from tui.providers.cloud66.api import Api
from tui.providers.cloud66.inventory import Inventory
from tui.providers.cloud66.progress import acting_on, cancelling, deploying_by, ended_otherwise
from tui.providers.cloud66.timeline import Timeline


class Tracing:
    def __init__(self, api: Api, inventory: Inventory, timeline: Timeline, clock: Clock) -> None:
        self._api = api
        self._inventory = inventory
        self._timeline = timeline
        self._clock = clock

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        """Return what shows that it arrived: our reference, the only action that fits, the end of what was cancelled.

        Raises ProviderError.
        """
        match intent.verb:
            case Verb.CANCEL:
                return await self._cancel(intent)
            case Verb.RESTART | Verb.STOP | Verb.START:
                return await self._command(intent, since)
        return await self._deployment(intent)

    async def _deployment(self, intent: Intent) -> Receipt | None:
        ours = await evidence.referenced(self._api, intent)
        return None if ours is None else self._arrived(intent, f"action {ours.id}", deploying_by(ours))

    async def _command(self, intent: Intent, since: datetime) -> Receipt | None:
        stack = self._inventory.stack(intent.service.ref)
        command = running.command(intent, docker=decode.is_docker(stack.row))
        ours = await evidence.only_action(self._api, intent, command, since)
        if ours is None:
            return None
        return self._arrived(intent, f"action {ours.id} ({plain(ours.action or command)})", acting_on(ours.id))

    async def _cancel(self, intent: Intent) -> Receipt | None:
        target = intent.deployment or intent.service.latest
        if target is None or not target.status.in_flight or pending.is_provisional(target.ref):
            return None
        found = await self._timeline.one(target.ref, intent.service)
        if not ended_otherwise(found):
            return None
        return self._arrived(intent, f"deployment {found.id} is {found.status_raw}", cancelling(target.ref))

    def _arrived(self, intent: Intent, message: str, operation: str) -> Receipt:
        return Receipt(intent, Outcome.ACCEPTED, self._clock.now(), message=message, operation=operation)
