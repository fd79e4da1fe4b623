"""What is in a stack, in Cloud 66's shapes: services with their containers, or processes; and servers."""

from __future__ import annotations

from collections.abc import Iterator

from tui.demo.clock import DAY
from tui.demo.cloud66 import ids, states
from tui.demo.cloud66.asking import Wire
from tui.demo.cloud66.side import Side
from tui.demo.cloud66.states import is_docker
from tui.demo.cloud66.tokens import SECRET_ENV, SECRET_KEY
from tui.demo.cloud66.words import iso
from tui.demo.entities import Deployment, InstanceState, Service

SERVERS = ("Caribou", "Cormorant")
SERVICES = ("web", "worker")
PROCESSES = ("worker", "scheduler")
_COMMANDS = {"web": "npm start", "worker": "npm run jobs"}
_UNVERIFIED, _UP, _DOWN, _NOT_APPLICABLE = range(4)
_HEALTH = {InstanceState.RUNNING: _UP, InstanceState.CRASHED: _DOWN, InstanceState.EXITED: _NOT_APPLICABLE}

_MESSAGES = {InstanceState.RUNNING: "Container is running normally", InstanceState.CRASHED: "Exited with status 1"}


def service_names(stack: Service) -> tuple[str, ...]:
    return SERVICES if is_docker(stack) else ()


def process_names(stack: Service) -> tuple[str, ...]:
    return () if is_docker(stack) else PROCESSES


def services(stack: Service, side: Side) -> list[Wire]:
    """ "web" is built from git, "worker" runs an image: each leaves the other's fields empty, in either of the ways
    that Cloud 66 has for that.
    """
    shown = containers(stack, side)
    return [
        {
            "name": name,
            "containers": [one for one in shown if one["service_name"] == name],
            **_source(stack, side, name),
            "command": _COMMANDS[name],
            "build_command": "npm ci && npm run build" if name == "web" else None,
            "deploy_command": "npm run migrate" if name == "web" else None,
            "wrap_command": "" if name == "worker" else None,
            "desired_count": _wanted(stack, side, name),
        }
        for name in service_names(stack)
    ]


def _source(stack: Service, side: Side, name: str) -> Wire:
    tag = side.tags.get((stack.id, name))
    if name == "web":
        branch = stack.recent[0].commit.branch
        return {"source_type": "git", "git_ref": tag or branch, "image_name": "", "image_uid": "", "image_tag": ""}
    image = {"image_name": f"acme/{stack.name}-worker", "image_uid": f"sha256:{stack.tag * 8}"}
    return {"source_type": "image", "git_ref": None, **image, "image_tag": tag or "latest"}


def containers(stack: Service, side: Side) -> list[Wire]:
    """The world's instances, shared out: the last of several is the worker's."""
    one = states.serving(stack)
    if one is None or not is_docker(stack):
        return []
    return [_container(stack, side, one, *each) for each in _placed(stack, side, one)]


def _placed(stack: Service, side: Side, one: Deployment) -> Iterator[tuple[str, int, InstanceState]]:
    """(service, number in it, state) of each container. What was scaled up is as well as the first."""
    now, first = side.world.now, _split(one)[0]
    for name in SERVICES:
        offset = 0 if name == "web" else first
        has = first if name == "web" else len(one.instances) - first
        for number in range(_wanted(stack, side, name)):
            place = offset + min(number, has - 1) if has else 0
            state = one.instance_state(place, now) if one.instances else InstanceState.CREATED
            yield name, number, InstanceState.EXITED if one.stopped else state


def _split(one: Deployment) -> tuple[int, int]:
    count = len(one.instances)
    return (count - 1, 1) if count > 1 else (count, 0)


def _wanted(stack: Service, side: Side, name: str) -> int:
    one = states.serving(stack)
    usual = _split(one)[SERVICES.index(name)] if one is not None else 0
    return side.scale.get((stack.id, name), usual)


def _container(stack: Service, side: Side, one: Deployment, name: str, number: int, state: InstanceState) -> Wire:
    uid = ids.container_uid(one.id, name, str(number))
    created = one.live_from or one.created_at
    started = max(created, side.restarted.get((stack.id, name), 0), side.restarted.get(uid, 0))
    stopped = (stack.id, name) in side.paused or uid in side.stopped or state is InstanceState.EXITED
    is_web = name == "web"
    return {
        "uid": uid,
        "name": f"{name}.{stack.name}-{number + 1}",
        "server_uid": ids.server_uid(stack, number % len(SERVERS)),
        "server_name": SERVERS[number % len(SERVERS)],
        "service_name": name,
        "image": f"registry.acme.example/{stack.name}",
        "command": _COMMANDS[name],
        "started_at": iso(started),
        "ports": [{"container": 3000, "http": 80, "https": 443}] if is_web else [],
        "port_list": '["5128:3000"]' if is_web else "[]",
        "web_ports": "80:443" if is_web else "",
        "private_ip": f"10.0.{1 if is_web else 2}.{number + 15}",
        "docker_ip": f"172.17.0.{number + 2}" if is_web else None,
        "health_state": _NOT_APPLICABLE if stopped else _HEALTH.get(state, _UNVERIFIED),
        "health_message": None if stopped else _MESSAGES.get(state),
        "health_source": "system" if is_web else "docker",
        "capture_output": True,
        "restart_on_deploy": True,
        "created_at": iso(created),
        "updated_at": iso(max(started, one.changed_at)),
        "status": "stopped" if stopped else "running",
    }


def inspected(container: Wire) -> Wire:
    """With what docker inspect tells, the environment's secrets among it."""
    config = {"Env": [SECRET_ENV], "Image": container["image"], "Tty": False}
    state = {"Running": container["status"] == "running", "StartedAt": container["started_at"]}
    return {**container, "runtime": {"Id": container["uid"], "Config": config, "State": state}}


def processes(stack: Service, side: Side) -> list[Wire]:
    """Background workers; the web tier is not among them."""
    return [
        {
            "md5": ids.process_md5(stack, name),
            "name": name,
            "command": f"bundle exec rake jobs:{name}",
            "servers": {SERVERS[0]: side.scale.get((stack.id, name), 1)},
            "servers_pauses": {SERVERS[0]: int((stack.id, name) in side.paused)},
        }
        for name in process_names(stack)
    ]


def server_uids(stack: Service) -> list[str]:
    return [ids.server_uid(stack, number) for number in range(len(SERVERS))]


def servers(stack: Service, *, with_keys: bool = False) -> list[Wire]:
    """With keys: also what opens a shell on them."""
    made = iso(stack.environment.project.created_at + DAY)
    secret = {"ssh_private_key": f"-----BEGIN KEY-----\n{SECRET_KEY}\n-----END KEY-----\n"} if with_keys else {}
    return [
        {
            "uid": uid,
            "vendor_uid": str(2_492_780 + number),
            "name": SERVERS[number],
            "address": f"203.0.113.{number + 10}",
            "distro": "ubuntu",
            "distro_version": "24.04",
            "dns_record": f"{SERVERS[number].lower()}.{stack.name}.c66.example",
            "user_name": "root",
            "server_type": "Cloud (DigitalOcean) ",
            "server_roles": ["docker"] if is_docker(stack) else ["rails", "postgresql", "web", "app", "db"],
            "server_group_id": 128,
            "stack_uid": ids.stack_uid(stack),
            "has_agent": True,
            "params": {"size": "63", "region": "2", "ips": [f"203.0.113.{number + 10}"]},
            "created_at": made,
            "updated_at": made,
            "region": "2",
            "availability_zone": "2",
            "ext_ipv4": f"203.0.113.{number + 10}",
            "health_state": 3,
            "int_ipv4": f"10.0.0.{number + 10}",
            "int_ipv6": None,
            "ext_ipv6": None,
            **secret,
        }
        for number, uid in enumerate(server_uids(stack))
    ]
