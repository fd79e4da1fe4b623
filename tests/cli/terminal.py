"""A terminal for a command that asks: a pty, and what was written to it."""

from __future__ import annotations

import os
import pty
import select
import sys
import time
from types import TracebackType
from typing import Self


class Typed:
    """Runs deckwatch on a pty. `type` waits for a prompt and answers it."""

    def __init__(self, arguments: list[str], env: dict[str, str]) -> None:
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.execve(sys.executable, [sys.executable, "-m", "tui", *arguments], env)
        self.seen = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._terminal)

    def wait_for(self, text: str, timeout_s: float = 30.0) -> None:
        end = time.monotonic() + timeout_s
        while text not in self.seen:
            ready, _, _ = select.select([self._terminal], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} was not written, but: {self.seen!r}"
            assert self._read(), f"it ended without {text!r}: {self.seen!r}"

    def type(self, prompt: str, answer: str) -> None:
        self.wait_for(prompt)
        self.press(answer)

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def ended(self) -> int:
        """Its exit code, once everything it wrote is read."""
        while self._read():
            pass
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def _read(self) -> bool:
        try:
            written = os.read(self._terminal, 65536)
        except OSError:  # Linux tells a closed terminal so
            return False
        self.seen += written.decode("utf-8", "replace")
        return bool(written)
