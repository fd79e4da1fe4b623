"""Cloud 66's words and numbers as our statuses.

An enum comes with an integer code and a lower-case word, with a string code and a title, or as a bare word; words go
before numbers, and a word that nobody knows is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from tui.model.log import Level
from tui.model.status import Status
from tui.model.text import plain
from tui.providers.cloud66.wire import Coded, Flag

OUTCOMES: Mapping[int, str] = {0: "pending", 1: "success", 2: "failed"}
TRIGGERS: Mapping[int, str] = {0: "web", 1: "api", 2: "hook"}
TYPES: Mapping[int, str] = {0: "build", 1: "redeploy", 2: "scale", 3: "first_build", 4: "revert"}
"""Of these numbers only 1, 0 and 0 were ever seen; the others are in the order in which the words are printed."""

OUTCOME: Mapping[str, Status] = {
    "pending": Status.QUEUED,
    "success": Status.LIVE,
    "failed": Status.FAILED,
    "cancelled": Status.CANCELLED,  # not documented: what a cancelled deployment ends as is not
}
"""Before it is refined: a success stays one when a newer deployment took over."""

_SAME = {
    "successful": "success",
    "succeeded": "success",
    "failure": "failed",
    "canceled": "cancelled",
    "web_interface": "web",
}
_FLAGS = {"true": True, "1": True, "false": False, "0": False}

STACK_WORDS: Mapping[int, str] = {
    0: "pending analysis",
    1: "deployed",
    2: "deployment failed",
    3: "analysing",
    4: "analysed",
    5: "queued for deployment",
    6: "deploying",
    7: "unable to analyse",
}
SKYCAP_WORDS: Mapping[int, str] = {1: "built", 2: "build failed", 5: "queued for build", 6: "building"}
QUEUED, DEPLOYING = 5, 6

STACK: Mapping[int, Status] = {
    0: Status.QUEUED,
    1: Status.LIVE,
    2: Status.FAILED,
    3: Status.BUILDING,
    4: Status.STOPPED,  # ready to be deployed for the first time
    5: Status.QUEUED,
    6: Status.DEPLOYING,
    7: Status.FAILED,
}
"""Of a stack of which no deployment serves."""

HEALTH_WORDS: Mapping[int, str] = {0: "unknown", 1: "building", 2: "impaired", 3: "healthy", 4: "failed"}
ILL = frozenset({2, 4})

CONTAINER_HEALTH: Mapping[int, str] = {0: "unverified", 1: "up", 2: "down", 3: "not applicable"}
"""Another scale than a stack's or a server's."""
DOWN = 2

CONTAINER: Mapping[str, Status] = {
    "started": Status.LIVE,
    "running": Status.LIVE,
    "starting": Status.DEPLOYING,
    "created": Status.DEPLOYING,
    "restarting": Status.DEPLOYING,
    "paused": Status.STOPPED,
    "stopped": Status.STOPPED,
    "stopping": Status.REMOVING,
    "exited": Status.STOPPED,
}

OPERATION_LEVEL: Mapping[int, Level] = {
    0: Level.TRACE,
    1: Level.DEBUG,
    2: Level.INFO,
    3: Level.INFO,  # notice
    4: Level.WARN,
    5: Level.ERROR,
}
LIVE_LEVEL: Mapping[int, Level] = {
    0: Level.TRACE,
    1: Level.DEBUG,
    2: Level.INFO,
    3: Level.WARN,
    4: Level.ERROR,
    5: Level.WARN,  # "important": no fault, but nobody should miss it
    6: Level.FATAL,
}
"""The two scales differ from 3 on."""


def word(coded: Coded, numbers: Mapping[int, str]) -> str:
    """Return the enum as Cloud 66's word, lower case with underscores; "" where it says nothing that can be read."""
    match coded:
        case {"code": str() as code} if code and not code.isdecimal():
            return _normal(code)
        case {"meaning": str() as meaning} if meaning:
            return _normal(meaning)
        case {"code": code}:
            return _numbered(code, numbers)
        case str():
            return _numbered(coded, numbers) if coded.isdecimal() else _normal(coded)
    return _numbered(coded, numbers)


def code(coded: Coded, codes: Mapping[str, int]) -> int | None:
    """Return the number of an enum that may come as any of them: a number, text, a word, an object of both.

    A number that is not among `codes` is returned as it is; None where nothing can be read.
    """
    found = word(coded, {})
    return number(found) if found.isdecimal() else codes.get(found)


def flag(value: Flag) -> bool | None:
    """Return a boolean in any spelling: true, 1, 0, "true", "False", "1"; None for anything else."""
    match value:
        case bool():
            return value
        case 0 | 1:
            return bool(value)
        case str():
            return _FLAGS.get(value.strip().lower())
    return None


def number(value: object) -> int | None:
    """Return a whole number that may be written as text or with a fraction of nothing; None for anything else."""
    match value:
        case bool():
            return None
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case str() if value.isascii() and value.isdecimal() and len(value) < 19:
            return int(value)
    return None


def text(value: object) -> str:
    """Return text or a number as one harmless line; "" for anything else."""
    if isinstance(value, str):
        return plain(value)
    found = number(value)
    return "" if found is None else str(found)


def _normal(text: str) -> str:
    text = "_".join(plain(text).lower().split())
    return _SAME.get(text, text)


def _numbered(value: object, numbers: Mapping[int, str]) -> str:
    found = number(value)
    return numbers.get(found, str(found)) if found is not None else ""


def _codes(*words: Mapping[int, str], **others: int) -> Mapping[str, int]:
    return {_normal(word): code for each in words for code, word in each.items()} | others


STACK_CODES = _codes(
    STACK_WORDS,
    SKYCAP_WORDS,
    deployed_successfully=1,
    built_successfully=1,
    analyzing=3,
    analyzed=4,
    unable_to_analyze=7,
)
HEALTH_CODES = _codes(HEALTH_WORDS)
CONTAINER_HEALTH_CODES = _codes(CONTAINER_HEALTH)
"""The same numbers by their words, in the spellings of the documentation and of the Go client."""
