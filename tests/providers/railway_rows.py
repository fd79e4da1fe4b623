"""Railway's JSON as its contract shows it, with what a test wants to be different."""

from __future__ import annotations

from tests.providers.loopback import Ledger
from tests.providers.server import Answer, GraphQLServer, Json
from tui.credentials import Secret
from tui.model.clock import Clock, SystemClock
from tui.model.provider import Connection
from tui.providers.railway import RailwayProvider
from tui.providers.railway.logs import Patience

TOKEN = "0f0e-very-secret-token"


def railway(
    server: GraphQLServer,
    *,
    projects: tuple[str, ...] = (),
    meter: Ledger | None = None,
    clock: Clock | None = None,
    patience: Patience | None = None,
    url: str | None = None,
) -> RailwayProvider:
    connection = Connection("prod", Secret(TOKEN), url=url or server.url, projects=projects)
    return RailwayProvider(connection, meter=meter or Ledger(), clock=clock or SystemClock(), patience=patience)


def deployment(id_: str, status: str = "SUCCESS", **more: object) -> Json:
    return {
        "id": id_,
        "status": status,
        "statusUpdatedAt": "2026-09-01T12:03:00.000Z",
        "createdAt": "2026-09-01T12:00:00.000Z",
        "url": None,
        "staticUrl": "api-production-4071.up.railway.app",
        "meta": {"commitHash": "a" * 40, "branch": "main", "commitMessage": "Fix it\n\nAll", "commitAuthor": "ada"},
        "canRedeploy": True,
        "canRollback": True,
        "deploymentStopped": False,
        "projectId": "p1",
        "environmentId": "e1",
        "serviceId": "s1",
        "creator": None,
        "instances": [{"id": "i1", "status": "RUNNING"}],
        **more,
    }


def instance(service: str = "s1", name: str = "api", **more: object) -> Json:
    return {
        "id": f"si-{service}",
        "serviceId": service,
        "serviceName": name,
        "numReplicas": 1,
        "cronSchedule": None,
        "nextCronRunAt": None,
        "domains": {"serviceDomains": [{"domain": "api.up.railway.app"}], "customDomains": []},
        "latestDeployment": deployment("d1"),
        "activeDeployments": [deployment("d1")],
        **more,
    }


def connection(*nodes: object, end: str | None = None) -> Json:
    return {"edges": [{"node": node} for node in nodes], "pageInfo": {"hasNextPage": end is not None, "endCursor": end}}


def environment(id_: str = "e1", name: str = "production", **more: object) -> Json:
    return {"id": id_, "name": name, "isEphemeral": False, "canAccess": True, "deletedAt": None, **more}


def project(id_: str = "p1", name: str = "shop", *environments: Json, **more: object) -> Json:
    return {
        "id": id_,
        "name": name,
        "deletedAt": None,
        "environments": connection(*(environments or (environment(),))),
        **more,
    }


def inventory(*instances: object, end: str | None = None) -> Json:
    return {"environment": {"id": "e1", "name": "production", "serviceInstances": connection(*instances, end=end)}}


def log(at: str, message: str, **more: object) -> Json:
    return {
        "timestamp": at,
        "message": message,
        "severity": None,
        "attributes": [{"key": "level", "value": '"info"'}],
        "tags": {"deploymentId": "d1", "deploymentInstanceId": "i1"},
        **more,
    }


def request(at: str, id_: str, **more: object) -> Json:
    return {
        "timestamp": at,
        "requestId": id_,
        "method": "GET",
        "path": "/orders",
        "host": "api.up.railway.app",
        "httpStatus": 200,
        "totalDuration": 12,
        "srcIp": "203.0.113.9",
        "clientUa": "curl/8",
        "txBytes": 512,
        "upstreamErrors": "",
        "responseDetails": "",
        "deploymentId": "d1",
        "deploymentInstanceId": "i1",
        **more,
    }


def world(**answers: Answer) -> GraphQLServer:
    """An account token that sees one project with one environment and one service."""
    usual: dict[str, Answer] = {
        "ApiToken": lambda _: {"apiToken": {"workspaces": [{"id": "w1", "name": "Acme"}]}},
        "Projects": lambda _: {"projects": connection(project())},
        "ExternalWorkspaces": lambda _: {"externalWorkspaces": []},
        "Inventory": lambda _: inventory(instance()),
    }
    return GraphQLServer(answers={**usual, **answers})
