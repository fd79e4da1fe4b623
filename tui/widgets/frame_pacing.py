"""How much of what was written the terminal has shown, told by its own answers.

A question that follows a frame is answered when the terminal came to it: the answer has gone through every buffer
in between (sshd, TCP), of whose length nothing else tells. In a multiplexer it is the multiplexer that answers.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any

from textual.events import CursorPosition
from textual.message import Message
from textual.widget import Widget

from tui.widgets.terminal_driver import TerminalDriver

WINDOW = 2048
"""Characters that may be written within a second without a question behind them: line by line there is none."""

LONGEST_ROUND_TRIP_S = 2.0
"""How far away a terminal may be that cannot be asked whether it has shown something."""

_NEVER_ANSWERED_S = 1.0
_LATE_S = 10.0  # a terminal that does answer: its line stands still
_LEAVING_S = 1.0

_POSITION = "\x1b[%d;%dH\x1b[6n\x1b[%d;%dH"
_COLUMNS, _ROWS = 40, 10  # where questions are asked: each place names one

_ANSWERING_FOR_IT = ("TMUX", "STY", "ZELLIJ", "NVIM", "VIM_TERMINAL", "NCURSES_NO_UTF8_ACS")  # mosh sets the last one


def answers_for_the_terminal(environ: Mapping[str, str]) -> bool:
    """Return whether a program between the terminal and this one answers what the terminal is asked."""
    by_term = environ.get("TERM", "").startswith(("screen", "tmux", "dvtm"))
    return by_term or any(name in environ for name in _ANSWERING_FOR_IT)


class PacedDriver(TerminalDriver):
    """A driver with `when_clear` for what can wait, and `when_seen` for what must have been seen. Nothing is asked
    unless something waits for it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - those of any driver
        super().__init__(*arguments, **options)
        self._unasked = 0  # characters written since the last question, within the last second
        self._counted_from = 0.0
        self._paced = False  # a frame was let through that is to be asked for
        self._asked_by = 0  # the number of the question that frames wait for; 0: none
        self._answers: bool | None = None  # None: not known yet
        self._then: list[Callable[[], object]] = []
        self._question = 0
        self._questions: dict[tuple[int, int], Callable[[], object]] = {}
        """What each answer is waited for by, with the place that it names. The thread that reads takes them out."""
        self._nothing_asked = threading.Event()  # for the end, when the loop does not run any more
        self._nothing_asked.set()
        self._another_answers = answers_for_the_terminal(os.environ)

    def when_clear(self, then: Callable[[], object]) -> bool:
        """True: what was written before has been shown, write on. False: `then` is called when it has, or when the
        terminal kept silent for too long."""
        if self._owes_frame or (self._asked_by and self._answers is not False):
            self._then.append(then)
            return False
        self._paced = True
        return True

    def when_seen(self, then: Callable[[], object]) -> None:
        """Call `then` when the terminal has answered that it came to what is written now.

        Where another program answers for the terminal, and where nothing ever answered, it is called when a terminal
        LONGEST_ROUND_TRIP_S away would have. It may be called twice.
        """
        if self._another_answers:
            self._ask(partial(self._loop.call_later, LONGEST_ROUND_TRIP_S, then))
        else:
            self._ask(then)
        if not self._is_known_to_answer:
            self._loop.call_later(LONGEST_ROUND_TRIP_S, self._unanswered, then)

    def write(self, data: str) -> None:
        at = monotonic()
        if at - self._counted_from > 1.0:
            self._counted_from, self._unasked = at, 0
        self._unasked += len(data)
        super().write(data)

    def flush(self) -> None:
        """A frame ends here."""
        super().flush()
        if self._paced and not self._asked_by and self._unasked >= WINDOW and self._answers is not False:
            self._paced = False
            wait_s = _LATE_S if self._is_known_to_answer else _NEVER_ANSWERED_S
            self._asked_by = self._ask(self._go_on)
            self._loop.call_later(wait_s, self._overdue, self._asked_by)

    # Questions

    @property
    def _is_known_to_answer(self) -> bool:
        return bool(self._answers or self._app._sync_available)

    def _ask(self, then: Callable[[], object]) -> int:
        """Ask for the cursor's position, at a place of its own: no answer is taken for another question's."""
        width, height = self._app.size
        row, column = divmod(self._question % (_COLUMNS * _ROWS), _COLUMNS)
        x, y = min(1 + column, width - 1), min(1 + row, height - 1)  # never in the first row: it could be a key (F3)
        self._question += 1
        self._nothing_asked.clear()
        self._questions[x, y] = then
        cursor_x, cursor_y = self._app.cursor_position
        self.write(_POSITION % (y + 1, x + 1, cursor_y + 1, cursor_x + 1))
        self._unasked = 0
        return self._question

    def process_message(self, message: Message) -> None:
        """Called by the thread that reads. Answers that nobody asked for go on to the app."""
        if isinstance(message, CursorPosition) and (then := self._questions.pop((message.x, message.y), None)):
            if not self._questions:
                self._nothing_asked.set()
            self._loop.call_soon_threadsafe(self._answered, then)
        else:
            super().process_message(message)

    def _answered(self, then: Callable[[], object]) -> None:
        self._answers = True
        then()

    def _overdue(self, question: int) -> None:
        if question == self._asked_by:
            self._answers = self._is_known_to_answer
            self._go_on()

    def _unanswered(self, then: Callable[[], object]) -> None:
        if self._is_known_to_answer:
            return  # the answer comes when it was seen, whenever that is
        if self._writer is not None and self._writer.waiting:
            self._loop.call_later(LONGEST_ROUND_TRIP_S, self._unanswered, then)
        else:
            then()

    def _go_on(self) -> None:
        self._asked_by = 0
        waiting, self._then = self._then, []
        for then in waiting:
            then()

    def _reads_again(self) -> None:
        super()._reads_again()
        self._go_on()

    # Its end

    def _lose(self) -> None:
        super()._lose()
        self._nothing_asked.set()

    def disable_input(self) -> None:
        """What answers after the end would be typed into the shell."""
        if self._is_active and self._is_known_to_answer and not self._owes_frame and not self._is_gone:
            self._nothing_asked.wait(_LEAVING_S)
        self._nothing_asked.set()
        super().disable_input()


def when_clear(widget: Widget, then: Callable[[], object]) -> bool:
    """PacedDriver.when_clear for a widget: `then` is called in its context. Elsewhere nothing has to wait."""
    driver = widget.app._driver
    return not isinstance(driver, PacedDriver) or driver.when_clear(lambda: widget.call_later(then))
