"""Mutations: deploys go to the queue, the rest is done at once. Most answer with nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tui.demo import lifecycle
from tui.demo.cast import new_commit
from tui.demo.dokploy import ids, words
from tui.demo.dokploy.asking import VOID, Asked, Refusal
from tui.demo.dokploy.site import BUILDING
from tui.demo.entities import PENDING, UP, Deployment, Service
from tui.demo.world import Denied

Handler = Callable[[Asked], Any]


def _failed(command: str) -> Refusal:
    words_ = f"Command execution failed: Command failed: {command}\nError response from daemon"
    return Refusal(500, "INTERNAL_SERVER_ERROR", words_)


@contextmanager
def _allowed(command: str) -> Iterator[None]:
    try:
        yield
    except Denied:
        raise _failed(command) from None


def _up(service: Service) -> Deployment | None:
    return next((one for one in service.recent if one.phase in UP), None)


# deploy


def deploy(type_: str, *, again: bool) -> Handler:
    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        service = asked.service(type_)
        asked.needs_all()
        if type_ in ids.DATABASES:
            with _allowed(f"docker service update {ids.app_name(service)}"):
                up = _up(service)
                if up is None:
                    raise Denied("nothing")
                lifecycle.restart(asked.world, up)
            return words.full(service, asked.site)
        usual = "Rebuild deployment" if again else "Manual deployment"
        title, description = str(asked.given.get("title") or usual), str(asked.given.get("description") or "")
        newest = service.recent[0].commit
        seed = f"{asked.world.seed}:{service.id}:{service.next_number}"
        commit = newest if again else new_commit(seed, branch=newest.branch)
        asked.world.calls["redeploy" if again else "deploy", service.id] += 1
        asked.site.order(service, commit, asked.key.person, title, description, again=again)
        if type_ == "compose":
            said = "Redeployment queued" if again else "Deployment queued"
            return {"success": True, "message": said, "composeId": ids.service_id(service)}
        return VOID

    return order


# running and not


def reload(type_: str) -> Handler:
    def order(asked: Asked) -> bool:
        service = asked.service(type_)
        asked.needs_all()
        up = _up(service)
        if up is None:
            raise Refusal(500, "INTERNAL_SERVER_ERROR", f"Error reloading {type_}")
        with _allowed(f"docker service update --force {ids.app_name(service)}"):
            lifecycle.restart(asked.world, up)
        return True

    return order


def stop(type_: str) -> Handler:
    """Answers the row as it was before, and never that Docker failed."""

    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        service = asked.service(type_)
        asked.needs_all()
        before = words.full(service, asked.site)
        if service.active:
            lifecycle.stop(asked.world, service.active[0])
        return True if type_ == "compose" else before

    return order


def start(type_: str) -> Handler:
    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        service = asked.service(type_)
        asked.needs_all()
        before = words.full(service, asked.site)
        up = _up(service)
        if up is None:
            raise _failed(f"docker service scale {ids.app_name(service)}=1")
        if up.stopped:
            lifecycle.start(asked.world, up)
        return True if type_ == "compose" else before

    return order


def restart_container(asked: Asked) -> Any:  # noqa: ANN401 - JSON
    asked.needs_all()
    wanted = str(asked.given["containerId"])
    for service in asked.site.services:
        up = _up(service)
        for number in range(len(up.instances) if up is not None else 0):
            if up is not None and ids.container_id(up, number).startswith(wanted[:12]):
                lifecycle.restart(asked.world, up)
                return VOID
    raise Refusal(500, "INTERNAL_SERVER_ERROR", f"(HTTP code 404) no such container - No such container: {wanted}")


# what is under way


def clean_queues(type_: str) -> Handler:
    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        service = asked.service(type_)
        asked.needs_all()
        for one in [one for one in service.recent if one.phase in PENDING]:
            lifecycle.cancel(asked.world, one)
        return VOID

    return order


def kill_build(type_: str) -> Handler:
    """The whole host's: whatever is built there by the same command dies."""

    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        asked.service(type_)
        asked.needs_all()
        for service in asked.site.services:
            if ids.type_of(service) != type_:
                continue
            for one in [one for one in service.recent if one.phase in BUILDING and one.live_from is None]:
                asked.site.killed.add(one.id)
                lifecycle.cancel(asked.world, one)
        return VOID

    return order


def cancel(_type: str) -> Handler:
    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        asked.needs_all()
        raise Refusal(400, "BAD_REQUEST", "Deployment cancellation only available in cloud version")

    return order


def kill_process(asked: Asked) -> Any:  # noqa: ANN401 - JSON
    asked.deployment()
    asked.needs_all()
    raise Refusal(400, "BAD_REQUEST", "Deployment is not running")  # only schedules have a pid


# records


def remove(asked: Asked) -> Any:  # noqa: ANN401 - JSON
    one = asked.deployment()
    asked.needs_all()
    row = words.deployment(one, asked.site)
    asked.world.calls["remove", one.id] += 1
    asked.site.hidden.add(one.id)
    return row


def roll_back(asked: Asked) -> Any:  # noqa: ANN401 - JSON
    """No row, no status: the image is swapped, and every failure is the same 400."""
    wanted = str(asked.given["rollbackId"])
    asked.needs_all()
    for service in asked.site.services:
        for one in asked.site.rows(service):
            if ids.type_of(service) == "application" and ids.rollback_id(one) == wanted and one.live_from is not None:
                asked.world.calls["rollback", one.id] += 1
                return VOID
    raise Refusal(400, "BAD_REQUEST", "Error input: Rolling back")


def delete_rollback(asked: Asked) -> Any:  # noqa: ANN401 - JSON
    """The row of the deployment goes with it."""
    asked.needs_all()
    for service in asked.site.services:
        for one in asked.site.rows(service):
            if ids.rollback_id(one) == asked.given["rollbackId"]:
                found = words.by_type(one, asked.site)["rollback"]
                asked.world.calls["remove", one.id] += 1
                asked.site.hidden.add(one.id)
                return found
    raise Refusal(400, "BAD_REQUEST", "Error input: Deleting rollback")


def toggle_requests(asked: Asked) -> bool:
    asked.needs_all()
    asked.site.requests_recorded = bool(asked.given["enable"])
    return True


def nothing(type_: str) -> Handler:
    """What is answered and changes nothing that can be seen: clearDeployments, markRunning, refreshToken."""

    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        service = asked.service(type_)
        asked.needs_all()
        asked.world.calls["other", service.id] += 1
        return True

    return order
