"""Old log rows over HTTP: the newest, a time span, or what was missed while a stream was cut."""

from __future__ import annotations

from dataclasses import dataclass

from tui.model.clock import Clock
from tui.model.errors import UnexpectedReply
from tui.model.log import Cursor, GapKind, LogGap, LogSource
from tui.providers.graphql import Endpoint
from tui.providers.overlap import NO_TIME, Overlap, Row, without_known
from tui.providers.railway.log_root import LATE, Root
from tui.providers.stamps import of_datetime, to_datetime

PAGE = 1000
PAGES = 20
"""What one reading may cost. Lines beyond are said to be left out."""

KNOWN = 100
"""At least so many rows are known when following begins: as many as Railway has been seen to replay."""

_MILLISECOND = 1_000_000


@dataclass(slots=True)
class Mark:
    """What `Cursor.token` holds: rows up to `floor` are not wanted; `deployment` is whose log was read last."""

    floor: int = 0
    deployment: str = ""

    @classmethod
    def of(cls, cursor: Cursor) -> Mark:
        floor, _, deployment = cursor.token.partition(" ")
        mark = cls(int(floor) if floor.isdigit() else 0, deployment)
        if len(cursor.recent) == cursor.recent.maxlen:  # rows before were yielded, and forgotten
            mark.floor = max(mark.floor, min(key[1] for key in cursor.recent))
        return mark

    def put(self, cursor: Cursor) -> None:
        cursor.token = f"{self.floor} {self.deployment}"


@dataclass(slots=True)
class Reading:
    """Rows to yield, oldest first, and what is known to be missing before them."""

    rows: list[Row]
    gap: LogGap | None = None


class Pages:
    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._endpoint = endpoint
        self._clock = clock

    def now(self) -> int:
        return of_datetime(self._clock.now() + self._endpoint.meter.skew.shift)

    async def first(self, root: Root, source: LogSource, cursor: Cursor) -> Reading:
        """The old rows that were asked for. The cursor learns where wanted rows begin, and more rows than those."""
        since = of_datetime(source.since) if source.since else None
        until = of_datetime(source.until) if source.until else None
        mark = Mark(deployment=root.deployment)
        if since is not None:
            rows, whole = await self.back(root, since, until, None)
            rows = [
                row for row in rows if row.at == NO_TIME or (since <= row.at and (until is None or row.at <= until))
            ]
            mark.floor = max(0, since - 1)
            gap = None if whole else _left_out(rows, kind=GapKind.OLDER)
            extra: list[Row] = []
        else:
            count = max(source.tail, KNOWN) if source.follow and until is None else source.tail
            rows, whole = await self.back(root, None, until, count) if count else ([], False)
            mark.floor = 0 if whole else next((row.at for row in rows if row.at != NO_TIME), 0)
            gap = None
            cut = max(0, len(rows) - source.tail)
            extra, rows = rows[:cut], rows[cut:]
        mark.put(cursor)
        cursor.recent.extend(row.key for row in extra)
        return Reading(rows, gap)

    async def missed(self, root: Root, cursor: Cursor) -> Reading:
        """Rows that came since the cursor's last; of another deployment's log than before, all that are wanted."""
        mark = Mark.of(cursor)
        overlap = Overlap(cursor.recent, mark.floor)
        another = mark.deployment != root.deployment
        mark.deployment = root.deployment
        mark.put(cursor)
        if another or overlap.newest == NO_TIME:
            rows, whole = await self.back(root, mark.floor or None, None, PAGE)
            new = [row for row in rows if overlap.is_new(row)]
            return Reading(new, _left_out(new, PAGE) if not whole and overlap.newest != NO_TIME else None)
        rows, whole = await self.back(root, max(0, overlap.newest - LATE), None, None)
        new = [row for row in rows if overlap.is_new(row)]
        if not whole:
            return Reading(new, _left_out(new))
        if not overlap.met:
            reason = "the connection broke, and Railway no longer has the lines from before: some may be missing"
            return Reading(new, LogGap(new[0].entries[0].at if new else None, reason))
        return Reading(new)

    async def back(self, root: Root, since: int | None, until: int | None, count: int | None) -> tuple[list[Row], bool]:
        """The newest `count` rows of a span (all of it for None), and whether there are no others in it."""
        rows: list[Row] = []
        for _ in range(PAGES):
            size = PAGE if count is None else min(PAGE, count - len(rows))
            page, full = await self.page(root, since, until, size)
            if rows:
                page = without_known(page, rows)
            rows = page + rows
            if not full:
                return rows, True
            if not page or (count is not None and len(rows) >= count):
                break
            oldest = next((row.at for row in rows if row.at != NO_TIME), None)
            if oldest is None:
                break
            # Whether the end belongs to the span is not documented, nor that it is kept finer than milliseconds.
            until = (oldest // _MILLISECOND + 2) * _MILLISECOND
        return rows, False

    async def page(self, root: Root, since: int | None, until: int | None, limit: int) -> tuple[list[Row], bool]:
        """The newest `limit` rows, and whether there were as many."""
        data = await self._endpoint.execute(root.query, root.old(since, until, limit, self.now()))
        found = data.get(root.field)
        if not isinstance(found, list):
            peer = self._endpoint.peer
            raise UnexpectedReply(
                f"Account {peer.account}: {peer.title}'s answer has no {root.field}.", where=root.field
            )
        rows = [root.row(row, root.deployment) for row in found]
        if any(rows[i].at > rows[i + 1].at != NO_TIME for i in range(len(rows) - 1)):
            rows.sort(key=lambda row: row.at)  # stable: equal times stay as Railway has them
        return rows[-limit:], len(rows) >= limit


def _left_out(rows: list[Row], count: int = PAGE * PAGES, kind: GapKind = GapKind.MISSING) -> LogGap:
    at = to_datetime(rows[0].at) if rows else None
    return LogGap(at, f"older lines are left out: there are more than {count:,}", kind=kind)
