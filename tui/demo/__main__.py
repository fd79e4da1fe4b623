"""`python -m tui.demo`: one JSON line with the addresses on stdout, then the world is served until told to stop.

The addresses are printed before the servers are loaded: whoever connects early waits in the socket's backlog.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tui.demo.clock import WorldClock
from tui.demo.faults import SKEW_S, FaultKind
from tui.demo.parts import PLATFORMS
from tui.demo.serve import Address, access, address, listen, serve
from tui.demo.story import FROZEN_AT, new_world

PAST = 65  # with 200 services, of which Dokploy's keep ten, some 10,000 deployments in 30 days


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    behind_s = SKEW_S if FaultKind.SKEW in options.fault else 0.0
    clock = WorldClock(FROZEN_AT, frozen=True) if options.frozen else WorldClock(behind_s=behind_s)
    platforms = tuple(options.platforms)
    world = new_world(
        options.seed,
        services=options.services,
        clock=clock,
        log_rate=options.log_rate,
        platforms=platforms,
        past=options.past or (None if options.frozen else PAST),
    )
    world.faults.start(options.fault)
    if options.latency:
        world.faults.add("slow", channel="http", count=None, seconds=options.latency / 1000)
    tokens = {platform: access(world, platform, options.rate_limit) for platform in platforms}
    sockets = {platform: listen() for platform in platforms}
    with tempfile.TemporaryDirectory(prefix="deckwatch-demo-") as folder:
        addresses = {platform: address(platform, one, tokens[platform].usual) for platform, one in sockets.items()}
        config = _write_config(Path(folder), addresses)
        announced: dict[str, object] = dict.fromkeys(PLATFORMS)
        announced |= {platform: asdict(one) for platform, one in addresses.items()}
        _announce(json.dumps({**announced, "config": str(config)}))

        async def run() -> None:
            stopped = asyncio.Event()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, stopped.set)
            async with serve(world, sockets=sockets, tokens=tokens):
                if options.until_eof:
                    await _watch_stdin(stopped)
                await stopped.wait()

        asyncio.run(run())
    return 0


def _announce(line: str) -> None:
    """Write the first line, unbuffered: what stays in a buffer fails once more at the interpreter's end."""
    try:
        os.write(1, f"{line}\n".encode())
    except OSError as error:
        sys.exit(f"The addresses cannot be written to stdout: {error.strerror}.")


async def _watch_stdin(stopped: asyncio.Event) -> None:
    """Sets `stopped` when the other end of stdin is gone: a child must not outlive its parent."""
    loop = asyncio.get_running_loop()
    descriptor = sys.stdin.fileno()

    def readable() -> None:
        if not os.read(descriptor, 4096):
            loop.remove_reader(descriptor)
            stopped.set()

    try:
        loop.add_reader(descriptor, readable)
    except PermissionError:  # epoll refuses a file or /dev/null, which are at their end already
        stopped.set()


def _write_config(folder: Path, addresses: dict[str, Address]) -> Path:
    """The folder is 0700 as made; the files are 0600. All of it goes when the world ends."""
    entries = []
    for platform, one in addresses.items():
        secret = folder / f"{platform}.token"
        _write_private(secret, one.token + "\n")
        entries.append(
            f'[[account]]\nname = "{platform}"\nprovider = "{platform}"\nurl = "{one.url}"\n'
            f'token = {{ file = "{secret}" }}\n'
            + (f"projects = {json.dumps(one.projects)}\n" if one.projects else "")
            + (f'live_logs = "{one.live_logs}"\n' if one.live_logs else "")
        )
    config = folder / "config.toml"
    _write_private(config, "\n".join(entries))
    return config


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tui.demo", description="A simulated world, served on loopback.")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another number, other people and commits")
    parser.add_argument("--services", type=_positive, metavar="N", help="how many there are")
    parser.add_argument("--log-rate", type=_positive, metavar="N", help="runtime lines a second in all")
    parser.add_argument("--past", type=_positive, metavar="N", help=f"deployments of a service in 30 days ({PAST})")
    parser.add_argument("--fault", type=_faults, default=[], metavar="LIST", help=", ".join(FaultKind))
    parser.add_argument("--rate-limit", type=_positive, metavar="N", help="requests a window and token")
    parser.add_argument("--platforms", type=_platforms, default=PLATFORMS, metavar="LIST", help=", ".join(PLATFORMS))
    parser.add_argument("--latency", type=_positive, metavar="MS", help="before every answer over HTTP")
    parser.add_argument("--frozen", action="store_true", help="time stands still until told to pass")
    parser.add_argument("--until-eof", action="store_true", help="stop when stdin ends, too")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("less than one")
    return number


def _platforms(text: str) -> list[str]:
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found or not set(found) <= set(PLATFORMS):
        raise ValueError("no such platform")
    return found


def _faults(text: str) -> list[str]:
    return [str(FaultKind(kind.strip())) for kind in text.split(",") if kind.strip()]


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
