"""The one reader of a log line, run once where it comes in: its message, its level and its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from tui.model.line_level import line_level
from tui.model.log import Level, LogLine
from tui.model.text import log_text, plain

LONGEST = 256 * 1024  # characters that are looked into; what is longer stays as it is

_MESSAGES = ("msg", "message", "event", "text")
_LEVELS = ("level", "severity", "lvl", "log.level")
_TIMES = frozenset(("time", "timestamp", "ts", "@timestamp", "datetime"))
_NAMES = {
    **dict.fromkeys(("trace", "verbose", "silly"), Level.TRACE),
    **dict.fromkeys(("debug", "dbg"), Level.DEBUG),
    **dict.fromkeys(("info", "information", "informational", "notice", "log", "http", "inf"), Level.INFO),
    **dict.fromkeys(("warn", "warning", "wrn"), Level.WARN),
    **dict.fromkeys(("error", "err", "severe"), Level.ERROR),
    **dict.fromkeys(("fatal", "critical", "crit", "alert", "emerg", "emergency", "panic", "dpanic"), Level.FATAL),
}
_LOGFMT = re.compile(r"\s*(?:time|ts|timestamp|t|level|lvl|msg|severity|logger|caller)=")
_PAIR = re.compile(r'\s*([A-Za-z_@][\w.@/-]{0,99})=(?:("(?:[^"\\]|\\.)*")|([^\s"=]*))(?=\s|\Z)')


def structured(line: LogLine) -> LogLine:
    """Return a JSON or logfmt line as message, level and attributes, with what it was in `raw`; a plain one with the
    level that it tells.

    A level other than INFO is the platform's own word and stays on a plain line: INFO is what platforms say where they
    know nothing. Its own time fields are left out where the platform gives the time. Every string is harmless.
    """
    text = line.text
    if text.startswith("{"):
        fields = _json(text)
    elif "=" in text[:24] and _LOGFMT.match(text):
        fields = _logfmt(text)
    else:
        fields = None
    return _plain(line) if fields is None else _read(line, fields)


def _plain(line: LogLine) -> LogLine:
    if line.level is not Level.INFO or (level := line_level(line.text)) is None or level is Level.INFO:
        return line
    return replace(line, level=level)


def _json(text: str) -> Mapping[str, object] | None:
    if len(text) > LONGEST or not text.rstrip().endswith("}"):
        return None
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _logfmt(text: str) -> Mapping[str, object] | None:
    """Pairs from the beginning to the end, with a level and a message among them."""
    if len(text) > LONGEST:
        return None
    fields: dict[str, object] = {}
    position, end = 0, len(text.rstrip())
    while position < end:
        pair = _PAIR.match(text, position)
        if pair is None:
            return None
        fields[pair[1]] = pair[3] if pair[2] is None else _unquoted(pair[2])
        position = pair.end()
    return fields if any(name in fields for name in _LEVELS) and any(name in fields for name in _MESSAGES) else None


def _unquoted(text: str) -> str:
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, ValueError):
        return text[1:-1]


def _read(line: LogLine, fields: Mapping[str, object]) -> LogLine:
    message = next((name for name in _MESSAGES if isinstance(fields.get(name), str)), None)
    level_in, level = next(
        ((name, found) for name in _LEVELS if (found := _level(fields.get(name))) is not None), (None, line.level)
    )
    if message is None and level_in is None:
        return _plain(line)
    left_out = {message, level_in} | (_TIMES if line.at is not None else frozenset())
    attributes = {plain(name): _string(value) for name, value in fields.items() if name not in left_out}
    return replace(
        line,
        text="" if message is None else log_text(str(fields[message]).rstrip().replace("\r\n", " ").replace("\n", " ")),
        level=level,
        attributes={**attributes, **line.attributes},
        raw=line.text,
    )


def _level(value: object) -> Level | None:
    """By name in any case, or as bunyan and pino count: 10 is trace, 60 fatal."""
    if isinstance(value, str):
        if not value.isdecimal():
            return _NAMES.get(value.strip().lower())
        value = int(value) if len(value) == 2 else None
    if isinstance(value, int) and not isinstance(value, bool) and 10 <= value < 70:
        return Level(value // 10 - 1)
    return None


def _string(value: object) -> str:
    return plain(value if isinstance(value, str) else msgspec.json.encode(value).decode())
