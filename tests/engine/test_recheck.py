"""What an earlier session left open is looked at again after the start, and nothing is asked for."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.clocks import START
from tests.engine.test_actions import API, LIVE
from tests.engine.world import LOST, World, deployment, service
from tui.engine.action import Action
from tui.engine.audit import ActionPhase, AuditEntry, AuditLog
from tui.engine.recheck import left_open
from tui.engine.sessions import may_be_alive, session_name
from tui.model.entities import Kind, Ref
from tui.model.status import Status

ASKED_AT = START - timedelta(minutes=10)
DEAD = f"{socket.gethostname()}:999999999:1"


def line(phase: ActionPhase, verb: str = "redeploy", *, session: str = DEAD, **more: object) -> AuditEntry:
    entry = AuditEntry(
        at=ASKED_AT,
        user="ann",
        account="prod",
        verb=verb,
        target="prod/shop/production/api",
        phase=phase,
        id="0123",
        reason="500s",
        service=API,
        deployment=LIVE.ref,
        newest=LIVE.ref,
        session=session,
    )
    return replace(entry, **more)


ASKED, ACCEPTED = line(ActionPhase.ASKED), line(ActionPhase.ACCEPTED)


async def looked_again(world: World, path: Path) -> AuditEntry:
    """The final line that the next session wrote."""
    async with world.engine as engine:
        engine.start()
        await world.clock.until(lambda: engine.store.services())

        def final() -> list[AuditEntry]:
            return [entry for entry in AuditLog(path).read() if entry.phase is ActionPhase.FINAL]

        for _ in range(2000):  # the file is read in a thread, of which the clock knows nothing
            await world.clock.settle()
            if final():
                break
            await world.clock.advance(1)
        (entry,) = final()
        assert entry.session == session_name()
        verbs = {request.what for request in world.platform.requests}
        assert verbs <= {"snapshot", "deployments", "deployment", "trace"}, "nothing is asked for"
        return entry


def world_after(path: Path, *lines: AuditEntry) -> World:
    log = AuditLog(path)
    for each in lines:
        log.append(each)
    world = World(audit=AuditLog(path))
    world.platform.put(LIVE)
    return world


def world_remembering(*lines: AuditEntry, settle_s: float = 0.0) -> World:
    """As `world_after`, with no file, which would be read in a thread of which the clock knows nothing."""
    log = AuditLog(None)
    for each in lines:
        log.append(each)
    world = World(audit=log, settle_s=settle_s)
    world.platform.put(LIVE)
    return world


@pytest.mark.parametrize(
    ("status", "ok", "told"),
    [
        (Status.FAILED, False, "found failed: deployment d2"),
        (Status.SUPERSEDED, True, "found superseded: deployment d2"),
        (Status.REMOVED, None, "found removed: deployment d2"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
async def test_a_redeploy_left_open_is_found_by_the_deployment_it_made(
    tmp_path: Path, status: Status, ok: bool | None, told: str, named: bool
) -> None:
    path = tmp_path / "audit.jsonl"
    made = deployment("d2", status, created_at=ASKED_AT + timedelta(seconds=2))
    accepted = replace(ACCEPTED, made=made.ref) if named else ACCEPTED
    world = world_after(path, ASKED, accepted)
    world.platform.put(made, LIVE)
    entry = await looked_again(world, path)
    assert (entry.id, entry.ok, entry.message, entry.reason) == ("0123", ok, told, "500s")
    assert [step.what for step in entry.steps] == ["asked", "accepted", f"looked at again: {told}"]
    assert world.engine.recheck.told == (entry,)


async def test_what_has_only_just_come_up_settles_before_it_is_done() -> None:
    made = deployment("d2", Status.LIVE, created_at=ASKED_AT + timedelta(seconds=2), is_live=True)
    world = world_remembering(ASKED, replace(ACCEPTED, made=made.ref), settle_s=60.0)
    world.platform.put(made, LIVE)
    async with world.engine as engine:
        action = await taken_up(world)
        await world.clock.advance(20)
        world.platform.put(replace(made, status=Status.CRASHED))
        await world.clock.until(lambda: action.ended_at is not None)
        assert action.ok is False
        assert "crashed" in action.message
        assert engine.recheck.told == ()


@pytest.mark.parametrize(
    ("verb", "phase", "now", "then", "ok"),
    [
        ("redeploy", ActionPhase.UNKNOWN, Status.LIVE, Status.LIVE, None),
        ("stop", ActionPhase.UNKNOWN, Status.LIVE, Status.STOPPED, True),
        ("stop", ActionPhase.ASKED, Status.LIVE, Status.LIVE, None),
        ("restart", ActionPhase.ACCEPTED, Status.DEPLOYING, Status.LIVE, True),
        ("restart", ActionPhase.ACCEPTED, Status.LIVE, Status.CRASHED, False),
        ("remove", ActionPhase.ACCEPTED, Status.SUPERSEDED, Status.REMOVED, True),
        ("cancel", ActionPhase.ACCEPTED, Status.BUILDING, Status.CANCELLED, True),
    ],
)
async def test_what_was_asked_a_moment_ago_may_still_be_on_its_way(
    verb: str, phase: ActionPhase, now: Status, then: Status, ok: bool | None
) -> None:
    a_moment_ago = START - timedelta(seconds=4)
    lines = [replace(line(each, verb), at=a_moment_ago) for each in (ActionPhase.ASKED, phase)]
    world = world_remembering(*lines, settle_s=30.0)
    world.platform.put(replace(LIVE, status=now))
    async with world.engine:
        action = await taken_up(world)
        await world.clock.advance(8)
        assert action.ended_at is None
        world.platform.put(replace(LIVE, status=then))
        await world.clock.until(lambda: action.ended_at is not None)
    assert action.ok is ok, action.message
    assert [entry.phase.value for entry in world.engine.audit.read()].count("final") == 1


async def test_a_platform_that_fails_once_closes_nothing() -> None:
    made = deployment("d2", Status.BUILDING, created_at=ASKED_AT + timedelta(seconds=2))
    world = world_remembering(ASKED, replace(ACCEPTED, made=made.ref))
    world.platform.put(made, LIVE)
    world.platform.errors["deployment"] = [LOST, LOST]
    async with world.engine:
        assert (await taken_up(world)).deployment == made.ref


async def test_a_service_that_may_only_be_unread_is_not_called_gone() -> None:
    world = world_remembering(replace(ASKED, at=START - timedelta(seconds=4)))
    api = world.platform.services
    world.platform.services, world.platform.problems = [service("web", latest=LIVE)], ("Project shop: 502.",)
    async with world.engine as engine:
        engine.start()
        await world.clock.until(lambda: engine.store.services())
        await world.clock.advance(60)
        assert [entry.phase.value for entry in world.engine.audit.read()] == ["asked"]
        world.platform.services, world.platform.problems = api, ()
        await taken_up(world)


async def taken_up(world: World) -> Action:
    """The action of the session before, followed by this one."""
    if not world.engine.store.services():
        world.engine.start()
    await world.clock.until(lambda: world.engine.actions.running)
    (action,) = world.engine.actions.running.values()
    return action


async def test_what_is_in_flight_still_is_followed_to_its_end_and_holds_its_lease(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    world = world_after(path, ASKED, line(ActionPhase.UNKNOWN))
    made = deployment("d2", Status.BUILDING, created_at=ASKED_AT + timedelta(seconds=2))
    world.platform.put(made, LIVE)
    async with world.engine as engine:
        engine.start()
        for _ in range(2000):
            await world.clock.advance(1)
            if engine.actions.running:
                break
        (action,) = engine.actions.running.values()
        assert (action.intent.id, action.deployment) == ("0123", made.ref)
        world.platform.put(replace(made, status=Status.LIVE, is_live=True))
        await world.clock.until(lambda: action.ended_at is not None)
        assert action.ok
        assert [each.phase.value for each in AuditLog(path).read()] == ["asked", "unknown", "final"]
    assert world.platform.count("redeploy") == 0


async def test_where_nothing_came_of_it_that_is_said_as_not_known(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    entry = await looked_again(world_after(path, ASKED), path)
    assert entry.ok is None
    assert entry.message.startswith("not known any more: no deployment since")


async def test_a_service_that_is_gone_is_said_so(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    world = world_after(path, ASKED)
    world.platform.services = [service("web", latest=LIVE)]
    entry = await looked_again(world, path)
    assert (entry.ok, entry.message) == (None, "not known any more: prod/shop/production/api is not there")


@pytest.mark.parametrize(
    ("verb", "phase", "status", "ok", "told"),
    [
        ("stop", ActionPhase.ACCEPTED, Status.STOPPED, True, "found stopped"),
        ("stop", ActionPhase.UNKNOWN, Status.LIVE, None, "not known any more: api is live now"),
        ("restart", ActionPhase.ACCEPTED, Status.LIVE, True, "found live"),
        ("restart", ActionPhase.ASKED, Status.LIVE, None, "not known any more: api is live now"),
        ("start", ActionPhase.ACCEPTED, Status.CRASHED, False, "found crashed"),
        ("cancel", ActionPhase.ACCEPTED, Status.CANCELLED, True, "found cancelled"),
        ("cancel", ActionPhase.ACCEPTED, Status.LIVE, False, "found live"),
        ("cancel", ActionPhase.ACCEPTED, Status.FAILED, True, "found failed"),
        ("cancel", ActionPhase.UNKNOWN, Status.FAILED, None, "found failed"),
        ("reject", ActionPhase.ACCEPTED, Status.FAILED, True, "found failed"),
        ("remove", ActionPhase.ASKED, Status.REMOVED, True, "found removed"),
        ("approve", ActionPhase.ACCEPTED, Status.BUILDING, True, "found building"),
        ("approve", ActionPhase.ASKED, Status.NEEDS_APPROVAL, None, "found needs approval"),
        ("approve", ActionPhase.ACCEPTED, Status.NEEDS_APPROVAL, None, "found needs approval"),
        ("set-status", ActionPhase.ACCEPTED, Status.LIVE, True, "accepted"),
        ("set-status", ActionPhase.UNKNOWN, Status.LIVE, None, "not known any more: api is live now"),
    ],
)
async def test_every_other_action_is_read_off_what_it_was_done_to(
    tmp_path: Path, verb: str, phase: ActionPhase, status: Status, ok: bool | None, told: str
) -> None:
    path = tmp_path / "audit.jsonl"
    world = world_after(path, line(ActionPhase.ASKED, verb), line(phase, verb))
    world.platform.put(replace(LIVE, status=status))
    entry = await looked_again(world, path)
    assert (entry.ok, entry.message) == (ok, told)


async def test_a_removed_deployment_that_is_not_listed_any_more_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    gone = Ref("prod", Kind.DEPLOYMENT, "d0")
    entry = await looked_again(world_after(path, line(ActionPhase.ASKED, "remove", deployment=gone)), path)
    assert (entry.ok, entry.message) == (True, "found gone")


async def test_a_line_of_an_older_version_is_decided_by_its_target_path(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_text(
        '{"at":"2026-03-14T01:30:00Z","user":"ann","account":"prod","verb":"redeploy","target":"prod/shop/production/api",'
        '"from":"sha-d1","to":null,"reason":"","phase":"asked","status":null,"message":"","id":"77","type":"audit"}\n'
    )
    world = World(audit=AuditLog(path))
    world.platform.put(deployment("d2", minutes_ago=89, is_live=True), deployment("d1", minutes_ago=200))
    entry = await looked_again(world, path)
    assert (entry.id, entry.ok, entry.message) == ("77", True, "found live: deployment d2")


async def test_while_the_account_cannot_be_read_nothing_is_said(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    world = world_after(path, ASKED)
    world.platform.errors["snapshot"] = [LOST] * 1000
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(3600)
        assert [entry.phase.value for entry in AuditLog(path).read()] == ["asked"]
        assert engine.recheck.told == ()


def test_what_others_still_follow_what_has_ended_and_what_is_old_is_left_alone() -> None:
    alive = session_name()
    other_host = "elsewhere:12:34"
    now = START
    assert [each.asked for each in left_open([ASKED], now)] == [ASKED]
    assert left_open([ASKED, line(ActionPhase.FINAL)], now) == []
    assert left_open([ASKED, line(ActionPhase.REFUSED)], now) == []
    assert left_open([replace(ASKED, session=alive)], now) == []
    assert left_open([replace(ASKED, session=other_host)], now) == []
    assert left_open([replace(ASKED, session="")], now) == []
    assert len(left_open([replace(ASKED, session=other_host, at=now - timedelta(hours=2))], now)) == 1
    assert len(left_open([replace(ASKED, session="", at=now - timedelta(hours=2))], now)) == 1
    assert left_open([replace(ASKED, at=now - timedelta(hours=25))], now) == []


def test_a_session_is_alive_as_long_as_its_very_process() -> None:
    host, pid, began = session_name().rsplit(":", 2)
    assert may_be_alive(session_name())
    assert not may_be_alive(f"{host}:{pid}:{int(began) + 1}"), "another process has its number now"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        began = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
        name = f"{host}:{child.pid}:{began}"
        assert may_be_alive(name)
        child.communicate(b"\n")
    assert not may_be_alive(name)
    assert os.getpid() == int(pid)
