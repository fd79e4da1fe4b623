from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.entities import NOW, deployment, service
from tests.screens.running import board, pinned_log, running, screen_text, sees, until
from tests.scripted import FrozenClock, scripted
from tui.model.errors import Unauthorized, Unreachable
from tui.model.log import LogKind, LogLine
from tui.model.status import Status

SIZES = [(80, 24), (120, 40), (200, 50)]


@pytest.mark.parametrize("size", SIZES)
async def test_all_three_panes_are_on_the_screen_at_every_size(size: tuple[int, int]) -> None:
    account, platform = scripted(service("api"), service("web"))
    platform.log(platform.services[0].ref, LogKind.RUNTIME, [LogLine(NOW, "hello from api")])
    async with running(account, size=size) as (_, pilot):
        await sees(pilot, "1 Services", "2 Timeline", "3 Logs", "api", "web", "hello from api", "prod", "production")


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (40, 12), (300, 90)])
async def test_it_draws_at_any_size_without_falling_over(size: tuple[int, int]) -> None:
    account, _ = scripted(service("api"))
    async with running(account, size=size) as (app, pilot):
        await until(pilot, lambda: app.engine.store.services())
        await pilot.press("j", "tab", "tab", "k", "a", "escape")
        assert app.is_running


async def test_before_the_first_answer_the_panes_say_what_is_asked() -> None:
    account, platform = scripted(service("api"))
    platform.gate = asyncio.Event()
    async with running(account) as (_, pilot):
        await sees(pilot, "Asking Scripted for the services of prod", "Choose a service", "loading")
        platform.gate.set()
        await sees(pilot, "api")


async def test_an_account_without_services_says_what_to_do() -> None:
    account, _ = scripted()
    async with running(account) as (_, pilot):
        await sees(pilot, "prod has no services that this token sees", "deckwatch check")


async def test_a_refused_token_says_so_and_what_to_do() -> None:
    account, platform = scripted()
    platform.error = Unauthorized("Scripted does not know the token of prod.", remedy="Make a new one.")
    async with running(account) as (_, pilot):
        await sees(pilot, "prod: Scripted does not know the", "ctrl+r", "failed")


async def test_when_a_platform_falls_silent_the_old_picture_stays_and_is_called_old() -> None:
    clock = FrozenClock()
    account, platform = scripted(service("api"), clock=clock)
    async with running(account, clock=clock) as (_, pilot):
        await sees(pilot, "api")
        platform.error = Unreachable("Scripted does not answer.")
        clock.advance(200)
        await sees(pilot, "STALE", "stale", "shown as it was 3m ago", "api")
        platform.error = None
        await until(pilot, lambda: "STALE" not in screen_text(pilot.app))


async def test_an_environment_that_does_not_answer_stays_on_the_board_as_old_and_is_not_acted_on() -> None:
    account, platform = scripted(service("api"), service("web", environment="staging"))
    async with running(account) as (_, pilot):
        await sees(pilot, "web", "● prod")
        platform.unread = (platform.services[1].environment,)
        platform.services = platform.services[:1]
        await sees(pilot, "staging  stale", "web")
        await pilot.press("j", "R")
        await sees(pilot, "staging could not be read the last time")


async def test_one_failing_account_leaves_the_others_alone() -> None:
    good, _ = scripted(service("api", account="good"), account="good")
    bad, platform = scripted(account="bad")
    platform.error = Unreachable("Scripted does not answer.")
    async with running(good, bad) as (_, pilot):
        await sees(pilot, "● good", "api", "bad: Scripted does not answer.")


async def test_what_fails_is_named_in_the_first_line() -> None:
    account, _ = scripted(service("api"), service("worker", Status.CRASHED), service("gate", Status.NEEDS_APPROVAL))
    async with running(account) as (app, pilot):
        await sees(pilot, "1 failing", "1 to approve")
        assert "worker" in screen_text(app).splitlines()[0]


async def test_the_selection_follows_the_service_not_the_row() -> None:
    account, platform = scripted(service("beta"), service("gamma"))
    async with running(account) as (app, pilot):
        await sees(pilot, "beta", "gamma")
        await pilot.press("j")
        assert board(app).service == platform.services[1].ref
        platform.services.insert(0, service("alpha"))
        await sees(pilot, "alpha")
        assert board(app).service == platform.services[2].ref


async def test_another_services_lines_are_never_under_this_ones_name() -> None:
    account, platform = scripted(service("api"), service("web"))
    platform.log(platform.services[0].ref, LogKind.RUNTIME, [LogLine(NOW, "a line of api")])
    platform.log(platform.services[1].ref, LogKind.RUNTIME, [LogLine(NOW, "a line of web")])
    async with running(account) as (app, pilot):
        await sees(pilot, "a line of api")
        await pilot.press("j")
        await pilot.pause()
        assert "a line of api" not in screen_text(app)
        await sees(pilot, "a line of web")


async def test_an_older_deployment_shows_its_own_log_and_the_newest_the_services() -> None:
    account, platform = scripted(service("api"))
    api = platform.services[0]
    assert api.latest is not None
    platform.history[api.ref] = [api.latest, deployment("old", Status.SUPERSEDED, ago_s=9000)]
    async with running(account) as (app, pilot):
        await sees(pilot, "replaced")
        await pilot.press("2", "j")
        await until(pilot, lambda: pinned_log(app) is True)
        await sees(pilot, "only ")
        await pilot.press("k")
        await until(pilot, lambda: pinned_log(app) is False)


async def test_a_new_deployment_is_followed_to_without_a_key() -> None:
    account, platform = scripted(service("api"))
    api = platform.services[0]
    old = api.latest
    assert old is not None
    async with running(account) as (app, pilot):
        await sees(pilot, "cart")
        new = deployment("new", Status.BUILDING, ago_s=1, message="feat: newest")
        platform.history[api.ref] = [new, old]
        platform.replace_service(service("api", latest=new, live=old))
        await sees(pilot, "feat: newest", "live›building")
        assert board(app).timeline.selected == new.ref
        assert board(app).at_newest


async def test_log_tabs_change_the_log_and_a_kind_the_platform_lacks_says_why() -> None:
    account, platform = scripted(service("api"))
    platform.log(platform.services[0].ref, LogKind.BUILD, [LogLine(NOW, "step 1/4")])
    async with running(account) as (app, pilot):
        await until(pilot, lambda: board(app).tail is not None)
        await pilot.press("comma")
        await sees(pilot, "[build]", "step 1/4")
        await pilot.press("full_stop", "full_stop")
        await sees(pilot, "[HTTP]", "Scripted has no HTTP log.")


async def test_pausing_holds_the_line_and_one_key_returns() -> None:
    account, platform = scripted(service("api"))
    api = platform.services[0].ref
    platform.log(api, LogKind.RUNTIME, [LogLine(NOW + timedelta(seconds=n), f"line {n:03}") for n in range(100)])
    async with running(account) as (app, pilot):
        await sees(pilot, "line 099", "following")
        await pilot.press("3", "k")
        await sees(pilot, "paused")
        platform.log(api, LogKind.RUNTIME, [LogLine(NOW, f"late {n:03}") for n in range(12)])
        await sees(pilot, "+12 new")
        assert "late 000" not in screen_text(app)
        await pilot.press("f")
        await sees(pilot, "late 011", "following")


async def test_search_in_the_log_hides_nothing() -> None:
    account, platform = scripted(service("api"))
    lines = [LogLine(NOW, f"line {n:03}") for n in range(100)]
    platform.log(platform.services[0].ref, LogKind.RUNTIME, lines)
    async with running(account) as (app, pilot):
        await sees(pilot, "line 099")
        await pilot.press("3", "slash", *"line 04", "enter")
        assert board(app).log_view.cursor == 49
        await pilot.press("N")
        assert board(app).log_view.cursor == 48


async def test_zoom_gives_one_pane_the_screen_and_back() -> None:
    account, platform = scripted(service("api"))
    platform.log(platform.services[0].ref, LogKind.RUNTIME, [LogLine(NOW, "hello")])
    async with running(account) as (app, pilot):
        await sees(pilot, "hello")
        await pilot.press("3", "z")
        await until(pilot, lambda: "1 Services" not in screen_text(app))
        assert "hello" in screen_text(app)
        assert "● prod" in screen_text(app)
        await pilot.press("z")
        await sees(pilot, "1 Services")


@pytest.mark.parametrize("key", ["ctrl+c", "ctrl+q", "q"])
async def test_leaving_takes_the_key_twice(key: str) -> None:
    account, _ = scripted(service("api"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press(key)
        await sees(pilot, "again to leave")
        assert app.is_running
        await pilot.press(key)
        await until(pilot, lambda: not app.is_running or app.return_code is not None)


async def test_escape_never_leaves() -> None:
    """It is the key that one presses to be sure of being nowhere, and as often as it takes."""
    account, _ = scripted(service("api"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("escape", "escape", "escape")
        await sees(pilot, "q twice leaves")
        assert app.return_code is None
        assert not app.board._pressed_to_quit


async def test_leaving_forgotten_takes_away_only_its_own_words() -> None:
    account, _ = scripted(service("api"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("q")
        await sees(pilot, "again to leave")
        await pilot.press("U")
        await sees(pilot, "Nothing was done from here")
        await until(pilot, lambda: not app.board._pressed_to_quit, "the two seconds are over")
        assert "Nothing was done from here" in screen_text(app)


async def test_no_account_shows_how_to_begin() -> None:
    async with running() as (_, pilot):
        await sees(pilot, "deckwatch demo", "RAILWAY_API_TOKEN", "config.toml")


async def test_leaving_while_a_sheet_opens_is_no_crash() -> None:
    account, _ = scripted(service("api"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        app.board.action_help()
        app.exit(0)
    assert app.return_code == 0
