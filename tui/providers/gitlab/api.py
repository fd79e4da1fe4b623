"""GitLab's REST address: which header carries the token, and how ids are written into a path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from tui.credentials import Secret
from tui.model.clock import Clock
from tui.model.provider import Connection, Meter
from tui.providers import values
from tui.providers.gitlab import pages
from tui.providers.gitlab.errors import CREDENTIAL, classifier
from tui.providers.gitlab.pages import Listing, Odd, Rows
from tui.providers.http import Peer
from tui.providers.rest import Answer, Params, Rest

URL = "https://gitlab.com"
PER_PAGE = 100  # GitLab's most

_ROOT = "/api/v4"
_JOB_TOKEN = "glcbt-"

T = TypeVar("T")


class Api:
    """One account's client. Totals are never looked at: GitLab leaves them out when there are many rows."""

    def __init__(self, connection: Connection, title: str, *, meter: Meter, clock: Clock) -> None:
        self.account = connection.account
        self.clock = clock
        peer = Peer(
            connection.account,
            title,
            address(connection.url or URL),
            CREDENTIAL,
            connection.token,
            connection.read_only,
        )
        self.rest = Rest(
            peer,
            meter=meter,
            clock=clock,
            classify=classifier(peer),
            headers=_headers(connection.token),
            ca_file=connection.ca_file,
        )
        self.peer = peer
        self.per_minute: int | None = None  # the limit that the server's answers name

    def as_bearer(self) -> None:
        """From the next request on the token goes out as OAuth's do."""
        self.rest.headers = {"Authorization": f"Bearer {self.peer.token.reveal()}"}

    async def get(self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        answer = await self.rest.get(path, params, headers=headers)
        limit = answer.headers.get("ratelimit-limit", "")
        if limit.isdecimal():
            self.per_minute = int(limit)
        return answer

    async def one(self, path: str, kind: type[T], params: Params | None = None) -> T:
        """Fetch one object, as leniently as a row of a list. Raises UnexpectedReply where it has no id."""
        return decoded(await self.get(path, params), kind)

    async def page(self, path: str, kind: type[T], params: Mapping[str, Any], after: str = "") -> Rows[T]:
        """Fetch one page. `after` is the `next` of the page before it."""
        asked = pages.query_of({"per_page": PER_PAGE, **params}, after)
        return pages.page_of(await self.get(path, asked), kind, asked)

    async def all(self, path: str, kind: type[T], params: Mapping[str, Any], *, pages: int) -> Listing[T]:
        """Fetch at most `pages` pages, one after the other."""
        listing: Listing[T] = Listing()
        after: str | None = ""
        last: list[T | Odd] = []
        for _ in range(pages):
            rows = await self.page(path, kind, params, after or "")
            if after and rows.found == last:
                return listing  # a server without pages answers each with the same rows
            listing.pages += 1
            listing.items += rows.items
            listing.odd += rows.odd
            after, last = rows.next, rows.found
            if after is None:
                return listing
        listing.cut = True
        return listing

    async def act(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """A request that changes something. Raises OutcomeUnknown when its answer is lost."""
        return await self.rest.ask(method, path, json=None if method == "DELETE" else dict(body or {}), mutation=True)

    async def aclose(self) -> None:
        await self.rest.aclose()


def address(url: str) -> str:
    """The account's url with the API's path, which may be there already."""
    url = url.rstrip("/")
    return url if url.endswith(_ROOT) else url + _ROOT


def project_path(project: str | int) -> str:
    """`projects/7` or `projects/acme%2Fshop`."""
    return f"projects/{quote(str(project), safe='')}"


def _headers(token: Secret) -> dict[str, str]:
    name = "JOB-TOKEN" if token.reveal().startswith(_JOB_TOKEN) else "PRIVATE-TOKEN"
    return {name: token.reveal()}


def decoded(answer: Answer, kind: type[T]) -> T:
    """Decode the one object of an answer. Raises UnexpectedReply; OutcomeUnknown after a mutation."""
    items, odd = values.rows([answer.content], kind)
    if odd:
        raise answer.unreadable(odd[0])
    return items[0]
