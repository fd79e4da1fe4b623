"""The part of the board that writes a hand-over: from a key to a file."""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path

from textual.worker import Worker

from tui.model.moment import moment
from tui.screens import take_away
from tui.screens.reading import ReadingScreen
from tui.widgets.format import plural

WITHIN_S = 60.0  # for deployments that are not read yet; what is missing then is told in the document
_SHIFT = "8h"


class HandingOver(ReadingScreen):
    """A screen that knows an engine and a place for files."""

    _writing: Worker[None] | None = None

    def action_handover(self) -> None:
        self._ask(f"hand over since when? enter: {_SHIFT}; or 90m, 22:00, 2026-08-22T02:40", self._hand_over_since)

    def _hand_over_since(self, typed: str | None) -> None:
        if typed is None:
            return
        now = self.engine.clock.now()
        try:
            since = moment(typed.strip() or _SHIFT, now)
        except ValueError as error:
            self.say(str(error), "alert")
            return
        if since >= now:
            self.say(f"{typed} is not over yet: a hand-over begins in the past.", "alert")
            return
        self._writing = self.run_worker(self._hand_over(since, now), group="handover", exclusive=True)

    def ends_handover(self) -> bool:
        """Escape, while one is written. True: there was one."""
        if self._writing is None or self._writing.is_finished:
            return False
        self._writing.cancel()
        self.say("No hand-over was written.")
        return True

    async def _hand_over(self, since: datetime, until: datetime) -> None:
        from tui.engine.handover import document
        from tui.engine.shift import past_of, shift

        def told(progress: str) -> None:
            self.say(f"Hand-over: {progress} … esc ends it")

        told("deployments")
        past = await past_of(self.engine, since, until, within_s=WITHIN_S, told=told)
        one = await shift(self.engine, since, until, past, told=told)
        folder = self.state_dir / "saved" if self.state_dir else Path.cwd()
        path = folder / f"handover-{until.astimezone():%Y-%m-%d-%H%M}.md"
        try:
            written = await asyncio.to_thread(lambda: take_away.write_new(path, document(one)))
        except OSError as error:
            self.say(f"The hand-over was not saved to {path}: {error.strerror}.", "alert")
            return
        missing = f"; {plural(len(one.unread), 'thing')} could not be read, it says which" if one.unread else ""
        self.say(f"Hand-over saved to {written}{missing}.")
