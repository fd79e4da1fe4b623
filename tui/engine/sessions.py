"""Who asked: this process by a name that no later one has, and whether such a one still runs."""

from __future__ import annotations

import os
import socket
from functools import cache
from pathlib import Path


@cache
def session_name() -> str:
    """`host:pid:began`. A pid comes back one day; with the moment its process began it does not."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_began(pid)}"


def may_be_alive(name: str) -> bool:
    """False only where it is known to have ended; of another host nothing is known, nor of a line without a name."""
    host, pid, began = ["", "", "", *name.rsplit(":", 2)][-3:]
    if not pid.isdecimal() or host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return _began(int(pid)) == began


def _began(pid: int) -> str:
    """The kernel's start time of a process, in its ticks; "" where it does not tell."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return stat.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
