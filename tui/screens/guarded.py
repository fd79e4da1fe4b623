"""Sheets that can lead to a mutation: their keys count only after the terminal has shown them."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import events
from textual._time import get_time
from textual.widgets import Static

from tui.screens.sheet import Result, Sheet
from tui.widgets.terminal_app import when_seen

GUARD_S = 0.4
"""From being seen to being answered on purpose."""

_ASK_AGAIN_S = 1.0
_ALWAYS = ("escape", "ctrl+c", "ctrl+q")
"""Keys that lead away from here."""


class GuardedSheet(Sheet[Result]):
    """A sheet that takes keys once the terminal has answered that it shows it, and GUARD_S later.

    A key typed before that was meant for something else, however late it is handled: it is dropped. `arm` is called
    when keys count; `typed_early` says that some did not.
    """

    WAITING: ClassVar[str] = "keys count once this is on your screen · esc back"

    def __init__(self) -> None:
        super().__init__()
        self._armed_at: float | None = None
        self._version = 0
        self._asked_at = 0.0
        self.typed_early = False

    def on_screen_resume(self) -> None:
        """It opened, or what lay over it while it asked anew has gone."""
        if not self.armed:
            self.guard()

    @property
    def armed(self) -> bool:
        return self._armed_at is not None

    def guard(self) -> None:
        """Take no key until what is said now has been seen."""
        self._armed_at = None
        self._version += 1
        self.typed_early = False
        self._ask()
        self._show_foot()

    def arm(self) -> None:
        """Keys count now."""
        self._show_foot()

    def takes(self, event: events.Key | events.Paste) -> bool:
        """Return whether this was typed late enough to be meant for what is said here."""
        if self._armed_at is not None and event.time >= self._armed_at:
            return True
        if isinstance(event, events.Key) and event.key in _ALWAYS:
            return True
        self.typed_early = True
        if not self.armed and get_time() - self._asked_at > _ASK_AGAIN_S:  # the answer may have been lost
            self._ask()
        return False

    def _ask(self) -> None:
        self._asked_at = get_time()
        self.call_after_refresh(when_seen, self, partial(self.call_later, self._seen, self._version))

    def _seen(self, version: int) -> None:
        if version == self._version and not self.armed:
            self.set_timer(GUARD_S, partial(self._arm, version))

    def _arm(self, version: int) -> None:
        if version == self._version and not self.armed:
            self._armed_at = get_time()
            self.arm()

    def _show_foot(self) -> None:
        self.query_one("#foot", Static).update(Text(self.foot if self.armed else self.WAITING))
