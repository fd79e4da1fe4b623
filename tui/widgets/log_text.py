"""One entry of a log as spans: time, level, text. Pure, so that every form can be tested as a value."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct
from rich.cells import cell_len

from tui.engine.log_records import BufferEntry, Notice, Rule, searchable
from tui.model.log import GapKind, HttpRequest, Level, LogGap, LogLine
from tui.model.moment import EPOCH
from tui.model.text import without_sgr
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


class Form(Struct, frozen=True):
    """How lines are written: their times, and structured lines as read or as they came."""

    stamps: Stamps = Stamps.LOCAL
    start: datetime | None = None  # of the deployment
    now: datetime | None = None
    raw: bool = False


def head_and_body(entry: BufferEntry, form: Form) -> tuple[list[Span], list[Span]]:
    """The spans in front of an entry, and those of its text, which may hold SGR colours and tabs."""
    match entry:
        case LogLine():
            style = LEVEL_STYLES[entry.level]
            head = [(_stamp(entry.at, form), "dim"), (f"{entry.level.letter} ", style or "dim")]
            return head, _line(entry, style if style != "level-warn" else "", raw=form.raw)
        case HttpRequest():
            return _request(entry, form)
        case LogGap():
            return [(_stamp(entry.at, form), "dim")], _gap(entry, form)
        case Notice():
            return [(_stamp(entry.at, form), "dim")], [(f"·· {entry.text}", "alert" if entry.bad else "notice")]
        case Rule():
            return [], [(rule_text(entry), "rule")]


def _gap(gap: LogGap, form: Form) -> list[Span]:
    """What is missing and why; what of it was read back; which key asks for it."""
    filled = "" if gap.filled is None else f"filled: {plural(gap.filled, 'line')}"
    if gap.closed:
        return [(f"≈≈ {filled}, nothing is missing here any more", "notice")]
    lost = f" ({plural(gap.lines, 'line')})" if gap.lines else ""
    if gap.kind is not GapKind.MISSING:
        return [(f"≈≈ {gap.reason}{lost}", "notice" if gap.kind is GapKind.NOTE else "alert")]
    parts = [f"gap {span}" if (span := gap_span(gap, form)) else "gap", *([filled] if filled else [])]
    return [(f"≈≈ {', '.join(parts)} · enter reads it · {gap.reason.rstrip('.')}{lost}", "alert")]


def gap_span(gap: LogGap, form: Form) -> str:
    """'24s, 02:14:07-02:14:31'; what of it is known."""
    begin, end = (
        stamp(at, Stamps.UTC if form.stamps is Stamps.UTC else Stamps.LOCAL, None).strip() for at in (gap.at, gap.until)
    )
    if gap.at is None or gap.until is None:
        return f"since {begin}" if gap.at else f"until {end}" if gap.until else ""
    return f"{duration((gap.until - gap.at).total_seconds())}, {begin}-{end}"


def _stamp(at: datetime | None, form: Form) -> str:
    return stamp(at, form.stamps, form.start, form.now)


def _line(line: LogLine, style: str, *, raw: bool) -> list[Span]:
    """A structured line as `message key=value ...`, the pairs where the platform or the line itself named fields."""
    if raw and line.raw:
        return [(line.raw, style)]
    body = [(line.text, style)]
    for name, value in line.attributes.items():
        body += [(f" {name}=", "dim"), (value, "field")]
    return body


def _request(request: HttpRequest, form: Form) -> tuple[list[Span], list[Span]]:
    """A row of the table whose heads are `request_heads`."""
    code = "level-error" if request.status >= 500 else "level-warn" if request.status >= 400 else ""
    slow = "level-warn" if request.duration_ms >= 1000 else "dim"
    head = [
        (_stamp(request.at, form), "dim"),
        (f"{request.method[:7]:<7} ", "strong"),
        (f"{request.status:>3} ", code),
        (f"{request.duration_ms:>6}ms ", slow),
        (f"{size(request.bytes_sent):>6} ", "dim"),
        (f"{request.client_ip[:15]:<15} ", "dim"),
    ]
    detail = f"  {request.detail}" if request.detail else ""
    return head, [(request.path + detail, code if code == "level-error" else "")]


def request_heads(form: Form) -> str:
    """The heads of the columns of a log of requests."""
    width = cell_len(_stamp(EPOCH, form))
    time = f"{'time':<{width}}"[:width]
    return f"{time}{'method':<7} {'':>3} {'took':>8} {'size':>6} {'client':<15} path"


def size(count: int) -> str:
    """Bytes in five characters: '812', '4.2K', '17M'. '' for none: the platform did not say."""
    if not count:
        return ""
    amount = float(count)
    for unit in ("", "K", "M", "G"):
        if amount < 1000 or unit == "G":
            return f"{amount:.1f}{unit}" if unit and amount < 10 else f"{amount:.0f}{unit}"
        amount /= 1024
    return ""


def rule_text(rule: Rule) -> str:
    """Where a deployment begins: its revision, who and why."""
    return f"━━ {searchable(rule)} "


def as_plain(entry: BufferEntry, label: str = "") -> str:
    """An entry as a line of a file or of the clipboard: full UTC time, whose it is where several are merged, level,
    text as it came."""
    at = getattr(entry, "at", None)
    time = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z " if at else ""
    label = f"{label} " if label else ""
    match entry:
        case LogLine():
            text = without_sgr(entry.raw) if entry.raw else searchable(entry)
            return f"{time}{label}{entry.level.name:<5} {text}"
        case HttpRequest():
            return f"{time}{label}{entry.method} {entry.path} {entry.status} {entry.duration_ms}ms {entry.client_ip}"
        case _:
            return f"{time}{label}{searchable(entry)}"
