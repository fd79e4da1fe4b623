"""Dokploy's answers as far as they are needed. Its OpenAPI file describes none: these are the shapes seen on the wire.

Fields with secrets (env, registry passwords, a rollback's fullContext) are not decoded, so that they die here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

T = TypeVar("T")


class ServiceRow(Struct, rename="camel"):
    """overview.services, and what the other inventories are brought to."""

    id: str
    type: str
    name: str
    project_id: str
    project_name: str
    environment_id: str
    environment_name: str
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
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    error_message: str | None = None


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
    state: str
    data: JobData
    timestamp: int = 0
    processed_on: int | None = None

    @property
    def row_from(self) -> int:
        """Its row is not made before."""
        return self.processed_on or self.timestamp


class ContainerRow(Struct, rename="camel"):
    """docker.getContainers and its like."""

    container_id: str
    name: str
    state: str | None = None
    status: str | None = None


class ServerRow(Struct, rename="camel"):
    server_id: str
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


def rows(found: Sequence[msgspec.Raw], kind: type[T]) -> tuple[list[T], list[str]]:
    """Those that can be read, and a word on each of the others."""
    items: list[T] = []
    odd: list[str] = []
    for each in found:
        try:
            items.append(msgspec.json.decode(each, type=kind))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            odd.append(str(error))
    return items, odd


_DATABASES = ("postgres", "mysql", "mariadb", "mongo", "redis", "libsql")
_KEYS = {"applications": "application", "compose": "compose", **{name: name for name in _DATABASES}}


def tree(projects: Any) -> list[ServiceRow]:  # noqa: ANN401 - JSON, as old versions write it
    """The services of project.allForPermissions, or of projects put together from environment.byProjectId.

    What is not as it should be is left out: the trees differ from version to version.
    """
    found: list[ServiceRow] = []
    for project in _dicts(projects):
        for environment in _dicts(project.get("environments")):
            for key, type_ in _KEYS.items():
                for each in _dicts(environment.get(key)):
                    row = _service(project, environment, type_, each)
                    if row is not None:
                        found.append(row)
    return found


def _service(
    project: dict[str, Any], environment: dict[str, Any], type_: str, each: dict[str, Any]
) -> ServiceRow | None:
    status = each.get("composeStatus") if type_ == "compose" else each.get("applicationStatus")
    try:
        return msgspec.convert(
            {
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
            },
            ServiceRow,
        )
    except msgspec.ValidationError:
        return None


def _dicts(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
