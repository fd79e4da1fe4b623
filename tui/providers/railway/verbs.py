"""What can be done to a Railway deployment: the mutations, and what each of them means for those who press the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.model.action import Effect, Intent, Outcome, Receipt, Verb
from tui.model.clock import Clock
from tui.model.entities import Deployment, Kind, Ref
from tui.model.errors import Refused
from tui.model.log import LogKind
from tui.model.provider import Handler
from tui.providers import http, values
from tui.providers.graphql import Endpoint
from tui.providers.railway import decode, documents, wire
from tui.providers.railway.evidence import stop_operation
from tui.providers.railway.scope import Scopes

LACKS: Mapping[Verb | LogKind, str] = {
    Verb.START: "Railway cannot start what was stopped: redeploy it instead.",
    Verb.REJECT: "Railway cannot reject a deployment that waits for approval: cancel it instead.",
    Verb.RECORD: "Railway records only its own deployments: deploy instead.",
    Verb.SET_STATUS: "Railway sets a deployment's status itself: cancel or remove it instead.",
}

_MINIMAL_SHA = 40
_YES = ("yes", "true", "1")
_NO = ("", "no", "false", "0")


@dataclass(frozen=True, slots=True)
class _Simple:
    """A mutation that takes a deployment's id and answers with a Boolean."""

    field: str
    document: str
    does: str
    warnings: tuple[str, ...] = ()
    follows: bool = True  # the same deployment shows what became of it


_SERVES = "It is the one that serves: this takes the service down until the next deployment."
_DOES_NOT_SERVE = "It does not serve: what serves now goes on."

_SIMPLE: dict[Verb, _Simple] = {
    Verb.RESTART: _Simple(
        "deploymentRestart",
        documents.RESTART,
        "Restarts the processes of {what} of {service}, without building.",
        ("The service may not answer while it restarts.",),
    ),
    Verb.ROLLBACK: _Simple(
        "deploymentRollback",
        documents.ROLLBACK,
        "Makes a new deployment of {service} from the image and the variables of {what}.",
        (
            "Variables go back to what they were then.",
            "Volumes and database migrations are not rolled back.",
        ),
        follows=False,
    ),
    Verb.STOP: _Simple(
        "deploymentStop",
        documents.STOP,
        "Stops every process of {what} of {service}.",
        (
            "The service is down until it is redeployed: there is no start.",
            "Railway goes on calling the deployment successful; here it is shown as stopped.",
        ),
    ),
    Verb.CANCEL: _Simple(
        "deploymentCancel",
        documents.CANCEL,
        "Aborts {what} of {service}, which ends as removed.",
        ("What serves now goes on serving.",),
    ),
    Verb.REMOVE: _Simple(
        "deploymentRemove",
        documents.REMOVE,
        "Stops {what} of {service} and marks it as removed; it stays in the list.",
        (
            _SERVES,
            "It can be rolled back to only as long as the plan keeps its image (24 to 360 hours).",
        ),
    ),
    Verb.APPROVE: _Simple(
        "deploymentApprove",
        documents.APPROVE,
        "Lets {what} of {service} go ahead.",
        ("There is no reject: the way back is to cancel it.",),
    ),
}

_TRIGGERS = {
    "connected": "the branch that is connected, as if somebody had pushed to it",
    "latest": "the latest commit of the connected branch",
}


class Verbs:
    def __init__(self, endpoint: Endpoint, scopes: Scopes, clock: Clock) -> None:
        self._endpoint = endpoint
        self._scopes = scopes
        self._clock = clock

    def handlers(self) -> dict[Verb, Handler]:
        return {
            **{verb: Handler(self._run_simple, self._simple_effect) for verb in _SIMPLE},
            Verb.REDEPLOY: Handler(
                self._redeploy,
                self._redeploy_effect,
                {"previous-image": "yes: use the image tag of the deployment instead of the newest one"},
            ),
            Verb.DEPLOY: Handler(
                self._deploy,
                self._deploy_effect,
                {
                    "commit": "the full hash of the commit to deploy",
                    "trigger": "latest: the branch's newest commit; connected: as if somebody had pushed",
                },
            ),
        }

    # -- by the deployment's id ---------------------------------------------------------------------------

    async def _run_simple(self, intent: Intent) -> Receipt:
        simple = _SIMPLE[intent.verb]
        target = _target(intent)
        self._agreed(intent, await self._mutate(simple.field, simple.document, {"id": target.id}), simple.field)
        operation = stop_operation(target) if intent.verb is Verb.STOP else ""
        return self._accepted(intent, target.ref if simple.follows else None, operation)

    def _simple_effect(self, intent: Intent) -> Effect:
        simple = _SIMPLE[intent.verb]
        target = _target(intent)
        does = simple.does.format(what=_named(target), service=_place(intent))
        serves = target.is_live or target.ref == (intent.service.live and intent.service.live.ref)
        warnings = tuple(_DOES_NOT_SERVE if each == _SERVES and not serves else each for each in simple.warnings)
        return Effect(self._call(simple.field, {"id": target.id}), does, warnings)

    async def _redeploy(self, intent: Intent) -> Receipt:
        target = _target(intent)
        previous = _flag(intent, "previous-image")
        field = "deploymentRedeploy"
        variables = {"id": target.id, "usePreviousImageTag": previous or None}
        found = await self._mutate(field, documents.REDEPLOY, variables)
        if not isinstance(found, dict):
            raise http.unreadable(self._endpoint.peer, field, f"no {field}", mutation=True)
        made = values.convert(found, wire.MadeRow)
        return self._accepted(intent, self._ref(made.id) if made else None)

    def _redeploy_effect(self, intent: Intent) -> Effect:
        target = _target(intent)
        variables: dict[str, Any] = {"id": target.id}
        if _flag(intent, "previous-image"):
            variables["usePreviousImageTag"] = True
        return Effect(
            self._call("deploymentRedeploy", variables),
            f"Makes a new deployment of {_place(intent)} from {_named(target)}, with the variables of now.",
            ("What serves now is replaced when the new one is up.",),
        )

    # -- by the service -------------------------------------------------------------------------------------

    async def _deploy(self, intent: Intent) -> Receipt:
        field, document, variables = _deployment_call(intent)
        found = await self._mutate(field, document, variables)
        if isinstance(found, str) and (made := values.convert({"id": found}, wire.MadeRow)):
            return self._accepted(intent, self._ref(made.id))
        self._agreed(intent, found, field)
        return self._accepted(intent, None)

    def _deploy_effect(self, intent: Intent) -> Effect:
        field, _, variables = _deployment_call(intent)
        commit, trigger = intent.options.get("commit", ""), intent.options.get("trigger", "")
        what = f"commit {commit[:7]}" if commit else _TRIGGERS.get(trigger, "its source as it is connected")
        warnings = ["What serves now is replaced when the new one is up."]
        if trigger == "connected":
            warnings.append("Railway does not say which deployment it made: the next snapshot shows it.")
        return Effect(self._call(field, variables), f"Builds and deploys {what} to {_place(intent)}.", tuple(warnings))

    # -- all -------------------------------------------------------------------------------------------------

    async def _mutate(self, field: str, document: str, variables: Mapping[str, Any]) -> object:
        """Send it and return what its field says. A fault beside a yes does not make it a no."""
        await self._scopes.ready()
        answer = await self._endpoint.ask(document, variables, mutation=True)
        found = (answer.data or {}).get(field)
        if answer.faults and not found:
            raise self._endpoint.classify(answer.faults, True)
        return found

    def _agreed(self, intent: Intent, found: object, field: str) -> None:
        """Raises Refused for a false, OutcomeUnknown for an answer without an answer."""
        peer = self._endpoint.peer
        match found:
            case True:
                return
            case False:
                raise Refused(f"Account {peer.account}: Railway answered no to {intent.verb} of {intent.service.path}.")
        raise http.unreadable(peer, field, f"no {field}", mutation=True)

    def _accepted(self, intent: Intent, deployment: Ref | None, operation: str = "") -> Receipt:
        return Receipt(intent, Outcome.ACCEPTED, self._clock.now(), deployment=deployment, operation=operation)

    def _ref(self, deployment: str) -> Ref:
        return Ref(self._endpoint.peer.account, Kind.DEPLOYMENT, deployment)

    def _call(self, field: str, variables: Mapping[str, Any]) -> str:
        arguments = ", ".join(f"{name}: {_literal(value)}" for name, value in variables.items() if value is not None)
        return f"POST {self._endpoint.peer.url}  mutation {field}({arguments})"


def _deployment_call(intent: Intent) -> tuple[str, str, dict[str, Any]]:
    """(field, document, variables). Raises Refused for options that Railway would not understand."""
    environment, service = decode.split(intent.service.ref)
    ids = {"environmentId": environment, "serviceId": service}
    commit, trigger = intent.options.get("commit", ""), intent.options.get("trigger", "")
    if trigger and trigger not in _TRIGGERS:
        raise Refused(f"There is no trigger {trigger!r}.", remedy="Known: " + ", ".join(_TRIGGERS) + ".")
    if commit and trigger:
        raise Refused("A commit and a trigger exclude each other.", remedy="Give one of them.")
    if commit and (len(commit) < _MINIMAL_SHA or not commit.isalnum()):
        raise Refused(f"{commit!r} is not a full commit hash.", remedy="Railway wants all 40 characters.")
    match trigger:
        case "connected":
            scope = {"projectId": intent.service.project.id, **ids}
            return "environmentTriggersDeploy", documents.DEPLOY_TRIGGERS, {"input": scope}
        case "latest":
            return "serviceInstanceDeploy", documents.DEPLOY_LATEST_COMMIT, ids
    return "serviceInstanceDeployV2", documents.DEPLOY, {**ids, "commitSha": commit or None}


def _target(intent: Intent) -> Deployment:
    service = intent.service
    target = intent.deployment or decode.target(intent.verb, service.latest, service.live)
    if target is not None:
        return target
    if intent.verb is Verb.ROLLBACK:
        raise Refused("A rollback wants to know which deployment to go back to.", remedy="Name one.")
    raise Refused(f"{service.path} has no deployment to {intent.verb}.", remedy="Deploy it first.")


def _flag(intent: Intent, name: str) -> bool:
    value = intent.options.get(name, "").lower()
    if value in _YES:
        return True
    if value in _NO:
        return False
    raise Refused(f"The option {name} is yes or no, not {value!r}.")


def _named(deployment: Deployment) -> str:
    short = deployment.revision.short if deployment.revision else ""
    return f"the deployment {deployment.id[:8]}" + (f" ({short})" if short else "")


def _place(intent: Intent) -> str:
    return f"{intent.service.name} in {intent.service.environment_name}"


def _literal(value: object) -> str:
    match value:
        case dict():
            return "{" + ", ".join(f"{name}: {_literal(inner)}" for name, inner in value.items()) + "}"
        case bool():
            return "true" if value else "false"
    return f'"{value}"'
