"""GraphQL's sockets: no redirect carries the credential away, no silence is waited for without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import pytest
from starlette.responses import JSONResponse, Response

from tests.providers.railway_rows import TOKEN, connection, project, railway, world
from tests.providers.server import GraphQLServer, Json, Stream, refusal, serve
from tui.model.entities import Service
from tui.model.errors import ProviderError, UnexpectedReply, Unreachable
from tui.model.log import Cursor, LogKind, LogSource
from tui.providers import graphql_socket
from tui.providers.railway import RailwayProvider


async def watch(provider: RailwayProvider, service: Service) -> None:
    assert service.live is not None
    async for _ in provider.watch(service.live):
        pass


async def read_log(provider: RailwayProvider, service: Service) -> None:
    async for _ in provider.logs(LogSource(LogKind.RUNTIME, service), Cursor()):
        pass


Use = Callable[[RailwayProvider, Service], object]
each_socket = pytest.mark.parametrize("use", [watch, read_log])


@asynccontextmanager
async def listening() -> AsyncIterator[tuple[int, list[bytes]]]:
    """Another origin: its port, and everything that was ever sent there."""
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(b"")
        seen.append(await reader.read(65_536))
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


async def the_service(provider: RailwayProvider) -> Service:
    return (await provider.snapshot()).services[0]


def token_of_a_project(server: GraphQLServer) -> None:
    found = {
        "projectId": "p1",
        "environmentId": "e1",
        "project": {"name": "shop"},
        "environment": {"name": "production"},
    }
    server.answers["ApiToken"] = refusal("Not Authorized")
    server.answers["ProjectToken"] = lambda _: {"projectToken": found}


@each_socket
@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_socket_that_is_sent_on_is_refused_and_the_token_goes_nowhere(use: Use, status: int) -> None:
    async with listening() as (port, seen), serve(world()) as server:
        token_of_a_project(server)
        provider = railway(server)
        service = await the_service(provider)
        assert server.calls[-1].headers["project-access-token"] == TOKEN
        server.refuse_upgrade = Response(status_code=status, headers={"Location": f"ws://127.0.0.1:{port}/"})
        with pytest.raises(UnexpectedReply, match="not followed") as raised:
            await use(provider, service)  # type: ignore[misc]
        assert TOKEN not in str(raised.value)
        assert seen == []
        await provider.aclose()


async def test_a_request_that_is_sent_on_is_refused_and_the_token_goes_nowhere() -> None:
    async with listening() as (port, seen), serve(world()) as server:
        location = {"Location": f"http://127.0.0.1:{port}/"}
        server.answers["ApiToken"] = lambda _: Response(status_code=307, headers=location)
        provider = railway(server)
        with pytest.raises(UnexpectedReply, match="not followed"):
            await provider.snapshot()
        assert seen == []
        await provider.aclose()


@each_socket
async def test_a_socket_that_is_never_acknowledged_is_an_error_in_time_and_leaves_nothing_behind(
    use: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphql_socket, "CONNECT_S", 0.3)
    async with serve(world()) as server:
        server.acknowledge = False
        provider = railway(server)
        service = await the_service(provider)
        tasks = asyncio.all_tasks()
        async with asyncio.timeout(5):
            with pytest.raises(Unreachable, match="did not acknowledge it in time") as raised:
                await use(provider, service)  # type: ignore[misc]
        assert "prod" in str(raised.value)
        assert "opened again" in raised.value.remedy
        assert asyncio.all_tasks() - tasks == {task for task in asyncio.all_tasks() if "uvicorn" in repr(task)} - tasks
        await provider.aclose()


@pytest.mark.parametrize("data", [7, "x", [], None])
async def test_a_frame_whose_data_is_no_object_is_an_error_and_not_a_crash(data: object) -> None:
    async def status(socket: Stream, _: Json) -> None:
        await socket.send({"type": "next", "id": socket.id, "payload": {"data": data}})
        await socket.hold()

    async def hold(socket: Stream, _: Json) -> None:
        await socket.hold()

    async with serve(world()) as server:
        server.streams.update(OnDeployment=status, OnDeploymentEvents=hold)
        provider = railway(server)
        service = await the_service(provider)
        with pytest.raises(UnexpectedReply):
            await watch(provider, service)
        await provider.aclose()


@pytest.mark.parametrize("rows", [7, "x", {"timestamp": 1}, [7], [None]])
async def test_log_rows_of_another_shape_are_a_gap_of_a_line(rows: object) -> None:
    async def log(socket: Stream, _: Json) -> None:
        await socket.next(environmentLogs=rows)
        await socket.hold()

    async with serve(world(EnvironmentLogs=lambda _: {"environmentLogs": []})) as server:
        server.streams["OnEnvironmentLogs"] = log
        provider = railway(server)
        source = LogSource(LogKind.RUNTIME, await the_service(provider))
        async with asyncio.timeout(10), aclosing(provider.logs(source, Cursor())) as stream:  # type: ignore[type-var]
            entry = await anext(stream)
        assert getattr(entry, "reason", "") == "one row of the log could not be read"
        await provider.aclose()


@pytest.mark.parametrize(
    "errors",
    [7, "x", [7], [None], [{}], [{"message": {"deep": 1}}], [{"path": 7, "extensions": []}], {"message": "no"}],
)
async def test_errors_of_any_shape_are_a_sentence(errors: object) -> None:
    async with serve(world(Projects=lambda _: {"projects": connection(project())})) as server:
        server.answers["ApiToken"] = lambda _: JSONResponse({"data": None, "errors": errors})
        provider = railway(server)
        with pytest.raises(ProviderError, match="prod") as raised:
            await provider.snapshot()
        assert "{" not in str(raised.value)
        await provider.aclose()
