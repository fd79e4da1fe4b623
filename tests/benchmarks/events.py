"""What changed before a time: 200 services, each with 50 deployments in 30 days, in this process.

The garbage collector is set as the board sets it.
"""

from __future__ import annotations

import asyncio
import gc
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from statistics import median

from msgspec.structs import replace

from tests.benchmarks.report import Row
from tests.entities import deployment, service
from tests.scripted import FrozenClock, engine_of, scripted
from tui.engine.engine import Engine
from tui.model.entities import Snapshot
from tui.model.status import Status

_NOW = datetime(2026, 8, 22, 2, 14, 7, tzinfo=UTC)
_MONTH = timedelta(days=30)
_GOAL_MS = 50


def rows(*, rounds: int, services: int = 200, each: int = 50) -> Iterator[Row]:
    said = f"{services * each:,} deployments of {services} services"
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    engines = [asyncio.run(_read(services, each)) for _ in range(max(2, min(rounds, 5)))]
    firsts = [_ms(partial(engine.events.before, _NOW)) for engine in engines]
    yield _row(f"what changed before T: {said}, put in order the first time", firsts)

    events, store = engines[-1].events, engines[-1].store
    times = [_NOW - _MONTH * share / 20 for share in range(20)]
    yield _row("what changed before T: at 20 times of the 30 days", [_ms(partial(events.before, at)) for at in times])

    shown = list(store.services())
    after = []
    for number in range(max(20, rounds * 4)):
        chosen = shown[number % services]
        new = deployment(f"new-{number}", Status.BUILDING, service=chosen.name, ago_s=0)
        shown[number % services] = replace(chosen, latest=new)
        store.put(Snapshot(chosen.account, _NOW, services=tuple(shown)))
        after.append(_ms(partial(events.before, _NOW)))
    yield _row("what changed before T: after one more deployment", after)
    gc.set_threshold(*thresholds)
    gc.unfreeze()


async def _read(services: int, each: int) -> Engine:
    """An engine whose history has read all of it."""
    chance = random.Random(3)
    account, platform = scripted(clock=FrozenClock(_NOW))
    for number in range(services):
        name = f"service-{number:03}"
        ages = sorted(chance.uniform(60, _MONTH.total_seconds()) for _ in range(each))
        made = [
            deployment(
                f"{name}-{n}", Status.REMOVED if n else Status.LIVE, service=name, ago_s=age, message=f"change {n}"
            )
            for n, age in enumerate(ages)
        ]
        one = service(name, latest=made[0], live=made[0])
        platform.services.append(one)
        platform.history[one.ref] = made
    done = asyncio.Event()
    async with engine_of(account, clock=FrozenClock(_NOW), poll_s=600) as engine:
        await engine.snapshot(account.name)
        engine.store.watch(lambda: done.set() if engine.history.progress == (services, services) else None)
        engine.history.want(_NOW - _MONTH)
        await done.wait()
        return engine


def _ms(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return (time.perf_counter() - began) * 1000


def _row(name: str, times: list[float]) -> Row:
    said = f"**{median(times):.1f} ms**; worst {max(times):.1f} ms"
    return Row(name, said, "", max(times), _GOAL_MS, f"<= {_GOAL_MS} ms", {"ms": times})
