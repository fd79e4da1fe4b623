"""Docker Swarm below the demo's Dokploy: the sequence of tasks in a slot, and what its answers keep to themselves."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.demo.dokploy_demo import COMPOSE, LOOPING, POSTGRES, STATUS_PAGE, DokployDemo, Json, dokploy
from tui.demo.cast import Fate
from tui.demo.dokploy.ages import age
from tui.demo.dokploy.inventory import SERVER
from tui.demo.entities import Phase
from tui.demo.lifecycle import push
from tui.demo.story import add_extra, frozen_world
from tui.demo.world import World

DOCS, LINK_CHECKER, STACK = "tools/production/dokploy-docs", "tools/production/link-checker", "tools/production/edge"
EXIT_1 = '"task: non-zero exit (1)"'


@pytest.fixture
async def demo() -> AsyncIterator[DokployDemo]:
    async with dokploy() as demo:
        yield demo


def deploy(demo: DokployDemo, path: str, fate: Fate, seconds: float = 60) -> None:
    """A push whose build has ended and whose tasks have met their fate by then."""
    push(demo.world, demo.world.service(path), fate)
    demo.world.advance(seconds)


async def tasks(demo: DokployDemo, path: str) -> list[Json]:
    found: list[Json] = await demo.get("docker.getServiceContainersByAppName", appName=demo.app_name(path))
    return found


def shown(rows: list[Json]) -> list[str]:
    """State and exit code of each container, newest first: `running`, `exited 1`."""
    return [f"{row['state']}{code[1].join((' ', '')) if (code := CODE.match(row['status'])) else ''}" for row in rows]


CODE = re.compile(r"Exited \((\d+)\)")


# ages


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.9, "Less than a second"),
        (1.9, "1 second"),
        (59, "59 seconds"),
        (60, "About a minute"),
        (119, "About a minute"),
        (120, "2 minutes"),
        (3599, "59 minutes"),
        (3600, "About an hour"),
        (5399, "About an hour"),
        (5400, "2 hours"),
        (47 * 3600, "47 hours"),
        (48 * 3600, "2 days"),
        (13 * 86400, "13 days"),
        (14 * 86400, "2 weeks"),
        (60 * 86400, "2 months"),
        (731 * 86400, "2 years"),
    ],
)
def test_an_age_is_in_dockers_words(seconds: float, expected: str) -> None:
    assert age(round(seconds * 1e9)) == expected


# crash loops


async def test_a_crash_loop_is_created_in_front_and_started_five_seconds_later(demo: DokployDemo) -> None:
    states, ids = [], []
    for _ in range(60):
        newest, *former = await demo.containers(LOOPING)
        states.append(newest["state"])
        ids.append(newest["containerId"])
        assert shown(former) == ["exited 1"] * 4
        assert len({row["containerId"] for row in former} | {newest["containerId"]}) == 5
        demo.world.advance(0.5)
    whole = [list(ids).count(id_) for id_ in dict.fromkeys(ids)][1:-1]
    assert set(whole) <= {14, 15}, "a new task each 7.3 seconds"
    for id_ in list(dict.fromkeys(ids))[1:-1]:
        turn = [state for state, each in zip(states, ids, strict=True) if each == id_]
        assert turn == ["created"] * turn.count("created") + ["running"] * turn.count("running")
        assert turn.count("created") in (10, 11)
    assert await demo.status(LOOPING) == "done"
    assert (await demo.rows(LOOPING))[0]["status"] == "done"


async def test_the_tasks_of_a_crash_loop_say_why(demo: DokployDemo) -> None:
    seen = set()
    for _ in range(80):
        newest, *former = await tasks(demo, LOOPING)
        seen.add((newest["state"], newest["currentState"].partition(" ")[0], newest["error"]))
        assert {(row["state"], row["currentState"].partition(" ")[0], row["error"]) for row in former} == {
            ("shutdown", "Failed", EXIT_1)
        }
        assert len(former) == 4
        demo.world.advance(0.1)
    assert seen == {("ready", "Ready", ""), ("running", "Starting", ""), ("running", "Running", "")}
    assert {row["name"] for row in former} == {f"{demo.app_name(LOOPING)}.1"}


async def test_each_task_is_one_container(demo: DokployDemo) -> None:
    for path in (LOOPING, STATUS_PAGE, POSTGRES):
        names = [row["name"] for row in await demo.containers(path)]
        assert names == [f"{row['name']}.{row['containerId']}" for row in await tasks(demo, path)]


async def test_a_loop_of_exit_code_0_is_complete_and_never_up_for_long(demo: DokployDemo) -> None:
    deploy(demo, LOOPING, Fate.FINISHES, 120)
    newest, *former = await demo.containers(LOOPING)
    assert newest["state"] in ("created", "running")
    assert shown(former) == ["exited 0"] * 4
    _, *ended = await tasks(demo, LOOPING)
    assert {(row["state"], row["currentState"].partition(" ")[0]) for row in ended} == {("shutdown", "Complete")}
    assert [row["error"] for row in ended] == ["", "", "", "Error:"], "the last line of Docker's answer is cut off"
    assert await demo.status(LOOPING) == "done"


async def test_what_cannot_be_started_has_only_created_containers(demo: DokployDemo) -> None:
    deploy(demo, LOOPING, Fate.UNSTARTABLE, 120)
    for _ in range(8):
        assert shown(await demo.containers(LOOPING)) == ["created"] * 5
        newest, *former = await tasks(demo, LOOPING)
        assert newest["currentState"].partition(" ")[0] in ("Ready", "Starting")
        for row in former:
            assert row["currentState"].startswith("Failed ")
            assert row["error"].startswith('"starting container failed: ')
            assert 'exec: "serve": executable file not found in $PATH' in row["error"]
        demo.world.advance(1)


def test_a_loop_is_the_same_in_one_leap_and_in_many_steps() -> None:
    async def seen(steps: int) -> list[Json]:
        async with dokploy() as demo:
            for _ in range(steps):
                demo.world.advance(3600 / steps)
            found: list[Json] = await demo.get("docker.getContainers")
            return found

    import asyncio

    assert asyncio.run(seen(1)) == asyncio.run(seen(900))


async def test_a_database_that_dies_has_the_code_of_its_image() -> None:
    async with dokploy() as demo:
        path = "tools/production/redis"
        one = demo.world.service(path).active[0]
        one.service.recent.remove(one)  # nothing ran before that swarm could go back to
        deploy(demo, path, Fate.CRASHES)
        assert shown((await demo.containers(path))[1:]) == ["exited 127"] * 4
        assert (await tasks(demo, path))[1]["error"] == '"task: non-zero exit (127)"'


# rollouts


async def test_a_rollout_starts_the_new_task_before_the_former_one_is_stopped(demo: DokployDemo) -> None:
    (before,) = await demo.containers(STATUS_PAGE)
    push(demo.world, demo.world.service(STATUS_PAGE), Fate.GOOD)
    seen: list[list[str]] = []
    statuses: dict[str, list[str]] = {}
    for _ in range(600):
        containers = shown(await demo.containers(STATUS_PAGE))
        if not seen or seen[-1] != containers:
            seen.append(containers)
        row = (await demo.rows(STATUS_PAGE))[0]
        statuses.setdefault(row["status"], []).append(containers[0])
        demo.world.advance(0.1)
    assert seen == [["running"], ["created", "running"], ["running", "running"], ["running", "exited 0"]]
    assert "created" in statuses["done"], "done is said when swarm was told, before anything of it runs"
    now, former = await demo.containers(STATUS_PAGE)
    assert former["containerId"] == before["containerId"]
    assert now["image"] == former["image"] == f"{demo.app_name(STATUS_PAGE)}:latest"


async def test_node_hears_no_signal_and_is_killed_which_is_no_crash(demo: DokployDemo) -> None:
    path = "tools/staging/wiki"
    deploy(demo, path, Fate.GOOD, 90)
    assert shown(await demo.containers(path)) == ["running", "exited 137"]
    newest, former = await tasks(demo, path)
    assert former["currentState"].startswith("Shutdown ")
    assert (newest["error"], former["error"]) == ("", "Error:")


async def test_five_tasks_of_a_slot_are_kept(demo: DokployDemo) -> None:
    for _ in range(7):
        deploy(demo, STATUS_PAGE, Fate.GOOD, 90)
    containers = await demo.containers(STATUS_PAGE)
    assert shown(containers) == ["running", *["exited 0"] * 4]
    assert len(await tasks(demo, STATUS_PAGE)) == 5
    assert len(await demo.rows(STATUS_PAGE)) == 11


async def test_swarm_goes_back_by_itself_and_no_row_says_so(demo: DokployDemo) -> None:
    (before,) = await demo.containers(STATUS_PAGE)
    deploy(demo, STATUS_PAGE, Fate.UNHEALTHY)
    newest, second = (await demo.rows(STATUS_PAGE))[:2]
    assert (newest["status"], second["status"]) == ("done", "done")
    assert newest["errorMessage"] is None
    assert await demo.status(STATUS_PAGE) == "done"
    now, died, former = await demo.containers(STATUS_PAGE)
    assert shown([now, died, former]) == ["running", "exited 1", "exited 0"]
    assert former["containerId"] == before["containerId"]
    running, failed, shut = await tasks(demo, STATUS_PAGE)
    assert [row["currentState"].partition(" ")[0] for row in (running, failed, shut)] == [
        "Running",
        "Failed",
        "Shutdown",
    ]
    assert failed["error"] == EXIT_1
    demo.world.advance(300)
    assert shown(await demo.containers(STATUS_PAGE)) == ["running", "exited 1", "exited 0"], "it stays so"


async def test_two_builds_share_latest_so_going_back_does_not_help(demo: DokployDemo) -> None:
    deploy(demo, STATUS_PAGE, Fate.CRASHES, 90)
    newest, *former = await demo.containers(STATUS_PAGE)
    assert newest["state"] in ("created", "running")
    assert shown(former) == ["exited 1"] * 4


async def test_a_bad_build_after_a_rollback_goes_back_to_the_kept_image(demo: DokployDemo) -> None:
    by_type = await demo.get("deployment.allByType", id=demo.id(STATUS_PAGE), type="application")
    target = next(row["rollback"] for row in by_type[1:] if row["status"] == "done")
    await demo.post("rollback.rollback", rollbackId=target["rollbackId"])
    demo.world.advance(30)
    deploy(demo, STATUS_PAGE, Fate.CRASHES, 90)
    assert (await demo.rows(STATUS_PAGE))[0]["status"] == "done"
    now, died, former, _ = await demo.containers(STATUS_PAGE)
    assert shown([now, died, former]) == ["running", "exited 1", "exited 0"]
    kept = f"registry.tools.example/acme/{target['image']}"
    assert [row["image"] for row in (now, died, former)] == [kept, f"{demo.app_name(STATUS_PAGE)}:latest", kept]


async def test_what_cannot_be_started_leaves_the_former_task_alone(demo: DokployDemo) -> None:
    (before,) = await demo.containers(STATUS_PAGE)
    deploy(demo, STATUS_PAGE, Fate.UNSTARTABLE)
    failed, running = await demo.containers(STATUS_PAGE)
    assert (failed["state"], running["containerId"], running["state"]) == ("created", before["containerId"], "running")
    assert (await tasks(demo, STATUS_PAGE))[0]["currentState"].startswith("Failed ")
    assert (await demo.rows(STATUS_PAGE))[0]["status"] == "done"


async def test_an_order_may_be_made_to_go_wrong(demo: DokployDemo) -> None:
    """`bad-deploy` is for orders that are given through the API."""
    demo.world.advance(120)
    demo.world.faults.add("bad-deploy", STATUS_PAGE)
    await demo.post("application.deploy", applicationId=demo.id("tools/staging/wiki"))
    await demo.post("application.deploy", applicationId=demo.id(STATUS_PAGE), title="mine")
    assert not list(demo.world.faults), "once"
    demo.world.advance(200)
    assert shown(await demo.containers(STATUS_PAGE)) == ["running", "exited 1", "exited 0"]
    assert shown(await demo.containers("tools/staging/wiki"))[:1] == ["running"]
    demo.world.faults.add("bad-deploy", STATUS_PAGE, detail="finishes")
    await demo.post("application.redeploy", applicationId=demo.id(STATUS_PAGE))
    demo.world.advance(200)
    assert shown(await demo.containers(STATUS_PAGE))[1:] == ["exited 0"] * 4
    with pytest.raises(ValueError, match="no such fate"):
        demo.world.faults.add("bad-deploy", STATUS_PAGE, detail="sulks")


async def test_an_image_of_a_registry_is_the_same_in_every_row() -> None:
    world = frozen_world(platforms=("dokploy",))
    add_extra(world, LINK_CHECKER)
    async with dokploy(world) as demo:
        deploy(demo, LINK_CHECKER, Fate.CRASHES, 30)
        containers = await demo.containers(LINK_CHECKER)
        assert shown(containers) == ["running", "exited 1", "exited 0"], "the former settings help"
        assert {row["image"] for row in containers} == {"acme/link-checker:2"}
        assert (await demo.rows(LINK_CHECKER))[0]["rollbackId"] is None


# rollbacks and reloads


async def test_a_rollback_out_of_a_loop_runs_while_the_loops_containers_still_lie_there(demo: DokployDemo) -> None:
    by_type = await demo.get("deployment.allByType", id=demo.id(LOOPING), type="application")
    target = next(row["rollback"] for row in by_type[1:] if row["status"] == "done")
    await demo.post("rollback.rollback", rollbackId=target["rollbackId"])
    demo.world.advance(90)
    running, *former = await demo.containers(LOOPING)
    assert (running["state"], running["status"]) == ("running", "Up About a minute")
    assert running["image"] == f"registry.tools.example/acme/{target['image']}"
    assert {row["image"] for row in former} == {f"{demo.app_name(LOOPING)}:latest"}
    assert "exited 1" in shown(former)
    assert len(former) == 4


async def test_a_reload_undoes_a_rollback(demo: DokployDemo) -> None:
    by_type = await demo.get("deployment.allByType", id=demo.id(STATUS_PAGE), type="application")
    target = next(row["rollback"] for row in by_type[1:] if row["status"] == "done")
    before = await demo.rows(STATUS_PAGE)
    latest = f"{demo.app_name(STATUS_PAGE)}:latest"
    await demo.post("rollback.rollback", rollbackId=target["rollbackId"])
    demo.world.advance(30)
    assert (await demo.containers(STATUS_PAGE))[0]["image"] != latest
    body = {"applicationId": demo.id(STATUS_PAGE), "appName": demo.app_name(STATUS_PAGE)}
    assert await demo.post("application.reload", **body) is True
    demo.world.advance(30)
    running, kept, first = await demo.containers(STATUS_PAGE)
    assert shown([running, kept, first]) == ["running", "exited 0", "exited 0"]
    assert (running["image"], first["image"]) == (latest, latest)
    assert running["containerId"] != first["containerId"]
    assert await demo.rows(STATUS_PAGE) == before
    assert demo.world.calls["restart", demo.world.service(STATUS_PAGE).active[0].id] == 1


async def test_a_reload_is_start_first_too(demo: DokployDemo) -> None:
    body = {"applicationId": demo.id(STATUS_PAGE), "appName": demo.app_name(STATUS_PAGE)}
    await demo.post("application.reload", **body)
    demo.world.advance(1)
    assert shown(await demo.containers(STATUS_PAGE)) == ["created", "running"]
    assert await demo.status(STATUS_PAGE) == "done"
    demo.world.advance(10)
    assert shown(await demo.containers(STATUS_PAGE)) == ["running", "exited 0"]


async def test_a_reload_during_a_rollout_changes_nothing(demo: DokployDemo) -> None:
    one = push(demo.world, demo.world.service(STATUS_PAGE), Fate.GOOD)
    while one.phase is not Phase.DEPLOYING:
        demo.world.advance(0.5)
    body = {"applicationId": demo.id(STATUS_PAGE), "appName": demo.app_name(STATUS_PAGE)}
    assert await demo.post("application.reload", **body) is True
    demo.world.advance(30)
    assert shown(await demo.containers(STATUS_PAGE)) == ["running", "exited 0"]
    assert (await demo.rows(STATUS_PAGE))[0]["status"] == "done"


async def test_a_reload_tries_again_what_swarm_went_back_from(demo: DokployDemo) -> None:
    (before,) = await demo.containers(STATUS_PAGE)
    deploy(demo, STATUS_PAGE, Fate.UNSTARTABLE)
    body = {"applicationId": demo.id(STATUS_PAGE), "appName": demo.app_name(STATUS_PAGE)}
    await demo.post("application.reload", **body)
    demo.world.advance(60)
    containers = await demo.containers(STATUS_PAGE)
    assert shown(containers) == ["created", "created", "running"]
    assert containers[2]["containerId"] == before["containerId"]
    assert (await demo.rows(STATUS_PAGE))[0]["status"] == "done"


# what Dokploy leaves out


async def test_a_name_with_dokploy_in_it_is_left_out_of_one_list() -> None:
    world = frozen_world(platforms=("dokploy",))
    add_extra(world, DOCS)
    async with dokploy(world) as demo:
        name = demo.app_name(DOCS)
        assert "dokploy" in name
        assert await demo.containers(DOCS) == []
        (row,) = await demo.get("docker.getContainersByAppNameMatch", appName=name)
        assert (row["state"], row["name"].rpartition(".")[0]) == ("running", f"{name}.1")
        assert (await tasks(demo, DOCS))[0]["state"] == "running"
        assert name in {one["appName"] for one in await demo.get("overview.services")}
        assert len(await demo.rows(DOCS)) == 11


async def test_a_service_is_added_by_the_back_door(demo: DokployDemo) -> None:
    async with httpx.AsyncClient(base_url=f"{demo.url}/_demo") as door:
        assert (await door.post("add", json={"service": DOCS})).status_code == 200
        assert (await door.post("add", json={"service": DOCS})).status_code == 400
        assert (await door.post("push", json={"service": DOCS, "fate": "unhealthy"})).status_code == 200
        assert (await door.post("push", json={"service": DOCS, "fate": "sulks"})).status_code == 400
        await door.post("advance", json={"seconds": 90})
    assert [row["currentState"].partition(" ")[0] for row in await tasks(demo, DOCS)] == [
        "Running",
        "Failed",
        "Shutdown",
    ]


# stacks


async def test_a_stack_that_was_stopped_is_not_started_again_and_says_done() -> None:
    world = frozen_world(platforms=("dokploy",))
    add_extra(world, STACK)
    async with dokploy(world) as demo:
        id_, name = demo.id(STACK), demo.app_name(STACK)

        async def of_stack() -> list[Json]:
            found: list[Json] = await demo.get("docker.getStackContainersByAppName", appName=name)
            return found

        assert (await demo.get("compose.one", composeId=id_))["composeType"] == "stack"
        assert [row["name"] for row in await of_stack()] == [f"{name}_web.1", f"{name}_db.1"]
        assert await demo.get("docker.getServiceContainersByAppName", appName=name) == []
        assert len(await of_all(demo, name)) == 2
        assert await demo.post("compose.stop", composeId=id_) is True
        assert (await of_stack(), await of_all(demo, name), await demo.status(STACK)) == ([], [], "idle")
        assert await demo.post("compose.start", composeId=id_) is True
        demo.world.advance(60)
        assert (await of_stack(), await of_all(demo, name), await demo.status(STACK)) == ([], [], "done")
        assert (await demo.get("compose.one", composeId=id_))["composeStatus"] == "done"
        await demo.post("compose.deploy", composeId=id_)
        demo.world.advance(120)
        assert [row["state"] for row in await of_all(demo, name)] == ["running", "running"]


async def of_all(demo: DokployDemo, name: str) -> list[Json]:
    return [row for row in await demo.get("docker.getContainers") if row["name"].startswith(name)]


async def test_a_compose_projects_containers_are_restarted_by_docker_itself(demo: DokployDemo) -> None:
    deploy(demo, COMPOSE, Fate.CRASHES, 90)
    states = set()
    for _ in range(15):
        states |= {row["state"] for row in await of_all(demo, f"{demo.app_name(COMPOSE)}-")}
        demo.world.advance(1)
    assert "restarting" in states
    assert await demo.get("docker.getServiceContainersByAppName", appName=demo.app_name(COMPOSE)) == []


# rights, and the database


async def test_tasks_want_the_right_to_ask_docker_and_no_more(demo: DokployDemo) -> None:
    member = demo.tokens.member.value
    for procedure in ("docker.getServiceContainersByAppName", "docker.getContainers"):
        refused = await demo.refused("GET", procedure, member, appName=demo.app_name(LOOPING))
        assert refused == (401, 'unauthorized to access resource "docker"')
    query = 'trpc/docker.getServiceContainersByAppName?input={"json":{"appName":"%s"}}' % demo.app_name(LOOPING)  # noqa: UP031
    assert (await demo.get(query))["result"]["data"]["json"] == await tasks(demo, LOOPING)
    assert await demo.get("docker.getServiceContainersByAppName", appName="nothing-abc123") == []
    given = {"appName": demo.app_name(LOOPING), "serverId": SERVER}
    assert await demo.get("docker.getServiceContainersByAppName", **given) == [], "a failure is an empty list, too"


@pytest.fixture
def down(demo: DokployDemo) -> World:
    demo.world.faults.add("dbdown")
    return demo.world


async def test_without_its_database_dokploy_knows_nobody(demo: DokployDemo, down: World) -> None:
    for key in (demo.key, demo.tokens.member.value, "nobody"):
        async with demo.client(key) as client:
            for procedure in ("overview.services", "deployment.queueList", "settings.health", "docker.getContainers"):
                answer = await client.get(procedure)
                assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"}), procedure
            order = await client.post("application.deploy", json={"applicationId": demo.id(STATUS_PAGE)})
            assert (order.status_code, order.json()) == (401, {"message": "Unauthorized"})
    assert not down.calls
    async with demo.socket("listen-deployment", logPath="/etc/dokploy/logs/x.log") as socket:
        await socket.wait_closed()
        assert socket.close_code == 1005
    async with httpx.AsyncClient(base_url=demo.url) as nobody:
        assert (await nobody.get("/api/trpc/settings.health")).status_code == 500
        down.faults.clear()
        assert (await nobody.get("/api/trpc/settings.health")).status_code == 200
    assert await demo.get("settings.health") == {"status": "ok"}


async def test_the_database_stays_down_until_the_fault_is_cleared(demo: DokployDemo) -> None:
    demo.world.faults.start(["dbdown"])
    for _ in range(30):
        assert (await demo.refused("GET", "overview.services")) == (401, "Unauthorized")
        demo.world.advance(60)


# what is left of the page


async def test_histories_are_asked_for_by_the_types_that_have_one(demo: DokployDemo) -> None:
    for type_ in ("postgres", "mysql", "mariadb", "mongo", "redis"):
        assert (await demo.refused("GET", "deployment.allByType", id=demo.id(POSTGRES), type=type_))[0] == 400
    rows = await demo.get("deployment.allByType", id=demo.id(STATUS_PAGE), type="application")
    assert len(rows) == 11
    assert len(await demo.get("deployment.allByType", id=demo.id(COMPOSE), type="compose")) == 11
    assert await demo.get("deployment.allByType", id="nobody", type="previewDeployment") == []
    assert await demo.refused("GET", "deployment.allByType", id="nobody", type="schedule") == (
        404,
        "Schedule not found",
    )
    of_server = await demo.get("deployment.allByType", id=SERVER, type="server")
    listed = await demo.get("deployment.allByServer", serverId=SERVER)
    assert [{**row, "rollback": None} for row in listed] == of_server
    assert [row["createdAt"] for row in listed] == sorted((row["createdAt"] for row in listed), reverse=True)
    assert {row["status"] for row in listed} == {"done", "error"}
