"""What Dokploy's sockets stream: the file of a build, what containers write, how busy they are."""

from __future__ import annotations

import json
import random
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from tui.demo.clock import SECOND, rfc3339_ms
from tui.demo.dokploy import ids, texts
from tui.demo.dokploy.containers import Container, every_container, of_app, up_to_date
from tui.demo.dokploy.inventory import SERVER
from tui.demo.dokploy.reads import since_ns
from tui.demo.dokploy.site import Site
from tui.demo.dokploy.tokens import Key, Tokens
from tui.demo.entities import Deployment, Service
from tui.demo.flows import mix
from tui.demo.scripts import Line
from tui.demo.world import World

FRAME = 64 * 1024  # bytes
NO_CODE = None  # a close frame without anything in it, which the client reads as 1005
STATS_EVERY = 1_300_000_000
_LOG_PATH = re.compile(r"[\w/. :\[\]-]{1,500}")
_CONTAINER = re.compile(r"[0-9a-f]{12,64}|[a-zA-Z0-9][\w.-]{0,127}")
_SEARCH = re.compile(r"[a-zA-Z0-9 ._-]{0,500}")


class Refused(Exception):
    """The socket is closed with this; the handshake has long succeeded."""

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(slots=True)
class Opened:
    """One socket as its stream sees it. `moments()` gives one at once, and one whenever time has passed.

    `sent` is how many lines have gone out.
    """

    given: Mapping[str, str]
    headers: Mapping[str, str]
    moments: Callable[[], AsyncIterator[None]]
    sent: int = 0


class Streams:
    def __init__(self, world: World, site: Site, tokens: Tokens) -> None:
        self._world = world
        self._site = site
        self._tokens = tokens

    # the file of a build

    async def build(self, opened: Opened) -> AsyncIterator[str]:
        """The whole file from its beginning, then what is appended. It never ends by itself."""
        path = opened.given.get("logPath", "")
        if not path:
            raise Refused(4000, "logPath no provided")
        if not _LOG_PATH.fullmatch(path) or not path.startswith("/etc/dokploy/") or ".." in path:
            raise Refused(4000, "Invalid log path")
        self._key(opened)
        self._reachable(opened)
        one = self._of_path(path)
        if one is None or one.id in self._site.cleared:
            missing = f"tail: cannot open '{path}' for reading: No such file or directory\ntail: no files remaining\n"
            raise _Said(f"tail error: {missing}")
        written, chunks = 0, random.Random(f"chunks:{path}")
        async for _ in opened.moments():
            if one.id in self._site.hidden or one.id in self._site.cleared:
                continue  # the file is gone; `tail` does not say so
            text = texts.build_file(one, self._site)
            for frame in cut_anywhere(text[written:], chunks, within="✅"):
                yield frame
            written, opened.sent = len(text), text.count("\n")

    def _of_path(self, path: str) -> Deployment | None:
        name = path.removeprefix("/etc/dokploy/logs/").partition("/")[0]
        service = next((one for one in self._site.services if ids.app_name(one) == name), None)
        rows = [] if service is None else self._site.rows(service)
        return next((one for one in rows if ids.log_path(one) == path and one.id not in self._site.unstarted), None)

    # what containers write

    async def runtime(self, opened: Opened) -> AsyncIterator[str]:
        """The last lines, then what comes. A container that is replaced says nothing more, and neither does this."""
        given = opened.given
        wanted, tail = given.get("containerId", ""), given.get("tail", "100")
        since = since_ns(given.get("since", "all"), self._world.now)
        search = given.get("search", "")
        if not wanted:
            raise Refused(4000, "containerId no provided")
        if not _CONTAINER.fullmatch(wanted):
            raise Refused(4000, "Invalid container ID format")
        if not tail.isdecimal() or int(tail) > 10_000:
            raise Refused(4000, "Invalid tail parameter")
        if since is None:
            raise Refused(4000, "Invalid since parameter")
        if not _SEARCH.fullmatch(search):
            raise Refused(4000, "Invalid search parameter")
        self._may_read(self._key(opened), given.get("serviceId", ""))
        self._reachable(opened)
        source = self._named(wanted) if given.get("runType") == "swarm" else self._container(wanted)
        if source is None:
            yield f"{_unknown(wanted, given.get('runType', ''))}\r\n"
            async for _ in opened.moments():
                pass  # it stays open, and mute
            return
        async for lines in self._lines(opened, source, int(tail), since):
            found = [line for line in lines if search.lower() in line.text.lower()] if search else lines
            opened.sent += len(found)
            for frame in cut_anywhere(texts.stamped(found), random.Random(f"{wanted}:{opened.sent}")):
                yield frame

    async def _lines(self, opened: Opened, source: _Source, tail: int, since: int) -> AsyncIterator[list[Line]]:
        after = self._world.now - 1
        begin = max(since, source.only.writes_from if source.only else 0)
        yield texts.last_lines(self._world, source.service, tail, begin, source.keep(self._site))
        async for _ in opened.moments():
            until = self._world.now - 1
            keep = source.keep(self._site)
            lines = texts.new_lines(self._world, source.service, after)
            after = max(after, until)
            yield lines if keep is None else [line for line in lines if keep(line)]

    def _named(self, name: str) -> _Source | None:
        """Find a swarm service by its name, whatever task of it runs, or one task by its id."""
        service = next((one for one in self._site.services if ids.app_name(one) == name), None)
        if service is not None:
            return _Source(service) if ids.type_of(service) != "compose" else None
        task = next((one for one in every_container(self._site) if one.task is not None and one.task_id == name), None)
        return None if task is None else _Source(task.one.service, task)

    def _container(self, wanted: str) -> _Source | None:
        for one in every_container(self._site):
            if wanted == one.name or (len(wanted) >= 12 and one.id == wanted[:12]):
                return _Source(one.one.service, one)
        return None

    # how busy they are

    async def stats(self, opened: Opened) -> AsyncIterator[str]:
        """Every 1.3 seconds, of an application's first container."""
        name = opened.given.get("appName", "")
        if not name:
            raise Refused(4000, "appName no provided")
        self._may_read(self._key(opened), opened.given.get("serviceId", ""))
        told = 0
        async for _ in opened.moments():
            now = self._world.now
            running = next((one for one in of_app(self._site, name) if one.state(now)[0] == "running"), None)
            if running is None:
                raise Refused(4000, "Container not running")
            if now - told >= STATS_EVERY:
                told = now
                yield json.dumps({"data": _stats(running, now)})

    # who asks, and for what

    def _key(self, opened: Opened) -> Key:
        key = None if self._site.is_down else self._tokens.caller(opened.headers)
        if key is None or not key.check(self._world.now):
            raise Refused(NO_CODE)
        return key

    def _may_read(self, key: Key, service_id: str) -> None:
        """Whoever may not ask Docker may still look at a service of theirs."""
        service = self._site.service(service_id)
        if not key.may_all and (service is None or not key.sees(service)):
            raise Refused(4003, "Not authorized")

    def _reachable(self, opened: Opened) -> None:
        server = opened.given.get("serverId")
        if server == SERVER:
            raise _Said("SSH error: connect ECONNREFUSED 203.0.113.7:22")
        if server:
            raise _Said("Server not found")


class _Said(Refused):
    """One text frame before the close: it stands where lines of a log are expected."""

    def __init__(self, text: str) -> None:
        super().__init__(NO_CODE)
        self.text = text


@dataclass(frozen=True, slots=True)
class _Source:
    """All that a service writes, or one container of it."""

    service: Service
    only: Container | None = None

    def keep(self, site: Site) -> Callable[[Line], bool] | None:
        return None if self.only is None else up_to_date(self.only, site).wrote


def said(refused: Refused) -> str:
    return refused.text if isinstance(refused, _Said) else ""


def _unknown(wanted: str, run_type: str) -> str:
    if run_type == "swarm":
        return f"no such task or service: {wanted}"
    return f"Error response from daemon: No such container: {wanted}"


def cut_anywhere(text: str, rng: random.Random, within: str = "") -> list[str]:
    """Frames that end where it pleases them, in mid-line; one in the middle of the first `within`, a character.

    Each is decoded on its own, as Dokploy does: both halves of a character become U+FFFD. Other characters are spared,
    since what is lost there nobody could tell from what should have come.
    """
    whole, borders, at = text.encode(), {0}, 0
    while at < len(whole):
        at += rng.randint(1, min(FRAME, max(2, len(whole) - at)))
        border = min(at, len(whole))
        while border < len(whole) and whole[border] & 0xC0 == 0x80:
            border -= 1
        borders.add(border)
    if within and (found := whole.find(within.encode())) >= 0:
        borders.add(found + 1)
    ordered = sorted(borders)
    return [whole[start:end].decode(errors="replace") for start, end in pairwise(ordered)]


def _stats(one: Container, now: int) -> dict[str, object]:
    busy, time = mix(now // STATS_EVERY, int(one.id, 16)), rfc3339_ms(now)
    return {
        "cpu": {"value": f"{busy % 1000 / 50:.2f}%", "time": time},
        "memory": {"value": {"used": f"{180 + busy % 64}MiB", "total": "3.82GiB"}, "time": time},
        "disk": {"value": {"diskTotal": 79.9, "diskUsage": 31.2, "diskUsedPercentage": 39.0}, "time": time},
        "network": {"value": {"inputMb": now // SECOND % 9000 / 10, "outputMb": 12.1}, "time": time},
        "block": {"value": {"readMb": 8.2, "writeMb": 0}, "time": time},
    }
