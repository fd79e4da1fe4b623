"""How an operation goes that was accepted: an action by its id or our reference, a deployment that is cancelled.

An operation's name is `kind:what:id`, with "" for what is not known.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tui.model.action import Intent, Outcome, Progress, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Kind, Ref
from tui.model.errors import NotFound
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.cloud66 import pending
from tui.providers.cloud66.api import Api, stack_path
from tui.providers.cloud66.timeline import Timeline
from tui.providers.cloud66.wire import ActionRow
from tui.providers.values import moment

_DEPLOY, _ACTION, _CANCEL = "deploy", "action", "cancel"

_WENT_LIVE = (Status.LIVE, Status.SUPERSEDED)
_WORDS = {
    Verb.RESTART: ("restart",),
    Verb.STOP: ("pause", "stop", "maintenance"),
    Verb.START: ("resume", "start", "maintenance"),
}

_SOON_S = 5.0
_LATER_S = 12.0
_SOON_FOR = timedelta(seconds=60)
_SKEW = timedelta(seconds=60)
_UNLISTED_AFTER = timedelta(seconds=60)  # then the deployments are looked at instead


def deploying(reference: str, action: int | None) -> str:
    return f"{_DEPLOY}:{reference}:{action or ''}"


def acting_on(action: int) -> str:
    return f"{_ACTION}::{action}"


def cancelling(deployment: Ref) -> str:
    return f"{_CANCEL}::{deployment.id}"


class Following:
    """Asks every 5 s in the first minute and every 12 s after that, however often it is asked itself."""

    def __init__(self, api: Api, timeline: Timeline, clock: Clock) -> None:
        self._api = api
        self._timeline = timeline
        self._clock = clock
        self._told: dict[str, tuple[float, Progress]] = {}

    async def progress(self, receipt: Receipt) -> Progress:
        key = f"{receipt.intent.service.ref.id} {receipt.operation}"
        now = self._clock.monotonic()
        every_s = _SOON_S if self._clock.now() - receipt.at < _SOON_FOR else _LATER_S
        asked_at, told = self._told.get(key, (-every_s, Progress()))
        if key in self._told and now - asked_at < every_s:
            return told
        found = await self._ask(receipt)
        self._told.pop(key, None)
        if found.ok is None:
            self._told[key] = (now, found)
        return found

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        """An action with our reference, or of our command since then; a deployment that ended and is not live."""
        match intent.verb:
            case Verb.CANCEL:
                return await self._trace_cancel(intent)
            case Verb.RESTART | Verb.STOP | Verb.START:
                page = await self._api.page(stack_path(intent.service.ref.id, "actions"), ActionRow)
                ours = [row for row in page.items if _is_of(intent.verb, row, since)]
                if not ours:
                    return None
                first = min(ours, key=lambda row: row.id)
                said = f"action {first.id} ({plain(first.action or '')})"
                return self._arrived(intent, said, acting_on(first.id))
        return await self._trace_deployment(intent)

    async def _trace_cancel(self, intent: Intent) -> Receipt | None:
        target = intent.deployment or intent.service.latest
        if target is None or not target.status.in_flight or pending.is_provisional(target.ref):
            return None
        found = await self._timeline.one(target.ref, intent.service)
        if found.status.in_flight or found.status in _WENT_LIVE:
            return None
        return self._arrived(intent, f"deployment {found.id} is {found.status_raw}", cancelling(target.ref))

    async def _trace_deployment(self, intent: Intent) -> Receipt | None:
        ours = await self._referenced(intent, reference(intent))
        if ours is None:
            return None
        return self._arrived(intent, f"action {ours.id}", deploying(reference(intent), ours.id))

    def _arrived(self, intent: Intent, message: str, operation: str) -> Receipt:
        return Receipt(intent, Outcome.ACCEPTED, self._clock.now(), message=message, operation=operation)

    async def _referenced(self, intent: Intent, reference: str) -> ActionRow | None:
        path = stack_path(intent.service.ref.id, "actions")
        page = await self._api.page(path, ActionRow, params={"user_reference": reference})
        ours = [row for row in page.items if _reference(row) == reference]
        return max(ours, key=lambda row: row.id) if ours else None

    async def _ask(self, receipt: Receipt) -> Progress:
        kind, _, rest = receipt.operation.partition(":")
        reference, _, id_ = rest.rpartition(":")
        match kind:
            case "deploy":
                return await self._deployment(receipt, reference, id_)
            case "action" if id_.isdecimal():
                return _of(await self._action(receipt, id_))
            case "cancel":
                return await self._cancelled(receipt, id_)
        raise NotFound(f"Cloud 66 has no operation {receipt.operation[:60]!r}.")

    async def _deployment(self, receipt: Receipt, reference: str, id_: str) -> Progress:
        if (ours := await self._referenced(receipt.intent, reference)) is not None:
            return _of(ours)
        if id_.isdecimal():
            try:
                return _of(await self._action(receipt, id_))
            except NotFound:
                pass
        if self._clock.now() - receipt.at >= _UNLISTED_AFTER:
            return await self._by_timeline(receipt)
        return Progress(message="accepted; Cloud 66 does not list it yet")

    async def _by_timeline(self, receipt: Receipt) -> Progress:
        """Cloud 66 lists no action of ours: the first deployment that began after it was accepted is taken for it."""
        page = await self._timeline.page(receipt.intent.service, None, 30)
        later = [
            each
            for each in page.items
            if not pending.is_provisional(each.ref) and each.started_at and each.started_at >= receipt.at - _SKEW
        ]
        if not later or later[-1].status.in_flight:
            return Progress(message="accepted; its deployment has not ended yet")
        status = later[-1].status
        ok = status in _WENT_LIVE
        return Progress(ok, f"deployment {later[-1].id} is {status.replace('_', ' ')}")

    async def _action(self, receipt: Receipt, id_: str) -> ActionRow:
        return await self._api.one(stack_path(receipt.intent.service.ref.id, "actions", id_), ActionRow)

    async def _cancelled(self, receipt: Receipt, id_: str) -> Progress:
        """What a cancelled deployment ends as is documented nowhere: that it ended without going live is enough."""
        service = receipt.intent.service
        found = await self._timeline.one(Ref(service.account, Kind.DEPLOYMENT, id_), service)
        if found.status.in_flight:
            return Progress(message="Cloud 66 is cancelling it")
        if found.status in _WENT_LIVE:
            return Progress(False, "it went live before it could be cancelled")
        return Progress(True, f"cancelled; Cloud 66 shows it as {found.status_raw}")


def reference(intent: Intent) -> str:
    """What Cloud 66 keeps beside the action, and it is found by. As unique as the intent."""
    return f"deckwatch-{intent.id}"[:255]


def _is_of(verb: Verb, row: ActionRow, since: datetime) -> bool:
    """Which words there are for actions is documented nowhere in full: those of the commands are in them."""
    name = (row.action or "").lower()
    named = any(word in name for word in _WORDS[verb]) and (verb is Verb.RESTART or "restart" not in name)
    started_at = moment(row.started_at)
    by_api = (row.started_via or "api").lower() == "api"
    return named and by_api and started_at is not None and started_at >= since


def _of(row: ActionRow) -> Progress:
    if pending.is_running(row):
        return Progress(message=f"action {row.id} is running")
    said = plain(row.finished_message or "")
    match pending.succeeded(row):
        case True:
            return Progress(True, said or "done")
        case False:
            return Progress(False, said or "Cloud 66 says that it failed")
    return Progress(False, said or "Cloud 66 does not say how it ended")


def _reference(row: ActionRow) -> str:
    found = row.metadata.get("user_reference") if isinstance(row.metadata, dict) else None
    return found if isinstance(found, str) else ""
