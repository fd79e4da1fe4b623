"""The command line: the only place that wires configuration, providers, engine and board together.

A command's module is imported when the command runs, so that the board's start pays for no other.
"""

from __future__ import annotations

import gc
import importlib
import sys

import click

from tui import __version__
from tui.cli.exits import Exit, guard_streams
from tui.cli.options import Common, common

COMMANDS = {
    "watch": "tui.cli.board:watch",
    "demo": "tui.cli.board:demo",
    "services": "tui.cli.picture:services",
    "deployments": "tui.cli.picture:deployments",
    "changes": "tui.cli.changes:changes",
    "logs": "tui.cli.logs:logs",
    "act": "tui.cli.act:act",
    "check": "tui.cli.check:check",
    "audit": "tui.cli.audit:audit",
    "handover": "tui.cli.handover:handover",
    "config": "tui.cli.settings:config",
    "keys": "tui.cli.settings:keys",
    "completions": "tui.cli.settings:completions",
}


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.command(cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="deckwatch", message="%(prog)s %(version)s")
@common
@click.pass_context
def cli(context: click.Context, options: Common) -> None:
    """Every deployment of every platform your team uses, on one terminal screen.

    Without a command the board opens. Results go to stdout, words to stderr. Exit codes: 0 done, 1 a fault,
    2 wrong usage or configuration, 3 refused, 4 outcome unknown, 5 the deployment failed.
    """
    if context.invoked_subcommand is None:
        from tui.cli.board import open_board

        open_board(options)
    elif options.given:
        name = context.invoked_subcommand
        raise click.UsageError(f"Write the options after the command: deckwatch {name} --config FILE")


def main() -> None:
    gc.set_threshold(100_000, 50, 100)  # imports make objects that stay: looking through them took 20 ms of the start
    guard_streams()
    try:
        cli(prog_name="deckwatch")
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
