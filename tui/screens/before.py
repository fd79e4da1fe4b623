"""What happened before a time, on every platform, nearest first; it fills while older ones are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.widgets import Static

from tui.engine.events import Event, EventKind, Undated
from tui.engine.evidence import caveat
from tui.engine.judge import new_errors
from tui.model.entities import Deployment
from tui.model.log import LogKind
from tui.model.text import plain
from tui.screens.log_pane import LogPane
from tui.screens.sheet import TableSheet
from tui.screens.words import absent, clock
from tui.widgets.format import LOOKS, count, duration, fit, plural, status_word
from tui.widgets.line_table import LineTable
from tui.widgets.line_widget import Span

if TYPE_CHECKING:
    from tui.engine.engine import Engine

_SHOWN = 500  # and as many more, each time the cursor comes to their end
_BACK = tuple(timedelta(days=days) for days in (1, 3, 7, 14, 30))
"""How far before the time is read: further, each time the cursor comes to the end."""
_SLICE_S = 0.008
_AGAIN_S = 0.01  # while a log is being read
_REREAD_S = 0.5
_PROBLEMS = 3
_WIDE = 90
_WIDEST = 150

BeforeRow = Event | Undated | str
"""A string is a heading."""


def ago(at: datetime, now: datetime) -> str:
    """'35 min ago'."""
    minutes = max(0, int((now - at).total_seconds())) // 60
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest:02} min ago" if rest else f"{hours} h ago"
    return f"{hours // 24} days ago"


class BeforeTable(LineTable[BeforeRow]):
    starts_at_top: ClassVar[bool] = True

    def __init__(self, engine: Engine, at: datetime) -> None:
        super().__init__(id="before")
        self.engine = engine
        self.at = at

    def key(self, item: BeforeRow) -> Hashable | None:
        match item:
            case Event():
                return item.key
            case Undated():
                return item.deployment.ref
        return None

    def row(self, item: BeforeRow, width: int) -> tuple[list[Span], str]:
        if isinstance(item, str):
            return [(f" {item}", "heading")], ""
        wide = width >= _WIDE
        before = duration((self.at - item.at).total_seconds()) if isinstance(item, Event) else "?"
        account, _, place = item.path.partition("/")
        gone = isinstance(item, Event) and item.gone
        room = (44 if width >= _WIDEST else 28 if wide else 19) - (5 if gone else 0)
        spans: list[Span] = [
            (f"{before:>7}  ", "strong"),
            (fit(account, 8) + " ", "dim"),
            (_end_of(place, room) + " ", "dim" if gone else ""),
            ("gone " if gone else "", "alert"),
        ]
        what = item.what if isinstance(item, Event) else ""
        if item.deployment is not None:
            spans += self._deployment(item.deployment, what, wide=wide)
        elif isinstance(item, Event) and item.kind is EventKind.ACTION:
            spans += _action(item)
        elif isinstance(item, Event):
            spans += [("E new error  ", "bad"), (f"{count(item.count)}x ", "strong"), (plain(item.what), "level-error")]
        return spans, ""

    def _deployment(self, deployment: Deployment, what: str, *, wide: bool) -> list[Span]:
        look = LOOKS[deployment.status]
        revision = deployment.revision
        who = (revision.author if revision else None) or deployment.creator or ""
        message = (revision.message if revision else None) or deployment.trigger or ""
        spans: list[Span] = [
            (f"{look.sign} {fit(status_word(deployment.status, deployment.status_raw), 9)} ", look.style)
        ]
        if wide:
            spans.append((fit(what, 10), "dim"))
        spans.append((fit(revision.short if revision else "", 8), "link"))
        if wide:
            spans.append((fit(who, 11) + " ", "dim"))
        if self.engine.events.same_commit(deployment):
            spans.append(("= ", "approval"))
        return [*spans, (message.partition("\n")[0], "")]


def _action(event: Event) -> list[Span]:
    entry = event.entry
    assert entry is not None
    spans: list[Span] = [("▸ ", "key"), (fit(event.what, 19) + " ", "strong"), (f"by {plain(entry.user)} ", "dim")]
    if entry.to:
        spans.append((f"to {plain(entry.to)} ", "link"))
    return [*spans, (plain(entry.reason or entry.message), "")]


def _end_of(path: str, width: int) -> str:
    """As many of its last parts as fit, or the end of the last."""
    while len(path) > width and "/" in path:
        path = path.partition("/")[2]
    return fit(path, width) if len(path) <= width else "…" + path[1 - width :]


class BeforeSheet(TableSheet[Event | Undated]):
    """Returns what was taken. `logs` may be of any service: its new error patterns are told, where it has some."""

    foot = "enter goes there · G further back · esc stays at this time"

    def __init__(self, engine: Engine, at: datetime, logs: LogPane) -> None:
        super().__init__()
        self.engine = engine
        self.at = at
        self.logs = logs
        self.table = BeforeTable(engine, at)
        self._back = 0
        self._shown = _SHOWN
        self._drawn: object = None

    def heading(self) -> str:
        now = self.engine.clock.now()
        return f"Before {clock(self.at, now)} ({ago(self.at, now)})"

    def body(self) -> ComposeResult:
        yield Static("", id="told", markup=False)
        yield self.table

    def on_mount(self) -> None:
        self._read_on()

    def _read_on(self) -> None:
        more = self._read_log()
        self.engine.history.want(self.at - _BACK[self._back])
        self.reread()
        self.set_timer(_AGAIN_S if more else _REREAD_S, self._read_on)

    def _read_log(self) -> bool:
        """A slice of the log that is open. True: there is more."""
        tail = self.logs.tail
        if tail is None or self.logs.kind is not LogKind.RUNTIME:
            return False
        service = self.engine.store.service(tail.source.service.ref)
        self.logs.take_before()
        more = self.logs.digest.work(_SLICE_S, patterns=True)
        boundary = None if more else self.logs.boundary(service)
        if service is not None and boundary is not None:
            errors = tuple(new_errors(self.logs.digest.since(boundary).changes))
            self.engine.events.tell_errors(service.ref, boundary.deployment, errors)
        return more

    def reread(self) -> None:
        events, history = self.engine.events, self.engine.history
        found, undated = events.before(self.at, self._shown), events.undated()
        now = self.engine.clock.now()
        problems = self._problems(now)
        told = (found, undated, history.progress, history.reading, problems)
        if told == self._drawn:
            return
        self._drawn = told
        rows: list[BeforeRow] = [*found]
        if undated:
            rows += [f"time unknown: {plural(len(undated), 'deployment')}", *undated]
        self.query_one("#told", Static).update("\n".join([self._summary(found, now), *problems]))
        self.table.show(rows, now, (f"Nothing is known to have happened before {clock(self.at, now)}.",))

    def _summary(self, found: Sequence[Event], now: datetime) -> str:
        history = self.engine.history
        kinds = Counter(event.kind for event in found)
        words = {
            EventKind.DEPLOYMENT: "deployment",
            EventKind.ACTION: "action",
            EventKind.ERROR: "new error pattern",
        }
        counted = [plural(kinds[kind], word) for kind, word in words.items() if kinds[kind]]
        shown = ", ".join(counted) or "nothing yet"
        if len(found) >= self._shown:
            shown = f"the nearest {shown}"
        done, services = history.progress
        known = plural(services, "known service" if caveat(self.engine.store, now) else "service")
        whose = f"all {known}" if done == services else f"{done} of {known}"
        reading = " …" if history.reading else ""
        full = f"; {plural(history.kept, 'deployment')} are held, no more are read" if history.full else ""
        back_to = clock(history.wanted or self.at, now)
        return f"{shown}; read back to {back_to} for {whose}{reading}{full}"

    def _problems(self, now: datetime) -> list[str]:
        """What may be missing: of accounts, then of services."""
        history = self.engine.history
        said = Counter(f"{ref.account}: {error}" for ref, error in history.problems.items())
        said.update(f"{history.path(ref)}: {problem}" for ref in history.services() for problem in history.odd(ref))
        told = caveat(self.engine.store, now)
        lines = [f"! {told}"] if told else []
        lines += [
            f"! {sentence}" + (f" ({services} services)" if services > 1 else "")
            for sentence, services in said.most_common(_PROBLEMS)
        ]
        return [*lines, f"! and {len(said) - _PROBLEMS} more"] if len(said) > _PROBLEMS else lines

    def answers(self) -> ComposeResult:
        yield Static("", id="detail", markup=False)

    def on_moved(self) -> None:
        """Of the row under the cursor what had no room there."""
        item = self.table.current()
        deployment = item.deployment if isinstance(item, Event | Undated) else None
        detail = ""
        if deployment is not None:
            revision = deployment.revision
            detail = ((revision.message if revision else None) or deployment.note).partition("\n")[0]
            if others := self.engine.events.same_commit(deployment):
                named = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
                detail = f"= same commit on {named}; {detail}"
        elif isinstance(item, Event):
            detail = (
                item.what if item.entry is None else f"{item.what}: {plain(item.entry.reason or item.entry.message)}"
            )
        if isinstance(item, Event | Undated):
            self.query_one("#detail", Static).update(f"{item.path}: {detail}".removesuffix(": "))

    def action_move(self, rows: int) -> None:
        super().action_move(rows)
        items = self.table.items
        if rows <= 0 or not items or self.table.current() is not items[-1]:
            return
        if sum(isinstance(each, Event) for each in items) >= self._shown:
            self._shown += _SHOWN
        elif self._back + 1 < len(_BACK):
            self._back += 1
            self.engine.history.want(self.at - _BACK[self._back])
        self.reread()

    def action_take(self) -> None:
        taken = self.table.current()
        if not isinstance(taken, Event | Undated):
            return
        if taken.service is None or self.engine.store.service(taken.service) is None:
            self.query_one("#foot", Static).update(Text(self._gone(taken)))
            return
        self.dismiss(taken)

    def _gone(self, taken: Event | Undated) -> str:
        now = self.engine.clock.now()
        accounts = None if taken.service is None else [taken.service.account]
        whole = f"{taken.path} is not there any more."
        return absent(whole, f"{taken.path} is not in what was read", caveat(self.engine.store, now, accounts))
