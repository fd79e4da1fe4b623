"""How a signal or the loss of the terminal ends the board: in order, and by force where that takes too long."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from time import monotonic

IN_ORDER_S = 5.0
"""How long the end may take. What must not be lost, audit and notes, is on the disk line by line."""

_AGAIN_AFTER_S = 0.5  # `timeout` sends its signal to the process and to its group: the same request twice


class Leaving:
    """Calls `leave` once, whoever asks first, and ends the process `in_order_s` later if it still runs.

    `leave` is called in the thread that asks, or in a signal handler. The exit code of an end by force is that of a
    process which the signal killed.
    """

    def __init__(self, leave: Callable[[], object], in_order_s: float = IN_ORDER_S) -> None:
        self._leave = leave
        self._in_order_s = in_order_s
        self._is_asked = False
        self._terminated_at: float | None = None

    def listen(self) -> None:
        """Leave on SIGTERM, at the second one by force, and on SIGHUP where it is not ignored (nohup)."""
        signal.signal(signal.SIGTERM, lambda *_: self._terminate())
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            signal.signal(signal.SIGHUP, lambda *_: self.ask(signal.SIGHUP))

    def watch(self, descriptor: int) -> None:
        """Leave when the terminal hangs up, whatever signals are ignored. poll() without events reports only that,
        and costs nothing until then."""

        def wait() -> None:
            poll = select.poll()
            poll.register(descriptor, 0)
            poll.poll()
            self.ask(signal.SIGHUP)

        threading.Thread(target=wait, name="hangup", daemon=True).start()

    def ask(self, reason: signal.Signals) -> None:
        if not self._is_asked:
            self._is_asked = True
            watchdog = threading.Timer(self._in_order_s, _end, [reason])
            watchdog.daemon = True
            watchdog.start()
            self._leave()

    def _terminate(self) -> None:
        if self._terminated_at is None:
            self._terminated_at = monotonic()
            self.ask(signal.SIGTERM)
        elif monotonic() - self._terminated_at > _AGAIN_AFTER_S:
            _end(signal.SIGTERM)


def _end(reason: signal.Signals) -> None:
    os._exit(128 + reason)
