"""The timeline pane: the selected service's deployments, newest first, with the steps of those under way."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from msgspec import Struct

from tui.engine.reviews import Looks
from tui.model.entities import Deployment, Ref, Step
from tui.model.status import Status
from tui.widgets.format import LOOKS, age, approvals, fit, status_word, step_look, step_s, took, when
from tui.widgets.line_table import LineTable
from tui.widgets.line_widget import Span

_NO_TIME = (Status.QUEUED, Status.SKIPPED)  # of a step: it has not begun, or never will


class StepRow(Struct, frozen=True):
    step: Step
    last: bool


class NoteRow(Struct, frozen=True):
    """Why a deployment waits or failed, in the platform's words."""

    text: str
    bad: bool


class ProblemRow(Struct, frozen=True):
    """What of the timeline could not be read."""

    text: str


class MoreRow(Struct, frozen=True):
    """The last row, while older deployments exist."""

    loading: bool


TimelineRow = Deployment | StepRow | NoteRow | ProblemRow | MoreRow


def with_steps(
    deployments: Sequence[Deployment],
    steps: Mapping[Ref, tuple[Step, ...]],
    *,
    more: bool,
    loading: bool,
    problems: Sequence[str] = (),
) -> list[TimelineRow]:
    """Deployments in their order; below one in flight its steps, below one that failed the step that did.

    `problems` are sentences about rows that could not be read. They come last: nobody knows where those rows were.
    """
    rows: list[TimelineRow] = []
    for deployment in deployments:
        rows.append(deployment)
        taken = steps.get(deployment.ref, ())
        if deployment.status.in_flight:
            rows.extend(StepRow(step, step is taken[-1]) for step in taken)
        elif deployment.status.bad:
            rows.extend(StepRow(step, True) for step in taken if step.status is Status.FAILED)
        if note := _note(deployment):
            rows.append(NoteRow(note, deployment.status.bad))
    if rows:
        rows.extend(ProblemRow(each) for each in problems)
    if more:
        rows.append(MoreRow(loading))
    return rows


def _note(deployment: Deployment) -> str:
    """Who it waits for says more than that it waits."""
    waits = deployment.awaits if deployment.status is Status.NEEDS_APPROVAL else ""
    return f"{approvals(deployment)}, {waits}" if waits else deployment.note


_REVIEWED = {Looks.WORSE: (" worse", " ▼"), Looks.FINE: (" ✓", "")}


class Timeline(LineTable[TimelineRow]):
    """`reviews`: how deployments look against the one before."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.reviews: Mapping[Ref, Looks] = {}

    def key(self, item: TimelineRow) -> Hashable | None:
        return item.ref if isinstance(item, Deployment) else None

    def matches(self, item: TimelineRow, words: str) -> bool:
        if not isinstance(item, Deployment):
            return False
        revision = item.revision
        texts = [item.id, item.status, item.creator or ""]
        if revision:
            texts += [revision.sha, revision.message or "", revision.author or "", revision.branch or ""]
        return any(words in text.casefold() for text in texts)

    def row(self, item: TimelineRow, width: int) -> tuple[list[Span], str]:
        match item:
            case Deployment():
                return self._deployment(item, width), ""
            case StepRow():
                return self._step(item), ""
            case NoteRow():
                return [("     └ " + item.text, "bad" if item.bad else "approval")], ""
            case ProblemRow():
                return [(" ! ", "alert"), (item.text, "approval")], ""
            case MoreRow():
                return [("   … reading older ones" if item.loading else "   … older ones: G or page down", "dim")], ""

    def _deployment(self, item: Deployment, width: int) -> list[Span]:
        look = LOOKS[item.status]
        word = status_word(item.status, item.status_raw)
        worse = self.reviews.get(item.ref) is Looks.WORSE
        now = self.now
        revision = item.revision
        who = (revision.author if revision else None) or item.creator or ""
        spans: list[Span] = [
            (f" {look.sign} ", look.style),
            (fit(word + self._reviewed(item, 10 - len(word)), 10), "bad" if worse else look.style),
            (f"{age(when(item), now) if now else '':>4} ", "dim"),
            (f"{took(item.duration_s(now)) if now else '':>6} ", ""),
            (fit(revision.short if revision else "", 8), "link"),
        ]
        left = width - 33
        if left >= 34:
            spans.append((" " + fit(who, 12), "dim"))
            left -= 13
        if left > 4:
            message = (revision.message if revision else None) or item.trigger or ""
            trigger = f"[{item.trigger}] " if item.trigger and revision and revision.message else ""
            shown = (trigger + message).strip() if width >= 70 else message
            spans.append((" " + fit(shown, left - 1), ""))
        return spans

    def _reviewed(self, item: Deployment, room: int) -> str:
        """What fits beside its state; a state that is bad says enough."""
        looks = self.reviews.get(item.ref)
        if looks is None or item.status.bad:
            return ""
        return next((each for each in _REVIEWED.get(looks, ()) if len(each) <= room), "")

    def _step(self, item: StepRow) -> list[Span]:
        step = item.step
        sign, style = step_look(step.status)
        taken = "" if step.status in _NO_TIME else took(step_s(step, self.now))
        told = step.error or step.detail
        spans: list[Span] = [
            (f"     {'└' if item.last else '├'} {sign} ", style),
            (fit(step.name.lower().replace("_", " "), 22), "" if style != "bad" else "bad"),
            (f"{taken:>7}", "dim"),
        ]
        if told:
            spans.append((f"  {told}", "bad" if step.error else "dim"))
        return spans
