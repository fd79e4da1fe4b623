"""What Docker's containers say of a service, and to which service each of them belongs."""

from __future__ import annotations

import pytest

from tests.clocks import FakeClock
from tests.providers.dokploy_server import (
    Json,
    container,
    denied,
    provided,
    refusal,
    row,
    service,
    shop,
    the_service,
)
from tui.model.action import Verb
from tui.model.status import Status

LOOPING = [
    container(state="running", status="Up 2 seconds", id_="c3"),
    container("shop-api-x1.1.t2", "exited", "Exited (1) 5 seconds ago"),
    container("shop-api-x1.1.t3", "exited", "Exited (1) 14 seconds ago"),
]
NOTHING = (Status.CRASHED, "done (no container runs)")
TWO = [container("shop-api-x1.1.t1"), container("shop-api-x1.2.t2", "exited", "Exited (137) 3 minutes ago")]


@pytest.mark.parametrize(
    ("containers", "status", "raw", "note"),
    [
        ([container()], Status.LIVE, "done", ""),
        ([container(status="Up 3 hours (unhealthy)")], Status.CRASHED, "done (unhealthy)", "1/1 replicas: Up 3"),
        (
            [container(state="restarting", status="Restarting (1) 4 seconds ago")],
            Status.CRASHED,
            "done (restarting)",
            "Restarting (1)",
        ),
        ([container(state="exited", status="Exited (1) 4 minutes ago")], Status.CRASHED, "done (exited)", "Exited (1)"),
        ([container(state="exited", status="Exited (0) 1 second ago")], Status.DEPLOYING, "done (exited)", ""),
        ([container(state="exited", status="Exited (0) 2 hours ago")], Status.CRASHED, "done (no container runs)", ""),
        (LOOPING, Status.CRASHED, "done (crash loop)", "Exited (1) 5 seconds ago"),
        (LOOPING[:2], Status.LIVE, "done", ""),
        (
            [container(), container("shop-api-x1.1.old", "exited", "Exited (1) 4 minutes ago")],
            Status.LIVE,
            "done",
            "",
        ),
        (TWO, Status.LIVE, "done", "1/2 replicas: Exited (137)"),
        ([], *NOTHING, "no container runs"),
        ([container("shop-api-x1-db.1.t1", "restarting", "Restarting (1)")], *NOTHING, ""),
        ([container("other.shop-api-x1.1", "restarting", "Restarting (1)")], *NOTHING, ""),
    ],
)
async def test_done_is_not_healthy_the_containers_say(
    containers: list[Json], status: Status, raw: str, note: str
) -> None:
    server = shop()
    server.containers = containers
    async with provided(server) as provider:
        found = await the_service(provider)
    assert found.latest is not None
    assert (found.status, found.status_raw) == (status, raw)
    assert (found.latest.status, found.latest.status_raw) == (status, raw)
    assert found.latest.is_live is (status is not Status.DEPLOYING)
    assert found.live == (found.latest if found.latest.is_live else None)
    assert note in found.latest.note


async def test_a_compose_services_containers_are_its_own_and_not_those_of_a_longer_name() -> None:
    server = shop(service("c1", "compose", name="m"), service("c2", "compose", name="m-x"))
    server.services[0]["appName"], server.services[1]["appName"] = "shop-m", "shop-m-x"
    server.containers = [
        container("shop-m-grafana-1"),
        container("shop-m-x-prom-1", "restarting", "Restarting (2) 1 second ago"),
        container("shop-m_web.1.task"),
    ]
    server.rows = [row(5, application="", applicationId=None, composeId=id_, deploymentId=id_) for id_ in ("c1", "c2")]
    async with provided(server) as provider:
        one, two = (await provider.snapshot()).services
    assert [each.name for each in one.instances] == ["shop-m-grafana-1", "shop-m_web.1"]
    assert (one.status, two.status) == (Status.LIVE, Status.CRASHED)
    assert [each.status_raw for each in two.instances] == ["Restarting (2) 1 second ago"]


async def test_databases_have_no_deployments_and_are_as_dokploy_and_docker_say() -> None:
    server = shop(
        service("d1", "postgres", "done", "a"), service("d2", "redis", "idle", "b"), service("d3", "mongo", "done", "c")
    )
    server.containers = [
        container("shop-a-x1.1.t"),
        container("shop-c-x1.1.t", "restarting", "Restarting (1) 1 second ago"),
    ]
    async with provided(server) as provider:
        found = (await provider.snapshot()).services
        assert (await provider.deployments(found[0])).items == ()
    assert [each.status for each in found] == [Status.LIVE, Status.STOPPED, Status.CRASHED]
    assert {each.latest for each in found} == {None}
    assert "volumes" in found[0].not_now[Verb.REDEPLOY]


async def test_containers_of_each_server_are_asked_for_once_and_a_dead_server_costs_no_other() -> None:
    server = shop(service(), service("app2", name="web", serverId="s9"), service("app3", name="w2", serverId="s9"))
    server.answers["docker.getContainers"] = lambda call: (
        refusal(500, "SSH connection error: connect ECONNREFUSED", "INTERNAL_SERVER_ERROR", path="x")
        if call.query.get("serverId")
        else server.containers
    )
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
    assert [call.query.get("serverId") for call in server.called("docker.getContainers")] == [None, "s9"]
    assert [len(each.instances) for each in snapshot.services] == [1, 0, 0]
    assert any("SSH" in problem for problem in snapshot.problems)


async def test_a_key_without_docker_looks_at_the_focused_service_by_its_name() -> None:
    server, clock = shop(service(), service("app2", name="web")), FakeClock()
    server.answers["docker.getContainers"] = lambda _: denied()
    server.answers["docker.getContainersByAppNameMatch"] = lambda call: [
        container(f"{call.query['appName']}.1.t", "restarting", "Restarting (1) 1 second ago"),
        container(f"{call.query['appName']}-longer.1.t"),
    ]
    async with provided(server, clock) as provider:
        snapshot = await provider.snapshot()
        asked = server.called("docker.getContainersByAppNameMatch")
        assert [call.query["appName"] for call in asked] == ["shop-api-x1", "shop-web-x1"]
        provider.focus(snapshot.services[1].ref)
        await clock.advance(20)
        found = await the_service(provider)
        assert len(server.called("docker.getContainers")) == 1
    assert (found.status, len(found.instances)) == (Status.CRASHED, 1)
    assert server.called("docker.getContainersByAppNameMatch")[2].query["appName"] == "shop-web-x1"


async def test_a_key_without_docker_reads_all_services_by_name_in_turn_and_says_what_is_not_read_yet() -> None:
    server, clock = shop(*(service(f"app{n}", name=f"w{n}") for n in range(20))), FakeClock()
    server.answers["docker.getContainers"] = lambda _: denied()
    server.answers["docker.getContainersByAppNameMatch"] = lambda call: [container(f"{call.query['appName']}.1.t")]
    async with provided(server, clock) as provider:
        first = await provider.snapshot()
        for _ in range(2):
            await clock.advance(20)
            last = await provider.snapshot()
        assert [each.state for each in first.services].count(Status.LIVE) == 8
        assert {each.doubt for each in first.services if each.state is Status.UNKNOWN} == {
            "Its containers have not been read yet: whether it runs is not known."
        }
        assert {each.state for each in last.services} == {Status.LIVE}
        server.calls.clear()
        for _ in range(180):
            await clock.advance(20)
            await provider.snapshot()
    assert len(server.called("docker.getContainersByAppNameMatch")) <= 20 * 60
