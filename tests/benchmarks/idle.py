"""Idle: a board on a world that stands still, and a bare Textual program, at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.benchmarks.report import Row
from tests.benchmarks.start import HELLO
from tests.demo_process import DemoProcess, environment, watch
from tests.pty.journey import has_log_lines
from tests.terminal import Terminal, now


def rows(folder: Path, *, rounds: int, seconds: float) -> Iterator[Row]:
    home = environment(folder)
    with (
        DemoProcess("--frozen", home=folder) as world,
        Terminal(watch(world), env=home) as board,
        Terminal(HELLO, env=home) as hello,
    ):
        board.wait_for("gateway")
        board.press("j")
        board.wait_for(has_log_lines)
        hello.wait_for("hello, world")
        board.quiet(for_s=2.0)
        written: list[float] = []
        cpu: dict[str, list[float]] = {"board": [], "hello": []}
        for _ in range(rounds):
            began, before = now(), (board.cpu_s(), hello.cpu_s())
            written.append(board.take(seconds) / seconds)
            hello.take(0)
            passed = now() - began
            cpu["board"].append((board.cpu_s() - before[0]) / passed * 100)
            cpu["hello"].append((hello.cpu_s() - before[1]) / passed * 100)
        rss = board.rss_mib(), hello.rss_mib()
    more = median(cpu["board"]) - median(cpu["hello"])
    yield Row(
        "idle: bytes to the terminal",
        f"**{max(written):.0f} B/s** in the worst of {rounds} x {seconds:.0f} s",
        "0",
        max(written),
        0,
        "0 B/s",
        {"B/s": written},
    )
    yield Row(
        "idle: CPU",
        f"{median(cpu['board']):.2f}% = **{more:+.2f} points**; {rss[0]:.0f} MiB",
        f"Textual hello-world {median(cpu['hello']):.2f}%; {rss[1]:.0f} MiB",
        more,
        0.2,
        "within 0.2 points",
        {"%": cpu["board"], "hello %": cpu["hello"]},
    )
