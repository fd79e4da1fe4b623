"""Cloud 66's REST address: its envelope, its pages, its warnings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import msgspec

from tui.model.clock import Clock
from tui.model.provider import Connection, Meter
from tui.model.text import plain
from tui.providers import values
from tui.providers.cloud66 import wire
from tui.providers.cloud66.errors import CREDENTIAL, Throttle, classifier
from tui.providers.cloud66.listing import N, Newest, Rows, all_pages, following, newest
from tui.providers.cloud66.wire import PageRow
from tui.providers.http import Peer
from tui.providers.rest import Answer, Params, Rest

URL = "https://app.cloud66.com/api/3"

_DOTS = {".": "%2E", "..": "%2E%2E"}
_log = logging.getLogger(__name__)

T = TypeVar("T")


class Api:
    """One account's client. Stack uids are the key to a stack's live log: messages show only their beginning."""

    def __init__(self, connection: Connection, title: str, *, meter: Meter, clock: Clock) -> None:
        self.account = connection.account
        self.clock = clock
        self.peer = Peer(
            connection.account,
            title,
            address(connection.url or URL),
            CREDENTIAL,
            connection.token,
            connection.read_only,
        )
        self._meter = meter
        self._throttle = Throttle(clock)
        self._warnings: dict[str, None] = {}
        self.user = ""  # the token's own; no call tells, but the actions that it began do
        self.commands_keep_references = False  # as far as was seen
        self.rest = Rest(
            self.peer,
            meter=meter,
            clock=clock,
            classify=classifier(self.peer, meter, self._throttle, clock),
            headers={"Authorization": f"Bearer {connection.token.reveal()}"},
            ca_file=connection.ca_file,
        )

    def learn_user(self, name: str | None) -> None:
        """Remember who the token belongs to, from an action that surely is ours."""
        self.user = plain(name or "") or self.user

    async def get(self, path: str, params: Params | None = None) -> Answer:
        return self._took(path, await self.rest.get(path, params))

    async def one(self, path: str, kind: type[T], params: Params | None = None) -> T:
        return self.decoded(await self.get(path, params), kind)

    async def page(self, path: str, kind: type[T], page: int = 1, params: Mapping[str, Any] | None = None) -> Rows[T]:
        """Return one page. There is no parameter for how many rows it has."""
        answer = await self.get(path, {**(params or {}), "page": page} if page > 1 else params)
        payload, place = self._payload(answer)
        try:
            raw = wire.elements(payload)
        except (ValueError, RecursionError) as error:
            raise answer.unreadable(values.unreadable(error)) from None
        slots = [self._slot(path, each, kind) for each in raw]
        return Rows(kind, slots, page, following(page, len(raw), place), place, raw)

    async def all(self, path: str, kind: type[T], params: Mapping[str, Any] | None = None) -> Rows[T]:
        """Return the rows of all pages, one after the other."""
        return await all_pages(lambda number: self.page(path, kind, number, params))

    async def newest(
        self, path: str, kind: type[N], params: Mapping[str, Any] | None = None, *, last: int | None = None
    ) -> Newest[N]:
        """Return the newest rows of a list that may come oldest first; then `last` is what its last page was."""
        return await newest(lambda number: self.page(path, kind, number, params), last)

    async def act(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """A request that changes something. Raises OutcomeUnknown when its answer is lost."""
        return self._took(path, await self.rest.ask(method, path, json=body, mutation=True))

    def decoded(self, answer: Answer, kind: type[T]) -> T:
        """Return what is in the envelope. Raises UnexpectedReply; OutcomeUnknown after a mutation."""
        payload, _ = self._payload(answer)
        items, odd = values.rows([payload], kind)
        if not items:
            raise answer.unreadable(odd[0])
        return items[0]

    def warning(self, answer: Answer) -> str:
        """What Cloud 66 wants the user to know beside the answer."""
        return self.peer.quote(answer.headers.get("x-cloud66-warning", ""))

    def warnings(self) -> tuple[str, ...]:
        """Those of the answers since the last call, each once."""
        told = tuple(self._warnings)
        self._warnings.clear()
        return told

    async def aclose(self) -> None:
        await self.rest.aclose()

    def _took(self, path: str, answer: Answer) -> Answer:
        if self._throttle.reset():
            self._meter.observe(retry_at=self.clock.now())
        answer.where = f"{answer.where.partition(' ')[0]} {shown(path)}"
        if warning := self.warning(answer):
            self._warnings[warning] = None
        return answer

    def _payload(self, answer: Answer) -> tuple[bytes | msgspec.Raw, PageRow]:
        try:
            return wire.unwrap(answer.content)
        except (ValueError, RecursionError) as error:
            raise answer.unreadable(values.unreadable(error)) from None

    def _slot(self, path: str, raw: msgspec.Raw, kind: type[T]) -> T | None:
        items, odd = values.rows([raw], kind)
        for each in odd:
            _log.debug("Account %s: a row of %s cannot be read: %s", self.account, shown(path), each)
        return items[0] if items else None


def address(url: str) -> str:
    """The account's url, with the API's path where it names only the host."""
    url = url.rstrip("/")
    return url + urlsplit(URL).path if urlsplit(url).path == "" else url


def stack_path(uid: str, *parts: str | int) -> str:
    """`stacks/<uid>/deployments/107`. No part of it leads to another place, whatever a uid or a name holds."""
    return "/".join(["stacks", *(_DOTS.get(str(part)) or quote(str(part), safe="") for part in (uid, *parts))])


def shown(path: str) -> str:
    """The path with a stack's uid shortened, as people may see it."""
    parts = path.split("/")
    if len(parts) > 1 and parts[0] == "stacks":
        parts[1] = short(parts[1])
    return "/".join(parts)


def short(uid: str) -> str:
    return uid if len(uid) <= 6 else f"{uid[:4]}…"
