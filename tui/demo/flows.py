"""Endless logs without storage: entry k of a flow is a pure function of k, and so is its time.

That makes any window of weeks of history cheap to ask for, the same however the clock got there, and a flow of
20,000 lines a second as cheap as writing it out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from tui.demo.clock import SECOND


class Timed(Protocol):
    @property
    def at(self) -> int: ...


T = TypeVar("T", bound=Timed)
T_co = TypeVar("T_co", bound=Timed, covariant=True)


def mix(number: int, salt: int) -> int:
    """32 well-stirred bits, in a fraction of what hashing costs."""
    x = (number * 0x9E3779B1 + salt) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x85EBCA77) & 0xFFFFFFFF
    return x ^ (x >> 13)


class Flow(Protocol[T_co]):
    """Entries in the order of their times, from `start` to `end` (None: it still runs)."""

    start: int
    end: int | None

    @property
    def rate(self) -> float:
        """Entries a second, on average."""

    def upto(self, at: int) -> int:
        """No entry with this number or above has a time of `at` or before; the one but one below certainly has."""

    def entry(self, number: int) -> T_co: ...


@dataclass(slots=True)
class Steady(Generic[T]):
    """One entry in each period, somewhere in it; at 500 a second and above exactly at its beginning."""

    start: int
    period: int
    write: Callable[[int, int], T]
    salt: int
    end: int | None = None
    twins: bool = True  # the same entry twice now and then; never where an entry has an id of its own

    @property
    def rate(self) -> float:
        return SECOND / self.period

    def upto(self, at: int) -> int:
        return max(0, (at - self.start) // self.period + 1)

    def entry(self, number: int) -> T:
        base = self.start + number * self.period
        if self.period <= SECOND // 500:
            return self.write(number, base)
        # Every so often the same line twice with one and the same time: legal, and not to be taken for a repeat.
        turn = number % 61 if self.twins else 0
        if turn == 59:
            return self.write(number, base + self.period)
        if turn == 60:
            return self.write(number - 1, base)
        bits = mix(number, self.salt)
        at = base + (((bits & 0x3FF) * self.period) >> 10)
        rounded = at - at % _GRAINS[(bits >> 10) & 7]
        return self.write(number, rounded if rounded >= base else at)


_GRAINS = (1, 1_000, 1_000_000, 1_000_000, 1_000_000, 1_000, 100_000_000, SECOND)


@dataclass(slots=True)
class Cycle(Generic[T]):
    """The same entries over and over: what a crash loop writes. `script` has (offset in the cycle, write)."""

    start: int
    period: int
    script: Sequence[tuple[int, Callable[[int, int], T]]]
    end: int | None = None
    _offsets: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._offsets = [offset for offset, _ in self.script]

    @property
    def rate(self) -> float:
        return len(self.script) * SECOND / self.period

    def upto(self, at: int) -> int:
        if at < self.start:
            return 0
        cycle, rest = divmod(at - self.start, self.period)
        return cycle * len(self.script) + bisect_right(self._offsets, rest)

    def entry(self, number: int) -> T:
        cycle, position = divmod(number, len(self.script))
        offset, write = self.script[position]
        return write(number, self.start + cycle * self.period + offset)


def window(flow: Flow[T], after: int, until: int) -> list[T]:
    """The entries of one flow with after < at <= until."""
    if flow.end is not None:
        until = min(until, flow.end)
    if until <= after or until < flow.start:
        return []
    entry = flow.entry
    found = [entry(number) for number in range(max(0, flow.upto(after) - 2), flow.upto(until))]
    first, last = 0, len(found)
    while first < last and found[first].at <= after:
        first += 1
    while last > first and found[last - 1].at > until:
        last -= 1
    return found[first:last] if last - first < len(found) else found


@dataclass(slots=True)
class Log(Generic[T]):
    """What one deployment writes: its flows, and single entries noted when something happened to it."""

    flows: list[Flow[T]] = field(default_factory=list)
    notes: list[T] = field(default_factory=list)

    def window(self, after: int, until: int) -> list[T]:
        """Entries with after < at <= until, oldest first."""
        parts = [part for flow in self.flows if (part := window(flow, after, until))]
        noted = [note for note in self.notes if after < note.at <= until]
        if not noted and len(parts) == 1:
            return parts[0]
        merged = [entry for part in parts for entry in part] + noted
        merged.sort(key=_at)
        return merged

    def rate(self, at: int) -> float:
        return sum(flow.rate for flow in self.flows if flow.start <= at and (flow.end is None or flow.end >= at))

    @property
    def begins(self) -> int | None:
        starts = [flow.start for flow in self.flows] + [note.at for note in self.notes]
        return min(starts, default=None)

    def ends(self, by: int) -> int:
        """Its last entry is not later than this, as far as it is written at `by`."""
        ends = [by if flow.end is None else min(by, flow.end) for flow in self.flows]
        return max(ends + [note.at for note in self.notes if note.at <= by], default=0)

    def stop(self, at: int) -> None:
        for flow in self.flows:
            if flow.end is None:
                flow.end = at


def _at(entry: Timed) -> int:
    return entry.at


def merged(logs: Sequence[Log[T]], after: int, until: int) -> list[T]:
    """`Log.window` over several logs."""
    parts = [part for log in logs if (part := log.window(after, until))]
    if len(parts) == 1:
        return parts[0]
    entries = [entry for part in parts for entry in part]
    entries.sort(key=_at)
    return entries


def tail(
    logs: Sequence[Log[T]],
    until: int,
    count: int,
    *,
    since: int = 0,
    keep: Callable[[T], bool] | None = None,
    most: int = 60_000,
) -> list[T]:
    """The last `count` entries up to and at `until`, oldest first; looks through `most` at most to find those kept."""
    begins = [begin for log in logs if (begin := log.begins) is not None]
    earliest = max(since, min(begins, default=until)) - 1
    if count <= 0 or earliest >= until:
        return []
    until = max((log.ends(until) for log in logs), default=until)
    rate = sum(log.rate(until) for log in logs)
    span = round(count / rate * 1.5 * SECOND) if rate > 0 else until - earliest
    after, upper, seen = max(earliest, until - max(span, SECOND)), until, 0
    found: list[T] = []
    while True:
        part = merged(logs, after, upper)
        seen += len(part)
        found = ([entry for entry in part if keep(entry)] if keep else part) + found
        if len(found) >= count or after <= earliest or seen >= most:
            return found[-count:]
        upper = after
        span *= 2
        after = max(earliest, upper - span)
