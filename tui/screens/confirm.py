"""The last question before a mutation: what, where, from what to what, by which call. The focus is on no."""

from __future__ import annotations

from msgspec.structs import replace
from rich.text import Text

from tui.engine.actions import ActionService
from tui.engine.store import Store
from tui.model.action import Danger, Intent, Verb, dangerous
from tui.screens.deployment_text import approvals_text
from tui.screens.options import Given, OptionsSheet
from tui.screens.question import Question, effect_of, told_deployment, told_effect, what_changed
from tui.screens.sheet import field


class ConfirmScreen(Question[Intent | None]):
    """Returns the intent when it is confirmed, None when it is not.

    Danger decides: a yes, or the service's name typed. The verb's own options are set on a sheet of their own; what
    they change is told here, and what the platform could not make of them is asked for again. `takes_back` says what
    this would undo.
    """

    def __init__(
        self, intent: Intent, title: str, actions: ActionService, store: Store, *, takes_back: str = ""
    ) -> None:
        super().__init__(actions, store)
        self.intent = intent
        self.provider_title = title
        self.takes_back = takes_back
        self.options = actions.options(intent.verb, intent.service)
        self.effect, self.refusal = effect_of(actions, intent)
        self.verb = intent.verb.capitalize()
        self.word = intent.service.name
        self.ask = f"Type {self.word} to {intent.verb} it:"
        self.more = " · ctrl+o options" if self.options else ""
        self.foot = self._foot()

    @property
    def danger(self) -> Danger:
        return dangerous(self.intent, self.effect)

    @property
    def possible(self) -> bool:
        return self.effect is not None

    @property
    def answer(self) -> Intent:
        return replace(self.intent, reason=self.reason or self.intent.reason)

    def changed(self) -> str:
        return what_changed(self.intent, self.effect, self.actions, self.store)

    def heading(self) -> str:
        return f"{self.intent.verb.capitalize()} {self.intent.service.name}"

    def text(self) -> Text:
        intent, service = self.intent, self.intent.service
        text = Text()
        field(text, "takes back", self.takes_back, "bold")
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
            field(text, "from", told_deployment(live))
            field(text, "to", told_deployment(intent.deployment), "bold")
        else:
            field(text, "now", told_deployment(live))
            if intent.deployment is not None and (live is None or intent.deployment.ref != live.ref):
                field(text, "acts on", told_deployment(intent.deployment), "bold")
        for name, value in intent.options.items():
            field(text, name, value, "bold")
        if not_given := [name for name in self.options if name not in intent.options]:
            field(text, "options", f"not given: {', '.join(not_given)}", "dim")
        field(text, "reason", self.reason)
        if self.effect is not None:
            field(text, "call", self.effect.call)
        text.append("\n")
        text.append_text(told_effect(self.effect, self.refusal))
        if intent.deployment is not None:
            approvals_text(text, intent.deployment)
        text.rstrip()
        return text

    def on_mount(self) -> None:
        self.set_class(self.intent.production, "-production")

    def action_options(self) -> None:
        if self.options and self.armed:
            title = f"Options of {self.intent.verb} {self.intent.service.name}"
            self.app.push_screen(OptionsSheet(title, self.options, self.intent.options, self._told_with), self._given)

    def _told_with(self, options: Given) -> Text:
        effect, refusal = effect_of(self.actions, replace(self.intent, options=dict(options)))
        text = told_effect(effect, refusal)
        if effect is not None:
            text.append(effect.call, "dim")
        return text

    def _given(self, given: Given | None) -> None:
        """Back with other options: the question is asked anew."""
        if given is None:
            return
        self.intent = replace(self.intent, options=dict(given))
        self.effect, self.refusal = effect_of(self.actions, self.intent)
        self.asked_anew()
