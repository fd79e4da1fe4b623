"""Cloud 66's JSON as it arrives, taken to pieces row by row: it goes no further than `decode`.

Everything but an id may be missing or null: the documentation's pages do not agree with each other. What these rows
leave out on purpose are the secrets that stand beside (`redeploy_hook`, a container's `runtime`, private keys).
Source: https://developers.cloud66.com/v3/models/ and the Go client of Cloud 66's own command line.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

T = TypeVar("T")

Coded = Any
"""An enum: `{"code": 1, "meaning": "success"}`, `{"code": "success", "meaning": "Successful"}` or a bare word."""


class StackRow(Struct):
    uid: str
    name: str = ""
    environment: str | None = None
    account_id: int | str | None = None
    account_name: str | None = None
    framework: str | None = None
    backend: str | None = None
    git_branch: str | None = None
    fqdn: str | None = None
    application_address: str | None = None
    status: int | str | None = None
    health: int | str | None = None
    is_busy: bool | None = None
    maintenance_mode: bool | None = None
    is_cluster: bool | None = None
    last_activity: str | None = None
    last_activity_iso: str | None = None
    updated_at: str | None = None
    updated_at_iso: str | None = None


class DeploymentRow(Struct):
    id: int
    triggered_by: str | None = None
    triggered_via: Coded = None
    started_at: str | None = None
    finished_at: str | None = None
    outcome: Coded = None
    git_hash: str | None = None
    git_ref: str | None = None
    deploy_type: Coded = None
    is_live: bool | None = None
    is_deploying: bool | None = None
    reverted: bool | None = None
    reverted_by: str | None = None
    commit_url: str | None = None
    operation_uid: str | None = None  # in no documentation; used where a server tells it


class ActionRow(Struct):
    """An asynchronous action. It has no word for its state: it runs until `finished_at`."""

    id: int
    action: str | None = None
    user: str | None = None
    started_via: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    finished_success: bool | str | None = None
    finished_message: str | None = None
    metadata: Any = None
    operation_uid: str | None = None  # in no documentation; used where a server tells it


class AcceptedRow(Struct):
    """What a mutation answers: an action that has begun, or one of the three forms of a redeploy and a cancel.

    `id` is the action's, but after a redeploy it may be either that or the deployment's.
    """

    id: int | None = None
    ok: bool | None = None
    message: str | None = None
    queued: bool | None = None
    async_action_id: int | None = None


class ContainerRow(Struct):
    uid: str | None = None
    id: str | int | None = None  # the model page's name for it
    name: str | None = None
    server_uid: str | None = None
    server_name: str | None = None
    service_name: str | None = None
    status: str | None = None
    health_state: int | None = None
    started_at: str | None = None


class ServiceRow(Struct):
    name: str
    containers: list[msgspec.Raw] | None = None


class ProcessRow(Struct):
    """`servers`: how many run on each server, by its name; `servers_pauses`: how many of them are paused."""

    name: str
    servers: dict[str, int] | None = None
    servers_pauses: dict[str, int] | None = None


class AccountRow(Struct):
    id: int | str | None = None
    owner: str | None = None
    friendly_name: str | None = None
    current_account: bool | None = None


class OperationLine(Struct):
    """A line of an operation's log: severity, message, time, source, depth."""

    v: int | None = None
    m: str | None = None
    t: str | None = None
    s: str | None = None
    e: int | None = None
    operation_uid: str | None = None


class LiveLine(Struct):
    """A line as it is pushed. Its severities are not those of `OperationLine`."""

    severity: int | None = None
    message: str | None = None
    time: str | None = None


class PageRow(Struct):
    next: int | None = None
    current: int | None = None
    pages: int | None = None
    per_page: int | None = None


class Envelope(Struct):
    response: msgspec.Raw = field(default_factory=msgspec.Raw)  # empty: there is no envelope
    pagination: Any = None


def unwrap(content: bytes) -> tuple[bytes | msgspec.Raw, PageRow]:
    """What is in the envelope, or the whole body where there is none, and the place in the list. Raises DecodeError."""
    if content.lstrip()[:1] != b"{":
        return content, PageRow()
    envelope = msgspec.json.decode(content, type=Envelope)
    payload = envelope.response if bytes(envelope.response) else content
    try:
        return payload, msgspec.convert(envelope.pagination or {}, PageRow)
    except msgspec.ValidationError:
        return payload, PageRow()


def read(rows: list[msgspec.Raw], kind: type[T]) -> tuple[list[T], list[str]]:
    """The rows that can be read, in their order, and what is odd about the others."""
    found: list[T] = []
    odd: list[str] = []
    for row in rows:
        try:
            found.append(msgspec.json.decode(row, type=kind))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            odd.append(str(error))
    return found, odd
