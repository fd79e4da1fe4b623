"""A terminal that does not read, and one that goes meanwhile: the board lives on, or ends and loses nothing."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.demo_process import DemoProcess, watch
from tests.pty.conftest import Open
from tests.pty.journey import HUP_IGNORED, fill, go_to, has_log_lines
from tests.pty.test_leaving import assert_given_back
from tests.pty.test_terminal_scroll import MARGINS, OpenPair, pair
from tests.terminal import Terminal, now

__all__ = ["pair"]

STALL_S = float(os.environ.get("DECKWATCH_STALL_S", "3"))
"""How long nothing is read: DECKWATCH_STALL_S=60 for a stall as it was seen on a real line."""

ENDS_WITHIN_S = 5.0


@pytest.fixture
def loud_world(tmp_path: Path) -> Iterator[DemoProcess]:
    with DemoProcess("--log-rate", "500", home=tmp_path) as process:
        yield process


def following(run: Open, world: DemoProcess, prefix: Sequence[str]) -> Terminal:
    """The board with a loud log in it, which has redeployed a service and noted an acknowledgement."""
    terminal = run([*prefix, *watch(world)])
    terminal.wait_for("gateway")
    go_to(terminal, "staging/api")
    terminal.press("R")
    terminal.wait_for("[ Redeploy ]")
    terminal.press_until("y", lambda lines: not any("[ Redeploy ]" in line for line in lines))
    terminal.press("!")
    terminal.wait_for("acknowledge")
    go_to(terminal, "production/api")
    terminal.wait_for(has_log_lines)
    return terminal


def kept(home: Path) -> dict[str, list[dict[str, object]]]:
    """The files of the state folder whose lines are kept, each line parsed."""
    folder = home / ".local" / "state" / "deckwatch"
    return {
        name: [json.loads(line) for line in (folder / name).read_text().splitlines()]
        for name in ("audit.jsonl", "notes.jsonl")
    }


@pytest.mark.parametrize(
    ("prefix", "stall_s"),
    [((), 0.0), (HUP_IGNORED, 0.0), (HUP_IGNORED, STALL_S)],
    ids=["in mid-write", "in mid-write, hup ignored", "stalled, hup ignored"],
)
def test_a_terminal_that_stalls_and_goes_ends_it(
    run: Open, loud_world: DemoProcess, tmp_path: Path, prefix: Sequence[str], stall_s: float
) -> None:
    terminal = following(run, loud_world, prefix)
    fill(terminal)
    terminal.stall(stall_s)
    terminal.hang_up()
    hung_up_at = now()
    assert terminal.wait_end(timeout_s=ENDS_WITHIN_S) == 0
    assert now() - hung_up_at < ENDS_WITHIN_S
    lines = kept(tmp_path)
    assert [line["phase"] for line in lines["audit.jsonl"]][:2] == ["asked", "accepted"]
    assert len(lines["notes.jsonl"]) == 1


def test_a_stalled_terminal_costs_no_cpu_and_is_given_back_by_sigterm(
    run: Open, loud_world: DemoProcess, tmp_path: Path
) -> None:
    terminal = following(run, loud_world, ())
    fill(terminal)
    began, before = now(), terminal.cpu_s()
    terminal.stall(STALL_S)
    assert terminal.cpu_s() - before < 0.5 * (now() - began)
    terminal.signal(signal.SIGTERM)
    assert terminal.wait_end(timeout_s=ENDS_WITHIN_S, reading=False) == 0
    assert len(kept(tmp_path)["notes.jsonl"]) == 1
    terminal.take(0.5)
    assert_given_back(terminal)


def test_a_terminal_that_reads_again_shows_the_present(pair: OpenPair) -> None:
    """One of two panes is not read while both are given the same; what it missed is not shown later either."""
    both = pair(80, 24, {})
    both.send(30)
    stalled, other = both.terminals
    since = len(stalled.raw)
    for number in range(1, 61):
        for terminal in both.terminals:
            terminal.press("m")
            terminal.resize(80 - number % 2, 24)
        other.wait_for(f"above {number}.")
        if number % 20 == 0:
            both.send(50, seen=False)
    assert len(stalled.raw) == since, "nothing was read of it"
    both.see("above 60.")
    both.see_all()
    shown = {int(found) for found in re.findall(r"above (\d+)\.", stalled.text(since))}
    assert 60 in shown
    assert len(shown) < 50, "frames were dropped"
    since = len(stalled.raw)
    for _ in range(20):  # where Textual has something left to paint it paints these, too
        both.send(1)
    assert MARGINS.search(stalled.raw, since), "it scrolls again"
