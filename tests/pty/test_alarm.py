"""A deployment that fails rings the terminal, once, between two frames."""

from __future__ import annotations

import re

import pytest

from tests.demo_process import DemoProcess, watch
from tests.pty.conftest import Open
from tests.terminal import Terminal

OSC = re.compile(rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")


def bells(raw: bytes) -> int:
    """Those that end no sequence."""
    return OSC.sub(b"", raw).count(b"\x07")


def failing(run: Open, world: DemoProcess, **env: str | None) -> Terminal:
    terminal = run(watch(world), env=env)
    terminal.wait_for("gateway")
    terminal.wait_for("e goes through them")
    assert bells(bytes(terminal.raw)) == 0, "what fails already does not ring"
    world.order("push", service="shop/production/api", fate="build-fails")
    world.order("advance", seconds=240)
    terminal.press("ctrl+r")
    terminal.wait_for("/api    the newest deployment failed")
    return terminal


@pytest.mark.parametrize(
    ("env", "sequence"),
    [
        ({}, rb"\x1b\]9;deckwatch: railway/shop/production/api: the newest deployment failed[^\x07\x1b]*\x07"),
        ({"TMUX": "/tmp/tmux-0/default,1,0"}, rb"\x1bPtmux;\x1b\x1b\]9;deckwatch: railway/shop[^\x07\x1b]*\x07\x1b\\"),
    ],
)
def test_it_rings_once_and_says_what_for(
    run: Open, own_world: DemoProcess, env: dict[str, str | None], sequence: bytes
) -> None:
    terminal = failing(run, own_world, **env)
    raw = bytes(terminal.raw)
    assert len(re.findall(sequence, raw)) == 1
    assert bells(raw) == 1
