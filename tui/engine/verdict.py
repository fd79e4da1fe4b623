"""When an action is done, and how it ended: read off what the platform says of its target."""

from __future__ import annotations

from msgspec import Struct

from tui.model.action import Verb
from tui.model.status import Status

MAKES_NEW = frozenset({Verb.REDEPLOY, Verb.ROLLBACK, Verb.DEPLOY})
"""Verbs whose outcome is another deployment than the one acted upon."""
DONE_WHEN_ACCEPTED = frozenset({Verb.RECORD, Verb.SET_STATUS})
OF_THE_SERVICE = frozenset({Verb.STOP, Verb.START})
"""Verbs that a platform may show on the service alone."""
TAKES_AWAY = frozenset({Verb.REMOVE, Verb.CANCEL, Verb.REJECT})
BRINGS_UP = MAKES_NEW | {Verb.RESTART, Verb.START, Verb.APPROVE}
"""Verbs that are done only when what they brought up has stayed up for the settling time."""

RESTART_SETTLES_S = 5.0
STILL_DOWN_S = 60.0
GONE = frozenset({Status.REMOVED, Status.CANCELLED, Status.STOPPED, Status.SKIPPED})
_WENT_WELL = frozenset({Status.LIVE, Status.SLEEPING, Status.STOPPED, Status.SUPERSEDED})


class Verdict(Struct, frozen=True):
    """How an action ended. `ok` None: not known. Not `is_final`: it has not ended yet, and is followed further."""

    ok: bool | None
    message: str
    is_final: bool = True


def verdict(verb: Verb, before: Status | None, now: Status, *, elapsed_s: float, moved: bool) -> Verdict | None:
    """None while it is not done. `moved`: the target was seen in another state than `before` since the action."""
    word = now.value.replace("_", " ")
    if verb in TAKES_AWAY:
        return _taken_away(verb, before, now, moved)
    match verb:
        case Verb.STOP:
            if now in (Status.STOPPED, Status.REMOVED):
                return Verdict(True, word)
            return Verdict(False, word) if now.bad and moved else None
        case Verb.START:
            if now.up:
                return Verdict(True, word)
            return Verdict(False, word) if now.bad and (moved or elapsed_s >= STILL_DOWN_S) else None
        case Verb.RESTART:
            return _restarted(before, now, elapsed_s, moved)
        case _:
            return Verdict(now in _WENT_WELL, word) if now.settled else None


def is_trace(verb: Verb, before: Status | None, now: Status) -> bool:
    """Return True where the change is the very one that the verb makes, so that the request did arrive.

    What is under way moves on by itself, and what runs may crash by itself: neither is a trace.
    """
    was_up = before is not None and before.up
    match verb:
        case Verb.STOP:
            return now in (Status.STOPPED, Status.REMOVED) and before is not now
        case Verb.START:
            return not was_up and (now.up or now in (Status.QUEUED, Status.DEPLOYING))
        case Verb.RESTART:
            return was_up and now is Status.DEPLOYING
        case Verb.APPROVE:
            return before is Status.NEEDS_APPROVAL and (now.in_flight or now.up)
    return verb in TAKES_AWAY and (now in GONE or now is Status.REMOVING)


def _taken_away(verb: Verb, before: Status | None, now: Status, moved: bool) -> Verdict | None:
    word = now.value.replace("_", " ")
    # What was stopped or cancelled already is there to be removed: that it still is so says nothing.
    if now is Status.REMOVED or (now in GONE and (verb is not Verb.REMOVE or now is not before)):
        return Verdict(True, word)
    if verb is Verb.CANCEL and moved and now.up:
        return Verdict(False, f"it went {word} before it could be cancelled")
    if verb is not Verb.REMOVE and now.bad and moved:
        return Verdict(False, word)
    return None


def _restarted(before: Status | None, now: Status, elapsed_s: float, moved: bool) -> Verdict | None:
    if now.up and (moved or elapsed_s >= RESTART_SETTLES_S):
        return Verdict(True, "restarted, " + now.value)
    if now.settled and not now.up and (moved or elapsed_s >= STILL_DOWN_S):
        still = "still " if now is before and not moved else ""
        return Verdict(False, still + now.value)
    return None
