"""Values as platforms write them, read once for all providers: times, links, and rows of a list.

Nothing here raises for what a platform sent. A value that cannot be read is None; a row that cannot be read is
described, so that its caller reports it instead of dropping it silently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from tui.model.json_text import decode_json as decode_json
from tui.model.text import plain

T = TypeVar("T")

_YEARS = range(1971, 2200)
"""Years outside of these are placeholders: Go writes year 1 for "never", others write the epoch."""

_MS_FROM = 1e11  # an epoch in seconds is smaller until the year 5138, one in ms greater since 1973
_PATH = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_PATH_PART = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_REPAIRS = 64  # fields set aside in one row before it counts as unreadable


def moment(value: object) -> datetime | None:
    """Return a point in time as aware UTC; None for null, for text that is no time and for placeholders.

    Accepts ISO 8601 with or without a zone (UTC is assumed), `2014-08-14 00:38:14 UTC`, and an epoch in s or ms.
    """
    try:
        at = _parsed(value)
        at = None if at is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at is not None and at.year in _YEARS else None


def _parsed(value: object) -> datetime | None:
    match value:
        case bool():
            return None
        case int() | float():
            return datetime.fromtimestamp(value / 1000 if abs(value) >= _MS_FROM else value, UTC)
        case str() if text := value.strip():
            at = datetime.fromisoformat(text.removesuffix(" UTC"))
            return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None


def link(value: object) -> str | None:
    """Return an http or https address as harmless text; None for anything else."""
    found = plain(value) if isinstance(value, str) else ""
    return found if found.startswith(("https://", "http://")) else None


def unreadable(error: Exception) -> str:
    """Return in words why a document could not be decoded: where it is not what it should be, or that it is no JSON."""
    return str(error) if isinstance(error, msgspec.ValidationError) else "no JSON, or not all of it"


def rows(found: Iterable[object], kind: type[T]) -> tuple[list[T], list[str]]:
    """Decode a list's rows one by one. Return those that can be read, in order, and a word on each other one.

    A field that has a default never costs its row: where its value is of another type than `kind` says, a number
    written as text is read as the number, and anything else becomes the default. A row may be decoded already: it
    then loses what was set aside.
    """
    items: list[T] = []
    odd: list[str] = []
    for each in found:
        try:
            items.append(_row(each, kind))
        except (ValueError, RecursionError) as error:
            odd.append(plain(str(error)))
    return items, odd


def convert(found: object, kind: type[T]) -> T | None:
    """Return decoded JSON as `kind`, as leniently as `rows`; None for null and for what cannot be read."""
    if found is None:
        return None
    try:
        return _lenient(found, kind)
    except (ValueError, RecursionError):
        return None


def _row(raw: object, kind: type[T]) -> T:
    if not isinstance(raw, msgspec.Raw | bytes):
        return _lenient(raw, kind)
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _lenient(decode_json(bytes(raw)), kind)


def _lenient(found: object, kind: type[T]) -> T:
    """Raises msgspec.ValidationError for a row without what it needs."""
    for _ in range(_REPAIRS):
        try:
            return msgspec.convert(found, kind, strict=False)
        except msgspec.ValidationError as error:
            if not _set_aside(found, str(error)):
                raise
    raise msgspec.ValidationError("too many fields are not what they should be")


def _set_aside(found: object, error: str) -> bool:
    """Delete the value that `error` names, so that its default takes its place. False: it is the row itself.

    Of an object that lacks a required field the object goes; of a list the element.
    """
    where = _PATH.search(error)
    parts = _path(where[1]) if where else []
    if "..." in parts:  # one value of a mapping: the mapping goes
        parts = parts[: parts.index("...")]
    if not parts:
        return False
    holder: Any = found
    try:
        for part in parts[:-1]:
            holder = holder[part]
        del holder[parts[-1]]
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _path(text: str) -> list[str | int]:
    """`.servers[2].name` as its parts; `...` stands for a key that msgspec does not tell."""
    return [name or (int(index) if index.isdecimal() else index) for name, index in _PATH_PART.findall(text)]
