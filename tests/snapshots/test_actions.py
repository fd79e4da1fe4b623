"""Pictures of what goes on after the yes, and of one question for several services."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.entities import deployment, service
from tests.screens.running import TRUECOLOR, armed, screen_text, sees, until
from tests.scripted import FrozenClock, engine_of, scripted
from tests.snapshots.showing import SIZES, Compare, Shown, shown, utc
from tui.config import UiConfig
from tui.model.status import Status

__all__ = ["utc"]


async def _still(pilot: Pilot[Any]) -> None:
    """The logs behind have come to rest."""
    await until(pilot, lambda: "connecting" not in screen_text(pilot.app) and "Opening" not in screen_text(pilot.app))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_one_question_for_several(size: tuple[int, int], snap_compare: Compare) -> None:
    account, _ = scripted(service("api"), service("cron", environment="staging"), service("web"))

    async def asked(pilot: Pilot[Any]) -> None:
        await sees(pilot, "api", "cron", "web")
        await pilot.press("m", "j", "m", "j", "m")
        await sees(pilot, "3 of 3 connecting")
        await pilot.press("*", "s")
        await sees(pilot, "Stop 3 services")
        await armed(pilot)

    assert snap_compare(shown(account), terminal_size=size, run_before=asked)


def test_what_went_live_settles(snap_compare: Compare) -> None:
    account, platform = scripted(service("api", environment="staging"), service("web", environment="staging"))
    api = platform.services[0]
    assert api.live is not None
    clock = FrozenClock()
    engine = engine_of(account, clock=clock, settle_s=60.0)
    app = Shown(engine, terminal=TRUECOLOR, ui=UiConfig())

    async def settling(pilot: Pilot[Any]) -> None:
        await sees(pilot, "api", "web")
        await pilot.press("R")
        await armed(pilot)
        made = deployment("new", Status.LIVE, ago_s=0)
        platform.history[api.ref] = [made, api.live]  # type: ignore[list-item]
        platform.own.add(made.id)
        await pilot.press("y")
        await sees(pilot, "settling 1:00", timeout_s=20)
        clock.advance(18)
        await sees(pilot, "settling 0:42", timeout_s=20)
        await _still(pilot)

    assert snap_compare(app, terminal_size=(120, 40), run_before=settling)
