"""Dokploy's answers as far as they are needed. Its OpenAPI file describes none: these are the shapes seen on the wire.

Fields with secrets (env, registry passwords, a rollback's fullContext) are not decoded, so that they die here. A row is
nothing without a field that has no default; of any other field an odd value costs itself only.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from tui.providers import values

Time = str | int | float | None
"""As `values.moment` reads it."""


class ServiceRow(Struct, rename="camel"):
    """overview.services, and what the other inventories are brought to."""

    id: str
    type: str
    name: str = ""
    project_id: str = ""
    project_name: str = ""
    environment_id: str = ""
    environment_name: str = ""
    app_name: str | None = None
    status: str | None = None
    server_id: str | None = None


class DeploymentRow(Struct, rename="camel"):
    """deployment.all, allByCompose, allByServer, allByType, allCentralized."""

    deployment_id: str
    title: str | None = None
    description: str | None = None
    status: str | None = None
    log_path: str | None = None
    pid: str | None = None
    application_id: str | None = None
    compose_id: str | None = None
    server_id: str | None = None
    build_server_id: str | None = None
    preview_deployment_id: str | None = None
    schedule_id: str | None = None
    rollback_id: str | None = None
    created_at: Time = None
    started_at: Time = None
    finished_at: Time = None
    error_message: str | None = None


class OddRow(Struct, rename="camel"):
    """What is left of a deployment's row without its id: whose it was, and when."""

    application_id: str | None = None
    compose_id: str | None = None
    created_at: Time = None


class JobData(Struct, rename="camel"):
    application_id: str | None = None
    compose_id: str | None = None
    preview_deployment_id: str | None = None
    title_log: str | None = None
    description_log: str | None = None
    type: str | None = None


class JobRow(Struct, rename="camel"):
    """deployment.queueList. Times in ms since the epoch; `processed_on` is when it became active."""

    id: str
    data: JobData
    state: str = "waiting"
    timestamp: int = 0
    processed_on: int | None = None


class ContainerRow(Struct, rename="camel"):
    """docker.getContainers and its like; `image` is in getContainers alone."""

    container_id: str
    name: str
    image: str | None = None
    state: str | None = None
    status: str | None = None


class TaskRow(Struct, rename="camel"):
    """docker.getServiceContainersByAppName and getStackContainersByAppName: `container_id` is the task's id.

    `state` is the state that Swarm wants the task in, `current_state` the one it has, with its age.
    """

    container_id: str
    name: str
    state: str | None = None
    current_state: str | None = None
    error: str | None = None


class Kept(Struct):
    """The image that Dokploy kept of a deployment, without its context, which is full of secrets."""

    version: int | None = None


class KeptRow(Struct, rename="camel"):
    """deployment.allByType, for its `rollback` alone."""

    deployment_id: str
    rollback: Kept | None = None


class ServerRow(Struct, rename="camel"):
    server_id: str
    name: str | None = None


class ProjectRow(Struct, rename="camel"):
    """project.all, for the names of the projects alone."""

    project_id: str
    name: str | None = None


class OrganizationRow(Struct):
    id: str | None = None
    name: str | None = None


class UnreadProject(Struct, frozen=True):
    """A project whose services could not be read this time."""

    id: str
    name: str
    environments: tuple[tuple[str, str], ...]  # id and name
    why: str


class LogEntryRow(Struct):
    """One line of Traefik's access log, as settings.readStatsLogs gives it. `Duration` in nanoseconds."""

    StartUTC: str | None = None
    RequestMethod: str | None = None
    RequestPath: str | None = None
    RequestHost: str | None = None
    DownstreamStatus: int | None = None
    DownstreamContentSize: int | None = None
    Duration: int | None = None
    ClientHost: str | None = None
    ServiceName: str | None = None
    RequestCount: int | None = None


class _Json(Struct):
    json: Any = None


class _Data(Struct):
    data: _Json


class Enveloped(Struct):
    """What tRPC answers."""

    result: _Data


_DATABASES = ("postgres", "mysql", "mariadb", "mongo", "redis", "libsql")
_KEYS = {"applications": "application", "compose": "compose", **{name: name for name in _DATABASES}}


def tree(projects: Any) -> tuple[list[ServiceRow], list[str]]:  # noqa: ANN401 - JSON, as old versions write it
    """Return the services of project.allForPermissions, or of projects put together from environment.byProjectId.

    The trees differ from version to version; a word on each service without an id comes second.
    """
    found: list[ServiceRow] = []
    odd: list[str] = []
    for project in _dicts(projects, "project", odd):
        for environment in _dicts(project.get("environments"), "environment", odd):
            for key, type_ in _KEYS.items():
                for each in _dicts(environment.get(key), type_, odd):
                    row = _service(project, environment, type_, each)
                    if row is None:
                        odd.append(f"{type_} without an id")
                    else:
                        found.append(row)
    return found, odd


def _service(
    project: dict[str, Any], environment: dict[str, Any], type_: str, each: dict[str, Any]
) -> ServiceRow | None:
    status = each.get("composeStatus") if type_ == "compose" else each.get("applicationStatus")
    found = {
        "id": each.get(f"{type_}Id"),
        "type": type_,
        "name": each.get("name") or each.get("appName"),
        "appName": each.get("appName"),
        "status": status,
        "serverId": each.get("serverId"),
        "projectId": project.get("projectId"),
        "projectName": project.get("name"),
        "environmentId": environment.get("environmentId"),
        "environmentName": environment.get("name"),
    }
    return values.convert(found, ServiceRow)


def _dicts(value: object, what: str, odd: list[str]) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        odd.append(f"no list of each {what}")
        return []
    odd += [f"{what} that is no object" for each in value if not isinstance(each, dict)]
    return [each for each in value if isinstance(each, dict)]
