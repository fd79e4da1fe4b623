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
        super()._display(screen, renderable)
        if isinstance(renderable, LayoutUpdate) and not self._batch_count:
            self.painted = screen
        elif renderable is not None and screen is not self.painted:
            self.painted = None
