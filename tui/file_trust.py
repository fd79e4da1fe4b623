"""Who else may change a file: what is started from it, and where a token is sent, are then theirs to decide."""

from __future__ import annotations

import os
import stat
from pathlib import Path

OTHERS = 0o022


def others_may_write(path: Path, file: int) -> str:
    """Return how others may change an opened file, as a sentence without its full stop; "" where they cannot.

    Its folders count, too: whoever may write there puts another file in its place, unless the folder is sticky.
    """
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):  # a pipe of our own shell
        return ""
    if not _is_trusted(found.st_uid):
        return "it belongs to another user"
    if found.st_mode & OTHERS:
        return f"others may write it (mode {stat.S_IMODE(found.st_mode):04o})"
    for folder in dict.fromkeys((path.parent.resolve(), path.resolve().parent)):
        try:
            around = folder.stat()
        except OSError:
            continue
        if not _is_trusted(around.st_uid):
            return f"its folder {folder} belongs to another user"
        if around.st_mode & OTHERS and not around.st_mode & stat.S_ISVTX:
            return f"others may write its folder {folder} (mode {stat.S_IMODE(around.st_mode):04o})"
    return ""


def _is_trusted(owner: int) -> bool:
    return owner in (os.geteuid(), 0)
