"""Dokploy's addresses: REST below /api, the same procedures as tRPC below /api/trpc, log sockets on the root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from tui.model.clock import Clock
from tui.model.errors import ProviderError, Refused, Unreachable
from tui.model.provider import Connection, Meter
from tui.providers import values
from tui.providers.dokploy import wire
from tui.providers.dokploy.errors import CREDENTIAL, Judge, KeyRefused, NoProcedure, of_health
from tui.providers.http import Peer
from tui.providers.rest import Answer, Rest

_KEEPALIVE_S = 4.0  # the server closes an idle connection after five
_SLOW_S = 180.0  # what pulls an image or goes over SSH answers when that is done
_HEALTH = "trpc/settings.health"  # answers without a key
_HEALTH_HOLDS_S = 2.0  # requests side by side are refused together

T = TypeVar("T")


class Rows(Struct, Generic[T]):
    """A list's rows that can be read, in its order, and the others as they came."""

    items: list[T]
    odd: Sequence[msgspec.Raw] = ()


class Api:
    """One account's client. Mutations that answer with an empty body have succeeded."""

    def __init__(self, connection: Connection, title: str, *, meter: Meter, clock: Clock) -> None:
        self.root = root(connection.url or "")
        self.account = connection.account
        self.ca_file = connection.ca_file
        self.meter = meter
        self.clock = clock
        self.peer = Peer(
            connection.account, title, f"{self.root}/api", CREDENTIAL, connection.token, connection.read_only
        )
        self.headers = {"x-api-key": connection.token.reveal()}
        self._judge = Judge(self.peer, meter, clock)
        self._missing: set[str] = set()
        self._health = asyncio.Lock()
        self._health_at: float | None = None
        self._fault: ProviderError | None = None
        self.rest = Rest(
            self.peer,
            meter=meter,
            clock=clock,
            classify=self._judge.classify,
            headers=self.headers,
            ca_file=connection.ca_file,
            keepalive_s=_KEEPALIVE_S,
        )
        self._without_key = Rest(
            self.peer,
            meter=meter,
            clock=clock,
            classify=lambda response, _: of_health(self.peer, response),
            headers={},
            ca_file=connection.ca_file,
            keepalive_s=_KEEPALIVE_S,
        )

    def has(self, procedure: str) -> bool:
        """Return False once this server was seen not to know it."""
        return procedure not in self._missing

    async def query(self, procedure: str, **params: str | int) -> Answer:
        """Raises NoProcedure, at once where it is known already."""
        if procedure in self._missing:
            raise NoProcedure(f"Account {self.account}: this version of Dokploy has no {procedure}.")
        try:
            return await self._answer(self.rest.get(procedure, params or None))
        except NoProcedure:
            self._missing.add(procedure)
            raise

    async def rows(self, procedure: str, kind: type[T], **params: str | int) -> Rows[T]:
        """Decode a list row by row, so that an odd one does not cost the others."""
        found: Rows[T] = Rows([])
        odd: list[msgspec.Raw] = []
        for raw in (await self.query(procedure, **params)).rows():
            items, words = values.rows((raw,), kind)
            found.items += items
            if words:
                odd.append(raw)
        found.odd = odd
        return found

    async def text(self, procedure: str, **params: str | int) -> str:
        """A JSON string; "" for an empty body."""
        answer = await self.query(procedure, **params)
        return answer.decode(str) if answer.content.strip() else ""

    async def act(self, procedure: str, body: dict[str, Any]) -> None:
        """Send a mutation once. What it answers is of no use and may hold secrets.

        Raises OutcomeUnknown when the answer is lost.
        """
        asking = self.rest.ask("POST", procedure, json=body, mutation=True, timeout_s=_SLOW_S)
        answer = await self._answer(asking, mutation=True)
        if answer.content.strip():
            answer.decode(msgspec.Raw)

    async def trpc(self, procedure: str, given: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """What a procedure answers that has no REST form."""
        asked = msgspec.json.encode({"json": given}).decode()
        answer = await self._answer(self.rest.get(f"trpc/{procedure}", [("input", asked)]))
        return answer.decode(wire.Enveloped).result.data.json

    def socket(self, path: str, **params: str | int) -> str:
        """A WebSocket's url: on the host's root, not below /api."""
        scheme, _, rest = self.root.partition("://")
        query = urlencode({name: str(value) for name, value in params.items() if value != ""})
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/{path}?{query}"

    async def aclose(self) -> None:
        await self.rest.aclose()
        await self._without_key.aclose()

    async def _answer(self, asking: Awaitable[Answer], *, mutation: bool = False) -> Answer:
        try:
            answer = await asking
        except KeyRefused as error:
            fault = await self._at_fault()
            if fault is None:
                raise self._judge.of_the_key(error) from None
            if mutation:  # it asks who one is before it does anything
                raise Refused(f"{fault.message} Nothing was done.", remedy=fault.remedy) from None
            raise fault from None
        self._judge.worked()
        return answer

    async def _at_fault(self) -> ProviderError | None:
        """Return what keeps Dokploy from checking any key; None: it was the key.

        With its database down Dokploy refuses every key, in the words for a bad one.
        """
        async with self._health:
            now = self.clock.monotonic()
            if self._health_at is None or now - self._health_at > _HEALTH_HOLDS_S:
                self._health_at, self._fault = now, None
                try:
                    await self._without_key.get(_HEALTH)
                except Unreachable as error:
                    self._fault = error
                except ProviderError:
                    pass  # an older version does not have it, and says nothing by that
            return self._fault


def root(url: str) -> str:
    """Return the account's url without the API's path, which may be in it."""
    return url.rstrip("/").removesuffix("/api").rstrip("/")
