"""audit: every intent and what became of it, from the log on the disk."""

from __future__ import annotations

import sys
from datetime import datetime

import click

from tui.cli import output
from tui.cli.exits import Exit, tell
from tui.cli.options import MOMENT, Common, as_json, common
from tui.config import state_path
from tui.engine.audit import AuditEntry, AuditLog, to_json
from tui.model.text import plain


@click.command()
@click.option("--since", type=MOMENT, help="Since then: 24h, 02:40, 2026-08-22T02:40:00Z.")
@as_json
@common
def audit(options: Common, *, since: datetime | None, json: bool) -> None:
    """Every action that was asked for from here, and what became of it."""
    log = AuditLog(state_path() / "audit.jsonl")
    entries = [entry for entry in log.read(since) if not options.accounts or entry.account in options.accounts]
    _print(entries, json=json, is_whole=not log.unread)
    if log.unread:
        tell(f"deckwatch: {log.unread}")
    if log.problem:
        sys.exit(Exit.FAULT)


def _print(entries: list[AuditEntry], *, json: bool, is_whole: bool) -> None:
    if json:
        for entry in entries:
            output.emit(to_json(entry))
    elif entries:
        header = ("AT", "USER", "VERB", "TARGET", "PHASE", "FROM", "TO", "STATUS", "MESSAGE", "REASON")
        output.columns(header, [_row(entry) for entry in entries])
    elif is_whole:
        tell("deckwatch: the audit has no entries.")


def _row(entry: AuditEntry) -> tuple[str, ...]:
    return (
        f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}",
        entry.user,
        entry.verb,
        plain(entry.target),
        entry.phase,
        entry.from_ or "-",
        entry.to or "-",
        entry.status or "-",
        output.one_line(entry.message) or "-",
        output.one_line(entry.reason),
    )
