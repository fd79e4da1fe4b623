"""One performed intent, observable while it goes its way."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field

from tui.engine.audit import ActionPhase, AuditEntry, LifeStep
from tui.engine.verdict import MAKES_NEW, Verdict
from tui.model.action import Intent, Outcome, Receipt, Verb
from tui.model.entities import Deployment, Ref
from tui.model.status import Status

_PHASES = {
    Outcome.ACCEPTED: ActionPhase.ACCEPTED,
    Outcome.REFUSED: ActionPhase.REFUSED,
    Outcome.UNKNOWN: ActionPhase.UNKNOWN,
}
_STEPS = 60  # of one life; a deployment that goes back and forth for ever must not fill the audit


class Action(Struct, eq=False):
    """`deployment` is the one followed, `status` its state; `ended_at` and `ok` are set when it is over.

    `life` are its steps so far, from asked on, in their order. `settles_at` is set once it went live and only its
    settling time is waited for. `known` are the service's deployments from before: what is not among them may be this
    action's doing. `cancels` is the action under way whose deployment this one takes away, `cancelled_by` the reverse.
    `overdue_at` is set when its end was not seen in time: how it ended is not known yet, and it is still followed.
    """

    intent: Intent
    phase: ActionPhase
    asked_at: datetime
    message: str = ""
    deployment: Ref | None = None
    status: Status | None = None
    ended_at: datetime | None = None
    ok: bool | None = None
    known: frozenset[Ref] = frozenset()
    life: list[LifeStep] = field(default_factory=list)
    settles_at: datetime | None = None
    cancels: Action | None = None
    cancelled_by: Action | None = None
    overdue_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.life:
            self.lives(self._phase_step(), at=self.asked_at)

    @property
    def before(self) -> Deployment | None:
        """What served when it was asked for."""
        return self.intent.service.live

    @property
    def from_name(self) -> str | None:
        """What it starts from: what serves now, or the deployment acted upon."""
        acted_upon = None if self.intent.verb in MAKES_NEW else self.intent.deployment
        start = acted_upon or self.intent.service.live or self.intent.service.latest
        return None if start is None else revision_name(start)

    @property
    def to_name(self) -> str | None:
        """What it leads to, as far as it is known."""
        verb, target = self.intent.verb, self.intent.deployment
        if target is not None and verb in (Verb.ROLLBACK, Verb.REDEPLOY, Verb.APPROVE):
            return revision_name(target)
        if verb in MAKES_NEW and self.deployment is not None:
            return self.deployment.id
        return None

    def lives(self, what: str, *, at: datetime) -> None:
        """The next step of its life; the same again is none."""
        if len(self.life) < _STEPS and (not self.life or self.life[-1].what != what):
            self.life.append(LifeStep(at, what))

    def _phase_step(self) -> str:
        """A refusal with its reason."""
        refused = self.phase is ActionPhase.REFUSED and self.message
        return f"{self.phase}: {self.message}" if refused else str(self.phase)

    def take(self, receipt: Receipt) -> None:
        """What the platform said to it."""
        self.phase = _PHASES[receipt.outcome]
        self.message = receipt.message
        self.deployment = receipt.deployment
        self.lives(self._phase_step(), at=receipt.at)
        if receipt.deployment is not None and self.intent.verb in MAKES_NEW:
            self.lives(f"deployment {receipt.deployment.id} found", at=receipt.at)
        if receipt.outcome is Outcome.REFUSED:
            self.ended_at = receipt.at
            self.ok = False

    def end(self, verdict: Verdict, *, at: datetime) -> None:
        self.phase = ActionPhase.FINAL
        self.ok = verdict.ok
        self.message = verdict.message
        self.ended_at = at
        self.settles_at = None
        self.overdue_at = None
        self.lives(f"{ENDS[verdict.ok]}: {verdict.message}", at=at)

    def overrun(self, verdict: Verdict, *, at: datetime) -> None:
        """Record that its end was not seen in time. It has not ended: it may still become anything."""
        self.overdue_at = at
        self.message = verdict.message
        self.settles_at = None
        self.lives(f"{ENDS[None]} yet: {verdict.message}", at=at)

    def entry(self, phase: ActionPhase, *, at: datetime, user: str, session: str) -> AuditEntry:
        """Its line in the audit."""
        intent = self.intent
        return AuditEntry(
            at=at,
            user=user,
            account=intent.service.account,
            verb=intent.verb.value,
            target=intent.service.path,
            phase=phase,
            id=intent.id,
            from_=self.from_name,
            to=self.to_name,
            reason=intent.reason,
            status=None if self.status is None else self.status.value,
            message=self.message,
            ok=self.ok if phase is ActionPhase.FINAL else None,
            service=intent.service.ref,
            deployment=None if intent.deployment is None else intent.deployment.ref,
            made=self.deployment,
            before=None if self.before is None else self.before.ref,
            newest=None if intent.service.latest is None else intent.service.latest.ref,
            session=session,
            steps=tuple(self.life) if phase is ActionPhase.FINAL else (),
        )


ENDS = {True: "done", False: "failed", None: "not known"}
"""How it ended, in a word."""


def revision_name(deployment: Deployment) -> str:
    return deployment.id if deployment.revision is None else deployment.revision.short
