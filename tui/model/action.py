"""What a user can have done, and what came of it. An action is a value from the key press to the audit line."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:  # an entity says which verbs are not for now, so the import goes the other way at run time
    from tui.model.entities import Deployment, Ref, Service


class Verb(StrEnum):
    REDEPLOY = "redeploy"
    RESTART = "restart"
    STOP = "stop"
    START = "start"
    ROLLBACK = "rollback"
    CANCEL = "cancel"
    REMOVE = "remove"
    DEPLOY = "deploy"
    APPROVE = "approve"
    REJECT = "reject"
    RECORD = "record"
    SET_STATUS = "set-status"


class Danger(StrEnum):
    """How much of a confirmation an action wants."""

    ASK = "ask"  # a yes
    TYPE = "type"  # the service's name, typed


ALWAYS_TYPED = frozenset({Verb.STOP, Verb.REMOVE, Verb.ROLLBACK})


class Intent(Struct, frozen=True):
    """One action somebody wants, complete: the dialog, the lease, the audit and the provider read the same value.

    `deployment` is the one acted upon (restarted, stopped, cancelled, approved, removed, redeployed; for a
    rollback the one to go back to); None where the verb needs only the service. `options` are the verb's own.
    """

    id: str
    verb: Verb
    service: Service
    deployment: Deployment | None = None
    reason: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    production: bool = False

    @property
    def danger(self) -> Danger:
        return Danger.TYPE if self.production or self.verb in ALWAYS_TYPED else Danger.ASK

    @property
    def lease(self) -> Ref:
        """Two actions with the same lease never run at once."""
        return self.service.ref


def dangerous(intent: Intent, effect: Effect | None) -> Danger:
    """The greater of what the verb wants and what its effect does."""
    effect_danger = Danger.ASK if effect is None else effect.danger
    return Danger.TYPE if Danger.TYPE in (intent.danger, effect_danger) else Danger.ASK


class Effect(Struct, frozen=True):
    """What an action will do, for the dialog.

    `call` is the request as it will be made, without secrets; `does` one sentence; `warnings` what is lost, what
    is not undone. `danger` TYPE where it reaches further than its verb says (a kill that is host-wide).
    """

    call: str
    does: str
    warnings: tuple[str, ...] = ()
    danger: Danger = Danger.ASK


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"  # the request may or may not have arrived: never repeated, the next snapshots decide


class Receipt(Struct, frozen=True):
    """What the platform said to an action. `deployment` is the one to follow, where its answer names it; `operation`
    the platform's own name for what goes on now, for `Provider.progress`.
    """

    intent: Intent
    outcome: Outcome
    at: datetime
    message: str = ""
    deployment: Ref | None = None
    operation: str = ""


class Progress(Struct, frozen=True):
    """How an operation goes. `ok` None: it goes on."""

    ok: bool | None = None
    message: str = ""
