"""How much of what was written the terminal has shown, told by its own answers.

A question that follows a frame is answered when the terminal came to it: the answer has gone through every buffer
in between (sshd, TCP), of whose length nothing else tells. In a multiplexer it is the multiplexer that answers.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from textual.drivers.linux_driver import LinuxDriver
from textual.events import CursorPosition
from textual.message import Message
from textual.messages import TerminalSupportsSynchronizedOutput
from textual.widget import Widget

WINDOW = 2048
"""Characters that may be written within a second without a question behind them: line by line there is none."""

_NEVER_ANSWERED_S = 1.0
_LATE_S = 10.0  # a terminal that does answer: its line stands still
_LEAVING_S = 1.0

_SYNCHRONIZED = "\x1b[?2026$p"  # DECRQM, to terminals that are known to answer it
_POSITION = "\x1b[2;1H\x1b[6n\x1b[%d;%dH"  # in row 2: the answer for row 1 could be a key (F3 with modifiers)


class PacedDriver(LinuxDriver):
    """Textual's own driver, with `when_clear` for what can wait. Nothing is asked unless something waits for it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - those of any driver
        super().__init__(*arguments, **options)
        self._unasked = 0  # characters written since the last question, within the last second
        self._counted_from = 0.0
        self._paced = False  # a frame was let through that is to be asked for
        self._asked = False
        self._answer: type[Message] = CursorPosition  # what answers the question asked last
        self._answers: bool | None = None  # None: not known yet
        self._then: list[Callable[[], object]] = []
        self._question = 0
        self._nothing_asked = threading.Event()  # for the end, when the loop does not run any more
        self._nothing_asked.set()

    def when_clear(self, then: Callable[[], object]) -> bool:
        """True: what was written before has been shown, write on. False: `then` is called when it has, or when the
        terminal kept silent for too long."""
        if self._asked and self._answers is not False:
            self._then.append(then)
            return False
        self._paced = True
        return True

    def write(self, data: str) -> None:
        at = monotonic()
        if at - self._counted_from > 1.0:
            self._counted_from, self._unasked = at, 0
        self._unasked += len(data)
        super().write(data)

    def flush(self) -> None:
        """A frame ends here."""
        super().flush()
        if self._paced and not self._asked and self._unasked >= WINDOW and self._answers is not False:
            self._ask()

    def _ask(self) -> None:
        self._paced = False
        self._asked = True
        self._question += 1
        if self._app._sync_available:
            self._answer, question = TerminalSupportsSynchronizedOutput, _SYNCHRONIZED
        else:
            column, row = self._app.cursor_position
            self._answer, question = CursorPosition, _POSITION % (row + 1, column + 1)
        self._nothing_asked.clear()
        super().write(question)
        self._unasked = 0
        wait_s = _LATE_S if self._answers or self._app._sync_available else _NEVER_ANSWERED_S
        self._loop.call_later(wait_s, self._overdue, self._question)

    def process_message(self, message: Message) -> None:
        """Called by the thread that reads. Answers that nobody asked for go on to the app."""
        if not self._nothing_asked.is_set() and isinstance(message, self._answer):
            self._nothing_asked.set()
            self._loop.call_soon_threadsafe(self._answered)
        else:
            super().process_message(message)

    def _answered(self) -> None:
        self._answers = True
        self._go_on()

    def _overdue(self, question: int) -> None:
        if self._asked and question == self._question:
            self._answers = self._answers or self._app._sync_available
            self._go_on()

    def _go_on(self) -> None:
        self._asked = False
        waiting, self._then = self._then, []
        for then in waiting:
            then()

    def disable_input(self) -> None:
        """What answers after the end would be typed into the shell."""
        self._nothing_asked.wait(_LEAVING_S)
        super().disable_input()


def when_clear(widget: Widget, then: Callable[[], object]) -> bool:
    """PacedDriver.when_clear for a widget: `then` is called in its context. Elsewhere nothing has to wait."""
    driver = widget.app._driver
    return not isinstance(driver, PacedDriver) or driver.when_clear(lambda: widget.call_later(then))
