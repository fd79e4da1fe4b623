"""One service's deployments: rows and queue, a page at a time, and single ones by their id."""

from __future__ import annotations

import re
from collections import OrderedDict

from tui.model.entities import Deployment, Kind, Page, Ref, Service
from tui.model.errors import NotFound
from tui.providers.dokploy import decode
from tui.providers.dokploy.picture import Picture

_JOB = re.compile(r"(.+)@(\d{1,15})")
_REMEMBERED = 500


class Timeline:
    """Remembers which row a job became: the title, which tells, is written over when the build ends."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._titles: OrderedDict[str, str] = OrderedDict()
        self._rows: OrderedDict[str, str] = OrderedDict()

    async def page(self, service: Service, before: str | None, limit: int) -> Page[Deployment]:
        """Dokploy keeps about ten rows a service and has no pages: ours are cut from the one list."""
        if before is None or service.ref not in self._picture.known.rows:
            await self._picture.read_rows(service.ref)
        listed = self._picture.deployments(service.ref)
        begin = 0
        if before is not None:
            ids = [each.id for each in listed]
            begin = ids.index(before) + 1 if before in ids else len(ids)
        shown = listed[begin : begin + limit]
        return Page(tuple(shown), shown[-1].id if shown and begin + limit < len(listed) else None)

    async def one(self, ref: Ref, service: Service) -> Deployment:
        """A job that has become a row is answered with the row, under the row's own ref. Raises NotFound."""
        job = _JOB.fullmatch(ref.id)
        if job is None:
            await self._picture.read_rows(service.ref)
            return self._listed(ref, service)
        if (row_id := self._rows.get(ref.id)) is None:
            row_id = await self._became(ref, service, since_ms=int(job[2]))
        else:
            await self._picture.read_rows(service.ref)
        return self._listed(ref if row_id is None else Ref(ref.account, ref.kind, row_id), service)

    async def asked_for(self, title: str, service: Service) -> Ref | None:
        """The deployment with this title, which was asked for a moment ago: its job, or its row if it has begun."""
        for job in await self._picture.read_queue():
            if (
                job.data.title_log == title
                and (job.data.application_id or job.data.compose_id) == decode.split(service.ref)[1]
            ):
                _remember(self._titles, decode.job_id(job), title)
                return Ref(service.account, Kind.DEPLOYMENT, decode.job_id(job))
        for row in await self._picture.read_rows(service.ref):
            if row.title == title:
                return Ref(service.account, Kind.DEPLOYMENT, row.deployment_id)
        return None

    async def _became(self, ref: Ref, service: Service, *, since_ms: int) -> str | None:
        """The id of the job's row; None while it has none."""
        for each in (*self._picture.known.jobs, *await self._picture.read_queue()):
            if each.data.title_log:
                _remember(self._titles, decode.job_id(each), each.data.title_log)
        job = next((each for each in self._picture.known.jobs if decode.job_id(each) == ref.id), None)
        rows = await self._picture.read_rows(service.ref)
        if job is not None and job.state != "active":
            return None
        taken = set(self._rows.values())
        free = [row for row in rows if row.deployment_id not in taken]
        row = decode.became(free, since_ms if job is None else job.row_from, self._titles.get(ref.id))
        if row is not None:
            _remember(self._rows, ref.id, row.deployment_id)
            return row.deployment_id
        if job is not None:
            return None
        raise NotFound(f"{service.path}: {ref.id} is no longer in the queue, and no deployment came of it.")

    def _listed(self, ref: Ref, service: Service) -> Deployment:
        for each in self._picture.deployments(service.ref):
            if each.ref == ref:
                return each
        raise NotFound(f"{service.path} has no deployment {ref.id[:60]}, or has it no longer.")


def _remember(known: OrderedDict[str, str], key: str, value: str) -> None:
    known[key] = value
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
