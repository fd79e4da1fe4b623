"""One action at a time on one service, over all processes that share a state folder.

A lease is a lock file that the kernel releases when its holder ends, however it ends. The file says who holds it.
"""

from __future__ import annotations

import fcntl
import os
from datetime import datetime
from hashlib import blake2s
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tui.engine.state_files import open_regular
from tui.model.action import Intent, Verb
from tui.model.entities import Ref
from tui.model.text import plain

_LONGEST = 4096  # bytes of a holder; what is longer was not written by us


class Holder(Struct, frozen=True):
    """Who acts on a service: `made` is the id of the deployment that the action led to, as soon as it is known."""

    user: str
    session: str  # host:pid:began
    verb: str
    since: datetime
    made: str = ""

    @property
    def process(self) -> str:
        """`pid 4242 on build-1`, or "" where the session does not say."""
        host, pid, _ = ["", "", "", *self.session.rsplit(":", 2)][-3:]
        return f"pid {pid} on {host}" if host and pid else ""


class LeaseHeld(Exception):
    """Another process acts on this service. `holder` None: its file could not be read."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(holder)
        self.holder = holder


class Lease:
    """Held until `release`. One of no folder is held by this process alone, and costs nothing."""

    def __init__(self, file: int | None, holder: Holder) -> None:
        self._file = file
        self._holder = holder

    def led_to(self, deployment: Ref) -> None:
        """Tell other processes which deployment may be cancelled while the lease is held. A full disk is no fault."""
        if deployment.id != self._holder.made:
            self._holder = replace(self._holder, made=deployment.id)
            self._write()

    def release(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            os.close(file)

    def _write(self) -> None:
        if self._file is None:
            return
        content = msgspec.json.encode(self._holder)
        try:
            os.pwrite(self._file, content, 0)
            os.ftruncate(self._file, len(content))
        except OSError:  # the lock holds without its words
            return


class Leases:
    """The leases below one folder, made on first use; without a folder nothing is shared between processes."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def take(self, intent: Intent, host: str, provider: str, holder: Holder) -> Lease:
        """Take the lease of the intent's service, without waiting.

        An action's own deployment may be cancelled while the action still holds its lease: the cancelling has one of
        its own. Raises LeaseHeld; OSError when the folder cannot be used, and then nothing may be sent.
        """
        if self._folder is None:
            return Lease(None, holder)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        service = _file_name(provider, host, intent.service.ref.id)
        try:
            return _locked(self._folder / f"{service}.lock", holder)
        except LeaseHeld as error:
            if not _may_cancel_beside(intent, error.holder):
                raise
            return _locked(self._folder / f"{service}.cancel.lock", holder)


def _may_cancel_beside(intent: Intent, holder: Holder | None) -> bool:
    return (
        intent.verb is Verb.CANCEL
        and intent.deployment is not None
        and holder is not None
        and holder.made == intent.deployment.id
        and holder.verb != Verb.CANCEL
    )


def _file_name(*parts: str) -> str:
    """A name for any ids: two accounts, or two names of one account, that mean the same service share it."""
    return blake2s("\0".join(parts).encode(), digest_size=16).hexdigest()


def _locked(path: Path, holder: Holder) -> Lease:
    file = open_regular(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        held_by = _read(file)
        os.close(file)
        raise LeaseHeld(held_by) from None
    except OSError:
        os.close(file)
        raise
    lease = Lease(file, holder)
    lease._write()
    return lease


def _read(file: int) -> Holder | None:
    """Whoever can write the file can write anything into it: what is read is harmless on a terminal."""
    try:
        found = msgspec.json.decode(os.pread(file, _LONGEST, 0), type=Holder)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    if found.since.tzinfo is None:
        return None
    return Holder(plain(found.user), plain(found.session), plain(found.verb), found.since, plain(found.made))
