"""No account is configured: how to begin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.screens.layer import Layer


class FirstRunScreen(Layer[None]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,escape,ctrl+c,ctrl+q", "app.quit", "quit")]

    def __init__(self, config_path: str, notices: Sequence[str] = ()) -> None:
        super().__init__()
        self.config_path = config_path
        self.notices = tuple(notices)

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="first-run"):
            yield Static(self.text())

    def text(self) -> Text:
        text = Text()
        text.append("deckwatch has no account yet.\n\n", "bold")
        for notice in self.notices:
            text.append(f"{notice}\n\n")
        text.append("See it live first, on a simulated world that needs no account:\n")
        text.append("    deckwatch demo\n\n", "bold")
        text.append("Begin with what the environment has: set one of these and start again.\n")
        for name, what in (
            ("RAILWAY_API_TOKEN", "Railway, an account or workspace token"),
            ("RAILWAY_TOKEN", "Railway, a project token"),
            ("GITLAB_TOKEN", "GitLab, with GITLAB_HOST"),
            ("CLOUD66_TOKEN", "Cloud 66"),
            ("DOKPLOY_API_KEY", "Dokploy, with DOKPLOY_URL"),
        ):
            text.append(f"    {name:<20}", "bold")
            text.append(f"{what}\n")
        text.append("\nOr write a configuration file:\n")
        text.append("    deckwatch config init", "bold")
        text.append(f"   writes {self.config_path}\n")
        text.append("    deckwatch check", "bold")
        text.append("         tells whether each account is reached, and what its token may do\n\n")
        text.append("q leaves.", "dim")
        return text
