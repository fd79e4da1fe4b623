"""An app whose widgets may write to the terminal themselves, beside Textual (TerminalRows)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from rich.console import RenderableType
from textual._compositor import LayoutUpdate
from textual.app import App
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen

from tui.widgets.board_driver import BoardDriver
from tui.widgets.terminal_driver import TerminalDriver

Result = TypeVar("Result")


class TerminalApp(App[Result]):
    signs: Mapping[int, str] | None = None
    """What is written instead of signs that the terminal would not show; None: it shows them all."""

    painted: Screen[object] | None = None
    """The screen that the terminal shows, all of it. The one on top of the stack is it only once it was painted."""

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
        elif renderable is not None and screen is not self.painted:
            self.painted = None

    def on_terminal_driver_reads_again(self) -> None:
        self.painted = None
        if self._screen_stack:
            self.screen.refresh()

    def on_terminal_driver_gone(self) -> None:
        self.terminal_gone()

    def terminal_gone(self) -> None:
        """Leave: nobody is there any more."""
        self.exit()
