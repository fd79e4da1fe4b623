"""What Docker is asked through Dokploy: which containers there are, and what to do with one of them."""

from __future__ import annotations

from collections.abc import Callable

from tui.demo import lifecycle
from tui.demo.dokploy import containers as there
from tui.demo.dokploy import ids, words
from tui.demo.dokploy.asking import VOID, Asked, failed
from tui.demo.dokploy.containers import Container, every_container, of_app
from tui.demo.dokploy.words import Wire
from tui.demo.entities import UP, Deployment, Service
from tui.demo.world import Denied, World


def containers(asked: Asked) -> list[Wire]:
    """Dokploy takes whatever has its name in it for a container of its own, and leaves it out."""
    asked.needs("docker")
    found = [one for one in every_container(asked.site) if "dokploy" not in one.name]
    return [words.container(one, asked.world.now) for one in found]


def by_name(asked: Asked) -> list[Wire]:
    """A prefix grep: `shop` finds `shop-api` too. Of a compose service exactly its own, by their label."""
    name, type_ = str(asked.given["appName"]), asked.given.get("appType")
    if asked.given.get("serverId"):
        return []  # the one other server cannot be reached
    if type_ == "stack":
        found = [words.task(one, asked.world.now) for one in of_app(asked.site, name) if _is_of_stack(one)]
        return [_of(row, "containerId", "name", "state", "node") for row in found if row["state"] == "running"]
    if type_ == "docker-compose":
        listed = of_app(asked.site, name)
    else:
        listed = [one for one in every_container(asked.site) if one.name.startswith(name)]
    return [_of(words.container(one, asked.world.now), "containerId", "name", "state", "status") for one in listed]


def by_label(asked: Asked) -> list[Wire]:
    asked.needs("docker")
    found = of_app(asked.site, str(asked.given["appName"]))
    return [_of(words.container(one, asked.world.now), "containerId", "name", "state") for one in found]


def tasks(asked: Asked) -> list[Wire]:
    asked.needs("docker")
    return _tasks(asked, lambda service: service.is_swarm and service.kind != "stack")


def stack_tasks(asked: Asked) -> list[Wire]:
    asked.needs("docker")
    return _tasks(asked, lambda service: service.kind == "stack")


def _tasks(asked: Asked, is_meant: Callable[[Service], bool]) -> list[Wire]:
    """Return the tasks slot by slot, newest first. The last row has `Error:` where it should have nothing."""
    name, site = str(asked.given["appName"]), asked.site
    if asked.given.get("serverId"):
        return []
    found = next((one for one in site.services if ids.app_name(one) == name and is_meant(one)), None)
    slots = [] if found is None else there.tasks(found, site)
    rows = [words.task(one, asked.world.now) for slot in slots for one in slot]
    if rows and not rows[-1]["error"]:
        rows[-1]["error"] = "Error:"
    return rows


def _is_of_stack(one: Container) -> bool:
    return one.one.service.kind == "stack"


def _of(row: Wire, *keys: str) -> Wire:
    return {key: row[key] for key in keys}


# orders


def order(verb: str, act: Callable[[World, Deployment], None]) -> Callable[[Asked], object]:
    """To one container by its id; the world has no smaller thing than its deployment."""

    def ordered(asked: Asked) -> object:
        asked.needs("docker")
        wanted = str(asked.given["containerId"])
        command = f"docker container {verb} {wanted}"
        one = _running(asked, wanted)
        if one is None:
            raise failed(command, f"Error response from daemon: No such container: {wanted}")
        try:
            act(asked.world, one.one)
        except Denied as denied:
            raise failed(command, f"Error response from daemon: {denied}") from None
        return VOID

    return ordered


restart = order("restart", lifecycle.restart)
start = order("start", lifecycle.start)
stop = order("stop", lifecycle.stop)
kill = order("kill", lifecycle.stop)


def _running(asked: Asked, wanted: str) -> Container | None:
    return next((one for one in every_container(asked.site) if _is_current(one) and wanted in (one.id, one.name)), None)


def _is_current(one: Container) -> bool:
    """Tell whether its deployment's newest instances are meant, whatever state they are in."""
    return one.task is None or (one.task.run == len(one.one.runs) - 1 and one.one.phase in UP)
