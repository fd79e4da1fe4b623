"""The simulated world as a process of its own, and its back door: for tests that run deckwatch as a process too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

ROOT = Path(__file__).parent.parent
DECKWATCH = (sys.executable, "-m", "tui")


class DemoProcess:
    """Serves `platforms` while entered. `config` is the path of a configuration file with an account for each."""

    def __init__(self, *options: str, home: Path, platforms: str = "railway") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tui.demo", "--until-eof", "--platforms", platforms, *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(home),
        )
        self.pid = self._process.pid
        assert self._process.stdout is not None
        announced = json.loads(self._process.stdout.readline())
        self.url: str = announced[platforms.split(",")[0]]["url"]
        self.config: str = announced["config"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._process:  # closes the pipes and waits; the end of its stdin is what ends it
            pass

    def order(self, name: str, **what: object) -> Any:  # noqa: ANN401 - JSON
        """One of the orders that tui/demo/control.py lists: `order("line", service=..., text=...)`."""
        request = urllib.request.Request(
            self._address(name), json.dumps(what).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def state(self) -> Any:  # noqa: ANN401 - JSON
        with urllib.request.urlopen(self._address("state"), timeout=10) as answer:
            return json.load(answer)

    def _address(self, name: str) -> str:
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}/_demo/{name}"


def environment(home: Path, **more: str) -> dict[str, str]:
    """A process's environment with nothing of ours in it but this checkout and `home`."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PYTHONSAFEPATH": "1",
        "TZ": "UTC",
        **more,
    }


def watch(world: DemoProcess, *options: str) -> Sequence[str]:
    """The command that opens the board on that world."""
    return [*DECKWATCH, "watch", "--config", world.config, *options]
