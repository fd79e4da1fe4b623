"""Files that an earlier session left, or somebody else put in their place: as untrusted as the network."""

from __future__ import annotations

import errno
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

_YEARS = range(1971, 2200)


def open_regular(path: Path, flags: int = os.O_RDONLY) -> int:
    """Open a regular file and return its descriptor. A link, a pipe or a device is an OSError, and nothing waits.

    A pipe in its place would block for ever, a device may have no end, and a link leads to another's file.
    """
    try:
        file = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.ENXIO):
            raise
        raise _not_regular(path) from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise _not_regular(path)
    return file


def read_end(path: Path, longest: int) -> tuple[bytes, bool]:
    """Read the last `longest` bytes of a regular file; True: what is before them was left out. Raises OSError."""
    with os.fdopen(open_regular(path), "rb") as file:
        before = max(0, os.fstat(file.fileno()).st_size - longest)
        file.seek(before)
        return file.read(longest), before > 0


def instant(at: datetime) -> datetime:
    """Return a time that was read from a file as UTC. Raises ValueError without a zone, or far from our time."""
    if at.tzinfo is None or at.year not in _YEARS:
        raise ValueError("a time without its zone, or far from ours")
    return at.astimezone(UTC)


def _not_regular(path: Path) -> OSError:
    return OSError(errno.EINVAL, "it is not a regular file", str(path))
