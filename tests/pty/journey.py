"""Steps that several journeys by key have in common."""

from __future__ import annotations

import re

from tests.terminal import Terminal

HUP_IGNORED = ("sh", "-c", "trap '' HUP; exec \"$@\"", "sh")
"""Before a command: it runs as under nohup."""

LOG_LINE = re.compile(r"\d\d:\d\d:\d\d [TDIWEF] \S")


def has_log_lines(lines: list[str]) -> bool:
    return any(LOG_LINE.match(line.lstrip("│▏ ")) for line in lines)


def go_to(terminal: Terminal, path: str) -> None:
    """Puts the cursor of the services on the one that a search for `path` finds, and waits for its timeline."""
    environment, _, name = path.rpartition("/")
    terminal.press("1", "/")
    terminal.wait_for("search; enter keeps it")
    terminal.press(*path)
    terminal.wait_for(path)
    terminal.press("enter")
    terminal.wait_for(f"2 Timeline  {name} {environment.rpartition('/')[2]}")


def fill(terminal: Terminal) -> None:
    """Make it draw far more than fits into the way to the terminal, and read nothing of it."""
    columns, rows = terminal.columns, terminal.rows
    for _ in range(40):
        for width in (columns - 1, columns):
            terminal.resize(width, rows)
            terminal.press("?")
            terminal.stall(0.02)
            terminal.press("escape")
            terminal.stall(0.02)


def close(terminal: Terminal, title: str) -> None:
    """Escapes from the sheet of that title; again where its first moment took no keys."""
    terminal.press_until(
        "escape", lambda lines: not any(f"─ {title}" in line or f"━ {title}" in line for line in lines)
    )
