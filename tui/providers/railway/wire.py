"""Railway's JSON as it arrives, decoded row by row: it goes no further than `decode`.

Everything but an id may be missing or odd. A row without its id is described and left out; the list goes on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET

from tui.model.errors import UnexpectedReply
from tui.providers import values
from tui.providers.http import Peer

T = TypeVar("T")

Id = Annotated[str, msgspec.Meta(pattern=r"\A[!-~]{1,200}\Z")]
"""What a row is known by: printable, so that it may stand in a message, and never empty."""

PAGES = 200
"""More pages than any list has: a list that goes on behind them is said to be cut."""


class Creator(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    email: str | None = None


class ReplicaRow(msgspec.Struct):
    id: str = ""
    status: str = ""


class DeploymentRow(msgspec.Struct, rename="camel"):
    id: Id
    status: str = ""
    created_at: Any = None
    status_updated_at: Any = None
    url: str | None = None
    static_url: str | None = None
    meta: Any = None
    can_redeploy: bool | None = None
    can_rollback: bool | None = None
    deployment_stopped: bool | None = None
    creator: Creator | None = None
    instances: list[Any] | None = None

    def replicas(self) -> list[ReplicaRow]:
        """Return its instances; one that cannot be read counts as an instance of unknown status."""
        return [values.convert(each, ReplicaRow) or ReplicaRow() for each in self.instances or ()]


class Domain(msgspec.Struct):
    domain: str


class Domains(msgspec.Struct, rename="camel"):
    service_domains: list[Domain] | None = None
    custom_domains: list[Domain] | None = None


class ServiceInstanceRow(msgspec.Struct, rename="camel"):
    """One service in one environment. Its deployments are decoded apart: an odd one must not cost the service."""

    service_id: Id
    service_name: str = ""
    num_replicas: int | None = None
    domains: Domains | None = None
    latest_deployment: Any = UNSET
    active_deployments: Any = UNSET

    @property
    def name(self) -> str:
        return self.service_name or self.service_id[:8]


class EventPayload(msgspec.Struct, rename="camel"):
    attempt: int | None = None
    detail: str | None = None
    error: str | None = None
    max_attempts: int | None = None
    reason: str | None = None
    skipped: bool | None = None


class EventRow(msgspec.Struct, rename="camel"):
    id: Id
    step: str = ""
    created_at: Any = None
    completed_at: Any = None
    payload: EventPayload | None = None


class WorkspaceRow(msgspec.Struct):
    id: Id
    name: str = ""
    projects: Any = None  # only externalWorkspaces has them


class ProjectRow(msgspec.Struct, rename="camel"):
    id: Id
    name: str = ""
    deleted_at: Any = None
    environments: Any = None


class EnvironmentRow(msgspec.Struct, rename="camel"):
    id: Id
    name: str = ""
    is_ephemeral: bool | None = None
    can_access: bool | None = None
    deleted_at: Any = None


class ProjectTokenRow(msgspec.Struct, rename="camel"):
    project_id: Id
    environment_id: Id
    project: Named | None = None
    environment: Named | None = None


class Named(msgspec.Struct):
    name: str = ""


class MadeRow(msgspec.Struct):
    """A deployment that a mutation made."""

    id: Id


class UserRow(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    email: str | None = None


@dataclass(slots=True)
class Rows(Generic[T]):
    """The rows of a list that could be read. `odd` describes the others; `positions` says where each item stood.

    `next` is the cursor of the following page. `cut`: there are or may be more rows, and no cursor that leads to them.
    """

    items: list[T] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    next: str | None = None
    previous: str | None = None
    cut: bool = False

    def extend(self, page: Rows[T]) -> None:
        """Add the rows of a following page."""
        seen = len(self.items) + len(self.odd)
        self.positions += [seen + position for position in page.positions]
        self.items += page.items
        self.odd += page.odd
        self.cut = self.cut or page.cut

    def problems(self, noun: str) -> list[str]:
        """Return what is missing from the list, each a clause without its end."""
        found = [f"{counted(len(self.odd), noun)} could not be read ({self.odd[0]})"] if self.odd else []
        if self.cut:
            found.append(f"more {noun}s may exist: the list has a next page, but Railway does not say where")
        return found


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def bounded(sentences: Sequence[str], most: int, prefix: str = "") -> list[str]:
    """Return at most `most` sentences, the last of which counts the ones left out."""
    if len(sentences) <= most:
        return list(sentences)
    return [*sentences[: most - 1], f"{prefix}{len(sentences) - most + 1} more problems like these."]


def one(found: object, kind: type[T], peer: Peer, where: str) -> T:
    """Raises UnexpectedReply that says what is wrong."""
    items, odd = values.rows([found], kind)
    if items:
        return items[0]
    raise _unexpected(peer, where, odd[0])


def listed(found: object, kind: type[T], peer: Peer, where: str) -> Rows[T]:
    """Decode a plain list. Raises UnexpectedReply when it is none."""
    if not isinstance(found, list):
        raise _unexpected(peer, where, "it is no list")
    result: Rows[T] = Rows()
    for position, row in enumerate(found):
        items, odd = values.rows([row], kind)
        result.items += items
        result.positions += [position] * len(items)
        result.odd += odd
    return result


def page(found: object, kind: type[T], peer: Peer, where: str) -> Rows[T]:
    """Decode one page of a connection: its nodes, and where it goes on. Raises UnexpectedReply when it is none."""
    connection = found if isinstance(found, dict) else {}
    edges = connection.get("edges")
    nodes = (
        [each.get("node") if isinstance(each, dict) else each for each in edges] if isinstance(edges, list) else None
    )
    result = listed(nodes, kind, peer, where)
    info = connection.get("pageInfo")
    info = info if isinstance(info, dict) else {}
    more = info.get("hasNextPage")
    if more is not False:
        result.next = _cursor(info.get("endCursor")) if more is True else None
        result.cut = result.next is None
    result.previous = _cursor(info.get("startCursor")) if info.get("hasPreviousPage") is True else None
    return result


async def all_pages(read: Callable[[str | None], Awaitable[Rows[T]]], after: str | None = None) -> Rows[T]:
    """Return the pages of a list as one, from the cursor `after` on."""
    whole: Rows[T] = Rows()
    for _ in range(PAGES):
        page = await read(after)
        whole.extend(page)
        if page.next is None:
            return whole
        if page.next == after:  # it leads to itself
            break
        after = page.next
    whole.cut = True
    return whole


def at(found: Mapping[str, Any], path: str, peer: Peer) -> Any:  # noqa: ANN401  # JSON is anything
    """Return what is under a dotted path. Raises UnexpectedReply when there is no such path."""
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


def _cursor(found: object) -> str | None:
    return found if isinstance(found, str) and found else None


def _unexpected(peer: Peer, where: str, why: str) -> UnexpectedReply:
    return UnexpectedReply(
        f"Account {peer.account}: {peer.title}'s answer to {where} cannot be read: {peer.quote(why)}.",
        where=where,
        remedy="Railway's API may have changed: look for a newer deckwatch.",
    )
