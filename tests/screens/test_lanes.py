"""The timeline of everything by key: it looks, jumps, filters, and goes back to the board where one points."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from textual.pilot import Pilot

from tests.entities import NOW, deployment, service
from tests.past import GivenPast
from tests.screens.running import app_of, screen_text, sees, until
from tests.scripted import FrozenClock, ScriptedProvider, engine_of, scripted
from tui.app import DeckApp
from tui.engine.audit import ActionPhase, AuditEntry
from tui.model.entities import Deployment, Service
from tui.model.errors import Unreachable
from tui.model.moment import microseconds
from tui.model.status import Status
from tui.screens.deployment import DeploymentScreen
from tui.screens.lanes import LanesScreen
from tui.widgets.lane_cells import AHEAD, Part

PASTS: dict[str, list[Deployment]] = {
    "api": [deployment("a1", service="api", ago_s=600), deployment("a0", Status.SUPERSEDED, service="api", ago_s=9000)],
    "web": [deployment("w1", Status.FAILED, service="web", ago_s=1800, message="feat: [red] 漢字")],
    "worker": [deployment("k1", service="worker", ago_s=90_000)],
}


def _services(pasts: dict[str, list[Deployment]]) -> list[Service]:
    return [service(name, each[0].status, latest=each[0], live=None) for name, each in pasts.items()]


@asynccontextmanager
async def lanes(
    pasts: dict[str, list[Deployment]] | None = None,
    *,
    size: tuple[int, int] = (120, 40),
    clock: FrozenClock | None = None,
) -> AsyncIterator[tuple[LanesScreen, Pilot[Any], ScriptedProvider, GivenPast]]:
    """The screen, opened by its key, over services whose past is read."""
    pasts = PASTS if pasts is None else pasts
    clock = clock or FrozenClock()
    made = _services(pasts)
    account, platform = scripted(*made, clock=clock)
    async with engine_of(account, clock=clock) as engine:
        past = GivenPast({each.ref: pasts[each.name] for each in made})
        engine.history = past  # type: ignore[assignment]
        app = app_of(engine)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: len(engine.store.services()) == len(made))
            await pilot.press("4")
            await until(pilot, lambda: isinstance(app.screen, LanesScreen) and app.screen.index.lanes, "lanes")
            assert isinstance(app.screen, LanesScreen)
            yield app.screen, pilot, platform, past


def _selected(screen: LanesScreen) -> str:
    row = screen.lanes.current()
    return getattr(row, "name", "")


async def test_it_shows_every_service_of_every_account_and_now() -> None:
    async with lanes() as (_, pilot, _, past):
        await sees(pilot, "4 Timeline of everything", "6h", "api", "web", "worker", "production", "now 02:14:07")
        await until(pilot, lambda: past.wanted is not None and past.wanted < NOW - timedelta(hours=5), "asked for")


async def test_zoom_goes_in_steps_around_the_cursor() -> None:
    async with lanes() as (screen, pilot, _, past):
        await pilot.press("left_curly_bracket")
        at, column = screen.at_us, screen.axis.column(screen.at_us or 0)
        await pilot.press("plus", "plus")
        await sees(pilot, " 1h ")
        assert screen.at_us == at
        await pilot.press("minus", "minus")
        assert screen.axis.column(screen.at_us or 0) == column
        await pilot.press(*["minus"] * 20)
        await sees(pilot, " 30d ")
        await until(pilot, lambda: past.wanted is not None and past.wanted < NOW - timedelta(days=29), "asked for")
        await pilot.press(*["plus"] * 20)
        await sees(pilot, " 15m ")


async def test_the_cursor_goes_through_a_lanes_deployments_and_tells_each_in_words() -> None:
    async with lanes() as (screen, pilot, _, _):
        assert _selected(screen) == "api"
        await pilot.press("left_curly_bracket")
        await sees(pilot, "live api 02:04:07 10m ago took 1m15s", "by push", "10m00s ago")
        await pilot.press("left_curly_bracket")
        await sees(pilot, "replaced api Fri 21 Aug 23:44:07", "2h30m ago")
        await pilot.press("left_curly_bracket")
        await sees(pilot, "No deployment of api before this")
        await pilot.press("right_curly_bracket")
        await sees(pilot, "live api 02:04:07")


async def test_it_jumps_in_any_lane_in_the_order_of_time() -> None:
    async with lanes() as (screen, pilot, _, _):
        seen = []
        for _ in range(4):
            await pilot.press("left_square_bracket")
            seen.append(_selected(screen))
        assert seen == ["api", "web", "api", "worker"]
        await sees(pilot, "live worker Fri 21 Aug 01:14:07")
        await pilot.press("e")
        assert _selected(screen) == "web"
        await sees(pilot, "✗ failed web 01:44:07", "feat: [red] 漢字")


async def test_the_cursor_moves_by_columns_and_comes_back_to_now() -> None:
    async with lanes() as (screen, pilot, _, _):
        width = screen.axis.width_us
        await pilot.press("h", "h", "h")
        assert screen.at_us is not None
        assert microseconds(NOW) // width - screen.at_us // width == 3
        await pilot.press("l", "l", "l")
        assert screen.at_us is None
        await pilot.press("less_than_sign", "less_than_sign")
        assert not screen.axis.shows(microseconds(NOW))
        await pilot.press("G")
        assert screen.axis.column(microseconds(NOW)) == screen.axis.columns - 1
        await pilot.press("g")
        await sees(pilot, "Fri 21 Aug 01:14:07")


async def test_a_time_is_asked_for_and_gone_to() -> None:
    async with lanes() as (screen, pilot, _, _):
        await pilot.press("at", *"-35m", "enter")
        await sees(pilot, "01:39:07", "35m00s ago", "after the cursor: ")
        await pilot.press("at", *"teatime", "enter")
        await sees(pilot, "is not a time")
        assert screen.at_us == microseconds(NOW - timedelta(minutes=35))


async def test_lanes_are_filtered_by_words_and_by_what_changed() -> None:
    async with lanes() as (_, pilot, _, _):
        await pilot.press("w")
        await sees(pilot, "changed", "2 of 3 services")
        assert "worker" not in screen_text(pilot.app).split("from here")[1]
        await pilot.press(*["minus"] * 4)
        await sees(pilot, "worker")
        await pilot.press("slash", *"prod web", "enter")
        await sees(pilot, "/prod web", "1 of 3 services")
        await pilot.press("escape")
        await sees(pilot, "api", "3 services")
        await pilot.press("slash", *"nobody", "enter")
        await sees(pilot, "No service has 'nobody'")


async def test_enter_opens_the_page_of_the_deployment_at_the_cursor() -> None:
    async with lanes() as (_, pilot, _, past):
        await pilot.press("left_square_bracket", "left_square_bracket", "enter")
        await sees(pilot, "Deployment of web", "failed")
        assert isinstance(pilot.app.screen, DeploymentScreen)
        assert [each.id for each in past.lent] == ["web"]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, LanesScreen), "the lanes again")


async def test_o_goes_back_to_the_board_where_the_cursor_is() -> None:
    async with lanes() as (_, pilot, platform, _):
        platform.history = {each.ref: PASTS[each.name] for each in platform.services}
        await pilot.press("left_square_bracket", "left_square_bracket", "left_square_bracket", "o")
        app = pilot.app
        assert isinstance(app, DeckApp)
        await until(pilot, lambda: app.screen is app.board, "the board")
        await until(pilot, lambda: app.board.service and app.board.service.id == "api", "its service")
        assert app.board.log_view.has_focus
        await until(pilot, lambda: app.board.logs.tails, "its log")


async def test_the_lanes_follow_what_the_platforms_tell() -> None:
    clock = FrozenClock()
    async with lanes(clock=clock) as (screen, pilot, platform, past):
        new = deployment("a2", Status.BUILDING, service="api", ago_s=0)
        api = platform.services[0]
        past.pasts[api.ref] = (new, *PASTS["api"])
        past.version += 1
        platform.replace_service(replace(api, latest=new, status=Status.BUILDING))
        await sees(pilot, "▸ building api", "5 deployments")
        clock.advance(400)
        done = replace(new, status=Status.LIVE)
        past.pasts[api.ref] = (done, *PASTS["api"])
        platform.replace_service(replace(api, latest=done))
        pilot.app.engine.store.touch()  # type: ignore[attr-defined]
        await pilot.press("left_square_bracket")
        await sees(pilot, "live api 02:14:07", "took 6m40s")
        assert screen.index.lanes[0].lane.bars[-1].end_us == microseconds(clock.now())


async def test_what_was_done_from_here_stands_in_its_lane_and_above() -> None:
    async with lanes() as (_, pilot, _, _):
        audit = pilot.app.engine.audit  # type: ignore[attr-defined]
        at = NOW - timedelta(minutes=50)
        audit.append(AuditEntry(at, "ada", "prod", "restart", "prod/shop/production/worker", ActionPhase.ASKED, "i1"))
        audit.append(
            AuditEntry(
                at, "ada", "prod", "restart", "prod/shop/production/worker", ActionPhase.FINAL, "i1", status="live"
            )
        )
        pilot.app.engine.store.touch()  # type: ignore[attr-defined]
        await until(pilot, lambda: sum(" T " in f" {line} " for line in _cells(pilot)) == 2, "T twice")
        await pilot.press("at", *"50m", "enter", "j", "j")
        await sees(pilot, "restart prod/shop/production/worker by ada: live")


def _cells(pilot: Pilot[Any]) -> list[str]:
    return [line[18:].replace("┊", " ").replace("╎", " ") for line in screen_text(pilot.app).splitlines()]


async def test_what_is_not_read_is_hatched_and_said() -> None:
    async with lanes() as (screen, pilot, _, past):
        [api, web, _] = [row.service for row in screen.index.lanes]
        past.read_since = {api: NOW - timedelta(hours=1), web: None}
        past.progress = (1, 3)
        past.problems[web] = Unreachable("no answer")
        pilot.app.engine.store.touch()  # type: ignore[attr-defined]
        await sees(pilot, Part.UNREAD * 10, "reading 1 of 3 services", "! web")
        past.progress = (3, 3)
        pilot.app.engine.store.touch()  # type: ignore[attr-defined]
        await sees(pilot, "2 not read back to here")


async def test_deployments_without_times_and_ahead_of_this_clock_are_told() -> None:
    untimed = replace(deployment("u", service="web"), created_at=None, started_at=None, finished_at=None)
    pasts = {
        "api": [deployment("ahead", Status.BUILDING, service="api", ago_s=-300)],
        "web": [untimed, replace(untimed, ref=replace(untimed.ref, id="u2"))],
    }
    async with lanes(pasts) as (_, pilot, _, _):
        await sees(pilot, "web +2 undated", AHEAD, "5m00s ahead of this machine's clock")
        await pilot.press("j")
        await sees(pilot, "2 deployments without a time")


async def test_an_old_picture_is_not_drawn_up_to_now() -> None:
    clock = FrozenClock()
    async with lanes(clock=clock) as (_, pilot, platform, _):
        platform.error = Unreachable("Scripted does not answer.")
        clock.advance(1800)
        await sees(pilot, "stale", Part.UNREAD * 4)


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (40, 12), (300, 90)])
async def test_it_draws_at_any_size(size: tuple[int, int]) -> None:
    long = {"x" * 90: [deployment("d", service="x" * 90)], "決済" * 30: [deployment("e", service="決済" * 30)]}
    async with lanes(long, size=size) as (_, pilot, _, _):
        await pilot.press(
            "h", "plus", "minus", "j", "k", "left_square_bracket", "w", "less_than_sign", "G", "question_mark"
        )
        assert pilot.app.is_running


async def test_before_any_answer_and_without_services_it_says_so() -> None:
    account, platform = scripted()
    platform.gate = asyncio.Event()
    async with engine_of(account) as engine:
        app = app_of(engine)
        async with app.run_test() as pilot:
            await pilot.press("4")
            await sees(pilot, "Timeline of everything", "Asking Scripted for the services of prod")
            await pilot.press("h", "plus", "enter", "o", "left_curly_bracket", "right_square_bracket")
            platform.gate.set()
            await sees(pilot, "has no services")


async def test_help_tells_the_keys_and_signs_of_this_place() -> None:
    async with lanes() as (_, pilot, _, _):
        await pilot.press("question_mark")
        await sees(pilot, "Keys of the timeline of everything", "a shorter stretch of time")
        await pilot.press("G")
        await sees(pilot, "not read (yet)", "R redeploy")


async def test_a_number_goes_back_to_that_pane() -> None:
    async with lanes() as (_, pilot, _, _):
        await pilot.press("2")
        app = pilot.app
        assert isinstance(app, DeckApp)
        await until(pilot, lambda: app.screen is app.board and app.board.timeline.has_focus, "the timeline")
