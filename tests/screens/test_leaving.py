"""A screen leaves once: keys that come behind its answer take nothing else away and open nothing over what follows."""

from __future__ import annotations

from typing import Any

import pytest
from textual.command import CommandList
from textual.pilot import Pilot

from tests.entities import service
from tests.screens.keyboard import type_ahead
from tests.screens.running import armed, running, sees, until
from tests.scripted import scripted
from tui.screens.confirm import ConfirmScreen
from tui.screens.help import HelpSheet
from tui.screens.options import OptionsSheet


async def settled(pilot: Pilot[Any]) -> None:
    for _ in range(3):
        await pilot.pause()


@pytest.mark.parametrize("letters", ["rt", "rr", "rts", "rtsb"])
async def test_letters_typed_quickly_in_the_actions_menu_open_one_sheet_over_the_board(letters: str) -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("a")
        await sees(pilot, "Actions on api")
        type_ahead(app, *letters)
        await sees(pilot, "Redeploy api")
        await settled(pilot)
        assert app.board in app.screen_stack
        assert sum(isinstance(screen, ConfirmScreen) for screen in app.screen_stack) == 1
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.board)
        assert platform.performed == []


async def test_enter_twice_in_the_palette_leaves_the_board_where_it_is() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("colon", *"volume")
        await sees(pilot, "how much was logged when")
        type_ahead(app, "enter", "enter", "enter", "enter")
        await settled(pilot)
        assert app.screen_stack[1:] == [app.board]


async def test_enter_twice_answers_the_line_at_the_bottom_once() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        answers: list[str | None] = []
        app.board.prompt.ask("why", answers.append)
        await pilot.press(*"abc")
        type_ahead(app, "enter", "enter")
        await settled(pilot)
        assert answers == ["abc"]


async def test_a_reason_entered_twice_leaves_the_question_open() -> None:
    account, platform = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("R")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen) and app.screen.armed)
        await pilot.press("ctrl+r")
        await armed(pilot, OptionsSheet)
        await pilot.press(*"why")
        type_ahead(app, "enter", "enter")
        await settled(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        assert app.screen.reason == "why"
        assert platform.performed == []


async def test_ctrl_c_on_the_timeline_of_everything_gives_the_engine_back_the_selected_service() -> None:
    account, _ = scripted(service("api"), service("web"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api", "web")
        await pilot.press("4")
        await sees(pilot, "Timeline of everything")
        await pilot.press("j", "enter")
        await sees(pilot, "Deployment of web")
        await pilot.press("escape", "ctrl+c")
        await sees(pilot, "Press it again to leave.")
        assert app.screen is app.board
        assert app.engine._focus._service == app.board.service


async def test_tab_in_the_line_at_the_bottom_leaves_it_for_the_next_pane() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("&", *"level", "tab")
        await until(pilot, lambda: not app.board.prompt.display, "the prompt's end")
        assert app.focused is app.board.timeline
        assert app.board.notice_bar.display


async def test_a_page_key_in_a_palette_whose_list_is_not_laid_out_does_nothing() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("colon", *"log")
        await sees(pilot, "log tab to the right")
        listed = app.screen.query_one(CommandList)
        await until(pilot, lambda: listed.highlighted is not None)
        listed.styles.width = 0
        await until(pilot, lambda: not listed.scrollable_content_region)
        await pilot.press("pagedown", "pageup", "escape", "escape")
        await until(pilot, lambda: app.screen is app.board)


async def test_keys_typed_while_it_leaves_are_dropped() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        type_ahead(app, "q", "q", *"jk?a4R" * 20)
        await pilot.pause()
        type_ahead(app, *"jk?a4R" * 20)
    assert app.return_code == 0


async def test_a_sheet_that_is_removed_before_it_has_its_widgets_is_never_mounted() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        app.board.action_help()
        app.board.action_act("redeploy")
        app.screen.remove()
        app.exit(0)
        await pilot.pause()
    assert app.return_code == 0


async def test_an_action_waits_until_the_sheet_on_top_has_its_widgets() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        app.board.action_help()
        await app.run_action("edge(1)", app.screen)
        assert app.screen.query_one("#text").is_attached


async def test_a_sheet_that_is_being_removed_is_called_back_no_more() -> None:
    account, _ = scripted(service("api", environment="staging"))
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("?")
        sheet = app.screen
        assert isinstance(sheet, HelpSheet)
        await sheet.query_one("#sheet").remove()  # what a removal does first
        sheet._pruning = True
        sheet.set_timer(0.01, sheet.reread)
        sheet.set_interval(0.01, sheet.reread)
        sheet.call_later(sheet.reread)
        await pilot.pause(0.1)
        sheet.dismiss(None)
        await settled(pilot)
        assert app.screen is app.board
