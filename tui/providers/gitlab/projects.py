"""Which projects an account shows: paths, ids and whole groups, resolved to ids, which stay when a project moves."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

from msgspec import Struct, field

from tui.model.clock import Clock
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized
from tui.providers.gitlab import pages
from tui.providers.gitlab.api import Api, project_path
from tui.providers.gitlab.decode import names
from tui.providers.gitlab.errors import Moved
from tui.providers.gitlab.wire import ProjectRow

FRESH_S = 600.0
MOST_ACTIVE = 20

_REREAD_S = 60.0  # when one of them is gone, or could not be read
_GROUP_PAGES = 10
_NOT_AGAIN = "The list of projects could not be read again."
_AT_ONCE = 5


class Scope(Struct, frozen=True):
    """The projects by id, in the order they were asked for; `problems` say what was left out, and why."""

    projects: dict[int, ProjectRow]
    problems: tuple[str, ...]
    read_at: float
    whole: bool  # every request for them was answered
    all_read: bool = True  # no row was unreadable and no list cut


class _Found(Struct):
    """What one entry of the configuration means."""

    rows: list[ProjectRow] = field(default_factory=list)
    error: ProviderError | None = None
    problems: list[str] = field(default_factory=list)  # rows of its list that are missing here


class Projects:
    def __init__(self, api: Api, wanted: tuple[str, ...], clock: Clock) -> None:
        self._api = api
        self._wanted = tuple(dict.fromkeys(entry.strip().strip("/") for entry in wanted if entry.strip(" /")))
        self._clock = clock
        self._scope: Scope | None = None
        self._reading = asyncio.Lock()
        self._doubted = False
        self._ids: dict[str, int] = {}

    async def scope(self, *, fresh: bool = False) -> Scope:
        """Raises ProviderError when none of them can be read for a reason that is the account's."""
        async with self._reading:
            now = self._clock.monotonic()
            known = self._scope
            if known is not None and not fresh:
                patience = _REREAD_S if self._doubted or not known.whole else FRESH_S
                if now - known.read_at < patience:
                    return known
            try:
                self._scope = await self._read(now)
            except (RateLimited, Unauthorized):
                raise
            except ProviderError as error:
                if known is None or fresh:
                    raise
                earlier = [each for each in known.problems if not each.startswith(_NOT_AGAIN)]
                problems = (*earlier, f"{_NOT_AGAIN} {error}")
                self._scope = Scope(known.projects, problems, now, False, False)  # the same ones go on
            self._doubted = False
            return self._scope

    def known(self, project: int) -> ProjectRow | None:
        return self._scope.projects.get(project) if self._scope is not None else None

    def doubt(self) -> None:
        """One of them is gone or closed: read again soon, though not at every poll."""
        self._doubted = True

    async def details(self, project: int) -> ProjectRow:
        """One project on its own, which has settings that lists may leave out; remembered."""
        row = await self._api.one(project_path(project), ProjectRow)
        if self._scope is not None and project in self._scope.projects:
            self._scope.projects[project] = row
        return row

    async def _read(self, now: float) -> Scope:
        if not self._wanted:
            return await self._most_active(now)
        at_once = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._entry(entry, at_once)) for entry in self._wanted]
        found: dict[int, ProjectRow] = {}
        problems: list[str] = []
        errors: list[ProviderError] = []
        all_read = True
        for entry, task in zip(self._wanted, tasks, strict=True):
            its = task.result()
            if isinstance(its.error, (RateLimited, Unauthorized)):
                raise its.error
            if its.error is not None:
                errors.append(its.error)
                problems.append(_problem(entry, its.error))
                its.rows = self._former(entry, its.error)
            elif its.problems:
                all_read = False
                problems += its.problems
                its.rows += self._former(entry, None)  # the unread rows may be these
            elif not its.rows:
                problems.append(f"The group {entry.removesuffix('/*')} has no project that the token sees.")
            for row in its.rows:
                if row.archived is not True or not entry.endswith("/*"):
                    found.setdefault(row.id, row)
        if errors and len(errors) == len(self._wanted) and len({type(error) for error in errors}) == 1:
            if isinstance(errors[0], NotFound):
                raise NotFound(f"Account {self._api.account}: {' '.join(problems)}") from errors[0]
            raise errors[0]
        whole = all(_missing(error) for error in errors)
        return Scope(found, tuple(problems), now, whole, all_read and whole)

    async def _entry(self, entry: str, at_once: asyncio.Semaphore) -> _Found:
        async with at_once:
            try:
                return await self._resolve(entry)
            except ProviderError as error:
                return _Found(error=error)

    async def _resolve(self, entry: str) -> _Found:
        if entry.endswith("/*"):
            return await self._group(entry.removesuffix("/*"))
        address = self._ids.get(entry, entry)
        try:
            row = await self._api.one(project_path(address), ProjectRow)
        except Moved as moved:
            row = await self._api.one(project_path(moved.project), ProjectRow)
        self._ids[entry] = row.id
        return _Found([row])

    async def _group(self, group: str) -> _Found:
        path = f"groups/{quote(group, safe='')}/projects"
        params = {"include_subgroups": "true", "archived": "false", "order_by": "id", "sort": "asc"}
        listing = await self._api.all(path, ProjectRow, params, pages=_GROUP_PAGES)
        problems = pages.unread(listing.odd, "project", group)
        if listing.cut:
            problems.append(f"The group {group} has more than {len(listing.items):,} projects; the rest is not shown.")
        return _Found(listing.items, problems=problems)

    def _former(self, entry: str, error: ProviderError | None) -> list[ProjectRow]:
        """Return what the entry meant before, if only the reading failed."""
        if self._scope is None or (error is not None and _missing(error)):
            return []
        if entry.endswith("/*"):
            prefix = entry.removesuffix("*").lower()
            return [row for row in self._scope.projects.values() if "/".join(names(row)).lower().startswith(prefix)]
        row = self._scope.projects.get(self._ids.get(entry, 0))
        return [row] if row is not None else []

    async def _most_active(self, now: float) -> Scope:
        params = {
            "membership": "true",
            "archived": "false",
            "order_by": "last_activity_at",
            "sort": "desc",
            "per_page": MOST_ACTIVE,
        }
        page = await self._api.page("projects", ProjectRow, params)
        rows = page.items[:MOST_ACTIVE]
        unread = pages.unread(page.odd, "project", "the token's owner")
        problem = (
            f"No projects are named for {self._api.account}: these are the {MOST_ACTIVE} most recently active ones of "
            'the token\'s owner. Name them in the configuration, as projects = ["group/project", "group/*"].'
        )
        return Scope({row.id: row for row in rows}, (problem, *unread), now, True, not unread)


def _missing(error: ProviderError) -> bool:
    return isinstance(error, (NotFound, Forbidden, Refused))


def _problem(entry: str, error: ProviderError) -> str:
    if not isinstance(error, NotFound):
        return f"{entry} could not be read. {error}"
    if entry.endswith("/*"):
        return f"There is no group {entry.removesuffix('/*')}, or the token does not see it."
    return f"There is no project {entry}, or the token does not see it. A group is written as {entry}/*."
