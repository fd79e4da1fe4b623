"""The log pane's way to the terminal: bytes while following, and keys under a flood, here and on a slow line.

The pane alone (tests/log_pane.py), 200 x 50, beside programs that show the same growing log.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks.report import Row, percentile
from tests.demo_process import environment
from tests.far_terminal import FarTerminal
from tests.terminal import Terminal, now

COLUMNS, ROWS = 200, 50
RATES = (5, 100, 1_000)
FLOODS = (10_000, 50_000)
_LOST_S = 5.0
LINES_OUT = ((8e6, 0.04), (1e6, 0.08), (256e3, 0.15))  # bits/s, round trip

Command = Callable[[Path], list[str]]
OWN: Command = lambda fifo: [sys.executable, "-m", "tests.log_pane", "--quiet", str(fifo)]  # noqa: E731
RICH_LOG: Command = lambda fifo: [sys.executable, "-m", "tests.benchmarks.peer_log", "richlog", str(fifo)]  # noqa: E731
LOG: Command = lambda fifo: [sys.executable, "-m", "tests.benchmarks.peer_log", "log", str(fifo)]  # noqa: E731


def rows(folder: Path, *, presses: int, seconds: float) -> Iterator[Row]:
    for rate in RATES:
        yield bytes_row(folder, rate, seconds)
    for rate in FLOODS:
        yield _keys(folder, rate, presses)
    for bits_per_s, round_trip_s in LINES_OUT:
        yield far_keys(folder, bits_per_s, round_trip_s, min(presses, 40))


@contextmanager
def _feed(rate: int, *paths: Path) -> Iterator[list[int]]:
    """On leaving, the list holds how many bytes went to each."""
    written: list[int] = []
    command = [sys.executable, "-m", "tests.benchmarks.feeder", str(rate), *map(str, paths)]
    feeder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(paths[0].parent))
    try:
        yield written
    finally:
        told, _ = feeder.communicate()
        written.append(int(told or 0))


def _fifo(folder: Path) -> Path:
    path = folder / "fifo"
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    return path


def _programs(folder: Path) -> dict[str, list[str]]:
    """By name; those that are installed. The others read the growing file, ours and Textual's a FIFO."""
    file = str(folder / "file.log")
    found = {"pane": OWN(folder / "fifo")}
    others = {"less +F": ["less", "+F", file], "lnav": ["lnav", "-q", file], "tl": ["tl", file]}
    found |= {name: command for name, command in others.items() if shutil.which(command[0])}
    return found | {"RichLog": RICH_LOG(folder / "fifo"), "Log": LOG(folder / "fifo")}


def bytes_row(folder: Path, rate: int, seconds: float) -> Row:
    ratios: dict[str, float] = {}
    speeds: dict[str, float] = {}
    cpu: dict[str, float] = {}
    for name, command in _programs(folder).items():
        fifo, file = _fifo(folder), folder / "file.log"
        file.write_text("the first line\n" * ROWS)
        with Terminal(command, COLUMNS, ROWS, environment(folder)) as terminal:
            terminal.quiet(1.0)
            before, used, began = len(terminal.raw), terminal.cpu_s(), now()
            with _feed(rate, fifo if "fifo" in command[-1] else file) as fed:
                terminal.take(seconds)
            terminal.take(0.3)
            speeds[name] = (len(terminal.raw) - before) / seconds
            ratios[name] = (len(terminal.raw) - before) / fed[0]
            cpu[name] = (terminal.cpu_s() - used) / (now() - began) * 100
    ours, kb = ratios.pop("pane"), speeds["pane"] / 1000
    beside = ", ".join(f"{name} {ratio:.2f}x" for name, ratio in ratios.items())
    slow = rate < RATES[-1]
    return Row(
        f"{rate:,} lines/s, following: bytes to the terminal per raw byte",
        f"**{ours:.2f}x** raw, {kb:.1f} kB/s; CPU {cpu['pane']:.1f}%",
        beside,
        ours if slow else kb,
        1.6 if slow else 100.0,
        "<= 1.6x" if slow else "<= 100 kB/s",
        {name: [ratio] for name, ratio in [("pane", ours), *ratios.items()]}
        | {f"{name} B/s": [speed] for name, speed in speeds.items()}
        | {f"{name} cpu %": [share] for name, share in cpu.items()},
    )


def _marks(terminal: Terminal, presses: int) -> list[float]:
    """Milliseconds from the key to the mark that only it can have written; _LOST_S where it did not come."""
    chance = random.Random(7)
    times = []
    for number in range(1, presses + 1):
        terminal.take(chance.uniform(0.03, 0.09))
        since, pressed = max(0, len(terminal.raw) - 32), now()
        terminal.press("m")
        try:
            times.append((terminal.wait_written(rf"above {number}\.", since, timeout_s=_LOST_S) - pressed) * 1000)
        except AssertionError:
            times.append(_LOST_S * 1000)
            if times[-3:] == [_LOST_S * 1000] * 3:
                break
    return times


def _pressed(folder: Path, command: Command, rate: int, presses: int) -> tuple[list[float], float]:
    fifo = _fifo(folder)
    with Terminal(command(fifo), COLUMNS, ROWS, environment(folder)) as terminal:
        terminal.wait_for("below" if command is not OWN else "drawn 0")
        with _feed(rate, fifo):
            terminal.take(2.0)
            used, began = terminal.cpu_s(), now()
            times = _marks(terminal, presses)
            share = (terminal.cpu_s() - used) / (now() - began) * 100
            terminal.signal(signal.SIGKILL)  # a peer that cannot keep up would not leave
    return times, share


def _keys(folder: Path, rate: int, presses: int) -> Row:
    ours, share = _pressed(folder, OWN, rate, presses)
    theirs, their_share = _pressed(folder, RICH_LOG, rate, min(presses, 40))
    return Row(
        f"{rate:,} lines/s: key to screen",
        f"p50 {percentile(ours, 50):.1f}, **p99 {percentile(ours, 99):.1f} ms** (n = {len(ours)}); CPU {share:.0f}%",
        f"RichLog p50 {percentile(theirs, 50):.0f}, p99 {percentile(theirs, 99):.0f} ms (n = {len(theirs)}); "
        f"CPU {their_share:.0f}%",
        percentile(ours, 99),
        16,
        "p99 <= 16 ms",
        {"ms": ours, "RichLog ms": theirs},
    )


def _far(folder: Path, command: Command, bits_per_s: float, round_trip_s: float, presses: int) -> list[float]:
    fifo = _fifo(folder)
    with FarTerminal(
        command(fifo), COLUMNS, ROWS, environment(folder), bits_per_s=bits_per_s, round_trip_s=round_trip_s
    ) as terminal:
        terminal.wait_for("below" if command is not OWN else "drawn 0")
        with _feed(1_000, fifo):
            terminal.take(3.0)
            times = _marks(terminal, presses)
            terminal.signal(signal.SIGKILL)
    return times


def far_keys(folder: Path, bits_per_s: float, round_trip_s: float, presses: int) -> Row:
    ours = _far(folder, OWN, bits_per_s, round_trip_s, presses)
    theirs = _far(folder, RICH_LOG, bits_per_s, round_trip_s, min(presses, 10))
    more = percentile(ours, 50) - round_trip_s * 1000
    allowed = 60 if bits_per_s >= 1e6 else 400
    return Row(
        f"1,000 lines/s, {bits_per_s / 1e6:g} Mbit/s, RTT {round_trip_s * 1000:.0f} ms: key to screen",
        f"**p50 {percentile(ours, 50):.0f}**, p99 {percentile(ours, 99):.0f} ms (n = {len(ours)})",
        f"RichLog p50 {percentile(theirs, 50):.0f} ms (n = {len(theirs)}; 5 000: not at all)",
        more,
        allowed,
        f"p50 <= RTT + {allowed} ms",
        {"ms": ours, "RichLog ms": theirs},
    )
