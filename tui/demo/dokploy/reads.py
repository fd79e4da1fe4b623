"""Queries about deployments: rows, the queue, and logs as one text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from tui.demo.clock import SECOND
from tui.demo.dokploy import ids, texts, words
from tui.demo.dokploy.asking import Asked, Refusal, failed, not_found
from tui.demo.dokploy.containers import Container, containers, every_container
from tui.demo.dokploy.inventory import SERVER, is_setup, server_deployments
from tui.demo.dokploy.site import is_queueable
from tui.demo.dokploy.words import Wire
from tui.demo.entities import Deployment

_SINCE = re.compile(r"all|(\d{1,9})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def deployments(asked: Asked) -> list[Wire]:
    return [words.deployment(one, asked.site) for one in _rows(asked, str(asked.given["applicationId"]), "application")]


def compose_deployments(asked: Asked) -> list[Wire]:
    return [words.deployment(one, asked.site) for one in _rows(asked, str(asked.given["composeId"]), "compose")]


def by_type(asked: Asked) -> list[Wire]:
    type_, id_ = str(asked.given["type"]), str(asked.given["id"])
    if type_ == "schedule":
        raise not_found("Schedule")
    if type_ == "server" and id_ == SERVER:
        asked.given = {"serverId": SERVER}
        return [{**row, "rollback": None} for row in server_deployments(asked)]
    return [words.by_type(one, asked.site) for one in _rows(asked, id_, type_)]


def _rows(asked: Asked, id_: str, type_: str) -> list[Deployment]:
    """An unknown id is an empty list. Raises Refusal: it is not on the caller's list."""
    service = asked.site.service(id_)
    if service is None or ids.type_of(service) != type_:
        return []
    return asked.site.rows(asked.service_of(service))


def central(asked: Asked) -> list[Wire]:
    """Of everything at once: no pages."""
    found = [one for service in asked.seen if is_queueable(service) for one in asked.site.rows(service)]
    found.sort(key=ids.started_at, reverse=True)
    return [words.central(one, asked.site) for one in found]


def queue(asked: Asked) -> list[Wire]:
    """What waits and what is active: in memory, where a job that is done leaves nothing."""
    site = asked.site
    found = [words.job(job, site) for job in site.jobs() if asked.key.sees(job.one.service)]
    return found if site.foreign_job is None else [*found, words.foreign_job(site.foreign_job, asked.world.started_at)]


# logs


def build_log(asked: Asked) -> str:
    """A file that is not there is an empty line; of a row that never had one, and of a server's, nothing."""
    if is_setup(str(asked.given["deploymentId"])):
        return ""
    one = asked.deployment()
    if one.id in asked.site.unstarted:
        return ""
    if one.id in asked.site.cleared:
        return "\n"
    lines = texts.build_file(one, asked.site).split("\n")[:-1]
    return "\n".join(lines[-int(asked.given.get("tail", 100)) :]) + "\n"


def runtime_log(type_: str) -> Callable[[Asked], str]:
    """Of the service's newest container, or of the one that is named: one replica."""

    def read(asked: Asked) -> str:
        service = asked.service(type_)
        if type_ == "compose":
            wanted = str(asked.given["containerId"])
            found = [one for one in every_container(asked.site) if wanted in (one.id, one.name)]
        else:
            found = containers(service, asked.site)
        container = next(iter(found), None)
        if container is None:
            message = f"No container or service found for: {ids.app_name(service)}"
            raise Refusal(500, "INTERNAL_SERVER_ERROR", message)
        return _searched(asked, container)

    return read


def _searched(asked: Asked, container: Container) -> str:
    count = int(asked.given.get("tail", 100))
    since = since_ns(str(asked.given.get("since") or "all"), asked.world.now)
    if since is None:
        issue = {"code": "invalid_format", "path": ["since"], "message": "Invalid since format"}
        raise Refusal(400, "BAD_REQUEST", "Input validation failed", [issue])
    begin = max(since, container.writes_from)
    lines = texts.last_lines(asked.world, container.one.service, count, begin, container.wrote)
    text = texts.stamped(lines).replace("\r\n", "\n")
    wanted = str(asked.given.get("search") or "")
    if not wanted:
        return text
    found = "".join(f"{line}\n" for line in _matching(text.split("\n"), wanted))
    if not found:
        raise failed(f"docker container logs --timestamps --tail {count} {container.id} 2>&1 | grep -iF '{wanted}'", "")
    return found


def _matching(lines: Iterable[str], wanted: str) -> list[str]:
    return [line for line in lines if wanted.lower() in line.lower()]


def since_ns(text: str, now: int) -> int | None:
    """From when on; 0 is from the beginning. None: it cannot be read."""
    found = _SINCE.fullmatch(text)
    if found is None:
        return None
    return 0 if found[1] is None else now - int(found[1]) * _SECONDS[found[2]] * SECOND
