"""The log that tells why a deployment failed, and the first error in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import islice
from typing import TypeGuard

from msgspec import Struct

from tui.engine.log_records import BufferEntry, searchable
from tui.engine.log_tail import LogTail, Tails
from tui.model.entities import Deployment, Service, Step
from tui.model.log import HttpRequest, Level, LogGap, LogKind, LogLine
from tui.model.status import Status

BEFORE, AFTER = 3, 8  # lines shown around the first error
TAIL = 12  # lines shown where there is none
AT_MOST = 20_000  # lines looked at
_LOOKED_AT = 2_000  # characters of a line

_RUNS = ("migrat", "create", "health", "drain", "start")  # steps whose failing the runtime log tells of
_ERROR = re.compile(
    r"(?i:(?:^|[\s\[(<|])(?:error|fatal|panic|exception)(?:\s+\w{1,12}\d{2,6})?\s*[:\]!])"
    r"|Traceback \(most recent|\b[A-Z]\w*(?:Error|Exception):|npm ERR!|command not found"
    r"|(?i:\bexit (?:code|status):? [1-9])"
)


def failing_kind(deployment: Deployment, steps: Sequence[Step] = ()) -> LogKind | None:
    """Which log tells why; None for a deployment that did not fail."""
    match deployment.status:
        case Status.CRASHED:
            return LogKind.RUNTIME
        case Status.FAILED:
            failed = next((step.name.casefold() for step in steps if step.status is Status.FAILED), "")
            return LogKind.RUNTIME if any(word in failed for word in _RUNS) else LogKind.BUILD
    return None


def is_error(entry: LogLine | HttpRequest) -> bool:
    """By its level; where the platform gives none, by how errors are written."""
    return entry.level >= Level.ERROR or _ERROR.search(searchable(entry)[:_LOOKED_AT]) is not None


class Excerpt(Struct, frozen=True):
    """Entries around the first error, `error` is its place among them; None: none was found, and these are the last.

    `gap` is what the platform says it has not kept.
    """

    entries: tuple[LogLine | HttpRequest, ...] = ()
    error: int | None = None
    gap: str = ""


class FailingLog:
    """One deployment's own lines of one log, as they come. To be closed.

    Raises NotFound for a deployment that is not in the store.
    """

    def __init__(self, tails: Tails, service: Service, deployment: Deployment, kind: LogKind) -> None:
        self.kind = kind
        self.deployment = deployment
        newest = service.latest is not None and service.latest.ref == deployment.ref
        own = kind is LogKind.BUILD or not (newest or deployment.is_live)
        self._tails = tails
        self.tail: LogTail = tails.open(kind, service.ref, deployment.ref if own else None)
        self._looked = self.tail.buffer.first
        self._error: int | None = None

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self.tail.watch(callback)

    def close(self) -> None:
        self._tails.close(self.tail)

    def excerpt(self) -> Excerpt:
        self._look()
        store = self.tail.buffer
        if self._error is not None and self._error >= store.first:
            before = self._lines(self._error, -1, BEFORE)[::-1]
            return Excerpt((*before, *self._lines(self._error - 1, 1, AFTER + 1)), len(before))
        gap = next((entry.reason for entry in map(store.__getitem__, self._last(50)) if isinstance(entry, LogGap)), "")
        return Excerpt(tuple(self._lines(store.end, -1, TAIL)[::-1]), None, gap)

    def _look(self) -> None:
        """On from where it was looked before."""
        store = self.tail.buffer
        start = max(self._looked, store.first)
        if self._error is None:
            for number in range(start, min(store.end, store.first + AT_MOST)):
                entry = store[number]
                if self._is_own(entry) and is_error(entry):
                    self._error = number
                    break
        self._looked = store.end

    def _is_own(self, entry: BufferEntry) -> TypeGuard[LogLine | HttpRequest]:
        if not isinstance(entry, LogLine | HttpRequest) or entry.deployment not in ("", self.deployment.id):
            return False
        made = self.deployment.created_at
        return entry.at is None or made is None or bool(entry.deployment) or entry.at >= made

    def _lines(self, number: int, step: int, count: int) -> list[LogLine | HttpRequest]:
        """Own lines beyond `number`, at most `count`; looking no further than ten times as many entries."""
        store = self.tail.buffer
        within = range(number + step, number + step * (count * 10 + 1), step)
        entries = (store[each] for each in within if store.first <= each < store.end)
        return list(islice(filter(self._is_own, entries), count))

    def _last(self, count: int) -> range:
        store = self.tail.buffer
        return range(max(store.first, store.end - count), store.end)
