"""What Docker is asked through Dokploy: which containers there are, and what to do with one of them."""

from __future__ import annotations

from collections.abc import Callable

from tui.demo import lifecycle
from tui.demo.dokploy import ids, words
from tui.demo.dokploy.asking import VOID, Asked, failed
from tui.demo.dokploy.containers import Container, every_container, of_app
from tui.demo.dokploy.words import Wire
from tui.demo.entities import Deployment
from tui.demo.world import Denied, World


def containers(asked: Asked) -> list[Wire]:
    asked.needs("docker")
    return [words.container(one, asked.world.now) for one in every_container(asked.site)]


def by_name(asked: Asked) -> list[Wire]:
    """A prefix grep: `shop` finds `shop-api` too. Of a compose service exactly its own, by their label."""
    name, type_ = str(asked.given["appName"]), asked.given.get("appType")
    if type_ == "stack" or asked.given.get("serverId"):
        return []  # there are no stacks, and the one other server cannot be reached
    if type_ == "docker-compose":
        found = of_app(asked.site, name)
    else:
        found = [one for one in every_container(asked.site) if one.name.startswith(name)]
    return [_of(words.container(one, asked.world.now), "containerId", "name", "state", "status") for one in found]


def by_label(asked: Asked) -> list[Wire]:
    asked.needs("docker")
    found = of_app(asked.site, str(asked.given["appName"]))
    return [_of(words.container(one, asked.world.now), "containerId", "name", "state") for one in found]


def tasks(asked: Asked) -> list[Wire]:
    asked.needs("docker")
    found = of_app(asked.site, str(asked.given["appName"]))
    is_swarm = bool(found) and ids.type_of(found[0].one.service) != "compose"
    return [words.task(one, asked.world.now) for one in found] if is_swarm else []


def stack_tasks(asked: Asked) -> list[Wire]:
    """All services here are of the docker-compose kind."""
    asked.needs("docker")
    return []


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
    found = [one for one in every_container(asked.site) if one.until is None]
    return next((one for one in found if wanted in (one.id, one.name)), None)
