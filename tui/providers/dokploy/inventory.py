"""Which services there are: by the best procedure that this server knows and this key may use."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from tui.model.errors import Forbidden
from tui.providers.dokploy import wire
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.errors import NoProcedure
from tui.providers.dokploy.wire import ServiceRow
from tui.providers.rest import together


class Inventory:
    """From 0.30 on overview.services gives all in one; before, a tree of projects; else one request a project."""

    def __init__(self, api: Api, projects: tuple[str, ...]) -> None:
        self._api = api
        self._projects = tuple(each.casefold() for each in projects)
        self._no_tree = False

    async def read(self) -> list[ServiceRow]:
        found = await self._read()
        if not self._projects:
            return found
        return [row for row in found if self._wanted(row)]

    def _wanted(self, row: ServiceRow) -> bool:
        names = (row.project_name.casefold(), row.project_id.casefold())
        return any(fnmatchcase(name, each) for each in self._projects for name in names)

    async def _read(self) -> list[ServiceRow]:
        if self._api.has("overview.services"):
            try:
                return await self._api.rows("overview.services", ServiceRow)
            except NoProcedure:
                pass
        if self._api.has("project.allForPermissions") and not self._no_tree:
            try:
                return wire.tree(await self._json("project.allForPermissions"))
            except NoProcedure:
                pass
            except Forbidden:
                self._no_tree = True  # for owners and admins only
        return await self._one_by_one()

    async def _one_by_one(self) -> list[ServiceRow]:
        """project.all has neither app names nor servers: those are in each project's environments."""
        projects = [each for each in await self._json("project.all") if isinstance(each, dict)]
        found = await together(self._environments(each) for each in projects)
        return wire.tree([{**project, "environments": each} for project, each in zip(projects, found, strict=True)])

    async def _environments(self, project: dict[str, Any]) -> list[Any]:
        return await self._json("environment.byProjectId", projectId=str(project.get("projectId")))

    async def _json(self, procedure: str, **params: str) -> list[Any]:
        return (await self._api.query(procedure, **params)).decode(list[Any])
