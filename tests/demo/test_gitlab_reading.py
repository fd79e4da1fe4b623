"""What can be read of the demo GitLab: who asks, lists and their pages, filters, the moved, the old."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.demo.gitlab_demo import (
    API,
    FRAUD,
    SETTLEMENT,
    TLS,
    WEB,
    GitlabDemo,
    environment_of,
    gitlab_demo,
    job_of,
    project,
    row_of,
)
from tui.demo.clock import rfc3339_ms
from tui.demo.entities import Phase
from tui.demo.gitlab.ids import deployment_id, deployment_number
from tui.demo.serve import serve
from tui.demo.story import new_world


@pytest.fixture
async def demo() -> AsyncIterator[GitlabDemo]:
    async with gitlab_demo() as made:
        yield made


async def test_a_group_has_its_projects_only_with_the_groups_within(demo: GitlabDemo) -> None:
    assert await demo.get("/groups/acme/projects") == []
    found = await demo.get("/groups/acme/projects", include_subgroups="true")
    assert {one["path_with_namespace"] for one in found} == {WEB, API, FRAUD, SETTLEMENT}
    assert [one["full_path"] for one in await demo.get("/groups")] == ["acme", "acme/payments"]
    within = await demo.get("/groups/acme%2Fpayments/projects")
    assert {one["id"] for one in within} == {one["id"] for one in found}


async def test_a_project_answers_to_its_number_and_to_its_encoded_path(demo: GitlabDemo) -> None:
    found = await demo.get(project(API))
    assert (await demo.get(f"/projects/{found['id']}"))["path_with_namespace"] == API
    assert (found["ci_forward_deployment_enabled"], found["ci_forward_deployment_rollback_allowed"]) == (True, True)
    assert (await demo.get(project(FRAUD)))["ci_forward_deployment_rollback_allowed"] is False
    assert await demo.refusal("GET", "/projects/acme/payments/api") == (404, "404 Not Found")  # a decoded slash
    assert await demo.refusal("GET", project("acme/secret")) == (404, "404 Project Not Found")


async def test_what_moved_is_found_by_reading_and_refused_otherwise(demo: GitlabDemo) -> None:
    answer = await demo.ask("GET", f"{project('acme/billing/api')}/deployments?sort=desc")
    assert answer.status_code == 301
    number = (await demo.get(project(API)))["id"]
    assert answer.headers["location"] == f"{demo.root}/api/v4/projects/{number}/deployments?sort=desc"
    refused = await demo.refusal("POST", f"{project('acme/billing/api')}/pipeline", json={"ref": "main"})
    assert refused == (405, "Non GET methods are not allowed for moved projects")


async def test_a_list_begins_with_the_oldest_twenty(demo: GitlabDemo) -> None:
    rows = await demo.get(f"{project(API)}/deployments")
    assert [row["iid"] for row in rows] == list(range(1, 21))
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    (newest,) = await demo.get(f"{project(API)}/deployments", order_by="id", sort="desc", per_page="1")
    young = max((demo.newest(f"payments/{name}/api") for name in ("production", "staging")), key=deployment_number)
    assert str(newest["id"]) == deployment_id(young)
    assert "approval_summary" not in newest
    assert newest["deployable"]["pipeline"]["sha"] == newest["sha"] == young.commit.sha


async def test_pages_tell_where_they_are_and_how_many_there_are(demo: GitlabDemo) -> None:
    path = f"{project(API)}/deployments"
    seen: list[int] = []
    answer = await demo.ask("GET", f"{path}?per_page=30")
    total = int(answer.headers["x-total"])
    assert answer.headers["x-total-pages"] == str(-(-total // 30))
    assert (answer.headers["x-page"], answer.headers["x-prev-page"], answer.headers["x-next-page"]) == ("1", "", "2")
    while True:
        seen += [row["id"] for row in answer.json()]
        if "next" not in answer.links:
            break
        answer = await demo.client.get(answer.links["next"]["url"], headers={"PRIVATE-TOKEN": demo.tokens.usual})
    assert answer.headers["x-next-page"] == ""
    assert len(seen) == len(set(seen)) == total
    demo.tokens.server.count_limit = total - 1
    answer = await demo.ask("GET", path)
    assert not {"x-total", "x-total-pages"} & set(answer.headers)
    assert "last" not in answer.links
    assert answer.headers["x-next-page"] == "2"


async def test_jobs_are_never_counted_and_can_be_walked_by_key(demo: GitlabDemo) -> None:
    path = f"{project(FRAUD)}/jobs"
    answer = await demo.ask("GET", f"{path}?scope[]=failed&scope[]=canceled")
    assert "x-total" not in answer.headers
    assert {row["status"] for row in answer.json()} == {"failed"}
    answer = await demo.ask("GET", f"{path}?pagination=keyset&order_by=id&sort=desc&per_page=100")
    ids = [row["id"] for row in answer.json()]
    while "next" in answer.links:
        answer = await demo.client.get(answer.links["next"]["url"], headers={"PRIVATE-TOKEN": demo.tokens.usual})
        ids += [row["id"] for row in answer.json()]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) > 100


async def test_filters_choose_by_environment_status_and_time(demo: GitlabDemo) -> None:
    path = f"{project(WEB)}/deployments"
    rows = await demo.get(path, environment="review/one-page", per_page="100")
    assert {row["environment"]["name"] for row in rows} == {"review/one-page"}
    for status in ("running", "success", "failed", "skipped", "blocked"):
        rows = await demo.get(path, status=status, per_page="100")
        assert {row["status"] for row in rows} == {status}
    one = demo.newest("payments/production/web")
    since = rfc3339_ms(one.build[0] if one.build else one.created_at)
    rows = await demo.get(path, order_by="updated_at", sort="desc", updated_after=since)
    assert [row["id"] for row in rows] == [deployment_number(one)]
    rows = await demo.get(path, order_by="updated_at", updated_after="2026-08-22T07:44:00+05:30")  # 02:14:00 in UTC
    assert rows == []
    rows = await demo.get(
        path, order_by="finished_at", status="success", finished_after="2026-08-20T00:00:00Z", per_page="100"
    )
    times = [row["deployable"]["finished_at"] for row in rows]
    assert times == sorted(times)
    assert times[0] >= "2026-08-20"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("status=bogus", "status does not have a valid value"),
        ("order_by=name", "order_by does not have a valid value"),
        ("updated_after=yesterday", "updated_after is invalid"),
        (
            "updated_after=2026-01-01T00:00:00Z&finished_after=2026-01-01T00:00:00Z",
            "400 Bad request - Both `updated_at` filter and `finished_at` filter can not be specified",
        ),
        (
            "finished_after=2026-01-01T00:00:00Z",
            "400 Bad request - `finished_at` filter and `finished_at` sorting must be paired",
        ),
        ("order_by=finished_at", "400 Bad request - `finished_at` filter and `finished_at` sorting must be paired"),
        (
            "order_by=finished_at&finished_after=2026-01-01T00:00:00Z",
            "400 Bad request - `finished_at` filter must be combined with `success` status filter.",
        ),
    ],
)
async def test_filters_that_do_not_fit_are_refused(demo: GitlabDemo, query: str, words: str) -> None:
    assert await demo.refusal("GET", f"{project(API)}/deployments?{query}") == (400, words)


async def test_environments_have_a_state_and_alone_what_was_deployed(demo: GitlabDemo) -> None:
    rows = await demo.get(f"{project(WEB)}/environments", states="available")
    assert {row["name"]: row["tier"] for row in rows} == {
        "production": "production",
        "review/one-page": "development",
        "staging": "staging",
    }
    assert all("last_deployment" not in row for row in rows)
    (found,) = await demo.get(f"{project(WEB)}/environments", name="review/one-page")
    assert (found["slug"], found["auto_stop_at"] is None) == ("review-one-page", False)
    for query in ("name=production&search=prod", "search=pr"):
        assert (await demo.refusal("GET", f"{project(WEB)}/environments?{query}"))[0] == 400
    building = demo.newest("payments/production/web")
    alone = await demo.get(environment_of(building))
    assert alone["last_deployment"]["status"] == "success"  # not the one that is under way
    assert alone["last_deployment"]["id"] != deployment_number(building)


async def test_the_past_has_a_row_told_by_others_and_a_manual_job_nobody_started(demo: GitlabDemo) -> None:
    rows = await demo.get(f"{project(API)}/deployments", per_page="100", environment="production")
    (told,) = [row for row in rows if row["deployable"] is None]
    assert told["status"] == "success"
    (manual,) = await demo.get(f"{project(WEB)}/deployments", status="blocked")
    alone = await demo.get(f"{project(WEB)}/deployments/{manual['id']}")
    assert alone["deployable"]["status"] == "manual"
    assert (alone["pending_approval_count"], alone["approval_summary"]["rules"]) == (0, [])


_USER = "id name username state avatar_url web_url"
_FIELDS = {  # of the documented examples
    "": "id iid ref sha created_at updated_at status user environment deployable",
    "user": _USER,
    "environment": "id name external_url",
    "deployable": "id status stage name ref tag coverage created_at started_at finished_at project user commit "
    "pipeline runner",
    "deployable.project": "ci_job_token_scope_enabled",
    "deployable.user": f"{_USER} created_at bio location public_email skype linkedin twitter website_url organization",
    "deployable.commit": "id short_id title author_name author_email created_at message",
    "deployable.pipeline": "id ref sha status created_at updated_at web_url",
}


async def test_a_deployment_has_every_documented_field(demo: GitlabDemo) -> None:
    one = demo.newest("payments/production/web")
    new, old = await demo.ask("GET", row_of(one)), await demo.ask("GET", row_of(one), old=True)
    for where, names in _FIELDS.items():
        today, then = new.json(), old.json()
        for step in filter(None, where.split(".")):
            today, then = today[step], then.get(step, {})
        assert set(names.split()) <= set(today), where
        lost = set(names.split()) - set(then)
        assert lost <= {"status", "project", "ci_job_token_scope_enabled"}, where
    assert "status" not in old.json()


async def test_a_crashed_service_was_deployed_well(demo: GitlabDemo) -> None:
    one = demo.world.service("payments/production/api").active[0]
    before = await demo.get(row_of(one))
    one.phase, one.changed_at = Phase.CRASHED, demo.world.now
    assert await demo.get(row_of(one)) == before


async def test_a_word_of_the_future_goes_out_as_it_is(demo: GitlabDemo) -> None:
    one = demo.newest("payments/production/api")
    one.word = "teleporting"
    assert await demo.status(one) == "teleporting"


async def test_tokens_are_asked_for_and_some_may_only_read(demo: GitlabDemo) -> None:
    tokens = demo.tokens
    url = f"{demo.root}/api/v4/user"
    assert (await demo.client.get(url)).json() == {"message": "401 Unauthorized"}
    assert (await demo.client.get(url, headers={"Authorization": f"Bearer {tokens.usual}"})).status_code == 200
    assert (await demo.ask("GET", "/user", token=tokens.expired)).json()["error"] == "invalid_token"
    assert (await demo.get("/personal_access_tokens/self"))["scopes"] == ["api"]
    assert (await demo.ask("GET", "/user", token=tokens.read_api)).status_code == 200
    one = demo.newest("payments/production/api")
    answer = await demo.ask("POST", f"{job_of(one)}/retry", token=tokens.read_api)
    assert (answer.status_code, answer.json()["error"]) == (403, "insufficient_scope")
    assert not demo.world.calls
    job = {"JOB-TOKEN": tokens.job.value}
    path = f"{demo.root}/api/v4{project(API)}"
    assert (await demo.client.get(f"{path}/deployments", headers=job)).status_code == 200
    assert (await demo.client.get(path, headers=job)).status_code == 401


async def test_every_answer_tells_what_is_left_of_the_budget_unless_the_server_is_set_otherwise() -> None:
    async with gitlab_demo(rate_limit=3) as demo:
        answers = [await demo.ask("GET", "/version") for _ in range(4)]
        assert [one.headers["ratelimit-remaining"] for one in answers] == ["2", "1", "0", "0"]
        last = answers[-1]
        assert (last.status_code, last.text) == (429, "Retry later\n")
        assert last.headers["content-type"].startswith("text/plain")
        assert int(last.headers["retry-after"]) <= 60
        demo.world.advance(60)
        demo.tokens.server.rate_headers = False
        answer = await demo.ask("GET", "/version")
        assert answer.status_code == 200
        assert "ratelimit-limit" not in answer.headers


async def test_an_endpoints_own_limit_speaks_json(demo: GitlabDemo) -> None:
    demo.world.faults.add("429", "jobs", detail="application", seconds=60)
    answer = await demo.ask("GET", f"{project(API)}/jobs")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert answer.json()["message"]["error"].startswith("This endpoint has been requested too many times")
    assert "ratelimit-limit" not in answer.headers
    assert (await demo.ask("GET", f"{project(API)}/jobs")).status_code == 200


async def test_the_gates_limit_speaks_plain_text_and_says_until_when(demo: GitlabDemo) -> None:
    demo.world.faults.add("429", "deployments", seconds=7)
    answer = await demo.ask("GET", f"{project(API)}/deployments")
    assert (answer.status_code, answer.text, answer.headers["retry-after"]) == (429, "Retry later\n", "7")
    assert answer.headers["ratelimit-reset"] == str(demo.world.now // 10**9 + 7)


@pytest.mark.parametrize(("kind", "status"), [("5xx", 502), ("html", 403), ("html-ok", 200), ("unauthorized", 401)])
async def test_what_goes_wrong_before_gitlab_is_reached(demo: GitlabDemo, kind: str, status: int) -> None:
    demo.world.faults.add(kind, "GET")
    answer = await demo.ask("GET", f"{project(API)}/deployments")
    assert answer.status_code == status
    assert answer.text.lstrip().startswith("{" if kind == "unauthorized" else "<")


async def test_a_real_clock_moves_the_world_by_itself() -> None:
    world = new_world(platforms=("gitlab",))
    async with serve(world, platforms=("gitlab",)) as serving:
        address = serving.addresses["gitlab"]
        one = world.service("payments/production/api").active[0]
        headers = {"PRIVATE-TOKEN": address.token}
        async with httpx.AsyncClient(timeout=5, verify=TLS, headers=headers, base_url=address.url) as client:
            world.advance(1)
            answer = await client.get(f"/api/v4{row_of(one)}")
    assert (answer.status_code, answer.json()["status"]) == (200, "success")


async def test_what_is_unchanged_need_not_be_sent_again(demo: GitlabDemo) -> None:
    path = f"{project(WEB)}/environments"
    answer = await demo.ask("GET", path)
    tag = answer.headers["etag"]
    assert tag.startswith('W/"')
    again = await demo.ask("GET", path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


async def test_commits_can_be_listed_and_compared(demo: GitlabDemo) -> None:
    rows = await demo.get(f"{project(API)}/repository/commits", per_page="4")
    newest, _, _, fourth = (row["id"] for row in rows)
    assert (await demo.get(f"{project(API)}/repository/commits/{newest[:8]}"))["id"] == newest
    found = await demo.ask("GET", f"{project(API)}/repository/compare", params={"from": fourth, "to": newest})
    assert [row["id"] for row in found.json()["commits"]] == [row["id"] for row in reversed(rows[:3])]
    assert (await demo.refusal("GET", f"{project(API)}/repository/commits/{'0' * 40}"))[0] == 404


async def test_two_hundred_projects_are_listed_in_pages() -> None:
    async with gitlab_demo(services=200) as demo:
        rows: list[int] = []
        answer: httpx.Response = await demo.ask("GET", "/groups/acme/projects?include_subgroups=true&per_page=100")
        rows += [row["id"] for row in answer.json()]
        answer = await demo.client.get(answer.links["next"]["url"], headers={"PRIVATE-TOKEN": demo.tokens.usual})
        rows += [row["id"] for row in answer.json()]
        assert len(rows) == len(set(rows)) == int(answer.headers["x-total"])


# the old server


async def test_an_old_server_says_what_it_is_and_lacks_what_came_later(demo: GitlabDemo) -> None:
    assert (await demo.ask("GET", "/version", old=True)).json()["version"].startswith("12.")
    one = demo.newest("payments/production/settlement")
    for method, path in (
        ("GET", "/metadata"),
        ("GET", "/personal_access_tokens/self"),
        ("POST", f"{row_of(one)}/approval"),
        ("GET", f"{row_of(one)}/merge_requests"),
        ("DELETE", row_of(one)),
    ):
        assert await demo.refusal(method, path, old=True) == (404, "404 Not Found")


async def test_an_old_server_ignores_the_filters_it_does_not_know(demo: GitlabDemo) -> None:
    path = f"{project(API)}/deployments?per_page=100"
    all_ = (await demo.ask("GET", path, old=True)).json()
    filtered = await demo.ask("GET", f"{path}&environment=staging&status=bogus", old=True)
    assert filtered.json() == all_
    assert {row["environment"]["name"] for row in all_} == {"production", "staging"}
    assert not {key for row in all_ for key in row} & {"status", "approval_summary", "pending_approval_count"}
    jobs = [row["deployable"] for row in all_ if row["deployable"]]
    assert not {key for job in jobs for key in job} & {"project", "web_url", "duration"}
    status, words = await demo.refusal("GET", f"{path}&order_by=finished_at", old=True)
    assert (status, words) == (400, "order_by does not have a valid value")
    assert "ratelimit-limit" not in filtered.headers
    environments = (await demo.ask("GET", f"{project(API)}/environments", old=True)).json()
    assert all("tier" not in row for row in environments)
