"""A build log's frames as lines. Nothing numbers them but their order in the file, which a reconnect replays whole."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

from tui.model.lines import LineSplitter
from tui.model.log import Cursor, GapKind, Level, LogEntry, LogGap, LogLine
from tui.model.text import log_text

Found = tuple[str, LogEntry]
"""An entry, and the cursor's token once it has gone out; "" for a gap, which is no line of the file."""

_UNSAFE = re.compile(r"[^\x20-\x7e]")
_REWRITTEN: Found = (
    "",
    LogGap(None, "Dokploy wrote this log anew: lines may be missing here, or come again.", kind=GapKind.LOST),
)


def given(found: Iterable[Found], cursor: Cursor) -> Iterator[LogEntry]:
    """The entries, each noted in the cursor as it goes out."""
    for token, entry in found:
        if token:
            cursor.token = token
        yield entry


class Lines:
    """What the cursor has is skipped, by count, and checked at its end. The cursor's token is "count:check"."""

    def __init__(self, cursor: Cursor, deployment: str) -> None:
        self.begun = False
        self._deployment = deployment
        self._known, self._check = _place(cursor)
        self._count = 0
        self._splitter = LineSplitter()

    @property
    def between(self) -> bool:
        """The last frame ended with a line."""
        return not self._splitter.partial

    def take(self, frame: str) -> list[Found]:
        self.begun = True
        return [entry for text in self._splitter.feed(frame) for entry in self._line(text)]

    def rest(self) -> list[Found]:
        """A last line without an end."""
        return [entry for text in self._splitter.flush() for entry in self._line(text)]

    def cut_short(self) -> list[Found]:
        """The file was truncated: it begins anew."""
        self._count = self._known = 0
        return [_REWRITTEN]

    def _line(self, text: str) -> list[Found]:
        self._count += 1
        if self._count < self._known:
            return []
        check = _checked(text)
        if self._count == self._known:
            return [] if check == self._check else [_REWRITTEN]
        return [(f"{self._count}:{check}", line(text, self._deployment))]


class Window:
    """The same, of texts that are only the newest lines once the file is longer than an answer may be."""

    def __init__(self, cursor: Cursor, deployment: str) -> None:
        self._cursor = cursor
        self._deployment = deployment

    def new(self, text: str, *, full: bool, ended: bool) -> list[Found]:
        """The lines behind those that the cursor has. `full`: older ones than these may be missing."""
        *whole, partial = text.split("\n")
        if partial and ended:
            whole.append(partial)
        known, check = _place(self._cursor)
        found: list[Found] = []
        begin = known
        if full and known:
            at = next((n for n in range(len(whole) - 1, -1, -1) if _checked(whole[n]) == check), None)
            if at is None:
                found.append(("", LogGap(None, "Lines are missing here: more came than Dokploy gives at once.")))
            begin = 0 if at is None else at + 1
        elif known and (known > len(whole) or _checked(whole[known - 1]) != check):
            found.append(_REWRITTEN)
            begin = 0
            known = 0
        for number, each in enumerate(whole[begin:], known + 1):
            found.append((f"{number}:{_checked(each)}", line(each, self._deployment)))
        return found


def line(text: str, deployment: str) -> LogLine:
    """Dokploy's own last words over a failed build have a level; the rest has none."""
    failed = text.startswith("Error occurred") and "❌" in text
    return LogLine(None, log_text(text), Level.ERROR if failed else Level.INFO, deployment)


def _place(cursor: Cursor) -> tuple[int, str]:
    count, _, check = cursor.token.partition(":")
    return (int(count), check) if count.isdecimal() else (0, "")


def _checked(text: str) -> str:
    """Without what a frame's border may have cut to pieces."""
    return hashlib.blake2b(_UNSAFE.sub("", text).encode(), digest_size=6).hexdigest()
