"""A verb's own options, as the platform names them: one field each, empty where it is not to be given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Input, Static

from tui.screens.guarded import GuardedSheet

Given = Mapping[str, str]
"""The options that are given, each by its name."""


class OptionsSheet(GuardedSheet[Given | None]):
    """Returns what was filled in, None when it was left. Nothing is done from here: the sheet behind it asks.

    `told` says what would be done with what is typed so far; it stands below the fields at every letter.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "keep", show=False, priority=True),
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
    ]
    foot = "tab next field · enter takes them · esc leaves them as they were"

    def __init__(self, title: str, known: Mapping[str, str], given: Given, told: Callable[[Given], Text]) -> None:
        super().__init__()
        self._title = title
        self.known = known
        self.given = given
        self.told = told

    def heading(self) -> str:
        return self._title

    def body(self) -> ComposeResult:
        with VerticalScroll(id="text", can_focus=False):
            for name, help_ in self.known.items():
                with Vertical(classes="option"):
                    yield Static(Text.assemble((f"{name}  ", "bold"), (help_, "dim")))
                    yield Input(self.given.get(name, ""), name=name, compact=True)

    def answers(self) -> ComposeResult:
        yield Static(self.told(self.given), id="told")

    def on_mount(self) -> None:
        self.query(Input).first().focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(option := event.widget.parent, Vertical):
            self.call_after_refresh(option.scroll_visible, animate=False)

    @property
    def typed(self) -> Given:
        values = {each.name or "": each.value.strip() for each in self.query(Input)}
        return {name: value for name, value in values.items() if value}

    def on_input_changed(self) -> None:
        self.query_one("#told", Static).update(self.told(self.typed))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(self.typed)
