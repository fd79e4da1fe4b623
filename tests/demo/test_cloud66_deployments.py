"""The four operations of Cloud 66's deployments page, and what a deployment looks like at each stage."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.demo.cloud66_demo import BUSY_DOCKER, DOCKER, FAILED_RAILS, RAILS, Cloud66Demo, Json, cloud66_demo
from tui.demo.cast import Fate
from tui.demo.cloud66 import ids
from tui.demo.entities import Deployment, Phase
from tui.demo.lifecycle import push


@pytest.fixture
async def demo() -> AsyncIterator[Cloud66Demo]:
    async with cloud66_demo() as served:
        yield served


async def shown(demo: Cloud66Demo, one: Deployment) -> Json:
    row: Json = await demo.get(demo.at(one.service.path, f"/deployments/{ids.deployment_id(one)}"))
    return row


async def timeline(demo: Cloud66Demo, path: str) -> list[Json]:
    return await demo.whole(demo.at(path, "/deployments"))


def older(demo: Cloud66Demo, path: str) -> Deployment:
    """One that was live before the one that is, with a commit of its own."""
    service = demo.service(path)
    now = service.recent[0].commit.sha
    return next(one for one in service.history if one.live_from is not None and one.commit.sha != now)


# get and list


async def test_all_pages_have_each_deployment_once_the_newest_first(demo: Cloud66Demo) -> None:
    rows = await timeline(demo, RAILS)
    truth = demo.service(RAILS).deployments
    assert [str(row["id"]) for row in rows] == [ids.deployment_id(one) for one in truth]
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert len(rows) > 30


async def test_a_page_has_thirty_and_says_where_the_next_is(demo: Cloud66Demo) -> None:
    answers = [(await demo.send("GET", demo.at(RAILS, "/deployments"), params={"page": n})).json() for n in (1, 2, 3)]
    total = len(demo.service(RAILS).deployments)
    assert [len(answer["response"]) for answer in answers] == [30, total - 30, 0]
    keys = ("previous", "next", "current", "per_page", "count", "pages")
    pages = [tuple(answer["pagination"][key] for key in keys) for answer in answers]
    assert pages == [(None, 2, 1, 30, total, 2), (1, None, 2, 30, total, 2), (2, None, 3, 30, total, 2)]


async def test_one_deployment_reads_as_in_the_list(demo: Cloud66Demo) -> None:
    rows = await timeline(demo, RAILS)
    assert await demo.get(demo.at(RAILS, f"/deployments/{rows[-1]['id']}")) == rows[-1]
    assert await demo.get(demo.at(RAILS, f"/deployments/{rows[0]['id']}.json")) == rows[0]
    assert (await demo.refused("GET", demo.at(DOCKER, f"/deployments/{rows[0]['id']}")))["status"] == 404


async def test_one_is_live_and_what_was_before_it_was_a_success_too(demo: Cloud66Demo) -> None:
    rows = await timeline(demo, RAILS)
    assert [row["is_live"] for row in rows] == [True] + [False] * (len(rows) - 1)
    assert {row["outcome"]["meaning"] for row in rows} == {"success", "failed"}
    assert {row["outcome"]["code"] for row in rows} == {1, 2}
    assert {row["deploy_type"]["meaning"] for row in rows} >= {"build", "redeploy", "first_build"}
    assert rows[-1]["deploy_type"] == {"code": 3, "meaning": "first_build"}


async def test_a_rollback_marks_what_it_replaced_as_reverted(demo: Cloud66Demo) -> None:
    everything = [await timeline(demo, one.path) for one in demo.world.services]
    reverts = [(rows, at) for rows in everything for at, row in enumerate(rows) if row["deploy_type"]["code"] == 4]
    assert reverts
    for rows, at in reverts:
        former = next(row for row in rows[at + 1 :] if row["outcome"]["code"] == 1)
        assert former["reverted"] is True
        assert former["reverted_by"] == rows[at]["triggered_by"]
        assert former["reverted_at"] == rows[at]["started_at"]
    marked = sum(row["reverted"] is True for rows in everything for row in rows)
    assert marked == len(reverts)
    assert {row["reverted"] for rows in everything for row in rows} == {True, None}


async def test_a_docker_stacks_deployment_has_no_hash_and_no_link(demo: Cloud66Demo) -> None:
    docker, rails = (await timeline(demo, DOCKER))[0], (await timeline(demo, RAILS))[0]
    assert docker["git_hash"] is None
    assert not {"commit_url", "git_ref"} & set(docker)
    assert rails["git_hash"] == demo.service(RAILS).recent[0].commit.sha
    assert rails["commit_url"].endswith(rails["git_hash"])


async def test_a_rollout_goes_from_pending_to_live(demo: Cloud66Demo) -> None:
    one = push(demo.world, demo.service(RAILS))
    seen: list[tuple[object, ...]] = []
    for _ in range(400):
        row = await shown(demo, one)
        stack = await demo.get(demo.at(RAILS))
        state = (row["outcome"]["meaning"], row["is_deploying"], row["is_live"], stack["status"])
        if not seen or seen[-1] != state:
            seen.append(state)
        assert (row["finished_at"] is None) == (row["outcome"]["meaning"] == "pending")
        if row["is_live"]:
            break
        demo.world.advance(1)
    assert seen == [("pending", False, False, 5), ("pending", True, False, 6), ("success", False, True, 1)]
    former = demo.service(RAILS).recent[1]
    assert (await shown(demo, former))["is_live"] is False


async def test_every_phase_of_the_world_has_an_outcome(demo: Cloud66Demo) -> None:
    one = demo.service(DOCKER).recent[0]
    outcomes = {}
    for phase in Phase:
        one.phase = phase
        one.live_from = None if phase in (Phase.FAILED, Phase.SKIPPED) else one.created_at
        row = await shown(demo, one)
        outcomes[phase] = (row["outcome"]["meaning"], row["is_deploying"], row["is_live"])
    pending, deploying = ("pending", False, False), ("pending", True, False)
    live, over = ("success", False, True), ("success", False, False)
    assert outcomes == {
        Phase.INITIALIZING: pending,
        Phase.QUEUED: pending,
        Phase.WAITING: pending,
        Phase.NEEDS_APPROVAL: pending,
        Phase.BUILDING: deploying,
        Phase.DEPLOYING: deploying,
        Phase.LIVE: live,
        Phase.SLEEPING: live,
        Phase.CRASHED: live,
        Phase.FAILED: ("failed", False, False),
        Phase.SKIPPED: ("failed", False, False),
        Phase.REMOVING: over,
        Phase.REMOVED: over,
    }


async def test_a_word_from_the_future_goes_out_as_the_outcome(demo: Cloud66Demo) -> None:
    demo.service(DOCKER).recent[0].word = "Hibernating"
    assert (await timeline(demo, DOCKER))[0]["outcome"] == {"code": 9, "meaning": "Hibernating"}


# redeploy


async def test_a_redeploy_answers_in_each_of_the_documented_ways(demo: Cloud66Demo) -> None:
    rails = await demo.post(demo.at(RAILS, "/deployments"))
    assert rails == {"id": (await timeline(demo, RAILS))[0]["id"], "message": "Deployment scheduled", "queued": True}
    docker = await demo.post(demo.at(DOCKER, "/deployments"))
    assert docker == {"ok": True, "message": "Stack starting redeployment", "queued": False}
    waiting = await demo.post(demo.at(BUSY_DOCKER, "/deployments"))
    action = (await demo.get(demo.at(BUSY_DOCKER, "/actions")))[0]
    message = "Stack queued for redeployment"
    assert waiting == {"ok": True, "message": message, "async_action_id": action["id"], "queued": True}


async def test_a_redeploy_without_a_reference_deploys_the_head_again(demo: Cloud66Demo) -> None:
    before = demo.service(RAILS).recent[0]
    await demo.post(demo.at(RAILS, "/deployments"))
    row = (await timeline(demo, RAILS))[0]
    assert row["git_hash"] == before.commit.sha
    assert (row["triggered_via"], row["deploy_type"]) == (
        {"code": 1, "meaning": "api"},
        {"code": 1, "meaning": "redeploy"},
    )
    assert row["triggered_by"] == demo.tokens.everything.person.email
    assert demo.world.calls == {("deploy", before.service.id): 1}


async def test_a_hash_deploys_that_commit_and_moves_no_head(demo: Cloud66Demo) -> None:
    target, head = older(demo, RAILS), demo.service(RAILS).recent[0]
    await demo.post(demo.at(RAILS, "/deployments"), git_ref=target.commit.sha[:10])
    demo.world.advance(120)
    row = (await timeline(demo, RAILS))[0]
    assert (row["git_hash"], row["is_live"], row["is_head"]) == (target.commit.sha, True, False)
    assert row["deploy_type"]["meaning"] == "redeploy"
    former = await shown(demo, head)
    assert (former["is_head"], former["is_live"], former["reverted"]) == (True, False, None)


async def test_a_branch_is_deployed_by_its_name(demo: Cloud66Demo) -> None:
    await demo.post(demo.at(RAILS, "/deployments"), git_ref="feat/size-guide")
    first, head = (await timeline(demo, RAILS))[:2]
    assert (first["git_ref"], first["is_head"], head["is_head"]) == ("feat/size-guide", False, True)
    assert first["git_hash"] != head["git_hash"]


async def test_parameters_may_come_in_the_address_as_the_documentation_says(demo: Cloud66Demo) -> None:
    path = demo.at(RAILS, "/deployments")
    response = await demo.send("POST", path, params={"git_ref": "main", "user_reference": "from-the-address"})
    assert response.status_code == 200
    assert len(await demo.get(demo.at(RAILS, "/actions"), user_reference="from-the-address")) == 1


@pytest.mark.parametrize(
    ("path", "body", "word"),
    [
        (DOCKER, {"git_ref": "main"}, "git_ref"),
        (RAILS, {"services": "web:v2"}, "services"),
        (DOCKER, {"services": "database:v2"}, "database"),
        (RAILS, {"git_ref": "deadbeef"}, "deadbeef"),
        (RAILS, {"user_reference": "x" * 256}, "user_reference"),
        (RAILS, {"deploy_strategy": "sideways"}, "deploy_strategy"),
        (DOCKER, {"rollout_strategy": "purple"}, "rollout_strategy"),
        (DOCKER, {"canary_percentage": 101}, "canary_percentage"),
    ],
)
async def test_what_a_stack_cannot_do_is_a_bad_request_and_does_nothing(
    demo: Cloud66Demo, path: str, body: Json, word: str
) -> None:
    before = len(await timeline(demo, path))
    answer = await demo.refused("POST", demo.at(path, "/deployments"), body)
    assert (answer["status"], answer["error"]) == (400, "bad_request")
    assert word in answer["details"]
    assert len(await timeline(demo, path)) == before
    assert not demo.world.calls


@pytest.mark.parametrize("services", ["web:v2,worker:2026-08", ["web:v2", "worker:2026-08"]])
async def test_services_are_named_with_their_tags_in_a_text_or_an_array(
    demo: Cloud66Demo, services: str | list[str]
) -> None:
    await demo.post(demo.at(DOCKER, "/deployments"), services=services, deployment_profile="fast")
    before = {row["name"]: row for row in await demo.get(demo.at(DOCKER, "/services"))}
    demo.world.advance(120)
    after = {row["name"]: row for row in await demo.get(demo.at(DOCKER, "/services"))}
    assert (before["web"]["git_ref"], after["web"]["git_ref"]) == ("main", "v2")
    assert (before["worker"]["image_tag"], after["worker"]["image_tag"]) == ("latest", "2026-08")


async def test_empty_texts_are_parameters_not_given(demo: Cloud66Demo) -> None:
    """The Go client sends them all."""
    body = dict.fromkeys(("git_ref", "services", "deployment_profile", "user_reference", "deploy_strategy"), "")
    await demo.post(demo.at(DOCKER, "/deployments"), **body)
    await demo.post(demo.at(RAILS, "/deployments"), **body)


# the queue


async def test_a_second_redeploy_waits_and_runs_when_the_first_is_over(demo: Cloud66Demo) -> None:
    first, second = demo.service(BUSY_DOCKER).recent[0], await _ordered(demo, BUSY_DOCKER)
    demo.world.advance(10)
    assert (await shown(demo, first))["is_deploying"] is True
    assert (await shown(demo, second))["outcome"]["meaning"] == "pending"
    assert (await shown(demo, second))["is_deploying"] is False
    while first.live_from is None:
        demo.world.advance(1)
    assert (await shown(demo, first))["is_live"] is True
    assert (await shown(demo, second))["is_deploying"] is True
    demo.world.advance(120)
    assert [row["is_live"] for row in (await timeline(demo, BUSY_DOCKER))[:2]] == [True, False]


async def test_one_that_is_ordered_just_before_the_first_ends_goes_on_all_the_same(demo: Cloud66Demo) -> None:
    first = demo.service(BUSY_DOCKER).recent[0]
    while first.phase is not Phase.DEPLOYING:
        demo.world.advance(1)
    demo.world.advance(6.5)
    second = await _ordered(demo, BUSY_DOCKER)
    phases = []
    for seconds in (1, 3, 120):
        demo.world.advance(seconds)
        phases.append((first.phase, second.phase))
    assert phases[:2] == [(Phase.LIVE, Phase.BUILDING)] * 2
    assert phases[2] == (Phase.REMOVED, Phase.LIVE)


async def test_those_that_wait_go_on_one_at_a_time_whatever_becomes_of_the_others(demo: Cloud66Demo) -> None:
    first = push(demo.world, demo.service(RAILS), Fate.BUILD_FAILS)
    sound = older(demo, RAILS).commit.sha
    second, third, fourth = [await _ordered(demo, RAILS, ref) for ref in ("", sound, sound)]
    await demo.delete(demo.at(RAILS, f"/deployments/{ids.deployment_id(third)}"))
    deploying = []
    for _ in range(300):
        deploying.append(sum(row["is_deploying"] for row in (await timeline(demo, RAILS))[:4]))
        demo.world.advance(2)
    assert max(deploying) == 1
    # The second deploys the head again, which is what failed.
    phases = [Phase.FAILED, Phase.FAILED, Phase.REMOVED, Phase.LIVE]
    assert [one.phase for one in (first, second, third, fourth)] == phases


async def _ordered(demo: Cloud66Demo, path: str, git_ref: str = "") -> Deployment:
    await demo.post(demo.at(path, "/deployments"), git_ref=git_ref)
    return demo.service(path).recent[0]


# cancel


async def test_a_rollout_is_cancelled_and_ends_as_failed(demo: Cloud66Demo) -> None:
    one = demo.service(BUSY_DOCKER).recent[0]
    path = demo.at(BUSY_DOCKER, f"/deployments/{ids.deployment_id(one)}")
    assert await demo.delete(path) == {"ok": True, "message": "Deployment cancelled"}
    row = await demo.get(path)
    assert (row["outcome"]["meaning"], row["reverted"], row["is_deploying"]) == ("failed", None, False)
    assert row["finished_at"] is not None
    assert demo.world.calls == {("cancel", one.id): 1}
    rows = await timeline(demo, BUSY_DOCKER)
    assert [row["is_live"] for row in rows[:2]] == [False, True]
    assert (await demo.get(demo.at(BUSY_DOCKER)))["status"] == 2


async def test_what_is_over_cannot_be_cancelled(demo: Cloud66Demo) -> None:
    one = demo.service(FAILED_RAILS).recent[0]
    answer = await demo.refused("DELETE", demo.at(FAILED_RAILS, f"/deployments/{ids.deployment_id(one)}"))
    assert (answer["status"], answer["error"]) == (409, "conflict")
    assert (await demo.refused("DELETE", demo.at(RAILS, "/deployments/90000007")))["status"] == 404
