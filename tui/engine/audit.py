"""The audit log: every action asked for and what became of it, one JSON object a line."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct


class ActionPhase(StrEnum):
    """How far an action came. The audit's `phase` is the same word."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    FINAL = "final"


class AuditEntry(Struct, frozen=True):
    """`target` is the service's path; `from_` and `to` a short revision or a deployment's id; `id` the intent's."""

    at: datetime
    user: str
    account: str
    verb: str
    target: str
    phase: ActionPhase
    id: str
    from_: str | None = None
    to: str | None = None
    reason: str = ""
    status: str | None = None
    message: str = ""


class _Line(msgspec.Struct, rename={"from_": "from"}):
    """An entry as it stands in the file and in `--json`."""

    at: datetime
    user: str
    account: str
    verb: str
    target: str
    from_: str | None
    to: str | None
    reason: str
    phase: ActionPhase
    status: str | None
    message: str
    id: str
    type: str = "audit"


class AuditLog:
    """Appends and reads. Without a path it is kept in memory.

    Several sessions may write the same file: a line is one write in append mode, under a lock. It is on the disk
    when `append` returns; OSError says that it is not, and the caller then does not act.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.skipped = 0  # lines that the last read could not understand
        self._memory: list[AuditEntry] = []

    def append(self, entry: AuditEntry) -> None:
        if self.path is None:
            self._memory.append(entry)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_new = not self.path.exists()
        file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            _write_whole(file, _line_end_missing(file) + msgspec.json.encode(_line(entry)) + b"\n")
            os.fsync(file)
        finally:
            os.close(file)
        if is_new:
            _sync_folder(self.path.parent)

    @property
    def stamp(self) -> tuple[int, int]:
        """Moves when something was appended, by whatever session."""
        if self.path is None:
            return len(self._memory), 0
        try:
            state = self.path.stat()
        except OSError:
            return 0, 0
        return state.st_size, state.st_mtime_ns

    def read(self, since: datetime | None = None) -> list[AuditEntry]:
        """Oldest first. A torn or foreign line is skipped and counted."""
        entries = self._memory if self.path is None else list(self._parsed(self.path))
        return [entry for entry in entries if since is None or entry.at >= since]

    def _parsed(self, path: Path) -> Iterator[AuditEntry]:
        self.skipped = 0
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return
        decoder = msgspec.json.Decoder(_Line)
        for raw in content.split(b"\n"):
            if not raw.strip():
                continue
            try:
                yield _entry(decoder.decode(raw))
            except (msgspec.MsgspecError, UnicodeDecodeError, ValueError):
                self.skipped += 1


def to_json(entry: AuditEntry) -> dict[str, object]:
    """The audit object of `deckwatch audit --json`."""
    built: dict[str, object] = msgspec.to_builtins(_line(entry))
    return {"type": built.pop("type"), **built}


def current_user() -> str:
    """The login name, as the audit has it. Behind sudo both are told: the hand and the hat."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    behind = os.environ.get("SUDO_USER", "")
    return f"{behind} as {name}" if behind and behind != name else name


def _line(entry: AuditEntry) -> _Line:
    return _Line(
        at=entry.at.astimezone(UTC),
        user=entry.user,
        account=entry.account,
        verb=entry.verb,
        target=entry.target,
        from_=entry.from_,
        to=entry.to,
        reason=entry.reason,
        phase=entry.phase,
        status=entry.status,
        message=entry.message,
        id=entry.id,
    )


def _entry(line: _Line) -> AuditEntry:
    if line.type != "audit" or line.at.tzinfo is None:
        raise ValueError(line.type)
    return AuditEntry(
        at=line.at,
        user=line.user,
        account=line.account,
        verb=line.verb,
        target=line.target,
        phase=line.phase,
        id=line.id,
        from_=line.from_,
        to=line.to,
        reason=line.reason,
        status=line.status,
        message=line.message,
    )


def _line_end_missing(file: int) -> bytes:
    """A line end, where a full disk or a power cut left the last line torn: ours must not be glued to it."""
    size = os.fstat(file).st_size
    return b"" if size == 0 or os.pread(file, 1, size - 1) == b"\n" else b"\n"


def _write_whole(file: int, content: bytes) -> None:
    if os.write(file, content) != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _sync_folder(folder: Path) -> None:
    """A new file's name must survive a power cut too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
