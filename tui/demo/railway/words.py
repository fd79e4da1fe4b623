"""The world in Railway's words: entities as the dicts that its types are resolved from.

A value may be a function: it is called when somebody selects the field.
"""

from __future__ import annotations

import json
from typing import Any

from tui.demo.cast import Person, uuid
from tui.demo.clock import SECOND, rfc3339, rfc3339_ms
from tui.demo.entities import (
    PENDING,
    Deployment,
    Environment,
    InstanceState,
    Phase,
    Project,
    Service,
    Step,
    StepName,
    Workspace,
)
from tui.demo.lifecycle import can_redeploy, can_roll_back
from tui.demo.railway.errors import PROBLEM, Refusal
from tui.demo.scripts import Line
from tui.demo.traffic import Request
from tui.demo.world import World

Wire = dict[str, Any]

STATUS = {phase: phase.name for phase in Phase} | {Phase.LIVE: "SUCCESS"}
_INSTANCE = {state: state.name for state in InstanceState}
_STEP = {
    StepName.SNAPSHOT: "SNAPSHOT_CODE",
    StepName.BUILD: "BUILD_IMAGE",
    StepName.PUBLISH: "PUBLISH_IMAGE",
    StepName.MIGRATE: "PRE_DEPLOY_COMMAND",
    StepName.CREATE: "CREATE_CONTAINER",
    StepName.HEALTHCHECK: "HEALTHCHECK",
    StepName.DRAIN: "DRAIN_INSTANCES",
}
_REGION = "europe-west4-drams3a"
_REGIONS = {"europe-west4-drams3a": {"numReplicas": 2}, "us-east4-eqdc4a": {"numReplicas": 1}}
_REASONS = {"push": "deploy", "upload": "deploy"}


def workspace(one: Workspace, now: int) -> Wire:
    created = rfc3339_ms(now - now % SECOND - 400 * 86_400 * SECOND)
    return {
        "id": one.id,
        "name": one.name,
        "createdAt": created,
        "updatedAt": created,
        "adoptionLevel": 0.0,
        "has2FAEnforcement": False,
        "hasBAA": False,
        "hasRBAC": False,
        "hasGuardrailsAccess": False,
        "hasSAML": False,
        "redactedDueTo2FAPending": False,
        "usersWithout2FA": [],
        "currentSessionHasAccess": True,
        "projects": lambda _info: [project(each, now) for each in one.projects],
    }


def person(one: Person) -> Wire:
    return {"id": uuid("person", one.email), "name": one.name, "email": one.email, "username": one.login}


def project(one: Project, now: int) -> Wire:
    primary = one.environments[0]
    return {
        "id": one.id,
        "name": one.name,
        "createdAt": rfc3339_ms(one.created_at),
        "updatedAt": rfc3339_ms(one.created_at),
        "workspaceId": one.workspace.id,
        "workspace": lambda _info: workspace(one.workspace, now),
        "members": [],
        "isPublic": False,
        "isTempProject": False,
        "prDeploys": True,
        "botPrEnvironments": False,
        "focusedPrEnvironments": False,
        "subscriptionType": "hobby",
        "subscriptionPlanLimit": {},
        "baseEnvironmentId": primary.id,
        "baseEnvironment": lambda _info: environment(primary),
        "primaryEnvironmentId": primary.id,
        "entity": one,
    }


def environment(one: Environment) -> Wire:
    asked_by = one.pull_request
    return {
        "id": one.id,
        "name": one.name,
        "projectId": one.project.id,
        "createdAt": rfc3339_ms(one.created_at),
        "updatedAt": rfc3339_ms(one.created_at),
        "deletedAt": None if one.deleted_at is None else rfc3339_ms(one.deleted_at),
        "canAccess": not one.restricted,
        "isEphemeral": asked_by is not None,
        "unmergedChangesCount": 0,
        "meta": asked_by
        and {
            "prNumber": asked_by.number,
            "prTitle": asked_by.title,
            "prRepo": asked_by.repo,
            "branch": asked_by.branch,
            "baseBranch": "main",
        },
        "entity": one,
    }


def service(one: Service, now: int) -> Wire:
    of = one.environment.project
    return {
        "id": one.service_id,
        "name": one.name,
        "projectId": of.id,
        "project": lambda _info: project(of, now),
        "createdAt": rfc3339_ms(of.created_at),
        "updatedAt": rfc3339_ms(of.created_at),
        "hasHiddenRegistryCredentialsFromTemplate": False,
    }


def service_instance(world: World, one: Service) -> Wire:
    created = rfc3339_ms(one.environment.created_at)
    domains = [] if one.host is None else [{"id": uuid(one.id, "domain"), "domain": one.host, "targetPort": 8080}]
    latest = one.latest
    return {
        "id": one.id,
        "serviceId": one.service_id,
        "serviceName": one.name,
        "environmentId": one.environment.id,
        "service": lambda _info: service(one, world.now),
        "createdAt": created,
        "updatedAt": created,
        "latestDeployment": latest and (lambda _info: deployment(world, latest)),
        "activeDeployments": lambda _info: [deployment(world, each) for each in one.active],
        "source": {"repo": one.repo, "image": one.image},
        "domains": {"serviceDomains": domains, "customDomains": []},
        "builder": "RAILPACK",
        "watchPatterns": [],
        "numReplicas": 1 if _regions(one) else one.replicas,  # says 1 of a service in several regions
        "region": None if _regions(one) else _REGION,
        "cronSchedule": one.cron,
        "nextCronRunAt": None if one.cron is None else _next_two_o_clock(world.now),
        "sleepApplication": one.sleeps,
        "healthcheckPath": "/healthz" if one.routes else None,
        "restartPolicyType": "ON_FAILURE",
        "restartPolicyMaxRetries": 10,
        "isUpdatable": False,
    }


def _next_two_o_clock(now: int) -> str:
    day = 86_400 * SECOND
    at = now - now % day + 2 * 3600 * SECOND
    return rfc3339_ms(at if at > now else at + day)


def _regions(one: Service) -> dict[str, dict[str, int]] | None:
    return _REGIONS if one.replicas == 3 else None


def deployment(world: World, one: Deployment, *, phase: Phase | None = None, stopped: bool | None = None) -> Wire:
    """As it is now, or as a subscription tells it: with the `phase` it had then, and without the time of it."""
    told = phase is not None
    shown = one.phase if phase is None else phase
    of = one.service
    changed = rfc3339_ms(one.changed_at)

    def its_service(_info: object) -> Wire:
        if one.orphan:
            raise Refusal(PROBLEM)
        return service(of, world.now)

    return {
        "id": one.id,
        "status": one.word or STATUS[shown],
        "statusUpdatedAt": None if told else changed,
        "createdAt": rfc3339_ms(one.created_at),
        "updatedAt": changed,
        "url": of.host if one.live_from is not None else None,
        "staticUrl": of.host,
        "meta": lambda _info: meta(one),
        "canRedeploy": can_redeploy(one),
        "canRollback": can_roll_back(world, one),
        "deploymentStopped": (one.stopped if stopped is None else stopped) or _nothing_serves(one, shown, world.now),
        "suggestAddServiceDomain": False,
        "snapshotId": snapshot_id(one),
        "projectId": of.environment.project.id,
        "environmentId": of.environment.id,
        "environment": lambda _info: environment(of.environment),
        "serviceId": None if one.orphan else of.service_id,
        "service": its_service,
        "creator": lambda _info: person(one.creator),
        "instances": lambda _info: [
            {"id": each.id, "status": _INSTANCE[one.instance_state(number, world.now)]}
            for number, each in enumerate(one.instances)
        ],
        "sockets": [],
    }


def _nothing_serves(one: Deployment, shown: Phase, now: int) -> bool:
    """`deploymentStopped` is no sign of a stop: it is true before the first start, asleep, and after the last crash."""
    match shown:
        case Phase.INITIALIZING | Phase.DEPLOYING:
            return one.live_from is None
        case Phase.SLEEPING | Phase.FAILED:
            return True
        case Phase.CRASHED:
            return all(one.instance_state(n, now) is not InstanceState.RUNNING for n in range(len(one.instances)))
    return False


def snapshot_id(one: Deployment) -> str | None:
    return None if one.phase in PENDING else uuid("snapshot", one.id)


def meta(one: Deployment) -> Wire:
    """An opaque object: any key may be missing, and more come as the deployment goes on."""
    of, commit = one.service, one.commit
    found: Wire = {"reason": _REASONS.get(one.trigger, one.trigger), "runtime": "V2", "logsV2": True}
    if of.image is not None:
        found["image"] = of.image
        if one.phase not in PENDING:
            found["imageDigest"] = one.image_digest
    elif one.trigger == "upload":  # from somebody's own machine: no commit is known
        found |= {"cliMessage": commit.message.partition("\n")[0], "cliCaller": "railway up"}
    else:
        found |= {"repo": of.repo, "branch": commit.branch, "commitHash": commit.sha}
        if one.phase is not Phase.INITIALIZING:
            author = "" if commit.author.login.endswith("[bot]") else commit.author.login
            found |= {"commitMessage": commit.message, "commitAuthor": author}
    if one.reason and one.phase is Phase.QUEUED:
        found["queuedReason"] = one.reason
    if one.phase not in PENDING:
        run: Wire = {
            "numReplicas": of.replicas,
            "cronSchedule": of.cron,
            "sleepApplication": of.sleeps,
            "restartPolicyType": "ON_FAILURE",
            "restartPolicyMaxRetries": 10,
        }
        if (regions := _regions(of)) is not None:
            run["multiRegionConfig"] = regions
        found["serviceManifest"] = {"build": {"builder": "RAILPACK"}, "deploy": run}
    return found


def event(step: Step, *, finished_at: int | None) -> Wire:
    took = None if finished_at is None else (finished_at - step.started_at) // 1_000_000
    return {
        "id": step.id,
        "step": _STEP[step.name],
        "createdAt": rfc3339_ms(step.started_at),
        "completedAt": None if finished_at is None else rfc3339_ms(finished_at),
        "payload": {
            "attempt": step.attempt,
            "maxAttempts": step.max_attempts,
            "durationMs": took,
            "detail": step.detail or None,
            "error": (step.error or None) if finished_at is not None else None,
        },
    }


def log_attributes(line: Line) -> list[tuple[str, str]]:
    """Values are JSON texts: a level comes as "info" with its quotes."""
    return [("level", json.dumps(line.level)), *((key, json.dumps(value)) for key, value in line.attributes)]


def tags(one: Deployment, instance: str) -> dict[str, str | None]:
    of = one.service
    return {
        "projectId": of.environment.project.id,
        "environmentId": of.environment.id,
        "serviceId": of.service_id,
        "deploymentId": one.id,
        "deploymentInstanceId": instance or None,
        "snapshotId": snapshot_id(one) if not instance else None,
        "pluginId": None,
    }


def log(one: Deployment, line: Line) -> Wire:
    return {
        "timestamp": rfc3339(line.at),
        "message": line.text,
        "severity": severity(line),
        "attributes": [{"key": key, "value": value} for key, value in log_attributes(line)],
        "tags": tags(one, line.instance),
    }


def severity(line: Line) -> str | None:
    """Only builds have one; of a running service's line it is null."""
    return line.level if not line.instance else None


def http_log(one: Request) -> Wire:
    return {
        "timestamp": rfc3339(one.at),
        "requestId": one.id,
        "deploymentId": one.owner,
        "deploymentInstanceId": one.instance,
        "method": one.method,
        "path": one.path,
        "host": one.host,
        "httpStatus": one.status,
        "totalDuration": one.duration_ms,
        "upstreamRqDuration": one.upstream_ms,
        "srcIp": one.client_ip,
        "clientUa": one.user_agent,
        "edgeRegion": one.region,
        "rxBytes": one.bytes_in,
        "txBytes": one.bytes_out,
        "upstreamAddress": "http://[fd12:2cd1::a4]:8080",
        "upstreamProto": "HTTP/1.1",
        "downstreamProto": "HTTP/2.0",
        "upstreamErrors": one.upstream_error,
        "responseDetails": one.detail,
    }
