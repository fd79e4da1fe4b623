"""What the body of a refusal says, in a person's words: never bare JSON, and of a web page only its title."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
_SAID = ("message", "error_description", "error", "detail", "details", "reason", "title", "msg", "description")
_MORE = ("errors", "issues")
_DEEP = 5
_MANY = 5  # of a list, and of an object's fields


def body_words(text: str) -> str:
    """Return what it says; "" where it is JSON without words, or JSON that was cut."""
    begins = text.lstrip()[:1]
    if begins == "<":
        title = _TITLE.search(text)
        return title[1] if title else "a web page"
    return _of_json(text) if begins and begins in '{["' else text


def _of_json(text: str) -> str:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return ""
    return _flat(found, 0)


def _flat(found: object, depth: int) -> str:
    if depth > _DEEP:
        return ""
    match found:
        case str():  # a message may itself be JSON: the issues that a validator found
            return _of_json(found) if found.lstrip()[:1] in ("{", "[") and _of_json(found) else found.strip()
        case list():
            return _joined(_flat(each, depth + 1) for each in found[: _MANY if depth else 1])
        case dict():
            said = _sentence([_flat(found.get(name), depth + 1) for name in _SAID])
            more = [_flat(found.get(name), depth + 1) for name in _MORE]
            return _joined([said, *more]) or _fields(found, depth)
    return ""


def _sentence(said: list[str]) -> str:
    """Return the first that is more than one word: `invalid_token` is a name for programs. Else the first there is."""
    return next((each for each in said if " " in each), next(filter(None, said), ""))


def _fields(found: dict[str, object], depth: int) -> str:
    """Return what is said of each field, as validators of forms do: `{"name": ["is taken"]}`."""
    lists = {name: value for name, value in found.items() if isinstance(value, list | dict)}
    told = ((name, _flat(value, depth + 1)) for name, value in list(lists.items())[:_MANY])
    return _joined(words if name in ("base", "json", "data") else f"{name}: {words}" for name, words in told if words)


def _joined(parts: Iterable[str]) -> str:
    """Each once."""
    return "; ".join(dict.fromkeys(part.rstrip(".") for part in parts if part))
