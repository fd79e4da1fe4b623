"""The build log over HTTP: read as it grows, whatever the server can, each line once."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace
from starlette.responses import Response

from tests.clocks import FakeClock
from tests.providers.gitlab_server import Call, GitLabServer, deployment, gitlab, job, refusal, the_service, world
from tests.providers.loopback import until
from tui.model.errors import NotFound, Refused, Unreachable
from tui.model.log import Cursor, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.model.text import without_sgr
from tui.providers.gitlab import GitLabProvider


@dataclass(frozen=True)
class Server:
    """What it can."""

    by_offset: bool = False
    etags: bool = True


@dataclass
class Tracing:
    """Job 642 of a running deployment, whose trace a test writes."""

    kind: Server = Server()
    data: bytes = b""
    status: str = "running"
    more: dict[str, Any] = field(default_factory=dict)
    full: int = 0  # times that the whole trace was sent
    unchanged: int = 0

    def trace(self, call: Call) -> Response:
        data = self.data
        if self.kind.by_offset and "byte_offset" in call.query:
            data = data[int(call.query["byte_offset"]) :]
            data = data[: int(call.query.get("byte_limit", len(data)))]
            return Response(data, media_type="text/plain")
        etag = f'W/"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
        if self.kind.etags and call.headers.get("if-none-match") == etag:
            self.unchanged += 1
            return Response(status_code=304, headers={"etag": etag})
        self.full += 1
        return Response(data, media_type="text/plain", headers={"etag": etag} if self.kind.etags else None)

    def server(self) -> GitLabServer:
        return world(
            deployment(41),
            deployment(42, "running"),
            answers={
                "GET projects/7/jobs/642": lambda _: job(642, self.status, **self.more),
                "GET projects/7/jobs/642/trace": self.trace,
            },
        )


async def source(provider: GitLabProvider, **more: Any) -> LogSource:  # noqa: ANN401
    service = await the_service(provider)
    return LogSource(LogKind.BUILD, service, service.latest, **more)


async def read(provider: GitLabProvider, wanted: LogSource, cursor: Cursor | None = None) -> list[str]:
    async with asyncio.timeout(5):
        return [_text(entry) async for entry in provider.logs(wanted, cursor or Cursor())]


def _text(entry: LogEntry) -> str:
    if isinstance(entry, LogLine):
        return without_sgr(entry.text)
    assert isinstance(entry, LogGap)
    return f"({entry.reason})"


@asynccontextmanager
async def following(provider: GitLabProvider, wanted: LogSource, cursor: Cursor) -> AsyncIterator[list[str]]:
    """A reader that goes on; what it read so far."""
    seen: list[str] = []

    async def follow() -> None:
        async with aclosing(provider.logs(wanted, cursor)) as stream:  # type: ignore[type-var]
            async for entry in stream:
                seen.append(_text(entry))  # noqa: PERF401 - it is looked at while it grows
        seen.append("END")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(follow())
        yield seen
        task.cancel()


KINDS = [
    pytest.param(Server(by_offset=True), id="offsets"),
    pytest.param(Server(), id="etags"),
    pytest.param(Server(etags=False), id="whole"),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_growing_trace_is_told_line_by_line_and_once_more_after_the_job_ended(kind: Server) -> None:
    tracing, clock = Tracing(kind), FakeClock()
    tracing.data = b"\x1b[0KRunning\nfirst\nhal"
    server = tracing.server()
    async with gitlab(server, clock=clock) as provider, following(provider, await source(provider), Cursor()) as seen:
        await until(lambda: seen == ["Running", "first"])
        tracing.data += "f é".encode()[:-1]
        asked = len(server.named("GET projects/7/jobs/642/trace"))
        await _passes(clock, lambda: len(server.named("GET projects/7/jobs/642/trace")) > asked)
        tracing.data += "é".encode()[-1:] + b"\nthird\n"
        await _passes(clock, lambda: "third" in seen)
        tracing.data += b"Job succeeded"
        tracing.status = "success"
        await _passes(clock, lambda: seen[-1] == "END")
    assert seen == ["Running", "first", "half é", "third", "Job succeeded", "END"]
    if kind.by_offset:
        assert tracing.full == 1
    if kind == Server():
        assert tracing.unchanged >= 1


@pytest.mark.parametrize("kind", KINDS)
async def test_after_a_cut_at_any_line_the_rest_comes_once(kind: Server) -> None:
    lines = [
        f"section_start:10{n}:s{n}\r\x1b[0Khead\nsame line\nsection_end:11{n}:s{n}\r\x1b[0Kdone\n" for n in range(4)
    ]
    tracing = Tracing(kind, data="".join(lines).encode(), status="success")
    async with gitlab(tracing.server()) as provider:
        wanted = await source(provider)
        whole = await read(provider, wanted)
        assert len(whole) == 16
        for cut in range(1, len(whole)):
            cursor, seen = Cursor(), []
            async with aclosing(provider.logs(wanted, cursor)) as stream:  # type: ignore[type-var]
                async for entry in stream:
                    seen.append(_text(entry))
                    if len(seen) == cut:
                        break
            assert seen + await read(provider, wanted, cursor) == whole
        assert cursor.started


async def test_the_newest_old_lines_come_first_and_what_is_left_out_does_not_come_later() -> None:
    tracing = Tracing(data=b"".join(b"line %d\n" % n for n in range(50)), status="success")
    async with gitlab(tracing.server()) as provider:
        assert await read(provider, await source(provider, tail=3)) == ["line 47", "line 48", "line 49"]
        cursor = Cursor()
        assert await read(provider, await source(provider, tail=0), cursor) == []
        tracing.data += b"line 50\n"
        assert await read(provider, await source(provider, tail=0), cursor) == ["line 50"]


async def test_old_lines_are_bounded_by_their_stamps() -> None:
    data = b"".join(b"2026-01-02T00:00:0%d.000000Z 01O line %d\n" % (n, n) for n in range(9))
    async with gitlab(Tracing(data=data, status="success").server()) as provider:
        since, until_ = (datetime(2026, 1, 2, 0, 0, second, tzinfo=UTC) for second in (3, 5))
        found = await read(provider, await source(provider, since=since, until=until_, tail=1))
        assert found == ["line 3", "line 4", "line 5"]


async def test_a_log_that_is_not_followed_ends_after_what_there_is() -> None:
    tracing = Tracing(data=b"one\ntwo\nthr")
    async with gitlab(tracing.server()) as provider:
        assert await read(provider, await source(provider, follow=False)) == ["one", "two"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_log_that_was_archived_with_other_offsets_goes_on_where_it_was(kind: Server) -> None:
    tracing, clock = Tracing(kind, data=b"".join(b"line %d\n" % n for n in range(30))), FakeClock()
    async with (
        gitlab(tracing.server(), clock=clock) as provider,
        following(provider, await source(provider), Cursor()) as seen,
    ):
        await until(lambda: len(seen) == 30)
        tracing.data = b"a header of thirty bytes more\n" + tracing.data + b"Job succeeded\n"
        tracing.status = "success"
        await _passes(clock, lambda: seen[-1] == "END")
    assert seen == [*(f"line {n}" for n in range(30)), "Job succeeded", "END"]


async def test_a_log_that_became_another_one_says_so() -> None:
    tracing = Tracing(data=b"one\ntwo\n", status="success")
    async with gitlab(tracing.server()) as provider:
        wanted, cursor = await source(provider), Cursor()
        assert await read(provider, wanted, cursor) == ["one", "two"]
        tracing.data = b"quite\nanother\nlog\n"
        again = await read(provider, wanted, cursor)
        assert again == [
            "(GitLab wrote this log anew; it is told again from its beginning.)",
            "quite",
            "another",
            "log",
        ]


async def test_an_erased_log_is_a_gap() -> None:
    tracing = Tracing(status="success", more={"erased_at": "2026-03-02T00:00:00Z"})
    async with gitlab(tracing.server()) as provider:
        assert await read(provider, await source(provider)) == ["(The log of this job was erased.)"]


async def test_a_job_that_has_not_begun_is_waited_for_without_asking_for_its_trace() -> None:
    tracing, clock = Tracing(status="pending"), FakeClock()
    server = tracing.server()
    async with gitlab(server, clock=clock) as provider, following(provider, await source(provider), Cursor()) as seen:
        await _passes(clock, lambda: len(server.named("GET projects/7/jobs/642")) >= 4)
        assert server.named("GET projects/7/jobs/642/trace") == []
        tracing.status, tracing.data = "running", b"".join(b"line %d\n" % n for n in range(600))
        await _passes(clock, lambda: len(seen) == 600)


async def test_an_idle_log_is_asked_for_less_and_less() -> None:
    tracing, clock = Tracing(data=b"one\n"), FakeClock()
    server = tracing.server()
    async with gitlab(server, clock=clock) as provider, following(provider, await source(provider), Cursor()):
        await _passes(clock, lambda: clock.monotonic() > 300)
        assert len(server.named("GET projects/7/jobs/642/trace")) <= 30


async def test_what_has_no_log_says_why() -> None:
    server = Tracing().server()
    async with gitlab(server) as provider:
        wanted = await source(provider)
        assert wanted.deployment is not None
        server.answers["GET projects/7/deployments/43"] = deployment(43, deployable=None)
        bridge = deployment(44, deployable=job(644, downstream_pipeline={"id": 1}))
        server.answers["GET projects/7/deployments/44"] = bridge
        for id_, word in (("43", "made through the API"), ("44", "trigger job")):
            other = replace(wanted.deployment, ref=replace(wanted.deployment.ref, id=id_))
            with pytest.raises(Refused, match=word):
                await read(provider, replace(wanted, deployment=other))
        server.answers["GET projects/7/jobs/642"] = refusal(404, "404 Not found")
        with pytest.raises(NotFound, match="trigger job"):
            await read(provider, wanted)


async def test_closing_ends_a_log_that_rests() -> None:
    tracing = Tracing(data=b"one\n")
    async with gitlab(tracing.server(), clock=FakeClock()) as provider:
        wanted, seen = await source(provider), list[LogEntry]()

        async def follow() -> None:
            async for entry in provider.logs(wanted, Cursor()):
                seen.append(entry)

        async def close() -> None:
            await until(lambda: seen)
            await provider.aclose()

        async with asyncio.timeout(5):
            ended, _ = await asyncio.gather(follow(), close(), return_exceptions=True)
        assert isinstance(ended, Unreachable)


async def _passes(clock: FakeClock, condition: Any) -> None:  # noqa: ANN401
    """Time goes by, a second each look, until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():
            await clock.advance(1)
            await asyncio.sleep(0.002)
