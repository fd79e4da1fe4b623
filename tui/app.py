"""DeckApp: joins the engine and the screens, and gives the terminal back however it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.actions import ActionParseResult
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.events import Event, InputEvent, Key
from textual.screen import Screen
from textual.widgets import Input

from tui.alarm import Alarm
from tui.keys import ACTIONS
from tui.leaving import Leaving
from tui.screens.board import Board
from tui.terminal import Terminal
from tui.widgets.log_text import Stamps
from tui.widgets.terminal_app import TerminalApp

if TYPE_CHECKING:
    from tui.config import UiConfig
    from tui.engine.engine import Engine


_PAINTED_S = 1.0
"""The first paint counts as done then: a key typed ahead may have put another screen before it."""


def style_file() -> Path:
    """In a wheel the styles are inside the package, in a source run beside it."""
    inside = Path(__file__).parent / "styles" / "deckwatch.tcss"
    return inside if inside.exists() else Path(__file__).parent.parent / "styles" / "deckwatch.tcss"


class DeckApp(TerminalApp[int]):
    """`engine` is entered by the caller and outlives the app."""

    CSS_PATH = style_file()
    TITLE = "deckwatch"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-xs"), (80, "-s"), (120, "-m"), (180, "-l")]  # noqa: RUF012 - Textual declares it so
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        # Textual's own ctrl+q leaves at once: as a reflex against a frozen terminal it must ask.
        Binding("ctrl+q,ctrl+c", "quit_twice", show=False, priority=True),
    ]

    def __init__(
        self,
        engine: Engine,
        *,
        terminal: Terminal,
        ui: UiConfig,
        keys: Mapping[str, tuple[str, ...]] | None = None,
        state_dir: Path | None = None,
        config_path: str = "",
    ) -> None:
        super().__init__()
        self.engine = engine
        self.terminal = terminal
        self.ui = ui
        self.state_dir = state_dir
        self.leaving: Leaving | None = None
        self.config_path = config_path
        self._notify_failed = False
        self._outside = False  # another program has the terminal
        self._was_painted = False
        if terminal.ascii_signs:
            from tui.widgets.signs import ascii_signs

            self.signs = ascii_signs()
        if terminal.color in ("16", "none"):
            self.theme = "ansi-dark"
        elif ui.theme:
            self.theme = ui.theme
        self.set_keymap({name: ",".join(each) for name, each in (keys or {}).items()})

    def on_mount(self) -> None:
        if not self.engine.accounts:
            from tui.screens.first_run import FirstRunScreen

            self.push_screen(FirstRunScreen(self.config_path, self.engine.notices))
            return
        self.board = Board(
            self.engine,
            state_dir=self.state_dir,
            frames_per_second=self.ui.frames_per_second or self.terminal.frames_per_second,
            stamps=Stamps(self.ui.timestamps),
            wrap=self.ui.wrap,
        )
        self.push_screen(self.board)
        alarm = Alarm(
            self.ui,
            os.environ,
            write=self._write_raw,
            run=lambda command: self.run_worker(self._notify(command)),
            later=self.set_timer,
            monotonic=self.engine.clock.monotonic,
        )
        self.engine.attention.on_event(alarm.tell)
        self.call_after_refresh(self._painted)
        self.set_timer(_PAINTED_S, self._painted)

    def _painted(self) -> None:
        """After the first paint: the network, what the first search needs, and a garbage collector that leaves what is
        loaded alone."""
        from tui.model.text_match import warm

        if self._was_painted:
            return
        self._was_painted = True
        self.engine.start()
        threading.Thread(target=warm, name="warm", daemon=True).start()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        gc.enable()

    def get_system_commands(self, screen: Screen[object]) -> Iterator[SystemCommand]:
        """The palette: every action by name, what is not possible now with its reason."""
        if not isinstance(screen, Board):
            return
        service = self.engine.store.service(screen.service) if screen.service else None
        verbs = self.engine.actions.verbs(service) if service else {}
        for action in ACTIONS:
            if action.id.startswith("app."):
                continue
            reason = verbs.get(action.verb) if action.verb else None
            text = f"not now: {reason}" if reason else action.help
            yield SystemCommand(action.label.capitalize(), text, lambda act=action: self._act(screen, act.id))

    def action_command_palette(self) -> None:
        from tui.screens.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run an action once the screen on top has its widgets: a key typed ahead may come before them."""
        await self.screen._mounted_event.wait()
        return await super().run_action(action, default_namespace, namespaces)

    async def _act(self, screen: Board, action: str) -> None:
        await self.run_action(action, screen)

    async def on_event(self, event: Event) -> None:
        """Drop what is typed while it leaves: there may be no screen any more that could take it."""
        leaving = self._exit or not self.is_running
        if not (leaving and isinstance(event, InputEvent)):
            await super().on_event(event)

    def on_key(self, event: Key) -> None:
        """A key typed ahead was sent to what had the focus then: what is printable belongs to the field that has it
        now, and must not be taken for a command."""
        focused = self.focused
        if isinstance(focused, Input) and event.is_printable and event.character:
            event.prevent_default()
            focused.insert_text_at_cursor(event.character)

    def action_quit_twice(self) -> None:
        screen = self.screen
        if isinstance(screen, Board):
            screen.action_quit_twice()
        elif not self.engine.accounts:
            self.exit(0)
        else:
            self.screen.dismiss(None)
            self.call_later(self.board.action_quit_twice)  # after what the screen's leaving says

    def copy_text(self, text: str) -> str:
        """To the clipboard of the person's own machine, however many terminals are in between. Says what it did."""
        from tui import clipboard

        return clipboard.copy(text, self._write_raw)

    async def run_outside(self, command: list[str]) -> None:
        """Gives the terminal to another program until it ends; what goes on behind the screen goes on. Its ctrl+c is
        its own. Raises OSError where it cannot be started."""
        if shutil.which(command[0]) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
        before = signal.signal(signal.SIGINT, lambda *_: None)  # not SIG_IGN: the program would inherit that
        failed: OSError | None = None
        self._outside = True
        with self.batch_update(), self.suspend():  # which does not come back from an exception
            try:
                await (await asyncio.create_subprocess_exec(*command)).wait()
            except OSError as error:
                failed = error
        self._outside = False
        signal.signal(signal.SIGINT, before)
        self.refresh(layout=True)
        if failed is not None:
            raise failed

    def terminal_gone(self) -> None:
        if self.leaving is None:
            self.exit(0)
        else:
            self.leaving.ask(signal.SIGHUP)

    async def _notify(self, command: list[str]) -> None:
        """A program that is not there is said once a session."""
        quiet = asyncio.subprocess.DEVNULL
        try:
            started = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
            code = await started.wait()
        except OSError:
            code = 127
        if code and not self._notify_failed:
            self._notify_failed = True
            self.board.say(f"No desktop notification: {command[0]} failed. [ui] notify has other ways.", "alert")

    def _write_raw(self, sequence: str) -> None:
        """Between two frames. While another program has the terminal, it is left alone."""
        if self._driver is not None and not self._outside:
            self._driver.write(sequence)
            self._driver.flush()


def run(
    connect_engine: Callable[[], Engine],
    *,
    ui: UiConfig,
    terminal: Terminal,
    keys: Mapping[str, tuple[str, ...]],
    state_dir: Path | None,
    config_path: str = "",
) -> int:
    """The app from its first paint to its end. Returns the exit code; a bug in a child is raised after the terminal
    is restored."""
    return asyncio.run(_run(connect_engine, ui, terminal, keys, state_dir, config_path))


async def _run(
    connect_engine: Callable[[], Engine],
    ui: UiConfig,
    terminal: Terminal,
    keys: Mapping[str, tuple[str, ...]],
    state_dir: Path | None,
    config_path: str,
) -> int:
    async with connect_engine() as engine:
        app = DeckApp(engine, terminal=terminal, ui=ui, keys=keys, state_dir=state_dir, config_path=config_path)
        leaving = Leaving(partial(_call_soon, asyncio.get_running_loop(), partial(app.exit, 0)))
        app.leaving = leaving
        leaving.listen()
        leaving.watch(sys.__stdin__.fileno() if sys.__stdin__ else 0)
        code = await app.run_async(mouse=ui.mouse)
        return app.return_code or code or 0


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """From any thread; nothing is left to do once the loop has closed."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call)
