"""GitLab's endpoint over a world that stands still, and a client of a few lines that hides nothing of it."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from tui.demo.entities import Deployment
from tui.demo.gitlab.ids import deployment_number, environment_number, job_number
from tui.demo.gitlab.tokens import Token, Tokens
from tui.demo.serve import serve
from tui.demo.story import frozen_world
from tui.demo.world import World

TLS = ssl.create_default_context()  # made once: httpx would load the certificates again for every client
Json = dict[str, Any]
WEB, API, FRAUD, SETTLEMENT = (f"acme/payments/{name}" for name in ("web", "api", "fraud", "settlement"))


@dataclass
class GitlabDemo:
    """`client` speaks with the usual token to today's server; `root` is the server's address."""

    world: World
    tokens: Tokens
    root: str
    client: httpx.AsyncClient = field(repr=False)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        token: Token | None = None,
        old: bool = False,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        json: object = None,
        data: dict[str, str] | None = None,
    ) -> httpx.Response:
        """`path` behind `/api/v4`, of the `old` server if asked for; `token` other than the usual one."""
        url = f"{self.root}{'/old' if old else ''}/api/v4{path}"
        headers = {"PRIVATE-TOKEN": (token or self.tokens.maintainer).value, **(headers or {})}
        return await self.client.request(method, url, params=params, headers=headers, json=json, data=data)

    async def get(self, path: str, **query: str) -> Any:  # noqa: ANN401  # JSON
        answer = await self.ask("GET", path, params=query or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refusal(
        self,
        method: str,
        path: str,
        *,
        token: Token | None = None,
        old: bool = False,
        headers: dict[str, str] | None = None,
        json: object = None,
    ) -> tuple[int, Any]:
        """The status and the words: of `message`, or else of `error`."""
        answer = await self.ask(method, path, token=token, old=old, headers=headers, json=json)
        assert answer.status_code >= 400
        body = answer.json()
        return answer.status_code, body.get("message", body.get("error"))

    def newest(self, path: str) -> Deployment:
        return self.world.service(path).deployments[0]

    async def status(self, one: Deployment) -> str:
        found: str = (await self.get(row_of(one)))["status"]
        return found


def project(path: str) -> str:
    return f"/projects/{quote(path, safe='')}"


def project_of(one: Deployment) -> str:
    return project(f"acme/payments/{one.service.name}")


def row_of(one: Deployment) -> str:
    return f"{project_of(one)}/deployments/{deployment_number(one)}"


def job_of(one: Deployment) -> str:
    return f"{project_of(one)}/jobs/{job_number(one)}"


def environment_of(one: Deployment) -> str:
    return f"{project_of(one)}/environments/{environment_number(one.service)}"


@asynccontextmanager
async def gitlab_demo(rate_limit: int | None = None, services: int | None = None) -> AsyncIterator[GitlabDemo]:
    world = frozen_world(platforms=("gitlab",), services=services)
    async with serve(world, platforms=("gitlab",), rate_limit=rate_limit) as serving:
        root = serving.addresses["gitlab"].url
        async with httpx.AsyncClient(timeout=5, verify=TLS) as client:
            yield GitlabDemo(world, serving.tokens["gitlab"], root, client)
