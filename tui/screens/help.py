"""The keys for this place, made from the table of actions, and why an action is not possible here."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from tui.keys import ACTIONS, MENU_KEYS, Action
from tui.model.action import Verb
from tui.model.entities import Service
from tui.model.log_filter import HELP as FILTER_HELP
from tui.screens.sheet import ReadSheet

_GROUPS = {
    "move": "Move",
    "panes": "Panes",
    "find": "Find",
    "log": "Log",
    "act": "Act: each opens a sheet, none acts by itself",
    "take away": "Take away",
    "look": "Look",
}
_SHOWN = {
    "escape": "esc", "space": "space", "pagedown": "pgdn", "pageup": "pgup", "question_mark": "?", "delete": "del",
}  # fmt: skip

_SIGNS = {
    "services": "● live  ▸ building  ▹ deploying  · queued or waiting  ? wants approval, or unknown"
    "  ✗ failed or crashed  ■ stopped  ◌ sleeping  ○ replaced  - cancelled, skipped, removed",
    "alerts": "✗ C crashed  ✗ F failed  ▼ W worse than the deployment before it  ? A wants approval",
    "accounts": "● fresh (older than the figure behind < it cannot be)  ●◐ fresh, but some of it could not be read"
    "  ◐ old  ✗ failed  ◌ loading",
}


def key_names(action: Action) -> str:
    return " ".join(_SHOWN.get(key, key) for key in action.keys)


class HelpSheet(ReadSheet):
    def __init__(self, service: Service | None, verbs: Mapping[Verb, str | None]) -> None:
        super().__init__()
        self.service = service
        self.verbs = verbs

    def heading(self) -> str:
        return "Keys"

    def text(self) -> Text:
        text = Text()
        for group, title in _GROUPS.items():
            text.append(f"{title}\n", "bold")
            for action in ACTIONS:
                if action.group == group:
                    self._line(text, key_names(action), action.help, action.verb)
            if group == "act":
                for verb, reason in self.verbs.items():
                    if not any(action.verb is verb for action in ACTIONS):
                        self._line(text, f"a {MENU_KEYS[verb]}", str(verb), verb, reason)
            text.append("\n")
        text.append("Filters of the log (&), and of deckwatch logs --filter\n", "bold")
        for example, meaning in FILTER_HELP:
            text.append(f"  {example:<28}", "bold")
            text.append(f"{meaning}\n")
        text.append("\nSigns\n", "bold")
        for name, signs in _SIGNS.items():
            text.append(f"  {name:<10}", "bold")
            text.append(f"{signs}\n")
        return text

    def _line(self, text: Text, keys: str, help_: str, verb: Verb | None, reason: str | None = None) -> None:
        text.append(f"  {keys:<16}", "bold")
        text.append(help_)
        if verb is not None and self.service is not None:
            reason = reason or self.verbs.get(verb)
            if reason:
                text.append(f"  — not on {self.service.name} now: {reason}", "dim")
        text.append("\n")
