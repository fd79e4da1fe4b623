"""Railway's logs over real sockets: nothing lost, nothing twice, nothing made up."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta

import pytest
from starlette.responses import JSONResponse

from tests.providers.loopback import Ledger, until
from tests.providers.railway_rows import (
    connection,
    deployment,
    instance,
    inventory,
    log,
    railway,
    request,
    world,
)
from tests.providers.server import GraphQLServer, Json, Stream, errors, refusal, serve
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import NotFound, ProviderError, UnexpectedReply, Unreachable
from tui.model.log import Cursor, GapKind, HttpRequest, Level, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.model.status import Status
from tui.providers.railway import RailwayProvider
from tui.providers.railway.logs import Patience
from tui.providers.stamps import nanoseconds

QUICK = Patience(first=0.2, silent=0.2, silent_at_most=0.4, in_flight=0.1, switch=0.05, ask=0.1, shortest_window=0.1)


def line(number: int, message: str | None = None, **more: object) -> Json:
    """Line `number` of a log of one line a second."""
    at = datetime(2026, 9, 1, 12, 0, tzinfo=UTC) + timedelta(seconds=number)
    return log(f"{at:%Y-%m-%dT%H:%M:%S}.000000001Z", message or f"line {number}", **more)


def texts(entries: list[LogEntry]) -> list[str]:
    return [entry.text if isinstance(entry, LogLine) else f"<{type(entry).__name__}>" for entry in entries]


async def the_service(provider: RailwayProvider) -> Service:
    return (await provider.snapshot()).services[0]


def building(service: Service, status: Status = Status.BUILDING) -> Deployment:
    return Deployment(Ref("prod", Kind.DEPLOYMENT, "d1"), service.ref, status, status.upper())


class Reader:
    """Reads a stream until it has what a test waits for, keeping the cursor for the next one."""

    def __init__(self, provider: RailwayProvider, source: LogSource) -> None:
        self.provider = provider
        self.source = source
        self.cursor = Cursor()
        self.entries: list[LogEntry] = []

    async def take(self, count: int) -> list[str]:
        """The next `count` entries, as text."""
        before = len(self.entries)
        async with asyncio.timeout(5), aclosing(self.provider.logs(self.source, self.cursor)) as stream:  # type: ignore[type-var]
            async for entry in stream:
                self.entries.append(entry)
                if len(self.entries) == before + count:
                    break
        return texts(self.entries[before:])

    async def all(self) -> list[str]:
        """Everything until the end, or until it breaks."""
        before = len(self.entries)
        async with asyncio.timeout(5):
            async for entry in self.provider.logs(self.source, self.cursor):
                self.entries.append(entry)
        return texts(self.entries[before:])

    async def broken(self) -> ProviderError:
        with pytest.raises(ProviderError) as raised:
            await self.all()
        return raised.value


def kept(
    server: GraphQLServer, lines: list[Json], field: str = "environmentLogs", name: str = "EnvironmentLogs"
) -> None:
    """Answers the query for old lines as Railway does: the newest, oldest first, one more than asked for."""

    def answer(variables: Json) -> Json:
        limit = variables.get("beforeLimit") or variables.get("limit") or 100
        since = variables.get("beforeDate") or variables.get("startDate")
        until_ = variables.get("anchorDate") or variables.get("endDate")
        found = [
            row
            for row in lines
            if (since is None or nanoseconds(row["timestamp"]) >= nanoseconds(since))
            and (until_ is None or nanoseconds(row["timestamp"]) <= nanoseconds(until_))
        ]
        return {field: found[-limit - 1 :]}

    server.answers[name] = answer


# -- old and new --------------------------------------------------------------------------------------


async def test_old_lines_come_first_then_new_ones_and_the_replay_between_is_told_apart() -> None:
    lines = [line(n) for n in range(6)]

    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(environmentLogs=lines[2:])  # Railway replays what it has just told
        await socket.next(environmentLogs=[line(6)])
        await socket.hold()

    async with serve(world()) as server:
        kept(server, lines)
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        assert await reader.take(7) == [f"line {n}" for n in range(7)]
        await provider.aclose()
    asked = server.named("EnvironmentLogs")[0].variables
    assert asked["environmentId"] == "e1"
    assert asked["filter"] == "@service:s1"
    assert server.subscribed[0].headers["authorization"].startswith("Bearer ")


async def test_a_tail_shorter_than_the_replay_shows_no_older_line() -> None:
    lines = [line(n) for n in range(150)]

    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(environmentLogs=lines[50:])
        await socket.next(environmentLogs=[line(150)])
        await socket.hold()

    async with serve(world()) as server:
        kept(server, lines)
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider), tail=3))
        assert await reader.take(4) == ["line 147", "line 148", "line 149", "line 150"]
        await provider.aclose()


async def test_one_row_more_than_asked_for_is_not_shown() -> None:
    async with serve(world()) as server:
        kept(server, [line(n) for n in range(20)])
        provider = railway(server)
        source = LogSource(LogKind.RUNTIME, await the_service(provider), tail=5, follow=False)
        assert await Reader(provider, source).all() == [f"line {n}" for n in range(15, 20)]
        await provider.aclose()


async def test_equal_lines_of_one_instant_stay_as_many_as_they_are() -> None:
    twins = [line(1, "twin"), line(1, "twin")]

    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(environmentLogs=twins)
        await socket.next(environmentLogs=[line(1, "twin"), line(2)])  # a third one, in the same nanosecond
        await socket.hold()

    async with serve(world()) as server:
        kept(server, twins)
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        assert await reader.take(4) == ["twin", "twin", "twin", "line 2"]
        await provider.aclose()


async def test_lines_that_fell_between_the_reading_and_the_socket_are_read_again() -> None:
    lines = [line(n) for n in range(3)]

    async def stream(socket: Stream, _: Json) -> None:
        await until(lambda: socket.server.named("EnvironmentLogs"))
        lines.extend(line(n) for n in range(3, 6))  # written while neither looked
        await socket.next(environmentLogs=[line(5)])
        await socket.hold()

    async with serve(world()) as server:
        kept(server, lines)
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        assert await reader.take(6) == [f"line {n}" for n in range(6)]
        await provider.aclose()


async def test_times_are_compared_as_numbers() -> None:
    """As strings, "…00Z" would come after "…00.5Z"."""
    lines = [
        log("2026-09-01T12:00:00Z", "first"),
        log("2026-09-01T12:00:00.5Z", "second"),
        log("2026-09-01T12:00:00.500000001Z", "third"),
    ]

    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(environmentLogs=[*lines, log("2026-09-01T12:00:01Z", "fourth")])
        await socket.hold()

    async with serve(world()) as server:
        kept(server, lines)
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        assert await reader.take(4) == ["first", "second", "third", "fourth"]
        await provider.aclose()


# -- breaks -------------------------------------------------------------------------------------------


async def test_a_dropped_socket_is_gone_on_from_without_loss_or_repeat() -> None:
    lines = [line(n) for n in range(4)]
    dropped = asyncio.Event()

    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(environmentLogs=lines[-4:])
        if len(socket.server.subscribed) == 1:
            lines.append(line(4))
            await socket.next(environmentLogs=[line(4)])
            await dropped.wait()
            socket.server.cut()
        else:
            lines.append(line(400))
            await socket.next(environmentLogs=[line(400)])
        await socket.hold()

    async with serve(world()) as server:
        kept(server, lines)
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        assert await reader.take(5) == [f"line {n}" for n in range(5)]
        dropped.set()
        lines.extend(line(n) for n in range(5, 300))  # more than any replay, while nobody listens
        assert await reader.take(296) == [*(f"line {n}" for n in range(5, 300)), "line 400"]
        await provider.aclose()


async def test_a_break_in_mid_stream_is_an_error_that_asks_for_another_try() -> None:
    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(environmentLogs=[line(1)])
        await until(lambda: len(reader.entries) == 1)
        socket.server.cut()

    async with serve(world()) as server:
        kept(server, [])
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        error = await reader.broken()
        assert isinstance(error, Unreachable)
        assert "prod" in error.message
        assert texts(reader.entries) == ["line 1"]
        await provider.aclose()


async def test_lines_that_the_platform_has_forgotten_are_a_gap() -> None:
    lines = [line(1)]

    async def stream(socket: Stream, _: Json) -> None:
        await socket.hold()

    async with serve(world()) as server:
        kept(server, lines)
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        assert await reader.take(1) == ["line 1"]
        lines[:] = [line(900)]
        assert await reader.take(2) == ["<LogGap>", "line 900"]
        await provider.aclose()


async def test_a_long_break_is_read_page_by_page() -> None:
    lines = [line(0)]

    async def stream(socket: Stream, _: Json) -> None:
        await socket.hold()

    async with serve(world()) as server:
        kept(server, lines)
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        assert await reader.take(1) == ["line 0"]
        lines.extend(line(n // 3, f"line {n}") for n in range(1, 3500))  # three lines an instant, across pages
        assert await reader.take(3499) == [f"line {n}" for n in range(1, 3500)]
        await provider.aclose()


async def test_acknowledged_and_then_silence_is_noticed_when_there_are_newer_lines() -> None:
    lines = [line(1)]

    async def stream(socket: Stream, _: Json) -> None:
        await until(lambda: reader.entries)
        lines.append(line(2))  # and nothing is said of it
        await socket.hold()

    async with serve(world()) as server:
        kept(server, lines)
        provider = railway(server, patience=QUICK)
        service = await the_service(provider)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, service, tail=10))
        server.streams["OnEnvironmentLogs"] = stream
        error = await reader.broken()
        assert isinstance(error, Unreachable)
        assert "silent" in error.message
        await provider.aclose()


async def test_a_service_that_says_nothing_is_left_in_peace() -> None:
    async def stream(socket: Stream, _: Json) -> None:
        await until(lambda: len(socket.server.named("EnvironmentLogs")) >= 3)  # it was asked about twice
        await socket.next(environmentLogs=[line(9)])
        await socket.hold()

    async with serve(world()) as server:
        kept(server, [line(1)])
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server, patience=QUICK)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        assert await reader.take(2) == ["line 1", "line 9"]
        assert len(server.subscribed) == 1
        await provider.aclose()


async def test_a_malformed_frame_is_a_clear_error_and_not_an_endless_wait() -> None:
    for frame in ("[1]", '"x"', "no json", '{"type":"next","id":"1","payload":7}', '{"type":"next","id":"x"}'):

        async def stream(socket: Stream, _: Json, frame: str = frame) -> None:
            await socket.raw(frame)
            await socket.hold()

        async with serve(world()) as server:
            kept(server, [])
            server.streams["OnEnvironmentLogs"] = stream
            provider = railway(server)
            error = await Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider))).broken()
            assert isinstance(error, UnexpectedReply), frame
            await provider.aclose()


async def test_half_an_emoji_and_a_huge_line_do_not_cost_the_stream() -> None:
    async def stream(socket: Stream, _: Json) -> None:
        row = line(1, "cut")
        text = '{"type":"next","id":"%s","payload":{"data":{"environmentLogs":[%s]}}}'
        message = str(row).replace("'", '"').replace("None", "null").replace('""info""', '"\\"info\\""')
        await socket.raw(text % (socket.id, message.replace('"cut"', '"half \\ud83d done"')))
        await socket.next(environmentLogs=[line(2, "x" * 3_000_000)])
        await socket.hold()

    async with serve(world()) as server:
        kept(server, [])
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        first, second = await reader.take(2)
        assert first == "half  done"
        assert len(second) == 3_000_000
        await provider.aclose()


async def test_closing_the_provider_ends_a_stream_under_way() -> None:
    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(environmentLogs=[line(1)])
        await socket.hold()

    async with serve(world()) as server:
        kept(server, [])
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(reader.broken())
            await until(lambda: reader.entries)
            await provider.aclose()
        assert isinstance(task.result(), Unreachable)


# -- what a line is -----------------------------------------------------------------------------------


async def test_levels_colours_controls_and_several_lines_in_one_message() -> None:
    rows = [
        log("2026-09-01T12:00:00Z", "a\nb\n", attributes=[{"key": "lvl", "value": '"warn"'}]),
        log("2026-09-01T12:00:01Z", "\x1b[31mred\x1b[0m\x1b]52;c;ZXZpbA==\x07!", attributes=[], severity="err"),
        log("2026-09-01T12:00:02Z", "plain", attributes=[], tags=None),
        log(
            "2026-09-01T12:00:03Z",
            "more",
            attributes=[{"key": "level", "value": '"error"'}, {"key": "user", "value": '"a\\u001b[2Jb"'}],
        ),
    ]
    async with serve(world()) as server:
        kept(server, rows)
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider), follow=False))
        assert await reader.all() == ["a", "b", "\x1b[31mred\x1b[0m!", "plain", "more"]
        found = [entry for entry in reader.entries if isinstance(entry, LogLine)]
        assert [entry.level for entry in found] == [Level.WARN, Level.WARN, Level.ERROR, Level.INFO, Level.ERROR]
        assert found[0].at == found[1].at
        assert (found[0].deployment, found[0].instance) == ("d1", "i1")
        assert (found[3].deployment, found[3].instance) == ("", "")
        assert found[4].attributes == {"user": "ab"}
        await provider.aclose()


async def test_what_railway_says_it_dropped_is_a_gap_after_the_line() -> None:
    async with serve(world()) as server:
        kept(server, [line(1, "Railway rate limit of 500 logs/sec reached. Messages dropped: 37")])
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider), follow=False))
        said, gap = await reader.all()
        assert said.endswith("Messages dropped: 37")
        assert gap == "<LogGap>"
        assert isinstance(reader.entries[1], LogGap)
        assert (reader.entries[1].lines, reader.entries[1].kind) == (37, GapKind.DROPPED)
        await provider.aclose()


@pytest.mark.parametrize(
    "text",
    [
        "statsd: messages dropped: 0 in the last minute",
        "consumer lag 5, messages dropped: 12 (by policy)",
        "Messages dropped: 0",
        "worker said: Messages dropped: 3",
    ],
)
async def test_what_an_app_says_of_dropped_messages_is_no_gap(text: str) -> None:
    async with serve(world()) as server:
        kept(server, [line(1, text)])
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider), follow=False))
        assert await reader.all() == [text]
        await provider.aclose()


async def test_one_odd_row_is_told_and_the_others_are_shown() -> None:
    async with serve(world()) as server:
        server.answers["EnvironmentLogs"] = lambda _: {"environmentLogs": [line(1), {"message": 7}, None, line(2)]}
        provider = railway(server)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider), follow=False))
        assert await reader.all() == ["line 1", "<LogGap>", "<LogGap>", "line 2"]
        await provider.aclose()


# -- what is asked for --------------------------------------------------------------------------------


async def test_a_search_is_pushed_down_in_parentheses() -> None:
    async with serve(world()) as server:
        kept(server, [])
        provider = railway(server)
        service = await the_service(provider)
        source = LogSource(LogKind.RUNTIME, service, search="@level:error OR timeout", follow=False)
        await Reader(provider, source).all()
        assert server.named("EnvironmentLogs")[0].variables["filter"] == ("@service:s1 AND (@level:error OR timeout)")
        await provider.aclose()


async def test_since_and_until_bound_the_old_lines() -> None:
    start = datetime(2026, 9, 1, 12, 0, tzinfo=UTC)
    async with serve(world()) as server:
        kept(server, [line(n) for n in range(100)])
        provider = railway(server)
        service = await the_service(provider)
        source = LogSource(
            LogKind.RUNTIME,
            service,
            since=start + timedelta(seconds=10),
            until=start + timedelta(seconds=13, milliseconds=1),
        )
        assert await Reader(provider, source).all() == ["line 10", "line 11", "line 12", "line 13"]
        assert server.subscribed == []
        await provider.aclose()


async def test_a_deployments_own_log_is_asked_for_with_dates() -> None:
    async with serve(world()) as server:
        kept(server, [line(n) for n in range(10)], "deploymentLogs", "DeploymentLogs")
        provider = railway(server)
        service = await the_service(provider)
        since = datetime(2026, 9, 1, 12, 0, 7, tzinfo=UTC)
        source = LogSource(LogKind.RUNTIME, service, service.latest, since=since, search="x", follow=False)
        assert await Reader(provider, source).all() == ["line 7", "line 8", "line 9"]
        asked = server.named("DeploymentLogs")[0].variables
        assert asked["startDate"] == "2026-09-01T12:00:07.000000000Z"
        assert asked["filter"] == "x"
        await provider.aclose()


# -- build logs ---------------------------------------------------------------------------------------


async def test_a_build_log_ends_when_the_socket_closes_and_the_build_is_done() -> None:
    lines = [line(n) for n in range(3)]

    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(buildLogs=lines[:2])
        await until(lambda: len(reader.entries) >= 2)
        socket.server.answers["Deployment"] = lambda _: {"deployment": deployment("d1", "DEPLOYING")}
        await socket.close()  # the last line never came through

    async with serve(world(Deployment=lambda _: {"deployment": deployment("d1", "BUILDING")})) as server:
        server.answers["BuildLogs"] = lambda _: {"buildLogs": lines if len(reader.entries) >= 2 else lines[:1]}
        server.streams["OnBuildLogs"] = stream
        provider = railway(server)
        service = await the_service(provider)
        reader = Reader(provider, LogSource(LogKind.BUILD, service, building(service)))
        assert await reader.all() == ["line 0", "line 1", "line 2"]
        await provider.aclose()


async def test_a_build_socket_that_closes_too_early_is_tried_again() -> None:
    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(buildLogs=[line(0)])
        await socket.close(1011)

    async with serve(world(Deployment=lambda _: {"deployment": deployment("d1", "BUILDING")})) as server:
        server.answers["BuildLogs"] = lambda _: {"buildLogs": [line(0)]}
        server.streams["OnBuildLogs"] = stream
        provider = railway(server)
        service = await the_service(provider)
        reader = Reader(provider, LogSource(LogKind.BUILD, service, building(service)))
        assert isinstance(await reader.broken(), Unreachable)
        assert texts(reader.entries) == ["line 0"]
        await provider.aclose()


async def test_complete_ends_a_build_log() -> None:
    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(buildLogs=[line(0), line(1)])
        await socket.complete()
        await socket.hold()

    async with serve(world(Deployment=lambda _: {"deployment": deployment("d1", "SUCCESS")})) as server:
        server.answers["BuildLogs"] = lambda _: {"buildLogs": [line(0), line(1)]}
        server.streams["OnBuildLogs"] = stream
        provider = railway(server)
        service = await the_service(provider)
        reader = Reader(provider, LogSource(LogKind.BUILD, service, building(service)))
        assert await reader.all() == ["line 0", "line 1"]
        await provider.aclose()


async def test_a_finished_build_is_read_without_a_socket() -> None:
    async with serve(world()) as server:
        server.answers["BuildLogs"] = lambda _: {"buildLogs": [line(0)]}
        provider = railway(server)
        service = await the_service(provider)
        reader = Reader(provider, LogSource(LogKind.BUILD, service, service.latest))
        assert await reader.all() == ["line 0"]
        assert server.subscribed == []
        await provider.aclose()


async def test_a_build_log_that_is_not_there_yet_asks_for_patience() -> None:
    async def not_yet(socket: Stream, _: Json) -> None:
        await socket.next_errors("Failed to retrieve build log")
        await socket.hold()

    async with serve(world(Deployment=lambda _: {"deployment": deployment("d1", "QUEUED")})) as server:
        server.answers["BuildLogs"] = lambda _: {"buildLogs": []}
        server.streams["OnBuildLogs"] = not_yet
        provider = railway(server)
        service = await the_service(provider)
        reader = Reader(provider, LogSource(LogKind.BUILD, service, building(service, Status.QUEUED)))
        error = await reader.broken()
        assert isinstance(error, Unreachable)
        assert "build log" in error.message
        server.answers["BuildLogs"] = refusal("Deployment not found")
        server.streams.pop("OnBuildLogs")
        assert isinstance(await reader.broken(), Unreachable)
        await provider.aclose()


async def test_the_log_of_a_deployment_that_is_gone_is_not_found() -> None:
    async with serve(world()) as server:
        server.answers["DeploymentLogs"] = refusal("Deployment not found")
        provider = railway(server)
        service = await the_service(provider)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, service, building(service, Status.REMOVED), follow=False))
        error = await reader.broken()
        assert isinstance(error, NotFound)
        assert error.trace == "3228611448008834401"
        await provider.aclose()


# -- requests -----------------------------------------------------------------------------------------


async def test_requests_go_on_through_windows_that_end() -> None:
    rows = [request("2026-09-01T12:00:00.1Z", "r1")]

    async def stream(socket: Stream, variables: Json) -> None:
        number = len(socket.server.subscribed)
        rows.append(request(f"2026-09-01T12:00:0{number}.5Z", f"w{number}"))
        since = nanoseconds(variables["anchorDate"])
        await socket.next(httpLogs=[row for row in rows if nanoseconds(row["timestamp"]) >= since])
        if number < 3:
            await asyncio.sleep(QUICK.shortest_window)  # the window's length: it is what ends it
            await socket.complete()
        await socket.hold()

    async with serve(world()) as server:
        kept(server, rows, "httpLogs", "HttpLogs")
        server.streams["OnHttpLogs"] = stream
        provider = railway(server, patience=QUICK)
        source = LogSource(LogKind.HTTP, await the_service(provider))
        reader = Reader(provider, source)
        await reader.take(4)
        found = [entry for entry in reader.entries if isinstance(entry, HttpRequest)]
        assert [entry.id for entry in found] == ["r1", "w1", "w2", "w3"]
        assert found[0].path == "/orders"
        assert found[0].duration_ms == 12
        assert found[0].client_ip == "203.0.113.9"
        await provider.aclose()


async def test_a_window_that_ends_at_once_is_not_reopened_without_end() -> None:
    async def stream(socket: Stream, _: Json) -> None:
        await socket.complete()
        await socket.hold()

    async with serve(world()) as server:
        kept(server, [], "httpLogs", "HttpLogs")
        server.streams["OnHttpLogs"] = stream
        provider = railway(server)
        error = await Reader(provider, LogSource(LogKind.HTTP, await the_service(provider))).broken()
        assert isinstance(error, Unreachable)
        assert len(server.subscribed) == 1
        await provider.aclose()


async def test_requests_follow_the_service_to_its_new_deployment() -> None:
    old = [request("2026-09-01T12:00:00Z", "old")]
    new = [request("2026-09-01T12:05:00Z", "new", deploymentId="d2")]

    async def stream(socket: Stream, _: Json) -> None:
        await socket.hold()

    def answer(variables: Json) -> Json:
        return {"httpLogs": old if variables["deploymentId"] == "d1" else new}

    async with serve(world(HttpLogs=answer)) as server:
        server.streams["OnHttpLogs"] = stream
        provider = railway(server, patience=QUICK)
        reader = Reader(provider, LogSource(LogKind.HTTP, await the_service(provider)))
        async with asyncio.TaskGroup() as group:
            task = group.create_task(reader.take(3))
            await until(lambda: reader.entries)
            old.append(request("2026-09-01T12:04:59Z", "last of the old"))
            second = deployment("d2", createdAt="2026-09-01T12:05:00Z")
            server.answers["Inventory"] = lambda _: inventory(
                instance(latestDeployment=second, activeDeployments=[second])
            )
            await provider.snapshot()
        await task
        found = [entry for entry in reader.entries if isinstance(entry, HttpRequest)]
        assert [(entry.id, entry.deployment) for entry in found] == [
            ("old", "d1"),
            ("last of the old", "d1"),
            ("new", "d2"),
        ]
        await provider.aclose()


async def test_without_snapshots_the_newest_deployment_that_is_up_is_asked_for() -> None:
    rows = [
        deployment("d1"),
        deployment("d2", createdAt="2026-09-01T13:00:00Z"),
        deployment("d0", deploymentStopped=True),
    ]

    async def stream(socket: Stream, _: Json) -> None:
        await socket.hold()

    server = world(
        HttpLogs=lambda v: {"httpLogs": [request("2026-09-01T12:00:01Z", v["deploymentId"])]},
        Deployments=lambda _: {"deployments": connection(*rows)},
    )
    async with serve(server):
        server.streams["OnHttpLogs"] = stream
        first = railway(server)
        service = await the_service(first)
        await first.aclose()
        provider = railway(server, patience=QUICK)  # like `logs -f`: nobody polls
        reader = Reader(provider, LogSource(LogKind.HTTP, service))
        await reader.take(2)
        assert [entry.id for entry in reader.entries if isinstance(entry, HttpRequest)] == ["d1", "d2"]
        assert server.named("Deployments")[0].variables["input"]["status"] == {"in": ["SUCCESS", "SLEEPING"]}
        await provider.aclose()


async def test_following_costs_a_request_for_the_socket_and_one_for_the_old_lines() -> None:
    async def stream(socket: Stream, _: Json) -> None:
        await socket.next(environmentLogs=[line(1)])
        await socket.next(environmentLogs=[line(2)])
        await socket.hold()

    meter = Ledger()
    async with serve(world()) as server:
        kept(server, [line(1)])
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server, meter=meter)
        reader = Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider)))
        before = meter.spent
        await reader.take(2)
        assert meter.spent - before == 2
        await provider.aclose()


async def test_a_query_that_fails_while_the_socket_is_open_closes_it_and_is_told() -> None:
    async def stream(socket: Stream, _: Json) -> None:
        await socket.hold()

    async with serve(world()) as server:
        server.answers["EnvironmentLogs"] = lambda _: JSONResponse(errors("Problem processing request"))
        server.streams["OnEnvironmentLogs"] = stream
        provider = railway(server)
        error = await Reader(provider, LogSource(LogKind.RUNTIME, await the_service(provider))).broken()
        assert isinstance(error, Unreachable)
        assert error.trace == "3228611448008834401"
        await provider.aclose()
