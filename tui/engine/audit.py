"""The audit log: every action asked for and what became of it, one JSON object a line."""

from __future__ import annotations

import os
import pwd
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from tui.engine import json_lines, state_files
from tui.model.clock import Clock
from tui.model.entities import Ref
from tui.model.text import plain
from tui.model.words import plural

READ = 64 << 20  # bytes of the file's end, some 150,000 lines
_LOOK_S = 0.1


class ActionPhase(StrEnum):
    """How far an action came. The audit's `phase` is the same word."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    FINAL = "final"


class LifeStep(Struct, frozen=True):
    """One step of an action's life: asked, accepted, a deployment found, building, live, settling, ..."""

    at: datetime
    what: str


class AuditEntry(Struct, frozen=True):
    """`target` is the service's path; `from_` and `to` a short revision or a deployment's id; `id` the intent's.

    The rest is what a later session needs to say what became of it: `deployment` is the one acted upon, `made` the one
    it led to, `before` what served and `newest` the newest one when it was asked for; `session` who asked (see
    `session_name`). `ok` and `steps` are those of a final line. Older lines have none of these.
    """

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
    ok: bool | None = None
    service: Ref | None = None
    deployment: Ref | None = None
    made: Ref | None = None
    before: Ref | None = None
    newest: Ref | None = None
    session: str = ""
    steps: tuple[LifeStep, ...] = ()


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
    ok: bool | None = None
    service: str | None = None
    deployment: str | None = None
    made: str | None = None
    before: str | None = None
    newest: str | None = None
    session: str = ""
    steps: list[LifeStep] = []


class AuditLog:
    """Appends and reads. Without a path it is kept in memory.

    Several sessions may write the same file: a line is one write in append mode, under a lock. It is on the disk
    when `append` returns; OSError says that it is not, and the caller then does not act.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.skipped = 0  # lines that the last read could not understand
        self.problem = ""  # a sentence: why the last read could not read all of it
        self._memory: list[AuditEntry] = []

    def append(self, entry: AuditEntry) -> None:
        """Write a line. What has happened already is worth a longer wait for the lock than what is only asked for."""
        if self.path is None:
            self._memory.append(entry)
            return
        wait_s = json_lines.BRIEFLY_S if entry.phase is ActionPhase.ASKED else json_lines.PATIENTLY_S
        json_lines.append(self.path, [msgspec.json.encode(_line(entry))], wait_s)

    def prepare(self) -> None:
        """Make the file where it is missing. Raises OSError where no line could be written to it."""
        if self.path is not None:
            json_lines.prepare(self.path)

    async def unlocked(self, clock: Clock) -> bool:
        """Wait a few seconds, without stopping the event loop, until nobody else writes. False: somebody still does.

        Raises OSError where no line could be written.
        """
        until = clock.monotonic() + json_lines.PATIENTLY_S
        while self.path is not None and json_lines.is_locked(self.path):
            if clock.monotonic() >= until:
                return False
            await clock.sleep(_LOOK_S)
        return True

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
        """Return what is on the disk, oldest first. A torn or foreign line is skipped and counted; what else could not
        be read is in `problem`."""
        entries = self._memory if self.path is None else self._parsed(self.path)
        return [entry for entry in entries if since is None or entry.at >= since]

    @property
    def unread(self) -> str:
        """A sentence: what of the log the last read left out; '' where it read all of it."""
        left_out = (
            f"{plural(self.skipped, 'line')} of {self.path} cannot be read and were left out." if self.skipped else ""
        )
        return " ".join(filter(None, (self.problem, left_out)))

    def _parsed(self, path: Path) -> list[AuditEntry]:
        self.problem, content = "", b""
        try:
            content, is_cut = state_files.read_end(path, READ)
        except (FileNotFoundError, NotADirectoryError):
            is_cut = False
        except OSError as error:
            self.problem, is_cut = f"The audit log {path} cannot be read: {error.strerror or error}.", False
        if is_cut:
            self.problem = f"Only the newest {READ >> 20} MB of the audit log {path} were read."
            content = content.partition(b"\n")[2]
        decoder = msgspec.json.Decoder(_Line)
        entries, self.skipped = json_lines.decoded(content, lambda raw: _entry(decoder.decode(raw)))
        return entries


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
        ok=entry.ok,
        service=_told(entry.service),
        deployment=_told(entry.deployment),
        made=_told(entry.made),
        before=_told(entry.before),
        newest=_told(entry.newest),
        session=entry.session,
        steps=list(entry.steps),
    )


def _entry(line: _Line) -> AuditEntry:
    """Whoever can write the file can write anything into it: what is read is harmless on a terminal."""
    if line.type != "audit":
        raise ValueError(line.type)
    return AuditEntry(
        at=state_files.instant(line.at),
        user=plain(line.user),
        account=plain(line.account),
        verb=plain(line.verb),
        target=plain(line.target),
        phase=line.phase,
        id=plain(line.id),
        from_=line.from_ and plain(line.from_),
        to=line.to and plain(line.to),
        reason=plain(line.reason),
        status=line.status and plain(line.status),
        message=plain(line.message),
        ok=line.ok,
        service=_ref(line.service),
        deployment=_ref(line.deployment),
        made=_ref(line.made),
        before=_ref(line.before),
        newest=_ref(line.newest),
        session=plain(line.session),
        steps=tuple(LifeStep(state_files.instant(step.at), plain(step.what)) for step in line.steps),
    )


def _told(ref: Ref | None) -> str | None:
    return None if ref is None else str(ref)


def _ref(text: str | None) -> Ref | None:
    return None if text is None else Ref.parse(plain(text))
