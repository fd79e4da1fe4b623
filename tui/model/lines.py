"""A stream cut into lines: however its chunks fall, the same lines."""

from __future__ import annotations

from codecs import getincrementaldecoder

LONGEST = 2 * 1024 * 1024  # characters kept of one line; what is beyond is counted in its last words
_PARTS = 1000  # small chunks of one line that wait to be joined


class LineSplitter:
    """Chunks of bytes or of text in, whole lines without their ends out. A character may be cut between two chunks;
    bytes that are no UTF-8 become U+FFFD.

    Of a line longer than `longest` its beginning is kept. Where it redraws itself with carriage returns (a progress
    bar) that is what stood there first and what stands there last, each up to `longest`.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._decode = getincrementaldecoder("utf-8")("replace").decode
        self._partial = _Partial(longest)

    @property
    def partial(self) -> str:
        """What came behind the last line end."""
        return self._partial.text()

    def feed(self, chunk: bytes | str) -> list[str]:
        text = chunk if isinstance(chunk, str) else self._decode(chunk)
        first, *rest = text.split("\n")
        self._partial.grow(first)
        lines = []
        for each in rest:
            lines.append(self._take())
            self._partial.grow(each)
        return lines

    def flush(self) -> list[str]:
        """The stream is over: a last line without an end is one too."""
        lines = self.feed(self._decode(b"", True))
        return [*lines, self._take()] if self._partial else lines

    def _take(self) -> str:
        partial, self._partial = self._partial, _Partial(self._longest)
        return partial.text()


class _Partial:
    """A line that is not complete. Whole while it is short, else its first and its last states."""

    __slots__ = ("_longest", "_parts", "_size", "_states")

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._parts: list[str] = []
        self._size = 0
        self._states: list[_State] | None = None  # first, last that showed something, the one that comes

    def __bool__(self) -> bool:
        return self._size > 0

    def grow(self, text: str) -> None:
        self._size += len(text)
        if self._states is not None:
            self._redraw(text)
            return
        self._parts.append(text)
        if len(self._parts) > _PARTS:
            self._parts = ["".join(self._parts)]
        if self._size > self._longest:
            self._states = [_State()]
            self._redraw("".join(self._parts))
            self._parts.clear()

    def _redraw(self, text: str) -> None:
        assert self._states is not None
        for number, part in enumerate(text.split("\r")):
            if number:
                shown = [state for state in self._states[1:] if state.size]
                self._states = [self._states[0], *shown[-1:], _State()]
            self._states[-1].grow(part, self._longest)

    def text(self) -> str:
        if self._states is None:
            if len(self._parts) > 1:
                self._parts = ["".join(self._parts)]
            return self._parts[0] if self._parts else ""
        first, *others = self._states
        last = next((state for state in reversed(others) if state.size), None)
        return first.text() if last is None else f"{first.text()}\r{last.text()}"


class _State:
    """What stood in a line between two carriage returns."""

    __slots__ = ("_kept", "_parts", "size")

    def __init__(self) -> None:
        self.size = 0
        self._kept = 0
        self._parts: list[str] = []

    def grow(self, text: str, longest: int) -> None:
        self.size += len(text)
        if text and self._kept < longest:
            self._parts.append(text[: longest - self._kept])
            self._kept += len(self._parts[-1])
            if len(self._parts) > _PARTS:
                self._parts = ["".join(self._parts)]

    def text(self) -> str:
        self._parts = ["".join(self._parts)]
        lost = self.size - self._kept
        return f"{self._parts[0]}… (+{lost:,} characters)" if lost else self._parts[0]
