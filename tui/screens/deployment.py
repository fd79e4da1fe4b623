"""A deployment's page: what it is and why, its steps, its instances, what it brought, and what can be done with it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from tui.engine.evidence import caveat
from tui.engine.failing_log import Excerpt, FailingLog, failing_kind
from tui.engine.log_tail import LogTail, TailPhase
from tui.engine.usual import Usual, usual
from tui.model.entities import Deployment, Ref, Step
from tui.model.errors import NotFound
from tui.model.log import LogKind
from tui.model.status import Status
from tui.model.target import has_served
from tui.screens import deployment_text as words
from tui.screens.review_words import review_line, review_text
from tui.screens.sheet import ReadSheet, field
from tui.screens.words import absent

if TYPE_CHECKING:
    from tui.engine.engine import Engine

_LOG_S = 0.2  # lines that come are drawn at most that often


class DeploymentScreen(ReadSheet):
    """Follows its deployment while it is open; its steps, what it brought and the log of its failing are read once.

    What matters stands first: of a failed one why, with the first error; of one that waits who must approve.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+r,f5", "again", show=False)]

    def __init__(self, engine: Engine, service: Ref, deployment: Ref) -> None:
        super().__init__()
        self.engine = engine
        self.service = service
        self.deployment = deployment
        self.failing: FailingLog | None = None  # the log that tells why, while the page is open
        self._asked = False
        self._asked_steps = False
        self._log_due = False
        self._unwatch: Callable[[], None] = lambda: None
        self._unwatch_log: Callable[[], None] = lambda: None

    def heading(self) -> str:
        service = self.engine.store.service(self.service)
        return f"Deployment of {service.name}" if service else "Deployment"

    def on_mount(self) -> None:
        self._unwatch = self.engine.store.watch(lambda: self.call_later(self.reread))
        self.set_interval(1.0, self._tick)
        self._ask()

    def on_unmount(self) -> None:
        self._unwatch()
        self._close_log()

    def reread(self) -> None:
        if not self.is_attached:
            return
        self._ask()
        super().reread()

    def _tick(self) -> None:
        deployment = self.engine.store.deployment(self.deployment)
        if deployment is not None and deployment.status.in_flight:
            super().reread()

    # What is read for it

    def _ask(self) -> None:
        """Each once, and not before the timeline tells what served until then."""
        timeline = self.engine.store.timeline(self.service)
        deployment = self.engine.store.deployment(self.deployment)
        if deployment is None or timeline is None or not (timeline.observed_at or timeline.error):
            return
        if not self._asked:
            self._asked = True
            self.engine.changes(self.deployment)
            self.engine.reviews.want(deployment)
        if not self._asked_steps and not deployment.status.in_flight:
            self._asked_steps = True
            if self.deployment not in timeline.steps:
                self.engine.steps(self.deployment)
        self._open_log(deployment)

    def _open_log(self, deployment: Deployment) -> None:
        """The one that tells why, as soon as it failed; another one when its steps say so."""
        service = self.engine.store.service(self.service)
        kind = failing_kind(deployment, self._steps())
        if service is None or kind is None or (self.failing is not None and self.failing.kind is kind):
            return
        self._close_log()
        try:
            self.failing = FailingLog(self.engine.tails, service, deployment, kind)
        except NotFound:
            return
        self._unwatch_log = self.failing.watch(self._log_moved)

    def _close_log(self) -> None:
        self._unwatch_log()
        if self.failing is not None:
            self.failing.close()
            self.failing = None

    def _log_moved(self) -> None:
        if not self._log_due and self.is_attached:
            self._log_due = True
            self.call_later(self.set_timer, _LOG_S, self._draw_log)

    def _draw_log(self) -> None:
        self._log_due = False
        if self.is_attached:
            super().reread()

    def action_again(self) -> None:
        self.engine.refresh(self.service.account)
        self.engine.changes(self.deployment)
        self.engine.steps(self.deployment)

    # What is told

    def text(self) -> Text:
        store = self.engine.store
        service, deployment = store.service(self.service), store.deployment(self.deployment)
        if service is None or deployment is None:
            account, here = self.service.account, self.engine.clock.now()
            whole = "This deployment is not in the picture any more: it or its service is gone."
            return Text(absent(whole, "This deployment is not in what was read", caveat(store, here, [account])))
        now = self.engine.now(self.service.account)
        text = Text()
        words.state_text(text, deployment, self._usual(deployment), now)
        if deployment.ref in (service.latest and service.latest.ref, service.live and service.live.ref):
            field(text, "in doubt", service.doubt, "bold")
        review = self.engine.reviews.of(deployment.ref)
        if review is not None or has_served(deployment):
            field(text, "compared", review_line(review))
        self._why(text, now)
        text.append(review_text(review, now))
        waits = deployment.status is Status.NEEDS_APPROVAL
        if waits:
            words.approvals_text(text, deployment)
        if deployment.status.in_flight:
            words.steps_text(text, self._steps(), now)
        if "\n\n" in text.plain:
            text.append("\n")
        words.about_text(text, service, deployment, now)
        if not deployment.status.in_flight:
            words.steps_text(text, self._steps(), now)
        if not waits:
            words.approvals_text(text, deployment)
        words.changes_text(text, store.changes(self.deployment))
        runs = words.has_the_place(deployment, service)
        words.instances_text(text, deployment.instances or (service.instances if runs else ()))
        words.actions_text(text, self.engine.actions.verbs(service, deployment))
        return text

    def _steps(self) -> tuple[Step, ...]:
        timeline = self.engine.store.timeline(self.service)
        return timeline.steps.get(self.deployment, ()) if timeline else ()

    def _usual(self, deployment: Deployment) -> Usual:
        return usual(deployment, self.engine.history.deployments(self.service))

    def _why(self, text: Text, now: datetime) -> None:
        """The log of its failing."""
        failing = self.failing
        if failing is None:
            return
        name = "Build log" if failing.kind is LogKind.BUILD else "Runtime log"
        excerpt = failing.excerpt()
        words.excerpt_text(text, name, excerpt, _missing(failing.tail, excerpt), now)


def _missing(tail: LogTail, excerpt: Excerpt) -> str:
    """Why there are no lines, or not all of them; '' when there are."""
    if tail.error is not None and tail.phase in (TailPhase.FAILED, TailPhase.RECONNECTING):
        return str(tail.error) + (" It is tried again." if tail.phase is TailPhase.RECONNECTING else "")
    if excerpt.gap or excerpt.entries:
        return excerpt.gap
    match tail.phase:
        case TailPhase.CONNECTING:
            return "being read …"
        case TailPhase.LIVE:
            return "No line came yet."
    return "The platform has no line of it: look at the deployment's page there, by the address below."
