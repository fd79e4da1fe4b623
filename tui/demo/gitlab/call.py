"""One request as the endpoints see it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from starlette.responses import Response

from tui.demo.clock import parse_rfc3339
from tui.demo.entities import Deployment, Service
from tui.demo.gitlab.errors import bad_parameter, forbidden, not_found
from tui.demo.gitlab.paging import keyset_of, page_of
from tui.demo.gitlab.render import Render
from tui.demo.gitlab.site import Project, Site, deployment, environment
from tui.demo.gitlab.tokens import MAINTAINER, Server, Token
from tui.demo.world import World

Row = TypeVar("Row")


@dataclass(slots=True)
class Call:
    """`place`: what the path names. `query` is without repeats; `arrays` has what was sent as `name[]`."""

    site: Site
    server: Server
    token: Token
    render: Render
    url: str  # without the query
    place: dict[str, str]
    query: dict[str, str]
    arrays: dict[str, list[str]]
    body: dict[str, object] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)  # of the request

    @property
    def world(self) -> World:
        return self.site.world

    @property
    def old(self) -> bool:
        return self.render.old

    def text(self, name: str) -> str | None:
        """A parameter, from the body or else the query; None: it is in neither. Raises Refused."""
        value = self.body.get(name, self.query.get(name))
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool | int):
            return str(value).lower()
        raise bad_parameter(f"{name} is invalid")

    def required(self, name: str) -> str:
        if not (value := self.text(name)):
            raise bad_parameter(f"{name} is missing")
        return value

    def flag(self, name: str) -> bool:
        return (self.text(name) or "").lower() in ("true", "1", "on")

    def choice(self, name: str, among: Sequence[str], default: str = "") -> str:
        value = self.text(name)
        if value is None:
            return default
        if value not in among:
            raise bad_parameter(f"{name} does not have a valid value")
        return value

    def time(self, name: str) -> int | None:
        if (value := self.text(name)) is None:
            return None
        try:
            return parse_rfc3339(value)
        except ValueError:
            raise bad_parameter(f"{name} is invalid") from None

    def number(self, name: str) -> int:
        """One that stands in the path."""
        if not self.place[name].isdigit():
            raise bad_parameter(f"{name} is invalid")
        return int(self.place[name])

    # what the path names

    def project(self) -> Project:
        found = self.site.project(self.place["id"])
        if found is None:
            raise not_found("Project")
        return found

    def deployment(self) -> tuple[Project, Deployment]:
        project = self.project()
        if (found := deployment(project, self.number("deployment_id"))) is None:
            raise not_found("Deployment")
        return project, found

    def environment(self) -> tuple[Project, Service]:
        project = self.project()
        if (found := environment(project, self.number("environment_id"))) is None:
            raise not_found("Environment")
        return project, found

    def job(self) -> tuple[Project, Deployment, str]:
        project = self.project()
        if (found := self.site.job(project, self.number("job_id"))) is None:
            raise not_found()
        return project, *found

    def kept_out(self, service: Service) -> bool:
        """Whether the environment is protected from the caller: production is, from developers."""
        return self.token.access_level < MAINTAINER and service.environment.name == "production"

    def maintainers_only(self) -> None:
        if self.token.access_level < MAINTAINER:
            raise forbidden()

    # answers

    def json(self, body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
        """A GET's has a weak ETag, and is 304 for who has that already."""
        content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
        return self.answer(content, "application/json", status, headers)

    def answer(
        self, content: bytes, media_type: str, status: int = 200, headers: dict[str, str] | None = None
    ) -> Response:
        tag = f'W/"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'
        headers = {**(headers or {}), "ETag": tag, "Cache-Control": "max-age=0, private, must-revalidate"}
        if status == 200 and self.headers.get("if-none-match") == tag and self.headers["method"] == "GET":
            return Response(b"", 304, headers)
        return Response(content, status, headers, media_type=media_type)

    def page(self, rows: Sequence[Row], show: Callable[[Row], object], *, counts: bool = True) -> Response:
        found, headers = page_of(rows, self.query, self.url, count_limit=self.server.count_limit, counts=counts)
        return self.json([show(row) for row in found], headers=headers)

    def keyset(self, rows: Sequence[Row], show: Callable[[Row], object], key: Callable[[Row], int]) -> Response:
        found, headers = keyset_of(rows, self.query, self.url, key)
        return self.json([show(row) for row in found], headers=headers)
