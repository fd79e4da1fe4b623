"""How a command ends: the exit codes, and the exceptions that carry one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from enum import IntEnum

import click


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


def drop_unwritable() -> None:
    """What can no longer be written (the terminal hung up, the pipe's reader left) is given up here: the
    interpreter's own try at its end would change the exit code to 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def tell(sentence: str) -> None:
    """Words go to stderr."""
    click.echo(sentence, err=True)
