"""One log entry whole: the line that was cut, its fields, where it comes from, its note."""

from __future__ import annotations

import json

from msgspec.structs import fields
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.engine.log_records import BufferEntry
from tui.model.log import HttpRequest, LogLine
from tui.model.text import without_sgr
from tui.screens.sheet import ReadSheet, field
from tui.widgets.log_text import as_plain
from tui.widgets.long_text import LongText

_INDENTED = 100_000  # characters of a structured line that are laid out as a tree


class EntrySheet(ReadSheet):
    """`note` is what a mark says of it, `label` whose line it is where several logs are merged."""

    def __init__(self, entry: BufferEntry, note: str = "", label: str = "") -> None:
        super().__init__()
        self.entry = entry
        self.note = note
        self.label = label

    def heading(self) -> str:
        return "Request" if isinstance(self.entry, HttpRequest) else "Line"

    def body(self) -> ComposeResult:
        with VerticalScroll(id="text", can_focus=True):
            yield Static(self.text(), id="body")
            if isinstance(self.entry, LogLine):
                yield LongText(_whole(self.entry))

    def text(self) -> Text:
        entry, text = self.entry, Text()
        field(text, "note", self.note, "bold")
        field(text, "service", self.label)
        match entry:
            case LogLine():
                field(text, "at", entry.at.isoformat() if entry.at else "the platform gives no time")
                field(text, "level", entry.level.name.lower())
                field(text, "deployment", entry.deployment)
                field(text, "instance", entry.instance)
                for name, value in entry.attributes.items():
                    field(text, name, value)
                if len(entry.text) > 1000:
                    field(text, "length", f"{len(entry.text):,} characters")
            case HttpRequest():
                for each in fields(entry):
                    value = getattr(entry, each.name)
                    field(text, each.name.replace("_", " "), value.isoformat() if each.name == "at" else str(value))
            case _:
                text.append(as_plain(entry))
        return text


def _whole(line: LogLine) -> str:
    """The line as it came; what is JSON and not too long with a field a row."""
    if not line.raw:
        return without_sgr(line.text)
    if len(line.raw) <= _INDENTED:
        try:
            return f"{line.text}\n\n{json.dumps(json.loads(line.raw), indent=2, ensure_ascii=False)}"
        except ValueError:
            pass
    return without_sgr(line.raw)
