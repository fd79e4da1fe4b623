"""What is in the world, in Dokploy's shapes and words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tui.demo.clock import rfc3339_ms
from tui.demo.dokploy import ids
from tui.demo.dokploy.containers import Container
from tui.demo.dokploy.site import Job, Site, is_queueable
from tui.demo.dokploy.tokens import ENV, SECRETS
from tui.demo.entities import UP, Deployment, Environment, Phase, Project, Service

Wire = dict[str, Any]
_COLLECTIONS = {"application": "applications", "compose": "compose"}
TYPES = ("application", "compose", *ids.DATABASES)
ORGANIZATION = ids.nanoid("organization")


# services


def status(service: Service, site: Site) -> str:
    """idle, running (a build is), done (it was deployed), error (the last build failed). Not: whether it is well."""
    row = next((one for one in service.recent if site.has_row(one)), None)
    if row is not None and site.is_building(row):
        return "running"
    if row is not None and _failed(row, site):
        return "error"
    up = next((one for one in service.recent if one.phase in UP or one.live_from is not None or one.runs), None)
    if up is None:
        return "idle"
    return "idle" if up.stopped and up.phase in UP and service.id not in site.said_up else "done"


def _failed(one: Deployment, site: Site) -> bool:
    """Tell whether Dokploy knows that a deployment failed: it does not look at what swarm makes of it."""
    return (one.phase is Phase.FAILED and not _died_in_swarm(one)) or one.id in site.killed


def _died_in_swarm(one: Deployment) -> bool:
    return one.service.is_swarm and any(run.died for run in one.runs)


def id_key(type_: str) -> str:
    return f"{type_}Id"


def status_key(type_: str) -> str:
    return "composeStatus" if type_ == "compose" else "applicationStatus"


def overview(service: Service, site: Site) -> Wire:
    environment, project = service.environment, service.environment.project
    type_ = ids.type_of(service)
    rows = [one for one in service.recent if site.has_row(one)] if is_queueable(service) else []
    return {
        "id": ids.service_id(service),
        "type": type_,
        "name": service.name,
        "appName": ids.app_name(service),
        "status": status(service, site),
        "createdAt": rfc3339_ms(environment.created_at),
        "serverId": None,
        "serverName": None,
        "projectId": ids.nanoid("project", project.id),
        "projectName": project.name,
        "environmentId": ids.nanoid("environment", environment.id),
        "environmentName": environment.name,
        "icon": None,
        "lastDeployAt": rfc3339_ms(ids.started_at(rows[0])) if rows else None,
    }


def brief(service: Service, site: Site) -> Wire:
    """As the trees of projects have it."""
    type_ = ids.type_of(service)
    return {
        id_key(type_): ids.service_id(service),
        "name": service.name,
        "appName": ids.app_name(service),
        "description": None,
        "createdAt": rfc3339_ms(service.environment.created_at),
        "serverId": None,
        status_key(type_): status(service, site),
    }


def environment(
    one: Environment,
    site: Site,
    sees: Callable[[Service], bool],
    keys: tuple[str, ...] | None = None,
    more: Wire | None = None,
) -> Wire:
    """`keys`: what its services are shown with, where they have it; `more`: what stands beside them."""
    shown: Wire = {
        "environmentId": ids.nanoid("environment", one.id),
        "name": one.name,
        "isDefault": one.name == "production",
        **(more or {}),
        **{_COLLECTIONS.get(type_, type_): [] for type_ in TYPES},
    }
    for service in filter(sees, one.services):
        type_ = ids.type_of(service)
        row = brief(service, site)
        if type_ not in ids.DATABASES:
            row["icon"] = None
        row["server"] = None
        shown[_COLLECTIONS.get(type_, type_)].append(row if keys is None else {k: row[k] for k in keys if k in row})
    return shown


def thin_environment(one: Environment, site: Site) -> Wire:
    """Of the databases nothing but their ids."""
    keys = ("applicationId", "composeId", "name", "applicationStatus", "composeStatus")
    shown = environment(one, site, lambda _service: True, keys)
    for type_ in ids.DATABASES:
        shown[type_] = [{id_key(type_): ids.service_id(each)} for each in one.services if ids.type_of(each) == type_]
    return shown


def project(one: Project, environments: list[Wire]) -> Wire:
    return {
        "projectId": ids.nanoid("project", one.id),
        "name": one.name,
        "description": None,
        "createdAt": rfc3339_ms(one.created_at),
        "organizationId": ORGANIZATION,
        "env": ENV,
        "environments": environments,
        "projectTags": [],
    }


def environment_id(service: Service) -> str:
    return ids.nanoid("environment", service.environment.id)


# deployments


def row_status(one: Deployment, site: Site) -> str:
    if one.word:
        return one.word.lower()
    if one.id in site.stuck or site.is_building(one):
        return "running"
    if one.id in site.interrupted:
        return "cancelled"
    if _failed(one, site) or one.id in site.unstarted:
        return "error"
    return "done" if one.live_from is not None or one.phase is Phase.DEPLOYING or _died_in_swarm(one) else "cancelled"


NEVER_STARTED = "An error have occurred: SSH connection error: connect ECONNREFUSED 203.0.113.7:22"


def deployment(one: Deployment, site: Site) -> Wire:
    """`finishedAt` is null while it runs, and for ever on a cancelled one. The title is rewritten at the end."""
    said = row_status(one, site)
    running = said == "running"
    title, description = _title(one, site, running=running)
    type_ = ids.type_of(one.service)
    has_log = one.id not in site.unstarted
    started = rfc3339_ms(ids.started_at(one))
    return {
        "deploymentId": ids.deployment_id(one),
        "title": title,
        "description": description,
        "status": said,
        "logPath": ids.log_path(one) if has_log else "",
        "pid": None,
        "applicationId": ids.service_id(one.service) if type_ == "application" else None,
        "composeId": ids.service_id(one.service) if type_ == "compose" else None,
        "serverId": None,
        "isPreviewDeployment": False,
        "previewDeploymentId": None,
        "createdAt": started,
        "startedAt": started,
        "finishedAt": _finished_at(one, said) if has_log else started,
        "errorMessage": None if has_log else NEVER_STARTED,
        "scheduleId": None,
        "backupId": None,
        "rollbackId": ids.rollback_id(one) if type_ == "application" and one.service.image is None else None,
        "volumeBackupId": None,
        "buildServerId": None,
    }


def _finished_at(one: Deployment, said: str) -> str | None:
    if said in ("running", "cancelled"):
        return None
    if one.runs and one.service.is_swarm:
        return rfc3339_ms(one.runs[0].created_at)
    if one.live_from is not None:
        return rfc3339_ms(one.live_from)
    built = one.changed_at if one.build is None else one.build[1]
    return rfc3339_ms(built if one.removed_at is None else min(built, one.removed_at))


def _title(one: Deployment, site: Site, *, running: bool) -> tuple[str, str]:
    given = site.titles.get(one.id)
    if given is not None and (running or one.id in site.redeploys):
        return given
    if given is None and one.trigger == "redeploy":
        return "Rebuild deployment", ""
    if given is None and running:
        return one.commit.message, f"Hash: {one.commit.sha}"
    return one.commit.message, f"Commit: {one.commit.sha}"


def central(one: Deployment, site: Site) -> Wire:
    service = one.service
    type_ = ids.type_of(service)
    place: Wire = {
        id_key(type_): ids.service_id(service),
        "name": service.name,
        "appName": ids.app_name(service),
        "icon": None,
        "environment": {
            "environmentId": environment_id(service),
            "name": service.environment.name,
            "project": {
                "projectId": ids.nanoid("project", service.environment.project.id),
                "name": service.environment.project.name,
            },
        },
        "server": None,
    }
    if type_ == "application":
        place["buildServer"] = None
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
            "fullContext": {
                "appName": ids.app_name(one.service),
                "env": ENV,
                "registry": {"registryUrl": "registry.tools.example", "username": "ops", "password": SECRETS[1]},
            },
        }
    return {**row, "rollback": rollback}


def job(one: Job, site: Site) -> Wire:
    """Absent where Dokploy has undefined: processedOn of what waits, finishedOn and failedReason always."""
    service = one.one.service
    type_ = ids.type_of(service)
    title, description = site.titles.get(one.one.id, (one.one.commit.message, f"Hash: {one.one.commit.sha}"))
    stamp = one.one.created_at // 1_000_000
    place = f"/dashboard/project/{ids.nanoid('project', service.environment.project.id)}"
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
            "href": f"{place}/environment/{environment_id(service)}/services/{type_}/{ids.service_id(service)}",
            "label": type_.title(),
        },
    }
    if one.is_active:
        shown["processedOn"] = ids.started_at(one.one) // 1_000_000
    return shown


def foreign_job(number: int, at: int) -> Wire:
    """Of an organisation whose services are none of the caller's: the queue is the whole server's."""
    return {
        "id": f"job-{number}",
        "name": "deployments",
        "data": {
            "applicationId": ids.nanoid("foreign"),
            "titleLog": "Deployment of somebody else",
            "descriptionLog": "",
            "type": "deploy",
            "applicationType": "application",
            "server": True,
            "serverId": ids.nanoid("foreign-server"),
        },
        "timestamp": at // 1_000_000,
        "processedOn": at // 1_000_000 + 2,
        "state": "active",
        "servicePath": {"href": None, "label": "—"},
    }


# containers


def container(one: Container, now: int) -> Wire:
    """As the list of all containers has it."""
    state, sentence = one.state(now)
    return {
        "containerId": one.id,
        "name": one.name,
        "image": one.image,
        "ports": "",
        "state": state,
        "status": sentence,
    }


def task(one: Container, now: int) -> Wire:
    """Return a row of `docker service ps`; its id is the task's. Raises AssertionError: it is no task."""
    assert one.task is not None
    state, current, error = one.task.words(now)
    return {
        "containerId": one.task_id,
        "name": one.slot,
        "state": state,
        "currentState": current,
        "node": "main",
        "error": error,
    }
