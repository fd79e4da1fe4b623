"""Deployments that Cloud 66 has accepted and does not list yet, told by its actions and by the stack's status."""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2s

from tui.model.action import Verb
from tui.model.entities import Deployment, Kind, Ref
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.cloud66 import decode, reasons, words
from tui.providers.cloud66.stacks import Stack
from tui.providers.cloud66.wire import ActionRow
from tui.providers.values import moment

DEPLOYS = "application_deployment"

_NOT_LISTED = "Cloud 66 has accepted it and does not list it yet."
_OF_ACTION = "action-"
_OF_STACK = "next-"


def is_running(action: ActionRow) -> bool:
    return not action.finished_at and action.finished_success is None


def succeeded(action: ActionRow) -> bool | None:
    """None where it has not ended, or does not say how. Some of Cloud 66's own samples compare it with a text."""
    return words.flag(action.finished_success)


def deploys(action: ActionRow) -> bool:
    return (action.action or "").lower() == DEPLOYS


def action_of(ref: Ref) -> int | None:
    """The action that a provisional deployment was told by."""
    number = ref.id.removeprefix(_OF_ACTION)
    return int(number) if ref.id.startswith(_OF_ACTION) and number.isdecimal() else None


def is_provisional(ref: Ref) -> bool:
    return ref.id.startswith((_OF_ACTION, _OF_STACK))


def waiting(stack: Stack, now: datetime) -> list[Deployment]:
    """Newest first. A running action belongs to the deployment that is listed as under way; more of them wait."""
    in_flight = stack.in_flight
    newest = moment(stack.deployments[0].started_at) if stack.deployments else None
    running = sorted((each for each in stack.actions if deploys(each) and is_running(each)), key=lambda each: each.id)
    late = [each for each in running[len(in_flight) :] if _is_after(each, newest)]
    status = decode.status_code(stack.row)
    if late:
        first_waits = bool(in_flight) or status == words.QUEUED
        found = [_of_action(stack, each, now, waits=first_waits or each is not late[0]) for each in late]
        return found[::-1]
    if in_flight or status not in (words.QUEUED, words.DEPLOYING):
        return []
    return [_of_stack(stack, now, waits=status == words.QUEUED)]


def ended(stack: Stack, action: ActionRow, now: datetime) -> Deployment:
    """One that ended before it was ever listed."""
    found = _of_action(stack, action, now, waits=False)
    return Deployment(
        ref=found.ref,
        service=found.service,
        status=Status.FAILED,
        status_raw="failed",
        created_at=found.created_at,
        finished_at=moment(action.finished_at),
        creator=found.creator,
        trigger=found.trigger,
        note=plain(action.finished_message or "It ended before it was listed."),
        not_now={Verb.CANCEL: "It is over.", Verb.ROLLBACK: "It never went live."},
    )


def _is_after(action: ActionRow, newest: datetime | None) -> bool:
    started_at = moment(action.started_at)
    return newest is None or started_at is None or started_at > newest


def _of_action(stack: Stack, action: ActionRow, now: datetime, *, waits: bool) -> Deployment:
    id_ = f"{_OF_ACTION}{action.id}"
    return _provisional(
        stack,
        id_,
        moment(action.started_at) or stack.seen_at.setdefault(id_, now),
        waits=waits,
        creator=plain(action.user or "") or None,
        trigger=words.word(action.started_via, words.TRIGGERS).replace("_", " ") or None,
    )


def _of_stack(stack: Stack, now: datetime, *, waits: bool) -> Deployment:
    """Nothing but the stack's status tells of it. The name must not show the stack's uid."""
    before = stack.deployments[0].id if stack.deployments else 0
    id_ = _OF_STACK + blake2s(f"{stack.row.uid}:{before}".encode(), digest_size=4).hexdigest()
    is_read = stack.read_at is not None and stack.error is None
    return _provisional(
        stack,
        id_,
        stack.seen_at.setdefault(id_, now) if is_read else None,
        waits=waits,
        note=_NOT_LISTED if is_read else "The stack says so; its deployments could not be read.",
    )


def _provisional(
    stack: Stack,
    id_: str,
    created_at: datetime | None,
    *,
    waits: bool,
    creator: str | None = None,
    trigger: str | None = None,
    note: str = _NOT_LISTED,
) -> Deployment:
    return Deployment(
        ref=Ref(stack.account, Kind.DEPLOYMENT, id_),
        service=stack.ref,
        status=Status.QUEUED if waits else Status.DEPLOYING,
        status_raw="queued" if waits else "deploying",
        created_at=created_at,
        creator=creator,
        trigger=trigger,
        note=note,
        not_now={Verb.CANCEL: reasons.NOT_LISTED, Verb.ROLLBACK: "It has not gone live yet."},
    )
