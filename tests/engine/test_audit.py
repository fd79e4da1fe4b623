from __future__ import annotations

import asyncio
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.clocks import FakeClock
from tests.locking import locked
from tui.engine import audit
from tui.engine.audit import ActionPhase, AuditEntry, AuditLog, LifeStep, to_json
from tui.model.entities import Kind, Ref

AT = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)


def entry(phase: ActionPhase = ActionPhase.ASKED, *, at: datetime = AT, message: str = "") -> AuditEntry:
    return AuditEntry(
        at=at,
        user="ann",
        account="prod",
        verb="rollback",
        target="prod/shop/production/api",
        phase=phase,
        id="0123",
        from_="abc1234",
        to="d-7",
        reason="500s since 03:00",
        status="live",
        message=message,
    )


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    entries = [entry(), entry(ActionPhase.ACCEPTED), entry(ActionPhase.FINAL, message='said "no" ü')]
    for each in entries:
        log.append(each)
    assert AuditLog(tmp_path / "audit.jsonl").read() == entries


def test_the_file_and_its_new_folder_are_the_users_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "audit.jsonl"
    old = os.umask(0)
    try:
        AuditLog(path).append(entry())
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_torn_line_and_a_foreign_one_are_skipped_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.append(entry())
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"type":"note"}\n' + b"\xff\xfe\n" + whole[: len(whole) // 2])
    assert log.read() == [entry()]
    assert log.skipped == 3


def test_a_line_after_a_torn_one_is_not_glued_to_it(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.append(entry())
    path.write_bytes(path.read_bytes()[:-20])
    log.append(entry(ActionPhase.FINAL))
    assert log.read() == [entry(ActionPhase.FINAL)]
    assert log.skipped == 1


def test_reading_since_leaves_out_what_is_older(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    for hours in range(3):
        log.append(entry(at=AT + timedelta(hours=hours)))
    assert [each.at for each in log.read(since=AT + timedelta(hours=1))] == [
        AT + timedelta(hours=1),
        AT + timedelta(hours=2),
    ]


def test_no_file_yet_means_no_entries(tmp_path: Path) -> None:
    assert AuditLog(tmp_path / "none.jsonl").read() == []


def test_without_a_path_it_is_kept_in_memory() -> None:
    log = AuditLog(None)
    log.append(entry())
    assert log.read() == [entry()]


def test_a_full_disk_is_an_error_and_not_a_silent_loss() -> None:
    with pytest.raises(OSError, match="No space left"):
        AuditLog(Path("/dev/full")).append(entry())


def test_the_json_object_has_the_documented_keys_and_utc_times() -> None:
    written = to_json(entry())
    assert list(written)[:11] == [
        "type",
        "at",
        "user",
        "account",
        "verb",
        "target",
        "from",
        "to",
        "reason",
        "phase",
        "status",
    ]
    assert written["at"] == "2026-03-14T03:00:00Z"
    assert (written["from"], written["to"], written["phase"]) == ("abc1234", "d-7", "asked")
    assert json.loads(json.dumps(written)) == written


def test_a_device_in_the_files_place_is_not_read() -> None:
    log = AuditLog(Path("/dev/full"))
    assert (log.read(), log.problem) == ([], "The audit log /dev/full cannot be read: it is not a regular file.")


def test_a_pipe_or_a_link_in_the_files_place_is_not_read(tmp_path: Path) -> None:
    AuditLog(tmp_path / "theirs").append(entry())
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    for name in ("pipe", "link"):
        log = AuditLog(tmp_path / name)
        assert log.read() == []
        assert log.problem.endswith("it is not a regular file.")


def test_lines_that_nobody_of_us_wrote_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.append(entry())
    good = path.read_bytes()
    odd = [
        good.replace(b"2026-03-14T03:00:00Z", at)
        for at in (b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"2026-03-14T03:00:00")
    ]
    deep = good.rstrip(b"}\n") + b',"more":' + b"[" * 100_000 + b"}\n"
    path.write_bytes(b"".join([*odd, deep, good]))
    assert (log.read(), log.skipped) == ([entry()], 4)


def test_of_a_file_that_is_too_long_the_newest_lines_are_read_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    for number in range(20):
        log.append(entry(message=str(number)))
    monkeypatch.setattr(audit, "READ", 3 << 10)
    messages = [each.message for each in log.read()]
    assert 0 < len(messages) < 20
    assert messages == [str(number) for number in range(20 - len(messages), 20)]
    assert log.problem.startswith("Only the newest ")
    assert log.skipped == 0


def test_a_file_that_another_process_keeps_locked_is_an_error_in_time(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append(entry())
    with locked(tmp_path / "audit.jsonl"), pytest.raises(TimeoutError, match="another process keeps it locked"):
        log.append(entry())
    assert log.read() == [entry()]


async def test_waiting_for_the_lock_lets_everything_else_go_on(tmp_path: Path) -> None:
    clock = FakeClock()
    log = AuditLog(tmp_path / "audit.jsonl")
    with locked(tmp_path / "audit.jsonl"):
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(log.unlocked(clock))
            await clock.advance(3)
            assert not waiting.done()
            await clock.advance(3)
        assert waiting.result() is False
    assert await log.unlocked(clock) is True


def test_what_is_read_from_the_file_is_harmless_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    ref = Ref("prod", Kind.SERVICE, "a:b/c")
    step = LifeStep(AT, "deployment \x1b]0;title\x07d2 found")
    AuditLog(path).append(
        replace(entry(message="\x1b[31mred\n"), service=ref, steps=(step,), session="h:1:2", ok=False)
    )
    (read,) = AuditLog(path).read()
    assert (read.message, read.service, read.session, read.ok) == ("red", ref, "h:1:2", False)
    assert read.steps == (LifeStep(AT, "deployment d2 found"),)
