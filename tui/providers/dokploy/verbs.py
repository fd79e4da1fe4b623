"""What can be done on Dokploy: which request each verb is on each type of service, and what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from tui.model.action import Danger, Intent, Verb
from tui.model.entities import Deployment, Instance
from tui.model.errors import Refused
from tui.model.log import LogKind
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.dokploy import containers, decode, servers
from tui.providers.dokploy.picture import Picture

LACKS: Mapping[Verb | LogKind, str] = {
    Verb.APPROVE: "Dokploy has no approvals: whoever may deploy deploys.",
    Verb.REJECT: "Dokploy has no approvals to reject: cancel what waits in the queue instead.",
    Verb.RECORD: "Dokploy records only its own deployments: deploy instead.",
    Verb.SET_STATUS: "Dokploy sets a deployment's status itself: cancel or remove it instead.",
}

OPTIONS: Mapping[Verb, Mapping[str, str]] = {
    Verb.DEPLOY: {"title": "what the deployment is called, until a commit's message takes its place"},
    Verb.REDEPLOY: {"title": "what the deployment is called"},
    Verb.RESTART: {"container": "restart this one container only, by its id"},
    Verb.STOP: {},
    Verb.START: {},
    Verb.CANCEL: {"how": "queue: drop what waits; process: kill its process; build: kill every build on the host"},
    Verb.ROLLBACK: {},
    Verb.REMOVE: {},
}

_MOST_TITLE = 120


class Call(Struct, frozen=True):
    """One POST. `watch` says what shows its end, as `ends` reads it; "" where a new deployment does, which has `title`.

    `replaces`: Swarm puts new containers in the place of those of now.
    """

    procedure: str
    body: Mapping[str, str]
    does: str
    warnings: tuple[str, ...] = ()
    watch: str = ""
    title: str = ""
    danger: Danger = Danger.ASK
    replaces: bool = False


class Verbs:
    """Intents as calls. Raises Refused for what cannot be done to this service, or with these options."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._calls: Mapping[Verb, Callable[[Intent], Call]] = {
            Verb.DEPLOY: self._deploy,
            Verb.REDEPLOY: self._deploy,
            Verb.RESTART: self._restart,
            Verb.STOP: self._stop,
            Verb.START: self._start,
            Verb.CANCEL: self._cancel,
            Verb.ROLLBACK: self._rollback,
            Verb.REMOVE: self._remove,
        }

    def call(self, intent: Intent) -> Call:
        known = OPTIONS[intent.verb]
        for name in intent.options:
            if name not in known:
                raise Refused(f"Dokploy's {intent.verb} has no option {plain(name)!r}.", remedy=_there_are(known))
        if decode.split(intent.service.ref)[0] == servers.TYPE:
            raise Refused(servers.UNSUPPORTED)
        return self._calls[intent.verb](intent)

    # -- new deployments --------------------------------------------------------------------------------------

    def _deploy(self, intent: Intent) -> Call:
        type_, id_ = decode.split(intent.service.ref)
        again = intent.verb is Verb.REDEPLOY
        place = _place(intent)
        if type_ in decode.DATABASES:
            return self._deploy_database(intent, type_, id_)
        title = title_of(intent)
        if len(title) > _MOST_TITLE:
            raise Refused(f"A title has at most {_MOST_TITLE} characters; this one has {len(title)}.")
        warnings: tuple[str, ...] = (
            "Builds of one server wait for each other.",
            "What serves now is replaced when it is up.",
        )
        if again:
            does = f"Builds the source of {place} again, as it was checked out last, and deploys it."
            warnings = ("It does not pull new commits: deploy does.", *warnings)
        else:
            does = f"Fetches the source of {place}, builds and deploys it."
        body = {f"{type_}Id": id_, "title": title}
        if title != mark(intent):  # it may be anybody's
            body["description"] = mark(intent)
        return Call(f"{type_}.{'redeploy' if again else 'deploy'}", body, does, warnings, title=title)

    def _deploy_database(self, intent: Intent, type_: str, id_: str) -> Call:
        if intent.verb is Verb.REDEPLOY:
            raise Refused("A database is not rebuilt from here: Dokploy's rebuild deletes its volumes.")
        if intent.options.get("title"):
            raise Refused("Dokploy keeps no deployments of a database, so that there is none to give a title.")
        return Call(
            f"{type_}.deploy",
            {f"{type_}Id": id_},
            f"Pulls the image of {_place(intent)} and starts it anew.",
            ("The database is away meanwhile.", "Dokploy answers when it is done, which may take minutes."),
            watch="up",
            replaces=True,
        )

    def _rollback(self, intent: Intent) -> Call:
        target = intent.deployment
        if target is None:
            raise Refused("A rollback needs to know which deployment to go back to.", remedy="Choose an older one.")
        if Verb.ROLLBACK in target.not_now:
            raise Refused(target.not_now[Verb.ROLLBACK])
        row = self._picture.record(intent.service.ref, target.id)
        if row is None or row.rollback_id is None or row.status != "done":
            raise Refused(f"Dokploy keeps no image of the deployment {target.id[:8]}.")
        version = self._picture.version(intent.service.ref, target.id)
        image = "the image" if version is None else f"the image v{version}"
        return Call(
            "rollback.rollback",
            {"rollbackId": row.rollback_id},
            f"Runs {image} of the deployment {target.id[:8]} in {_place(intent)} again, with its settings of then.",
            (
                "Dokploy keeps no trace of it: no new deployment, no status. Only the audit here tells of it.",
                "The environment variables go back to what they were then.",
                "Volumes and database migrations are not rolled back.",
                "A restart or a deploy brings the newest build back.",
            ),
            watch=f"rolled:{'' if version is None else version}:{self._there(intent)}",
            replaces=True,
        )

    # -- what runs --------------------------------------------------------------------------------------------

    def _restart(self, intent: Intent) -> Call:
        type_, id_ = decode.split(intent.service.ref)
        container = intent.options.get("container", "").strip()
        if type_ == "compose" or container:
            return self._restart_container(intent, container)
        row = self._picture.row(intent.service.ref)
        if not row.app_name:
            raise Refused(f"Dokploy did not tell the internal name of {intent.service.path}, which a restart needs.")
        warnings = ["The service may not answer while it restarts."]
        if type_ == "application":
            warnings.append("It applies the newest build and the saved settings, whatever runs now.")
            if (version := self._picture.kept(intent.service.ref)) is not None:
                warnings.append(f"It undoes the rollback: image v{version} runs, and the newest build takes its place.")
        return Call(
            f"{type_}.reload",
            {f"{type_}Id": id_, "appName": row.app_name},
            f"Restarts every container of {_place(intent)}, without building.",
            tuple(warnings),
            watch="up" if type_ in decode.DATABASES else f"replaced:{self._there(intent)}",
            replaces=True,
        )

    def _restart_container(self, intent: Intent, container: str) -> Call:
        found = containers.instances(intent.service.account, self._picture.slots(intent.service.ref))
        if not container:
            container = _only(intent, found)
        if container not in {each.ref.id for each in found}:
            raise Refused(
                f"{intent.service.name} has no container {plain(container)!r}.",
                remedy=_there_are(f"{each.ref.id} ({each.name})" for each in found),
            )
        server = self._picture.row(intent.service.ref).server_id
        return Call(
            "docker.restartContainer",
            {"containerId": container, **({"serverId": server} if server else {})},
            f"Restarts the container {plain(container)} of {_place(intent)}.",
            ("It does not answer while it restarts.",),
            watch="up",
        )

    def _stop(self, intent: Intent) -> Call:
        type_, id_ = decode.split(intent.service.ref)
        warnings = ["The service is down until it is started or deployed."]
        if type_ == "compose":
            warnings.append("A stack is taken down whole (docker stack rm), and only a deploy brings it back.")
        warnings.append("Dokploy says yes even when Docker failed: the containers are looked at.")
        does = f"Stops every container of {_place(intent)}."
        return Call(f"{type_}.stop", {f"{type_}Id": id_}, does, tuple(warnings), watch="down")

    def _start(self, intent: Intent) -> Call:
        type_, id_ = decode.split(intent.service.ref)
        warnings: tuple[str, ...] = ()
        if type_ == "application":
            warnings = ("It comes back with a scale of 1, however many replicas it had: a deploy brings them all.",)
        if type_ == "compose":
            warnings = ("A stack is not started by this, though Dokploy will say so: deploy it.",)
        does = f"Starts {_place(intent)}."
        return Call(f"{type_}.start", {f"{type_}Id": id_}, does, warnings, watch="up", replaces=True)

    # -- what is under way ------------------------------------------------------------------------------------

    def _cancel(self, intent: Intent) -> Call:
        type_, _ = decode.split(intent.service.ref)
        if type_ in decode.DATABASES:
            raise Refused("Databases are deployed at once: there is nothing to cancel.")
        target = intent.deployment or intent.service.latest
        if target is None or not target.status.in_flight:
            raise Refused(f"Nothing of {intent.service.path} waits or is built.")
        row = self._picture.record(intent.service.ref, target.id)
        pid = row is not None and row.pid is not None
        how = intent.options.get("how", "").strip().lower()
        if not how:
            how = "queue" if target.status is Status.QUEUED else "process" if pid else "build"
        match how:
            case "queue":
                return self._drop(intent, target)
            case "process" | "build" if target.status is Status.QUEUED:
                raise Refused("It waits in the queue, and nothing of it runs yet.", remedy="Use how=queue.")
            case "process" if not pid:
                raise Refused("Dokploy has not noted the process of this build.", remedy="Use how=build.")
            case "process":
                return Call(
                    "deployment.killProcess",
                    {"deploymentId": target.id},
                    f"Kills the process of the deployment {target.id[:8]} of {_place(intent)}.",
                    ("What it had done until then stays.",),
                    watch=f"ended:{target.id}",
                )
            case "build":
                return self._kill_build(intent, target)
        raise Refused(f"There is no way {plain(how)!r} to cancel.", remedy=_there_are(("queue", "process", "build")))

    def _drop(self, intent: Intent, target: Deployment) -> Call:
        type_, id_ = decode.split(intent.service.ref)
        count = len(self._picture.waiting(intent.service.ref))
        if target.status is not Status.QUEUED and not count:
            raise Refused("It is being built, and nothing waits in the queue.", remedy="Use how=build.")
        return Call(
            f"{type_}.cleanQueues",
            {f"{type_}Id": id_},
            f"Drops what waits in the queue for {_place(intent)}.",
            (
                f"Every waiting job of this service is dropped, not only one (now: {count}).",
                "What is being built goes on.",
            ),
            watch=f"queue:{target.id if target.status is Status.QUEUED else ''}",
        )

    def _kill_build(self, intent: Intent, target: Deployment) -> Call:
        type_, id_ = decode.split(intent.service.ref)
        command = "docker compose" if type_ == "compose" else "docker build"
        return Call(
            f"{type_}.killBuild",
            {f"{type_}Id": id_},
            f"Interrupts every `{command}` on the host that builds {_place(intent)}.",
            (
                "It is host-wide: builds of other services and other teams die with it.",
                "A self-hosted Dokploy has no other way to end a build that runs.",
                "Dokploy says yes even when nothing died: the deployment is looked at.",
            ),
            watch=f"ended:{target.id}",
            danger=Danger.TYPE,
        )

    def _remove(self, intent: Intent) -> Call:
        target = intent.deployment
        if target is None:
            raise Refused("To remove a record it must be named.", remedy="Choose a deployment that has ended.")
        if decode.split(intent.service.ref)[0] in decode.DATABASES:
            raise Refused("Databases have no deployment records.")
        row = self._picture.record(intent.service.ref, target.id)
        if Verb.REMOVE in target.not_now or target.status.in_flight or (row is not None and row.status == "running"):
            why = "It is under way: a record is removed when it has ended."
            raise Refused(target.not_now.get(Verb.REMOVE, why))
        return Call(
            "deployment.removeDeployment",
            {"deploymentId": target.id},
            f"Deletes the record of the deployment {target.id[:8]} of {_place(intent)} from the history.",
            ("Its log is deleted, too.", "It cannot be rolled back to any more.", "What runs goes on running."),
            watch=f"gone:{target.id}",
        )

    def _there(self, intent: Intent) -> str:
        """The containers of now."""
        return ",".join(sorted(self._picture.running.ids(intent.service.ref)))


def mark(intent: Intent) -> str:
    """Return what a deployment carries of the intent that asked for it, and of nothing else."""
    return f"deckwatch {intent.id[:12]}"


def title_of(intent: Intent) -> str:
    return " ".join(intent.options.get("title", "").split()) or mark(intent)


def _only(intent: Intent, found: Iterable[Instance]) -> str:
    """Dokploy has no restart of a compose service as a whole."""
    running = [each for each in found if each.status is not Status.STOPPED]
    if len(running) == 1:
        return running[0].ref.id
    if not running:
        raise Refused(f"{intent.service.name} has no container to restart.", remedy="Start it, or deploy it.")
    names = ", ".join(f"{each.ref.id} ({each.name})" for each in running)
    raise Refused(
        f"{intent.service.name} has {len(running)} containers, and Dokploy restarts one at a time. "
        f"Name one as the option container: {names}.",
        remedy="Or stop the service and start it.",
    )


def _place(intent: Intent) -> str:
    return f"{intent.service.name} in {intent.service.environment_name}"


def _there_are(names: Iterable[str]) -> str:
    found = ", ".join(names)
    return f"There is: {found}." if found else "There is none."
