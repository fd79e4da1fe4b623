"""The part of the board that reads logs: from a key to the log pane, and what it had to say to the bottom line."""

from __future__ import annotations

import os
from abc import abstractmethod
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tui.engine.log_rows import Source
from tui.model.entities import Deployment, Ref
from tui.model.log import LogKind
from tui.screens import take_away
from tui.screens.acting import ActingScreen
from tui.screens.log_pane import LogPane
from tui.screens.words import absent
from tui.widgets.bars import Bar
from tui.widgets.format import plural
from tui.widgets.log_text import as_plain
from tui.widgets.log_view import LogView
from tui.widgets.prompt import Done, Prompt, Typed
from tui.widgets.service_list import ServiceList
from tui.widgets.timeline import Timeline

if TYPE_CHECKING:
    from tui.screens.patterns import Place

_RECENT = timedelta(hours=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


def _began(deployment: Deployment) -> datetime:
    return deployment.started_at or deployment.created_at or _NEVER


class ReadingScreen(ActingScreen):
    """A screen with a log pane, and other panes beside it."""

    logs: LogPane
    log_view: LogView
    services: ServiceList
    timeline: Timeline
    prompt: Prompt
    notice_bar: Bar
    state_dir: Path | None
    merged: tuple[Ref, ...]
    """Services whose logs are read as one, whatever the cursor stands on."""

    @abstractmethod
    def draw(self) -> None:
        """Everything that is told on the screen."""

    @abstractmethod
    def pane(self) -> ServiceList | Timeline | LogView:
        """The one that has the focus."""

    @abstractmethod
    def open_selected_log(self) -> None:
        """Of what the cursors stand on."""

    def _open_merged(self) -> None:
        services = [known for ref in self.merged if (known := self.engine.store.service(ref)) is not None]
        begins = not self.services.marked
        self.services.marked = frozenset(self.merged)
        if services:
            kind = self.logs.kind if self.logs.tails else LogKind.RUNTIME
            # What runs is what one wants to see together; [ goes on to the builds.
            self.logs.open(LogKind.RUNTIME if begins and kind is LogKind.BUILD else kind, services, None)
        self.draw()

    def _tell(self, sentence: str) -> None:
        """What a key's method had to say; the last words stay when it had none."""
        if sentence:
            self.say(sentence)

    def action_boundary(self, step: int) -> None:
        self._tell(self.logs.next_boundary(step))

    def action_follow(self) -> None:
        self.log_view.last()

    def action_pause(self) -> None:
        self.log_view.pause()

    def action_wrap(self) -> None:
        self.log_view.wrap()

    def action_raw(self) -> None:
        self.say("Structured lines as they came." if self.log_view.show_raw() else "Structured lines as read.")

    def action_volume(self) -> None:
        self.logs.toggle_volume()

    def action_digest(self) -> None:
        """The patterns of the log, or the routes of the requests."""
        from tui.screens.patterns import PatternsSheet
        from tui.screens.routes import RoutesSheet

        if self.logs.tail is None:
            self.say(
                "Patterns are those of one service's log: M ends the merged one." if self.merged else "No log yet."
            )
            return
        service = self.engine.store.service(self.service) if self.service else None
        self.logs.read_before(service)
        if self.logs.kind is LogKind.HTTP:
            self.open(RoutesSheet(self.logs, service), self._route_taken)
        else:
            self.open(PatternsSheet(self.logs, service), self._pattern_taken)

    def _route_taken(self, filter_: str | None) -> None:
        if filter_:
            self._tell(self._sift(filter_) or f"Only {filter_}: & and an empty filter shows all.")

    def _pattern_taken(self, place: Place | None) -> None:
        from tui.engine.log_patterns import ELSEWHERE

        if place is None:
            return
        if place.number == ELSEWHERE:
            self.say("Only in the log of the deployment before: in the timeline, the cursor on it shows its log.")
            return
        self._sift(place.filter)
        self.log_view.go_to(place.number)
        self.set_focus(self.log_view)

    def fill_gap(self, key: int) -> None:
        """Reads back from the platform what is missing at this row of the log."""
        self.say("Reading back what is missing here …")
        self.run_worker(self._filled(key), group="fill")

    async def _filled(self, key: int) -> None:
        self.say(await self.logs.fill(key))

    def action_completeness(self) -> None:
        from tui.screens.completeness import CompletenessSheet

        if self.logs.tails:
            self.open(CompletenessSheet(self.logs))
        else:
            self.say("No log yet.")

    def action_timestamps(self) -> None:
        self.say(f"Times: {self.log_view.next_stamps()}")

    def action_context(self) -> None:
        self.say(self.logs.in_context())

    def action_same_instant(self) -> None:
        self.say(self.logs.same_instant())

    def action_next_mark(self) -> None:
        self.say(self.logs.next_mark())

    def action_mark(self) -> None:
        """In the log the line; elsewhere the service, whose log is then read with those of the others marked."""
        if self.log_view.has_focus:
            self.say(self.logs.mark())
        elif self.service is not None:
            rest = tuple(ref for ref in self.merged if ref != self.service)
            self._merge(rest if self.service in self.merged else (*self.merged, self.service))

    def action_mark_more(self) -> None:
        """In the log a mark with a note; elsewhere every service that changed in the last hour, or none."""
        if self.log_view.has_focus:
            self.log_view.pause()
            self._ask("note for this line", self._noted)
        elif self.merged:
            self._merge(())
        else:
            now = self.engine.now
            changed = [
                each
                for each in self.engine.store.services()
                if each.latest and _began(each.latest) > now(each.account) - _RECENT
            ]
            if not changed:
                whole = "No service changed in the last hour."
                self.say(absent(whole, "No service that was read changed in the last hour", self.caveat()))
            self._merge(tuple(each.ref for each in changed))

    def _noted(self, note: str | None) -> None:
        if note:
            self.say(self.logs.mark(note))

    def _merge(self, services: tuple[Ref, ...]) -> None:
        """Reads these logs as one; with none, the selected service's again."""
        was, self.merged = self.merged, services
        if services:
            self._open_merged()
            self.say(f"{plural(len(services), 'service')} in one log: m takes one in or out, M ends it.")
        elif was:
            self.services.marked = frozenset()
            self.logs.close()
            self.open_selected_log()
            self.draw()
            self.say("One service's log again.")

    # Asking at the bottom

    def _ask(self, question: str, done: Done, *, typed: Typed = lambda _: None, value: str = "") -> None:
        asked_from = self.pane()
        self.notice_bar.display = False

        def answered(answer: str | None) -> None:
            self.notice_bar.display = True
            if self.focused in (None, self.prompt):
                self.set_focus(asked_from)
            done(answer)

        self.prompt.ask(question, answered, typed=typed, value=value)

    def action_search(self) -> None:
        pane = self.pane()
        if isinstance(pane, LogView):
            self._ask(
                "search: words or /regex/; enter keeps it, esc ends it", self._sought_in_log, typed=self.logs.seek
            )
        else:
            self._ask("search; enter keeps it, esc ends it", partial(self._sought_in_table, pane))

    def _sought_in_log(self, words_: str | None) -> None:
        self.logs.seek(words_ or "")

    def _sought_in_table(self, pane: ServiceList | Timeline, sought: str | None) -> None:
        self._sought = sought or ""
        if sought:
            found = pane.find(sought)
            told = f"{sought}: n next, N previous" if found else f"{sought}: not found"
            self.say(told, "notice" if found else "alert")

    def action_next_match(self, step: int) -> None:
        pane = self.pane()
        if isinstance(pane, LogView):
            self._tell(self.logs.next_match(step))
        elif not pane.find(self._sought, step):
            self.say(f"{self._sought or 'nothing searched'}: no other match {'below' if step > 0 else 'above'}")

    _sought = ""

    def action_filter(self) -> None:
        """Of the log, whatever pane has the focus: its lines are what can be many."""
        before = str(self.logs.filter or "")

        def done(answer: str | None) -> None:
            problem = self._sift(before if answer is None else answer)
            if problem:
                self._sift(before)
                self.say(f"{problem} The filter stays as it was.", "alert")
            elif self.logs.filter is not None:
                self.say("Filtered: v shows a line in its context, & and an empty filter shows all.")

        self._ask(
            'filter: level>=warn status>=500 path:/x -word "exact" /re/ since:10m',
            done,
            typed=self._typed_filter,
            value=before,
        )

    def _typed_filter(self, typed: str) -> None:
        if problem := self._sift(typed):
            self.prompt.complain(problem)
        else:
            self.prompt.complain("")

    def _sift(self, typed: str) -> str:
        return self.logs.sift(typed, self.logs.now)

    # Taking away

    def _address(self) -> str | None:
        service = self.engine.store.service(self.service) if self.service else None
        if self.timeline.has_focus and isinstance(self.timeline.selected, Ref):
            deployment = self.engine.store.deployment(self.timeline.selected)
            if deployment and deployment.url:
                return deployment.url
        return service.url if service else None

    def action_open_url(self) -> None:
        address = self._address()
        if address:
            self.say(f"{address}: {self.app.copy_text(address)}")  # type: ignore[attr-defined]
        else:
            self.say("The platform gives no address for this.")

    def action_copy(self) -> None:
        text, what = "", ""
        if self.log_view.has_focus:
            picked = [as_plain(entry, self._label(source)) for source, entry in self.log_view.selected()]
            text, what = "\n".join(picked), plural(len(picked), "line")
            if self.log_view.selected_from is not None:
                self.log_view.select()
        elif self.timeline.has_focus and isinstance(self.timeline.selected, Ref):
            text = what = self.timeline.selected.id
        elif self.service and (service := self.engine.store.service(self.service)):
            text = what = service.path
        self._copy(text, what)

    def action_copy_match(self) -> None:
        """What the search found in the line under the cursor; without a search its text alone."""
        text = self.logs.picked()
        self._copy(text, f"{text[:60]}")

    def _copy(self, text: str, what: str) -> None:
        if text:
            self.say(f"{what}: {self.app.copy_text(text)}")  # type: ignore[attr-defined]
        else:
            self.say("Nothing is selected to copy.")

    def _label(self, source: Source) -> str:
        return source.label if self.log_view.rows.merged else ""

    def action_select(self) -> None:
        self.say("Selecting: j k take lines in, y copies them, esc ends it." if self.log_view.select() else "")

    def action_save(self) -> None:
        if not len(self.log_view.rows):
            self.say("There are no log lines to save.")
            return
        folder = self.state_dir / "saved" if self.state_dir else Path.cwd()
        path = folder / take_away.file_name(self._what_is_shown(), self.logs.kind, self.engine.clock.now())
        self.run_worker(self._saved(path), group="save", exclusive=True)

    async def _saved(self, path: Path) -> None:
        self.say(await take_away.save(self.log_view.rows, path, self.say))

    def action_pager(self) -> None:
        if not len(self.log_view.rows):
            self.say("There are no log lines to open.")
            return
        self.run_worker(self._paged(), group="pager", exclusive=True)

    async def _paged(self) -> None:
        run = self.app.run_outside  # type: ignore[attr-defined]
        self.say(await take_away.to_pager(self.log_view.rows, run, self.say, os.environ), "alert")

    def _what_is_shown(self) -> str:
        if self.merged:
            return f"merged-{len(self.merged)}"
        service = self.engine.store.service(self.service) if self.service else None
        return f"{service.environment_name}-{service.name}" if service else "log"
