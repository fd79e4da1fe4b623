"""Find what one very request left on the platform, for an action whose reply was lost or named no deployment.

A deployment that merely began later is somebody else's: what is found here only this request can have caused. GitLab
does not say which job was retried from which, but a job can be retried once, so that the next run of the job that was
named is the answer to the request, if the token's owner made it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tui.model.action import Intent, Receipt, Verb
from tui.model.entities import Deployment
from tui.providers.gitlab import decode
from tui.providers.gitlab.acting import Acting, flag, path_of, project_of
from tui.providers.gitlab.deployments import Newest
from tui.providers.gitlab.jobs import Jobs, newest_run, ref_of
from tui.providers.gitlab.pages import Odd
from tui.providers.gitlab.wire import DeploymentRow, PipelineRow, UserRow

_PAGES = 3  # of an environment's deployments, back to the one that was named
_PIPELINES = 5  # looked at one by one: only a single one says whose it is
_CANCELED = frozenset({"canceled", "canceling"})


class Evidence:
    def __init__(self, acting: Acting, jobs: Jobs) -> None:
        self._acting = acting
        self._jobs = jobs

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        """Look for what a redeploy, rollback, deploy or cancel has caused. None: nothing proves that it arrived."""
        match intent.verb:
            case Verb.REDEPLOY | Verb.ROLLBACK:
                return await self._retried(intent, since)
            case Verb.DEPLOY if (waiting := self._jobs.waiting(intent)) is not None:
                return await self._played(intent, waiting, since)
            case Verb.DEPLOY:
                return await self._pipeline(intent, since)
            case Verb.CANCEL:
                return await self._canceled(intent, since)
        return None

    # -- redeploy and rollback --------------------------------------------------------------------------------

    async def _retried(self, intent: Intent, since: datetime) -> Receipt | None:
        asked = self._acting.asked(intent)
        target = self._acting.target(intent)
        found = await self._newest(intent, int(target.id) if target.id.isdecimal() else 0)
        if asked.job is not None:
            made = next((row for row in found if isinstance(row, DeploymentRow) and _job_id(row) == asked.job), None)
        else:
            made = await self._next_run(intent, target, found, since)
        if made is None:
            return None
        rows = [row for row in found if isinstance(row, DeploymentRow)]
        self._acting.inventory.learn(intent.service.ref, rows)
        return self._acting.accepted(
            intent, message=f"deployment {made.id} is its new run", deployment=self._acting.ref(made.id)
        )

    async def _next_run(
        self, intent: Intent, target: Deployment, found: Sequence[DeploymentRow | Odd], since: datetime
    ) -> DeploymentRow | None:
        """Return the next run of the job that was named, if the token's owner made it since then."""
        named = self._acting.asked(intent).row or _named(target, found, since)
        if named is None or named.job is None or named.job.pipeline is None:
            return None
        newer = _newer(found, named.id)
        if len(newer) == len(found) or any(_is_unclear(row) for row in newer):
            return None  # the next run may be one that was not read, and somebody else's
        runs = [row for row in newer if isinstance(row, DeploymentRow) and _is_run_of(row, named)]
        following = min(runs, key=_job_id, default=None)
        if following is None or not _is_made_since(following, since):
            return None
        return following if decode.is_same(_runner(following), await self._acting.me()) else None

    async def _newest(self, intent: Intent, back_to: int) -> list[DeploymentRow | Odd]:
        """Fetch the environment's newest rows, as far back as the row that was named, within bounds."""
        query = self._acting.inventory.query(intent.service)
        found: list[DeploymentRow | Odd] = []
        page = Newest([], next="")
        for _ in range(_PAGES):
            page = await self._acting.deployments.newest(project_of(intent), query, after=page.next or "")
            found += page.found
            if page.next is None or any(row.id <= back_to for row in page.items):
                break
        return found

    # -- deploy -----------------------------------------------------------------------------------------------

    async def _played(self, intent: Intent, waiting: Deployment, since: datetime) -> Receipt | None:
        """A manual job becomes the one's who plays it."""
        row = await self._acting.read(intent, waiting)
        job = row.job
        if job is None or not decode.is_same(job.user, await self._acting.me()):
            return None
        if not decode.was_started_since(job, since):
            return None
        return self._acting.accepted(
            intent, message=f"the job of deployment {row.id} was started", deployment=self._acting.ref(row.id)
        )

    async def _pipeline(self, intent: Intent, since: datetime) -> Receipt | None:
        """Return the one pipeline that the token's owner made by the API on the ref; None if there are several."""
        ref, me = ref_of(intent), await self._acting.me()
        if me is None:
            return None
        params = {"ref": ref, "source": "api", "order_by": "id", "sort": "desc"}
        params |= {"username": me.username} if me.username else {}
        page = await self._acting.api.page(f"{path_of(intent)}/pipelines", PipelineRow, params)
        new = [row for row in page.items if row.ref == ref and decode.is_since(row.created_at, since)]
        since_then = [row for row in new if row.source in (None, "api")]  # old servers do not tell
        if page.odd or len(since_then) > _PIPELINES:
            return None
        ours = [row for row in since_then if await self._is_ours(intent, row, me)]
        return self._jobs.follows(intent, ours[0]) if len(ours) == 1 else None

    async def _is_ours(self, intent: Intent, row: PipelineRow, me: UserRow) -> bool:
        whole = await self._acting.api.one(f"{path_of(intent)}/pipelines/{row.id}", PipelineRow)
        return decode.is_same(whole.user, me)

    # -- cancel -----------------------------------------------------------------------------------------------

    async def _canceled(self, intent: Intent, since: datetime) -> Receipt | None:
        """GitLab does not say who canceled a job: that the very one named ends since then is what there is."""
        row = await self._acting.read(intent, self._acting.target(intent))
        job = row.job
        if row.is_external:
            canceled = row.status in _CANCELED and decode.is_since(row.updated_at, since)
        else:
            canceled = job is not None and _is_canceled(job.status, job.finished_at, since)
        if canceled and job is not None and job.pipeline is not None and flag(intent, "pipeline"):
            whole = await self._acting.api.one(f"{path_of(intent)}/pipelines/{job.pipeline.id}", PipelineRow)
            canceled = whole.status in _CANCELED
        if not canceled:
            return None
        return self._acting.accepted(
            intent, message=f"deployment {row.id} is canceled", deployment=self._acting.ref(row.id)
        )


def _named(target: Deployment, found: Sequence[DeploymentRow | Odd], since: datetime) -> DeploymentRow | None:
    """Return the run that an action of an earlier session must have named: the newest one of its time."""
    rows = [row for row in found if isinstance(row, DeploymentRow)]
    row = next((each for each in rows if str(each.id) == target.id), None)
    return newest_run(row, [each for each in rows if not _is_made_since(each, since)]) if row is not None else None


def _newer(found: Sequence[DeploymentRow | Odd], named: int) -> list[DeploymentRow | Odd]:
    """Return the rows above the one that was named, in a newest-first list."""
    newer: list[DeploymentRow | Odd] = []
    for row in found:
        if isinstance(row, DeploymentRow) and row.id <= named:
            return newer
        newer.append(row)
    return newer


def _is_unclear(row: DeploymentRow | Odd) -> bool:
    return isinstance(row, Odd) or (row.job is None and not row.is_external)


def _is_run_of(row: DeploymentRow, named: DeploymentRow) -> bool:
    """Tell whether a row is a later run of the same job in the same pipeline, and so of the same revision."""
    if row.job is None or named.job is None or row.job.pipeline is None or named.job.pipeline is None:
        return False
    same = row.sha == named.sha and row.job.name == named.job.name and row.job.pipeline.id == named.job.pipeline.id
    return same and row.job.id > named.job.id


def _is_made_since(row: DeploymentRow, since: datetime) -> bool:
    return decode.is_since((row.job.created_at if row.job is not None else None) or row.created_at, since)


def _runner(row: DeploymentRow) -> UserRow | None:
    return (row.job.user if row.job is not None else None) or row.user


def _job_id(row: DeploymentRow) -> int:
    return row.job.id if row.job is not None else 0


def _is_canceled(status: str, finished_at: str | None, since: datetime) -> bool:
    if status == "canceled":
        return finished_at is None or decode.is_since(finished_at, since)
    return status == "canceling"
