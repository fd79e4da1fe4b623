"""Servers: their set-ups are deployments of services of a project of their own, which nothing can be done to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from starlette.websockets import WebSocket

from tests.clocks import START, FakeClock
from tests.providers.dokploy_server import DokployServer, Hasty, Json, iso, provided, refusal, row, service, shop
from tui.model.action import Intent
from tui.model.entities import Kind, Ref, Service, Snapshot
from tui.model.errors import Refused
from tui.model.log import Cursor, LogKind, LogLine, LogSource
from tui.model.status import Status
from tui.providers.dokploy import DokployProvider


def set_up(number: int, status: str = "done", **more: object) -> Json:
    return row(number, status) | {"applicationId": None, "serverId": "s1", "startedAt": None} | more


def with_servers(*set_ups: Json, allowed: bool = True) -> DokployServer:
    server = shop()
    server.answers |= {
        "server.all": lambda _: (
            [{"serverId": "s1", "name": "edge-1"}, {"serverId": "s2", "name": "edge-2"}]
            if allowed
            else refusal(401, 'unauthorized to access resource "server"', "UNAUTHORIZED", path="server.all")
        ),
        "deployment.allByServer": lambda call: list(set_ups) if call.query["serverId"] == "s1" else [],
    }
    return server


def named(snapshot: Snapshot, name: str) -> Service:
    return next(each for each in snapshot.services if each.name == name)


async def test_the_set_ups_of_a_server_are_listed_and_read_one_by_one() -> None:
    server = with_servers(set_up(10), set_up(30, "error", errorMessage="SSH: refused\nat x"), set_up(20))
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
        edge = named(snapshot, "edge-1")
        page = await provider.deployments(edge)
        one = await provider.deployment(Ref("dok", Kind.DEPLOYMENT, "dep20"), edge)
    assert edge.path == "dok/servers/setup/edge-1"
    assert [(each.id, each.status, each.is_live) for each in page.items] == [
        ("dep30", Status.FAILED, False),
        ("dep20", Status.LIVE, True),
        ("dep10", Status.SUPERSEDED, False),
    ]
    assert page.items[0].note == "SSH: refused"
    assert page.items[0].started_at is None
    assert one == page.items[1] == edge.live
    assert edge.latest == page.items[0]
    assert named(snapshot, "api").status is Status.LIVE
    assert {each.ref for each in snapshot.projects} >= {edge.project}
    assert {each.ref for each in snapshot.environments} >= {edge.environment}


async def test_a_server_without_a_recorded_set_up_is_not_called_anything() -> None:
    async with provided(with_servers()) as provider:
        edge = named(await provider.snapshot(), "edge-2")
    assert (edge.status, edge.status_raw, edge.latest) == (Status.UNKNOWN, "no set-up recorded", None)


async def test_nothing_is_shown_and_nothing_asked_again_where_the_key_may_not_read_servers() -> None:
    server, clock = with_servers(set_up(10), allowed=False), FakeClock()
    async with provided(server, clock) as provider:
        for _ in range(10):
            snapshot = await provider.snapshot()
            await clock.advance(60)
    assert [each.name for each in snapshot.services] == ["api"]
    assert not snapshot.problems
    assert len(server.called("server.all")) == 1


async def test_no_verb_can_be_done_to_a_server() -> None:
    async with provided(with_servers(set_up(10), set_up(30, "running"))) as provider:
        edge = named(await provider.snapshot(), "edge-1")
        assert edge.latest is not None
        for verb, handler in provider.handlers.items():
            assert "web interface" in (provider.blocked(verb, edge) or "")
            assert "web interface" in (provider.blocked(verb, edge.latest) or "")
            with pytest.raises(Refused, match="web interface"):
                handler.effect(Intent("i1", verb, edge, edge.latest))


async def test_a_set_ups_log_is_read_from_the_main_host_where_dokploy_writes_it() -> None:
    server = with_servers(set_up(10, logPath="/etc/dokploy/logs/server-x/server-x-1.log"))
    asked: list[dict[str, str]] = []

    async def log(socket: WebSocket) -> None:
        asked.append(dict(socket.query_params))
        await socket.send_text("Installing Docker\ndone\n")

    server.streams["listen-deployment"] = log
    async with provided(server, Hasty()) as provider:
        edge = named(await provider.snapshot(), "edge-1")
        source = LogSource(LogKind.BUILD, edge, edge.latest)
        lines = [each.text async for each in provider.logs(source, Cursor()) if isinstance(each, LogLine)]
        for kind in (LogKind.RUNTIME, LogKind.HTTP):
            with pytest.raises(Refused, match="only the logs of a server's set-ups"):
                await first(provider, LogSource(kind, edge))
    assert lines == ["Installing Docker", "done"]
    assert asked == [{"logPath": "/etc/dokploy/logs/server-x/server-x-1.log"}]


async def first(provider: DokployProvider, source: LogSource) -> Any:  # noqa: ANN401
    async for each in provider.logs(source, Cursor()):
        return each
    return None


@pytest.mark.parametrize(("projects", "shown"), [(("shop",), False), (("servers",), True), (("s*",), True)])
async def test_servers_are_shown_where_their_project_is_wanted(projects: tuple[str, ...], shown: bool) -> None:
    server = with_servers(set_up(10))
    async with provided(server, None, *projects) as provider:
        names = {each.name for each in (await provider.snapshot()).services}
    assert ("edge-1" in names) is shown
    assert bool(server.called("server.all")) is shown


async def test_a_server_that_is_not_reached_is_in_doubt_and_so_is_what_runs_on_it() -> None:
    server = with_servers(set_up(10))
    server.services.append(service("app2", name="web", serverId="s1"))
    server.rows.append(row(15, application="app2"))
    server.answers["docker.getContainers"] = lambda call: (
        refusal(500, "SSH connection error: connect ECONNREFUSED", "X", path="x")
        if call.query.get("serverId")
        else server.containers
    )
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
    edge, web, api = (named(snapshot, name) for name in ("edge-1", "web", "api"))
    assert "ECONNREFUSED" in edge.doubt
    assert edge.state is Status.UNKNOWN
    assert web.state is Status.UNKNOWN
    assert api.state is Status.LIVE


async def test_a_set_up_that_runs_is_looked_at_more_often_and_an_idle_hour_costs_little() -> None:
    server, clock = with_servers(set_up(10)), FakeClock()
    async with provided(server, clock) as provider:
        for _ in range(60):
            await provider.snapshot()
            await clock.advance(60)
        assert len(server.called("server.all")) + len(server.called("deployment.allByServer")) == 60 * 3
        server.answers["deployment.allByServer"] = lambda _: [set_up(59, "running")]
        await provider.snapshot()
        server.calls.clear()
        for _ in range(6):
            await clock.advance(10)
            found = named(await provider.snapshot(), "edge-1")
        assert found.status is Status.BUILDING
        assert len([call for call in server.called("deployment.allByServer") if call.query["serverId"] == "s1"]) == 6


async def test_set_ups_that_could_not_be_read_are_told() -> None:
    server = with_servers(set_up(10), {"deploymentId": None})
    server.answers["server.all"] = lambda _: [{"serverId": "s1", "name": "edge-1"}, {"name": "x"}]
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
        page = await provider.deployments(named(snapshot, "edge-1"))
    assert snapshot.problems == ("2 of the servers and their set-ups could not be read.",)
    assert page.problems == ("1 deployment could not be read and is not shown.",)
    server.answers["deployment.allByServer"] = lambda _: refusal(500, "boom", "X", path="x")
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
    assert any("set-ups of the server edge-1 could not be read" in each for each in snapshot.problems)
    assert named(snapshot, "edge-1").status_raw == "not read"


async def test_check_counts_projects_without_services_and_no_servers_among_the_services() -> None:
    server = with_servers(set_up(10, createdAt=iso(START - timedelta(days=3))))
    server.answers["project.all"] = lambda _: [
        {"projectId": "p1", "name": "shop", "env": "SECRET"},
        {"projectId": "p2", "name": "empty", "env": "SECRET"},
        {"projectId": "p3"},
    ]
    async with provided(server) as provider:
        credential = await provider.check()
    assert credential.sees == "1 service in 3 projects, Dokploy v0.30.2"
    assert not credential.problems
