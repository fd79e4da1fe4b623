"""`python -m tests.chaos [--histories N] [--seed S] [--jobs J]`: try many histories, and print what came of them.

The table is written as Markdown; ctrl+c ends it with the table of what was tried so far. A batch in which something
that must hold did not ends there, is told on stderr, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress

from tests.chaos.histories import Table, attempt
from tests.conformance.profiles import PROFILES

_BATCH = 25

Batch = tuple[str, int, int]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side")
    given = parser.parse_args()
    table = Table()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool, suppress(KeyboardInterrupt):
        asked = {pool.submit(attempt, *batch): batch for batch in _batches(given.histories, given.seed)}
        try:
            for each in as_completed(asked):
                tried = each.result()
                table.add(tried)
                sys.stderr.writelines(f"\n{asked[each]}: {words}\n" for words in tried.broken)
                sys.stderr.write(f"\r{table.histories:,} histories")
                sys.stderr.flush()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    sys.stderr.write("\n")
    sys.stdout.writelines(f"{line}\n" for line in shown(table, given.histories, given.seed))
    sys.exit(int(bool(table.broken)))


def _batches(histories: int, seed: int) -> Iterator[Batch]:
    """Every platform in turn, each batch with a seed of its own."""
    for number in range(-(-histories // _BATCH)):
        yield PROFILES[number % len(PROFILES)].name, min(_BATCH, histories - number * _BATCH), seed * 1_000_000 + number


def shown(table: Table, histories: int, seed: int) -> Iterator[str]:
    each = ", ".join(f"{name} {count:,}" for name, count in sorted(table.platforms.items()))
    yield f"`python -m tests.chaos --histories {histories} --seed {seed}`: {table.histories:,} histories ({each})."
    yield ""
    yield "| | |"
    yield "|---|--:|"
    yield f"| confirmed intents | {table.intents:,} |"
    yield f"| effects on the platform | {table.effects:,} |"
    yield f"| double effects | {table.double_effects:,} |"
    for end in ("done", "failed", "refused", "unknown"):
        yield f"| told as {end} | {table.ends[end]:,} |"
    yield ""
    yield "| fault | tried | survived |"
    yield "|---|--:|--:|"
    for fault, count in sorted(table.faults.items()):
        yield f"| {fault} | {count:,} | {table.survived[fault]:,} |"


if __name__ == "__main__":
    main()
