"""deckwatch as its users have it: a process, its two streams and its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
ACCOUNT = (
    '[[account]]\nname = "{name}"\nprovider = "story"\ntoken = {{ env = "STORY_TOKEN" }}\nprojects = [{words}]\n{more}'
)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    def rows(self) -> list[dict[str, Any]]:
        """The JSON Lines of stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


class Deckwatch:
    """Runs the command with a HOME of its own, and a platform `story` that is installed beside it."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        plugin = folder / "plugin" / "story-1.dist-info"
        plugin.mkdir(parents=True)
        (plugin / "METADATA").write_text("Metadata-Version: 2.1\nName: story\nVersion: 1\n")
        (plugin / "entry_points.txt").write_text("[deckwatch.providers]\nstory = tests.cli.story:StoryProvider\n")
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{plugin.parent}",
            "STORY_TOKEN": "hunter2-hunter2",
            "TERM": "xterm-256color",
            "TZ": "UTC",
        }

    @property
    def config(self) -> Path:
        return self.home / ".config" / "deckwatch" / "config.toml"

    @property
    def state(self) -> Path:
        return self.home / ".local" / "state" / "deckwatch"

    def account(self, name: str = "prod", words: Sequence[str] = (), more: str = "") -> None:
        """Adds an account of the story platform to the user's configuration."""
        self.config.parent.mkdir(parents=True, exist_ok=True)
        quoted = ", ".join(f'"{word}"' for word in words)
        before = self.config.read_text() if self.config.exists() else ""
        self.config.write_text(before + ACCOUNT.format(name=name, words=quoted, more=more))
        self.config.chmod(0o600)  # whatever the umask is where the tests run

    def settle(self, seconds: int) -> None:
        """How long what an action brought up must stay healthy."""
        self.config.write_text(self.config.read_text() + f"\n[actions]\nsettle = {seconds}\n")

    def __call__(self, *arguments: str, **env: str) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "tui", *arguments],
            capture_output=True,
            text=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            env={**self.env, **env},
            cwd=self.home,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert "hunter2" not in done.stdout + done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def deckwatch(tmp_path: Path) -> Deckwatch:
    return Deckwatch(tmp_path)
