"""A process that was asked to leave ends, whatever its event loop does."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.demo_process import environment
from tests.terminal import now

_BLOCKED = """
import os, signal, sys, threading
from tui.leaving import Leaving
signal.signal(signal.SIGHUP, getattr(signal, sys.argv[2]))
Leaving(lambda: os.write(1, b"asked\\n"), in_order_s=float(sys.argv[1])).listen()
os.write(1, b"blocked\\n")
threading.Event().wait()
"""


@contextmanager
def blocked(home: Path, in_order_s: float = 60.0, sighup: str = "SIG_DFL") -> Iterator[subprocess.Popen[str]]:
    """A process that listens and does nothing else, for ever."""
    with subprocess.Popen(
        [sys.executable, "-c", _BLOCKED, str(in_order_s), sighup],
        env=environment(home),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert said(process) == "blocked"
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 20)[0], "it says nothing"
    return process.stdout.readline().strip()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_end_that_takes_too_long_is_forced(tmp_path: Path, number: signal.Signals) -> None:
    with blocked(tmp_path, in_order_s=1.0) as process:
        sent_at = now()
        process.send_signal(number)
        assert said(process) == "asked"
        assert process.wait(timeout=20) == 128 + number
        assert now() - sent_at >= 1.0, "it was given the time to end in order"


def test_a_second_sigterm_is_not_waited_for(tmp_path: Path) -> None:
    with blocked(tmp_path) as process:
        process.send_signal(signal.SIGTERM)
        assert said(process) == "asked"
        asked_at = now()
        while process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert now() - asked_at < 20
        assert process.returncode == 128 + signal.SIGTERM
        assert now() - asked_at > 0.4, "one that follows at once is the same: `timeout` sends two"


def test_sighup_stays_ignored_where_it_was(tmp_path: Path) -> None:
    with blocked(tmp_path, sighup="SIG_IGN") as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert said(process) == "asked", "by the second"
        process.send_signal(signal.SIGHUP)
        assert process.poll() is None
