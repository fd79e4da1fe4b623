"""`python -m tests.benchmarks`: the board's figures as a Markdown table. See docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.benchmarks import events, fleet, flood, idle, lanes, log_search, logs, start, terminal_bytes, understand
from tests.benchmarks.report import Row, as_json, machine, markdown

PARTS = ("start", "idle", "fleet", "flood", "terminal", "logs", "search", "understand", "events", "lanes")


def measured(parts: Sequence[str], folder: Path, *, quick: bool) -> Iterator[Row]:
    rounds, seconds, presses = (2, 1.0, 24) if quick else (9, 5.0, 270)
    for part in parts:
        (own := folder / part).mkdir()
        match part:
            case "start":
                yield from start.rows(own, rounds=rounds)
            case "idle":
                yield from idle.rows(own, rounds=rounds, seconds=seconds)
            case "fleet":
                yield from fleet.rows(own, rounds=rounds, seconds=seconds)
            case "flood":
                yield from flood.rows(own, presses=presses, rounds=rounds, seconds=seconds / 2)
            case "understand":
                yield from understand.rows(rounds=rounds, number=100_000 if quick else 1_000_000)
            case "events":
                yield from events.rows(rounds=rounds)
            case "logs":
                yield from logs.rows(own, lines=100_000 if quick else 1_000_000, few=10_000, rounds=rounds)
            case "search":
                yield from log_search.rows(own, lines=100_000 if quick else 1_000_000, rounds=rounds)
            case "lanes":
                yield from lanes.rows(own, presses=presses)
            case "terminal":
                yield from terminal_bytes.rows(own, presses=presses, seconds=seconds)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"only these: {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="few rounds: shows that it runs, not how fast it is")
    parser.add_argument("--json", type=Path, metavar="F", help="every single measurement, too")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    rows = []
    with tempfile.TemporaryDirectory(prefix="deckwatch-benchmark-") as folder:
        for row in measured(options.parts or PARTS, Path(folder), quick=options.quick):
            rows.append(row)
            sys.stderr.write(f"{row.name}: {row.said}\n")
    if options.json:
        options.json.write_text(json.dumps(as_json(rows), indent=1) + "\n")
    sys.stdout.write(f"{machine()}\n\n{markdown(rows)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
