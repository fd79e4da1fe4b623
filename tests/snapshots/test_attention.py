"""The strip of alerts, and what a deployment's page says of it against the one before, as pictures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.entities import NOW, deployment, service
from tests.screens.running import sees
from tests.scripted import scripted
from tests.snapshots.showing import SIZES, Before, Compare, pressed, shown, utc
from tui.engine.engine import Account
from tui.model.entities import ApprovalRule
from tui.model.log import HttpRequest, Level, LogKind, LogLine
from tui.model.status import Status

__all__ = ["utc"]


def world() -> Account:
    """checkout is worse since a quarter of an hour; others crashed, failed, and wait for approval."""
    old = deployment("c1", Status.SUPERSEDED, service="checkout", ago_s=90_000)
    new = deployment("c2", service="checkout", ago_s=900, message="feat: tax by region")
    failed = deployment("bad", Status.FAILED, service="web", ago_s=300, note="build failed: exit code 1")
    waits = deployment("gate-2", Status.NEEDS_APPROVAL, service="settlement", ago_s=700)
    account, platform = scripted(
        service("api"),
        service("checkout", latest=new, live=new),
        service("emails", Status.CRASHED),
        service("settlement", latest=replace(waits, approvals=(ApprovalRule("release-managers", 2),))),
        service("web", latest=failed, live=deployment("web-1", service="web", ago_s=90_000)),
        service("worker", Status.CRASHED),
    )
    checkout = platform.services[1].ref
    platform.log_kinds = frozenset(LogKind)  # type: ignore[misc]
    platform.history[checkout] = [new, old]
    for by, begin in (("c1", -80_000), ("c2", -800)):
        at = [NOW + timedelta(seconds=begin + 3 * n) for n in range(240)]
        platform.log(
            checkout,
            LogKind.RUNTIME,
            [LogLine(each, f"order {n} accepted", deployment=by) for n, each in enumerate(at)],
        )
        platform.log(checkout, LogKind.HTTP, [_request(n, at[n], by) for n in range(240)])
    errors = [NOW + timedelta(seconds=-790 + 10 * n) for n in range(41)]
    text = "column orders.tax_region does not exist (order {})"
    platform.log(
        checkout,
        LogKind.RUNTIME,
        [LogLine(at, text.format(n), Level.ERROR, "c2") for n, at in enumerate(errors)],
    )
    return account


def _request(n: int, at: Any, by: str) -> HttpRequest:  # noqa: ANN401 - datetime
    bad = by == "c2" and n % 12 == 0
    return HttpRequest(
        at, f"{by}{n}", "GET", "/orders", 500 if bad else 200, 480 if bad else 20 + n % 40, deployment=by
    )


async def _judged(pilot: Pilot[Any]) -> None:
    await sees(pilot, "✗ C", "e")
    await pilot.press("slash", *"checkout", "enter")
    await sees(pilot, "live worse", "order 40")


async def _acknowledged(pilot: Pilot[Any]) -> None:
    await _judged(pilot)
    await pilot.press("e", "exclamation_mark", "e", "exclamation_mark", "slash", *"checkout", "enter")
    await sees(pilot, "2 acknowledged", "live worse", "order 40")


SCREENS: dict[str, Before] = {
    "attention": _judged,
    "acknowledged": _acknowledged,
    "judged": pressed("2", "enter", then=("Against the one before  ▼ worse",), start=_judged),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCREENS)
def test_screen(name: str, size: tuple[int, int], snap_compare: Compare) -> None:
    assert snap_compare(shown(world()), terminal_size=size, run_before=SCREENS[name])
