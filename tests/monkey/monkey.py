"""A monkey at the keyboard: seeded bursts of keys over the demo world, with faults, and what must hold after each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from textual.pilot import Pilot

from tests.screens.keyboard import type_ahead
from tests.screens.running import screen_text, until
from tui.app import DeckApp
from tui.demo.faults import STREAM_FAULTS
from tui.demo.world import World
from tui.engine.audit import ActionPhase, AuditEntry
from tui.keys import ACTIONS, MENU_KEYS
from tui.model.action import Danger
from tui.screens.confirm import ConfirmScreen
from tui.screens.confirm_many import ConfirmManyScreen
from tui.screens.lane_keys import LANE_ACTIONS
from tui.screens.question import Question

QUITS = ("q", "ctrl+c", "ctrl+q")
BOUND = tuple(
    key
    for key in dict.fromkeys(
        [key for action in (*ACTIONS, *LANE_ACTIONS) for key in action.keys] + list(MENU_KEYS.values())
    )
    if key not in QUITS
)
OTHERS = (*'0123456789abcxyzéß漢🙂"\\', "tab", "backspace", "delete", "f3", "ctrl+v", "ctrl+k", "ctrl+left")
USUAL = ("enter", "escape", "y", "a", "R", "tab", "j", "k", "space")

FAULTS = ("429", "5xx", "slow", "drop", "malformed", "silent", "lost-reply", "html", "unauthorized", "refused", "close")
ESCAPES = 12  # lead to the board from wherever one is


@dataclass
class Monkey:
    """Presses keys and looks at what comes of them. It outlives the apps that it leaves by q q.

    Raises AssertionError, with the last bursts and the screen, for what must not be so.
    """

    world: World
    random: Random
    label: str
    pressed: int = 0
    offered: set[str] = field(default_factory=set)  # intents whose sheet was open and took keys before a burst
    seen: Counter[str] = field(default_factory=Counter)  # screens, after a burst
    effects: Counter[tuple[str, str]] = field(default_factory=Counter)  # what was done to the world
    last: list[tuple[str, ...]] = field(default_factory=list)

    def takes(self, app: DeckApp, pilot: Pilot[Any]) -> None:
        self.app, self.pilot = app, pilot
        self._asked = (0, 0)

    @property
    def gone(self) -> bool:
        """It has left the app."""
        return self.app._exit

    async def presses(self, keys: int) -> None:
        """At least that many, in bursts, while faults come and go and time passes."""
        until_pressed = self.pressed + keys
        while self.pressed < until_pressed and not self.gone:
            if self.random.random() < 0.1:
                self._switch_faults()
            if self.random.random() < 0.1:
                self.world.advance(self.random.choice((0.5, 2.0, 10.0)))
            await self._burst()

    def _switch_faults(self) -> None:
        faults, random = self.world.faults, self.random
        faults.clear()
        if random.random() < 0.7:
            kind = random.choice(FAULTS)
            faults.add(kind, channel="http", count=None, chance=random.choice((0.2, 1.0)), seconds=0.2)
            if kind in STREAM_FAULTS:
                faults.add(kind, channel="socket", count=None, chance=0.3, pause_s=20.0)

    async def _burst(self) -> None:
        keys = await self._keys()
        self.last = [*self.last[-11:], keys]
        self.pressed += len(keys)
        type_ahead(self.app, *keys)
        await self._settles()
        self.looks()

    async def _keys(self) -> tuple[str, ...]:
        """Mostly one to six; now and then what a sheet wants to be typed."""
        random, screen = self.random, self.app.screen
        if isinstance(screen, Question) and not screen.armed and random.random() < 0.1:
            await armed(self.pilot, screen)
        for each in self.app.screen_stack:  # one below an options sheet is armed, too
            if isinstance(each, Question) and each.armed:
                self.offered |= intents(each)
        if isinstance(screen, Question) and screen.armed and screen.danger is Danger.TYPE and random.random() < 0.2:
            return (*screen.word, "enter")
        return tuple(self._key() for _ in range(random.randint(1, 6)))

    def _key(self) -> str:
        drawn = self.random.random()
        if drawn < 0.003:
            return self.random.choice(QUITS)
        keys: Sequence[str] = USUAL if drawn < 0.25 else BOUND if drawn < 0.9 else OTHERS
        return self.random.choice(keys)

    async def _settles(self) -> None:
        """What was typed has been handled, and what came of that."""
        for _ in range(2):
            if not self.gone:
                await self.pilot._wait_for_screen()

    def looks(self) -> None:
        """What must be so after every burst."""
        app = self.app
        assert app._exception is None, self.story(f"a traceback: {app._exception!r}")
        if self.gone:
            assert app.return_code == 0, self.story(f"it left with {app.return_code}")
            return
        assert app.board in app.screen_stack, self.story("the board is gone")
        self.seen[type(app.screen).__name__] += 1
        if (stamp := app.engine.audit.stamp) != self._asked:
            self._asked = stamp
            self._looks_at_the_audit()

    def _looks_at_the_audit(self) -> None:
        for entry in self._asked_for():
            what = f"{entry.verb} {entry.target}"
            assert entry.id in self.offered, self.story(f"{what} was asked for by no sheet that took keys")

    def _asked_for(self) -> list[AuditEntry]:
        return [each for each in self.app.engine.audit.read() if each.phase is ActionPhase.ASKED]

    async def escapes(self) -> None:
        """A bounded number of escapes leads back to the board, and it shows something."""
        for _ in range(ESCAPES):
            if self.gone:
                return
            type_ahead(self.app, "escape")
            await self._settles()
            self.looks()
            if self.app.screen is self.app.board and not self.app.board.prompt.asking:
                break
        else:
            raise AssertionError(self.story(f"{ESCAPES} escapes do not lead to the board"))
        lines = [line for line in screen_text(self.app).splitlines() if line.strip()]
        assert len(lines) >= 3, self.story("the board is blank")

    def looks_at_effects(self) -> None:
        """Every mutation of the world was asked for in the audit."""
        self.effects = Counter(self.world.calls)
        asked = [entry.target for entry in self._asked_for()]
        for (verb, id_), count in self.effects.items():
            place = place_of(self.world, id_)
            mine = sum(target.endswith(f"/{place}") for target in asked)
            assert count <= mine, self.story(f"{verb} {place} ({id_}) was done {count} times, asked for {mine} times")

    def story(self, what: str) -> str:
        bursts = "\n".join(" ".join(each) for each in self.last)
        return f"{self.label}: {what}\nthe last bursts, each typed at once:\n{bursts}\n{self._shown()}"

    def _shown(self) -> str:
        try:
            return screen_text(self.app)
        except Exception as error:
            return repr(error)


async def armed(pilot: Pilot[Any], question: Question[Any]) -> None:
    """Wait until it takes keys, or is there no more."""
    await until(pilot, lambda: question.armed or not question.is_active, "an armed sheet")


def intents(screen: Question[Any]) -> set[str]:
    match screen:
        case ConfirmScreen():
            return {screen.intent.id}
        case ConfirmManyScreen():
            return {intent.id for intent, _ in screen.asked}
    return set()


def place_of(world: World, id_: str) -> str:
    """The path of the service that an id of the demo's record belongs to: its own, or one of its deployments'."""
    for service in world.services:
        if id_.partition(":")[0] in (service.id, service.service_id) or id_.startswith(service.tag):
            return service.path
    return id_
