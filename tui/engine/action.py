"""One performed intent, observable while it goes its way."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from tui.engine.audit import ActionPhase
from tui.engine.verdict import MAKES_NEW, Verdict
from tui.model.action import Intent, Outcome, Receipt, Verb
from tui.model.entities import Deployment, Ref
from tui.model.status import Status

_PHASES = {
    Outcome.ACCEPTED: ActionPhase.ACCEPTED,
    Outcome.REFUSED: ActionPhase.REFUSED,
    Outcome.UNKNOWN: ActionPhase.UNKNOWN,
}


class Action(Struct, eq=False):
    """`deployment` is the one followed, `status` its state; `ended_at` and `ok` are set when it is over.

    `known` are the service's deployments from before: what is not among them may be this action's doing.
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

    def take(self, receipt: Receipt) -> None:
        """What the platform said to it."""
        self.phase = _PHASES[receipt.outcome]
        self.message = receipt.message
        self.deployment = receipt.deployment
        if receipt.outcome is Outcome.REFUSED:
            self.ended_at = receipt.at
            self.ok = False

    def settle(self, verdict: Verdict, *, at: datetime) -> None:
        self.phase = ActionPhase.FINAL
        self.ok = verdict.ok
        self.message = verdict.message
        self.ended_at = at


def revision_name(deployment: Deployment) -> str:
    return deployment.id if deployment.revision is None else deployment.revision.short
