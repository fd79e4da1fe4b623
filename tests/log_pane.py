"""The log pane alone, as a program: `python -m tests.log_pane FIFO [--textual] [--quiet]`.

What is written to the FIFO is the log, line by line. Above and below the pane stand other widgets, as on the board;
the one below says what was drawn last. Keys: w wraps, p pauses, f follows, j and k move, z takes the widget above
away, s opens a sheet, / an input, escape closes both, m counts up on
the widget above, q leaves. `--textual`: all of it is painted by Textual,
nothing by the terminal's own scrolling. `--quiet`: the one below says nothing.
"""

from __future__ import annotations

import argparse
import gc
import os
from pathlib import Path
from typing import ClassVar

from tui.terminal import examine, prepare

prepare(examine(os.environ))  # before Textual is imported, as the board does

from textual.app import App, ComposeResult  # noqa: E402
from textual.binding import Binding, BindingType  # noqa: E402
from textual.screen import ModalScreen, Screen  # noqa: E402
from textual.widgets import Input, Static  # noqa: E402

from tui.app import style_file  # noqa: E402
from tui.engine.log_buffer import LogBuffer  # noqa: E402
from tui.model.log import Level, LogLine  # noqa: E402
from tui.widgets.bars import Bar  # noqa: E402
from tui.widgets.line_widget import PALETTE  # noqa: E402
from tui.widgets.log_text import Stamps  # noqa: E402
from tui.widgets.log_view import LogView  # noqa: E402
from tui.widgets.terminal_app import TerminalApp  # noqa: E402

LEVELS = (Level.INFO, Level.WARN, Level.INFO, Level.ERROR, Level.DEBUG)


class Over(ModalScreen[None]):
    CSS = "Over { align: center middle; background: $background 60%; } Over Static { width: 40; height: 5; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss")]

    def compose(self) -> ComposeResult:
        yield Static("a sheet over the log\n" * 5)


class Pane(Screen[None]):
    COMPONENT_CLASSES: ClassVar[set[str]] = set(PALETTE)
    CSS = """
    #above, #below { height: 3; background: $panel; }
    Pane.-zoomed #above { display: none; }
    #find { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "mark"),
        Binding("w", "wrap"),
        Binding("p", "pause"),
        Binding("f", "follow"),
        Binding("j", "move(1)"),
        Binding("k", "move(-1)"),
        Binding("z", "zoom"),
        Binding("s", "sheet"),
        Binding("slash", "find"),
        Binding("escape", "close"),
        Binding("q", "app.quit"),
    ]

    def __init__(self, fifo: Path, *, quiet: bool) -> None:
        super().__init__()
        self._fifo = fifo
        self._quiet = quiet
        self._rest = b""
        self._buffer = LogBuffer()
        self._above = Bar(id="above")
        self._above.show([("above", "")])
        self._marks = 0
        self._log = LogView(id="log")
        self._log.stamps = Stamps.OFF

    def compose(self) -> ComposeResult:
        yield self._above
        yield self._log
        yield Input(id="find", placeholder="search", compact=True)
        yield Static("below", id="below")

    def on_mount(self) -> None:
        self._log.show(self._buffer)
        self.set_focus(self._log)
        self._descriptor = os.open(self._fifo, os.O_RDWR | os.O_NONBLOCK)  # RDWR: no end of file between two writers
        assert self.app._loop is not None
        self.app._loop.add_reader(self._descriptor, self._take)
        gc.freeze()  # as the board does after its first paint
        gc.set_threshold(50_000, 20, 100)

    def _take(self) -> None:
        *whole, self._rest = (self._rest + os.read(self._descriptor, 1 << 16)).split(b"\n")
        for line in whole:
            self._buffer.append(LogLine(None, line.decode(), LEVELS[self._buffer.end % len(LEVELS)]))
        self._log.appended()

    def on_log_view_changed(self) -> None:
        log = self._log
        if self._quiet and self._buffer.end:
            return
        self.query_one("#below", Static).update(
            f"drawn {self._buffer.end}, {'following' if log.following else f'on {log.cursor}'}"
            f"{', wrapping' if log.wrapping else ''}."
        )

    def action_mark(self) -> None:
        self._marks += 1
        self._above.show([(f"above {self._marks}.", "")])
        self._above.paint_now()

    def action_wrap(self) -> None:
        self._log.wrap()

    def action_pause(self) -> None:
        self._log.pause()

    def action_follow(self) -> None:
        self._log.last()

    def action_move(self, rows: int) -> None:
        self._log.move(rows)

    def action_zoom(self) -> None:
        self.toggle_class("-zoomed")

    def action_sheet(self) -> None:
        self.app.push_screen(Over())

    def action_find(self) -> None:
        find = self.query_one("#find", Input)
        find.display = True
        self.set_focus(find)

    def action_close(self) -> None:
        self.query_one("#find").display = False
        self.set_focus(self._log)


class ByTextual(App[None]):
    CSS_PATH = style_file()


class ByTerminal(TerminalApp[None]):
    CSS_PATH = style_file()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.log_pane", description=__doc__)
    parser.add_argument("fifo", type=Path)
    parser.add_argument("--textual", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    app = ByTextual() if options.textual else ByTerminal()
    app.call_later(app.push_screen, Pane(options.fifo, quiet=options.quiet))
    app.run(mouse=False)


if __name__ == "__main__":
    main()
