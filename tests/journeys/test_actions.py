"""Stories by key of what goes on after the yes: settling, cancelling, taking back, several at once, a moving world."""

from __future__ import annotations

import pytest

from tests.journeys.sailing import Voyage, sailing
from tests.screens.running import screen_text
from tui.demo.lifecycle import push
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.screens.confirm import ConfirmScreen
from tui.screens.confirm_many import ConfirmManyScreen
from tui.screens.question import Question

GATEWAY = "platform/production/gateway"


def calls(world: World) -> dict[str, int]:
    """How often the platform was asked for each verb."""
    found: dict[str, int] = {}
    for (verb, _), times in world.calls.items():
        found[verb] = found.get(verb, 0) + times
    return found


async def opened(voyage: Voyage) -> Question[object]:
    """The sheet that is open and takes keys."""
    await voyage.armed(Question)
    sheet = voyage.app.screen
    assert isinstance(sheet, Question)
    return sheet


async def mark(voyage: Voyage, *paths: str) -> None:
    for path in paths:
        await voyage.goes_to(path)
        await voyage.pilot.press("m")
    await voyage.until(lambda: len(voyage.app.board.merged) == len(paths), "the marks")


async def test_a_redeploy_settles_is_done_and_can_be_taken_back_by_a_sheet(world: World) -> None:
    async with sailing(world, settle_s=240) as voyage:  # waited for, that is some five seconds
        await voyage.goes_to(GATEWAY)
        await voyage.until(lambda: voyage.selected_timeline, "the timeline")
        await voyage.pilot.press("R")
        await voyage.confirms("gateway", typed=True)
        await voyage.sees("redeploy gateway: building", "›building", step_s=0.5)
        await voyage.sees("redeploy gateway: settling ", "›settling ", step_s=0.5)
        voyage.world.advance(10)  # what served before is removed by then, and nothing newer has come
        await voyage.sees("✓ redeploy gateway: live, healthy for 240 s", "takes it back", step_s=0.01)
        assert calls(world) == {"redeploy": 1}
        await voyage.pilot.press("U")
        await voyage.sees("takes back redeploy of gateway", "PRODUCTION", "Type gateway to")
        await opened(voyage)
        await voyage.pilot.press("y", "enter")
        assert calls(world) == {"redeploy": 1}, "it is a sheet, and has its danger's rules"
        await voyage.pilot.press("escape", "A", "enter")
        await voyage.sees("asked", "accepted", "found", "building", "live", "settling", "done: live, healthy for 240 s")
        await voyage.pilot.press("escape", "escape", "U")
        await voyage.confirms("gateway", typed=True)
        await voyage.sees("✓ rollback gateway: live, healthy for 240 s", step_s=0.5)
        assert calls(world) == {"redeploy": 1, "rollback": 1}, "what served before is removed by now"


async def test_what_goes_live_and_crashes_is_no_success(world: World) -> None:
    async with sailing(world, settle_s=120) as voyage:
        await voyage.goes_to("shop/production/emails")  # its code crashes when it has come up
        await voyage.pilot.press("R")
        await voyage.confirms("emails", typed=True)
        await voyage.sees("✗ redeploy emails: went live,", "crashed after", step_s=0.3)


async def test_what_an_action_made_is_cancelled_from_the_same_place(world: World) -> None:
    async with sailing(world) as voyage:
        await voyage.goes_to(GATEWAY)
        await voyage.pilot.press("R")
        await voyage.confirms("gateway", typed=True)
        await voyage.until(lambda: voyage.selected_timeline[:1] == ["building"], "building", step_s=0.5)
        await voyage.sees("redeploy gateway: building")
        await voyage.pilot.press("C")
        await voyage.sees("Cancel gateway", "acts on")
        await voyage.confirms("gateway", typed=True)
        await voyage.until(lambda: not voyage.app.engine.actions.under_way, "both ended", step_s=0.5)
        second, first = voyage.app.engine.actions.recent
        assert (second.ok, first.ok, first.message) == (True, False, "cancelled from here")
        assert calls(world) == {"redeploy": 1, "cancel": 1}


async def test_with_nothing_under_way_cancel_says_why_not(world: World) -> None:
    async with sailing(world) as voyage:
        await voyage.goes_to(GATEWAY)
        await voyage.pilot.press("C")
        await voyage.sees("No cancel of gateway:", "under way can be cancelled")
        assert not isinstance(voyage.app.screen, ConfirmScreen)


async def test_several_are_restarted_by_one_question_with_their_number_typed(world: World) -> None:
    paths = ("platform/production/metrics", GATEWAY, "shop/production/search")
    async with sailing(world, settle_s=120) as voyage:
        await mark(voyage, *paths)
        await voyage.pilot.press("asterisk")
        await voyage.sees("Actions on 3 marked services", "3 can", "none can")
        await voyage.pilot.press("t")
        await voyage.sees("Restart 3 services", "all 3 marked", "PRODUCTION", "Type 3, their number, to restart them:")
        await opened(voyage)
        await voyage.pilot.press("2", "enter")
        assert isinstance(voyage.app.screen, ConfirmManyScreen)
        assert calls(world) == {}
        await voyage.pilot.press("backspace", "3", "enter")
        await voyage.sees("restart 0/3 done, 3 running", step_s=0.1)
        await voyage.sees("✓ restart 3/3 done", step_s=1)
        assert calls(world) == {"restart": 3}


async def test_those_that_cannot_are_left_out_and_said(world: World) -> None:
    async with sailing(world) as voyage:
        await mark(voyage, "platform/staging/gateway", "platform/production/metrics")
        await voyage.pilot.press("asterisk")
        await voyage.sees("1 can · 1 cannot: Only a deployment under way can be cancelled")
        await voyage.pilot.press("c")
        await voyage.sees("Cancel 1 service", "1 of 2 marked", "Left out: 1", "metrics  Only a deployment under way")
        await opened(voyage)
        await voyage.pilot.press("y")
        await voyage.sees("✓ cancel 1/1 done", step_s=0.5)
        assert calls(world) == {"cancel": 1}


async def test_the_rest_of_several_is_stopped_by_hand(world: World) -> None:
    paths = (GATEWAY, "platform/production/metrics", "shop/production/search")
    async with sailing(world) as voyage:
        voyage.app.engine.actions.at_once = 1
        await mark(voyage, *paths)
        await voyage.pilot.press("asterisk", "r")
        await opened(voyage)
        await voyage.pilot.press("3", "enter")
        await voyage.sees("redeploy 0/3 done, 1 running, 2 to ask", step_s=0.1)
        await voyage.pilot.press("C")
        await voyage.sees("Stop asking for the rest of redeploy", "metrics, search")
        await opened(voyage)
        await voyage.pilot.press("y")
        await voyage.sees("stopped: by hand, 2 not asked")
        await voyage.sees("✗ redeploy 1/3 done, stopped: by hand, 2 not asked", step_s=1)
        assert calls(world) == {"redeploy": 1}


# The world moves while a sheet is open


@pytest.mark.parametrize(
    ("change", "several"), [("gone", False), ("renamed", False), ("deployed", False), ("gone", True)]
)
async def test_what_changes_while_its_sheet_is_open_is_said_and_nothing_is_done(change: str, several: bool) -> None:
    world = frozen_world(platforms=("railway",))
    path = "platform/production/metrics"
    service = world.service(path)
    async with sailing(world) as voyage:
        if several:
            await mark(voyage, path, GATEWAY)
            await voyage.pilot.press("asterisk", "t")
        else:
            await voyage.goes_to(path)
            await voyage.pilot.press("T")
        sheet = await opened(voyage)
        match change:
            case "gone":
                service.environment.services.remove(service)
                told = "metrics is gone from demo since this was opened."
            case "renamed":
                service.name = "counters"
                told = "metrics is called counters since this was opened."
            case _:
                push(world, service)
                told = "metrics has a newer deployment since this was opened."
        await voyage.until(lambda: told in sheet.problem, told, step_s=0.5)
        assert told.split()[0] in screen_text(voyage.app)
        await voyage.pilot.press("y", *("2" if several else "metrics"), "enter", "tab", "enter", "escape")
        await voyage.until(lambda: voyage.app.screen is voyage.app.board, "the board")
        assert calls(world) == {}
