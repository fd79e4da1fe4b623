"""The writer on a pty: all of it in order, none of it after the end, and what gives a stalled terminal back."""

from __future__ import annotations

import os
import select
import threading
import tty
from collections.abc import Iterator

import pytest

from tests.terminal import now
from tui.widgets.terminal_writer import CAPACITY, GIVE_BACK, TerminalWriter

TEXT = "".join(f"line {number} of what is written\n" for number in range(5_000))


class Pty:
    """Both ends; `lost` is set when the writer says so."""

    def __init__(self) -> None:
        self.master, self.slave = os.openpty()
        tty.setraw(self.slave)
        self.lost = threading.Event()
        self.losses = 0
        self.writer = TerminalWriter(self.slave, self._lose)
        self.writer.start()

    def _lose(self) -> None:
        self.losses += 1
        self.lost.set()

    def read(self, for_s: float = 5.0, until: int | None = None) -> bytes:
        """What comes until nothing did for that long, or so many bytes have come."""
        found = b""
        while (until is None or len(found) < until) and select.select([self.master], [], [], for_s)[0]:
            found += os.read(self.master, 1 << 16)
        return found

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1


def assert_given_back(pty: Pty) -> None:
    """Ended in time, the terminal not having read; what it then reads is little, and ends in what gives it back."""
    began = now()
    pty.writer.stop()
    assert now() - began < 4
    shown = pty.read(for_s=0.2)
    assert shown.endswith(GIVE_BACK.encode())
    assert len(shown) < len(TEXT) / 4


@pytest.fixture
def pty() -> Iterator[Pty]:
    made = Pty()
    yield made
    if made.master >= 0:
        made.hang_up()
    made.writer.stop()
    os.close(made.slave)


@pytest.mark.parametrize("blocking", [True, False], ids=["blocking", "made non-blocking by another program"])
def test_all_that_is_written_arrives_in_order(pty: Pty, blocking: bool) -> None:
    os.set_blocking(pty.slave, blocking)
    for line in TEXT.splitlines(keepends=True):
        pty.writer.write(line)
    assert pty.read(until=len(TEXT)).decode() == TEXT


def test_when_nothing_waits_any_more_it_is_told(pty: Pty) -> None:
    taken = threading.Event()
    pty.writer.write(TEXT)
    pty.writer.when_taken(taken.set)
    assert not taken.wait(0.05)
    assert pty.writer.waiting == len(TEXT)
    pty.read(until=len(TEXT))
    assert taken.wait(5)
    assert pty.writer.waiting == 0


def test_no_more_waits_than_there_is_room_for(pty: Pty) -> None:
    pty.writer.write("x" * CAPACITY)
    pty.writer.write(TEXT)
    assert pty.writer.waiting == CAPACITY
    assert_given_back(pty)


def test_a_terminal_that_goes_in_mid_write_is_lost_once(pty: Pty) -> None:
    pty.writer.write(TEXT)
    pty.hang_up()
    assert pty.lost.wait(5)
    pty.writer.write(TEXT)
    pty.writer.stop()
    assert (pty.losses, pty.writer.waiting) == (1, 0)


def test_a_terminal_that_does_not_read_is_given_back_without_what_it_missed(pty: Pty) -> None:
    pty.writer.write(TEXT)
    assert_given_back(pty)
