"""The lines of one log, bounded and compact: blocks of text with times, levels and contexts beside them.

No Python object lives as long as a line. What is appended waits, at most 256 entries, to be packed together; the open
block takes it; a full one is sealed (compressed) in a thread. Reading unpacks a block, and the last few stay unpacked.
`log_records` tells what is in it.
"""

from __future__ import annotations

import asyncio
import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from functools import cached_property
from itertools import accumulate, repeat
from operator import add, sub
from typing import TYPE_CHECKING, Protocol, cast

from msgspec import Struct

from tui.engine.log_records import (
    BufferEntry,
    Notice,
    Rule,
    context,
    line_of,
    parted,
    records_of,
    request_of,
    visible,
)
from tui.model.log import GapKind, HttpRequest, Level, LogGap, LogLine
from tui.model.moment import EPOCH, from_microseconds

if TYPE_CHECKING:
    from tui.engine.log_spool import LogSpool, SpooledLog

BLOCK_CHARS = 256 * 1024
BLOCK_LINES = 8192
NO_TIME = -(1 << 63)  # stands in `times` for an entry without one
NO_LEVEL = 0xFF
PAGES = 16  # unpacked blocks that are kept

_BATCH = 256  # entries packed together: ten times cheaper than one by one
_LONG = 4096  # characters of a line that does not wait for others
_WAITING = 32  # full blocks that wait for the thread; with more, the one who appends seals
_BLOCK_COST = 600  # bytes of a block's summary
_RARE_COST = 600  # bytes of a Rule, Notice or LogGap
_GZIP = 16 + zlib.MAX_WBITS
_UNREADABLE = "this line was on the disk and cannot be read back"
_LEVELS = tuple(Level)
_ONLY_LINES = {LogLine}

# A kind is one byte: what the entry is above, its level below. A plain notice and a rule have none.
_REQUEST, _GAP, _NOTICE, _RULE = 0x10, 0x20 | Level.ERROR, 0x3F, 0x4F
_BAD_NOTICE = 0x30 | Level.ERROR
_LOST = 0x5F  # it was on the disk, and cannot be read back
_AT_LEAST = [bytes(level <= kind & 0x0F <= Level.FATAL for kind in range(256)) for level in Level]
_LEVEL_OF = bytes(kind & 0x0F if kind < 0x20 else NO_LEVEL for kind in range(256))


class LogLimits(Struct, frozen=True):
    """Bytes are counted as they are held: compressed, once a block is sealed."""

    lines: int = 1_000_000  # of a source
    bytes: int = 64 << 20  # of a source
    total_bytes: int = 256 << 20  # of all sources together


class Scan:
    """The searchable lines of entries `first`..`end`-1, each followed by a line end, and none inside.

    `starts[i]` is the offset in `text` of entry `first + i`. `times` are microseconds or NO_TIME, `levels` a byte each,
    NO_LEVEL for what has none.
    """

    def __init__(self, page: _Page) -> None:
        self._page = page
        self.first = page.first
        self.end = page.first + page.count

    @cached_property
    def text(self) -> str:
        text = self._page.text
        return visible(text)

    @cached_property
    def starts(self) -> Sequence[int]:
        return self._page.starts if len(self.text) == len(self._page.text) else _starts_of(self.text)

    @property
    def times(self) -> Sequence[int]:
        return self._page.columns.times

    @cached_property
    def levels(self) -> bytes:
        return self._page.columns.kinds.translate(_LEVEL_OF)


class _Columns:
    """What stands beside the text of a block, an item for each entry."""

    __slots__ = ("contexts", "kinds", "table", "times")

    def __init__(
        self, times: array[int], kinds: bytes, contexts: array[int] | None = None, table: Sequence[str] = ()
    ) -> None:
        self.times = times
        self.kinds = kinds
        self.contexts = contexts or array("H")  # places in `table`
        self.table = table  # deployment US instance

    def packed(self) -> bytes:
        """The bytes of the times by their weight: the high ones hardly differ, and then compress to nothing."""
        times = self.times.tobytes()
        planes = b"".join(times[byte::8] for byte in range(8))
        table = "\n".join(self.table).encode("utf-8", "surrogatepass")
        return zlib.compress(b"".join((planes, self.kinds, self.contexts.tobytes(), table)), 1)

    @classmethod
    def unpacked(cls, packed: bytes, count: int) -> _Columns:
        body = zlib.decompress(packed)
        woven = bytearray(8 * count)
        for byte in range(8):
            woven[byte::8] = body[byte * count : (byte + 1) * count]
        times, contexts = array("q"), array("H")
        times.frombytes(woven)
        contexts.frombytes(body[9 * count : 11 * count])
        table = body[11 * count :].decode("utf-8", "surrogatepass").split("\n")
        return cls(times, body[8 * count : 9 * count], contexts, table)


class Sealed(Protocol):
    """A compressed block, wherever it is. Reading it may raise OSError."""

    def text(self) -> bytes: ...
    def columns(self) -> bytes: ...
    @property
    def nbytes(self) -> int:
        """In memory."""


class InMemory(Struct, frozen=True):
    packed_text: bytes  # gzip
    packed_columns: bytes

    def text(self) -> bytes:
        return self.packed_text

    def columns(self) -> bytes:
        return self.packed_columns

    @property
    def nbytes(self) -> int:
        return len(self.packed_text) + len(self.packed_columns)


class _Page:
    """A block unpacked, as far as somebody asked for it."""

    def __init__(self, first: int, count: int, rare: dict[int, BufferEntry], sealed: Sealed | None = None) -> None:
        self.first = first
        self.count = count
        self._rare = rare
        self._sealed = sealed

    @cached_property
    def text(self) -> str:
        assert self._sealed is not None
        try:
            return zlib.decompress(self._sealed.text(), _GZIP).decode("utf-8", "surrogatepass")
        except (OSError, zlib.error, UnicodeDecodeError):
            self.columns = _Columns(array("q", [NO_TIME]) * self.count, bytes([_LOST]) * self.count)
            return f"{_UNREADABLE}\n" * self.count

    @cached_property
    def columns(self) -> _Columns:
        assert self._sealed is not None
        try:
            return _Columns.unpacked(self._sealed.columns(), self.count)
        except (OSError, zlib.error, UnicodeDecodeError):
            return _Columns(array("q", [NO_TIME]) * self.count, bytes([_LOST]) * self.count)

    @cached_property
    def starts(self) -> array[int]:
        return _starts_of(self.text)

    @cached_property
    def scan(self) -> Scan:
        return Scan(self)

    def entry(self, number: int) -> BufferEntry:
        place = number - self.first
        if (rare := self._rare.get(number)) is not None:
            return rare
        starts = self.starts
        columns = self.columns
        end = starts[place + 1] if place + 1 < self.count else len(self.text)
        record = self.text[starts[place] : end - 1]
        us, kind = columns.times[place], columns.kinds[place]
        if kind == _LOST:
            return LogGap(None, _UNREADABLE)
        at = None if us == NO_TIME else from_microseconds(us)
        deployment, instance = parted(columns.table[columns.contexts[place]])
        if kind < _REQUEST:
            return line_of(record, at, _LEVELS[kind], deployment, instance)
        assert at is not None
        return request_of(record, at, deployment, instance)


class _Block:
    """A full block: what is known of it without unpacking it."""

    __slots__ = ("count", "end", "first", "gone", "latest_us", "levels", "nbytes", "page", "rare", "rules", "sealed")

    def __init__(self, page: _Page, rare: dict[int, BufferEntry], nbytes: int) -> None:
        columns = page.columns
        self.first = page.first
        self.count = page.count
        self.end = page.first + page.count
        self.latest_us = max(columns.times)
        self.levels = [columns.kinds.translate(_AT_LEAST[level]).count(1) for level in Level]  # so many at least
        self.rare = rare
        self.rules = sorted(number for number, entry in rare.items() if isinstance(entry, Rule))
        self.page: _Page | None = page  # until it is sealed
        self.sealed: Sealed | None = None
        self.nbytes = nbytes
        self.gone = False  # others stand in its place

    def move_up(self, by: int) -> None:
        self.first += by
        self.end += by
        _move_up(self.rare, by)
        self.rules = [number + by for number in self.rules]
        if self.page is not None:
            self.page.first = self.first
            self.page.__dict__.pop("scan", None)


class _Open:
    """The block that grows."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.chars = 0
        self.rare: dict[int, BufferEntry] = {}
        self._parts: list[str] = []
        self._starts = array("I")
        self._times = array("q")
        self._kinds = bytearray()
        self._contexts = array("H")
        self._table: dict[tuple[str, str], int] = {}
        self._page: _Page | None = None

    @property
    def count(self) -> int:
        return len(self._kinds)

    @property
    def end(self) -> int:
        return self.first + len(self._kinds)

    @property
    def nbytes(self) -> int:
        return _BLOCK_COST + self.chars + 15 * self.count + _RARE_COST * len(self.rare)

    def add(self, entries: Sequence[BufferEntry], records: list[str], text: str) -> None:
        """`text` is the records, each with a line end."""
        self._page = None
        self._parts.append(text)
        self._starts.extend(_starts(records, self.chars))
        self.chars += len(text)
        if set(map(type, entries)) == _ONLY_LINES:
            lines = cast("Sequence[LogLine]", entries)
            self._kinds += bytes([each.level for each in lines])
            contexts = [(each.deployment, each.instance) for each in lines]
        else:
            contexts = self._add_mixed(entries)
        ats = [each.at for each in entries]
        if None in ats:
            self._times.extend([NO_TIME if at is None else _us(at - EPOCH) for at in ats])
        else:
            since = map(sub, ats, repeat(EPOCH))
            self._times.extend([(s.days * 86_400 + s.seconds) * 1_000_000 + s.microseconds for s in since])
        different, table = set(contexts), self._table
        for each in different.difference(table):
            table[each] = len(table)
        if len(different) == 1:
            self._contexts.extend(array("H", [table[contexts[0]]]) * len(contexts))
        else:
            self._contexts.extend([table[context] for context in contexts])

    def _add_mixed(self, entries: Sequence[BufferEntry]) -> list[tuple[str, str]]:
        contexts = []
        for number, entry in enumerate(entries, self.end):
            match entry:
                case LogLine():
                    self._kinds.append(entry.level)
                    contexts.append((entry.deployment, entry.instance))
                case HttpRequest():
                    self._kinds.append(_REQUEST | entry.level)
                    contexts.append((entry.deployment, entry.instance))
                case _:
                    self._kinds.append(_rare_kind(entry))
                    self.rare[number] = entry
                    contexts.append(("", ""))
        return contexts

    def move_up(self, by: int) -> None:
        self.first += by
        _move_up(self.rare, by)
        self._page = None

    def page(self) -> _Page:
        if self._page is None:
            page = self._page = _Page(self.first, self.count, self.rare)
            self._parts = ["".join(self._parts)]
            page.text = self._parts[0]
            page.starts = self._starts[:]
            table = [context(*each) for each in self._table]
            page.columns = _Columns(self._times[:], bytes(self._kinds), self._contexts[:], table)
        return self._page


class LogBudget:
    """What several stores share: the bytes they may hold together, and the blocks unpacked last.

    Over the limit it is the largest store that loses its oldest block: a flood drops its own lines first.
    """

    def __init__(self, limits: LogLimits | None = None) -> None:
        self.limits = limits or LogLimits()
        self.stores: list[LogStore] = []
        self._pages: OrderedDict[_Block, _Page] = OrderedDict()

    @property
    def nbytes(self) -> int:
        return sum(store.nbytes for store in self.stores)

    def enforce(self) -> None:
        while self.nbytes > self.limits.total_bytes:
            largest = max(self.stores, key=lambda store: store.droppable_bytes)
            if not largest.droppable_bytes:
                return
            largest.drop_oldest()

    def page(self, block: _Block) -> _Page:
        page = self._pages.get(block)
        if page is None:
            page = self._pages[block] = _Page(block.first, block.count, block.rare, block.sealed)
            if len(self._pages) > PAGES:
                self._pages.popitem(last=False)
        else:
            self._pages.move_to_end(block)
        return page

    def forget(self, block: _Block) -> None:
        self._pages.pop(block, None)

    def forget_pages(self) -> None:
        """What is unpacked is unpacked again when it is looked at."""
        self._pages.clear()


Elsewhere = Callable[[Callable[[], InMemory], Callable[[InMemory], None]], None]
"""Runs the first in another thread, then the second here with what it returned."""


def in_thread(work: Callable[[], InMemory], done: Callable[[InMemory], None]) -> None:
    """Without a running loop, or when it closes, there is nobody to come back to: then at once."""
    try:
        future = asyncio.get_running_loop().run_in_executor(None, work)
    except RuntimeError:
        done(work())
        return
    future.add_done_callback(lambda made: None if made.cancelled() else done(made.result()))


class LogStore:
    """Entries are numbered from 0 and keep their number; over a limit the oldest block goes.

    `store[number]` raises IndexError for what was dropped or has not come yet.
    """

    def __init__(
        self,
        limits: LogLimits | None = None,
        *,
        budget: LogBudget | None = None,
        elsewhere: Elsewhere = in_thread,
        spool: LogSpool | None = None,
        name: str = "log",
    ) -> None:
        """`spool` keeps what memory has no room for, in files called `name`."""
        self.budget = budget or LogBudget(limits)
        self.limits = limits or self.budget.limits
        self.budget.stores.append(self)
        self._elsewhere = elsewhere
        self._block_lines = max(1, min(BLOCK_LINES, self.limits.lines // 16))
        self._fresh: list[BufferEntry] = []
        self._blocks: list[_Block] = []
        self._open = _Open(0)
        self._spool = None if spool is None else spool.source(name, self._forget)
        self._spooled = 0  # so many of the blocks, the oldest, are on the disk
        self._held = 0  # bytes of the others
        self.inserted: list[tuple[int, int]] = []
        """What was put in later: (number of the first, how many). What stood there and behind it moved up."""
        self._unsealed: list[_Block] = []
        self._sealing: _Block | None = None

    def close(self) -> None:
        """It counts no more for the budget. What it holds can still be read, but for what is on the disk."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None
        if self in self.budget.stores:
            self.budget.stores.remove(self)

    # Coming in

    def append(self, entry: BufferEntry) -> None:
        fresh = self._fresh
        fresh.append(entry)
        if len(fresh) >= _BATCH or (type(entry) is LogLine and len(entry.text) + len(entry.raw) > _LONG):
            self._pack()

    def extend(self, entries: Sequence[BufferEntry]) -> None:
        for start in range(0, len(entries), _BATCH):
            self._fresh += entries[start : start + _BATCH]
            self._pack()

    def _pack(self) -> None:
        if self._fresh:
            fresh, self._fresh = self._fresh, []
            self._add(fresh, records_of(fresh))

    def _add(self, entries: Sequence[BufferEntry], records: list[str]) -> None:
        text, count = "\n".join(records) + "\n", len(records)
        if self._open.count and (
            self._open.chars + len(text) > BLOCK_CHARS or self._open.count + count > self._block_lines
        ):
            self._roll()
        if count > 1 and (len(text) > BLOCK_CHARS or count > self._block_lines):
            half = count // 2
            self._add(entries[:half], records[:half])
            self._add(entries[half:], records[half:])
            return
        self._open.add(entries, records, text)
        self._keep_to_limits()

    def _keep_to_limits(self) -> None:
        while self._holds_blocks and self._open.end - self._blocks[self._spooled].first > self.limits.lines:
            self.drop_oldest()

    def _roll(self) -> None:
        """The open block is full."""
        full = self._open
        block = _Block(full.page(), full.rare, full.nbytes)
        self._open = _Open(full.end)
        self._blocks.append(block)
        self._unsealed.append(block)
        self._held += block.nbytes
        self._seal_next()
        while len(self._unsealed) > _WAITING:
            block = self._unsealed.pop(0)
            assert block.page is not None
            self._sealed(block, _seal(block.page))

    def _seal_next(self) -> None:
        if self._sealing is None and self._unsealed:
            block = self._sealing = self._unsealed.pop(0)
            page = block.page
            assert page is not None

            def done(sealed: InMemory) -> None:
                self._sealing = None
                self._sealed(block, sealed)
                self._seal_next()

            self._elsewhere(lambda: _seal(page), done)

    def _sealed(self, block: _Block, sealed: InMemory) -> None:
        if block.gone or not self._holds_blocks or block.first < self._blocks[self._spooled].first:
            return  # it had to go meanwhile
        nbytes = sealed.nbytes + _BLOCK_COST + _RARE_COST * len(block.rare)
        self._held += nbytes - block.nbytes
        block.page, block.sealed, block.nbytes = None, sealed, nbytes
        while self._holds_blocks and self.nbytes > self.limits.bytes:
            self.drop_oldest()
        self.budget.enforce()

    @property
    def _holds_blocks(self) -> bool:
        return len(self._blocks) > self._spooled

    @property
    def unsealed(self) -> int:
        """So many full blocks are not compressed yet."""
        return len(self._unsealed) + (self._sealing is not None)

    @property
    def droppable_bytes(self) -> int:
        return self._held

    def drop_oldest(self) -> None:
        """One block less in memory: to the disk, if there is a spool, else it is gone."""
        block = self._blocks[self._spooled]
        self._held -= block.nbytes
        if block in self._unsealed:
            self._unsealed.remove(block)
        self.budget.forget(block)
        if self._spool is not None and self._to_disk(self._spool, block):
            self._spooled += 1
            return
        if self._spool is not None:
            self._spool.forget()  # nothing may be missing between what is there
        del self._blocks[: self._spooled + 1]
        self._spooled = 0

    def _to_disk(self, spool: SpooledLog, block: _Block) -> bool:
        sealed = block.sealed
        if sealed is None:
            assert block.page is not None
            sealed = _seal(block.page)
        block.sealed = spool.put(sealed.text(), sealed.columns())
        if block.sealed is None:
            return False
        block.page = None
        return True

    def _forget(self, count: int) -> None:
        """So many of the oldest are no longer on the disk."""
        for block in self._blocks[:count]:
            self.budget.forget(block)
        del self._blocks[:count]
        self._spooled -= count

    # Put in later

    def fill(self, number: int, gap: LogGap, entries: Sequence[BufferEntry]) -> bool:
        """The gap at `number` says what `gap` says now, and `entries` come behind it: see `inserted`.

        False: its place is on the disk, and nothing can be put in there. Raises IndexError as `[]` does.
        """
        if not self.first <= number < self.end:
            raise IndexError(number)
        if number >= self._open.first:
            self._roll()
        index = self._index(number)
        if index < self._spooled:
            return False
        block = self._blocks[index]
        page = self._page_of(block)
        old = [page.entry(each) for each in range(block.first, block.end)]
        place = number - block.first
        made = self._packed(block.first, [*old[:place], gap, *entries, *old[place + 1 :]])
        self._blocks[index : index + 1] = made
        block.gone = True
        if block in self._unsealed:
            self._unsealed.remove(block)
        self.budget.forget(block)
        self._unsealed += [each for each in made if each.sealed is None]
        self._held += sum(each.nbytes for each in made) - block.nbytes
        for later in self._blocks[index + len(made) :]:
            self.budget.forget(later)
            later.move_up(len(entries))
        self._open.move_up(len(entries))
        if entries:
            self.inserted.append((number + 1, len(entries)))
        self._keep_to_limits()
        self._seal_next()
        return True

    def _packed(self, first: int, entries: Sequence[BufferEntry]) -> list[_Block]:
        """As blocks of their own, numbered from `first`."""
        unlimited = LogLimits(1 << 60, 1 << 60, 1 << 60)
        apart = LogStore(unlimited, elsewhere=lambda work, done: None)
        apart._block_lines = self._block_lines
        apart._open = _Open(first)
        apart.extend(entries)
        apart._roll()
        return apart._blocks

    # Looking

    @property
    def first(self) -> int:
        """The oldest number still there."""
        self._pack()
        return self._blocks[0].first if self._blocks else self._open.first

    @property
    def end(self) -> int:
        """One past the newest number."""
        return self._open.end + len(self._fresh)

    @property
    def dropped(self) -> int:
        return self.first

    @property
    def nbytes(self) -> int:
        """As held: compressed, once sealed."""
        return self._held + self._open.nbytes

    @property
    def spool_error(self) -> str:
        """Why older lines are no longer kept on the disk, as a sentence; "" while all is well."""
        return "" if self._spool is None else self._spool.error

    def __len__(self) -> int:
        return self.end - self.first

    def __getitem__(self, number: int) -> BufferEntry:
        return self._page(number).entry(number)

    def __iter__(self) -> Iterator[BufferEntry]:
        number = self.first
        while number < self.end:
            page = self._page(number)
            for each in range(number, page.first + page.count):
                yield page.entry(each)
            number = max(page.first + page.count, self.first)

    def time_us(self, number: int) -> int | None:
        """Microseconds since the epoch."""
        page = self._page(number)
        us = page.columns.times[number - page.first]
        return None if us == NO_TIME else us

    def level(self, number: int) -> Level | None:
        """Of a request by its status. None for gaps, rules and notices."""
        page = self._page(number)
        kind = page.columns.kinds[number - page.first]
        return _LEVELS[kind & 0x0F] if kind < 0x20 else None

    def scan(self, number: int) -> Scan:
        """The block that holds `number`."""
        return self._page(number).scan

    def at_time(self, us: int) -> int:
        """The first entry at or after that time, `end` if there is none."""
        first = self.first
        for block in self._blocks:
            if block.latest_us >= us:
                return self._at_time(self._page_of(block), us)
        return max(first, self._at_time(self._open.page(), us))

    def _at_time(self, page: _Page, us: int) -> int:
        times = page.columns.times
        return next((page.first + place for place, time in enumerate(times) if time >= us), page.first + page.count)

    def next_level(self, number: int, step: int, level: Level) -> int | None:
        """The nearest entry beyond `number` that is at least so bad. Open gaps and bad notices count as errors."""
        first = self.first
        start = max(number + 1, first) if step > 0 else min(number - 1, self.end - 1)
        if not first <= start < self.end:
            return None
        at = self._index(start)
        table = _AT_LEAST[level]
        for index in range(at, len(self._blocks) + 1) if step > 0 else range(at, -1, -1):
            if index < len(self._blocks):
                block = self._blocks[index]
                if not block.levels[level]:
                    continue
                page = self._page_of(block)
            else:
                page = self._open.page()
            bad = page.columns.kinds.translate(table)
            offset = start - page.first
            place = bad.find(1, max(0, offset)) if step > 0 else bad.rfind(1, 0, offset + 1)
            if place >= 0:
                return page.first + place
        return None

    def next_rule(self, number: int, step: int) -> int | None:
        """The nearest beginning of a deployment."""
        self._pack()
        rules = [each for block in self._blocks for each in block.rules]
        rules += sorted(each for each, entry in self._open.rare.items() if isinstance(entry, Rule))
        if step > 0:
            return next((each for each in rules if each > number), None)
        return next((each for each in reversed(rules) if each < number), None)

    def _page(self, number: int) -> _Page:
        if not self.first <= number < self.end:
            raise IndexError(number)
        index = self._index(number)
        return self._page_of(self._blocks[index]) if index < len(self._blocks) else self._open.page()

    def _index(self, number: int) -> int:
        if number >= self._open.first:
            return len(self._blocks)
        return bisect_right(self._blocks, number, key=lambda block: block.first) - 1

    def _page_of(self, block: _Block) -> _Page:
        return block.page or self.budget.page(block)


def _move_up(rare: dict[int, BufferEntry], by: int) -> None:
    """In place: pages look at the same."""
    moved = {number + by: entry for number, entry in rare.items()}
    rare.clear()
    rare.update(moved)


def _seal(page: _Page) -> InMemory:
    gzip = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
    text = gzip.compress(page.text.encode("utf-8", "surrogatepass")) + gzip.flush()
    return InMemory(text, page.columns.packed())


def _starts_of(text: str) -> array[int]:
    return array("I", _starts(text.split("\n")[:-1], 0))


def _starts(records: list[str], base: int) -> Iterable[int]:
    """Where each begins, a line end after each."""
    return map(add, accumulate(map(len, records[:-1]), initial=base), range(len(records)))


def _us(since: timedelta) -> int:
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _rare_kind(entry: LogGap | Rule | Notice) -> int:
    match entry:
        case LogGap():
            return _NOTICE if entry.closed or entry.kind is GapKind.NOTE else _GAP
        case Notice():
            return _BAD_NOTICE if entry.bad else _NOTICE
        case Rule():
            return _RULE
