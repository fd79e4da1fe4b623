"""Repeated log lines folded to patterns with counts, and which of them are new since a deployment.

After Drain (He et al., 2017): lines with their variables masked, a tree of fixed depth by number of tokens and first
tokens, similarity within a leaf. What differs from it: masks do most of the work and a dictionary of masked lines most
of the rest; a leaf generalises only once it is crowded, so that "captured" and "refused" stay two patterns.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import sqrt
from operator import eq

from msgspec import Struct, field

from tui.engine.log_store import NO_LEVEL, NO_TIME, LogStore, Scan
from tui.model.log import Level

PATTERNS = 2_000
LINE = 512  # characters that are looked at
TOKENS = 40
MASK = "<*>"
BUCKET_US = 10_000_000
_BUCKETS = 1_000  # so many counts in time a pattern keeps: with 10 s each, not quite three hours
_KNOWN = 16_384  # masked lines whose pattern is known without the tree
_CHILDREN = 32  # of a node of the tree before the rest share one
_CROWDED = 16  # patterns of a leaf before it generalises
_LEAF = 32
_SIMILAR = 0.6
ELSEWHERE = -1  # the number of a line that is not in the log that is looked at
_LEVELS = tuple(Level)
_BATCH = 64  # lines between two looks at the clock

# A word with a digit in it, and what hangs on it: 18ms, 10.0.3.7:41822, 2026-08-22T02:14:07.123Z, 7f3a-..., 1,234.
# Kept: v1, s3 and the like; a status where it is surely one. One look-behind a start, possessive runs: linear.
_VARIABLE = re.compile(
    r"(?<![A-Za-z0-9])(?=[A-Za-z]*+[0-9])"
    r"(?!(?:[A-Za-z]{1,5}+[0-9]|k8s|sha256|base64|amd64)(?![A-Za-z0-9])"
    r"|[1-5][0-9][0-9](?:(?<=HTTP/[12]\.[01]\" ...)|(?<=status[=: ]...)|(?= [A-Z]{3,7} /))(?![A-Za-z0-9.])"
    r"|(?<=HTTP/)[12]|(?<=HTTP/[12]\.)[01])"
    r"[A-Za-z]*+[0-9][0-9A-Za-z]*+"
    r"(?:[.:,+-]{1,2}+(?:[A-Za-z]*+[0-9][0-9A-Za-z]*+|[0-9A-Fa-f]{4,}+(?![0-9A-Za-z])))*+"
)
# The rest only where the masked line is not known yet.
_EMAIL = re.compile(r"(?<![\w.+<*>-])[\w.+<*>-]++@[\w.<*>-]++")
_QUERY = re.compile(r"(?<=[?&])([\w.<*>-]{1,64}+=)[^&\s\"']++")
_BLOB = re.compile(r"(?<![A-Za-z0-9+_<*>=-])[A-Za-z0-9+_<*>-]{32,}+=*+")
_TOKEN = re.compile(r"(?:[^\s\",=]|=\"[^\"]{0,80}+\"|[\"=])++,*+|,++")
_HEX = re.compile(r"(?<![A-Za-z0-9])(?:[a-f]{3,5}+[0-9]|[a-f]{4,}+)(?![A-Za-z0-9])")  # an id or a word
_JOINED = re.compile(r"<\*>(?:[.:,+-]<\*>)++")
_WORD = re.compile(r"[^\W\d_]+[^\w/=]?|\[\w+\]:?")
_CLOSERS = "\"'),;:]}."
_STEMS = "=:/\"'(["


def mask(text: str) -> str:
    """Numbers, times, durations, addresses and ids of one plain line as `<*>`; of a long one, its beginning."""
    if len(text) > LINE:
        text = text[:LINE].rpartition(" ")[0] or text[:LINE]
        return _VARIABLE.sub(MASK, text) + " …"
    return _VARIABLE.sub(MASK, text)


def _tokens(masked: str) -> list[str]:
    """At most TOKENS words. A quoted value after "=" is one, and a word ends after a comma."""
    if "@" in masked:
        masked = _EMAIL.sub(MASK, masked)
    if "?" in masked:
        masked = _QUERY.sub(rf"\1{MASK}", masked)
    if MASK in masked:
        masked = _BLOB.sub(lambda blob: MASK if MASK in blob[0] else blob[0], masked)
    tokens = _TOKEN.findall(masked)
    if len(tokens) > TOKENS:
        tokens[TOKENS - 1 :] = ["…"]
    return tokens


class Pattern(Struct, eq=False):
    """Lines alike. `level` is the worst of them; numbers are the log's; times are microseconds, None where unknown.

    `counts`: lines by time, `time_us // BUCKET_US`, the newest buckets only.
    """

    text: str
    count: int
    level: Level
    first_us: int | None
    last_us: int | None
    first_number: int
    last_number: int
    counts: dict[int, int] = field(default_factory=dict)

    def within(self, start: int, end: int) -> int:
        """Lines of the buckets start..end-1."""
        if end - start > len(self.counts):
            return sum(count for bucket, count in self.counts.items() if start <= bucket < end)
        return sum(self.counts.get(bucket, 0) for bucket in range(start, end))

    def spark(self, width: int) -> list[int]:
        """Counts for a row of `width` cells, from the first to the last bucket it keeps; [] without any time."""
        if not self.counts or width <= 0:
            return []
        first = min(self.counts)
        span = max(self.counts) - first + 1
        row = [0] * min(width, span)
        for bucket, count in self.counts.items():
            row[(bucket - first) * len(row) // span] += count
        return row


class _Template:
    """A pattern as tokens. `holes`: what a generalised token begins and ends with; None in `fixed` at their places.
    A token that came masked is no hole: it stands for what has digits, and not for "closed"."""

    __slots__ = ("fixed", "holes", "keys", "leaf", "masks", "pattern", "tokens")

    def __init__(self, tokens: list[str], leaf: list[_Template], pattern: Pattern) -> None:
        self.tokens = tokens
        self.fixed: list[str | None] = [*tokens]
        self.masks = tokens.count(MASK)
        self.holes: dict[int, tuple[str, str]] = {}
        self.leaf = leaf
        self.keys: list[str] = []  # masked lines known to be its
        self.pattern = pattern

    def likeness(self, tokens: Sequence[str]) -> float:
        """The share of its words which stand in `tokens`; 1.0 only when all match."""
        fixed = len(tokens) - len(self.holes)
        alike: int = sum(map(eq, self.fixed, tokens))
        if alike == fixed and all(_fits(tokens[n], *ends) for n, ends in self.holes.items()):
            return 1.0
        return max(0.0, min(alike, len(tokens) - 1) - self.masks) / max(1, len(tokens) - self.masks)

    def generalise(self, tokens: Sequence[str]) -> None:
        """Until `tokens` match."""
        for n, (own, other) in enumerate(zip(self.tokens, tokens, strict=True)):
            if own == other or (n in self.holes and _fits(other, *self.holes[n])):
                continue
            self.masks -= self.fixed[n] == MASK
            self.holes[n] = _ends(own, other)
            self.fixed[n] = None
            self.tokens[n] = MASK.join(self.holes[n])
        self.pattern.text = " ".join(self.tokens)


def _fits(token: str, start: str, end: str) -> bool:
    return len(token) >= len(start) + len(end) and token.startswith(start) and token.endswith(end)


def _ends(one: str, other: str) -> tuple[str, str]:
    """What two tokens share at both ends, cut at punctuation: ("user=", ",")."""
    same = 0
    while same < min(len(one), len(other)) and one[same] == other[same]:
        same += 1
    cut = max(one.rfind(mark, 0, same) for mark in _STEMS) + 1
    tail = one[max(cut, len(one.rstrip(_CLOSERS))) :]
    while tail and not other.endswith(tail, cut):
        tail = tail[1:]
    return one[:cut], tail


class PatternBook:
    """Counts lines by pattern; at most `capacity` patterns, the least recent forgotten first, and counted.

    A forgotten pattern that comes back remembers when it was first seen, but not its count.
    """

    def __init__(self, capacity: int = PATTERNS) -> None:
        self.capacity = capacity
        self.lines = 0
        self.first_us: int | None = None  # of the first line with a time
        self.last_us: int | None = None  # the latest time
        self.first_number: int | None = None
        self.forgotten = 0  # patterns
        self.forgotten_lines = 0
        self._known: dict[str, Pattern] = {}
        self._templates: dict[int, _Template] = {}  # by the id of its pattern
        self._leaves: dict[tuple[int, str, str], list[_Template]] = {}
        self._children: dict[tuple[int] | tuple[int, str], set[str]] = {}
        self._memory: dict[int, tuple[int, int | None]] = {}  # hash of a forgotten text: its first number and time
        self._at: int | None = None

    def __len__(self) -> int:
        return len(self._templates)

    def patterns(self) -> list[Pattern]:
        """Most lines first. They are the book's own, and go on counting."""
        return sorted(
            (each.pattern for each in self._templates.values()), key=lambda each: (-each.count, each.first_number)
        )

    def add(self, text: str, level: Level, time_us: int | None, number: int) -> Pattern:
        """`text`: one line without colours. One without a time counts at the time of the line before it."""
        masked = mask(text)
        pattern = self._known.get(masked)
        if pattern is None:
            pattern = self._find(masked, level, time_us, number)
        self.lines += 1
        pattern.count += 1
        if number > pattern.last_number:
            pattern.last_number = number
        if level > pattern.level:
            pattern.level = level
        if time_us is None:
            time_us = self._at
            if time_us is None:
                return pattern
        self._at = pattern.last_us = time_us
        if self.last_us is None or time_us > self.last_us:
            self.last_us = time_us
        if self.first_us is None:
            self.first_us = time_us
        bucket = time_us // BUCKET_US
        counts = pattern.counts
        if bucket in counts:
            counts[bucket] += 1
        else:
            counts[bucket] = 1
            if len(counts) > _BUCKETS:
                for old in sorted(counts)[: _BUCKETS // 4]:
                    del counts[old]
        return pattern

    def _find(self, masked: str, level: Level, time_us: int | None, number: int) -> Pattern:
        if self.first_number is None:
            self.first_number = number
        tokens = _tokens(masked)
        leaf = self._leaf(tokens)
        found, likeness = _nearest(leaf, tokens)
        if likeness < 1.0 and (ids := [_JOINED.sub(MASK, _HEX.sub(MASK, token)) for token in tokens]) != tokens:
            same, alike = _nearest(self._leaf(ids), ids)
            if alike == 1.0:
                found, likeness = same, alike
        if found is None or (likeness < 1.0 and (len(leaf) < _CROWDED or likeness < _SIMILAR)):
            found = self._new(tokens, leaf, level, time_us, number)
        elif likeness < 1.0:
            found.generalise(tokens)
            self._absorb(found)
        if len(self._known) >= _KNOWN:
            self._known.clear()
            for template in self._templates.values():
                template.keys.clear()
        self._known[masked] = found.pattern
        found.keys.append(masked)
        return found.pattern

    def _leaf(self, tokens: Sequence[str]) -> list[_Template]:
        """By the number of tokens and the first two that are words. A node with too many children shares one."""
        words = [token for token in tokens[:4] if _WORD.fullmatch(token)]
        first = self._child((len(tokens),), words[0] if words else MASK)
        second = self._child((len(tokens), first), words[1]) if len(words) > 1 else MASK
        return self._leaves.setdefault((len(tokens), first, second), [])

    def _child(self, node: tuple[int] | tuple[int, str], word: str) -> str:
        children = self._children.setdefault(node, set())
        if word in children:
            return word
        if len(children) >= _CHILDREN:
            return MASK
        children.add(word)
        return word

    def _new(
        self, tokens: list[str], leaf: list[_Template], level: Level, time_us: int | None, number: int
    ) -> _Template:
        if len(leaf) >= _LEAF:
            self._forget([min(leaf, key=lambda each: each.pattern.last_number)])
        elif len(self._templates) >= self.capacity:
            oldest = sorted(self._templates.values(), key=lambda each: each.pattern.last_number)
            self._forget(oldest[: max(1, self.capacity // 8)])
        text = " ".join(tokens)
        first_number, first_us = self._memory.pop(hash(text), (number, time_us if time_us is not None else self._at))
        pattern = Pattern(text, 0, level, first_us, None, first_number, number)
        template = _Template(tokens, leaf, pattern)
        leaf.append(template)
        self._templates[id(pattern)] = template
        return template

    def _forget(self, templates: Sequence[_Template]) -> None:
        for template in templates:
            pattern = template.pattern
            self._drop(template)
            self.forgotten += 1
            self.forgotten_lines += pattern.count
            if len(self._memory) >= 8 * self.capacity:
                self._memory.clear()
            self._memory[hash(pattern.text)] = (pattern.first_number, pattern.first_us)

    def _drop(self, template: _Template) -> None:
        template.leaf.remove(template)
        del self._templates[id(template.pattern)]
        for key in template.keys:
            del self._known[key]

    def _absorb(self, template: _Template) -> None:
        """What else of its leaf it matches, now that it is more general, becomes part of it."""
        part = [each for each in template.leaf if each is not template and template.likeness(each.tokens) == 1.0]
        for each in part:
            _merge(template.pattern, each.pattern)
            self._drop(each)
            self._known.update(dict.fromkeys(each.keys, template.pattern))
            template.keys += each.keys


def _nearest(leaf: Iterable[_Template], tokens: Sequence[str]) -> tuple[_Template | None, float]:
    best, most = None, -1.0
    for template in leaf:
        likeness = template.likeness(tokens)
        if likeness > most:
            best, most = template, likeness
            if likeness == 1.0:
                break
    return best, most


def _merge(into: Pattern, other: Pattern) -> None:
    into.count += other.count
    into.level = max(into.level, other.level)
    if other.first_number < into.first_number:
        into.first_number, into.first_us = other.first_number, other.first_us
    if other.last_number > into.last_number:
        into.last_number, into.last_us = other.last_number, other.last_us
    for bucket, count in other.counts.items():
        into.counts[bucket] = into.counts.get(bucket, 0) + count


class PatternScan:
    """Reads a log store into a book, slice by slice, and goes on with what came since. Gaps, rules and notices are
    not lines. Of another log than the book's, `shift_us` is added to times, and ELSEWHERE is its lines' number."""

    def __init__(
        self, store: LogStore, book: PatternBook | None = None, *, elsewhere: bool = False, shift_us: int = 0
    ) -> None:
        self._elsewhere = elsewhere
        self._shift_us = shift_us
        self.book = PatternBook() if book is None else book
        self.number = store.first  # the next one to read
        self.missed = 0  # dropped by the store before they were read
        self._store = store

    @property
    def left(self) -> int:
        """Lines that are yet to be read."""
        return max(0, self._store.end - max(self.number, self._store.first))

    @property
    def done(self) -> bool:
        return not self.left

    def step(self, budget_s: float = 0.004) -> bool:
        """Works for about that long. True: everything there is has been read."""
        until = time.perf_counter() + budget_s
        while not self.done:
            if self.number < self._store.first:
                self.missed += self._store.first - self.number
                self.number = self._store.first
            scan = self._store.scan(self.number)
            while self.number < scan.end:
                end = min(self.number + _BATCH, scan.end)
                self._read(scan, end)
                if time.perf_counter() >= until:
                    return self.done
        return True

    def _read(self, scan: Scan, end: int) -> None:
        add, text, starts, first = self.book.add, scan.text, scan.starts, scan.first
        times, levels = scan.times, scan.levels
        for number in range(self.number, end):
            place = number - first
            level = levels[place]
            if level != NO_LEVEL:
                stop = starts[place + 1] if number + 1 < scan.end else len(text)
                us = times[place]
                at = None if us == NO_TIME else us + self._shift_us
                add(text[starts[place] : stop - 1], _LEVELS[level], at, ELSEWHERE if self._elsewhere else number)
        self.number = end


# since a deployment

RISE = 3  # times as many, and more than chance makes of it
_SIGMAS = 3
_GONE = 10  # lines before, for their absence to mean something
_WINDOW = 90  # buckets: 15 min


class Change(StrEnum):
    """In the order in which they are listed."""

    NEW = "new"
    MORE = "more"
    SAME = "same"
    GONE = "gone"
    UNKNOWN = "unknown"  # nothing is held from before


class PatternChange(Struct, frozen=True):
    """`before` and `after`: lines within equal windows on both sides of the boundary."""

    kind: Change
    pattern: Pattern
    before: int
    after: int


class Since(Struct, frozen=True):
    """The patterns of a log against a boundary: new errors, new warnings, other new ones, then what grew, the rest,
    and what is gone; within each by level and count. `known_before`, `known_before_s`: lines and seconds held from
    before it; `window_s`: of each side."""

    changes: tuple[PatternChange, ...]
    known_before: int
    known_before_s: float
    window_s: float

    def words(self) -> str:
        """'2 new errors, 1 new pattern, 3 more often'."""
        if not self.known_before:
            return "nothing held from before: cannot tell"
        new = [change.pattern.level for change in self.changes if change.kind is Change.NEW]
        errors = sum(level >= Level.ERROR for level in new)
        warnings = sum(level == Level.WARN for level in new)
        more = sum(change.kind is Change.MORE for change in self.changes)
        parts = [
            f"{number} {word}{'s' if number > 1 and plural else ''}"
            for number, word, plural in (
                (errors, "new error", True),
                (warnings, "new warning", True),
                (len(new) - errors - warnings, "other new pattern", True),
                (more, "more often", False),
            )
            if number
        ]
        return ", ".join(parts) or "nothing new"


def since_deployment(book: PatternBook, boundary_us: int, boundary_number: int | None = None) -> Since:
    """`boundary_number`: of the deployment's Rule or first line, where there is one; it decides what is new.

    Windows are whole buckets; the one in which the boundary lies belongs to neither side.
    """
    boundary = boundary_us // BUCKET_US
    patterns = book.patterns()
    if boundary_number is None:
        known = sum(each.within(-(2**63), boundary) for each in patterns)
    else:
        known = max(0, boundary_number - (boundary_number if book.first_number is None else book.first_number))
    known_s = max(0, boundary_us - book.first_us) / 1e6 if known and book.first_us is not None else 0.0
    last = boundary if book.last_us is None else book.last_us // BUCKET_US
    window = max(0, min(last - boundary, int(known_s * 1_000_000) // BUCKET_US, _WINDOW))

    def change(pattern: Pattern) -> PatternChange:
        before = pattern.within(boundary - window, boundary)
        after = pattern.within(boundary + 1, boundary + 1 + window)
        if not known:
            kind = Change.UNKNOWN
        elif boundary_number is not None:
            kind = Change.NEW if pattern.first_number >= boundary_number else _kind(before, after)
        else:
            began = pattern.first_us
            kind = Change.NEW if began is not None and began >= boundary_us else _kind(before, after)
        return PatternChange(kind, pattern, before, after)

    changes = sorted(map(change, patterns), key=_place)
    return Since(tuple(changes), known, known_s, window * BUCKET_US / 1e6)


def _kind(before: int, after: int) -> Change:
    if after == 0 and before >= _GONE:
        return Change.GONE
    if after >= RISE * max(before, 1) and after - before >= _SIGMAS * sqrt(after + before):
        return Change.MORE
    return Change.SAME


_ORDER = {kind: place for place, kind in enumerate(Change)}


def _place(change: PatternChange) -> tuple[int, int, int, int, str]:
    pattern = change.pattern
    urgency = min(pattern.level, Level.ERROR) if pattern.level >= Level.WARN else Level.INFO
    return _ORDER[change.kind], -urgency, -pattern.count, pattern.first_number, pattern.text
