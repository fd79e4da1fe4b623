"""Which entries of a store hold: found in slices, newest first, so that a screen of them is there at once.

Blocks are searched as text, and their levels and times as columns; an entry is unpacked only where a term asks for
what neither tells.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable, Iterator, Sequence
from time import perf_counter
from typing import overload

from tui.engine.log_store import NO_LEVEL, NO_TIME, LogStore, Scan
from tui.model.entities import Service
from tui.model.log import HttpRequest, Level, LogLine
from tui.model.log_filter import LogFilter
from tui.model.text_match import TextMatch, TooSlow, indices, line

SLICE_S = 0.006
_FEW = 64  # lines that are looked at one by one rather than with their block
_UNPACKED = 64  # entries between two looks at the clock
_ALL_LEVELS = len(Level)


_Held = tuple[list[int], list[int]]  # matches; what is shown besides


class Numbers(Sequence[int]):
    """Entry numbers, ascending, that grow at both ends."""

    __slots__ = ("_later", "_sooner")

    def __init__(self) -> None:
        self._sooner = array("Q")  # descending: what was put in front
        self._later = array("Q")

    def __len__(self) -> int:
        return len(self._sooner) + len(self._later)

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        before = len(self._sooner)
        if not 0 <= index < before + len(self._later):
            raise IndexError(index)
        return self._sooner[before - 1 - index] if index < before else self._later[index - before]

    def __iter__(self) -> Iterator[int]:
        yield from reversed(self._sooner)
        yield from self._later

    def __contains__(self, number: object) -> bool:
        if not isinstance(number, int):
            return False
        index = bisect_left(self, number)
        return index < len(self) and self[index] == number

    def prepend(self, descending: Iterable[int]) -> None:
        self._sooner.extend(descending)

    def append(self, ascending: Iterable[int]) -> None:
        self._later.extend(ascending)

    def add(self, low: int, high: int) -> None:
        """All from `low` to `high`, of which some may be there already. Cheap near the ends."""
        begin, end = bisect_left(self, low), bisect_right(self, high)
        before = len(self._sooner)
        if end <= before and (begin < before or end == 0):
            self._sooner[before - end : before - begin] = array("Q", range(high, low - 1, -1))
        else:
            if begin < before:
                del self._sooner[: before - begin]
            self._later[max(begin - before, 0) : end - before] = array("Q", range(low, high + 1))

    def drop_below(self, number: int) -> None:
        while self._sooner and self._sooner[-1] < number:
            self._sooner.pop()
        if self._later and self._later[0] < number:
            del self._later[: bisect_left(self._later, number)]


class LineSearch:
    """`step` until it returns False; then again when lines were appended.

    Of a TextMatch, `numbers` are the entries in which it is found. Of a LogFilter they are what a filtered view shows:
    matches, the lines of context around them, and in its span of time every gap, notice and rule.
    """

    def __init__(self, store: LogStore, wanted: LogFilter | TextMatch, service: Service | str = "") -> None:
        self.wanted = wanted
        self.error = ""
        """Why it was given up, "" if it was not. What was found until then stays."""
        self._store = store
        self._service = service
        self._sieve = _Sieve(store, wanted, service)
        self._context = wanted.context if isinstance(wanted, LogFilter) else 0
        self._matches = Numbers()
        self._shown = Numbers() if isinstance(wanted, LogFilter) else self._matches
        self._from = self._to = store.end  # what lies between is searched
        self._first = store.first
        self._owed = -1  # context of the last match reaches to here
        self._older: Generator[None] | None = None
        self._newer: Generator[None] | None = None

    @property
    def numbers(self) -> Numbers:
        self._forget()
        return self._shown

    @property
    def count(self) -> int:
        """Matches; context is none."""
        self._forget()
        return len(self._matches)

    @property
    def done(self) -> bool:
        """Everything that is there was looked at, or it was given up."""
        return bool(self.error) or (self._from <= self._store.first and self._to >= self._store.end)

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        first, end = self._store.first, self._store.end
        return (min(self._to, end) - max(self._from, first)) / (end - first) if end > first else 1.0

    @property
    def upto(self) -> int:
        """What was appended is searched so far: numbers from here on are not known yet."""
        return self._to

    def rank(self, number: int) -> int:
        """How many matches stand at or before it, of those found so far."""
        return bisect_right(self._matches, number)

    def is_match(self, number: int) -> bool:
        """False for context, for what is not searched yet, and for a filter's gaps, notices and rules."""
        return number in self._matches

    def next(self, number: int, step: int) -> int | None:
        """The match nearest to `number`, beyond it in the direction of `step`; None if there is none, or if what lies
        between is not searched yet (`done` tells)."""
        self._forget()
        if step > 0:
            if number + 1 < self._from and self._from > self._store.first:
                return None
            index = bisect_right(self._matches, number)
        else:
            index = bisect_left(self._matches, number) - 1
        return self._matches[index] if 0 <= index < len(self._matches) else None

    def step(self, budget_s: float = SLICE_S) -> bool:
        """Searches what was appended, then what is older, for so long; one part of a block at least. False: done."""
        until = perf_counter() + budget_s
        while self.catch_up(until - perf_counter()) or self._back():
            if perf_counter() >= until:
                return not self.done
        return False

    def catch_up(self, budget_s: float = SLICE_S) -> bool:
        """Searches only what was appended. True: there is more of that."""
        self._forget()
        until = perf_counter() + budget_s
        while not self.error and (self._newer is not None or self._to < self._store.end):
            self._newer = self._newer or self._search_newer()
            if not self._continues(self._newer):
                self._newer = None
            if perf_counter() >= until:
                return not self.error and self._to < self._store.end
        return False

    def _back(self) -> bool:
        """One part of an older block. False: there is none."""
        if self.error or (self._older is None and self._from <= self._store.first):
            return False
        self._older = self._older or self._search_older()
        if not self._continues(self._older):
            self._older = None
        return True

    def _continues(self, work: Generator[None]) -> bool:
        try:
            next(work)
        except StopIteration:
            return False
        except TooSlow as error:
            self.error = str(error)
            return False
        return True

    def _search_newer(self) -> Generator[None]:
        scan = self._store.scan(max(self._to, self._store.first))
        begin = max(self._to, scan.first)
        matches, others = yield from self._sieve.held(scan, begin - scan.first)
        self._matches.append(matches)
        self._to = scan.end
        if self._context:
            if self._owed >= begin:
                self._shown.add(begin, min(self._owed, scan.end - 1))
            self._show(matches, others)
        elif self._shown is not self._matches:
            self._shown.append(sorted([*matches, *others]))

    def _search_older(self) -> Generator[None]:
        scan = self._store.scan(self._from - 1)
        end = self._from
        matches, others = yield from self._sieve.held(scan, 0, end - scan.first)
        self._matches.prepend(reversed(matches))
        self._from = scan.first
        if self._context:
            self._show(matches, others)
        elif self._shown is not self._matches:
            self._shown.prepend(sorted([*matches, *others], reverse=True))

    def _show(self, matches: list[int], others: list[int]) -> None:
        """With the context of the matches, as far as it lies in front of `_to`."""
        context = self._context
        spans = [(each, each) for each in others]
        spans += [(each - context, each + context) for each in matches]
        for low, high in _joined(spans):
            self._owed = max(self._owed, high)
            self._shown.add(max(low, self._store.first), min(high, self._to - 1))

    def _forget(self) -> None:
        """What the store dropped."""
        first = self._store.first
        if first > self._first:
            self._first = first
            self._from = max(self._from, first)
            self._to = max(self._to, first)
            self._matches.drop_below(first)
            self._shown.drop_below(first)


def _joined(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Those that overlap or touch as one, the newest first."""
    spans.sort(reverse=True)
    low = high = -2
    for begin, end in spans:
        if high >= 0 and end >= low - 1:
            low, high = min(low, begin), max(high, end)
            continue
        if high >= 0:
            yield low, high
        low, high = begin, end
    if high >= 0:
        yield low, high


class _Sieve:
    """What of a block holds."""

    def __init__(self, store: LogStore, wanted: LogFilter | TextMatch, service: Service | str) -> None:
        self._store = store
        self._service = service
        self._filter = wanted if isinstance(wanted, LogFilter) else None
        if isinstance(wanted, LogFilter):
            self._texts: Sequence[TextMatch] = (*wanted.texts, *(each.text for each in wanted.fields if each.text))
            self._absent: Sequence[TextMatch] = wanted.absent
            self._levels = bytes(level in wanted.levels for level in range(256))
            self._any_level = len(wanted.levels) == _ALL_LEVELS
        else:
            self._texts, self._absent = (wanted,), ()

    def held(
        self, scan: Scan, begin: int, end: int | None = None
    ) -> Generator[None, None, tuple[list[int], list[int]]]:
        """The numbers of what holds among the places from `begin` to `end`, and of the gaps, notices and rules there.

        Pauses now and then. Raises TooSlow.
        """
        count = scan.end - scan.first
        end = count if end is None else min(end, count)
        if self._filter is None:
            found = _found(self._texts[0], scan, begin)
            return [scan.first + each for each in found if each < end], []
        timely = self._timely(scan, self._filter, begin, end)
        if not timely:
            return [], []
        levels = scan.levels
        there = timely if isinstance(timely, range) else set(timely)
        others = [scan.first + each for each in _places(levels, NO_LEVEL, begin, end) if each in there]
        places = self._leveled(levels, timely)
        if places:
            places = self._worded(scan, places)
        if self._filter.fields:
            places = yield from self._unpacked(scan, places)
        return [scan.first + each for each in places], others

    def _timely(self, scan: Scan, wanted: LogFilter, begin: int, end: int) -> Sequence[int]:
        since, until = wanted.since_us, wanted.until_us
        if since is None and until is None:
            return range(begin, end)
        low = NO_TIME if since is None else since
        high = (1 << 63) - 1 if until is None else until
        times = scan.times
        return [each for each in range(begin, end) if low <= times[each] <= high or times[each] == NO_TIME]

    def _leveled(self, levels: bytes, timely: Sequence[int]) -> Sequence[int]:
        if isinstance(timely, range):
            if self._any_level and NO_LEVEL not in levels:
                return timely
            return list(_places(levels.translate(self._levels), 1, timely.start, timely.stop))
        return [each for each in timely if self._levels[levels[each]]]

    def _worded(self, scan: Scan, places: Sequence[int]) -> Sequence[int]:
        for match in self._texts:
            if len(places) > _FEW:
                found = _found(match, scan, places[0])
                places = _both(places, found)
            else:
                places = [each for each in places if match.found(line(scan.text, scan.starts, each))]
        for match in self._absent:
            if len(places) > _FEW:
                gone = set(_found(match, scan, places[0]))
                places = [each for each in places if each not in gone]
            else:
                places = [each for each in places if not match.found(line(scan.text, scan.starts, each))]
        return places

    def _unpacked(self, scan: Scan, places: Sequence[int]) -> Generator[None, None, list[int]]:
        assert self._filter is not None
        terms = self._filter.fields
        held = []
        for count, place in enumerate(places, 1):
            try:
                entry = self._store[scan.first + place]
            except IndexError:  # dropped meanwhile
                continue
            if isinstance(entry, LogLine | HttpRequest) and all(term.holds(entry, self._service) for term in terms):
                held.append(place)
            if count % _UNPACKED == 0:
                yield
        return held


def _found(match: TextMatch, scan: Scan, begin: int) -> list[int]:
    return indices(match.offsets(scan.text, scan.starts[begin] if begin else 0), scan.text)


def _both(places: Sequence[int], found: list[int]) -> list[int]:
    if isinstance(places, range):
        return [each for each in found if each < places.stop]
    wanted = set(places)
    return [each for each in found if each in wanted]


def _places(column: bytes, value: int, begin: int, end: int) -> Iterator[int]:
    at = column.find(value, begin, end)
    while at >= 0:
        yield at
        at = column.find(value, at + 1, end)
