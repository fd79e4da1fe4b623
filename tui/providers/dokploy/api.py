"""Dokploy's addresses: REST below /api, the same procedures as tRPC below /api/trpc, log sockets on the root."""

from __future__ import annotations

import logging
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec

from tui.model.clock import Clock
from tui.model.provider import Connection, Meter
from tui.providers.dokploy import wire
from tui.providers.dokploy.errors import CREDENTIAL, Judge, NoProcedure
from tui.providers.http import Peer
from tui.providers.rest import Answer, Rest

_log = logging.getLogger(__name__)
_KEEPALIVE_S = 4.0  # the server closes an idle connection after five
_SLOW_S = 180.0  # what pulls an image or goes over SSH answers when that is done

T = TypeVar("T")


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
        self.rest = Rest(
            self.peer,
            meter=meter,
            clock=clock,
            classify=self._judge.classify,
            headers=self.headers,
            ca_file=connection.ca_file,
            keepalive_s=_KEEPALIVE_S,
        )

    def has(self, procedure: str) -> bool:
        """False once this server was seen not to know it."""
        return procedure not in self._missing

    async def query(self, procedure: str, **params: str | int) -> Answer:
        """Raises NoProcedure, at once where it is known already."""
        if procedure in self._missing:
            raise NoProcedure(f"Account {self.account}: this version of Dokploy has no {procedure}.")
        try:
            answer = await self.rest.get(procedure, params or None)
        except NoProcedure:
            self._missing.add(procedure)
            raise
        self._judge.worked()
        return answer

    async def rows(self, procedure: str, kind: type[T], **params: str | int) -> list[T]:
        answer = await self.query(procedure, **params)
        items, odd = wire.rows(answer.rows(), kind)
        for each in odd:
            _log.warning("Account %s: a row of %s is left out: %s", self.account, procedure, each)
        return items

    async def text(self, procedure: str, **params: str | int) -> str:
        """A JSON string; "" for an empty body."""
        answer = await self.query(procedure, **params)
        return answer.decode(str) if answer.content.strip() else ""

    async def act(self, procedure: str, body: dict[str, Any]) -> None:
        """What it answers is of no use and may hold secrets. Raises OutcomeUnknown when the answer is lost."""
        answer = await self.rest.ask("POST", procedure, json=body, mutation=True, timeout_s=_SLOW_S)
        if answer.content.strip():
            answer.decode(msgspec.Raw)
        self._judge.worked()

    async def trpc(self, procedure: str, given: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
        """What a procedure answers that has no REST form."""
        asked = msgspec.json.encode({"json": given}).decode()
        answer = await self.rest.get(f"trpc/{procedure}", [("input", asked)])
        self._judge.worked()
        return answer.decode(wire.Enveloped).result.data.json

    def socket(self, path: str, **params: str | int) -> str:
        """A WebSocket's url: on the host's root, not below /api."""
        scheme, _, rest = self.root.partition("://")
        query = urlencode({name: str(value) for name, value in params.items() if value != ""})
        return f"{'wss' if scheme == 'https' else 'ws'}://{rest}/{path}?{query}"

    async def aclose(self) -> None:
        await self.rest.aclose()


def root(url: str) -> str:
    """The account's url without the API's path, which may be in it."""
    return url.rstrip("/").removesuffix("/api").rstrip("/")
