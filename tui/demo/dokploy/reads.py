"""Queries: what can be asked of Dokploy without changing anything."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from tui.demo.clock import SECOND, nanoseconds, rfc3339
from tui.demo.dokploy import ids, texts, words
from tui.demo.dokploy.asking import Asked, Refusal, no_access, not_found
from tui.demo.dokploy.words import Wire
from tui.demo.entities import Service
from tui.demo.traffic import Request

VERSION = "v0.30.2"
OLD_VERSION = "v0.28.8"
OLDEST = 500  # lines that are read of the access log where no dates are given
_SINCE = re.compile(r"all|(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def health(_asked: Asked) -> Wire:
    return {"status": "ok"}


def version(_asked: Asked) -> str:
    return VERSION


def old_version(_asked: Asked) -> str:
    return OLD_VERSION


def organization(asked: Asked) -> Wire:
    return {
        "id": ids.nanoid("organization"),
        "name": "acme",
        "ownerId": ids.nanoid(asked.key.person.email),
        "logo": None,
    }


def permissions(asked: Asked) -> Wire:
    every = asked.key.may_all
    return {
        "deployment": {"read": True, "create": every, "cancel": every},
        "docker": {"read": every},
        "service": {"read": True, "create": every, "delete": every},
        "logs": {"read": True},
        "monitoring": {"read": every},
    }


def user(asked: Asked) -> Wire:
    person = asked.key.person
    return {
        "id": ids.nanoid(person.email),
        "role": asked.key.role,
        "user": {"email": person.email, "name": person.name},
    }


def servers(_asked: Asked) -> list[Wire]:
    return []


# inventory


def overview(asked: Asked) -> list[Wire]:
    return [words.overview(one) for one in asked.site.services]


def projects(asked: Asked) -> list[Wire]:
    return [words.project(one, thin=True) for one in asked.world.estate("dokploy").projects]


def tree(asked: Asked) -> list[Wire]:
    asked.needs_all()
    return [words.project(one) for one in asked.world.estate("dokploy").projects]


def project(asked: Asked) -> Wire:
    for one in asked.world.estate("dokploy").projects:
        if ids.nanoid("project", one.id) == asked.given["projectId"]:
            return words.project(one)
    raise not_found("Project")


def environments(asked: Asked) -> list[Wire]:
    for one in asked.world.estate("dokploy").projects:
        if ids.nanoid("project", one.id) == asked.given["projectId"]:
            return [words.environment(each) for each in one.environments]
    return []


def environment(asked: Asked) -> Wire:
    for one in asked.world.estate("dokploy").environments:
        if ids.nanoid("environment", one.id) == asked.given["environmentId"]:
            return words.environment(one)
    raise not_found("Environment")


def one_of(type_: str) -> Any:  # noqa: ANN401 - a handler
    def one(asked: Asked) -> Wire:
        service = asked.service(type_)
        asked.needs_all()
        return words.full(service, asked.site)

    return one


def domains(asked: Asked) -> list[Wire]:
    service = asked.site.service(str(asked.given["applicationId"]))
    if service is None or service.host is None:
        return []
    return [
        {"domainId": ids.nanoid("domain", service.id), "host": service.host, "https": True, "path": "/", "port": 3000}
    ]


# deployments


def deployments(asked: Asked) -> list[Wire]:
    """An unknown id is an empty list."""
    return _rows(asked, str(asked.given["applicationId"]), "application")


def compose_deployments(asked: Asked) -> list[Wire]:
    return _rows(asked, str(asked.given["composeId"]), "compose")


def _rows(asked: Asked, id_: str, type_: str) -> list[Wire]:
    service = asked.site.service(id_)
    if service is None or ids.type_of(service) != type_:
        return []
    return [words.deployment(one, asked.site) for one in asked.site.rows(service)]


def server_deployments(_asked: Asked) -> list[Wire]:
    raise not_found("Server")


def central(asked: Asked) -> list[Wire]:
    found = [
        one
        for service in asked.site.services
        if ids.type_of(service) in ("application", "compose")
        for one in asked.site.rows(service)
    ]
    found.sort(key=ids.started_at, reverse=True)
    return [words.central(one, asked.site) for one in found]


def queue(asked: Asked) -> list[Wire]:
    return [words.job(one, asked.site) for one in asked.site.jobs()]


def by_type(asked: Asked) -> list[Wire]:
    type_ = str(asked.given["type"])
    service = asked.site.service(str(asked.given["id"]))
    if service is None or ids.type_of(service) != type_:
        return []
    return [words.by_type(one, asked.site) for one in asked.site.rows(service)]


def build_log(asked: Asked) -> str:
    one = asked.deployment()
    lines = texts.build_file(one, asked.site).splitlines()
    return "\n".join(lines[-int(asked.given.get("tail", 100)) :]) + "\n"


def runtime_log(type_: str) -> Any:  # noqa: ANN401 - a handler
    def read(asked: Asked) -> str:
        service = asked.service(type_)
        if not words.containers(service, asked.world.now):
            raise Refusal(500, "INTERNAL_SERVER_ERROR", f"No container or service found for: {ids.app_name(service)}")
        since = since_ns(asked, str(asked.given.get("since") or "all"))
        text = texts.stamped(texts.last_lines(asked.world, service, int(asked.given.get("tail", 100)), since))
        text = text.replace("\r\n", "\n")
        wanted = str(asked.given.get("search") or "")
        if not wanted:
            return text
        found = "".join(f"{line}\n" for line in text.splitlines() if wanted.lower() in line.lower())
        if not found:
            raise Refusal(500, "INTERNAL_SERVER_ERROR", f"Command execution failed: Command failed: grep -iF {wanted}")
        return found

    return read


def since_ns(asked: Asked, text: str) -> int:
    found = _SINCE.fullmatch(text)
    if found is None:
        raise Refusal(400, "BAD_REQUEST", "Invalid since parameter")
    if found[1] is None:
        return 0
    return asked.world.now - int(found[1]) * _SECONDS[found[2]] * SECOND


# docker


def containers(asked: Asked) -> list[Wire]:
    asked.needs_all()
    return [each for service in asked.site.services for each in words.containers(service, asked.world.now)]


def containers_by_name(asked: Asked) -> list[Wire]:
    """A prefix grep: `shop` finds `shop-api` too."""
    name = str(asked.given["appName"])
    found = [each for each in _all(asked) if each["name"].startswith(name)]
    return [{key: each[key] for key in ("containerId", "name", "state", "status")} for each in found]


def tasks_by_name(asked: Asked) -> list[Wire]:
    asked.needs_all()
    found = containers_by_name(asked)
    return [
        {
            **each,
            "containerId": each["name"].rpartition(".")[2],
            "currentState": each["status"],
            "error": "",
            "node": "main",
        }
        for each in found
    ]


def _all(asked: Asked) -> list[Wire]:
    return [each for service in asked.site.services for each in words.containers(service, asked.world.now)]


# HTTP requests: tRPC only


def requests_recorded(asked: Asked) -> bool:
    return asked.site.requests_recorded


def stats_logs(asked: Asked) -> Wire:
    """Without both dates the oldest lines of the file. `Duration` in nanoseconds."""
    dates = asked.given.get("dateRange") or {}
    start, end = (dates.get("start"), dates.get("end")) if isinstance(dates, dict) else (None, None)
    now = asked.world.now
    if start and end:
        since, until = _instant(start), min(_instant(end), now - 1)
        found = _requests(asked, since, until)
    else:
        found = _requests(asked, now - 3600 * SECOND, now - 1)[:OLDEST]
    host = str(asked.given.get("search") or "").lower()
    found = [(service, each) for service, each in found if host in each.host.lower()]
    sort = asked.given.get("sort") or {}
    if isinstance(sort, dict) and sort.get("desc"):
        found.reverse()
    page = asked.given.get("page") or {}
    size, index = int(page.get("pageSize", 100)), int(page.get("pageIndex", 0))
    shown = found[index * size : (index + 1) * size]
    return {"data": [_entry(service, each) for service, each in shown], "totalCount": len(found)}


def _requests(asked: Asked, since: int, until: int) -> list[tuple[Service, Request]]:
    if not asked.key.may_all:
        raise no_access()
    found = [
        (service, each)
        for service in asked.site.services
        for one in service.recent
        for each in one.requests.window(since, until)
    ]
    found.sort(key=lambda pair: pair[1].at)
    return found


def _instant(text: str) -> int:
    return nanoseconds(datetime.fromisoformat(text))


def _entry(service: Service, one: Request) -> Wire:
    name = ids.app_name(service)
    router = f"{name}-1-web@docker" if ids.type_of(service) == "compose" else f"{name}-service-1@file"
    return {
        "ClientHost": one.client_ip,
        "DownstreamContentSize": one.bytes_out,
        "DownstreamStatus": one.status,
        "Duration": one.duration_ms * 1_000_000 + 431_207,
        "OriginDuration": one.upstream_ms * 1_000_000,
        "RequestCount": int(one.id.replace("-", "")[:7], 36) if one.id.replace("-", "")[:7].isalnum() else 1,
        "RequestHost": one.host,
        "RequestMethod": one.method,
        "RequestPath": one.path,
        "RequestProtocol": "HTTP/2.0",
        "RetryAttempts": 0,
        "RouterName": router.replace("-service-", "-router-"),
        "ServiceName": router,
        "ServiceURL": {"Scheme": "http", "Host": f"{name}:3000"},
        "StartUTC": rfc3339(one.at),
        "TLSVersion": "1.3",
    }
