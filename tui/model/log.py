"""Log lines, HTTP requests, and where they come from."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum, StrEnum

from msgspec import Struct, field

from tui.model.entities import Deployment, Service
from tui.model.text import without_sgr


class LogKind(StrEnum):
    BUILD = "build"
    RUNTIME = "runtime"
    HTTP = "http"


class Level(IntEnum):
    """Ordered, so that `level >= Level.WARN` is what a filter means."""

    TRACE = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4
    FATAL = 5

    @property
    def letter(self) -> str:
        return self.name[0]


LEVEL_NAMES: Mapping[str, Level] = {
    "trace": Level.TRACE,
    "debug": Level.DEBUG,
    "info": Level.INFO,
    "notice": Level.INFO,
    "warn": Level.WARN,
    "warning": Level.WARN,
    "err": Level.ERROR,
    "error": Level.ERROR,
    "crit": Level.FATAL,
    "critical": Level.FATAL,
    "alert": Level.FATAL,
    "emerg": Level.FATAL,
    "panic": Level.FATAL,
    "fatal": Level.FATAL,
}
"""What people and platforms call the levels."""


class LogLine(Struct, frozen=True):
    """`text` is one line without its end, made harmless: SGR colours stay, every other control is gone.

    `at` is the platform's time, None where it gives none. `deployment` and `instance` are ids, "" where unknown.
    `raw` is the line as it came, where `text` and `attributes` were read out of it: JSON lines.
    """

    at: datetime | None
    text: str
    level: Level = Level.INFO
    deployment: str = ""
    instance: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    raw: str = ""


class HttpRequest(Struct, frozen=True):
    at: datetime
    id: str
    method: str
    path: str
    status: int
    duration_ms: int
    client_ip: str = ""
    host: str = ""
    bytes_sent: int = 0
    user_agent: str = ""
    deployment: str = ""
    instance: str = ""
    detail: str = ""  # what went wrong upstream, in the platform's words

    @property
    def level(self) -> Level:
        """5xx is an error, 4xx a warning."""
        return Level.ERROR if self.status >= 500 else Level.WARN if self.status >= 400 else Level.INFO


def searchable(entry: LogLine | HttpRequest) -> str:
    """What search and filters see of it: its text without colours, then its fields."""
    if isinstance(entry, LogLine):
        if not entry.attributes:
            return without_sgr(entry.text)
        return without_sgr(" ".join([entry.text, *(f"{key}={value}" for key, value in entry.attributes.items())]))
    tail = f" {entry.client_ip} {entry.detail}" if entry.detail else f" {entry.client_ip}" if entry.client_ip else ""
    return without_sgr(f"{entry.status} {entry.method} {entry.path} {entry.duration_ms}ms{tail}")


class GapKind(StrEnum):
    MISSING = "missing"  # between two lines: the platform may still have them
    DROPPED = "dropped"  # the platform itself let them go before anybody could read them
    LOST = "lost"  # the platform does not have them any more, or what it sent cannot be read
    OLDER = "older"  # what came before the oldest line that it gives
    NOTE = "note"  # nothing is missing: a word on how this log is read


class LogGap(Struct, frozen=True):
    """Lines are missing here, and we know it: the platform dropped them, or a cut was longer than its memory.

    `at` and `until`: the time they are missing from, on the platform's clock, None where that is not known. `filled`:
    so many were read back since and stand behind it; None: nobody asked. `closed`: nothing is missing any more.
    """

    at: datetime | None
    reason: str
    lines: int | None = None  # how many, where it is known
    kind: GapKind = GapKind.MISSING
    until: datetime | None = None
    filled: int | None = None
    closed: bool = False

    @property
    def is_open(self) -> bool:
        """Lines are missing that the platform may still have."""
        return self.kind is GapKind.MISSING and not self.closed


LogEntry = LogLine | HttpRequest | LogGap


class LogSource(Struct, frozen=True):
    """Which log. With `deployment` None a runtime or HTTP log is the service's, across its deployments.

    `tail`: at most that many of the newest old lines come first. `since`/`until` bound the old lines instead.
    `search` is pushed down where the platform can filter, in the platform's syntax. `follow` False: the stream
    ends after the old lines.
    """

    kind: LogKind
    service: Service
    deployment: Deployment | None = None
    tail: int = 500
    since: datetime | None = None
    until: datetime | None = None
    search: str = ""
    follow: bool = True


class Cursor(Struct):
    """Where a stream stands. The caller owns it and hands the same one to the next try; the provider reads and
    writes it as it yields, and nobody else looks inside.

    `token` serves platforms with an exact position (a byte offset). `recent` serves those that replay lines
    without an id: keys of the last lines yielded, oldest first, so that an overlap is found by position and count
    and two equal lines stay two.
    """

    token: str = ""
    recent: deque[tuple[str, int]] = field(default_factory=lambda: deque(maxlen=2048))

    @property
    def started(self) -> bool:
        return bool(self.token or self.recent)
