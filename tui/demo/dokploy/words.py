"""What is in the world, in Dokploy's shapes and words."""

from __future__ import annotations

from typing import Any

from tui.demo.clock import DAY, SECOND, rfc3339_ms
from tui.demo.dokploy import ids
from tui.demo.dokploy.site import BUILDING, Job, Site
from tui.demo.dokploy.tokens import ENV, SECRETS
from tui.demo.entities import UP, Deployment, Environment, InstanceState, Phase, Project, Service

Wire = dict[str, Any]
_COLLECTIONS = {"application": "applications", "compose": "compose"}
_TYPES = ("application", "compose", *ids.DATABASES)


# services


def status(service: Service) -> str:
    """idle, running (a build is), done (it was deployed), error."""
    if not service.recent:
        return "idle"
    newest = next((one for one in service.recent if one.phase not in (Phase.SKIPPED, Phase.INITIALIZING)), None)
    if newest is not None and newest.phase in BUILDING and newest.live_from is None:
        return "running"
    if newest is not None and newest.phase is Phase.FAILED:
        return "error"
    up = next((one for one in service.recent if one.phase in UP or one.live_from is not None), None)
    if up is None:
        return "idle"
    return "idle" if up.stopped and up.phase in UP else "done"


def id_key(type_: str) -> str:
    return f"{type_}Id"


def status_key(type_: str) -> str:
    return "composeStatus" if type_ == "compose" else "applicationStatus"


def overview(service: Service) -> Wire:
    environment, project = service.environment, service.environment.project
    type_ = ids.type_of(service)
    return {
        "id": ids.service_id(service),
        "type": type_,
        "name": service.name,
        "appName": ids.app_name(service),
        "status": status(service),
        "createdAt": rfc3339_ms(environment.created_at),
        "serverId": None,
        "serverName": None,
        "projectId": ids.nanoid("project", project.id),
        "projectName": project.name,
        "environmentId": ids.nanoid("environment", environment.id),
        "environmentName": environment.name,
        "icon": None,
        "lastDeployAt": rfc3339_ms(service.recent[0].created_at) if service.recent else None,
    }


def brief(service: Service) -> Wire:
    """As the trees of projects have it."""
    type_ = ids.type_of(service)
    return {
        id_key(type_): ids.service_id(service),
        "name": service.name,
        "appName": ids.app_name(service),
        "description": None,
        "createdAt": rfc3339_ms(service.environment.created_at),
        "serverId": None,
        "server": None,
        "icon": None,
        status_key(type_): status(service),
    }


def full(service: Service, site: Site) -> Wire:
    """application.one and its like: everything, the secrets too."""
    type_ = ids.type_of(service)
    shown = {**brief(service), "env": ENV, "replicas": service.replicas, "environmentId": _environment_id(service)}
    if type_ == "application":
        shown |= {
            "sourceType": "github",
            "rollbackActive": True,
            "rollbackRegistryId": ids.nanoid("registry"),
            "rollbackRegistry": {"username": "ops", "password": SECRETS[1]},
            "buildServerId": None,
            "deployments": [deployment(one, site) for one in reversed(site.rows(service))],
        }
    elif type_ == "compose":
        shown |= {"composeType": "docker-compose", "deployments": []}
    else:
        shown |= {"databasePassword": SECRETS[2], "dockerImage": service.image}
    return shown


def environment(one: Environment, *, thin: bool = False) -> Wire:
    shown: Wire = {
        "environmentId": ids.nanoid("environment", one.id),
        "name": one.name,
        "description": f"{one.name.title()} environment",
        "isDefault": one.name == "production",
        "projectId": ids.nanoid("project", one.project.id),
        **{_COLLECTIONS.get(type_, type_): [] for type_ in _TYPES},
    }
    for service in one.services:
        type_ = ids.type_of(service)
        row = brief(service)
        if thin:
            keys = (id_key(type_),) if type_ in ids.DATABASES else (id_key(type_), "name", status_key(type_))
            row = {key: row[key] for key in keys}
        shown[_COLLECTIONS.get(type_, type_)].append(row)
    return shown


def project(one: Project, *, thin: bool = False) -> Wire:
    return {
        "projectId": ids.nanoid("project", one.id),
        "name": one.name,
        "description": None,
        "createdAt": rfc3339_ms(one.created_at),
        "organizationId": ids.nanoid("organization"),
        "env": ENV if thin else "",
        "environments": [environment(each, thin=thin) for each in one.environments],
        "projectTags": [],
    }


def _environment_id(service: Service) -> str:
    return ids.nanoid("environment", service.environment.id)


# deployments


def row_status(one: Deployment, site: Site) -> str:
    if one.word:
        return one.word.lower()
    if one.phase in BUILDING and one.live_from is None:
        return "running"
    if one.phase is Phase.FAILED or one.id in site.killed:
        return "error"
    return "done" if one.live_from is not None else "cancelled"


def deployment(one: Deployment, site: Site) -> Wire:
    """`finishedAt` is null while it runs, and for ever on a cancelled one. The title is rewritten at the end."""
    said = row_status(one, site)
    running = said == "running"
    title, description = _title(one, site, running=running)
    type_ = ids.type_of(one.service)
    ended = one.live_from or (one.build[1] if one.build is not None else one.changed_at)
    started = rfc3339_ms(ids.started_at(one))
    return {
        "deploymentId": ids.deployment_id(one),
        "title": title,
        "description": description,
        "status": said,
        "logPath": ids.log_path(one),
        "pid": None,
        "applicationId": ids.service_id(one.service) if type_ == "application" else None,
        "composeId": ids.service_id(one.service) if type_ == "compose" else None,
        "serverId": None,
        "isPreviewDeployment": False,
        "previewDeploymentId": None,
        "createdAt": started,
        "startedAt": started,
        "finishedAt": None if said in ("running", "cancelled") else rfc3339_ms(ended),
        "errorMessage": None,
        "scheduleId": None,
        "backupId": None,
        "rollbackId": ids.rollback_id(one) if type_ == "application" else None,
        "volumeBackupId": None,
        "buildServerId": None,
    }


def _title(one: Deployment, site: Site, *, running: bool) -> tuple[str, str]:
    given = site.titles.get(one.id)
    if given is not None and (running or one.id in site.redeploys):
        return given
    if given is None and running:
        return one.commit.message, f"Hash: {one.commit.sha}"
    return one.commit.message, f"Commit: {one.commit.sha}"


def central(one: Deployment, site: Site) -> Wire:
    service = one.service
    type_ = ids.type_of(service)
    place = {
        id_key(type_): ids.service_id(service),
        "name": service.name,
        "appName": ids.app_name(service),
        "icon": None,
        "environment": {
            "environmentId": _environment_id(service),
            "name": service.environment.name,
            "project": {
                "projectId": ids.nanoid("project", service.environment.project.id),
                "name": service.environment.project.name,
            },
        },
        "server": None,
        "buildServer": None,
    }
    return {
        **deployment(one, site),
        "application": place if type_ == "application" else None,
        "compose": place if type_ == "compose" else None,
        "server": None,
        "buildServer": None,
    }


def by_type(one: Deployment, site: Site) -> Wire:
    """With the rollback's whole context, which holds the environment and the registry's password."""
    row = deployment(one, site)
    rollback = None
    if row["rollbackId"] is not None:
        rollback = {
            "rollbackId": row["rollbackId"],
            "deploymentId": row["deploymentId"],
            "version": one.number,
            "image": f"{ids.app_name(one.service)}:v{one.number}",
            "createdAt": row["createdAt"],
            "fullContext": {"env": ENV, "registry": {"password": SECRETS[1]}},
        }
    return {**row, "rollback": rollback}


def job(one: Job, site: Site) -> Wire:
    """Absent where Dokploy has undefined: processedOn of what waits, finishedOn and failedReason always."""
    service = one.one.service
    type_ = ids.type_of(service)
    title, description = site.titles.get(one.one.id, (one.one.commit.message, f"Hash: {one.one.commit.sha}"))
    stamp = one.one.created_at // 1_000_000
    shown: Wire = {
        "id": f"job-{one.number}",
        "name": "deployments",
        "data": {
            id_key(type_): ids.service_id(service),
            "titleLog": title,
            "descriptionLog": description,
            "type": "redeploy" if one.one.trigger == "redeploy" else "deploy",
            "applicationType": type_,
            "server": False,
        },
        "timestamp": stamp,
        "state": "active" if one.is_active else "waiting",
        "servicePath": {
            "href": f"/dashboard/project/{ids.nanoid('project', service.environment.project.id)}",
            "label": type_.title(),
        },
    }
    if one.is_active:
        shown["processedOn"] = stamp + 1
    return shown


# containers


def containers(service: Service, now: int) -> list[Wire]:
    """Those of now, and of a swarm service the last one of the task before."""
    serving = next((one for one in service.recent if one.phase in UP or _restarts(one)), None)
    if serving is None:
        return []
    found = [_container(service, serving, number, now) for number in range(len(serving.instances))]
    former = next((one for one in service.recent if one is not serving and one.live_from is not None), None)
    if former is not None and ids.type_of(service) != "compose":
        found.append(
            {
                "containerId": ids.container_id(former, 0),
                "name": f"{ids.app_name(service)}.1.{ids.task_id(former, 0)}",
                "image": f"{ids.app_name(service)}:latest",
                "ports": "",
                "state": "exited",
                "status": "Exited (0) 9 minutes ago",
            }
        )
    return found


def _restarts(one: Deployment) -> bool:
    return one.phase is Phase.DEPLOYING and one.live_from is not None


def container_name(service: Service, one: Deployment, number: int) -> str:
    if ids.type_of(service) == "compose":
        return f"{ids.app_name(service)}-{('web', 'db', 'jobs')[number % 3]}-{number // 3 + 1}"
    return f"{ids.app_name(service)}.{number + 1}.{ids.task_id(one, number)}"


def _container(service: Service, one: Deployment, number: int, now: int) -> Wire:
    state = InstanceState.EXITED if one.stopped else one.instance_state(number, now)
    word, words = _STATES.get(state, ("running", ""))
    if not words:
        words = f"Up {max(1, (now - (one.live_from or now)) // SECOND)} seconds"
    if now - (one.live_from or now) > DAY and word == "running":
        words = f"Up {(now - (one.live_from or now)) // DAY} days"
    return {
        "containerId": ids.container_id(one, number),
        "name": container_name(service, one, number),
        "image": service.image or f"{ids.app_name(service)}:latest",
        "ports": "",
        "state": word,
        "status": words,
    }


_STATES = {
    InstanceState.CREATED: ("created", "Created"),
    InstanceState.RESTARTING: ("restarting", "Restarting (1) 2 seconds ago"),
    InstanceState.CRASHED: ("exited", "Exited (1) 4 seconds ago"),
    InstanceState.EXITED: ("exited", "Exited (0) 5 seconds ago"),
    InstanceState.REMOVED: ("exited", "Exited (0) 5 seconds ago"),
}
