"""What Cloud 66 shows of the world: stacks and what is in them, accounts, operation logs."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from tests.demo.client import bearer
from tests.demo.cloud66_demo import BUSY_DOCKER, DOCKER, FAILED_RAILS, RAILS, Cloud66Demo, Json, cloud66_demo
from tui.demo.cast import Fate
from tui.demo.cloud66 import ids
from tui.demo.entities import Deployment, Phase
from tui.demo.lifecycle import push
from tui.demo.story import frozen_world
from tui.demo.world import World


@pytest.fixture
async def demo() -> AsyncIterator[Cloud66Demo]:
    async with cloud66_demo() as served:
        yield served


def moment(text: str) -> datetime:
    """A date in any of the contract's forms."""
    return datetime.fromisoformat(text.replace(" UTC", "+00:00"))


# stacks


async def test_every_service_of_the_world_is_a_stack_and_a_cluster_is_among_them(demo: Cloud66Demo) -> None:
    rows = await demo.whole("/stacks")
    shown = {(row["name"], row["environment"], row["uid"]) for row in rows if not row["is_cluster"]}
    assert shown == {(one.name, one.environment.name, ids.stack_uid(one)) for one in demo.world.services}
    assert all(re.fullmatch("[0-9a-f]{32}", row["uid"]) for row in rows)
    assert {row["account_name"] for row in rows} == {"outlet (ops@acme.example)"}
    assert len({row["account_id"] for row in rows}) == 1
    assert [row["name"] for row in rows if row["is_cluster"]] == ["lighthouse"]


async def test_a_stack_reads_as_in_the_list(demo: Cloud66Demo) -> None:
    for row in await demo.whole("/stacks"):
        assert await demo.get(f"/stacks/{row['uid']}") == row
        assert await demo.get(f"/stacks/{row['uid']}.json") == row


async def test_a_cluster_has_nothing_in_it(demo: Cloud66Demo) -> None:
    uid = next(row["uid"] for row in await demo.whole("/stacks") if row["is_cluster"])
    for rest in ("deployments", "actions", "services", "containers", "processes", "servers", "notifications"):
        assert await demo.get(f"/stacks/{uid}/{rest}") == []
    assert (await demo.refused("GET", f"/stacks/{uid}/deployments/1"))["status"] == 404
    assert (await demo.refused("POST", f"/stacks/{uid}/deployments"))["status"] == 404


async def test_a_rails_stack_and_a_docker_stack_differ_as_they_do_in_the_examples(demo: Cloud66Demo) -> None:
    rails, docker = await demo.get(demo.at(RAILS)), await demo.get(demo.at(DOCKER))
    assert (rails["framework"], docker["framework"]) == ("rails", "docker")
    assert "is_busy" not in rails
    assert docker["is_busy"] is False
    assert (docker["git"], docker["git_branch"]) == (None, None)
    assert (rails["git"], rails["git_branch"]) == ("git@github.com:acme/outlet.git", "main")
    assert rails["created_at"].endswith(" UTC")
    assert docker["created_at"].endswith("Z")
    assert (rails["last_activity"][-6:], docker["last_activity"][-4:]) == ("+00:00", " UTC")
    for row in (rails, docker):
        for name in ("created_at", "updated_at", "last_activity"):
            assert moment(row[name]) == moment(row[f"{name}_iso"])
            assert moment(row[name]).tzinfo == UTC


async def test_a_hook_that_deploys_without_a_token_is_a_secret(demo: Cloud66Demo) -> None:
    hooks = [row["redeploy_hook"] for row in await demo.whole("/stacks")]
    assert None in hooks
    for hook in filter(None, hooks):
        assert any(secret in hook for secret in demo.tokens.secrets)


@pytest.mark.parametrize(
    ("name", "value", "paths"),
    [
        ("filter_name", "storefront", {"outlet/production/storefront", "outlet/staging/storefront"}),
        ("filter_environment", "staging", {"outlet/staging/storefront", "outlet/staging/backoffice"}),
        ("filter_git_repo", "acme/outlet", {RAILS, FAILED_RAILS}),
        ("filter_git_branch", "develop", {FAILED_RAILS}),
        ("filter_name", "nothing", set()),
    ],
)
async def test_stacks_are_filtered(demo: Cloud66Demo, name: str, value: str, paths: set[str]) -> None:
    rows = await demo.whole("/stacks", **{name: value})
    assert {row["uid"] for row in rows} == {demo.uid(path) for path in paths}


async def test_status_health_and_activity_follow_the_world(demo: Cloud66Demo) -> None:
    async def row(path: str) -> tuple[int, int]:
        shown = await demo.get(demo.at(path))
        return shown["status"], shown["health"]

    assert await row(DOCKER) == (1, 3)
    assert await row(BUSY_DOCKER) == (6, 3)
    assert await row(FAILED_RAILS) == (2, 3)
    before = moment((await demo.get(demo.at(DOCKER)))["last_activity"])
    push(demo.world, demo.service(DOCKER), Fate.CRASHES)
    assert (await row(DOCKER))[0] == 5
    demo.world.advance(100)
    assert await row(DOCKER) == (1, 4)
    assert moment((await demo.get(demo.at(DOCKER)))["last_activity"]) > before
    push(demo.world, demo.service(BUSY_DOCKER), Fate.PARTLY)
    demo.world.advance(200)
    assert await row(BUSY_DOCKER) == (1, 2)


async def test_the_last_line_of_the_log_comes_on_demand(demo: Cloud66Demo) -> None:
    assert "last_log" not in await demo.get(demo.at(FAILED_RAILS))
    shown = await demo.get(demo.at(FAILED_RAILS), show_log="true")
    assert shown["last_log"].startswith("Deployment failed: Healthcheck failed!")


# what is in them


async def test_a_docker_stack_has_services_that_share_its_instances(demo: Cloud66Demo) -> None:
    web, worker = await demo.get(demo.at(BUSY_DOCKER, "/services"))
    assert [web["name"], worker["name"]] == ["web", "worker"]
    assert [len(web["containers"]), len(worker["containers"])] == [2, 1]
    assert [web["source_type"], worker["source_type"]] == ["git", "image"]
    assert await demo.get(demo.at(BUSY_DOCKER, "/processes")) == []
    both = [*web["containers"], *worker["containers"]]
    assert await demo.get(demo.at(BUSY_DOCKER, "/containers")) == both
    assert all(re.fullmatch("[0-9a-f]{64}", one["uid"]) for one in both)
    assert await demo.get(demo.at(BUSY_DOCKER, "/containers"), service_name="worker") == worker["containers"]
    server = both[0]["server_uid"]
    on_it = [one for one in both if one["server_uid"] == server]
    assert await demo.get(demo.at(BUSY_DOCKER, "/containers"), server_uid=server) == on_it
    listed = await demo.get(demo.at(BUSY_DOCKER, "/services"), server_uid=server)
    assert [one for row in listed for one in row["containers"]] == on_it


async def test_a_container_is_as_well_as_its_instance(demo: Cloud66Demo) -> None:
    push(demo.world, demo.service(BUSY_DOCKER), Fate.PARTLY)
    demo.world.advance(200)
    seen = set()
    for _ in range(12):
        rows = await demo.get(demo.at(BUSY_DOCKER, "/containers"))
        seen.add(tuple(row["health_state"] for row in rows))
        demo.world.advance(1)
    assert seen == {(2, 1, 1), (0, 1, 1)}  # down, then not looked at yet, again and again


async def test_a_deployment_brings_new_containers(demo: Cloud66Demo) -> None:
    before = {one["uid"] for one in await demo.get(demo.at(DOCKER, "/containers"))}
    push(demo.world, demo.service(DOCKER))
    demo.world.advance(120)
    assert not before & {one["uid"] for one in await demo.get(demo.at(DOCKER, "/containers"))}


async def test_a_rails_stack_has_processes_and_no_services(demo: Cloud66Demo) -> None:
    rows = await demo.get(demo.at(RAILS, "/processes"))
    assert [row["name"] for row in rows] == ["worker", "scheduler"]
    assert await demo.get(demo.at(RAILS, "/services")) == []
    assert await demo.get(demo.at(RAILS, "/containers")) == []
    assert (await demo.refused("GET", demo.at(RAILS, "/services/web")))["status"] == 404


async def test_secrets_come_only_where_they_are_asked_for(demo: Cloud66Demo) -> None:
    hook, script, environment, key = demo.tokens.secrets
    uid = (await demo.get(demo.at(DOCKER, "/containers")))[0]["uid"]
    assert environment not in str(await demo.get(demo.at(DOCKER, "/services")))
    assert environment in str(await demo.get(demo.at(DOCKER, f"/containers/{uid}")))
    servers = await demo.get(demo.at(DOCKER, "/servers"))
    with_keys = await demo.get(demo.at(DOCKER, "/servers"), include_private_key=1)
    assert [key in str(rows) for rows in (servers, with_keys)] == [False, True]
    assert await demo.get(demo.at(DOCKER, f"/servers/{servers[1]['uid']}")) == servers[1]
    account = (await demo.get("/accounts"))[0]
    assert script not in str(account)
    assert script in str(await demo.get(f"/accounts/{account['id']}"))
    assert hook in str(await demo.get(demo.at(DOCKER)))


async def test_accounts_are_counted_and_picked_by_a_header() -> None:
    async with cloud66_demo(frozen_world(platforms=("cloud66",), services=108)) as demo:
        accounts = await demo.get("/accounts")
        assert [row["stack_count"] for row in accounts] == [5, 100, 3]
        assert sum(row["stack_count"] for row in accounts) == 108
        for row in accounts:
            headers = {**bearer(demo.tokens.usual), "X-Account": str(row["id"])}
            answer = (await demo.http.get("/stacks", headers=headers)).json()
            assert answer["pagination"]["count"] == row["stack_count"] + 1
            assert {each["account_id"] for each in answer["response"]} == {row["id"]}
        assert (await demo.refused("GET", "/accounts/1"))["status"] == 404


async def test_two_hundred_stacks_are_listed_quickly_and_no_history_is_made() -> None:
    world = frozen_world(platforms=("cloud66",), services=200)
    async with cloud66_demo(world) as demo:
        began = time.process_time()
        answers = [(await demo.send("GET", "/stacks", params={"page": page})).json() for page in range(1, 8)]
        assert (time.process_time() - began) / 7 < 0.1
    assert [len(answer["response"]) for answer in answers] == [30] * 6 + [21]
    assert len({row["uid"] for answer in answers for row in answer["response"]}) == 201
    assert all(one._history is None for one in world.services)


# operation logs


async def log(demo: Cloud66Demo, one: Deployment, **params: object) -> list[Json]:
    row = await demo.get(demo.at(one.service.path, f"/deployments/{ids.deployment_id(one)}"))
    return await demo.whole(f"/operations/{row['operation_uid']}/logs.json", **params)


def world_texts(world: World, one: Deployment) -> list[str]:
    return [line.text for line in one.build_lines(world.now)]


async def test_a_deployments_log_is_whole_over_all_its_pages(demo: Cloud66Demo) -> None:
    one = demo.service(RAILS).recent[0]
    rows = await log(demo, one)
    assert [row["m"] for row in rows] == ["Starting deployment", *world_texts(demo.world, one), "Deployment finished"]
    assert [row["t"] for row in rows] == sorted((row["t"] for row in rows), key=moment)
    assert len(rows) > 30
    assert {row["e"] for row in rows} == {0}
    assert not any("operation_uid" in row for row in rows)
    assert (rows[0]["v"], rows[-1]["v"]) == (3, 3)


async def test_a_log_grows_while_its_deployment_runs(demo: Cloud66Demo) -> None:
    one = push(demo.world, demo.service(RAILS))
    counts = []
    while one.phase is not Phase.LIVE:
        rows = await log(demo, one)
        assert [row["m"] for row in rows] == ["Starting deployment", *world_texts(demo.world, one)]
        counts.append(len(rows))
        demo.world.advance(5)
    assert counts == sorted(counts)
    assert (await log(demo, one))[-1]["m"] == "Deployment finished"


async def test_children_come_on_demand_and_severities_are_those_of_the_log(demo: Cloud66Demo) -> None:
    one = demo.service(FAILED_RAILS).recent[0]
    (child,) = [row for row in await log(demo, one, include_children="true") if row["e"]]
    assert (child["v"], child["s"], len(child["operation_uid"])) == (5, "healthcheck", 22)
    assert child not in await log(demo, one)
    severe = await log(demo, one, min_severity=5, include_children="true")
    assert [row["m"] for row in severe][-1].startswith("Deployment failed: ")
    assert {row["v"] for row in severe} == {5}
    uid = child["operation_uid"]
    assert (await demo.refused("GET", f"/operations/{uid}/logs?min_severity=high"))["status"] == 400


async def test_an_action_has_a_log_as_well(demo: Cloud66Demo) -> None:
    action = await demo.post(demo.at(RAILS, "/actions"), command="clear_caches")
    assert [row["m"] for row in await demo.whole(f"/operations/{action['operation_uid']}/logs")] == [
        "Starting clear_caches"
    ]
    demo.world.advance(5)
    rows = await demo.whole(f"/operations/{action['operation_uid']}/logs")
    assert [row["m"] for row in rows] == ["Starting clear_caches", "Completed successfully"]
    assert (await demo.refused("GET", f"/operations/{'0' * 22}/logs"))["status"] == 404
