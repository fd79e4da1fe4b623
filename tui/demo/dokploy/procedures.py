"""The table of procedures: whether each asks or orders, what it must be given, since which version it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.demo.dokploy import docker, ids, inventory, openapi, orders, reads, traffic
from tui.demo.dokploy.asking import VOID, Asked, not_found

Version = tuple[int, int, int]
Handler = Callable[[Asked], Any]
NOW: Version = (0, 30, 2)
OLD: Version = (0, 28, 8)
ALWAYS: Version = (0, 1, 0)


@dataclass(frozen=True, slots=True)
class Procedure:
    """`params`: what it must be given, as `tui.demo.dokploy.validation` reads it."""

    handler: Handler
    params: Mapping[str, str] = field(default_factory=dict)
    is_mutation: bool = False
    since: Version = ALWAYS
    trpc_only: bool = False


def known(path: str, version: Version) -> Procedure | None:
    if version == OLD and path in _OLD:
        return _OLD[path]
    procedure = PROCEDURES.get(path)
    return None if procedure is None or procedure.since > version else procedure


def document(_asked: Asked) -> dict[str, Any]:
    found = {name: (each.is_mutation, each.params) for name, each in PROCEDURES.items() if not each.trpc_only}
    return openapi.document(found)


def _query(handler: Handler, since: Version = ALWAYS, /, **params: str) -> Procedure:
    return Procedure(handler, params, since=since)


def _order(handler: Handler, since: Version = ALWAYS, /, **params: str) -> Procedure:
    return Procedure(handler, params, is_mutation=True, since=since)


_LOGS = {"tail": "number?", "since": "string?", "search": "string?"}


def _of_service(type_: str) -> dict[str, Procedure]:
    """What every type of service has."""
    id_ = {f"{type_}Id": "string"}
    container = {"containerId": "string"} if type_ == "compose" else {}
    return {
        f"{type_}.one": _query(inventory.one_of(type_), **id_),
        f"{type_}.stop": _order(orders.stop(type_), **id_),
        f"{type_}.start": _order(orders.start(type_), **id_),
        f"{type_}.readLogs": _query(reads.runtime_log(type_), (0, 29, 0), **id_, **container, **_LOGS),
    }


def _of_database(type_: str) -> dict[str, Procedure]:
    id_ = {f"{type_}Id": "string"}
    return {
        f"{type_}.deploy": _order(orders.deploy(type_, again=False), **id_),
        f"{type_}.reload": _order(orders.reload(type_), **id_, appName="name"),
        f"{type_}.rebuild": _order(orders.rebuild(type_), **id_),
    }


def _of_builds(type_: str) -> dict[str, Procedure]:
    id_ = {f"{type_}Id": "string"}
    titled = {**id_, "title": "text?", "description": "text?"}
    return {
        f"{type_}.deploy": _order(orders.deploy(type_, again=False), **titled),
        f"{type_}.redeploy": _order(orders.deploy(type_, again=True), **titled),
        f"{type_}.cleanQueues": _order(orders.clean_queues(type_), **id_),
        f"{type_}.killBuild": _order(orders.kill_build(type_), (0, 25, 8), **id_),
        f"{type_}.cancelDeployment": _order(orders.cancel(type_), (0, 25, 0), **id_),
        f"{type_}.clearDeployments": _order(orders.clear_logs(type_), **id_),
        f"{type_}.refreshToken": _order(orders.nothing(type_, True), **id_),
    }


_CONTAINER = {"containerId": "string", "serverId": "text?"}
_APP = {"appName": "string", "serverId": "text?"}


def _no_preview(_asked: Asked) -> None:
    raise not_found("Preview Deployment")


def _no_previews(asked: Asked) -> list[Any]:
    asked.service("application")
    return []


PROCEDURES: dict[str, Procedure] = {
    "settings.health": _query(inventory.health),
    "settings.getDokployVersion": _query(inventory.version),
    "settings.getReleaseTag": _query(inventory.release_tag),
    "settings.isCloud": _query(inventory.is_cloud),
    "settings.getLogCleanupStatus": _query(inventory.log_cleanup),
    "settings.getOpenApiDocument": _query(document),
    "settings.cleanAllDeploymentQueue": _order(orders.clean_all_queues),
    "settings.haveActivateRequests": _query(traffic.is_recorded),
    "settings.toggleRequests": _order(traffic.toggle, enable="boolean"),
    "settings.readStatsLogs": Procedure(
        traffic.read,
        {"dateRange": "object?", "page": "object?", "sort": "object?", "status": "array?", "search": "text?"},
        trpc_only=True,
    ),
    "settings.readStats": Procedure(traffic.hourly, {"dateRange": "object?"}, trpc_only=True),
    "organization.active": _query(inventory.organization),
    "organization.all": _query(inventory.organizations),
    "user.get": _query(inventory.user),
    "user.session": _query(inventory.session),
    "user.getPermissions": _query(inventory.permissions),
    "server.all": _query(inventory.servers),
    "gitProvider.getAll": _query(inventory.no_git_providers),
    "overview.services": _query(inventory.overview, (0, 30, 0)),
    "project.all": _query(inventory.projects),
    "project.one": _query(inventory.project, projectId="string"),
    "project.allForPermissions": _query(inventory.tree, (0, 28, 3)),
    "project.homeStats": _query(inventory.home, (0, 29, 0)),
    "environment.one": _query(inventory.environment, (0, 25, 0), environmentId="string"),
    "environment.byProjectId": _query(inventory.environments, (0, 25, 0), projectId="string"),
    "domain.byApplicationId": _query(inventory.domains_of("application"), applicationId="string"),
    "domain.byComposeId": _query(inventory.domains_of("compose"), composeId="string"),
    "compose.loadServices": _query(inventory.compose_services, composeId="string", type="text?"),
    "application.markRunning": _order(orders.nothing("application", VOID), applicationId="string"),
    "previewDeployment.all": _query(_no_previews, applicationId="string"),
    "previewDeployment.one": _query(_no_preview, previewDeploymentId="string"),
    "previewDeployment.redeploy": _order(_no_preview, previewDeploymentId="string", title="text?", description="text?"),
    "previewDeployment.delete": _order(_no_preview, previewDeploymentId="string"),
    "deployment.all": _query(reads.deployments, applicationId="string"),
    "deployment.allByCompose": _query(reads.compose_deployments, composeId="string"),
    "deployment.allByServer": _query(inventory.server_deployments, serverId="string"),
    "deployment.allCentralized": _query(reads.central, (0, 28, 3)),
    "deployment.queueList": _query(reads.queue, (0, 28, 3)),
    "deployment.allByType": _query(reads.by_type, (0, 22, 0), id="string", type="type"),
    "deployment.readLogs": _query(reads.build_log, (0, 29, 5), deploymentId="string", tail="number?"),
    "deployment.killProcess": _order(orders.kill_process, (0, 23, 6), deploymentId="string"),
    "deployment.removeDeployment": _order(orders.remove, (0, 27, 1), deploymentId="string"),
    "rollback.rollback": _order(orders.roll_back, rollbackId="string"),
    "rollback.delete": _order(orders.delete_rollback, rollbackId="string"),
    "docker.getContainers": _query(docker.containers, serverId="text?"),
    "docker.getContainersByAppNameMatch": _query(docker.by_name, **_APP, appType="text?"),
    "docker.getContainersByAppLabel": _query(docker.by_label, **_APP, type="string"),
    "docker.getServiceContainersByAppName": _query(docker.tasks, **_APP),
    "docker.getStackContainersByAppName": _query(docker.stack_tasks, **_APP),
    "docker.restartContainer": _order(docker.restart, **_CONTAINER),
    "docker.startContainer": _order(docker.start, **_CONTAINER),
    "docker.stopContainer": _order(docker.stop, **_CONTAINER),
    "docker.killContainer": _order(docker.kill, **_CONTAINER),
    **{name: each for type_ in ("application", "compose", *ids.DATABASES) for name, each in _of_service(type_).items()},
    **{name: each for type_ in ids.DATABASES for name, each in _of_database(type_).items()},
    **{name: each for type_ in ("application", "compose") for name, each in _of_builds(type_).items()},
    "application.reload": _order(orders.reload("application"), applicationId="string", appName="name"),
}
_OLD = {
    "settings.getDokployVersion": _query(inventory.old_version),
}
