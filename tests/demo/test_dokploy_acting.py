"""The demo's Dokploy told what to do, and what can be seen of it afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.demo.dokploy_demo import (
    BUSY,
    COMPOSE,
    FAILED,
    LOOPING,
    POSTGRES,
    QUIET,
    STATUS_PAGE,
    DokployDemo,
    dokploy,
)
from tui.demo.cast import PEOPLE, Fate
from tui.demo.dokploy import ids
from tui.demo.entities import Phase
from tui.demo.lifecycle import push, redeploy
from tui.demo.story import frozen_world


@pytest.fixture
async def demo() -> AsyncIterator[DokployDemo]:
    async with dokploy() as demo:
        yield demo


async def test_a_rollback_changes_what_runs_and_nothing_that_is_written_down(demo: DokployDemo) -> None:
    before, status = await demo.rows(LOOPING), await demo.status(LOOPING)
    by_type = await demo.get("deployment.allByType", id=demo.id(LOOPING), type="application")
    target = next(row for row in by_type[1:] if row["status"] == "done")
    assert (await demo.containers(LOOPING))[0]["image"] == f"{demo.app_name(LOOPING)}:latest"
    await demo.post("rollback.rollback", rollbackId=target["rollbackId"])
    demo.world.advance(30)
    assert await demo.rows(LOOPING) == before
    assert await demo.status(LOOPING) == status == "done"
    assert demo.id(LOOPING) not in str(await demo.get("deployment.queueList"))
    running = (await demo.containers(LOOPING))[0]
    assert (running["state"], running["image"].rpartition("/")[2]) == ("running", target["rollback"]["image"])
    assert sum(demo.world.calls.values()) == 1
    push(demo.world, demo.world.service(LOOPING), Fate.GOOD)
    demo.world.advance(200)
    assert (await demo.rows(LOOPING))[1:] == before[:10], "what is deployed next is one row more"
    assert (await demo.containers(LOOPING))[0]["image"] == f"{demo.app_name(LOOPING)}:latest"


async def test_every_rollback_that_fails_says_the_same(demo: DokployDemo) -> None:
    failed = next(row for row in await demo.rows(FAILED) if row["status"] == "error")
    serving = (await demo.rows(STATUS_PAGE))[0]
    said = (400, "Error input: Rolling back")
    for id_ in (failed["rollbackId"], serving["deploymentId"], "nobody"):
        assert await demo.refused("POST", "rollback.rollback", rollbackId=id_) == said
    older = (await demo.rows(STATUS_PAGE))[1]
    member = demo.tokens.member.value
    assert await demo.refused("POST", "rollback.rollback", member, rollbackId=older["rollbackId"]) == said
    assert not [row["rollbackId"] for row in await demo.rows(COMPOSE) if row["rollbackId"]]


async def test_deleting_a_rollback_deletes_the_row(demo: DokployDemo) -> None:
    before = await demo.rows(STATUS_PAGE)
    answer = await demo.post("rollback.delete", rollbackId=before[3]["rollbackId"])
    assert answer["deploymentId"] == before[3]["deploymentId"]
    assert await demo.rows(STATUS_PAGE) == before[:3] + before[4:]


async def test_a_removed_row_is_gone_and_nothing_older_takes_its_place(demo: DokployDemo) -> None:
    before = await demo.rows(STATUS_PAGE)
    assert len(before) == 11
    answer = await demo.post("deployment.removeDeployment", deploymentId=before[2]["deploymentId"])
    assert answer == before[2]
    assert await demo.rows(STATUS_PAGE) == before[:2] + before[3:]
    gone = (404, "Deployment not found")
    assert await demo.refused("POST", "deployment.removeDeployment", deploymentId=before[2]["deploymentId"]) == gone
    assert await demo.refused("GET", "deployment.readLogs", deploymentId=before[2]["deploymentId"]) == gone


async def test_stopping_and_starting_answer_the_row_as_it_was(demo: DokployDemo) -> None:
    stopped = await demo.post("application.stop", applicationId=demo.id(STATUS_PAGE))
    assert stopped["applicationStatus"] == "done"
    assert await demo.status(STATUS_PAGE) == "idle"
    assert {row["state"] for row in await demo.containers(STATUS_PAGE)} == {"exited"}
    assert (await demo.post("application.stop", applicationId=demo.id(STATUS_PAGE)))["applicationStatus"] == "idle"
    started = await demo.post("application.start", applicationId=demo.id(STATUS_PAGE))
    assert started["applicationStatus"] == "idle"
    demo.world.advance(10)
    assert await demo.status(STATUS_PAGE) == "done"
    assert (await demo.containers(STATUS_PAGE))[0]["state"] == "running"
    assert await demo.post("compose.stop", composeId=demo.id(COMPOSE)) is True
    assert await demo.post("compose.start", composeId=demo.id(COMPOSE)) is True
    assert sorted(verb for verb, _ in demo.world.calls.elements()) == ["start", "start", "stop", "stop"]


async def test_a_reload_wants_the_apps_name_and_replaces_its_containers(demo: DokployDemo) -> None:
    status, message = await demo.refused("POST", "application.reload", applicationId=demo.id(STATUS_PAGE))
    assert (status, message) == (400, "Input validation failed")
    (before, *former) = await demo.containers(STATUS_PAGE)
    assert not former
    body = {"applicationId": demo.id(STATUS_PAGE), "appName": demo.app_name(STATUS_PAGE)}
    assert await demo.post("application.reload", **body) is True
    demo.world.advance(20)
    now, replaced = await demo.containers(STATUS_PAGE)
    assert now["containerId"] != before["containerId"]
    assert now["state"] == "running"
    assert (replaced["containerId"], replaced["state"], replaced["status"]) == (
        before["containerId"],
        "exited",
        "Exited (0) 16 seconds ago",  # it was stopped when the new one ran
    )


async def test_a_container_can_be_restarted_stopped_and_started_by_its_id(demo: DokployDemo) -> None:
    container = (await demo.containers(COMPOSE))[0]
    for verb, state in (("restart", "running"), ("stop", "exited"), ("start", "running")):
        assert await demo.post(f"docker.{verb}Container", containerId=container["containerId"]) is None
        demo.world.advance(10)
        (found,) = [one for one in await demo.containers(COMPOSE) if one["containerId"] == container["containerId"]]
        assert found["state"] == state, verb
    status, message = await demo.refused("POST", "docker.restartContainer", containerId="deadbeef0000")
    assert status == 500
    assert message.startswith("Command execution failed: Command failed: docker container restart deadbeef0000\n")


async def test_a_database_is_deployed_at_once_and_leaves_no_row(demo: DokployDemo) -> None:
    id_ = demo.id(POSTGRES)
    answer = await demo.post("postgres.deploy", postgresId=id_)
    assert answer["databasePassword"]
    assert id_ not in str(await demo.get("deployment.queueList"))
    assert (await demo.refused("GET", "deployment.allByType", id=id_, type="postgres"))[0] == 400
    demo.world.advance(10)
    body = {"postgresId": id_, "appName": demo.app_name(POSTGRES)}
    assert await demo.post("postgres.reload", **body) is True
    demo.world.advance(10)
    assert (await demo.post("postgres.stop", postgresId=id_))["applicationStatus"] == "done"
    assert await demo.status(POSTGRES) == "idle"
    assert (await demo.post("postgres.start", postgresId=id_))["postgresId"] == id_
    assert not [key for key in demo.world.calls if key[0] == "rebuild"]
    await demo.post("postgres.rebuild", postgresId=id_)
    assert demo.world.calls["rebuild", demo.world.service(POSTGRES).id] == 1, "who loses all data is counted"


async def test_what_waits_is_dropped_silently_and_what_is_built_goes_on(demo: DokployDemo) -> None:
    for path in (STATUS_PAGE, COMPOSE, BUSY):
        kind = "compose" if path == COMPOSE else "application"
        await demo.post(f"{kind}.redeploy", **{f"{kind}Id": demo.id(path)})

    async def jobs() -> list[str]:
        return [f"{job['id']} {job['state']}" for job in await demo.get("deployment.queueList")]

    assert await jobs() == ["job-5 waiting", "job-4 waiting", "job-3 waiting", "job-2 active", "job-1 active"]
    assert await demo.post("application.cleanQueues", applicationId=demo.id(STATUS_PAGE)) is None
    assert await demo.post("application.cleanQueues", applicationId=demo.id(FAILED)) is None
    assert await jobs() == ["job-5 waiting", "job-4 waiting", "job-2 active", "job-1 active"]
    assert await demo.post("settings.cleanAllDeploymentQueue") is True
    assert await jobs() == ["job-2 active", "job-1 active"]
    demo.world.advance(120)
    assert await demo.get("deployment.queueList") == []
    assert (await demo.rows(BUSY))[0]["status"] == "done"
    assert await demo.status(STATUS_PAGE) == "done"


async def test_killing_a_build_kills_all_of_its_kind_and_the_next_one_is_built(demo: DokployDemo) -> None:
    await demo.post("application.deploy", applicationId=demo.id(STATUS_PAGE), title="mine")
    demo.world.advance(10)
    assert await demo.post("compose.killBuild", composeId=demo.id(COMPOSE)) is None
    assert (await demo.rows(BUSY))[0]["status"] == "running", "it is another command"
    assert await demo.post("application.killBuild", applicationId=demo.id(FAILED)) is None
    assert (await demo.rows(BUSY))[0]["status"] == "running", "it takes a moment to die"
    demo.world.advance(2)
    killed = (await demo.rows(BUSY))[0]
    assert (killed["status"], killed["errorMessage"]) == ("error", None)
    assert killed["finishedAt"] == "2026-08-22T02:14:19.000Z"
    assert await demo.status(BUSY) == "error"
    log = await demo.get("deployment.readLogs", deploymentId=killed["deploymentId"])
    assert log.endswith("Error occurred ❌, check the logs for details.\n")
    demo.world.advance(5)
    assert (await demo.rows(STATUS_PAGE))[0]["title"] == "mine"


async def test_a_build_has_no_process_that_could_be_killed(demo: DokployDemo) -> None:
    row = (await demo.rows(BUSY))[0]
    said = await demo.refused("POST", "deployment.killProcess", deploymentId=row["deploymentId"])
    assert said == (400, "Deployment is not running")
    assert (await demo.rows(BUSY))[0]["status"] == "running"


async def test_a_redeploy_keeps_its_title_and_a_deploy_does_not(demo: DokployDemo) -> None:
    demo.world.advance(120)
    for verb in ("redeploy", "deploy"):
        body = {"applicationId": demo.id(STATUS_PAGE), "title": f"my {verb}", "description": "by oncall"}
        assert await demo.post(f"application.{verb}", **body) is None
        demo.world.advance(10)
        row = (await demo.rows(STATUS_PAGE))[0]
        assert (row["title"], row["description"], row["status"]) == (f"my {verb}", "by oncall", "running")
        demo.world.advance(120)
    deployed, redeployed, *_ = await demo.rows(STATUS_PAGE)
    assert (redeployed["title"], redeployed["description"]) == ("my redeploy", "by oncall")
    assert deployed["title"] != "my deploy"
    assert deployed["description"].startswith("Commit: ")
    assert len(await demo.rows(STATUS_PAGE)) == 11


async def test_cleared_logs_leave_the_rows(demo: DokployDemo) -> None:
    before = await demo.rows(STATUS_PAGE)
    assert await demo.post("application.clearDeployments", applicationId=demo.id(STATUS_PAGE)) is True
    assert await demo.rows(STATUS_PAGE) == before
    assert await demo.get("deployment.readLogs", deploymentId=before[0]["deploymentId"]) == "\n"
    async with demo.socket("listen-deployment", logPath=before[0]["logPath"]) as socket:
        assert str(await socket.recv()).startswith("tail error: tail: cannot open")


async def test_the_history_of_a_quiet_service_has_one_of_each_oddity(demo: DokployDemo) -> None:
    rows = await demo.rows(QUIET)
    stuck, cancelled, unstarted = rows[2], rows[4], rows[6]
    assert (stuck["status"], stuck["finishedAt"]) == ("running", None)
    assert (cancelled["status"], cancelled["finishedAt"]) == ("cancelled", None)
    assert (unstarted["status"], unstarted["logPath"], unstarted["finishedAt"]) == ("error", "", unstarted["createdAt"])
    assert unstarted["errorMessage"].startswith("An error have occurred: SSH connection error")
    assert await demo.get("deployment.readLogs", deploymentId=unstarted["deploymentId"]) == ""
    assert await demo.status(QUIET) == "done"
    assert demo.id(QUIET) not in str(await demo.get("deployment.queueList")), "what hangs holds no job"
    demo.world.advance(7200)
    assert (await demo.rows(QUIET))[2] == stuck


async def test_a_push_becomes_a_row_of_its_message_and_ends_as_its_commit(demo: DokployDemo) -> None:
    one = push(demo.world, demo.world.service(STATUS_PAGE), Fate.GOOD, "Show the region\n\nCloses #7.")
    demo.world.advance(10)
    row = (await demo.rows(STATUS_PAGE))[0]
    assert (row["title"], row["description"]) == ("Show the region\n\nCloses #7.", f"Hash: {one.commit.sha}")
    assert row["deploymentId"] == ids.deployment_id(one)
    demo.world.advance(120)
    row = (await demo.rows(STATUS_PAGE))[0]
    assert (row["status"], row["description"]) == ("done", f"Commit: {one.commit.sha}")


async def test_a_redeploy_from_the_web_says_nothing_of_its_commit(demo: DokployDemo) -> None:
    redeploy(demo.world, demo.world.service(STATUS_PAGE).active[0], PEOPLE[0])
    demo.world.advance(120)
    row = (await demo.rows(STATUS_PAGE))[0]
    assert (row["title"], row["description"], row["status"]) == ("Rebuild deployment", "", "done")


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.LIVE, "done"),
        (Phase.SLEEPING, "done"),
        (Phase.CRASHED, "done"),
        (Phase.REMOVING, "done"),
        (Phase.REMOVED, "done"),
        (Phase.FAILED, "error"),
        (Phase.SKIPPED, "cancelled"),
    ],
)
async def test_every_phase_has_a_word(demo: DokployDemo, phase: Phase, expected: str) -> None:
    one = demo.world.service(STATUS_PAGE).recent[0]
    one.phase = phase
    if phase is Phase.SKIPPED:
        one.live_from = None
    assert (await demo.rows(STATUS_PAGE))[0]["status"] == expected
    one.word = "HIBERNATING"
    assert (await demo.rows(STATUS_PAGE))[0]["status"] == "hibernating"


@pytest.mark.parametrize("phase", [Phase.INITIALIZING, Phase.QUEUED, Phase.WAITING, Phase.NEEDS_APPROVAL])
async def test_what_waits_is_a_job_and_no_row(demo: DokployDemo, phase: Phase) -> None:
    one = demo.world.service(STATUS_PAGE).recent[0]
    before = await demo.rows(STATUS_PAGE)
    one.phase, one.live_from = phase, None
    assert (await demo.rows(STATUS_PAGE))[:10] == before[1:]
    (job,) = [
        job
        for job in await demo.get("deployment.queueList")
        if job["data"].get("applicationId") == demo.id(STATUS_PAGE)
    ]
    assert (job["state"], "processedOn" in job) == ("waiting", False)


async def test_200_services_answer_quickly() -> None:
    world = frozen_world(platforms=("dokploy",), services=200)
    async with dokploy(world) as demo:
        assert len(await demo.get("overview.services")) == 200
        central = await demo.get("deployment.allCentralized")
        with_rows = [one for one in world.services if ids.type_of(one) not in ids.DATABASES]
        assert len(central) == 11 * len(with_rows)
        assert [row["createdAt"] for row in central] == sorted((row["createdAt"] for row in central), reverse=True)
