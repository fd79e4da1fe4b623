"""A sheet that asks before something is done: keep or do, a yes or a word typed, and what has changed meanwhile."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from tui.engine.actions import ActionService
from tui.engine.store import Store
from tui.model.action import Danger, Effect, Intent
from tui.model.entities import Deployment
from tui.model.errors import ProviderError
from tui.model.text import plain
from tui.screens.guarded import GuardedSheet
from tui.screens.options import Given, OptionsSheet
from tui.screens.sheet import Result
from tui.widgets.format import status_word
from tui.widgets.hanging import Hanging
from tui.widgets.line_widget import LineWidget, Span

_REASON: Mapping[str, str] = {"reason": "why; it stands in the audit"}


LEGIBLE = 3
"""Rows of the text that must stand on the screen at once, where it has so many."""

TOO_SMALL = "too small a terminal to ask"
MORE = "pgdn: more of it"

TOO_EARLY: Mapping[Danger, str] = {
    Danger.ASK: "too early: press it again",
    Danger.TYPE: "typed too early: type it again",
}


class Choices(LineWidget, can_focus=True):
    """Keep or do, side by side. Starts on keep."""

    def __init__(self, verb: str) -> None:
        super().__init__(id="choices")
        self.verb = verb
        self.doing = False
        self.possible = False
        self.note = ""

    def spans(self, y: int) -> tuple[list[Span], str]:
        if y:
            return [], ""
        keep = "tab" if self.doing else "tab-chosen"
        do = "dim" if not self.possible else "tab-chosen" if self.doing else "tab"
        note = [("   ", ""), (self.note, "approval")] if self.note else []
        return [("  ", ""), ("[ Keep (esc) ]", keep), ("   ", ""), (f"[ {self.verb} ]", do), *note], ""


class Question(GuardedSheet[Result]):
    """Returns `answer` when it is confirmed, None when it is not.

    If what it tells is not so any more, it says so and can only be closed; that is looked at once more when it is
    confirmed. Danger decides: a yes, or `word` typed.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", show=False),
        Binding("n", "keep", show=False),
        Binding("left,right,tab,shift+tab,h,l", "other", show=False),
        Binding("enter", "choose", show=False),
        Binding("o,ctrl+o", "options", show=False),
        Binding("r,ctrl+r", "reason", show=False),
        Binding("down,j", "scroll_text(1)", show=False),
        Binding("up,k", "scroll_text(-1)", show=False),
        Binding("pagedown", "scroll_text(10)", show=False),
        Binding("pageup", "scroll_text(-10)", show=False),
    ]
    verb = ""  # what the button that does it is called
    word = ""  # what is typed where danger wants it
    ask = ""  # the line above the field
    more = ""  # further keys, for the foot
    for_audit = True  # a reason can be given

    def __init__(self, actions: ActionService, store: Store) -> None:
        super().__init__()
        self.actions = actions
        self.store = store
        self.problem = ""
        self.reason = ""
        self._unwatch: Callable[[], None] = lambda: None

    # What the sheet is about

    @property
    def danger(self) -> Danger:
        return Danger.ASK

    @property
    def possible(self) -> bool:
        """There is something that can be done."""
        return True

    @property
    @abstractmethod
    def answer(self) -> Result:
        """What was confirmed."""

    @abstractmethod
    def text(self) -> Text:
        """All there is to know before."""

    def changed(self) -> str:
        """What is not any more as the sheet tells it; "" while it is so."""
        return ""

    # The sheet

    def _foot(self) -> str:
        how = "type it, then enter" if self.danger is Danger.TYPE else "y does it"
        reason = " · ctrl+r reason" if self.for_audit else ""
        return f"{how}{self.more}{reason} · esc keeps"

    def body(self) -> ComposeResult:
        with VerticalScroll(id="text", can_focus=False):
            yield Static(Hanging(self.text()), id="body")

    def answers(self) -> ComposeResult:
        yield Static("", id="problem")
        yield Static(Text(self.ask), id="ask")
        yield Input(id="typed", disabled=True, compact=True)
        yield Choices(self.verb)

    def on_mount(self) -> None:
        self._ask_as_danger_wants()
        self.query_one(Choices).focus()
        self._unwatch = self.store.watch(lambda: self.call_later(self.check))

    def on_unmount(self) -> None:
        self._unwatch()

    def arm(self) -> None:
        super().arm()
        if self.danger is Danger.TYPE and not self.problem:
            typed = self.query_one("#typed", Input)
            typed.disabled = False
            typed.focus()
        self._show_choices()

    def _ask_as_danger_wants(self) -> None:
        for selector in ("#ask", "#typed"):
            self.query_one(selector).display = self.danger is Danger.TYPE
        self.foot = self._foot()

    def asked_anew(self) -> None:
        """It tells something else than before: that must be seen again, and what was typed counts no more."""
        self.query_one("#body", Static).update(Hanging(self.text()))
        typed = self.query_one("#typed", Input)
        typed.value = ""
        typed.disabled = True
        self._ask_as_danger_wants()
        self.query_one(Choices).focus()
        self.guard()
        self._show_choices()

    def action_scroll_text(self, lines: int) -> None:
        self.query_one("#text").scroll_relative(y=lines, animate=False)
        self.call_after_refresh(self._show_choices)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show_choices)

    @property
    def legible(self) -> bool:
        """Whether what it asks stands on the screen, and not only the key that does it."""
        text, below = self.query_one("#text"), self.query_one("#bottom")
        rows = min(text.region.bottom, below.region.y) - text.region.y
        return rows >= min(LEGIBLE, text.virtual_size.height)

    def action_options(self) -> None:
        """Where there are any."""

    def action_reason(self) -> None:
        if not (self.armed and self.for_audit):
            return

        def told(_typed: Given) -> Text:
            return Text("It stands in the audit, beside who and when.", "dim")

        self.app.push_screen(OptionsSheet("Reason", _REASON, {"reason": self.reason}, told), self._reasoned)

    def _reasoned(self, given: Given | None) -> None:
        if given is not None:
            self.reason = plain(given.get("reason", ""))
            self.asked_anew()

    def check(self) -> None:
        """What the dialog was opened for must still be so."""
        if not self.is_attached:
            return
        before, self.problem = self.problem, self.changed()
        if before and not self.problem:
            self.guard()  # on the screen it may still say that it cannot be done
        shown = self.query_one("#problem", Static)
        shown.update(Text(self.problem))
        shown.set_class(bool(self.problem), "-told")
        if self.problem and self.danger is Danger.TYPE:
            self.query_one("#typed", Input).disabled = True
            self.query_one(Choices).focus()
        self._show_choices()

    @property
    def confirmed(self) -> bool:
        """Whether what was typed allows it."""
        if not self.armed or self.problem or not self.possible or not self.legible:
            return False
        if self.danger is Danger.TYPE:
            return self.query_one("#typed", Input).value.strip() == self.word
        return True

    def _show_choices(self) -> None:
        choices = next(iter(self.query(Choices)), None)
        if choices is None:  # the sheet is leaving
            return
        choices.possible = self.confirmed
        choices.note = self._note()
        if not choices.possible:
            choices.doing = False
        choices.redraw_changed()

    def _note(self) -> str:
        text = self.query_one("#text")
        if not self.armed:
            return ""
        if not self.legible:
            return TOO_SMALL
        if self.typed_early:
            return TOO_EARLY[self.danger]
        return MORE if text.scroll_offset.y < text.max_scroll_y else ""

    def on_input_changed(self) -> None:
        self._show_choices()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._do()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.armed or action in ("quit_twice", "keep")

    def action_other(self) -> None:
        choices = self.query_one(Choices)
        if self.confirmed:
            choices.doing = not choices.doing
            choices.redraw_changed()

    def action_choose(self) -> None:
        if self.query_one(Choices).doing:
            self._do()
        else:
            self.dismiss(None)

    def action_yes(self) -> None:
        if self.danger is Danger.ASK:
            self._do()

    def _do(self) -> None:
        """The picture may have moved since it was last looked at."""
        if self.confirmed:
            self.check()
            if self.confirmed:
                self.dismiss(self.answer)


# What sheets that act have in common


def effect_of(actions: ActionService, intent: Intent) -> tuple[Effect | None, str]:
    """What it would do; or why it cannot be done, with the options it has."""
    try:
        return actions.effect(intent), ""
    except ProviderError as error:
        return None, str(error)


def what_changed(intent: Intent, effect: Effect | None, actions: ActionService, store: Store) -> str:
    """Why what a sheet told of this intent is not so any more; "" while it is."""
    then = intent.service
    now = store.service(then.ref)
    if now is None:
        return f"{then.name} is gone from {then.account} since this was opened. Nothing will be done."
    if now.name != then.name:
        return f"{then.name} is called {now.name} since this was opened. Close this and look again."
    if now.path != then.path:
        return f"{then.path} is {now.path} since this was opened. Close this and look again."
    if (now.latest and now.latest.ref) != (then.latest and then.latest.ref):
        return f"{then.name} has a newer deployment since this was opened. Close this and look again."
    if (now.live and now.live.ref) != (then.live and then.live.ref):
        return f"Another deployment of {then.name} serves since this was opened. Close this and look again."
    target = intent.deployment and (store.deployment(intent.deployment.ref) or intent.deployment)
    if reason := actions.blocked(intent.verb, now, target):
        return f"Not any more: {reason}"
    if effect is not None:
        renewed, refusal = effect_of(actions, intent)
        if renewed is None:
            return f"Not any more: {refusal}"
        if (renewed.call, renewed.does, renewed.danger) != (effect.call, effect.does, effect.danger):
            return f"What it would do to {then.name} is not what is told here any more. Close this and look again."
    return ""


def told_effect(effect: Effect | None, refusal: str) -> Text:
    """What it does and what to take care of; or the sentence that says why not."""
    text = Text()
    if effect is None:
        return text.append(refusal + "\n", "bold")
    text.append(effect.does + "\n")
    for warning in effect.warnings:
        text.append("! ", "bold")
        text.append(warning + "\n")
    return text


def told_deployment(deployment: Deployment | None) -> str:
    """One line of it."""
    if deployment is None:
        return "nothing"
    revision = deployment.revision
    parts = [revision.short if revision else deployment.id[:8], status_word(deployment.status, deployment.status_raw)]
    if revision and revision.message:
        parts.append(revision.message)
    if revision and revision.author:
        parts.append(f"by {revision.author}")
    return " · ".join(parts)
