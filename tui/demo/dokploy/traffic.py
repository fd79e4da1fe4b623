"""The log of HTTP requests that Traefik writes, as Dokploy reads it: by tRPC alone, of all sites at once."""

from __future__ import annotations

from datetime import datetime

from tui.demo.clock import HOUR, nanoseconds, rfc3339
from tui.demo.dokploy import ids
from tui.demo.dokploy.asking import Asked
from tui.demo.dokploy.words import Wire
from tui.demo.entities import Service
from tui.demo.traffic import Request

OLDEST = 500  # lines that are read of the file where no dates are given
_STATUSES = {"info": 1, "success": 2, "redirect": 3, "client": 4, "server": 5}


def is_recorded(asked: Asked) -> bool:
    return asked.site.unrecorded_from is None


def toggle(asked: Asked) -> bool:
    site, now = asked.site, asked.world.now
    asked.world.calls["toggle-requests", "dokploy"] += 1
    if asked.given["enable"]:
        if site.unrecorded_from is not None:
            site.unrecorded.append((site.unrecorded_from, now))
        site.unrecorded_from = None
    elif site.unrecorded_from is None:
        site.unrecorded_from = now
    return True


def read(asked: Asked) -> Wire:
    """Without both dates the oldest lines of the file, however old. `Duration` in nanoseconds."""
    given = asked.given
    dates = given.get("dateRange") or {}
    begin, now = asked.world.started_at - HOUR, asked.world.now
    if dates.get("start") and dates.get("end"):
        found = _requests(asked, max(begin, _instant(dates["start"])), min(_instant(dates["end"]), now - 1))
    else:
        found = _requests(asked, begin, now - 1)[:OLDEST]
    host = str(given.get("search") or "").lower()
    classes = {_STATUSES.get(word) for word in given.get("status") or ()}
    found = [
        (service, each)
        for service, each in found
        if host in each.host.lower() and (not classes or each.status // 100 in classes)
    ]
    if (given.get("sort") or {}).get("desc"):
        found.reverse()
    page = given.get("page") or {}
    size, index = int(page.get("pageSize", 100)), int(page.get("pageIndex", 0))
    shown = found[index * size : (index + 1) * size]
    return {"data": [_entry(service, each) for service, each in shown], "totalCount": len(found)}


def hourly(asked: Asked) -> list[Wire]:
    counts: dict[str, int] = {}
    for _, each in _requests(asked, asked.world.started_at - HOUR, asked.world.now - 1):
        hour = rfc3339(each.at - each.at % HOUR)
        counts[hour] = counts.get(hour, 0) + 1
    return [{"hour": hour, "count": count} for hour, count in counts.items()]


def _requests(asked: Asked, since: int, until: int) -> list[tuple[Service, Request]]:
    """In the file's order: oldest first."""
    site = asked.site
    gaps = [*site.unrecorded, *([] if site.unrecorded_from is None else [(site.unrecorded_from, asked.world.now)])]
    found = [
        (service, each)
        for service in site.services
        for one in service.recent
        for each in one.requests.window(since, until)
        if not any(start <= each.at < end for start, end in gaps)
    ]
    found.sort(key=lambda pair: pair[1].at)
    return found


def _instant(text: str) -> int:
    return nanoseconds(datetime.fromisoformat(text))


def _entry(service: Service, one: Request) -> Wire:
    name = ids.app_name(service)
    is_compose = ids.type_of(service) == "compose"
    return {
        "ClientAddr": f"{one.client_ip}:56732",
        "ClientHost": one.client_ip,
        "ClientPort": "56732",
        "ClientUsername": "-",
        "DownstreamContentSize": one.bytes_out,
        "DownstreamStatus": one.status,
        "Duration": one.duration_ms * 1_000_000 + 431_207,
        "OriginContentSize": one.bytes_out,
        "OriginDuration": one.upstream_ms * 1_000_000,
        "OriginStatus": one.status,
        "Overhead": 431_207,
        "RequestAddr": one.host,
        "RequestContentSize": one.bytes_in,
        "RequestCount": int(one.id[-6:], 16),
        "RequestHost": one.host,
        "RequestMethod": one.method,
        "RequestPath": one.path,
        "RequestPort": "-",
        "RequestProtocol": "HTTP/2.0",
        "RequestScheme": "https",
        "RetryAttempts": 0,
        "RouterName": f"{name}-1-websecure@docker" if is_compose else f"{name}-router-websecure-1@file",
        "ServiceAddr": "10.0.1.15:3000",
        "ServiceName": f"{name}-1-websecure@docker" if is_compose else f"{name}-service-1@file",
        # The field of Traefik's that changed its type: of a container an object still.
        "ServiceURL": {"Scheme": "http", "Host": "10.0.1.15:3000"} if is_compose else f"http://{name}:3000",
        "StartLocal": rfc3339(one.at),
        "StartUTC": rfc3339(one.at),
        "TLSVersion": "1.3",
        "entryPointName": "websecure",
        "level": "info",
        "msg": "",
        "time": rfc3339(one.at - one.at % 1_000_000_000),
    }
