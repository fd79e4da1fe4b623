"""Start-up: from exec to text on the terminal, the board and a bare Textual program in turn."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from tests.benchmarks import hello
from tests.benchmarks.report import Row, spread
from tests.demo_process import DemoProcess, environment, watch
from tests.terminal import Terminal

HELLO = (sys.executable, str(Path(hello.__file__)))
PAINTED = r"1 Services"
LISTED = r"gateway"  # a service of the demo world


def rows(folder: Path, *, rounds: int) -> Iterator[Row]:
    with DemoProcess("--frozen", home=folder) as world:
        remembering = folder / "remembering"
        _leave_a_picture(world, remembering)
        runs: dict[str, list[float]] = {"hello": [], "paint": [], "live": [], "paint again": [], "again": []}
        for number in range(-1, rounds):  # the first of each only warms the caches of the disk
            times = {"hello": _first(HELLO, folder, "hello, world")[0]}
            times["paint"], times["live"] = _first(watch(world), folder / f"new{number}", PAINTED, LISTED)
            times["paint again"], times["again"] = _first(watch(world), remembering, PAINTED, LISTED)
            if number >= 0:
                for name, value in times.items():
                    runs[name].append(value)
    yield _row("first paint of the board", runs, "paint", 1.3)
    yield _row("first paint, a last picture remembered", runs, "paint again", 1.3)
    yield _row("first services listed, from the network", runs, "live", 1.6)
    yield _row("first services listed, a last picture remembered", runs, "again", 1.6)


def _row(name: str, runs: dict[str, list[float]], of: str, goal: float) -> Row:
    ratio = median(runs[of]) / median(runs["hello"])
    return Row(
        name,
        f"{spread(runs[of])} ms = **{ratio:.2f}x**",
        f"Textual hello-world {spread(runs['hello'])} ms",
        ratio,
        goal,
        f"<= {goal}x",
        {"ms": runs[of], "hello ms": runs["hello"]},
    )


def _first(command: Sequence[str], home: Path, *patterns: str) -> list[float]:
    """Milliseconds from exec until each of these is written, in this order."""
    home.mkdir(exist_ok=True)
    with Terminal(command, env=environment(home)) as terminal:
        return [(terminal.wait_written(each, 0) - terminal.started_at) * 1000 for each in patterns]


def _leave_a_picture(world: DemoProcess, home: Path) -> None:
    """A session that ends in good order keeps what it saw last."""
    home.mkdir()
    with Terminal(watch(world), env=environment(home)) as terminal:
        terminal.wait_for(LISTED)
        terminal.press("q")
        terminal.wait_for("again to leave")
        terminal.press("q")
        terminal.wait_end()
