"""How a command ends: the exit codes, the exceptions that carry one, and standard streams that cannot change it."""

from __future__ import annotations

import io
import os
import select
import sys
from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class Exit(IntEnum):
    DONE = 0
    FAULT = 1  # network, provider
    USAGE = 2  # wrong usage or configuration
    REFUSED = 3  # by the platform, by --read-only, or not confirmed
    UNKNOWN = 4  # the outcome is not known
    FAILED = 5  # act --wait: the deployment failed
    INTERRUPTED = 130  # as shells tell a ctrl+c


class Fault(click.ClickException):
    """Ends the command with a sentence on stderr, and below it `lines`."""

    def __init__(self, message: str, exit_: Exit = Exit.FAULT, lines: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.exit_code = exit_  # type: ignore[misc]  # click reads it off the instance
        self.lines = tuple(lines)

    def show(self, file: object = None) -> None:
        tell(f"deckwatch: {self.message}")
        for line in self.lines:
            tell(f"  {line}")


class Unheard(Fault):
    """Ends a command whose results cannot be written: quietly where the reader has left, as `| head` does."""

    def __init__(self, error: OSError) -> None:
        self.is_quiet = isinstance(error, BrokenPipeError)
        super().__init__(_unwritable(error), Exit.DONE if self.is_quiet else Exit.FAULT)

    def show(self, file: object = None) -> None:
        if not self.is_quiet:
            super().show()


def tell(sentence: str) -> None:
    """Write words for a person to stderr."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


class _Stream(io.RawIOBase):
    """A standard stream that is given up at its first failed write.

    Without this the interpreter flushes once more at its end, fails again, and exits with 120 whatever came of the
    command.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_lost = False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, content: ReadableBuffer) -> int:
        view = memoryview(content)
        try:
            if not self._is_lost:
                _write_whole(self._descriptor, view)
        except OSError as error:
            self._is_lost = True
            self.lost(error)
        return view.nbytes

    def lost(self, error: OSError) -> None:
        """Do nothing: words that cannot be written have nobody to tell it to."""


class _Stdout(_Stream):
    ends_command = True  # a command that only reads has nothing left to do once its results cannot be written

    def lost(self, error: OSError) -> None:
        if self.ends_command:
            raise Unheard(error)
        if not isinstance(error, BrokenPipeError):
            tell(f"deckwatch: {_unwritable(error)} The command continues; its exit code tells the outcome.")


def outlive_reader() -> None:
    """Let the command go on to its end when stdout cannot be written: its exit code belongs to what it does."""
    _Stdout.ends_command = False


def guard_streams() -> None:
    """Make stdout and stderr streams that never change the exit code.

    A descriptor that is closed is opened on /dev/null first, for reading, so that writes still fail: the next file or
    socket would take its number and get what is printed. A stream that somebody has replaced is left alone.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDONLY), True)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 - till the end
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(_Stdout(1), sys.__stdout__)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text(_Stream(2), sys.__stderr__)


def _text(stream: _Stream, replaced: io.TextIOBase | None) -> io.TextIOWrapper:
    encoding = (replaced and replaced.encoding) or "utf-8"
    return io.TextIOWrapper(
        io.BufferedWriter(stream), encoding=encoding, errors="backslashreplace", line_buffering=stream.isatty()
    )


def _write_whole(descriptor: int, content: memoryview) -> None:
    rest = content.cast("B")
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:  # somebody made the pipe non-blocking
            ready = select.poll()
            ready.register(descriptor, select.POLLOUT)
            ready.poll()


def _unwritable(error: OSError) -> str:
    return f"The results cannot be written to stdout: {error.strerror or error}."
