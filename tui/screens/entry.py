"""One log entry whole: the line that was cut, its attributes, where it comes from."""

from __future__ import annotations

from msgspec.structs import fields
from rich.text import Text

from tui.engine.log_store import BufferEntry
from tui.model.log import HttpRequest, LogLine
from tui.screens.sheet import ReadSheet, field
from tui.widgets.log_text import as_plain

_LONGEST = 200_000  # characters: what a person may scroll through; `s` saves the rest


class EntrySheet(ReadSheet):
    def __init__(self, entry: BufferEntry) -> None:
        super().__init__()
        self.entry = entry

    def heading(self) -> str:
        return "Request" if isinstance(self.entry, HttpRequest) else "Line"

    def text(self) -> Text:
        entry, text = self.entry, Text()
        match entry:
            case LogLine():
                field(text, "at", entry.at.isoformat() if entry.at else "the platform gives no time")
                field(text, "level", entry.level.name.lower())
                field(text, "deployment", entry.deployment)
                field(text, "instance", entry.instance)
                for name, value in entry.attributes.items():
                    field(text, name, value)
                text.append("\n")
                shown = entry.text[:_LONGEST]
                text.append_text(Text.from_ansi(shown) if "\x1b" in shown else Text(shown))
                if len(entry.text) > _LONGEST:
                    text.append(
                        f"\n… and {len(entry.text) - _LONGEST:,} characters more: s on the board saves them all"
                    )
            case HttpRequest():
                for each in fields(entry):
                    value = getattr(entry, each.name)
                    field(text, each.name.replace("_", " "), value.isoformat() if each.name == "at" else str(value))
            case _:
                text.append(as_plain(entry))
        return text
