"""A deployment's build log: the file on the build host, whole from its beginning, then as it grows."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator

from msgspec import Struct

from tui.model.entities import Deployment, Service
from tui.model.errors import NotFound, Refused, Unreachable
from tui.model.log import Cursor, Level, LogEntry, LogGap, LogLine, LogSource
from tui.model.status import Status
from tui.model.text import log_text
from tui.providers import http
from tui.providers.dokploy.api import Api
from tui.providers.dokploy.picture import Picture
from tui.providers.dokploy.sockets import NoSocket, Sockets
from tui.providers.dokploy.timeline import Timeline
from tui.providers.dokploy.wire import DeploymentRow

_LOOK_S = 2.0  # how often the row is looked at: the socket never says that the build has ended
_QUIET_S = 2.0  # after the end the rest of the file still comes
_REST_POLL_S = 3.0
_TAIL = 10_000
_IN_BAND = ("tail error:", "SSH error:")
_FAILED = ("Error occurred", "❌")


class _Place(Struct):
    """Where a reader stands in the file: so many lines, the last of them with this check."""

    lines: int = 0
    check: str = ""

    @classmethod
    def of(cls, cursor: Cursor) -> _Place:
        lines, _, check = cursor.token.partition(":")
        return cls(int(lines), check) if lines.isdecimal() else cls()

    def token(self) -> str:
        return f"{self.lines}:{self.check}"


class BuildLog:
    def __init__(self, api: Api, sockets: Sockets, picture: Picture, timeline: Timeline) -> None:
        self._api = api
        self._sockets = sockets
        self._picture = picture
        self._timeline = timeline

    async def read(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        deployment = source.deployment or source.service.latest
        if deployment is None:
            raise Refused(f"{source.service.path} has no deployment with a log: databases have none.")
        deployment = await self._timeline.one(deployment.ref, source.service)
        if deployment.status is Status.QUEUED:
            raise Unreachable(f"{source.service.path}: it waits in the queue; its log begins with the build.")
        row = self._picture.row(source.service.ref, deployment.id)
        if row is None:
            raise NotFound(f"Deployment {deployment.id} of {source.service.path} is gone.")
        if not row.log_path:
            yield LogLine(
                None, log_text(row.error_message or "This deployment has no log."), Level.ERROR, deployment.id
            )
            return
        try:
            async for entry in self._follow(source, cursor, deployment, row):
                yield entry
        except NoSocket as error:
            if not self._api.has("deployment.readLogs"):
                raise
            yield LogGap(None, f"{error.message} The log is asked for instead.")
            async for entry in self._poll(source, cursor, deployment):
                yield entry

    async def _follow(
        self, source: LogSource, cursor: Cursor, deployment: Deployment, row: DeploymentRow
    ) -> AsyncGenerator[LogEntry, None]:
        service = self._picture.known.services.get(source.service.ref)
        server = row.build_server_id or (service.server_id if service is not None else None) or ""
        lines = _Lines(cursor, deployment.id)
        async with self._sockets.open("listen-deployment", logPath=row.log_path or "", serverId=server) as socket:
            ended = not deployment.status.in_flight
            looked = self._api.clock.monotonic()
            while True:
                frame = await socket.receive(_QUIET_S if ended else _LOOK_S)
                if frame is None:
                    if ended or not source.follow:
                        break
                elif not lines.begun and frame.startswith(_IN_BAND):
                    raise self._in_band(frame)
                else:
                    for entry in lines.take(frame):
                        yield entry
                if not ended and self._api.clock.monotonic() - looked >= _LOOK_S:
                    ended = await self._has_ended(source.service, deployment)
                    looked = self._api.clock.monotonic()
            for entry in lines.rest():
                yield entry

    async def _has_ended(self, service: Service, deployment: Deployment) -> bool:
        try:
            return not (await self._timeline.one(deployment.ref, service)).status.in_flight
        except NotFound:
            return True

    def _in_band(self, frame: str) -> Refused | Unreachable:
        """The server says in the log itself that there is none."""
        said = self._api.peer.quote(frame.strip().partition("\n")[0])
        account = f"Account {self._api.account}"
        if frame.startswith("SSH"):
            return Unreachable(f"{account}: Dokploy does not reach the server that has this log ({said}).")
        return Refused(f"{account}: the file of this log is gone, or was never written ({said}).")

    async def _poll(self, source: LogSource, cursor: Cursor, deployment: Deployment) -> AsyncGenerator[LogEntry, None]:
        """The last lines, again and again: where no socket comes through."""
        ended = False
        while True:
            ended = ended or await self._has_ended(source.service, deployment)
            text = await self._api.text("deployment.readLogs", deploymentId=deployment.id, tail=_TAIL)
            lines = _Lines(cursor, deployment.id)
            for entry in lines.take(text):
                yield entry
            if ended:
                for entry in lines.rest():
                    yield entry
            if ended or not source.follow:
                return
            await self._api.clock.sleep(_REST_POLL_S)
            if self._api.rest.closed:
                raise http.closed(self._api.peer)


class _Lines:
    """Frames to lines. What the cursor knows already is replayed and skipped, by count, and checked at its end."""

    def __init__(self, cursor: Cursor, deployment: str) -> None:
        self._cursor = cursor
        self._deployment = deployment
        self._known = _Place.of(cursor)
        self._place = _Place()
        self._partial = ""
        self.begun = False

    def take(self, frame: str) -> list[LogEntry]:
        self.begun = True
        *whole, self._partial = (self._partial + frame).split("\n")
        return [entry for text in whole for entry in self._line(text)]

    def rest(self) -> list[LogEntry]:
        """A last line without an end."""
        text, self._partial = self._partial, ""
        return self._line(text) if text else []

    def _line(self, text: str) -> list[LogEntry]:
        self._place.lines += 1
        self._place.check = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=6).hexdigest()
        if self._place.lines < self._known.lines:
            return []
        if self._place.lines == self._known.lines:
            if self._place.check == self._known.check or "\ufffd" in text:
                return []
            return [LogGap(None, "The log was written anew: what follows may have been shown before.")]
        self._cursor.token = self._place.token()
        return [LogLine(None, log_text(text), _level(text), self._deployment)]


def _level(text: str) -> Level:
    """Dokploy's own last words over a failed build; the rest has no levels."""
    return Level.ERROR if text.startswith(_FAILED[0]) and _FAILED[1] in text else Level.INFO
