"""The level of a plain line, read as a person does: by a word in the place where loggers write it.

A word anywhere else is no level: `Error handler installed`, `failed=0` and a path with `error` in it are calm. The
places are those of log4j and logback, Python's logging, uvicorn, Rails, klog and glog, nginx, Apache, PostgreSQL,
MySQL, Redis, syslog, zerolog, tracing, Serilog, .NET, Erlang and Elixir, Go, GitHub and GitLab jobs, BuildKit, systemd
and npm.
"""

from __future__ import annotations

import re

from tui.model.log import Level

_LOOKED_AT = 400  # characters of a line
_HEAD = 160  # characters before the level

_WORDS = {
    Level.TRACE: "TRACE TRC VERBOSE VRB FINEST FINER SILLY",
    Level.DEBUG: "DEBUG DBG DEBU FINE DBUG",
    Level.INFO: "INFO INF INFORMATION NOTICE NOTE LOG STATEMENT HINT DETAIL SYSTEM CONFIG",
    Level.WARN: "WARN WARNING WRN",
    Level.ERROR: "ERROR ERR ERRO SEVERE FAIL FAILURE",
    Level.FATAL: "FATAL FTL CRITICAL CRIT CRT ALERT EMERG EMERGENCY PANIC DPANIC",
}
_LEVELS = {word: level for level, words in _WORDS.items() for word in words.split()}
_UPPER = "|".join(sorted(_LEVELS, key=len, reverse=True))
_LETTERS = {
    "D": Level.DEBUG,
    "I": Level.INFO,
    "W": Level.WARN,
    "E": Level.ERROR,
    "F": Level.FATAL,
    "A": Level.INFO,  # Rails' ANY
}
SYSLOG = (*[Level.FATAL] * 3, Level.ERROR, Level.WARN, *[Level.INFO] * 2, Level.DEBUG)
"""The levels of syslog's severities, from 0."""

_COLOUR = r"(?:\x1b\[[0-9;:]*m)*"
_BEFORE = "|".join(  # what stands before a level
    (
        r"=|[0-9][\w.,:+/-]*|[+-][0-9][0-9:]*",  # times and numbers
        r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|UTC|GMT|CES?T|AM|PM|Z)\b",
        r"[(\[<{][^)\]>}\n]{0,80}[)\]>}]:?",  # in brackets
        r"[\w./-]{1,60}(?:\[[0-9]+\]:?|\s{0,12}\|)",  # a program with its pid, a stream's name
        r"[\w-]+\.[\w.-]+",  # a logger
        r"[\w.-]{1,60}(?=\s[\w./-]{1,60}\[[0-9]+\]:)",  # a host before such a program
        r"[-|*#>:,;/]+|\x1b\[[0-9;:]*m",
    )
)
_COLON = "error|err|fatal|warning|warn|crit|critical|fail|panic|info|debug|dbug|trce|fatal error"
_MARKED = re.compile(
    rf"\s*(?:(?:{_BEFORE})\s{{0,12}}){{0,12}}?{_COLOUR}"
    rf"(?:(?P<upper>{_UPPER})(?=[\s:\]|)>,;!\x1b(]|\Z)"
    rf"|\[{_COLOUR}\s?(?:[\w-]+:)?(?P<boxed>(?i:{_UPPER}))\s?{_COLOUR}\]"
    rf"|<(?P<angled>(?i:{_UPPER}))>"
    rf"|(?P<colon>(?i:{_COLON}))(?:\[[\w.]+\])?:(?=\s|\Z))"
)
_COLONS = {"trce": Level.TRACE, "dbug": Level.DEBUG, "fatal error": Level.FATAL}
_LETTERED = re.compile(
    r"\s*(?:(?P<klog>[IWEF])[0-9]{4} [0-9:.]{8,}|(?P<ruby>[DIWEFA]), \[|<(?P<syslog>[0-9]{1,3})>"
    r"|[0-9]+:[XCSM] [0-9]{2} \w{3} [0-9]{4} [0-9:.]+ (?P<redis>[.*#-]) )"
)
_REDIS = {".": Level.DEBUG, "-": Level.INFO, "*": Level.INFO, "#": Level.WARN}
_REQUEST = re.compile(
    r'"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) [^"\s]{1,300}(?: HTTP/[0-9.]+)?" (?P<status>[1-5][0-9]{2})\b'
)
_CALM = re.compile(r"\W*(?:none|null|nil|0|no|ok|false|-|\[\]|\{\})?\W*\Z", re.IGNORECASE)
_ERRORS = re.compile(
    r"Traceback \(most recent call last\):|\bUncaught \w|\bUnhandled(?:PromiseRejection|\s\w+)"
    r"|^Exception in thread |^Caused by: |^\s*(?:[a-z_][\w$]*\.)*[A-Z][\w$]*(?:Error|Exception)(?: \[\w+\])?(?::\s|\Z)"
    r"|::error(?: [^:]*)?::|##\[error\]|\bnpm (?:ERR!|error )|: Failed with result '"
    r"|^\S+: line [0-9]+: .*: command not found|^(?:make|gmake)(?:\[[0-9]+\])?: \*\*\* "
)
_FATALS = re.compile(
    r"^panic: |^fatal error: |^thread '[^']*' (?:\([0-9]+\) )?panicked at|\bOOMKilled\b|^Killed\Z|\bSIGSEGV\b"
    r"|[Ss]egmentation fault|^Out of memory: Killed process"
)
_WARNS = re.compile(r"::warning(?: [^:]*)?::|##\[warning\]|\bnpm (?:WARN|warn) |^[\w./-]+:[0-9]+: \w*Warning: ")
_MAY_TELL = (
    *("rror", "ERR", "xception", "anic", "Traceback", "aught ", "handled", "Caused by", "arning", "WARN", "warn"),
    *("illed", "result '", "command not", "*** ", "egmentation", "SIGSEGV", '" 5', '" 4'),
)
"""One of these is in every line that tells its level elsewhere than at its head."""


def line_level(text: str) -> Level | None:
    """Return the level that the line itself tells, None where it tells none. Colours may stand in it."""
    text = text[:_LOOKED_AT]
    if (letter := _LETTERED.match(text)) is not None:
        return _of_letter(letter)
    if (marked := _MARKED.match(text)) is not None and marked.start(marked.lastgroup or 0) <= _HEAD:
        level = _of_word(marked)
        is_calm = level >= Level.WARN and marked["colon"] is not None and _CALM.match(text, marked.end()) is not None
        return None if is_calm else level
    if not any(part in text for part in _MAY_TELL):
        return None
    if _FATALS.search(text):
        return Level.FATAL
    if _ERRORS.search(text):
        return Level.ERROR
    if _WARNS.search(text):
        return Level.WARN
    if (request := _REQUEST.search(text)) is not None:
        return {"5": Level.ERROR, "4": Level.WARN}.get(request["status"][0])
    return None


def _of_letter(found: re.Match[str]) -> Level:
    if (priority := found["syslog"]) is not None:
        return SYSLOG[int(priority) % len(SYSLOG)]
    if (sign := found["redis"]) is not None:
        return _REDIS[sign]
    return _LETTERS[found["klog"] or found["ruby"]]


def _of_word(found: re.Match[str]) -> Level:
    word = (found["upper"] or found["boxed"] or found["angled"] or found["colon"]).lower()
    return _COLONS.get(word) or _LEVELS[word.upper()]
