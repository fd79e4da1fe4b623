"""Hostile text made harmless, once, where it enters."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

# Whole escape sequences, so that their payload goes too, where they have an end; then what is left of controls, C1 and
# bidi overrides. C1 signs open nothing: in UTF-8 that was read as Latin-1 they are parts of letters.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC DCS SOS PM APC
    r"|\x9d[0-9]{1,4};[ -~]*[\x07\x9c]"  # an OSC in C1, which could be nothing else
    r"|\x1b[ -/]*[0-~]?"  # two-character escapes, what opens a sequence without an end, and a lone ESC
)
_SGR = re.compile(r"\x1b\[[0-9;:]*m")
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Signs without a shape: zero width, tags, fillers, selectors. Two names may differ by them alone."""

_EMOJI = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u27ff\u2900-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_JOINING = "\u0600-\u061b\u061d-\u109f\u1780-\u17b3\u17b6-\u180a\u1810-\u18af"  # scripts that join or stack letters
_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_INVISIBLE = re.compile(
    f"(?P<needed>(?<=[{_EMOJI}\ufe0f])\u200d(?=[{_EMOJI}])|(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])"
    f"|(?<=[{_EMOJI}0-9#*])[\ufe0e\ufe0f]|(?<=[{_HAN}])[\ufe00-\ufe02\U000e0100-\U000e01ef]"
    f"|(?<=[\u1810-\u18af])[\u180b-\u180f])"
    f"|[{_UNSEEN}\u2800]"
)
_SUSPECT = re.compile(f"[{_UNSEEN}\u2800\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NAMED = 3  # of many signs without a shape side by side
_RUN = re.compile(rf"((?:‹U\+[0-9A-F]{{4,5}}›){{{_NAMED}}})((?:‹U\+[0-9A-F]{{4,5}}›){{2,}})")
_HEAD = re.compile(rf"(?:\x1b\[[0-9;:]*m|[ \t{_UNSEEN}])+")
_UNSEEN_SIGN = re.compile(f"[{_UNSEEN}]")
_CONTROLS_BUT_ESC = re.compile(
    "[\x00-\x08\x0a-\x1a\x1c-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_SEPARATES = re.compile("[\x0a-\x0c\x85\u2028\u2029]+")
_SHOWS_NOTHING = re.compile(rf"(?:\x1b\[[0-9;:]*m|[\s\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069{_UNSEEN}])*")
_DIGITS = 3  # of a code that means something
_MAY_HIDE = re.compile(r"\x1b\[(?:[0-9;:]*[;:])?(?:0?8|4[0-8]|10[0-7])[;:m]")


def is_plain(text: str) -> bool:
    """Return whether `plain` would find nothing in any part of it but white space to fold."""
    return (text.isascii() and text.isprintable()) or _SUSPECT.search(text) is None


def plain(text: str) -> str:
    """One line of harmless text for a name, a message, a cell: no escapes, no controls, white space folded.

    A sign without a shape is shown as `‹U+200B›`, except where a script or an emoji needs it. Overrides of the
    writing direction are orders to a terminal, and are dropped like other controls.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _ESCAPES.sub("", text)
    if _SUSPECT.search(text) is not None:
        text = _RUN.sub(_counted, _INVISIBLE.sub(_shown, text))
    return " ".join(_CONTROLS.sub(" ", text).split())


def _shown(sign: re.Match[str]) -> str:
    return sign[0] if sign["needed"] else f"‹U+{ord(sign[0]):04X}›"


def _counted(run: re.Match[str]) -> str:
    return f"{run[1]}‹{run[2].count('‹')} more invisible›"


def log_text(text: str) -> str:
    """One log line: SGR colours and tabs stay, everything else that could move a terminal is gone.

    A line that redraws itself (a progress bar, by carriage returns or backspaces) keeps what showed something last.
    Signs without a shape at its head are dropped: they would hide its level. What colours would hide is shown.
    """
    if text.isascii() and text.isprintable():
        return text
    if "\x1b" in text or "\x9d" in text:
        text = _ESCAPES.sub(lambda m: m[0] if _SGR.fullmatch(m[0]) else "", text)
        if _MAY_HIDE.search(text) is not None:
            text = _uncovered(text)
    if "\r" in text:
        text = _redrawn(text)
    if "\b" in text:
        text = _overwritten(without_sgr(text))
    if not text.isascii() and (head := _HEAD.match(text)) is not None:
        text = _UNSEEN_SIGN.sub("", head[0]) + text[head.end() :]
    return _CONTROLS_BUT_ESC.sub("", _SEPARATES.sub(" ", text.rstrip("\n")))


def _redrawn(text: str) -> str:
    """What stood there last of a line that begins anew with each carriage return."""
    states = text.rstrip("\r\n").split("\r")
    return next((each for each in reversed(states) if _SHOWS_NOTHING.fullmatch(each) is None), states[-1])


def _overwritten(text: str) -> str:
    """What stands there after backspaces, which go back without wiping anything out."""
    shown: list[str] = []
    at = 0
    for sign in text:
        if sign == "\b":
            at = max(0, at - 1)
            continue
        shown[at : at + 1] = sign
        at += 1
    return "".join(shown)


def _uncovered(text: str) -> str:
    """Take back orders to conceal, and to write in the colour of the ground."""
    now: dict[bool, str] = {}  # the ground's colour, and the text's

    def seen(orders: re.Match[str]) -> str:
        kept: list[str] = []
        for order in _orders(orders[0][2:-1]):
            if order in ("8", "08"):
                continue
            if order.strip("0") == "":
                now.clear()
            elif (colour := _colour(order)) is not None:
                is_ground, name = colour
                if name and name == now.get(not is_ground):
                    order, name = ("49" if is_ground else "39"), ""
                now[is_ground] = name
            kept.append(order)
        return f"\x1b[{';'.join(kept)}m" if kept else ""

    return _SGR.sub(seen, text)


def _orders(text: str) -> Iterator[str]:
    """Each with what belongs to it: '1', '38;5;208', '48:2::0:0:0'."""
    parts = iter(text.split(";"))
    for part in parts:
        order = [part]
        if part in ("38", "48") and (kind := next(parts, None)) is not None:
            order += [kind, *itertools.islice(parts, {"5": 1, "2": 3}.get(kind, 0))]
        yield ";".join(order)


def _colour(order: str) -> tuple[bool, str] | None:
    """(whether it is the ground's, its name); the name "" is the terminal's own. None where it sets no colour."""
    code, _, rest = order.replace(":", ";").partition(";")
    if not code.isdecimal() or len(code) > _DIGITS:
        return None
    number = int(code)
    if number in (38, 48):
        kind, _, name = rest.partition(";")
        return number == 48, f"{name.removeprefix(';')}{'' if kind == '5' else ' rgb'}"
    if number in (39, 49):
        return number == 49, ""
    for first, bright, is_ground in ((30, 0, False), (40, 0, True), (90, 8, False), (100, 8, True)):
        if first <= number < first + 8:
            return is_ground, str(number - first + bright)
    return None


def without_sgr(text: str) -> str:
    """`log_text` without its colours: for searching, copying, files and JSON."""
    return _SGR.sub("", text) if "\x1b" in text else text


def log_lines(text: str) -> list[str]:
    """A message of one or several lines as harmless lines; a trailing line end adds none."""
    if "\n" not in text:
        return [log_text(text)]
    return [log_text(line) for line in text.removesuffix("\n").split("\n")]
