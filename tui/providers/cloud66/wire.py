"""Cloud 66's JSON as it arrives, taken to pieces row by row: it goes no further than `decode`.

Everything but an id may be missing, null or of another type: the documentation's pages do not agree with each other,
and servers not with them. A field that says what state something is in is `Any`, so that its reader can tell a value
that cannot be read from one that was not sent; any other field falls back to its default. What these rows leave out on
purpose are the secrets that stand beside (`redeploy_hook`, a container's `runtime`, private keys).
Source: https://developers.cloud66.com/v3/models/ and the Go client of Cloud 66's own command line.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, field

from tui.providers import values

_HALVES = re.compile("[\ud800-\udfff]")

Id = Annotated[int, Meta(ge=1)]
Name = Annotated[str, Meta(min_length=1)]

Coded = Any
"""An enum: `{"code": 1, "meaning": "success"}`, `{"code": "success", "meaning": "Successful"}`, a number or a word."""
Flag = Any
"""A boolean, also as 0 and 1 or as text."""
Time = Any
"""A time as `values.moment` reads it."""


class StackRow(Struct):
    uid: Name
    name: Any = None
    environment: Any = None
    account_id: int | str | None = None
    account_name: str | None = None
    framework: str | None = None
    backend: str | None = None
    git_branch: str | None = None
    fqdn: str | None = None
    application_address: str | None = None
    status: Coded = None
    health: Coded = None
    is_busy: Flag = None
    maintenance_mode: Flag = None
    is_cluster: Flag = None
    last_activity: Time = None
    last_activity_iso: Time = None
    updated_at: Time = None
    updated_at_iso: Time = None


class DeploymentRow(Struct):
    id: Id
    triggered_by: str | None = None
    triggered_via: Coded = None
    started_at: Time = None
    finished_at: Time = None
    outcome: Coded = None
    git_hash: str | None = None
    git_ref: str | None = None
    deploy_type: Coded = None
    is_live: Flag = None
    is_deploying: Flag = None
    reverted: Flag = None
    reverted_by: str | None = None
    commit_url: str | None = None
    operation_uid: str | None = None  # in no documentation; used where a server tells it


class ActionRow(Struct):
    """An asynchronous action. It has no word for its state: it runs until `finished_at`."""

    id: Id
    action: str | None = None
    user: str | None = None
    started_via: Coded = None
    started_at: Time = None
    finished_at: Time = None
    finished_success: Flag = None
    finished_message: str | None = None
    metadata: Any = None
    operation_uid: str | None = None  # in no documentation; used where a server tells it


class AcceptedRow(Struct):
    """What a mutation answers: an action that has begun, or one of the three forms of a redeploy and a cancel.

    `id` is the action's, but after a redeploy it may be either that or the deployment's.
    """

    id: int | None = None
    ok: Flag = None
    message: str | None = None
    queued: Flag = None
    async_action_id: int | None = None
    user: str | None = None


class ContainerRow(Struct):
    uid: str | None = None
    id: str | int | None = None  # the model page's name for it
    name: str | None = None
    server_uid: str | None = None
    server_name: str | None = None
    status: Coded = None
    health_state: Coded = None
    started_at: Time = None


class ServiceRow(Struct):
    """`containers` are read one by one by `decode`."""

    name: Name
    containers: Any = None


class ProcessRow(Struct):
    """`servers`: how many run on each server, by its name; `servers_pauses`: how many of them are paused."""

    name: Name
    servers: Any = None
    servers_pauses: Any = None


class AccountRow(Struct):
    owner: str | None = None
    friendly_name: str | None = None
    current_account: Flag = None


class OperationLine(Struct):
    """A line of an operation's log: severity, message, time, source."""

    v: Coded = None
    m: Any = None
    t: Time = None
    s: Any = None
    operation_uid: Any = None


class LiveLine(Struct):
    """A line as it is pushed. Its severities are not those of `OperationLine`."""

    severity: Coded = None
    message: Any = None
    time: Time = None


class PageRow(Struct):
    """The place in a list. `next` null says that this page is the last, unless `pages` says otherwise."""

    next: int | UnsetType | None = UNSET
    pages: Id | None = None
    per_page: Id | None = None
    count: int | None = None


class Envelope(Struct):
    response: msgspec.Raw = field(default_factory=msgspec.Raw)  # empty: there is no envelope
    pagination: Any = None
    count: Any = None


def unwrap(content: bytes) -> tuple[bytes | msgspec.Raw, PageRow]:
    """Return what is in the envelope, or the whole body where there is none, and the place in the list.

    Raises ValueError or RecursionError.
    """
    if content.lstrip()[:1] != b"{":
        return content, PageRow()
    try:
        envelope = msgspec.json.decode(content, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        content = _mended(content)
        envelope = msgspec.json.decode(content, type=Envelope)
    payload = envelope.response if bytes(envelope.response) else content
    place = values.convert(envelope.pagination, PageRow) or PageRow()
    if place.count is None:
        place.count = values.convert({"count": envelope.count}, PageRow).count  # type: ignore[union-attr]
    return payload, place


def elements(payload: bytes | msgspec.Raw) -> list[msgspec.Raw]:
    """Return the rows of a list, to be decoded one by one. Raises ValueError or RecursionError."""
    try:
        return msgspec.json.decode(payload, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.json.decode(_mended(bytes(payload)), type=list[msgspec.Raw])


def _mended(content: bytes) -> bytes:
    """Write a document again without what only strict readers stumble over: half a surrogate pair, NaN."""
    return msgspec.json.encode(_without_halves(values.decode_json(content)))


def _without_halves(found: Any) -> Any:  # noqa: ANN401 - JSON
    match found:
        case str():
            return _HALVES.sub("\ufffd", found)
        case list():
            return [_without_halves(each) for each in found]
        case dict():
            return {_without_halves(key): _without_halves(each) for key, each in found.items()}
    return found
