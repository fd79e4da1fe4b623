"""A terminal with a program in it, watched from outside: what a person would see, and what it cost.

The program runs in a pty of its own session; what it asks of its terminal is answered; every byte it sends is kept.
Single-threaded: the pty is drained only while one of the waiting methods runs. Linux only (/proc, pidfd).
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import shutil
import signal
import struct
import termios
import time
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

import pyte
from pyte.screens import Char
from rich.cells import cell_len

now = time.perf_counter

ANSWERS = {
    b"\x1b[c": b"\x1b[?62;22c",
    b"\x1b[0c": b"\x1b[?62;22c",
    b"\x1b[>c": b"\x1b[>41;354;0c",
    b"\x1b[5n": b"\x1b[0n",
    b"\x1b[6n": b"\x1b[1;1R",
    b"\x1b[?2026$p": b"\x1b[?2026;2$y",  # synchronized output: known, off
    b"\x1b[?2048$p": b"\x1b[?2048;0$y",  # in-band resize: not known
}
"""What a real terminal says when it is asked. Questions that are not here are not understood, as in many terminals.
Where the cursor is (6n) is answered by its place, if the question follows the sequence that put it there."""

USUAL = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}

KEYS = {
    "enter": b"\r",
    "escape": b"\x1b",
    "tab": b"\t",
    "shift+tab": b"\x1b[Z",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "pageup": b"\x1b[5~",
    "pagedown": b"\x1b[6~",
    "delete": b"\x1b[3~",
    "backspace": b"\x7f",
    "space": b" ",
    "f1": b"\x1bOP",
    **{f"ctrl+{letter}": bytes([ord(letter) & 0x1F]) for letter in "abcdefgklnopqrstuvwxyz"},
}

SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC
    rb"|[PX^_][^\x1b]*\x1b\\"  # DCS, SOS, PM, APC
    rb"|[ -/]*[0-OQ-WYZ\\`-~])"
)
"""Any whole escape sequence."""
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?$")
_NOT_FOR_PYTE = re.compile(rb"\x1b\[[<>=][0-9;]*[A-Za-z]|\x1b\[\?[0-9;]*\$p|\x1b[PX^_][^\x1b]*\x1b\\")
_POSITION = b"\x1b[6n"
_QUESTION = re.compile(
    rb"(?:\x1b\[(?P<row>\d+);(?P<column>\d+)H)?(?P<what>"
    + b"|".join(re.escape(question) for question in ANSWERS)
    + b")"
)
_LONGEST_QUESTION = 32


Cell = tuple[str, str, str, frozenset[str]]
"""A character, its foreground and background, and its other attributes."""


def cell(character: str, colour: str, ground: str, on: Set[str]) -> Cell:
    if character.isspace() and not on & {"underscore", "strikethrough", "reverse"}:
        return " ", "", ground, frozenset()
    return character, colour, ground, frozenset(on)


def _cell(char: Char) -> Cell:
    on = {
        name for name in ("bold", "italics", "underscore", "strikethrough", "reverse", "blink") if getattr(char, name)
    }
    return cell(char.data, char.fg, char.bg, on)


class Terminal:
    """Runs `command` on a terminal of `columns` x `rows`. A context manager: on leaving, the program is ended.

    `env` is the program's environment on top of PATH and a usual terminal's variables; None takes a variable away.
    `answers`: other than the usual ones.
    """

    def __init__(
        self,
        command: Sequence[str],
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str | None] | None = None,
        *,
        answers: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self.columns, self.rows = columns, rows
        self._answers = ANSWERS if answers is None else answers
        self.raw = bytearray()
        self.ended_at: float | None = None
        self.exit_code: int | None = None
        given = {"PATH": os.environ["PATH"], **USUAL, **(env or {})}
        environment = {name: value for name, value in given.items() if value is not None}
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._emulated = self._answered = 0
        self._master, self._slave = os.openpty()
        self._set_size()
        os.set_blocking(self._master, False)
        self.settings = self._line_settings()
        program = shutil.which(command[0], path=environment.get("PATH")) or command[0]
        self.started_at = now()
        # The first terminal that a session's leader opens becomes the session's own: hence opened, not inherited.
        self.pid = os.posix_spawn(
            program,
            list(command),
            environment,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.ttyname(self._slave), os.O_RDWR, 0),
                (os.POSIX_SPAWN_DUP2, 0, 1),
                (os.POSIX_SPAWN_DUP2, 0, 2),
            ],
            setsid=True,
            setsigdef=[signal.SIGPIPE, signal.SIGINT, signal.SIGHUP, signal.SIGTERM],
        )
        self._exit = os.pidfd_open(self.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    # What was written

    def pump(self, timeout_s: float) -> bool:
        """Takes what the program wrote, waiting for it at most `timeout_s`. Returns whether there was any."""
        watched = [] if self._master < 0 else [self._master]
        ready, _, _ = select.select([*watched, self._exit], [], [], max(0.0, timeout_s))
        got = bool(watched) and self._master in ready and self._read()
        if self._exit in ready and not got:
            self._reap()
        return got

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 1 << 18)
        except OSError:  # BlockingIOError: nothing there; EIO: Linux's word for the end of it
            return False
        self.raw += data
        self._answer()
        return bool(data)

    def _answer(self) -> None:
        for question in _QUESTION.finditer(self.raw, max(0, self._answered - _LONGEST_QUESTION)):
            if question.end() > self._answered:
                self._answered = question.end()
                if answer := self._answers.get(question["what"]):
                    asked_at = question["row"] if question["what"] == _POSITION else None
                    self.type(b"\x1b[%s;%sR" % (asked_at, question["column"]) if asked_at else answer)
        self._answered = max(self._answered, len(self.raw) - _LONGEST_QUESTION)

    def text(self, since: int = 0) -> str:
        """What was written from byte `since` on, without its escape sequences."""
        return SEQUENCE.sub(b"", bytes(self.raw[since:])).decode("utf-8", "replace")

    def screen(self) -> list[str]:
        """The lines that stand on the screen now, without trailing blanks."""
        fresh = bytes(self.raw[self._emulated :])
        unfinished = _UNFINISHED.search(fresh[-256:])
        if unfinished:
            fresh = fresh[: len(fresh) - len(unfinished[0])]
        self._emulated += len(fresh)
        self._stream.feed(_NOT_FOR_PYTE.sub(b"", fresh))
        return ["".join(character for character, *_ in row).rstrip() for row in self._cells()]

    def background(self, row: int, column: int = 0) -> str:
        """The background of one cell of what `screen` last saw."""
        ground: str = self._screen.buffer[row][column].bg
        return ground

    def cells(self) -> list[list[Cell]]:
        """What stands in each cell of the screen and how it looks; of blanks only what is to be seen of them."""
        self.screen()
        return self._cells()

    def _cells(self) -> list[list[Cell]]:
        rows = []
        for y in range(self.rows):
            line = self._screen.buffer[y]
            row: list[Cell] = []
            for x in range(self.columns):
                char = line[x]
                if not char.data and not (row and cell_len(row[-1][0]) == 2):
                    char = char._replace(data=" ")  # half of a wide character that was written over
                row.append(_cell(char))
            rows.append(row)
        return rows

    def cursor(self) -> tuple[int, int]:
        """Column and row of the terminal's own cursor, from 0, in what `screen` last saw."""
        return self._screen.cursor.x, self._screen.cursor.y

    # Waiting

    def wait_for(self, wanted: str | Callable[[list[str]], object], timeout_s: float = 40.0) -> list[str]:
        """Waits until a text stands on the screen, or a condition of its lines holds. Returns the lines.

        Raises AssertionError with the screen when it does not in time.
        """
        end = now() + timeout_s
        while True:
            lines = self.screen()
            if any(wanted in line for line in lines) if isinstance(wanted, str) else wanted(lines):
                return lines
            if now() > end or self.exit_code is not None:
                self._fail(f"not seen within {timeout_s} s: {wanted!r}")
            self.pump(min(0.25, end - now()))

    def wait_written(self, pattern: str, since: int, timeout_s: float = 10.0) -> float:
        """Waits until a regular expression matches the text written from byte `since` on; returns when that was.

        Only the bytes are looked at, not the screen: cheap, and exact to the read.
        """
        wanted = re.compile(pattern)
        end = now() + timeout_s
        while now() < end and self.exit_code is None:
            if self.pump(end - now()):
                at = now()
                if wanted.search(self.text(since)):
                    return at
        self._fail(f"not written within {timeout_s} s: {pattern!r}")

    def quiet(self, for_s: float, timeout_s: float = 20.0) -> None:
        """Waits until nothing was written for that long."""
        end = now() + timeout_s
        while self.pump(for_s):
            if now() > end:
                self._fail(f"never quiet for {for_s} s within {timeout_s} s")

    def take(self, for_s: float) -> int:
        """Drains for that long, whatever comes. Returns how many bytes came."""
        before, end = len(self.raw), now() + for_s
        while (left := end - now()) > 0:
            self.pump(left)
        return len(self.raw) - before

    def stall(self, for_s: float) -> None:
        """Read nothing for that long, as a dead line does, or until the program ends."""
        if select.select([self._exit], [], [], for_s)[0]:
            self._reap()

    def wait_end(self, timeout_s: float = 20.0, *, reading: bool = True) -> int:
        """Waits until the program ended; returns its exit code, negative for a signal. `reading`: takes what it
        writes meanwhile."""
        end = now() + timeout_s
        while self.exit_code is None:
            if now() > end:
                self._fail(f"still running after {timeout_s} s")
            self.pump(end - now()) if reading else self.stall(end - now())
        return self.exit_code

    def _fail(self, what: str) -> NoReturn:
        state = "running" if self.exit_code is None else f"ended with {self.exit_code}"
        raise AssertionError(f"{what} ({state}); on the screen:\n" + "\n".join(self.screen()))

    # What a person does

    def type(self, data: bytes) -> None:
        try:
            os.write(self._master, data)
        except OSError:
            self.pump(0)  # it ended meanwhile

    def press(self, *keys: str) -> None:
        """Keys by name ("enter", "ctrl+c") or by character."""
        for key in keys:
            self.type(KEYS.get(key) or key.encode())

    def press_until(self, key: str, condition: Callable[[list[str]], object], timeout_s: float = 40.0) -> list[str]:
        """Presses a key again and again, a quarter of a second apart, until a condition of the screen holds."""
        end = now() + timeout_s
        while not condition(lines := self.screen()):
            if now() > end:
                self._fail(f"{key} did nothing within {timeout_s} s")
            self.press(key)
            self.take(0.25)
        return lines

    def resize(self, columns: int, rows: int) -> None:
        self.screen()
        self.columns, self.rows = columns, rows
        self._screen.resize(rows, columns)
        self._set_size()  # the kernel tells the program: SIGWINCH

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def hang_up(self) -> None:
        """The terminal is gone: a closed window, a dropped line."""
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1

    # What it costs

    def cpu_s(self) -> float:
        """CPU seconds of the program itself, all its threads, those that ended too; not of its children."""
        return time.clock_gettime((~self.pid << 3) | 2)  # clock_getcpuclockid(3)

    def rss_mib(self) -> float:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def threads(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/task").iterdir()))

    def is_stopped(self) -> bool:
        """Whether a signal has stopped it, as ctrl+z does."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"

    def children(self) -> list[int]:
        lists = Path(f"/proc/{self.pid}/task").glob("*/children")
        return [int(each) for one in lists for each in one.read_text().split()]

    def given_back(self) -> bool:
        """Whether the line settings (echo, line mode) are as they were before the program started."""
        return self._line_settings() == self.settings

    # Its end

    def end(self) -> None:
        """Ends the program if it still runs: asked, then killed. Its own children are its own to end."""
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGTERM)
            deadline = now() + 3.0
            while self.exit_code is None and now() < deadline:
                self.pump(deadline - now())
        if self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            _, status = os.waitpid(self.pid, 0)
            self.exit_code = os.waitstatus_to_exitcode(status)
        for descriptor in (self._master, self._slave, self._exit):
            if descriptor >= 0:
                os.close(descriptor)
        self._master = self._slave = self._exit = -1

    def _reap(self) -> None:
        if self.exit_code is None:
            self.ended_at = now()
            _, status = os.waitpid(self.pid, 0)
            self.exit_code = os.waitstatus_to_exitcode(status)

    def _set_size(self) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))

    def _line_settings(self) -> list[object]:
        return list(termios.tcgetattr(self._slave))


def wait_gone(pids: Sequence[int], timeout_s: float = 3.0) -> list[int]:
    """Waits until these processes, not ours to reap, ended. Returns those that did not in time."""
    end = now() + timeout_s
    left = []
    for pid in pids:
        try:
            watch = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            if not select.select([watch], [], [], max(0.0, end - now()))[0]:
                left.append(pid)
        finally:
            os.close(watch)
    return left
