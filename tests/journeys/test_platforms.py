"""Stories by key on GitLab, Cloud 66 and Dokploy, over real HTTP and WebSocket, and on all four at once."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from tests.journeys.sailing import sailing
from tests.screens.running import screen_text
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.model.log import LogLine
from tui.screens.confirm import ConfirmScreen
from tui.screens.options import OptionsSheet

SIZES = [(80, 24), (120, 40), (200, 50)]


def calls(world: World, verb: str) -> int:
    return sum(times for (what, _), times in world.calls.items() if what == verb)


@pytest.mark.parametrize("size", SIZES)
async def test_four_platforms_stand_on_one_board(whole_world: World, size: tuple[int, int]) -> None:
    async with sailing(whole_world, size=size, haste=4) as voyage:
        await voyage.until(lambda: len(voyage.app.engine.store.services()) >= len(whole_world.services), "all of them")
        await voyage.sees("railway", "gitlab", "cloud66", "dokploy", "failing", "1 Services")
        for name in ("settlement", "storefront", "deploy-bot"):
            await voyage.goes_to(f"production/{name}")
            await voyage.sees(name)


@pytest.mark.parametrize(
    ("platform", "path", "typed", "follows"),
    [
        ("gitlab", "payments/staging/api", False, "deploying"),
        ("cloud66", "outlet/staging/storefront", False, "deploying"),
        ("dokploy", "tools/production/status-page", True, "building"),
    ],
)
async def test_a_redeploy_is_followed_from_the_key_to_its_end(
    platform: str, path: str, typed: bool, follows: str
) -> None:
    world = frozen_world(platforms=(platform,))
    world.advance(100)  # the rollout under way is over
    name = path.rpartition("/")[2]
    async with sailing(world) as voyage:
        await voyage.goes_to(path)
        await voyage.pilot.press("R")
        await voyage.sees(f"Redeploy {name}")
        await voyage.confirms(name, typed=typed)
        await voyage.until(lambda: follows in voyage.selected_timeline[:1], follows, step_s=0.5)
        await voyage.sees(f"✓ redeploy {name}", step_s=1)
        await voyage.until(lambda: voyage.selected_timeline[0] == "live", "live", step_s=1)
        await voyage.pilot.press("A")
        await voyage.sees("asked", "accepted", "final")
    assert sum(world.calls.values()) == 1, world.calls


async def test_an_approval_on_gitlab_shows_who_must_and_says_what_is_still_missing() -> None:
    world = frozen_world(platforms=("gitlab",))
    async with sailing(world) as voyage:
        await voyage.goes_to("payments/production/settlement")
        await voyage.sees("approval")
        await voyage.pilot.press("a", "y")
        await voyage.sees("Approve settlement", "Maintainers", "release-managers", "waits for 3 more")
        await voyage.confirms("settlement", typed=True)
        await voyage.sees("approve settlement", "missing", step_s=0.5)
        assert calls(world, "approve") == 1
        assert world.service("payments/production/settlement").recent[0].phase.name == "NEEDS_APPROVAL"


async def test_killing_a_build_on_dokploy_warns_of_the_host_and_wants_the_name() -> None:
    world = frozen_world(platforms=("dokploy",))
    async with sailing(world) as voyage:
        await voyage.goes_to("tools/production/wiki")
        await voyage.sees("building")
        await voyage.pilot.press("a", "c")
        await voyage.sees("Cancel wiki", "host", "Type wiki to cancel it:")
        await voyage.confirms("wiki", typed=True)
        await voyage.sees("✓ cancel wiki", step_s=0.5)
        assert calls(world, "cancel") == 1


async def test_a_stack_of_two_services_is_asked_which_of_them_to_stop() -> None:
    """The platform cannot stop it whole: the sheet says so, takes the option, and only then can be confirmed."""
    world = frozen_world(platforms=("cloud66",))
    async with sailing(world) as voyage:
        await voyage.goes_to("outlet/staging/storefront")
        await voyage.until(lambda: len(voyage.selected.instances) > 1, "its services")
        await voyage.pilot.press("S")
        await voyage.sees("Stop storefront", "Name one with the option")
        await voyage.armed(ConfirmScreen)
        await voyage.pilot.press("ctrl+o")
        await voyage.sees("Options of stop storefront")
        await voyage.armed(OptionsSheet)
        next(each for each in voyage.app.screen.query(Input) if each.name == "service").focus()
        await voyage.pilot.press(*"worker", "enter")
        await voyage.sees("service_pause", "worker")
        await voyage.confirms("storefront", typed=True)
        await voyage.sees("✓ stop storefront", step_s=1)
        assert calls(world, "stop") == 1


async def test_the_crash_loop_behind_a_deployment_that_is_done_is_seen_and_its_log_read() -> None:
    world = frozen_world(platforms=("dokploy",))
    async with sailing(world) as voyage:
        await voyage.goes_to("tools/production/deploy-bot")
        await voyage.sees("crashed", "failing")
        await voyage.pilot.press("3")
        while "[runtime]" not in screen_text(voyage.app):
            await voyage.pilot.press("right_square_bracket")
        tail = voyage.app.board.tail
        assert tail is not None
        await voyage.until(lambda: any(isinstance(e, LogLine) and "KeyError" in e.text for e in tail.buffer), step_s=1)


async def test_what_a_platform_has_no_log_of_is_said_with_what_to_do_instead() -> None:
    world = frozen_world(platforms=("cloud66",))
    async with sailing(world) as voyage:
        await voyage.goes_to("outlet/production/feeds")
        await voyage.pilot.press("3")
        while "[runtime]" not in screen_text(voyage.app):
            await voyage.pilot.press("right_square_bracket")
        await voyage.sees("Cloud 66", "runtime log")


@pytest.mark.parametrize(
    ("platform", "path", "log", "error"),
    [
        ("railway", "shop/production/search", "Build log", "shard.go:88:17: undefined:"),
        ("railway", "shop/production/emails", "Runtime log", "KeyError: 'SMTP_SIGNING_KEY'"),
        ("gitlab", "payments/production/fraud", "Build log", "ERROR: failed to build"),
        ("cloud66", "outlet/staging/backoffice", "Build log", "Healthcheck failed!"),
        ("dokploy", "tools/staging/wiki", "Build log", "Type error: Property 'facets'"),
        ("dokploy", "tools/production/deploy-bot", "Runtime log", "KeyError: 'SMTP_SIGNING_KEY'"),
    ],
)
async def test_enter_on_what_failed_shows_why_on_the_smallest_terminal(
    platform: str, path: str, log: str, error: str
) -> None:
    async with sailing(frozen_world(platforms=(platform,)), size=(80, 24), haste=10) as voyage:
        await voyage.goes_to(path)
        await voyage.until(lambda: len(voyage.selected_timeline) > 1, "its deployments")
        await voyage.pilot.press("2", "g", "enter")
        await voyage.sees(f"{log}  first error", "▶ ", error)
