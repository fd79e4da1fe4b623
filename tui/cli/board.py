"""watch and demo: the board. What is not needed for its first paint is imported after it."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tui.cli import diagnostics
from tui.cli.exits import Exit, Fault, tell
from tui.cli.options import Common, common
from tui.config import Config, LogsConfig, UiConfig, clear_text, config_path, state_dir, state_path

if TYPE_CHECKING:
    from tui.engine.engine import Engine
    from tui.engine.log_spool import LogSpool
    from tui.model.provider import Meter, Provider


@click.command()
@common
def watch(options: Common) -> None:
    """Open the board. The default command."""
    open_board(options)


def _faults(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Told here, not by the child: its words come when the board is drawn already."""
    if value is None:
        return None
    from tui.demo.faults import FaultKind

    for kind in value.split(","):
        if kind.strip() not in list(FaultKind):
            raise click.BadParameter(f"there is no fault {kind.strip()!r}. There is: {', '.join(FaultKind)}.")
    return value


@click.command()
@click.option("--seed", type=int, metavar="N", help="Another world; the same number gives the same one.")
@click.option(
    "--fault",
    callback=_faults,
    metavar="LIST",
    help="Of the platform: 429,5xx,slow,drop,malformed,silent,lost-reply,bad-deploy,dbdown,skew and more.",
)
@click.option("--log-rate", type=click.IntRange(1), metavar="N", help="Runtime lines a second in all.")
@click.option("--services", type=click.IntRange(1), metavar="N", help="Size of the world.")
@click.option("--serve-only", is_flag=True, help="No board: serve till SIGINT or SIGTERM; addresses in the first line.")
@common
def demo(
    options: Common,
    *,
    seed: int | None,
    fault: str | None,
    log_rate: int | None,
    services: int | None,
    serve_only: bool,
) -> None:
    """Open the board on a simulated world: no account needed, no file of yours written."""
    from tui.cli.demo_world import DemoWorld, command, environment, require_extra

    require_extra()
    given = {"--seed": seed, "--fault": fault, "--log-rate": log_rate, "--services": services}
    arguments = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    if serve_only:
        os.execve(sys.executable, command(arguments), environment())
    _need_terminal("deckwatch demo --serve-only serves the simulated world without one.")
    diagnostics.nowhere()
    with DemoWorld(arguments) as world:
        from tui.cli.accounts import TITLES
        from tui.engine.audit import AuditLog
        from tui.engine.engine import Account, Engine

        async def connect(platform: str, meter: Meter) -> Provider:
            import asyncio

            from tui import providers
            from tui.credentials import Secret
            from tui.model.clock import SystemClock
            from tui.model.provider import Connection

            kind = await asyncio.to_thread(providers.load, platform)
            place = await world.place(platform)
            connection = Connection(
                platform,
                Secret(place.token),
                place.url,
                place.projects,
                live_logs=place.live_logs,
                read_only=options.read_only,
            )
            return kind(connection, meter=meter, clock=SystemClock())

        def engine() -> Engine:
            accounts = [
                Account(platform, platform, TITLES[platform], partial(connect, platform)) for platform in TITLES
            ]
            return Engine(accounts, audit=AuditLog(None), read_only=options.read_only)

        sys.exit(_run(engine, UiConfig(), {}, None))


def open_board(options: Common) -> None:
    config = options.load()
    _need_terminal("Without one use: deckwatch services, deployments, logs, act (see --help).")
    from tui.cli.accounts import account
    from tui.cli.keymap import by_id
    from tui.engine.audit import AuditLog
    from tui.engine.engine import Engine
    from tui.engine.log_store import LogLimits
    from tui.engine.notes import Notes

    folder, logs = state_path(), config.logs
    notices = (*config.notices, *_clear_texts(config), *_unwritable(folder))
    diagnostics.to_file()

    def engine() -> Engine:
        return Engine(
            [account(one, read_only=options.read_only) for one in config.accounts],
            audit=AuditLog(folder / "audit.jsonl"),
            notes=Notes(folder / "notes.jsonl"),
            read_only=options.read_only,
            cache=folder / "pictures",
            log_limits=LogLimits(logs.lines, logs.bytes, logs.total_bytes),
            log_spool=_spool(folder, logs) if logs.spool else None,
            settle_s=config.actions.settle,
            at_once=config.actions.at_once,
            notices=notices,
        )

    sys.exit(_run(engine, config.ui, by_id(config.keys), folder))


def _clear_texts(config: Config) -> list[str]:
    return [f"{account.name}: {sentence}" for account in config.accounts for sentence in clear_text(account)]


def _unwritable(folder: Path) -> list[str]:
    """Return a sentence where nothing can be kept: the board shows everything, and acts on nothing."""
    try:
        state_dir()
    except OSError as error:
        why = error.strerror or error
        return [f"Nothing of this session is kept, and no action is taken: {folder} cannot be used ({why})."]
    return []


def _spool(folder: Path, logs: LogsConfig) -> LogSpool:
    from tui.engine.log_spool import LogSpool

    return LogSpool(folder / "spool", limit=logs.spool_bytes, keep=logs.keep_spool)


def _need_terminal(instead: str) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):  # Textual draws on stderr
        raise Fault(f"The board needs a terminal. {instead}", Exit.USAGE)


def _run(engine: Callable[[], Engine], ui: UiConfig, keys: Mapping[str, tuple[str, ...]], folder: Path | None) -> int:
    from tui.terminal import UnusableTerminal, examine, prepare

    try:
        terminal = examine(os.environ, color=ui.color, link=ui.link, fps=ui.frames_per_second)
    except UnusableTerminal as error:
        raise Fault(str(error), Exit.USAGE) from None
    prepare(terminal)  # Textual reads the environment when it is imported
    gc.disable()  # till the first paint: what is loaded now stays
    try:
        from tui.app import run
    except ImportError as error:
        tell(f"deckwatch: the installation is not whole: {error}")
        return Exit.FAULT

    return run(engine, ui=ui, terminal=terminal, keys=keys, state_dir=folder, config_path=str(config_path()))
