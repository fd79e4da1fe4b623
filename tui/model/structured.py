"""The one reader of a log line, run once where it comes in: its message, its level and its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from tui.model.json_text import decode_json
from tui.model.line_level import SYSLOG, line_level
from tui.model.log import Level, LogLine
from tui.model.text import log_text, plain

_PREFIXED = 120  # characters in which an object, or the first pair, begins
LONGEST = 256 * 1024  # characters that are looked into; what is longer stays as it is

_MESSAGES = (
    *("msg", "message", "event", "text", "Message", "@m", "@mt", "body", "short_message", "RenderedMessage"),
    "MessageTemplate",
)
_INSTEAD = ("desc", "err", "error")  # of logfmt without a message
_LEVELS = (
    *("level", "severity", "lvl", "log.level", "levelname", "level_name", "LogLevel", "Level", "@l", "severity_text"),
    *("severityText", "at"),
)
_NUMBERS = ("severity_number", "severityNumber", "SeverityNumber")  # as OpenTelemetry counts
_TIMES = frozenset(("time", "timestamp", "ts", "@timestamp", "datetime", "Timestamp", "@t"))
_NAMES = {
    **dict.fromkeys(("trace", "verbose", "silly"), Level.TRACE),
    **dict.fromkeys(("debug", "dbg"), Level.DEBUG),
    **dict.fromkeys(("info", "information", "informational", "notice", "log", "http", "inf"), Level.INFO),
    **dict.fromkeys(("warn", "warning", "wrn"), Level.WARN),
    **dict.fromkeys(("error", "err", "severe"), Level.ERROR),
    **dict.fromkeys(("fatal", "critical", "crit", "alert", "emerg", "emergency", "panic", "dpanic"), Level.FATAL),
}
_NAMED = re.compile(r"\s*([A-Za-z]+)(?:[+-][0-9]+)?\s*")  # slog's "ERROR+4"
_OTEL = tuple(level for level in Level for _ in range(4))  # from 1: four numbers each
_PREFIX = re.compile(r"(?:\x1b\[[0-9;:]*m|\s+|[\w.-]{1,60}\s*\|\s|[0-9][\w.,:+/-]{0,40}\s){0,6}(?=\{)")
"""What stands before an object: blanks, colours, a time, the name of a process."""

_END = re.compile(r"(?:\x1b\[[0-9;:]*m|\s)+\Z")
_LOGFMT = re.compile(r"\s*[A-Za-z_@][\w.@/-]{0,99}=")
_FLAG = re.compile(r"\s*([A-Za-z_][\w.-]{0,99})(?=\s|\Z)")
_FEWEST = 3  # pairs that make a line without a message logfmt
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
    elif "{" in text[:_PREFIXED] and (before := _PREFIX.match(text)) is not None:
        fields = _json(_END.sub("", text[before.end() :]))
    elif "=" in text[:_PREFIXED] and _LOGFMT.match(text):
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
        found = decode_json(text)
    except (RecursionError, ValueError):
        return None
    return _flat(found) if isinstance(found, dict) else None


def _flat(fields: dict[str, object]) -> dict[str, object]:
    """With what some libraries keep one level deeper: tracing its message, ECS its level."""
    inner, log = fields.get("fields"), fields.get("log")
    if isinstance(inner, dict) and isinstance(inner.get("message"), str) and "message" not in fields:
        fields = {**{name: value for name, value in fields.items() if name != "fields"}, **inner}
    if isinstance(log, dict) and isinstance(log.get("level"), str):
        fields = {**fields, "log.level": log["level"]}
    return fields


def _logfmt(text: str) -> Mapping[str, object] | None:
    """Pairs, and words without a value, from the beginning to the end, with a level and a message among them."""
    if len(text) > LONGEST:
        return None
    fields: dict[str, object] = {}
    position, end = 0, len(text.rstrip())
    is_prose = False
    while position < end:
        pair = _PAIR.match(text, position)
        if pair is None:
            flag = _FLAG.match(text, position)
            if flag is None or is_prose:
                return None
            fields[flag[1]] = "true"
            position = flag.end()
            continue
        is_prose = pair[2] is None and pair[1] in _MESSAGES  # an unquoted message: more of it may follow
        fields[pair[1]] = pair[3] if pair[2] is None else _unquoted(pair[2])
        position = pair.end()
    if not any(_level(fields.get(name)) is not None for name in _LEVELS):
        return None
    if any(name in fields for name in _MESSAGES):
        return fields
    instead = next((name for name in _INSTEAD if fields.get(name)), None)
    if len(fields) < _FEWEST:
        return None
    return fields if instead is None else {**fields, "message": fields[instead]}


def _unquoted(text: str) -> str:
    try:
        return msgspec.json.decode(text, type=str)
    except (msgspec.DecodeError, ValueError):
        return text[1:-1]


def _read(line: LogLine, fields: Mapping[str, object]) -> LogLine:
    message = next((name for name in _MESSAGES if isinstance(fields.get(name), str)), None)
    level_in, level = _told(fields)
    if message is None and level_in is None:
        return _plain(line)
    left_out = {message, level_in} | (_TIMES if line.at is not None else frozenset())
    attributes = {plain(name): _string(value) for name, value in fields.items() if name not in left_out}
    return replace(
        line,
        text="" if message is None else log_text(str(fields[message]).rstrip().replace("\r\n", " ").replace("\n", " ")),
        level=line.level if level is None else level,
        attributes={**attributes, **line.attributes},
        raw=line.text,
    )


def _told(fields: Mapping[str, object]) -> tuple[str | None, Level | None]:
    """Return the level, and the name of the field that has it. A word wins over a number, whose scale is a guess."""
    for name in _LEVELS:
        value = fields.get(name)
        if isinstance(value, str) and not value.isdecimal() and (level := _level(value)) is not None:
            return name, level
    for name in _NUMBERS:
        if (number := _number(fields.get(name))) and number <= len(_OTEL):
            return name, _OTEL[number - 1]
    number = _number(fields.get("severity"))
    if number and "body" in fields and number <= len(_OTEL):
        return "severity", _OTEL[number - 1]
    number = _number(fields.get("level"))
    if number is not None and "short_message" in fields and number < len(SYSLOG):  # GELF
        return "level", SYSLOG[number]
    return next(((name, level) for name in _LEVELS if (level := _level(fields.get(name))) is not None), (None, None))


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isdecimal() and len(value) <= 3:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _level(value: object) -> Level | None:
    """By name in any case, or as bunyan and pino count: 10 is trace, 60 fatal."""
    if isinstance(value, str) and not value.isdecimal():
        named = _NAMED.fullmatch(value[:40])
        return None if named is None else _NAMES.get(named[1].lower())
    number = _number(value)
    return None if number is None or not 10 <= number < 70 else Level(number // 10 - 1)


def _string(value: object) -> str:
    return plain(value if isinstance(value, str) else msgspec.json.encode(value).decode())
