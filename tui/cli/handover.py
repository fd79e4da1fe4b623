"""handover: a shift or an incident as one Markdown document, and another person's taken in."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import BinaryIO

import click

from tui.cli.exits import Exit, Fault, tell
from tui.cli.options import MOMENT, Common, common
from tui.cli.session import Session, run
from tui.config import state_path
from tui.engine.notes import Notes
from tui.model.words import plural

LARGEST = 32 << 20  # bytes of a file that is loaded


@click.command()
@click.option("--since", type=MOMENT, default="8h", show_default=True, help="From then: 8h, 22:00, 2026-08-22T02:40Z.")
@click.option("--until", type=MOMENT, help="Until then; without it until now.")
@click.option(
    "--load",
    "file",
    type=click.File("rb"),
    metavar="FILE",
    help="Read another person's hand-over instead: their marks and acknowledgements are shown here from now on.",
)
@common
@click.pass_context
def handover(
    context: click.Context, options: Common, *, since: datetime, until: datetime | None, file: BinaryIO | None
) -> None:
    """Markdown of a shift or an incident, for people and for the next one's deckwatch; secrets are masked.

    What is open, marked log lines, actions, figures, all deployments, and what could not be read.
    """
    if file is not None:
        given = context.get_parameter_source("since") is not click.core.ParameterSource.DEFAULT
        if given or until is not None:
            raise click.UsageError("--load reads a whole file: leave out --since and --until.")
        _load(file)
        return
    if until is not None and until <= since:
        raise click.UsageError("--until is before --since: nothing lies between.")

    async def work(session: Session) -> Exit:
        from tui.cli.picture import between
        from tui.engine.handover import document
        from tui.engine.shift import Past, shift

        end = until or session.now()
        services = await session.services(whole=True)
        made = await between(session, list(services), since, end)
        # Beside those of the snapshots, which the shift tells itself.
        unread = [f"{name}: {error}" for name, error in session.failed.items() if not _told(session, name)]
        past = Past(tuple((service.path, deployment) for service, deployment in made), (*unread, *session.warnings))
        session.engine.attention.start()
        told = await shift(session.engine, since, end, past, told=lambda _: None)
        sys.stdout.buffer.write(document(told).encode("utf-8", "replace"))
        sys.stdout.buffer.flush()
        return session.exit

    run(options, work, records=True)


def _told(session: Session, account: str) -> bool:
    return session.engine.store.accounts[account].error is not None


def _load(file: BinaryIO) -> None:
    content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise Fault(f"It is larger than {LARGEST >> 20} MB: that is no hand-over.", Exit.USAGE)
    notes = Notes(state_path() / "notes.jsonl")
    try:
        loaded = notes.load(content.decode("utf-8", "replace"))
    except ValueError as error:
        raise Fault(str(error), Exit.USAGE) from None
    except OSError as error:
        raise Fault(f"The notes cannot be kept: {error.strerror}.") from None
    left_out = f" {plural(loaded.skipped, 'line')} could not be understood." if loaded.skipped else ""
    tell(f"deckwatch: {loaded.new} of {plural(loaded.notes, 'note')} are new.{left_out}")
