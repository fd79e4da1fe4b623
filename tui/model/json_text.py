"""JSON as platforms and programs really write it."""

from __future__ import annotations

import json
from typing import Any

import msgspec


def decode_json(text: str | bytes) -> Any:  # noqa: ANN401 - JSON is anything
    """Decode JSON as it really comes: half a surrogate pair (a cut emoji) does not cost the document.

    Raises ValueError (msgspec.DecodeError is one) or RecursionError.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        if isinstance(text, bytes):
            text = text.decode("utf-8", errors="replace")
        return json.loads(text)
