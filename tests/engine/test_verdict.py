from __future__ import annotations

import pytest

from tui.engine.verdict import verdict
from tui.model.action import Verb
from tui.model.status import Status

S, V = Status, Verb


@pytest.mark.parametrize(
    ("verb", "before", "now", "elapsed_s", "moved", "ok"),
    [
        # A new deployment is followed until it settles.
        (V.REDEPLOY, None, S.QUEUED, 900, True, None),
        (V.REDEPLOY, None, S.NEEDS_APPROVAL, 900, True, None),
        (V.REDEPLOY, None, S.UNKNOWN, 900, True, None),
        (V.REDEPLOY, None, S.LIVE, 1, True, True),
        (V.DEPLOY, None, S.SLEEPING, 1, True, True),
        (V.ROLLBACK, None, S.FAILED, 1, True, False),
        (V.ROLLBACK, None, S.CRASHED, 1, True, False),
        (V.DEPLOY, None, S.CANCELLED, 1, True, False),
        (V.DEPLOY, None, S.SUPERSEDED, 1, True, True),
        # Stopping.
        (V.STOP, S.LIVE, S.LIVE, 60, False, None),
        (V.STOP, S.LIVE, S.STOPPED, 1, True, True),
        (V.STOP, S.LIVE, S.REMOVED, 1, True, True),
        (V.STOP, S.CRASHED, S.CRASHED, 60, False, None),
        (V.STOP, S.LIVE, S.CRASHED, 60, True, False),
        # Starting.
        (V.START, S.STOPPED, S.STOPPED, 60, False, None),
        (V.START, S.STOPPED, S.LIVE, 1, True, True),
        (V.START, S.STOPPED, S.FAILED, 1, True, False),
        (V.START, S.CRASHED, S.CRASHED, 5, False, None),
        # Taking away.
        (V.REMOVE, S.LIVE, S.REMOVING, 5, True, None),
        (V.REMOVE, S.LIVE, S.REMOVED, 5, True, True),
        (V.REMOVE, S.STOPPED, S.STOPPED, 5, False, None),
        (V.CANCEL, S.BUILDING, S.BUILDING, 5, False, None),
        (V.CANCEL, S.BUILDING, S.CANCELLED, 5, True, True),
        (V.CANCEL, S.BUILDING, S.REMOVED, 5, True, True),
        (V.CANCEL, S.BUILDING, S.LIVE, 5, True, False),
        (V.CANCEL, S.BUILDING, S.FAILED, 5, True, False),
        (V.REJECT, S.NEEDS_APPROVAL, S.CANCELLED, 5, True, True),
        # Approving.
        (V.APPROVE, S.NEEDS_APPROVAL, S.NEEDS_APPROVAL, 5, False, None),
        (V.APPROVE, S.NEEDS_APPROVAL, S.BUILDING, 5, True, None),
        (V.APPROVE, S.NEEDS_APPROVAL, S.LIVE, 5, True, True),
        (V.APPROVE, S.NEEDS_APPROVAL, S.FAILED, 5, True, False),
        # Restarting: it leaves and comes back, or it never seems to leave.
        (V.RESTART, S.LIVE, S.LIVE, 1, False, None),
        (V.RESTART, S.LIVE, S.LIVE, 5, False, True),
        (V.RESTART, S.LIVE, S.DEPLOYING, 6, True, None),
        (V.RESTART, S.LIVE, S.LIVE, 2, True, True),
        (V.RESTART, S.LIVE, S.CRASHED, 2, True, False),
        (V.RESTART, S.CRASHED, S.CRASHED, 6, False, None),
        (V.RESTART, S.CRASHED, S.CRASHED, 60, False, False),
        (V.RESTART, S.CRASHED, S.LIVE, 2, True, True),
    ],
)
def test_when_an_action_is_done_and_how(
    verb: Verb, before: Status | None, now: Status, elapsed_s: float, moved: bool, ok: bool | None
) -> None:
    end = verdict(verb, before, now, elapsed_s=elapsed_s, moved=moved)
    assert (None if end is None else end.ok) is ok
