"""A deployment's page: what it is, its steps, its instances, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from tui.model.entities import Changes, Deployment, Instance, Ref, Service, Step
from tui.model.errors import ProviderError
from tui.screens.sheet import ReadSheet, field
from tui.widgets.format import LOOKS, age, duration, status_word, step_look

if TYPE_CHECKING:
    from tui.engine.engine import Engine


class DeploymentScreen(ReadSheet):
    """Follows its deployment while it is open."""

    def __init__(self, engine: Engine, service: Ref, deployment: Ref) -> None:
        super().__init__()
        self.engine = engine
        self.service = service
        self.deployment = deployment
        self._unwatch: Callable[[], None] = lambda: None

    def heading(self) -> str:
        service = self.engine.store.service(self.service)
        return f"Deployment of {service.name}" if service else "Deployment"

    def on_mount(self) -> None:
        super().on_mount()
        self._unwatch = self.engine.store.watch(lambda: self.call_later(self.reread))
        self.engine.changes(self.deployment)

    def on_unmount(self) -> None:
        self._unwatch()

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
        _instances(text, deployment.instances or (service.instances if deployment.is_live else ()))
        text.append("\nActions\n", "bold")
        for verb, reason in self.engine.actions.verbs(service, deployment).items():
            text.append(f"  {verb:<11}", "" if reason is None else "dim")
            text.append("possible\n" if reason is None else f"{reason}\n", "" if reason is None else "dim")
        return text

    def _about(self, text: Text, service: Service, deployment: Deployment) -> None:
        now = self.engine.clock.now()
        look = LOOKS[deployment.status]
        word = status_word(deployment.status, deployment.status_raw)
        serving = "  serves now" if deployment.is_live else ""
        field(text, "status", f"{look.sign} {word} ({deployment.status_raw}){serving}", "bold")
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


def approvals_text(text: Text, deployment: Deployment) -> None:
    """Who must approve, and who has said what."""
    if not deployment.approvals:
        return
    text.append("\nApprovals\n", "bold")
    for rule in deployment.approvals:
        given = sum(each.approved for each in rule.given)
        missing = f"waits for {rule.missing} more" if rule.missing else "enough"
        text.append(f"  {'○' if rule.missing else '●'} {rule.who}  {given} of {rule.required}, {missing}\n")
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
        text.append(f"  {changes.message}\n", "dim")
        return
    for each in changes.items:
        author = f"  {each.author}" if each.author else ""
        text.append(f"  {each.id:<9}{each.title}{author}\n")
        if each.url:
            text.append(f"           {each.url}\n", "dim")
    if changes.compare_url:
        text.append(f"  compare  {changes.compare_url}\n")
    if changes.note:
        text.append(f"  {changes.note}\n", "dim")


def _instances(text: Text, instances: Sequence[Instance]) -> None:
    """The bad ones first."""
    if not instances:
        return
    up = sum(each.status.up for each in instances)
    text.append(f"\nInstances  {up} of {len(instances)} up\n", "bold")
    for each in sorted(instances, key=lambda each: not each.status.bad):
        text.append(f"  {LOOKS[each.status].sign} {each.name or each.ref.id}  ", "bold" if each.status.bad else "")
        text.append(f"{each.status_raw.lower()}\n", "dim")


def _step(text: Text, step: Step) -> None:
    took = ""
    if step.started_at and step.finished_at:
        took = duration((step.finished_at - step.started_at).total_seconds())
    text.append(f"  {step_look(step.status)[0]} {step.name.lower().replace('_', ' '):<24}{took:>7}")
    told = step.error or step.detail
    text.append(f"  {told}\n" if told else "\n", "bold" if step.error else "dim")
