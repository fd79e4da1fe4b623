"""A world that stands still, and the board on it in a real pty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tests.demo_process import DECKWATCH, DemoProcess, environment, watch
from tests.terminal import Terminal

Open = Callable[..., Terminal]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """Frozen, shared by the tests that only look; acts belong into `own_world`."""
    with DemoProcess("--frozen", home=tmp_path_factory.mktemp("world")) as process:
        yield process


@pytest.fixture
def own_world(tmp_path: Path) -> Iterator[DemoProcess]:
    with DemoProcess("--frozen", home=tmp_path) as process:
        yield process


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Open]:
    """Runs a command in a terminal with a HOME of its own; ended when the test is."""
    opened: list[Terminal] = []

    def open_terminal(
        command: Sequence[str],
        columns: int = 120,
        rows: int = 40,
        env: dict[str, str | None] | None = None,
        answers: Mapping[bytes, bytes] | None = None,
    ) -> Terminal:
        opened.append(Terminal(command, columns, rows, {**environment(tmp_path), **(env or {})}, answers=answers))
        return opened[-1]

    try:
        yield open_terminal
    finally:
        for terminal in opened:
            terminal.end()


@pytest.fixture
def board(run: Open, world: DemoProcess) -> Open:
    """Opens the board on the frozen world and waits until its services are there."""

    def open_board(columns: int = 120, rows: int = 40, env: dict[str, str | None] | None = None) -> Terminal:
        terminal = run(watch(world), columns, rows, env)
        terminal.wait_for("gateway")
        return terminal

    return open_board


@pytest.fixture
def demo(run: Open) -> Open:
    """Opens `deckwatch demo`, the world as its child, and waits until its services are there."""

    def open_demo(columns: int = 120, rows: int = 40, env: dict[str, str | None] | None = None) -> Terminal:
        terminal = run([*DECKWATCH, "demo"], columns, rows, env)
        terminal.wait_for("gateway")
        return terminal

    return open_demo
