"""Cloud 66's REST address: its envelope, its pages, its warnings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
from msgspec import Struct

from tui.model.clock import Clock
from tui.model.errors import ProviderError
from tui.model.provider import Connection, Meter
from tui.providers.cloud66 import wire
from tui.providers.cloud66.errors import CREDENTIAL, Throttle, classifier
from tui.providers.cloud66.wire import PageRow
from tui.providers.http import Peer
from tui.providers.rest import Answer, Params, Rest

URL = "https://app.cloud66.com/api/3"

_PAGES = 200  # 30 rows each
_log = logging.getLogger(__name__)

T = TypeVar("T")


class Rows(Struct, Generic[T]):
    """One page. `next` is the number of the following one; None: this was the last."""

    items: list[T]
    next: int | None
    place: PageRow
    odd: int = 0


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
        self.rest = Rest(
            self.peer,
            meter=meter,
            clock=clock,
            classify=classifier(self.peer, meter, self._throttle, clock),
            headers={"Authorization": f"Bearer {connection.token.reveal()}"},
            ca_file=connection.ca_file,
        )

    async def get(self, path: str, params: Params | None = None) -> Answer:
        return self._took(path, await self.rest.get(path, params))

    async def one(self, path: str, kind: type[T], params: Params | None = None) -> T:
        return self.decoded(await self.get(path, params), kind)

    async def page(self, path: str, kind: type[T], page: int = 1, params: Mapping[str, Any] | None = None) -> Rows[T]:
        """There is no parameter for how many rows a page has."""
        answer = await self.get(path, {**(params or {}), "page": page} if page > 1 else params)
        payload, place = self._payload(answer)
        items, odd = wire.read(self._decode(answer, payload, list[msgspec.Raw]), kind)
        for each in odd:
            _log.warning("Account %s: a row of %s is left out: %s", self.account, shown(path), each)
        following = place.next if place.next is not None and place.next > page else None
        return Rows(items, following, place, len(odd))

    async def all(self, path: str, kind: type[T], params: Mapping[str, Any] | None = None) -> list[T]:
        """The rows of all pages, one after the other."""
        found: list[T] = []
        page: int | None = 1
        while page is not None and page <= _PAGES:
            rows = await self.page(path, kind, page, params)
            found += rows.items
            page = rows.next
        return found

    async def act(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """A request that changes something. Raises OutcomeUnknown when its answer is lost."""
        return self._took(path, await self.rest.ask(method, path, json=body, mutation=True))

    def decoded(self, answer: Answer, kind: type[T]) -> T:
        """What is in the envelope. Raises UnexpectedReply; OutcomeUnknown after a mutation."""
        return self._decode(answer, self._payload(answer)[0], kind)

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
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise self._unreadable(answer, error) from None

    def _decode(self, answer: Answer, payload: bytes | msgspec.Raw, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(payload, type=kind)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise self._unreadable(answer, error) from None

    def _unreadable(self, answer: Answer, error: Exception) -> ProviderError:
        return answer.unreadable(str(error))


def address(url: str) -> str:
    """The account's url, with the API's path where it names only the host."""
    url = url.rstrip("/")
    return url + urlsplit(URL).path if urlsplit(url).path == "" else url


def stack_path(uid: str, *parts: str | int) -> str:
    """`stacks/<uid>/deployments/107`."""
    return "/".join(["stacks", quote(uid, safe=""), *(quote(str(part), safe="") for part in parts)])


def shown(path: str) -> str:
    """The path with a stack's uid shortened, as people may see it."""
    parts = path.split("/")
    if len(parts) > 1 and parts[0] == "stacks":
        parts[1] = short(parts[1])
    return "/".join(parts)


def short(uid: str) -> str:
    return uid if len(uid) <= 6 else f"{uid[:4]}…"
