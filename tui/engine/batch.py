"""Several actions confirmed together: some at once, and after the first failure no more are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tui.engine.action import Action
from tui.engine.audit import ActionPhase
from tui.model.action import Intent, Verb

Start = Callable[[Intent, Callable[[Action], None]], Awaitable[Action]]
"""Asks for one, tells the action at once, and returns it when it has ended."""


class Batch:
    """`intents` in the order in which they are asked; `actions` those that were, `left` those that never will be.

    `stopped` says why the rest is not asked; "" while nothing stands against it.
    """

    def __init__(self, intents: tuple[Intent, ...]) -> None:
        self.intents = intents
        self.actions: list[Action] = []
        self.left: tuple[Intent, ...] = ()
        self.stopped = ""
        self.ended = False

    @property
    def verb(self) -> Verb:
        return self.intents[0].verb

    @property
    def done(self) -> Sequence[Action]:
        return [each for each in self.actions if each.ok]

    @property
    def failed(self) -> Sequence[Action]:
        return [each for each in self.actions if _fails(each)]

    @property
    def running(self) -> Sequence[Action]:
        return [each for each in self.actions if each.ended_at is None and each.overdue_at is None]

    @property
    def waiting(self) -> int:
        """How many are still to be asked."""
        return 0 if self.stopped else len(self.intents) - len(self.actions)

    def stop(self, why: str) -> None:
        """The rest is not asked; what was asked goes on. The first reason stays."""
        self.stopped = self.stopped or why

    async def run(
        self, at_once: int, *, start: Start, left: Callable[[Intent, str], None], moved: Callable[[], None]
    ) -> None:
        """`left` is told of each that is not asked, and why; `moved` when there is something to show."""
        rest = list(self.intents)

        async def work() -> None:
            while rest and not self._stops():
                await start(rest.pop(0), self.actions.append)
                moved()

        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, min(at_once, len(rest)))):
                group.create_task(work())
        self.left = tuple(rest)
        for intent in rest:
            left(intent, self.stopped)
        self.ended = True
        moved()

    def _stops(self) -> bool:
        """A lost answer counts when it is lost, and stays one whatever the next snapshots decide."""
        for action in self.failed:
            self.stop(f"{action.intent.service.name} {_word(action)}")
        return bool(self.stopped)


def _was_lost(action: Action) -> bool:
    return any(step.what == ActionPhase.UNKNOWN for step in action.life)


def _fails(action: Action) -> bool:
    ended_badly = action.ended_at is not None and not action.ok
    return _was_lost(action) or ended_badly or action.overdue_at is not None


def _word(action: Action) -> str:
    if _was_lost(action):
        return "is unknown: the answer was lost"
    if action.overdue_at is not None or (action.phase is ActionPhase.FINAL and action.ok is None):
        return "is unknown"
    return "was refused" if action.phase is ActionPhase.REFUSED else "failed"
