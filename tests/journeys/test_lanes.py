"""What changed anywhere, by key, over real sockets: the timeline of everything, a zoom, a jump, a deployment's page."""

from __future__ import annotations

from tests.journeys.sailing import sailing
from tests.screens.running import screen_text
from tui.demo.story import frozen_world
from tui.screens.deployment import DeploymentScreen
from tui.screens.lanes import LanesScreen

PLATFORMS = ("railway", "gitlab", "cloud66", "dokploy")


async def test_from_everything_to_the_last_thing_that_failed() -> None:
    async with sailing(frozen_world(platforms=PLATFORMS)) as voyage:
        store = voyage.app.engine.store
        await voyage.until(lambda: {each.account for each in store.services()} == set(PLATFORMS), "all four")
        await voyage.pilot.press("4")
        await voyage.sees("4 Timeline of everything", "railway", "production")
        await voyage.pilot.press("plus", "plus")
        await voyage.sees(" 1h ")
        await voyage.pilot.press("minus", "minus", "minus", "minus", "E")
        screen = voyage.app.screen
        assert isinstance(screen, LanesScreen)
        await voyage.until(lambda: "failed" in screen_text(voyage.app).splitlines()[-3], "what failed")
        row = screen.lanes.current()
        name = getattr(row, "name", "?")
        await voyage.pilot.press("enter")
        await voyage.sees(f"Deployment of {name}", "failed")
        assert isinstance(voyage.app.screen, DeploymentScreen)
        await voyage.pilot.press("escape", "o")
        await voyage.until(lambda: voyage.app.screen is voyage.app.board, "the board")
        await voyage.until(lambda: voyage.selected.name == name, name)
