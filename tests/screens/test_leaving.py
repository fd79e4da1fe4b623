"""A screen leaves once: keys that come behind its answer take nothing else away and open nothing over what follows."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.entities import service
from tests.screens.keyboard import type_ahead
from tests.screens.running import running, sees, until
from tests.scripted import scripted
from tui.screens.confirm import ConfirmScreen


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
        await pilot.press("ctrl+r", *"why")
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
