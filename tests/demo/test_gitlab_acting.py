"""What can be done on the demo GitLab, what is refused, and in which words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.demo.gitlab_demo import (
    API,
    FRAUD,
    WEB,
    GitlabDemo,
    environment_of,
    gitlab_demo,
    job_of,
    project,
    project_of,
    row_of,
)
from tui.demo.cast import Fate
from tui.demo.entities import Deployment, Phase
from tui.demo.gitlab.ids import deployment_number, job_number
from tui.demo.gitlab.tokens import ON_CALL
from tui.demo.lifecycle import begin, push

SHA = "a91957a858320c0e17f3a0eca7cfacbff50ea29a"


@pytest.fixture
async def demo() -> AsyncIterator[GitlabDemo]:
    async with gitlab_demo() as made:
        yield made


def waiting(demo: GitlabDemo) -> Deployment:
    return demo.newest("payments/production/settlement")


async def test_a_retried_job_is_a_new_job_with_a_new_deployment_in_the_same_pipeline(demo: GitlabDemo) -> None:
    one = demo.world.service("payments/production/api").active[0]
    answer = await demo.ask("POST", f"{job_of(one)}/retry")
    assert answer.status_code == 201
    again = demo.newest("payments/production/api")
    assert answer.json()["id"] == job_number(again) != job_number(one)
    row = await demo.get(row_of(again))
    assert (row["status"], row["sha"], row["user"]["username"]) == ("created", one.commit.sha, ON_CALL.login)
    assert row["deployable"]["pipeline"]["id"] == (await demo.get(row_of(one)))["deployable"]["pipeline"]["id"]
    assert demo.world.calls["redeploy", one.id] == 1
    path = f"{project_of(one)}/pipelines/{row['deployable']['pipeline']['id']}/jobs"
    latest = await demo.get(path)
    assert [job["id"] for job in latest if job["name"] == "deploy"] == [job_number(again)]
    every = await demo.get(path, include_retried="True")
    assert [job["id"] for job in every if job["name"] == "deploy"] == [job_number(again), job_number(one)]


async def test_a_job_can_be_retried_once(demo: GitlabDemo) -> None:
    one = demo.world.service("payments/production/api").active[0]
    assert (await demo.ask("POST", f"{job_of(one)}/retry")).status_code == 201
    refused = await demo.refusal("POST", f"{job_of(one)}/retry")
    assert refused == (403, "403 Forbidden - Job is not retryable")
    again = demo.newest("payments/production/api")
    assert (await demo.refusal("POST", f"{job_of(again)}/retry"))[0] == 403  # it has not ended yet
    assert sum(demo.world.calls.values()) == 1


async def test_an_older_success_rolls_back_however_old_it_is(demo: GitlabDemo) -> None:
    service = demo.world.service("payments/production/api")
    old = [one for one in service.history if one.live_from is not None and not one.external][-1]
    assert (await demo.ask("POST", f"{job_of(old)}/retry")).status_code == 201
    assert demo.world.calls["rollback", old.id] == 1
    again = service.deployments[0]
    demo.world.advance(30)
    assert again.phase is Phase.LIVE
    assert again.commit.sha == old.commit.sha
    assert await demo.status(again) == "success"
    assert await demo.status(old) == "success"


async def test_a_cautious_project_forbids_to_deploy_what_is_outdated(demo: GitlabDemo) -> None:
    service = demo.world.service("payments/production/fraud")
    old = next(one for one in service.history if one.live_from is not None)
    for verb in ("retry", "cancel"):
        assert await demo.refusal("POST", f"{job_of(old)}/{verb}") == (403, "403 Forbidden")
    assert (await demo.ask("POST", f"{job_of(service.active[0])}/retry")).status_code == 201
    assert demo.world.calls["redeploy", service.active[0].id] == 1


async def test_production_is_protected_from_developers(demo: GitlabDemo) -> None:
    developer = demo.tokens.developer
    one = demo.world.service("payments/production/api").active[0]
    other = demo.world.service("payments/staging/api").active[0]
    assert (await demo.refusal("POST", f"{job_of(one)}/retry", token=developer))[0] == 403
    assert (await demo.refusal("POST", f"{environment_of(one)}/stop", token=developer))[0] == 403
    assert (await demo.refusal("DELETE", row_of(other), token=developer))[0] == 403
    assert (await demo.ask("POST", f"{job_of(other)}/retry", token=developer)).status_code == 201
    old = await demo.ask("POST", f"{environment_of(one)}/stop", token=developer, old=True)
    assert (old.status_code, old.json()["state"]) == (200, "available")  # 12.x said yes, and did nothing
    assert not one.stopped


async def test_a_running_job_is_cancelled_and_its_deployment_with_it(demo: GitlabDemo) -> None:
    one = demo.newest("payments/production/web")
    assert await demo.status(one) == "running"
    answer = await demo.ask("POST", f"{job_of(one)}/cancel", json={})
    assert (answer.status_code, answer.json()["status"]) == (201, "canceled")
    assert await demo.status(one) == "canceled"
    assert demo.world.calls["cancel", one.id] == 1
    assert (await demo.ask("POST", f"{job_of(one)}/retry")).status_code == 201


async def test_a_job_may_take_its_time_to_end_while_its_deployment_is_what_it_was(demo: GitlabDemo) -> None:
    demo.tokens.server.cancel_takes_s = 4.0
    one = demo.newest("payments/production/web")
    assert (await demo.ask("POST", f"{job_of(one)}/cancel")).json()["status"] == "canceling"
    row = await demo.get(row_of(one))
    assert (row["status"], row["deployable"]["status"], row["deployable"]["finished_at"]) == (
        "running",
        "canceling",
        None,
    )
    demo.world.advance(5)
    row = await demo.get(row_of(one))
    assert (row["status"], row["deployable"]["status"]) == ("canceled", "canceled")
    assert demo.world.calls["cancel", one.id] == 1


async def test_the_statuses_of_a_deployment_from_push_to_success(demo: GitlabDemo) -> None:
    one = push(demo.world, demo.world.service("payments/staging/api"))
    seen = []
    for _ in range(140):
        row = await demo.get(row_of(one))
        seen.append((row["status"], row["deployable"]["status"]))
        demo.world.advance(0.7)
    assert list(dict.fromkeys(seen)) == [
        ("created", "created"),
        ("created", "pending"),
        ("running", "running"),
        ("success", "success"),
    ]


async def test_a_failed_build_is_a_failed_job(demo: GitlabDemo) -> None:
    one = push(demo.world, demo.world.service("payments/staging/api"), Fate.BUILD_FAILS)
    demo.world.advance(120)
    row = await demo.get(row_of(one))
    assert (row["status"], row["deployable"]["failure_reason"]) == ("failed", "script_failure")


async def test_approvals_are_counted_by_rule_and_start_nothing(demo: GitlabDemo) -> None:
    one, tokens = waiting(demo), demo.tokens
    row = await demo.get(row_of(one))
    assert (row["status"], row["deployable"]["status"], row["pending_approval_count"]) == ("blocked", "manual", 3)
    rules = row["approval_summary"]["rules"]
    assert [(rule["access_level_description"], rule["required_approvals"]) for rule in rules] == [
        ("Maintainers", 1),
        ("release-managers", 2),
    ]
    said = {"status": "approved", "comment": "seen on staging"}
    answer = await demo.ask("POST", f"{row_of(one)}/approval", json=said)
    assert answer.status_code == 201
    assert (answer.json()["status"], answer.json()["comment"]) == ("approved", "seen on staging")
    assert (await demo.get(row_of(one)))["pending_approval_count"] == 2
    assert (await demo.ask("POST", f"{row_of(one)}/approval", json=said)).json() == answer.json()
    assert demo.world.calls["approve", one.id] == 1
    assert await demo.refusal("POST", f"{job_of(one)}/play") == (403, "403 Forbidden")
    for token in (tokens.release_manager, tokens.second_release_manager):
        body = {"status": "approved", "represented_as": "release-managers"}
        assert (await demo.ask("POST", f"{row_of(one)}/approval", token=token, data=body)).status_code == 201
    row = await demo.get(row_of(one))
    assert (row["status"], row["pending_approval_count"], len(row["approvals"])) == ("blocked", 0, 3)
    demo.world.advance(600)
    assert await demo.status(one) == "blocked"
    played = await demo.ask("POST", f"{job_of(one)}/play", json={})
    assert (played.status_code, played.json()["id"]) == (200, job_number(one))
    assert await demo.status(one) == "running"
    assert demo.world.calls["play", one.id] == 1
    demo.world.advance(120)
    assert await demo.status(one) == "success"


async def test_approvals_do_not_touch_when_a_deployment_was_updated(demo: GitlabDemo) -> None:
    one = waiting(demo)
    before = (await demo.get(row_of(one)))["updated_at"]
    await demo.ask("POST", f"{row_of(one)}/approval", json={"status": "approved"})
    assert (await demo.get(row_of(one)))["updated_at"] == before


async def test_a_rejected_deployment_fails_and_cannot_be_retried(demo: GitlabDemo) -> None:
    one = waiting(demo)
    assert (await demo.ask("POST", f"{row_of(one)}/approval", json={"status": "approved"})).status_code == 201
    answer = await demo.ask("POST", f"{row_of(one)}/approval", json={"status": "rejected"})
    assert (answer.status_code, answer.json()["status"]) == (201, "rejected")  # whoever agreed may change their mind
    row = await demo.get(row_of(one))
    assert (row["status"], row["deployable"]["failure_reason"]) == ("failed", "deployment_rejected")
    assert (await demo.refusal("POST", f"{job_of(one)}/retry")) == (403, "403 Forbidden - Job is not retryable")
    assert demo.world.calls["reject", one.id] == 1


async def test_approvals_that_are_refused(demo: GitlabDemo) -> None:
    one, tokens = waiting(demo), demo.tokens
    path = f"{row_of(one)}/approval"
    assert await demo.refusal("POST", path, json={"status": "maybe"}) == (400, "Unrecognized approval status.")
    yes = {"status": "approved"}
    status, words = await demo.refusal("POST", path, json={**yes, "represented_as": "qa"})
    assert (status, words[:32]) == (400, "There are no approval rules for ")
    status, words = await demo.refusal("POST", path, json=yes, token=tokens.developer)
    assert (status, words[:28]) == (400, "You don't have permission to")
    status, words = await demo.refusal("POST", path, json={**yes, "represented_as": "release-managers"})
    assert (status, words[:28]) == (400, "You don't have permission to")
    production, staging = (demo.world.service(f"payments/{name}/api") for name in ("production", "staging"))
    for service, expected in (
        (production, "This deployment is not waiting for approvals."),
        (staging, "This environment is not protected."),
    ):
        refused = await demo.refusal("POST", f"{row_of(service.active[0])}/approval", json=yes)
        assert refused == (400, expected)
    mine = begin(demo.world, production, one.commit, "push", ON_CALL, hold=Phase.NEEDS_APPROVAL)
    demo.world.advance(2)
    status, words = await demo.refusal("POST", f"{row_of(mine)}/approval", json=yes)
    assert (status, words[:39]) == (400, "You cannot approve your own deployment.")
    assert demo.world.calls["approve", one.id] == 0


async def test_the_free_edition_knows_no_approval(demo: GitlabDemo) -> None:
    demo.tokens.server.approvals = False
    one = waiting(demo)
    assert "approval_summary" not in await demo.get(row_of(one))
    assert await demo.refusal("POST", f"{row_of(one)}/approval", json={"status": "approved"}) == (404, "404 Not Found")
    assert (await demo.ask("POST", f"{job_of(one)}/play")).status_code == 200


async def test_a_manual_job_is_played_without_any_approval(demo: GitlabDemo) -> None:
    (row,) = await demo.get(f"{project(WEB)}/deployments", status="blocked")
    path = f"{project(WEB)}/jobs/{row['deployable']['id']}"
    assert row["deployable"]["user"]["username"] != ON_CALL.login
    assert (await demo.ask("POST", f"{path}/play")).status_code == 200
    played = await demo.get(f"{project(WEB)}/deployments/{row['id']}")
    assert played["status"] == "running"
    assert played["deployable"]["user"]["username"] == ON_CALL.login  # the job is whose who played it,
    assert played["user"] == row["user"]  # the deployment stays whose pipeline made it
    assert await demo.refusal("POST", f"{path}/play") == (400, "400 Bad request - Unplayable Job")


async def test_an_environment_stops_by_its_job_and_goes_once_it_has_stopped(demo: GitlabDemo) -> None:
    one = demo.world.service("payments/review/one-page/web").active[0]
    path = environment_of(one)
    assert await demo.refusal("DELETE", path) == (403, "403 Forbidden")
    answer = await demo.ask("POST", f"{path}/stop", json={})
    assert (answer.status_code, answer.json()["state"]) == (200, "stopping")
    assert demo.world.calls["stop", one.id] == 1
    demo.world.advance(5)
    assert (await demo.get(path))["state"] == "stopped"
    (row,) = await demo.get(f"{project(WEB)}/environments", states="stopped")
    assert row["name"] == "review/one-page"
    assert await demo.status(one) == "success"  # the record does not know
    assert (await demo.ask("DELETE", path)).status_code == 204
    assert await demo.refusal("GET", path) == (404, "404 Environment Not Found")


async def test_force_stops_without_the_job(demo: GitlabDemo) -> None:
    one = demo.world.service("payments/review/one-page/web").active[0]
    answer = await demo.ask("POST", f"{environment_of(one)}/stop", json={"force": True})
    assert answer.json()["state"] == "stopped"
    assert (await demo.ask("POST", f"{job_of(one)}/retry")).status_code == 201
    demo.world.advance(120)
    assert (await demo.get(environment_of(one)))["state"] == "available"


async def test_what_others_deploy_is_told_and_followed(demo: GitlabDemo) -> None:
    told = {"environment": "canary", "sha": SHA, "ref": "main", "tag": "false", "status": "running"}
    answer = await demo.ask("POST", f"{project(API)}/deployments", data=told)
    assert answer.status_code == 201
    row = answer.json()
    assert (row["status"], row["deployable"], row["environment"]["name"]) == ("running", None, "canary")
    path = f"{project(API)}/deployments/{row['id']}"
    assert (await demo.ask("PUT", path, data={"status": "success"})).json()["status"] == "success"
    one = demo.newest("payments/canary/api")
    assert deployment_number(one) == row["id"]
    assert demo.world.calls["record", one.service.id] == demo.world.calls["set-status", one.id] == 1
    environment = await demo.get(environment_of(one))
    assert environment["last_deployment"]["id"] == row["id"]


async def test_what_is_told_wrongly_is_refused_in_each_shape(demo: GitlabDemo) -> None:
    path = f"{project(API)}/deployments"
    told = {"environment": "production", "sha": SHA, "ref": "main", "tag": False, "status": "running"}
    assert await demo.refusal("POST", path, json={**told, "environment": ""}) == (400, "environment is missing")
    assert await demo.refusal("POST", path, json={**told, "status": "created"}) == (
        400,
        "status does not have a valid value",
    )
    assert await demo.refusal("POST", path, json={**told, "ref": "nowhere"}) == (
        400,
        {"ref": ["The branch or tag does not exist"]},
    )
    assert await demo.refusal("POST", path, json={**told, "sha": "zzz"}) == (
        400,
        {"sha": ["The commit does not exist"]},
    )
    one = demo.world.service("payments/production/api").active[0]
    assert await demo.refusal("PUT", row_of(one), json={"status": "failed"}) == (
        403,
        "403 Forbidden - Deployments created using GitLab CI can not be updated using the API",
    )
    assert not demo.world.calls


async def test_a_record_is_deleted_unless_it_runs_or_is_deployed(demo: GitlabDemo) -> None:
    service = demo.world.service("payments/production/web")
    under_way, current, old = service.deployments[0], service.active[0], service.history[5]
    assert await demo.refusal("DELETE", row_of(under_way)) == (400, "Cannot destroy running deployment")
    assert await demo.refusal("DELETE", row_of(current)) == (400, "Deployment currently deployed to environment")
    long_ago = {"If-Unmodified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}
    assert (await demo.refusal("DELETE", row_of(old), headers=long_ago))[0] == 412
    numbers = {row["id"]: row["iid"] for row in await demo.get(f"{project(WEB)}/deployments", per_page="100")}
    answer = await demo.ask("DELETE", row_of(old), json={})
    assert (answer.status_code, answer.content) == (204, b"")
    assert await demo.refusal("GET", row_of(old)) == (404, "404 Deployment Not Found")
    assert demo.world.calls["remove", old.id] == 1
    for row in await demo.get(f"{project(WEB)}/deployments", per_page="99"):
        assert numbers[row["id"]] == row["iid"]  # nobody moves up


async def test_a_pipeline_is_made_of_a_branch_and_cancelled_and_retried(demo: GitlabDemo) -> None:
    path = project(FRAUD)
    refused = await demo.refusal("POST", f"{path}/pipeline", json={"ref": "nowhere"})
    assert refused == (400, {"base": ["Reference not found"]})
    answer = await demo.ask("POST", f"{path}/pipeline", json={"ref": "main", "variables": []})
    assert answer.status_code == 201
    one = demo.newest("payments/production/fraud")
    assert demo.world.calls["deploy", one.service.id] == 1
    number = answer.json()["id"]
    assert (await demo.get(f"{path}/pipelines", per_page="1"))[0]["id"] == number
    mine = await demo.get(f"{path}/pipelines", username=ON_CALL.login)
    assert [each["id"] for each in mine] == [number]
    answer = await demo.ask("POST", f"{path}/pipelines/{number}/cancel", json={})
    assert (answer.status_code, answer.json()["status"]) == (201, "canceled")
    answer = await demo.ask("POST", f"{path}/pipelines/{number}/retry", json={})
    assert (answer.status_code, answer.json()["status"]) == (201, "running")
    assert demo.newest("payments/production/fraud").commit.sha == one.commit.sha


async def test_merge_requests_are_known_where_an_environment_is_followed(demo: GitlabDemo) -> None:
    one = demo.world.service("payments/production/api").active[0]
    (row,) = await demo.get(f"{row_of(one)}/merge_requests")
    assert row["state"] == "merged"
    review = demo.world.service("payments/review/one-page/web").active[0]
    assert await demo.get(f"{row_of(review)}/merge_requests") == []


async def test_a_lost_reply_has_done_what_was_asked(demo: GitlabDemo) -> None:
    one = demo.world.service("payments/production/api").active[0]
    demo.world.faults.add("lost-reply", "retry")
    with pytest.raises(httpx.TransportError):
        await demo.ask("POST", f"{job_of(one)}/retry")
    assert demo.world.calls["redeploy", one.id] == 1
    assert (await demo.refusal("POST", f"{job_of(one)}/retry"))[0] == 403
