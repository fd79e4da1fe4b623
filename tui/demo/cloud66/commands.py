"""What is ordered of a stack besides deployments: the commands of its actions, and stopping, scaling and rebooting.

Each answers with an action that is not finished yet. Parameters are taken by the names of the Go client and by those of
the documentation, which differ.
"""

from __future__ import annotations

from collections.abc import Callable

from tui.demo import lifecycle
from tui.demo.cloud66 import parts, states, words
from tui.demo.cloud66.asking import Asked, Refusal, Wire, bad_request, conflict, not_found
from tui.demo.entities import Deployment, Service
from tui.demo.world import Denied

_STRATEGIES = ("", "parallel", "serial")


def act(asked: Asked) -> Wire:
    service, command = asked.stack(), asked.text("command")
    order = COMMANDS.get(command)
    if order is None:
        raise bad_request(f"There is no command {command!r}")
    order(asked, service)
    return _begun(asked, service, command)


def _begun(asked: Asked, service: Service, name: str) -> Wire:
    made = asked.side.begin(service, name, asked.token.person.email, asked.text("user_reference"))
    return words.action(made, asked.world.now)


# the commands of POST /stacks/:uid/actions


def _restart(asked: Asked, service: Service) -> None:
    if not service.active:
        raise conflict("The stack is not running")
    _allowed(lifecycle.restart, asked, service.active[0])


def _allowed(order: Callable[..., None], asked: Asked, one: Deployment) -> None:
    try:
        order(asked.world, one)
    except Denied as error:
        raise conflict(str(error)) from None


def _maintenance_mode(asked: Asked, service: Service) -> None:
    """A holding page. What the world stopped stands behind one, too, and runs again when it is taken away."""
    if states.is_docker(service):
        raise bad_request("maintenance_mode is not there for docker stacks")
    if asked.text("value") not in ("0", "1"):
        raise bad_request("value is 1 or 0")
    one = states.serving(service)
    if asked.text("value") == "1":
        _count(asked, "stop", service.id)
        asked.side.maintenance.add(service.id)
    elif one is not None and one.stopped:
        _allowed(lifecycle.start, asked, one)
        asked.side.maintenance.discard(service.id)
    else:
        _count(asked, "start", service.id)
        asked.side.maintenance.discard(service.id)


def _parts(asked: Asked, service: Service, kind: str) -> tuple[str, ...]:
    """The service, or the processes (all, where none is named), that a command is for."""
    known = parts.service_names(service) if kind == "service" else parts.process_names(service)
    if not known:
        raise bad_request(f"There is no {kind} in a stack of this framework")
    name = asked.text(f"{kind}_name") or asked.text(f"{kind}-name")
    if not name and kind == "process":
        return known
    if name not in known:
        raise not_found(kind.title())
    server = asked.text("server_uid") or asked.text("server_id_filter")
    if server and server not in parts.server_uids(service):
        raise not_found("Server")
    return (name,)


def _restart_part(kind: str) -> Callable[[Asked, Service], None]:
    def order(asked: Asked, service: Service) -> None:
        names = _parts(asked, service, kind)
        _count(asked, "restart", _part_id(service, names))
        asked.side.restarted.update({(service.id, name): asked.world.now for name in names})

    return order


def _pause_part(kind: str) -> Callable[[Asked, Service], None]:
    def order(asked: Asked, service: Service) -> None:
        names = _parts(asked, service, kind)
        _count(asked, "stop", _part_id(service, names))
        asked.side.paused.update((service.id, name) for name in names)

    return order


def _resume_part(kind: str) -> Callable[[Asked, Service], None]:
    def order(asked: Asked, service: Service) -> None:
        names = _parts(asked, service, kind)
        _count(asked, "start", _part_id(service, names))
        asked.side.paused.difference_update((service.id, name) for name in names)

    return order


def _restart_container(asked: Asked, service: Service) -> None:
    uid = _container(asked, service, asked.text("container_id") or asked.text("container"))["uid"]
    _count(asked, "restart", uid)
    asked.side.stopped.discard(uid)
    asked.side.restarted[uid] = asked.world.now


def _clear_caches(asked: Asked, service: Service) -> None:
    _count(asked, "clear_caches", service.id)


def _on_a_slave(command: str) -> Callable[[Asked, Service], None]:
    """A docker stack here has no database."""

    def order(asked: Asked, service: Service) -> None:
        if states.is_docker(service):
            raise Refusal(503, "not_implemented", f"{command} is not implemented for this stack")
        server = asked.text("server_uid") or asked.text("server")
        if server not in parts.server_uids(service):
            raise not_found("Server")
        _count(asked, command, service.id)

    return order


COMMANDS: dict[str, Callable[[Asked, Service], None]] = {
    "restart": _restart,
    "service_restart": _restart_part("service"),
    "service_pause": _pause_part("service"),
    "service_resume": _resume_part("service"),
    "container_restart": _restart_container,
    "process_restart": _restart_part("process"),
    "process_pause": _pause_part("process"),
    "process_resume": _resume_part("process"),
    "maintenance_mode": _maintenance_mode,
    "clear_caches": _clear_caches,
    "promote_slave_db": _on_a_slave("promote_slave_db"),
    "resync_slave_db": _on_a_slave("resync_slave_db"),
    "disable_replication_slave_db": _on_a_slave("disable_replication_slave_db"),
}


# other calls


def stop_service(asked: Asked) -> Wire:
    """On one server its containers stop; else it is scaled to nothing, and a deployment or scaling brings it back."""
    service, name = asked.stack(), asked.path["name"]
    if name not in parts.service_names(service):
        raise not_found("Service")
    _count(asked, "stop", _part_id(service, (name,)))
    if server := asked.text("server_uid"):
        rows = parts.containers(service, asked.side)
        found = {one["uid"] for one in rows if one["service_name"] == name and one["server_uid"] == server}
        asked.side.stopped.update(found)
    else:
        asked.side.scale[service.id, name] = 0
    return _begun(asked, service, "service_stop")


def scale_service(asked: Asked) -> Wire:
    service = asked.stack()
    (name,) = _parts(asked, service, "service")
    asked.side.scale[service.id, name] = _asked_for(asked, service)
    _count(asked, "scale", _part_id(service, (name,)))
    return _begun(asked, service, "service_scale")


def scale_processes(asked: Asked) -> list[Wire]:
    """The documentation prints an array here, and only here."""
    service = asked.stack()
    names = _parts(asked, service, "process")
    asked.side.scale.update(dict.fromkeys(((service.id, name) for name in names), _asked_for(asked, service)))
    _count(asked, "scale", _part_id(service, names))
    return [_begun(asked, service, "Process_scale")]


def _asked_for(asked: Asked, service: Service) -> int:
    """How many in all, of `server_count` {server's uid: n} or `server_group_count` {group: n}."""
    by_server = asked.given.get("server_count")
    counts = by_server or asked.given.get("server_group_count")
    if not isinstance(counts, dict) or not counts:
        raise bad_request("server_count or server_group_count is needed")
    if not all(isinstance(one, int) and 0 <= one <= 100 for one in counts.values()):
        raise bad_request("A count is a number from 0 to 100")
    if by_server and not set(counts) <= set(parts.server_uids(service)):
        raise not_found("Server")
    return sum(counts.values())


def stop_container(asked: Asked) -> Wire:
    service = asked.stack()
    uid = _container(asked, service, asked.path["id"])["uid"]
    _count(asked, "stop", uid)
    asked.side.stopped.add(uid)
    return _begun(asked, service, "container_stop")


def _container(asked: Asked, service: Service, uid: str) -> Wire:
    for one in parts.containers(service, asked.side):
        if one["uid"] == uid:
            return one
    raise not_found("Container")


def reboot_servers(asked: Asked) -> Wire:
    service = asked.stack()
    if asked.text("strategy") not in _STRATEGIES:
        raise bad_request("strategy is parallel or serial")
    _count(asked, "reboot", service.id)
    return _begun(asked, service, "stack_reboot")


def reboot_server(asked: Asked) -> Wire:
    service = asked.stack()
    if asked.path["id"] not in parts.server_uids(service):
        raise not_found("Server")
    _count(asked, "reboot", asked.path["id"])
    return _begun(asked, service, "server_reboot")


def _count(asked: Asked, verb: str, id_: str) -> None:
    asked.world.calls[verb, id_] += 1


def _part_id(service: Service, names: tuple[str, ...]) -> str:
    return f"{service.id}:{','.join(names)}"
