"""Stacks, deployments and actions in Cloud 66's shapes and words. What is in a stack: `parts`."""

from __future__ import annotations

from datetime import UTC, datetime

from tui.demo.clock import DAY, SECOND, rfc3339
from tui.demo.cloud66 import ids, states
from tui.demo.cloud66.asking import Wire
from tui.demo.cloud66.side import API, VIA, Action, Side
from tui.demo.cloud66.states import is_docker
from tui.demo.cloud66.tokens import SECRET_HOOK
from tui.demo.entities import Deployment, InstanceState, Phase, Project, Service

CLUSTER_UID = "c1" * 16
_OWNER = "ops@acme.example"


def iso(at: int | None) -> str | None:
    """To the second."""
    return None if at is None else rfc3339(at - at % SECOND)


def legacy(at: int) -> str:
    """How the older fields write a time: `2014-08-14 00:38:14 UTC`."""
    return datetime.fromtimestamp(at // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def offset(at: int) -> str:
    """And how one of them does in the endpoint's examples: `2014-08-14T01:46:53+00:00`."""
    return datetime.fromtimestamp(at // SECOND, UTC).isoformat()


# accounts and stacks


def account(project: Project, stacks: int) -> Wire:
    return {
        "id": ids.account_id(project),
        "owner": _OWNER,
        "created_at_iso": iso(project.created_at),
        "updated_at_iso": iso(project.created_at + DAY),
        "stack_count": stacks,
        "used_clouds": ["digitalocean"],
    }


def stack(service: Service, side: Side) -> Wire:
    """A Rails stack's row has the fields of the endpoint's examples, without `is_busy`; a docker stack's those of the
    model, and no repository of its own.
    """
    project, environment = service.environment.project, service.environment
    docker = is_docker(service)
    changed = max(side.last_order_at(service), *(one.changed_at for one in service.recent[:3]))
    created = project.created_at + DAY
    health = _health(service, side)
    row = {
        "uid": ids.stack_uid(service),
        "name": service.name,
        "account_id": ids.account_id(project),
        "account_name": f"{project.name} ({_OWNER})",
        "git": None if docker else f"git@github.com:{service.repo}.git",
        "git_branch": None if docker else states.head(service).commit.branch,
        "environment": environment.name,
        "cloud": "digitalocean",
        "fqdn": service.host or f"{service.name}.{environment.name}.{project.name}.c66.example",
        "application_address": f"https://{service.host}" if service.host else None,
        "language": service.language if docker else "ruby",
        "framework": "docker" if docker else "rails",
        "status": _status(service.recent[0]),
        "health": health,
        "last_activity": legacy(changed) if docker else offset(changed),
        "last_activity_iso": iso(changed),
        "maintenance_mode": in_maintenance(service, side),
        "has_loadbalancer": service.replicas > 1,
        "created_at": iso(created) if docker else legacy(created),
        "created_at_iso": iso(created),
        "updated_at": iso(changed) if docker else legacy(changed),
        "updated_at_iso": iso(changed),
        "deploy_directory": f"/var/deploy/{service.name}",
        "cloud_status": "healthy" if health == 3 else "partial",
        "is_cluster": False,
        "redeploy_hook": _hook(service),
    }
    return row if not docker else row | _model(service, side)


def _model(service: Service, side: Side) -> Wire:
    return {
        "backend": "kubernetes",
        "version": "4",
        "revision": str(service.next_number - 1),
        "is_busy": side.busy(service),
        "is_inside_cluster": True,
        "cluster_name": "lighthouse",
        "configstore_namespace": service.id,
        "namespaces": [f"{service.name}-{service.environment.name}"],
        "considerations": {"warnings": _warnings(service, side), "notices": []},
    }


def cluster(project: Project) -> Wire:
    """Clusters are listed as stacks, too, with the least that a row has."""
    return {
        "uid": CLUSTER_UID,
        "name": "lighthouse",
        "account_id": ids.account_id(project),
        "account_name": f"{project.name} ({_OWNER})",
        "git": None,
        "git_branch": None,
        "environment": "production",
        "cloud": "digitalocean",
        "fqdn": None,
        "language": None,
        "framework": "docker",
        "backend": "kubernetes",
        "status": 1,
        "health": 3,
        "last_activity": None,
        "last_activity_iso": None,
        "is_busy": False,
        "is_cluster": True,
        "is_inside_cluster": False,
        "cluster_name": None,
        "redeploy_hook": None,
    }


def in_maintenance(service: Service, side: Side) -> bool:
    """A holding page stands before it. Docker stacks have none."""
    return not is_docker(service) and (service.id in side.maintenance or _stands_still(service))


def _stands_still(service: Service) -> bool:
    one = states.serving(service)
    return one is not None and one.stopped


def _hook(service: Service) -> str | None:
    if service.environment.name != "production":
        return None
    return f"https://hooks.c66.example/stacks/redeploy/{SECRET_HOOK}/{service.tag}"


def _warnings(service: Service, side: Side) -> list[str]:
    paused = sorted(name for id_, name in side.paused if id_ == service.id)
    return [f"Service {name} is paused" for name in paused]


def _status(newest: Deployment) -> int:
    if states.is_waiting(newest):
        return 5
    if states.is_deploying(newest):
        return 6
    return 2 if states.outcome(newest) == states.FAILED else 1


def _health(service: Service, side: Side) -> int:
    """0 unknown, 1 building, 2 impaired, 3 healthy, 4 failed."""
    one = states.serving(service)
    if one is None:
        return 1 if states.busy(service) else 0
    if states.is_restarting(one):
        return 1
    if one.stopped or any(id_ == service.id for id_, _ in side.paused):
        return 2 if is_docker(service) else 3
    if one.phase is not Phase.CRASHED:
        return 3
    now = side.world.now
    up = [one.instance_state(place, now) is InstanceState.RUNNING for place in range(len(one.instances))]
    return 2 if any(up) else 4


# deployments and actions


def deployment(one: Deployment) -> Wire:
    """A docker stack has no repository of its own: its deployments have no hash and no link to a commit."""
    service = one.service
    docker = is_docker(service)
    code, via = VIA.get(one.trigger, API)
    type_code, type_ = _type(one)
    outcome_code, outcome = states.outcome(one)
    reverted = states.reverted_by(one)
    row = {
        "id": ids.deployment_number(one),
        "triggered_by": one.creator.email,
        "triggered_via": {"code": code, "meaning": via},
        "started_at": iso(one.created_at),
        "finished_at": iso(states.finished_at(one)),
        "outcome": {"code": outcome_code, "meaning": outcome},
        "git_hash": None if docker else one.commit.sha,
        "deploy_session": ids.session(one),
        "deploy_type": {"code": type_code, "meaning": type_},
        "is_head": one.commit.sha == states.head(service).commit.sha,
        "is_live": one is states.serving(service),
        "reverted": None if reverted is None else True,
        "reverted_by": None if reverted is None else reverted.creator.email,
        "reverted_at": None if reverted is None else iso(reverted.created_at),
        "is_deploying": states.is_deploying(one),
        # The demo's own: the real API documents no way from a deployment to the uid of its operation's log.
        "operation_uid": ids.operation_uid(service, one.id),
    }
    if docker:
        return row
    commit = one.commit
    return row | {"git_ref": commit.branch, "commit_url": f"https://github.com/{service.repo}/commit/{commit.sha}"}


def _type(one: Deployment) -> tuple[int, str]:
    """Only "build" is seen with its number; the others are numbered as they are listed."""
    if one.number == 1:
        return 3, "first_build"
    return {"rollback": (4, "revert"), "redeploy": (1, "redeploy"), "deploy": (1, "redeploy")}.get(
        one.trigger, (0, "build")
    )


def action(one: Action, now: int) -> Wire:
    finished = one.finished_at(now)
    subject = one.deployment.id if one.deployment is not None else str(one.id)
    row = {
        "id": one.id,
        "user": one.user,
        "resource_type": "stack",
        "action": one.name,
        "resource_id": str(int(one.service.tag, 16) % 100_000),
        "started_via": one.via,
        "started_at": iso(one.started_at),
        "finished_at": iso(finished),
        "finished_success": None if finished is None else one.success,
        "finished_message": None if finished is None else _message(one),
        "finished_result": None if finished is None else {},
        "operation_uid": ids.operation_uid(one.service, subject),  # the demo's own, as in `deployment`
    }
    return row | {"metadata": {"user_reference": one.reference}} if one.reference else row


def _message(one: Action) -> str:
    if one.success:
        return "Completed successfully"
    return failure(one.deployment) if one.deployment is not None else "Failed"


def failure(one: Deployment) -> str:
    """Why it did not go live."""
    error = next((step.error for step in reversed(one.steps) if step.error), "")
    if one.phase is not Phase.FAILED:
        return "Deployment was cancelled" if error or one.removed_at is not None else "There was nothing to deploy"
    return f"Deployment failed: {error}" if error else "Deployment failed"
