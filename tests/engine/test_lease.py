"""One action at a time on one service, whichever process it is asked from."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.clocks import START
from tests.engine.test_actions import LIVE, intend, phases, ready
from tests.engine.test_recheck import ACCEPTED, ASKED, ASKED_AT
from tests.engine.world import World, deployment, service
from tui.engine.audit import ActionPhase, AuditLog
from tui.engine.lease import Holder, Lease, LeaseHeld, Leases
from tui.engine.sessions import session_name
from tui.model.action import Intent, Verb
from tui.model.entities import Deployment
from tui.model.errors import Refused
from tui.model.status import Status

HOLDER = Holder("ann", "box:4242:1", "redeploy", START)

_HOLDS = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from tests.engine.test_lease import intent_of
from tui.engine.lease import Holder, Leases
from tui.model.action import Verb
holder = Holder("ann", "box:4242:1", "redeploy", datetime(2026, 3, 14, 3, tzinfo=UTC))
lease = Leases(Path(sys.argv[1])).take(intent_of(Verb.REDEPLOY), "h", "fake", holder)
print("held", flush=True)
sys.stdin.read()
"""


def intent_of(verb: Verb, target: Deployment | None = None, *, name: str = "api") -> Intent:
    return Intent("0123", verb, service(name), target)


def take(leases: Leases, verb: Verb = Verb.STOP, target: Deployment | None = None, *, host: str = "h") -> Lease:
    return leases.take(intent_of(verb, target), host, "fake", HOLDER)


def test_a_lease_is_taken_once_and_again_after_it_was_given_back(tmp_path: Path) -> None:
    leases = Leases(tmp_path / "leases")
    lease = take(leases)
    with pytest.raises(LeaseHeld) as held:
        take(Leases(tmp_path / "leases"))
    assert held.value.holder == HOLDER
    lease.release()
    take(Leases(tmp_path / "leases")).release()


def test_another_service_another_host_and_another_provider_have_leases_of_their_own(tmp_path: Path) -> None:
    leases = Leases(tmp_path)
    held = [
        take(leases),
        take(leases, host="other"),
        leases.take(intent_of(Verb.STOP, name="web"), "h", "fake", HOLDER),
        leases.take(intent_of(Verb.STOP), "h", "other", HOLDER),
    ]
    assert len(list(tmp_path.iterdir())) == len(held)


def test_the_kernel_gives_the_lease_of_a_killed_process_back(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LeaseHeld) as held:
            take(Leases(tmp_path))
        assert held.value.holder is not None
        assert held.value.holder.process == "pid 4242 on box"
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    take(Leases(tmp_path)).release()


def test_the_deployment_that_an_action_made_may_be_cancelled_beside_it_and_only_once(tmp_path: Path) -> None:
    leases, made = Leases(tmp_path), deployment("d2", Status.BUILDING)
    lease = take(leases, Verb.REDEPLOY)
    with pytest.raises(LeaseHeld):
        take(leases, Verb.CANCEL, made)
    lease.led_to(made.ref)
    with pytest.raises(LeaseHeld):
        take(leases, Verb.CANCEL, LIVE)
    with pytest.raises(LeaseHeld):
        take(leases, Verb.STOP, made)
    take(leases, Verb.CANCEL, made)
    with pytest.raises(LeaseHeld):
        take(leases, Verb.CANCEL, made)


@pytest.mark.parametrize("content", [b"", b"{", b'{"user": 1}', b"\xff" * 5000, b'{"user":"a","session":"b"}'])
def test_a_holder_that_cannot_be_read_still_holds(tmp_path: Path, content: bytes) -> None:
    take(Leases(tmp_path))
    (path,) = tmp_path.iterdir()
    path.write_bytes(content)
    with pytest.raises(LeaseHeld) as held:
        take(Leases(tmp_path))
    assert held.value.holder is None


def test_what_a_holder_calls_itself_is_harmless(tmp_path: Path) -> None:
    Leases(tmp_path).take(intent_of(Verb.STOP), "h", "fake", replace(HOLDER, user="a\x1b[2Jb"))
    with pytest.raises(LeaseHeld) as held:
        take(Leases(tmp_path))
    assert held.value.holder is not None
    assert held.value.holder.user == "ab"


def test_a_link_in_the_place_of_a_lease_is_not_followed(tmp_path: Path) -> None:
    take(Leases(tmp_path)).release()
    (path,) = tmp_path.iterdir()
    path.unlink()
    (tmp_path / "precious").write_text("x")
    path.symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="not a regular file"):
        take(Leases(tmp_path))
    assert (tmp_path / "precious").read_text() == "x"


async def test_of_two_processes_only_one_acts_and_the_other_names_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    one, other = World(audit=AuditLog(path)), World(audit=AuditLog(path))
    async with one.engine as first, other.engine as second:
        await ready(one)
        await ready(other)
        first.actions.start(intend(one, Verb.STOP))
        await one.clock.advance(2)
        with pytest.raises(Refused, match=rf"^stop of api by .* \(pid {os.getpid()} on .*\) has been running for 0 s"):
            await second.actions.perform(intend(other, Verb.RESTART))
        assert other.platform.count("restart") == 0
        assert phases(one) == ["asked", "accepted"], "what was refused has no line: nothing was asked"
        one.platform.put(replace(LIVE, status=Status.STOPPED, is_live=False))
        await one.clock.until(lambda: not first.actions.running)
        await second.actions.perform(intend(other, Verb.RESTART))
        assert other.platform.count("restart") == 1


async def test_an_engine_that_is_closed_gives_its_leases_back(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    world = World(audit=AuditLog(path))
    async with world.engine as engine:
        await ready(world)
        engine.actions.start(intend(world, Verb.STOP))
        await world.clock.advance(2)
    later = World(audit=AuditLog(path))
    async with later.engine as engine:
        await ready(later)
        await engine.actions.perform(intend(later, Verb.RESTART))


async def test_without_a_folder_for_leases_nothing_is_sent(tmp_path: Path) -> None:
    world = World(audit=AuditLog(tmp_path / "audit.jsonl"))
    (tmp_path / "leases").write_text("in the way")
    async with world.engine as engine:
        await ready(world)
        with pytest.raises(Refused, match="Nothing was done: its lock file cannot be written"):
            await engine.actions.perform(intend(world, Verb.RESTART))
    assert world.platform.count("restart") == 0
    assert phases(world) == []


async def test_of_two_sessions_that_start_together_one_writes_the_end(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for each in (ASKED, ACCEPTED):
        AuditLog(path).append(each)
    made = deployment("d2", Status.FAILED, created_at=ASKED_AT)
    worlds = [World(audit=AuditLog(path)) for _ in range(2)]
    async with worlds[0].engine as one, worlds[1].engine as other:
        for world in worlds:
            world.platform.put(made, LIVE)
            world.engine.start()
        for _ in range(300):  # the file is read in a thread, of which the clocks know nothing
            for world in worlds:
                await world.clock.advance(1)
            if all(not world.engine.actions.running for world in worlds) and finals(path):
                break
        for world in worlds:
            await world.clock.advance(60)
        await asyncio.sleep(0)
        assert len(finals(path)) == 1
        assert len(one.recheck.told) + len(other.recheck.told) == 1


def finals(path: Path) -> list[str]:
    return [each.session for each in AuditLog(path).read() if each.phase is ActionPhase.FINAL]


async def test_a_held_lease_keeps_an_action_left_open_from_being_judged(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    for each in (ASKED, ACCEPTED):
        AuditLog(path).append(each)
    world = World(audit=AuditLog(path))
    world.platform.put(deployment("d2", created_at=ASKED_AT), LIVE)
    held = Leases(tmp_path / "leases").take(
        Intent("4", Verb.STOP, service()), "", "fake", Holder("eva", session_name(), "stop", START)
    )
    async with world.engine as engine:
        engine.start()
        for _ in range(50):
            await world.clock.advance(1)
        assert finals(path) == []
        held.release()
        for _ in range(300):
            await world.clock.advance(1)
            if finals(path):
                break
    assert len(finals(path)) == 1
