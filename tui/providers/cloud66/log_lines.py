"""Cloud 66's two kinds of log rows as log lines. Their severities differ."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tui.model.log import GapKind, Level, LogEntry, LogGap, LogLine
from tui.model.text import log_lines
from tui.providers.cloud66 import words
from tui.providers.cloud66.wire import LiveLine, OperationLine
from tui.providers.overlap import NO_TIME, Row, key
from tui.providers.values import convert, decode_json, moment

_NESTED = 5
UNREADABLE = "A line came that cannot be read."


def live_row(data: Any, deployment: str) -> Row:  # noqa: ANN401 - decoded JSON
    """A pushed message: JSON inside a string inside a string. One that cannot be read is a gap of one line."""
    line = _unwrapped(data)
    if line is None:
        return Row(key(UNREADABLE, NO_TIME), (LogGap(None, UNREADABLE, 1, GapKind.LOST),))
    at = moment(line.time)
    level = _level(line.severity, words.LIVE_LEVEL)
    text = _text(line.message)
    nanoseconds = NO_TIME if at is None else int(at.timestamp() * 1_000_000) * 1000
    entries = tuple(LogLine(at, each, level, deployment=deployment) for each in log_lines(text))
    return Row(key(text, nanoseconds), entries)


def operation_lines(row: OperationLine | None, deployment: str, operation: str) -> list[LogEntry]:
    """A row of an operation's log. `attributes` say which operation it is from, and which part of it."""
    if row is None or row.m is None:
        return [LogGap(None, UNREADABLE, 1, GapKind.LOST)]
    attributes = {"operation": operation}
    if child := words.text(row.operation_uid):
        attributes["child"] = child
    if source := words.text(row.s):
        attributes["source"] = source
    level = _level(row.v, words.OPERATION_LEVEL)
    at = moment(row.t)
    return [LogLine(at, each, level, deployment=deployment, attributes=attributes) for each in log_lines(_text(row.m))]


def _level(severity: object, levels: Mapping[int, Level]) -> Level:
    found = words.number(severity)
    return Level.INFO if found is None else levels.get(found, Level.INFO)


def _text(message: object) -> str:
    """What a line says. A message that is no text is shown as it was sent."""
    if message is None:
        return ""
    return message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)


def _unwrapped(data: Any) -> LiveLine | None:  # noqa: ANN401 - decoded JSON
    for _ in range(_NESTED):
        if not isinstance(data, str):
            break
        try:
            data = decode_json(data)
        except (ValueError, RecursionError):
            return None
    line = convert(data, LiveLine)
    return line if line is not None and line.message is not None else None
