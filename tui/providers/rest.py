"""REST over httpx as every provider of it uses it: one pooled client an account; an answer is data or one error."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec

from tui.model.clock import Clock
from tui.model.errors import ProviderError
from tui.model.provider import Meter
from tui.providers import http, values
from tui.providers.http import Peer

T = TypeVar("T")

Params = Mapping[str, str | int | float | bool | None] | list[tuple[str, str | int | float | bool | None]]

Classify = Callable[[httpx.Response, bool], ProviderError | None]
"""A platform's own reading of an answer that is no success; the flag says whether a mutation caused it. None: what
`http.status_error` says."""


async def together(asked: Iterable[Awaitable[T]]) -> list[T]:
    """What they answer, in their order, asked side by side. Raises one error rather than a group of them."""
    found: list[T] = []
    for result in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
        found.append(result)
    return found


class Answer:
    """One answer that is a success: its status, its headers, its bytes."""

    def __init__(self, rest: Rest, response: httpx.Response, where: str, *, mutation: bool) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.content = response.content
        self.links = response.links
        self.where = where
        self._rest = rest
        self._mutation = mutation

    def decode(self, kind: type[T]) -> T:
        """The JSON body as `kind`. Raises UnexpectedReply; OutcomeUnknown after a mutation."""
        try:
            return msgspec.json.decode(self.content, type=kind)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise self.unreadable(values.unreadable(error)) from None

    def rows(self) -> list[msgspec.Raw]:
        """The JSON body as a list whose rows are decoded one by one, so that one odd row does not cost the rest."""
        try:
            return msgspec.json.decode(self.content, type=list[msgspec.Raw])
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            with suppress(ValueError, RecursionError):  # half a surrogate pair is all that is wrong with it
                if isinstance(found := values.decode_json(self.content), list):
                    return [msgspec.Raw(json.dumps(each).encode()) for each in found]
            raise self.unreadable(values.unreadable(error)) from None

    def unreadable(self, what: str) -> ProviderError:
        return http.unreadable(self._rest.peer, self.where, self._rest.peer.quote(what), mutation=self._mutation)


class Rest:
    """One account's REST address. `headers` carry the credential and hold from the next request on.

    `keepalive_s`: how long an idle connection is kept, where the platform closes them earlier than httpx does.
    """

    def __init__(
        self,
        peer: Peer,
        *,
        meter: Meter,
        clock: Clock,
        classify: Classify,
        headers: Mapping[str, str],
        ca_file: Path | None = None,
        keepalive_s: float = 60.0,
    ) -> None:
        self.peer = peer
        self.meter = meter
        self.clock = clock
        self.classify = classify
        self.headers = headers
        self.ca_file = ca_file
        self.closed = False
        self._keepalive_s = keepalive_s
        self._client: httpx.AsyncClient | None = None
        self._opening = asyncio.Lock()

    @property
    def platform_now(self) -> datetime:
        """What time it is on the other side, as far as its answers told."""
        return self.clock.now() + self.meter.skew.shift

    async def get(self, path: str, params: Params | None = None, *, headers: Mapping[str, str] | None = None) -> Answer:
        """One GET below the account's address. Raises ProviderError."""
        return await self.ask("GET", path, params=params, headers=headers)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,  # noqa: ANN401 - whatever JSON can write
        headers: Mapping[str, str] | None = None,
        mutation: bool = False,
        timeout_s: float | None = None,
    ) -> Answer:
        """One request, never repeated. `path` is sent as it is written: quote what is inside it.

        A success is any 2xx, and 304. After a mutation left, everything but a clear answer is OutcomeUnknown.
        """
        await self.meter.spend()
        client = await self._http()
        url = f"{self.peer.url.rstrip('/')}/{path.lstrip('/')}"
        more: dict[str, Any] = {}
        if timeout_s is not None:
            usual = http.TIMEOUT
            more["timeout"] = httpx.Timeout(connect=usual.connect, read=timeout_s, write=usual.write, pool=usual.pool)
        if json is not None:
            more["content"] = msgspec.json.encode(json)
            headers = {"Content-Type": "application/json", **(headers or {})}
        sent = {**self.headers, **(headers or {})}
        try:
            response = await client.request(method, url, params=params, headers=sent, **more)
        except (httpx.HTTPError, httpx.InvalidURL, OSError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and not self.closed:  # httpx's word for a client that was closed
                raise
            if self.closed and not mutation:
                raise http.closed(self.peer) from None
            raise http.transport_error(error, self.peer, mutation=mutation) from error
        status = response.status_code
        http.observe(self.meter, response.headers, self.clock.now(), limited=status == 429)
        if 200 <= status < 300 or status == 304:
            return Answer(self, response, f"{method} {path}", mutation=mutation)
        now = self.clock.now()
        raise self.classify(response, mutation) or http.status_error(
            self.peer, status, response, mutation=mutation, now=now
        )

    async def aclose(self) -> None:
        self.closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _http(self) -> httpx.AsyncClient:
        async with self._opening:
            if self.closed:
                raise http.closed(self.peer)
            if self._client is None:
                keeper = http.Timekeeper(self.meter.skew, self.clock)
                self._client = await http.open_client(
                    self.peer,
                    headers={},
                    ca_file=self.ca_file,
                    on_request=[keeper.sent],
                    on_response=[keeper.answered],
                    keepalive_s=self._keepalive_s,
                )
            return self._client
