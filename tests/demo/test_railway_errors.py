"""How Railway says no: errors inside a 200, validation, tokens, limits, and what stands in front of it."""

from __future__ import annotations

import httpx
import pytest

from tests.conftest import RailwayDemo
from tests.demo.client import ask, bearer, post

ME = "{ me { id } }"


async def test_a_failure_at_run_time_is_200_with_trace_and_one_code_for_all(railway_demo: RailwayDemo) -> None:
    response = await post(railway_demo, ME, headers=bearer("wrong"))
    assert response.status_code == 200
    body = response.json()
    (error,) = body["errors"]
    assert body["data"] is None
    assert error["message"] == "Not Authorized"
    assert error["path"] == ["me"]
    assert error["locations"] == [{"line": 1, "column": 3}]
    assert error["extensions"] == {"code": "INTERNAL_SERVER_ERROR"}
    assert error["traceId"].isdecimal()


async def test_a_wrong_document_is_refused_without_data(railway_demo: RailwayDemo) -> None:
    response = await post(railway_demo, "{ workspaces { id } }")
    assert response.status_code == 200
    assert set(response.json()) == {"errors"}
    (error,) = response.json()["errors"]
    assert error["message"].startswith("Cannot query field 'workspaces' on type 'Query'.")
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert error["traceId"].isdecimal()


async def test_without_a_token_a_query_is_not_authorized_and_a_mutation_finds_nothing(
    railway_demo: RailwayDemo,
) -> None:
    one = railway_demo.world.service("shop/production/api").active[0]
    query = (await post(railway_demo, f'{{ deployment(id: "{one.id}") {{ id }} }}', headers={})).json()
    assert query["errors"][0]["message"] == "Not Authorized"
    mutation = (await post(railway_demo, f'mutation {{ deploymentStop(id: "{one.id}") }}', headers={})).json()
    assert mutation["errors"][0]["message"] == "Deployment not found"
    assert railway_demo.world.calls["stop", one.id] == 0


async def test_introspection_needs_no_token(railway_demo: RailwayDemo) -> None:
    answer = (await post(railway_demo, "{ __schema { queryType { name } } }", headers={})).json()
    assert answer == {"data": {"__schema": {"queryType": {"name": "Query"}}}}


async def test_malformed_json_a_missing_query_and_a_wrong_path(railway_demo: RailwayDemo) -> None:
    async with httpx.AsyncClient() as client:
        malformed = await client.post(railway_demo.url, content=b'{"query":', headers=bearer(railway_demo.token))
        missing = await client.post(railway_demo.url, json={"variables": {}}, headers=bearer(railway_demo.token))
        elsewhere = await client.post(f"{railway_demo.root}/graphql/v3", json={"query": ME})
    assert malformed.status_code == 400
    assert b"errors" not in malformed.content
    assert missing.status_code == 400
    assert missing.json()["errors"][0]["message"] == "Problem processing request"
    assert (elsewhere.status_code, elsewhere.headers["content-type"].split(";")[0]) == (404, "text/plain")


async def test_one_null_id_spoils_the_whole_answer_when_the_object_behind_it_is_selected(
    railway_demo: RailwayDemo,
) -> None:
    environment = railway_demo.world.service("shop/production/api").environment.id
    document = "query($e: String!) { deployments(input: {environmentId: $e}) { edges { node { serviceId %s } } } }"
    rows = (await ask(railway_demo, document % "", e=environment))["deployments"]["edges"]
    assert sum(row["node"]["serviceId"] is None for row in rows) == 1
    answer = (await post(railway_demo, document % "service { name }", {"e": environment})).json()
    assert answer["data"] is None
    assert answer["errors"][0]["message"] == "Problem processing request"


async def test_each_answer_counts_down_the_hours_budget(railway_demo: RailwayDemo) -> None:
    first, second = [await post(railway_demo, ME) for _ in range(2)]
    assert first.headers["X-RateLimit-Limit"] == "1000"
    assert first.headers["X-RateLimit-Remaining"] == "999"
    assert second.headers["X-RateLimit-Remaining"] == "998"
    reset = int(second.headers["X-RateLimit-Reset"])
    railway_demo.world.advance(1800)
    third = await post(railway_demo, ME)
    assert (third.headers["X-RateLimit-Remaining"], int(third.headers["X-RateLimit-Reset"])) == ("997", reset)
    railway_demo.world.advance(1800)
    assert (await post(railway_demo, ME)).headers["X-RateLimit-Remaining"] == "999"


async def test_a_spent_budget_is_429_with_retry_after_until_the_hour_is_over(railway_demo: RailwayDemo) -> None:
    railway_demo.tokens.account.limit = 2
    for _ in range(2):
        assert (await post(railway_demo, ME)).status_code == 200
    railway_demo.world.advance(600)
    spent = await post(railway_demo, ME)
    assert spent.status_code == 429
    assert spent.headers["Retry-After"] == "3000"
    assert spent.headers["X-RateLimit-Remaining"] == "0"
    assert spent.json()["errors"]
    other = await post(
        railway_demo, "{ apiToken { workspaces { id } } }", headers=bearer(railway_demo.tokens.workspace.value)
    )
    assert other.status_code == 200
    railway_demo.world.advance(3000)
    assert (await post(railway_demo, ME)).status_code == 200


async def test_the_budget_can_be_asked_for(railway_demo: RailwayDemo) -> None:
    limit = (await ask(railway_demo, "{ me { apiTokenRateLimit { remainingPoints resetsAt } } }"))["me"]
    assert limit["apiTokenRateLimit"] == {"remainingPoints": 999, "resetsAt": "2026-08-22T03:14:07Z"}


async def test_a_revoked_token_is_not_authorized_any_more(railway_demo: RailwayDemo) -> None:
    railway_demo.tokens.revoke(railway_demo.tokens.account)
    assert (await post(railway_demo, ME)).json()["errors"][0]["message"] == "Not Authorized"


@pytest.mark.parametrize("first", [-1])
async def test_a_page_of_negative_size_is_a_problem(railway_demo: RailwayDemo, first: int) -> None:
    answer = (
        await post(
            railway_demo, "query($f: Int) { deployments(input: {}, first: $f) { edges { cursor } } }", {"f": first}
        )
    ).json()
    assert answer["errors"][0]["message"] == "Problem processing request"
