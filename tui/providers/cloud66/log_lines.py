"""Cloud 66's two kinds of log rows as log lines. Their severities differ."""

from __future__ import annotations

from typing import Any

import msgspec

from tui.model.log import GapKind, Level, LogEntry, LogGap, LogLine
from tui.model.text import log_lines, plain
from tui.providers.cloud66 import decode, words
from tui.providers.cloud66.wire import LiveLine, OperationLine
from tui.providers.overlap import NO_TIME, Row, key

_NESTED = 5
_UNREADABLE = "A line came that cannot be read."


def live_row(data: Any, deployment: str) -> Row:  # noqa: ANN401 - decoded JSON
    """A pushed message: JSON inside a string inside a string. One that cannot be read is a gap of one line."""
    line = _unwrapped(data)
    if line is None:
        return Row(key(_UNREADABLE, NO_TIME), (LogGap(None, _UNREADABLE, 1, GapKind.LOST),))
    at = decode.moment(line.time)
    level = words.LIVE_LEVEL.get(line.severity if line.severity is not None else 2, Level.INFO)
    text = line.message or ""
    nanoseconds = NO_TIME if at is None else int(at.timestamp() * 1_000_000) * 1000
    entries = tuple(LogLine(at, each, level, deployment=deployment) for each in log_lines(text))
    return Row(key(text, nanoseconds), entries)


def operation_lines(row: OperationLine, deployment: str, operation: str) -> list[LogEntry]:
    """A row of an operation's log. `attributes` say which operation it is from, and which part of it."""
    attributes = {"operation": operation}
    if row.operation_uid:
        attributes["child"] = plain(row.operation_uid)
    if row.s:
        attributes["source"] = plain(row.s)
    level = words.OPERATION_LEVEL.get(row.v if row.v is not None else 2, Level.INFO)
    at = decode.moment(row.t)
    return [LogLine(at, each, level, deployment=deployment, attributes=attributes) for each in log_lines(row.m or "")]


def _unwrapped(data: Any) -> LiveLine | None:  # noqa: ANN401 - decoded JSON
    for _ in range(_NESTED):
        if not isinstance(data, str):
            break
        try:
            data = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return None
    try:
        return msgspec.convert(data, LiveLine)
    except msgspec.ValidationError:
        return None
