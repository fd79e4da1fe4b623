"""The table of procedures: whether each asks or orders, what it must be given, since which version it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.demo.dokploy import ids, orders, reads
from tui.demo.dokploy.asking import Asked, Refusal

Version = tuple[int, int, int]
NOW: Version = (0, 30, 2)
OLD: Version = (0, 28, 8)
_TYPES = ("application", "compose", "server", "schedule", "previewDeployment", "backup", "volumeBackup")


@dataclass(frozen=True, slots=True)
class Procedure:
    """`params`: name -> type, a question mark for what may be left out."""

    handler: Callable[[Asked], Any]
    params: Mapping[str, str] = field(default_factory=dict)
    is_mutation: bool = False
    since: Version = (0, 1, 0)
    trpc_only: bool = False

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """What was given, numbers made of texts. Raises Refusal as a validation does."""
        found: dict[str, Any] = dict(given)
        issues: list[dict[str, Any]] = []
        for name, kind in self.params.items():
            optional, base = kind.endswith("?"), kind.rstrip("?")
            value = found.get(name)
            if value == "" and not self.is_mutation:
                value = None
                found.pop(name, None)
            if value is None and name not in found and optional:
                continue
            made = _made(base, value)
            if made is None:
                received = "undefined" if value is None and name not in found else _kind(value)
                issues.append(
                    {
                        "code": "invalid_type",
                        "expected": base,
                        "path": [name],
                        "message": f"Invalid input: expected {base}, received {received}",
                    }
                )
            else:
                found[name] = made
        if issues:
            raise Refusal(400, "BAD_REQUEST", "Input validation failed", issues)
        return found


def _made(kind: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    match kind:
        case "string":
            return value if isinstance(value, str) and value else None
        case "number":
            text = str(value) if not isinstance(value, bool) else ""
            return int(text) if text.isdecimal() and 1 <= int(text) <= 10_000 else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "type":
            return value if value in _TYPES else None
    return value if isinstance(value, dict) else None


def _kind(value: Any) -> str:  # noqa: ANN401 - JSON
    return {str: "string", int: "number", dict: "object", bool: "boolean"}.get(type(value), "null")


def _query(handler: Callable[[Asked], Any], since: Version = (0, 1, 0), /, **params: str) -> Procedure:
    return Procedure(handler, params, since=since)


def _order(handler: Callable[[Asked], Any], since: Version = (0, 1, 0), /, **params: str) -> Procedure:
    return Procedure(handler, params, is_mutation=True, since=since)


def _of_type(type_: str) -> dict[str, Procedure]:
    id_ = {f"{type_}Id": "string"}
    titled = {**id_, "title": "string?", "description": "string?"}
    found = {
        "one": _query(reads.one_of(type_), **id_),
        "deploy": _order(orders.deploy(type_, again=False), **(id_ if type_ in ids.DATABASES else titled)),
        "stop": _order(orders.stop(type_), **id_),
        "start": _order(orders.start(type_), **id_),
    }
    if type_ != "compose":
        found["reload"] = _order(orders.reload(type_), **id_, appName="string")
        found["readLogs"] = _query(
            reads.runtime_log(type_), (0, 29, 0), **id_, tail="number?", since="string?", search="string?"
        )
    if type_ in ("application", "compose"):
        found |= {
            "redeploy": _order(orders.deploy(type_, again=True), **titled),
            "cleanQueues": _order(orders.clean_queues(type_), **id_),
            "killBuild": _order(orders.kill_build(type_), (0, 25, 8), **id_),
            "cancelDeployment": _order(orders.cancel(type_), (0, 25, 0), **id_),
            "clearDeployments": _order(orders.nothing(type_), **id_),
            "refreshToken": _order(orders.nothing(type_), **id_),
        }
    return {f"{type_}.{name}": procedure for name, procedure in found.items()}


PROCEDURES: dict[str, Procedure] = {
    "settings.health": _query(reads.health),
    "settings.getDokployVersion": _query(reads.version),
    "settings.haveActivateRequests": _query(reads.requests_recorded),
    "settings.toggleRequests": _order(orders.toggle_requests, enable="boolean"),
    "settings.readStatsLogs": Procedure(
        reads.stats_logs, {"dateRange": "object?", "page": "object?", "sort": "object?"}, trpc_only=True
    ),
    "organization.active": _query(reads.organization),
    "user.getPermissions": _query(reads.permissions),
    "user.get": _query(reads.user),
    "server.all": _query(reads.servers),
    "gitProvider.getAll": _query(reads.servers),
    "overview.services": _query(reads.overview, (0, 30, 0)),
    "project.all": _query(reads.projects),
    "project.one": _query(reads.project, projectId="string"),
    "project.allForPermissions": _query(reads.tree, (0, 28, 3)),
    "environment.one": _query(reads.environment, (0, 25, 0), environmentId="string"),
    "environment.byProjectId": _query(reads.environments, (0, 25, 0), projectId="string"),
    "domain.byApplicationId": _query(reads.domains, applicationId="string"),
    "deployment.all": _query(reads.deployments, applicationId="string"),
    "deployment.allByCompose": _query(reads.compose_deployments, composeId="string"),
    "deployment.allByServer": _query(reads.server_deployments, serverId="string"),
    "deployment.allCentralized": _query(reads.central, (0, 28, 3)),
    "deployment.queueList": _query(reads.queue, (0, 28, 3)),
    "deployment.allByType": _query(reads.by_type, (0, 22, 0), id="string", type="type"),
    "deployment.readLogs": _query(reads.build_log, (0, 29, 5), deploymentId="string", tail="number?"),
    "deployment.killProcess": _order(orders.kill_process, (0, 23, 6), deploymentId="string"),
    "deployment.removeDeployment": _order(orders.remove, (0, 27, 1), deploymentId="string"),
    "rollback.rollback": _order(orders.roll_back, rollbackId="string"),
    "rollback.delete": _order(orders.delete_rollback, rollbackId="string"),
    "docker.getContainers": _query(reads.containers),
    "docker.getContainersByAppNameMatch": _query(reads.containers_by_name, appName="string", appType="string?"),
    "docker.getServiceContainersByAppName": _query(reads.tasks_by_name, appName="string"),
    "docker.restartContainer": _order(orders.restart_container, containerId="string"),
    **{name: each for type_ in ("application", "compose", *ids.DATABASES) for name, each in _of_type(type_).items()},
}


_NOTHING_SAID = {"description": "Successful response", "content": {"application/json": {"schema": {}}}}


def document() -> dict[str, Any]:
    """The OpenAPI document that a server gives of itself: requests only, every answer an empty object."""
    paths: dict[str, Any] = {}
    for name, procedure in PROCEDURES.items():
        if procedure.trpc_only:
            continue
        required = [param for param, kind in procedure.params.items() if not kind.endswith("?")]
        properties = {param: {"type": _openapi(kind)} for param, kind in procedure.params.items()}
        operation: dict[str, Any] = {
            "operationId": name.replace(".", "-"),
            "tags": [name.partition(".")[0]],
            "security": [{"Authorization": []}],
            "responses": {
                "200": {"description": "Successful response", "content": {"application/json": {"schema": {}}}}
            },
        }
        if procedure.is_mutation:
            schema = {"type": "object", "properties": properties, "required": required}
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        else:
            operation["parameters"] = [
                {"name": param, "in": "query", "required": param in required, "schema": schema}
                for param, schema in properties.items()
            ]
        paths[f"/{name}"] = {"post" if procedure.is_mutation else "get": operation}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dokploy API", "version": "1.0.0"},
        "servers": [{"url": "/api"}],
        "paths": paths,
        "components": {"securitySchemes": {"apiKey": {"type": "apiKey", "name": "x-api-key", "in": "header"}}},
    }


def _openapi(kind: str) -> str:
    base = kind.rstrip("?")
    return base if base in ("string", "number", "boolean", "object") else "string"


PROCEDURES["settings.getOpenApiDocument"] = _query(lambda _: document())
