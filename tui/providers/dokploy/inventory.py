"""Which services there are: by the best procedure that this server knows and this key may use."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized, Unreachable
from tui.model.text import plain
from tui.providers.dokploy import wire
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.errors import NoProcedure
from tui.providers.dokploy.wire import ServiceRow, UnreadProject
from tui.providers.rest import together


class Found(Struct, frozen=True):
    services: Sequence[ServiceRow]
    unread: Sequence[UnreadProject] = ()


class Inventory:
    """From 0.30 on overview.services gives all in one; before, a tree of projects; else one request a project."""

    def __init__(self, api: Api, projects: tuple[str, ...]) -> None:
        self._api = api
        self._projects = tuple(each.casefold() for each in projects)
        self._not_allowed: set[str] = set()

    async def read(self) -> Found:
        """Raises ProviderError when nothing can be read; one project that cannot is told."""
        found = await self._read()
        if not self._projects:
            return found
        return Found(
            [row for row in found.services if self._wanted(row.project_name, row.project_id)],
            [each for each in found.unread if self._wanted(each.name, each.id)],
        )

    def _wanted(self, name: str, id_: str) -> bool:
        names = (name.casefold(), id_.casefold())
        return any(fnmatchcase(one, pattern) for pattern in self._projects for one in names)

    async def _read(self) -> Found:
        if self._may("overview.services"):
            try:
                return Found(await self._api.rows("overview.services", ServiceRow))
            except (NoProcedure, Forbidden) as error:
                self._remember("overview.services", error)
        if self._may("project.allForPermissions"):
            try:
                return Found(wire.tree(await self._json("project.allForPermissions")))
            except (NoProcedure, Forbidden) as error:  # for owners and admins only
                self._remember("project.allForPermissions", error)
        return await self._one_by_one()

    def _may(self, procedure: str) -> bool:
        return self._api.has(procedure) and procedure not in self._not_allowed

    def _remember(self, procedure: str, error: ProviderError) -> None:
        if isinstance(error, Forbidden):
            self._not_allowed.add(procedure)

    async def _one_by_one(self) -> Found:
        """project.all has neither app names nor servers: those are in each project's environments."""
        projects = [each for each in await self._json("project.all") if isinstance(each, dict)]
        if self._projects:
            projects = [each for each in projects if self._wanted(_text(each, "name"), _text(each, "projectId"))]
        found = await together(self._environments(each) for each in projects)
        errors = [error for _, error in found if error is not None]
        if errors and len(errors) == len(found):
            raise errors[0]
        pairs = list(zip(projects, found, strict=True))
        return Found(
            wire.tree([{**project, "environments": read} for project, (read, error) in pairs if error is None]),
            [_unread(project, error) for project, (_, error) in pairs if error is not None],
        )

    async def _environments(self, project: dict[str, Any]) -> tuple[list[Any], ProviderError | None]:
        try:
            return await self._json("environment.byProjectId", projectId=_text(project, "projectId")), None
        except (RateLimited, Unauthorized, NoProcedure):
            raise
        except (Forbidden, NotFound, Refused, Unreachable) as error:
            return [], error

    async def _json(self, procedure: str, **params: str) -> list[Any]:
        return (await self._api.query(procedure, **params)).decode(list[Any])


def _unread(project: dict[str, Any], error: ProviderError) -> UnreadProject:
    environments = project.get("environments")
    known = [each for each in environments if isinstance(each, dict)] if isinstance(environments, list) else []
    return UnreadProject(
        _text(project, "projectId"),
        plain(_text(project, "name")),
        tuple((_text(each, "environmentId"), plain(_text(each, "name"))) for each in known),
        str(error),
    )


def _text(found: dict[str, Any], key: str) -> str:
    value = found.get(key)
    return value if isinstance(value, str) else ""
