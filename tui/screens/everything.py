"""The part of the board that goes to the timeline of everything and comes back from it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from tui.screens.instant import InstantScreen

if TYPE_CHECKING:
    from tui.screens.lanes import Target


class EverythingScreen(InstantScreen):
    """A screen with services, a timeline and a log, over which the timeline of everything is shown."""

    @abstractmethod
    def action_pane(self, number: int) -> None:
        """Focuses a pane."""

    def action_lanes(self) -> None:
        from tui.screens.lanes import LanesScreen

        screen = LanesScreen(self.engine, service=self.service, at=self.instant)
        self.open(screen, self._back)

    def _back(self, target: Target | None) -> None:
        """With the service and deployment that were chosen there selected, and its log at the instant."""
        self.engine.focus(self.service)
        if target is None:
            return
        if target.pane:
            self.action_pane(target.pane)
        if target.service is None or not self.services.select(target.service):
            return
        if target.at is not None:
            self.go_to(target.at, target.service, target.deployment)
            self.say("f goes back to now.")
        self.draw()
