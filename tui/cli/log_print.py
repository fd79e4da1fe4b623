"""What `logs` prints: the lines that hold and those around them, for people or as JSON."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from msgspec.structs import replace

from tui.cli import output
from tui.cli.exits import Exit, Fault, tell
from tui.model.entities import Service
from tui.model.log import Cursor, GapKind, HttpRequest, LogEntry, LogGap, LogLine, LogSource
from tui.model.log_filter import LogFilter
from tui.model.provider import Provider
from tui.model.structured import structured
from tui.model.text import without_sgr
from tui.model.text_match import TooSlow

Line = LogLine | HttpRequest


@dataclass(slots=True)
class Stream:
    source: LogSource
    label: str
    provider: Provider
    cursor: Cursor = field(default_factory=Cursor)
    deployment: str = ""  # of the last line
    last: datetime | None = None  # time of a line
    broken: bool = False

    _bounded: LogFilter | None = None

    @property
    def service(self) -> Service:
        return self.source.service

    def bounded(self, wanted: LogFilter) -> LogFilter:
        """Between the times that are this stream's: so long ago is another time by each platform's clock."""
        if self._bounded is None:
            self._bounded = replace(wanted, since=self.source.since, until=self.source.until)
        return self._bounded


class Printer:
    """Context is that of the merged lines; `--` stands where lines between two groups are left out, as grep has it."""

    def __init__(self, wanted: LogFilter, *, json: bool, several: bool) -> None:
        self._wanted = wanted
        self._json = json
        self._several = several
        self._colored = output.colored()
        self._before: deque[tuple[Stream, Line]] = deque(maxlen=wanted.context)
        self._after = 0  # so many more lines belong to the last that held
        self._printed = self._left_out = False

    def show(self, stream: Stream, entry: LogEntry) -> None:
        """Raises Fault when the filter takes too long."""
        if isinstance(entry, LogGap):
            lines = "Lines" if entry.lines is None else f"{entry.lines} lines"
            what = "" if entry.kind is GapKind.NOTE else f"{lines} are missing here: "
            tell(f"deckwatch: {stream.label}: {what}{entry.reason}")
            if self._json:
                output.emit(output.gap_json(entry, stream.service, stream.source.kind))
            return
        if entry.deployment and entry.deployment != stream.deployment:
            if stream.deployment and not self._json:
                tell(f"deckwatch: {stream.label}: deployment {entry.deployment} speaks from here.")
            stream.deployment = entry.deployment
        if isinstance(entry, LogLine):
            entry = structured(entry)
        if self._holds(stream, entry):
            if self._left_out and self._printed and self._wanted.context and not self._json:
                output.line("--")
            for each in (*self._before, (stream, entry)):
                self._print(*each)
            self._before.clear()
            self._left_out = False
            self._after = self._wanted.context
        elif self._after:
            self._after -= 1
            self._print(stream, entry)
        else:
            self._left_out |= len(self._before) == self._wanted.context
            self._before.append((stream, entry))

    def _holds(self, stream: Stream, entry: Line) -> bool:
        try:
            return stream.bounded(self._wanted).holds(entry, stream.service)
        except TooSlow as error:
            raise Fault(f"The search is ended: {error}.", Exit.USAGE) from None

    def _print(self, stream: Stream, entry: Line) -> None:
        self._printed = True
        if self._json:
            output.emit(self._object(stream, entry))
        else:
            output.line(self._text(stream, entry))

    def _object(self, stream: Stream, entry: Line) -> output.Json:
        if isinstance(entry, LogLine):
            return output.line_json(entry, stream.service, stream.source.kind)
        return output.request_json(entry, stream.service)

    def _text(self, stream: Stream, entry: Line) -> str:
        at = f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}.{entry.at.microsecond // 1000:03}" if entry.at else "-" * 23
        label = f" {stream.label}" if self._several else ""
        if isinstance(entry, HttpRequest):
            return f"{at}{label} {_request_text(entry)}"
        text = entry.raw or entry.text
        text = f"{text}\x1b[m" if self._colored and "\x1b" in text else without_sgr(text)
        return f"{at}{label} {entry.level.letter} {text}"


def _request_text(request: HttpRequest) -> str:
    detail = f" {request.detail}" if request.detail else ""
    return (
        f"{request.status} {request.method} {request.path} {request.duration_ms}ms {request.client_ip or '-'}{detail}"
    )
