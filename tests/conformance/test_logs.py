"""Each log: whole, in order, and after any cut without a line lost, repeated or invented."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from tests.conformance.profiles import ACCOUNT, PROFILES, Profile, made, named, provided, served
from tests.journeys.sailing import WorldTime
from tui.demo.entities import Deployment as WorldDeployment
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.engine.log_tail import LogTail, TailPhase
from tui.model.entities import Kind, Ref
from tui.model.log import Cursor, HttpRequest, LogGap, LogKind, LogLine, LogSource
from tui.model.provider import Meter, Provider
from tui.model.text import without_sgr

FLOWING = [profile for profile in PROFILES if LogKind.RUNTIME in profile.cuts]
LINES_FROM = {"railway": "shop/production/catalog", "dokploy": "tools/production/wiki"}
REQUESTS_TO = {"railway": "shop/production/checkout", "dokploy": "tools/production/status-page"}


def ids(value: object) -> str:
    return value.name if isinstance(value, Profile) else str(value)


@asynccontextmanager
async def tailing(
    profile: Profile, world: World, path: str, kind: LogKind, *, deployment: WorldDeployment | None = None
) -> AsyncIterator[LogTail]:
    async with served(profile, world) as serving:

        async def connect(meter: Meter) -> Provider:
            return made(profile, serving, world, meter)

        account = Account(ACCOUNT, profile.name, profile.name, connect)
        async with Engine([account], clock=WorldTime(world), audit=AuditLog(None)) as engine:
            snapshot = await engine.snapshot(ACCOUNT)
            service = named(snapshot, path)
            ref = None
            if deployment is not None:
                ref = Ref(ACCOUNT, Kind.DEPLOYMENT, profile.id(deployment))
                engine.store.put_deployment(await (await engine.provider(ACCOUNT)).deployment(ref, service))
            engine.start()
            yield engine.tails.open(kind, service.ref, ref)


async def passes(world: World, tail: LogTail, *, until: object, seconds: int = 400) -> None:
    """World time goes by, a second each look, until a condition holds."""
    assert callable(until)
    for _ in range(seconds):
        if until():
            return
        world.advance(1)
        await asyncio.sleep(0.01)
    raise AssertionError(f"not seen: {tail.phase}, {len(tail.buffer)} entries, {tail.error}")


def moment(at: int) -> datetime:
    """World nanoseconds as the microseconds that a datetime has."""
    return datetime.fromtimestamp(at // 1_000_000_000, UTC).replace(microsecond=at % 1_000_000_000 // 1000)


def written(deployments: list[WorldDeployment], after: int, until: int) -> Counter[datetime]:
    """How many lines the world wrote at each microsecond; messages of several lines count as many."""
    times: Counter[datetime] = Counter()
    for one in deployments:
        for line in one.lines.window(after, until):
            times[moment(line.at)] += line.text.removesuffix("\n").count("\n") + 1
    return times


@pytest.mark.parametrize("profile", FLOWING, ids=ids)
@pytest.mark.parametrize("fault", ["drop", "close", "malformed"])
async def test_after_a_cut_no_runtime_line_is_lost_none_repeated_none_invented(profile: Profile, fault: str) -> None:
    world = frozen_world(platforms=(profile.name,))
    path = LINES_FROM[profile.name]
    async with tailing(profile, world, path, LogKind.RUNTIME) as tail:
        await passes(world, tail, until=lambda: len(tail.buffer) > 50)
        world.faults.add(fault, channel="socket", after=10)
        await passes(world, tail, until=lambda: tail.reconnects >= 1)
        world.faults.add(fault, channel="socket", after=5)
        await passes(world, tail, until=lambda: tail.reconnects >= 2)
        end = world.clock.now() - 1
        settled = moment(end)

        def all_there() -> bool:
            lines = [entry for entry in tail.buffer if isinstance(entry, LogLine)]
            return bool(lines) and lines[-1].at is not None and lines[-1].at > settled

        await passes(world, tail, until=all_there)
        assert tail.completeness.whole, f"a gap is invented: {tail.completeness.open}"
        assert not any(each.lost for each in tail.completeness.cuts)
        lines = [entry for entry in tail.buffer if isinstance(entry, LogLine) and entry.at and entry.at <= settled]
    shown = Counter(line.at for line in lines)
    first = min(line.at for line in lines if line.at)
    truth = written(world.service(path).recent, round(first.timestamp() * 1e9) - 1_000_000_000, end)
    del shown[first]  # of lines of one moment the first page may hold only some
    assert shown == Counter({at: count for at, count in truth.items() if first < at <= settled})


def texts(one: WorldDeployment, world: World) -> list[str]:
    lines = [part for line in one.build_lines(world.now) for part in line.text.removesuffix("\n").split("\n")]
    return [without_sgr(line).rstrip() for line in lines]


def shown_texts(entries: object) -> list[str]:
    return [without_sgr(entry.text).rstrip() for entry in entries if isinstance(entry, LogLine)]  # type: ignore[attr-defined]


def in_order(wanted: list[str], shown: list[str]) -> list[str]:
    """What of `wanted` is not in `shown`, in this order; other lines may stand between."""
    rest = iter(shown)
    return [text for text in wanted if text not in rest]


@pytest.mark.parametrize("profile", PROFILES, ids=ids)
async def test_a_finished_build_log_is_whole_and_ends(profile: Profile) -> None:
    if not profile.whole_build_log:
        pytest.skip(f"{profile.name} keeps no build logs that a deployment leads to")
    world = frozen_world(platforms=(profile.name,))
    one = world.service(profile.busy).recent[0]
    world.advance(200)
    async with served(profile, world) as serving, provided(profile, serving, world) as provider:
        service = named(await provider.snapshot(), profile.busy)
        deployment = await provider.deployment(Ref(ACCOUNT, Kind.DEPLOYMENT, profile.id(one)), service)
        source = LogSource(LogKind.BUILD, service, deployment)
        async with asyncio.timeout(10):
            entries = [entry async for entry in provider.logs(source, Cursor())]
    expected, shown = texts(one, world), shown_texts(entries)
    assert len(expected) > 10
    assert in_order(expected, shown) == []
    assert Counter(expected) <= Counter(shown)
    assert all(Counter(shown)[text] == count for text, count in Counter(expected).items())
    assert not any("\x1b[0K" in entry.text for entry in entries if isinstance(entry, LogLine))


BUILDING = [
    pytest.param(profile, fault, id=f"{profile.name}-{fault}")
    for profile in PROFILES
    for fault in ("nothing", *profile.build_log_faults)
]


@pytest.mark.parametrize(("profile", "fault"), BUILDING)
async def test_a_build_under_way_is_followed_to_its_end_whatever_is_cut(profile: Profile, fault: str) -> None:
    world = frozen_world(platforms=(profile.name,))
    one = world.service(profile.busy).recent[0]
    async with tailing(profile, world, profile.busy, LogKind.BUILD, deployment=one) as tail:
        await passes(world, tail, until=lambda: len(tail.buffer) > 3)
        before = len(texts(one, world)) if not profile.whole_build_log else 0
        if fault != "nothing":
            for _ in range(2):
                world.faults.add(fault, channel=profile.cuts[LogKind.BUILD], after=0 if fault == "5xx" else 1)
                cuts = tail.reconnects
                await passes(world, tail, until=lambda: tail.reconnects > cuts or tail.phase is TailPhase.ENDED)  # noqa: B023
            world.faults.clear()
        await passes(world, tail, until=lambda: tail.phase is TailPhase.ENDED)
        entries = list(tail.buffer)
    expected, shown = texts(one, world), shown_texts(entries)
    counts = Counter(shown)
    assert all(counts[text] <= count for text, count in Counter(expected).items()), "a line came twice"
    lost = in_order(expected[before:], shown)
    if profile.whole_build_log:
        assert lost == []
    else:
        assert not lost or any(isinstance(entry, LogGap) for entry in entries), f"lost without a word: {lost}"


@pytest.mark.parametrize("profile", FLOWING, ids=ids)
async def test_http_requests_are_each_shown_once(profile: Profile) -> None:
    world = frozen_world(platforms=(profile.name,))
    path = REQUESTS_TO[profile.name]
    async with tailing(profile, world, path, LogKind.HTTP) as tail:
        await passes(world, tail, until=lambda: len(tail.buffer) > 60)
        requests = [entry for entry in tail.buffer if isinstance(entry, HttpRequest)]
    truth = world.service(path).recent[0].requests.window(0, world.now)
    shown = Counter((request.at, request.method, request.path, request.status) for request in requests)
    real = Counter((moment(one.at), one.method, one.path, one.status) for one in truth)
    assert len(requests) > 50
    assert shown <= real
