"""Where our own faults are written down: a file, never the terminal, which the board may own."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from io import TextIOWrapper

from tui.config import state_dir
from tui.engine import state_files

LARGEST = 1_000_000  # bytes; the file before it is kept as .1


class _File(logging.FileHandler):
    """Made when there is something to write: a command that only looks leaves nothing behind.

    Where it cannot be made nothing is written: the fault that is to be noted must not end in another one.
    """

    def __init__(self) -> None:
        super().__init__("diagnostics.log", encoding="utf-8", delay=True)

    def _open(self) -> TextIOWrapper:
        path = state_dir() / "diagnostics.log"
        if path.exists() and path.stat().st_size > LARGEST:
            path.rename(path.with_suffix(".log.1"))
        self.baseFilename = str(path)
        file = state_files.open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        return open(file, "a", encoding="utf-8")

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(OSError):
            super().emit(record)


def to_file() -> None:
    handler = _File()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)
    logging.raiseExceptions = False  # a full disk must not write over the board


def nowhere() -> None:
    """The demo writes no file."""
    logging.getLogger().addHandler(logging.NullHandler())
