"""A program in tmux: a second opinion on what a terminal makes of what it is sent. Needs tmux."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.cells import cell_len

from tests.terminal import Cell, cell

_SGR = re.compile(r"\x1b\[([0-9;]*)m|\x1b\(.|(.)", re.DOTALL)
_ON = {"1": "bold", "2": "dim", "3": "italics", "4": "underscore", "5": "blink", "7": "reverse", "9": "strikethrough"}
_KEYS = {"escape": "Escape", "enter": "Enter"}


class Tmux:
    """Runs `command` in a server of its own. A context manager: on leaving, the server is ended."""

    def __init__(
        self, command: Sequence[str], columns: int, rows: int, env: Mapping[str, str | None], folder: Path
    ) -> None:
        self.columns, self.rows = columns, rows
        self._socket = str(folder / "tmux")
        given = [f"{name}={value}" for name, value in env.items() if value is not None]
        unset = [part for name, value in env.items() if value is None for part in ("-u", name)]
        size = ("-x", str(columns), "-y", str(rows))
        self._run("-f", "/dev/null", "new-session", "-d", *size, "env", *unset, *given, *command)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run("kill-server")

    def _run(self, *arguments: str) -> str:
        told = subprocess.run(["tmux", "-S", self._socket, *arguments], capture_output=True, check=True)
        return told.stdout.decode()

    def press(self, *keys: str) -> None:
        for key in keys:
            self._run("send-keys", *([_KEYS[key]] if key in _KEYS else ["-l", key]))

    def resize(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._run("resize-window", "-x", str(columns), "-y", str(rows))

    def screen(self) -> list[str]:
        return self._run("capture-pane", "-p").splitlines()

    def wait_for(self, condition: Callable[[list[str]], object], timeout_s: float = 10.0) -> list[str]:
        end = time.perf_counter() + timeout_s
        while not condition(lines := self.screen()):
            assert time.perf_counter() < end, "not seen; on the screen:\n" + "\n".join(lines)
        return lines

    def cells(self) -> list[list[Cell]]:
        rows = [_cells(line) for line in self._run("capture-pane", "-p", "-e", "-N").split("\n")[: self.rows]]
        return [row + [cell(" ", "", "", frozenset())] * (self.columns - len(row)) for row in rows]


def _cells(line: str) -> list[Cell]:
    found: list[Cell] = []
    colour = ground = ""
    on: set[str] = set()
    for parameters, character in _SGR.findall(line):
        if character:
            found.append(cell(character, colour, ground, on))
            found += [cell("", colour, ground, on)] * (cell_len(character) - 1)
            continue
        numbers = iter((parameters or "0").split(";"))
        for number in numbers:
            if number in ("38", "48"):
                depth = {"5": 1, "2": 3}[next(numbers)]
                told = ";".join(next(numbers) for _ in range(depth))
                colour, ground = (told, ground) if number == "38" else (colour, told)
            elif number in _ON:
                on.add(_ON[number])
            elif number == "0":
                colour, ground, on = "", "", set()
            elif int(number) in (*range(30, 40), *range(90, 98)):
                colour = "" if number == "39" else number
            elif int(number) in (*range(40, 50), *range(100, 108)):
                ground = "" if number == "49" else number
    return found
