"""The log store alone: taking lines in, what they weigh, and getting at them again, beside plain lists.

Lines of 123 characters with a time, a level and a deployment, as a provider makes them; batches of 200, as they come
off a socket. Each store's memory is that of a process of its own: the anonymous memory it has more than before.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median

from tests.benchmarks.report import Row, percentile
from tests.terminal import now
from tui.engine.log_store import LogLimits, LogStore
from tui.model.log import Level, LogLine

BATCH = 200
SCREEN = 50  # lines
_POOL = 20_000  # lines made; more of them come again
_START = datetime(2026, 8, 22, tzinfo=UTC)
_LIMITS = LogLimits(lines=10_000_000, bytes=1 << 32, total_bytes=1 << 32)


def rows(folder: Path, *, lines: int, few: int, rounds: int) -> Iterator[Row]:
    made = _lines(min(lines, _POOL))
    yield from _ingest(made, lines, rounds)
    yield _memory(lines)
    yield from _jumps(made, lines, few, rounds)


def _lines(count: int) -> list[LogLine]:
    chance = Random(1)
    paths = [f"/api/v1/{word}/{chance.randrange(10**6)}" for word in ("orders", "carts", "users", "items") * 50]
    levels = [Level.INFO] * 90 + [Level.WARN] * 8 + [Level.ERROR] * 2
    made = []
    for number in range(count):
        text = (
            f"request_id={chance.randbytes(8).hex()} GET {chance.choice(paths)} status={chance.choice((200, 404))} "
            f"duration_ms={chance.randrange(900)} user={chance.randrange(10_000)} host=web-{number % 4} "
        )
        made.append(
            LogLine(
                _START + timedelta(milliseconds=7 * number), text.ljust(122, "x"), chance.choice(levels), "d1", "i1"
            )
        )
    return made


def _batches(made: Sequence[LogLine], count: int) -> Iterator[Sequence[LogLine]]:
    for start in range(0, count, BATCH):
        yield made[start % len(made) : start % len(made) + min(BATCH, count - start)]


def _ingest(made: list[LogLine], count: int, rounds: int) -> Iterator[Row]:
    texts = [line.text for line in made]
    lists: dict[str, Callable[[], object]] = {
        "list[str]": lambda: _into_list(texts, count, lambda text: text + ""),
        "list[bytes]": lambda: _into_list(texts, count, lambda text: text.encode()),
    }
    for way in ("append", "extend"):
        rates: dict[str, list[float]] = {name: [] for name in ("store", "sealed", *lists)}
        worst: list[float] = []
        for _ in range(rounds):
            times, took = _into_store(made, count, way)
            rates["store"].append(count / sum(times) / 1e6)
            rates["sealed"].append(count / took / 1e6)
            worst.append(percentile(times, 100) * 1000)
            for name, fill in lists.items():
                began = now()
                fill()
                rates[name].append(count / (now() - began) / 1e6)
        rate = median(rates["store"])
        beside = ", ".join(f"{name} {median(rates[name]):.1f}" for name in lists)
        name = "one by one" if way == "append" else f"in batches of {BATCH}"
        said = f"**{rate:.2f} M lines/s**; {median(rates['sealed']):.2f} until the last block is sealed"
        yield Row(f"logs: {count:,} lines in, {name}", said, f"{beside} M/s", -rate, -2, ">= 2 M lines/s", rates)
        said = f"worst of {len(times):,} batches **{median(worst):.1f} ms**"
        yield Row(f"logs: a batch in, {name}", said, "", median(worst), 4, "none > 4 ms", {"ms": worst})


def _into_store(made: Sequence[LogLine], count: int, way: str) -> tuple[list[float], float]:
    """Seconds of every batch, and of all of it until every full block is sealed, on a loop as in the board."""

    async def fill() -> tuple[list[float], float]:
        store, times, began = LogStore(_LIMITS), [], now()
        for batch in _batches(made, count):
            since = now()
            if way == "append":
                for line in batch:
                    store.append(line)
            else:
                store.extend(batch)
            times.append(now() - since)
            await asyncio.sleep(0)
        while store.unsealed:  # noqa: ASYNC110 - nobody else waits for it
            await asyncio.sleep(0)
        return times, now() - began

    gc.collect()
    gc.freeze()  # as the board does
    return asyncio.run(fill())


def _into_list(texts: Sequence[str], count: int, made: Callable[[str], object]) -> list[object]:
    held: list[object] = []
    for start in range(0, count, BATCH):
        at = start % len(texts)
        held += [made(text) for text in texts[at : at + min(BATCH, count - start)]]
    return held


def _memory(count: int) -> Row:
    store, plain = (_anonymous_mib(kind, count) for kind in ("store", "list"))
    raw = count * 123 / 2**20
    return Row(
        f"logs: {count:,} lines held",
        f"{store:.0f} MiB = **{store / raw:.2f}x** their bytes",
        f"list[str] {plain:.0f} MiB = {plain / raw:.2f}x",
        store / raw,
        0.5,
        "<= 0.5x",
        {"MiB": [store], "list MiB": [plain]},
    )


def _anonymous_mib(kind: str, count: int) -> float:
    """What a process has more once it holds them."""
    command = [sys.executable, "-m", "tests.benchmarks.logs", kind, str(count)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _jumps(made: Sequence[LogLine], many: int, few: int, rounds: int) -> Iterator[Row]:
    stores = {count: _filled(made, count) for count in (few, many)}
    for place, share in (("home", 0.0), ("the middle", 0.5), ("the end", 1.0)):
        times = {
            f"{count:,} lines": [_shown_ms(store, share) for _ in range(rounds)] for count, store in stores.items()
        }
        worst = max(max(each) for each in times.values())
        said = "; ".join(f"{name} **{median(each):.2f} ms**" for name, each in times.items())
        name = f"logs: {SCREEN} lines decoded at {place}, from a cold block"
        yield Row(name, said, f"worst {worst:.1f} ms", median(times[f"{many:,} lines"]), 8, "<= 8 ms", times)
    store = stores[many]
    _shown_ms(store, 0.5, cold=False)
    warm = [_shown_ms(store, 0.5, cold=False) for _ in range(rounds)]
    yield Row(
        f"logs: {SCREEN} lines decoded, from a warm block",
        f"**{median(warm):.2f} ms**",
        "",
        median(warm),
        1,
        "<= 1 ms",
        {"ms": warm},
    )


def _filled(made: Sequence[LogLine], count: int) -> LogStore:
    store = LogStore(_LIMITS)
    for batch in _batches(made, count):
        store.extend(batch)
    return store


def _shown_ms(store: LogStore, share: float, *, cold: bool = True) -> float:
    if cold:
        store.budget.forget_pages()
    began = now()
    first = store.first + int(share * (len(store) - SCREEN))
    assert all(store[number] for number in range(first, first + SCREEN))
    return (now() - began) * 1000


def _anonymous() -> int:
    """Bytes."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon")]
    return int(line.split()[1]) * 1024


def _hold(kind: str, count: int) -> None:
    made = _lines(min(count, _POOL))
    gc.collect()
    before = _anonymous()
    held = (
        _filled(made, count)
        if kind == "store"
        else _into_list([line.text for line in made], count, lambda text: text + " ")
    )
    assert len(held) == count
    sys.stdout.write(f"{(_anonymous() - before) / 2**20}\n")


if __name__ == "__main__":
    _hold(sys.argv[1], int(sys.argv[2]))
