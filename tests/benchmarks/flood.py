"""Under load: 2,000 runtime lines a second into the board, by real WebSocket frames; keys, and CPU.

A key's time ends when what only that key could have written is read from the terminal.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.benchmarks.report import Row, percentile
from tests.demo_process import DemoProcess, environment, watch
from tests.pty.journey import LOG_LINE, go_to, has_log_lines
from tests.terminal import Terminal, now

LOUD = "production/api"  # what the world's log rate comes from
RATE = 2000
_BELOW_LOUD = "catalog"
_NEW = re.compile(r"paused \+([\d,]+) new")


def rows(folder: Path, *, presses: int, rounds: int, seconds: float) -> Iterator[Row]:
    with (
        DemoProcess("--log-rate", str(RATE), home=folder) as world,
        Terminal(watch(world), env=environment(folder)) as board,
    ):
        board.wait_for("gateway")
        go_to(board, LOUD)
        board.wait_for(has_log_lines)
        board.press("3")
        board.wait_for("▌3 Logs")
        board.take(2.0)
        yield _cpu(board, "following", rounds, seconds)
        yield _keys(_focus(board, presses), "focus to the next pane (tab), following")
        yield _keys(_services(board, presses), "cursor in the services (j, k)")
        board.press("3")
        board.wait_for(lambda lines: has_log_lines(lines) and any("▌3 Logs" in line for line in lines))
        board.press("p")
        board.wait_for("paused")
        yield _taken(board, rounds, seconds)
        yield _keys(_log(board, presses), "cursor in the paused log (k, j)")


def _cpu(board: Terminal, state: str, rounds: int, seconds: float) -> Row:
    shares, written = [], []
    for _ in range(rounds):
        began, before = now(), board.cpu_s()
        written.append(board.take(seconds) / seconds)
        shares.append((board.cpu_s() - before) / (now() - began) * 100)
    said = f"**{median(shares):.1f}%** of a core; {median(written) / 1000:.0f} kB/s to the terminal"
    name = f"{RATE:,} lines/s, {state}: CPU"
    return Row(name, said, f"{board.rss_mib():.0f} MiB", median(shares), 20, "< 20%", {"%": shares, "B/s": written})


def _keys(times: list[float], what: str) -> Row:
    p99 = percentile(times, 99)
    said = f"p50 {percentile(times, 50):.1f}, **p99 {p99:.1f} ms**, max {max(times):.0f}"
    name = f"{RATE:,} lines/s: key to screen, {what}"
    return Row(name, said, f"n = {len(times)}", p99, 30, "p99 < 30 ms", {"ms": times})


def _press(board: Terminal, key: str, pattern: str, chance: random.Random) -> float:
    """Milliseconds from the key to the first read in which the pattern stands."""
    board.take(chance.uniform(0.03, 0.09))
    since, pressed = len(board.raw), now()
    board.press(key)
    return (board.wait_written(pattern, since) - pressed) * 1000


def _focus(board: Terminal, presses: int) -> list[float]:
    heads = ["▌1 Services", "▌2 Timeline", "▌3 Logs"]  # as the focus goes round, from the logs on
    chance = random.Random(1)
    return [_press(board, "tab", heads[number % 3], chance) for number in range(presses)]


def _services(board: Terminal, presses: int) -> list[float]:
    """Down and up again: the timeline's head tells at once on which one the cursor stands."""
    board.press("1")
    board.wait_for("▌1 Services")
    chance = random.Random(2)
    keys = [("j", f"2 Timeline  {_BELOW_LOUD}"), ("k", "2 Timeline  api")]
    times = [_press(board, *keys[number % 2], chance) for number in range(presses)]
    if presses % 2:
        _press(board, *keys[1], chance)
    return times


def _log(board: Terminal, presses: int) -> list[float]:
    """Four up and four down, then from the newest line again: a paused log holds only so many new lines. While it is
    paused only a key draws lines of the log; where the cursor then stands is looked up on the screen, off the clock."""
    chance = random.Random(3)
    times = []
    for number in range(presses):
        if number % 8 == 0:
            board.press("f")
            board.wait_for("following")
            board.press("p")
            board.wait_for(lambda lines: any("paused" in line for line in lines) and _cursors(board))
            [at] = _cursors(board)
        step = -1 if number % 8 < 4 else 1
        times.append(_press(board, "k" if step < 0 else "j", LOG_LINE.pattern, chance))
        board.quiet(0.005)
        assert _cursors(board) == [at + step], f"the cursor went from row {at} to {_cursors(board)}, not by {step}"
        at += step
    return times


def _cursors(board: Terminal) -> list[int]:
    """The rows of the log whose background is not that of most."""
    lines = board.screen()
    shown = [row for row, line in enumerate(lines) if LOG_LINE.match(line)]
    grounds = [board.background(row) for row in shown]
    usual = max(set(grounds), key=grounds.count)
    return [row for row, ground in zip(shown, grounds, strict=True) if ground != usual]


def _taken(board: Terminal, rounds: int, seconds: float) -> Row:
    """That the lines do arrive: the paused log counts them."""
    rates = []
    for _ in range(rounds):
        began, before = now(), _new(board)
        board.take(seconds)
        rates.append((_new(board) - before) / (now() - began))
    short = RATE - median(rates)
    said = f"{median(rates):,.0f} lines/s counted by the board"
    return Row(f"{RATE:,} lines/s: taken", said, f"{RATE:,} offered", short, RATE * 0.05, ">= 95%", {"lines/s": rates})


def _new(board: Terminal) -> int:
    found = next(match for line in board.screen() if (match := _NEW.search(line)))
    return int(found[1].replace(",", ""))
