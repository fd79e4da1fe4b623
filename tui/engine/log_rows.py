"""The lines a log view walks: of one store, or of several merged by time; all of them, or those a filter keeps."""

from __future__ import annotations

import time
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from tui.engine.log_records import BufferEntry
from tui.engine.log_store import LogStore
from tui.model.entities import Service
from tui.model.log import Level

if TYPE_CHECKING:  # the first paint does not wait for what nobody has asked for
    from tui.engine.log_search import LineSearch
    from tui.model.log_filter import LogFilter
    from tui.model.text_match import TextMatch

MERGED = 200_000  # rows of a merged view: the newest of all its logs
LATE_US = 5_000_000  # a line so much older than the one before it is late; less is one stream's ordinary jitter
_CHUNK = 1_000
_NUMBER_BITS = 44
_SOURCE_BITS = 16
_PLACE_BITS = _NUMBER_BITS + _SOURCE_BITS


class Source(Struct, eq=False):
    """One log among those of a view. `label` names it where several are merged; `marks` are notes by line number."""

    store: LogStore
    label: str = ""
    service: Service | None = None
    marks: dict[int, str] = field(default_factory=dict)

    @property
    def whose(self) -> Service | str:
        """What the service terms of a filter look at."""
        return self.service or self.label


class LogRows:
    """Rows have keys: ints, ordered as the rows are, that stay with their line whatever comes or goes around it.

    Of one store the key is the line's number. Merged rows are ordered by time: a line without a time, or a little
    older than the one before it, stays behind that one; one that is late by more goes to its place in time.
    `version` moves when there are other rows than before. `catch_up` takes what came, cheaply, once a frame;
    `work` does a slice of what takes longer. Both look only at what the stores hold: nothing calls back.
    """

    def __init__(self, sources: Sequence[Source] = ()) -> None:
        self.sources = tuple(sources)
        self.version = 0
        self.arrived = 0  # rows that came at the new end, ever
        self.filter: LogFilter | None = None
        self.match: TextMatch | None = None
        self._filters: list[LineSearch] | None = None
        self._finds: list[LineSearch] | None = None
        self._order: list[int] = []  # of merged rows
        self._whole = False  # what was there before the view began is in the order
        self._low: list[int] = []  # of each source, the numbers from here ...
        self._high: list[int] = []  # ... to here are in the order, or were let go
        self._last_us: list[int] = []
        self._seen: tuple[int, ...] = ()
        self.moves: list[tuple[int, int, int]] = []
        """What was put in later: (source, number of the first, how many). `moved` takes a key along."""
        self._followed = [len(each.store.inserted) for each in self.sources]
        self._begin()

    @property
    def merged(self) -> bool:
        return len(self.sources) > 1

    def _begin(self) -> None:
        self._order = []
        self._whole = False
        self._low = [self._end(which) for which in range(len(self.sources))]
        self._high = list(self._low)
        self._last_us = [0] * len(self.sources)
        self.version += 1

    def _end(self, which: int) -> int:
        return self.sources[which].store.end

    # What is wanted

    def keep(self, wanted: LogFilter | None) -> None:
        """Only these lines from now on; None: all. They are found by `work`, the newest first."""
        self.filter = None if wanted is None or wanted.empty else wanted
        self._filters = None
        if self.filter is not None:
            self._filters = [_search()(each.store, self.filter, each.whose) for each in self.sources]
        self._begin()
        if self.match is not None:
            self.find(self.match)

    def find(self, wanted: TextMatch | None) -> None:
        """What `next_match` goes to. Nothing is hidden by it."""
        self.match = wanted
        self._finds = None
        if wanted is not None:
            sought = wanted if self.filter is None else self.filter.also(wanted)
            self._finds = [_search()(each.store, sought, each.whose) for each in self.sources]
        self.version += 1

    @property
    def matches(self) -> int:
        return sum(each.count for each in self._finds or ())

    @property
    def kept(self) -> int:
        """Lines that the filter itself wants, without their neighbours."""
        return sum(each.count for each in self._filters or ())

    @property
    def searching(self) -> bool:
        return any(not each.done for each in (*(self._finds or ()), *(self._filters or ())))

    @property
    def progress(self) -> float:
        """Of the search and the filter under way, 0 to 1."""
        running = [each.progress for each in (*(self._finds or ()), *(self._filters or ()))]
        return min(running, default=1.0)

    @property
    def error(self) -> str:
        """Why a search or a filter gave up, in a sentence."""
        return next((each.error for each in (*(self._finds or ()), *(self._filters or ())) if each.error), "")

    # What came

    def catch_up(self, budget_s: float = 0.006) -> bool:
        """Takes what the stores have more, or less, than at the last call. True if the rows moved."""
        self._follow_moves()
        for search in (*(self._filters or ()), *(self._finds or ())):
            search.catch_up(budget_s)
        known = self._known()
        seen = (*known, *(each.store.first for each in self.sources))
        if seen == self._seen:
            return False
        self._seen = seen
        came = 0
        for which, end in enumerate(known):
            held = self._held(which)
            fresh = held[bisect_left(held, self._high[which]) :]
            came += len(fresh)
            self._high[which] = max(self._high[which], end)
            if self.merged and len(fresh):
                self._place(which, fresh, at_end=True)
        if self.merged:
            if self.filter is not None and self.filter.context and came:
                self._order_anew()
            self._let_go()
        self.arrived += came
        self.version += 1
        return True

    def work(self, budget_s: float = 0.006) -> bool:
        """A slice of filtering, merging and searching. True: there is more to do."""
        until = time.perf_counter() + budget_s
        more = False
        for search in (*(self._filters or ()), *(self._finds or ())):
            left_s = until - time.perf_counter()
            if left_s > 0 and not search.done:
                before = len(search.numbers)
                search.step(left_s)
                if len(search.numbers) != before:
                    self.version += 1
            more = more or not search.done
        if self.merged:
            more = self._merge_older(until) or more
            if not more and not self._whole:
                self._whole = True
                if self.filter is not None and self.filter.context:
                    self._order_anew()
        return more

    def _follow_moves(self) -> None:
        """Lines were put in where a gap was: those behind it have other numbers now."""
        fresh = [
            (which, at, count)
            for which, source in enumerate(self.sources)
            for at, count in source.store.inserted[self._followed[which] :]
        ]
        if not fresh:
            return
        self._followed = [len(each.store.inserted) for each in self.sources]
        begin = len(self.moves)
        self.moves += fresh
        if self.filter is not None:
            self.keep(self.filter)  # what was found has other numbers, too
            return
        if self.match is not None:
            self.find(self.match)
        if self.merged:
            self._order = [self.moved(key, begin) for key in self._order]
        for which, at, count in fresh:
            if at >= self._high[which]:
                continue  # they come with what is new
            self._high[which] += count
            if at <= self._low[which]:
                self._low[which] += count
            elif self.merged:
                self._place(which, range(at, at + count), at_end=False)
        self.version += 1

    def moved(self, key: int, begin: int) -> int:
        """A row's key after all `moves` from `begin` on."""
        for which, at, count in self.moves[begin:]:
            if self.source_index(key) == which and self.where(key)[1] >= at:
                key += count
        return key

    def _held(self, which: int) -> Sequence[int]:
        if self._filters is not None:
            return self._filters[which].numbers
        store = self.sources[which].store
        return range(store.first, store.end)

    def _known(self) -> list[int]:
        """Of each log, to where its rows are known: a filter may be behind what came."""
        if self._filters is not None:
            return [each.upto for each in self._filters]
        return [each.store.end for each in self.sources]

    def _order_anew(self) -> None:
        """Context of what came stands before it, among what was placed."""
        self._order = []
        for which in range(len(self.sources)):
            held = self._held(which)
            self._place(which, held[bisect_left(held, self._low[which]) :], at_end=False)

    def _merge_older(self, until: float) -> bool:
        """The lines from before the view began, the newest of each log first."""
        more = False
        for which in range(len(self.sources)):
            while len(self._order) < MERGED:
                held = self._held(which)
                upto = bisect_left(held, self._low[which])
                if upto == 0:
                    break
                if time.perf_counter() >= until:
                    return True
                chunk = held[max(0, upto - _CHUNK) : upto]
                self._place(which, chunk, at_end=False)
                self._low[which] = chunk[0]
                self.version += 1
        return more

    def _place(self, which: int, numbers: Sequence[int], *, at_end: bool) -> None:
        store = self.sources[which].store
        times = [store.time_us(number) for number in numbers]
        last = self._last_us[which] if at_end else next((at for at in times if at is not None), 0)
        lead = which << _NUMBER_BITS
        keys = []
        for number, at in zip(numbers, times, strict=True):
            if at is not None and (at >= last or at < last - LATE_US):
                keys.append(at << _PLACE_BITS | lead | number)
                last = max(last, at)
            else:
                keys.append(last << _PLACE_BITS | lead | number)
        if at_end or not self._last_us[which]:
            self._last_us[which] = last
        if len(keys) <= 16:
            for key in keys:
                insort(self._order, key)
        else:
            self._order += keys
            self._order.sort()  # runs that are sorted already: linear

    def _let_go(self) -> None:
        """What the stores dropped goes from the front; what is dropped behind a line that still is, stays a gap."""
        order = self._order
        gone = max(0, len(order) - MERGED)
        while gone < len(order) and not self.holds(order[gone]):
            gone += 1
        if gone:
            del order[:gone]

    # Rows

    @property
    def _keys(self) -> Sequence[int]:
        return self._order if self.merged else self._held(0) if self.sources else ()

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, index: int) -> int:
        """Of a row by its place, 0 the oldest; IndexError beyond the ends."""
        if index < 0:
            raise IndexError(index)
        return self._keys[index]

    def index(self, key: int) -> int:
        """The row's place, or where it would be."""
        return bisect_left(self._keys, key)

    @property
    def first(self) -> int | None:
        keys = self._keys
        return keys[0] if len(keys) else None

    @property
    def last(self) -> int | None:
        keys = self._keys
        return keys[-1] if len(keys) else None

    def beside(self, key: int, step: int) -> int | None:
        """The row `step` rows on, at most to the end; None if there is none that way."""
        keys = self._keys
        at = bisect_left(keys, key)
        there = at < len(keys) and keys[at] == key
        to = at + step if there or step < 0 else at + step - 1
        to = max(0, min(to, len(keys) - 1))
        return keys[to] if len(keys) and keys[to] != key else None

    def where(self, key: int) -> tuple[Source, int]:
        """The log of a row, and its number there."""
        if not self.merged:
            return self.sources[0], key
        return self.sources[key >> _NUMBER_BITS & (1 << _SOURCE_BITS) - 1], key & (1 << _NUMBER_BITS) - 1

    def source_index(self, key: int) -> int:
        return key >> _NUMBER_BITS & (1 << _SOURCE_BITS) - 1 if self.merged else 0

    def holds(self, key: int) -> bool:
        source, number = self.where(key)
        return source.store.first <= number < source.store.end

    def entry(self, key: int) -> BufferEntry:
        """IndexError for one that was dropped."""
        source, number = self.where(key)
        return source.store[number]

    def time_us(self, key: int) -> int | None:
        source, number = self.where(key)
        return source.store.time_us(number)

    def is_match(self, key: int) -> bool:
        """Whether the filter wants this line itself; False for a neighbour shown around it."""
        if self._filters is None or self.filter is None or not self.filter.context:
            return True
        _, number = self.where(key)
        return self._filters[self.source_index(key)].is_match(number)

    # Jumps. None: there is no such row that way.

    def next_match(self, key: int, step: int) -> int | None:
        finds = self._finds
        return None if finds is None else self._leap(key, step, lambda which, number: finds[which].next(number, step))

    def nth_match(self, key: int) -> int:
        """How many matches stand at or before this row; 0 where that is not known."""
        if self._finds is None or len(self.sources) != 1:
            return 0
        return self._finds[0].rank(key)

    def next_error(self, key: int, step: int) -> int | None:
        return self._leap(
            key, step, lambda which, number: self.sources[which].store.next_level(number, step, Level.ERROR)
        )

    def next_rule(self, key: int, step: int) -> int | None:
        return self._leap(key, step, lambda which, number: self.sources[which].store.next_rule(number, step))

    def next_mark(self, key: int, step: int) -> int | None:
        """Round the end: marks are few, and whoever has passed the last one wants the first."""
        marked = sorted(
            each
            for which, source in enumerate(self.sources)
            for number in source.marks
            if (each := self._key_of(which, number)) is not None
        )
        if step > 0:
            return next((each for each in marked if each > key), marked[0] if marked else None)
        return next((each for each in reversed(marked) if each < key), marked[-1] if marked else None)

    def at_time(self, us: int) -> int | None:
        """The first row at or after that time; the last one when all are older."""
        if not len(self):
            return None
        if self.merged:
            index = bisect_left(self._order, us << _PLACE_BITS)
        else:
            index = self.index(self.sources[0].store.at_time(us))
        return self.key(min(index, len(self) - 1))

    def _leap(self, key: int, step: int, leap: Callable[[int, int], int | None]) -> int | None:
        """`leap(source, number)` tells the next number of one log; that a filter hides is passed over. The nearest
        row of all logs."""
        nearest: int | None = None
        for which, source in enumerate(self.sources):
            number: int | None = key
            if self.merged:
                start = source.store.at_time((key >> _PLACE_BITS) - step * LATE_US)
                number = max(source.store.first - 1, min(start - (step > 0), source.store.end))
            while number is not None and (number := leap(which, number)) is not None:
                found = self._key_of(which, number)
                if found is not None and (found - key) * step > 0:
                    nearest = found if nearest is None or (nearest - found) * step > 0 else nearest
                    break
        return nearest

    def _key_of(self, which: int, number: int) -> int | None:
        """The row of a line; None if a filter hides it, or it is not there."""
        if not self.merged:
            keys = self._keys
            at = bisect_left(keys, number)
            return number if at < len(keys) and keys[at] == number else None
        store = self.sources[which].store
        at_us, before = None, number
        while at_us is None and before >= max(store.first, number - _CHUNK):
            at_us = store.time_us(before)
            before -= 1
        place = which << _NUMBER_BITS | number
        low = bisect_left(self._order, (at_us or 0) << _PLACE_BITS | place)
        if low < len(self._order) and self._order[low] == (at_us or 0) << _PLACE_BITS | place:
            return self._order[low]
        high = len(self._order) if at_us is None else bisect_left(self._order, at_us + LATE_US + 1 << _PLACE_BITS)
        mask = (1 << _PLACE_BITS) - 1
        return next((key for key in self._order[low:high] if key & mask == place), None)


def _search() -> type[LineSearch]:
    from tui.engine.log_search import LineSearch

    return LineSearch
