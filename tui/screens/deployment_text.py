"""What a deployment's page says, part by part. Values in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.text import Text

from tui.engine.failing_log import Excerpt
from tui.engine.usual import SAME, Usual, compared
from tui.model.action import Verb
from tui.model.entities import Changes, Deployment, Instance, Service, Step
from tui.model.errors import ProviderError
from tui.model.log import HttpRequest, Level, LogLine, searchable
from tui.model.status import Status
from tui.model.text import without_sgr
from tui.screens.sheet import field
from tui.widgets.format import (
    LOOKS,
    age,
    approvals,
    duration,
    instances_up,
    plural,
    status_word,
    step_look,
    step_s,
    to_the_second,
    took,
)

_UP_SHOWN = 20  # instances that are up, of each page
_LINE = 400  # characters of a log line


def state_text(text: Text, deployment: Deployment, usually: Usual, now: datetime) -> None:
    """What it is, why, and how long it took."""
    look = LOOKS[deployment.status]
    word = status_word(deployment.status, deployment.status_raw)
    serving = "  serves now" if deployment.is_live else ""
    waiting = f"  {approvals(deployment)}" if deployment.status is Status.NEEDS_APPROVAL else ""
    field(text, "status", f"{look.sign} {word} ({deployment.status_raw}){serving}{waiting.rstrip()}", "bold")
    field(text, "note", deployment.note)
    field(text, "took", took_words(deployment, usually, now))


def took_words(deployment: Deployment, usually: Usual, now: datetime) -> str:
    """'4m10s, 2.3x slower than usual (1m48s, of 20)'; 'not known' where it tells no times."""
    took = deployment.duration_s(now)
    if took is None:
        return "not known" if deployment.started_at or deployment.starts_at_creation else "no time: it never started"
    state = deployment.status
    told = duration(took)
    if state.in_flight:
        told += " so far"
    elif state is Status.FAILED:
        told += " until it failed"
    if usually.seconds is None:
        only = f"only {usually.of}" if usually.of else "none"
        return f"{told} (usual not known: {only} before it told its times)"
    usual = duration(usually.seconds)
    times = compared(deployment, now, usually)
    if times is None:
        return f"{told}, usually {usual} (of {usually.of})"
    if 1 / SAME < times < SAME:
        return f"{told}, as usual ({usual}, of {usually.of})"
    how = f"{times:.1f}x slower" if times > 1 else f"{1 / max(times, 0.01):.1f}x faster"
    return f"{told}, {how} than usual ({usual}, of {usually.of})"


def about_text(text: Text, service: Service, deployment: Deployment, now: datetime) -> None:
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
    field(text, "id", deployment.id)
    field(text, "address", deployment.url or "")


def excerpt_text(text: Text, name: str, excerpt: Excerpt, missing: str, now: datetime) -> None:
    """The lines around the first error; `missing` says why there are none."""
    what = "first error" if excerpt.error is not None else "no error found in it, its last lines"
    text.append(f"\n{name}", "bold")
    if not excerpt.entries:
        text.append(f"\n  {missing}\n")
        return
    text.append(f"  {what}\n", "dim")
    for place, entry in enumerate(excerpt.entries):
        _entry(text, entry, now, first=place == excerpt.error)
    if missing:
        text.append(f"  {missing}\n", "dim")


def _entry(text: Text, entry: LogLine | HttpRequest, now: datetime, *, first: bool) -> None:
    at = f"{to_the_second(entry.at, now)} " if entry.at else ""
    text.append("▶ " if first else "  ", "bold")
    text.append(at, "dim")
    shown = _shown(entry).expandtabs(4)
    bad = first or entry.level >= Level.ERROR
    text.append((shown if len(shown) <= _LINE else shown[:_LINE] + "…") + "\n", "bold" if bad else "")


def _shown(entry: LogLine | HttpRequest) -> str:
    """Of what the platform adds to each line nothing; of a structured line its fields, too."""
    return without_sgr(entry.text) if isinstance(entry, LogLine) and not entry.raw else searchable(entry)


def steps_text(text: Text, steps: Sequence[Step], now: datetime) -> None:
    """Each with its time, and its share of all of them."""
    if not steps:
        return
    text.append("\nSteps\n", "bold")
    times = [step_s(step, now) for step in steps]
    total = sum(each for each in times if each is not None)
    for step, seconds in zip(steps, times, strict=True):
        share = f"{seconds / total:>5.0%}" if seconds is not None and total >= 1 else ""
        text.append(f"  {step_look(step.status)[0]} {step.name.lower().replace('_', ' '):<24}{took(seconds):>7}")
        text.append(f"{share:<6}", "dim")
        told = step.error or step.detail
        text.append(f"  {told}\n" if told else "\n", "bold" if step.error else "dim")


def has_the_place(deployment: Deployment, service: Service) -> bool:
    """What runs in the service's place is of this one."""
    return deployment.is_live or (service.live is None and service.latest == deployment)


def approvals_text(text: Text, deployment: Deployment) -> None:
    """Who must approve, and who has said what."""
    if not deployment.approvals:
        return
    waits = deployment.awaits or "no approval is missing"
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


def changes_text(text: Text, changes: Changes | ProviderError | None) -> None:
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


def instances_text(text: Text, instances: Sequence[Instance]) -> None:
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


def actions_text(text: Text, verbs: Mapping[Verb, str | None]) -> None:
    text.append("\nActions\n", "bold")
    for verb, reason in verbs.items():
        text.append(f"  {verb:<11}", "" if reason is None else "dim")
        text.append("possible\n" if reason is None else f"{reason}\n", "" if reason is None else "dim")
