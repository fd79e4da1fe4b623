"""A deployment's build log: the file on the build host, whole from its beginning, then as it grows."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, Sequence

from tui.model.entities import Deployment
from tui.model.errors import NotFound, ProviderError, Refused, Unreachable
from tui.model.log import Cursor, GapKind, Level, LogEntry, LogGap, LogLine, LogSource
from tui.model.status import Status
from tui.model.text import log_text
from tui.providers import http
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.build_lines import Found, Lines, Window, given
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.sockets import Inbox, NoSocket, Sockets
from tui.providers.dokploy.timeline import Timeline
from tui.providers.dokploy.wire import DeploymentRow

_LOOK_S = 2.0  # how often the row is looked at: the socket never says that the build has ended
_QUIET_S = 2.0  # after the end the rest of the file still comes
_FIRST_S = 10.0  # over SSH the first frame takes its time
_SETTLED_S = 0.5  # of silence, and all old lines are there
_REST_POLL_S = 3.0
_TAIL = 10_000
_SHORTER_TAIL = 1_000  # an answer over 1 MiB is a 500

_NO_SERVER = ("SSH error:", "Server not found", "This feature is not available")
_NO_FILE = "tail error:"


class BuildLog:
    def __init__(self, api: Api, sockets: Sockets, picture: Picture, timeline: Timeline) -> None:
        self._api = api
        self._sockets = sockets
        self._picture = picture
        self._timeline = timeline

    async def read(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        wanted = source.deployment or source.service.latest
        if wanted is None:
            raise Refused(f"Dokploy keeps no build log of {source.service.path}: it has no deployments.")
        deployment = await self._timeline.one(wanted.ref, source.service)
        if deployment.status is Status.QUEUED:
            message = f"{source.service.path} waits in Dokploy's queue; its log begins with the build."
            raise Unreachable(message, remedy="It is tried again.")
        row = self._picture.record(source.service.ref, deployment.id)
        if row is None:
            raise NotFound(f"{source.service.path} has no deployment {deployment.id[:60]} any more.")
        if not row.log_path:
            if not cursor.started:
                cursor.token = "none"
                why = row.error_message or "Dokploy wrote no log of this deployment."
                yield LogLine(None, log_text(why.partition("\n")[0]), Level.ERROR, deployment.id)
            return
        try:
            async for entry in self._follow(source, cursor, deployment, row):
                yield entry
        except NoSocket as error:
            if not self._api.has("deployment.readLogs") or row.build_server_id:
                raise  # it does not look on build servers
            if not cursor.started:
                how = "The log is asked for every few seconds instead."
                yield LogGap(None, f"{error.message} {how}", kind=GapKind.NOTE)
            async for entry in self._poll(source, cursor, deployment):
                yield entry

    # -- by socket --------------------------------------------------------------------------------------------

    async def _follow(
        self, source: LogSource, cursor: Cursor, deployment: Deployment, row: DeploymentRow
    ) -> AsyncGenerator[LogEntry, None]:
        clock = self._api.clock
        server = row.build_server_id or self._picture.row(source.service.ref).server_id or ""
        url = self._api.socket("listen-deployment", logPath=row.log_path or "", serverId=server)
        lines = Lines(cursor, deployment.id)
        ended = not deployment.status.in_flight
        async with self._sockets.open([url]) as inbox:
            old, error = await self._old(inbox, lines, None if cursor.started else source.tail, ended=ended)
            for entry in given(old, cursor):
                yield entry
            if error is not None:
                raise error
            looked = clock.monotonic()
            while True:
                taken = await inbox.take(_QUIET_S if ended else _LOOK_S)
                if taken is not None:
                    for entry in given(self._entries(lines, taken[1], ended=ended), cursor):
                        yield entry
                elif ended or not source.follow:
                    break
                if not ended and clock.monotonic() - looked >= _LOOK_S:
                    ended = await self._has_ended(deployment, source)
                    looked = clock.monotonic()
            if ended:
                for entry in given(lines.rest(), cursor):
                    yield entry

    async def _old(
        self, inbox: Inbox, lines: Lines, tail: int | None, *, ended: bool
    ) -> tuple[Sequence[Found], ProviderError | None]:
        """What is in the file already, the newest `tail` lines of it; and what broke it off."""
        found: deque[Found] = deque(maxlen=None if tail is None else max(1, tail))
        began = self._api.clock.monotonic()
        while True:
            silence_s = _SETTLED_S if lines.begun else _FIRST_S if ended else _LOOK_S
            try:
                taken = await inbox.take(silence_s)
                if taken is None:
                    return found, None
                found += self._entries(lines, taken[1], ended=ended)
            except ProviderError as error:
                return found, error
            if not ended and self._api.clock.monotonic() - began >= _LOOK_S:
                return found, None  # a build that talks without pause is never silent

    def _entries(self, lines: Lines, frame: str, *, ended: bool) -> list[Found]:
        """The server says in the log itself what it cannot do."""
        if frame.startswith(_NO_FILE) and lines.between:
            if lines.begun:
                return lines.cut_short()
            said = self._said(frame)
            if ended:
                raise Refused(f"{said}: the file of this log was deleted, or never written.")
            raise Unreachable(f"{said}: the file of this log is not there yet.", remedy="It is tried again.")
        if frame.startswith(_NO_SERVER) and not lines.begun:
            raise Unreachable(f"{self._said(frame)}: the server that has this log is not reached.")
        return lines.take(frame)

    def _said(self, frame: str) -> str:
        return f"Account {self._api.account}: “{self._api.peer.quote(frame.strip().partition(chr(10))[0])}”"

    async def _has_ended(self, deployment: Deployment, source: LogSource) -> bool:
        try:
            return not (await self._timeline.one(deployment.ref, source.service)).status.in_flight
        except NotFound:
            return True

    # -- by REST ----------------------------------------------------------------------------------------------

    async def _poll(self, source: LogSource, cursor: Cursor, deployment: Deployment) -> AsyncGenerator[LogEntry, None]:
        """The last lines, again and again: where no socket comes through."""
        window = Window(cursor, deployment.id)
        first = not cursor.started
        while True:
            ended = await self._has_ended(deployment, source)
            text, limit = await self._tail(deployment)
            found = window.new(text, full=text.count("\n") >= limit, ended=ended)
            for entry in given(found[-max(1, source.tail) :] if first else found, cursor):
                yield entry
            first = False
            if ended or not source.follow:
                return
            await self._api.clock.sleep(_REST_POLL_S)
            if self._api.rest.closed:
                raise http.closed(self._api.peer)

    async def _tail(self, deployment: Deployment) -> tuple[str, int]:
        """The newest lines, and how many they may be at most. A file that is missing is a lone line end."""
        try:
            text = await self._api.text("deployment.readLogs", deploymentId=deployment.id, tail=_TAIL)
            limit = _TAIL
        except Unreachable as error:
            if isinstance(error, NoSocket):
                raise
            try:
                text = await self._api.text("deployment.readLogs", deploymentId=deployment.id, tail=_SHORTER_TAIL)
            except ProviderError:
                raise error from None
            limit = _SHORTER_TAIL
        return ("" if text == "\n" else text), limit
