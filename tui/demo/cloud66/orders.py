"""What changes something: deployments, actions, services, containers. Every order is carried out once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tui.demo import lifecycle
from tui.demo.cast import Commit, new_commit
from tui.demo.cloud66 import ids, words
from tui.demo.cloud66.asking import Asked, Refusal, Wire, not_found
from tui.demo.cloud66.side import Action, busy
from tui.demo.entities import Deployment, Phase, Service
from tui.demo.world import Denied

MOST_REFERENCE = 255
_SERVICE = re.compile(r"[a-z0-9_-]+:\S+")


@contextmanager
def _allowed() -> Iterator[None]:
    try:
        yield
    except Denied as error:
        raise Refusal(409, "conflict", str(error)) from None


def _bad(words_: str) -> Refusal:
    return Refusal(400, "bad_request", words_)


# deployments


def deploy(asked: Asked) -> Wire:
    service = asked.stack()
    git_ref, tags = asked.text("git_ref"), _services(asked)
    if git_ref and words.is_docker(service):
        raise _bad("git_ref is not supported for docker stacks, use services")
    if tags and not words.is_docker(service):
        raise _bad("services is only supported for docker stacks")
    reference = asked.text("user_reference")
    if len(reference) > MOST_REFERENCE:
        raise _bad(f"user_reference is longer than {MOST_REFERENCE} characters")
    queued = busy(service)
    made = _queued(asked, service, git_ref) if queued else _begun(asked, service, git_ref)
    action = asked.side.begin(service, "application_deployment", asked.token.person.email, reference, deployment=made)
    if words.is_docker(service):
        message = "Stack queued for redeployment" if queued else "Stack starting redeployment"
        return {"ok": True, "message": message, "async_action_id": action.id, "queued": queued}
    return {"id": action.id, "message": "Deployment scheduled", "queued": queued}


def _services(asked: Asked) -> list[str]:
    """ "web:tag,api:tag" in the text, an array in the Go client."""
    given = asked.given.get("services")
    found = (
        [str(each) for each in given] if isinstance(given, list) else [*filter(None, asked.text("services").split(","))]
    )
    known = {one["name"] for one in words.services(asked.stack(), asked.side)}
    for each in found:
        if not _SERVICE.fullmatch(each) or each.partition(":")[0] not in known:
            raise _bad(f"There is no service {each!r}")
    return found


def _commit(asked: Asked, service: Service, git_ref: str) -> Commit:
    hex_ref = re.fullmatch(r"[0-9a-f]{7,40}", git_ref) is not None
    for one in service.deployments if hex_ref else ():
        if one.commit.sha.startswith(git_ref):
            return one.commit
    if hex_ref:
        raise _bad(f"Unable to find git reference {git_ref}")
    seed = f"{asked.world.seed}:{service.id}:{service.next_number}"
    return new_commit(seed, branch=git_ref or service.recent[0].commit.branch)


def _begun(asked: Asked, service: Service, git_ref: str) -> Deployment:
    commit = _commit(asked, service, git_ref)
    asked.world.calls["deploy", service.id] += 1
    return lifecycle.begin(asked.world, service, commit, "deploy", asked.token.person)


def _queued(asked: Asked, service: Service, git_ref: str) -> Deployment:
    commit = _commit(asked, service, git_ref)
    asked.world.calls["deploy", service.id] += 1
    made = lifecycle.begin(asked.world, service, commit, "deploy", asked.token.person, hold=Phase.QUEUED)
    asked.side.queue(made)
    return made


def cancel(asked: Asked) -> Wire:
    with _allowed():
        lifecycle.cancel(asked.world, asked.deployment())
    return {"ok": True, "message": "Deployment cancelled"}


# actions


def act(asked: Asked) -> Wire:
    service, command = asked.stack(), asked.text("command")
    order = _COMMANDS.get(command)
    if order is None:
        raise _bad(f"Unknown command {command!r}")
    order(asked, service)
    return _action(asked, service, command)


def _action(asked: Asked, service: Service, name: str) -> Wire:
    made: Action = asked.side.begin(service, name, asked.token.person.email, asked.text("user_reference"))
    return words.action(made, asked.world.now)


def _running(service: Service) -> Deployment:
    if not service.active:
        raise Refusal(409, "conflict", "The stack is not running")
    return service.active[0]


def _restart(asked: Asked, service: Service) -> None:
    with _allowed():
        lifecycle.restart(asked.world, _running(service))


def _part(asked: Asked, service: Service, kind: str) -> str:
    """The service or process that a command names."""
    rows = words.services(service, asked.side) if kind == "service" else words.processes(service, asked.side)
    name = asked.text(f"{kind}_name")
    if name not in {one["name"] for one in rows}:
        raise not_found(kind.title())
    return name


def _part_restart(kind: str) -> Callable[[Asked, Service], None]:
    def order(asked: Asked, service: Service) -> None:
        name = _part(asked, service, kind)
        asked.world.calls["restart", f"{service.id}:{name}"] += 1

    return order


def _part_pause(kind: str) -> Callable[[Asked, Service], None]:
    def order(asked: Asked, service: Service) -> None:
        name = _part(asked, service, kind)
        asked.world.calls["stop", f"{service.id}:{name}"] += 1
        asked.side.paused.add((service.id, name))

    return order


def _part_resume(kind: str) -> Callable[[Asked, Service], None]:
    def order(asked: Asked, service: Service) -> None:
        name = _part(asked, service, kind)
        asked.world.calls["start", f"{service.id}:{name}"] += 1
        asked.side.paused.discard((service.id, name))

    return order


def _container_restart(asked: Asked, service: Service) -> None:
    uid = asked.text("container_id")
    if uid not in {one["uid"] for one in words.containers(service, asked.side)}:
        raise not_found("Container")
    asked.world.calls["restart", uid] += 1


def _maintenance(asked: Asked, service: Service) -> None:
    """A holding page; for Rails and its like only."""
    if words.is_docker(service):
        raise _bad("maintenance_mode is not available for docker stacks")
    wanted = asked.text("value")
    if wanted not in ("0", "1"):
        raise _bad("value is 0 or 1")
    stopped = next((one for one in service.recent if one.stopped), None)
    if wanted == "0" and stopped is not None:
        with _allowed():
            lifecycle.start(asked.world, stopped)
        return
    asked.world.calls["stop" if wanted == "1" else "start", service.id] += 1
    (asked.side.maintenance.add if wanted == "1" else asked.side.maintenance.discard)(service.id)


def _counted(asked: Asked, service: Service) -> None:
    asked.world.calls[asked.text("command"), service.id] += 1


_COMMANDS: dict[str, Callable[[Asked, Service], None]] = {
    "restart": _restart,
    "service_restart": _part_restart("service"),
    "service_pause": _part_pause("service"),
    "service_resume": _part_resume("service"),
    "process_restart": _part_restart("process"),
    "process_pause": _part_pause("process"),
    "process_resume": _part_resume("process"),
    "container_restart": _container_restart,
    "maintenance_mode": _maintenance,
    "clear_caches": _counted,
    "promote_slave_db": _counted,
    "resync_slave_db": _counted,
    "disable_replication_slave_db": _counted,
}


# services, containers, processes, servers


def stop_service(asked: Asked) -> Wire:
    service = asked.stack()
    name = asked.path["name"]
    if name not in {one["name"] for one in words.services(service, asked.side)}:
        raise not_found("Service")
    asked.world.calls["stop", f"{service.id}:{name}"] += 1
    asked.side.paused.add((service.id, name))
    return _action(asked, service, "service_stop")


def scale_service(asked: Asked) -> Wire:
    service = asked.stack()
    name = _part(asked, service, "service")
    counts = asked.given.get("server_count") or asked.given.get("server_group_count")
    if not isinstance(counts, dict) or not all(isinstance(each, int) and each >= 0 for each in counts.values()):
        raise _bad("server_count or server_group_count is needed")
    asked.world.calls["scale", service.id] += 1
    asked.side.scale[service.id, name] = sum(counts.values())
    return _action(asked, service, "service_scale")


def stop_container(asked: Asked) -> Wire:
    service = asked.stack()
    uid = asked.path["id"]
    if uid not in {one["uid"] for one in words.containers(service, asked.side)}:
        raise not_found("Container")
    asked.world.calls["stop", uid] += 1
    return _action(asked, service, "container_stop")


def scale_processes(asked: Asked) -> list[Wire]:
    service = asked.stack()
    name = _part(asked, service, "process")
    asked.world.calls["scale", service.id] += 1
    counts = asked.given.get("server_count")
    asked.side.scale[service.id, name] = sum(counts.values()) if isinstance(counts, dict) else 1
    return [_action(asked, service, "Process_scale")]


def reboot_servers(asked: Asked) -> Wire:
    service = asked.stack()
    if asked.text("strategy") not in ("", "parallel", "serial"):
        raise _bad("strategy is parallel or serial")
    asked.world.calls["reboot", service.id] += 1
    return _action(asked, service, "stack_reboot")


def reboot_server(asked: Asked) -> Wire:
    service = asked.stack()
    if asked.path["id"] not in {one["uid"] for one in words.servers(service)}:
        raise not_found("Server")
    asked.world.calls["reboot", asked.path["id"]] += 1
    return _action(asked, service, "server_reboot")


def change_variant(asked: Asked) -> Wire:
    service = asked.stack()
    if asked.text("operation") != "commit" or not service.active or asked.path["id"] != service.active[0].id[:12]:
        raise not_found("Application variant")
    asked.world.calls["variant", service.id] += 1
    return {"ok": True, "message": "", "async_action_id": ids.account_id(service.environment.project)}
