"""The thread that writes to the terminal, so that the event loop never waits for one that does not read."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
from collections.abc import Callable

GIVE_BACK = (
    "\x18"  # CAN ends the sequence that was cut off
    "\x1b[?2026l\x1b[r\x1b[m\x1b[?7h\x1b[?2004l\x1b[?2048l\x1b[?1016l\x1b[?1006l\x1b[?1015l\x1b[?1003l\x1b[?1000l"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l"
)
"""What undoes all that a board may have set in its terminal."""

CAPACITY = 4 << 20
"""Bytes that may wait at most, whatever they are: a terminal so far behind is sent nothing more."""

_AT_ONCE = 65_536  # any frame is less
_STALLED_S = 1.0  # a terminal that took nothing for so long at the end gets only GIVE_BACK
_TRIES = 25
_TRY_S = 0.02


class TerminalWriter:
    """A queue of bytes and the thread that writes them to `descriptor`, in order, until `stop`.

    `on_lost` is called once, by the thread, when the terminal can no longer be written to; all further bytes are
    dropped. Who writes what can be left out looks at `waiting` first.
    """

    def __init__(self, descriptor: int, on_lost: Callable[[], object]) -> None:
        self._descriptor = descriptor
        self._on_lost = on_lost
        self._changed = threading.Condition()  # reentrant: the handler of SIGTSTP writes, too
        self._pending = bytearray()
        self._then: list[Callable[[], object]] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="terminal-output", daemon=True)
        self.waiting = 0
        """Bytes that the terminal has not taken yet."""

    def start(self) -> None:
        self._thread.start()

    def write(self, data: str) -> None:
        encoded = data.encode("utf-8", "replace")
        with self._changed:
            if not self._closed and self.waiting < CAPACITY:
                self._pending += encoded
                self.waiting += len(encoded)
                self._changed.notify()

    def when_taken(self, then: Callable[[], object]) -> None:
        """Call `then`, from the thread, when nothing waits any more."""
        with self._changed:
            self._then.append(then)
            self._changed.notify()

    def stop(self) -> None:
        """Write what waits, and end. A terminal that does not read is given back without it."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(_STALLED_S)
        if self._thread.is_alive():
            self._give_back_by_force()

    def _run(self) -> None:
        while data := self._next():
            try:
                _write_all(self._descriptor, data)
            except OSError:  # EIO: it hung up
                self._lose()
                return
            with self._changed:
                self.waiting -= len(data)

    def _next(self) -> bytes:
        """Wait for bytes to write; none are the end."""
        with self._changed:
            while not self._pending and not self._closed:
                taken, self._then = self._then, []
                for then in taken:
                    then()
                self._changed.wait()
            data = bytes(self._pending[:_AT_ONCE])
            del self._pending[:_AT_ONCE]
            return data

    def _lose(self) -> None:
        with self._changed:
            self._closed = True
            self._pending.clear()
            self.waiting = 0
        self._on_lost()

    def _give_back_by_force(self) -> None:
        """Throw away what the terminal did not read, so that GIVE_BACK fits into the kernel's buffer.

        A write under way is woken by stopping and starting the output; it refills the buffer until it is through.
        """
        with self._changed:
            self._pending.clear()
        with contextlib.suppress(OSError, termios.error):
            for _ in range(_TRIES):
                termios.tcflush(self._descriptor, termios.TCOFLUSH)
                termios.tcflow(self._descriptor, termios.TCOOFF)
                termios.tcflow(self._descriptor, termios.TCOON)
                self._thread.join(_TRY_S)
                if not self._thread.is_alive():
                    termios.tcflush(self._descriptor, termios.TCOFLUSH)
                    _write_all(self._descriptor, GIVE_BACK.encode())
                    return


def _write_all(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:  # another program has made the terminal non-blocking for all that share it
            poll = select.poll()
            poll.register(descriptor, select.POLLOUT)
            poll.poll()
