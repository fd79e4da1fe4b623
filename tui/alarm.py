"""Telling a person who does not look at the screen: the bell, the terminal's notification, or the desktop's.

What terminals in between do with it (measured): tmux passes the bell on and marks the window; of OSC 9 and 777 it lets
through what is wrapped for it, and only with `set -g allow-passthrough on`. GNU screen passes a wrapped one, mosh none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from tui.config import Notify, UiConfig
from tui.engine.attention import Alert
from tui.model.text import plain

A_MINUTE = 5
_MINUTE_S = 60.0
_LONGEST = 200  # characters
_NAME = "deckwatch"


class Alarm:
    """Each alert once, at most five a minute; the rest of a minute is one "and 7 more".

    `write` sends bytes to the terminal, `run` starts a program without a shell, `later` calls back after seconds.
    """

    def __init__(
        self,
        ui: UiConfig,
        environ: Mapping[str, str],
        *,
        write: Callable[[str], None],
        run: Callable[[list[str]], object],
        later: Callable[[float, Callable[[], None]], object],
        monotonic: Callable[[], float],
    ) -> None:
        self._bell = ui.bell
        self._way = way(ui.notify, environ)
        self._environ = environ
        self._write = write
        self._run = run
        self._later = later
        self._monotonic = monotonic
        self._rung: deque[float] = deque(maxlen=A_MINUTE)
        self._held = 0

    def tell(self, alert: Alert) -> None:
        now = self._monotonic()
        if len(self._rung) == A_MINUTE and now - self._rung[0] < _MINUTE_S:
            if not self._held:
                self._later(_MINUTE_S - (now - self._rung[0]), self._tell_held)
            self._held += 1
            return
        self._ring(f"{alert.path}: {alert.reason}")

    def _tell_held(self) -> None:
        held, self._held = self._held, 0
        self._ring(f"and {held} more")

    def _ring(self, text: str) -> None:
        self._rung.append(self._monotonic())
        text = shortened(text)
        if self._bell:
            self._write("\x07")
        match self._way:
            case Notify.OSC9:
                self._write(wrapped(f"\x1b]9;{_NAME}: {text}\x07", self._environ))
            case Notify.OSC777:
                self._write(wrapped(f"\x1b]777;notify;{_NAME};{text.replace(';', ',')}\x07", self._environ))
            case Notify.DESKTOP:
                import html  # few have it notify, and the first paint need not wait for its table of entities

                self._run(["notify-send", f"--app-name={_NAME}", "--", _NAME, html.escape(text, quote=False)])


def way(notify: Notify, environ: Mapping[str, str]) -> Notify:
    """The one that is meant. On another machine its desktop is not the person's: then by the terminal."""
    if notify is Notify.DESKTOP and "SSH_CONNECTION" in environ:
        notify = Notify.AUTO
    if notify is not Notify.AUTO:
        return notify
    term = environ.get("TERM", "")
    if term == "linux":
        return Notify.OFF
    return Notify.OSC777 if environ.get("VTE_VERSION") or term.startswith("rxvt") else Notify.OSC9


def shortened(text: str) -> str:
    """One harmless line, of a length that a notification shows."""
    text = plain(text)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def wrapped(sequence: str, environ: Mapping[str, str]) -> str:
    """As the multiplexer in between hands it on."""
    if environ.get("TMUX"):
        doubled = sequence.replace("\x1b", "\x1b\x1b")
        return f"\x1bPtmux;{doubled}\x1b\\"
    return f"\x1bP{sequence}\x1b\\" if environ.get("STY") else sequence
