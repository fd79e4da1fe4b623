"""A terminal at the far end of a slow line: what is written waits in a buffer, goes out at the line's rate, and takes
half a round trip; keys and answers take the other half."""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Mapping, Sequence

from tests.terminal import Terminal, now

BUFFER = 65_536  # bytes that the way in between (sshd, TCP) takes before the program has to wait
_TICK_S = 0.001


class FarTerminal(Terminal):
    """`waiting` and `most_waiting`: bytes that were written and not shown yet, now and at worst."""

    def __init__(
        self,
        command: Sequence[str],
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str | None] | None = None,
        *,
        bits_per_s: float,
        round_trip_s: float,
        answers: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self._bytes_per_s = bits_per_s / 8
        self._half_s = round_trip_s / 2
        self._buffer = bytearray()
        self._sent_at = now()
        self._coming: deque[tuple[float, bytes]] = deque()
        self._going: deque[tuple[float, bytes]] = deque()
        self.most_waiting = 0
        super().__init__(command, columns, rows, env, answers=answers)

    @property
    def waiting(self) -> int:
        return len(self._buffer) + sum(len(part) for _, part in self._coming)

    def type(self, data: bytes) -> None:
        self._going.append((now() + self._half_s, data))

    def pump(self, timeout_s: float) -> bool:
        end = now() + max(0.0, timeout_s)
        while True:
            at = now()
            while self._going and self._going[0][0] <= at:
                super().type(self._going.popleft()[1])
            self._send(at)
            if self._coming and self._coming[0][0] <= at:
                while self._coming and self._coming[0][0] <= at:
                    self.raw += self._coming.popleft()[1]
                self._answer()
                return True
            if at >= end or self._master < 0:
                return False
            self._take(_TICK_S if self._buffer or self._coming or self._going else end - at)
            if self.exit_code is not None and not self._buffer and not self._coming:
                return False

    def _send(self, at: float) -> None:
        """What the line has carried since it was looked at last."""
        carried = int((at - self._sent_at) * self._bytes_per_s)
        if not self._buffer:
            self._sent_at = at
        elif carried:
            self._sent_at += carried / self._bytes_per_s
            self._coming.append((at + self._half_s, bytes(self._buffer[:carried])))
            del self._buffer[:carried]

    def _take(self, timeout_s: float) -> None:
        room = BUFFER - len(self._buffer)
        watched = [self._master] if room else []
        ready, _, _ = select.select([*watched, self._exit], [], [], timeout_s)
        data = b""
        if self._master in ready:
            try:
                data = os.read(self._master, room)
            except OSError:  # as in Terminal._read
                data = b""
            if data and not self._buffer:
                self._sent_at = now()
            self._buffer += data
            self.most_waiting = max(self.most_waiting, self.waiting)
        if self._exit in ready and not data:
            self._reap()
