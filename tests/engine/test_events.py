"""What happened before a time, over every service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from tests.clocks import START
from tests.engine.test_history import API, WEB, started
from tests.engine.world import World, deployment, service
from tui.engine.audit import ActionPhase, AuditEntry, AuditLog
from tui.engine.events import Event, EventKind, NewError
from tui.model.entities import Deployment, Ref, Revision
from tui.model.status import Status

MINUTE = timedelta(minutes=1)


def made(id_: str, ago: float, took: float | None = 2, *, of: str = "api", status: Status = Status.LIVE) -> Deployment:
    one = deployment(id_, status, of=of, minutes_ago=ago)
    assert one.created_at is not None
    return replace(one, finished_at=None if took is None else one.created_at + took * MINUTE)


def entry(phase: ActionPhase, ago: float, *, id_: str = "a1", verb: str = "redeploy") -> AuditEntry:
    target = "prod/shop/production/api"
    return AuditEntry(START - ago * MINUTE, "ada", "prod", verb, target, phase, id_)


def told(events: Sequence[Event]) -> list[tuple[str, float, str]]:
    return [(_name(each), (START - each.at) / MINUTE, each.what) for each in events]


def _name(event: Event) -> str:
    return event.deployment.id if event.deployment else event.entry.id if event.entry else event.kind


async def world_with(*deployments: Deployment, audit: AuditLog | None = None) -> World:
    world = World(audit=audit)
    world.platform.services = [service("api"), service("web")]
    for ref in (API, WEB):
        of = [each for each in deployments if each.service == ref]
        if of:
            world.platform.put(*of)
    return world


async def all_read(world: World) -> None:
    await started(world)
    world.engine.history.want(START - 3000 * MINUTE)
    await world.clock.until(lambda: world.engine.history.progress == (2, 2))


async def test_nearest_first_over_services_each_deployment_once_at_its_nearer_moment() -> None:
    world = await world_with(
        made("a2", 35, 10), made("a1", 90, 5, status=Status.FAILED), made("w1", 40, 1, of="web", status=Status.REMOVED)
    )
    async with world.engine as engine:
        await all_read(world)
        assert told(engine.events.before(START - 30 * MINUTE)) == [
            ("a2", 35, "began"),
            ("w1", 39, "went live"),
            ("a1", 85, "failed"),
        ]
        assert told(engine.events.before(START - 20 * MINUTE))[0] == ("a2", 25, "went live")
        assert told(engine.events.before(START - 20 * MINUTE, 1)) == [("a2", 25, "went live")]
        assert told(engine.events.before(START - 25 * MINUTE))[0] == ("a2", 25, "went live"), "at that very time"
        assert engine.events.before(START - 100 * MINUTE) == ()
        assert told(engine.events.between(START - 90 * MINUTE, START - 35 * MINUTE)) == [
            ("a1", 85, "failed"),
            ("w1", 39, "went live"),
        ]


async def test_a_deployment_that_comes_later_is_in_its_place() -> None:
    world = await world_with(made("a1", 35), made("w1", 40, of="web"))
    async with world.engine as engine:
        await all_read(world)
        assert len(engine.events.before(START)) == 2
        world.platform.put(made("a2", 37, None, status=Status.BUILDING), made("a1", 35))
        await world.clock.until(lambda: len(engine.history.deployments(API)) == 2)
        assert [name for name, _, _ in told(engine.events.before(START))] == ["a1", "a2", "w1"]
        world.platform.put(made("a2", 37, 3), made("a1", 35))
        await world.clock.until(lambda: engine.history.deployments(API)[1].finished_at is not None)
        assert told(engine.events.before(START))[:2] == [("a1", 33, "went live"), ("a2", 34, "went live")]


async def test_what_has_no_time_is_told_apart_and_stands_nowhere() -> None:
    timeless = replace(made("t1", 1, None, of="web", status=Status.REMOVED), created_at=None)
    half = replace(made("h1", 50, 3), created_at=None)
    world = await world_with(made("a1", 35), half, made("w1", 40, of="web"), timeless)
    async with world.engine as engine:
        await all_read(world)
        assert [name for name, _, _ in told(engine.events.before(START))] == ["a1", "w1", "h1"]
        [undated] = engine.events.undated()
        assert (undated.deployment.id, undated.path) == ("t1", "prod/shop/production/web")


async def test_an_action_stands_once_with_what_was_known_of_it_then_also_another_sessions(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit.jsonl")
    world = await world_with(made("a1", 35), audit=audit)
    elsewhere = AuditLog(audit.path)
    elsewhere.append(entry(ActionPhase.ASKED, 20))
    async with world.engine as engine:
        await all_read(world)
        assert told(engine.events.before(START)) == [("a1", 20, "redeploy asked"), ("a1", 33, "went live")]
        elsewhere.append(entry(ActionPhase.ACCEPTED, 19))
        elsewhere.append(replace(entry(ActionPhase.FINAL, 10), status="live"))
        [action, _] = engine.events.before(START)
        assert (action.kind, action.service, action.what) == (EventKind.ACTION, API, "redeploy live")
        assert told(engine.events.before(START - 15 * MINUTE))[0] == ("a1", 19, "redeploy accepted")


async def test_the_audit_is_a_file_and_what_it_says_is_harmless(tmp_path: Path) -> None:
    audit = AuditLog(tmp_path / "audit.jsonl")
    audit.append(replace(entry(ActionPhase.ASKED, 5), verb="red\x1b[2Jeploy", target="prod/x/\x1b]0;owned\x07y/z"))
    world = await world_with(audit=audit)
    async with world.engine as engine:
        await started(world)
        action = next(each for each in engine.events.before(START) if each.kind is EventKind.ACTION)
        assert (action.what, action.path, action.service) == ("redeploy asked", "prod/x/y/z", None)


@dataclass(frozen=True)
class Review:
    service: Ref
    errors: tuple[NewError, ...]


async def test_new_errors_of_reviews_and_of_open_logs_stand_where_they_began() -> None:
    world = await world_with(made("a1", 35))
    async with world.engine as engine:
        await all_read(world)
        engine.events.reviews = lambda: [Review(API, (NewError(START - 32 * MINUTE, "boom <*>", 4),))]
        engine.events.tell_errors(
            API, "a1", [NewError(START - 30 * MINUTE, "boom <*>", 9), NewError(START - 31 * MINUTE, "bang", 1)]
        )
        assert told(engine.events.before(START))[:2] == [("error", 31, "bang"), ("error", 32, "boom <*>")]
        engine.events.tell_errors(API, "a0", [])
        assert told(engine.events.before(START))[0] == ("error", 31, "bang"), "of another deployment"
        engine.events.tell_errors(API, "a1", [])
        assert told(engine.events.before(START))[0] == ("error", 32, "boom <*>")
        engine.events.reviews = None
        assert told(engine.events.before(START))[0] == ("a1", 33, "went live")


async def test_the_same_commit_elsewhere_is_said_and_each_is_an_event_of_its_own() -> None:
    commit, tag = Revision("7f3a2c1" + "0" * 33), Revision("postgres:17")
    one, other = replace(made("a1", 35), revision=commit), replace(made("w1", 30, of="web"), revision=commit)
    world = await world_with(one, replace(made("a0", 90), revision=tag), other)
    async with world.engine as engine:
        await all_read(world)
        events = engine.events.before(START)
        assert [_name(each) for each in events] == ["w1", "a1", "a0"]
        assert engine.events.same_commit(other) == ("prod/shop/production/api",)
        assert engine.events.same_commit(replace(other, revision=tag)) == ()


async def test_a_service_that_is_gone_is_marked_and_listed() -> None:
    world = await world_with(made("a1", 35), made("w1", 40, of="web"))
    async with world.engine as engine:
        await all_read(world)
        world.platform.services = world.platform.services[:1]
        await world.clock.until(lambda: engine.history.gone(WEB))
        assert [(each.path, each.gone) for each in engine.events.before(_later(engine.clock.now()))] == [
            ("prod/shop/production/api", False),
            ("prod/shop/production/web", True),
        ]


def _later(now: datetime) -> datetime:
    return now + MINUTE
