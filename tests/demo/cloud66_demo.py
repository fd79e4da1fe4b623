"""Cloud 66's demo server as the tests meet it: a plain client over HTTP that hides nothing of what the server does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.demo.client import TLS, bearer
from tui.demo.cloud66 import ids
from tui.demo.cloud66.tokens import Tokens
from tui.demo.entities import Service
from tui.demo.serve import serve
from tui.demo.story import frozen_world
from tui.demo.world import World

Json = dict[str, Any]

DOCKER, BUSY_DOCKER = "outlet/production/feeds", "outlet/production/storefront"
RAILS, FAILED_RAILS = "outlet/production/backoffice", "outlet/staging/backoffice"


@dataclass(frozen=True)
class Cloud66Demo:
    """`http` asks under the API's address, with the token that may do everything unless told otherwise."""

    world: World
    tokens: Tokens
    url: str
    push_url: str
    http: httpx.AsyncClient

    def service(self, path: str) -> Service:
        return self.world.service(path)

    def uid(self, path: str) -> str:
        return ids.stack_uid(self.world.service(path))

    def at(self, path: str, rest: str = "") -> str:
        """The address of a stack of the world, or of something in it."""
        return f"/stacks/{self.uid(path)}{rest}"

    async def send(
        self, method: str, path: str, body: Json | None = None, params: Json | None = None, *, token: str | None = None
    ) -> httpx.Response:
        """`token` "" is none."""
        headers = {} if token == "" else bearer(self.tokens.usual if token is None else token)
        return await self.http.request(method, path, json=body, headers=headers, params=params)

    async def get(self, path: str, **params: object) -> Any:  # noqa: ANN401 - JSON
        """What is in the envelope of an answer that goes well."""
        response = await self.send("GET", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()["response"]

    async def post(self, path: str, **body: object) -> Any:  # noqa: ANN401 - JSON
        response = await self.send("POST", path, body)
        assert response.status_code == 200, response.text
        return response.json()["response"]

    async def delete(self, path: str, **params: object) -> Any:  # noqa: ANN401 - JSON
        response = await self.send("DELETE", path, params=params)
        assert response.status_code == 200, response.text
        return response.json()["response"]

    async def refused(self, method: str, path: str, body: Json | None = None, *, token: str | None = None) -> Json:
        """The body of an answer that does not, with its status as `status`."""
        response = await self.send(method, path, body, token=token)
        assert response.status_code >= 400, response.text
        answer: Json = response.json()
        return {"status": response.status_code, **answer}

    async def whole(self, path: str, **params: object) -> list[Json]:
        """All pages of a list."""
        rows: list[Json] = []
        page: int | None = 1
        while page is not None:
            answer = (await self.send("GET", path, params={"page": page, **params})).json()
            rows += answer["response"]
            page = answer["pagination"]["next"]
        return rows

    async def action(self, path: str, id_: int) -> Json:
        row: Json = await self.get(self.at(path, f"/actions/{id_}.json"))
        return row

    async def push(self, message: Mapping[str, object] | list[Json]) -> list[Json]:
        """One exchange on the push channel."""
        response = await self.http.post(self.push_url, content=json.dumps(message))
        assert response.status_code == 200, response.text
        replies: list[Json] = response.json()
        return replies

    async def subscribed(self, *paths: str) -> str:
        """The id of a client that has subscribed to stacks."""
        (reply,) = await self.push(HANDSHAKE)
        client: str = reply["clientId"]
        for path in paths:
            (reply,) = await self.push(subscribe(client, self.uid(path)))
            assert reply["successful"], reply
        return client

    async def polled(self, client: str) -> list[Json]:
        """One connect that is answered in good order: its meta reply, then the messages."""
        async with asyncio.timeout(5):
            replies = await self.push(connect(client))
        assert replies[0]["successful"], replies
        return replies


HANDSHAKE: Json = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}


def subscribe(client: str, uid: str) -> Json:
    return {"channel": "/meta/subscribe", "clientId": client, "subscription": f"/realtime/{uid}/*", "id": "1"}


def connect(client: str) -> Json:
    return {"channel": "/meta/connect", "clientId": client, "connectionType": "long-polling"}


def told(message: Json) -> Json:
    """What a message of the push channel holds: encoded twice."""
    row: Json = json.loads(json.loads(message["data"]))
    return row


@asynccontextmanager
async def cloud66_demo(world: World | None = None, *, rate_limit: int | None = None) -> AsyncIterator[Cloud66Demo]:
    """Over the story's own Cloud 66 part, standing still, unless a world is given."""
    world = world or frozen_world(platforms=("cloud66",))
    async with (
        serve(world, platforms=("cloud66",), rate_limit=rate_limit) as serving,
        httpx.AsyncClient(base_url=serving.addresses["cloud66"].url, timeout=5, verify=TLS) as http,
    ):
        address = serving.addresses["cloud66"]
        assert address.live_logs is not None
        yield Cloud66Demo(world, serving.tokens["cloud66"], address.url, address.live_logs, http)
