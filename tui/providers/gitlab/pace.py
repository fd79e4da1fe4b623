"""How often each part of an account is read, so that all of them together stay within what the server stands."""

from __future__ import annotations

from msgspec import Struct

from tui.model.provider import Polling

POLLING = Polling(snapshot_s=10.0, moving_s=5.0, focused_s=5.0, spread_s=150.0, burst=100, requests_per_hour=3600)

FOCUSED_S = 10.0  # the project that somebody looks at
MOVING_S = 5.0  # a project in which something is under way
SINGLE_S = 15.0  # a row on its own: the list does not tell when its job's state or its approvals change
WAITING_S = 60.0  # the same for what waits for approvals while nobody looks at the project
ASKED_S = 2.0  # a person pressed refresh
RETRY_S = 20.0  # a project that could not be read
AGAIN_S = 60.0  # an environment that could not be read on its own
OLD_S = 3600.0  # what an old server shows only by going back through all of a project's deployments
REFUSED_S = 600.0  # a project whose deployments are nobody's to see
SLEPT_S = 30.0  # that much between two looks that no clock of ours counted
ACTED_S = 60.0  # so long after an action its project is read closely

FIRST_ASIDES = 30  # single environments that a first picture asks for
_LIST_PAGE_S = 30.0  # a list of many pages is read less often

_IDLE_PER_MINUTE = 28.0  # of the 60 that are spent where the server names no limit; the rest is for what moves
_SHARE = 0.25  # of a limit that the server names: the engineer's browser and scripts spend from it too
_MOST_PER_MINUTE = 240.0


class Pace(Struct, frozen=True):
    """Seconds between two readings of a project that nobody looks at.

    `changes_s`: what was updated; `environments_s`: their list; `newest_s`: the newest page of deployments, for what
    the updates do not show.
    `asides`: how many single environments one snapshot asks for what these do not show.
    """

    changes_s: float = 40.0
    environments_s: float = 60.0
    newest_s: float = 300.0
    asides: int = 4


def pace(projects: int, limit_per_minute: int | None) -> Pace:
    """More projects are read less often."""
    allowed = _IDLE_PER_MINUTE
    if limit_per_minute is not None:
        allowed = min(_MOST_PER_MINUTE, max(1.0, limit_per_minute * _SHARE))
    all_s = 60.0 * projects / allowed  # how long one request for each project takes
    asides = max(1, round(allowed * POLLING.snapshot_s / 60.0))
    return Pace(max(40.0, all_s * 5 / 4), max(60.0, all_s * 20 / 3), max(300.0, all_s * 20), asides)


def list_s(pages: int) -> float:
    """Return how long a list of so many pages is good for, at least."""
    return _LIST_PAGE_S * pages if pages > 1 else 0.0
