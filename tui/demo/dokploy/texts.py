"""Logs as texts: the file of a build, and what docker says a container wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tui.demo.clock import SECOND, rfc3339
from tui.demo.dokploy import ids
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.words import row_status
from tui.demo.entities import Deployment, Service
from tui.demo.flows import Log, merged, tail
from tui.demo.scripts import Line
from tui.demo.world import World


def build_file(one: Deployment, site: Site) -> str:
    """As far as it is written. It has no times; the framing is Dokploy's own. It only ever grows."""
    place = "compose" if ids.type_of(one.service) == "compose" else "applications"
    name, repo = ids.app_name(one.service), one.service.repo
    text = "Initializing deployment\n"
    if one.build is not None:
        text += f"Cloning Repo git.tools.example/{repo}.git to /etc/dokploy/{place}/{name}/code: ✅\n"
        text += "".join(f"Receiving objects: {part}% ({part}/100)\r" for part in (33, 66, 100))
        text += f"Receiving objects: 100% (100/100), done.\nBuilding {name}\n"
    text += "".join(f"{line.text.removesuffix(chr(10))}\n" for line in one.build_lines(site.world.now))
    match row_status(one, site):
        case "running" | "cancelled":
            return text
        case "error":
            return text + "Error occurred ❌, check the logs for details.\n"
    return text + "Docker Deployed: ✅\n"


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


def last_lines(
    world: World, service: Service, count: int, since: int = 0, keep: Callable[[Line], bool] | None = None
) -> list[Line]:
    return tail(logs_of(service), world.now - 1, count, since=since, keep=keep)


def new_lines(world: World, service: Service, after: int) -> list[Line]:
    recent = [one.lines for one in service.recent[:6] if one.lines.flows or one.lines.notes]
    return merged(recent, after, world.now - 1)
