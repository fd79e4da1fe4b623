"""The timeline of everything over 200 services and a month of 10,000 deployments: a key's whole answer.

A key's time ends when the terminal has the end of the frame with what only that key could have written.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks.report import Row, percentile
from tests.demo_process import environment
from tests.terminal import SEQUENCE, Terminal, now

COMMAND = [sys.executable, "-m", "tests.benchmarks.lanes_app"]
_FRAME_END = b"\x1b[?2026l"
_ZOOMS = ("15m", "30m", "1h", "3h", "6h", "12h", "24h", "3d", "7d", "14d", "30d")
_AGO = r" ago |now \d\d:"

Keys = Iterator[tuple[str, str]]
"""A key, and a pattern of what it writes."""


SIZES = ((120, 40), (200, 50))


def rows(folder: Path, *, presses: int, sizes: Sequence[tuple[int, int]] = SIZES) -> Iterator[Row]:
    for columns, lines in sizes:
        with Terminal(COMMAND, columns, lines, environment(folder)) as board:
            board.wait_for(lambda lines: any("service-00" in line for line in lines), timeout_s=60)
            board.press("4")
            board.wait_for("10,000 deployments", timeout_s=60)
            board.quiet(1.0)
            for what, keys in (("zoom", _zoom), ("pan", _pan), ("cursor in time", _cursor), ("next lane", _lane)):
                yield _row(f"{what}, {columns}x{lines}", _times(board, keys(), presses))


def _row(what: str, times: list[float]) -> Row:
    p99 = percentile(times, 99)
    said = f"p50 {percentile(times, 50):.1f}, **p99 {p99:.1f} ms**, max {max(times):.0f}"
    name = f"200 services, 10,000 deployments: key to screen, {what}"
    return Row(name, said, f"n = {len(times)}", p99, 33, "p99 < 33 ms", {"ms": times})


def _times(board: Terminal, keys: Keys, presses: int) -> list[float]:
    chance = random.Random(1)
    times = []
    for _ in range(presses):
        key, pattern = next(keys)
        board.take(chance.uniform(0.03, 0.09))
        since, pressed = len(board.raw), now()
        board.press(key)
        times.append((_answered(board, pattern, since) - pressed) * 1000)
    return times


def _answered(board: Terminal, pattern: str, since: int, timeout_s: float = 10.0) -> float:
    """When the frame was whole in which the pattern stands."""
    wanted = re.compile(pattern)
    end = now() + timeout_s
    while now() < end:
        if board.pump(end - now()):
            at = now()
            whole = bytes(board.raw[since:]).rpartition(_FRAME_END)[0]
            if wanted.search(SEQUENCE.sub(b"", whole).decode("utf-8", "replace")):
                return at
    raise AssertionError(f"{pattern!r} was not written within {timeout_s} s:\n" + "\n".join(board.screen()))


def _zoom() -> Keys:
    """From 6 h out to 30 days, in to 15 minutes, and so on."""
    at, step = _ZOOMS.index("6h"), 1
    while True:
        if not 0 <= at + step < len(_ZOOMS):
            step = -step
        at += step
        yield ("-" if step > 0 else "+"), rf" {_ZOOMS[at]} "


def _pan() -> Keys:
    """In windows of the last zoom, eight back, eight on."""
    return _back_and_forth("<", ">", 8)


def _cursor() -> Keys:
    return _back_and_forth("h", "l", 40)


def _back_and_forth(back: str, forth: str, number: int) -> Keys:
    while True:
        yield from [(back, _AGO)] * number
        yield from [(forth, _AGO)] * number


def _lane() -> Keys:
    """Down, and up again: the words at the bottom name the lane."""
    while True:
        yield from [("j", r"service-\d\d\d")] * 60
        yield from [("k", r"service-\d\d\d")] * 60
