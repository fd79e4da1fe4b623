"""A verb's own options, as the platform names them: one field each, empty where it is not to be given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from tui.screens.sheet import Sheet


class OptionsSheet(Sheet[Mapping[str, str] | None]):
    """Returns what was filled in, None when it was left. Nothing is done from here: the sheet behind it asks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "keep", show=False, priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]
    foot = "tab next field · enter takes them · esc leaves them as they were"

    def __init__(self, title: str, known: Mapping[str, str], given: Mapping[str, str]) -> None:
        super().__init__()
        self._title = title
        self.known = known
        self.given = given

    def heading(self) -> str:
        return self._title

    def body(self) -> ComposeResult:
        with VerticalScroll(id="text", can_focus=False):
            for name, help_ in self.known.items():
                yield Static(Text.assemble((f"{name}  ", "bold"), (help_, "dim")), classes="option")
                yield Input(self.given.get(name, ""), id=f"option-{name}", compact=True, classes="option-value")

    def on_mount(self) -> None:
        super().on_mount()
        self.query(Input).first().focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        values = {name: self.query_one(f"#option-{name}", Input).value.strip() for name in self.known}
        self.dismiss({name: value for name, value in values.items() if value})
