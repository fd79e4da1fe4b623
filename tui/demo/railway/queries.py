"""Resolvers of Railway's queries."""

from __future__ import annotations

import math
from typing import Unpack

from ariadne import ObjectType, QueryType

from tui.demo.cast import uuid
from tui.demo.clock import SECOND, rfc3339, rfc3339_ms
from tui.demo.entities import Deployment, Environment, Project, Service
from tui.demo.railway import logs, words
from tui.demo.railway.access import Info, context
from tui.demo.railway.errors import NOT_AUTHORIZED, PROBLEM, Refusal
from tui.demo.railway.paging import Page, connection
from tui.demo.railway.tokens import TokenKind
from tui.demo.railway.words import Wire

query = QueryType()
project_type = ObjectType("Project")
environment_type = ObjectType("Environment")
_BEARERS = (TokenKind.ACCOUNT, TokenKind.WORKSPACE)


@query.field("apiToken")
def api_token(_root: object, info: Info) -> Wire:
    asked = context(info)
    asked.caller(*_BEARERS)
    return {"workspaces": [{"id": one.id, "name": one.name} for one in asked.estate.workspaces]}


@query.field("projectToken")
def project_token(_root: object, info: Info) -> Wire:
    asked = context(info)
    token = asked.caller(TokenKind.PROJECT)
    assert token.environment is not None
    of = token.environment.project
    return {
        "id": uuid("project token", of.id),
        "name": "deckwatch",
        "displayToken": f"{token.value[:4]}****",
        "createdAt": rfc3339_ms(of.created_at),
        "projectId": of.id,
        "project": words.project(of, asked.world.now),
        "environmentId": token.environment.id,
        "environment": words.environment(token.environment),
    }


@query.field("me")
def me(_root: object, info: Info) -> Wire:
    asked = context(info)
    token = asked.caller(TokenKind.ACCOUNT)
    now = asked.world.now
    workspaces = [words.workspace(one, now) for one in asked.estate.workspaces]
    created = rfc3339_ms(asked.estate.workspaces[0].projects[0].created_at)
    return {
        **words.person(token.person),
        "createdAt": created,
        "lastLogin": created,
        "agreedFairUse": True,
        "has2FA": True,
        "hasPasskeys": False,
        "isAdmin": False,
        "isConductor": False,
        "isVerified": True,
        "registrationStatus": "ONBOARDED",
        "featureFlags": [],
        "flags": [],
        "apiTokenRateLimit": {"remainingPoints": token.remaining, "resetsAt": rfc3339(token.resets_at(now))},
        "workspace": workspaces[0],
        "workspaces": workspaces,
    }


@query.field("externalWorkspaces")
def external_workspaces(_root: object, info: Info, projectId: str | None = None) -> list[Wire]:
    asked = context(info)
    asked.caller(TokenKind.ACCOUNT)
    del projectId
    return []


@query.field("projects")
def projects(
    _root: object,
    info: Info,
    workspaceId: str | None = None,
    userId: str | None = None,
    includeDeleted: bool | None = None,
    orderBy: str | None = None,
    **page: Unpack[Page],
) -> Wire:
    """Without a workspace only personal projects, of which there are none."""
    asked = context(info)
    asked.caller(*_BEARERS)
    del userId, includeDeleted, orderBy
    found: list[Project] = []
    if workspaceId is not None:
        home = [one for one in asked.estate.workspaces if one.id == workspaceId]
        if not home:
            raise Refusal(NOT_AUTHORIZED)
        found = home[0].projects
    return connection(found, lambda one: one.id, lambda one: words.project(one, asked.world.now), **page)


@query.field("project")
def project(_root: object, info: Info, id: str) -> Wire:
    asked = context(info)
    return words.project(asked.project(id), asked.world.now)


@project_type.field("environments")
def project_environments(
    of: Wire, _info: Info, isEphemeral: bool | None = None, sort: str | None = None, **page: Unpack[Page]
) -> Wire:
    del sort
    return _environments(of["entity"], isEphemeral, page)


@query.field("environments")
def environments(
    _root: object, info: Info, projectId: str, isEphemeral: bool | None = None, **page: Unpack[Page]
) -> Wire:
    return _environments(context(info).project(projectId), isEphemeral, page)


def _environments(of: Project, ephemeral: bool | None, page: Page) -> Wire:
    found = of.environments
    if ephemeral is not None:
        found = [one for one in found if (one.pull_request is not None) is ephemeral]
    return connection(found, lambda one: one.id, words.environment, **page)


@query.field("environment")
def environment(_root: object, info: Info, id: str, projectId: str | None = None) -> Wire:
    found = context(info).environment(id)
    if projectId is not None and found.project.id != projectId:
        raise Refusal("Environment not found")
    return words.environment(found)


@environment_type.field("serviceInstances")
def service_instances(of: Wire, info: Info, **page: Unpack[Page]) -> Wire:
    asked = context(info)
    entity: Environment = of["entity"]
    if asked.token is None or not asked.token.sees(entity):
        raise Refusal(NOT_AUTHORIZED)

    def node(one: Service) -> Wire:
        return words.service_instance(asked.world, one)

    return connection(entity.services, lambda one: one.id, node, **page)


@query.field("service")
def service(_root: object, info: Info, id: str) -> Wire:
    asked = context(info)
    token = asked.caller()
    for one in asked.estate.services:
        if one.service_id == id and token.sees(one.environment):
            return words.service(one, asked.world.now)
    raise Refusal("Service not found")


@query.field("serviceInstance")
def service_instance(_root: object, info: Info, serviceId: str, environmentId: str) -> Wire:
    asked = context(info)
    return words.service_instance(asked.world, asked.service(serviceId, environmentId))


@query.field("deployments")
def deployments(_root: object, info: Info, input: Wire, **page: Unpack[Page]) -> Wire:
    asked = context(info)
    token = asked.caller()
    if not token.lists_deployments:
        raise Refusal(NOT_AUTHORIZED)
    services = asked.estate.services
    if (id_ := input.get("environmentId")) is not None:
        services = asked.environment(id_).services
    if (id_ := input.get("projectId")) is not None:
        of = asked.project(id_)
        services = [one for one in services if one.environment.project is of]
    by_service = input.get("serviceId")
    if by_service is not None:
        services = [one for one in services if one.service_id == by_service]
    found = [each for one in services if token.sees(one.environment) for each in one.deployments]
    if by_service is not None:
        found = [one for one in found if not one.orphan]
    wanted = input.get("status") or {}
    if wanted.get("in") is not None:
        found = [one for one in found if _status(one) in wanted["in"]]
    if wanted.get("notIn") is not None:
        found = [one for one in found if _status(one) not in wanted["notIn"]]
    found.sort(key=lambda one: (one.created_at, one.number), reverse=True)

    def node(one: Deployment) -> Wire:
        return words.deployment(asked.world, one)

    return connection(found, lambda one: one.id, node, most=1000, **page)


def _status(one: Deployment) -> str:
    return one.word or words.STATUS[one.phase]


@query.field("deployment")
def deployment(_root: object, info: Info, id: str) -> Wire:
    asked = context(info)
    return words.deployment(asked.world, asked.deployment(id))


@query.field("deploymentEvents")
def deployment_events(_root: object, info: Info, id: str, **page: Unpack[Page]) -> Wire:
    found = context(info).deployment(id)

    return connection(
        found.steps,
        lambda step: step.id,
        lambda step: words.event(step, finished_at=step.finished_at),
        **page,
    )


# logs


@query.field("buildLogs")
def build_logs(_root: object, info: Info, deploymentId: str, **asked_for: Unpack[logs.LineArguments]) -> list[Wire]:
    asked = context(info)
    one = asked.deployment(deploymentId)
    logs.check_build(one)
    keep = logs.line_filter(asked.world, asked_for.get("filter"))
    since, until = logs.instant(asked_for.get("startDate")), logs.instant(asked_for.get("endDate"))
    limit = logs.limit_of(asked_for.get("limit"), 500)
    return [words.log(one, line) for line in logs.build_lines(asked.world, one, keep, limit, since, until)]


@query.field("deploymentLogs")
def deployment_logs(
    _root: object, info: Info, deploymentId: str, **asked_for: Unpack[logs.LineArguments]
) -> list[Wire]:
    asked = context(info)
    one = asked.deployment(deploymentId)
    logs.check_runtime(one)
    keep = logs.line_filter(asked.world, asked_for.get("filter"))
    since, until = logs.instant(asked_for.get("startDate")), logs.instant(asked_for.get("endDate"))
    limit = logs.limit_of(asked_for.get("limit"), 500)
    return [words.log(one, line) for line in logs.runtime_lines(asked.world, one, keep, limit, since, until)]


@query.field("environmentLogs")
def environment_logs(
    _root: object, info: Info, environmentId: str, **asked_for: Unpack[logs.WindowArguments]
) -> list[Wire]:
    asked = context(info)
    found = asked.environment(environmentId)
    world = asked.world
    keep = logs.line_filter(world, asked_for.get("filter"))
    window = logs.window(world, asked_for, 500)
    lines = logs.anchored(world, logs.environment_logs(found, window.since), keep, window)
    return [words.log(world.deployment(line.owner), line) for line in lines]


@query.field("httpLogs")
def http_logs(_root: object, info: Info, deploymentId: str, **asked_for: Unpack[logs.WindowArguments]) -> list[Wire]:
    asked = context(info)
    one = asked.deployment(deploymentId)
    logs.check_runtime(one)
    keep = logs.request_filter(asked_for.get("filter"))
    window = logs.window(asked.world, asked_for, logs.limit_of(asked_for.get("limit"), 500))
    return [words.http_log(each) for each in logs.anchored_requests(asked.world, one, keep, window)]


# metrics

_MEASURES = {  # usual, swing
    "CPU_USAGE": (0.22, 0.18),
    "CPU_LIMIT": (8.0, 0.0),
    "MEMORY_USAGE_GB": (0.41, 0.05),
    "MEMORY_LIMIT_GB": (8.0, 0.0),
    "NETWORK_RX_GB": (0.0021, 0.001),
    "NETWORK_TX_GB": (0.0034, 0.002),
    "DISK_USAGE_GB": (1.3, 0.0),
}


@query.field("metrics")
def metrics(
    _root: object,
    info: Info,
    measurements: list[str],
    startDate: str,
    endDate: str | None = None,
    sampleRateSeconds: int | None = None,
    projectId: str | None = None,
    environmentId: str | None = None,
    serviceId: str | None = None,
    **_ignored: object,
) -> list[Wire]:
    """One series a service, whatever it is to be grouped by."""
    asked = context(info)
    token = asked.caller(*_BEARERS)
    start, end = logs.instant(startDate), logs.instant(endDate)
    assert start is not None
    step = max(30, sampleRateSeconds or 30)
    end = min(asked.world.now if end is None else end, asked.world.now)
    if (end - start) // SECOND // step > 10_000:
        raise Refusal(PROBLEM)
    services = [one for one in asked.estate.services if token.sees(one.environment)]
    if projectId is not None:
        services = [one for one in services if one.environment.project.id == projectId]
    if environmentId is not None:
        services = [one for one in services if one.environment.id == environmentId]
    if serviceId is not None:
        services = [one for one in services if one.service_id == serviceId]
    return [
        {
            "measurement": name,
            "tags": {
                "serviceId": one.service_id,
                "environmentId": one.environment.id,
                "projectId": one.environment.project.id,
            },
            "values": _samples(one, name, start // SECOND, end // SECOND, step),
        }
        for one in services
        for name in measurements
        if name in _MEASURES
    ]


def _samples(one: Service, name: str, start: int, end: int, step: int) -> list[Wire]:
    usual, swing = _MEASURES[name]
    shift = int(one.id[:4], 16)
    times = range(start - start % step + step, end + 1, step)
    return [{"ts": ts, "value": max(0.0, usual + swing * math.sin((ts + shift) / 600))} for ts in times]
