"""Logs as texts: the file of a build, and what docker says a container wrote."""

from __future__ import annotations

from collections.abc import Iterable

from tui.demo.clock import SECOND, rfc3339
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.words import row_status
from tui.demo.entities import Deployment, Phase, Service
from tui.demo.flows import Log, merged, tail
from tui.demo.scripts import Line
from tui.demo.world import World


def build_file(one: Deployment, site: Site) -> str:
    """As far as it is written. It has no times; the framing is Dokploy's own."""
    text = "Initializing deployment\nCloning Repo to /etc/dokploy/applications: ✅\n"
    text += "".join(f"{line.text.removesuffix(chr(10))}\n" for line in one.build_lines(site.world.now))
    said = row_status(one, site)
    if one.phase is Phase.FAILED or said == "error":
        return text + "Error occurred ❌, check the logs for details.\n"
    return text if said == "running" else text + "Docker Deployed: ✅\n"


def stamped(lines: Iterable[Line]) -> str:
    """As `docker logs --timestamps` through a pty: nanoseconds, and a carriage return at each end."""
    rows = []
    for line in lines:
        stamp = _nine(line.at)
        rows += [f"{stamp} {part}\r\n" for part in line.text.removesuffix("\n").split("\n")]
    return "".join(rows)


def _nine(at: int) -> str:
    whole, fraction = divmod(at, SECOND)
    return f"{rfc3339(whole * SECOND).removesuffix('Z')}.{fraction:09d}Z"


def logs_of(service: Service) -> list[Log[Line]]:
    """Of everything that could have written lately."""
    found: list[Log[Line]] = []
    for one in service.deployments:
        if one.lines.flows or one.lines.notes:
            found.append(one.lines)
        if len(found) >= 4 and one.removed_at is not None:
            break
    return found


def last_lines(world: World, service: Service, count: int, since: int = 0) -> list[Line]:
    return tail(logs_of(service), world.now - 1, count, since=since)


def new_lines(world: World, service: Service, after: int) -> list[Line]:
    recent = [one.lines for one in service.recent[:6] if one.lines.flows or one.lines.notes]
    return merged(recent, after, world.now - 1)
