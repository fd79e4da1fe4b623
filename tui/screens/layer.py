"""Screens that lie over one another: each leaves once, and opens others only while nothing lies over it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.events import Event, Mount
from textual.screen import Screen, ScreenResultType
from textual.timer import Timer

Opened = TypeVar("Opened")


class Layer(Screen[ScreenResultType]):
    """The base of every screen but Textual's own default one.

    Textual's `dismiss` removes whatever screen is on top, so a second answer to a sheet (keys that arrived together)
    would take the board away. Only the top screen can leave or open another one.
    """

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave with `result`. Ignored once it has left, and while another screen lies over it."""
        return super().dismiss(result) if self.is_active else AwaitComplete()

    def open(self, screen: Screen[Opened], then: Callable[[Opened | None], None] | None = None) -> None:
        """Show `screen` over this one and call `then` with its result. Ignored while another one is shown."""
        if self.is_active:
            self.app.push_screen(screen, then)

    # A screen that is removed loses its widgets before it ends: nothing of it may look for them then.

    async def on_event(self, event: Event) -> None:
        """Ignore the mounting of a screen that was removed before it had its widgets."""
        if not isinstance(event, Mount) or self.children:
            await super().on_event(event)

    def set_timer(
        self,
        delay: float,
        callback: Callable[[], object] | None = None,
        *,
        name: str | None = None,
        pause: bool = False,
    ) -> Timer:
        """Call back after `delay` seconds, unless it is being removed by then."""
        called = None if callback is None else partial(self._unless_removed, callback)
        return super().set_timer(delay, called, name=name, pause=pause)

    def set_interval(
        self,
        interval: float,
        callback: Callable[[], object] | None = None,
        *,
        name: str | None = None,
        repeat: int = 0,
        pause: bool = False,
    ) -> Timer:
        """Call back every `interval` seconds until it is being removed."""
        called = None if callback is None else partial(self._unless_removed, callback)
        return super().set_interval(interval, called, name=name, repeat=repeat, pause=pause)

    def call_later(self, callback: Callable[..., object], *args: object, **kwargs: object) -> bool:
        """Call back; a method of its own not while it is being removed."""
        if getattr(callback, "__self__", None) is self:
            callback = partial(self._unless_removed, callback)
        return super().call_later(callback, *args, **kwargs)

    def _unless_removed(self, callback: Callable[..., object], *args: object, **kwargs: object) -> object:
        return None if self._pruning else callback(*args, **kwargs)
