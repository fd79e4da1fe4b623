"""Whether what Dokploy calls done runs: crash loops, first starts, and containers that are not there or not read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.clocks import START, FakeClock
from tests.providers.dokploy_server import (
    KEY,
    DokployServer,
    Json,
    container,
    iso,
    provided,
    refusal,
    row,
    serve,
    service,
    shop,
)
from tests.providers.dokploy_swarm import ERROR, LATEST, LONG_AGO, NAME, Swarm, ended, on_swarm, read, real
from tests.providers.loopback import Ledger
from tui.credentials import Secret
from tui.model.entities import Service
from tui.model.provider import Connection
from tui.model.status import Status
from tui.providers.dokploy import DokployProvider


async def looks(server: DokployServer, clock: FakeClock, count: int, every_s: float) -> AsyncIterator[Service]:
    """What somebody sees who has just started, again and again."""
    async with serve(server):
        for _ in range(count):
            provider = DokployProvider(Connection("dok", Secret(KEY), server.url), meter=Ledger(), clock=clock)
            try:
                yield await read(provider)
            finally:
                await provider.aclose()
            await clock.advance(every_s)


# -- crash loops ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tasks", [True, False], ids=["with-tasks", "containers-only"])
@pytest.mark.parametrize("code", [1, 127, 0, 137])
async def test_a_crash_loop_is_one_at_every_moment_of_its_cycle(code: int, tasks: bool) -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.loop(LATEST, START - timedelta(seconds=24), code=code)
    server = on_swarm(swarm, clock)
    if not tasks:
        del server.answers["docker.getServiceContainersByAppName"]
    async for found in looks(server, clock, 30, 0.21):
        assert found.live is not None
        assert (found.status, found.status_raw) == (Status.CRASHED, "done (crash loop)"), swarm.containers(clock.now())
        assert [each.status for each in found.instances] == [Status.CRASHED]
        if tasks and code == 1:
            assert found.live.note == f"1/1 replicas: {ERROR}"


async def test_it_is_a_crash_loop_as_soon_as_two_tasks_have_failed_and_never_live_after_that() -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.loop(LATEST, START + timedelta(seconds=0.5))
    server = on_swarm(swarm, clock)
    seen: list[tuple[float, Status]] = []
    async with provided(server, clock) as provider:
        for _ in range(90):
            await clock.advance(1)
            seen.append((clock.monotonic(), (await read(provider)).status))
    known_s = next(at for at, status in seen if status is Status.CRASHED)
    assert known_s <= 8 + 20, "the containers are read every 20 s"
    assert {status for at, status in seen if at >= known_s} == {Status.CRASHED}


async def test_the_first_start_of_a_healthy_service_is_never_a_crash() -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.run(LATEST, START + timedelta(seconds=5))
    swarm.tasks[0].created = START
    server = on_swarm(swarm, clock)
    server.rows = [row(59, finishedAt=iso(START))]
    seen = [found.status async for found in looks(server, clock, 40, 0.5)]
    assert set(seen[:10]) == {Status.DEPLOYING}
    assert set(seen[10:]) == {Status.LIVE}


async def test_one_failure_at_the_start_is_no_crash_loop() -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.loop(LATEST, START, times=1)
    swarm.run(LATEST, START + timedelta(seconds=6))
    swarm.tasks[1].created = START + timedelta(seconds=1)
    server = on_swarm(swarm, clock)
    server.rows = [row(59, finishedAt=iso(START))]
    seen = [found.status async for found in looks(server, clock, 20, 0.5)]
    assert Status.CRASHED not in seen
    assert seen[-1] is Status.LIVE


async def test_a_fix_that_is_deployed_over_a_crash_loop_is_not_blamed_for_it() -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.loop(LATEST, START - timedelta(seconds=60))
    swarm.update(LATEST, START)
    server = on_swarm(swarm, clock)
    server.rows = [row(60, finishedAt=iso(START)), *server.rows]
    await clock.advance(1)
    async for found in looks(server, clock, 30, 1):
        assert found.live is not None
        assert (found.status, found.live.id) == (Status.LIVE, "dep60"), swarm.containers(clock.now())


async def test_what_has_run_for_a_minute_has_recovered() -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.loop(LATEST, START - timedelta(seconds=24), times=4)
    swarm.run(LATEST, START)
    server = on_swarm(swarm, clock)
    async with provided(server, clock) as provider:
        await clock.advance(20)
        assert (await read(provider)).status is Status.CRASHED
        await clock.advance(45)
        assert (await read(provider)).status is Status.LIVE


async def test_two_restarts_by_a_person_are_no_crash_loop() -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.run(LATEST, LONG_AGO)
    swarm.update(LATEST, START - timedelta(seconds=40))
    swarm.update(LATEST, START - timedelta(seconds=5))
    async with provided(on_swarm(swarm, clock), clock) as provider:
        assert (await read(provider)).status is Status.LIVE


async def test_containers_that_cannot_be_started_are_a_crash_and_swarms_words_say_why() -> None:
    words = 'starting container failed: exec: "trap": executable file not found in $PATH: unknown'
    server = shop()
    server.containers = [container(f"{NAME}.1.t{n}", "created", "Created", image=LATEST) for n in (3, 2, 1)]
    rows = [
        task("t3", "ready", "Ready less than a second ago"),
        *(task(f"t{n}", "shutdown", f"Failed {3 * (3 - n)} seconds ago", f'"{words}"') for n in (2, 1)),
    ]
    server.answers["docker.getServiceContainersByAppName"] = lambda _: rows
    async with provided(server) as provider:
        found = await read(provider)
    assert found.status is Status.CRASHED
    assert found.live is not None
    assert words in found.live.note


def task(id_: str, state: str, current: str, error: str = "") -> Json:
    return {
        "containerId": id_,
        "name": f"{NAME}.1",
        "state": state,
        "currentState": current,
        "node": "vm",
        "error": error,
    }


async def test_an_image_that_cannot_be_pulled_has_no_container_and_is_told_by_its_tasks() -> None:
    server = shop()
    server.containers = []
    server.answers["docker.getServiceContainersByAppName"] = lambda _: [
        task("t3", "ready", "Ready 2 seconds ago"),
        task("t2", "shutdown", "Rejected 2 seconds ago", '"No such image: acme/api:9"'),
        task("t1", "shutdown", "Rejected 8 seconds ago", '"No such image: acme/api:9"'),
    ]
    async with provided(server) as provider:
        found = await read(provider)
    assert found.status is Status.CRASHED
    assert found.live is not None
    assert found.live.note == "1/1 replicas: No such image: acme/api:9"


async def test_a_task_on_another_node_runs_though_its_container_is_not_listed_here() -> None:
    server = shop()
    server.containers = []
    server.answers["docker.getServiceContainersByAppName"] = lambda _: [task("t1", "running", "Running 3 hours ago")]
    async with provided(server) as provider:
        assert (await read(provider)).status is Status.LIVE


@pytest.mark.parametrize(
    "error", ["", "Error:", '"\x1b[2Jtask: non-zero exit (1)\u202e"', '"' + "x" * 5000 + '"', None]
)
async def test_swarms_words_are_harmless_and_short(error: str | None) -> None:
    server = shop()
    server.containers = [container(f"{NAME}.1.t3", "created", "Created", image=LATEST), ended("t2", 1, "3 seconds")]
    server.containers.append(ended("t1", 1, "9 seconds"))
    rows = [task("t3", "ready", "Ready 2 seconds ago"), task("t2", "shutdown", "Failed 3 seconds ago")]
    rows = [rows[0], {**rows[1], "error": error}, task("t1", "shutdown", "Failed 9 seconds ago")]
    server.answers["docker.getServiceContainersByAppName"] = lambda _: rows
    async with provided(server) as provider:
        found = await read(provider)
    assert found.live is not None
    assert found.status is Status.CRASHED
    note = found.live.note.removeprefix("1/1 replicas: ")
    assert len(note) <= 200
    assert note.isprintable()
    if error and "task" in error:
        assert note == ERROR
    elif not error or error == "Error:":
        assert note == "Exited (1) 3 seconds ago"


BUSYBOX, REDIS = "127.0.0.1:5099/busybox:1", "127.0.0.1:5099/redis:16"
REDIS_LOOP = real(
    "shop-redis-tj8trg",
    ("t3b690", REDIS, "created", "Created"),
    ("jbdq1p", REDIS, "exited", "Exited (127) 3 seconds ago"),
    ("4n3f0v", REDIS, "exited", "Exited (127) 11 seconds ago"),
)
NEVER_STARTED = real(
    "shop-api-gateway-wm8gug", ("o6bkqk", BUSYBOX, "created", "Created"), ("pm93dy", BUSYBOX, "created", "Created")
)


@pytest.mark.parametrize(
    ("app", "containers"), [("shop-redis-tj8trg", REDIS_LOOP), ("shop-api-gateway-wm8gug", NEVER_STARTED)]
)
async def test_crash_loops_as_a_real_swarm_shows_them(app: str, containers: list[Json]) -> None:
    server = shop(service(appName=app))
    server.containers = containers
    async with provided(server) as provider:
        assert (await read(provider)).status is Status.CRASHED


# -- nothing there, and nothing read ---------------------------------------------------------------------------------


async def test_a_stack_that_was_started_and_runs_nothing_is_not_healthy() -> None:
    server = shop(service("c1", "compose", name="edge"))
    server.rows = [row(20, applicationId=None, composeId="c1")]
    server.containers = []
    server.answers["docker.getStackContainersByAppName"] = lambda _: []
    server.answers["docker.getContainersByAppNameMatch"] = lambda _: []
    async with provided(server) as provider:
        found = await read(provider)
    assert (found.status, found.status_raw) == (Status.CRASHED, "done (no container runs)")
    assert found.latest is not None
    assert found.latest.note == "no container runs"


async def test_a_compose_service_whose_containers_have_names_of_their_own_is_found_by_its_label() -> None:
    server = shop(service("c1", "compose", name="edge"))
    server.rows = [row(20, applicationId=None, composeId="c1")]
    server.containers = [container("other-1")]
    server.answers["docker.getStackContainersByAppName"] = lambda _: []
    server.answers["docker.getContainersByAppNameMatch"] = lambda _: [container("traefik"), container("whoami")]
    async with provided(server) as provider:
        found = await read(provider)
    assert (found.status, [each.name for each in found.instances]) == (Status.LIVE, ["traefik", "whoami"])
    assert server.called("docker.getContainersByAppNameMatch")[0].query["appType"] == "docker-compose"


@pytest.mark.parametrize("failing", [refusal(500, "Cannot connect to the Docker daemon", "X", path="x"), None])
async def test_containers_that_could_not_be_read_are_not_said_to_run(failing: Any) -> None:  # noqa: ANN401
    server = shop()
    server.answers["docker.getContainers"] = lambda _: failing
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
    found = snapshot.services[0]
    assert (found.status_raw, found.state) == ("done", Status.UNKNOWN)
    assert "whether it runs is not known" in found.doubt
    assert found.latest is not None
    assert found.latest.note == found.doubt
    assert any("could not be read" in each for each in snapshot.problems)


async def test_a_reading_that_cannot_be_renewed_is_believed_for_a_minute() -> None:
    server, clock = shop(), FakeClock()
    async with provided(server, clock) as provider:
        assert (await read(provider)).status is Status.LIVE
        server.answers["docker.getContainers"] = lambda _: refusal(500, "boom", "X", path="x")
        await clock.advance(30)
        assert (await read(provider)).state is Status.LIVE
        await clock.advance(60)
        assert (await read(provider)).state is Status.UNKNOWN
        server.answers["docker.getContainers"] = lambda _: server.containers
        await clock.advance(20)
        assert (await read(provider)).state is Status.LIVE


async def test_a_name_with_dokploy_in_it_is_read_by_name_because_the_list_leaves_it_out() -> None:
    server = shop(service(name="dokploy-docs", appName="dokploy-docs-dxoonl"))
    server.containers = []
    name = "dokploy-docs-dxoonl.1"
    server.answers["docker.getContainersByAppNameMatch"] = lambda _: [
        container(f"{name}.nj4d6u", status="Up 11 minutes"),
        container(f"{name}.uug21j", "exited", "Exited (137) 11 minutes ago"),
        container(f"{name}.1jx15a", "exited", "Exited (137) 11 minutes ago"),
        container(f"{name}.nm5efp", "created", "Created"),
    ]
    async with provided(server) as provider:
        found = await read(provider)
    assert (found.status, len(found.instances)) == (Status.LIVE, 1)
    assert not found.doubt


async def test_what_dokploy_calls_idle_and_runs_all_the_same_is_not_called_stopped() -> None:
    server = shop(service(status="idle"))
    async with provided(server) as provider:
        found = await read(provider)
    assert (found.status, found.live and found.live.id) == (Status.LIVE, "dep20")


@pytest.mark.parametrize("running", ["Up Less than a second", "Up 4 seconds"])
async def test_a_compose_container_that_docker_restarts_again_and_again_is_no_more_live_while_it_runs(
    running: str,
) -> None:
    server, clock = shop(service("c1", "compose", name="m")), FakeClock()
    server.rows = [row(20, applicationId=None, composeId="c1")]
    server.containers = [container("shop-m-x1-web-1", "restarting", "Restarting (1) 4 seconds ago")]
    async with provided(server, clock) as provider:
        assert (await read(provider)).status is Status.CRASHED
        await clock.advance(20)
        server.containers = [container("shop-m-x1-web-1", status=running)]
        assert (await read(provider)).status_raw == "done (crash loop)"
        await clock.advance(60)
        server.containers = [container("shop-m-x1-web-1", status="Up About a minute")]
        assert (await read(provider)).status is Status.LIVE


async def test_a_crash_loop_in_a_stack_is_one_at_the_moment_when_it_runs() -> None:
    server = shop(service("c1", "compose", name="m"))
    server.rows = [row(20, applicationId=None, composeId="c1")]
    slot = "shop-m-x1_web.1"
    server.containers = [
        container("shop-m-x1_db.1.t9"),
        container(f"{slot}.t3", status="Up 1 second"),
        container(f"{slot}.t2", "exited", "Exited (1) 6 seconds ago"),
        container(f"{slot}.t1", "exited", "Exited (1) 12 seconds ago"),
    ]
    server.answers["docker.getStackContainersByAppName"] = lambda _: [
        {**task(f"t{n}", "shutdown", f"Failed {18 - 6 * n} seconds ago", f'"{ERROR}"'), "name": slot} for n in (2, 1)
    ]
    async with provided(server) as provider:
        found = await read(provider)
    assert found.latest is not None
    assert (found.status, found.latest.note) == (Status.CRASHED, f"{slot}: {ERROR}")


async def test_a_container_that_was_created_and_never_starts_is_not_coming() -> None:
    server, clock = shop(service("c1", "compose", name="m")), FakeClock()
    server.rows = [row(20, applicationId=None, composeId="c1")]
    server.containers = [container("shop-m-x1-web-1"), container("shop-m-x1-db-1", "created", "Created")]
    async with provided(server, clock) as provider:
        assert (await read(provider)).status is Status.LIVE
        await clock.advance(130)
        assert (await read(provider)).status is Status.CRASHED


# -- what it costs -----------------------------------------------------------------------------------------------------


async def test_tasks_are_asked_for_only_where_the_containers_leave_doubt() -> None:
    clock, swarm = FakeClock(), Swarm()
    swarm.run(LATEST, LONG_AGO)
    server = on_swarm(swarm, clock)
    async with provided(server, clock) as provider:
        for _ in range(90):
            provider.focus((await read(provider)).ref)
            await clock.advance(20)
    assert len(server.called("docker.getContainers")) == 90
    assert not server.called("docker.getServiceContainersByAppName")
    assert not server.called("docker.getContainersByAppNameMatch")


async def test_what_runs_on_other_nodes_is_never_called_gone_though_it_is_asked_about_in_turn() -> None:
    clock = FakeClock()
    server = shop(*(service(f"app{n}", name=f"w{n}") for n in range(30)))
    server.rows = [row(n, application=f"app{n}") for n in range(30)]
    server.containers = []
    server.answers["docker.getServiceContainersByAppName"] = lambda call: [
        {**task("t1", "running", "Running 3 hours ago"), "name": f"{call.query['appName']}.1"}
    ]
    async with provided(server, clock) as provider:
        for number in range(15):
            found = (await provider.snapshot()).services
            assert {each.status for each in found} == {Status.LIVE}
            assert sum(bool(each.doubt) for each in found) == max(0, 30 - 6 * (number + 1))
            await clock.advance(20)
    assert len(server.called("docker.getServiceContainersByAppName")) == 15 * 6


async def test_a_failed_question_about_tasks_is_no_answer() -> None:
    server = shop()
    server.containers = []
    server.answers["docker.getServiceContainersByAppName"] = lambda _: refusal(500, "boom", "X", path="x")
    async with provided(server) as provider:
        found = await read(provider)
    assert found.state is Status.UNKNOWN
    assert "tasks could not be read" in found.doubt


async def test_many_compose_services_with_names_of_their_own_are_read_in_turn_and_stay_what_they_were() -> None:
    clock = FakeClock()
    server = shop(*(service(f"c{n}", "compose", name=f"w{n}") for n in range(20)))
    server.rows = [row(n, applicationId=None, composeId=f"c{n}") for n in range(20)]
    server.containers = []
    server.answers["docker.getContainersByAppNameMatch"] = lambda call: [container(f"own-{call.query['appName']}")]
    async with provided(server, clock) as provider:
        for _ in range(12):
            found = (await provider.snapshot()).services
            assert {each.status for each in found} == {Status.LIVE}
            await clock.advance(20)
    assert not any(each.doubt for each in found)
    assert len(server.called("docker.getContainersByAppNameMatch")) <= 12 * 14


async def test_many_crash_loops_at_once_keep_to_a_few_questions_and_the_focused_one_goes_first() -> None:
    clock = FakeClock()
    many = [service(f"app{n}", name=f"w{n}") for n in range(40)]
    server = shop(*many)
    server.containers = [
        container(f"shop-w{n}-x1.1.{age}", "exited", f"Exited (1) {age} seconds ago")
        for n in range(40)
        for age in (3, 9)
    ]
    server.answers["docker.getServiceContainersByAppName"] = lambda _: []
    async with provided(server, clock) as provider:
        await provider.snapshot()
        assert len(server.called("docker.getServiceContainersByAppName")) == 6
        server.calls.clear()
        provider.focus((await provider.snapshot()).services[33].ref)
        for _ in range(8):
            await clock.advance(20)
            snapshot = await provider.snapshot()
    asked = [call.query["appName"] for call in server.called("docker.getServiceContainersByAppName")]
    assert len(asked) == 48
    assert asked[0] == "shop-w33-x1"
    assert len(set(asked)) == 40, "each has its turn"
    assert {each.status for each in snapshot.services} == {Status.CRASHED}
