"""How long a service's deployments usually take, and how one compares."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from statistics import median

from msgspec import Struct

from tui.model.entities import Deployment
from tui.model.target import has_served

LAST = 20
FEWEST = 3  # of fewer no usual is told
SAME = 1.25  # up to so many times as long, or as short, is as usual


class Usual(Struct, frozen=True):
    """The median of the service's last `of` deployments that went well. None: too few of them tell their times."""

    seconds: float | None
    of: int


def usual(deployment: Deployment, timeline: Iterable[Deployment]) -> Usual:
    """Over those of `timeline` (newest first) that were made before it, in flight ones and those without times left
    out; over all others where it has no time of its own."""
    made = deployment.created_at
    took = [
        seconds
        for each in timeline
        if each.ref != deployment.ref
        and has_served(each)
        and (made is None or each.created_at is None or each.created_at <= made)
        and (seconds := _took(each)) is not None
    ][:LAST]
    return Usual(median(took) if len(took) >= FEWEST else None, len(took))


def _took(deployment: Deployment) -> float | None:
    """None unless it tells both its beginning and its end: a clock that went backwards tells nothing."""
    begin, end = deployment.began_at, deployment.finished_at
    if begin is None or end is None or end < begin:
        return None
    return (end - begin).total_seconds()


def compared(deployment: Deployment, now: datetime, usually: Usual) -> float | None:
    """How many times as long as usual it took, below 1 where it was quicker; None where that cannot be told, as of
    one that did not come so far."""
    took = deployment.duration_s(now)
    if took is None or not usually.seconds or not has_served(deployment):
        return None
    return took / usually.seconds
