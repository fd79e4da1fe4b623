"""A slot: one replica of a Swarm service, or one container of a compose service, judged by all its attempts.

A crash loop is hardly ever seen crashing: for most of its cycle the newest container is `created`, for a second it
runs. What tells is how the former ones of the same image ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec import Struct

from tui.model.status import Status
from tui.providers.dokploy.ages import Span
from tui.providers.dokploy.attempts import Attempt, End, Phase

LOOPS = 2  # ends by itself, lately
LATELY_S = 120.0  # "About a minute" covers two
YOUNG_S = 60.0  # what has run for so long has come up
_UNCLEAR_LOOPS = 3  # ends that may be restarts by a person: two in two minutes are likely, three are not
_RETRIED_S = 10.0  # by then another container is there
_PATIENCE_S = 120.0  # after that, what waits with an error, or as a container that was created, does not come
_SLACK = timedelta(seconds=2)  # between Dokploy's clock and Docker's ages
_BACK_S = 1.5  # Swarm goes back at once; a restart of the same waits for five seconds. Ages are a second off.
_NARROW = timedelta(seconds=75)  # a minute, as Docker tells it during the first hour
_MONITORED = timedelta(seconds=60)  # after which Swarm does not go back any more; a pull may take its time before


class Slot(Struct, frozen=True):
    """`best` is the attempt that stands for it: the one that runs, else the newest. `reason`: why it is not well."""

    name: str
    best: Attempt
    status: Status
    word: str
    reason: str = ""
    is_sure: bool = True
    """False: Swarm's tasks may know better than the containers, or know why."""

    @property
    def is_live(self) -> bool:
        return self.status is Status.LIVE


class Since(Struct, frozen=True):
    """Which ends count: none of these containers, which were there before an action, and none before this moment."""

    former: frozenset[str] = frozenset()
    at: datetime | None = None

    def counts(self, attempt: Attempt) -> bool:
        if attempt.id in self.former:
            return False
        return self.at is None or attempt.since is None or attempt.since.latest >= self.at - _SLACK


def judge(name: str, found: Sequence[Attempt], now: datetime, since: Since | None = None) -> Slot:
    """`found` are a Swarm slot's attempts, newest first, at least one; `now` is when they were read."""
    best = next((each for each in found if each.phase is Phase.RUNNING), None)
    if best is not None:
        return _running(name, best, found, now, since or Since())
    best = next((each for each in found if each.end is not End.TAKEN_AWAY), found[0])
    return _not_running(name, best, found, now, since or Since())


def single(name: str, best: Attempt, now: datetime) -> Slot:
    """Judge a container that nothing replaces: a compose service's."""
    if best.phase is Phase.WAITING and _age_s(best.since, now) >= _PATIENCE_S:
        return Slot(name, best, Status.CRASHED, best.word, "it was created and never started")
    if best.status is Status.LIVE and best.restarted is not None and _age_s(best.since, now) < YOUNG_S:
        age_s = (now - best.restarted).total_seconds()
        if age_s < LATELY_S:
            return Slot(name, best, Status.CRASHED, "crash loop", f"Docker was restarting it {age_s:.0f} s ago")
    return Slot(name, best, best.status, best.word, best.reason if best.status is Status.CRASHED else "")


def _running(name: str, best: Attempt, found: Sequence[Attempt], now: datetime, since: Since) -> Slot:
    if best.status is Status.CRASHED:
        return Slot(name, best, best.status, best.word, best.reason)
    if best.status is Status.LIVE and _age_s(best.since, now) >= YOUNG_S:
        return Slot(name, best, best.status, best.word)
    failed, unclear = _lately(best, found, now, since)
    if len(failed) >= LOOPS or len(failed) + len(unclear) >= _UNCLEAR_LOOPS:
        return _looping(name, best, (*failed, *unclear))
    return Slot(name, best, best.status, best.word, is_sure=not (failed or unclear))


def _not_running(name: str, best: Attempt, found: Sequence[Attempt], now: datetime, since: Since) -> Slot:
    failed, unclear = _lately(best, found, now, since)
    if best.phase is Phase.ENDED:
        return _ended(name, best, (*failed, *unclear), now)
    if len(failed) + len(unclear) >= LOOPS:
        return _looping(name, best, (*failed, *unclear))
    if unclear and all(each.phase is Phase.WAITING for each in found if _same_image(each, best)):
        return Slot(name, best, Status.CRASHED, "cannot start", "its containers cannot be started", is_sure=False)
    waits_in_vain = best.error or best.word == "created"
    if waits_in_vain and _age_s(best.since, now) >= _PATIENCE_S:
        return Slot(name, best, Status.CRASHED, "cannot start", best.error or "its container is never started")
    reason = best.error or (failed[0].reason if failed else "")
    return Slot(name, best, best.status, best.word, reason, is_sure=False)


def _ended(name: str, best: Attempt, before: Sequence[Attempt], now: datetime) -> Slot:
    """The newest has ended, and no other was made: only for a moment, where Swarm tries again or replaces it."""
    if before and best.end is not End.TAKEN_AWAY:
        return _looping(name, best, (best, *before))
    if best.word not in ("dead", "restarting") and _age_s(best.since, now) < _RETRIED_S:
        return Slot(name, best, Status.DEPLOYING, best.word, best.reason, is_sure=False)
    reason = best.reason if best.status is Status.CRASHED else ""
    return Slot(name, best, best.status, best.word, reason, is_sure=False)


def _looping(name: str, best: Attempt, ended: Sequence[Attempt]) -> Slot:
    """`ended`: newest first. The reason is of the newest that Swarm has words for."""
    worded = next((each for each in ended if each.error), ended[0])
    is_sure = any(each.is_told for each in ended)
    return Slot(name, best, Status.CRASHED, "crash loop", worded.reason, is_sure=is_sure)


def _lately(
    best: Attempt, found: Sequence[Attempt], now: datetime, since: Since
) -> tuple[list[Attempt], list[Attempt]]:
    """Return those that ended by themselves lately, and those that may have: of the image of `best`, newest first.

    A container that was created and is not the newest any more could not be started, or was taken away.
    """
    ended = [
        each
        for each in found
        if each is not best
        and each.phase in (Phase.ENDED, Phase.WAITING)
        and _same_image(each, best)
        and since.counts(each)
        and (each.since is None or _age_s(each.since, now) < LATELY_S)
    ]
    unclear = [each for each in ended if each.end is End.UNCLEAR or each.phase is Phase.WAITING]
    return [each for each in ended if each.ended_badly], unclear


def _same_image(one: Attempt, other: Attempt) -> bool:
    """An image that is not told may be any."""
    return not one.image or not other.image or one.image == other.image


def _age_s(since: Span | None, now: datetime) -> float:
    """The age that it has at least; old where nothing is known."""
    return float("inf") if since is None else since.age_s(now)


# -- whether Swarm went back to the former ------------------------------------------------------------------------


class Turn(Struct, frozen=True):
    """What became of the newest deployment in one slot, where the former one runs there."""

    failed: bool  # False: it is on its way
    went_back: bool = False  # Swarm put the former one back, and does not try again
    reason: str = ""
    is_told: bool = False  # by Swarm, why
    is_sure: bool = True  # False: the ages are too coarse to tell it from a restart after one crash


def turn(found: Sequence[Attempt], deployed_at: datetime) -> Turn | None:
    """Return how the deployment that ended at `deployed_at` fares in a slot; None: it runs there, or nothing does.

    Dokploy's rows do not tell: it calls a deployment done when Swarm has taken the order.
    """
    at = next((n for n, each in enumerate(found) if each.phase is Phase.RUNNING), None)
    if at is None:
        return None
    runs, newer, older = found[at], found[:at], found[at + 1 :]
    if runs.since is not None and runs.since.latest < deployed_at - _SLACK:
        failed = [each for each in newer if each.ended_badly and Since(at=deployed_at).counts(each)]
        gave_up = bool(failed) and newer[0] is failed[0]
        if gave_up or len(failed) >= LOOPS:
            return Turn(True, went_back=gave_up, reason=failed[0].reason, is_told=failed[0].is_told)
        return Turn(False)
    if older and _went_back(runs, older[0], older[1:], deployed_at):
        is_sure = not _same_image(runs, older[0]) or all(_is_narrow(each) for each in (runs, older[0]))
        return Turn(True, went_back=True, reason=older[0].reason, is_told=older[0].is_told, is_sure=is_sure)
    return None


def _went_back(runs: Attempt, last: Attempt, before: Sequence[Attempt], deployed_at: datetime) -> bool:
    """Whether `runs` is a former one that Swarm put back after `last`, the only try of the new, had failed."""
    if not last.ended_badly or runs.since is None or last.since is None:
        return False
    of_the_new = last.since.latest >= deployed_at - _SLACK and last.since.earliest <= deployed_at + _MONITORED
    at_once = (runs.since.earliest - last.since.latest).total_seconds() <= _BACK_S
    in_order = runs.since.latest >= last.since.earliest
    tried_before = any(each.ended_badly and Since(at=deployed_at).counts(each) for each in before[:1])
    if not (of_the_new and at_once and in_order) or tried_before:
        return False
    former = next((each for each in before if not each.ended_badly), None)
    if former is None:
        return False  # there was nothing to go back to
    return last.image != runs.image or _same_image(former, last)


def _is_narrow(attempt: Attempt) -> bool:
    since = attempt.since
    return since is not None and since.latest - since.earliest <= _NARROW
