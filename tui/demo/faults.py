"""What can be made to go wrong between a client and the world, from the start or while it runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from tui.demo.cast import Fate, fate_of
from tui.demo.clock import SECOND

SKEW_S = 43.0


class FaultKind(StrEnum):
    RATE_LIMIT = "429"
    SERVER_ERROR = "5xx"
    SLOW = "slow"
    DROP = "drop"  # the connection breaks: a request before its answer, a socket in mid-stream
    MALFORMED = "malformed"  # half a JSON text, an unreadable frame
    SILENT = "silent"  # accepted, then nothing
    LOST_REPLY = "lost-reply"  # the request is carried out, then the connection breaks
    HTML = "html"  # the CDN's block page, 403
    HTML_OK = "html-ok"  # a page where JSON should be, 200
    PROBLEM = "problem"  # "Problem processing request"
    UNAUTHORIZED = "unauthorized"
    REFUSED = "refused"  # the platform says no, in its own form; nothing is done
    CLOSE = "close"  # a socket is closed in good order, in mid-stream
    SKEW = "skew"  # the world's clock is behind the machine's, from the start: its answers' Date and all its times
    DATABASE_DOWN = "dbdown"  # Dokploy's own database is down until the fault is cleared; no other platform has it
    BAD_DEPLOY = "bad-deploy"  # a deployment of `operation` (a service's path) meets the fate in `detail`: unhealthy


_OF_SOCKETS = frozenset({FaultKind.RATE_LIMIT, FaultKind.DROP, FaultKind.CLOSE, FaultKind.MALFORMED, FaultKind.SILENT})
STREAM_FAULTS = frozenset({FaultKind.DROP, FaultKind.CLOSE, FaultKind.MALFORMED, FaultKind.SILENT})


_CHANCES = {FaultKind.SLOW: 0.5, FaultKind.BAD_DEPLOY: 0.5, FaultKind.DATABASE_DOWN: 1.0}
"""How often the command line's faults occur; the others at every tenth request."""


class Channel(StrEnum):
    HTTP = "http"
    SOCKET = "socket"


@dataclass(slots=True, eq=False)
class Fault:
    """`operation` is an operation's name or a root field; "" any. `count` None: again and again.

    `after` counts what must go well first: requests, or on a socket log lines. `chance` is drawn each time.
    `detail` is the kind's own: "text" for a 429 without JSON, "edge" for the one of Railway's CDN, a status code for
    5xx, a close code for close, the words of a refusal, a fate for a bad deploy.
    """

    kind: FaultKind
    operation: str = ""
    channel: Channel | None = None
    count: int | None = None
    after: int = 0
    chance: float = 1.0
    seconds: float = 3.0
    detail: str = ""
    pause_s: float = 0.0  # not again for so long, in the world's time
    taken: int = 0
    ready_at: int = 0


class Faults:
    def __init__(self, seed: int, now: Callable[[], int], changed: Callable[[], None]) -> None:
        self._faults: list[Fault] = []
        self._now = now
        self._random = random.Random(f"faults:{seed}")
        self._changed = changed

    def add(
        self,
        kind: str,
        operation: str = "",
        *,
        channel: str | None = None,
        count: int | None = 1,
        after: int = 0,
        chance: float = 1.0,
        seconds: float = 3.0,
        detail: str = "",
        pause_s: float = 0.0,
    ) -> Fault:
        """From now on; once, unless `count` says otherwise (None: until removed). Raises ValueError: no such kind."""
        where = None if channel is None else Channel(channel)
        if kind == FaultKind.BAD_DEPLOY:
            fate_of(detail or "unhealthy")
        fault = Fault(FaultKind(kind), operation, where, count, after, chance, seconds, detail, pause_s)
        self._faults.append(fault)
        self._changed()
        return fault

    def start(self, kinds: Iterable[str]) -> None:
        """The command line's: each kind now and then, for as long as the world stands.

        A socket has a chance with every frame, and would have no peace without a pause.
        """
        for kind in kinds:
            if kind == FaultKind.SKEW:  # the clock has it
                continue
            chance = _CHANCES.get(FaultKind(kind), 0.1)
            self.add(kind, channel="http", count=None, chance=chance, seconds=2.0)
            if kind in _OF_SOCKETS:
                self.add(kind, channel="socket", count=None, chance=chance, pause_s=20.0)

    def remove(self, fault: Fault) -> None:
        self._faults.remove(fault)

    def clear(self) -> None:
        self._faults.clear()

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults)

    def take(
        self, kind: FaultKind, channel: Channel, names: Iterable[str], progress: int | None = None
    ) -> Fault | None:
        """The fault to show now, if any; it is counted. `progress` is how much went well already, where it is known."""
        for fault in self._faults:
            if fault.kind is not kind or (fault.channel is not None and fault.channel is not channel):
                continue
            if fault.operation and fault.operation not in names:
                continue
            if progress is not None and progress < fault.after:
                continue
            if progress is None and fault.after > 0:
                fault.after -= 1
                continue
            if self._now() < fault.ready_at:
                continue
            if fault.chance < 1.0 and self._random.random() >= fault.chance:
                continue
            fault.taken += 1
            fault.ready_at = self._now() + round(fault.pause_s * SECOND)
            if fault.count is not None:
                fault.count -= 1
                if fault.count <= 0:
                    self._faults.remove(fault)
            return fault
        return None

    def bad_fate(self, path: str) -> Fate | None:
        """Return the fate that the next deployment of a service meets instead of its own, if there is such a fault."""
        fault = self.take(FaultKind.BAD_DEPLOY, Channel.HTTP, {path})
        return None if fault is None else fate_of(fault.detail or "unhealthy")

    def armed(self, kinds: Iterable[FaultKind]) -> bool:
        return any(fault.kind in kinds for fault in self._faults)
