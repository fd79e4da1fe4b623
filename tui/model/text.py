"""Hostile text made harmless, once, where it enters."""

from __future__ import annotations

import re

# Whole escape sequences, so that their payload goes too; then what is left of controls, C1 and bidi overrides.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c|$)"  # OSC DCS SOS PM APC
    r"|\x1b[ -/]*[0-~]?"  # two-character escapes, and a lone ESC
)
_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_CONTROLS_BUT_ESC = re.compile(
    "[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def plain(text: str) -> str:
    """One line of harmless text for a name, a message, a cell: no escapes, no controls, white space folded."""
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPES.sub("", text)
    return " ".join(_CONTROLS.sub(" ", text).split())


def log_text(text: str) -> str:
    """One log line: SGR colours and tabs stay, everything else that could move a terminal is gone.

    A line that redraws itself with carriage returns (a progress bar) keeps what stood there last.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\r" in text:
        text = text.rstrip("\r\n").rpartition("\r")[2]
    if "\x1b" in text or not text.isascii():
        text = _ESCAPES.sub(lambda m: m[0] if _SGR.fullmatch(m[0]) else "", text)
    return _CONTROLS_BUT_ESC.sub("", text)


def without_sgr(text: str) -> str:
    """`log_text` without its colours: for searching, copying, files and JSON."""
    return _SGR.sub("", text) if "\x1b" in text else text


def log_lines(text: str) -> list[str]:
    """A message of one or several lines as harmless lines; a trailing line end adds none."""
    if "\n" not in text:
        return [log_text(text)]
    return [log_text(line) for line in text.removesuffix("\n").split("\n")]
