"""One service's deployments: rows and queue, a page at a time, and single ones by their id."""

from __future__ import annotations

import re

from tui.model.clock import Clock
from tui.model.entities import Deployment, Page, Ref, Service
from tui.model.errors import NotFound
from tui.providers.dokploy import decode
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.wire import DeploymentRow

_JOB = re.compile(r"(.+)@(\d{1,15})")
_SKEW_MS = 1500  # a row is made a moment after its job; both by the same clock


class Timeline:
    def __init__(self, picture: Picture, clock: Clock) -> None:
        self._picture = picture
        self._clock = clock

    async def page(self, service: Service, before: str | None, limit: int) -> Page[Deployment]:
        """Dokploy keeps about ten rows a service and has no pages: ours are cut from the one list."""
        if before is None or self._picture.known.rows.get(service.ref) is None:
            await self._picture.read_rows(service.ref)
        listed = self._picture.deployments(service.ref, self._clock.now())
        begin = 0
        if before is not None:
            ids = [each.id for each in listed]
            begin = ids.index(before) + 1 if before in ids else len(ids)
        shown = listed[begin : begin + limit]
        return Page(tuple(shown), shown[-1].id if begin + limit < len(listed) else None)

    async def one(self, ref: Ref, service: Service) -> Deployment:
        """A job that has become a row is answered with the row. Raises NotFound."""
        job = _JOB.fullmatch(ref.id)
        if job is not None:
            return await self._of_job(ref, job, service)
        await self._picture.read_rows(service.ref)
        return self._listed(ref, service)

    def _listed(self, ref: Ref, service: Service) -> Deployment:
        for each in self._picture.deployments(service.ref, self._clock.now()):
            if each.ref == ref:
                return each
        raise NotFound(f"{service.path} has no deployment {ref.id[:60]}, or has it no longer.")

    async def _of_job(self, ref: Ref, job: re.Match[str], service: Service) -> Deployment:
        title = next((each.data.title_log for each in self._picture.known.jobs if decode.job_id(each) == ref.id), None)
        jobs = await self._picture.read_queue()
        waiting = next((each for each in jobs if decode.job_id(each) == ref.id), None)
        if waiting is not None and waiting.state != "active":
            return self._listed(ref, service)
        rows = await self._picture.read_rows(service.ref)
        row = _became(rows, int(job[2]), waiting.data.title_log if waiting is not None else title)
        if row is None:
            if waiting is not None:  # it has just begun: its row comes in a moment
                return decode.queued(waiting, service.ref)
            raise NotFound(f"{service.path}: {job[1]} is no longer in the queue, and no deployment came of it.")
        return self._listed(Ref(ref.account, ref.kind, row.deployment_id), service)


def _became(rows: list[DeploymentRow], since_ms: int, title: str | None) -> DeploymentRow | None:
    """The row that a job became: the one with its title, else the first that came after it was queued."""
    after = []
    for row in rows:
        at = decode.moment(row.created_at)
        if at is not None and at.timestamp() * 1000 >= since_ms - _SKEW_MS:
            after.append(row)
    titled = [row for row in after if title and row.title == title]
    found = titled or after
    return min(found, key=lambda row: row.created_at or "") if found else None
