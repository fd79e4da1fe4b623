"""What was done from here, and what became of it: the audit log on screen, newest first, live."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from tui.engine.action import Action
from tui.engine.audit import ActionPhase, AuditEntry
from tui.engine.undo import Done
from tui.screens.sheet import ReadSheet, TableSheet, field
from tui.widgets.format import duration, fit
from tui.widgets.line_table import LineTable
from tui.widgets.line_widget import Span

if TYPE_CHECKING:
    from tui.engine.engine import Engine

_SIGNS = {
    ActionPhase.ASKED: ("·", "waiting"),
    ActionPhase.ACCEPTED: ("▹", "flight"),
    ActionPhase.REFUSED: ("✗", "bad"),
    ActionPhase.UNKNOWN: ("?", "approval"),
}


class AuditList(LineTable[tuple[int, AuditEntry]]):
    def key(self, item: tuple[int, AuditEntry]) -> Hashable | None:
        return item[0]

    def row(self, item: tuple[int, AuditEntry], width: int) -> tuple[list[Span], str]:
        entry = item[1]
        sign, style = _sign(entry)
        spans: list[Span] = [
            (f" {_time(entry.at, self.now)} ", "dim"),
            (f"{sign} {entry.phase:<9}", style),
            (fit(str(entry.verb), 11), "strong"),
            (entry.target + " ", ""),
        ]
        if entry.from_ or entry.to:
            spans.append((f"{entry.from_ or ''} → {entry.to} " if entry.to else f"{entry.from_} ", "link"))
        spans.append((f"{entry.status or ''} ", style))
        if entry.message != entry.status:
            spans.append((f"{entry.message} ", ""))
        spans.append((f"{entry.user} {entry.reason}".rstrip(), "dim"))
        return spans, ""


def _sign(entry: AuditEntry) -> Span:
    if entry.phase is ActionPhase.FINAL:
        went_well = entry.ok if entry.ok is not None or entry.session else _ok_of_old(entry)
        return {True: ("✓", "live"), False: ("✗", "bad"), None: ("?", "approval")}[went_well]
    return _SIGNS[entry.phase]


def _ok_of_old(entry: AuditEntry) -> bool:
    """A line from before the audit said how it ended."""
    return entry.status not in ("failed", "crashed", "unknown")


def _time(at: datetime, now: datetime | None) -> str:
    local = at.astimezone()
    if now is not None and now.astimezone().date() == local.date():
        return f"{local:%H:%M:%S}      "
    return f"{local:%m-%d %H:%M:%S}"


class AuditScreen(TableSheet[Done | None]):
    """Enter opens one action's life; `U` returns what is to be taken back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d,ctrl+d", "move(10)", show=False),
        Binding("u,ctrl+u", "move(-10)", show=False),
        Binding("U", "undo", show=False),
    ]
    foot = "newest first · j k move · enter its steps · U takes it back · esc back"

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.table = AuditList(id="audit")
        self.entries: list[AuditEntry] = []
        self._unwatch: Callable[[], None] = lambda: None

    def heading(self) -> str:
        return "Audit: what was done from here"

    def answers(self) -> ComposeResult:
        yield Static(id="unread")

    def on_mount(self) -> None:
        self._unwatch = self.engine.store.watch(lambda: self.call_later(self.reread))
        self.call_after_refresh(self.reread)

    def on_unmount(self) -> None:
        self._unwatch()

    def reread(self) -> None:
        self.entries = self.engine.audit.read()
        unread = self.engine.audit.unread
        told = self.query_one("#unread", Static)
        told.update(Text(unread))
        told.display = bool(unread)
        empty = "What was done from here is not known." if unread else "Nothing was done from here yet."
        self.table.show(
            list(enumerate(self.entries))[::-1],
            self.engine.clock.now(),
            (empty, "R T S B or a, on a service, open an action's sheet."),
        )

    def life(self) -> list[AuditEntry]:
        """All lines of the action under the cursor."""
        if not isinstance(self.table.selected, int) or self.table.selected >= len(self.entries):
            return []
        chosen = self.entries[self.table.selected]
        return [entry for entry in self.entries if entry.id == chosen.id]

    def action_take(self) -> None:
        if life := self.life():
            self.open(LifeSheet(life, self._running_of(life[0].id)))

    def action_undo(self) -> None:
        if life := self.life():
            self.dismiss(Done.recorded(life[-1]))

    def _running_of(self, intent: str) -> Action | None:
        return next((each for each in self.engine.actions.recent if each.intent.id == intent), None)


class LifeSheet(ReadSheet):
    """One action from asked to its end: its steps with their times, who, why, and the outcome.

    `action` tells more while it runs, and of this session.
    """

    def __init__(self, life: Sequence[AuditEntry], action: Action | None) -> None:
        super().__init__()
        self.lines = life
        self.action = action

    def heading(self) -> str:
        return f"{self.lines[0].verb.capitalize()} {self.lines[0].target.rpartition('/')[2]}"

    def text(self) -> Text:
        first, last = self.lines[0], self.lines[-1]
        text = Text()
        field(text, "target", first.target, "bold")
        field(text, "by", first.user)
        field(text, "reason", first.reason)
        if first.from_ or last.to:
            field(text, "from, to", f"{first.from_ or 'nothing'} → {last.to or '?'}")
        field(text, "session", first.session)
        text.append("\n")
        for at, what in self._steps():
            text.append(f"{_time(at, None)}  ", "dim")
            text.append(f"+{duration((at - first.at).total_seconds()):<7}", "dim")
            text.append(what + "\n")
        return text

    def _steps(self) -> list[tuple[datetime, str]]:
        steps = self.action.life if self.action is not None else self.lines[-1].steps
        if steps:
            return [(step.at, step.what) for step in steps]
        return [(entry.at, " ".join(filter(None, (entry.phase, entry.status, entry.message)))) for entry in self.lines]
