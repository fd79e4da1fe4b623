"""How an operation goes that was accepted: an action by its id or our reference, a deployment that is cancelled.

An operation's name is `kind:first:second`, with "" for what is not known: of a redeploy the action's id and the number
in its answer, which may be either's; of an action its id; of a cancel the deployment's id.
"""

from __future__ import annotations

from datetime import timedelta

from tui.model.action import Progress, Receipt
from tui.model.clock import Clock
from tui.model.entities import Deployment, Kind, Ref
from tui.model.errors import NotFound
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.cloud66 import decode, evidence, pending
from tui.providers.cloud66.api import Api, stack_path
from tui.providers.cloud66.timeline import Timeline
from tui.providers.cloud66.wire import AcceptedRow, ActionRow
from tui.providers.values import moment

_DEPLOY, _ACTION, _CANCEL = "deploy", "action", "cancel"

WENT_LIVE = (Status.LIVE, Status.SUPERSEDED)

_SOON_S = 5.0
_LATER_S = 12.0
_SOON_FOR = timedelta(seconds=60)
_CLOCKS = timedelta(seconds=10)  # two clocks, of which we know how far they are apart, are not told apart any better
_UNLISTED_AFTER = timedelta(seconds=60)  # then the deployments are looked at instead


def deploying(accepted: AcceptedRow) -> str:
    return f"{_DEPLOY}:{accepted.async_action_id or ''}:{accepted.id or ''}"


def deploying_by(action: ActionRow) -> str:
    return f"{_DEPLOY}:{action.id}:"


def acting_on(action: int) -> str:
    return f"{_ACTION}:{action}:"


def cancelling(deployment: Ref) -> str:
    return f"{_CANCEL}:{deployment.id}:"


class Following:
    """Asks every 5 s in the first minute and every 12 s after that, however often it is asked itself."""

    def __init__(self, api: Api, timeline: Timeline, clock: Clock) -> None:
        self._api = api
        self._timeline = timeline
        self._clock = clock
        self._told: dict[str, tuple[float, Progress]] = {}

    async def progress(self, receipt: Receipt) -> Progress:
        key = f"{receipt.intent.service.ref.id} {receipt.intent.id} {receipt.operation}"
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

    async def _ask(self, receipt: Receipt) -> Progress:
        match receipt.operation.split(":"):
            case ["deploy", action, answered]:
                return await self._deployment(receipt, _number(action), _number(answered))
            case ["action", id_, ""] if id_.isdecimal():
                return _of(await self._action(receipt, int(id_)))
            case ["cancel", id_, ""]:
                return await self._cancelled(receipt, id_)
        raise NotFound(f"Cloud 66 has no operation {receipt.operation[:60]!r}.")

    async def _deployment(self, receipt: Receipt, action: int | None, answered: int | None) -> Progress:
        row = await evidence.referenced(self._api, receipt.intent)
        if row is None and action is not None:
            row = await self._known_action(receipt, action)
        if row is not None:
            told = _of(row)
            if told.ok is not None or pending.is_running(row):
                return told
        elif self._clock.now() - receipt.at < _UNLISTED_AFTER:
            return Progress(message="accepted; Cloud 66 does not list it yet")
        return await self._by_timeline(receipt, answered)

    async def _by_timeline(self, receipt: Receipt, answered: int | None) -> Progress:
        """Cloud 66 shows no action of ours that tells how it ended: a deployment may, if it surely is ours."""
        intent = receipt.intent
        rows, place = await self._timeline.newest(intent.service)
        since = receipt.at + (self._api.rest.platform_now - self._clock.now()) - _CLOCKS
        before = intent.service.latest.id if intent.service.latest is not None else ""
        new = [
            row
            for row in rows
            if (at := moment(row.started_at)) is not None and at >= since and row.id > (_number(before) or 0)
        ]
        ours = evidence.own_deployments(
            new, answered=answered, user=self._api.user, revision=evidence.revision_of(intent)
        )
        if len(ours) != 1:
            seen = f"; deployment {new[-1].id} began since, and may not be its own" if new else ""
            return Progress(message=f"accepted; Cloud 66 does not show which deployment it made{seen}")
        return _end_of(decode.deployment(ours[0], place))

    async def _known_action(self, receipt: Receipt, id_: int) -> ActionRow | None:
        try:
            return await self._action(receipt, id_)
        except NotFound:
            return None

    async def _action(self, receipt: Receipt, id_: int) -> ActionRow:
        return await self._api.one(stack_path(receipt.intent.service.ref.id, "actions", id_), ActionRow)

    async def _cancelled(self, receipt: Receipt, id_: str) -> Progress:
        """What a cancelled deployment ends as is documented nowhere: that it ended without going live is enough."""
        service = receipt.intent.service
        found = await self._timeline.one(Ref(service.account, Kind.DEPLOYMENT, id_), service)
        if found.status.in_flight:
            return Progress(message="Cloud 66 is cancelling it")
        if found.status in WENT_LIVE:
            return Progress(False, "it went live before it could be cancelled")
        if not ended_otherwise(found):
            return Progress(message="Cloud 66 does not show whether it ended")
        return Progress(True, f"cancelled; Cloud 66 shows it as {found.status_raw}")


def ended_otherwise(found: Deployment) -> bool:
    """It ended without going live, in whatever word."""
    if found.status in (Status.FAILED, Status.CANCELLED):
        return True
    ended_at = found.finished_at if found.started_at else found.created_at
    return found.status is Status.UNKNOWN and found.status_raw != "unknown" and ended_at is not None


def _end_of(found: Deployment) -> Progress:
    said = f"deployment {found.id} is {found.status.replace('_', ' ')}"
    if found.status in WENT_LIVE:
        return Progress(True, said)
    return Progress(False if found.status in (Status.FAILED, Status.CANCELLED) else None, said)


def _of(row: ActionRow) -> Progress:
    if pending.is_running(row):
        return Progress(message=f"action {row.id} is running")
    said = plain(row.finished_message or "")
    match pending.succeeded(row):
        case True:
            return Progress(True, said or "done")
        case False:
            return Progress(False, said or "Cloud 66 says that it failed")
    return Progress(message=said or f"action {row.id} ended; Cloud 66 does not say how")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None
