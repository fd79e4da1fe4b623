"""Search and filter over a store of a million lines: the first screen of matches, all of them, and the longest slice.

Beside them a regular expression over a list of strings in memory, and rg or grep over a file in the page cache. Nearly
all blocks are compressed: a search unpacks each.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median

from tests.benchmarks.report import Row, spread
from tests.terminal import now
from tui.engine.log_search import LineSearch
from tui.engine.log_store import LogLimits, LogStore
from tui.model.log import Level, LogLine
from tui.model.log_filter import LogFilter, parse
from tui.model.text_match import TextMatch, find, warm

SCREEN = 50  # lines
_START = datetime(2026, 8, 22, tzinfo=UTC)
_SEARCHES = (  # its name, what is looked for, the same for re, rg and grep, and whether they ignore case
    ("a rare word", find("u99887"), "u99887", False),
    ("status 5xx", find(r" 5\d\d "), " 5[0-9][0-9] ", False),
    ("a word in any case", find("retried"), "RETRIED", True),
    ("a fifth of all lines", find("/healthz"), "/healthz", False),
    ("level>=error 502 context:2", parse("level>=error 502 context:2", _START), " 502 ", False),
)


def rows(folder: Path, *, lines: int, rounds: int) -> Iterator[Row]:
    warm()
    texts, store = _filled(lines)
    file = folder / "lines.log"
    file.write_text("".join(f"{text}\n" for text in texts))
    tool = "rg" if shutil.which("rg") else "grep" if shutil.which("grep") else ""
    for name, wanted, source, ignore_case in _SEARCHES:
        runs: dict[str, list[float]] = {"first ms": [], "all ms": [], "slice ms": [], "re ms": []}
        if tool:
            runs[f"{tool} ms"] = []
        pattern = re.compile(source, re.IGNORECASE if ignore_case else 0)
        for _ in range(rounds):
            for run, value in _search(store, wanted).items():
                runs[run].append(value)
            began = now()
            sum(1 for text in texts if pattern.search(text))
            runs["re ms"].append((now() - began) * 1000)
            if tool:
                runs[f"{tool} ms"].append(_outside(tool, source, ignore_case, file))
        yield from _rows(f"{lines:,} lines, {name}", runs, tool)


def _rows(name: str, runs: dict[str, list[float]], tool: str) -> Iterator[Row]:
    worst = median(runs["slice ms"])
    if runs["first ms"]:
        first = median(runs["first ms"])
        said = f"**{first:.1f} ms**"
        yield Row(f"{name}: first {SCREEN} matches", said, "", first, 16, "<= 16 ms", {"ms": runs["first ms"]})
    beside = f"re over list[str] {spread(runs['re ms'])} ms"
    against, most = (tool, {"rg": 12.0, "grep": 6.0}[tool]) if tool else ("re", 5.0)
    if tool:
        beside = f"{tool} {spread(runs[f'{tool} ms'])} ms, {beside}"
    ratio = median(runs["all ms"]) / median(runs[f"{against} ms"])
    said = f"{spread(runs['all ms'])} ms = **{ratio:.1f}x** {against}; longest slice {worst:.1f} ms"
    yield Row(f"{name}: all", said, beside, ratio, most, f"<= {most:.0f}x {against}", runs)


def _filled(lines: int) -> tuple[list[str], LogStore]:
    chance = Random(4)
    store = LogStore(LogLimits(lines=2 * lines, bytes=1 << 32, total_bytes=1 << 32))
    paths = ("/orders", "/carts", "/users", "/items", "/healthz")
    texts = []
    for number in range(lines):
        status = chance.choice((500, 502, 503, 404)) if number % 40 == 0 else 200
        text = (
            f"request_id={chance.getrandbits(64):016x} GET {chance.choice(paths)}/{chance.randrange(1000)} {status} "
            f"{chance.randrange(900)}ms user=u{chance.randrange(100_000)} host=web-{number % 4} answered, not "
            f"{'Retried' if number % 500 == 0 else 'cached'}"
        )
        texts.append(text)
        level = Level.ERROR if status >= 500 else Level.INFO
        store.append(LogLine(_START + timedelta(milliseconds=number), text, level, "d1", "i1"))
    return texts, store


def _search(store: LogStore, wanted: LogFilter | TextMatch) -> dict[str, float]:
    """To the first screen, if there is as much; to the end; and the longest slice."""
    search = LineSearch(store, wanted)
    began = now()
    first, worst, more = 0.0, 0.0, True
    while more:
        since = now()
        more = search.step()
        worst = max(worst, now() - since)
        if not first and search.count >= SCREEN:
            first = now() - began
    times = {"all ms": (now() - began) * 1000, "slice ms": worst * 1000}
    return {**times, "first ms": first * 1000} if first else times


def _outside(tool: str, source: str, ignore_case: bool, file: Path) -> float:
    options = ["-c", *(["-E"] if tool == "grep" else []), *(["-i"] if ignore_case else [])]
    began = now()
    subprocess.run([tool, *options, "--", source, str(file)], capture_output=True, check=False)
    return (now() - began) * 1000
