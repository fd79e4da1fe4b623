"""A file of JSON objects, one a line, that several sessions append to."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T")


def append(path: Path, lines: Sequence[bytes]) -> None:
    """One write in append mode, under a lock. The lines are on the disk when it returns; OSError says they are not.

    A new file is the user's alone (0600), and so is its new folder (0700).
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    is_new = not path.exists()
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        _write_whole(file, _line_end_missing(file) + b"".join(line + b"\n" for line in lines))
        os.fsync(file)
    finally:
        os.close(file)
    if is_new:
        _sync_folder(path.parent)


def decoded(content: bytes, decode: Callable[[bytes], T]) -> tuple[list[T], int]:
    """What each line says, and how many were torn or foreign: those for which `decode` raises msgspec's errors or
    ValueError."""
    found, skipped = [], 0
    for raw in content.split(b"\n"):
        if not raw.strip():
            continue
        try:
            found.append(decode(raw))
        except (msgspec.MsgspecError, ValueError):
            skipped += 1
    return found, skipped


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
