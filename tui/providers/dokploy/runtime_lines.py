"""Docker's log lines as they come over Dokploy's socket: a time to the nanosecond, then the message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tui.model.errors import ProviderError, Unreachable
from tui.model.lines import LineSplitter
from tui.model.log import LogLine
from tui.model.text import log_lines
from tui.providers.http import Peer
from tui.providers.overlap import NO_TIME, Row, key
from tui.providers.stamps import nanoseconds, to_datetime

_MARGIN_S = 5  # our clock and theirs need not agree
_NO_CONTAINER = ("Error response from daemon:", "no such task or service", "No such container")
_NO_SERVER = ("SSH error:", "Server not found", "This feature is not available")


class Reader(Struct, frozen=True):
    """One thing whose lines are read: a swarm service by its name, or a container by its id."""

    container: str
    swarm: bool
    name: str = ""


class Frames:
    """Frames to rows, each reader's for itself: a line may come in several."""

    def __init__(self, peer: Peer, readers: Sequence[Reader]) -> None:
        self._peer = peer
        self._readers = readers
        self._splitters = [LineSplitter() for _ in readers]
        self._last = [NO_TIME] * len(readers)

    def take(self, number: int, frame: str) -> list[Row]:
        """Raises ProviderError for what Docker or Dokploy says in the log's place."""
        splitter = self._splitters[number]
        whole = splitter.feed(frame)
        if splitter.partial.startswith(_NO_SERVER):  # these come without a line's end
            whole.append(splitter.partial)
        return [row for text in whole if (row := self._row(number, text.removesuffix("\r"))) is not None]

    def _row(self, number: int, text: str) -> Row | None:
        if not text:
            return None
        reader = self._readers[number]
        stamp, _, message = text.partition(" ")
        try:
            at = nanoseconds(stamp) if stamp[:1].isdigit() and "T" in stamp else None
        except ValueError:
            at = None
        if at is None:
            if (error := self._instead(text)) is not None:
                raise error
            at, message = self._last[number], text  # part of what stood before it
        self._last[number] = at
        lines = tuple(LogLine(to_datetime(at), each, instance=reader.name) for each in log_lines(message))
        return Row(key(f"{reader.name}\0{message}", at), lines)

    def _instead(self, text: str) -> ProviderError | None:
        said = f"Account {self._peer.account}: “{self._peer.quote(text)}”"
        if text.startswith(_NO_SERVER):
            return Unreachable(f"{said}: Dokploy does not reach the server.", remedy="It is tried again.")
        if text.startswith(_NO_CONTAINER):
            return Unreachable(f"{said}: nothing of it runs at the moment.", remedy="It is tried again.")
        return None


def since_s(now: datetime, newest: int, since: datetime | None) -> int | None:
    """How many seconds back Docker is to begin; None: wherever its tail begins. It knows whole seconds only."""
    begin = to_datetime(newest) or since
    if begin is None:
        return None
    return max(1, int((now - begin) / timedelta(seconds=1)) + _MARGIN_S)
