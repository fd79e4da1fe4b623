"""Dokploy's demo server for its tests: where it is, and its keys."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tui.demo.dokploy.tokens import Tokens
from tui.demo.serve import serve
from tui.demo.story import frozen_world
from tui.demo.world import World


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
        return httpx.AsyncClient(base_url=f"{self.url}/api", headers=headers, verify=False)


@asynccontextmanager
async def dokploy() -> AsyncIterator[DokployDemo]:
    world = frozen_world(platforms=("dokploy",))
    async with serve(world) as serving:
        place = serving.addresses["dokploy"]
        yield DokployDemo(world, place.url, place.token, serving.tokens["dokploy"])
