"""Sets a deployment writing: runtime lines and HTTP requests, at its share of the world's rates."""

from __future__ import annotations

from tui.demo.cast import DYING, Fate
from tui.demo.clock import SECOND
from tui.demo.entities import Deployment
from tui.demo.flows import Steady
from tui.demo.scripts import writer
from tui.demo.traffic import requests
from tui.demo.world import World


def write_lines(deployment: Deployment, start: int, lines_per_second: float) -> None:
    service = deployment.service
    flavour = "errors" if deployment.commit.fate is Fate.ERRORS else service.flavour
    salt = int(deployment.id[-8:], 16) ^ len(deployment.lines.flows)
    write = writer(flavour, [instance.id for instance in deployment.instances], deployment.id, salt)
    period = max(1, round(SECOND / lines_per_second))
    deployment.lines.flows.append(Steady(start, period, write, salt))


def write_requests(world: World, deployment: Deployment, start: int) -> None:
    service = deployment.service
    if service.routes is None or service.host is None:
        return
    salt = int(deployment.id[-8:], 16)
    ids = [instance.id for instance in deployment.instances]
    failing = deployment.commit.fate is Fate.ERRORS
    write = requests(service.routes, service.host, ids, deployment.id, salt, failing=failing)
    period = round(SECOND / world.requests_per_second(service))
    deployment.requests.flows.append(Steady(start, period, write, salt, twins=False))


def set_log_rate(world: World, lines_per_second: float) -> None:
    """So many runtime lines a second in all, from now on; what is above the usual comes from one service."""
    if lines_per_second <= 0:
        raise ValueError("a log rate is above zero")
    world.log_rate = lines_per_second
    running = [one for service in world.services for one in service.active if one.commit.fate not in DYING]
    running.sort(key=lambda one: one.service is world.loud)  # last: it makes up for the others
    for one in running:
        for flow in one.lines.flows:
            if isinstance(flow, Steady) and flow.end is None:
                flow.end = world.now
        write_lines(one, world.now, world.lines_per_second(one.service))
    world.wake()
