"""Railway's log filter language: words, "phrases", @attribute:value, AND, OR, -not and parentheses.

Numbers compare with > >= < <= and a..b. Text that does not parse is searched for as it stands.
Source: the platform's documentation of its log explorer.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from tui.demo.entities import Deployment
from tui.demo.scripts import Line
from tui.demo.traffic import Request

Value = str | int | float | bool | None
Record = tuple[str, Callable[[str], Value]]  # its text in lower case, and its attributes by name
Test = Callable[[Record], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<minus>-)(?=[\w@(\"])|"
    r"(?P<attribute>@[\w.\[\]]+|replica|service|deployment|snapshot):(?P<value>\"[^\"]*\"|[^\s()]+)|"
    r"\"(?P<phrase>[^\"]*)\"|(?P<word>[^\s()]+))"
)
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_LEVELS = {"err": "error", "warning": "warn"}


@lru_cache(maxsize=256)
def parse_filter(text: str) -> Test | None:
    """None: everything passes."""
    tokens = [match for match in _TOKEN.finditer(text) if match.group().strip()]
    if not tokens:
        return None
    try:
        test, rest = _either(tokens)
    except _Unparsed:
        return _contains(text)
    return _contains(text) if rest else test


class _Unparsed(Exception):
    pass


def _either(tokens: list[re.Match[str]]) -> tuple[Test, list[re.Match[str]]]:
    left, rest = _both(tokens)
    while rest and rest[0]["word"] == "OR":
        right, rest = _both(rest[1:])
        left = _or(left, right)
    return left, rest


def _both(tokens: list[re.Match[str]]) -> tuple[Test, list[re.Match[str]]]:
    left, rest = _one(tokens)
    while rest and rest[0]["word"] != "OR" and not rest[0]["close"]:
        right, rest = _one(rest[1:] if rest[0]["word"] == "AND" else rest)
        left = _and(left, right)
    return left, rest


def _one(tokens: list[re.Match[str]]) -> tuple[Test, list[re.Match[str]]]:
    if not tokens or tokens[0]["close"]:
        raise _Unparsed
    first, rest = tokens[0], tokens[1:]
    if first["minus"]:
        test, rest = _one(rest)
        return (lambda record: not test(record)), rest
    if first["open"]:
        test, rest = _either(rest)
        if not rest or not rest[0]["close"]:
            raise _Unparsed
        return test, rest[1:]
    if first["attribute"]:
        return _attribute(first["attribute"].removeprefix("@"), first["value"].strip('"')), rest
    return _contains(first["phrase"] if first["phrase"] is not None else first["word"]), rest


def _or(left: Test, right: Test) -> Test:
    return lambda record: left(record) or right(record)


def _and(left: Test, right: Test) -> Test:
    return lambda record: left(record) and right(record)


def _contains(text: str) -> Test:
    wanted = text.lower()
    return lambda record: wanted in record[0]


def _attribute(name: str, value: str) -> Test:
    low, dots, high = value.partition("..")
    if dots and (numbers := _numbers(low, high)) is not None:
        return lambda record: (found := _number(record[1](name))) is not None and numbers[0] <= found <= numbers[1]
    for sign, compare in _COMPARE.items():
        if value.startswith(sign) and (limit := _numbers(value[len(sign) :])) is not None:
            return lambda record: (found := _number(record[1](name))) is not None and compare(found, limit[0])
    wanted = value.lower()
    if name == "level":
        wanted = _LEVELS.get(wanted, wanted)
    if name == "path":
        return lambda record: wanted in str(record[1](name)).lower()
    return lambda record: str(record[1](name)).lower() == wanted


def _numbers(*texts: str) -> tuple[float, ...] | None:
    try:
        return tuple(float(text) for text in texts)
    except ValueError:
        return None


def _number(value: Value) -> float | None:
    found = None if value is None else _numbers(str(value))
    return None if found is None else found[0]


def keeps_line(test: Test, find: Callable[[str], Deployment]) -> Callable[[Line], bool]:
    def keep(line: Line) -> bool:
        def attribute(name: str) -> Value:
            match name:
                case "level":
                    return _LEVELS.get(line.level, line.level)
                case "replica" | "deploymentInstance":
                    return line.instance
                case "deployment":
                    return line.owner
                case "service":
                    return find(line.owner).service.service_id
            return next((value for key, value in line.attributes if key == name), None)

        return test((line.text.lower(), attribute))

    return keep


_REQUEST_FIELDS: Mapping[str, str] = {
    "method": "method",
    "path": "path",
    "host": "host",
    "requestId": "id",
    "httpStatus": "status",
    "totalDuration": "duration_ms",
    "responseTime": "duration_ms",
    "upstreamRqDuration": "upstream_ms",
    "srcIp": "client_ip",
    "clientUa": "user_agent",
    "edgeRegion": "region",
    "rxBytes": "bytes_in",
    "txBytes": "bytes_out",
    "responseDetails": "detail",
    "deployment": "owner",
    "replica": "instance",
}


def keeps_request(test: Test) -> Callable[[Request], bool]:
    def keep(request: Request) -> bool:
        def attribute(name: str) -> Value:
            field = _REQUEST_FIELDS.get(name)
            found: Value = None if field is None else getattr(request, field)
            return found

        text = json.dumps([request.method, request.path, request.host, request.status, request.client_ip])
        return test((text.lower(), attribute))

    return keep
