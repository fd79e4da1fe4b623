"""Textual's own log widgets, fed as tests/log_pane.py is: `python -m tests.benchmarks.peer_log richlog|log FIFO`.

Lines are kept for 1/15 s and written as one, the best that these widgets can. m counts up on the line above.
"""

from __future__ import annotations

import os
import sys

from textual.app import App, ComposeResult
from textual.widgets import Log, RichLog, Static

FRAME_S = 1 / 15
KEPT = 10_000


class Peer(App[None]):
    CSS = "#above { height: 3; } RichLog, Log { scrollbar-size: 0 0; } #below { height: 3; }"

    def __init__(self, name: str, fifo: str) -> None:
        super().__init__()
        self._view = RichLog(max_lines=KEPT, wrap=False) if name == "richlog" else Log(max_lines=KEPT)
        self._fifo = fifo
        self._above = Static("above", id="above")
        self._marks = 0
        self._rest = b""
        self._kept: list[str] = []

    def compose(self) -> ComposeResult:
        yield self._above
        yield self._view
        yield Static("below", id="below")

    def on_mount(self) -> None:
        self._descriptor = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)
        assert self._loop is not None
        self._loop.add_reader(self._descriptor, self._take)

    def _take(self) -> None:
        *whole, self._rest = (self._rest + os.read(self._descriptor, 1 << 16)).split(b"\n")
        if whole and not self._kept:
            self.set_timer(FRAME_S, self._write)
        self._kept += [line.decode() for line in whole]

    def _write(self) -> None:
        kept, self._kept = self._kept, []
        if isinstance(self._view, RichLog):
            self._view.write("\n".join(kept))
        else:
            self._view.write_lines(kept)

    def key_m(self) -> None:
        self._marks += 1
        self._above.update(f"above {self._marks}.")


if __name__ == "__main__":
    Peer(*sys.argv[1:3]).run(mouse=False)
