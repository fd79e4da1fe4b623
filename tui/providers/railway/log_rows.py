"""One row of Railway's logs as what a reader gets. The path of every line: it is written to be quick."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tui.model.line_level import line_level
from tui.model.log import LEVEL_NAMES, GapKind, HttpRequest, Level, LogEntry, LogGap, LogLine
from tui.model.text import log_lines, plain
from tui.providers.overlap import NO_TIME, Row, key
from tui.providers.stamps import nanoseconds, to_datetime

LEVELS: Mapping[str, Level] = {**LEVEL_NAMES, "information": Level.INFO}
LEVEL_KEYS = ("level", "lvl", "severity")
_DROPPED = re.compile(
    r"(?:Railway rate limit of [0-9,]+ logs/sec reached[^\n]{0,200}\. )?Messages dropped: ([1-9]\d{0,17})\.?"
)
"""Railway's own line, and nothing else in it: an app may speak of dropped messages, too."""
_NONE: Mapping[str, str] = {}
_ODD = (TypeError, AttributeError, KeyError, ValueError, OverflowError, RecursionError)
_YEAR_2200 = 7_258_118_400_000_000_000  # in nanoseconds; years outside of 1970 to there are placeholders
_TAGS = ("deploymentId", "deploymentInstanceId")
_TEXTS = (
    *("timestamp", "message", "severity", "requestId", "method", "path", "srcIp", "host", "clientUa"),
    *("deploymentId", "deploymentInstanceId", "responseDetails", "upstreamErrors"),
)
_NUMBERS = ("httpStatus", "totalDuration", "txBytes")


def log_row(row: Any, deployment: str) -> Row:  # noqa: ANN401  # JSON is anything
    """Return a line, or several with the same time for a message of several lines; `deployment` where it names none.

    A row without a message is a gap of one line.
    """
    try:
        return _lines(row, deployment)
    except _ODD:
        message = row.get("message") if isinstance(row, dict) else None
        return _lines(_without_odd(row), deployment) if isinstance(message, str) else _odd(row)


def http_row(row: Any, deployment: str) -> Row:  # noqa: ANN401  # JSON is anything
    """Return a request. A row without a time or a status is a gap of one line."""
    try:
        return _request(row, deployment)
    except _ODD:
        pass
    try:
        return _request(_without_odd(row), deployment)
    except _ODD:
        return _odd(row)


def rows_of(data: Mapping[str, Any], field: str) -> list[Any]:
    """Return the rows of one frame; what is no list of them is one row that cannot be read."""
    found = data.get(field)
    return found if isinstance(found, list) else [] if found is None else [found]


def _lines(row: Any, deployment: str) -> Row:  # noqa: ANN401
    message: str = row["message"]
    attributes = row.get("attributes")
    tags = row.get("tags") or _NONE
    level, rest = _level(attributes) if attributes else (None, _NONE)
    if level is None:
        level = LEVELS.get((row.get("severity") or "info").lower(), Level.INFO)
        if level is Level.ERROR and (told := line_level(message)) is not None:  # all of stderr is called an error
            level = told
    nanos = _nanoseconds(row["timestamp"])
    at = to_datetime(nanos)
    deployment = plain(tags.get("deploymentId") or deployment)
    instance = plain(tags.get("deploymentInstanceId") or "")
    if "\n" not in message and "dropped" not in message:
        entries: tuple[LogEntry, ...] = (LogLine(at, log_lines(message)[0], level, deployment, instance, rest),)
    else:
        entries = tuple(LogLine(at, text, level, deployment, instance, rest) for text in log_lines(message))
        entries = _with_gap(entries, message, at)
    return Row(key(message, nanos), entries)


def _request(row: Any, deployment: str) -> Row:  # noqa: ANN401
    nanos = _nanoseconds(row["timestamp"])
    at = to_datetime(nanos)
    if at is None:
        return _odd(row)
    request_id = row["requestId"]
    entry = HttpRequest(
        at=at,
        id=plain(request_id),
        method=plain(row["method"]),
        path=plain(row["path"]),
        status=int(row["httpStatus"]),
        duration_ms=int(row.get("totalDuration") or 0),
        client_ip=plain(row.get("srcIp") or ""),
        host=plain(row.get("host") or ""),
        bytes_sent=int(row.get("txBytes") or 0),
        user_agent=plain(row.get("clientUa") or ""),
        deployment=plain(row.get("deploymentId") or deployment),
        instance=plain(row.get("deploymentInstanceId") or ""),
        detail=_detail(row),
    )
    return Row(key(request_id, nanos), (entry,))


def _nanoseconds(stamp: str) -> int:
    try:
        nanos = nanoseconds(stamp)
    except ValueError:
        return NO_TIME
    return nanos if 0 <= nanos < _YEAR_2200 else NO_TIME


def _without_odd(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of a row can be read: an odd field costs the field, not the line."""
    attributes, tags = row.get("attributes"), row.get("tags")
    tags = tags if isinstance(tags, dict) else {}
    return {
        **{name: row[name] if isinstance(row.get(name), str) else "" for name in _TEXTS},
        **{name: number for name in _NUMBERS if (number := _integer(row.get(name))) is not None},
        "attributes": [each for each in attributes if _is_attribute(each)] if isinstance(attributes, list) else [],
        "tags": {name: tags[name] for name in _TAGS if isinstance(tags.get(name), str)},
    }


def _integer(found: object) -> int | None:
    try:
        return int(found) if isinstance(found, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def _is_attribute(found: object) -> bool:
    return isinstance(found, dict) and isinstance(found.get("key"), str) and isinstance(found.get("value"), str)


def _level(attributes: list[dict[str, str]]) -> tuple[Level | None, Mapping[str, str]]:
    """The level among the attributes, whose values are JSON (`"info"` with its quotes), and the others in plain."""
    level: Level | None = None
    rest: dict[str, str] | None = None
    for attribute in attributes:
        name, value = attribute["key"], attribute["value"]
        if name in LEVEL_KEYS:
            level = LEVELS.get(value.strip('"').lower(), level)
            continue
        if rest is None:
            rest = {}
        rest[plain(name)] = plain(_unquoted(value))
    return level, _NONE if rest is None else rest


def _unquoted(value: str) -> str:
    if value[:1] != '"':
        return value
    try:
        text = json.loads(value)
    except ValueError:
        return value.strip('"')
    return text if isinstance(text, str) else value


def _detail(row: Mapping[str, Any]) -> str:
    """What went wrong upstream. "0" and "[]" are how some rows say that nothing did."""
    parts = [plain(str(row.get(name) or "")) for name in ("responseDetails", "upstreamErrors")]
    return ", ".join(part for part in parts if part not in ("", "0", "[]", "null", "none"))


def _with_gap(entries: tuple[LogEntry, ...], message: str, at: datetime | None) -> tuple[LogEntry, ...]:
    """Railway says so itself when a replica wrote more than it takes (500 lines a second)."""
    dropped = _DROPPED.fullmatch(message.strip())
    if dropped is None:
        return entries
    return (*entries, LogGap(at, "Railway dropped lines: more came than it takes", int(dropped[1]), GapKind.DROPPED))


def _odd(row: object) -> Row:
    try:
        text = repr(row)
    except RecursionError:
        text = "nested too deep"
    return Row(key(text, NO_TIME), (LogGap(None, "one row of the log could not be read", 1, GapKind.LOST),))
