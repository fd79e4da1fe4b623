"""One service's deployments, page by page and one by one, with their steps and what each of them brought."""

from __future__ import annotations

import re

from tui.model.entities import Change, ChangeKind, Changes, Deployment, Page, Ref, Service, Step
from tui.model.errors import NotFound, ProviderError, RateLimited, Refused, Unauthorized
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.gitlab import decode, pages
from tui.providers.gitlab.api import PER_PAGE, Api, project_path
from tui.providers.gitlab.deployments import Deployments
from tui.providers.gitlab.errors import NoRoute
from tui.providers.gitlab.inventory import Inventory
from tui.providers.gitlab.projects import Projects
from tui.providers.gitlab.wire import DeploymentRow, JobRow, MergeRequestRow
from tui.providers.values import link, moment

_SKIPPED_PAGES = 10  # of other environments' rows, on servers that cannot filter
_BLOCKED_LOOKS = 3
_STEP_PAGES = 3
_MERGE_REQUEST_PAGES = 5
_OTHER_ORDER = "GitLab does not list these deployments newest first, and there are too many to sort: some are missing."


class Timeline:
    def __init__(self, api: Api, projects: Projects, deployments: Deployments, inventory: Inventory) -> None:
        self._api = api
        self._projects = projects
        self._deployments = deployments
        self._inventory = inventory
        self._settings_read: set[int] = set()

    async def page(self, service: Service, before: str | None, limit: int) -> Page[Deployment]:
        """`before` is `id:query`: the last id of the page before, as pages drift, and the query of the page to read."""
        project, _ = decode.split(service.ref)
        after, last = _cursor(before)
        per_page = max(1, min(limit, PER_PAGE))
        query = self._inventory.query(service)
        found: list[DeploymentRow] = []
        problems: list[str] = []
        following: str | None = after
        for _ in range(_SKIPPED_PAGES):
            if following is None or len(found) >= per_page:
                break
            after = following
            rows = await self._deployments.newest(project, query, per_page=per_page, after=after)
            older = [row for row in rows.items if last is None or row.id < last]
            found += older
            problems += pages.unread(rows.odd, "deployment", service.environment_name)
            if not rows.trusted:
                problems.append(_OTHER_ORDER)
            following = rows.next if older or not rows.guessed else None
        shown = found[:per_page]
        self._inventory.learn(service.ref, shown)
        if before is None:
            await self._read_settings(project)
            await self._look_at_blocked(service.ref, project, shown)
        cursor = None
        if len(found) > per_page:
            cursor = f"{shown[-1].id}:{after}"
        elif following is not None:
            cursor = f"{shown[-1].id if shown else last or ''}:{following}"
        return Page(tuple(self._deployment(row, service.ref) for row in shown), cursor, tuple(problems))

    async def one(self, ref: Ref, service: Service) -> Deployment:
        """Raises NotFound, also for a deployment of another environment."""
        row = await self._read(ref.id, service.ref)
        if row.environment is not None and not self._inventory.query(service).is_of(row.environment):
            of = decode.short(row.environment.name) or f"environment {row.environment.id}"
            raise NotFound(f"Deployment {ref.id} is of {of}, not of {service.path}.")
        return self._deployment(row, service.ref)

    async def row(self, deployment: Deployment) -> DeploymentRow:
        """The row behind a deployment, read again only if it is not remembered."""
        known = self._deployments.known(deployment.service, deployment.id)
        return known if known is not None else await self._read(deployment.id, deployment.service)

    async def steps(self, deployment: Deployment) -> tuple[Step, ...]:
        """The jobs of its pipeline; of one without a pipeline, none."""
        row = await self.row(deployment)
        job = row.job
        if job is None:
            return () if row.is_external else (_unread_step("its job could not be read"),)
        if job.pipeline is None:
            return decode.steps([job])
        path = f"{project_path(decode.split(deployment.service)[0])}/pipelines/{job.pipeline.id}/jobs"
        listing = await self._api.all(path, JobRow, {}, pages=_STEP_PAGES)
        unread = pages.unread(listing.odd, "job", f"pipeline {job.pipeline.id}")
        if listing.cut:
            unread.append(f"Pipeline {job.pipeline.id} has more than {len(listing.items)} jobs.")
        return (*decode.steps(listing.items), *map(_unread_step, unread))

    async def changes(self, deployment: Deployment, before: Deployment | None) -> Changes:
        """Its merge requests, and a page that compares the two revisions; else the commit."""
        project, _ = decode.split(deployment.service)
        path = f"{project_path(project)}/deployments/{deployment.id}/merge_requests"
        compare = self._compare(deployment, before)
        try:
            listing = await self._api.all(path, MergeRequestRow, {}, pages=_MERGE_REQUEST_PAGES)
        except NoRoute:
            return _commit(deployment, compare, "This GitLab server does not tell a deployment's merge requests.")
        rows = listing.items
        unread = " ".join(pages.unread(listing.odd, "merge request", f"deployment {deployment.id}"))
        if listing.cut:
            unread = f"There are more than these {len(rows)} merge requests. {unread}".rstrip()
        if not rows:
            note = unread or (
                "GitLab knows no merge request of it: it tracks them only for environments without a / in their name "
                "and for those of the production and staging tiers."
            )
            return _commit(deployment, compare, note)
        rows.sort(key=lambda row: (moment(row.merged_at) or decode.NEVER, row.iid), reverse=True)
        return Changes(tuple(merge_request(row) for row in rows), compare, unread)

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


def _cursor(before: str | None) -> tuple[str, int | None]:
    if before is None:
        return "", None
    found = re.fullmatch(r"(\d{0,19}):([^\s#]{0,2000})", before)
    if found is None:
        raise Refused("That is not where a page of GitLab's deployments ends.")
    return found[2], int(found[1]) if found[1] else None


def _unread_step(what: str) -> Step:
    return Step(name="not read", status=Status.UNKNOWN, detail=what)


def merge_request(row: MergeRequestRow) -> Change:
    author = row.author
    return Change(
        ChangeKind.MERGE_REQUEST,
        f"!{row.iid}",
        plain(row.title or ""),
        plain(author.name or author.username or "") or None if author is not None else None,
        moment(row.merged_at),
        link(row.web_url),
    )


def _commit(deployment: Deployment, compare: str | None, note: str) -> Changes:
    revision = deployment.revision
    if revision is None:
        return Changes((), compare, note)
    title = (revision.message or "").partition("\n")[0]
    commit = Change(ChangeKind.COMMIT, revision.short, title, revision.author, deployment.created_at, revision.url)
    return Changes((commit,), compare, note)
