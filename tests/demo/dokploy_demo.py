"""Dokploy's demo server for its tests: where it is, its keys, and a plain client that hides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from websockets.asyncio.client import connect

from tests.demo.client import TLS
from tui.demo.dokploy import ids
from tui.demo.dokploy.tokens import Tokens
from tui.demo.serve import serve
from tui.demo.story import frozen_world
from tui.demo.world import World

Json = dict[str, Any]
STATUS_PAGE, BUSY, LOOPING, FAILED = (
    "tools/production/status-page",
    "tools/production/wiki",
    "tools/production/deploy-bot",
    "tools/staging/wiki",
)
COMPOSE, QUIET = "tools/production/grafana", "tools/staging/grafana"
POSTGRES = "tools/production/postgres"


@dataclass(frozen=True, slots=True)
class DokployDemo:
    world: World
    url: str
    key: str
    tokens: Tokens

    @property
    def socket_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        headers = {"x-api-key": self.key if key is None else key}
        return httpx.AsyncClient(base_url=f"{self.url}/api", headers=headers, verify=TLS)

    def id(self, path: str) -> str:
        return ids.service_id(self.world.service(path))

    def app_name(self, path: str) -> str:
        return ids.app_name(self.world.service(path))

    async def get(self, procedure: str, key: str | None = None, **params: str | int) -> Any:  # noqa: ANN401  # JSON
        """What an answer that goes well holds."""
        async with self.client(key) as client:
            answer = await client.get(procedure, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, procedure: str, key: str | None = None, **body: object) -> Any:  # noqa: ANN401  # JSON
        """None where an answer that goes well is empty."""
        async with self.client(key) as client:
            answer = await client.post(procedure, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json() if answer.content else None

    async def refused(self, method: str, procedure: str, key: str | None = None, **given: str) -> tuple[int, str]:
        """The status and the message of an answer that does not."""
        async with self.client(key) as client:
            sent = {"params": given} if method == "GET" else {"json": given}
            answer = await client.request(method, procedure, **sent)  # type: ignore[arg-type]
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["message"]

    async def rows(self, path: str) -> list[Json]:
        """The history of an application or of a compose service, newest first."""
        if self.world.service(path).kind == "compose":
            found: list[Json] = await self.get("deployment.allByCompose", composeId=self.id(path))
        else:
            found = await self.get("deployment.all", applicationId=self.id(path))
        return found

    async def status(self, path: str) -> str:
        found: str = next(one["status"] for one in await self.get("overview.services") if one["id"] == self.id(path))
        return found

    async def containers(self, path: str) -> list[Json]:
        """Newest first, and of this service alone."""
        name = self.app_name(path)
        rows: list[Json] = await self.get("docker.getContainers")
        return [row for row in rows if row["name"].partition(".")[0] == name or row["name"].startswith(f"{name}-web-")]

    def socket(self, path: str, key: str | None = None, **params: str) -> connect:
        """`key` "" is none."""
        query = "&".join(f"{name}={quote(value)}" for name, value in params.items())
        headers = {"x-api-key": self.key if key is None else key} if key != "" else {}
        return connect(f"{self.socket_url}/{path}?{query}", additional_headers=headers, open_timeout=2)


@asynccontextmanager
async def dokploy(world: World | None = None) -> AsyncIterator[DokployDemo]:
    """Over the story's own Dokploy part, standing still, unless a world is given."""
    world = world or frozen_world(platforms=("dokploy",))
    async with serve(world, platforms=("dokploy",)) as serving:
        place = serving.addresses["dokploy"]
        yield DokployDemo(world, place.url, place.token, serving.tokens["dokploy"])
