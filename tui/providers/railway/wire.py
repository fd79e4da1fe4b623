"""Railway's JSON as it arrives, taken to pieces row by row: it goes no further than `decode`.

Everything but an id may be missing. A row that cannot be read is told and left out; the list goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from tui.model.errors import UnexpectedReply
from tui.providers.http import Peer

T = TypeVar("T")


class Creator(msgspec.Struct):
    name: str | None = None
    email: str | None = None


class ReplicaRow(msgspec.Struct):
    id: str
    status: str = ""


class DeploymentRow(msgspec.Struct, rename="camel"):
    id: str
    status: str
    created_at: str | None = None
    status_updated_at: str | None = None
    url: str | None = None
    static_url: str | None = None
    meta: Any = None
    can_redeploy: bool | None = None
    can_rollback: bool | None = None
    deployment_stopped: bool | None = None
    project_id: str | None = None
    environment_id: str | None = None
    service_id: str | None = None
    creator: Creator | None = None
    instances: list[ReplicaRow] | None = None


class Domain(msgspec.Struct):
    domain: str


class Domains(msgspec.Struct, rename="camel"):
    service_domains: list[Domain] | None = None
    custom_domains: list[Domain] | None = None


class ServiceInstanceRow(msgspec.Struct, rename="camel"):
    """One service in one environment. Its deployments are read on their own: an odd one must not cost the service."""

    service_id: str
    service_name: str
    num_replicas: int | None = None
    cron_schedule: str | None = None
    next_cron_run_at: str | None = None
    domains: Domains | None = None
    latest_deployment: Any = None
    active_deployments: list[Any] | None = None


class EventPayload(msgspec.Struct, rename="camel"):
    attempt: int | None = None
    detail: str | None = None
    error: str | None = None
    max_attempts: int | None = None
    reason: str | None = None
    skipped: bool | None = None


class EventRow(msgspec.Struct, rename="camel"):
    id: str
    step: str
    created_at: str | None = None
    completed_at: str | None = None
    payload: EventPayload | None = None


class WorkspaceRow(msgspec.Struct):
    id: str
    name: str = ""
    projects: list[Any] | None = None  # only externalWorkspaces has them


class ProjectRow(msgspec.Struct, rename="camel"):
    id: str
    name: str
    deleted_at: str | None = None
    environments: Any = None


class EnvironmentRow(msgspec.Struct, rename="camel"):
    id: str
    name: str
    is_ephemeral: bool | None = None
    can_access: bool | None = None
    deleted_at: str | None = None


class ProjectTokenRow(msgspec.Struct, rename="camel"):
    project_id: str
    environment_id: str
    name: str = ""
    project: Named | None = None
    environment: Named | None = None


class Named(msgspec.Struct):
    id: str
    name: str


class _Edge(msgspec.Struct):
    node: Any


class _PageInfo(msgspec.Struct, rename="camel"):
    has_next_page: bool | None = None
    end_cursor: str | None = None


class _Connection(msgspec.Struct, rename="camel"):
    edges: list[_Edge]
    page_info: _PageInfo | None = None


@dataclass(slots=True)
class Rows(Generic[T]):
    """The rows of one page that could be read; `odd` says what was wrong with the others."""

    items: list[T] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    next: str | None = None


def one(found: object, kind: type[T], peer: Peer, where: str) -> T:
    """Raises UnexpectedReply that names the path of the fault."""
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise _unexpected(peer, where, error) from error


def rows(found: object, kind: type[T], peer: Peer, where: str) -> Rows[T]:
    """A plain list, or a connection of edges and nodes. Raises UnexpectedReply when it is neither."""
    result: Rows[T] = Rows()
    if isinstance(found, list):
        nodes = found
    else:
        connection = one(found, _Connection, peer, where)
        nodes = [edge.node for edge in connection.edges]
        info = connection.page_info
        result.next = info.end_cursor if info and info.has_next_page else None
    for node in nodes:
        try:
            result.items.append(msgspec.convert(node, kind))
        except msgspec.ValidationError as error:
            result.odd.append(f"{where}: {peer.quote(str(error))}")
    return result


def at(found: Mapping[str, Any], path: str, peer: Peer) -> Any:  # noqa: ANN401  # JSON is anything
    """What is under a dotted path. Raises UnexpectedReply when there is no such path."""
    here: Any = found
    for name in path.split("."):
        if not isinstance(here, dict) or name not in here:
            raise UnexpectedReply(
                f"Account {peer.account}: {peer.title}'s answer has no {path}.",
                where=path,
                remedy="Railway's API may have changed: look for a newer deckwatch.",
            )
        here = here[name]
    return here


def _unexpected(peer: Peer, where: str, error: msgspec.ValidationError) -> UnexpectedReply:
    path = str(error).rpartition(" - at ")[2].strip("`") if " - at " in str(error) else ""
    return UnexpectedReply(
        f"Account {peer.account}: {peer.title}'s answer to {where} cannot be read: {peer.quote(str(error))}.",
        where=f"{where} {path}".strip(),
        remedy="Railway's API may have changed: look for a newer deckwatch.",
    )
