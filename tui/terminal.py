"""What kind of terminal this is, told by evidence, before Textual is imported: its constants are read at import.

Plain ssh passes TERM but not COLORTERM; several modern terminals have no terminfo entry that tells their colours.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from io import TextIOWrapper

from msgspec import Struct

_TMUX_S = 1.0  # it answers within milliseconds; a server that hangs must not keep the board waiting
_TRUECOLOR_TERMS = ("ghostty", "alacritty", "kitty", "foot", "wezterm", "contour", "-direct")


class UnusableTerminal(Exception):
    """The board cannot be drawn here; the message says what to use instead."""


class Terminal(Struct, frozen=True):
    color: str  # truecolor | 256 | 16 | none
    slow_link: bool  # over SSH, or told so: fewer frames
    frames_per_second: int
    ascii_signs: bool = False  # a multiplexer in between would show each sign as the same `_`


def examine(
    environ: MutableMapping[str, str], *, color: str = "auto", link: str = "auto", fps: int | None = None
) -> Terminal:
    """Decides from the environment and the [ui] settings. Raises UnusableTerminal for TERM=dumb."""
    term = environ.get("TERM", "")
    if term == "dumb":
        raise UnusableTerminal(
            "TERM is 'dumb': the board needs a terminal that can place the cursor. "
            "Without one use: deckwatch services, deployments, logs, act (see --help)."
        )
    slow = link == "slow" or (link == "auto" and "SSH_CONNECTION" in environ)
    return Terminal(
        color=_color(environ, term) if color == "auto" else color,
        slow_link=slow,
        frames_per_second=fps or (10 if slow else 15),
        ascii_signs=_loses_signs(environ),
    )


def prepare(terminal: Terminal, environ: MutableMapping[str, str] | None = None) -> None:
    """Set what Textual reads at its import, and write UTF-8 whatever the locale says: only the app's own process is
    changed."""
    if isinstance(sys.__stderr__, TextIOWrapper):  # where Textual draws
        sys.__stderr__.reconfigure(encoding="utf-8", errors="replace")
    environ = os.environ if environ is None else environ
    for name in ("COLUMNS", "LINES"):  # exported ones are of another terminal, and never change
        environ.pop(name, None)
    environ["TEXTUAL_COLOR_SYSTEM"] = {"16": "standard", "none": "standard"}.get(terminal.color, terminal.color)
    environ["TEXTUAL_FPS"] = "120"  # the screen's timer; a key is painted at once, the log at its own rate
    environ["TEXTUAL_ANIMATIONS"] = "none"
    environ["TEXTUAL_SMOOTH_SCROLL"] = "0"
    if terminal.color in ("16", "none"):
        environ["TEXTUAL_THEME"] = "ansi-dark"
    if terminal.color == "none":
        environ["NO_COLOR"] = "1"  # Textual's filter for it writes greys with its own themes, nothing with the ansi one
    else:
        environ.pop("NO_COLOR", None)


def _loses_signs(environ: MutableMapping[str, str]) -> bool:
    """Return whether a multiplexer passes on ASCII alone: it does where it was started in another locale.

    A terminal itself shows UTF-8 whatever the locale says. tmux knows whether the one in front of it does; GNU screen
    goes by the locale that it was started in, which is ours.
    """
    if "TMUX" in environ:
        passes = _tmux_passes_utf8(environ)
        return not (_locale_is_utf8(environ) if passes is None else passes)
    return "STY" in environ and not _locale_is_utf8(environ)


def _tmux_passes_utf8(environ: MutableMapping[str, str]) -> bool | None:
    """Ask tmux; None where it does not say."""
    import subprocess

    try:
        said = subprocess.run(
            ["tmux", "display-message", "-p", "#{client_utf8}"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=dict(environ),
            timeout=_TMUX_S,
            check=False,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {b"1": True, b"0": False}.get(said)


def _locale_is_utf8(environ: MutableMapping[str, str]) -> bool:
    named = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    return named.lower().replace("-", "").endswith("utf8")


def _color(environ: MutableMapping[str, str], term: str) -> str:
    if environ.get("NO_COLOR"):
        return "none"
    told = environ.get("COLORTERM", "").lower()
    if "STY" in environ:  # GNU screen loses 24-bit colours, whatever it inherited
        return "256"
    if told in ("truecolor", "24bit") or any(name in term for name in _TRUECOLOR_TERMS):
        return "truecolor"
    if "256" in term:
        return "256"
    import curses  # only a terminal that says nothing better is looked up

    try:
        curses.setupterm(term or "unknown", 1)
        return "256" if curses.tigetnum("colors") >= 256 else "16"
    except curses.error:
        return "16"
