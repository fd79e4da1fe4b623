"""Dokploy's logs over real sockets: nothing lost, nothing twice, nothing made up, and no end that is none."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.responses import Response
from starlette.websockets import WebSocket

from tests.clocks import START
from tests.providers.dokploy_server import (
    KEY,
    DokployServer,
    Hasty,
    Json,
    Streamer,
    container,
    hold,
    iso,
    job,
    provided,
    refusal,
    row,
    serve,
    service,
    shop,
)
from tests.providers.loopback import Ledger, until
from tui.model.entities import Deployment, Service
from tui.model.errors import Forbidden, ProviderError, Refused, Unauthorized, UnexpectedReply, Unreachable
from tui.model.log import Cursor, GapKind, HttpRequest, Level, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.providers.dokploy import DokployProvider

BUILD, RUNTIME = "listen-deployment", "docker-container-logs"


def texts(entries: list[LogEntry]) -> list[str]:
    return [entry.text if isinstance(entry, LogLine) else f"<{type(entry).__name__}>" for entry in entries]


class Reader:
    """Reads one log with one cursor, as often as a test opens it."""

    def __init__(
        self,
        provider: DokployProvider,
        kind: LogKind,
        service: Service,
        deployment: Deployment | None,
        **more: Any,  # noqa: ANN401
    ) -> None:
        self.provider = provider
        self.source = LogSource(kind, service, deployment, **more)
        self.cursor = Cursor()
        self.entries: list[LogEntry] = []

    async def take(self, count: int) -> list[str]:
        before = len(self.entries)
        async with asyncio.timeout(5), aclosing(self.provider.logs(self.source, self.cursor)) as stream:  # type: ignore[type-var]
            async for entry in stream:
                self.entries.append(entry)
                if len(self.entries) == before + count:
                    break
        return texts(self.entries[before:])

    async def all(self) -> list[str]:
        before = len(self.entries)
        async with asyncio.timeout(5):
            async for entry in self.provider.logs(self.source, self.cursor):
                self.entries.append(entry)
        return texts(self.entries[before:])

    async def broken(self, error: type[ProviderError] = Unreachable) -> list[str]:
        """What came before it broke."""
        before = len(self.entries)
        with pytest.raises(error) as raised:
            await self.all()
        self.error = raised.value
        assert KEY not in str(self.error)
        return texts(self.entries[before:])


async def reader(provider: DokployProvider, kind: LogKind, deployment: str = "", **more: Any) -> Reader:  # noqa: ANN401
    found = (await provider.snapshot()).services[0]
    listed = (await provider.deployments(found)).items
    return Reader(provider, kind, found, next((each for each in listed if each.id == deployment), None), **more)


def sends(*frames: str, then: Callable[[WebSocket], Awaitable[None]] | None = None) -> Streamer:
    async def stream(socket: WebSocket) -> None:
        for frame in frames:
            await socket.send_text(frame)
        if then is not None:
            await then(socket)

    return stream


async def cut(socket: WebSocket) -> None:
    await socket.close(1011)


def closes(code: int, reason: str = "") -> Streamer:
    async def stream(socket: WebSocket) -> None:
        await socket.close(code, reason)

    return stream


def one_after_the_other(*streams: Streamer) -> Streamer:
    """Each connection gets the next."""
    left = list(streams)

    async def stream(socket: WebSocket) -> None:
        await left.pop(0)(socket)

    return stream


def building() -> DokployServer:
    server = shop(service(status="running"))
    server.rows = [row(58, "running"), row(20)]
    return server


# -- build logs ------------------------------------------------------------------------------------------------


async def test_a_finished_log_is_whole_whatever_the_frames_and_ends_though_the_socket_does_not() -> None:
    server = shop()
    server.streams[BUILD] = sends(
        "Initializing dep", "loyment\nCloni", "ng 1%\rCloning 100%\r", "Cloning done\n\x1b[2J✅ bu", "ilt\nlast"
    )
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep20")
        assert await one.all() == ["Initializing deployment", "Cloning done", "✅ built", "last"]
        assert await one.all() == []
    assert {entry.deployment for entry in one.entries if isinstance(entry, LogLine)} == {"dep20"}
    socket = server.opened[0]
    assert socket.headers["x-api-key"] == KEY
    assert "origin" not in socket.headers
    assert dict(socket.query_params) == {"logPath": "/etc/dokploy/logs/shop-api-x1/shop-api-x1-20.log"}


async def test_a_running_build_is_followed_until_its_row_has_ended() -> None:
    server = building()
    go_on = asyncio.Event()

    async def stream(socket: WebSocket) -> None:
        await socket.send_text("one\n")
        await go_on.wait()
        await socket.send_text("two\nError occurred ❌, check the logs for details.\n")
        await hold(socket)

    server.streams[BUILD] = stream
    async with provided(server, Hasty()) as provider, asyncio.TaskGroup() as group:
        one = await reader(provider, LogKind.BUILD, "dep58")
        reading = group.create_task(one.all())
        await until(lambda: one.entries)
        go_on.set()
        await until(lambda: len(one.entries) == 3)
        assert not reading.done()
        server.rows[0]["status"] = "error"
    assert reading.result()[:2] == ["one", "two"]
    assert [entry.level for entry in one.entries if isinstance(entry, LogLine)] == [Level.INFO, Level.INFO, Level.ERROR]


@pytest.mark.parametrize("at", range(1, 5))
async def test_after_a_cut_a_build_goes_on_behind_its_last_line(at: int) -> None:
    server = building()
    lines = [f"line {n} ✅\n" for n in range(6)]
    server.streams[BUILD] = one_after_the_other(
        sends("".join(lines[:at]) + "line", then=cut),
        sends("".join(lines), then=cut),
        sends("".join(lines) + "line 6\n"),
    )
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep58")
        assert await one.broken() == [f"line {n} ✅" for n in range(at)]
        assert await one.broken() == [f"line {n} ✅" for n in range(at, 6)]
        server.rows[0]["status"] = "done"
        assert await one.all() == ["line 6"]


async def test_a_character_cut_at_a_frames_border_makes_no_other_line_of_it() -> None:
    server = shop()
    server.streams[BUILD] = one_after_the_other(sends("a\n✅ b\n", then=cut), sends("a\n\ufffd\ufffd\ufffd", " b\nc\n"))
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep20")
        assert await one.broken() == ["a", "✅ b"]
        assert await one.all() == ["c"]


async def test_a_log_that_was_written_anew_is_told() -> None:
    server = shop()
    server.streams[BUILD] = one_after_the_other(sends("a\nb\n", then=cut), sends("x\ny\nz\n"))
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep20")
        await one.broken()
        assert await one.all() == ["<LogGap>", "z"]


async def test_a_file_that_was_truncated_is_told() -> None:
    server = shop()
    server.streams[BUILD] = sends("a\nb\n", "tail error: tail: /etc/x.log: file truncated\n", "new\n")
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep20")
        assert await one.all() == ["a", "b", "<LogGap>", "new"]


async def test_only_the_newest_lines_come_of_a_long_log_and_all_new_ones() -> None:
    server = building()
    go_on = asyncio.Event()

    async def stream(socket: WebSocket) -> None:
        for n in range(0, 900, 100):
            await socket.send_text("".join(f"{m}\n" for m in range(n, n + 100)))
        await go_on.wait()
        await socket.send_text("900\n901\n902\n903\n")
        await hold(socket)

    server.streams[BUILD] = stream
    async with provided(server, Hasty()) as provider, asyncio.TaskGroup() as group:
        one = await reader(provider, LogKind.BUILD, "dep58", tail=3)
        reading = group.create_task(one.take(7))
        await until(lambda: len(one.entries) == 3)
        go_on.set()
    assert reading.result() == ["897", "898", "899", "900", "901", "902", "903"]


TAIL_ERROR = "tail error: tail: cannot open '/etc/dokploy/logs/a.log' for reading: No such file or directory\n"


@pytest.mark.parametrize(
    ("running", "frame", "error", "words"),
    [
        (False, TAIL_ERROR, Refused, "deleted"),
        (True, TAIL_ERROR, Unreachable, "not there yet"),
        (False, "SSH error: connect ECONNREFUSED 127.0.0.1:1", Unreachable, "not reached"),
        (False, "Server not found", Unreachable, "not reached"),
    ],
)
async def test_what_dokploy_says_in_the_logs_place_is_no_line_of_it(
    running: bool, frame: str, error: type[ProviderError], words: str
) -> None:
    server = building() if running else shop()
    server.streams[BUILD] = sends(frame, then=closes(1011))
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep58" if running else "dep20")
        assert await one.broken(error) == []
    assert words in str(one.error)


async def test_a_deployment_without_a_file_says_why() -> None:
    server = shop()
    server.rows = [row(20, "error", logPath="", errorMessage="SSH connection error: refused\nat x")]
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep20")
        assert await one.all() == ["SSH connection error: refused"]
        assert await one.all() == []
    assert not server.opened


async def test_what_waits_has_no_log_yet_and_a_database_never_has() -> None:
    server = shop()
    server.jobs = [job(1)]
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD)
        await one.broken()
        assert "begins with the build" in str(one.error)
    async with provided(shop(service("d1", "redis")), Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD)
        await one.broken(Refused)


@pytest.mark.parametrize(
    ("build_server", "server_of_the_service", "asked"), [("b1", "s1", "b1"), (None, "s1", "s1"), (None, None, None)]
)
async def test_the_file_is_looked_for_where_it_was_written(
    build_server: str | None, server_of_the_service: str | None, asked: str | None
) -> None:
    server = shop(service(serverId=server_of_the_service))
    server.rows = [row(20, buildServerId=build_server)]
    server.streams[BUILD] = sends("x\n")
    async with provided(server, Hasty()) as provider:
        await (await reader(provider, LogKind.BUILD, "dep20")).all()
    assert server.opened[0].query_params.get("serverId") == asked


# -- the socket itself -----------------------------------------------------------------------------------------


async def test_a_socket_closed_without_a_word_asks_whether_it_is_the_key() -> None:
    server = shop()

    async def close(socket: WebSocket) -> None:
        server.close_without_code()
        await hold(socket)

    server.streams[BUILD] = close
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep20")
        await one.broken(Forbidden)
        assert "another organisation" in str(one.error)
        server.answers["settings.health"] = lambda _: refusal(401, "Unauthorized", None)
        await one.broken(ProviderError)
        assert "refuses the key" in str(one.error)
    assert [socket.query_params["logPath"][-6:] for socket in server.opened] == ["20.log"] * 2


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [(4000, "Invalid log path", Refused), (4003, "Not authorized", Forbidden), (1012, "", Unreachable)],
)
async def test_how_a_socket_closes_says_why(code: int, reason: str, error: type[ProviderError]) -> None:
    server = shop()
    server.streams[BUILD] = closes(code, reason)
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep20")
        await one.broken(error)
    assert reason in str(one.error)


async def test_what_is_no_text_is_no_log() -> None:
    server = shop()

    async def stream(socket: WebSocket) -> None:
        await socket.send_bytes(b"\xff\xfe")
        await hold(socket)

    server.streams[BUILD] = stream
    async with provided(server, Hasty()) as provider:
        await (await reader(provider, LogKind.BUILD, "dep20")).broken(UnexpectedReply)


async def test_closing_ends_a_log_under_way_and_every_open_is_paid_for(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server, meter = building(), Ledger()
    server.streams[BUILD] = sends("x\n")
    async with provided(server, Hasty(), meter=meter) as provider, asyncio.TaskGroup() as group:
        one = await reader(provider, LogKind.BUILD, "dep58")
        reading = group.create_task(one.broken())
        await until(lambda: one.entries)
        assert meter.spent == len(server.calls) + 1
        await provider.aclose()
    assert reading.result() == ["x"]
    assert KEY not in caplog.text
    with pytest.raises(Unreachable):
        await provider.snapshot()


async def test_nothing_is_ever_sent_into_a_socket() -> None:
    server = shop()
    heard: list[str] = []

    async def stream(socket: WebSocket) -> None:
        await socket.send_text("2026-03-14T03:00:00.000000001Z x\r\n")
        while True:
            heard.append(await socket.receive_text())

    server.streams[RUNTIME] = server.streams[BUILD] = stream
    async with provided(server, Hasty()) as provider:
        await (await reader(provider, LogKind.RUNTIME)).take(1)
        await (await reader(provider, LogKind.BUILD, "dep20")).all()
    assert len(server.opened) == 2
    assert heard == []


# -- by REST, where no socket comes through --------------------------------------------------------------------


def without_sockets(server: DokployServer) -> None:
    server.refuse_sockets = True


@pytest.mark.parametrize("where", ["elsewhere", "here"])
async def test_a_socket_that_is_sent_on_is_refused_and_the_key_goes_nowhere_else(where: str) -> None:
    server, other = building(), shop()
    async with serve(other), provided(server, Hasty()) as provider:
        server.sends_sockets_to = (other if where == "elsewhere" else server).url.replace("http", "ws") + "/further"
        server.answers["deployment.readLogs"] = lambda _: "one\n"
        one = await reader(provider, LogKind.BUILD, "dep58")
        assert await one.take(2) == ["<LogGap>", "one"]
    assert isinstance(one.entries[0], LogGap)
    assert "sends on to ws://127.0.0.1" in one.entries[0].reason
    assert "not followed" in one.entries[0].reason
    assert KEY not in one.entries[0].reason
    assert not other.opened
    assert not other.calls
    assert not server.opened


@pytest.mark.parametrize("status", [403, 502])
async def test_why_a_socket_cannot_be_opened_is_said_in_words(status: int) -> None:
    server = building()
    server.denies_sockets = status
    server.answers["deployment.readLogs"] = lambda _: "one\n"
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep58")
        assert await one.take(2) == ["<LogGap>", "one"]
    assert isinstance(one.entries[0], LogGap)
    assert f"answered with an HTTP status {status}" in one.entries[0].reason


async def test_a_build_is_read_by_rest_when_no_socket_can_be_opened() -> None:
    server = building()
    without_sockets(server)
    said = ["one\n", "one\ntwo ✅\nthr", "one\ntwo ✅\nthree\n"]

    def logs(_: Any) -> str:  # noqa: ANN401
        if len(said) > 1:
            return said.pop(0)
        server.rows[0]["status"] = "done"
        return said[0]

    server.answers["deployment.readLogs"] = logs
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep58")
        assert await one.all() == ["<LogGap>", "one", "two ✅", "three"]
        assert await one.all() == []
    assert isinstance(one.entries[0], LogGap)
    assert "cannot be opened" in one.entries[0].reason
    assert server.called("deployment.readLogs")[0].query == {"deploymentId": "dep58", "tail": "10000"}


async def test_a_window_that_moved_on_is_joined_at_the_last_line_or_told() -> None:
    server = shop()
    without_sockets(server)
    texts_ = iter(["".join(f"{n}\n" for n in range(start, start + 10_000)) for start in (0, 5, 40_000)])
    server.answers["deployment.readLogs"] = lambda _: next(texts_)
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep20", tail=20_000)
        assert (await one.all())[-1] == "9999"
        assert await one.all() == ["10000", "10001", "10002", "10003", "10004"]
        assert (await one.all())[:2] == ["<LogGap>", "40000"]


async def test_an_answer_that_is_too_long_for_dokploy_is_asked_for_again_shorter() -> None:
    server = shop()
    without_sockets(server)
    server.answers["deployment.readLogs"] = lambda call: (
        "end\n" if int(call.query["tail"]) < 5000 else refusal(500, "maxBuffer", "INTERNAL_SERVER_ERROR", path="x")
    )
    async with provided(server, Hasty()) as provider:
        assert (await (await reader(provider, LogKind.BUILD, "dep20")).all())[1:] == ["end"]


async def test_a_build_servers_log_is_not_read_by_rest_which_looks_elsewhere() -> None:
    server = shop()
    without_sockets(server)
    server.rows = [row(20, buildServerId="b1")]
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.BUILD, "dep20")
        assert await one.broken() == []
    assert "must let WebSockets through" in one.error.remedy
    assert not server.called("deployment.readLogs")


async def test_a_missing_file_is_a_lone_line_end_and_no_line() -> None:
    server = shop()
    without_sockets(server)
    server.answers["deployment.readLogs"] = lambda _: "\n"
    async with provided(server, Hasty()) as provider:
        assert await (await reader(provider, LogKind.BUILD, "dep20")).all() == ["<LogGap>"]


# -- runtime logs ----------------------------------------------------------------------------------------------


def at(second: int, nano: int = 1) -> str:
    return f"{START + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}.{nano:09d}Z"


def line(number: int) -> str:
    return f"{at(number)} line {number}\r\n"


async def test_old_lines_then_new_ones_with_their_times() -> None:
    server = shop()
    server.streams[RUNTIME] = sends(line(0) + line(1)[:20], line(1)[20:] + f"{at(2)} \x1b[31mred\x1b[0m\x07\r\n")
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.RUNTIME, tail=50)
        assert await one.take(3) == ["line 0", "line 1", "\x1b[31mred\x1b[0m"]
    first = one.entries[0]
    assert isinstance(first, LogLine)
    assert first.at == START
    assert dict(server.opened[0].query_params) == {
        "containerId": "shop-api-x1",
        "tail": "50",
        "since": "all",
        "runType": "swarm",
        "serviceId": "app1",
    }


async def test_replicas_are_merged_by_time_and_the_tail_is_of_all_of_them() -> None:
    """Docker gives its tail of each replica, one replica behind the other."""
    server = shop()
    server.streams[RUNTIME] = sends("".join(line(n) for n in (0, 2, 4)), "".join(line(n) for n in (1, 3, 5)))
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.RUNTIME, tail=4, follow=False)
        assert await one.all() == ["line 2", "line 3", "line 4", "line 5"]


async def test_after_a_cut_nothing_is_lost_and_nothing_comes_twice_though_lines_are_equal() -> None:
    server, clock = shop(), Hasty(START + timedelta(seconds=10))
    same = f"{at(3)} same\r\n"
    server.streams[RUNTIME] = one_after_the_other(
        sends(line(0), line(1), same, same, line(4)[:12], then=cut),
        sends("".join([line(0), line(1), same, same, same, line(4), line(5)]), then=cut),
        sends(line(4) + line(5) + line(6)),
    )
    async with provided(server, clock) as provider:
        one = await reader(provider, LogKind.RUNTIME)
        assert await one.broken() == ["line 0", "line 1", "same", "same"]
        assert await one.broken() == ["same", "line 4", "line 5"]
        assert await one.take(1) == ["line 6"]
    assert [socket.query_params["since"] for socket in server.opened] == ["all", "12s", "10s"]
    assert [socket.query_params["tail"] for socket in server.opened] == ["500", "10000", "10000"]


async def test_lines_that_docker_has_let_go_of_while_we_were_away_are_a_gap() -> None:
    server, clock = shop(), Hasty(START + timedelta(seconds=10))
    server.streams[RUNTIME] = one_after_the_other(sends(line(0), line(1), then=cut), sends(line(7)))
    async with provided(server, clock) as provider:
        one = await reader(provider, LogKind.RUNTIME)
        await one.broken()
        assert await one.take(2) == ["<LogGap>", "line 7"]
    gap = one.entries[-2]
    assert isinstance(gap, LogGap)
    assert gap.is_open
    assert "no longer has" in gap.reason


async def test_a_span_of_which_docker_gives_only_the_newest_lines_says_where_they_begin() -> None:
    server, clock = shop(), Hasty(START + timedelta(days=1))
    server.streams[RUNTIME] = sends("".join(line(n) for n in range(100, 100 + 10_000)))
    async with provided(server, clock) as provider:
        one = await reader(provider, LogKind.RUNTIME, since=START, follow=False)
        await one.all()
    gap = one.entries[0]
    assert isinstance(gap, LogGap)
    assert (gap.kind, gap.at) == (GapKind.OLDER, START + timedelta(seconds=100))
    assert len(one.entries) == 10_001


async def test_how_far_back_docker_is_asked_is_by_its_own_clock() -> None:
    """A minute ahead of ours: by ours the second question would begin after the last line."""
    server, clock, meter = shop(), Hasty(START), Ledger()
    server.streams[RUNTIME] = one_after_the_other(sends(line(55), then=cut), sends(line(55) + line(56)))
    now = clock.now()
    meter.skew.observe(now + timedelta(seconds=59.5), now, now)
    async with provided(server, clock, meter=meter) as provider:
        one = await reader(provider, LogKind.RUNTIME)
        await one.broken()
        assert await one.take(1) == ["line 56"]
    assert [socket.query_params["since"] for socket in server.opened] == ["all", "10s"]


async def test_a_silent_socket_is_doubted_and_opened_again_when_there_are_newer_lines() -> None:
    """It stays open and mute when what it follows was replaced."""
    server = shop()
    server.streams[RUNTIME] = one_after_the_other(sends(line(0)), sends(line(0) + line(40)))
    server.answers["application.readLogs"] = lambda _: line(0).replace("\r", "")
    async with provided(server, Hasty()) as provider, asyncio.TaskGroup() as group:
        one = await reader(provider, LogKind.RUNTIME)
        reading = group.create_task(one.broken())
        await until(lambda: server.called("application.readLogs"))
        assert not reading.done(), "it agrees that there is nothing new"
        server.answers["application.readLogs"] = lambda _: line(40).replace("\r", "")
        await reading
        assert "silent" in str(one.error)
        assert await one.take(1) == ["line 40"]


@pytest.mark.parametrize(
    "said",
    ["Error response from daemon: No such container: x\r\n", "SSH error: connect ECONNREFUSED", "Server not found"],
)
async def test_what_docker_says_in_the_logs_place_is_no_line(said: str) -> None:
    server = shop()
    server.streams[RUNTIME] = sends(said)
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.RUNTIME)
        assert await one.broken() == []


async def test_a_time_span_and_a_word_are_kept_to() -> None:
    server, clock = shop(), Hasty(START + timedelta(seconds=10))
    server.streams[RUNTIME] = sends("".join(line(n) for n in range(9)))
    async with provided(server, clock) as provider:
        since, until_ = START + timedelta(seconds=2), START + timedelta(seconds=4.5)
        one = await reader(provider, LogKind.RUNTIME, since=since, until=until_)
        assert await one.all() == ["line 2", "line 3", "line 4"]
        one = await reader(provider, LogKind.RUNTIME, search="LINE 7", follow=False)
        assert await one.all() == ["line 7"]
    assert server.opened[0].query_params["since"] == "13s"


def stack(*names: str) -> DokployServer:
    server = shop(service("c1", "compose", name="m"))
    server.rows = [row(1, applicationId=None, composeId="c1")]
    server.containers = [container(f"shop-m-x1-{name}-1", id_=name) for name in names]
    return server


async def test_a_compose_service_is_read_container_by_container_and_again_when_they_are_others() -> None:
    server = stack("web", "db")
    server.containers.append(container("shop-m-x1-init-1", "exited", "Exited (0) 2 hours ago", "init"))

    async def stream(socket: WebSocket) -> None:
        number = {"web": 2, "db": 1, "new": 9}[socket.query_params["containerId"]]
        await socket.send_text(line(number))
        await hold(socket)

    server.streams[RUNTIME] = stream
    async with provided(server, Hasty(START + timedelta(seconds=10))) as provider, asyncio.TaskGroup() as group:
        one = await reader(provider, LogKind.RUNTIME)
        reading = group.create_task(one.take(3))
        await until(lambda: len(one.entries) == 2)
        server.containers = [container("shop-m-x1-web-1", id_="new")]
    assert reading.result() == ["line 1", "line 2", "line 9"]
    assert [entry.instance for entry in one.entries if isinstance(entry, LogLine)] == [
        "shop-m-x1-db-1",
        "shop-m-x1-web-1",
        "shop-m-x1-web-1",
    ]
    assert {socket.query_params["runType"] for socket in server.opened} == {"native"}


async def test_a_compose_service_without_containers_is_waited_for_or_refused() -> None:
    server = stack()
    async with provided(server, Hasty()) as provider:
        await (await reader(provider, LogKind.RUNTIME)).broken(Unreachable)
        await (await reader(provider, LogKind.RUNTIME, follow=False)).broken(Refused)


@pytest.mark.parametrize("type_", ["application", "postgres", "compose"])
async def test_runtime_lines_are_read_by_rest_when_no_socket_can_be_opened(type_: str) -> None:
    server = stack("web") if type_ == "compose" else shop(service("x1", type_))
    without_sockets(server)
    said = [line(0) + line(1), line(1) + line(2)]
    server.answers[f"{type_}.readLogs"] = lambda _: said.pop(0).replace("\r", "") if len(said) > 1 else said[0]
    async with provided(server, Hasty(START + timedelta(seconds=10))) as provider:
        one = await reader(provider, LogKind.RUNTIME, tail=2)
        assert await one.take(4) == ["<LogGap>", "line 0", "line 1", "line 2"]
    first, second = server.called(f"{type_}.readLogs")[:2]
    assert first.query["tail"] == "2"
    assert second.query["since"] == "14s"
    assert first.query.get("containerId") == ("web" if type_ == "compose" else None)


async def test_an_older_dokploy_without_rest_logs_says_that_the_socket_is_needed() -> None:
    server = shop()
    without_sockets(server)
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.RUNTIME)
        await one.broken(ProviderError)


# -- requests --------------------------------------------------------------------------------------------------


def entry(number: int, service_: str = "shop-api-x1-service-1@file", **more: object) -> Json:
    began = START - timedelta(seconds=100 - number)
    return {
        "StartUTC": began.strftime("%Y-%m-%dT%H:%M:%S") + ".306691884Z",
        "RequestMethod": "GET",
        "RequestPath": f"/{number}",
        "RequestHost": "shop.example",
        "DownstreamStatus": 200,
        "DownstreamContentSize": 5,
        "Duration": 14_729_375,
        "ClientHost": "10.0.0.1",
        "ServiceName": service_,
        "ServiceURL": {"Scheme": "http"},
        "RequestCount": number,
        **more,
    }


def traffic(server: DokployServer, entries: list[Json]) -> list[Json]:
    """Answers as tRPC does; what was asked is in the list that is given back."""
    asked: list[Json] = []

    def answer(call: Any) -> Json:  # noqa: ANN401
        given = json.loads(call.query["input"])["json"]
        asked.append(given)
        start, end = given["dateRange"]["start"], given["dateRange"]["end"]
        found = [each for each in entries if start <= each["StartUTC"] <= end]
        found.sort(key=lambda each: str(each["StartUTC"]), reverse=given["sort"]["desc"])
        begin = given["page"]["pageIndex"] * given["page"]["pageSize"]
        rows = found[begin : begin + given["page"]["pageSize"]]
        return {"result": {"data": {"json": {"data": rows, "totalCount": len(found)}}}}

    server.answers["trpc/settings.readStatsLogs"] = answer
    server.answers["settings.haveActivateRequests"] = lambda _: True
    return asked


async def test_requests_are_the_services_own_with_both_dates_and_milliseconds() -> None:
    server = shop()
    entries = [
        entry(1),
        entry(2, "shop-api-x1-2-service-1@file"),
        entry(3, "shop-api-x1x-service-1@file"),
        entry(4, "stranger@docker"),
        entry(5, RequestPath="/\x1b[2Jx", DownstreamStatus=502),
        entry(6, StartUTC=None) | {"StartUTC": ""},
    ]
    asked = traffic(server, entries)
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.HTTP, follow=False)
        await one.all()
    requests = [each for each in one.entries if isinstance(each, HttpRequest)]
    assert [(each.path, each.status, each.duration_ms) for each in requests] == [("/1", 200, 14), ("/x", 502, 14)]
    assert requests[0].at == datetime(2026, 3, 14, 2, 58, 21, 306691, tzinfo=UTC)
    assert len({each.id for each in requests}) == 2
    assert set(asked[0]["dateRange"]) == {"start", "end"}
    assert asked[0]["dateRange"]["start"] < iso(START) < asked[0]["dateRange"]["end"]


async def test_a_compose_services_requests_go_by_its_number() -> None:
    server = stack("web")
    traffic(
        server,
        [entry(1, "shop-m-x1-3-web@docker"), entry(2, "shop-m-x1-3-websecure@docker"), entry(3, "shop-m-x1-x@d")],
    )
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.HTTP, follow=False)
        await one.all()
    assert [each.path for each in one.entries if isinstance(each, HttpRequest)] == ["/1", "/2"]


async def test_new_requests_come_once_each_late_ones_too() -> None:
    server, clock = shop(), Hasty()
    entries = [entry(n) for n in (50, 60)]
    asked = traffic(server, entries)
    async with provided(server, clock) as provider, asyncio.TaskGroup() as group:
        one = await reader(provider, LogKind.HTTP)
        reading = group.create_task(one.take(4))
        await until(lambda: len(one.entries) == 2)
        entries += [entry(55), entry(70)]  # Traefik wrote the first when it had ended
    await asyncio.sleep(0)
    reading.result()
    assert [each.path for each in one.entries if isinstance(each, HttpRequest)] == ["/50", "/60", "/55", "/70"]
    assert len(asked) >= 2


async def test_only_as_many_pages_are_read_as_the_tail_needs() -> None:
    server = shop()
    asked = traffic(server, [entry(n / 100, RequestCount=n) for n in range(2000)])  # type: ignore[arg-type]
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.HTTP, follow=False, tail=600)
        await one.all()
    assert len(one.entries) == 600
    assert [each["page"]["pageIndex"] for each in asked] == [0, 1]


async def test_what_is_missing_of_requests_is_said_with_what_to_do() -> None:
    server = shop()
    server.answers["settings.haveActivateRequests"] = lambda _: False
    async with provided(server, Hasty()) as provider:
        one = await reader(provider, LogKind.HTTP)
        await one.broken(Refused)
        assert "Turn on requests" in one.error.remedy
    for other, words in ((service("d1", "redis"), "database"), (service(serverId="s1"), "another server")):
        async with provided(shop(other), Hasty()) as provider:
            one = await reader(provider, LogKind.HTTP)
            await one.broken(Refused)
            assert words in str(one.error)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            {"error": {"json": {"message": "UNAUTHORIZED", "code": -32001, "data": {"code": "UNAUTHORIZED"}}}},
            ProviderError,
        ),
        ({"error": {"json": {"message": "not yours", "code": -32001, "data": {"path": "settings.x"}}}}, Forbidden),
    ],
)
async def test_trpc_wraps_its_refusals(body: Json, error: type[ProviderError]) -> None:
    server = shop()
    server.answers["settings.haveActivateRequests"] = lambda _: True
    server.answers["trpc/settings.readStatsLogs"] = lambda _: Response(
        json.dumps(body), 401, media_type="application/json"
    )
    async with provided(server, Hasty()) as provider:
        await (await reader(provider, LogKind.HTTP)).broken(error)


async def test_a_bad_key_never_opens_anything() -> None:
    server = shop()
    server.answers = dict.fromkeys(server.answers, lambda _: refusal(401, "Unauthorized", None))
    async with provided(server, Hasty()) as provider:
        with pytest.raises(Unauthorized):
            await reader(provider, LogKind.RUNTIME)
    assert not server.opened
