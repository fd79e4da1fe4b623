"""What of one log is known to be missing, and why: gaps, what the platform dropped, cuts of the connection."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from msgspec import Struct

from tui.model.log import GapKind, LogGap

CUTS = 100  # the newest that are kept
GAPS = 1_000


class Cut(Struct):
    """The connection was lost. On the platform's clock; `until` None: it still is."""

    at: datetime
    why: str
    until: datetime | None = None
    lost: bool = False  # lines of that time are missing, or were when it came back


class Completeness:
    """`gaps` by their number in the log's store, oldest first; the counts go on when the store drops them."""

    def __init__(self) -> None:
        self.gaps: dict[int, LogGap] = {}
        self.cuts: deque[Cut] = deque(maxlen=CUTS)
        self.platform_dropped = 0  # lines, as far as the platform told how many
        self.uncounted = 0  # times that the platform dropped lines without telling how many
        self.unreadable = 0
        self.filled = 0
        self._forgotten = 0  # gaps that were open and are no longer in `gaps`

    def note(self, number: int, gap: LogGap) -> None:
        match gap.kind:
            case GapKind.DROPPED:
                self.platform_dropped += gap.lines or 0
                self.uncounted += gap.lines is None
            case GapKind.LOST:
                self.unreadable += gap.lines or 0
        if gap.kind is not GapKind.NOTE:
            self.gaps[number] = gap
            if len(self.gaps) > GAPS:
                self._forgotten += self.gaps.pop(next(iter(self.gaps))).is_open

    def fill(self, number: int, gap: LogGap, lines: int) -> None:
        """The gap is now `gap`, and so many lines were put behind it."""
        self.filled += lines
        self.gaps = {each + lines if each > number else each: known for each, known in self.gaps.items()}
        self.gaps[number] = gap

    @property
    def open(self) -> list[LogGap]:
        """Gaps that may still be filled, oldest first."""
        return [gap for gap in self.gaps.values() if gap.is_open]

    @property
    def open_count(self) -> int:
        return len(self.open) + self._forgotten

    @property
    def older(self) -> LogGap | None:
        """What the platform said of the lines before the oldest one."""
        return next((gap for gap in self.gaps.values() if gap.kind is GapKind.OLDER), None)

    @property
    def lost(self) -> int:
        """Gaps that nobody can fill: erased, or unreadable."""
        return sum(gap.kind is GapKind.LOST for gap in self.gaps.values())

    @property
    def whole(self) -> bool:
        """Everything since the oldest line is there, as far as anybody can know."""
        return not (self.open_count or self.platform_dropped or self.uncounted or self.lost)
