"""The simulated world as a child process: in the app's own loop a log flood stalled it for 850 ms."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tui.cli.exits import Exit, Fault
from tui.model.errors import Unreachable

EXTRA = ("ariadne", "starlette", "uvicorn")
ENDS_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the world speaks one platform's language, and what an account needs besides."""

    url: str
    token: str
    projects: tuple[str, ...] = ()
    live_logs: str | None = None


def require_extra() -> None:
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise Fault(
            f"The demo needs packages that are not installed: {', '.join(missing)}.",
            Exit.USAGE,
            ['Run: pip install "deckwatch[demo]"'],
        )


def command(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "tui.demo", *arguments]


def environment() -> dict[str, str]:
    """The child finds this very package, also where it is not installed."""
    ours = str(Path(__file__).parent.parent.parent)
    theirs = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": f"{ours}{os.pathsep}{theirs}" if theirs else ours}


class DemoWorld:
    """Context manager. The child starts at once and is not waited for: the board is drawn while it comes up.

    It ends when its stdin does, so that it never outlives us, however we end.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self._arguments = arguments
        self._child: subprocess.Popen[bytes] | None = None
        self._words: IO[bytes] | None = None
        self._places: dict[str, Place] | None = None
        self._reading = asyncio.Lock()

    def __enter__(self) -> DemoWorld:
        self._words = tempfile.TemporaryFile()  # a pipe nobody reads could block the child
        self._child = subprocess.Popen(
            command([*self._arguments, "--until-eof"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env=environment(),
            start_new_session=True,  # ctrl+c at the terminal is for the board
        )
        return self

    def __exit__(self, *_: object) -> None:
        child, words = self._child, self._words
        assert child is not None
        assert words is not None
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        try:
            child.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        words.close()

    async def place(self, provider: str) -> Place:
        """Where the world speaks this provider's language; waits until it does. Raises Unreachable."""
        async with self._reading:
            if self._places is None:
                self._places = _places(await self._first_line())
        if provider not in self._places:
            raise Unreachable(f"The simulated world has no {provider}.")
        return self._places[provider]

    async def _first_line(self) -> bytes:
        assert self._child is not None
        assert self._child.stdout is not None
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        pipe = os.fdopen(os.dup(self._child.stdout.fileno()), "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            line = await reader.readline()
        finally:
            transport.close()
        if not line.endswith(b"\n"):
            raise Unreachable(
                f"The simulated world did not start. {self._last_words()}", remedy="Start the demo again."
            )
        return line

    def _last_words(self) -> str:
        assert self._words is not None
        self._words.seek(0)
        lines = self._words.read().decode("utf-8", "replace").strip().splitlines()
        return f'Its last words: "{lines[-1]}"' if lines else "It said nothing."


def _places(line: bytes) -> dict[str, Place]:
    try:
        document = json.loads(line)
        return {
            name: Place(each["url"], each["token"], tuple(each.get("projects", ())), each.get("live_logs"))
            for name, each in document.items()
            if isinstance(each, dict)
        }
    except (ValueError, KeyError, AttributeError):
        raise Unreachable("The simulated world did not say where it is.", remedy="Start the demo again.") from None
