"""The build log of a deployment, from wherever Cloud 66 lets it be read: an operation's log, or lines as pushed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta

from tui.model.clock import Clock
from tui.model.entities import Deployment, Service
from tui.model.errors import NotFound, ProviderError, RateLimited, Refused, Unauthorized
from tui.model.log import Cursor, GapKind, Level, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.model.text import plain
from tui.providers import http
from tui.providers.cloud66 import pending
from tui.providers.cloud66.api import Api, stack_path
from tui.providers.cloud66.faye import PushServer
from tui.providers.cloud66.live_log import CHECK_S, CUT, LiveLog
from tui.providers.cloud66.operation_log import OperationLog
from tui.providers.cloud66.timeline import Timeline
from tui.providers.cloud66.verbs import LACKS
from tui.providers.cloud66.wire import ActionRow
from tui.providers.values import moment

NO_HISTORY = "Cloud 66 offers no log history for a deployment by its id."
ELSEWHERE = "Finished logs: the dashboard, or `cx logs <operation uid>`."
_BEFORE = "Cloud 66 tells deploy logs only from now on; earlier lines are in the dashboard."
_OPT_IN = "Live lines are shown while it runs, if live_logs is set for this account."
_OURS = timedelta(seconds=120)  # a deployment and its action begin at the same time, more or less


class Logs:
    def __init__(self, api: Api, timeline: Timeline, push: PushServer | None, clock: Clock) -> None:
        self._api = api
        self._timeline = timeline
        self._push = push
        self._clock = clock
        self._closed = asyncio.Event()

    @property
    def are_live(self) -> bool:
        return self._push is not None

    async def aclose(self) -> None:
        self._closed.set()
        if self._push is not None:
            await self._push.aclose()

    async def read(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        if source.kind is not LogKind.BUILD:
            raise Refused(LACKS[source.kind])
        deployment = source.deployment or source.service.latest
        if deployment is None:
            raise Refused(source.service.doubt or f"{source.service.path} has no deployment yet.")
        watched = _Watched(self._timeline, source.service, deployment)
        row = (
            None if pending.is_provisional(deployment.ref) else await self._timeline.row(deployment.ref, source.service)
        )
        action = await self._action(source.service, deployment)
        operation = plain((row.operation_uid if row is not None else None) or (action and action.operation_uid) or "")
        stream = (
            OperationLog(self._api, operation, deployment.id, watched.is_over, self._pause).read(source, cursor)
            if operation
            else self._live(source, cursor, watched)
        )
        async with aclosing(stream) as entries:
            async for entry in entries:
                yield entry

    async def _live(self, source: LogSource, cursor: Cursor, watched: _Watched) -> AsyncGenerator[LogEntry, None]:
        over = await watched.is_over()
        if self._push is None:
            raise Refused(f"{NO_HISTORY} {_OPT_IN if not over else ''}".rstrip(), remedy=ELSEWHERE)
        if over or not source.follow:
            yield LogGap(None, CUT) if cursor.started else LogGap(None, f"{NO_HISTORY} {ELSEWHERE}", kind=GapKind.OLDER)
        else:
            started_at = watched.deployment.started_at
            first = LogGap(None, _BEFORE, kind=GapKind.OLDER) if started_at is not None else None
            log = LiveLog(self._push, source.service.ref.id, watched.deployment.id, watched.is_over, self._clock)
            async with aclosing(log.read(cursor, first)) as entries:
                async for entry in entries:
                    yield entry
        if (end := await self._end(source.service, watched)) is not None:
            yield end

    async def _end(self, service: Service, watched: _Watched) -> LogLine | None:
        """How Cloud 66 says that it ended, in its own words."""
        try:
            action = await self._action(service, watched.deployment)
        except (RateLimited, Unauthorized):
            raise
        except ProviderError:
            return None
        if action is None or not action.finished_message:
            return None
        level = Level.INFO if pending.succeeded(action) else Level.ERROR
        text = f"Cloud 66: {plain(action.finished_message)}"
        return LogLine(moment(action.finished_at), text, level, deployment=watched.deployment.id)

    async def _action(self, service: Service, deployment: Deployment) -> ActionRow | None:
        """The action that made the deployment: the one that began with it."""
        id_ = pending.action_of(deployment.ref)
        try:
            rows = (await self._api.newest(stack_path(service.ref.id, "actions"), ActionRow)).rows.items
        except NotFound:
            return None
        if id_ is not None:
            return next((each for each in rows if each.id == id_), None)
        near = [(gap, each) for each in rows if (gap := _apart(each, deployment.started_at)) is not None]
        return min(near, key=lambda found: found[0], default=(None, None))[1]

    async def _pause(self, seconds: float) -> None:
        """Raises Unreachable when the account is closed meanwhile."""
        async with asyncio.TaskGroup() as group:
            sleeping = group.create_task(self._clock.sleep(seconds))
            closing = group.create_task(self._closed.wait())
            await asyncio.wait({sleeping, closing}, return_when=asyncio.FIRST_COMPLETED)
            sleeping.cancel()
            closing.cancel()
        if self._closed.is_set():
            raise http.closed(self._api.peer)


class _Watched:
    """A deployment whose end is waited for, and which may get another id when Cloud 66 lists it."""

    def __init__(self, timeline: Timeline, service: Service, deployment: Deployment) -> None:
        self.deployment = deployment
        self._timeline = timeline
        self._service = service

    async def is_over(self) -> bool:
        """What somebody else has read just now will do."""
        ref = self.deployment.ref
        recent = self._timeline.recent(ref, self._service, CHECK_S)
        self.deployment = recent or await self._timeline.one(ref, self._service)
        return not self.deployment.status.in_flight


def _apart(action: ActionRow, started_at: datetime | None) -> timedelta | None:
    began = moment(action.started_at)
    if not pending.deploys(action) or began is None or started_at is None:
        return None
    gap = abs(started_at - began)
    return gap if gap <= _OURS else None
