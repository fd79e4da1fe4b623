"""The build log: the trace of the job that deployed, read as it grows, each line once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import msgspec
from msgspec import Struct

from tui.model.clock import Clock
from tui.model.entities import Deployment
from tui.model.errors import NotFound, Refused, UnexpectedReply
from tui.model.log import Cursor, GapKind, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.providers import http
from tui.providers.gitlab import trace
from tui.providers.gitlab.api import Api, project_path
from tui.providers.gitlab.decode import split
from tui.providers.gitlab.timeline import Timeline
from tui.providers.gitlab.trace import CHECKED, Mark, Trace, TraceLine
from tui.providers.gitlab.wire import JobRow
from tui.providers.overlap import Key, key

_ENDED = frozenset({"success", "failed", "canceled", "skipped"})
_NOT_STARTED = frozenset(
    {"created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "manual", "scheduled"}
)
_SOON_S = 3.0  # the runner sends no oftener
_LATE_S = 15.0
_SLOWER = 1.5
_BYTES_PER_S = 128 * 1024  # of a log that can only be read whole
_SLICE = 32 * 1024  # of a log's bytes: some 4 ms of work
_ALIKE = 50  # lines that show where a rewritten log goes on


class Logs:
    def __init__(self, api: Api, timeline: Timeline, clock: Clock) -> None:
        self._api = api
        self._timeline = timeline
        self._clock = clock
        self._closed = asyncio.Event()
        self._by_offset: bool | None = None  # the server can read from an offset on; None: not tried yet

    def aclose(self) -> None:
        """Streams that rest between two readings end."""
        self._closed.set()

    async def read(self, source: LogSource, cursor: Cursor) -> AsyncGenerator[LogEntry, None]:
        if source.kind is not LogKind.BUILD:
            raise Refused(f"GitLab does not offer {source.kind} logs.")
        deployment = source.deployment or source.service.latest
        if deployment is None:
            raise Refused(source.service.doubt or f"{source.service.path} has no deployment yet.")
        path, job = await self._job(deployment)
        reading = _Reading(self, path, cursor)
        at_first = not cursor.started
        wait_s = _SOON_S
        while True:
            ended = job.status in _ENDED
            lines: list[TraceLine] = []
            if ended or job.status not in _NOT_STARTED:
                lines = await reading.more()
                if ended:
                    lines += reading.finish()
                if at_first:
                    lines = _wanted(lines, source, cursor)
                if reading.rewritten and cursor.started:
                    lines, gap = _continued(lines, cursor)
                    if gap is not None:
                        yield gap
                reading.rewritten = False
            at_first = False
            for line in lines:
                _keep(cursor, line)
                yield LogLine(line.at, line.text, deployment=deployment.id, attributes=line.attributes)
            if ended and job.erased_at and not cursor.started:
                yield LogGap(None, "The log of this job was erased.", kind=GapKind.LOST)
            if ended or not source.follow:
                return
            wait_s = _SOON_S if lines else min(_LATE_S, wait_s * _SLOWER)
            if not lines:
                job = await self._api.one(path, JobRow)
                if job.status in _ENDED:
                    continue  # once more, for what came in between
            await self._pause(max(wait_s, reading.size / _BYTES_PER_S))

    async def _job(self, deployment: Deployment) -> tuple[str, JobRow]:
        row = await self._timeline.row(deployment)
        if not row.is_external and row.job is None:
            raise UnexpectedReply(f"The job of deployment {deployment.id} could not be read, so its log is not known.")
        if row.job is None:
            raise Refused(
                f"Deployment {deployment.id} was made through the API, not by GitLab CI: GitLab has no log of it.",
                remedy="Look where it was made.",
            )
        no_log = f"Deployment {deployment.id} was made by a trigger job, which has no log of its own."
        if row.job.downstream_pipeline is not None:
            raise Refused(no_log, remedy="The pipeline that it started has.")
        path = f"{project_path(split(deployment.service)[0])}/jobs/{row.job.id}"
        try:
            return path, await self._api.one(path, JobRow)
        except NotFound as error:
            raise NotFound(f"{error.message} It is gone, or {no_log[0].lower()}{no_log[1:]}") from error

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

    async def fetch(self, path: str, known: Trace, etag: str) -> _Fetched:
        """What came after `known`. Servers that cannot read from an offset on send the whole log each time."""
        if known.end > 1 and self._by_offset is None:
            probe = await self._api.get(f"{path}/trace", {"byte_offset": 0, "byte_limit": 1}, headers=_TEXT)
            self._by_offset = len(probe.content) == 1
        overlap = min(CHECKED, known.end)
        if known.end > 1 and self._by_offset:
            answer = await self._api.get(f"{path}/trace", {"byte_offset": known.end - overlap}, headers=_TEXT)
            body = answer.content
            if trace.check(body[:overlap]) == known.end_check and len(body) >= overlap:
                return _Fetched(body[overlap:], body[:overlap])
            etag = ""
        answer = await self._api.get(f"{path}/trace", headers={**_TEXT, "If-None-Match": etag} if etag else _TEXT)
        if answer.status == 304:
            return _Fetched(b"", etag=etag)
        body, etag = answer.content, answer.headers.get("etag", "")
        if trace.check(body[known.end - overlap : known.end]) == known.end_check and len(body) >= known.end:
            return _Fetched(body[known.end :], body[known.end - overlap : known.end], etag, size=len(body))
        return _Fetched(body, etag=etag, rewritten=True, size=len(body))


class _Fetched(Struct, frozen=True):
    data: bytes
    before: bytes = b""
    etag: str = ""
    rewritten: bool = False  # it is not the log we know: `data` is all of it
    size: int = 0  # that was sent, if it was the whole log


class _Reading:
    """One stream's place in one trace."""

    def __init__(self, logs: Logs, path: str, cursor: Cursor) -> None:
        self.rewritten = False
        self.size = 0
        self._logs = logs
        self._path = path
        self._trace = Trace(_mark(cursor))
        self._etag = ""

    async def more(self) -> list[TraceLine]:
        fetched = await self._logs.fetch(self._path, self._trace, self._etag)
        self._etag = fetched.etag
        self.size = fetched.size or self.size
        if fetched.rewritten:
            self.rewritten = True
            self._trace = Trace()
        lines = self._trace.feed(b"", fetched.before)
        for begin in range(0, len(fetched.data), _SLICE):
            lines += self._trace.feed(fetched.data[begin : begin + _SLICE])
            await asyncio.sleep(0)  # a long log at once would be felt at the keys
        return lines

    def finish(self) -> list[TraceLine]:
        return self._trace.finish()


_TEXT = {"Accept": "text/plain, */*"}


def _wanted(lines: list[TraceLine], source: LogSource, cursor: Cursor) -> list[TraceLine]:
    """Of the old lines those that were asked for. Lines without a time are within any."""
    if lines:
        cursor.token = _token(lines[-1])  # the others are behind us, even if none is told
    since, until = source.since, source.until
    if since is None and until is None:
        return lines[-source.tail :] if source.tail > 0 else []
    return [
        line
        for line in lines
        if line.at is None or ((since is None or line.at >= since) and (until is None or line.at <= until))
    ]


def _continued(lines: list[TraceLine], cursor: Cursor) -> tuple[list[TraceLine], LogEntry | None]:
    """What of a log that was written anew is new: what stands behind the lines that were told last."""
    told = list(cursor.recent)[-_ALIKE:]
    keys = [_key(line) for line in lines]
    for end in range(len(keys), 0, -1):
        if told and keys[max(0, end - len(told)) : end] == told[-end:]:
            return lines[end:], None
    if not lines:
        return [], LogGap(None, "The log of this job was erased.", kind=GapKind.LOST)
    why = "GitLab wrote this log anew; it is told again from its beginning."
    return lines, LogGap(None, why, kind=GapKind.NOTE)


def _keep(cursor: Cursor, line: TraceLine) -> None:
    cursor.token = _token(line)
    cursor.recent.append(_key(line))


def _token(line: TraceLine) -> str:
    return msgspec.json.encode(line.mark).decode()


def _key(line: TraceLine) -> Key:
    return key(line.text, int(line.at.timestamp() * 1_000_000) * 1000 if line.at is not None else -1)


def _mark(cursor: Cursor) -> Mark:
    try:
        return msgspec.json.decode(cursor.token, type=Mark) if cursor.token else Mark()
    except msgspec.DecodeError:
        return Mark()
