"""The last question before a mutation: what, where, from what to what, by which call. The focus is on no."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from msgspec.structs import replace
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from tui.engine.actions import ActionService
from tui.engine.store import Store
from tui.model.action import Danger, Effect, Intent, Verb, dangerous
from tui.model.entities import Deployment
from tui.model.errors import ProviderError
from tui.screens.deployment_text import approvals_text
from tui.screens.options import Given, OptionsSheet
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
    be closed. Danger decides: a yes, or the service's name typed. The verb's own options are set on a sheet of their
    own; what they change is told here, and what the platform could not make of them is asked for again.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", show=False),
        Binding("n", "keep", show=False),
        Binding("left,right,tab,shift+tab,h,l", "other", show=False),
        Binding("enter", "choose", show=False),
        Binding("o,ctrl+o", "options", show=False),
        Binding("down,j", "scroll_text(1)", show=False),
        Binding("up,k", "scroll_text(-1)", show=False),
        Binding("pagedown", "scroll_text(10)", show=False),
        Binding("pageup", "scroll_text(-10)", show=False),
    ]

    def __init__(self, intent: Intent, title: str, actions: ActionService, store: Store) -> None:
        super().__init__()
        self.intent = intent
        self.provider_title = title
        self.actions = actions
        self.store = store
        self.options = actions.options(intent.verb, intent.service)
        self.armed = False
        self.problem = ""
        self.effect, self.refusal = self._effect(intent)
        self._unwatch: Callable[[], None] = lambda: None
        self.foot = self._foot()

    def _effect(self, intent: Intent) -> tuple[Effect | None, str]:
        """What it would do; or why it cannot be done with these options."""
        try:
            return self.actions.effect(intent), ""
        except ProviderError as error:
            return None, str(error)

    def _foot(self) -> str:
        how = "type the name, then enter" if self.danger is Danger.TYPE else "y does it · enter chooses"
        options = " · ctrl+o options" if self.options else ""
        return f"{how}{options} · esc keeps"

    @property
    def danger(self) -> Danger:
        return dangerous(self.intent, self.effect)

    def heading(self) -> str:
        return f"{self.intent.verb.capitalize()} {self.intent.service.name}"

    def body(self) -> ComposeResult:
        with VerticalScroll(id="text", can_focus=False):
            yield Static(self.text(), id="body")

    def answers(self) -> ComposeResult:
        yield Static("", id="problem")
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
            field(text, name, value, "bold")
        if not_given := [name for name in self.options if name not in intent.options]:
            field(text, "options", f"not given: {', '.join(not_given)}", "dim")
        if self.effect is not None:
            field(text, "call", self.effect.call)
        text.append("\n")
        text.append_text(_told_effect(self.effect, self.refusal))
        if intent.deployment is not None:
            approvals_text(text, intent.deployment)
        text.rstrip()
        return text

    def on_mount(self) -> None:
        super().on_mount()
        self.set_class(self.intent.production, "-production")
        self._ask_as_danger_wants()
        self.query_one(Choices).focus()
        self._unwatch = self.store.watch(lambda: self.call_later(self.check))
        self.set_timer(GUARD_S, self.arm)

    def on_unmount(self) -> None:
        self._unwatch()

    def arm(self) -> None:
        self.armed = True
        if self.danger is Danger.TYPE and not self.problem:
            typed = self.query_one("#typed", Input)
            typed.disabled = False
            typed.focus()
        self._show_choices()

    def _ask_as_danger_wants(self) -> None:
        for selector in ("#ask", "#typed"):
            self.query_one(selector).display = self.danger is Danger.TYPE
        self.query_one("#foot", Static).update(Text(self._foot()))

    def action_scroll_text(self, lines: int) -> None:
        self.query_one("#text").scroll_relative(y=lines, animate=False)

    def action_options(self) -> None:
        if self.options and self.armed:
            title = f"Options of {self.intent.verb} {self.intent.service.name}"
            self.app.push_screen(OptionsSheet(title, self.options, self.intent.options, self._told_with), self._given)

    def _told_with(self, options: Given) -> Text:
        effect, refusal = self._effect(replace(self.intent, options=dict(options)))
        text = _told_effect(effect, refusal)
        if effect is not None:
            text.append(effect.call, "dim")
        return text

    def _given(self, given: Given | None) -> None:
        """Back with other options: the question is asked anew, and its keys wait a moment again."""
        if given is None:
            return
        self.intent = replace(self.intent, options=dict(given))
        self.effect, self.refusal = self._effect(self.intent)
        self.query_one("#body", Static).update(self.text())
        self.query_one("#typed", Input).value = ""
        self._ask_as_danger_wants()
        self.query_one(Choices).focus()
        self.armed = False
        self._show_choices()
        self.set_timer(GUARD_S, self.arm)

    def check(self) -> None:
        """What the dialog was opened for must still be so."""
        self.problem = self._changed()
        shown = self.query_one("#problem", Static)
        shown.update(Text(self.problem))
        shown.set_class(bool(self.problem), "-told")
        if self.problem and self.danger is Danger.TYPE:
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
        if not self.armed or self.problem or self.effect is None:
            return False
        if self.danger is Danger.TYPE:
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
        if self.danger is Danger.ASK and self.confirmed:
            self.dismiss(self.intent)


def _told_effect(effect: Effect | None, refusal: str) -> Text:
    """What it does and what to take care of; or the sentence that says why not."""
    text = Text()
    if effect is None:
        return text.append(refusal + "\n", "bold")
    text.append(effect.does + "\n")
    for warning in effect.warnings:
        text.append("! ", "bold")
        text.append(warning + "\n")
    return text


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
