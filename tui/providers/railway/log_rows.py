"""One row of Railway's logs as what a reader gets. The path of every line: it is written to be quick."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tui.model.log import LEVEL_NAMES, GapKind, HttpRequest, Level, LogEntry, LogGap, LogLine
from tui.model.text import log_lines, plain
from tui.providers.overlap import NO_TIME, Row, key
from tui.providers.stamps import nanoseconds, to_datetime

LEVELS: Mapping[str, Level] = {**LEVEL_NAMES, "information": Level.INFO}
LEVEL_KEYS = ("level", "lvl", "severity")
_DROPPED = re.compile(r"\bmessages dropped: (\d+)", re.IGNORECASE)
_NONE: Mapping[str, str] = {}


def log_row(row: Any, deployment: str) -> Row:  # noqa: ANN401  # JSON is anything
    """A line, or several with the same time for a message of several lines. `deployment` where the row names none.

    A row that cannot be read is a gap of one line.
    """
    try:
        message: str = row["message"]
        stamp: str = row["timestamp"]
        attributes = row.get("attributes")
        tags = row.get("tags") or _NONE
        level, rest = _level(attributes) if attributes else (None, _NONE)
        if level is None:
            level = LEVELS.get((row.get("severity") or "info").lower(), Level.INFO)
        try:
            nanos = nanoseconds(stamp)
        except ValueError:
            nanos = NO_TIME
        at = to_datetime(nanos)
        deployment = plain(tags.get("deploymentId") or deployment)
        instance = plain(tags.get("deploymentInstanceId") or "")
        if "\n" not in message and "dropped" not in message:
            entries: tuple[LogEntry, ...] = (LogLine(at, log_lines(message)[0], level, deployment, instance, rest),)
        else:
            entries = tuple(LogLine(at, text, level, deployment, instance, rest) for text in log_lines(message))
            entries = _with_gap(entries, message, at)
        return Row(key(message, nanos), entries)
    except (TypeError, AttributeError, KeyError, ValueError):
        return _odd(row)


def http_row(row: Any, deployment: str) -> Row:  # noqa: ANN401  # JSON is anything
    try:
        nanos = nanoseconds(row["timestamp"])
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
    except (TypeError, AttributeError, KeyError, ValueError):
        return _odd(row)


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
    dropped = _DROPPED.search(message)
    if dropped is None:
        return entries
    return (*entries, LogGap(at, "Railway dropped lines: more came than it takes", int(dropped[1]), GapKind.DROPPED))


def _odd(row: object) -> Row:
    return Row(key(repr(row), NO_TIME), (LogGap(None, "one row of the log could not be read", 1, GapKind.LOST),))
