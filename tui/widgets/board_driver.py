"""The driver of the board: as large as the terminal that it draws on, with the signs which that one shows."""

from __future__ import annotations

import os

from tui.widgets.frame_pacing import PacedDriver


class BoardDriver(PacedDriver):
    def write(self, data: str) -> None:
        signs = getattr(self._app, "signs", None)
        super().write(data if signs is None else data.translate(signs))

    def _get_terminal_size(self) -> tuple[int, int]:
        """Return the size of the terminal that is drawn on: Textual asks stdout, which may be closed or a file."""
        try:
            return os.get_terminal_size(self.fileno)
        except OSError:
            return super()._get_terminal_size()
