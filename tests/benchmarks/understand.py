"""Understanding a log: lines folded to patterns beside drain3 (where it is installed), volume by level, HTTP figures.

Work in this process, in slices of 4 ms as the board does it; `worst` is the longest slice.
"""

from __future__ import annotations

import importlib
import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Protocol

from tests.benchmarks.report import Row
from tui.engine.http_figures import HttpScan, compare
from tui.engine.log_patterns import PatternScan, since_deployment
from tui.engine.log_store import LogLimits, LogStore
from tui.engine.log_volume import VolumeScan
from tui.model.log import HttpRequest, Level, LogLine

_START = datetime(2026, 8, 22, 2, 0, tzinfo=UTC)
_HELD = LogLimits(lines=10_000_000, bytes=1 << 30, total_bytes=1 << 30)
_SLICE_S = 0.004
_FORMS: tuple[tuple[str, Level], ...] = (  # # a decimal number, @ a hex id
    ("GET /products/@ 200 in #ms", Level.INFO),
    ('INFO:     10.0.3.#:# - "GET /v1/orders/@ HTTP/1.1" 200 OK', Level.INFO),
    ("order @ accepted, # items", Level.INFO),
    ("payment intent pi_@ captured", Level.INFO),
    ("2026-08-22T02:14:07.#Z WARN retrying stripe call after 429, attempt #, key=@", Level.WARN),
    (
        "request completed request_id=@-@-@ method=GET path=/v1/catalog status=200 duration_ms=#.# cached=True",
        Level.INFO,
    ),
    ("[worker] job @ done in #.#s", Level.INFO),
    ("payment failed for order #: timeout after #ms", Level.ERROR),
    ('login failed user="ann#@acme.example" ip=203.0.113.# reason="bad password"', Level.WARN),
    ("LOG:  checkpoint complete: wrote # buffers (1.9%); write=#.# s, sync=0.01 s [@]", Level.INFO),
    ("https://api.acme.example/v2/stock?sku=@&page=# answered 503 in # ms, retrying", Level.WARN),
    ('  File "/app/mailer/__main__.py", line #, in main', Level.ERROR),
    ("upstream connect error or disconnect/reset before headers. reset reason: connection termination", Level.INFO),
)
# What drain3 needs of masks to find the same: ids, addresses, numbers.
_DRAIN3_MASKS = (r"\d+\.\d+\.\d+\.\d+(?::\d+)?", r"(?<![A-Za-z0-9])[0-9a-f]{4,}(?![A-Za-z0-9])", r"\d+(\.\d+)?")


class Scan(Protocol):
    def step(self, budget_s: float = ...) -> bool: ...


def lines(number: int) -> list[tuple[str, Level]]:
    chance = random.Random(1)
    made = []
    for _ in range(number):
        form, level = chance.choice(_FORMS)
        parts = [
            f"{chance.getrandbits(32):08x}" if part == "@" else str(chance.randint(1, 900)) if part == "#" else part
            for part in form.replace("ann#@", "ann#\0").replace("@", "\1@\1").replace("#", "\1#\1").split("\1")
        ]
        made.append(("".join(parts).replace("\0", "@"), level))
    return made


def line_store(made: Sequence[tuple[str, Level]]) -> LogStore:
    store = LogStore(_HELD)
    for number, (text, level) in enumerate(made):
        store.append(LogLine(_START + timedelta(milliseconds=number), text, level, "d"))
    return store


def request_store(number: int) -> LogStore:
    chance = random.Random(2)
    store = LogStore(_HELD)
    paths = ("/v1/orders/", "/v1/customers/", "/products/", "/v1/checkout/")
    for each in range(number):
        new = each >= number // 2
        store.append(
            HttpRequest(
                _START + timedelta(milliseconds=each),
                f"{each:016x}",
                "GET",
                f"{chance.choice(paths)}{chance.getrandbits(32):08x}",
                500 if chance.random() < (0.04 if new else 0.001) else 200,
                int(chance.expovariate(1 / (160 if new else 40))),
                "203.0.113.7",
                bytes_sent=512,
                deployment="new" if new else "old",
            )
        )
    return store


def sliced(scan: Scan) -> tuple[float, float]:
    """Seconds in all, and milliseconds of the longest slice."""
    began, worst, done = time.perf_counter(), 0.0, False
    while not done:
        at = time.perf_counter()
        done = scan.step(_SLICE_S)
        worst = max(worst, time.perf_counter() - at)
    return time.perf_counter() - began, worst * 1000


def rows(*, rounds: int, number: int = 1_000_000) -> Iterator[Row]:
    made = lines(min(number, 200_000))
    store = line_store((made * (number // len(made) + 1))[:number])
    rounds = min(rounds, 3)

    scans = [PatternScan(store) for _ in range(rounds)]
    yield _scanned("patterns", scans, number, 200_000, _drain3(made))
    book = scans[-1].book
    yield _asked("patterns: new since a deployment", lambda: since_deployment(book, _us(number // 2), number // 2))

    volumes = [VolumeScan(store) for _ in range(rounds)]
    yield _scanned("volume by level", volumes, number, 1_000_000, "")
    yield _asked("volume by level: 120 buckets of it", lambda: volumes[-1].volume(buckets=120))

    store = request_store(number)
    figures = [HttpScan(store) for _ in range(rounds)]
    yield _scanned("HTTP figures", figures, number, 100_000, "")
    yield _asked(
        "HTTP figures: one deployment against the one before",
        lambda: compare(figures[-1].book, _us(number // 2), "new"),
    )


def _us(milliseconds: int) -> int:
    return (int(_START.timestamp()) * 1000 + milliseconds) * 1000


def _scanned(name: str, scans: Sequence[Scan], number: int, goal: int, beside: str) -> Row:
    runs = [sliced(scan) for scan in scans]
    rates = [number / seconds for seconds, _ in runs]
    worst = max(worst for _, worst in runs)
    said = f"**{median(rates) / 1000:.0f}k/s**; longest slice {worst:.1f} ms"
    return Row(
        f"{name}, {number:,} lines", said, beside, goal / median(rates), 1.0, f">= {goal // 1000}k/s", {"/s": rates}
    )


def _asked(name: str, ask: Callable[[], object]) -> Row:
    times = []
    for _ in range(5):
        at = time.perf_counter()
        ask()
        times.append((time.perf_counter() - at) * 1000)
    return Row(name, f"**{median(times):.1f} ms**", "", median(times), 16, "<= 16 ms", {"ms": times})


def _drain3(made: Sequence[tuple[str, Level]]) -> str:
    try:
        miner = importlib.import_module("drain3").TemplateMiner
        config = importlib.import_module("drain3.template_miner_config").TemplateMinerConfig
        instruction = importlib.import_module("drain3.masking").MaskingInstruction
    except ImportError:
        return "drain3 is not installed"
    said = []
    for masks in ((), _DRAIN3_MASKS):
        options = config()
        options.masking_instructions = [instruction(mask, "*") for mask in masks]
        drain = miner(config=options)
        began = time.perf_counter()
        for text, _ in made:
            drain.add_log_message(text)
        rate = len(made) / (time.perf_counter() - began)
        said.append(f"{rate / 1000:.0f}k/s {'with' if masks else 'without'} masks")
    return "drain3 " + ", ".join(said)
