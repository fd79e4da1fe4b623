"""Stories by key, over real HTTP and WebSocket, on the demo's Railway."""

from __future__ import annotations

import pytest

from tests.journeys.sailing import sailing
from tests.screens.running import screen_text
from tui.demo.world import World
from tui.engine.log_records import Rule
from tui.model.log import HttpRequest, LogLine

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
async def test_the_first_screen_names_what_fails_and_shows_all_three_panes(world: World, size: tuple[int, int]) -> None:
    async with sailing(world, size=size) as voyage:
        await voyage.sees("1 Services", "2 Timeline", "3 Logs", "failing", "emails", "◐ demo", "production")


async def test_a_redeploy_is_followed_from_the_key_to_its_end(world: World) -> None:
    service = world.service("platform/production/gateway")
    async with sailing(world) as voyage:
        await voyage.goes_to("platform/production/gateway")
        await voyage.pilot.press("R")
        await voyage.sees("Redeploy gateway", "deploymentRedeploy", "PRODUCTION")
        await voyage.confirms("gateway", typed=True)
        await voyage.until(lambda: voyage.selected_timeline[0] == "building", "building", step_s=0.5)
        await voyage.sees("build image", "redeploy gateway", step_s=0.2)
        await voyage.sees("✓ redeploy gateway", step_s=1)
        assert voyage.selected_timeline[0] == "live"
        await voyage.pilot.press("A")
        await voyage.sees("asked", "accepted", "final")
        calls = {key: times for key, times in world.calls.items() if key[0] == "redeploy"}
        assert list(calls.values()) == [1], calls
        assert service.recent[0].phase.name == "LIVE"


async def test_the_runtime_log_flows_on_across_a_redeploy_with_a_rule_between(world: World) -> None:
    async with sailing(world) as voyage:
        await voyage.goes_to("platform/production/gateway")
        await voyage.sees("[runtime]", "following")
        await voyage.until(lambda: voyage.app.board.tail and len(voyage.app.board.tail.buffer), "lines", step_s=1)
        await voyage.pilot.press("R")
        await voyage.confirms("gateway", typed=True)
        tail = voyage.app.board.tail
        assert tail is not None
        await voyage.until(lambda: any(isinstance(entry, Rule) for entry in tail.buffer), "the rule", step_s=1)
        assert tail.reconnects == 0
        deployments = [entry.deployment for entry in tail.buffer if isinstance(entry, LogLine)]
        assert len(set(deployments)) >= 2


async def test_http_requests_are_shown_as_they_come(world: World) -> None:
    async with sailing(world) as voyage:
        await voyage.goes_to("shop/production/checkout")
        await voyage.until(lambda: voyage.app.board.tail, "a log")
        await voyage.pilot.press("full_stop")
        await voyage.sees("[HTTP]", "ms", step_s=1)
        tail = voyage.app.board.tail
        assert tail is not None
        assert any(isinstance(entry, HttpRequest) for entry in tail.buffer)


async def test_stop_takes_the_typed_name_and_the_row_says_stopped(world: World) -> None:
    async with sailing(world) as voyage:
        await voyage.goes_to("shop/production/images")
        await voyage.pilot.press("S")
        await voyage.sees("Stop images", "Type images to stop it:")
        await voyage.confirms("images", typed=True)
        await voyage.sees("✓ stop images", step_s=1)
        await voyage.until(lambda: voyage.selected_timeline[0] == "stopped", "stopped")


async def test_restart_keeps_the_deployment(world: World) -> None:
    async with sailing(world) as voyage:
        await voyage.goes_to("platform/production/metrics")
        await voyage.until(lambda: voyage.selected_timeline, "the timeline")
        before = world.service("platform/production/metrics").recent[0].id
        await voyage.pilot.press("T")
        await voyage.confirms("metrics", typed=True)
        await voyage.sees("✓ restart metrics", step_s=1)
        assert world.service("platform/production/metrics").recent[0].id == before
        assert sum(times for (verb, _), times in world.calls.items() if verb == "restart") == 1


async def test_rollback_offers_the_last_good_one_first_and_makes_a_new_deployment(world: World) -> None:
    async with sailing(world) as voyage:
        await voyage.goes_to("shop/production/checkout")
        await voyage.until(lambda: len(voyage.selected_timeline) > 3, "the timeline")
        before = len(world.service("shop/production/checkout").recent)
        await voyage.pilot.press("B")
        await voyage.sees("Roll back checkout to which deployment?", "last good")
        await voyage.pilot.press("enter")
        await voyage.sees("Rollback checkout", "deploymentRollback", "from", "to")
        await voyage.confirms("checkout", typed=True)
        await voyage.sees("✓ rollback checkout", step_s=1)
        assert len(world.service("shop/production/checkout").recent) == before + 1


async def test_what_waits_for_approval_is_approved_from_the_menu(world: World) -> None:
    async with sailing(world) as voyage:
        await voyage.goes_to("shop/pr-312/web")
        await voyage.sees("approval")
        await voyage.pilot.press("a", "y")
        await voyage.confirms("web", typed=False)
        await voyage.sees("✓ approve web", step_s=1)


async def test_a_queued_deployment_is_cancelled_from_the_menu(world: World) -> None:
    async with sailing(world) as voyage:
        await voyage.goes_to("platform/staging/gateway")
        await voyage.sees("queued")
        await voyage.pilot.press("a", "c")
        await voyage.confirms("gateway", typed=False)
        await voyage.sees("✓ cancel gateway", step_s=1)


async def test_deploy_from_the_menu_makes_a_deployment(world: World) -> None:
    before = len(world.service("platform/production/metrics").recent)
    async with sailing(world) as voyage:
        await voyage.goes_to("platform/production/metrics")
        await voyage.pilot.press("a", "d")
        await voyage.confirms("metrics", typed=True)
        await voyage.sees("✓ deploy metrics", step_s=1)
        assert len(world.service("platform/production/metrics").recent) == before + 1


async def test_remove_warns_that_the_service_goes_down(world: World) -> None:
    async with sailing(world) as voyage:
        await voyage.goes_to("platform/production/metrics")
        await voyage.pilot.press("delete")
        await voyage.sees("Remove metrics", "Type metrics to remove it:")
        await voyage.sees("down")
        await voyage.confirms("metrics", typed=True)
        await voyage.sees("✓ remove metrics", step_s=1)


async def test_a_lost_reply_is_unknown_then_found_out_and_never_sent_twice(world: World) -> None:
    world.faults.add("lost-reply", "deploymentRedeploy")
    async with sailing(world) as voyage:
        await voyage.goes_to("platform/production/metrics")
        await voyage.pilot.press("R")
        await voyage.confirms("metrics", typed=True)
        await voyage.until(lambda: voyage.app.engine.actions.recent[0].ended_at, "the end", step_s=1)
        await voyage.pilot.press("A")
        await voyage.sees("unknown", "final")
        assert sum(times for (verb, _), times in world.calls.items() if verb == "redeploy") == 1


async def test_a_cut_log_socket_loses_and_repeats_no_line_and_says_that_it_was_cut(world: World) -> None:
    world.faults.add("drop", channel="socket", after=20, count=1)
    async with sailing(world) as voyage:
        await voyage.goes_to("shop/production/catalog")
        tail = None

        def cut_and_back() -> bool:
            nonlocal tail
            tail = voyage.app.board.tail
            return tail is not None and tail.reconnects >= 1

        await voyage.until(cut_and_back, "a reconnect", step_s=1)
        assert tail is not None
        await voyage.sees("reconnect")


async def test_a_wrong_token_says_what_to_do_and_shows_no_secret(world: World) -> None:
    async with sailing(world, token="wrong-token-1234") as voyage:
        await voyage.sees("✗ demo")
        text = screen_text(voyage.app)
        assert "wrong-token-1234" not in text
        assert "token" in text
