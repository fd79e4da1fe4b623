"""What a platform leaves out for us is only what the filter would leave out."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.conformance.profiles import PROFILES, Profile, named, provided, served
from tests.journeys.sailing import WorldTime
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.model.entities import Service
from tui.model.log import Cursor, HttpRequest, LogEntry, LogKind, LogLine, LogSource
from tui.model.log_filter import LogFilter, parse
from tui.model.provider import Provider
from tui.model.structured import structured

SPEAKERS = {  # of the platforms that search
    LogKind.RUNTIME: {"railway": "shop/production/images"},
    LogKind.HTTP: {"railway": "shop/production/checkout"},
}
FILTERS = {
    LogKind.RUNTIME: (
        "level>=warn", "level:error", "level=debug", "-level<=info", "@status>=200", "@status:200", "@method=GET",
        "@ttl_s<=600", "@duration_ms:10..40 @method=GET", "level>=warn p", "-level:warn p", "status:2xx path:/",
    ),
    LogKind.HTTP: (
        "status>=500", "status:4xx", "-status:2xx", "level>=warn", "-level=warn", "method:post", "-method=GET",
        "duration>200ms", "duration:10..80", "status:404 method:get", "path:/", "bytes>1k level=info",
    ),
}  # fmt: skip
CASES = [
    pytest.param(profile, kind, text, id=f"{profile.name}-{kind}-{text}")
    for profile in PROFILES
    for kind in FILTERS
    if profile.name in SPEAKERS[kind]
    for text in FILTERS[kind]
]


async def read(provider: Provider, source: LogSource, wanted: LogFilter) -> tuple[int, list[LogEntry]]:
    """How many came, and those that hold."""
    came = [entry async for entry in provider.logs(source, Cursor())]
    entries = [structured(entry) if isinstance(entry, LogLine) else entry for entry in came]
    return len(came), [entry for entry in entries if wanted.holds(entry)]


def source(world: World, service: Service, kind: LogKind) -> LogSource:
    return LogSource(kind, service, since=WorldTime(world).now() - timedelta(minutes=20), follow=False)


@pytest.mark.parametrize(("profile", "kind", "text"), CASES)
async def test_with_the_platforms_own_search_the_same_entries_come(profile: Profile, kind: LogKind, text: str) -> None:
    world = frozen_world(platforms=(profile.name,))
    world.advance(120)
    async with served(profile, world) as serving, provided(profile, serving, world) as provider:
        service = named(await provider.snapshot(), SPEAKERS[kind][profile.name])
        asked = source(world, service, kind)
        wanted = parse(text, WorldTime(world).now())
        search = provider.search_of(wanted, kind)
        _, expected = await read(provider, asked, wanted)
        came, found = await read(provider, replace(asked, search=search), wanted)
    assert found == expected
    assert len(expected) <= came


async def test_so_many_old_entries_are_then_so_many_that_hold() -> None:
    [railway] = [profile for profile in PROFILES if profile.name == "railway"]
    world = frozen_world(platforms=("railway",))
    async with served(railway, world) as serving, provided(railway, serving, world) as provider:
        service = named(await provider.snapshot(), SPEAKERS[LogKind.HTTP]["railway"])
        wanted = parse("status>=500", WorldTime(world).now())
        search = provider.search_of(wanted, LogKind.HTTP)
        plain = LogSource(LogKind.HTTP, service, tail=20, follow=False)
        _, few = await read(provider, plain, wanted)
        _, found = await read(provider, replace(plain, search=search), wanted)
    assert len(few) < len(found) == 20
    assert all(isinstance(entry, HttpRequest) and entry.status >= 500 for entry in found)
