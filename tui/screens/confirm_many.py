"""One question for several services: which of them, what is done to each, which are left out and why."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace
from rich.text import Text

from tui.engine.batch import Batch
from tui.engine.engine import Engine
from tui.model.action import Danger, Effect, Intent, Verb, dangerous
from tui.model.entities import Deployment, Ref, Service
from tui.model.target import acted_upon
from tui.screens.question import Question, effect_of, told_deployment, told_effect, what_changed
from tui.screens.sheet import field
from tui.targets import previous_good
from tui.widgets.format import plural


class Candidate(Struct, frozen=True):
    """One marked service and a verb: the deployment that is meant, or why it is left out."""

    name: str
    service: Service | None
    deployment: Deployment | None = None
    reason: str | None = None


def candidates(engine: Engine, verb: Verb, marked: Sequence[Ref]) -> list[Candidate]:
    return [_candidate(engine, verb, ref) for ref in marked]


def _candidate(engine: Engine, verb: Verb, ref: Ref) -> Candidate:
    service = engine.store.service(ref)
    if service is None:
        return Candidate(ref.id, None, reason="it is not there any more")
    target = acted_upon(verb, service)
    if verb is Verb.ROLLBACK:
        timeline = engine.store.timeline(ref)
        if timeline is None or timeline.observed_at is None:
            return Candidate(service.name, service, reason="its deployments are being read; ask again")
        target = previous_good(timeline.deployments)
        if target is None:
            return Candidate(service.name, service, reason="there is no earlier deployment to go back to")
    return Candidate(service.name, service, target, engine.actions.blocked(verb, service, target))


class ConfirmManyScreen(Question[tuple[Intent, ...] | None]):
    """Returns the intents of those that can be done, None when it is not confirmed.

    The greatest danger of them counts: a yes, or their count typed. Should one of them change meanwhile, nothing is
    done to any. `hidden`: how many of the marked are not in the list as it is shown.
    """

    def __init__(self, engine: Engine, verb: Verb, found: Sequence[Candidate], *, hidden: int = 0) -> None:
        super().__init__(engine.actions, engine.store)
        self.engine = engine
        self.of_verb = verb
        self.hidden = hidden
        self.left = [each for each in found if each.reason is not None or each.service is None]
        self.asked: list[tuple[Intent, Effect]] = []
        for each in found:
            if each.service is None or each.reason is not None:
                continue
            intent = engine.actions.intent(verb, each.service, each.deployment)
            effect, refusal = effect_of(engine.actions, intent)
            if effect is None:
                self.left.append(replace(each, reason=refusal))
            else:
                self.asked.append((intent, effect))
        self.marked = len(found)
        self.verb = verb.capitalize()
        self.word = str(len(self.asked))
        self.ask = f"Type {self.word}, their number, to {verb} them:"
        self.foot = self._foot()

    @property
    def danger(self) -> Danger:
        wanted = [dangerous(intent, effect) for intent, effect in self.asked]
        return Danger.TYPE if Danger.TYPE in wanted else Danger.ASK

    @property
    def possible(self) -> bool:
        return bool(self.asked)

    @property
    def answer(self) -> tuple[Intent, ...]:
        return tuple(replace(intent, reason=self.reason or intent.reason) for intent, _ in self.asked)

    def changed(self) -> str:
        found = [what_changed(intent, effect, self.actions, self.store) for intent, effect in self.asked]
        told = [each for each in found if each]
        if not told:
            return ""
        more = f" ({len(told) - 1} more changed, too.)" if len(told) > 1 else ""
        return f"{told[0]}{more} Nothing is done to any of them."

    def heading(self) -> str:
        return f"{self.of_verb.capitalize()} {plural(len(self.asked), 'service')}"

    def text(self) -> Text:
        text = Text()
        of = f"{len(self.asked)} of {self.marked} marked" if self.left else f"all {self.marked} marked"
        field(text, "services", of, "bold")
        if self.hidden:
            field(text, "hidden", f"{self.hidden} of the marked are not shown in the list now", "bold")
        at_once = min(self.actions.at_once, max(1, len(self.asked)))
        field(text, "together", f"{at_once} at a time; after the first that fails no more are asked")
        field(text, "reason", self.reason)
        for intent, effect in self.asked:
            text.append("\n")
            self._one(text, intent, effect)
        if self.left:
            text.append(f"\nLeft out: {len(self.left)}\n", "bold")
            for each in self.left:
                text.append(f"  {each.name}  ", "bold")
                text.append(f"{each.reason}\n")
        text.rstrip()
        return text

    def _one(self, text: Text, intent: Intent, effect: Effect) -> None:
        service = intent.service
        text.append(service.name, "bold")
        title = self.store.accounts[service.account].title
        text.append(f"  {service.account} / {service.project_name} / {service.environment_name}  {title}", "dim")
        if intent.production:
            text.append("  ")
            text.append(" PRODUCTION ", "bold reverse")
        live = service.live or service.latest
        text.append(f"\n  {told_deployment(live)}")
        if intent.deployment is not None and (live is None or intent.deployment.ref != live.ref):
            text.append(f"\n  → {told_deployment(intent.deployment)}", "bold")
        text.append("\n")
        for line in told_effect(effect, "").split("\n"):
            text.append("  ").append_text(line).append("\n")

    def on_mount(self) -> None:
        self.set_class(any(intent.production for intent, _ in self.asked), "-production")


class StopRestScreen(Question[bool | None]):
    """Whether those of a batch that were not asked yet shall not be. What was asked goes on."""

    for_audit = False
    verb = "Stop asking"

    def __init__(self, batch: Batch, engine: Engine) -> None:
        super().__init__(engine.actions, engine.store)
        self.of = batch
        self.foot = self._foot()

    @property
    def answer(self) -> bool:
        return True

    def changed(self) -> str:
        return "" if self.of.waiting else "All of them have been asked: there is no rest to stop."

    def heading(self) -> str:
        return f"Stop asking for the rest of {self.of.verb}"

    def text(self) -> Text:
        batch = self.of
        text = Text()
        field(text, "done", f"{len(batch.done)} of {len(batch.intents)}")
        field(text, "running", ", ".join(each.intent.service.name for each in batch.running))
        names = [intent.service.name for intent in batch.intents[len(batch.actions) :]]
        field(text, "to ask", ", ".join(names))
        text.append("\nThose that were asked go on; C on one of them cancels what it made.")
        return text
