"""A flood of log lines waits for the terminal, keys do not; a terminal that never answers is drawn all the same."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.demo_process import environment
from tests.far_terminal import BUFFER, FarTerminal
from tests.terminal import ANSWERS, Terminal

SYNCHRONIZED = b"\x1b[?2026$p"
POSITION = b"\x1b[6n"
NOT_KNOWN = {**ANSWERS, SYNCHRONIZED: b"\x1b[?2026;0$y"}
LINE = "something happened somewhere and took {} ms, which is told at some length; it was not the first time\n"


def command(fifo: Path, *options: str) -> list[str]:
    os.mkfifo(fifo)
    return [sys.executable, "-m", "tests.log_pane", str(fifo), *options]


@contextmanager
def flood(fifo: Path) -> Iterator[None]:
    """2,500 lines a second, until left."""
    over = threading.Event()

    def write() -> None:
        descriptor = os.open(fifo, os.O_RDWR)
        number = 0
        while not over.wait(0.02):
            os.write(descriptor, "".join(LINE.format(number + n) for n in range(50)).encode())
            number += 50
        os.close(descriptor)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        yield
    finally:
        over.set()
        writing.join()


Far = Callable[..., FarTerminal]


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    with ExitStack() as stack:

        def open_far(bits_per_s: float, round_trip_s: float) -> FarTerminal:
            return stack.enter_context(
                FarTerminal(
                    command(tmp_path / "log"),
                    env=environment(tmp_path),
                    bits_per_s=bits_per_s,
                    round_trip_s=round_trip_s,
                )
            )

        yield open_far


def test_on_a_slow_line_only_so_much_is_under_way(far: Far, tmp_path: Path) -> None:
    terminal = far(bits_per_s=256_000, round_trip_s=0.15)
    terminal.wait_for("drawn 0")
    with flood(tmp_path / "log"):
        terminal.wait_for(lambda lines: "something happened" in lines[20])
        terminal.most_waiting = 0
        since = len(terminal.raw)
        for number in range(1, 6):
            terminal.press("m")
            terminal.wait_written(rf"above {number}\.", since)
        assert terminal.raw.count(POSITION, since) >= 3, "asked again and again"
        assert terminal.most_waiting < BUFFER / 4, "the line is not filled"


def test_leaving_takes_the_answer_along(far: Far, tmp_path: Path) -> None:
    terminal = far(bits_per_s=256_000, round_trip_s=0.3)
    terminal.wait_for("drawn 0")
    with flood(tmp_path / "log"):
        terminal.wait_for(lambda lines: "something happened" in lines[20])
        terminal.press("q")
        terminal.wait_end(timeout_s=8)
    terminal.take(0.5)
    assert re.search(rb"\d;\d+R", terminal.raw) is None, "the shell would have taken it for input, and echoed it"


@pytest.mark.parametrize("answers", [{}, NOT_KNOWN], ids=["silent", "synchronized output not known"])
def test_the_log_goes_on_whatever_the_terminal_answers(tmp_path: Path, answers: dict[bytes, bytes]) -> None:
    with Terminal(command(tmp_path / "log"), env=environment(tmp_path), answers=answers) as terminal:
        terminal.wait_for("drawn 0")
        with flood(tmp_path / "log"):
            for _ in range(3):
                since = len(terminal.raw)
                terminal.wait_written(r"took \d+ ms", since, timeout_s=4)
                terminal.take(0.7)
            since = len(terminal.raw)
            terminal.take(1.0)
            assert terminal.raw.count(b"\x1b[?2026h", since) == 0
            asked = terminal.raw.count(POSITION, since)
            frames = terminal.text(since).count("drawn ")
        assert frames >= 5
        assert asked == 0 if not answers else asked >= 5


def test_nothing_is_asked_for_lines_that_come_one_by_one(tmp_path: Path) -> None:
    with Terminal(command(tmp_path / "log", "--quiet"), env=environment(tmp_path)) as terminal:
        terminal.wait_for("drawn 0")
        terminal.quiet(1.1)  # a flood is so much within a second
        since = len(terminal.raw)
        fifo = os.open(tmp_path / "log", os.O_RDWR)
        for number in range(1, 4):  # the line below the pane, painted each time, makes most of the bytes
            os.write(fifo, f"line {number}\n".encode())
            terminal.wait_for(f"line {number}")
        os.close(fifo)
        assert POSITION not in terminal.raw[since:]
