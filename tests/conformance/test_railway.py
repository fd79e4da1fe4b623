"""The provider and the demo server, each written from the contract without the other, against each other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from tests.journeys.sailing import WorldTime
from tui import providers
from tui.credentials import Secret
from tui.demo.entities import Deployment as WorldDeployment
from tui.demo.entities import Phase
from tui.demo.serve import Serving, serve
from tui.demo.world import World
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.engine.log_tail import LogTail
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import Forbidden, RateLimited, Unauthorized, UnexpectedReply, Unreachable
from tui.model.log import Cursor, HttpRequest, LogKind, LogLine, LogSource
from tui.model.provider import Connection, Meter, Provider
from tui.model.status import Status

STATUS_OF = {
    Phase.INITIALIZING: Status.QUEUED,
    Phase.QUEUED: Status.QUEUED,
    Phase.WAITING: Status.WAITING,
    Phase.NEEDS_APPROVAL: Status.NEEDS_APPROVAL,
    Phase.BUILDING: Status.BUILDING,
    Phase.DEPLOYING: Status.DEPLOYING,
    Phase.SLEEPING: Status.SLEEPING,
    Phase.CRASHED: Status.CRASHED,
    Phase.FAILED: Status.FAILED,
    Phase.SKIPPED: Status.SKIPPED,
    Phase.REMOVING: Status.REMOVING,
    Phase.REMOVED: Status.REMOVED,
}


class FreeMeter:
    async def spend(self) -> None:
        return

    def observe(self, **told: object) -> None:
        return


@asynccontextmanager
async def railway(serving: Serving, world: World, token: str | None = None) -> AsyncIterator[Provider]:
    place = serving.addresses["railway"]
    connection = Connection("demo", Secret(token or place.token), place.url)
    provider = providers.load("railway")(connection, meter=FreeMeter(), clock=WorldTime(world))
    try:
        yield provider
    finally:
        await provider.aclose()


@pytest.fixture
async def serving(world: World) -> AsyncIterator[Serving]:
    async with serve(world, rate_limit=1_000_000) as served:
        yield served


def named(services: tuple[Service, ...], path: str) -> Service:
    return next(service for service in services if service.path.endswith(path))


async def test_every_service_of_the_world_is_in_the_picture_with_its_state(world: World, serving: Serving) -> None:
    async with railway(serving, world) as provider:
        snapshot = await provider.snapshot()
    expected = {s.path for s in world.services if not s.environment.restricted}
    assert {service.path.removeprefix("demo/") for service in snapshot.services} == expected
    assert any("vault" in problem for problem in snapshot.problems)
    for service in snapshot.services:
        newest = world.service(service.path.removeprefix("demo/")).recent[0]
        assert service.latest is not None
        if newest.phase in STATUS_OF and not newest.word:
            assert service.latest.status is STATUS_OF[newest.phase], service.path
        assert service.latest.id == newest.id


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase in STATUS_OF])
async def test_every_state_of_the_world_is_known(world: World, serving: Serving, phase: Phase) -> None:
    one = world.service("platform/production/metrics").recent[0]
    one.phase = phase
    async with railway(serving, world) as provider:
        service = named((await provider.snapshot()).services, "platform/production/metrics")
        found = await provider.deployment(Ref("demo", Kind.DEPLOYMENT, one.id), service)
    assert found.status is STATUS_OF[phase]


async def test_a_status_from_the_future_is_shown_in_its_own_word(world: World, serving: Serving) -> None:
    world.service("platform/production/metrics").recent[0].word = "HIBERNATING"
    async with railway(serving, world) as provider:
        service = named((await provider.snapshot()).services, "platform/production/metrics")
    assert service.latest is not None
    assert (service.latest.status, service.latest.status_raw) == (Status.UNKNOWN, "HIBERNATING")


async def test_all_pages_of_a_timeline_are_read_each_deployment_once(world: World, serving: Serving) -> None:
    truth = world.service("platform/production/gateway")
    async with railway(serving, world) as provider:
        service = named((await provider.snapshot()).services, "platform/production/gateway")
        seen: list[Deployment] = []
        before: str | None = None
        while True:
            page = await provider.deployments(service, before, limit=7)
            seen += page.items
            before = page.next
            if before is None:
                break
    assert [d.id for d in seen] == [one.id for one in truth.deployments]
    assert len(seen) > 30


def _moment(at: int) -> datetime:
    """World nanoseconds as the microseconds that a datetime has."""
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).replace(microsecond=at % 1_000_000_000 // 1000)


def _truth(deployments: list[WorldDeployment], after: int, until: int) -> Counter[datetime]:
    """How many lines the world wrote at each microsecond; messages of several lines count as many."""
    times: Counter[datetime] = Counter()
    for one in deployments:
        for line in one.lines.window(after, until):
            times[_moment(line.at)] += line.text.removesuffix("\n").count("\n") + 1
    return times


@asynccontextmanager
async def tailing(serving: Serving, world: World, path: str, kind: LogKind = LogKind.RUNTIME) -> AsyncIterator[LogTail]:
    place = serving.addresses["railway"]
    clock = WorldTime(world)

    async def connect(meter: Meter) -> Provider:
        return providers.load("railway")(Connection("demo", Secret(place.token), place.url), meter=meter, clock=clock)

    async with Engine([Account("demo", "railway", "Railway", connect)], clock=clock, audit=AuditLog(None)) as engine:
        snapshot = await engine.snapshot("demo")
        yield engine.tails.open(kind, named(snapshot.services, path).ref)


async def passes(world: World, tail: LogTail, *, until: object, seconds: int = 400) -> None:
    """World time goes by, a second each look, until a condition holds."""
    assert callable(until)
    for _ in range(seconds):
        if until():
            return
        world.advance(1)
        await asyncio.sleep(0.01)
    raise AssertionError(f"not seen: {tail.phase}, {len(tail.buffer)} entries, {tail.error}")


@pytest.mark.parametrize("fault", ["drop", "close", "malformed"])
async def test_after_a_cut_no_line_is_lost_none_repeated_none_invented(
    world: World, serving: Serving, fault: str
) -> None:
    path = "shop/production/catalog"
    async with tailing(serving, world, path) as tail:
        await passes(world, tail, until=lambda: len(tail.buffer) > 50)
        world.faults.add(fault, channel="socket", after=10)
        await passes(world, tail, until=lambda: tail.reconnects >= 1)
        world.faults.add(fault, channel="socket", after=5)
        await passes(world, tail, until=lambda: tail.reconnects >= 2)
        end = world.clock.now() - 1
        settled = _moment(end)

        def all_there() -> bool:
            lines = [entry for entry in tail.buffer if isinstance(entry, LogLine)]
            return bool(lines) and lines[-1].at is not None and lines[-1].at > settled

        await passes(world, tail, until=all_there)
        lines = [entry for entry in tail.buffer if isinstance(entry, LogLine) and entry.at and entry.at <= settled]
    shown = Counter(line.at for line in lines)
    first = min(line.at for line in lines if line.at)
    truth = _truth(world.service(path).recent, round(first.timestamp() * 1e9) - 1_000_000_000, end)
    assert shown == Counter({at: count for at, count in truth.items() if first <= at <= settled})


async def test_a_build_log_is_whole_and_ends_with_the_build(world: World, serving: Serving) -> None:
    service = world.service("shop/production/checkout")
    one = service.recent[0]
    async with railway(serving, world) as provider:
        asked = named((await provider.snapshot()).services, "shop/production/checkout")
        deployment = await provider.deployment(Ref("demo", Kind.DEPLOYMENT, one.id), asked)
        source = LogSource(LogKind.BUILD, asked, deployment)
        lines = [entry async for entry in provider.logs(source, Cursor()) if isinstance(entry, LogLine)]
    expected = [part for line in one.build_lines(world.now) for part in line.text.removesuffix("\n").split("\n")]
    assert len(lines) == len(expected)


async def test_http_requests_are_each_shown_once(world: World, serving: Serving) -> None:
    async with tailing(serving, world, "shop/production/checkout", LogKind.HTTP) as tail:
        await passes(world, tail, until=lambda: len(tail.buffer) > 60)
        requests = [entry for entry in tail.buffer if isinstance(entry, HttpRequest)]
    written = world.service("shop/production/checkout").recent[0].requests.window(0, world.now)
    assert len({request.id for request in requests}) == len(requests)
    assert {request.id for request in requests} <= {request.id for request in written}


FAULTS = [
    ("429", RateLimited),
    ("5xx", Unreachable),
    ("html", (Forbidden, UnexpectedReply, Unreachable)),
    ("html-ok", UnexpectedReply),
    ("malformed", (UnexpectedReply, Unreachable)),
    ("drop", Unreachable),
    ("unauthorized", Unauthorized),
]


@pytest.mark.parametrize(("fault", "expected"), FAULTS, ids=[fault for fault, _ in FAULTS])
async def test_every_fault_is_the_error_that_says_what_to_do(
    world: World, serving: Serving, fault: str, expected: type[Exception] | tuple[type[Exception], ...]
) -> None:
    world.faults.add(fault, channel="http", count=None)
    async with railway(serving, world) as provider:
        with pytest.raises(expected) as caught:
            await provider.snapshot()
    assert "demo" in str(caught.value)
    assert serving.addresses["railway"].token not in str(caught.value)


@pytest.mark.parametrize("kind", ["account", "workspace", "project"])
async def test_each_kind_of_token_is_told_apart_and_shows_what_it_sees(
    world: World, serving: Serving, kind: str
) -> None:
    token = getattr(serving.tokens["railway"], kind)
    async with railway(serving, world, token.value) as provider:
        credential = await provider.check()
        snapshot = await provider.snapshot()
    assert kind in credential.kind
    environments = {service.environment.id for service in snapshot.services}
    if kind == "project":
        assert environments == {token.environment.id}
    else:
        assert len(environments) > 2
