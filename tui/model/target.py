"""Which deployment a verb acts upon when the user named only the service."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tui.model.action import Verb
from tui.model.entities import Deployment, Service
from tui.model.status import Status

_SERVED = frozenset({Status.LIVE, Status.SLEEPING, Status.CRASHED, Status.SUPERSEDED, Status.STOPPED, Status.REMOVED})


def acted_upon(verb: Verb, service: Service, chosen: Deployment | None = None) -> Deployment | None:
    """`chosen` where there is one; else what the verb is usually meant for. None: the service is enough, or (for a
    rollback) it must be chosen."""
    if chosen is not None:
        return chosen
    match verb:
        case Verb.CANCEL | Verb.APPROVE | Verb.REJECT | Verb.START | Verb.SET_STATUS:
            return service.latest
        case Verb.REDEPLOY | Verb.RESTART | Verb.STOP | Verb.REMOVE:
            return service.live or service.latest
        case Verb.DEPLOY | Verb.RECORD | Verb.ROLLBACK:
            return None


def has_served(deployment: Deployment) -> bool:
    """It went live once, whatever became of it since."""
    return deployment.status in _SERVED


def served_before(deployment: Deployment, timeline: Sequence[Deployment]) -> Deployment | None:
    """What served until `deployment` came, as far as the timeline (newest first) goes."""
    place = next((number for number, each in enumerate(timeline) if each.ref == deployment.ref), None)
    if place is None:
        return None
    return next((each for each in timeline[place + 1 :] if has_served(each)), None)


def serving_at(at: datetime, timeline: Sequence[Deployment], *, whole: bool) -> Deployment | None:
    """What served at that time; where nothing did, the newest begun by then; the oldest of a `whole` timeline that
    begins later. None: `timeline` (newest first) does not go back that far."""
    begun = [each for each in timeline if (began := each.started_at or each.created_at) is not None and began <= at]
    served = (each for each in begun if has_served(each) and (each.finished_at or at) <= at)
    found = next(served, None)
    if found is not None or not whole:
        return found
    return begun[0] if begun else next((each for each in reversed(timeline) if each.created_at is not None), None)
