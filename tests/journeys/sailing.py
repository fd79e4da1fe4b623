"""The whole app, from its keys to the demo's sockets, on the world's time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from tests.screens.running import TRUECOLOR, screen_text
from tui import providers
from tui.app import DeckApp
from tui.cli.accounts import TITLES
from tui.config import UiConfig
from tui.credentials import Secret
from tui.demo.serve import Address, serve
from tui.demo.world import World
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.engine.notes import Notes
from tui.model.clock import Clock
from tui.model.entities import Service
from tui.model.provider import Connection, Meter, Provider
from tui.screens.confirm import ConfirmScreen
from tui.screens.guarded import GuardedSheet

HASTE = 50.0  # waiting is that much shorter than it says


class WorldTime:
    """The engine's clock: the hour is the world's, and what passes there passes here; waits are real and short, so
    that polls come quickly. The machine's clock is wrong by `ahead_s`."""

    def __init__(self, world: World, haste: float = HASTE, ahead_s: float = 0.0) -> None:
        self.world = world
        self._ahead_s = ahead_s
        self._haste = haste
        self._began = world.clock.now()

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock.now() / 1e9 + self._ahead_s, UTC)

    def monotonic(self) -> float:
        return time.monotonic() * self._haste + (self.world.clock.now() - self._began) / 1e9

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self._haste)


@dataclass(frozen=True, slots=True)
class Voyage:
    app: DeckApp
    pilot: Pilot[Any]
    world: World
    tokens: tuple[str, ...] = ()  # of its accounts

    async def until(self, condition: Callable[[], object], what: str = "it", *, step_s: float = 0.0) -> None:
        """Waits for a condition; with `step_s` the world's time goes on meanwhile, that much each look."""
        given_up = time.monotonic() + 40
        while not condition():
            if step_s:
                self.world.advance(step_s)
            await self.pilot.pause(0.02)
            assert time.monotonic() < given_up, f"{what} not seen:\n{screen_text(self.app)}"

    async def sees(self, *texts: str, step_s: float = 0.0) -> None:
        await self.until(lambda: all(text in screen_text(self.app) for text in texts), str(texts), step_s=step_s)

    async def goes_to(self, path: str) -> None:
        """Puts the cursor on `project/environment/service`, as a person would: by searching for it."""
        await self.until(lambda: self.app.engine.store.services(), "services")
        await self.pilot.press("1", "g", "slash", *path, "enter")
        await self.until(lambda: self._on(path), path)

    def _on(self, path: str) -> bool:
        ref = self.app.board.service
        service = self.app.engine.store.service(ref) if ref else None
        return service is not None and service.path.endswith(path)

    async def armed(self, kind: type[GuardedSheet[Any]]) -> None:
        """Waits until a sheet of that kind is on top and takes keys."""
        await self.until(lambda: isinstance(self.app.screen, kind) and self.app.screen.armed, f"an armed {kind}")

    async def confirms(self, name: str, *, typed: bool) -> None:
        """Answers the sheet that is open: by a yes, or by the service's name."""
        await self.armed(ConfirmScreen)
        await self.pilot.press(*([*name, "enter"] if typed else ["y"]))

    @property
    def selected(self) -> Service:
        ref = self.app.board.service
        service = self.app.engine.store.service(ref) if ref else None
        assert service is not None
        return service

    @property
    def selected_timeline(self) -> list[str]:
        """The states of the selected service's deployments, newest first."""
        ref = self.app.board.service
        timeline = self.app.engine.store.timeline(ref) if ref else None
        return [str(each.status) for each in timeline.deployments] if timeline else []


@asynccontextmanager
async def sailing(
    world: World,
    *,
    size: tuple[int, int] = (120, 40),
    token: str | None = None,
    haste: float = HASTE,
    state_dir: Path | None = None,
    user: str = "ann",
    settle_s: float = 10.0,
    ahead_s: float = 0.0,
    through: Callable[[str], AbstractAsyncContextManager[str]] = nullcontext,
) -> AsyncIterator[Voyage]:
    """One account a platform of the world, called after it; the only one is called "demo". What is noted and done is
    kept in `state_dir`, where there is one. `through` gives another way to a platform's url."""
    async with serve(world, rate_limit=1_000_000) as serving, AsyncExitStack() as ways:
        urls = {name: await ways.enter_async_context(through(at.url)) for name, at in serving.addresses.items()}
        clock: Clock = WorldTime(world, haste, ahead_s)

        def account(platform: str, place: Address) -> Account:
            name = "demo" if len(serving.addresses) == 1 else platform

            async def connect(meter: Meter) -> Provider:
                connection = Connection(
                    name, Secret(token or place.token), urls[platform], place.projects, live_logs=place.live_logs
                )
                return providers.load(platform)(connection, meter=meter, clock=clock)

            return Account(name, platform, TITLES[platform], connect)

        accounts = [account(platform, place) for platform, place in serving.addresses.items()]
        audit = AuditLog(state_dir and state_dir / "audit.jsonl")
        notes = Notes(state_dir and state_dir / "notes.jsonl", clock, user)
        async with Engine(accounts, clock=clock, audit=audit, notes=notes, poll_s=10, settle_s=settle_s) as engine:
            app = DeckApp(engine, terminal=TRUECOLOR, ui=UiConfig(), state_dir=state_dir)
            async with app.run_test(size=size) as pilot:
                yield Voyage(app, pilot, world, tuple(place.token for place in serving.addresses.values()))
