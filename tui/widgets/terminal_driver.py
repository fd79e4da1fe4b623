"""Textual's driver, made to live with a terminal that does not read, or goes, or is the shell's for a while."""

from __future__ import annotations

import os
import select
from codecs import getincrementaldecoder
from typing import Any

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message

from tui.widgets.terminal_writer import TerminalWriter

MOST_WAITING = 32_768
"""Bytes that may wait here for the terminal to read: above that, one whole frame later is shorter than each one now."""

_INPUT_TICK_S = 0.1


class TerminalDriver(LinuxDriver):
    """Never makes the event loop wait for the terminal, and tells the app when nobody is there any more.

    Who paints asks `takes_frame` first. What is not painted is always written: it is short, and never left out.
    """

    class ReadsAgain(Message):
        """What the terminal shows is not what it was given last: it wants the whole screen."""

    class Gone(Message):
        """The terminal can no longer be written to or read from."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - those of any driver
        super().__init__(*arguments, **options)
        self._writer: TerminalWriter | None = None
        self._owes_frame = False
        self._is_active = False
        self._is_gone = False

    # Writing

    def start_application_mode(self) -> None:
        assert self._file is not None
        if self._writer is not None:
            self._writer.stop()
        self._writer = TerminalWriter(self._file.fileno(), self._lose)
        self._writer.start()
        self._owes_frame = False
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._is_active = True

    def write(self, data: str) -> None:
        if self._writer is not None:
            self._writer.write(data)

    def takes_frame(self) -> bool:
        """Return whether a frame may be written now. One that may not is dropped, and ReadsAgain comes later."""
        if self._owes_frame or self._writer is None:
            return False
        if self._writer.waiting <= MOST_WAITING:
            return True
        self._owes_frame = True
        self._writer.when_taken(lambda: self._loop.call_soon_threadsafe(self._reads_again))
        return False

    def _reads_again(self) -> None:
        self._owes_frame = False
        self._tell(self.ReadsAgain())

    def stop_application_mode(self) -> None:
        if self._is_active:
            super().stop_application_mode()
            self._is_active = False

    def close(self) -> None:
        super().close()  # ends the thread that would have written
        if self._writer is not None:
            self._writer.stop()

    # Reading

    def run_input_thread(self) -> None:
        """Read keys and answers until the input ends. Textual's own reader would spin on the end of it."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        poll = select.poll()
        poll.register(self.fileno, select.POLLIN)
        while not self.exit_event.is_set():
            if poll.poll(_INPUT_TICK_S * 1000):
                data = self._read()
                if data is None:
                    self._lose()
                    return
                if text := decode(data):
                    for event in parser.feed(text):
                        self.process_message(event)
            for event in parser.tick():
                self.process_message(event)

    def _read(self) -> bytes | None:
        """Return what there is; None is the end: of the file, or of a terminal that hung up."""
        try:
            return os.read(self.fileno, 4096) or None
        except BlockingIOError:
            return b""
        except OSError:
            return None

    # What the app is told

    def _lose(self) -> None:
        """Called by the thread that writes or the one that reads, when it cannot any more."""
        if not self._is_gone:
            self._is_gone = True
            self._tell(self.Gone())

    def _tell(self, message: Message) -> None:
        """Post to the app, from any thread."""
        if not self._loop.is_closed():
            self.send_message(message)

    # To the shell and back

    def _sigcont_application(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._go_on_here)

    def _go_on_here(self) -> None:
        """Take the terminal again: after SIGTSTP, and after a SIGSTOP that nobody could see coming.

        Not when leaving: a shell that ends a suspended job sends SIGTERM and SIGCONT, and keeps the terminal, so that
        touching it would stop the process again.
        """
        if self._app._exit or not self._auto_restart or not (self._is_active or self._must_signal_resume):
            return
        if self._is_active:
            self.suspend_application_mode()
        self.resume_application_mode()
        self._tell(self.ReadsAgain())

    def disable_input(self) -> None:
        if self._is_active:
            super().disable_input()
