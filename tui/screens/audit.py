"""What was done from here, and what became of it: the audit log on screen, newest first, live."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from tui.engine.audit import AuditEntry
from tui.screens.sheet import TableSheet
from tui.widgets.format import fit
from tui.widgets.line_table import LineTable
from tui.widgets.line_widget import Span

if TYPE_CHECKING:
    from tui.engine.engine import Engine

_SIGNS = {
    "asked": ("·", "waiting"),
    "accepted": ("▹", "flight"),
    "refused": ("✗", "bad"),
    "unknown": ("?", "approval"),
    "final": ("✓", "live"),
}


class AuditList(LineTable[tuple[int, AuditEntry]]):
    def key(self, item: tuple[int, AuditEntry]) -> Hashable | None:
        return item[0]

    def row(self, item: tuple[int, AuditEntry], width: int) -> tuple[list[Span], str]:
        entry = item[1]
        sign, style = _SIGNS.get(entry.phase, ("?", "approval"))
        if entry.phase == "final" and entry.status in ("failed", "crashed", "unknown"):
            sign, style = "✗", "bad"
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


def _time(at: datetime, now: datetime | None) -> str:
    local = at.astimezone()
    if now is not None and now.astimezone().date() == local.date():
        return f"{local:%H:%M:%S}      "
    return f"{local:%m-%d %H:%M:%S}"


class AuditScreen(TableSheet[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d,ctrl+d", "move(10)", show=False),
        Binding("u,ctrl+u", "move(-10)", show=False),
    ]
    foot = "newest first · j k move · esc back"

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self.engine = engine
        self.table = AuditList(id="audit")
        self._unwatch: Callable[[], None] = lambda: None

    def heading(self) -> str:
        return "Audit: what was done from here"

    def on_mount(self) -> None:
        super().on_mount()
        self._unwatch = self.engine.store.watch(lambda: self.call_later(self.reread))
        self.call_after_refresh(self.reread)

    def on_unmount(self) -> None:
        self._unwatch()

    def reread(self) -> None:
        entries = list(enumerate(self.engine.audit.read()))
        self.table.show(
            entries[::-1],
            self.engine.clock.now(),
            ("Nothing was done from here yet.", "R T S B or a, on a service, open an action's sheet."),
        )
