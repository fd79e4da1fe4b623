"""Makes the pictures in this folder: the board on the demo world, which stands still, driven by key.

python screenshots/make.py [FOLDER]

The same world, the same keys and the same clock give the same files; what the board talks to is the demo's real
server on loopback.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

os.environ |= {"TZ": "UTC", "COLORTERM": "truecolor", "TERM": "xterm-256color"}
time.tzset()
sys.path.insert(0, str(Path(__file__).parent.parent))

from tui.terminal import examine, prepare  # noqa: E402  # Textual reads what this sets when it is imported

TERMINAL = examine(os.environ)
prepare(TERMINAL)

from textual.pilot import Pilot  # noqa: E402

from tui import providers  # noqa: E402
from tui.app import DeckApp  # noqa: E402
from tui.cli.accounts import TITLES  # noqa: E402
from tui.config import UiConfig  # noqa: E402
from tui.credentials import Secret  # noqa: E402
from tui.demo.clock import SECOND  # noqa: E402
from tui.demo.serve import Address, serve  # noqa: E402
from tui.demo.story import frozen_world  # noqa: E402
from tui.demo.world import World  # noqa: E402
from tui.engine.audit import AuditLog  # noqa: E402
from tui.engine.engine import Account, Engine  # noqa: E402
from tui.model.clock import SystemClock  # noqa: E402
from tui.model.provider import Connection, Meter, Provider  # noqa: E402

SIZES = ((80, 24), (120, 40), (200, 50))
_PORT = re.compile(r"127\.0\.0\.1:\d+")
_IDS = re.compile(r"terminal-\d+")
_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


class WorldTime(SystemClock):
    """The board's clock shows the world's time; waiting takes the time it takes."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self._world.now * 1_000_000 // SECOND)


@dataclass(slots=True)
class Scene:
    """One run of the board, and what a person does with it."""

    pilot: Pilot[Any]
    world: World
    folder: Path

    @property
    def text(self) -> str:
        strips = self.pilot.app.screen._compositor.render_strips()
        return "\n".join("".join(segment.text for segment in strip) for strip in strips)

    async def until(self, condition: Callable[[str], object], what: str) -> None:
        for _ in range(500):
            if condition(self.text):
                return
            await self.pilot.pause(0.02)
        raise SystemExit(f"never seen: {what}\n{self.text}")

    async def sees(self, *texts: str) -> None:
        await self.until(lambda screen: all(text in screen for text in texts), ", ".join(texts))

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def go_to(self, path: str) -> None:
        """The cursor on that service, as a person would; then until its timeline and its log are there."""
        rest, _, name = path.rpartition("/")
        environment = rest.rpartition("/")[2]
        wanted = f" 2 Timeline  {name} {environment} "
        await self.press("1", "g", "slash", *path, "enter")
        await self.until(lambda screen: wanted in screen and not re.search("Reading the|Opening the", screen), path)
        await self.pilot.pause(0.5)

    def shoot(self, name: str) -> None:
        columns, rows = self.pilot.app.size
        svg = _PORT.sub("127.0.0.1:41743", self.pilot.app.export_screenshot(title="deckwatch"))
        svg = _FONTS.sub("", svg)  # a picture asks no other machine for anything
        svg = _IDS.sub(f"{name}-{columns}", svg)
        (self.folder / f"{name}-{columns}x{rows}.svg").write_text(svg, encoding="utf-8")


async def board(scene: Scene) -> None:
    """The night's trouble: a bad deployment that answers with 500s."""
    await scene.go_to("production/checkout")
    scene.shoot("board")


async def rollout(scene: Scene) -> None:
    """A deployment in flight, with its build steps and its build log."""
    await scene.go_to("shop/production/web")
    scene.shoot("rollout")


async def approval(scene: Scene) -> None:
    """A deployment on GitLab that waits for three people: who they are, and what it brings."""
    await scene.go_to("production/settlement")
    await scene.press("2", "enter")
    await scene.sees("Deployment of settlement")
    await scene.pilot.pause(0.5)
    if "Approvals" not in scene.text:
        await scene.press("d")
    await scene.sees("Approvals")
    await scene.pilot.pause(0.3)
    scene.shoot("approval")


async def rollback(scene: Scene) -> None:
    """Which deployment to go back to; then the last question, in production with the name to type."""
    await scene.go_to("production/checkout")
    await scene.press("B")
    await scene.sees("to which deployment?")
    await scene.pilot.pause(0.5)
    scene.shoot("rollback")
    await scene.press("enter")
    await scene.sees("Type checkout")
    await scene.pilot.pause(0.5)
    scene.shoot("confirm")


async def audit(scene: Scene) -> None:
    """What was done from here: a redeploy, followed to its end."""
    await scene.go_to("shop/staging/api")
    await scene.press("R")
    await scene.sees("y does it")
    await scene.pilot.pause(0.5)
    await scene.press("y")
    await scene.until(
        lambda _: any(
            service.path == "shop/staging/api"
            and service.latest is not None
            and service.latest.created_at >= scene.world.started_at
            for service in scene.world.services
        ),
        "a new deployment",
    )
    await scene.sees("redeploy")
    scene.world.advance(120)
    await scene.sees("✓ redeploy api")
    await scene.press("A")
    await scene.sees("Audit: what was done", "final")
    scene.shoot("audit")


async def help_(scene: Scene) -> None:
    await scene.go_to("production/checkout")
    await scene.press("question_mark")
    await scene.sees("Keys")
    scene.shoot("help")


async def deployment(scene: Scene) -> None:
    """The page of one deployment: a build that failed."""
    await scene.go_to("production/search")
    await scene.press("2", "enter")
    await scene.sees("Deployment of search")
    await scene.pilot.pause(0.3)
    scene.shoot("deployment")


async def logs(scene: Scene) -> None:
    """What a bad rollout brought: new patterns in the log, and the requests against those before it."""
    await scene.go_to("shop/production/checkout")
    await scene.press("3", "r")
    await scene.sees("new errors", "NEW")
    await scene.pilot.pause(0.7)
    scene.shoot("patterns")
    await scene.press("escape", "right_square_bracket")
    await scene.until(lambda screen: "% -> " in screen and " ms since " in screen, "the comparison")
    await scene.pilot.pause(0.5)
    scene.shoot("http")


async def merged(scene: Scene) -> None:
    """The logs of all that changed in the last hour as one, only what is bad of them."""
    await scene.go_to("shop/production/checkout")
    await scene.press("M", "3")
    await scene.sees("in one log")
    await scene.press("ampersand", *"level>=warn", "enter")
    await scene.sees("& level>=warn")
    await scene.pilot.pause(1.5)
    scene.shoot("merged")


async def lanes(scene: Scene) -> None:
    """The last hours of every service on one axis."""
    await scene.go_to("shop/production/checkout")
    await scene.press("4", "plus")
    await scene.sees("Timeline of everything")
    await scene.until(lambda screen: " deployments" in screen and "reading" not in screen, "all read")
    await scene.pilot.pause(0.7)
    scene.shoot("lanes")


async def before(scene: Scene) -> None:
    """What changed before a time, on every platform, nearest first."""
    await scene.go_to("shop/production/checkout")
    await scene.press("at", *"-5m", "enter")
    await scene.sees("Before ", "deployments")
    await scene.until(
        lambda screen: " for all " in screen and " …" not in screen.partition(" for all ")[2][:40], "read"
    )
    await scene.pilot.pause(0.7)
    scene.shoot("before")


SCENES: tuple[Callable[[Scene], Awaitable[None]], ...] = (
    board,
    rollout,
    logs,
    merged,
    lanes,
    before,
    approval,
    rollback,
    audit,
    help_,
    deployment,
)


async def play(scene: Callable[[Scene], Awaitable[None]], size: tuple[int, int], folder: Path) -> None:
    world = frozen_world()
    clock = WorldTime(world)
    async with serve(world) as serving:
        accounts = [
            Account(platform, platform, TITLES[platform], connector(platform, address, clock))
            for platform, address in serving.addresses.items()
        ]
        async with Engine(accounts, audit=AuditLog(None), clock=clock, settle_s=1.0) as engine:
            engine.actions._user = "ana"  # whoever makes the picture
            app = DeckApp(engine, terminal=TERMINAL, ui=UiConfig(), state_dir=None)
            async with app.run_test(size=size) as pilot:
                stage = Scene(pilot, world, folder)
                await stage.until(lambda _: len(engine.store.services()) == len(world.services), "every service")
                await scene(stage)


def connector(platform: str, address: Address, clock: WorldTime) -> Callable[[Meter], Awaitable[Provider]]:
    async def connect(meter: Meter) -> Provider:
        connection = Connection(
            platform, Secret(address.token), address.url, address.projects, live_logs=address.live_logs
        )
        return providers.load(platform)(connection, meter=meter, clock=clock)

    return connect


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(exist_ok=True)
    for size in SIZES:
        for scene in SCENES:
            asyncio.run(play(scene, size, folder))


if __name__ == "__main__":
    main()
