"""What can be done on Dokploy: which request each verb is on each type of service, and what it means."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.model.action import Danger, Effect, Intent, Outcome, Progress, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Instance, Ref, Service
from tui.model.errors import NotFound, Refused
from tui.model.log import LogKind
from tui.model.provider import Handler
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.dokploy import decode
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.timeline import Timeline

LACKS: Mapping[Verb | LogKind, str] = {
    Verb.APPROVE: "Dokploy has no approvals: whoever may deploy deploys.",
    Verb.REJECT: "Dokploy has no approvals to reject: cancel what waits in the queue instead.",
    Verb.RECORD: "Dokploy records only its own deployments: deploy instead.",
    Verb.SET_STATUS: "Dokploy sets a deployment's status itself: cancel or remove it instead.",
}

_HOW = ("queue", "process", "build")
_MOST_TITLE = 120


@dataclass(frozen=True)
class Call:
    """One POST. `operation`: what `progress` is asked for, "" where a new deployment shows the end."""

    procedure: str
    body: Mapping[str, Any]
    does: str
    warnings: tuple[str, ...] = ()
    operation: str = ""
    danger: Danger = Danger.ASK
    shown: Mapping[str, Any] = field(default_factory=dict)


class Verbs:
    def __init__(self, api: Api, picture: Picture, timeline: Timeline, clock: Clock) -> None:
        self._api = api
        self._picture = picture
        self._timeline = timeline
        self._clock = clock

    def handlers(self) -> dict[Verb, Handler]:
        title = {"title": "what the deployment is called while it runs"}
        options: dict[Verb, dict[str, str]] = {
            Verb.DEPLOY: title,
            Verb.REDEPLOY: title,
            Verb.CANCEL: {
                "how": "queue: drop what waits; process: kill the recorded process; build: kill every build of the host"
            },
            Verb.RESTART: {"container": "restart this container only, by its id"},
        }
        verbs = (
            Verb.DEPLOY,
            Verb.REDEPLOY,
            Verb.RESTART,
            Verb.STOP,
            Verb.START,
            Verb.CANCEL,
            Verb.ROLLBACK,
            Verb.REMOVE,
        )
        return {verb: Handler(self._run, self._effect, options.get(verb, {})) for verb in verbs}

    def blocked(self, verb: Verb, target: Service | Deployment) -> str | None:
        """What the service's type forbids, also where a deployment was pointed at."""
        if isinstance(target, Deployment) and (row := self._picture.known.services.get(target.service)) is not None:
            service = self._picture.service(decode.service_ref(self._api.account, row), self._clock.now())
            if verb in service.not_now:
                return service.not_now[verb]
        if not isinstance(target, Service):
            return None
        newest = target.latest
        if verb is Verb.CANCEL and (newest is None or not newest.status.in_flight):
            return "Nothing of it waits or is built."
        if verb is Verb.START and newest is None and decode.split(target.ref)[0] not in decode.DATABASES:
            return "It was never deployed: deploy it instead."
        return None

    # -- doing ------------------------------------------------------------------------------------------------

    def _effect(self, intent: Intent) -> Effect:
        call = self._call(intent)
        body = ", ".join(f"{name}: {value!r}" for name, value in (call.shown or call.body).items())
        return Effect(f"POST {self._api.peer.url}/{call.procedure}  {{{body}}}", call.does, call.warnings, call.danger)

    async def _run(self, intent: Intent) -> Receipt:
        call = self._call(intent)
        await self._api.act(call.procedure, dict(call.body))
        self._picture.doubt("overview", "queue", "central", "containers")
        return Receipt(intent, Outcome.ACCEPTED, self._clock.now(), operation=call.operation)

    async def progress(self, receipt: Receipt) -> Progress:
        service = receipt.intent.service
        kind, _, id_ = receipt.operation.partition(":")
        match kind:
            case "row":
                return await self._row_ended(service, id_)
            case "queue":
                jobs = await self._picture.read_queue()
                gone = not any(decode.job_id(job) == id_ for job in jobs)
                return Progress(ok=True, message="it is out of the queue") if gone else Progress()
            case "gone":
                return await self._row_gone(service, id_)
        await self._picture.refresh_containers()
        found = self._picture.instances(service.ref) if service.ref in self._picture.known.services else ()
        if "containers" in self._picture.known.problems:
            return Progress(ok=True, message="Dokploy did it; what the containers do cannot be read")
        return _containers(kind, found)

    async def _row_ended(self, service: Service, id_: str) -> Progress:
        try:
            found = await self._timeline.one(Ref(service.account, service.ref.kind.DEPLOYMENT, id_), service)
        except NotFound:
            return Progress(ok=True, message="it is gone")
        if found.status.in_flight:
            return Progress()
        return Progress(ok=True, message=f"it ended: {found.status_raw}")

    async def _row_gone(self, service: Service, id_: str) -> Progress:
        rows = await self._picture.read_rows(service.ref)
        return Progress() if any(row.deployment_id == id_ for row in rows) else Progress(ok=True, message="removed")

    # -- what each verb is ------------------------------------------------------------------------------------

    def _call(self, intent: Intent) -> Call:
        """Raises Refused for what cannot be done to this service, or with these options."""
        known = self._handled_options(intent.verb)
        for name in intent.options:
            if name not in known:
                raise Refused(f"{intent.verb} on Dokploy has no option {plain(name)!r}.", remedy=_there_are(known))
        match intent.verb:
            case Verb.DEPLOY | Verb.REDEPLOY:
                return self._deploy(intent)
            case Verb.RESTART:
                return self._restart(intent)
            case Verb.STOP | Verb.START:
                return self._stop_or_start(intent)
            case Verb.CANCEL:
                return self._cancel(intent)
            case Verb.ROLLBACK:
                return self._rollback(intent)
        return self._remove(intent)

    def _handled_options(self, verb: Verb) -> Mapping[str, str]:
        return self.handlers()[verb].options

    def _deploy(self, intent: Intent) -> Call:
        type_, id_ = decode.split(intent.service.ref)
        again = intent.verb is Verb.REDEPLOY
        place = _place(intent)
        if type_ in decode.DATABASES:
            if again:
                raise Refused("A database is not rebuilt from here: Dokploy's rebuild deletes its volumes.")
            return Call(
                f"{type_}.deploy",
                {f"{type_}Id": id_},
                f"Pulls the image of {place} and starts it anew.",
                ("It answers when that is done, which may take minutes.", "The database is away meanwhile."),
                operation="start",
            )
        title = intent.options.get("title", "").strip() or f"deckwatch {intent.id[:8] or secrets.token_hex(4)}"
        if len(title) > _MOST_TITLE:
            raise Refused(f"A title has at most {_MOST_TITLE} characters.")
        body = {f"{type_}Id": id_, "title": title}
        warnings = [
            "Builds wait for each other: one at a time on a server.",
            "What serves now is replaced when it is up.",
        ]
        does = f"Fetches the source of {place}, builds and deploys it."
        if again:
            does = f"Builds the checked-out source of {place} again and deploys it."
            warnings.insert(0, "New commits are not fetched: that is what deploy does.")
        return Call(f"{type_}.{'redeploy' if again else 'deploy'}", body, does, tuple(warnings))

    def _restart(self, intent: Intent) -> Call:
        type_, id_ = decode.split(intent.service.ref)
        container = intent.options.get("container", "").strip()
        place = _place(intent)
        if type_ == "compose" and not container:
            running = [
                each for each in self._picture.instances(intent.service.ref) if each.status is not Status.STOPPED
            ]
            if len(running) != 1:
                names = ", ".join(f"{each.ref.id} ({each.name})" for each in running) or "none"
                raise Refused(
                    f"Dokploy restarts a compose service one container at a time; {intent.service.name} has: {names}.",
                    remedy="Give the option container, or stop and start the service.",
                )
            container = running[0].ref.id
        if container:
            known = {each.ref.id for each in self._picture.instances(intent.service.ref)}
            if container not in known:
                raise Refused(f"{intent.service.name} has no container {plain(container)!r}.", remedy=_there_are(known))
            row = self._picture.known.services.get(intent.service.ref)
            server = {"serverId": row.server_id} if row is not None and row.server_id else {}
            return Call(
                "docker.restartContainer",
                {"containerId": container, **server},
                f"Restarts the container {container} of {place}.",
                ("It does not answer while it restarts.",),
                operation="start",
            )
        app_name = self._app_name(intent.service)
        return Call(
            f"{type_}.reload",
            {f"{type_}Id": id_, "appName": app_name},
            f"Restarts every container of {place}, without building.",
            ("The service may not answer while it restarts.",),
            operation="start",
        )

    def _stop_or_start(self, intent: Intent) -> Call:
        type_, id_ = decode.split(intent.service.ref)
        place = _place(intent)
        if intent.verb is Verb.STOP:
            warnings = ["The service is down until it is started or deployed."]
            if type_ == "compose":
                warnings.append("A compose service of the type stack is taken down whole (docker stack rm).")
            warnings.append("Dokploy answers yes even when Docker failed: the containers show what came of it.")
            return Call(f"{type_}.stop", {f"{type_}Id": id_}, f"Stops {place}.", tuple(warnings), operation="stop")
        warnings = []
        if type_ == "application":
            warnings.append("It comes back with one replica, however many it had.")
        if type_ == "compose":
            warnings.append("A compose service of the type stack is not started by this: deploy it.")
        return Call(f"{type_}.start", {f"{type_}Id": id_}, f"Starts {place}.", tuple(warnings), operation="start")

    def _cancel(self, intent: Intent) -> Call:
        type_, id_ = decode.split(intent.service.ref)
        if type_ in decode.DATABASES:
            raise Refused("Databases are deployed at once: there is nothing to cancel.")
        target = intent.deployment or intent.service.latest
        if target is None:
            raise Refused(f"{intent.service.path} has no deployment to cancel.")
        how = intent.options.get("how", "").strip() or self._usual_way(intent.service, target)
        if how not in _HOW:
            raise Refused(f"There is no way {plain(how)!r} to cancel.", remedy=_there_are(_HOW))
        place = _place(intent)
        if how == "queue":
            return Call(
                f"{type_}.cleanQueues",
                {f"{type_}Id": id_},
                f"Drops what waits in the queue for {place}.",
                ("All that waits for this service is dropped, not only this one.", "What is being built goes on."),
                operation=f"queue:{target.id}",
            )
        if how == "process":
            return Call(
                "deployment.killProcess",
                {"deploymentId": target.id},
                f"Kills the process of the deployment {target.id[:8]} of {place}.",
                ("Dokploy knows the process of few deployments; without one it refuses.",),
                operation=f"row:{target.id}",
            )
        command = "docker compose" if type_ == "compose" else "docker build"
        return Call(
            f"{type_}.killBuild",
            {f"{type_}Id": id_},
            f"Kills every `{command}` on the host that builds {place}.",
            (
                "It is host-wide: builds of other services and other teams die with it.",
                "A self-hosted Dokploy has no other way to end a build that runs.",
                "It answers yes even when nothing died.",
            ),
            operation=f"row:{target.id}",
            danger=Danger.TYPE,
        )

    def _usual_way(self, service: Service, target: Deployment) -> str:
        if target.status is Status.QUEUED:
            return "queue"
        row = self._picture.row(service.ref, target.id)
        return "process" if row is not None and row.pid else "build"

    def _rollback(self, intent: Intent) -> Call:
        target = intent.deployment
        if target is None:
            raise Refused("A rollback wants to know which deployment to go back to.", remedy="Name one.")
        if Verb.ROLLBACK in target.not_now:
            raise Refused(target.not_now[Verb.ROLLBACK])
        row = self._picture.row(intent.service.ref, target.id)
        if row is None or row.rollback_id is None:
            raise Refused(f"Dokploy keeps no image of the deployment {target.id[:8]}.")
        return Call(
            "rollback.rollback",
            {"rollbackId": row.rollback_id},
            f"Runs the image and the settings of the deployment {target.id[:8]} in {_place(intent)} again.",
            (
                "Dokploy leaves no trace of it: no new deployment, no status; the audit here is the only record.",
                "The environment variables go back to what they were then.",
                "Volumes and database migrations are not rolled back.",
            ),
            operation="start",
        )

    def _remove(self, intent: Intent) -> Call:
        target = intent.deployment
        if target is None:
            raise Refused(f"{intent.service.path} has no deployment to remove.")
        if Verb.REMOVE in target.not_now:
            raise Refused(target.not_now[Verb.REMOVE])
        return Call(
            "deployment.removeDeployment",
            {"deploymentId": target.id},
            f"Deletes the record of the deployment {target.id[:8]} of {_place(intent)} and its log.",
            ("What runs goes on running.", "It cannot be rolled back to any more.", "The log is gone for good."),
            operation=f"gone:{target.id}",
        )

    def _app_name(self, service: Service) -> str:
        row = self._picture.known.services.get(service.ref)
        if row is None or not row.app_name:
            raise Refused(f"Dokploy did not tell the internal name of {service.path}, which a restart wants.")
        return row.app_name


def _containers(kind: str, found: tuple[Instance, ...]) -> Progress:
    if kind == "stop":
        running = [each for each in found if each.status in (Status.LIVE, Status.DEPLOYING)]
        return Progress(message=f"{len(running)} still running") if running else Progress(ok=True, message="stopped")
    up = [each for each in found if each.status is Status.LIVE]
    if found and len(up) == len(found):
        return Progress(ok=True, message=f"{len(up)} running")
    return Progress(message=f"{len(up)} of {len(found)} running")


def _place(intent: Intent) -> str:
    return f"{intent.service.name} in {intent.service.environment_name}"


def _there_are(names: Any) -> str:  # noqa: ANN401 - any collection of texts
    return "There is: " + ", ".join(sorted(map(str, names))) + "." if names else "There are none."
