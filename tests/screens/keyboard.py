"""Keys that arrive together, as a fast typist's or a slow line's do: all of them before the first is handled."""

from __future__ import annotations

import unicodedata
from typing import Any

from textual import events
from textual.app import App
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key


def key_event(key: str) -> events.Key:
    """The event of a key, named as in a binding or given as its character."""
    if len(key) == 1 and not key.isalnum():
        key = _character_to_key(key)
    try:
        character: str | None = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(key, key)))
    except KeyError:
        character = key if len(key) == 1 else None
    return events.Key(key, character)


def type_ahead(app: App[Any], *keys: str) -> None:
    """Send the keys in one go; the caller waits for what comes of them."""
    for key in keys:
        app.post_message(key_event(key))
