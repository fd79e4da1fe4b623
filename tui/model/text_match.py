"""What `/` and a filter's words find: smart case, a regular expression where it compiles, and never without an end.

Many lines are searched at once, as one text. So that this finds what each line alone would, the expression is
rewritten until no part of it matches a line end: then a line end is to it what the end of the text is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import regex

T = TypeVar("T")

LIMIT_S = 0.05  # of one call; a block of 256 KiB takes a simple expression 1 to 5 ms
SPANS = 1000

_META = re.compile(r"[\\^$.|?*+()\[\]{}]")
_NO_LETTERS = re.compile(r"\\[pP]\{[^}]*\}|\\.|\(\?P?<\w+>|\(\?P=\w+\)|\(\?[a-zA-Z]+[:)]", re.DOTALL)
_INLINE_FLAGS = re.compile(r"\(\?([aiu]+)\)")
_PIECE = re.compile(
    r"(?P<set>\[\^?\]?(?:\\.|[^\]\\])*\])"
    r"|(?P<escape>\\(?:[1-9]\d?|[pP]\{\w+\}|.))"
    r"|(?P<group>\((?:\?(?:[:>=!]|<[=!]|P?<\w+>|[ai]+:|P=\w+\)))?)"
    r"|(?P<repeat>\{\d*(?:,\d*)?\})"
    r"|(?P<other>.)",
    re.DOTALL,
)
_LINE_ENDS_OUT = {r"\s": r"[^\S\n]", r"\W": r"[^\w\n]", r"\D": r"[^\d\n]", r"\A": "^", r"\Z": "$"}
_HARMLESS = frozenset("dwSbBt123456789")  # escapes that match no line end, beside punctuation


class TooSlow(Exception):
    """The expression backtracks: it was given up, not found absent."""

    def __init__(self) -> None:
        super().__init__(
            f"this expression backtracks: given up after {LIMIT_S * 1000:.0f} ms; "
            "simplify it, or search the plain words"
        )


class BadExpression(ValueError):
    """It does not compile. `at` is where in it, in characters."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def warm() -> None:
    """The first expression would pay for an import of 17 ms; this may run in a thread."""
    import regex

    regex.compile("a")


def find(words: str) -> TextMatch:
    """A regular expression if it is one, else the plain words (`plain` tells)."""
    if _META.search(words):
        try:
            return expression(words)
        except BadExpression:
            pass
    return verbatim(words)


def verbatim(words: str) -> TextMatch:
    """The words as they stand; smart case is theirs too."""
    return TextMatch(words)


def expression(source: str) -> TextMatch:
    """Raises BadExpression."""
    return TextMatch(source, _compiled(source, _ignores_case(source)))


class TextMatch:
    """Lower-case words ignore case; an upper-case letter makes them exact.

    Each call raises TooSlow when an expression takes longer than 50 ms, twice. A line is a text without a line end.
    """

    __slots__ = ("_across", "_alone", "_low", "exact", "plain", "words")

    def __init__(self, words: str, alone: regex.Pattern[str] | None = None) -> None:
        self.words = words
        self.plain = alone is None
        self.exact = not _ignores_case(words, plain=self.plain)
        self._low = words if self.exact else words.lower()
        self._alone = alone
        self._across: regex.Pattern[str] | bool = True  # True: not made yet; False: cannot be made

    def __repr__(self) -> str:
        return f"TextMatch({self.words!r}{', plain' if self.plain else ''})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextMatch) and (self.words, self.plain) == (other.words, other.plain)

    def __hash__(self) -> int:
        return hash((self.words, self.plain))

    def found(self, text: str) -> bool:
        if self.plain:
            if self.exact:
                return self._low in text
            if text.isascii() and self._low.isascii():
                return self._low in text.lower()
        return self._limited(lambda limit_s: self._pattern.search(text, timeout=limit_s) is not None)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where it is found, in order, what is empty left out; at most 1,000."""

        def found(limit_s: float | None) -> list[tuple[int, int]]:
            matches = self._pattern.finditer(text, timeout=limit_s)
            return list(islice((each.span() for each in matches if each.end() > each.start()), SPANS))

        return self._limited(found)

    def lines(self, text: str, starts: Sequence[int], first: int = 0) -> list[int]:
        """Indices, from `first` on, of the lines in which it is found. `starts` are where the lines of `text` begin;
        each ends with a line end.
        """
        if first >= len(starts):
            return []
        return indices(self.offsets(text, starts[first]), text)

    def offsets(self, text: str, begin: int = 0) -> list[int]:
        """One offset in each line in which it is found, from the line that begins at `begin` on."""
        if self.plain and "\n" in self.words:
            return []
        if self.plain and (self.exact or (text.isascii() and self._low.isascii())):
            return list(_lines_with(self._low, text if self.exact else text.lower(), begin))
        if self._across is True:
            self._across = _across_lines(self._pattern.pattern, ignore_case=not self.exact) or False
        across = self._across
        if isinstance(across, bool):
            return [at for at, one in _lines_of(text, begin) if self.found(one)]
        return self._limited(lambda limit_s: [each.start() for each in across.finditer(text, begin, timeout=limit_s)])

    def _limited(self, search: Callable[[float | None], T]) -> T:
        """Plain words cannot backtrack. An expression is tried twice: the limit counts what else the process does
        meanwhile, a collection of garbage above all.
        """
        if self.plain:
            return search(None)
        with suppress(TimeoutError):
            return search(LIMIT_S)
        try:
            return search(LIMIT_S)
        except TimeoutError:
            raise TooSlow from None

    @property
    def _pattern(self) -> regex.Pattern[str]:
        if self._alone is None:
            import regex

            self._alone = _compiled(regex.escape(self.words), not self.exact)
        return self._alone


def indices(offsets: Sequence[int], text: str) -> list[int]:
    """Of the lines that hold these offsets, which ascend. Counting line ends is quicker than telling all of them."""
    found = []
    index = before = 0
    for offset in offsets:
        index += text.count("\n", before, offset)
        found.append(index)
        before = offset
    return found


def line(text: str, starts: Sequence[int], at: int) -> str:
    return text[starts[at] : (starts[at + 1] if at + 1 < len(starts) else len(text)) - 1]


def _ignores_case(words: str, *, plain: bool = False) -> bool:
    """An upper-case letter of an escape or of a group's name is none."""
    letters = words if plain else _NO_LETTERS.sub("", words)
    return not any(letter.isupper() for letter in letters)


def _compiled(source: str, ignore_case: bool) -> regex.Pattern[str]:
    import regex

    flags = regex.MULTILINE | (regex.IGNORECASE if ignore_case else 0)
    try:
        return regex.compile(source, flags)
    except regex.error as error:
        why, _, at = str(error).partition(" at position ")
        raise BadExpression(f"{source!r} is not a regular expression: {why}", int(at) if at.isdigit() else 0) from None
    except (ValueError, OverflowError, RecursionError) as error:  # flags that exclude each other, endless counts
        raise BadExpression(f"{source!r} is not a regular expression: {error}", 0) from None


def _lines_with(words: str, text: str, begin: int) -> Iterator[int]:
    at = text.find(words, begin)
    while 0 <= at < len(text):
        yield at
        at = text.find(words, text.find("\n", at) + 1)


def _lines_of(text: str, begin: int) -> Iterator[tuple[int, str]]:
    while begin < len(text):
        end = text.index("\n", begin)
        yield begin, text[begin:end]
        begin = end + 1


def _across_lines(source: str, *, ignore_case: bool) -> regex.Pattern[str] | None:
    """The expression for a text of many lines: one match for each line in which it is found, with the rest of that
    line. None where the rewriting does not reach: that is then looked for line by line.
    """
    inline = _INLINE_FLAGS.match(source)
    head, body = (inline[0], source[inline.end() :]) if inline else ("", source)
    parts: list[str] = []
    for piece in _PIECE.finditer(body):
        part = _without_line_end(piece, body)
        if part is None:
            return None
        parts.append(part)
    try:
        return _compiled(rf"{head}(?:{''.join(parts)})[^\n]*+\n", ignore_case)
    except BadExpression:
        return None


def _without_line_end(piece: re.Match[str], body: str) -> str | None:
    """This piece of an expression as one that matches no line end."""
    text = piece[0]
    match piece.lastgroup:
        case "escape":
            if text in _LINE_ENDS_OUT:
                return _LINE_ENDS_OUT[text]
            return (
                text
                if text[1] in _HARMLESS or (text[1].isascii() and not text[1].isalnum() and text[1] > " ")
                else None
            )
        case "set":
            return _set_without_line_end(text)
        case "group" if text == "(" and body[piece.end() : piece.end() + 1] in ("?", "*"):
            return None  # a conditional, a recursion, a verb, a flag: rare
        case "repeat" | "group":
            return text
        case _:
            return None if text in "\n{[" else text


def _set_without_line_end(text: str) -> str | None:
    if "[" in text[1:] or any(text[at + 1].isalnum() and text[at + 1] not in "dwsSWDt" for at in _escapes(text)):
        return None
    if text[1] == "^":
        rest = text[2:]
        return rf"[^\n\{rest}" if rest.startswith("]") else rf"[^\n{rest}"
    try:
        holds_line_end = _compiled(text, ignore_case=False).fullmatch("\n")
    except BadExpression:
        return None
    return rf"(?:(?!\n){text})" if holds_line_end else text


def _escapes(text: str) -> Iterator[int]:
    at = text.find("\\")
    while at >= 0:
        yield at
        at = text.find("\\", at + 2)
