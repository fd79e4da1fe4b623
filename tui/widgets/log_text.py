"""One entry of a log as spans: time, level, text. Pure, so that every form can be tested as a value."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from tui.engine.log_store import BufferEntry, Notice, Rule, searchable
from tui.model.log import HttpRequest, Level, LogGap, LogLine
from tui.widgets.format import age, duration, plural
from tui.widgets.line_widget import Span


class Stamps(StrEnum):
    """How a line's time is shown, in the order of the key that changes it."""

    LOCAL = "local"
    UTC = "utc"
    RELATIVE = "relative"  # to now
    SINCE = "since"  # the deployment began
    OFF = "off"

    @property
    def following(self) -> Stamps:
        order = list(Stamps)
        return order[(order.index(self) + 1) % len(order)]


LEVEL_STYLES = {
    Level.TRACE: "level-debug",
    Level.DEBUG: "level-debug",
    Level.INFO: "",
    Level.WARN: "level-warn",
    Level.ERROR: "level-error",
    Level.FATAL: "level-error",
}


def stamp(at: datetime | None, stamps: Stamps, start: datetime | None, now: datetime | None = None) -> str:
    """The time of a line with a space behind it; blank and as wide where it is not known."""
    match stamps:
        case Stamps.OFF:
            return ""
        case Stamps.RELATIVE:
            return f"{age(at, now) if now else '':>4} "
        case Stamps.SINCE:
            if at is None or start is None:
                return " " * 10
            seconds = (at - start).total_seconds()
            sign = "-" if seconds < 0 else "+"
            return f"{'T' + sign + _since(abs(seconds)):>9} "
        case Stamps.LOCAL:
            return f"{at.astimezone():%H:%M:%S} " if at else " " * 9
        case Stamps.UTC:
            return f"{at:%H:%M:%S}Z " if at else " " * 10


def _since(seconds: float) -> str:
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60:02}:{whole % 60:02}"
    return duration(seconds)


def head_and_text(
    entry: BufferEntry, stamps: Stamps, start: datetime | None, now: datetime | None = None
) -> tuple[list[Span], str, str]:
    """The spans in front of an entry, its text (perhaps with SGR colours), and the style of the text."""
    match entry:
        case LogLine():
            style = LEVEL_STYLES[entry.level]
            head: list[Span] = [
                (stamp(entry.at, stamps, start, now), "dim"),
                (f"{entry.level.letter} ", style or "dim"),
            ]
            return head, _with_attributes(entry), style if style != "level-warn" else ""
        case HttpRequest():
            code = "level-error" if entry.status >= 500 else "level-warn" if entry.status >= 400 else ""
            head = [
                (stamp(entry.at, stamps, start, now), "dim"),
                (f"{entry.status} ", code),
                (f"{entry.method:<6} ", "strong"),
                (f"{entry.duration_ms:>5}ms ", "level-warn" if entry.duration_ms >= 1000 else "dim"),
            ]
            detail = f"  {entry.detail}" if entry.detail else ""
            return head, f"{entry.path}  {entry.client_ip}{detail}", code if code == "level-error" else ""
        case LogGap():
            lost = f" ({plural(entry.lines, 'line')})" if entry.lines else ""
            return [(stamp(entry.at, stamps, start, now), "dim")], f"≈≈ {entry.reason}{lost}", "alert"
        case Notice():
            return (
                [(stamp(entry.at, stamps, start, now), "dim")],
                f"·· {entry.text}",
                "alert" if entry.bad else "notice",
            )
        case Rule():
            return [], rule_text(entry), "rule"


def _with_attributes(line: LogLine) -> str:
    """A structured line as `message key=value ...`: the platform took the fields out of the text."""
    if not line.attributes:
        return line.text
    return " ".join([line.text, *(f"{name}={value}" for name, value in line.attributes.items())])


def rule_text(rule: Rule) -> str:
    """Where a deployment begins: its revision, who and why."""
    return f"━━ {searchable(rule)} "


def is_error(entry: BufferEntry) -> bool:
    match entry:
        case LogLine():
            return entry.level >= Level.ERROR
        case HttpRequest():
            return entry.status >= 500
        case LogGap():
            return True
        case Notice():
            return entry.bad
        case Rule():
            return False


def as_plain(entry: BufferEntry) -> str:
    """An entry as a line of a file or of the clipboard: full UTC time, level, text."""
    at = getattr(entry, "at", None)
    time = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z " if at else ""
    if isinstance(entry, HttpRequest):
        return f"{time}{entry.method} {entry.path} {entry.status} {entry.duration_ms}ms {entry.client_ip}"
    if isinstance(entry, LogLine):
        return f"{time}{entry.level.name:<5} {searchable(entry)}"
    return f"{time}{head_and_text(entry, Stamps.OFF, None)[1]}"
