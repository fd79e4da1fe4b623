"""An app whose widgets may write to the terminal themselves, beside Textual (TerminalRows)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, runtime_checkable

from rich.console import RenderableType
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.css.query import NoMatches
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event, Key, Paste
from textual.screen import Screen

from tui.widgets.board_driver import BoardDriver
from tui.widgets.frame_pacing import PacedDriver
from tui.widgets.terminal_driver import TerminalDriver

Result = TypeVar("Result")


@runtime_checkable
class Guarded(Protocol):
    """A screen that takes only what was typed for it."""

    def takes(self, event: Key | Paste) -> bool:
        """Return whether this may be handled; what may not is dropped."""


class TerminalApp(App[Result]):
    signs: Mapping[int, str] | None = None
    """What is written instead of signs that the terminal would not show; None: it shows them all."""

    painted: Screen[object] | None = None
    """The screen that the terminal shows, all of it. The one on top of the stack is it only once it was painted."""

    def __init__(self) -> None:
        super().__init__()
        self._unseen: list[tuple[Screen[Any], Callable[[], object]]] = []

    def get_driver_class(self) -> type[Driver]:
        found = super().get_driver_class()
        return BoardDriver if found is LinuxDriver else found

    def _display(self, screen: Screen[object], renderable: RenderableType | None) -> None:
        driver = self._driver
        is_frame = renderable is not None and not self._batch_count
        if is_frame and isinstance(driver, TerminalDriver) and not driver.takes_frame():
            self.painted = None
            return
        super()._display(screen, renderable)
        if is_frame and isinstance(renderable, LayoutUpdate):
            self.painted = screen
            unseen, self._unseen = self._unseen, []
            for each in unseen:
                self.when_seen(*each)
        elif renderable is not None and screen is not self.painted:
            self.painted = None

    async def on_event(self, event: Event) -> None:
        """Drop what the screen on top does not take, also where it was sent to the screen before and came back."""
        if isinstance(event, (Key, Paste)) and self._screen_stack:
            screen = self.screen
            if isinstance(screen, Guarded) and not screen.takes(event):
                return
        await super().on_event(event)

    def when_seen(self, screen: Screen[Any], then: Callable[[], object]) -> None:
        """Call `then`, once or twice, when the terminal has shown what `screen` is painted as now. Never, where another
        screen lies over it."""
        driver = self._driver
        if not isinstance(driver, PacedDriver):
            then()
        elif self.painted is screen:
            driver.when_seen(then)
        elif screen.is_current:
            self._unseen.append((screen, then))
            screen.refresh()

    def _handle_exception(self, error: Exception) -> None:
        """Textual gives no children to a screen that opens while the app leaves: that it misses them is no bug."""
        if not (self._exit and isinstance(error, NoMatches)):
            super()._handle_exception(error)

    def on_terminal_driver_reads_again(self) -> None:
        self.painted = None
        if self._screen_stack:
            self.screen.refresh()

    def on_terminal_driver_gone(self) -> None:
        self.terminal_gone()

    def terminal_gone(self) -> None:
        """Leave: nobody is there any more."""
        self.exit()


def when_seen(screen: Screen[Any], then: Callable[[], object]) -> None:
    """TerminalApp.when_seen for a screen. Elsewhere nobody looks."""
    app = screen.app
    if isinstance(app, TerminalApp):
        app.when_seen(screen, then)
    else:
        then()
