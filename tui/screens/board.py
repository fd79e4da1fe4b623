"""The board: services, the selected service's timeline, and its logs, all three always on the screen.

A sheet is imported by the key that opens it: the first paint does not wait for what it does not show.

It reads the store when its version moved, sets what the widgets show, and turns keys into looks and intents.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Hashable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.reactive import Reactive
from textual.widget import Widget

from tui.engine.log_tail import LogTail
from tui.keys import ACTIONS
from tui.model.entities import Deployment, Ref
from tui.model.log import LogGap, LogKind
from tui.model.status import Status
from tui.screens import words
from tui.screens.attending import AttendingScreen
from tui.screens.everything import EverythingScreen
from tui.screens.handing_over import HandingOver
from tui.screens.log_pane import KINDS, LogPane
from tui.widgets.attention_strip import AttentionStrip
from tui.widgets.bars import Bar
from tui.widgets.line_table import Chosen, Moved
from tui.widgets.line_widget import PALETTE, paint_now
from tui.widgets.log_text import Stamps
from tui.widgets.log_view import LogView
from tui.widgets.prompt import Prompt
from tui.widgets.service_list import ServiceList, ServiceRow, Trouble, with_headings
from tui.widgets.timeline import Timeline, with_steps

if TYPE_CHECKING:
    from tui.engine.engine import Engine

_STORE_FRAME_S = 0.1  # changes of the store are drawn at most that often
_SETTLE_S = 0.15  # a cursor that rests that long opens the log under it
_TWICE_S = 2.0
_RUNNING = (Status.BUILDING, Status.DEPLOYING, Status.REMOVING)


class Board(AttendingScreen, EverythingScreen, HandingOver):
    focused: Reactive[Widget | None] = Reactive(None, repaint=False)
    """The panes draw what the focus changes; Textual would repaint the whole screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = set(PALETTE)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(action.bound, action.id, action.label, show=False, id=action.name) for action in ACTIONS
    ]

    def __init__(
        self, engine: Engine, *, state_dir: Path | None, frames_per_second: int, stamps: Stamps, wrap: bool
    ) -> None:
        super().__init__()
        self.engine = engine
        self.state_dir = state_dir
        self.service: Ref | None = None
        self.kinds: dict[Ref, LogKind] = {}  # the log tab the user chose, by service
        self.at_newest = True  # the timeline's cursor goes along with the newest deployment
        self.merged: tuple[Ref, ...] = ()  # services whose logs are read as one, whatever the cursor stands on
        self.said: tuple[str, str] = (f" {engine.notices[0]}", "alert") if engine.notices else ("", "")
        self._said_at = engine.clock.now()
        self.strip = AttentionStrip(id="attention")
        self.services = ServiceList(id="services")
        self.timeline = Timeline(id="timeline")
        self.logs = LogPane(engine, frames_per_second=frames_per_second, stamps=stamps, wrap=wrap)
        self.log_view = self.logs.view
        self.prompt = Prompt(id="prompt")
        self.services_pane = Vertical(id="services-pane")
        self.timeline_pane = Vertical(id="timeline-pane")
        bars = ("status", "services-head", "timeline-head", "notice", "keys")
        (
            self.status_bar,
            self.services_head,
            self.timeline_head,
            self.notice_bar,
            self.keys_bar,
        ) = (Bar(id=name) for name in bars)
        self._due = False
        self._drawn_at = 0.0
        self._pressed_to_quit = False
        self._ticking = False
        self._unwatch: Callable[[], None] = lambda: None

    def compose(self) -> ComposeResult:
        yield self.status_bar
        with Horizontal(id="upper"):
            with self.services_pane:
                yield self.services_head
                yield self.services
            with self.timeline_pane:
                yield self.timeline_head
                yield self.timeline
        yield self.logs
        yield self.prompt
        yield self.notice_bar
        yield self.keys_bar

    def on_mount(self) -> None:
        self.set_focus(self.services)
        self._unwatch = self.engine.store.watch(self._store_moved)
        self.call_after_refresh(self._first_draw)

    def _first_draw(self) -> None:
        self.draw()
        self._paint_now()

    def on_unmount(self) -> None:
        self._unwatch()

    # From the store to the widgets

    def _store_moved(self) -> None:
        if not self._due and self.is_attached:
            self._due = True
            wait_s = self._drawn_at + _STORE_FRAME_S - monotonic()
            if wait_s > 0:
                self.call_later(self.set_timer, wait_s, self.draw)  # from our own context, whoever calls
            else:
                self.call_later(self.draw)

    def draw(self) -> None:
        """Everything that is told on the screen, from the store as it is now. Widgets redraw what differs."""
        self._due = False
        self._drawn_at = monotonic()
        if not self.is_attached:
            return
        engine, store = self.engine, self.engine.store
        now = engine.clock.now()
        services = store.services()
        self.services.busy = words.busy(engine.actions, now)
        self.services.shifts = {name: engine.skew(name).shift for name in store.accounts}
        width = max(20, self.services.size.width - 2)
        rows: list[ServiceRow] = with_headings(
            services,
            production={s.ref: engine.actions.is_production(s) for s in services},
            stale=frozenset(s.ref for s in services if store.is_old(s) or words.is_old(store.accounts[s.account], now)),
        )
        for sentence in (*engine.notices, *words.troubles(store, now), *words.clocks(engine)):
            lines = textwrap.wrap(sentence, width) or [""]
            rows.extend(Trouble(line, number == 0) for number, line in enumerate(lines))
        waiting = words.no_services(store, now)
        self.services.show(rows, now, [line for part in waiting for line in textwrap.wrap(part, width)])
        self._draw_timeline()
        self.seek_in_timeline()
        self._draw_bars()
        self.draw_attention(now)
        self._tick()

    def _draw_timeline(self) -> None:
        now = self.engine.now(self.service.account) if self.service else self.engine.clock.now()
        timeline = self.engine.store.timeline(self.service) if self.service else None
        service = self.engine.store.service(self.service) if self.service else None
        width = max(20, self.timeline.size.width - 2)
        if timeline is None or service is None:
            self.timeline.show((), now, textwrap.wrap("Choose a service to see its deployments.", width))
            return
        rows = with_steps(
            timeline.deployments,
            timeline.steps,
            more=timeline.next is not None,
            loading=timeline.loading,
            problems=timeline.problems,
        )
        if self.at_newest and timeline.deployments:
            self.timeline.selected = timeline.deployments[0].ref
        self.timeline.reviews = {each.deployment: each.looks for each in self.engine.reviews.all()}
        message = words.no_deployments(timeline, service, self.caveat([service.account]))
        self.timeline.show(rows, now, [line for part in message for line in textwrap.wrap(part, width)])

    def _draw_log(self) -> None:
        self.logs.draw(
            self.engine.store.service(self.service) if self.service else None,
            self.logs.kind if self.logs.tails else self.kind,
            None if self.merged else self._pinned(),
            self.engine.clock.now(),
            focused=self.focused is self.log_view,
            width=self.size.width,
        )

    def _draw_bars(self) -> None:
        engine, store = self.engine, self.engine.store
        now = engine.clock.now()
        width = self.size.width
        self.status_bar.show(*words.status_bar(engine, now, width))
        focused = self.focused
        timeline = store.timeline(self.service) if self.service else None
        service = store.service(self.service) if self.service else None
        self.services_head.show(
            *words.services_head(len(store.services()), focused=focused is self.services, more=bool(self.caveat())),
            base="head-focused" if focused is self.services else "",
        )
        self.timeline_head.show(
            *words.timeline_head(service, timeline, now, focused=focused is self.timeline, instant=self.instant),
            base="head-focused" if focused is self.timeline else "",
        )
        self._draw_log()
        action = words.action_line(engine, now)
        trouble = [(f" ! {sentence}", "alert") for sentence in words.alerts(store, now)[:1]]
        just_said = (now - self._said_at).total_seconds() < words.SAID_FOR_S
        self.notice_bar.show(*words.notice(self.said, action, trouble, width, just_said=just_said))
        self.keys_bar.show(words.keys_bar(ACTIONS, width))
        self._arrange()

    def _arrange(self) -> None:
        """Which pane the layout is for, where it matters: a class on the screen restyles and repaints all of it."""
        if not (self.has_class("-zoomed") or self.has_class("-xs")):
            return
        focused = self.focused
        for pane, widget in (
            (self.services_pane, self.services),
            (self.timeline_pane, self.timeline),
            (self.logs, self.log_view),
        ):
            pane.set_class(focused is widget, "-focused")
            if focused is widget:  # while a sheet or the search has the focus, the layout stays
                self.set_class(widget is self.timeline, "-timeline-focused")
                self.set_class(widget is self.log_view, "-log-focused")

    def _tick(self) -> None:
        """Ages move: every second while an action or the rollout that is looked at is under way, else every ten."""
        if not self._ticking:
            self._ticking = True
            service = self.engine.store.service(self.service) if self.service else None
            latest = service.latest if service else None
            moving = bool(self.engine.actions.running) or (latest is not None and latest.status in _RUNNING)
            self.set_timer(1.0 if moving else 10.0, self._ticked)

    def _ticked(self) -> None:
        self._ticking = False
        self.log_view.tick(self.logs.now)
        self.draw()

    def say(self, text: str, style: str = "notice") -> None:
        """One line at the bottom, till the next key that says something."""
        self.said = (f" {text}" if text else "", style)
        self._said_at = self.engine.clock.now()
        self._draw_bars()

    # What is selected

    @property
    def kind(self) -> LogKind:
        """The log tab: the one chosen for this service; else the one that tells what happens to it."""
        if self.service is None:
            return LogKind.RUNTIME
        if (chosen := self.kinds.get(self.service)) is not None:
            return chosen
        deployment = self._pinned()
        if deployment is None and (service := self.engine.store.service(self.service)):
            deployment = service.latest
        building = (Status.QUEUED, Status.WAITING, Status.NEEDS_APPROVAL, Status.BUILDING, Status.FAILED)
        return LogKind.BUILD if deployment and deployment.status in building else LogKind.RUNTIME

    def _pinned(self) -> Deployment | None:
        """An older deployment that the timeline's cursor stands on; None while it is on the newest."""
        if self.at_newest or not isinstance(self.timeline.selected, Ref):
            return None
        return self.engine.store.deployment(self.timeline.selected)

    def chosen_deployment(self) -> Deployment | None:
        return self._pinned() if self.timeline.has_focus else None

    def on_moved(self, event: Moved) -> None:
        if isinstance(event, Chosen):
            self.action_drill()
        elif event.table is self.services:
            self._service_moved(event.key)
        elif event.table is self.timeline:
            timeline = self.engine.store.timeline(self.service) if self.service else None
            newest = timeline.deployments[0].ref if timeline and timeline.deployments else None
            at_newest = event.key is None or event.key == newest
            if not (at_newest and self.at_newest):
                self.at_newest = at_newest
                self._log_soon()
            self._draw_bars()
            if self.service and timeline and timeline.next and timeline.deployments[-1].ref == event.key:
                self.engine.more(self.service)

    def _service_moved(self, key: Hashable | None) -> None:
        self.service = key if isinstance(key, Ref) else None
        self.at_newest = True
        self.timeline.selected = None
        self.timeline.top = 0
        self.engine.focus(self.service)
        self._draw_timeline()
        self._log_soon()
        self.service_changed()
        self._draw_bars()
        self._paint_now()

    @property
    def tail(self) -> LogTail | None:
        """The log that is open, when it is one."""
        return self.logs.tail

    def _log_soon(self) -> None:
        """Never another service's lines under this one's name: the pane empties at once, and fills when the cursor
        rests."""
        if self.merged:
            return
        self.logs.close()
        self._draw_log()
        self.set_timer(_SETTLE_S, partial(self._open_log, self.service, self._pinned()))

    def _open_log(self, service: Ref | None, pinned: Deployment | None) -> None:
        if service is None or service != self.service or pinned != self._pinned() or self.logs.tails:
            return
        known = self.engine.store.service(service)
        if known is not None:
            self.logs.open(self.kind, [known], pinned)
            self.log_opened(pinned)
            self._draw_bars()

    def open_selected_log(self) -> None:
        self._open_log(self.service, self._pinned())

    def on_log_view_changed(self) -> None:
        self._draw_log()
        self.logs.draw_figures(self.engine.store.service(self.service) if self.service else None)

    def on_descendant_focus(self) -> None:
        if self.is_attached:
            self._draw_bars()
            self._paint_now()

    def _paint_now(self) -> None:
        paint_now(self)

    def on_resize(self) -> None:
        self.call_after_refresh(self.draw)

    # Looking. The focus moves by set_focus: focus() would move it only after the keys typed ahead.

    def pane(self) -> ServiceList | Timeline | LogView:
        focused = self.focused
        return focused if isinstance(focused, ServiceList | Timeline | LogView) else self.services

    def action_move(self, rows: int) -> None:
        self.pane().move(rows)

    def action_page(self, pages: int) -> None:
        self.pane().page(pages)

    def action_half_page(self, pages: int) -> None:
        self.pane().page(pages / 2)

    def action_first(self) -> None:
        self.pane().first()

    def action_last(self) -> None:
        if self.pane() is self.log_view:
            self.back_to_now()
        self.pane().last()

    def action_sideways(self, step: int) -> None:
        if self.focused is self.log_view:
            self.log_view.sideways(step)
        else:
            self.set_focus(self.timeline if step > 0 else self.services)

    def action_next_pane(self, step: int) -> None:
        panes: list[Widget] = [self.services, self.timeline, self.log_view]
        self.set_focus(panes[(panes.index(self.pane()) + step) % 3])

    def action_pane(self, number: int) -> None:
        self.set_focus((self.services, self.timeline, self.log_view)[number - 1])

    def action_log_tab(self, step: int) -> None:
        if self.service is None:
            return
        kind = KINDS[(KINDS.index(self.logs.kind if self.logs.tails else self.kind) + step) % len(KINDS)]
        held = not self.log_view.following
        if self.merged:
            services = [known for ref in self.merged if (known := self.engine.store.service(ref)) is not None]
            self.logs.open(kind, services, None)
        else:
            self.kinds[self.service] = kind
            self.logs.close()
            self.open_selected_log()
        if held:
            self.logs.open_at_instant(self.say)

    def action_zoom(self) -> None:
        self.toggle_class("-zoomed")
        self._arrange()

    def action_drill(self) -> None:
        from tui.screens.deployment import DeploymentScreen
        from tui.screens.entry import EntrySheet

        pane = self.pane()
        if pane is self.services:
            self.set_focus(self.timeline)
        elif pane is self.timeline and self.service and isinstance(self.timeline.selected, Ref):
            self.open(DeploymentScreen(self.engine, self.service, self.timeline.selected))
        elif pane is self.log_view and (key := self.log_view.cursor) is not None and self.log_view.rows.holds(key):
            source, _ = self.log_view.rows.where(key)
            entry = self.log_view.rows.entry(key)
            if isinstance(entry, LogGap):
                self.fill_gap(key)
            else:
                self.open(EntrySheet(entry, self.logs.note(), self._label(source)))
        elif pane is self.log_view:
            self.log_view.pause()

    def action_back(self) -> None:
        if not self._goes_back():
            self.say("Nothing to go back from; q twice leaves.")

    def action_back_or_quit(self) -> None:
        if not self._goes_back():
            self.action_quit_twice("q")

    def _goes_back(self) -> bool:
        if self.ends_handover():
            return True
        if self.has_class("-zoomed"):
            self.remove_class("-zoomed")
        elif self.log_view.has_focus and self.log_view.selected_from is not None:
            self.log_view.select()
        elif self.log_view.has_focus and self.logs.sought:
            self.logs.seek("")
        elif self.log_view.has_focus and not self.log_view.following:
            self.action_follow()
        elif not self.services.has_focus:
            self.set_focus(self.services)
        else:
            return False
        return True

    def action_quit_twice(self, key: str = "") -> None:
        if self._pressed_to_quit:
            self.app.exit()
            return
        self._pressed_to_quit = True
        running = len(self.engine.actions.under_way)
        under_way = f" {running} action under way: it goes on at the platform, unfollowed." if running else ""
        self.say(f"Press {key or 'it'} again to leave.{under_way}", "alert")
        self.set_timer(_TWICE_S, partial(self._forget_quit, self.said))

    def _forget_quit(self, said: tuple[str, str]) -> None:
        self._pressed_to_quit = False
        if self.said == said:
            self.say("")

    def action_next_bad(self, step: int) -> None:
        if self.log_view.has_focus:
            self._tell(self.logs.next_error(step))
        else:
            self.next_alert(step)

    def action_refresh_now(self) -> None:
        self.engine.refresh()
        self.say("Asking every account now.")

    def action_help(self) -> None:
        from tui.screens.help import HelpSheet

        service = self.engine.store.service(self.service) if self.service else None
        verbs = self.engine.actions.verbs(service, self._pinned()) if service else {}
        self.open(HelpSheet(service, verbs))

    def action_audit(self) -> None:
        from tui.screens.audit import AuditScreen

        self.open(AuditScreen(self.engine), self.take_back)
