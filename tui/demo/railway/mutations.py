"""Resolvers of Railway's mutations. Without a good credential a deployment does not even exist."""

from __future__ import annotations

from ariadne import MutationType

from tui.demo import lifecycle
from tui.demo.entities import Deployment, Service
from tui.demo.railway import words
from tui.demo.railway.access import Info, context
from tui.demo.railway.errors import Refusal
from tui.demo.railway.words import Wire

mutation = MutationType()


def _deployment(info: Info, id_: str) -> Deployment:
    asked = context(info)
    if asked.token is None:
        raise Refusal("Deployment not found")
    return asked.deployment(id_)


def _service(info: Info, service_id: str, environment_id: str) -> Service:
    return context(info).service(service_id, environment_id)


@mutation.field("deploymentRedeploy")
def redeploy(_root: object, info: Info, id: str, usePreviousImageTag: bool | None = None) -> Wire:
    asked = context(info)
    one = _deployment(info, id)
    made = lifecycle.redeploy(asked.world, one, asked.caller().person, rebuild=not usePreviousImageTag)
    return words.deployment(asked.world, made)


@mutation.field("deploymentRestart")
def restart(_root: object, info: Info, id: str) -> bool:
    lifecycle.restart(context(info).world, _deployment(info, id))
    return True


@mutation.field("deploymentRollback")
def rollback(_root: object, info: Info, id: str) -> bool:
    asked = context(info)
    lifecycle.roll_back(asked.world, _deployment(info, id), asked.caller().person)
    return True


@mutation.field("deploymentStop")
def stop(_root: object, info: Info, id: str) -> bool:
    lifecycle.stop(context(info).world, _deployment(info, id))
    return True


@mutation.field("deploymentCancel")
def cancel(_root: object, info: Info, id: str) -> bool:
    lifecycle.cancel(context(info).world, _deployment(info, id))
    return True


@mutation.field("deploymentRemove")
def remove(_root: object, info: Info, id: str) -> bool:
    lifecycle.remove(context(info).world, _deployment(info, id))
    return True


@mutation.field("deploymentApprove")
def approve(_root: object, info: Info, id: str) -> bool:
    lifecycle.approve(context(info).world, _deployment(info, id))
    return True


@mutation.field("environmentTriggersDeploy")
def triggers_deploy(_root: object, info: Info, input: dict[str, str]) -> bool:
    one = _service(info, input["serviceId"], input["environmentId"])
    if one.environment.project is not context(info).project(input["projectId"]):
        raise Refusal("Service not found")
    if one.repo is not None:  # an image has no trigger connected
        lifecycle.deploy(context(info).world, one, context(info).caller().person)
    return True


@mutation.field("serviceInstanceDeployV2")
def deploy(_root: object, info: Info, serviceId: str, environmentId: str, commitSha: str | None = None) -> str:
    one = _service(info, serviceId, environmentId)
    return lifecycle.deploy(context(info).world, one, context(info).caller().person, commitSha).id


@mutation.field("serviceInstanceDeploy")
def deploy_latest(
    _root: object,
    info: Info,
    serviceId: str,
    environmentId: str,
    commitSha: str | None = None,
    latestCommit: bool | None = None,
) -> bool:
    one = _service(info, serviceId, environmentId)
    by = context(info).caller().person
    if commitSha is None and not latestCommit:
        lifecycle.redeploy_latest(context(info).world, one, by)
    else:
        lifecycle.deploy(context(info).world, one, by, commitSha)
    return True


@mutation.field("serviceInstanceRedeploy")
def redeploy_instance(_root: object, info: Info, serviceId: str, environmentId: str) -> bool:
    one = _service(info, serviceId, environmentId)
    lifecycle.redeploy_latest(context(info).world, one, context(info).caller().person)
    return True
