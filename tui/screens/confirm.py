"""The last question before a mutation: what, where, from what to what, by which call. The focus is on no."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from tui.engine.actions import ActionService
from tui.engine.store import Store
from tui.model.action import Danger, Effect, Intent, Verb
from tui.model.entities import Deployment
from tui.screens.sheet import GUARD_S, Sheet, field
from tui.widgets.format import status_word
from tui.widgets.line_widget import LineWidget, Span


class Choices(LineWidget, can_focus=True):
    """Keep or do, side by side. Starts on keep."""

    def __init__(self, verb: str) -> None:
        super().__init__(id="choices")
        self.verb = verb
        self.doing = False
        self.possible = False

    def spans(self, y: int) -> tuple[list[Span], str]:
        if y:
            return [], ""
        keep = "[ Keep (esc) ]"
        do = f"[ {self.verb} ]"
        if not self.possible:
            return [("  ", ""), (keep, "tab-chosen"), ("   ", ""), (do, "dim")], ""
        return [
            ("  ", ""),
            (keep, "tab" if self.doing else "tab-chosen"),
            ("   ", ""),
            (do, "tab-chosen" if self.doing else "tab"),
        ], ""


class ConfirmScreen(Sheet[Intent | None]):
    """Returns the intent when it is confirmed, None when it is not.

    Keys are ignored for a moment after it opens. If the service changes while it is open, it says so and can only
    be closed. Danger decides: a yes, or the service's name typed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", show=False),
        Binding("n", "keep", show=False),
        Binding("left,right,tab,shift+tab,h,l", "other", show=False),
        Binding("enter", "choose", show=False),
    ]

    def __init__(self, intent: Intent, effect: Effect, title: str, actions: ActionService, store: Store) -> None:
        super().__init__()
        self.intent = intent
        self.effect = effect
        self.provider_title = title
        self.actions = actions
        self.store = store
        self.armed = False
        self.problem = ""
        self._unwatch: Callable[[], None] = lambda: None
        typed = intent.danger is Danger.TYPE
        self.foot = "type the name, then enter · esc keeps" if typed else "y does it · enter chooses · esc keeps"

    def heading(self) -> str:
        return f"{self.intent.verb.capitalize()} {self.intent.service.name}"

    def body(self) -> ComposeResult:
        with VerticalScroll(id="text", can_focus=False):
            yield Static(self.text(), id="body")
        yield Static("", id="problem")
        if self.intent.danger is Danger.TYPE:
            yield Static(Text(f"Type {self.intent.service.name} to {self.intent.verb} it:"), id="ask")
            yield Input(id="typed", disabled=True, compact=True)
        yield Choices(self.intent.verb.capitalize())

    def text(self) -> Text:
        intent, service = self.intent, self.intent.service
        text = Text()
        field(text, "service", service.name, "bold")
        where = f"{service.account} / {service.project_name} / {service.environment_name}"
        text.append(f"{'where':<11}", "dim")
        text.append(where)
        if intent.production:
            text.append("   ")
            text.append(" PRODUCTION ", "bold reverse")
        text.append("\n")
        field(text, "platform", self.provider_title)
        live = service.live or service.latest
        if intent.verb is Verb.ROLLBACK:
            field(text, "from", _told(live))
            field(text, "to", _told(intent.deployment), "bold")
        else:
            field(text, "now", _told(live))
            if intent.deployment is not None and (live is None or intent.deployment.ref != live.ref):
                field(text, "acts on", _told(intent.deployment), "bold")
        for name, value in intent.options.items():
            field(text, name, value)
        field(text, "call", self.effect.call)
        text.append("\n" + self.effect.does + "\n")
        for warning in self.effect.warnings:
            text.append("! ", "bold")
            text.append(warning + "\n")
        text.rstrip()
        return text

    def on_mount(self) -> None:
        super().on_mount()
        self.set_class(self.intent.production, "-production")
        self.query_one(Choices).focus()
        self._unwatch = self.store.watch(lambda: self.call_later(self.check))
        self.set_timer(GUARD_S, self.arm)

    def on_unmount(self) -> None:
        self._unwatch()

    def arm(self) -> None:
        self.armed = True
        if self.intent.danger is Danger.TYPE and not self.problem:
            typed = self.query_one("#typed", Input)
            typed.disabled = False
            typed.focus()
        self._show_choices()

    def check(self) -> None:
        """What the dialog was opened for must still be so."""
        self.problem = self._changed()
        shown = self.query_one("#problem", Static)
        shown.update(Text(self.problem))
        shown.set_class(bool(self.problem), "-told")
        if self.problem and self.intent.danger is Danger.TYPE:
            self.query_one("#typed", Input).disabled = True
            self.query_one(Choices).focus()
        self._show_choices()

    def _changed(self) -> str:
        then = self.intent.service
        now = self.store.service(then.ref)
        if now is None:
            return f"{then.name} is gone from {then.account} since this was opened. Nothing will be done."
        if now.name != then.name:
            return f"{then.name} is called {now.name} since this was opened. Close this and look again."
        if (now.latest and now.latest.ref) != (then.latest and then.latest.ref):
            return f"{then.name} has a newer deployment since this was opened. Close this and look again."
        reason = self.actions.blocked(self.intent.verb, now, self.intent.deployment)
        return f"Not any more: {reason}" if reason else ""

    @property
    def confirmed(self) -> bool:
        """Whether what was typed allows it."""
        if not self.armed or self.problem:
            return False
        if self.intent.danger is Danger.TYPE:
            return self.query_one("#typed", Input).value.strip() == self.intent.service.name
        return True

    def _show_choices(self) -> None:
        choices = self.query_one(Choices)
        choices.possible = self.confirmed
        if not choices.possible:
            choices.doing = False
        choices.redraw_changed()

    def on_input_changed(self) -> None:
        self._show_choices()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.confirmed:
            self.dismiss(self.intent)

    def on_key(self, event: events.Key) -> None:
        if not self.armed and event.key != "escape":
            event.stop()
            event.prevent_default()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.armed or action in ("quit_twice", "keep")

    def action_other(self) -> None:
        choices = self.query_one(Choices)
        if self.confirmed:
            choices.doing = not choices.doing
            choices.redraw_changed()

    def action_choose(self) -> None:
        if self.query_one(Choices).doing and self.confirmed:
            self.dismiss(self.intent)
        else:
            self.dismiss(None)

    def action_yes(self) -> None:
        if self.intent.danger is Danger.ASK and self.confirmed:
            self.dismiss(self.intent)


def _told(deployment: Deployment | None) -> str:
    if deployment is None:
        return "nothing"
    revision = deployment.revision
    parts = [revision.short if revision else deployment.id[:8], status_word(deployment.status, deployment.status_raw)]
    if revision and revision.message:
        parts.append(revision.message)
    if revision and revision.author:
        parts.append(f"by {revision.author}")
    return " · ".join(parts)
