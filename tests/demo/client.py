"""A GraphQL client of a few lines, over raw httpx and websockets: it hides nothing of what the server does."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from tests.conftest import RailwayDemo

Json = dict[str, Any]
TLS = ssl.create_default_context()  # made once: httpx would load the certificates again for every client
LINE = "timestamp message severity attributes { key value } tags { serviceId deploymentId deploymentInstanceId }"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def post(
    demo: RailwayDemo, document: str, variables: Mapping[str, object] | None = None, headers: Json | None = None
) -> httpx.Response:
    """With the account token, unless `headers` are given."""
    body = {"query": document, "variables": dict(variables or {})}
    async with httpx.AsyncClient(timeout=5, verify=TLS) as client:
        return await client.post(demo.url, json=body, headers=bearer(demo.token) if headers is None else headers)


async def ask(demo: RailwayDemo, document: str, **variables: object) -> Json:
    """The data of a request that goes well."""
    answer = (await post(demo, document, variables)).json()
    assert "errors" not in answer, answer["errors"]
    data: Json = answer["data"]
    return data


async def refusal(demo: RailwayDemo, document: str, **variables: object) -> str:
    """The message of a request that does not."""
    response = await post(demo, document, variables)
    assert response.status_code == 200
    message: str = response.json()["errors"][0]["message"]
    return message


class Subscriber:
    """One socket with one subscription."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def message(self, timeout_s: float = 3.0) -> Json:
        async with asyncio.timeout(timeout_s):
            message: Json = json.loads(await self._socket.recv())
        return message

    async def data(self) -> Json:
        message = await self.message()
        assert message["type"] == "next", message
        data: Json = message["payload"]["data"]
        return data

    async def lines(self, field: str) -> list[Json]:
        rows: list[Json] = (await self.data())[field]
        return rows

    async def is_quiet(self) -> bool:
        """Nothing comes that was sent before a ping's answer."""
        await self._socket.send('{"type":"ping"}')
        kind: str = (await self.message())["type"]
        return kind == "pong"

    async def closed(self) -> int | None:
        async with asyncio.timeout(3):
            await self._socket.wait_closed()
        return self._socket.close_code


@asynccontextmanager
async def subscribe(
    demo: RailwayDemo, document: str, headers: Json | None = None, **variables: object
) -> AsyncIterator[Subscriber]:
    """Subscribed, as far as the server has been told; nothing of what it says has been read."""
    async with connect(
        demo.socket_url,
        subprotocols=["graphql-transport-ws"],  # type: ignore[list-item]
        additional_headers=bearer(demo.token) if headers is None else headers,
    ) as socket:
        await socket.send('{"type":"connection_init"}')
        subscriber = Subscriber(socket)
        assert (await subscriber.message())["type"] == "connection_ack"
        payload = {"query": document, "variables": variables}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
        yield subscriber
