"""ASCII in place of every sign, for a terminal that would show each of them as the same `_`.

The screen is made of the same signs everywhere; they are exchanged where it is written, one cell for one cell. What a
platform or a log writes in other letters stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from unicodedata import name

_CHOSEN = {
    "·": ".", "…": "~", "—": "-", "–": "-", "‖": "|", "¦": "|", "“": '"', "”": '"', "‹": "<", "›": ">", "»": ">",
    "→": ">", "←": "<", "↑": "^", "↓": "v", "≈": "~", "●": "*", "○": "o", "◌": "c", "◐": "%", "◆": "&", "■": "#",
    "▶": ">", "▸": ">", "▹": ">", "▼": "v", "▲": "^", "✓": "+", "✗": "x",
    "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "%", "█": "#", "░": ".", "▒": ":", "▓": "%",
    "▌": "|", "▏": "|", "▎": "|", "▍": "|", "▐": "|", "▕": "|", "╱": "/", "╲": "\\", "╳": "x",
}  # fmt: skip


def ascii_signs() -> Mapping[int, str]:
    """Return the table for `str.translate`: the chosen ones, and lines and blocks by what they look like."""
    lines = {number: _line(name(chr(number))) for number in range(0x2500, 0x2580)}
    blocks = dict.fromkeys(range(0x2580, 0x25A0), "#") | dict.fromkeys(range(0x25A0, 0x2600), "*")
    return lines | blocks | {ord(sign): plain for sign, plain in _CHOSEN.items()}


def _line(called: str) -> str:
    """A line goes one way, or it turns, ends or crosses another."""
    ways = {word for word in called.split() if word in ("HORIZONTAL", "VERTICAL", "UP", "DOWN", "LEFT", "RIGHT")}
    return {frozenset({"HORIZONTAL"}): "-", frozenset({"VERTICAL"}): "|"}.get(frozenset(ways), "+")
