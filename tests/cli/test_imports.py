"""What a command loads: a command without the board never loads Textual, the board's start nothing it can do later."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.conftest import Deckwatch

NETWORK = {"httpx", "gql", "graphql", "websockets"}
SERVER = {"starlette", "uvicorn", "ariadne"}
SCREEN = {"textual", "rich"}


def loaded(deckwatch: Deckwatch, code: str) -> set[str]:
    """The top-level modules that are there when `code` has ended."""
    report = "import sys, atexit\natexit.register(lambda: print(*{name.partition('.')[0] for name in sys.modules}))\n"
    done = subprocess.run(
        [sys.executable, "-c", report + code],
        capture_output=True,
        text=True,
        env=deckwatch.env,
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def command(*arguments: str) -> str:
    return f"sys.argv = {['deckwatch', *arguments]}\nfrom tui.cli import main\nmain()"


@pytest.mark.parametrize("arguments", [["--help"], ["keys"], ["config", "path"], ["audit"]])
def test_what_needs_no_platform_loads_neither_network_nor_screen(deckwatch: Deckwatch, arguments: list[str]) -> None:
    assert not loaded(deckwatch, command(*arguments)) & (NETWORK | SERVER | SCREEN)


@pytest.mark.parametrize(
    "arguments",
    [
        *([name] for name in ("services", "deployments", "handover")),
        *(["logs", "worker"], ["act", "redeploy", "worker", "--yes"], ["check", "--json"]),
    ],
)
def test_a_command_without_the_board_never_loads_the_screen_library(deckwatch: Deckwatch, arguments: list[str]) -> None:
    deckwatch.account("prod")

    assert not loaded(deckwatch, command(*arguments)) & (SERVER | SCREEN)


def test_the_railway_provider_loads_neither_textual_nor_a_server(deckwatch: Deckwatch) -> None:
    """Rich may be there: httpx brings it for a command line of its own, which we do not use."""
    modules = loaded(deckwatch, "from tui import providers\nproviders.load('railway')")

    assert "httpx" in modules
    assert not modules & (SERVER | {"textual"})


def test_the_board_is_imported_without_network_and_server_libraries(deckwatch: Deckwatch) -> None:
    deckwatch.account("prod")
    code = (
        "import tui.app\n"
        "tui.app.run = lambda connect_engine, **_: 0\n"  # all of the start but the screen itself
        "sys.stdin = sys.stderr = type('Terminal', (), {'isatty': lambda self: True, 'write': len, 'flush': id})()\n"
    )

    modules = loaded(deckwatch, code + command("watch"))

    assert "textual" in modules
    assert not modules & (NETWORK | SERVER)
