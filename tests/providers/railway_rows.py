"""Railway's JSON as its contract shows it, with what a test wants to be different."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response

from tests.providers.loopback import Ledger
from tests.providers.server import Answer, Call, GraphQLServer, Json
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


@dataclass
class RailwayServer(GraphQLServer):
    """Answers for one environment, or one list of deployments, whatever number of them a request asks for.

    `Inventory` and `MoreServices` are asked of `answers["Inventory"]`, `NewestDeployments` of `answers["Deployments"]`.
    With `whole`, each answers for itself.
    """

    whole: bool = False

    async def answer(self, call: Call) -> Any:  # noqa: ANN401
        match "" if self.whole else call.name:
            case "Inventory":
                return await self._each("Inventory", "environment", call.variables)
            case "MoreServices":
                return await self.ask("Inventory", call.variables)
            case "NewestDeployments":
                return await self._each("Deployments", "deployments", call.variables)
        return await super().answer(call)

    async def _each(self, name: str, field: str, variables: Json) -> Any:  # noqa: ANN401
        """Each alias as a request of its own, put together as GraphQL does: no field of Railway's may be null."""
        data: Json = {}
        faults: list[Json] = []
        for n in range(_count(variables)):
            own = {key.removesuffix(str(n)): value for key, value in variables.items() if key.endswith(str(n))}
            found = await self.ask(name, {**own, "first": variables["first"]})
            if isinstance(found, Response):
                body = _graphql(found)
                if body is None:
                    return found
                faults += [{**each, "path": [f"a{n}", *each.get("path", ())[1:]]} for each in body["errors"]]
                found = body["data"]
            data[f"a{n}"] = None if found is None else found[field]
        return JSONResponse({"data": None if None in data.values() else data, "errors": faults}) if faults else data


def _count(variables: Json) -> int:
    return sum(name.startswith(("environmentId", "input")) for name in variables)


def _graphql(response: Response) -> Json | None:
    """The body of a GraphQL answer with errors; None for any other response."""
    try:
        body = json.loads(bytes(response.body))
    except ValueError:
        return None
    good = response.status_code == 200 and isinstance(body, dict) and body.get("errors")
    return {"data": None, **body} if good else None


def world(**answers: Answer) -> RailwayServer:
    """An account token that sees one project with one environment and one service."""
    usual: dict[str, Answer] = {
        "ApiToken": lambda _: {"apiToken": {"workspaces": [{"id": "w1", "name": "Acme"}]}},
        "Projects": lambda _: {"projects": connection(project())},
        "ExternalWorkspaces": lambda _: {"externalWorkspaces": []},
        "Inventory": lambda _: inventory(instance()),
    }
    return RailwayServer(answers={**usual, **answers})
