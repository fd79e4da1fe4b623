"""The operations of Railway's own page on managing deployments, as they stand there; two of them are wrong.

Source: docs.railway.com, Manage Deployments with the Public API.
"""

from __future__ import annotations

import pytest

from tests.conftest import RailwayDemo
from tests.demo.client import Json, ask, post
from tui.demo.entities import Deployment
from tui.demo.lifecycle import can_roll_back

LATEST = """query latestDeployment($input: DeploymentListInput!) {
  deployments(input: $input, first: 1) { edges { node { id status url createdAt } } } }"""


def of(demo: RailwayDemo, path: str) -> Json:
    service = demo.world.service(path)
    environment = service.environment
    return {"projectId": environment.project.id, "serviceId": service.service_id, "environmentId": environment.id}


def live(demo: RailwayDemo, path: str) -> Deployment:
    return demo.world.service(path).active[-1]


READING = {
    "one deployment": """query deployment($id: String!) { deployment(id: $id) {
      id status createdAt url staticUrl meta canRedeploy canRollback } }""",
    "its build log": """query buildLogs($id: String!, $limit: Int) {
      buildLogs(deploymentId: $id, limit: $limit) { timestamp message severity } }""",
    "its runtime log": """query deploymentLogs($id: String!, $limit: Int) {
      deploymentLogs(deploymentId: $id, limit: $limit) { timestamp message severity } }""",
    "its runtime log, filtered and bounded": """query deploymentLogs(
        $id: String!, $limit: Int, $filter: String, $startDate: DateTime, $endDate: DateTime) {
      deploymentLogs(deploymentId: $id, limit: $limit, filter: $filter, startDate: $startDate, endDate: $endDate) {
        timestamp message severity } }""",
    "its requests": """query httpLogs($id: String!, $limit: Int) { httpLogs(deploymentId: $id, limit: $limit) {
      timestamp requestId method path httpStatus totalDuration srcIp } }""",
}


@pytest.mark.parametrize("what", READING)
async def test_reading_one_deployment_and_its_logs(railway_demo: RailwayDemo, what: str) -> None:
    bounds = {"filter": "order", "startDate": "2026-08-22T01:00:00Z", "endDate": "2026-08-22T02:00:00Z"}
    more = bounds if "bounded" in what else {}
    id_ = live(railway_demo, "shop/production/api").id
    (found,) = (await ask(railway_demo, READING[what], id=id_, limit=50, **more)).values()
    assert found


async def test_listing_deployments(railway_demo: RailwayDemo) -> None:
    document = """query deployments($input: DeploymentListInput!, $first: Int) {
      deployments(input: $input, first: $first) { edges { node { id status createdAt url staticUrl } } } }"""
    found = await ask(railway_demo, document, input=of(railway_demo, "shop/production/api"), first=10)
    assert len(found["deployments"]["edges"]) == 10


async def test_the_latest_active_one_is_asked_for_by_status_in(railway_demo: RailwayDemo) -> None:
    asked = {**of(railway_demo, "shop/production/search"), "status": {"in": ["SUCCESS"]}}
    (edge,) = (await ask(railway_demo, LATEST, input=asked))["deployments"]["edges"]
    assert edge["node"]["id"] == live(railway_demo, "shop/production/search").id


async def test_successful_only_of_the_page_does_not_exist(railway_demo: RailwayDemo) -> None:
    asked = {**of(railway_demo, "shop/production/search"), "status": {"successfulOnly": True}}
    response = await post(railway_demo, LATEST, {"input": asked})
    assert set(response.json()) == {"errors"}
    (error,) = response.json()["errors"]
    assert "successfulOnly" in error["message"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"


async def test_rollback_with_the_pages_selection_is_refused_and_without_it_done(railway_demo: RailwayDemo) -> None:
    service = railway_demo.world.service("shop/production/api")
    good = next(one for one in service.deployments if can_roll_back(railway_demo.world, one))
    wrong = "mutation deploymentRollback($id: String!) { deploymentRollback(id: $id) { id status } }"
    response = await post(railway_demo, wrong, {"id": good.id})
    assert set(response.json()) == {"errors"}
    (error,) = response.json()["errors"]
    assert "must not have a selection" in error["message"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert railway_demo.world.calls["rollback", good.id] == 0
    right = "mutation deploymentRollback($id: String!) { deploymentRollback(id: $id) }"
    assert await ask(railway_demo, right, id=good.id) == {"deploymentRollback": True}


@pytest.mark.parametrize(
    ("mutation", "path"),
    [
        ("deploymentRestart", "shop/production/api"),
        ("deploymentStop", "shop/production/api"),
        ("deploymentRemove", "shop/production/api"),
        ("deploymentCancel", "shop/production/web"),
    ],
)
async def test_the_mutations_that_answer_true(railway_demo: RailwayDemo, mutation: str, path: str) -> None:
    id_ = railway_demo.world.service(path).deployments[0].id
    document = f"mutation {mutation}($id: String!) {{ {mutation}(id: $id) }}"
    assert await ask(railway_demo, document, id=id_) == {mutation: True}


async def test_redeploying(railway_demo: RailwayDemo) -> None:
    document = "mutation deploymentRedeploy($id: String!) { deploymentRedeploy(id: $id) { id status } }"
    id_ = live(railway_demo, "shop/production/api").id
    made = (await ask(railway_demo, document, id=id_))["deploymentRedeploy"]
    assert made["id"] != id_


async def test_deploying_a_service(railway_demo: RailwayDemo) -> None:
    document = """mutation environmentTriggersDeploy($input: EnvironmentTriggersDeployInput!) {
      environmentTriggersDeploy(input: $input) }"""
    answer = await ask(railway_demo, document, input=of(railway_demo, "shop/production/api"))
    assert answer == {"environmentTriggersDeploy": True}
