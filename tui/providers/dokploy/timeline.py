"""One service's deployments: rows and queue, a page at a time, and single ones by their id."""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import TypeVar

from msgspec import Struct

from tui.model.clock import Clock
from tui.model.entities import Deployment, Kind, Page, Ref, Service
from tui.model.errors import NotFound
from tui.providers.dokploy import decode
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.wire import DeploymentRow, JobRow

_JOB = re.compile(r"(.+)@(\d{1,15})")
_REMEMBERED = 500
_SKEW_MS = 60_000  # Dokploy's clock and ours need not agree
_AT_ONCE_MS = 10_000

T = TypeVar("T")


class _Seen(Struct, frozen=True):
    """A job as it was last seen in the queue. `at_ms` on our clock."""

    title: str
    at_ms: int


class Timeline:
    """Remembers which row a job became: the title, which tells, is written over when the build ends."""

    def __init__(self, picture: Picture, clock: Clock) -> None:
        self._picture = picture
        self._clock = clock
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
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
        _, id_ = decode.split(service.ref)
        for job in await self._picture.read_queue():
            if job.data.title_log == title and id_ in (job.data.application_id, job.data.compose_id):
                self._note(job)
                return Ref(service.account, Kind.DEPLOYMENT, decode.job_id(job))
        for row in await self._picture.read_rows(service.ref):
            if row.title == title:
                return Ref(service.account, Kind.DEPLOYMENT, row.deployment_id)
        return None

    async def _became(self, ref: Ref, service: Service, *, since_ms: int) -> str | None:
        """The id of the job's row; None while it has none."""
        for job in self._picture.known.jobs:
            if decode.job_id(job) not in self._seen:
                self._note(job)
        jobs = {decode.job_id(job): job for job in await self._picture.read_queue()}
        for job in jobs.values():
            self._note(job)
        rows = await self._picture.read_rows(service.ref)
        taken = set(self._rows.values())
        free = [row for row in rows if row.deployment_id not in taken]
        found: DeploymentRow | None
        if (current := jobs.get(ref.id)) is None:
            found = self._left(ref.id, free, since_ms)
            if found is None:
                raise NotFound(
                    f"{service.path}: {ref.id[:60]} is no longer in the queue, and no deployment came of it."
                )
        elif current.state == "active":
            found = decode.became(free, current.row_from, current.data.title_log)
        else:
            found = None
        if found is None:
            return None
        _remember(self._rows, ref.id, found.deployment_id)
        return found.deployment_id

    def _left(self, job: str, rows: list[DeploymentRow], since_ms: int) -> DeploymentRow | None:
        """The row of a job that left the queue. One that was dropped has none, whatever was deployed later."""
        seen = self._seen.get(job)
        if seen is None:  # before our time: only what began at once is surely it
            found = decode.became(rows, since_ms, None)
            made = decode.moment(found.created_at) if found is not None else None
            return found if made is not None and made.timestamp() * 1000 - since_ms < _AT_ONCE_MS else None
        likely = [row for row in rows if row.title == seen.title or row.status != "running"]
        return decode.became(likely, max(since_ms, seen.at_ms - _SKEW_MS), seen.title)

    def _note(self, job: JobRow) -> None:
        at_ms = int(self._clock.now().timestamp() * 1000) if job.state != "active" else job.row_from
        _remember(self._seen, decode.job_id(job), _Seen(job.data.title_log or "", at_ms))

    def _listed(self, ref: Ref, service: Service) -> Deployment:
        for each in self._picture.deployments(service.ref):
            if each.ref == ref:
                return each
        raise NotFound(f"{service.path} has no deployment {ref.id[:60]}, or has it no longer.")


def _remember(known: OrderedDict[str, T], key: str, value: T) -> None:
    known[key] = value
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
