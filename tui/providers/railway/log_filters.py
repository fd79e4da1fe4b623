"""What of a filter Railway's own log search can do, in its words: `@attribute:value`, AND, OR, -, a..b.

What it leaves out is never seen, so only what holds there for at least the lines that it holds for here is asked of
it: a row may become several lines, and a line's level and fields may be read out of its text. Whether Railway finds
words in attributes is not documented: words are not asked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from tui.model.log import Level, LogKind
from tui.model.log_filter import LogFilter, Term
from tui.providers.railway.log_rows import LEVEL_KEYS, LEVELS

_SIMPLE = re.compile(r"[\w./-]+")
_KEY = re.compile(r"[\w.-]+")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SAYS_A_LEVEL = tuple(f'"{key}"' for key in LEVEL_KEYS)
_DROPPED = '"Messages dropped"'  # Railway's own word that lines are missing
_OF_REQUESTS = {
    "status": "httpStatus",
    "duration": "totalDuration",
    "bytes": "txBytes",
    "method": "method",
    "path": "path",
    "host": "host",
    "ip": "srcIp",
    "id": "requestId",
}
_STATUSES = {Level.INFO: (-math.inf, 399), Level.WARN: (400, 499), Level.ERROR: (500, math.inf)}


def search_of(wanted: LogFilter, kind: LogKind) -> str:
    """ "" where there is nothing that Railway can do. Lines of context match nothing: then all must come."""
    if wanted.context:
        return ""
    if kind is LogKind.HTTP:
        return " AND ".join([*_statuses(wanted.levels), *_requests(wanted)])
    parts = [*_levels(wanted.levels), *_lines(wanted)]
    return f"({' AND '.join(parts)}) OR {_DROPPED}" if parts else ""


def _levels(levels: frozenset[Level]) -> Iterator[str]:
    """A level that Railway does not know is shown as INFO: that has no words."""
    if not levels or Level.INFO in levels:
        return
    words = [word for word, level in LEVELS.items() if level in levels]
    named = [f"@{key}:{each}" for key in LEVEL_KEYS for word in words for each in (word, word.upper())]
    yield f"({' OR '.join([*named, *_SAYS_A_LEVEL])})"


def _lines(wanted: LogFilter) -> Iterator[str]:
    for term in wanted.terms:
        if term.negated:
            continue
        key = term.field.removeprefix("@")
        if term.field.startswith("@") and _KEY.fullmatch(key) and key not in LEVEL_KEYS and (value := _value(term)):
            yield f'(@{key}:{value} OR "{key}")'
        elif term.field == "deployment" and _UUID.fullmatch(term.value):
            yield f"@deployment:{term.value}"


def _statuses(levels: frozenset[Level]) -> Iterator[str]:
    spans: list[tuple[float, float]] = []
    for level, (low, high) in _STATUSES.items():
        if level in levels:
            if spans and spans[-1][1] + 1 == low:
                low = spans.pop()[0]
            spans.append((low, high))
    if spans and spans != [(-math.inf, math.inf)]:
        named = [f"@httpStatus:{_span(low, high)}" for low, high in spans]
        yield named[0] if len(named) == 1 else f"({' OR '.join(named)})"


def _requests(wanted: LogFilter) -> Iterator[str]:
    for term in wanted.terms:
        name = _OF_REQUESTS.get(term.field)
        if name is None:
            continue
        if term.field == "method":
            yield f"{_sign(term)}@method:{_quoted(term.value.upper())}"
        elif term.low is not None and (value := _value(term)):
            yield f"{_sign(term)}@{name}:{value}"
        elif not term.negated and (term.comparison == "=" or term.field in ("ip", "id")) and (value := _value(term)):
            yield f"@{name}:{value}"


def _value(term: Term) -> str | None:
    """None where Railway might mean less by it: parts, beginnings, any case."""
    if term.low is not None and term.high is not None:
        return _numbers(term.comparison, term.low, term.high)
    value = term.value
    if '"' in value or (
        term.comparison != "=" and ("*" in value or value.endswith((".", ":")) or value != value.upper())
    ):
        return None
    return _quoted(value)


def _numbers(comparison: str, low: float, high: float) -> str | None:
    if not all(each.is_integer() or math.isinf(each) for each in (low, high)):
        return None
    if comparison in (":", "="):
        return _span(low, high)
    return f"{comparison}{high if comparison in ('>', '<=') else low:.0f}"


def _span(low: float, high: float) -> str:
    if math.isinf(low):
        return f"<={high:.0f}"
    if math.isinf(high):
        return f">={low:.0f}"
    return f"{low:.0f}" if low == high else f"{low:.0f}..{high:.0f}"


def _quoted(value: str) -> str:
    return value if _SIMPLE.fullmatch(value) else f'"{value}"'


def _sign(term: Term) -> str:
    return "-" if term.negated else ""
