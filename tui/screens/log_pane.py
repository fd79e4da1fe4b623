"""The log pane: which logs are open, what of them is shown, and where in them one stands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer

from tui.engine.log_marks import LogMarks
from tui.engine.log_records import searchable
from tui.engine.log_rows import LogRows, Source
from tui.engine.log_tail import LogTail, TailPhase
from tui.model.entities import Deployment, Service
from tui.model.log import LogKind
from tui.model.moment import microseconds
from tui.model.target import served_before
from tui.screens import log_words, words
from tui.widgets.bars import Bar
from tui.widgets.line_widget import LineWidget, Span
from tui.widgets.log_text import Form, Stamps, request_heads
from tui.widgets.log_view import LogView
from tui.widgets.volume_strip import VolumeStrip

if TYPE_CHECKING:
    from tui.engine.engine import Engine
    from tui.engine.log_digest import Boundary, LogDigest
    from tui.model.log_filter import LogFilter
    from tui.model.text_match import TextMatch

_QUIET_S = 1.0  # a log that says nothing more for so long has said what it had
_FIGURES_EVERY_S = 1.0
FIGURES_S = 60.0  # the requests of the last minute
KINDS = (LogKind.BUILD, LogKind.RUNTIME, LogKind.HTTP)


class LogPane(Vertical):
    """Of one service, or several merged. What a person set (filter, search, where they stood) stays from log to log.

    `open` and `close` take care of the tails; the methods that answer a key return what there is to say, "" for
    nothing.
    """

    def __init__(self, engine: Engine, *, frames_per_second: int, stamps: Stamps, wrap: bool) -> None:
        super().__init__(id="log-pane")
        self.engine = engine
        self.head = Bar(id="log-head")
        self.volume = VolumeStrip(id="volume")
        self.figures = Bar(id="figures")
        self.columns = Bar(id="log-columns")
        for each in (self.volume, self.figures, self.columns):
            each.display = False
        self.view = LogView(id="log", frames_per_second=frames_per_second)
        self.view.stamps, self.view.wrapping = stamps, wrap
        self.kind = LogKind.RUNTIME  # of what is open
        self.tails: tuple[LogTail, ...] = ()
        self.filter: LogFilter | None = None
        self.sought = ""
        self.before: LogTail | None = None  # of the deployment before, while it is read
        self._compared = False
        self._figures_at = 0.0
        self._figures_whole = False  # all there was had been read when they were drawn
        self._figures_timer: Timer | None = None
        self.instant: datetime | None = None  # where one stood in the log that was left
        self.digest: LogDigest  # of what is open
        self._marks: dict[int, LogMarks] = {}  # by the id of the source
        self._set_aside: LogFilter | None = None  # the filter, while a line is looked at in its context
        self._unwatch: list[Callable[[], None]] = []

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.view

    def _shown(self, widget: LineWidget, wanted: bool) -> None:
        """Put in its place when it is first wanted: the first paint does not wait for it."""
        if wanted and not widget.is_attached:
            over = next((each for each in (self.figures, self.columns) if each.is_attached), self.view)
            self.mount(widget, before=self.view if widget is self.columns else over)
        widget.display = wanted

    # Which logs

    @property
    def tail(self) -> LogTail | None:
        """The log that is open, when it is one."""
        return self.tails[0] if len(self.tails) == 1 else None

    @property
    def now(self) -> datetime:
        """What the times of the lines are relative to: the platform's clock; of several logs the first one's."""
        return self.tails[0].platform_now if self.tails else self.engine.clock.now()

    @property
    def rows(self) -> LogRows:
        return self.view.rows

    def open(self, kind: LogKind, services: Sequence[Service], pinned: Deployment | None) -> None:
        """Of one service, perhaps only one deployment of it; or of several services, merged. Closes what was open."""
        from tui.engine.log_digest import LogDigest

        self.close()
        store = self.engine.store
        self.kind = kind
        labels = shortest_names([each.path for each in services])
        sources = []
        tails = []
        for service, label in zip(services, labels, strict=True):
            tail = self.engine.tails.open(kind, service.ref, pinned.ref if pinned else None)
            tails.append(tail)
            sources.append(Source(tail.buffer, label, service, tail.marks))
        self.tails = tuple(tails)
        self._marks = {id(each): LogMarks(self.engine.notes, each, kind) for each in sources}
        self._unwatch = [tail.watch(self.view.appended) for tail in tails]
        rows = LogRows(sources)
        rows.keep(self.filter)
        if self.sought:
            rows.find(_match(self.sought))
        self.digest = LogDigest(rows.sources)
        self._figures_at = 0.0  # those of another log must not stand here
        self._shown(self.columns, kind is LogKind.HTTP)
        self._shown(self.figures, kind is LogKind.HTTP and len(services) == 1)
        current = store.service(services[0].ref) if len(services) == 1 else None
        start = pinned or (current.live or current.latest if current else None)
        self.view.show(rows, start.started_at or start.created_at if start else None)

    def close(self) -> None:
        self.instant = self.view.instant or self.instant
        for unwatch in self._unwatch:
            unwatch()
        for tail in (*self.tails, *([self.before] if self.before else [])):
            self.engine.tails.close(tail)
        self._unwatch, self.tails, self.before, self._compared = [], (), None, False
        self.view.show(None)

    # What is said

    def draw(
        self,
        service: Service | None,
        kind: LogKind,
        pinned: Deployment | None,
        now: datetime,
        *,
        focused: bool,
        width: int,
    ) -> None:
        self.view.now = self.now
        self.view.tell(log_words.no_lines(self, service, now, max(20, self.view.size.width - 2)))
        left, right = log_words.head(self, service, kind, pinned, now, focused=focused, width=width)
        self.head.show(left, right, base="head-focused" if focused else "")
        if self.columns.display:
            form = Form(self.view.stamps, self.view.start, self.now)
            heads: list[Span] = [(request_heads(form), "dim")]
            self.columns.show(heads)

    def draw_figures(self, service: Service | None) -> None:
        """What the lines come to, where it is shown; read in slices, a frame each."""
        if not self.tails:
            return
        self._put_marks_back()
        if self.figures.display:
            self.read_before(service)
        self.take_before()
        more = self.digest.work(volume=bool(self.volume.display), requests=bool(self.figures.display))
        if self.volume.display:
            cursor = self.view.cursor
            at = self.rows.time_us(cursor) if cursor is not None and self.rows.holds(cursor) else None
            self.volume.show(self.digest.volume(self.volume.buckets), at)
        if self.figures.display:
            self._draw_figures(service, whole=not more)
        if more:
            self.view.appended()

    def _put_marks_back(self) -> None:
        marks = self._marks.values()
        moved = [each.step() for each in marks]
        if any(moved):
            self.view.changed()
        if any(each.more for each in marks):
            self.view.appended()

    def _draw_figures(self, service: Service | None, *, whole: bool) -> None:
        """At once when all was read for the first time, then once a second: a comparison takes as long as a frame."""
        wait_s = self._figures_at + _FIGURES_EVERY_S - monotonic()
        if wait_s > 0 and (self._figures_whole or not whole):
            if self._figures_timer is None:
                self._figures_timer = self.set_timer(wait_s, self._figures_due)
            return
        self._figures_at, self._figures_whole = monotonic(), whole
        boundary = self.boundary(service)
        comparison = self.digest.comparison(boundary) if boundary else None
        self.figures.show(*log_words.figures(self.digest.summary(FIGURES_S), comparison))

    def _figures_due(self) -> None:
        self._figures_timer = None
        self.view.appended()

    def boundary(self, service: Service | None) -> Boundary | None:
        """Of the deployment that speaks now."""
        return self.digest.boundary(service.live if service else None) if self.tails else None

    def read_before(self, service: Service | None) -> None:
        """Asks for the end of the log of the deployment before, where this log holds too little from before its own.
        Once."""
        tail, boundary = self.tail, self.boundary(service)
        if service is None or boundary is None or boundary.enough or self.before is not None or self._compared:
            return
        timeline = self.engine.store.timeline(service.ref)
        if timeline is None or service.live is None or tail is None or not tail.follows_service:
            return
        previous = served_before(service.live, timeline.deployments)
        if previous is None:
            return
        self.before = self.engine.tails.open(self.kind, service.ref, previous.ref)
        self._unwatch.append(self.before.watch(self.view.appended))
        self.set_timer(_QUIET_S, partial(self._look_at_before, self.before, 0))

    def _look_at_before(self, before: LogTail, end: int) -> None:
        """A log that follows on has no end: when nothing more comes for a while, that was it."""
        if before is not self.before:
            return
        if before.phase is TailPhase.LIVE and before.buffer.end == end:
            self._compare()
        else:
            self.set_timer(_QUIET_S, partial(self._look_at_before, before, before.buffer.end))

    def take_before(self) -> None:
        """Once that log was read. What it tells no more is not waited for."""
        if self.before is not None and self.before.phase in (TailPhase.ENDED, TailPhase.FAILED):
            self._compare()

    def _compare(self) -> None:
        before = self.before
        assert before is not None
        boundary = self.digest.boundary(self._live(before))
        if boundary is not None:
            self.digest.compare_with(before.buffer, boundary)
        self.engine.tails.close(before)
        self.before, self._compared = None, True
        self._figures_whole = False
        self.view.appended()

    def _live(self, tail: LogTail) -> Deployment | None:
        service = self.engine.store.service(tail.source.service.ref)
        return service.live if service else None

    def toggle_volume(self) -> None:
        self._shown(self.volume, not self.volume.display)
        self.view.appended()

    # Finding

    def seek(self, typed: str) -> None:
        """Search while it is typed: goes to the nearest match above where the search began."""
        self.sought = typed
        self.view.search(_match(typed) if typed else None)

    def next_match(self, step: int) -> str:
        if self.view.next_match(step):
            return ""
        if not self.sought:
            return "Nothing is searched: / searches."
        if self.rows.searching:
            return f"{self.sought}: still searching, {self.rows.progress:.0%}."
        return f"{self.sought}: no other match {'below' if step > 0 else 'above'}."

    def sift(self, typed: str, now: datetime) -> str:
        """Only the lines that this filter keeps; "" ends it. Says what is wrong with it; then the last good one
        stays."""
        from tui.model.log_filter import FilterError, parse

        try:
            wanted = parse(typed, now) if typed.strip() else None
        except FilterError as error:
            return str(error)
        if wanted is not None and wanted.empty:
            wanted = None
        if str(wanted or "") != str(self.filter or ""):
            self._set_aside = None
            self._keep(wanted)
        return ""

    def _keep(self, wanted: LogFilter | None) -> None:
        self.filter = wanted
        at = None if self.view.following else self.view.instant
        cursor = self.view.cursor
        self.rows.keep(wanted)
        if wanted is None and cursor is not None and not self.rows.merged:
            self.view.go_to(cursor)
        elif at is not None:
            self.view.goes_to(lambda: not self.rows.searching and (self.view.go_to_time(at) or True))
        self.view.changed()

    def in_context(self) -> str:
        """Shows the line under the cursor among all the others, and by the same key back among those the filter
        keeps."""
        if self.filter is not None:
            self.view.pause()
            self._set_aside = self.filter
            self._keep(None)
            return f"All lines around this one: v goes back to {self._set_aside}"
        if self._set_aside is not None:
            kept, self._set_aside = self._set_aside, None
            self._keep(kept)
            return ""
        return "No filter is set: & sets one."

    # Marks

    def mark(self, note: str = "") -> str:
        """Marks the line under the cursor, with a note even if it is marked; or takes its mark away."""
        marked = self.view.mark(note)
        key = self.view.cursor
        if key is None or not self.rows.holds(key):
            return "There is no line to mark."
        source, number = self.rows.where(key)
        try:
            if marked:
                self._marks[id(source)].keep(number, note)
            else:
                self._marks[id(source)].drop(number)
        except OSError as error:
            return f"For this session only: the notes cannot be written ({error.strerror})."
        self.view.changed()
        if note:
            return f"Marked: {note}"
        return "Marked: ' goes to the next mark." if marked else "No mark here any more."

    def note(self) -> str:
        """What the mark of the line under the cursor says; "" where it says nothing."""
        key = self.view.cursor
        if key is None:
            return ""
        source, number = self.rows.where(key)
        return source.marks.get(number, "")

    # Taking away

    def picked(self) -> str:
        """What the search found in the line under the cursor; without a search its text alone."""
        for _, entry in self.view.selected():
            text = searchable(entry)
            if self.rows.match is not None and (spans := self.rows.match.spans(text)):
                return text[slice(*spans[0])]
            return text
        return ""

    async def fill(self, key: int) -> str:
        """Reads the gap of this row back from the platform. What came of it."""
        tail, number = self.tails[self.rows.source_index(key)], self.rows.where(key)[1]
        told = await tail.fill(number)
        if tail in self.tails:
            from tui.engine.log_digest import LogDigest

            self.digest = LogDigest(self.rows.sources)  # numbers are others than those that were read
            self._figures_whole = False
            self.view.changed()
        return told

    # Jumping

    def next_error(self, step: int) -> str:
        return "" if self.view.next_error(step) else f"No error {_way(step)} in what is held of this log."

    def next_boundary(self, step: int) -> str:
        return "" if self.view.next_boundary(step) else f"No deployment boundary {_way(step)} in this log."

    def next_mark(self) -> str:
        return self.note() if self.view.next_mark() else "No line of this log is marked: m marks one."

    def go_to_time(self, at: datetime) -> str:
        if not self.view.go_to_time(at):
            return "There are no lines to go to."
        return self._begins_later(at) or f"At {words.clock(at, self.engine.clock.now())}"

    def _begins_later(self, at: datetime) -> str:
        """Of a log that holds nothing of that time."""
        first = self.rows.first
        held_from = None if first is None else self.rows.time_us(first)
        if held_from is None or held_from <= microseconds(at):
            return ""
        at_time = words.clock(at, self.engine.clock.now())
        return f"What is held of this log begins later than {at_time}: this is its oldest line."

    def same_instant(self) -> str:
        """In this log, to where one stood in the log that was left."""
        at = self.instant
        if at is None:
            return "Nothing to go to: hold another log at a line first, then come here."
        return self.go_to_time(at)

    def open_at_instant(self, tell: Callable[[str], None]) -> None:
        """As `same_instant`, as soon as the log's lines are there. `tell` is told when they all are later."""
        at = self.instant
        if at is None:
            return

        def there() -> bool:
            last = self.rows.last
            us = None if last is None else self.rows.time_us(last)
            if us is None or us < microseconds(at) or not self.view.go_to_time(at):
                return False
            if later := self._begins_later(at):
                tell(later)
            return True

        self.view.goes_to(there)


def _way(step: int) -> str:
    return "below" if step > 0 else "above"


def shortest_names(paths: Sequence[str]) -> list[str]:
    """Of each path so many of its last parts as tell it from the others."""
    names = []
    for path in paths:
        parts = path.split("/")
        tails = ("/".join(parts[-count:]) for count in range(1, len(parts) + 1))
        names.append(
            next((tail for tail in tails if sum(f"/{each}".endswith(f"/{tail}") for each in paths) == 1), path)
        )
    return names


def _match(typed: str) -> TextMatch:
    from tui.model.text_match import find

    return find(typed)
