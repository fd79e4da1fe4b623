"""The bell and notifications: what goes to the terminal, how often, and by which way."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.entities import service
from tui.alarm import Alarm, way, wrapped
from tui.config import Notify, UiConfig
from tui.engine.attention import Alert, Trouble

PLAIN = {"TERM": "xterm-256color"}


class Desk:
    """What an alarm does, and the time that goes by."""

    def __init__(self, ui: UiConfig, environ: Mapping[str, str] = PLAIN) -> None:
        self.wrote: list[str] = []
        self.ran: list[list[str]] = []
        self.now = 1000.0
        self._later: list[tuple[float, Callable[[], None]]] = []
        self.alarm = Alarm(
            ui,
            environ,
            write=self.wrote.append,
            run=self.ran.append,
            later=lambda seconds, callback: self._later.append((self.now + seconds, callback)),
            monotonic=lambda: self.now,
        )

    def rings(self, reason: str = "crashed", times: int = 1) -> None:
        for _ in range(times):
            self.alarm.tell(alert(reason))

    def passes(self, seconds: float) -> None:
        self.now += seconds
        due = [each for each in self._later if each[0] <= self.now]
        for each in due:
            self._later.remove(each)
            each[1]()


def alert(reason: str) -> Alert:
    api = service("api")
    return Alert("key", api.ref, api.path, Trouble.CRASHED, reason, None, None)


def test_the_bell_and_one_osc_9_with_path_and_reason() -> None:
    desk = Desk(UiConfig())
    desk.rings("crashed 40 s after going live")
    assert desk.wrote == [
        "\x07",
        "\x1b]9;deckwatch: prod/shop/production/api: crashed 40 s after going live\x07",
    ]


def test_of_a_storm_five_are_told_and_the_rest_of_the_minute_is_a_number() -> None:
    desk = Desk(UiConfig(notify=Notify.OFF))
    desk.rings(times=12)
    assert desk.wrote == ["\x07"] * 5
    desk.passes(30)
    assert len(desk.wrote) == 5
    desk.passes(30)
    assert len(desk.wrote) == 6
    desk = Desk(UiConfig(bell=False))
    desk.rings(times=12)
    desk.passes(60)
    assert desk.wrote[-1] == "\x1b]9;deckwatch: and 7 more\x07"
    desk.passes(60)
    desk.rings()
    assert len(desk.wrote) == 7, "the next minute is another one"


@pytest.mark.parametrize(
    "hostile",
    ["\x1b]52;c;cHduZWQ=\x07", "a\x07b\x1b\\c", "\x9d0;owned\x9c", "one\ntwo\r\x00", "\u202eright to left"],
)
def test_what_a_platform_says_cannot_end_the_sequence(hostile: str) -> None:
    desk = Desk(UiConfig(bell=False))
    desk.rings(hostile)
    [written] = desk.wrote
    inside = written.removeprefix("\x1b]9;").removesuffix("\x07")
    assert inside.isprintable()


def test_a_long_reason_is_cut_and_a_separator_in_it_is_none() -> None:
    desk = Desk(UiConfig(bell=False, notify=Notify.OSC777))
    desk.rings("x; y" * 200)
    [written] = desk.wrote
    assert len(written) < 260
    assert written.startswith("\x1b]777;notify;deckwatch;prod/shop")
    assert written.count(";") == 3


def test_the_desktop_is_told_without_a_shell_and_without_markup() -> None:
    desk = Desk(UiConfig(bell=False, notify=Notify.DESKTOP))
    desk.rings("<b>$(reboot)</b> & more")
    assert desk.wrote == []
    assert desk.ran == [
        [
            "notify-send",
            "--app-name=deckwatch",
            "--",
            "deckwatch",
            "prod/shop/production/api: &lt;b&gt;$(reboot)&lt;/b&gt; &amp; more",
        ]
    ]


@pytest.mark.parametrize(
    ("wanted", "environ", "expected"),
    [
        (Notify.AUTO, PLAIN, Notify.OSC9),
        (Notify.AUTO, {"TERM": "xterm-256color", "VTE_VERSION": "7200"}, Notify.OSC777),
        (Notify.AUTO, {"TERM": "rxvt-unicode-256color"}, Notify.OSC777),
        (Notify.AUTO, {"TERM": "linux"}, Notify.OFF),
        (Notify.OSC777, PLAIN, Notify.OSC777),
        (Notify.DESKTOP, PLAIN, Notify.DESKTOP),
        (Notify.DESKTOP, {**PLAIN, "SSH_CONNECTION": "10.0.0.1 5 10.0.0.2 22"}, Notify.OSC9),
    ],
)
def test_the_way_is_the_one_that_reaches_the_person(wanted: Notify, environ: dict[str, str], expected: Notify) -> None:
    assert way(wanted, environ) is expected


def test_a_multiplexer_gets_it_wrapped() -> None:
    assert wrapped("\x1b]9;x\x07", {"TMUX": "/tmp/t,1,0"}) == "\x1bPtmux;\x1b\x1b]9;x\x07\x1b\\"
    assert wrapped("\x1b]9;x\x07", {"STY": "1.host"}) == "\x1bP\x1b]9;x\x07\x1b\\"
