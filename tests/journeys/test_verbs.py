"""Every verb of every platform, by key, over real HTTP and WebSocket: done, refused, and with its answer lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.profiles import PROFILES, Order, Profile, prepared
from tests.journeys.orders import (
    GIVEN,
    WARNED,
    Requests,
    audited,
    confirms,
    done_line,
    each_order,
    ended,
    goes_to_its_place,
    opens_the_sheet,
    refused_line,
    sheet_words,
    unspaced,
)
from tests.journeys.sailing import Voyage, sailing
from tests.screens.running import screen_text
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.engine.actions import ActionPhase
from tui.keys import ACTIONS, MENU_KEYS
from tui.model.action import Danger, Verb
from tui.screens.choose import ActionsSheet
from tui.screens.confirm import ConfirmScreen

HASTE = 12  # what goes on at the platform is the story here, not how often it is read
NOT_TODAY = "Deployments are frozen until Monday"


def done(world: World) -> int:
    return sum(world.calls.values())


@each_order
async def test_a_verb_is_told_confirmed_and_done_once(profile: Profile, order: Order) -> None:
    world, target = prepared(profile, order)
    async with sailing(world, haste=HASTE) as voyage:
        await goes_to_its_place(voyage, profile, order, target)
        before, requests = done(world), Requests(world, profile)
        sheet = await opens_the_sheet(voyage, order)
        assert sheet.effect is not None
        said = sheet_words(voyage)
        for words in (sheet.effect.does, sheet.effect.call, *sheet.effect.warnings):
            assert unspaced(words) in said
        assert unspaced(WARNED.get((profile.name, order.verb), "")) in said
        assert requests.seen == 0
        await confirms(voyage, sheet)
        action = await ended(voyage)
        await voyage.sees(done_line(order.verb, sheet.intent.service.name))
        assert action.ok
        phases = audited(voyage, action)
        assert (phases[0], phases[-1]) == (ActionPhase.ASKED, ActionPhase.FINAL)
        assert ActionPhase.ACCEPTED in phases
        await voyage.pilot.press("A")
        await voyage.sees("Audit:", "asked", "accepted", "final")
    assert requests.seen == 1
    assert done(world) == before + 1, world.calls


@each_order
async def test_what_is_refused_changes_nothing_and_is_told_in_the_platforms_words(
    profile: Profile, order: Order
) -> None:
    """Before that, a danger's sheet is not answered by any one key: only by the service's name."""
    world, target = prepared(profile, order)
    async with sailing(world, size=(160, 40), haste=HASTE) as voyage:
        await goes_to_its_place(voyage, profile, order, target)
        before, requests = done(world), Requests(world, profile)
        for each in profile.mutations:
            world.faults.add("refused", each, channel="http", detail=NOT_TODAY)
        sheet = await opens_the_sheet(voyage, order, menu=True)
        if sheet.danger is Danger.TYPE:
            await voyage.pilot.press("enter", "y", "enter", "backspace", "space", "enter", "backspace")
            assert voyage.app.screen is sheet
            assert not voyage.app.engine.actions.recent
        await confirms(voyage, sheet)
        action = await ended(voyage)
        await voyage.sees(refused_line(order.verb, sheet.intent.service.name), NOT_TODAY)
        assert audited(voyage, action) == [ActionPhase.ASKED, ActionPhase.REFUSED]
        await voyage.until(lambda: not voyage.app.engine.actions.running, "the service being free again")
        await voyage.pilot.press("A")
        await voyage.sees("Audit:", "refused")
    assert requests.seen == 1
    assert done(world) == before


@each_order
async def test_what_got_no_answer_is_unknown_watched_and_never_sent_again(profile: Profile, order: Order) -> None:
    world, target = prepared(profile, order)
    async with sailing(world, haste=HASTE) as voyage:
        await goes_to_its_place(voyage, profile, order, target)
        before, requests = done(world), Requests(world, profile)
        for each in profile.mutations:
            world.faults.add("lost-reply", each, channel="http")
        sheet = await opens_the_sheet(voyage, order, menu=True)
        await confirms(voyage, sheet)
        action = await ended(voyage, step_s=5)
        assert audited(voyage, action)[:2] == [ActionPhase.ASKED, ActionPhase.UNKNOWN]
        assert action.ok, action.message
        await voyage.sees(done_line(order.verb, sheet.intent.service.name))
        await voyage.pilot.press("A")
        await voyage.sees("Audit:", "asked", "unknown", "final")
    assert requests.seen == 1
    assert done(world) == before + 1, world.calls


async def test_what_never_arrived_ends_unknown_and_is_not_called_failed() -> None:
    profile, order = next((each, one) for each, one in GIVEN if (each.name, one.verb) == ("dokploy", Verb.STOP))
    world, target = prepared(profile, order)
    async with sailing(world, size=(160, 40), haste=HASTE) as voyage:
        await goes_to_its_place(voyage, profile, order, target)
        before, requests = done(world), Requests(world, profile)
        for each in profile.mutations:
            world.faults.add("5xx", each, channel="http")
        await confirms(voyage, await opens_the_sheet(voyage, order))
        action = await ended(voyage, step_s=5)
        assert action.ok is None
        await voyage.sees("? stop status-page: unknown: no trace of it in 2 min; check the platform")
        assert audited(voyage, action) == [ActionPhase.ASKED, ActionPhase.UNKNOWN, ActionPhase.FINAL]
        await voyage.until(lambda: not voyage.app.engine.actions.running, "the service being free again")
        await voyage.pilot.press("A")
        await voyage.sees("? final", "no trace of it in 2 min")
    assert requests.seen == 1
    assert done(world) == before


@pytest.mark.parametrize("profile", PROFILES, ids=[profile.name for profile in PROFILES])
async def test_a_verb_that_the_platform_lacks_opens_no_sheet_and_says_what_to_do_instead(profile: Profile) -> None:
    world = frozen_world(platforms=(profile.name,))
    async with sailing(world, size=(200, 40), haste=HASTE) as voyage:
        await voyage.goes_to(profile.healthy)
        engine = voyage.app.engine
        provider = await engine.provider("demo")
        lacks = {verb: reason for verb, reason in provider.lacks.items() if isinstance(verb, Verb)}
        assert {order.verb for order in profile.orders} | set(lacks) == set(Verb)
        requests = Requests(world, profile)
        await voyage.pilot.press("a")
        for verb, reason in lacks.items():
            await voyage.sees(f"{verb:<11}  {reason[:60]}")
            await voyage.pilot.press(MENU_KEYS[verb])
            assert isinstance(voyage.app.screen, ActionsSheet)
        await voyage.pilot.press("escape")
        for action in ACTIONS:
            if action.verb in lacks:
                await voyage.pilot.press(action.keys[0])
                await voyage.sees(f"No {action.verb} of", lacks[action.verb][:60])
        assert not engine.actions.recent
    assert requests.seen == 0


LEAVING = {"ctrl+c", "ctrl+q", "ctrl+z", "|"}  # out of the app: twice, to the shell, to the pager
KEYS = sorted({key for action in ACTIONS for key in action.keys} - LEAVING | set(MENU_KEYS.values()) | {"y", "n"})


async def _home(voyage: Voyage) -> None:
    """The board with nothing over it."""
    for _ in range(6):
        if voyage.app.screen is voyage.app.board and not voyage.app.board.prompt.display:
            break
        await voyage.pilot.press("escape")
    assert voyage.app.screen is voyage.app.board, screen_text(voyage.app)


@pytest.mark.parametrize("place", ["services", "timeline", "log", "deployment", "menu"])
async def test_no_verb_is_reached_by_one_key(place: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every key, in every place from which one could act: at most a sheet opens, which escape leaves again."""
    monkeypatch.chdir(tmp_path)  # one of the keys saves the log
    profile = next(each for each in PROFILES if each.name == "dokploy")
    world = frozen_world(platforms=(profile.name,))
    way = {"services": "1", "timeline": "2", "log": "3", "deployment": "2 enter", "menu": "1 a"}[place].split()
    async with sailing(world, size=(80, 24), haste=1) as voyage:
        await voyage.goes_to(profile.healthy)
        await voyage.until(lambda: len(voyage.selected_timeline) > 1, "its deployments")
        requests = Requests(world, profile)
        asked = set()
        for key in KEYS:
            await _home(voyage)
            await voyage.pilot.press(*way, key)
            if isinstance(voyage.app.screen, ConfirmScreen):
                asked.add(voyage.app.screen.intent.verb)
        assert not voyage.app.engine.actions.recent
        assert not list(voyage.app.engine.audit.read())
    assert bool(asked) == (place != "deployment"), "the keys were not heard"
    assert requests.seen == 0
    assert not world.calls
