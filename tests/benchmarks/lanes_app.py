"""`python -m tests.benchmarks.lanes_app`: the board over four scripted accounts of 50 services, with a month of 10,000
deployments that were all read. For the benchmark of the timeline of everything."""

from __future__ import annotations

import asyncio
import os
import random
from datetime import datetime, timedelta

from msgspec.structs import replace

from tests.entities import deployment, service
from tests.past import GivenPast
from tests.scripted import scripted
from tui.app import DeckApp
from tui.config import UiConfig
from tui.engine.audit import AuditLog
from tui.engine.engine import Engine
from tui.model.clock import SystemClock
from tui.model.entities import Deployment, Ref, Service
from tui.model.status import Status
from tui.terminal import examine

ACCOUNTS = ("railway", "gitlab", "cloud66", "dokploy")
SERVICES = 200
DEPLOYMENTS = 10_000
DAYS = 30
_ENDS = (Status.SUPERSEDED, Status.FAILED, Status.CANCELLED, Status.SUPERSEDED)

Fleet = dict[Ref, tuple[Deployment, ...]]


def past_of(account: str, name: str, now: datetime, chance: random.Random) -> tuple[Deployment, ...]:
    """Newest first; the newest serves."""
    made = []
    each = DEPLOYMENTS // SERVICES
    for number, ago_s in enumerate(sorted(chance.uniform(60, DAYS * 86400) for _ in range(each))):
        status = Status.LIVE if number == 0 else chance.choice(_ENDS)
        created = now - timedelta(seconds=ago_s)
        one = deployment(f"{account}-{name}-{number}", status, service=name, account=account)
        ends = created + timedelta(seconds=chance.uniform(20, 900))
        made.append(replace(one, created_at=created, started_at=created + timedelta(seconds=12), finished_at=ends))
    return tuple(made)


def fleet(now: datetime) -> tuple[dict[str, list[Service]], Fleet]:
    chance = random.Random(1)
    services: dict[str, list[Service]] = {name: [] for name in ACCOUNTS}
    pasts: Fleet = {}
    for number in range(SERVICES):
        account = ACCOUNTS[number % len(ACCOUNTS)]
        name = f"service-{number:03}"
        past = past_of(account, name, now, chance)
        project = f"project-{number // 40}"
        environment = "production" if number % 3 else "staging"
        made = service(name, account=account, project=project, environment=environment, latest=past[0], live=past[0])
        services[account].append(made)
        pasts[made.ref] = past
    return services, pasts


async def main() -> None:
    clock = SystemClock()
    services, pasts = fleet(clock.now())
    accounts = [scripted(*services[name], account=name, clock=clock)[0] for name in ACCOUNTS]
    async with Engine(accounts, clock=clock, audit=AuditLog(None), poll_s=10.0) as engine:
        engine.history = GivenPast(pasts)  # type: ignore[assignment]
        app = DeckApp(engine, terminal=examine(os.environ), ui=UiConfig())
        await app.run_async(mouse=False)


if __name__ == "__main__":
    asyncio.run(main())
