"""Listing deployments, their fields and steps, and every mutation, over HTTP."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import RailwayDemo
from tests.demo.client import Json, ask, refusal
from tui.demo import lifecycle
from tui.demo.entities import Deployment, Phase

FIELDS = """id status statusUpdatedAt createdAt updatedAt url staticUrl meta canRedeploy canRollback deploymentStopped
  snapshotId projectId environmentId serviceId creator { id name email } instances { id status }"""
LIST = f"""query($input: DeploymentListInput!, $first: Int, $after: String) {{
  deployments(input: $input, first: $first, after: $after) {{
    edges {{ cursor node {{ {FIELDS} }} }} pageInfo {{ hasNextPage endCursor }} }} }}"""
ONE = f"query($id: String!) {{ deployment(id: $id) {{ {FIELDS} }} }}"


def of(demo: RailwayDemo, path: str) -> Json:
    service = demo.world.service(path)
    environment = service.environment
    return {
        "projectId": environment.project.id,
        "environmentId": environment.id,
        "serviceId": service.service_id,
    }


def newest(demo: RailwayDemo, path: str) -> Deployment:
    return demo.world.service(path).deployments[0]


async def listed(demo: RailwayDemo, path: str, **input_: object) -> list[Json]:
    data = await ask(demo, LIST, input={**of(demo, path), **input_})
    return [edge["node"] for edge in data["deployments"]["edges"]]


async def one(demo: RailwayDemo, id_: str) -> Json:
    found: Json = (await ask(demo, ONE, id=id_))["deployment"]
    return found


# what is listed


async def test_pages_follow_one_another_though_a_new_deployment_comes_in_front(railway_demo: RailwayDemo) -> None:
    asked = of(railway_demo, "shop/production/api")
    seen: list[str] = []
    after = None
    while True:
        page = (await ask(railway_demo, LIST, input=asked, first=10, after=after))["deployments"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        lifecycle.push(railway_demo.world, railway_demo.world.service("shop/production/api"))
    assert len(seen) == len(set(seen)) >= 30


async def test_a_list_can_be_narrowed_by_status(railway_demo: RailwayDemo) -> None:
    path = "shop/production/search"
    assert {row["status"] for row in await listed(railway_demo, path, status={"in": ["FAILED"]})} == {"FAILED"}
    rest = await listed(railway_demo, path, status={"notIn": ["FAILED", "REMOVED"]})
    assert {row["status"] for row in rest} <= {"SUCCESS", "SKIPPED"}


async def test_dates_are_those_of_an_api_in_javascript_and_names_are_bare_hosts(railway_demo: RailwayDemo) -> None:
    row = await one(railway_demo, newest(railway_demo, "shop/production/checkout").id)
    assert row["createdAt"] == "2026-08-22T02:07:37.000Z"
    assert row["url"] == row["staticUrl"]
    assert "/" not in row["url"]
    failed = await one(railway_demo, newest(railway_demo, "shop/production/search").id)
    assert failed["url"] is None
    assert failed["staticUrl"]


async def test_meta_is_half_empty_at_first_and_differs_by_source(railway_demo: RailwayDemo) -> None:
    world = railway_demo.world
    made = lifecycle.push(world, world.service("shop/production/images"))
    young = (await one(railway_demo, made.id))["meta"]
    world.advance(10)
    older = (await one(railway_demo, made.id))["meta"]
    assert "commitMessage" not in young
    assert "serviceManifest" not in young
    assert older["commitMessage"] == made.commit.message
    assert len(older["commitHash"]) == 40
    image = (await one(railway_demo, newest(railway_demo, "shop/production/postgres").id))["meta"]
    assert image["image"] == "postgres:17.6"
    assert "commitHash" not in image
    queued = (await one(railway_demo, newest(railway_demo, "platform/staging/gateway").id))["meta"]
    assert queued["queuedReason"] == "Deployment queued due to upstream GitHub issues"


async def test_what_was_uploaded_from_a_machine_has_no_commit(railway_demo: RailwayDemo) -> None:
    services = railway_demo.world.services
    uploaded = next(each for one in services for each in one.deployments if each.trigger == "upload")
    meta = (await one(railway_demo, uploaded.id))["meta"]
    assert meta["cliMessage"]
    assert not {"commitHash", "repo", "image"} & set(meta)


@pytest.mark.parametrize(
    ("path", "status", "redeploy", "rollback"),
    [
        ("shop/production/web", "BUILDING", False, False),
        ("shop/production/api", "SUCCESS", True, False),
        ("shop/production/search", "FAILED", True, False),
        ("shop/production/emails", "CRASHED", True, False),
        ("shop/pr-312/web", "NEEDS_APPROVAL", False, False),
        ("platform/staging/gateway", "QUEUED", False, False),
    ],
)
async def test_what_can_be_redeployed(
    railway_demo: RailwayDemo, path: str, status: str, redeploy: bool, rollback: bool
) -> None:
    row = await one(railway_demo, newest(railway_demo, path).id)
    assert (row["status"], row["canRedeploy"], row["canRollback"]) == (status, redeploy, rollback)


async def test_only_what_ran_and_was_removed_within_three_days_can_be_rolled_back_to(railway_demo: RailwayDemo) -> None:
    rows = await listed(railway_demo, "shop/production/api", status={"in": ["REMOVED"]})
    possible = [row["canRollback"] for row in rows]
    assert possible == sorted(possible, reverse=True)
    assert 2 <= sum(possible) < len(rows)
    assert not any(row["canRedeploy"] for row in rows)


async def test_a_status_from_the_future_goes_out_as_it_is(railway_demo: RailwayDemo) -> None:
    newest(railway_demo, "shop/production/api").word = "HIBERNATING"
    assert (await one(railway_demo, newest(railway_demo, "shop/production/api").id))["status"] == "HIBERNATING"
    assert (await listed(railway_demo, "shop/production/api"))[0]["status"] == "HIBERNATING"


async def test_instances_tell_of_one_lost_replica(railway_demo: RailwayDemo) -> None:
    row = await one(railway_demo, newest(railway_demo, "shop/production/worker").id)
    states = sorted(instance["status"] for instance in row["instances"])
    assert states in (["CRASHED", "RUNNING", "RUNNING"], ["RESTARTING", "RUNNING", "RUNNING"])


async def test_steps_tell_how_far_a_rollout_is_and_why_one_failed(railway_demo: RailwayDemo) -> None:
    document = """query($id: String!) { deploymentEvents(id: $id) { edges { node {
      step createdAt completedAt payload { error durationMs } } } } }"""

    async def steps(path: str) -> list[Json]:
        data = await ask(railway_demo, document, id=newest(railway_demo, path).id)
        return [edge["node"] for edge in data["deploymentEvents"]["edges"]]

    building = await steps("shop/production/web")
    assert [step["step"] for step in building] == ["SNAPSHOT_CODE", "BUILD_IMAGE"]
    assert [step["completedAt"] is None for step in building] == [False, True]
    failed = await steps("shop/production/search")
    assert failed[-1]["payload"]["error"] == "Failed to build an image. Please check the build logs."
    railway_demo.world.advance(120)
    done = await steps("shop/production/web")
    assert [step["step"] for step in done] == [
        "SNAPSHOT_CODE",
        "BUILD_IMAGE",
        "PUBLISH_IMAGE",
        "CREATE_CONTAINER",
        "HEALTHCHECK",
        "DRAIN_INSTANCES",
    ]


# what can be done


async def test_redeploy_answers_with_the_new_deployment(railway_demo: RailwayDemo) -> None:
    old = newest(railway_demo, "platform/production/metrics")
    document = "mutation($id: String!) { deploymentRedeploy(id: $id) { id status } }"
    made = (await ask(railway_demo, document, id=old.id))["deploymentRedeploy"]
    assert made["id"] != old.id
    assert made["status"] == "INITIALIZING"
    seen: list[Phase] = []
    for _ in range(600):
        railway_demo.world.advance(0.25)
        status = (made_now := railway_demo.world.deployment(made["id"])).phase
        if not seen or seen[-1] != status:
            seen.append(status)
        if status is Phase.LIVE:
            break
    assert seen == [Phase.INITIALIZING, Phase.QUEUED, Phase.BUILDING, Phase.DEPLOYING, Phase.LIVE]
    assert made_now.trigger == "redeploy"
    railway_demo.world.advance(2.5)
    assert (await one(railway_demo, old.id))["status"] == "REMOVING"
    railway_demo.world.advance(5)
    assert (await one(railway_demo, old.id))["status"] == "REMOVED"
    assert railway_demo.world.calls["redeploy", old.id] == 1


async def test_rollback_answers_true_and_the_new_deployment_must_be_found(railway_demo: RailwayDemo) -> None:
    path = "shop/production/checkout"
    good = next(row for row in await listed(railway_demo, path) if row["canRollback"])
    document = "mutation($id: String!) { deploymentRollback(id: $id) }"
    assert await ask(railway_demo, document, id=good["id"]) == {"deploymentRollback": True}
    railway_demo.world.advance(15)
    first = (await listed(railway_demo, path))[0]
    assert first["id"] != good["id"]
    assert (first["status"], first["meta"]["commitHash"]) == ("SUCCESS", good["meta"]["commitHash"])
    assert first["meta"]["reason"] == "rollback"


async def test_stop_leaves_the_status_and_sets_stopped(railway_demo: RailwayDemo) -> None:
    id_ = newest(railway_demo, "shop/production/images").id
    await ask(railway_demo, "mutation($id: String!) { deploymentStop(id: $id) }", id=id_)
    row = await one(railway_demo, id_)
    assert (row["status"], row["deploymentStopped"]) == ("SUCCESS", True)
    assert {instance["status"] for instance in row["instances"]} == {"EXITED"}


async def test_stopped_is_also_what_starts_sleeps_or_has_crashed(railway_demo: RailwayDemo) -> None:
    """Only beside SUCCESS is the flag a stop; asleep, an instance still reads RUNNING."""
    world = railway_demo.world
    starting = lifecycle.push(world, world.service("shop/production/images"))
    row = await one(railway_demo, starting.id)
    assert (row["status"], row["deploymentStopped"], row["instances"]) == ("INITIALIZING", True, [])
    row = await one(railway_demo, newest(railway_demo, "shop/staging/web").id)
    assert (row["status"], row["deploymentStopped"]) == ("SLEEPING", True)
    assert {instance["status"] for instance in row["instances"]} == {"RUNNING"}
    crashed = next(each for each in world.services if each.latest and each.latest.phase is Phase.CRASHED)
    assert crashed.latest is not None
    row = await one(railway_demo, crashed.latest.id)
    assert (row["status"], row["deploymentStopped"]) == ("CRASHED", True)
    assert "EXITED" not in {instance["status"] for instance in row["instances"]}
    row = await one(railway_demo, newest(railway_demo, "shop/production/redis").id)
    assert (row["status"], row["deploymentStopped"]) == ("SUCCESS", False)


async def test_restart_keeps_the_id(railway_demo: RailwayDemo) -> None:
    id_ = newest(railway_demo, "shop/production/api").id
    await ask(railway_demo, "mutation($id: String!) { deploymentRestart(id: $id) }", id=id_)
    row = await one(railway_demo, id_)
    assert (row["status"], row["instances"][0]["status"]) == ("DEPLOYING", "RESTARTING")
    railway_demo.world.advance(5)
    assert (await one(railway_demo, id_))["status"] == "SUCCESS"
    assert (await listed(railway_demo, "shop/production/api"))[0]["id"] == id_


async def test_cancel_ends_removed(railway_demo: RailwayDemo) -> None:
    for path in ("shop/production/web", "platform/staging/gateway", "shop/pr-312/web"):
        id_ = newest(railway_demo, path).id
        await ask(railway_demo, "mutation($id: String!) { deploymentCancel(id: $id) }", id=id_)
        assert (await one(railway_demo, id_))["status"] == "REMOVED"


async def test_remove_takes_the_service_down(railway_demo: RailwayDemo) -> None:
    id_ = newest(railway_demo, "shop/production/redis").id
    await ask(railway_demo, "mutation($id: String!) { deploymentRemove(id: $id) }", id=id_)
    assert (await one(railway_demo, id_))["status"] == "REMOVING"
    railway_demo.world.advance(5)
    assert (await one(railway_demo, id_))["status"] == "REMOVED"


async def test_approve_lets_it_build(railway_demo: RailwayDemo) -> None:
    id_ = newest(railway_demo, "shop/pr-312/web").id
    await ask(railway_demo, "mutation($id: String!) { deploymentApprove(id: $id) }", id=id_)
    railway_demo.world.advance(5)
    assert (await one(railway_demo, id_))["status"] == "BUILDING"


async def test_deploy_v2_answers_with_an_id_and_knows_its_commits(railway_demo: RailwayDemo) -> None:
    asked = of(railway_demo, "shop/production/api")
    document = """mutation($environmentId: String!, $serviceId: String!, $commitSha: String) {
      serviceInstanceDeployV2(environmentId: $environmentId, serviceId: $serviceId, commitSha: $commitSha) }"""
    asked.pop("projectId")
    id_ = (await ask(railway_demo, document, **asked))["serviceInstanceDeployV2"]
    assert railway_demo.world.deployment(id_).trigger == "deploy"
    known = railway_demo.world.service("shop/production/api").deployments[5].commit.sha
    id_ = (await ask(railway_demo, document, **asked, commitSha=known))["serviceInstanceDeployV2"]
    assert railway_demo.world.deployment(id_).commit.sha == known
    assert await refusal(railway_demo, document, **asked, commitSha="f" * 40) == "Commit not found"


@pytest.mark.parametrize(
    ("field", "arguments", "same_commit"),
    [
        ("serviceInstanceDeploy", "latestCommit: true", False),
        ("serviceInstanceDeploy", "", True),
        ("serviceInstanceRedeploy", "", True),
    ],
)
async def test_the_older_ways_to_deploy_answer_true(
    railway_demo: RailwayDemo, field: str, arguments: str, same_commit: bool
) -> None:
    service = railway_demo.world.service("shop/production/images")
    before = service.deployments[0]
    call = f'{field}(serviceId: "{service.service_id}", environmentId: "{service.environment.id}" {arguments})'
    assert await ask(railway_demo, f"mutation {{ {call} }}") == {field: True}
    after = service.deployments[0]
    assert after is not before
    assert (after.commit == before.commit) is same_commit


async def test_triggers_deploy_only_what_has_a_trigger(railway_demo: RailwayDemo) -> None:
    document = "mutation($input: EnvironmentTriggersDeployInput!) { environmentTriggersDeploy(input: $input) }"
    for path, made in (("shop/production/images", True), ("shop/production/postgres", False)):
        before = newest(railway_demo, path)
        answer = await ask(railway_demo, document, input=of(railway_demo, path))
        assert answer == {"environmentTriggersDeploy": True}
        assert (newest(railway_demo, path) is not before) is made


@pytest.mark.parametrize(
    ("mutation", "path"),
    [
        ("deploymentRedeploy", "shop/production/web"),
        ("deploymentRestart", "shop/production/search"),
        ("deploymentStop", "shop/production/nightly-report"),
        ("deploymentRollback", "shop/production/api"),
        ("deploymentCancel", "shop/production/api"),
        ("deploymentApprove", "shop/production/api"),
    ],
)
async def test_what_makes_no_sense_is_refused_in_words(railway_demo: RailwayDemo, mutation: str, path: str) -> None:
    fields = " { id }" if mutation == "deploymentRedeploy" else ""
    one_ = newest(railway_demo, path)
    message = await refusal(railway_demo, f"mutation($id: String!) {{ {mutation}(id: $id){fields} }}", id=one_.id)
    assert message not in ("Problem processing request", "")
    assert newest(railway_demo, path) is one_


async def test_requests_at_once_are_each_counted(railway_demo: RailwayDemo) -> None:
    id_ = newest(railway_demo, "shop/production/api").id
    document = "mutation($id: String!) { deploymentRedeploy(id: $id) { id } }"
    made = await asyncio.gather(*(ask(railway_demo, document, id=id_) for _ in range(3)))
    assert len({each["deploymentRedeploy"]["id"] for each in made}) == 3
    assert railway_demo.world.calls["redeploy", id_] == 3
