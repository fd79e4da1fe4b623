"""The part of the board that goes to the timeline of everything and comes back from it."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING

from tui.model.entities import Ref
from tui.screens.reading import ReadingScreen

if TYPE_CHECKING:
    from tui.screens.lanes import Target


class EverythingScreen(ReadingScreen):
    """A screen with services, a timeline and a log, over which the timeline of everything is shown."""

    service: Ref | None
    _arrives_at: datetime | None = None

    @abstractmethod
    def _service_moved(self, key: Ref | None) -> None:
        """The cursor of the services stands on another one."""

    @abstractmethod
    def action_pane(self, number: int) -> None:
        """Focuses a pane."""

    def action_lanes(self) -> None:
        from tui.screens.lane_index import past_of
        from tui.screens.lanes import LanesScreen

        instant = getattr(self.app, "instant", None)
        at = instant if isinstance(instant, datetime) else None
        self.app.push_screen(LanesScreen(self.engine, past_of(self.engine), service=self.service, at=at), self._back)

    def _back(self, target: Target | None) -> None:
        """With the service and deployment that were chosen there selected, and its log at the instant."""
        self.engine.focus(self.service)
        if target is None:
            return
        if target.pane:
            self.action_pane(target.pane)
        if target.service is None or self.engine.store.service(target.service) is None:
            return
        self.services.show(self.services.items, self.engine.clock.now())
        self.services.selected, self.services.moved = target.service, True
        self._service_moved(target.service)
        self._arrives_at = target.at
        if target.deployment is not None and not self.timeline.select(target.deployment):
            self.say("This deployment is not in the timeline's newest page: G reads older ones.")
        self.draw()

    def arrive(self) -> None:
        """A log was opened: to the instant that one came with."""
        if self._arrives_at is not None:
            self.logs.instant, self._arrives_at = self._arrives_at, None
            self.logs.open_at_instant()
