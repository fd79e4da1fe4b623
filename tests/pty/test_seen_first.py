"""A sheet that acts takes no key before it was seen, however far away the terminal is and whoever answers for it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.demo_process import DemoProcess, environment, watch
from tests.far_terminal import FarTerminal
from tests.pty.conftest import Open
from tests.pty.journey import fill, go_to
from tests.terminal import ANSWERS, SEQUENCE
from tui.widgets.frame_pacing import LONGEST_ROUND_TRIP_S

WAITING = "keys count once"
TYPED_EVERY_S = 0.1

Far = Callable[..., FarTerminal]


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Far]:
    with ExitStack() as stack:

        def open_far(
            command: Sequence[str], round_trip_s: float, answers: Mapping[bytes, bytes] = ANSWERS
        ) -> FarTerminal:
            terminal = FarTerminal(
                command,
                80,
                24,
                environment(tmp_path),
                bits_per_s=100e6,
                round_trip_s=round_trip_s,
                answers=answers,
            )
            stack.enter_context(terminal)
            terminal.wait_for("gateway")
            return terminal

        yield open_far


def type_ahead(terminal: FarTerminal, key: str, ahead: bytes) -> int:
    """Press `key`, and type `ahead` again and again as long as the sheet has not been seen. Returns how often."""
    since, times = len(terminal.raw), 0
    terminal.press(key)
    while WAITING not in terminal.text(since):
        terminal.type(ahead)
        times += 1
        terminal.take(TYPED_EVERY_S)
    return times


def verbs(world: DemoProcess) -> list[str]:
    return [call["verb"] for call in world.state()["calls"]]


def assert_only_what_was_seen_is_confirmed(terminal: FarTerminal, world: DemoProcess) -> None:
    """A yes and a typed name: typed before the sheet was seen they do nothing, after that they act."""
    go_to(terminal, "staging/api")
    assert type_ahead(terminal, "R", b"y\r") >= 1
    terminal.wait_for("y does it")
    terminal.wait_for("too early: press it again")
    assert verbs(world) == []
    terminal.press("y")
    terminal.wait_for(lambda _: verbs(world) == ["redeploy"])
    go_to(terminal, "production/api")
    type_ahead(terminal, "T", b"api\r")
    terminal.wait_for("type it, then enter")
    terminal.wait_for("typed too early: type it again")
    assert verbs(world) == ["redeploy"]
    terminal.press("enter")
    terminal.press(*"api", "enter")
    terminal.wait_for(lambda _: verbs(world) == ["redeploy", "restart"])


@pytest.mark.parametrize("round_trip_s", [0.02, 0.6, 1.2])
def test_a_far_terminal_has_shown_the_sheet_first(far: Far, own_world: DemoProcess, round_trip_s: float) -> None:
    assert_only_what_was_seen_is_confirmed(far(watch(own_world), round_trip_s), own_world)


def test_a_terminal_that_never_answers_is_given_the_time_to_show_it(far: Far, own_world: DemoProcess) -> None:
    assert_only_what_was_seen_is_confirmed(far(watch(own_world), 1.2, {}), own_world)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
def test_behind_a_multiplexer_that_answers_it_is_given_that_time_too(
    far: Far, own_world: DemoProcess, tmp_path: Path
) -> None:
    tmux = ["tmux", "-S", str(tmp_path / "tmux"), "-f", "/dev/null"]
    variables = [f"{name}={value}" for name, value in environment(tmp_path).items()]
    try:
        terminal = far([*tmux, "new-session", "env", *variables, *watch(own_world)], 1.2)
        assert_only_what_was_seen_is_confirmed(terminal, own_world)
    finally:
        subprocess.run([*tmux, "kill-server"], check=False)


def test_a_sheet_that_opens_in_a_stall_waits_until_it_is_read(run: Open, own_world: DemoProcess) -> None:
    terminal = run(watch(own_world), 80, 24)
    terminal.wait_for("gateway")
    go_to(terminal, "staging/api")
    fill(terminal)
    terminal.stall(0.2)  # an escape of its own
    terminal.press("R")
    for _ in range(30):
        terminal.stall(0.1)
        terminal.press("y")
    assert verbs(own_world) == []
    terminal.wait_for("y does it")
    assert verbs(own_world) == []
    terminal.press("y")
    terminal.wait_for(lambda _: verbs(own_world) == ["redeploy"])


def test_an_answer_that_was_lost_is_asked_for_again_by_the_next_key(run: Open, own_world: DemoProcess) -> None:
    answers = dict(ANSWERS)
    terminal = run(watch(own_world), 80, 24, answers=answers)
    terminal.wait_for("gateway")
    go_to(terminal, "staging/api")
    del answers[b"\x1b[6n"]
    terminal.press("R")
    terminal.wait_for(WAITING)
    terminal.take(LONGEST_ROUND_TRIP_S + 1)
    terminal.wait_for(WAITING)
    answers |= ANSWERS
    terminal.press("y")
    terminal.wait_for("y does it")
    assert verbs(own_world) == []
    terminal.press("y")
    terminal.wait_for(lambda _: verbs(own_world) == ["redeploy"])


def test_what_was_typed_before_the_options_were_seen_is_in_none_of_them(far: Far, own_world: DemoProcess) -> None:
    terminal = far(watch(own_world), 0.6)
    go_to(terminal, "staging/api")
    terminal.press("R")
    terminal.wait_for("y does it")
    type_ahead(terminal, "ctrl+r", b"by mistake\ry")
    terminal.wait_for("enter takes them")
    terminal.press(*"on purpose", "enter")
    lines = terminal.wait_for(lambda lines: any("reason     on purpose" in line for line in lines))
    assert not any("mistake" in line for line in lines)
    terminal.wait_for("y does it")
    assert verbs(own_world) == []


def test_the_question_follows_the_whole_sheet(far: Far, own_world: DemoProcess) -> None:
    terminal = far(watch(own_world), 0.02)
    go_to(terminal, "staging/api")
    terminal.quiet(0.5)
    since = len(terminal.raw)
    terminal.press("R")
    terminal.wait_for("y does it")
    assert_asked_after(terminal, since, "Redeploy api", "[ Redeploy ]", WAITING, "railway / shop / staging")
    terminal.press("ctrl+r")
    terminal.wait_for("enter takes them")
    terminal.press(*"on purpose")
    terminal.wait_for("on purpose")
    terminal.quiet(0.5)
    since = len(terminal.raw)
    terminal.press("enter")
    terminal.wait_for("reason     on purpose")
    terminal.wait_for("y does it")
    assert_asked_after(terminal, since, "reason     ", "on purpose", WAITING)


def assert_asked_after(terminal: FarTerminal, since: int, *told: str) -> None:
    """All of that was written before the first question that followed byte `since`."""
    shown, asked, _ = bytes(terminal.raw[since:]).partition(b"\x1b[6n")
    assert asked
    text = SEQUENCE.sub(b"", shown).decode()
    assert [each for each in told if each not in text] == []
