"""What is in the world, in Cloud 66's shapes and words."""

from __future__ import annotations

from datetime import UTC, datetime

from tui.demo.clock import DAY, rfc3339
from tui.demo.cloud66 import ids
from tui.demo.cloud66.asking import Wire
from tui.demo.cloud66.side import Action, Side, busy
from tui.demo.cloud66.tokens import SECRET_ENV, SECRET_HOOK
from tui.demo.entities import PENDING, UNDER_WAY, UP, Deployment, InstanceState, Phase, Service

SERVERS = ("Caribou", "Cormorant", "Gazelle", "Lion")
PROCESSES = ("worker", "scheduler")
_VIA = {"push": (2, "hook"), "upload": (0, "web"), "rollback": (0, "web")}
_TYPES = {"rollback": (4, "revert"), "redeploy": (1, "redeploy")}
_DEPLOYING = frozenset({Phase.BUILDING, Phase.DEPLOYING})


def iso(at: int | None) -> str | None:
    return None if at is None else rfc3339(at - at % 1_000_000_000)


def legacy(at: int) -> str:
    """How the older fields write a time: `2014-08-14 00:38:14 UTC`."""
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def is_docker(service: Service) -> bool:
    return service.kind != "rails"


def is_down(service: Service, side: Side) -> bool:
    newest = next((one for one in service.recent if one.phase in UP), None)
    return service.id in side.maintenance or (newest is not None and newest.stopped)


# stacks


def stack(service: Service, side: Side) -> Wire:
    project = service.environment.project
    newest = service.recent[0]
    changed = max(newest.changed_at, *(one.changed_at for one in service.recent[:3]))
    created = project.created_at + DAY
    repository = None if is_docker(service) else f"git@github.com:{service.repo}.git"
    return {
        "uid": ids.stack_uid(service),
        "name": service.name,
        "account_id": ids.account_id(project),
        "account_name": f"{project.name} (ops@acme.example)",
        "git": repository,
        "git_branch": None if repository is None else newest.commit.branch,
        "environment": service.environment.name,
        "cloud": "digitalocean",
        "fqdn": service.host or f"{service.name}.{project.name}.c66.example",
        "application_address": f"https://{service.host}" if service.host else None,
        "language": "ruby" if service.kind == "rails" else service.language,
        "framework": "rails" if service.kind == "rails" else "docker",
        "backend": "kubernetes" if is_docker(service) else None,
        "status": _status(newest),
        "health": _health(service),
        "is_busy": busy(service),
        "maintenance_mode": is_down(service, side),
        "has_loadbalancer": False,
        "last_activity": legacy(changed),
        "last_activity_iso": iso(changed),
        "created_at": legacy(created),
        "created_at_iso": iso(created),
        "updated_at": legacy(changed),
        "updated_at_iso": iso(changed),
        "cloud_status": "healthy" if _health(service) == 3 else "partial",
        "is_cluster": False,
        "is_inside_cluster": False,
        "cluster_name": None,
        "considerations": {"warnings": [], "notices": []},
        "redeploy_hook": f"https://hooks.cloud66.example/stacks/redeploy/{SECRET_HOOK}/{service.tag}",
    }


def cluster(account: int, name: str) -> Wire:
    """Clusters are listed as stacks, too."""
    return {
        "uid": "c1" * 16,
        "name": name,
        "account_id": account,
        "environment": "production",
        "cloud": "digitalocean",
        "framework": "docker",
        "status": 1,
        "health": 3,
        "is_cluster": True,
    }


def _status(newest: Deployment) -> int:
    if newest.phase in PENDING:
        return 5
    if newest.phase in _DEPLOYING:
        return 6
    return 2 if newest.phase is Phase.FAILED else 1


def _health(service: Service) -> int:
    serving = [one for one in service.recent if one.phase in UP and not one.stopped]
    if not serving:
        return 1 if busy(service) else 0
    if serving[0].phase is not Phase.CRASHED:
        return 3
    return 4 if len(serving[0].instances) == 1 else 2


# deployments


def deployment(one: Deployment) -> Wire:
    """A docker stack's has no hash. One that was cancelled ends as failed: no documented word says more."""
    service = one.service
    started = one.created_at
    code, via = _VIA.get(one.trigger, (1, "api"))
    type_code, type_ = _TYPES.get(one.trigger, (0, "build"))
    docker = is_docker(service)
    serving = next((each for each in service.recent if each.phase in UP), None)
    finished = None if one.phase in UNDER_WAY else one.live_from or one.removed_at or one.changed_at
    return {
        "id": ids.deployment_number(one),
        "triggered_by": one.creator.email,
        "triggered_via": {"code": code, "meaning": via},
        "started_at": iso(started),
        "finished_at": iso(finished),
        "outcome": _outcome(one),
        "git_hash": None if docker else one.commit.sha,
        "git_ref": None if docker else one.commit.branch,
        "deploy_session": one.commit.sha[:10],
        "deploy_type": {"code": type_code, "meaning": type_},
        "is_head": one is service.recent[0],
        "is_live": one is serving,
        "reverted": None,
        "reverted_by": None,
        "reverted_at": None,
        "is_deploying": one.phase in _DEPLOYING,
        "commit_url": None if docker else f"https://github.com/{service.repo}/commit/{one.commit.sha}",
        # The demo's own: the real API documents no way from a deployment to the uid of its operation's log.
        "operation_uid": ids.operation_uid(one.id),
    }


def _outcome(one: Deployment) -> Wire:
    if one.word:
        return {"code": one.word.lower(), "meaning": one.word}
    if one.phase in UNDER_WAY:
        return {"code": 0, "meaning": "pending"}
    return {"code": 1, "meaning": "success"} if one.live_from is not None else {"code": 2, "meaning": "failed"}


# actions


def action(one: Action, now: int) -> Wire:
    finished = one.finished_at(now)
    return {
        "id": one.id,
        "user": one.user,
        "resource_type": "stack",
        "action": one.name,
        "resource_id": str(int(one.service.tag, 16) % 100_000),
        "started_via": "api",
        "started_at": iso(one.started_at),
        "finished_at": iso(finished),
        "finished_success": None if finished is None else one.success,
        "finished_message": None if finished is None else _message(one),
        "finished_result": None if finished is None else {},
        "metadata": {"user_reference": one.reference} if one.reference else {},
        # The demo's own, as in `deployment`.
        "operation_uid": ids.operation_uid(one.deployment.id if one.deployment is not None else one.id),
    }


def _message(one: Action) -> str:
    if one.success:
        return "Completed successfully"
    failed = one.deployment is not None and one.deployment.phase is Phase.FAILED
    return "Deployment failed, see the deployment log" if failed else "Deployment was cancelled"


# what is in a stack


def services(service: Service, side: Side) -> list[Wire]:
    if not is_docker(service):
        return []
    return [
        {
            "name": name,
            "containers": [one for one in containers(service, side) if one["service_name"] == name],
            "source_type": "git",
            "git_ref": None,
            "image_name": None,
            "image_uid": None,
            "image_tag": service.recent[0].commit.sha[:7],
            "command": "npm start" if name == "web" else "npm run jobs",
            "build_command": "",
            "deploy_command": None,
            "wrap_command": None,
            "desired_count": side.scale.get((service.id, name), service.replicas if name == "web" else 1),
        }
        for name in ("web", "worker")
    ]


def containers(service: Service, side: Side) -> list[Wire]:
    """The world's instances are those of "web"; "worker" has one that never fails."""
    if not is_docker(service):
        return []
    serving = next((one for one in service.recent if one.phase in UP), None)
    if serving is None:
        return []
    now = side.world.now
    found = [
        _container(service, side, "web", number, serving, _state(serving, number, now))
        for number in range(len(serving.instances))
    ]
    return [*found, _container(service, side, "worker", 0, serving, InstanceState.RUNNING)]


def _state(serving: Deployment, number: int, now: int) -> InstanceState:
    return InstanceState.EXITED if serving.stopped else serving.instance_state(number, now)


_CONTAINER_HEALTH = {InstanceState.RUNNING: 1, InstanceState.CRASHED: 2, InstanceState.EXITED: 3}


def _container(service: Service, side: Side, name: str, number: int, serving: Deployment, state: InstanceState) -> Wire:
    started = serving.live_from or serving.created_at
    is_paused = (service.id, name) in side.paused
    stopped = is_paused or state in (InstanceState.EXITED, InstanceState.REMOVED)
    return {
        "uid": ids.container_uid(service, f"{name}.{number}"),
        "name": f"{name}-{number + 1}",
        "server_uid": ids.server_uid(service, number % 2),
        "server_name": SERVERS[number % 2],
        "service_name": name,
        "image": f"registry.acme.example/{service.name}",
        "command": "npm start" if name == "web" else "npm run jobs",
        "started_at": iso(started),
        "ports": [{"container": 3000, "http": 80, "https": 443}] if name == "web" else [],
        "private_ip": f"25.0.0.{number + 2}",
        "docker_ip": None,
        "health_state": 3 if stopped else _CONTAINER_HEALTH.get(state, 0),
        "health_message": "exited with 1" if state is InstanceState.CRASHED else None,
        "health_source": "system",
        "capture_output": True,
        "restart_on_deploy": True,
        "created_at": iso(started),
        "updated_at": iso(started),
        "status": "stopped" if stopped else "started",
    }


def inspected(container: Wire) -> Wire:
    """With what docker inspect tells, the environment's secrets among it."""
    return {**container, "runtime": {"Config": {"Env": [SECRET_ENV]}, "State": {"Running": True}}}


def processes(service: Service, side: Side) -> list[Wire]:
    if is_docker(service):
        return []
    return [
        {
            "md5": ids.container_uid(service, name)[:32],
            "name": name,
            "command": f"bundle exec rake jobs:{name}",
            "servers": {SERVERS[0]: side.scale.get((service.id, name), 1)},
            "servers_pauses": {SERVERS[0]: int((service.id, name) in side.paused)},
        }
        for name in PROCESSES
    ]


def servers(service: Service) -> list[Wire]:
    return [
        {
            "uid": ids.server_uid(service, number),
            "vendor_uid": str(2_492_780 + number),
            "name": SERVERS[number],
            "address": f"203.0.113.{number + 10}",
            "distro": "ubuntu",
            "distro_version": "24.04",
            "dns_record": f"{SERVERS[number].lower()}.{service.name}.c66.example",
            "user_name": "root",
            "server_type": "Cloud (DigitalOcean) ",
            "server_roles": ["docker"] if is_docker(service) else ["rails", "web", "app", "db"],
            "server_group_id": 128,
            "stack_uid": ids.stack_uid(service),
            "has_agent": True,
            "params": {"size": "63", "region": "2"},
            "created_at": iso(service.environment.created_at),
            "updated_at": iso(service.environment.created_at),
            "region": "2",
            "availability_zone": "2",
            "ext_ipv4": f"203.0.113.{number + 10}",
            "health_state": 3,
            "int_ipv4": f"10.0.0.{number + 10}",
            "int_ipv6": None,
            "ext_ipv6": None,
        }
        for number in range(2)
    ]
