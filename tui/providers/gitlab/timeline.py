"""One service's deployments, page by page and one by one, with their steps and what each of them brought."""

from __future__ import annotations

import re

from tui.model.entities import Change, ChangeKind, Changes, Deployment, Page, Ref, Service, Step
from tui.model.errors import NotFound, ProviderError, RateLimited, Refused, Unauthorized
from tui.model.text import plain
from tui.providers.gitlab import decode
from tui.providers.gitlab.api import PER_PAGE, Api, project_path
from tui.providers.gitlab.deployments import Deployments
from tui.providers.gitlab.errors import NoRoute
from tui.providers.gitlab.inventory import Inventory
from tui.providers.gitlab.projects import Projects
from tui.providers.gitlab.query import DeploymentQuery
from tui.providers.gitlab.wire import DeploymentRow, JobRow, MergeRequestRow

_SKIPPED_PAGES = 10  # of other environments' rows, on servers that cannot filter
_BLOCKED_LOOKS = 3
_STEP_PAGES = 3
_MERGE_REQUEST_PAGES = 5


class Timeline:
    def __init__(self, api: Api, projects: Projects, deployments: Deployments, inventory: Inventory) -> None:
        self._api = api
        self._projects = projects
        self._deployments = deployments
        self._inventory = inventory
        self._settings_read: set[int] = set()

    async def page(self, service: Service, before: str | None, limit: int) -> Page[Deployment]:
        """`before` is `page:id`: the page to read, and the last id of the page in front, which pages drift across."""
        project, _ = decode.split(service.ref)
        page, last = _cursor(before)
        per_page = max(1, min(limit, PER_PAGE))
        query = DeploymentQuery(environment=service.environment_name)
        found: list[DeploymentRow] = []
        following: int | None = page
        for _ in range(_SKIPPED_PAGES):
            if following is None or len(found) >= per_page:
                break
            page = following
            rows = await self._deployments.page(project, query, page=page, per_page=per_page)
            found += [row for row in rows.items if last is None or row.id < last]
            following = rows.next
        shown = found[:per_page]
        self._inventory.learn(service.ref, shown)
        if before is None:
            await self._read_settings(project)
            await self._look_at_blocked(service.ref, project, shown)
        cursor = None
        if len(found) > per_page:
            cursor = f"{page}:{shown[-1].id}"
        elif following is not None:
            cursor = f"{following}:{shown[-1].id if shown else last or ''}"
        return Page(tuple(self._deployment(row, service.ref) for row in shown), cursor)

    async def one(self, ref: Ref, service: Service) -> Deployment:
        """Raises NotFound, also for a deployment of another environment."""
        row = await self._read(ref.id, service.ref)
        if row.environment is not None and row.environment.id != decode.split(service.ref)[1]:
            raise NotFound(f"Deployment {ref.id} is of {plain(row.environment.name)}, not of {service.path}.")
        return self._deployment(row, service.ref)

    async def row(self, deployment: Deployment) -> DeploymentRow:
        """The row behind a deployment, read again only if it is not remembered."""
        known = self._deployments.known(deployment.service, deployment.id)
        return known if known is not None else await self._read(deployment.id, deployment.service)

    async def steps(self, deployment: Deployment) -> tuple[Step, ...]:
        """The jobs of its pipeline; of one without a pipeline, none."""
        row = await self.row(deployment)
        job = row.deployable
        if job is None:
            return ()
        if job.pipeline is None:
            return decode.steps([job])
        path = f"{project_path(decode.split(deployment.service)[0])}/pipelines/{job.pipeline.id}/jobs"
        return decode.steps(await self._api.all(path, JobRow, {}, pages=_STEP_PAGES))

    async def changes(self, deployment: Deployment, before: Deployment | None) -> Changes:
        """Its merge requests, and a page that compares the two revisions; else the commit."""
        project, _ = decode.split(deployment.service)
        path = f"{project_path(project)}/deployments/{deployment.id}/merge_requests"
        compare = self._compare(deployment, before)
        try:
            rows = await self._api.all(path, MergeRequestRow, {}, pages=_MERGE_REQUEST_PAGES)
        except NoRoute:
            return _commit(deployment, compare, "This GitLab server does not tell a deployment's merge requests.")
        if not rows:
            note = (
                "GitLab knows no merge request of it: it tracks them only for environments without a / in their name "
                "and for those of the production and staging tiers."
            )
            return _commit(deployment, compare, note)
        rows.sort(key=lambda row: (decode.moment(row.merged_at) or decode.NEVER, row.iid), reverse=True)
        return Changes(tuple(_merge_request(row) for row in rows), compare)

    # -- the parts --------------------------------------------------------------------------------------------

    async def _read(self, deployment: str, service: Ref) -> DeploymentRow:
        try:
            row = await self._deployments.one(decode.split(service)[0], deployment)
        except NotFound:
            self._inventory.forget(service, deployment)
            raise
        self._inventory.learn_single(service, row)
        return row

    def _deployment(self, row: DeploymentRow, service: Ref) -> Deployment:
        known, single = self._inventory.row(service, row)
        return decode.deployment(known, self._inventory.place(service), whole=single)

    async def _look_at_blocked(self, service: Ref, project: int, rows: list[DeploymentRow]) -> None:
        """A list does not tell whether what is blocked waits for an approval or for somebody to run its job."""
        blocked = [row for row in rows if decode.word(row) == "blocked"]
        unknown = [row for row in blocked if not self._inventory.row(service, row)[1]]
        for row in unknown[:_BLOCKED_LOOKS]:
            try:
                self._inventory.learn_single(service, await self._deployments.one(project, str(row.id)))
            except NotFound:
                self._inventory.forget(service, str(row.id))

    async def _read_settings(self, project: int) -> None:
        """Whether older deployments may run again, where the lists of projects left it out."""
        known = self._projects.known(project)
        if known is None or project in self._settings_read or known.ci_forward_deployment_enabled is not None:
            return
        self._settings_read.add(project)
        try:
            await self._projects.details(project)
        except (RateLimited, Unauthorized):
            self._settings_read.discard(project)
            raise
        except ProviderError:
            return  # then it is tried, and GitLab says no

    def _compare(self, deployment: Deployment, before: Deployment | None) -> str | None:
        web_url = self._inventory.place(deployment.service).web_url
        now = deployment.revision
        then = before.revision if before is not None else None
        if web_url is None or now is None or then is None or then.sha == now.sha:
            return None
        return f"{web_url}/-/compare/{then.sha}...{now.sha}"


def _cursor(before: str | None) -> tuple[int, int | None]:
    if before is None:
        return 1, None
    found = re.fullmatch(r"([1-9]\d{0,8}):(\d*)", before)
    if found is None:
        raise Refused("That is not where a page of GitLab's deployments ends.")
    return int(found[1]), int(found[2]) if found[2] else None


def _merge_request(row: MergeRequestRow) -> Change:
    author = row.author
    return Change(
        ChangeKind.MERGE_REQUEST,
        f"!{row.iid}",
        plain(row.title or ""),
        plain(author.name or author.username or "") or None if author is not None else None,
        decode.moment(row.merged_at),
        decode.link(row.web_url),
    )


def _commit(deployment: Deployment, compare: str | None, note: str) -> Changes:
    revision = deployment.revision
    if revision is None:
        return Changes((), compare, note)
    title = (revision.message or "").partition("\n")[0]
    commit = Change(ChangeKind.COMMIT, revision.short, title, revision.author, deployment.created_at, revision.url)
    return Changes((commit,), compare, note)
