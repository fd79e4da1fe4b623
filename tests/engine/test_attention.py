"""What wants a person: one alert a service, told once an event, acknowledged till the next."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from msgspec.structs import replace

from tests.clocks import FakeClock
from tests.entities import NOW, deployment, service, snapshot
from tests.scripted import ScriptedProvider, engine_of, scripted
from tui.engine.attention import Alert, Attention, Trouble
from tui.engine.engine import Engine
from tui.engine.notes import Notes
from tui.model.action import Verb
from tui.model.entities import ApprovalRule, Service
from tui.model.log import Level, LogKind, LogLine
from tui.model.status import Status

LIVE = deployment("api-1")
API = service("api", latest=LIVE, live=LIVE)
CRASHED = service("api", Status.CRASHED)


class Night:
    def __init__(self, engine: Engine, platform: ScriptedProvider, clock: FakeClock) -> None:
        self.engine = engine
        self.platform = platform
        self.clock = clock
        self.told: list[Alert] = []
        engine.attention.on_event(self.told.append)

    async def becomes(self, *services: Service) -> None:
        self.platform.services = list(services)
        await self.clock.advance(11)

    @property
    def alerts(self) -> list[tuple[str, Trouble]]:
        return [(each.path.rpartition("/")[2], each.trouble) for each in self.engine.attention.alerts()]

    @property
    def attention(self) -> Attention:
        return self.engine.attention


@asynccontextmanager
async def night(*services: Service) -> AsyncIterator[Night]:
    clock = FakeClock(NOW)
    account, platform = scripted(*services, clock=clock)
    platform.log_kinds = frozenset()  # type: ignore[misc]
    async with engine_of(account, clock=clock, poll_s=10) as engine:
        run = Night(engine, platform, clock)
        engine.start()
        await clock.advance(1)
        yield run


async def test_what_fails_already_is_shown_and_not_told() -> None:
    async with night(CRASHED, service("web")) as run:
        assert run.alerts == [("api", Trouble.CRASHED)]
        assert run.attention.alerts()[0].since is None, "no platform tells when it crashed"
        assert run.told == []


async def test_an_event_is_told_once_with_since_when_and_gone_when_it_recovers() -> None:
    async with night(API) as run:
        await run.becomes(CRASHED)
        assert [each.trouble for each in run.told] == [Trouble.CRASHED]
        began = run.told[0]
        assert run.attention.alerts()[0].since is not None
        await run.becomes(CRASHED)
        await run.becomes(API)
        assert run.alerts == []
        await run.becomes(CRASHED)
        assert run.told == [began], "a crash loop is one event"
        assert began.key == "prod/shop/production/api|crashed|api-1"


async def test_an_acknowledged_one_comes_back_only_for_a_new_event() -> None:
    async with night(API) as run:
        await run.becomes(CRASHED)
        run.attention.acknowledge(run.attention.alerts()[0])
        assert run.attention.alerts()[0].acknowledged is not None
        await run.becomes(API)
        await run.becomes(CRASHED)
        assert run.attention.alerts()[0].acknowledged is not None, "the same event goes on"
        await run.becomes(API)
        await run.clock.advance(700)
        await run.becomes(CRASHED)
        assert run.attention.alerts()[0].acknowledged is None, "hours of peace lie between"
        assert len(run.told) == 2


async def test_an_acknowledgement_of_another_session_holds_for_what_was_there_when_we_came() -> None:
    clock = FakeClock(NOW)
    account, _ = scripted(CRASHED, clock=clock)
    notes = Notes(None, clock)
    notes.acknowledge("prod/shop/production/api|crashed|api-1", "", NOW - timedelta(hours=1))
    async with engine_of(account, clock=clock, poll_s=10, notes=notes) as engine:
        engine.start()
        await clock.advance(1)
        assert engine.attention.alerts()[0].acknowledged is not None


async def test_a_newest_deployment_that_fails_is_told_though_the_one_before_serves() -> None:
    failed = deployment("bad", Status.FAILED, ago_s=30, note="exit code 1")
    async with night(API) as run:
        await run.becomes(replace(API, latest=failed))
        assert run.alerts == [("api", Trouble.NOT_DEPLOYED)]
        assert run.told[0].reason == "the newest deployment failed: exit code 1; the one before serves on"


async def test_who_must_approve_is_the_reason() -> None:
    waiting = replace(
        deployment("new", Status.NEEDS_APPROVAL, ago_s=300), approvals=(ApprovalRule("release-managers", 2),)
    )
    async with night(replace(API, latest=waiting)) as run:
        alert = run.attention.alerts()[0]
        assert alert.reason == "needs approval, waits for 2 more: release-managers"
        assert alert.since == NOW - timedelta(seconds=300)


async def test_what_began_before_our_eyes_stands_above_what_was_there_and_approvals_below() -> None:
    gate = service("gate", Status.NEEDS_APPROVAL)
    old = service("old", Status.CRASHED)
    failed = service("web", Status.FAILED)
    async with night(API, old, gate, failed) as run:
        assert [name for name, _ in run.alerts] == ["old", "web", "gate"]
        await run.becomes(replace(API, latest=deployment("bad", Status.FAILED, ago_s=5)), old, gate, failed)
        assert [name for name, _ in run.alerts] == ["api", "old", "web", "gate"]
        run.attention.acknowledge(run.attention.alerts()[0])
        assert [name for name, _ in run.alerts] == ["old", "web", "gate", "api"]


async def test_what_we_stop_ourselves_is_no_alert() -> None:
    async with night(API) as run:
        intent = run.engine.actions.intent(Verb.STOP, API)
        run.engine.actions.start(intent)
        await run.clock.advance(0.1)
        await run.becomes(CRASHED)
        assert run.alerts == []
        assert run.told == []
        await run.clock.advance(3600)
        assert run.alerts == [], "nor later, while it stays so"
        await run.becomes(API)
        await run.becomes(CRASHED)
        assert run.alerts == [("api", Trouble.CRASHED)], "but once it was up again, it is"


async def test_a_picture_of_a_former_session_tells_nothing() -> None:
    clock = FakeClock(NOW)
    account, platform = scripted(CRASHED, clock=clock)
    async with engine_of(account, clock=clock, poll_s=10) as engine:
        told: list[Alert] = []
        engine.attention.on_event(told.append)
        engine.store.put(snapshot(API), from_cache=True)
        engine.start()
        await clock.advance(1)
        assert [each.trouble for each in engine.attention.alerts()] == [Trouble.CRASHED]
        assert told == [], "it may have crashed hours ago"
        assert platform.services == [CRASHED]


async def test_a_deployment_that_is_worse_is_told_and_ends_with_the_next() -> None:
    building = deployment("new", Status.BUILDING, ago_s=60)
    new = replace(building, status=Status.LIVE, is_live=True, finished_at=NOW)
    async with night(replace(API, latest=building)) as run:
        run.platform.log_kinds = frozenset({LogKind.RUNTIME})  # type: ignore[misc]
        run.platform.history[API.ref] = [new, replace(LIVE, status=Status.SUPERSEDED, is_live=False)]
        run.platform.log(API.ref, LogKind.RUNTIME, [_line(n - 300, "served", by=LIVE.id) for n in range(100)])
        run.platform.log(API.ref, LogKind.RUNTIME, [_line(n, "boom", Level.ERROR, by="new") for n in range(100)])
        await run.becomes(replace(API, latest=new, live=new))
        assert run.alerts == []
        await run.clock.advance(30)
        assert run.alerts == [("api", Trouble.WORSE)]
        assert run.told[0].reason.startswith("worse since 6e65776: 1 new error pattern: boom (100 lines)")
        newer = replace(new, ref=replace(new.ref, id="newer"), created_at=NOW)
        await run.becomes(replace(API, latest=newer, live=newer))
        assert run.alerts == []


def _line(second: float, text: str, level: Level = Level.INFO, *, by: str) -> LogLine:
    return LogLine(NOW + timedelta(seconds=second), text, level, by)
