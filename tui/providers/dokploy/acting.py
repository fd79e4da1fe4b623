"""Verbs carried out: what a call will do, the call itself, and whether one arrived whose answer was lost."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from msgspec import Struct

from tui.model.action import Effect, Intent, Outcome, Progress, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Kind, Ref, Service
from tui.model.errors import NotFound, ProviderError, RateLimited, Unauthorized
from tui.model.provider import Handler
from tui.model.status import Status
from tui.providers.dokploy import decode
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.attempts import Phase
from tui.providers.dokploy.ends import ENDED, Ends
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.timeline import Asked, Timeline
from tui.providers.dokploy.verbs import OPTIONS, Verbs, mark, title_of
from tui.providers.values import moment

_REMEMBERED = 500


class _Sent(Struct, frozen=True):
    """What is known of an intent that was sent: what shows its end, what it carried, and what was there before."""

    watch: str
    asked: Asked | None
    kept: int | None
    before: frozenset[str]


class Acting:
    def __init__(self, api: Api, picture: Picture, timeline: Timeline, clock: Clock) -> None:
        self._api = api
        self._picture = picture
        self._timeline = timeline
        self._clock = clock
        self._verbs = Verbs(picture)
        self._ends = Ends(picture, timeline, clock)
        self._sent: OrderedDict[str, _Sent] = OrderedDict()  # by the intent's id

    def handlers(self) -> dict[Verb, Handler]:
        return {verb: Handler(self._run, self._effect, options) for verb, options in OPTIONS.items()}

    async def progress(self, receipt: Receipt) -> Progress:
        return await self._ends.progress(receipt)

    def _effect(self, intent: Intent) -> Effect:
        call = self._verbs.call(intent)
        body = ", ".join(f'"{name}": "{value}"' for name, value in call.body.items())
        return Effect(f"POST {self._api.peer.url}/{call.procedure} {{{body}}}", call.does, call.warnings, call.danger)

    async def _run(self, intent: Intent) -> Receipt:
        await self._prepare(intent)
        call = self._verbs.call(intent)
        asked = self._timeline.asked(call.title, mark(intent), intent.service.ref) if call.title else None
        before = self._picture.running.ids(intent.service.ref)
        self._remember(intent, _Sent(call.watch, asked, self._picture.kept(intent.service.ref), before))
        try:
            await self._api.act(call.procedure, dict(call.body))
        finally:
            self._picture.doubt("overview", "queue", "central", "containers")
        if call.replaces:
            self._picture.running.begin_anew(intent.service.ref, before)
        made = None if asked is None else await self._found(asked, intent.service)
        return Receipt(intent, Outcome.ACCEPTED, self._clock.now(), deployment=made, operation=call.watch)

    async def _prepare(self, intent: Intent) -> None:
        """Read what the call is made from, and what its end will be compared with."""
        ref = intent.service.ref
        if ref not in self._picture.known.services:
            await self._picture.read_services()
        if intent.deployment is not None and self._picture.record(ref, intent.deployment.id) is None:
            await self._picture.read_rows(ref)
        target = intent.deployment
        if intent.verb is Verb.ROLLBACK and target is not None and self._picture.version(ref, target.id) is None:
            await self._picture.read_versions(ref, again_s=0)
        if intent.verb in (Verb.ROLLBACK, Verb.RESTART):
            try:
                await self._picture.read_containers(ref)
            except (RateLimited, Unauthorized):
                raise
            except ProviderError:
                pass  # then its end is harder to see

    def _remember(self, intent: Intent, sent: _Sent) -> None:
        self._sent[intent.id] = sent
        while len(self._sent) > _REMEMBERED:
            self._sent.popitem(last=False)

    async def _found(self, asked: Asked, service: Service) -> Ref | None:
        """Dokploy's answer names nothing. What is not found now is looked for by whoever follows."""
        try:
            return await self._timeline.find(asked, service)
        except ProviderError:
            return None

    # -- whether it arrived -----------------------------------------------------------------------------------

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        """Return a receipt where something shows that this very request arrived."""
        sent = self._sent.get(intent.id)
        if intent.verb in (Verb.DEPLOY, Verb.REDEPLOY) and decode.split(intent.service.ref)[0] not in decode.DATABASES:
            asked = sent.asked if sent is not None and sent.asked is not None else None
            asked = asked or Asked(title_of(intent), mark(intent), since)
            made = await self._timeline.find(asked, intent.service)
            return None if made is None else self._arrived(intent, "", f"deployment {made.id[:8]} carries it", made)
        operation = sent.watch if sent is not None else _OF_VERB.get(intent.verb, "")
        match operation.partition(":")[0]:
            case "ended" | "queue":
                message = await self._of_deployment(intent.service, operation)
            case "replaced" | "rolled" if sent is not None:
                message = await self._of_replaced(intent, sent, since)
            case "down" | "up":
                message = await self._of_service(intent, operation, since)
            case _:
                message = ""
        return self._arrived(intent, operation, message) if message else None

    def _arrived(self, intent: Intent, operation: str, message: str, made: Ref | None = None) -> Receipt:
        return Receipt(intent, Outcome.ACCEPTED, self._clock.now(), message, made, operation)

    async def _of_deployment(self, service: Service, operation: str) -> str:
        """The build that was to be ended has ended, the job that was to be dropped is gone from the queue."""
        id_ = operation.partition(":")[2]
        if not id_:
            return ""
        try:
            found = await self._timeline.one(Ref(service.account, Kind.DEPLOYMENT, id_), service)
        except NotFound:
            return ""
        return f"deployment {found.id[:8]} is {found.status_raw}" if found.status in ENDED else ""

    async def _of_replaced(self, intent: Intent, sent: _Sent, since: datetime) -> str:
        """Other containers run than did when it was sent, of the image that was asked for.

        Containers that crash are replaced by themselves, and a deployment replaces them, too: by that nothing is shown.
        """
        ref = intent.service.ref
        kind, _, what = sent.watch.partition(":")
        await self._picture.read_service(ref)
        runs = {slot.best.id for slot in self._picture.slots(ref) if slot.best.phase is Phase.RUNNING}
        if not sent.before or not runs - sent.before or await self._was_deployed(intent.service, since):
            return ""
        now, message = self._picture.kept(ref), ""
        if kind == "rolled" and (version := what.partition(":")[0]):
            if str(now) == version and now != sent.kept:
                message = f"image v{version} runs in the place of another"
        elif kind == "replaced" and now is None:
            well = intent.service.status.up and not any(one.status.bad for one in intent.service.instances)
            message = "other containers run than before" if well else ""
        if message:
            self._picture.running.begin_anew(ref, sent.before)
        return message

    async def _was_deployed(self, service: Service, since: datetime) -> bool:
        """Return True where a deployment was under way then, or has been since, or may have been."""
        if service.latest is not None and service.latest.status.in_flight:
            return True
        for row in await self._picture.read_rows(service.ref):
            times = [at for at in (moment(row.created_at), moment(row.finished_at)) if at is not None]
            if row.status == "running" or not times or max(times) >= since:
                return True
        return False

    async def _of_service(self, intent: Intent, operation: str, since: datetime) -> str:
        """It is as was wanted, and was not before."""
        ref, was = intent.service.ref, intent.service.status
        await self._picture.read_service(ref)
        status = self._picture.row(ref).status
        runs = any(slot.best.phase is Phase.RUNNING for slot in self._picture.slots(ref))
        if operation == "down":
            return "it is stopped" if was is not Status.STOPPED and status == "idle" and not runs else ""
        if intent.verb is Verb.START:
            came_up = was is Status.STOPPED and status != "idle"
            return "it is started" if came_up and not await self._was_deployed(intent.service, since) else ""
        return ""


_OF_VERB = {Verb.STOP: "down", Verb.START: "up"}
"""What shows the end of a verb that an earlier session sent."""
