"""Whatever is typed, on whatever screen, at whatever size, over whatever faults: nothing crashes, nothing is lost, and
nothing is done that no confirmed sheet asked for.

    DECKWATCH_MONKEY_KEYS=20000 DECKWATCH_MONKEY_SEED=7 .venv/bin/pytest -n 2 tests/monkey

presses that many keys, about 6 ms of CPU each, from another seed. A failure names its seed and what was typed last.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import textual.screen
from textual.screen import Screen

from tests.journeys.sailing import Voyage, sailing
from tests.monkey.monkey import Monkey, armed
from tests.screens.keyboard import type_ahead
from tests.screens.running import app_of, screen_text
from tests.scripted import engine_of
from tui.demo.parts import PLATFORMS
from tui.demo.story import frozen_world
from tui.screens.audit import AuditScreen, LifeSheet
from tui.screens.before import BeforeSheet
from tui.screens.board import Board
from tui.screens.choose import ActionsSheet, ChooseSheet, ManyActionsSheet
from tui.screens.completeness import CompletenessSheet
from tui.screens.confirm import ConfirmScreen
from tui.screens.confirm_many import ConfirmManyScreen
from tui.screens.deployment import DeploymentScreen
from tui.screens.entry import EntrySheet
from tui.screens.help import HelpSheet
from tui.screens.lane_keys import LaneHelp
from tui.screens.lanes import LanesScreen
from tui.screens.options import OptionsSheet
from tui.screens.palette import Palette
from tui.screens.patterns import PatternsSheet
from tui.screens.question import Question
from tui.screens.routes import RoutesSheet

KEYS = int(os.environ.get("DECKWATCH_MONKEY_KEYS", "6000"))
SEED = os.environ.get("DECKWATCH_MONKEY_SEED", "1")
SIZES = [(60, 15), (80, 24), (200, 50)]


class Start(NamedTuple):
    """How to come from the board to a screen. Not `sure`: where the platform has what it shows."""

    keys: tuple[str, ...]
    shows: type[Screen[Any]] = Board
    sure: bool = True


ARMED = "armed"
"""Instead of a key: wait until the question takes keys."""

STARTS = {
    "services": Start(("1",)),
    "timeline": Start(("2",)),
    "logs": Start(("3",)),
    "zoomed": Start(("3", "z")),
    "search in the log": Start(("3", "slash")),
    "search in the services": Start(("1", "slash")),
    "filter": Start(("&",)),
    "note": Start(("3", "M")),
    "time": Start(("@",)),
    "hand-over": Start(("H",)),
    "palette": Start(("colon",), Palette),
    "actions": Start(("a",), ActionsSheet),
    "rollback": Start(("B",), ChooseSheet, sure=False),
    "confirm": Start(("R", ARMED), ConfirmScreen, sure=False),
    "reason": Start(("R", ARMED, "ctrl+r"), OptionsSheet, sure=False),
    "options": Start(("a", "d", ARMED, "ctrl+o"), OptionsSheet, sure=False),
    "actions on many": Start(("1", "g", "m", "j", "m", "*"), ManyActionsSheet),
    "confirm many": Start(("1", "g", "m", "j", "m", "*", "r", ARMED), ConfirmManyScreen, sure=False),
    "audit": Start(("A",), AuditScreen),
    "one action": Start(("A", "enter"), LifeSheet, sure=False),
    "help": Start(("?",), HelpSheet),
    "patterns": Start(("3", "r"), PatternsSheet, sure=False),
    "routes": Start(("3", "]", "r"), RoutesSheet, sure=False),
    "entry": Start(("3", "G", "k", "enter"), EntrySheet, sure=False),
    "completeness": Start(("%",), CompletenessSheet, sure=False),
    "deployment": Start(("2", "enter"), DeploymentScreen),
    "before": Start(("@", "-", "1", "h", "enter"), BeforeSheet),
    "everything": Start(("4",), LanesScreen),
    "lanes by words": Start(("4", "slash"), LanesScreen),
    "lanes at a time": Start(("4", "@"), LanesScreen),
    "keys of everything": Start(("4", "?"), LaneHelp),
    "deployment from everything": Start(("4", "enter"), DeploymentScreen, sure=False),
}


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("size", SIZES, ids=[f"{width}x{height}" for width, height in SIZES])
async def test_no_key_crashes_it_and_no_key_acts_without_a_confirmed_sheet(
    platform: str, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGER", "no-such-pager")
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(textual.screen, "UPDATE_PERIOD", 0.2)  # painting is most of what a burst costs
    random = Random(f"{SEED} {platform} {size}")
    world = frozen_world(platforms=(platform,))
    monkey = Monkey(world, random, f"DECKWATCH_MONKEY_SEED={SEED}, {platform} at {size}")
    reached: Counter[str] = Counter()
    rest = [*STARTS][PLATFORMS.index(platform) :: len(PLATFORMS)]
    random.shuffle(rest)
    keys = KEYS // (len(SIZES) * len(STARTS))
    print(f"seed {SEED}: {keys} keys from each of {len(rest)} screens, {platform} at {size}")  # noqa: T201
    while rest:
        world.faults.clear()
        async with sailing(world, size=size, haste=1, state_dir=tmp_path / "state") as voyage:
            await voyage.until(lambda: voyage.app.board.service is not None, "a selected service")
            monkey.takes(voyage.app, voyage.pilot)
            while rest and not monkey.gone:
                name = rest.pop()
                reached[name] += await _reaches(voyage, STARTS[name])
                await monkey.presses(keys)
                world.faults.clear()
                await monkey.escapes()
            monkey.looks_at_effects()
    missed = [name for name in reached if STARTS[name].sure and not reached[name]]
    assert not missed, monkey.story(f"never came to {missed}")
    print(f"{monkey.pressed} keys, screens seen: {dict(monkey.seen)}, effects {monkey.effects.total()}")  # noqa: T201


async def _reaches(voyage: Voyage, start: Start) -> bool:
    app, pilot = voyage.app, voyage.pilot
    app.engine.refresh()
    if app.board.merged:
        await pilot.press("1", "M")
    for key in start.keys:
        if key != ARMED:
            type_ahead(app, key)
            await pilot.pause()
            continue
        if not isinstance(app.screen, Question):
            return False
        await armed(pilot, app.screen)
    return isinstance(app.screen, start.shows)


@pytest.mark.parametrize("size", SIZES)
async def test_no_key_crashes_the_first_screen_of_all(size: tuple[int, int]) -> None:
    random = Random(f"{SEED} {size}")
    async with engine_of() as engine:
        app = app_of(engine)
        async with app.run_test(size=size) as pilot:
            for _ in range(20):
                type_ahead(app, *random.choices("abcdefgh?:/0123456789", k=random.randint(1, 6)), "enter", "tab", "R")
                await pilot.pause()
                assert "deckwatch has no account yet." in screen_text(app)
            type_ahead(app, "q", "q", "escape")
            await pilot.pause()
        assert app.return_code == 0
