"""Sources of Railway's subscriptions: changes as they happen, and log feeds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, Unpack, cast

from ariadne import SubscriptionType

from tui.demo.entities import Deployment, Phase
from tui.demo.flows import merged
from tui.demo.railway import logs, words
from tui.demo.railway.access import Context, Info, context
from tui.demo.railway.errors import Refusal
from tui.demo.railway.feeds import Feed
from tui.demo.railway.logs import LineArguments, WindowArguments
from tui.demo.railway.render import line_renderer, request_renderer
from tui.demo.railway.words import Wire
from tui.demo.scripts import Line
from tui.demo.traffic import Request
from tui.demo.world import Change, StatusChanged, StepChanged, World

subscription = SubscriptionType()
REPLAY = 100  # of a log, however many were asked for
F = TypeVar("F", bound=Callable[..., object])


def _source(name: str) -> Callable[[F], F]:
    """ariadne's own decorator is typed for generators only, though any async iterable will do."""

    def put(function: F) -> F:
        subscription.set_source(name, cast("Any", function))
        return function

    return put


class Changes:
    """What happens to one deployment from the moment of subscribing on: nothing of what was before."""

    def __init__(self, world: World, deployment: Deployment, kind: type[StatusChanged] | type[StepChanged]) -> None:
        self._queue: asyncio.Queue[Change] = asyncio.Queue()
        self._forget: Callable[[], None] | None = world.listen(self._hear)
        self._deployment = deployment
        self._kind = kind

    def _hear(self, change: Change) -> None:
        if change.deployment is self._deployment and isinstance(change, self._kind):
            self._queue.put_nowait(change)

    def __aiter__(self) -> Changes:
        return self

    async def __anext__(self) -> Change:
        return await self._queue.get()

    async def aclose(self) -> None:
        if self._forget is not None:
            self._forget()
            self._forget = None


@_source("deployment")
async def deployment_source(_root: object, info: Info, id: str) -> Changes:
    asked = context(info)
    return Changes(asked.world, asked.deployment(id), StatusChanged)


@subscription.field("deployment")
def deployment(change: StatusChanged, info: Info, id: str) -> Wire:
    del id
    one = change.deployment
    return words.deployment(context(info).world, one, phase=change.phase, stopped=change.stopped)


@_source("deploymentEvents")
async def events_source(_root: object, info: Info, id: str) -> Changes:
    asked = context(info)
    return Changes(asked.world, asked.deployment(id), StepChanged)


@subscription.field("deploymentEvents")
def deployment_event(change: StepChanged, _info: Info, id: str) -> Wire:
    del id
    return words.event(change.step, finished_at=change.finished_at)


_STILL_TO_BUILD = (Phase.WAITING, Phase.NEEDS_APPROVAL, Phase.QUEUED, Phase.BUILDING)


def _never(_at: int) -> bool:
    return False


def _opened(asked: Context, feed: Feed[Any]) -> Feed[Any]:
    asked.feed = feed
    return feed


@_source("buildLogs")
async def build_logs(_root: object, info: Info, deploymentId: str, **asked_for: Unpack[LineArguments]) -> Feed[Line]:
    asked = context(info)
    world, one = asked.world, asked.deployment(deploymentId)
    keep = logs.line_filter(world, asked_for.get("filter"))

    def over(at: int) -> bool:
        if one.phase in _STILL_TO_BUILD:
            return False
        end = one.changed_at if one.build is None else one.build[1]
        return at >= (end if one.removed_at is None else min(end, one.removed_at))

    def read(after: int, until: int) -> list[Line]:
        return [line for line in one.build_lines(until) if line.at > after and (keep is None or keep(line))]

    return _opened(
        asked,
        Feed(
            world,
            ready=lambda: logs.check_build(one),
            replay=lambda: logs.build_lines(world, one, keep, _replay(asked_for)),
            read=read,
            over=over,
            render=line_renderer(world, info),
            key=str(info.path.key),
            ends_socket=True,
        ),
    )


@_source("deploymentLogs")
async def deployment_logs(
    _root: object, info: Info, deploymentId: str, **asked_for: Unpack[LineArguments]
) -> Feed[Line]:
    asked = context(info)
    world, one = asked.world, asked.deployment(deploymentId)
    keep = logs.line_filter(world, asked_for.get("filter"))

    def read(after: int, until: int) -> list[Line]:
        lines = one.lines.window(after, until)
        return lines if keep is None else [line for line in lines if keep(line)]

    return _opened(
        asked,
        Feed(
            world,
            ready=lambda: logs.check_runtime(one),
            replay=lambda: logs.runtime_lines(world, one, keep, _replay(asked_for)),
            read=read,
            over=_never,
            render=line_renderer(world, info),
            key=str(info.path.key),
        ),
    )


@_source("environmentLogs")
async def environment_logs(
    _root: object, info: Info, environmentId: str, **asked_for: Unpack[WindowArguments]
) -> Feed[Line]:
    asked = context(info)
    world, of = asked.world, asked.environment(environmentId)
    keep = logs.line_filter(world, asked_for.get("filter"))
    window = logs.window(world, asked_for, REPLAY)

    def read(after: int, until: int) -> list[Line]:
        lines = merged(logs.running_logs(of, after), after, min(until, window.until))
        return lines if keep is None else [line for line in lines if keep(line)]

    return _opened(
        asked,
        Feed(
            world,
            ready=lambda: None,
            replay=lambda: logs.anchored(world, logs.environment_logs(of, window.since), keep, window),
            read=read,
            over=lambda at: at >= window.until,
            render=line_renderer(world, info),
            key=str(info.path.key),
        ),
    )


@_source("httpLogs")
async def http_logs(
    _root: object, info: Info, deploymentId: str, **asked_for: Unpack[WindowArguments]
) -> Feed[Request]:
    asked = context(info)
    world, one = asked.world, asked.deployment(deploymentId)
    keep = logs.request_filter(asked_for.get("filter"))
    window = logs.window(world, asked_for, REPLAY)

    def read(after: int, until: int) -> list[Request]:
        found = one.requests.window(after, min(until, window.until))
        return found if keep is None else [each for each in found if keep(each)]

    return _opened(
        asked,
        Feed(
            world,
            ready=lambda: logs.check_runtime(one),
            replay=lambda: logs.anchored_requests(world, one, keep, window),
            read=read,
            over=lambda at: at >= window.until,
            render=request_renderer(info),
            key=str(info.path.key),
        ),
    )


def _replay(asked_for: LineArguments) -> int:
    limit = asked_for.get("limit")
    if limit is None:
        return REPLAY
    if limit < 0:
        raise Refusal("Problem processing request")
    return min(limit, REPLAY)
