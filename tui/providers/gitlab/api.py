"""GitLab's REST address: which header carries the token, how pages go on, how ids are written into a path."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, quote, urlsplit

from msgspec import Struct

from tui.credentials import Secret
from tui.model.clock import Clock
from tui.model.provider import Connection, Meter
from tui.providers.gitlab import wire
from tui.providers.gitlab.errors import CREDENTIAL, classifier
from tui.providers.http import Peer
from tui.providers.rest import Answer, Params, Rest

URL = "https://gitlab.com"
PER_PAGE = 100  # GitLab's most

_ROOT = "/api/v4"
_JOB_TOKEN = "glcbt-"
_log = logging.getLogger(__name__)

T = TypeVar("T")


class Rows(Struct, Generic[T]):
    """One page. `next` is the number of the following one; None: this was the last."""

    items: list[T]
    next: int | None = None


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
        return (await self.get(path, params)).decode(kind)

    async def page(self, path: str, kind: type[T], params: Mapping[str, Any], page: int = 1) -> Rows[T]:
        answer = await self.get(path, {"per_page": PER_PAGE, **params, "page": page})
        items, odd = wire.read(answer.rows(), kind)
        for each in odd:
            _log.warning("Account %s: a row of %s is left out: %s", self.account, path, each)
        return Rows(items, _next(answer, page))

    async def all(self, path: str, kind: type[T], params: Mapping[str, Any], *, pages: int) -> list[T]:
        """The rows of at most that many pages, one after the other."""
        found: list[T] = []
        page: int | None = 1
        while page is not None and page <= pages:
            rows = await self.page(path, kind, params, page)
            found += rows.items
            page = rows.next
        if page is not None:
            _log.warning("Account %s: %s has more than %d pages; the rest is left out", self.account, path, pages)
        return found

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


def _next(answer: Answer, page: int) -> int | None:
    """By header, else by link, of which a proxy may have spoilt all but the query."""
    told = answer.headers.get("x-next-page")
    if told is None:
        query = parse_qs(urlsplit(answer.links.get("next", {}).get("url", "")).query)
        told = query.get("page", [""])[0]
    found = int(told) if re.fullmatch(r"\d{1,9}", told.strip()) else 0
    return found if found > page else None
