"""A file of JSON objects, one a line, that several sessions append to."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")

BRIEFLY_S = 1.0
"""How long a lock is waited for where the event loop waits too: an append takes milliseconds, on a busy disk more."""

PATIENTLY_S = 5.0


def append(path: Path, lines: Sequence[bytes], wait_s: float = BRIEFLY_S) -> None:
    """One write in append mode, under a lock. The lines are on the disk when it returns; OSError says they are not.

    A new file is the user's alone (0600), and so is its new folder (0700). TimeoutError (an OSError): somebody else
    has kept the lock for `wait_s`.
    """
    is_new = not path.exists()
    file = _locked(_open(path), wait_s)
    try:
        _write_whole(file, _line_end_missing(file) + b"".join(line + b"\n" for line in lines))
        os.fsync(file)
    finally:
        os.close(file)
    if is_new:
        _sync_folder(path.parent)


def decoded(content: bytes, decode: Callable[[bytes], T]) -> tuple[list[T], int]:
    """Return what each line says, and how many were torn or foreign: those for which `decode` raises msgspec's errors,
    ValueError or RecursionError."""
    found, skipped = [], 0
    for raw in content.split(b"\n"):
        if not raw.strip():
            continue
        try:
            found.append(decode(raw))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            skipped += 1
    return found, skipped


def prepare(path: Path) -> None:
    """Make the file where it is missing. Raises OSError where nothing could be appended to it."""
    os.close(_open(path))


def is_locked(path: Path) -> bool:
    """Return whether somebody holds the lock now. Raises OSError."""
    file = _open(path)
    try:
        return not _try_lock(file)
    finally:
        os.close(file)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _locked(file: int, wait_s: float) -> int:
    """Return the file with its lock taken; closes it and raises TimeoutError when that takes too long.

    The kernel serves those who wait in their order, which asking again and again would not; but only a thread can
    give up. One that is left behind closes the file as soon as it has the lock.
    """
    if _try_lock(file):
        return file
    turn = threading.Lock()
    has_lock, is_late = threading.Event(), False

    def wait() -> None:
        with suppress(OSError):
            fcntl.flock(file, fcntl.LOCK_EX)
        with turn:
            has_lock.set()
            if is_late:
                os.close(file)

    threading.Thread(target=wait, name="lock", daemon=True).start()
    has_lock.wait(wait_s)
    with turn:
        if has_lock.is_set():
            return file
        is_late = True
    raise TimeoutError(errno.ETIMEDOUT, "another process keeps it locked")


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


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
