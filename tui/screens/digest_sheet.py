"""What the sheets over the log have in common: what its lines come to, read on and told again while it is open."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.widgets import Static

from tui.engine.log_digest import LogDigest
from tui.model.entities import Service
from tui.screens.log_pane import LogPane
from tui.screens.sheet import Result, TableSheet

_SLICE_S = 0.008
_AGAIN_S = 0.01  # while there is more to read: the keys come in between
_REREAD_S = 0.5


class DigestSheet(TableSheet[Result]):
    """Subclasses give `what` they show, their `table`, and `told`. `reads`: what of the digest, as `work` takes it."""

    what = ""
    reads: ClassVar[Mapping[str, bool]] = {}
    nothing = ""  # stands where rows would

    def __init__(self, logs: LogPane, service: Service | None) -> None:
        super().__init__()
        self.logs = logs
        self.service = service

    @property
    def digest(self) -> LogDigest:
        return self.logs.digest

    def heading(self) -> str:
        return f"{self.what} of {self.service.name if self.service else ''}"

    def body(self) -> ComposeResult:
        yield Static("", id="told", markup=False)
        yield Static("", id="heads", markup=False)
        yield self.table

    def on_mount(self) -> None:
        self.call_after_refresh(self._read_on)  # the heads are those of the table's width

    def _read_on(self) -> None:
        self.logs.take_before()
        more = self.digest.work(_SLICE_S, **self.reads)
        self.reread()
        self.set_timer(_AGAIN_S if more else _REREAD_S, self._read_on)

    def reread(self) -> None:
        told, heads, rows = self.told()
        self.query_one("#told", Static).update(told)
        self.query_one("#heads", Static).update(heads)
        self.query_one("#heads").display = bool(heads)
        self.table.show(rows, self.logs.now, (self.nothing,))

    @abstractmethod
    def told(self) -> tuple[str, str, Sequence[Any]]:
        """A sentence, the heads of the columns ("" for none), and the rows."""
