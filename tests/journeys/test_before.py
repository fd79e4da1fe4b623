"""What changed before it began, asked by key over all four platforms' own protocols."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.journeys.sailing import sailing
from tests.screens.running import screen_text
from tui.demo.world import World
from tui.engine.events import Event, EventKind
from tui.model.action import Verb
from tui.screens.before import BeforeSheet

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
async def test_what_changed_35_minutes_ago_is_listed_over_all_platforms_and_gone_to(
    whole_world: World, size: tuple[int, int]
) -> None:
    async with sailing(whole_world, size=size, haste=4) as voyage:
        app, pilot = voyage.app, voyage.pilot
        await voyage.goes_to("shop/production/checkout")
        await pilot.press("at", *"-35m", "enter")
        await voyage.sees("Before", "35 min ago")
        sheet = app.screen
        assert isinstance(sheet, BeforeSheet)
        await voyage.until(lambda: _is_all_read(app.engine.history.progress, whole_world), "the day before")
        found = app.engine.events.before(sheet.at)
        assert {each.path.partition("/")[0] for each in found} == {"railway", "gitlab", "cloud66", "dokploy"}
        assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)
        assert _made(whole_world, sheet.at) <= {each.deployment.id for each in found if each.deployment is not None}

        await voyage.until(lambda: len(sheet.table.items) >= min(len(found), 500), "its rows")
        other = next(number for number, each in enumerate(sheet.table.items) if _is_on(each, "gitlab"))
        event = sheet.table.items[other]
        assert isinstance(event, Event)
        deployment = event.deployment
        assert deployment is not None
        while sheet.table.selected != event.key:  # rows may come above it
            await pilot.press("j")
        await pilot.press("enter")
        await voyage.until(lambda: app.board.service == event.service, "the service it was of")
        await voyage.until(lambda: app.board.timeline.selected == deployment.ref, "the deployment")
        await voyage.sees("f: now")
        assert app.board.instant == event.at
        await pilot.press("f")
        await voyage.until(lambda: app.board.instant is None and "f: now" not in screen_text(app), "now")


def _is_all_read(progress: tuple[int, int], world: World) -> bool:
    """Dokploy's servers are services, too, though not of the world."""
    read, known = progress
    return read == known >= len(world.services)


def _is_on(row: object, account: str) -> bool:
    return isinstance(row, Event) and row.path.startswith(f"{account}/") and row.kind is EventKind.DEPLOYMENT


def _made(world: World, at: datetime) -> set[str]:
    """What Railway's part of the world knows to have been made in the day before."""
    begin, end = at - timedelta(days=1), at
    return {
        one.id
        for service in world.estate("railway").services
        for one in service.deployments
        if begin <= datetime.fromtimestamp(one.created_at / 1e9, UTC) <= end
    }


async def test_an_action_stands_among_what_changed(world: World) -> None:
    world.advance(100)
    async with sailing(world) as voyage:
        await voyage.goes_to("shop/staging/checkout")
        await voyage.pilot.press("R")
        await voyage.confirms("checkout", typed=False)
        await voyage.sees("✓ redeploy checkout", step_s=1)
        world.advance(120)
        await voyage.pilot.press("at", *"1m", "enter")
        await voyage.sees("Before", f"{Verb.REDEPLOY} live", "1 action")
