"""Whether the lines of the log are all there are: what is missing, since when and why, and how late they come."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text

from tui.engine.completeness import Cut
from tui.engine.log_rows import Source
from tui.engine.log_tail import LogTail
from tui.model.log import LogGap
from tui.model.moment import from_microseconds
from tui.screens.log_pane import LogPane
from tui.screens.log_words import lag
from tui.screens.sheet import ReadSheet, field
from tui.screens.words import clock, skewed
from tui.widgets.format import count, duration, plural
from tui.widgets.log_text import Form, gap_span

_SHOWN = 50  # of the newest gaps, and of the cuts
_SOUGHT = 100  # of the oldest entries, for one with a time
_AGAIN_S = 1.0


class CompletenessSheet(ReadSheet):
    def __init__(self, logs: LogPane) -> None:
        super().__init__()
        self.logs = logs

    def heading(self) -> str:
        return f"Completeness of the {self.logs.kind} log"

    def on_mount(self) -> None:
        self.set_interval(_AGAIN_S, self.reread)

    def text(self) -> Text:
        text = Text()
        for source, tail in zip(self.logs.rows.sources, self.logs.tails, strict=True):
            if len(text):
                text.append("\n")
            _stream(text, source, tail, self.logs.engine.clock.now())
        return text


def _stream(text: Text, source: Source, tail: LogTail, now: datetime) -> None:
    known, store = tail.completeness, source.store
    field(text, "service", source.service.path if source.service else source.label, "bold")
    field(text, "stream", f"{tail.phase} since {clock(tail.since, now)}{f': {tail.error}' if tail.error else ''}")
    field(text, "held", _held(source, tail, now))
    field(text, "lag", _lag(tail, now))
    field(text, "clocks", _clocks(tail))
    field(text, "platform", _platform(tail), "bold" if known.platform_dropped or known.uncounted else "")
    ours = f"{plural(store.dropped, 'line')} dropped here, the oldest first: the memory for logs is full"
    field(text, "ours", ours if store.dropped else "0 lines dropped here", "bold" if store.dropped else "")
    field(text, "disk", store.spool_error, "bold")
    gaps = list(known.gaps.values())[-_SHOWN:]
    field(text, "gaps", _gaps(tail), "bold" if known.open_count else "")
    for gap in gaps:
        text.append(f"· {_gap(gap)}\n")
    field(
        text, "cuts", f"{count(tail.reconnects)} times reconnected" if tail.reconnects else "the stream was never cut"
    )
    for cut in [*known.cuts][-_SHOWN:]:
        text.append(f"· {_cut(cut, now)}\n")


def _held(source: Source, tail: LogTail, now: datetime) -> str:
    store = source.store
    numbers = range(store.first, min(store.end, store.first + _SOUGHT))
    first = next((us for number in numbers if (us := store.time_us(number)) is not None), None)
    since = "" if first is None else f", from {clock(from_microseconds(first), now)} on"
    return f"{plural(len(store), 'line')}{since}; of the old ones the newest {count(tail.source.tail)} were asked for"


def _lag(tail: LogTail, now: datetime) -> str:
    newest = tail.newest_at
    if newest is None:
        return "unknown: no line has a time"
    if not tail.has_news:
        return f"unknown: no line since it was opened; the newest is of {clock(newest, now)}"
    seconds = tail.lag_s
    if seconds is None:
        return "unknown: the platform does not say what time it is"
    return f"{lag(seconds)}: so late came the newest line, of {clock(newest, now)}"


def _clocks(tail: LogTail) -> str:
    seconds = tail.skew.seconds
    if seconds is None:
        return "the platform does not say what time it is"
    return skewed("the platform", seconds) if abs(seconds) >= 2 else "the platform's agrees with this machine's"


def _platform(tail: LogTail) -> str:
    known = tail.completeness
    if not known.platform_dropped and not known.uncounted:
        return "told of no lines that it dropped"
    more = f", and {known.uncounted} times it did not say how many" if known.uncounted else ""
    return f"dropped {plural(known.platform_dropped, 'line')}{more}"


def _gaps(tail: LogTail) -> str:
    known = tail.completeness
    parts = [f"{known.open_count} open" if known.open_count else "none open: no line is known to be missing"]
    if known.lost:
        parts.append(f"{known.lost} that nobody can fill")
    if known.filled:
        parts.append(f"{plural(known.filled, 'line')} read back")
    return ", ".join(parts)


def _gap(gap: LogGap) -> str:
    lines = f" ({plural(gap.lines, 'line')})" if gap.lines else ""
    span = gap_span(gap, Form())
    filled = "" if gap.filled is None else f", filled: {plural(gap.filled, 'line')}{', all' if gap.closed else ''}"
    return f"{span or 'time unknown'}: {gap.reason.rstrip('.')}{lines}{filled}"


def _cut(cut: Cut, now: datetime) -> str:
    if cut.until is None:
        return f"{clock(cut.at, now)}, still away: {cut.why}"
    away = duration((cut.until - cut.at).total_seconds())
    missing = "lines were missing" if cut.lost else "read on from where it was: nothing is missing"
    return f"{clock(cut.at, now)}-{clock(cut.until, now)} ({away}): {cut.why}; {missing}"
