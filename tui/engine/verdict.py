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
    """`ok` None: how it ended cannot be told."""

    ok: bool | None
    message: str


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
    """The change shows that the action arrived, though its answer was lost.

    What is under way moves on by itself, so for that only its being taken away counts.
    """
    if verb in TAKES_AWAY or (before is not None and before.in_flight):
        return now in GONE or now is Status.REMOVING
    return now is not Status.UNKNOWN


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
