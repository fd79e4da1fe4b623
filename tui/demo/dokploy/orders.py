"""Mutations: deploys go to the queue, the rest is done at once. Most answer with nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from tui.demo import lifecycle
from tui.demo.cast import new_commit
from tui.demo.dokploy import ids, words
from tui.demo.dokploy.asking import VOID, Asked, Refusal, failed, not_found
from tui.demo.dokploy.details import details
from tui.demo.entities import PENDING, UP, Deployment, Phase, Service
from tui.demo.running import bring_back
from tui.demo.world import Denied

Handler = Callable[[Asked], Any]


@contextmanager
def _allowed(command: str) -> Iterator[None]:
    try:
        yield
    except Denied:
        raise failed(command, "Error response from daemon") from None


def _up(service: Service) -> Deployment | None:
    return next((one for one in service.recent if one.phase in UP), None)


# deploy


def deploy(type_: str, *, again: bool) -> Handler:
    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        service = asked.service(type_)
        asked.needs("deployment")
        if type_ in ids.DATABASES:
            with _allowed(f"docker service update {ids.app_name(service)}"):
                up = _up(service)
                if up is None:
                    raise Denied("nothing")
                lifecycle.restart(asked.world, up)
            return details(service, asked.site)
        usual = "Rebuild deployment" if again else "Manual deployment"
        title, description = str(asked.given.get("title") or usual), str(asked.given.get("description") or "")
        newest = next((one for one in service.recent if asked.site.has_row(one)), service.recent[0]).commit
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
    """Apply the newest build and the saved settings again: a rollback is undone by it."""

    def order(asked: Asked) -> bool:
        service = asked.service(type_)
        asked.needs("deployment")
        up, built = _up(service), asked.site.newest_build(service)
        if up is None:
            raise Refusal(500, "INTERNAL_SERVER_ERROR", f"Error reloading {type_}")
        with _allowed(f"docker service update --force {ids.app_name(service)}"):
            if type_ in ids.DATABASES:
                lifecycle.restart(asked.world, up)
            elif built is None or built is up:
                lifecycle.reload(asked.world, up)
            else:
                asked.world.calls["restart", built.id] += 1
                if built.phase is not Phase.DEPLOYING:  # else that is what is under way
                    bring_back(asked.world, built)
        return True

    return order


def stop(type_: str) -> Handler:
    """Answers the row as it was before, and never that Docker failed."""

    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        service = asked.service(type_)
        asked.needs("deployment")
        before = details(service, asked.site)
        if service.active:
            lifecycle.stop(asked.world, service.active[0])
        if service.kind == "stack":
            asked.site.stack_removed_at[service.id] = asked.world.now
            asked.site.said_up.discard(service.id)
        return True if type_ == "compose" else before

    return order


def start(type_: str) -> Handler:
    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        service = asked.service(type_)
        asked.needs("deployment")
        before = details(service, asked.site)
        up = _up(service)
        if up is None:
            name = ids.app_name(service)
            raise failed(f"docker service scale {name}=1", f"{name}: Error response from daemon: service not found")
        if service.kind == "stack":  # nothing is started, and the status says done
            asked.world.calls["start", up.id] += 1
            asked.site.said_up.add(service.id)
        elif up.stopped:
            lifecycle.start(asked.world, up)
        return True if type_ == "compose" else before

    return order


def rebuild(type_: str) -> Handler:
    """A database with its volumes: what nobody should ever call."""

    def order(asked: Asked) -> bool:
        service = asked.service(type_)
        asked.needs("deployment")
        asked.world.calls["rebuild", service.id] += 1
        return True

    return order


# what is under way


def clean_queues(type_: str) -> Handler:
    """Says nothing of what it dropped, if anything."""

    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        service = asked.service(type_)
        asked.needs("deployment")
        _drop(asked, [one for one in service.recent if one.phase in PENDING])
        if type_ == "compose":
            return {"success": True, "message": "Queues cleaned successfully"}
        return VOID

    return order


def clean_all_queues(asked: Asked) -> bool:
    asked.needs("deployment")
    _drop(asked, [job.one for job in asked.site.jobs() if not job.is_active])
    return True


def _drop(asked: Asked, waiting: list[Deployment]) -> None:
    for one in waiting:
        lifecycle.cancel(asked.world, one)


def kill_build(type_: str) -> Handler:
    """The whole host's: whatever is built there by the same command dies in two seconds, whosever it is."""

    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        asked.service(type_)
        asked.needs("deployment")
        for job in asked.site.jobs():
            if job.is_active and ids.type_of(job.one.service) == type_:
                asked.world.calls["cancel", job.one.id] += 1
                asked.world.after(2.0, partial(_die, asked, job.one))
        return VOID

    return order


def _die(asked: Asked, one: Deployment) -> None:
    if asked.site.is_building(one):  # it may have ended before
        asked.site.killed.add(one.id)
        lifecycle.abort(asked.world, one)


def cancel(type_: str) -> Handler:
    def order(asked: Asked) -> Any:  # noqa: ANN401 - JSON
        asked.service(type_)
        asked.needs("deployment")
        raise Refusal(400, "BAD_REQUEST", "Deployment cancellation only available in cloud version")

    return order


def kill_process(asked: Asked) -> Any:  # noqa: ANN401 - JSON
    asked.deployment()
    asked.needs("deployment")
    raise Refusal(400, "BAD_REQUEST", "Deployment is not running")  # only schedules have a pid


# records


def remove(asked: Asked) -> Any:  # noqa: ANN401 - JSON
    one = asked.deployment()
    asked.needs("deployment")
    row = words.deployment(one, asked.site)
    asked.world.calls["remove", one.id] += 1
    asked.site.hidden.add(one.id)
    return row


def roll_back(asked: Asked) -> Any:  # noqa: ANN401 - JSON
    """No row, no status: the image is swapped, and every failure is the same 400."""
    one = _with_rollback(asked)
    refusal = Refusal(400, "BAD_REQUEST", "Error input: Rolling back")
    if one is None or not asked.key.may_all:
        raise refusal
    try:
        asked.site.roll_back(one, asked.key.person)
    except Denied:
        raise refusal from None
    return VOID


def delete_rollback(asked: Asked) -> Any:  # noqa: ANN401 - JSON
    """The row of the deployment goes with it."""
    asked.needs("deployment")
    one = _with_rollback(asked)
    if one is None:
        raise not_found("Rollback")
    found = words.by_type(one, asked.site)["rollback"]
    asked.world.calls["remove", one.id] += 1
    asked.site.hidden.add(one.id)
    return found


def _with_rollback(asked: Asked) -> Deployment | None:
    wanted = str(asked.given["rollbackId"])
    rows = (one for service in asked.seen if ids.type_of(service) == "application" for one in asked.site.rows(service))
    return next((one for one in rows if ids.rollback_id(one) == wanted), None)


def clear_logs(type_: str) -> Handler:
    """The files go, the rows stay."""

    def order(asked: Asked) -> bool:
        service = asked.service(type_)
        asked.needs("deployment")
        asked.world.calls["clear", service.id] += 1
        asked.site.cleared.update(one.id for one in asked.site.rows(service) if not asked.site.is_building(one))
        return True

    return order


def nothing(type_: str, answer: object) -> Handler:
    """What changes nothing that can be seen: markRunning, refreshToken."""

    def order(asked: Asked) -> object:
        service = asked.service(type_)
        asked.needs("deployment")
        asked.world.calls["other", service.id] += 1
        return answer

    return order
