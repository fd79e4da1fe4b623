"""What a token is and what it reaches: its kind is found by trying, its environments are read now and then.

Railway has account, workspace and project tokens, which are confused constantly, and which look alike. Account and
workspace tokens answer `apiToken` under `Authorization: Bearer`; project tokens `projectToken` under their own header.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from tui.credentials import Secret
from tui.model.clock import Clock
from tui.model.entities import Environment, Kind, Project, Ref
from tui.model.errors import (
    Forbidden,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.model.provider import Connection
from tui.model.text import plain
from tui.providers.graphql import Endpoint
from tui.providers.http import Peer
from tui.providers.railway import documents, wire
from tui.providers.railway.decode import Pages
from tui.providers.railway.errors import CREDENTIAL

FRESH_S = 600.0
"""How long a list of projects and environments holds; an environment that is gone ends it sooner."""

_PAGE = 100
_REREAD_S = 60.0


class TokenKind(StrEnum):
    BEARER = "account or workspace token"
    PROJECT = "project token"

    def headers(self, token: Secret) -> dict[str, str]:
        match self:
            case TokenKind.BEARER:
                return {"Authorization": f"Bearer {token.reveal()}"}
            case TokenKind.PROJECT:
                return {"Project-Access-Token": token.reveal()}


@dataclass(frozen=True, slots=True)
class Place:
    """One environment of one project: what one inventory query is for."""

    project: Project
    environment: Environment

    @property
    def name(self) -> str:
        return f"{self.project.name}/{self.environment.name}"


@dataclass(frozen=True, slots=True)
class Scope:
    """Everything the token reaches of what was asked for. `problems` say what was left out, and why."""

    kind: TokenKind
    sees: str
    projects: tuple[Project, ...]
    places: tuple[Place, ...]
    problems: tuple[str, ...]
    read_at: float


class Scopes:
    """Knows the scope, and reads it (again) when it must."""

    def __init__(self, endpoint: Endpoint, connection: Connection, clock: Clock, pages: Pages) -> None:
        self._endpoint = endpoint
        self._connection = connection
        self._clock = clock
        self._pages = pages
        self._kind: TokenKind | None = None
        self._scope: Scope | None = None
        self._reading = asyncio.Lock()
        self._doubted = False

    async def ready(self) -> None:
        """The credential's kind is known, so that requests carry the right header. Raises Unauthorized."""
        if self._kind is None:
            await self.scope()

    async def scope(self, *, fresh: bool = False) -> Scope:
        """Raises Unauthorized when Railway accepts the token in neither way."""
        async with self._reading:
            now = self._clock.monotonic()
            known = self._scope
            patience = _REREAD_S if self._doubted else FRESH_S
            if known is not None and not fresh and now - known.read_at < patience:
                return known
            self._scope = await self._read(now)
            self._doubted = False
            return self._scope

    def doubt(self) -> None:
        """An environment is gone or closed: read again soon, though not at every poll."""
        self._doubted = True

    async def _read(self, now: float) -> Scope:
        found = _Found(self._connection, self._pages, self._endpoint.peer)
        match self._kind:
            case TokenKind.BEARER:
                await self._read_workspaces(found)
            case TokenKind.PROJECT:
                await self._read_project_token(found)
            case None:
                await self._find_kind(found)
        assert self._kind is not None
        return Scope(
            kind=self._kind,
            sees=found.sees(),
            projects=tuple(found.projects.values()),
            places=tuple(found.places),
            problems=(*found.problems, *found.unmatched()),
            read_at=now,
        )

    async def _find_kind(self, found: _Found) -> None:
        """Tries both headers. Only a plain no to both is a bad token; anything else is raised as it is."""
        refusals: list[str] = []
        for kind, read in (
            (TokenKind.BEARER, self._read_workspaces),
            (TokenKind.PROJECT, self._read_project_token),
        ):
            headers = kind.headers(self._connection.token)
            try:
                await read(found, headers)
            except (Forbidden, Unauthorized, NotFound) as error:
                if isinstance(error, Forbidden) and error.scope:
                    raise  # two-factor authentication: the kind was right
                refusals.append(error.trace)
                continue
            self._kind = kind
            self._endpoint.headers = headers
            return
        raise self._unauthorized("; ".join(filter(None, refusals)))

    def _unauthorized(self, trace: str) -> Unauthorized:
        tried = "as an account or workspace token (Authorization: Bearer) and as a project token (Project-Access-Token)"
        return Unauthorized(
            f"Account {self._connection.account}: Railway does not accept the token; tried {tried}. "
            "It is mistyped, expired or revoked.",
            remedy=CREDENTIAL,
            trace=trace,
        )

    async def _read_workspaces(self, found: _Found, headers: Mapping[str, str] | None = None) -> None:
        endpoint, peer = self._endpoint, self._endpoint.peer
        try:
            data = await endpoint.execute(documents.API_TOKEN, {}, headers=headers)
        except (Forbidden, Unauthorized) as error:
            if headers is None and not (isinstance(error, Forbidden) and error.scope):
                raise self._unauthorized(error.trace) from error
            raise
        workspaces = wire.listed(wire.at(data, "apiToken.workspaces", peer), wire.WorkspaceRow, peer, "apiToken")
        found.problems += (f"{problem}." for problem in workspaces.problems("workspace"))
        for workspace in workspaces.items:
            name = plain(workspace.name) or workspace.id
            found.workspaces.append(name)
            try:
                await self._read_projects(found, workspace, headers)
            except (Forbidden, NotFound, Refused) as error:
                found.problems.append(f"Workspace {name} is left out. {error}")
        await self._read_external(found, headers)

    async def _read_projects(
        self, found: _Found, workspace: wire.WorkspaceRow, headers: Mapping[str, str] | None
    ) -> None:
        endpoint, peer = self._endpoint, self._endpoint.peer

        async def page(after: str | None) -> wire.Rows[wire.ProjectRow]:
            variables = {"workspaceId": workspace.id, "first": _PAGE, "after": after}
            data = await endpoint.execute(documents.PROJECTS, variables, headers=headers)
            return wire.page(wire.at(data, "projects", peer), wire.ProjectRow, peer, "projects")

        await self._add(found, await wire.all_pages(page), workspace, headers)

    async def _read_external(self, found: _Found, headers: Mapping[str, str] | None) -> None:
        """Projects shared from other people's workspaces. A workspace token may not ask, which is no fault."""
        peer, where = self._endpoint.peer, "externalWorkspaces"
        try:
            data = await self._endpoint.execute(documents.EXTERNAL_WORKSPACES, {}, headers=headers)
            workspaces = wire.listed(wire.at(data, where, peer), wire.WorkspaceRow, peer, where)
            found.problems += (f"{problem}." for problem in workspaces.problems("shared workspace"))
            for workspace in workspaces.items:
                projects = wire.listed(workspace.projects, wire.ProjectRow, peer, where)
                await self._add(found, projects, workspace, headers)
        except (RateLimited, Unauthorized):
            raise
        except (Forbidden, Refused, NotFound):
            return
        except ProviderError as error:
            found.problems.append(f"Projects shared by other workspaces could not be read. {error}")

    async def _add(
        self,
        found: _Found,
        projects: wire.Rows[wire.ProjectRow],
        workspace: wire.WorkspaceRow,
        headers: Mapping[str, str] | None,
    ) -> None:
        """Add a workspace's projects. Those of many environments have more pages of them."""
        found.problems += (
            f"Workspace {plain(workspace.name) or workspace.id}: {problem}." for problem in projects.problems("project")
        )
        for project, after in found.add(projects.items, workspace):
            try:
                found.add_environments(project, await self._read_environments(project, after, headers))
            except (Forbidden, NotFound, Refused, UnexpectedReply, Unreachable) as error:
                found.problems.append(f"More environments of project {project.name} could not be read. {error}")

    async def _read_environments(
        self, project: Project, after: str, headers: Mapping[str, str] | None
    ) -> wire.Rows[wire.EnvironmentRow]:
        endpoint, peer = self._endpoint, self._endpoint.peer

        async def page(cursor: str | None) -> wire.Rows[wire.EnvironmentRow]:
            variables = {"projectId": project.ref.id, "first": _PAGE, "after": cursor}
            data = await endpoint.execute(documents.ENVIRONMENTS, variables, headers=headers)
            return wire.page(wire.at(data, "environments", peer), wire.EnvironmentRow, peer, "environments")

        return await wire.all_pages(page, after)

    async def _read_project_token(self, found: _Found, headers: Mapping[str, str] | None = None) -> None:
        peer = self._endpoint.peer
        try:
            data = await self._endpoint.execute(documents.PROJECT_TOKEN, {}, headers=headers)
        except (Forbidden, Unauthorized) as error:
            if headers is None:
                raise self._unauthorized(error.trace) from error
            raise
        found.add_token(wire.one(wire.at(data, "projectToken", peer), wire.ProjectTokenRow, peer, "projectToken"))


class _Found:
    """A scope while it is being read."""

    def __init__(self, connection: Connection, pages: Pages, peer: Peer) -> None:
        self.workspaces: list[str] = []
        self.projects: dict[str, Project] = {}
        self.places: list[Place] = []
        self.problems: list[str] = []
        self._account = connection.account
        self._patterns = connection.projects
        self._matched: set[str] = set()
        self._others: list[str] = []
        self._pages = pages
        self._peer = peer
        self._token: str | None = None

    def add(self, rows: Sequence[wire.ProjectRow], workspace: wire.WorkspaceRow) -> list[tuple[Project, str]]:
        """Add what is wanted of a list. Return the projects that have more environments, with the cursor to them."""
        unfinished: list[tuple[Project, str]] = []
        for row in rows:
            name = plain(row.name) or row.id
            if row.id in self.projects or not self._wanted(row.id, name, plain(workspace.name)):
                continue
            if row.deleted_at:
                self.problems.append(f"Project {name} is left out: it is deleted, or about to be.")
                continue
            project = self._project(row.id, name)
            try:
                environments = wire.page(row.environments, wire.EnvironmentRow, self._peer, "environments")
            except UnexpectedReply as error:
                self.problems.append(f"Project {name} is left out. {error}")
                continue
            self.add_environments(project, environments)
            if environments.next is not None:
                unfinished.append((project, environments.next))
        return unfinished

    def add_environments(self, project: Project, environments: wire.Rows[wire.EnvironmentRow]) -> None:
        self.problems += (f"Project {project.name}: {problem}." for problem in environments.problems("environment"))
        for environment in environments.items:
            self._add_environment(project, environment)

    def add_token(self, row: wire.ProjectTokenRow) -> None:
        project_name = plain(row.project.name if row.project else "") or row.project_id
        environment_name = plain(row.environment.name if row.environment else "") or row.environment_id
        self._token = f"environment {environment_name} of project {project_name}"
        if self._wanted(row.project_id, project_name, ""):
            project = self._project(row.project_id, project_name)
            self._add_environment(project, wire.EnvironmentRow(row.environment_id, environment_name))

    def sees(self) -> str:
        if self._token:
            return self._token
        projects = ("at least " if self.problems else "") + wire.counted(len(self.projects), "project")
        where = "workspace" if len(self.workspaces) == 1 else "workspaces"
        return f"{projects} in {where} {', '.join(self.workspaces)}" if self.workspaces else "no workspace"

    def unmatched(self) -> list[str]:
        """A filter that fits nothing is a mistake more often than not."""
        missed = [pattern for pattern in self._patterns if pattern not in self._matched]
        sees = ", ".join(sorted({*self._others, *(p.name for p in self.projects.values())})) or "none"
        which = "project that could be read" if self.problems else "project"
        return [f"No {which} fits {pattern!r}; the token sees: {sees}." for pattern in missed]

    def _project(self, id_: str, name: str) -> Project:
        project = Project(Ref(self._account, Kind.PROJECT, id_), name, self._pages.project(id_))
        self.projects[id_] = project
        return project

    def _add_environment(self, project: Project, row: wire.EnvironmentRow) -> None:
        name = plain(row.name) or row.id
        if row.can_access is False:
            self.problems.append(f"{project.name}/{name} is left out: it is restricted, and the token may not see it.")
        elif row.deleted_at:
            self.problems.append(f"{project.name}/{name} is left out: it is deleted.")
        else:
            ref = Ref(self._account, Kind.ENVIRONMENT, row.id)
            if all(place.environment.ref != ref for place in self.places):
                self.places.append(Place(project, Environment(ref, project.ref, name, bool(row.is_ephemeral))))

    def _wanted(self, id_: str, name: str, workspace: str) -> bool:
        """By id, by name, or as `workspace/project`; shell patterns do. Every filter that fits is remembered."""
        if not self._patterns:
            return True
        names = (id_.casefold(), name.casefold(), f"{workspace}/{name}".casefold())
        fits = [p for p in self._patterns if any(fnmatchcase(n, p.casefold()) or n == p.casefold() for n in names)]
        self._matched.update(fits)
        if not fits:
            self._others.append(name)
        return bool(fits)
