"""Screens that lie over one another: each leaves once, and opens others only while nothing lies over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.events import Event, Mount
from textual.screen import Screen, ScreenResultType

Opened = TypeVar("Opened")


class Layer(Screen[ScreenResultType]):
    """The base of every screen but Textual's own default one.

    Textual's `dismiss` removes whatever screen is on top, so a second answer to a sheet (keys that arrived together)
    would take the board away. Only the top screen can leave or open another one.
    """

    async def on_event(self, event: Event) -> None:
        """Ignore the mounting of a screen that was removed before it had its widgets."""
        if not isinstance(event, Mount) or self.children:
            await super().on_event(event)

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave with `result`. Ignored once it has left, and while another screen lies over it."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def open(self, screen: Screen[Opened], then: Callable[[Opened | None], None] | None = None) -> None:
        """Show `screen` over this one and call `then` with its result. Ignored while another one is shown."""
        if self.is_active:
            self.app.push_screen(screen, then)
