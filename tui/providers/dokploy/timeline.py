"""One service's deployments: rows and queue, a page at a time, and single ones by their id.

Dokploy's answer to a deploy names nothing. Ours is known by what it carries (a title, a description), by the job
that has them, and by the row that the job becomes; a deployment that only began later is somebody else's.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from msgspec import Struct

from tui.model.entities import Deployment, Kind, Page, Ref, Service
from tui.model.errors import NotFound
from tui.providers.dokploy import decode
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.wire import DeploymentRow, JobRow
from tui.providers.values import moment

_JOB = re.compile(r"(.+)@(\d{1,15})")
_REMEMBERED = 500
_BEGINS_WITHIN_MS = 10_000  # a row is made as soon as its job is active
_MARGIN_MS = 2000  # its clock is known to a second, and a time of its own may have lost the milliseconds
_MARGIN = timedelta(milliseconds=_MARGIN_MS)

T = TypeVar("T")


class Asked(Struct, frozen=True):
    """What a deploy carried, and what was there before it was sent: rows and jobs that are not its own.

    `mark` is in the description, and in the title where the user gave none. `since` is on Dokploy's clock.
    """

    title: str
    mark: str
    since: datetime
    before: frozenset[str] = frozenset()

    def one_of(self, found: Iterable[tuple[str, object, str | None, str | None]]) -> str | None:
        """Return the id of the only one that is surely ours, of ids with their times, titles and descriptions.

        The mark is ours alone. A title may be anybody's, unless it came with somebody else's description.
        """
        marked: list[str] = []
        titled: list[str] = []
        for id_, at, title, description in found:
            made = moment(at)
            if id_ in self.before or (made is not None and made < self.since - _MARGIN):
                continue
            if self.mark in f"{title}\n{description}":
                marked.append(id_)
            elif title == self.title and not description:
                titled.append(id_)
        likely = marked or titled
        return likely[0] if len(likely) == 1 else None


class _Seen(Struct, frozen=True):
    """A job as it was last seen in the queue. `at_ms`: when it became active, or when it was last seen waiting."""

    title: str
    began: bool
    at_ms: int


class Timeline:
    """Remembers which row a job became: the title, which tells, is written over when the build ends."""

    def __init__(self, api: Api, picture: Picture) -> None:
        self._api = api
        self._picture = picture
        self._seen: OrderedDict[str, _Seen] = OrderedDict()
        self._rows: OrderedDict[str, str] = OrderedDict()
        self._dropped: OrderedDict[str, None] = OrderedDict()

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
        more = shown[-1].id if shown and begin + limit < len(listed) else None
        return Page(tuple(shown), more, self._picture.odd_rows(service.ref) if before is None else ())

    async def one(self, ref: Ref, service: Service) -> Deployment:
        """A job that has become a row is answered with the row, under the row's own ref. Raises NotFound."""
        job = _JOB.fullmatch(ref.id)
        if job is None:
            await self._picture.read_rows(service.ref)
            return await self._listed(ref, service)
        if (row_id := self._rows.get(ref.id)) is None:
            row_id = await self._became(ref, service, since_ms=int(job[2]))
        else:
            await self._picture.read_rows(service.ref)
        if row_id is None and ref.id in self._dropped:
            return decode.dropped(ref, service.ref)
        return await self._listed(ref if row_id is None else Ref(ref.account, ref.kind, row_id), service)

    # -- what was asked for -----------------------------------------------------------------------------------

    def asked(self, title: str, mark: str, service: Ref) -> Asked:
        """Note what is there before a deploy is sent."""
        known = self._picture.known
        before = [row.deployment_id for row in known.rows.get(service, ())]
        before += [decode.job_id(job) for job in known.jobs]
        return Asked(title, mark, self._api.rest.platform_now, frozenset(before))

    async def find(self, asked: Asked, service: Service) -> Ref | None:
        """Return the deployment that this very request made: its job, or its row if it has begun; None: not seen."""
        _, id_ = decode.split(service.ref)
        queue = await self._picture.read_queue()
        own = [job for job in queue if id_ in (job.data.application_id, job.data.compose_id)]
        jobs = {decode.job_id(job): job for job in own}
        found = asked.one_of(
            (number, job.timestamp, job.data.title_log, job.data.description_log) for number, job in jobs.items()
        )
        if found is not None:
            self._note(jobs[found])
        else:
            rows = await self._picture.read_rows(service.ref)
            found = asked.one_of((row.deployment_id, row.created_at, row.title, row.description) for row in rows)
        return None if found is None else Ref(service.account, Kind.DEPLOYMENT, found)

    # -- what a job became ------------------------------------------------------------------------------------

    async def _became(self, ref: Ref, service: Service, *, since_ms: int) -> str | None:
        """Return the id of the job's row; None while it has none, and for one that was dropped. Raises NotFound."""
        for job in self._picture.known.jobs:
            if decode.job_id(job) not in self._seen:
                self._note(job, at=self._picture.queue_at)
        jobs = {decode.job_id(job): job for job in await self._picture.read_queue()}
        for job in jobs.values():
            self._note(job)
        rows = await self._picture.read_rows(service.ref)
        taken = {row for job, row in self._rows.items() if job != ref.id}
        free = [row for row in rows if row.deployment_id not in taken]
        if (current := jobs.get(ref.id)) is not None:
            found = decode.row_of(current, free)
        else:
            found = self._left(ref.id, free, since_ms)
            if found is None and ref.id not in self._dropped:
                raise NotFound(
                    f"{service.path}: {ref.id[:60]} is no longer in the queue, and no deployment came of it."
                )
        if found is None:
            return None
        _remember(self._rows, ref.id, found.deployment_id)
        return found.deployment_id

    def _left(self, job: str, rows: Sequence[DeploymentRow], since_ms: int) -> DeploymentRow | None:
        """Return the row of a job that left the queue, if one is surely its own.

        One that was last seen waiting, and since when no row was made that could be its own, was dropped.
        """
        if job in self._dropped:
            return None
        seen = self._seen.get(job)
        if seen is None:  # before our time
            return _first(rows, since_ms, since_ms + _BEGINS_WITHIN_MS)
        if seen.began:
            found = decode.began_as(rows, seen.at_ms, None)
            made = None if found is None else moment(found.created_at)
            near = made is not None and made.timestamp() * 1000 - seen.at_ms < _BEGINS_WITHIN_MS
            return found if near else None
        after = [row for row in rows if _made_ms(row) >= seen.at_ms - _MARGIN_MS]
        titled = [row for row in after if (row.title or "") == seen.title]
        if titled:
            return min(titled, key=_made_ms)
        if not any(row.status != "running" for row in after):  # one that ended may have had its title
            _remember(self._dropped, job, None)
        return None

    def _note(self, job: JobRow, *, at: datetime | None = None) -> None:
        began = job.state == "active"
        at_ms = int((at or self._api.rest.platform_now).timestamp() * 1000)
        if began:
            at_ms = job.processed_on or job.timestamp
        _remember(self._seen, decode.job_id(job), _Seen(job.data.title_log or "", began, at_ms))

    async def _listed(self, ref: Ref, service: Service) -> Deployment:
        await self._picture.look_closer(service.ref, ref.id)
        for each in self._picture.deployments(service.ref):
            if each.ref == ref:
                return each
        raise NotFound(f"{service.path} has no deployment {ref.id[:60]}, or has it no longer.")


def _first(rows: Sequence[DeploymentRow], from_ms: float, to_ms: float) -> DeploymentRow | None:
    near = [row for row in rows if from_ms <= _made_ms(row) < to_ms]
    return min(near, key=_made_ms) if near else None


def _made_ms(row: DeploymentRow) -> float:
    made = moment(row.created_at)
    return float("-inf") if made is None else made.timestamp() * 1000


def _remember(known: OrderedDict[str, T], key: str, value: T) -> None:
    known[key] = value
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
