"""The app as a picture: in a loop of its own, in UTC."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.screens.running import TRUECOLOR, sees, until
from tests.scripted import FrozenClock, engine_of
from tui.app import DeckApp
from tui.config import UiConfig
from tui.engine.engine import Account
from tui.screens.confirm import ConfirmScreen

SIZES = [(80, 24), (120, 40), (200, 50)]
Before = Callable[[Pilot[Any]], Awaitable[None]]
Compare = Callable[..., bool]


@pytest.fixture(autouse=True)
def utc() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "UTC"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


class Shown(DeckApp):
    """The app with its engine around it: the picture is taken in a loop of its own."""

    async def run_async(self, **given: Any) -> int | None:  # noqa: ANN401 - as App.run_async
        async with self.engine:
            return await super().run_async(**given)


def shown(*accounts: Account, clock: FrozenClock | None = None, read_only: bool = False) -> Shown:
    engine = engine_of(*accounts, clock=clock, read_only=read_only)
    return Shown(engine, terminal=TRUECOLOR, ui=UiConfig(), config_path="~/.config/deckwatch/config.toml")


def pressed(*keys: str, then: tuple[str, ...] = (), start: Before) -> Before:
    """Keys, after `start` and before the picture, and what is then to be seen."""

    async def before(pilot: Pilot[Any]) -> None:
        await start(pilot)
        await pilot.press(*keys)
        await sees(pilot, *then)
        if isinstance(pilot.app.screen, ConfirmScreen):
            sheet = pilot.app.screen
            await until(pilot, lambda: sheet.armed)

    return before
