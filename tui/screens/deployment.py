"""A deployment's page: what it is, its steps, its instances, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from tui.model.entities import Changes, Deployment, Instance, Ref, Service, Step
from tui.model.errors import ProviderError
from tui.model.status import Status
from tui.screens.sheet import ReadSheet, field
from tui.widgets.format import LOOKS, age, approvals, awaited, duration, instances_up, plural, status_word, step_look

if TYPE_CHECKING:
    from tui.engine.engine import Engine


_UP_SHOWN = 20  # instances that are up, of each page


class DeploymentScreen(ReadSheet):
    """Follows its deployment while it is open; what it brought is read once."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+r,f5", "again", show=False)]

    def __init__(self, engine: Engine, service: Ref, deployment: Ref) -> None:
        super().__init__()
        self.engine = engine
        self.service = service
        self.deployment = deployment
        self._asked = False
        self._unwatch: Callable[[], None] = lambda: None

    def heading(self) -> str:
        service = self.engine.store.service(self.service)
        return f"Deployment of {service.name}" if service else "Deployment"

    def on_mount(self) -> None:
        super().on_mount()
        self._unwatch = self.engine.store.watch(lambda: self.call_later(self.reread))
        self._ask_for_changes()

    def on_unmount(self) -> None:
        self._unwatch()

    def reread(self) -> None:
        super().reread()
        self._ask_for_changes()

    def _ask_for_changes(self) -> None:
        """Once, and not before the timeline tells what served until then."""
        timeline = self.engine.store.timeline(self.service)
        if not self._asked and timeline is not None and (timeline.observed_at or timeline.error):
            self._asked = True
            self.engine.changes(self.deployment)

    def action_again(self) -> None:
        self.engine.refresh(self.service.account)
        self.engine.changes(self.deployment)

    def text(self) -> Text:
        store = self.engine.store
        service, deployment = store.service(self.service), store.deployment(self.deployment)
        if service is None or deployment is None:
            return Text("This deployment is not in the picture any more: it or its service is gone.")
        timeline = store.timeline(self.service)
        text = Text()
        self._about(text, service, deployment)
        steps = timeline.steps.get(self.deployment, ()) if timeline else ()
        if steps:
            text.append("\nSteps\n", "bold")
            for step in steps:
                _step(text, step)
        approvals_text(text, deployment)
        _changes(text, store.changes(self.deployment))
        _instances(text, deployment.instances or (service.instances if _has_the_place(deployment, service) else ()))
        text.append("\nActions\n", "bold")
        for verb, reason in self.engine.actions.verbs(service, deployment).items():
            text.append(f"  {verb:<11}", "" if reason is None else "dim")
            text.append("possible\n" if reason is None else f"{reason}\n", "" if reason is None else "dim")
        return text

    def _about(self, text: Text, service: Service, deployment: Deployment) -> None:
        now = self.engine.now(self.service.account)
        look = LOOKS[deployment.status]
        word = status_word(deployment.status, deployment.status_raw)
        serving = "  serves now" if deployment.is_live else ""
        waiting = f"  {approvals(deployment)}" if deployment.status is Status.NEEDS_APPROVAL else ""
        field(text, "status", f"{look.sign} {word} ({deployment.status_raw}){serving}{waiting.rstrip()}", "bold")
        field(text, "note", deployment.note)
        field(text, "service", service.path)
        revision = deployment.revision
        if revision is not None:
            field(text, "revision", revision.sha)
            field(text, "branch", revision.branch or "")
            field(text, "author", revision.author or "")
            field(text, "message", revision.message or "")
            field(text, "commit", revision.url or "")
        field(text, "trigger", deployment.trigger or "")
        field(text, "by", deployment.creator or "")
        for name, at in (
            ("created", deployment.created_at),
            ("started", deployment.started_at),
            ("finished", deployment.finished_at),
        ):
            if at is not None:
                ago = age(at, now)
                field(text, name, f"{at.astimezone():%Y-%m-%d %H:%M:%S %Z}" + ("" if ago == "now" else f"  {ago} ago"))
        field(text, "took", duration(deployment.duration_s(now)))
        field(text, "id", deployment.id)
        field(text, "address", deployment.url or "")


def _has_the_place(deployment: Deployment, service: Service) -> bool:
    """What runs in the service's place is of this one."""
    return deployment.is_live or (service.live is None and service.latest == deployment)


def approvals_text(text: Text, deployment: Deployment) -> None:
    """Who must approve, and who has said what."""
    if not deployment.approvals:
        return
    waits = awaited(deployment) or "no approval is missing"
    text.append(f"\n{approvals(deployment).capitalize()}  ", "bold")
    text.append(waits + "\n")
    for rule in deployment.approvals:
        given = sum(each.approved for each in rule.given)
        text.append(f"  {'○' if rule.missing else '●'} {rule.who}  {given} of {rule.required}\n")
        for each in rule.given:
            word = "approved" if each.approved else "rejected"
            at = f" {each.at.astimezone():%Y-%m-%d %H:%M}" if each.at else ""
            comment = f": {each.comment}" if each.comment else ""
            text.append(f"      {each.by} {word}{at}{comment}\n", "" if each.approved else "bold")


def _changes(text: Text, changes: Changes | ProviderError | None) -> None:
    text.append("\nChanges\n", "bold")
    if changes is None:
        text.append("  being read …\n", "dim")
        return
    if isinstance(changes, ProviderError):
        text.append(f"  {changes} ctrl+r tries again.\n")
        return
    for each in changes.items:
        at = f"{each.at.astimezone():%Y-%m-%d %H:%M}" if each.at else ""
        text.append(f"  {each.id:<8} {each.title}")
        text.append("".join(f"  {told}" for told in (each.author, at) if told) + "\n", "dim")
        if each.url:
            text.append(f"           {each.url}\n", "dim")
    if changes.compare_url:
        text.append(f"  compare  {changes.compare_url}\n")
    if changes.note:
        text.append(f"  {changes.note}\n", "dim")


def _instances(text: Text, instances: Sequence[Instance]) -> None:
    """The bad ones first, then what is not up; of those that are, as many as a look takes in."""
    if not instances:
        return
    text.append(f"\nInstances  {instances_up(instances)}", "bold")
    text.append(f"{_groups(instances)}\n")
    ordered = sorted(instances, key=lambda each: (not each.status.bad, each.status.up))
    down = sum(not each.status.up for each in ordered)
    for each in ordered[: down + _UP_SHOWN]:
        text.append(f"  {LOOKS[each.status].sign} {each.name or each.ref.id}  ", "bold" if each.status.bad else "")
        text.append(f"{each.status_raw.lower()}\n", "dim")
    if (more := len(ordered) - down - _UP_SHOWN) > 0:
        text.append(f"  and {plural(more, 'other')} that {'are' if more > 1 else 'is'} up\n", "dim")


def _groups(instances: Sequence[Instance]) -> str:
    """'  web 2/3 up, worker 1/1 up' where their names begin with what they belong to: `web · 1`."""
    grouped: dict[str, list[Instance]] = {}
    for each in instances:
        grouped.setdefault(each.name.partition(" · ")[0], []).append(each)
    if len(grouped) in (1, len(instances)):
        return ""
    return "  " + ", ".join(f"{name} {instances_up(group)}" for name, group in grouped.items())


def _step(text: Text, step: Step) -> None:
    took = ""
    if step.started_at and step.finished_at:
        took = duration((step.finished_at - step.started_at).total_seconds())
    text.append(f"  {step_look(step.status)[0]} {step.name.lower().replace('_', ' '):<24}{took:>7}")
    told = step.error or step.detail
    text.append(f"  {told}\n" if told else "\n", "bold" if step.error else "dim")
