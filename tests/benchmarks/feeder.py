"""`python -m tests.benchmarks.feeder RATE PATH...`: appends log lines to each path, until its stdin ends.

The same lines to all, about 120 bytes each, in ticks of 5 ms. Prints how many bytes went to each when it ends;
nothing if who read them ended first.
"""

from __future__ import annotations

import itertools
import os
import random
import select
import sys
from collections.abc import Iterator
from time import perf_counter

_TICK_S = 0.005
_LEVELS = ("INFO", "INFO", "INFO", "DEBUG", "WARN", "ERROR")
_TEXTS = (
    "GET /v1/orders/{} 200 in {} ms from 10.0.3.7 agent=checkout-web/5.1",
    "job {} finished in {} ms on worker-2, queue empty, next in a minute",
    "cache miss key=user:{}:{} shard=eu-central-1b, read from the replica",
    "payment intent pi_{} captured after {} ms, 3-D Secure was not asked for",
)


def lines() -> Iterator[bytes]:
    chance = random.Random(42)
    for number in itertools.count():
        text = chance.choice(_TEXTS).format(chance.randrange(10**6), chance.randrange(10**4))
        stamp = f"2026-08-22T02:{number // 60 % 60:02}:{number % 60:02}.{number % 1000:03}Z"
        yield f"{stamp} {chance.choice(_LEVELS):5} [api-{chance.randrange(4)}] {text}\n".encode()


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def main() -> None:
    rate, paths = float(sys.argv[1]), sys.argv[2:]
    descriptors = [os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT) for path in paths]
    made = list(itertools.islice(lines(), 20_000))
    began, sent, written = perf_counter(), 0, 0
    while not select.select([sys.stdin], [], [], _TICK_S)[0]:
        due = int((perf_counter() - began) * rate)
        data = b"".join(made[n % len(made)] for n in range(sent, due))
        sent, written = due, written + len(data)
        for descriptor in descriptors if data else ():
            try:
                _write(descriptor, data)
            except BrokenPipeError:  # who read it has ended
                sys.exit(0)
    sys.stdout.write(f"{written}\n")


if __name__ == "__main__":
    main()
