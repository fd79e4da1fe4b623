"""Reading a gap back: the lines between its edges from the platform's history, those that are there already left out.

What the platform does not give stays a gap, smaller perhaps, and says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from tui.engine.link import Link, at
from tui.engine.log_store import LogStore
from tui.model.errors import ProviderError
from tui.model.log import Cursor, GapKind, HttpRequest, LogEntry, LogGap, LogLine, LogSource
from tui.model.moment import from_microseconds
from tui.model.provider import Priority
from tui.model.structured import structured

if TYPE_CHECKING:
    from tui.engine.log_tail import LogTail

MOST = 50_000  # lines of one reading
JITTER = timedelta(seconds=5)  # a line that is so much older may come behind a younger one
_LOOKED_AT = 20_000  # held lines beside the gap

Line = LogLine | HttpRequest
_Key = tuple[datetime | None, str, str]
Read = Callable[[LogSource, Cursor], AsyncGenerator[LogEntry, None]]


class Edges(Struct, frozen=True):
    """What is held on both sides. `since` and `until` are the times of the nearest lines; `oldest` that of the oldest
    line of all."""

    since: datetime
    until: datetime
    oldest: datetime
    before: Counter[_Key]
    after: Counter[_Key]

    @property
    def begin(self) -> datetime:
        """Where the reading begins: never before what the log itself begins with."""
        return max(self.since - JITTER, self.oldest)


class Filled(Struct, frozen=True):
    """`gap` is what is to be said in the old one's place."""

    gap: LogGap
    entries: tuple[LogEntry, ...]
    told: str


async def fill(tail: LogTail, number: int, link: Link) -> str:
    """Reads the gap at `number` of the tail's buffer back into its place. What came of it, in a sentence."""
    buffer = tail.buffer
    gap = buffer[number] if buffer.first <= number < buffer.end else None
    if not isinstance(gap, LogGap):
        return "There is no gap here."
    title = link.account.title
    if (refusal := _unfillable(gap, title)) is not None:
        return refusal
    if tail.filling:
        return "A gap of this log is being read back already."
    held = edges(buffer, number, gap.until or tail.platform_now)
    if held is None:
        return "No line before this gap has a time: it cannot be said what is missing."
    tail.filling = True
    try:
        with at(Priority.FOCUSED):
            found = await read(
                tail.source,
                held,
                gap,
                lambda source, cursor: link.stream(lambda provider: provider.logs(source, cursor)),
                title=title,
            )
    except ProviderError as error:
        return f"The gap could not be read back: {error}"
    finally:
        tail.filling = False
    return _put(tail, number, gap, found)


def _put(tail: LogTail, number: int, gap: LogGap, found: Filled) -> str:
    if number < tail.buffer.first or tail.buffer[number] != gap:
        return "The gap went with the oldest lines while it was read back."
    if not tail.buffer.fill(number, found.gap, found.entries):
        return "The lines around this gap are on the disk already: nothing can be put between them."
    tail.completeness.fill(number, found.gap, len(found.entries))
    moved = {each + len(found.entries) if each > number else each: note for each, note in tail.marks.items()}
    tail.marks.clear()
    tail.marks.update(moved)
    return found.told


def _unfillable(gap: LogGap, title: str) -> str | None:
    if gap.closed:
        return "This gap is filled: nothing is missing here any more."
    match gap.kind:
        case GapKind.MISSING:
            return None
        case GapKind.DROPPED:
            return f"{title} dropped these lines itself, before anybody could read them: nobody has them."
        case GapKind.LOST:
            return f"Nothing can be read back here. {gap.reason}"
        case GapKind.OLDER:
            return f"The log begins here. {gap.reason}"
        case GapKind.NOTE:
            return "Nothing is missing here."


def edges(store: LogStore, number: int, now: datetime) -> Edges | None:
    """Of the gap at `number`; None where no line before it has a time. Nothing behind it: until `now`."""
    before = list(_beside(store, range(number - 1, max(store.first, number - _LOOKED_AT) - 1, -1)))
    after = list(_beside(store, range(number + 1, min(store.end, number + _LOOKED_AT))))
    since = next((line.at for line in before if line.at is not None), None)
    if since is None:
        return None
    until = next((line.at for line in after if line.at is not None), now)
    oldest = next((us for each in range(store.first, number) if (us := store.time_us(each)) is not None), None)
    begins = since if oldest is None else min(since, from_microseconds(oldest))
    return Edges(since, max(since, until), begins, Counter(map(_key, before)), Counter(map(_key, after)))


def _beside(store: LogStore, numbers: range) -> Iterator[Line]:
    """The lines from the gap outwards, as long as they can be as old as its edge."""
    edge: datetime | None = None
    for number in numbers:
        entry = store[number]
        if not isinstance(entry, LogLine | HttpRequest):
            continue
        if entry.at is not None:
            edge = edge or entry.at
            if abs(entry.at - edge) > 2 * JITTER:
                return
        yield entry


async def read(source: LogSource, edges: Edges, gap: LogGap, stream: Read, *, title: str) -> Filled:
    """What is missing between the edges. Raises ProviderError; nothing is then known that was not before."""
    asked = replace(source, since=edges.begin, until=edges.until, tail=MOST, follow=False)
    known = edges.before + edges.after
    new: list[LogEntry] = []
    met = cut = kept = False
    reason = ""
    async with aclosing(stream(asked, Cursor())) as entries:
        async for entry in entries:
            if isinstance(entry, LogGap):
                if entry.kind is GapKind.DROPPED:
                    new += [entry] if kept else []
                elif entry.kind is not GapKind.NOTE:
                    reason = entry.reason
                continue
            line = structured(entry) if isinstance(entry, LogLine) else entry
            key = _key(line)
            met = met or key in edges.before
            if kept := known[key] <= 0 and _is_between(line, edges):
                new.append(line)
            elif known[key] > 0:
                known[key] -= 1
            if len(new) >= MOST:
                cut = True
                break
    new = _by_time(new)
    lines = sum(not isinstance(each, LogGap) for each in new)
    filled = (gap.filled or 0) + lines
    if cut:
        reason = f"more than {MOST:,} lines are missing"
    elif not met and not reason:
        reason = f"{title} no longer has the lines from before"
    if not reason:
        return Filled(replace(gap, filled=filled, closed=True), tuple(new), _told(lines, ""))
    first = next((each.at for each in new if each.at is not None), None)
    rest = replace(gap, filled=filled, reason=reason, until=gap.until if cut or first is None else first)
    return Filled(rest, tuple(new), _told(lines, reason))


def _told(lines: int, reason: str) -> str:
    read_back = f"{lines:,} line{'' if lines == 1 else 's'} read back"
    if not reason:
        return f"{read_back}: the gap is filled." if lines else "Nothing was missing here: the platform has no others."
    return f"{read_back}, and not all: {reason.rstrip('.')}."


def _is_between(line: Line, edges: Edges) -> bool:
    """Of what is as old as the oldest line of the log nobody asked for the rest."""
    if line.at is None or line.at > edges.until:
        return False
    return line.at >= edges.begin if edges.begin > edges.oldest else line.at > edges.oldest


def _key(line: Line) -> _Key:
    if isinstance(line, HttpRequest):
        return (line.at, line.id, "")
    return (line.at, line.raw or line.text, line.instance)


def _by_time(entries: list[LogEntry]) -> list[LogEntry]:
    """A drop notice stays behind the line that told it."""
    order: list[tuple[datetime, int]] = []
    last: datetime | None = None
    for number, entry in enumerate(entries):
        last = entry.at if entry.at is not None and not isinstance(entry, LogGap) else last
        assert last is not None
        order.append((last, number))
    return [entries[number] for _, number in sorted(order)]
