"""The part of the board that goes to a time: asks for it, moves every pane there, and shows what was before it."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING

from tui.model.entities import Deployment, Ref
from tui.model.log import LogKind
from tui.model.moment import moment
from tui.model.target import serving_at
from tui.screens.reading import ReadingScreen
from tui.screens.words import clock

if TYPE_CHECKING:
    from tui.engine.events import Event, Undated

_PAGES = 40  # of a timeline, loaded to come to a time


class InstantScreen(ReadingScreen):
    """A screen whose panes can stand at an instant: `instant` is None while they are at now."""

    at_newest: bool
    kinds: dict[Ref, LogKind]
    instant: datetime | None = None
    _goes_to: tuple[Ref, Ref | None] | None = None
    """Of the service the deployment that the timeline's cursor goes to; None: the one that served then."""
    _stands_on: Ref | None = None  # it came there
    _pages = 0

    @abstractmethod
    def _draw_timeline(self) -> None:
        """From the store as it is now."""

    @abstractmethod
    def _log_soon(self) -> None:
        """Opens the log of what the cursors stand on, when they rest."""

    # Asking

    def action_go_to_time(self) -> None:
        self._ask("go to a time: 02:40, -35m, -2h, 2026-08-22T02:40", self._go_to_time)

    def _go_to_time(self, typed: str | None) -> None:
        from tui.screens.before import BeforeSheet

        if not typed:
            return
        now = self.engine.clock.now()
        try:
            at = moment(typed, now)
        except ValueError as error:
            self.say(str(error), "alert")
            return
        if at > now:
            self.say("That time is still to come.", "alert")
            return
        told = self.go_to(at)

        def taken(event: Event | Undated | None) -> None:
            if event is None:
                self.say(f"{told} f goes back to now.")
            else:
                self._go_to_event(event)

        self.open(BeforeSheet(self.engine, at, self.logs), taken)

    def _go_to_event(self, event: Event | Undated) -> None:
        service = event.service
        if service is None:
            return
        if not self.services.select(service):
            self.say(self.gone(event.path, service.account), "alert")
            return
        deployment = None if event.deployment is None else event.deployment.ref
        at = getattr(event, "at", None)
        if deployment is None:
            self.kinds[service] = LogKind.RUNTIME
        self.set_focus(self.services if deployment is None else self.timeline)
        if isinstance(at, datetime):
            self.go_to(at, service, deployment)
        else:
            self._seek(service, deployment)
        self.say(f"{event.path}: f goes back to now.")

    # Being there

    def go_to(self, at: datetime, service: Ref | None = None, deployment: Ref | None = None) -> str:
        """Every pane to that instant, the timeline's cursor to `deployment` or to the one that served then. Says what
        there is to say of the log."""
        self.instant = at
        self.logs.instant = at
        told = f"At {clock(at, self.engine.clock.now())}."
        same = service in (None, self.service)
        if self.logs.tails and (same or self.merged) and len(self.log_view.rows):
            told = self.logs.go_to_time(at).removesuffix(".") + "."
            self.logs.open_at_instant(self.say)
        if (chosen := service or self.service) is not None:
            self._seek(chosen, deployment)
        return told

    def service_changed(self) -> None:
        """Another service was turned to: its panes go to the instant, too."""
        self._stands_on = None
        if self.instant is not None and self.service is not None:
            kept = self._goes_to if self._goes_to is not None and self._goes_to[0] == self.service else None
            self._seek(*(kept or (self.service, None)))

    def log_opened(self, pinned: Deployment | None) -> None:
        """A log was opened by the cursors."""
        if self.instant is not None and (pinned is None or pinned.ref == self._stands_on):
            self.logs.instant = self.instant
            self.logs.open_at_instant(self.say)

    def back_to_now(self) -> None:
        if self.instant is None:
            return
        self.instant = None
        self._goes_to = self._stands_on = None
        if not self.at_newest:
            self.at_newest = True
            self._draw_timeline()
            self._log_soon()
        self.say("Now.")

    def action_follow(self) -> None:
        self.back_to_now()
        super().action_follow()

    # The timeline

    def _seek(self, service: Ref, deployment: Ref | None) -> None:
        self._goes_to, self._pages = (service, deployment), 0
        self.seek_in_timeline()

    def seek_in_timeline(self) -> None:
        """Puts the cursor where it is to go, as soon as the timeline holds it; loads older pages till then."""
        if self._goes_to is None or self._goes_to[0] != self.service:
            return
        service, wanted = self._goes_to
        self.engine.history.lend(service)
        timeline = self.engine.store.timeline(service)
        if timeline is None:
            return
        listed = timeline.deployments
        if wanted is not None:
            found = next((each for each in listed if each.ref == wanted), None)
        elif self.instant is not None:
            found = serving_at(self.instant, listed, whole=timeline.next is None and timeline.observed_at is not None)
        else:
            found = None
        if found is not None:
            self._goes_to, self._stands_on = None, found.ref
            self.at_newest = found.ref == listed[0].ref
            self._draw_timeline()
            self.timeline.select(found.ref)
        elif timeline.observed_at is None or timeline.loading:
            return
        elif timeline.next is None or timeline.error is not None or self._pages >= _PAGES:
            self._goes_to = None
        else:
            self._pages += 1
            self.engine.more(service)
