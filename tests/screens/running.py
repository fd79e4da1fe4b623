"""The app over a scripted platform, and waiting for what should be seen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual._context import visible_screen_stack
from textual.pilot import Pilot

from tests.scripted import engine_of
from tui.app import DeckApp
from tui.config import UiConfig
from tui.engine.engine import Account, Engine
from tui.model.clock import Clock
from tui.screens.board import Board
from tui.screens.guarded import GuardedSheet
from tui.screens.question import Question
from tui.terminal import Terminal

TRUECOLOR = Terminal("truecolor", slow_link=False, frames_per_second=60)


def app_of(engine: Engine, state_dir: Path | None = None) -> DeckApp:
    return DeckApp(engine, terminal=TRUECOLOR, ui=UiConfig(), state_dir=state_dir, config_path="config.toml")


@asynccontextmanager
async def running(
    *accounts: Account, size: tuple[int, int] = (120, 40), clock: Clock | None = None, read_only: bool = False
) -> AsyncIterator[tuple[DeckApp, Pilot[Any]]]:
    """The board, mounted, with its first picture asked for."""
    async with engine_of(*accounts, clock=clock, read_only=read_only) as engine:
        app = app_of(engine)
        async with app.run_test(size=size) as pilot:
            yield app, pilot


async def until(pilot: Pilot[Any], condition: Callable[[], object], what: str = "", timeout_s: float = 30.0) -> None:
    """Waits until `condition` holds. Raises AssertionError with what is on screen when it does not in time."""
    waited = 0.0
    while not condition():
        await pilot.pause(0.02)
        waited += 0.02
        if waited > timeout_s:
            raise AssertionError(f"{what or 'not seen'} within {timeout_s} s:\n{screen_text(pilot.app)}")


async def sees(pilot: Pilot[Any], *texts: str, timeout_s: float = 30.0) -> None:
    """Waits until every text is on the screen."""
    await until(pilot, lambda: all(t in screen_text(pilot.app) for t in texts), f"{texts} not seen", timeout_s)


async def armed(pilot: Pilot[Any], kind: type[GuardedSheet[Any]] = Question) -> None:
    """Waits until a sheet of that kind is on top and takes keys."""
    await until(pilot, lambda: isinstance(pilot.app.screen, kind) and pilot.app.screen.armed, f"an armed {kind}")


def screen_text(app: Any) -> str:  # noqa: ANN401 - the pilot's app is of any return type
    """What stands on the screen, line by line."""
    width, height = app.size
    screen = app.screen
    # Drawn without what is below it, a sheet would keep that as what is below it.
    visible_screen_stack.set(app._background_screens)
    lines = screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line)[:width].rstrip() for line in lines[:height])


def board(app: DeckApp) -> Board:
    return app.board


def pinned_log(app: DeckApp) -> bool | None:
    """Whether the log that is open is one deployment's alone; None while none is open."""
    tail = app.board.tail
    return None if tail is None else tail.source.deployment is not None
