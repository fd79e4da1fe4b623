"""Verbs carried out: what a call will do, the call itself, and how it ends."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta

from tui.model.action import Effect, Intent, Outcome, Progress, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Kind, Ref, Service
from tui.model.errors import NotFound, ProviderError
from tui.model.provider import Handler
from tui.model.status import Status
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.timeline import Timeline
from tui.providers.dokploy.verbs import OPTIONS, Verbs

_REMEMBERED = 500
_ENDED = (Status.FAILED, Status.CANCELLED)
_UNSEEN = timedelta(seconds=20)  # after that, containers that cannot be seen do not speak against what Dokploy says
_UNMOVED = timedelta(seconds=60)  # after that, containers that are the same as before but up are good enough
_CRASHED = timedelta(seconds=20)  # a replica that fails at once may be tried again, and come up


class Acting:
    def __init__(self, api: Api, picture: Picture, timeline: Timeline, clock: Clock) -> None:
        self._api = api
        self._picture = picture
        self._timeline = timeline
        self._clock = clock
        self._verbs = Verbs(picture)
        self._sent: OrderedDict[str, str] = OrderedDict()  # by the intent's id: what shows its end

    def handlers(self) -> dict[Verb, Handler]:
        return {verb: Handler(self._run, self._effect, options) for verb, options in OPTIONS.items()}

    def _effect(self, intent: Intent) -> Effect:
        call = self._verbs.call(intent)
        body = ", ".join(f'"{name}": "{value}"' for name, value in call.body.items())
        return Effect(f"POST {self._api.peer.url}/{call.procedure} {{{body}}}", call.does, call.warnings, call.danger)

    async def _run(self, intent: Intent) -> Receipt:
        if intent.service.ref not in self._picture.known.services:
            await self._picture.read_services()
        if intent.deployment is not None and self._picture.record(intent.service.ref, intent.deployment.id) is None:
            await self._picture.read_rows(intent.service.ref)
        call = self._verbs.call(intent)
        self._sent[intent.id] = call.watch
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)
        await self._api.act(call.procedure, dict(call.body))
        self._picture.doubt("overview", "queue", "central", "containers")
        made = await self._found(call.title, intent.service) if call.title else None
        return Receipt(intent, Outcome.ACCEPTED, self._clock.now(), deployment=made, operation=call.watch)

    async def _found(self, title: str, service: Service) -> Ref | None:
        """Dokploy's answer names nothing; the title does. What is not found now is looked for by whoever follows."""
        try:
            return await self._timeline.asked_for(title, service)
        except ProviderError:
            return None

    # -- whether it arrived -----------------------------------------------------------------------------------

    async def trace(self, intent: Intent) -> Receipt | None:
        """The build that was to be ended has ended; other containers run than did when it was sent.

        Containers that crash are replaced by themselves: of a service that is not well they show nothing.
        """
        operation = self._sent.get(intent.id, "")
        kind, _, what = operation.partition(":")
        service = intent.service
        if kind == "ended":
            found = await self._timeline.one(Ref(service.account, Kind.DEPLOYMENT, what), service)
            arrived, message = found.status in _ENDED, f"deployment {found.id[:8]} is {found.status_raw}"
        elif kind == "replaced" and what and service.status.up and not any(one.status.bad for one in service.instances):
            await self._picture.read_service(service.ref)
            new = {slot.row.container_id for slot in self._picture.slots(service.ref)} - set(what.split(","))
            arrived, message = bool(new), "other containers run than before"
        else:
            return None
        if not arrived:
            return None
        return Receipt(intent, Outcome.ACCEPTED, self._clock.now(), message=message, operation=operation)

    # -- how it ends ------------------------------------------------------------------------------------------

    async def progress(self, receipt: Receipt) -> Progress:
        service = receipt.intent.service
        kind, _, what = receipt.operation.partition(":")
        match kind:
            case "queue":
                await self._picture.read_queue()
                left = len(self._picture.waiting(service.ref))
                return Progress(message=f"{left} waiting") if left else Progress(ok=True, message="the queue is empty")
            case "ended":
                return await self._ended(service, what)
            case "gone":
                rows = await self._picture.read_rows(service.ref)
                gone = not any(row.deployment_id == what for row in rows)
                return Progress(ok=True, message="its record is gone") if gone else Progress()
        await self._picture.read_service(service.ref)
        if kind == "down":
            return self._down(receipt)
        return self._up(receipt, frozenset(what.split(",")) if kind == "replaced" and what else frozenset())

    async def _ended(self, service: Service, id_: str) -> Progress:
        try:
            found = await self._timeline.one(Ref(service.account, Kind.DEPLOYMENT, id_), service)
        except NotFound:
            return Progress(ok=True, message="it is gone")
        if found.status.in_flight:
            return Progress(message="it still runs")
        if found.status in _ENDED:
            return Progress(ok=True, message=f"it was ended ({found.status_raw})")
        return Progress(ok=False, message=f"it went through before that ({found.status_raw})")

    def _down(self, receipt: Receipt) -> Progress:
        ref = receipt.intent.service.ref
        running = [slot for slot in self._picture.slots(ref) if slot.status in (Status.LIVE, Status.DEPLOYING)]
        if running:
            return Progress(message=f"{len(running)} still running")
        if self._picture.row(ref).status not in ("idle", None):
            return Progress(message="Dokploy does not call it stopped yet")
        return Progress(ok=True, message="stopped")

    def _up(self, receipt: Receipt, before: frozenset[str]) -> Progress:
        """All containers run, and none of them is one of `before`."""
        ref = receipt.intent.service.ref
        found, since = self._picture.slots(ref), self._clock.now() - receipt.at
        up = [slot for slot in found if slot.status is Status.LIVE]
        if not found:
            if since < _UNSEEN:
                return Progress(message="no container is seen yet")
            if self._picture.row(ref).status == "done":
                return Progress(ok=True, message="Dokploy calls it up; its containers cannot be seen")
            return Progress(message=f"Dokploy calls it {self._picture.service(ref).status_raw}")
        crashed = [slot for slot in found if slot.status is Status.CRASHED]
        if crashed and since >= _CRASHED:
            return Progress(ok=False, message=f"{len(crashed)} of {len(found)} crash ({crashed[0].word})")
        if len(up) < len(found):
            return Progress(message=f"{len(up)} of {len(found)} running")
        if any(slot.row.container_id in before for slot in found):
            if since < _UNMOVED:
                return Progress(message="the former containers still run")
            return Progress(ok=True, message=f"{len(up)} running, in the containers of before")
        return Progress(ok=True, message=f"{len(up)} running")
