"""Log queries: limits, date bounds, the anchored window, filters; and which logs belong to what.

What is written at this very instant becomes visible when time has moved on, so that a stream and a query split time
at the same point and nothing falls between them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypedDict

from tui.demo.clock import DAY, HOUR, SECOND, parse_rfc3339
from tui.demo.entities import Deployment, Environment, Phase
from tui.demo.flows import Log, merged, tail
from tui.demo.railway.errors import PROBLEM, Refusal
from tui.demo.railway.logfilter import keeps_line, keeps_request, parse_filter
from tui.demo.scripts import Line
from tui.demo.traffic import Request
from tui.demo.world import World

RETENTION = 7 * DAY
MOST = 5000
NOT_READY = "Failed to retrieve build log"
NOT_FOUND = "Deployment not found"

KeepLine = Callable[[Line], bool] | None
KeepRequest = Callable[[Request], bool] | None


class LineArguments(TypedDict, total=False):
    filter: str | None
    limit: int | None
    startDate: str | None
    endDate: str | None


class WindowArguments(TypedDict, total=False):
    filter: str | None
    limit: int | None
    beforeLimit: int | None
    beforeDate: str | None
    anchorDate: str | None
    afterDate: str | None
    afterLimit: int | None


def line_filter(world: World, text: str | None) -> KeepLine:
    test = parse_filter(text or "")
    return None if test is None else keeps_line(test, world.deployment)


def request_filter(text: str | None) -> KeepRequest:
    test = parse_filter(text or "")
    return None if test is None else keeps_request(test)


def visible(world: World) -> int:
    return world.now - 1


def instant(text: str | None) -> int | None:
    """Raises Refusal for what is no time."""
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise Refusal(PROBLEM) from None


def limit_of(limit: int | None, usual: int) -> int:
    """One more than was asked for comes back: a known fault of the real API."""
    if limit is None:
        return usual
    if limit < 0:
        raise Refusal(PROBLEM)
    return min(limit, MOST) + 1


def check_build(one: Deployment) -> None:
    """Raises Refusal while there is no build log yet."""
    if one.phase in (Phase.INITIALIZING, Phase.QUEUED):
        raise Refusal(NOT_READY)


def check_runtime(one: Deployment) -> None:
    """Raises Refusal right after the deployment was made."""
    if one.phase is Phase.INITIALIZING:
        raise Refusal(NOT_FOUND)


def build_lines(
    world: World, one: Deployment, keep: KeepLine, limit: int, since: int | None = None, until: int | None = None
) -> list[Line]:
    lines = one.build_lines(min(visible(world), visible(world) if until is None else until))
    chosen = [line for line in lines if (since is None or line.at >= since) and (keep is None or keep(line))]
    return chosen[max(0, len(chosen) - limit) :]


def runtime_lines(
    world: World, one: Deployment, keep: KeepLine, limit: int, since: int | None = None, until: int | None = None
) -> list[Line]:
    stop = min(visible(world), visible(world) if until is None else until)
    return tail([one.lines], stop, limit, since=max(since or 0, world.now - RETENTION), keep=keep)


@dataclass(frozen=True, slots=True)
class Window:
    """`before` entries up to the anchor but not before `since`, then `after` from it up to `until`."""

    before: int
    since: int
    anchor: int
    after: int
    until: int


def window(world: World, asked: WindowArguments, usual_before: int) -> Window:
    """`usual_before` counts when neither side is asked for."""
    anchor, until = instant(asked.get("anchorDate")), instant(asked.get("afterDate"))
    before, after = asked.get("beforeLimit"), asked.get("afterLimit")
    nothing_asked = before is None and after is None and anchor is None
    return Window(
        usual_before if nothing_asked else min(before or 0, MOST),
        max(instant(asked.get("beforeDate")) or 0, world.now - RETENTION),
        visible(world) if anchor is None else anchor,
        min(after or 0, MOST),
        world.now + HOUR if until is None else until,
    )


def anchored(world: World, logs: list[Log[Line]], keep: KeepLine, asked: Window) -> list[Line]:
    head = tail(logs, min(asked.anchor, visible(world)), asked.before, since=asked.since, keep=keep)
    stop = min(asked.until, visible(world))
    if not asked.after or stop < asked.anchor:
        return head
    following = merged(logs, asked.anchor if asked.before else asked.anchor - 1, stop)
    return head + list(islice((line for line in following if keep is None or keep(line)), asked.after))


def anchored_requests(world: World, one: Deployment, keep: KeepRequest, asked: Window) -> list[Request]:
    """The later side begins at the anchor itself: whoever resumes there sees the last request again."""
    logs = [one.requests]
    head = tail(logs, min(asked.anchor, visible(world)), asked.before, since=asked.since, keep=keep)
    stop = min(asked.until, visible(world))
    if not asked.after or stop < asked.anchor:
        return head
    following = one.requests.window(asked.anchor if asked.before else asked.anchor - 1, stop)
    return head + list(islice((each for each in following if keep is None or keep(each)), asked.after))


def environment_logs(environment: Environment, since: int) -> list[Log[Line]]:
    """Of every deployment that could have written since then. Build logs are not among them."""
    return [one.lines for service in environment.services for one in _writers(service.deployments, since)]


def running_logs(environment: Environment, since: int) -> list[Log[Line]]:
    """The same for a moment ago: without making anybody's history."""
    return [one.lines for service in environment.services for one in _writers(service.recent, since)]


def _writers(deployments: list[Deployment], since: int) -> Iterator[Deployment]:
    for one in deployments:
        if one.lines.flows or one.lines.notes:
            yield one
        if one.live_from is not None and one.removed_at is not None and one.removed_at < since - SECOND:
            return  # those before it were replaced even earlier
