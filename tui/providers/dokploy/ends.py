"""How an accepted action goes on: read off the queue, the records, the service's row and its containers.

Dokploy says yes to a stop, a start and a restart whatever Docker did, so that its word is never the end.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tui.model.action import Progress, Receipt
from tui.model.clock import Clock
from tui.model.entities import Kind, Ref, Service
from tui.model.errors import NotFound
from tui.model.status import Status
from tui.providers.dokploy import containers
from tui.providers.dokploy.attempts import Phase
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.slots import Slot
from tui.providers.dokploy.timeline import Timeline

ENDED = (Status.FAILED, Status.CANCELLED)
_UNSEEN = timedelta(seconds=60)  # after which a container that is not there does not come
_UNMOVED = timedelta(seconds=180)  # after which the former containers are not replaced any more; a pull takes its time
_STEADY_S = 8.0  # Swarm watches a new task for five seconds, and goes back to the former when it fails
_CRASHED = timedelta(seconds=20)  # a replica that fails at once is tried again, and may come up


class Ends:
    def __init__(self, picture: Picture, timeline: Timeline, clock: Clock) -> None:
        self._picture = picture
        self._timeline = timeline
        self._clock = clock

    async def progress(self, receipt: Receipt) -> Progress:
        """Raises ProviderError where it cannot be told for the moment."""
        service = receipt.intent.service
        kind, _, what = receipt.operation.partition(":")
        match kind:
            case "queue":
                return await self._dropped(service, what)
            case "ended":
                return await self._ended(service, what)
            case "gone":
                rows = await self._picture.read_rows(service.ref)
                gone = not any(row.deployment_id == what for row in rows)
                return Progress(ok=True, message="its record is gone") if gone else Progress()
        await self._picture.read_service(service.ref)
        match kind:
            case "down":
                return self._down(service.ref)
            case "replaced":
                return self._up(receipt, _ids(what), None)
            case "rolled":
                version, _, ids = what.partition(":")
                return self._up(receipt, _ids(ids), int(version) if version.isdecimal() else None)
        return self._up(receipt, frozenset(), None)

    async def _dropped(self, service: Service, job: str) -> Progress:
        if not job:
            await self._picture.read_queue()
            left = len(self._picture.waiting(service.ref))
            return Progress(message=f"{left} waiting") if left else Progress(ok=True, message="the queue is empty")
        try:
            found = await self._timeline.one(Ref(service.account, Kind.DEPLOYMENT, job), service)
        except NotFound:
            return Progress(ok=True, message="it is no longer in the queue")
        if found.status is Status.QUEUED and found.id == job:
            return Progress(message="it still waits")
        if found.status is Status.CANCELLED:
            return Progress(ok=True, message="it was dropped from the queue")
        return Progress(ok=False, message="it had begun before it could be dropped")

    async def _ended(self, service: Service, id_: str) -> Progress:
        try:
            found = await self._timeline.one(Ref(service.account, Kind.DEPLOYMENT, id_), service)
        except NotFound:
            return Progress(ok=True, message="it is gone")
        row = self._picture.record(service.ref, found.id)
        if row is not None and row.status == "done":
            return Progress(ok=False, message=f"it went through before that ({found.status_raw})")
        if found.status in ENDED:
            return Progress(ok=True, message=f"it was ended ({found.status_raw})")
        return Progress(message="it still runs")

    def _down(self, ref: Ref) -> Progress:
        if self._picture.running.reading(ref) is None:
            return Progress(message=self._picture.running.why_not(ref))
        running = [slot for slot in self._picture.slots(ref) if slot.best.phase is Phase.RUNNING]
        if running:
            return Progress(message=f"{len(running)} still running")
        if self._picture.row(ref).status not in ("idle", None):
            return Progress(message="Dokploy does not call it stopped yet")
        return Progress(ok=True, message="stopped")

    def _up(self, receipt: Receipt, before: frozenset[str], version: int | None) -> Progress:
        """All containers run, none of them is one of `before`, and where that is known they are of the kept image."""
        ref = receipt.intent.service.ref
        reading, since = self._picture.running.reading(ref), self._clock.now() - receipt.at
        if reading is None:
            return Progress(message=self._picture.running.why_not(ref))
        row = self._picture.row(ref)
        if version is not None and (why := containers.went_back(row, reading, before, version)) is not None:
            return Progress(ok=False, message=f"Docker Swarm rolled it back: {why}")
        found = self._picture.slots(ref)
        crashed = [slot for slot in found if slot.status is Status.CRASHED]
        if crashed and since >= _CRASHED:
            why = crashed[0].reason or crashed[0].word
            return Progress(ok=False, message=f"{len(crashed)} of {len(found)} crash: {why}")
        up = [slot for slot in found if slot.is_live]
        if not up and since >= _UNSEEN and not any(slot.status.in_flight for slot in found):
            return Progress(ok=False, message=f"{containers.NOTHING_RUNS}, though Dokploy calls it {row.status}")
        if len(up) < len(found) or not found:
            return Progress(message=f"{len(up)} of {len(found)} running" if found else "no container is seen yet")
        if any(slot.best.id in before for slot in found):
            return _former(since)
        if (other := next((slot.best.image for slot in found if not _is_of_version(slot, version)), "")) != "":
            return _another(other, since)
        if before and any(_age_s(slot, reading.at) < _STEADY_S for slot in found):
            return Progress(message=f"{len(up)} running, not for long yet")
        return Progress(ok=True, message=f"{len(up)} running")


def _former(since: timedelta) -> Progress:
    if since < _UNMOVED:
        return Progress(message="the former containers still run")
    return Progress(ok=False, message=f"the former containers still run after {since.total_seconds() / 60:.0f} min")


def _another(image: str, since: timedelta) -> Progress:
    """The former containers have gone, and those that came are not of the image that was asked for."""
    told = f"{image.rpartition('/')[2]} runs, not the image that was asked for: a deployment may have replaced it"
    return Progress(message=told) if since < _UNMOVED else Progress(ok=False, message=told)


def _age_s(slot: Slot, now: datetime) -> float:
    return float("inf") if slot.best.since is None else slot.best.since.age_s(now)


def _is_of_version(slot: Slot, version: int | None) -> bool:
    """Whether it runs a kept image; where the key is not shown the image, it may."""
    return version is None or not slot.best.image or slot.best.image.endswith(f":v{version}")


def _ids(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))
