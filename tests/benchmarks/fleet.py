"""A fleet: 200 services on four accounts, every answer 50 ms late. The first whole board, and what it costs at rest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from tests.benchmarks.report import Row, spread
from tests.demo_process import DemoProcess, environment, watch
from tests.terminal import Terminal, now

SERVICES = 200
PLATFORMS = "railway,gitlab,cloud66,dokploy"


def is_whole(lines: Sequence[str]) -> bool:
    """The head of the pane counts them."""
    return any(re.search(rf"Services\D*\b{SERVICES}\b", line) for line in lines)


def rows(folder: Path, *, rounds: int, seconds: float) -> Iterator[Row]:
    options = ("--frozen", "--services", str(SERVICES), "--latency", "50", "--rate-limit", "100000")
    with DemoProcess(*options, home=folder, platforms=PLATFORMS) as world:
        first: list[float] = []
        for number in range(-1, rounds):  # the first only warms the caches of the disk
            home = folder / f"new{number}"
            home.mkdir()
            with Terminal(watch(world), rows=50, columns=200, env=environment(home)) as board:
                board.wait_for(is_whole, timeout_s=60)
                if number >= 0:
                    first.append((now() - board.started_at) * 1000)
        with Terminal(watch(world), env=environment(folder)) as board:
            board.wait_for(is_whole, timeout_s=60)
            board.press("j")
            board.take(20)
            cpu: list[float] = []
            for _ in range(rounds):
                began, before = now(), board.cpu_s()
                board.take(seconds)
                cpu.append((board.cpu_s() - before) / (now() - began) * 100)
            rss = board.rss_mib()
    yield Row(
        f"{SERVICES} services on four accounts: first whole board",
        f"**{spread(first)} ms** from exec",
        "50 ms before every answer",
        median(first),
        2000,
        "<= 2000 ms",
        {"ms": first},
    )
    yield Row(
        f"{SERVICES} services on four accounts: CPU at rest",
        f"**{median(cpu):.2f}%** of a core; {rss:.0f} MiB",
        "polled by each platform's plan",
        median(cpu),
        3.0,
        "<= 3%",
        {"%": cpu},
    )
