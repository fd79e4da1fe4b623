"""The part of the board that attends: what wants a person, gone through and acknowledged by key."""

from __future__ import annotations

from datetime import datetime
from time import monotonic

from tui.engine.attention import Alert
from tui.model.status import Status
from tui.screens.reading import ReadingScreen
from tui.screens.words import absent
from tui.widgets.attention_strip import AttentionStrip, lines_at_most
from tui.widgets.format import age


class AttendingScreen(ReadingScreen):
    """A screen with the strip of alerts above its panes."""

    strip: AttentionStrip

    def draw_attention(self, now: datetime, *, soon: bool = False) -> None:
        """Put in its place when there is something to show: the first paint does not wait for it."""
        alerts = [each for each in self.engine.attention.alerts() if each.acknowledged is None]
        if not self.strip.is_attached:
            if not alerts:
                return
            self.mount(self.strip, before="#upper")
        most = lines_at_most(self.size.height)
        self.strip.show(alerts, now, most=most, at_s=monotonic(), soon=soon)

    def next_alert(self, step: int) -> None:
        """To the next service that wants attention, in the strip's order, round the end."""
        places = [each.service for each in self.engine.attention.alerts()]
        if not places:
            self.say(self._nothing_to_attend())
            return
        here = next((number for number, each in enumerate(places) if each == self.services.selected), None)
        place = here + step if here is not None else min(step, 0)
        self.services.select(places[place % len(places)])

    def _nothing_to_attend(self) -> str:
        unknown = [each.name for each in self.engine.store.services() if each.state is Status.UNKNOWN]
        whole = "No service fails or waits for approval."
        read = "No service that was read fails or waits for approval"
        return absent(whole, read, self.caveat(), f"not known: {', '.join(unknown)}" if unknown else "")

    def action_acknowledge(self) -> None:
        """The alert of the selected service; where it has none, the first of the strip."""
        alerts = self.engine.attention.alerts()
        own = next((each for each in alerts if each.service == self.services.selected), None)
        alert = own or next((each for each in alerts if each.acknowledged is None), None)
        if alert is None:
            self.say(self._nothing_to_attend() if not alerts else f"Nothing new: {len(alerts)} acknowledged.")
        elif alert.acknowledged is not None:
            self.say(_known(alert, self.engine.clock.now()))
        else:
            self._acknowledge(alert)

    def _acknowledge(self, alert: Alert) -> None:
        try:
            self.engine.attention.acknowledge(alert)
        except OSError as error:
            self.say(f"Not acknowledged: it cannot be kept ({error.strerror}).", "alert")
            return
        self.draw_attention(self.engine.clock.now(), soon=True)
        self.say(f"Acknowledged: {alert.path}, {alert.reason}")


def _known(alert: Alert, now: datetime) -> str:
    acknowledged = alert.acknowledged
    assert acknowledged is not None
    ago = age(acknowledged.at, now)
    when = "just now" if ago == "now" else f"{ago} ago"
    return f"{alert.path}: acknowledged {when} by {acknowledged.user}. It comes back for a new event only."
