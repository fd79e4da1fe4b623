"""The world's back door, for tests in other processes: JSON over HTTP under /_demo on every address it serves.

GET  /_demo/state      what there is, what was done to it, which faults wait
POST /_demo/advance    {"seconds": 5}: time passes (added to real time where the clock is not frozen)
POST /_demo/fault      {"kind": "drop", "operation": "deploymentLogs", "channel": "socket", "count": 1, ...}
                       {"kind": "dbdown"}: Dokploy's database is down until faults are cleared
                       {"kind": "bad-deploy", "operation": "tools/production/status-page", "detail": "crashes"}:
                       the next deployment there meets that fate; unhealthy, which swarm rolls back, is the usual one
POST /_demo/clear      {}: no more faults
POST /_demo/log-rate   {"lines_per_second": 2000}
POST /_demo/line       {"service": "shop/production/api", "text": "...", "level": "info", "repeat": 1}
POST /_demo/push       {"service": "...", "fate": "good"}: somebody pushes a commit
POST /_demo/add        {"service": "tools/production/dokploy-docs"}: one more service, of those in `parts.EXTRAS`
POST /_demo/word       {"deployment": "...", "status": "HIBERNATING"}: a status from the future
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tui.demo.cast import fate_of
from tui.demo.clock import rfc3339
from tui.demo.entities import Deployment
from tui.demo.lifecycle import push, say
from tui.demo.story import add_extra
from tui.demo.world import World
from tui.demo.writing import set_log_rate

Order = Callable[[World, dict[str, Any]], object]


def routes(world: World) -> list[BaseRoute]:
    async def state(_request: Request) -> Response:
        return JSONResponse(_state(world))

    return [
        Route("/_demo/state", state, methods=["GET"]),
        *(Route(f"/_demo/{name}", _carry_out(world, order), methods=["POST"]) for name, order in _ORDERS.items()),
    ]


def _carry_out(world: World, order: Order) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        # Only JSON, said to be JSON: a web page in somebody's browser cannot send that here unasked.
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return JSONResponse({"error": "send application/json"}, 415)
        try:
            done = order(world, json.loads(await request.body() or b"{}"))
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)
        return JSONResponse({"now": rfc3339(world.now), "done": done})

    return endpoint


def _advance(world: World, order: dict[str, Any]) -> None:
    world.advance(float(order["seconds"]))


def _fault(world: World, order: dict[str, Any]) -> None:
    world.faults.add(**order)


def _clear(world: World, _order: dict[str, Any]) -> None:
    world.faults.clear()


def _log_rate(world: World, order: dict[str, Any]) -> None:
    set_log_rate(world, float(order["lines_per_second"]))


def _line(world: World, order: dict[str, Any]) -> str:
    one = _running(world, order["service"])
    say(world, one, str(order["text"]) * int(order.get("repeat", 1)), order.get("level", "info"))
    return one.id


def _push(world: World, order: dict[str, Any]) -> str:
    made = push(world, world.service(order["service"]), fate_of(str(order.get("fate", "good"))), order.get("message"))
    world.wake()
    return made.id


def _add(world: World, order: dict[str, Any]) -> str:
    added = add_extra(world, order["service"])
    world.wake()
    return added.id


def _word(world: World, order: dict[str, Any]) -> None:
    world.deployment(order["deployment"]).word = str(order["status"])


_ORDERS: dict[str, Order] = {
    "advance": _advance,
    "fault": _fault,
    "clear": _clear,
    "log-rate": _log_rate,
    "line": _line,
    "push": _push,
    "add": _add,
    "word": _word,
}


def _running(world: World, path: str) -> Deployment:
    active = world.service(path).active
    if not active:
        raise KeyError(f"nothing runs at {path}")
    return active[0]


def _state(world: World) -> dict[str, Any]:
    return {
        "now": rfc3339(world.now),
        "frozen": world.clock.frozen,
        "seed": world.seed,
        "log_rate": world.log_rate,
        "calls": [{"verb": verb, "id": id_, "count": count} for (verb, id_), count in world.calls.items()],
        "faults": [{"kind": one.kind, "operation": one.operation, "count": one.count} for one in world.faults],
        "services": [
            {
                "path": one.path,
                "id": one.id,
                "service_id": one.service_id,
                "environment_id": one.environment.id,
                "project_id": one.environment.project.id,
                "latest": one.latest
                and {"id": one.latest.id, "phase": one.latest.phase, "stopped": one.latest.stopped},
                "active": [each.id for each in one.active],
            }
            for one in world.services
        ],
    }
