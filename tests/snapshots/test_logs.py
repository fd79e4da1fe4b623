"""The log pane in its states as pictures."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.entities import NOW, deployment, service
from tests.screens.running import sees
from tests.scripted import scripted
from tests.snapshots.showing import SIZES, Before, Compare, pressed, shown, utc
from tui.engine.engine import Account
from tui.model.log import GapKind, HttpRequest, Level, LogEntry, LogGap, LogKind, LogLine
from tui.model.status import Status

__all__ = ["utc"]

BEGAN_S = 900  # seconds before now, of the deployment that speaks
ROUTES = (("GET", "/orders/{}"), ("POST", "/orders"), ("GET", "/stock"), ("GET", "/customers/{}"))


def world() -> Account:
    """Two services: half an hour of api's log over two deployments, the second of which made it worse."""
    old = deployment("api-1", Status.SUPERSEDED, ago_s=90_000)
    new = deployment("api-2", ago_s=BEGAN_S, message="Pay by the new gateway")
    account, platform = scripted(service("api", latest=new, live=new), service("web"))
    platform.log_kinds = frozenset(LogKind)  # type: ignore[misc]
    platform.history[platform.services[0].ref] = [new, old]
    api, web = platform.services[0].ref, platform.services[1].ref
    platform.log(api, LogKind.RUNTIME, [_line(n) for n in range(450)])
    platform.log(api, LogKind.HTTP, [_request(n) for n in range(450)])
    platform.log(
        web, LogKind.RUNTIME, [LogLine(_at(4 * n + 1), f"rendered page {n} in {n % 40} ms") for n in range(450)]
    )
    return account


def _at(second: int) -> Any:  # noqa: ANN401 - datetime
    return NOW + timedelta(seconds=second - 2 * BEGAN_S)


def _line(n: int) -> LogEntry:
    by = "api-2" if n >= 225 else "api-1"
    at = _at(n * 4)
    if n >= 225 and n % 9 == 0:
        raw = json.dumps({"level": "error", "msg": "payment refused", "order": n, "gateway": "new", "code": 4402})
        return LogLine(at, raw, deployment=by)
    if n % 31 == 0:
        return LogLine(at, f"retrying stripe call after 429, attempt {n % 3}", Level.WARN, by)
    if n % 50 == 7:
        return LogLine(at, f"\x1b[32mINFO\x1b[0m 漢字 order {n} accepted, \x1b[1m{n % 5} items\x1b[0m", deployment=by)
    return LogLine(at, f'10.0.3.7 - "GET /v1/orders/{n:04x} HTTP/1.1" 200 OK', deployment=by)


def _request(n: int) -> LogEntry:
    method, path = ROUTES[n % len(ROUTES)]
    after = n >= 225
    bad = method == "POST" and after and n % 3 == 0
    took = (480 if after else 90) + n * 7 % 90 if method == "POST" else 10 + n * 7 % 40
    return HttpRequest(
        _at(n * 4),
        f"r{n}",
        method,
        path.format(f"{n:04x}"),
        502 if bad else 404 if n % 40 == 0 else 200,
        took,
        f"203.0.113.{n % 250}",
        bytes_sent=n * 97 % 20_000,
        deployment="api-2" if after else "api-1",
        detail="upstream closed the connection" if bad else "",
    )


def with_gaps() -> Account:
    """A log that is not whole: what the platform dropped, a cut that left a gap, one that was read back."""
    live = deployment("api-1", ago_s=90_000)
    account, platform = scripted(service("api", latest=live, live=live))
    lines: list[LogEntry] = [LogLine(_at(4 * n), f"GET /v1/orders/{n:04x} 200", deployment="api-1") for n in range(440)]
    lines[-4:-4] = [LogGap(_at(1744), "more than Scripted keeps came while we were away", None, until=_at(1768))]
    lines[-8:-8] = [LogGap(_at(1728), "more came than it takes", 312, GapKind.DROPPED)]
    lines[-12:-12] = [LogGap(_at(1712), "cut", until=_at(1713), filled=41, closed=True)]
    platform.log(platform.services[0].ref, LogKind.RUNTIME, lines)
    return account


async def _gaps(pilot: Pilot[Any]) -> None:
    await sees(pilot, "01b7", "enter reads it")


async def _api(pilot: Pilot[Any]) -> None:
    await sees(pilot, "01c1")


async def _http(pilot: Pilot[Any]) -> None:
    await _api(pilot)
    await pilot.press("3", "right_square_bracket")
    await sees(pilot, "/customers/01bf", "p95")


SCREENS: dict[str, Before] = {
    "log": pressed("3", then=("3 Logs",), start=_api),
    "log-found": pressed("3", "slash", *"refused", "enter", "N", then=("/refused 24 of 25",), start=_api),
    "log-filter": pressed("3", "ampersand", *"level>=warn", "enter", "p", then=("& level>=warn 39",), start=_api),
    "log-filter-asked": pressed("3", "ampersand", *"level>=loud", then=("level>=loud",), start=_api),
    "log-volume": pressed("3", "i", "p", *"kkkk", then=("a bar",), start=_api),
    "log-marked": pressed(
        "3", "p", "k", "M", *"the first one", "enter", "V", "k", "k", then=("selecting",), start=_api
    ),
    "log-merged": pressed("m", "j", "m", "3", then=("merged: api, web", "rendered page 449"), start=_api),
    "log-wrapped": pressed("3", "w", "x", then=("raw",), start=_api),
    "log-line": pressed("3", "E", "enter", then=("Line", "gateway"), start=_api),
    "patterns": pressed("3", "r", then=("1 new error", "payment refused"), start=_api),
    "http": pressed(then=("5xx", "since"), start=_http),
    "routes": pressed("r", then=("Requests of api", "worse"), start=_http),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_log(name: str, size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(shown(world()), terminal_size=size, run_before=SCREENS[name])


GAPS: dict[str, Before] = {
    "gaps": pressed("3", "E", then=("enter reads it", "paused"), start=_gaps),
    "completeness": pressed("3", "percent_sign", then=("Completeness of the runtime log", "312"), start=_gaps),
}


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", GAPS)
def test_gaps(name: str, size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(shown(with_gaps()), terminal_size=size, run_before=GAPS[name])
