"""The timeline of everything: a lane a service over all platforms, time as its axis. It only looks."""

from __future__ import annotations

import gc
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tui.engine.evidence import caveat
from tui.model.entities import Ref
from tui.model.moment import from_microseconds, microseconds, moment
from tui.model.status import Status
from tui.screens import lane_words, words
from tui.screens.lane_index import LaneIndex
from tui.screens.lane_keys import LANE_ACTIONS, SHARED
from tui.screens.layer import Layer
from tui.widgets.bars import Bar as Line
from tui.widgets.format import plural
from tui.widgets.lane_cells import Bar
from tui.widgets.lanes import LaneRow, Lanes, Moved, Pointed, TimeScale, marks_row, name_width, times_row, totals_row
from tui.widgets.line_widget import PALETTE, SpanRows, paint_now
from tui.widgets.prompt import Prompt
from tui.widgets.time_axis import USUAL_ZOOM, ZOOMS, Axis

if TYPE_CHECKING:
    from tui.engine.engine import Engine

LANE_PALETTE = frozenset(f"line--lane-{name}" for name in ("bad", "cursor", "now", "grid", "unread"))
_STORE_FRAME_S = 0.25  # changes of the store are drawn at most that often
_SETTLE_S = 0.3  # a cursor that rests that long asks for what it stands on
_STEPS_TO_ZOOM = 3  # in longer windows the phases of a deployment are not to be seen


class Target(Struct, frozen=True):
    """What to show on the board after this screen; `pane` has the focus then."""

    service: Ref | None = None
    deployment: Ref | None = None
    at: datetime | None = None
    pane: int | None = None


class LanesScreen(Layer["Target | None"]):
    """`at` None: the cursor stays at now. Returns what the board is to show, None for what it showed before."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*PALETTE, *LANE_PALETTE}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.bound, action.id, action.label, show=False, id=action.name if action.name in SHARED else None)
        for action in LANE_ACTIONS
    ]

    def __init__(self, engine: Engine, *, service: Ref | None = None, at: datetime | None = None) -> None:
        super().__init__()
        self.engine = engine
        self.index = LaneIndex(engine)
        self.at_us = None if at is None else microseconds(at)
        self.zoom = USUAL_ZOOM
        self.only_changed = False
        self.said = ("", "")
        self.head = Line(id="lanes-head")
        self.scale = TimeScale(id="lanes-scale")
        self.lanes = Lanes(id="lanes")
        self.lanes.selected, self.lanes.moved = service, service is not None
        self.told = SpanRows(id="lanes-words")  # the two lines below the lanes
        self.prompt = Prompt(id="prompt")
        self.keys_bar = Line(id="keys")
        self._axis: Axis | None = None
        self._along = True  # now is the last column, and stays it
        self._picked: Ref | None = None  # the one jumped to: of several at one instant
        self._steps_asked: set[tuple[Ref, Status]] = set()
        self._due = False
        self._drawn_at = 0.0
        self._ticking = False
        self._unwatch: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        yield self.head
        yield self.scale
        yield self.lanes
        yield self.told
        yield self.prompt
        yield self.keys_bar

    def on_mount(self) -> None:
        self.set_focus(self.lanes)
        self._unwatch = self.engine.store.watch(self._store_moved)
        self.call_after_refresh(self.draw)

    def on_unmount(self) -> None:
        self._unwatch()

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    # From the engine to the widgets

    def _store_moved(self) -> None:
        if not self._due and self.is_attached:
            self._due = True
            self.call_later(self.set_timer, max(0.01, self._drawn_at + _STORE_FRAME_S - monotonic()), self.draw)

    def draw(self) -> None:
        """Everything, from the engine as it is now."""
        self._due = False
        self._drawn_at = monotonic()
        if not self.is_attached or not self.size.width:
            return
        now = self.engine.clock.now()
        self.index.update(now)
        self._arrange(now)
        self._tell(now)
        self.engine.history.want(from_microseconds(self.axis.begin_us))
        self._tick()

    @property
    def axis(self) -> Axis:
        """The window; now is its last column until it is panned."""
        if self._axis is None:
            self._axis = Axis.until(microseconds(self.engine.clock.now()), self.zoom, self.lanes.room)
        return self._axis

    def _now_us(self) -> int:
        return microseconds(self.engine.clock.now())

    def _at_us(self, now_us: int) -> int:
        return now_us if self.at_us is None else self.at_us

    def _arrange(self, now: datetime) -> None:
        """Rows, names, and the window as wide as what they leave."""
        lanes, now_us = self.lanes, microseconds(now)
        lanes.names = name_width(self.size.width, self.index.lanes)
        at_us = self._at_us(now_us)
        axis = self.axis.resized(lanes.room, at_us, now_us)
        if self._along:
            newest = Axis.until(now_us, axis.zoom, axis.columns)
            axis = newest if newest.shows(at_us) else axis
        self._axis = axis
        self._choose(now_us)
        lanes.look_at(axis, at_us, now)
        lanes.show(self.index.rows, now, self._nothing(now))

    def _choose(self, now_us: int) -> None:
        axis = self.axis
        if self.only_changed:
            self.index.keep = lambda row: (
                bool(row.lane.shown(axis, now_us)) or any(axis.shows(mark.at_us) for mark in row.lane.marks)
            )
        else:
            self.index.keep = None
        self.index.choose()

    def _nothing(self, now: datetime) -> list[str]:
        if not self.index.lanes:
            return words.no_services(self.engine.store, now)
        if not self.index.found:
            has = f"has {' '.join(self.index.words)!r} in its path"
            whole = f"No service {has}: / and an empty word shows all."
            return [words.absent(whole, f"No service that was read {has}", self._caveat(now))]
        return ["Nothing that was read happened in this window: w shows all lanes, - a longer stretch of time."]

    def _caveat(self, now: datetime) -> str:
        return caveat(self.engine.store, now)

    def _look(self) -> None:
        """A key's whole answer, at once: another window, another instant."""
        now = self.engine.clock.now()
        now_us = microseconds(now)
        self._along = self.axis.column(now_us) == self.axis.columns - 1
        if self.only_changed:
            self._arrange(now)
        else:
            self.lanes.look_at(self.axis, self._at_us(now_us), now)
            self.lanes.redraw_changed()
        self._tell(now)
        paint_now(self)
        self.call_later(gc.collect, 0)  # a strip is a cycle: 2,000 objects a key, 1 ms now; 30 ms where they add up
        self.set_timer(_SETTLE_S, self._rested)

    def _tell(self, now: datetime) -> None:
        """Head, scale, the words at the bottom."""
        lanes, axis, now_us = self.lanes, self.axis, microseconds(now)
        at_us = self._at_us(now_us)
        index = self.index
        filters = [f"/{' '.join(index.words)}"] if index.words else []
        if self.only_changed:
            filters.append("changed")
        shown = sum(isinstance(row, LaneRow) for row in index.rows)
        of = f"{shown} of {plural(len(index.lanes), 'service')}" if filters else plural(shown, "service")
        unread = sum(row.lane.since_us is None or row.lane.since_us > axis.begin_us for row in index.found)
        told = " · ".join(filter(None, (f"{of}, {plural(index.deployments, 'deployment')}", self._caveat(now))))
        left, right = lane_words.head(
            axis, self.at_us, now, filters=filters, progress=self.engine.history.progress, unread=unread, told=told
        )
        self.head.show(left, right, base="head-focused")
        marks = {
            column: (each[0].letter if len(each) == 1 else str(min(9, len(each))), _all_ok([one.ok for one in each]))
            for column, each in index.marks(axis).items()
        }
        day = f"{from_microseconds(axis.begin_us).astimezone():%a %d %b}"
        self.scale.show([times_row(lanes, day), totals_row(lanes, *index.begun(axis)), marks_row(lanes, marks)])
        row = lanes.current()
        if isinstance(row, LaneRow):
            bar, here = self._pointed(row, at_us)
            done = [mark for mark in row.lane.marks if axis.column(mark.at_us) == axis.column(at_us)]
            self.told.show(lane_words.bottom(row, bar, here, done, at_us, now))
        else:
            self.told.show([])
        said = [self.said] if self.said[0] else []
        self.keys_bar.show(said or words.keys_bar(LANE_ACTIONS, self.size.width))

    def _pointed(self, row: LaneRow, at_us: int) -> tuple[Bar | None, list[Bar]]:
        """The deployment at the cursor or the nearest one, and all in the cursor's column."""
        nearest, here = row.lane.near(at_us, self.axis.width_us)
        return next((bar for bar in here if self._is_picked(bar, at_us)), nearest), list(here)

    def _is_picked(self, bar: Bar, at_us: int) -> bool:
        return bar.deployment.ref == self._picked and bar.begin_us == at_us

    def _tick(self) -> None:
        """Time goes on: now moves by a column, ages by their steps."""
        if not self._ticking:
            self._ticking = True
            self.set_timer(min(10.0, max(1.0, self.axis.width_us / 1_000_000)), self._ticked)

    def _ticked(self) -> None:
        self._ticking = False
        self.draw()

    def _rested(self) -> None:
        """Reads what the window shows and was not read, and the phases of what the cursor stands on."""
        if not self.is_attached:
            return
        self.engine.history.want(from_microseconds(self.axis.begin_us))
        row = self.lanes.current()
        if not isinstance(row, LaneRow) or self.zoom > _STEPS_TO_ZOOM:
            return
        bar, here = self._pointed(row, self._at_us(self._now_us()))
        if bar is not None and here:
            asked = (bar.deployment.ref, bar.deployment.status)
            if asked not in self._steps_asked:
                self._steps_asked.add(asked)
                self.engine.steps(bar.deployment.ref)

    def say(self, text: str, style: str = "alert") -> None:
        """One line at the bottom until the next key."""
        self.said = (f" {text}" if text else "", style)

    # Time

    def _go_to(self, at_us: int | None) -> None:
        """The cursor to an instant, None: to now and along with it."""
        now_us = self._now_us()
        if at_us is not None and at_us // self.axis.width_us >= now_us // self.axis.width_us:
            at_us = None
        self.at_us = at_us
        self.say("")
        self._axis = self.axis.towards(self._at_us(now_us), now_us)
        self._look()

    def action_sideways(self, columns: int) -> None:
        width = self.axis.width_us
        if self.at_us is None:
            at_us = self._now_us() // width * width + columns * width
        else:
            at_us = self.at_us + columns * width
        self._axis = self._scrolled(at_us)
        self._go_to(at_us)

    def _scrolled(self, at_us: int) -> Axis:
        """The window moved no further than the cursor needs."""
        column, axis = self.axis.column(at_us), self.axis
        over = min(column, 0) or max(column - axis.columns + 1, 0)
        return axis.panned(over, self._now_us())

    def action_pan(self, pages: int) -> None:
        columns = max(1, self.axis.columns * 3 // 4) * pages
        now_us = self._now_us()
        column = self.axis.column(self._at_us(now_us))
        before = self.axis
        self._axis = self.axis.panned(columns, now_us)
        if self._axis.first == before.first:
            self._go_to(None)
        else:
            self._go_to(self._axis.begin_of(min(max(column, 0), self._axis.columns - 1)))

    def action_zoom(self, step: int) -> None:
        zoom = min(max(self.zoom + step, 0), len(ZOOMS) - 1)
        now_us = self._now_us()
        self._axis = self.axis.zoomed(zoom, self._at_us(now_us), now_us)
        self.zoom = zoom
        self.say("")
        self._look()

    def action_oldest(self) -> None:
        if self.index.oldest_us is not None:
            self._go_to(self.index.oldest_us)

    def action_now(self) -> None:
        self._go_to(None)

    def action_go_to_time(self) -> None:
        self._ask("go to a time: 02:40, -35m, 2026-08-22T02:40", self._went_to)

    def _went_to(self, typed: str | None) -> None:
        if not typed:
            return
        try:
            at = moment(typed, self.engine.clock.now())
        except ValueError as error:
            self.say(str(error))
            self._look()
            return
        self._go_to(microseconds(at))

    # Deployments

    def action_jump(self, step: int) -> None:
        row = self.lanes.current()
        if not isinstance(row, LaneRow):
            return
        at_us, bars = self._at_us(self._now_us()), row.lane.bars
        picked = next((number for number, bar in enumerate(bars) if self._is_picked(bar, at_us)), None)
        if picked is not None:
            number = picked + step
        elif step < 0:
            number = bisect_left(row.lane.begins, at_us) - 1
        else:
            number = bisect_right(row.lane.begins, at_us)
        if 0 <= number < len(bars):
            self._jump_to(row, bars[number])
        else:
            self.say(f"No deployment of {row.name} {_side(step)} that was read.")
            self._look()

    def action_jump_any(self, step: int) -> None:
        self._jump_any(step, bad=False)

    def action_jump_bad(self, step: int) -> None:
        self._jump_any(step, bad=True)

    def _jump_any(self, step: int, *, bad: bool) -> None:
        row = self.lanes.current()
        found = self.index.found
        number = next((n for n, each in enumerate(found) if row is each), -1)
        beside = self.index.beside((self._at_us(self._now_us()), number), step, bad=bad)
        if beside is None:
            self.say(f"No {'failed ' if bad else ''}deployment {_side(step)} that was read.")
            self._look()
            return
        self._jump_to(*beside)

    def _jump_to(self, row: LaneRow, bar: Bar) -> None:
        self._picked = bar.deployment.ref
        self.lanes.selected, self.lanes.moved = row.service, True
        now_us = self._now_us()
        self.at_us = min(bar.begin_us, now_us)
        self._axis = self.axis.towards(self.at_us, now_us)
        self.say("")
        if self.only_changed:
            self._arrange(self.engine.clock.now())
        self.lanes.select(row.service)
        self._look()

    def action_drill(self) -> None:
        from tui.screens.deployment import DeploymentScreen

        if (found := self._chosen()) is not None:
            row, bar = found
            self.engine.history.lend(row.service)
            self.engine.focus(row.service)  # what it brought is told by the timeline
            self.open(DeploymentScreen(self.engine, row.service, bar.deployment.ref))

    def action_show(self) -> None:
        row = self.lanes.current()
        if isinstance(row, LaneRow):
            now_us = self._now_us()
            bar, _ = self._pointed(row, self._at_us(now_us))
            at = None if self.at_us is None else from_microseconds(self.at_us)
            self.engine.history.lend(row.service)
            self.dismiss(Target(row.service, bar.deployment.ref if bar else None, at, 3))

    def _chosen(self) -> tuple[LaneRow, Bar] | None:
        row = self.lanes.current()
        if not isinstance(row, LaneRow):
            return None
        bar, _ = self._pointed(row, self._at_us(self._now_us()))
        if bar is None:
            self.say(f"No deployment of {row.name} is known.")
            self._look()
            return None
        return row, bar

    # Lanes

    def action_move(self, rows: int) -> None:
        self.lanes.move(rows)

    def action_page(self, pages: float) -> None:
        self.lanes.page(pages)

    def on_moved(self, event: Moved) -> None:
        event.stop()
        self.say("")
        self._look()

    def on_pointed(self, event: Pointed) -> None:
        event.stop()
        self._go_to(self.axis.begin_of(event.column))

    def action_search(self) -> None:
        self._ask("lanes: words of their path; empty shows all", self._sought, value=" ".join(self.index.words))

    def _sought(self, typed: str | None) -> None:
        if typed is not None:
            self.index.words = tuple(typed.casefold().split())
            self.index.sift()
        self._again()

    def action_changed(self) -> None:
        self.only_changed = not self.only_changed
        self._again()

    def _again(self) -> None:
        self.say("")
        self._arrange(self.engine.clock.now())
        self._look()

    def _ask(self, question: str, done: Callable[[str | None], None], value: str = "") -> None:
        self.keys_bar.display = False

        def answered(answer: str | None) -> None:
            self.keys_bar.display = True
            if self.focused in (None, self.prompt):
                self.set_focus(self.lanes)
            done(answer)

        self.prompt.ask(question, answered, value=value)

    # The rest

    def action_refresh_now(self) -> None:
        self.engine.refresh()
        self.say("Asking every account now.", "notice")
        self._look()

    def action_help(self) -> None:
        from tui.screens.lane_keys import LaneHelp

        self.open(LaneHelp())

    def action_pane(self, number: int) -> None:
        self.dismiss(Target(pane=number))

    def action_back(self) -> None:
        """A filter is left first."""
        if self.only_changed or self.index.words:
            self.only_changed, self.index.words = False, ()
            self.index.sift()
            self._again()
        else:
            self.dismiss(None)


def _side(step: int) -> str:
    return "before this" if step < 0 else "after this"


def _all_ok(known: list[bool | None]) -> bool | None:
    """The worst of them."""
    return False if False in known else None if None in known else True
