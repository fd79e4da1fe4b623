"""How what was done can be taken back: the verb for it and its target, or why there is none. Nothing here acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from tui.engine.action import Action, revision_name
from tui.engine.actions import ActionService
from tui.engine.audit import ActionPhase, AuditEntry
from tui.engine.store import Store
from tui.engine.verdict import MAKES_NEW
from tui.model.action import Verb
from tui.model.entities import Deployment, Ref, Service
from tui.model.target import acted_upon

_NONE: Mapping[str, str] = {
    Verb.RESTART: "a restart changes nothing that could be put back",
    Verb.REMOVE: "what was removed does not come back; B rolls back, R redeploys",
    Verb.CANCEL: "a cancelled deployment is not taken up again; R redeploys it",
    Verb.APPROVE: "an approval cannot be withdrawn from here; C cancels what it let go ahead",
    Verb.REJECT: "what was rejected does not wait any more; R redeploys it",
    Verb.RECORD: "a record says what was",
    Verb.SET_STATUS: "a record says what was",
}


class Done(Struct, frozen=True):
    """What was done, as far as taking it back goes: by this session, or as the audit tells of an earlier one."""

    verb: str
    service: Ref | None
    target: str
    before: Ref | None  # what served then
    made: Ref | None
    phase: ActionPhase

    @classmethod
    def of(cls, action: Action) -> Done:
        before, service = action.before, action.intent.service
        return cls(
            action.intent.verb.value,
            service.ref,
            service.path,
            None if before is None else before.ref,
            action.deployment,
            action.phase,
        )

    @classmethod
    def recorded(cls, entry: AuditEntry) -> Done:
        return cls(entry.verb, entry.service, entry.target, entry.before, entry.made, entry.phase)


class Undo(Struct, frozen=True):
    """What takes it back, to be asked for like any other action."""

    verb: Verb
    service: Service
    deployment: Deployment | None


def undo_of(done: Done, actions: ActionService, store: Store) -> Undo | str:
    """Or why it cannot be taken back, in words."""
    if (none := _NONE.get(done.verb)) is not None:
        return none
    if done.phase is ActionPhase.REFUSED:
        return "it was refused, so that there is nothing to take back"
    if done.phase is not ActionPhase.FINAL:
        return "it is under way; C cancels what it made"
    service = store.service(done.service) if done.service is not None else None
    if service is None:
        return f"{done.target} is not there any more"
    found = _ways(done, service, actions, store)
    if isinstance(found, str):
        return found
    reasons = [actions.blocked(verb, service, deployment) for verb, deployment in found]
    for (verb, deployment), reason in zip(found, reasons, strict=True):
        if reason is None:
            return Undo(verb, service, deployment)
    return next((reason for reason in reasons if reason), "there is no way back")


def _ways(
    done: Done, service: Service, actions: ActionService, store: Store
) -> Sequence[tuple[Verb, Deployment | None]] | str:
    """The best first."""
    before = None if done.before is None else store.deployment(done.before)
    again = [(Verb.REDEPLOY, before)] if before is not None and actions.redeploys_as_it_was(service.account) else []
    match done.verb:
        case Verb.STOP:
            if service.status.up:
                return f"{service.name} is {service.status} again"
            return [(Verb.START, acted_upon(Verb.START, service)), *again]
        case Verb.START:
            if not service.status.up:
                return f"{service.name} is {service.status}"
            return [(Verb.STOP, acted_upon(Verb.STOP, service))]
    if done.verb not in MAKES_NEW:
        return f"nothing is known that takes back {done.verb}"
    if done.before is None:
        return "nothing served before it"
    if before is None:
        return "what served before it is not among the deployments that were read"
    if service.live is not None and service.live.ref == before.ref:
        return f"{revision_name(before)} still serves, so that there is nothing to take back"
    if done.made is not None and service.latest is not None and service.latest.ref != done.made:
        return "a newer deployment came since; B asks which one to go back to"
    return [(Verb.ROLLBACK, before), *again]
