"""What a platform sends is text: the bytes that reach the terminal hold no sequence but the board's own."""

from __future__ import annotations

import base64
import re

from tests.demo_process import DemoProcess
from tests.pty.conftest import Open
from tests.pty.journey import close, go_to, has_log_lines

OWN = re.compile(
    rb"\x1b\[[0-9;]*m"  # SGR
    rb"|\x1b\[\d*(?:;\d+)?H|\r*\n"  # where to draw
    rb"|\x1b\[(?:\d+;\d+)?r|\r?\x1bM|\x1b\[K"  # scrolling inside margins, both ways; the end of a row
    rb"|\x1b\[6n"  # what the terminal has shown
    rb"|\x1b\[\?(?:1049|25|7|1004|2004|2026)[hl]"  # alternate screen, cursor, wrap, focus, paste, synchronized
    rb"|\x1b\[\?(?:2026|2048)\$p"  # what the terminal can do
    rb"|\x1b\[>\d+u|\x1b\[<u"  # kitty keys on and off
    rb"|\x1b\]22;default\x07"  # shape of the mouse pointer
)
"""All that Textual and we send. Anything else with an escape in it came from outside."""
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")

LINES = (
    "osc52 \x1b]52;c;cHduZWQ=\x07 end",
    "osc52st \x1b]52;c;cHduZWQ=\x1b\\ end",
    "title \x1b]0;pwned\x07 end",
    "link \x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\ end",
    "dcs \x1bP+q544e\x1b\\ end",
    "apc \x1b_payload\x1b\\ end",
    "c1 \x9b31m \x9d0;pwned\x9c \x90q\x9c end",
    "bidi \u202egnp.exe\u202c \u2066x\u2069 end",
    "moves \x1b[2J\x1b[H\x1b[10A\x1b[?1049l\x1bc end",
    "lone \x1b",
    "unfinished \x1b]52;c;",
    "bells \x07\x08\x0b\x0c\x0e\x0f\x7f end",
)


def assert_only_our_own_sequences(raw: bytes) -> None:
    rest = OWN.sub(b"", raw).decode("utf-8")  # strictly: half a character would be somebody's cut
    found = CONTROL.search(rest)
    assert found is None, (
        f"{found[0]!r} reached the terminal: …{rest[max(0, found.start() - 60) : found.end() + 60]!r}…"
    )


def test_the_worlds_hostile_names_and_lines_reach_the_terminal_as_text(board: Open) -> None:
    terminal = board()
    go_to(terminal, "production/catalog")
    terminal.wait_for(lambda lines: any("Fix catalog" in line.partition("▏")[2] for line in lines))
    terminal.press("2")
    terminal.wait_for("▌2 Timeline")
    terminal.press("enter")
    terminal.wait_for("Deployment of catalog")
    terminal.wait_for("[bold red]not markup[/]")  # the message, as it is
    close(terminal, "Deployment of catalog")
    terminal.press("?")
    terminal.wait_for("─ Keys")
    close(terminal, "Keys")
    terminal.press("3")
    terminal.wait_for("▌3 Logs")
    terminal.wait_for(has_log_lines)
    for _ in range(6):
        terminal.press("pageup")
        terminal.quiet(0.1)
    terminal.press("w", "t", "enter")  # wrapped, other times, the whole of a line
    terminal.quiet(0.2)
    assert_only_our_own_sequences(bytes(terminal.raw))


def test_hostile_lines_of_a_log_are_shown_without_their_teeth(board: Open, world: DemoProcess) -> None:
    terminal = board()
    go_to(terminal, "production/metrics")
    terminal.press("3")
    terminal.wait_for("▌3 Logs")
    for line in LINES:
        world.order("line", service="platform/production/metrics", text=line)
    world.order("line", service="platform/production/metrics", text="and \x1b[31mred\x1b[0m stays red")
    lines = terminal.wait_for("and red stays red")
    for name in ("osc52", "title", "link", "dcs", "apc", "c1", "bidi", "moves", "lone", "unfinished", "bells"):
        assert any(f" {name}" in line for line in lines), f"{name} is shown"
    assert not any("cHduZWQ" in line or "pwned" in line or "payload" in line for line in lines)
    assert_only_our_own_sequences(bytes(terminal.raw))


def test_what_is_copied_of_a_hostile_line_holds_no_escape(board: Open, world: DemoProcess) -> None:
    terminal = board()
    go_to(terminal, "production/gateway")
    terminal.press("3")
    terminal.wait_for("▌3 Logs")
    world.order("line", service="platform/production/gateway", text="to \x1b]0;x\x07copy \x1b[31mred\x1b[0m \u202ex")
    terminal.wait_for("to copy red")
    since = len(terminal.raw)
    terminal.press("y")
    terminal.wait_for("copied")
    sent = re.search(rb"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07", bytes(terminal.raw[since:]))
    assert sent is not None
    copied = base64.b64decode(sent[1]).decode()
    assert "to copy red" in copied
    assert CONTROL.search(copied) is None


def test_bytes_typed_that_are_no_text_do_not_end_it(board: Open) -> None:
    terminal = board()
    terminal.type(b"\xff\xfe\xc3")
    terminal.press("?")
    terminal.wait_for("─ Keys")
