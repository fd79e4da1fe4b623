"""Cloud 66's asynchronous actions: followed to their end by id or by user_reference; every command that makes one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.demo.cloud66_demo import BUSY_DOCKER, DOCKER, FAILED_RAILS, RAILS, Cloud66Demo, Json, cloud66_demo
from tui.demo.cast import Fate
from tui.demo.cloud66 import ids
from tui.demo.entities import Phase
from tui.demo.lifecycle import push, stop


@pytest.fixture
async def demo() -> AsyncIterator[Cloud66Demo]:
    async with cloud66_demo() as served:
        yield served


async def ordered(demo: Cloud66Demo, path: str, command: str, **more: object) -> Json:
    action: Json = await demo.post(demo.at(path, "/actions"), command=command, **more)
    return action


async def followed(demo: Cloud66Demo, path: str, action: Json) -> Json:
    """The action once it has ended."""
    for _ in range(200):
        row = await demo.action(path, action["id"])
        if row["finished_at"] is not None:
            return row
        assert (row["finished_success"], row["finished_message"]) == (None, None)
        demo.world.advance(1)
    raise AssertionError(row)


async def by_reference(demo: Cloud66Demo, path: str, reference: str) -> Json:
    (row,) = await demo.get(demo.at(path, "/actions"), user_reference=reference)
    found: Json = row
    return found


async def called(demo: Cloud66Demo, path: str, name: str = "") -> Json:
    """The services or processes by name."""
    rows = await demo.get(demo.at(path, "/services" if path == DOCKER else "/processes"))
    return {row["name"]: row for row in rows}


# how one goes


async def test_an_action_begins_unfinished_and_ends_with_the_worlds_time(demo: Cloud66Demo) -> None:
    action = await ordered(demo, RAILS, "clear_caches", user_reference="mine")
    assert (action["action"], action["resource_type"], action["started_via"]) == ("clear_caches", "stack", "api")
    assert (action["finished_at"], action["finished_success"], action["finished_message"]) == (None, None, None)
    assert isinstance(action["resource_id"], str)
    assert action["metadata"] == {"user_reference": "mine"}
    ended = await followed(demo, RAILS, action)
    assert (ended["finished_success"], ended["finished_message"]) == (True, "Completed successfully")
    assert ended["finished_at"] > ended["started_at"]


async def test_a_redeployment_is_found_by_its_reference_and_ends_with_the_deployment(demo: Cloud66Demo) -> None:
    await demo.post(demo.at(RAILS, "/deployments"), user_reference="deckwatch-1")
    await demo.post(demo.at(RAILS, "/deployments"), user_reference="deckwatch-2")
    first, second = [await by_reference(demo, RAILS, f"deckwatch-{n}") for n in (1, 2)]
    assert (first["action"], first["finished_at"]) == ("application_deployment", None)
    ended = await followed(demo, RAILS, first)
    deployment = demo.service(RAILS).recent[1]
    row = await demo.get(demo.at(RAILS, f"/deployments/{ids.deployment_id(deployment)}"))
    assert (ended["finished_success"], ended["finished_at"]) == (True, row["finished_at"])
    assert (await by_reference(demo, RAILS, "deckwatch-2"))["finished_at"] is None
    assert (await followed(demo, RAILS, second))["finished_success"] is True
    assert await demo.get(demo.at(RAILS, "/actions"), user_reference="nobody's") == []


async def test_a_deployment_that_fails_ends_its_action_without_success_and_says_why(demo: Cloud66Demo) -> None:
    push(demo.world, demo.service(RAILS), Fate.BUILD_FAILS)
    await demo.post(demo.at(RAILS, "/deployments"), user_reference="again")
    ended = await followed(demo, RAILS, await by_reference(demo, RAILS, "again"))
    assert ended["finished_success"] is False
    assert ended["finished_message"] == "Deployment failed: Failed to build an image. Please check the build logs."


async def test_a_cancelled_deployment_ends_its_action_without_success(demo: Cloud66Demo) -> None:
    await demo.post(demo.at(RAILS, "/deployments"), user_reference="mistaken")
    made = demo.service(RAILS).recent[0]
    await demo.delete(demo.at(RAILS, f"/deployments/{ids.deployment_id(made)}"))
    ended = await by_reference(demo, RAILS, "mistaken")
    assert (ended["finished_success"], ended["finished_message"]) == (False, "Deployment was cancelled")


async def test_behind_every_deployment_there_is_an_action_whoever_started_it(demo: Cloud66Demo) -> None:
    await ordered(demo, FAILED_RAILS, "clear_caches")
    rows = await demo.whole(demo.at(FAILED_RAILS, "/actions"))
    deployments = await demo.whole(demo.at(FAILED_RAILS, "/deployments"))
    behind = [row for row in rows if row["action"] == "application_deployment"]
    assert [row["started_at"] for row in behind] == [one["started_at"] for one in deployments]
    assert [row["finished_success"] for row in behind] == [one["outcome"]["code"] == 1 for one in deployments]
    assert rows[0]["action"] == "clear_caches"
    assert len({row["id"] for row in rows}) == len(rows)
    assert not {row["id"] for row in rows} & {one["id"] for one in deployments}
    assert {row["started_via"] for row in behind} == {"hook", "web"}
    assert "metadata" not in rows[1]
    health = next(row for row in behind if row["finished_success"] is False)
    assert health["finished_message"] == "Deployment failed: Healthcheck failed! 1/1 replicas never became healthy!"


async def test_the_numbers_of_actions_rise_with_time_whoever_began_them(demo: Cloud66Demo) -> None:
    await ordered(demo, RAILS, "clear_caches")
    await ordered(demo, RAILS, "restart")
    rows = await demo.get(demo.at(RAILS, "/actions"))
    assert len(rows) == 30
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows}, reverse=True)
    assert [row["started_at"] for row in rows] == sorted((row["started_at"] for row in rows), reverse=True)


async def test_an_action_comes_bare_without_json_at_the_end_of_the_address(demo: Cloud66Demo) -> None:
    action = await ordered(demo, RAILS, "clear_caches")
    path = demo.at(RAILS, f"/actions/{action['id']}")
    bare = (await demo.send("GET", path)).json()
    assert bare == (await demo.send("GET", path + ".json")).json()["response"]
    assert bare["id"] == action["id"]
    assert (await demo.refused("GET", demo.at(DOCKER, f"/actions/{action['id']}")))["status"] == 404


# the commands


async def test_a_restart_is_no_deployment(demo: Cloud66Demo) -> None:
    one = demo.service(DOCKER).recent[0]
    before = await demo.get(demo.at(DOCKER, "/deployments"))
    action = await ordered(demo, DOCKER, "restart")
    stack = await demo.get(demo.at(DOCKER))
    assert (stack["is_busy"], stack["health"], stack["status"]) == (True, 1, 1)
    assert {row["health_state"] for row in await demo.get(demo.at(DOCKER, "/containers"))} == {0}
    assert await demo.get(demo.at(DOCKER, "/deployments")) == before
    number = ids.deployment_id(one)
    assert (await demo.refused("DELETE", demo.at(DOCKER, f"/deployments/{number}")))["status"] == 409
    assert (await followed(demo, DOCKER, action))["finished_success"] is True
    stack = await demo.get(demo.at(DOCKER))
    assert (stack["is_busy"], stack["health"]) == (False, 3)
    assert demo.world.calls == {("restart", one.id): 1}


async def test_a_service_is_paused_restarted_and_resumed(demo: Cloud66Demo) -> None:
    service = demo.service(DOCKER)
    await ordered(demo, DOCKER, "service_pause", service_name="web")
    rows = await called(demo, DOCKER)
    states = {name: {one["status"] for one in row["containers"]} for name, row in rows.items()}
    assert states == {"web": {"stopped"}, "worker": {"running"}}
    stack = await demo.get(demo.at(DOCKER))
    assert (stack["health"], stack["considerations"]["warnings"]) == (2, ["Service web is paused"])
    await ordered(demo, DOCKER, "service_resume", service_name="web")
    demo.world.advance(60)
    before = (await called(demo, DOCKER))["web"]["containers"][0]
    await ordered(demo, DOCKER, "service_restart", service_name="web", server_uid=ids.server_uid(service, 0))
    after = (await called(demo, DOCKER))["web"]["containers"][0]
    assert (after["uid"], after["status"]) == (before["uid"], "running")
    assert after["started_at"] > before["started_at"]
    id_ = f"{service.id}:web"
    assert demo.world.calls == {("stop", id_): 1, ("start", id_): 1, ("restart", id_): 1}


@pytest.mark.parametrize("name", ["process_name", "process-name"])
async def test_a_process_is_paused_and_resumed_by_either_of_its_parameters_names(demo: Cloud66Demo, name: str) -> None:
    await ordered(demo, RAILS, "process_pause", **{name: "worker"})
    rows = await called(demo, RAILS)
    assert {key: set(row["servers_pauses"].values()) for key, row in rows.items()} == {"worker": {1}, "scheduler": {0}}
    await ordered(demo, RAILS, "process_restart")
    await ordered(demo, RAILS, "process_resume")
    assert all(set(row["servers_pauses"].values()) == {0} for row in (await called(demo, RAILS)).values())


@pytest.mark.parametrize("name", ["container", "container_id"])
async def test_a_container_is_stopped_and_restarted(demo: Cloud66Demo, name: str) -> None:
    first = (await demo.get(demo.at(DOCKER, "/containers")))[0]
    action = await demo.delete(demo.at(DOCKER, f"/containers/{first['uid']}"))
    assert action["action"] == "container_stop"
    rows = await demo.get(demo.at(DOCKER, "/containers"))
    assert [(row["status"], row["health_state"]) for row in rows] == [("stopped", 3), ("running", 1)]
    await ordered(demo, DOCKER, "container_restart", **{name: first["uid"]})
    assert {row["status"] for row in await demo.get(demo.at(DOCKER, "/containers"))} == {"running"}
    assert demo.world.calls == {("stop", first["uid"]): 1, ("restart", first["uid"]): 1}


async def test_a_service_that_was_stopped_comes_back_by_scaling_or_a_deployment(demo: Cloud66Demo) -> None:
    async def size() -> int:
        row = await demo.get(demo.at(DOCKER, "/services/web"))
        assert row["desired_count"] == len(row["containers"])
        return len(row["containers"])

    assert await size() == 1
    assert (await demo.delete(demo.at(DOCKER, "/services/web")))["action"] == "service_stop"
    assert await size() == 0
    counts = {ids.server_uid(demo.service(DOCKER), number): 2 for number in range(2)}
    scaled = await demo.post(demo.at(DOCKER, "/services"), service_name="web", server_count=counts)
    assert (scaled["action"], await size()) == ("service_scale", 4)
    await demo.delete(demo.at(DOCKER, "/services/web"))
    await demo.post(demo.at(DOCKER, "/deployments"))
    demo.world.advance(120)
    assert await size() == 1


async def test_a_service_is_stopped_on_one_server(demo: Cloud66Demo) -> None:
    server = ids.server_uid(demo.service(BUSY_DOCKER), 1)
    await demo.delete(demo.at(BUSY_DOCKER, "/services/web"), server_uid=server)
    rows = await demo.get(demo.at(BUSY_DOCKER, "/containers"), service_name="web")
    assert {row["server_uid"]: row["status"] for row in rows}[server] == "stopped"
    assert [row["status"] for row in rows].count("running") == 1


async def test_processes_are_scaled_and_answer_with_an_array(demo: Cloud66Demo) -> None:
    body = {"process_name": "worker", "server_group_count": {"128": 3}}
    (action,) = await demo.post(demo.at(RAILS, "/processes"), **body)
    assert action["action"] == "Process_scale"
    rows = await called(demo, RAILS)
    assert {name: list(row["servers"].values()) for name, row in rows.items()} == {"worker": [3], "scheduler": [1]}


async def test_a_holding_page_is_put_up_and_taken_away(demo: Cloud66Demo) -> None:
    await ordered(demo, RAILS, "maintenance_mode", value=1)
    assert (await demo.get(demo.at(RAILS)))["maintenance_mode"] is True
    await ordered(demo, RAILS, "maintenance_mode", value="0")
    assert (await demo.get(demo.at(RAILS)))["maintenance_mode"] is False
    id_ = demo.service(RAILS).id
    assert demo.world.calls == {("stop", id_): 1, ("start", id_): 1}


async def test_what_the_world_stopped_stands_behind_a_holding_page_and_is_started_by_its_end(
    demo: Cloud66Demo,
) -> None:
    await demo.post(demo.at(RAILS, "/deployments"))  # a former one is stopped for good, and is not meant
    demo.world.advance(120)
    one = demo.service(RAILS).recent[0]
    stop(demo.world, one)
    assert (await demo.get(demo.at(RAILS)))["maintenance_mode"] is True
    await ordered(demo, RAILS, "maintenance_mode", value=0)
    demo.world.advance(10)
    assert (one.phase, one.stopped) == (Phase.LIVE, False)
    assert (await demo.get(demo.at(RAILS)))["maintenance_mode"] is False
    assert demo.world.calls["start", one.id] == 1


async def test_servers_are_rebooted(demo: Cloud66Demo) -> None:
    service = demo.service(DOCKER)
    one = await demo.post(demo.at(DOCKER, f"/servers/{ids.server_uid(service, 0)}/reboot_server"))
    both = await demo.post(demo.at(DOCKER, "/reboot_servers"), strategy="serial")
    assert [one["action"], both["action"]] == ["server_reboot", "stack_reboot"]
    assert sum(demo.world.calls.values()) == 2


@pytest.mark.parametrize("command", ["promote_slave_db", "resync_slave_db", "disable_replication_slave_db"])
async def test_a_database_is_there_on_rails_and_not_implemented_on_docker(demo: Cloud66Demo, command: str) -> None:
    body = {"command": command, "server_uid": ids.server_uid(demo.service(RAILS), 1), "db_type": "postgresql"}
    assert (await ordered(demo, RAILS, **body))["action"] == command
    answer = await demo.refused("POST", demo.at(DOCKER, "/actions"), body)
    assert (answer["status"], answer["error"]) == (503, "not_implemented")


async def test_the_variant_that_serves_is_committed_by_put_or_patch(demo: Cloud66Demo) -> None:
    (variant,) = await demo.get(demo.at(DOCKER, "/application_variants"))
    assert (variant["variant_type"], variant["percentage"]) == ("active", 100)
    for method, id_ in (("PUT", variant["id"]), ("PATCH", variant["uid"])):
        response = await demo.send(method, demo.at(DOCKER, f"/application_variants/{id_}"), {"operation": "commit"})
        assert response.json()["response"]["ok"] is True
    assert (await demo.refused("PUT", demo.at(DOCKER, "/application_variants/1"), {}))["status"] == 404


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (RAILS, {"command": "explode"}, 400),
        (RAILS, {}, 400),
        (DOCKER, {"command": "maintenance_mode", "value": 1}, 400),
        (RAILS, {"command": "maintenance_mode", "value": "on"}, 400),
        (RAILS, {"command": "service_restart", "service_name": "web"}, 400),
        (DOCKER, {"command": "process_restart"}, 400),
        (DOCKER, {"command": "service_restart", "service_name": "database"}, 404),
        (DOCKER, {"command": "service_restart"}, 404),
        (DOCKER, {"command": "service_restart", "service_name": "web", "server_uid": "0" * 32}, 404),
        (DOCKER, {"command": "container_restart", "container_id": "0" * 64}, 404),
        (RAILS, {"command": "promote_slave_db", "server_uid": "0" * 32}, 404),
    ],
)
async def test_a_command_that_makes_no_sense_is_refused_and_does_nothing(
    demo: Cloud66Demo, path: str, body: Json, status: int
) -> None:
    assert (await demo.refused("POST", demo.at(path, "/actions"), body))["status"] == status
    assert not demo.world.calls


async def test_what_does_not_run_cannot_be_restarted(demo: Cloud66Demo) -> None:
    stop(demo.world, demo.service(DOCKER).recent[0])
    assert (await demo.refused("POST", demo.at(DOCKER, "/actions"), {"command": "restart"}))["status"] == 409
    assert {row["status"] for row in await demo.get(demo.at(DOCKER, "/containers"))} == {"stopped"}
    stack = await demo.get(demo.at(DOCKER))
    assert (stack["health"], stack["maintenance_mode"]) == (2, False)


@pytest.mark.parametrize(
    "body",
    [
        {"service_name": "web"},
        {"service_name": "web", "server_count": {}},
        {"service_name": "web", "server_count": 3},
        {"service_name": "web", "server_group_count": {"128": -1}},
        {"service_name": "web", "server_group_count": {"128": "two"}},
        {"service_name": "web", "server_count": {"0" * 32: 1}},
        {"server_group_count": {"128": 1}},
    ],
)
async def test_scaling_needs_counts(demo: Cloud66Demo, body: Json) -> None:
    assert (await demo.refused("POST", demo.at(DOCKER, "/services"), body))["status"] in (400, 404)
    assert not demo.world.calls
    assert (await demo.get(demo.at(DOCKER, "/services/web")))["desired_count"] == 1
