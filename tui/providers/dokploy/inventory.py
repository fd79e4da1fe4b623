"""Which services there are: by the best procedure that this server knows and this key may use."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec
from msgspec import Struct

from tui.model.errors import Forbidden, ProviderError, RateLimited, Unauthorized
from tui.model.text import plain
from tui.providers import values
from tui.providers.dokploy import wire
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.errors import NoProcedure
from tui.providers.dokploy.wire import ProjectRow, ServiceRow, UnreadProject
from tui.providers.rest import together


class Found(Struct, frozen=True):
    """`odd`: how many services could not be read."""

    services: Sequence[ServiceRow]
    unread: Sequence[UnreadProject] = ()
    odd: int = 0


class Inventory:
    """From 0.30 on overview.services gives all in one; before, a tree of projects; else one request a project."""

    def __init__(self, api: Api, projects: tuple[str, ...]) -> None:
        self._api = api
        self._projects = tuple(each.casefold() for each in projects)
        self._not_allowed: set[str] = set()

    async def read(self) -> Found:
        """Raises ProviderError when nothing can be read; a project that cannot be read is in `unread`."""
        found = await self._read()
        if not self._projects:
            return found
        return Found(
            [row for row in found.services if self.is_wanted(row.project_name, row.project_id)],
            [each for each in found.unread if self.is_wanted(each.name, each.id)],
            found.odd,
        )

    async def projects(self) -> list[ProjectRow]:
        """Return every project that is wanted, those without services, too. Raises ProviderError."""
        rows = await self._api.rows("project.all", ProjectRow)
        return [each for each in rows.items if self.is_wanted(each.name or "", each.project_id)]

    def is_wanted(self, name: str, id_: str) -> bool:
        """Return whether the account's configuration names this project, or none."""
        names = (name.casefold(), id_.casefold())
        patterns = self._projects or ("*",)
        return any(fnmatchcase(one, pattern) for pattern in patterns for one in names)

    async def _read(self) -> Found:
        if self._may("overview.services"):
            try:
                rows = await self._api.rows("overview.services", ServiceRow)
                return Found(rows.items, odd=len(rows.odd))
            except (NoProcedure, Forbidden) as error:
                self._remember("overview.services", error)
        if self._may("project.allForPermissions"):
            try:
                services, odd = wire.tree(await self._json("project.allForPermissions"))
                return Found(services, odd=len(odd))
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
        listed = await self._json("project.all")
        dicts = [each for each in listed if isinstance(each, dict)]
        projects = [each for each in dicts if self.is_wanted(_text(each, "name"), _text(each, "projectId"))]
        found = await together(self._environments(each) for each in projects)
        errors = [error for _, error in found if error is not None]
        if errors and len(errors) == len(found):
            raise errors[0]
        pairs = list(zip(projects, found, strict=True))
        read = [{**project, "environments": read} for project, (read, error) in pairs if error is None]
        services, odd = wire.tree(read)
        unread = [_unread(project, error) for project, (_, error) in pairs if error is not None]
        return Found(services, unread, len(odd) + len(listed) - len(dicts))

    async def _environments(self, project: dict[str, Any]) -> tuple[list[Any], ProviderError | None]:
        try:
            return await self._json("environment.byProjectId", projectId=_text(project, "projectId")), None
        except (RateLimited, Unauthorized, NoProcedure):
            raise
        except ProviderError as error:
            return [], error

    async def _json(self, procedure: str, **params: str) -> list[Any]:
        """Return a list's elements, read one by one. One that is no JSON at all is None."""
        rows = (await self._api.query(procedure, **params)).rows()
        return [_decoded(each) for each in rows]


def _decoded(raw: msgspec.Raw) -> Any:  # noqa: ANN401 - JSON
    try:
        return values.decode_json(bytes(raw))
    except (ValueError, RecursionError):
        return None


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
