"""Who a token is, and what it finds: workspaces, projects, environments, service instances."""

from __future__ import annotations

import pytest

from tests.conftest import RailwayDemo
from tests.demo.client import Json, ask, bearer, post, refusal
from tui.demo import lifecycle

INSTANCES = """query($id: String!, $first: Int, $after: String) { environment(id: $id) {
  serviceInstances(first: $first, after: $after) {
    edges { node { serviceId serviceName numReplicas cronSchedule nextCronRunAt sleepApplication source { repo image }
      domains { serviceDomains { domain } } latestDeployment { id status meta } activeDeployments { id status } } }
    pageInfo { hasNextPage endCursor } } } }"""


def environment_id(demo: RailwayDemo, path: str) -> str:
    return next(one.id for one in demo.world.estate("railway").environments if f"{one.project.name}/{one.name}" == path)


async def instances(demo: RailwayDemo, path: str) -> dict[str, Json]:
    data = await ask(demo, INSTANCES, id=environment_id(demo, path))
    return {edge["node"]["serviceName"]: edge["node"] for edge in data["environment"]["serviceInstances"]["edges"]}


async def test_account_and_workspace_tokens_find_the_same_projects(railway_demo: RailwayDemo) -> None:
    for token in (railway_demo.tokens.account, railway_demo.tokens.workspace):
        headers = bearer(token.value)
        answer = (await post(railway_demo, "{ apiToken { workspaces { id name } } }", headers=headers)).json()
        (workspace,) = answer["data"]["apiToken"]["workspaces"]
        query = "query($w: String) { projects(workspaceId: $w) { edges { node { name environments { edges { node { name"
        query += " isEphemeral canAccess deletedAt } } } } } } }"
        found = (await post(railway_demo, query, {"w": workspace["id"]}, headers)).json()["data"]["projects"]["edges"]
        assert [edge["node"]["name"] for edge in found] == ["shop", "platform"]
        rooms = [one["node"] for edge in found for one in edge["node"]["environments"]["edges"]]
        assert [one["name"] for one in rooms if one["isEphemeral"]] == ["pr-312", "pr-298"]
        assert [one["name"] for one in rooms if not one["canAccess"]] == ["vault"]
        assert [one["name"] for one in rooms if one["deletedAt"]] == ["pr-298"]


async def test_me_is_refused_to_a_workspace_token(railway_demo: RailwayDemo) -> None:
    assert (await ask(railway_demo, "{ me { email workspaces { name } } }"))["me"]["workspaces"] == [{"name": "acme"}]
    headers = bearer(railway_demo.tokens.workspace.value)
    answer = (await post(railway_demo, "{ me { email } }", headers=headers)).json()
    assert answer["data"] is None
    assert answer["errors"][0]["message"] == "Not Authorized"


async def test_projects_without_a_workspace_are_the_personal_ones_of_which_there_are_none(
    railway_demo: RailwayDemo,
) -> None:
    assert (await ask(railway_demo, "{ projects { edges { node { id } } } }"))["projects"]["edges"] == []
    assert await refusal(railway_demo, '{ projects(workspaceId: "nobody") { edges { cursor } } }') == "Not Authorized"


async def test_a_project_token_has_its_own_header_and_sees_one_environment(railway_demo: RailwayDemo) -> None:
    value = railway_demo.tokens.project.value
    headers = {"Project-Access-Token": value}
    scope = "{ projectToken { project { name } environment { id name } } }"
    answer = (await post(railway_demo, scope, headers=headers)).json()["data"]["projectToken"]
    assert (answer["project"]["name"], answer["environment"]["name"]) == ("shop", "production")
    elsewhere = environment_id(railway_demo, "platform/production")
    for document in (
        "{ me { id } }",
        "{ apiToken { workspaces { id } } }",
        f'{{ environment(id: "{elsewhere}") {{ id }} }}',
    ):
        assert (await post(railway_demo, document, headers=headers)).json()["errors"][0]["message"] == "Not Authorized"
    mine = f'{{ environment(id: "{answer["environment"]["id"]}") {{ name }} }}'
    assert (await post(railway_demo, mine, headers=headers)).json()["data"]["environment"]["name"] == "production"
    wrong = (await post(railway_demo, scope, headers={"Project-Access-Token": "no"})).json()["errors"][0]["message"]
    assert wrong == "Project Token not found"
    as_bearer = (await post(railway_demo, scope, headers=bearer(value))).json()["errors"][0]["message"]
    assert as_bearer == "Not Authorized"


async def test_whether_a_project_token_lists_deployments_can_be_chosen(railway_demo: RailwayDemo) -> None:
    token = railway_demo.tokens.project
    document = "{ deployments(input: {}, first: 1) { edges { node { environmentId } } } }"
    headers = {"Project-Access-Token": token.value}
    (edge,) = (await post(railway_demo, document, headers=headers)).json()["data"]["deployments"]["edges"]
    assert token.environment is not None
    assert edge["node"]["environmentId"] == token.environment.id
    token.lists_deployments = False
    assert (await post(railway_demo, document, headers=headers)).json()["errors"][0]["message"] == "Not Authorized"


async def test_external_workspaces_answer_with_none(railway_demo: RailwayDemo) -> None:
    document = "{ externalWorkspaces { id name projects { id environments { edges { node { id } } } } } }"
    assert await ask(railway_demo, document) == {"externalWorkspaces": []}


async def test_one_request_brings_an_environment_with_latest_and_active_deployments(railway_demo: RailwayDemo) -> None:
    found = await instances(railway_demo, "shop/production")
    assert found["web"]["latestDeployment"]["status"] == "BUILDING"
    assert [one["status"] for one in found["web"]["activeDeployments"]] == ["SUCCESS"]
    assert found["search"]["latestDeployment"]["status"] == "FAILED"
    assert found["emails"]["latestDeployment"]["status"] == "CRASHED"
    assert found["postgres"]["source"] == {"repo": None, "image": "postgres:17.6"}
    assert found["api"]["source"] == {"repo": "acme/shop", "image": None}
    assert found["api"]["domains"]["serviceDomains"][0]["domain"].endswith(".up.railway.app")
    assert found["nightly-report"]["cronSchedule"] == "0 2 * * *"
    assert found["nightly-report"]["nextCronRunAt"] == "2026-08-23T02:00:00.000Z"


async def test_a_service_in_two_regions_claims_one_replica(railway_demo: RailwayDemo) -> None:
    worker = (await instances(railway_demo, "shop/production"))["worker"]
    assert worker["numReplicas"] == 1
    regions = worker["latestDeployment"]["meta"]["serviceManifest"]["deploy"]["multiRegionConfig"]
    assert sum(region["numReplicas"] for region in regions.values()) == 3


async def test_latest_is_null_after_a_removal_though_the_deployment_stays_listed(railway_demo: RailwayDemo) -> None:
    world = railway_demo.world
    service = world.service("shop/production/redis")
    lifecycle.remove(world, service.active[0])
    world.advance(10)
    redis = (await instances(railway_demo, "shop/production"))["redis"]
    assert (redis["latestDeployment"], redis["activeDeployments"]) == (None, [])
    document = "query($i: DeploymentListInput!) { deployments(input: $i, first: 1) { edges { node { status } } } }"
    asked = {"serviceId": service.service_id, "environmentId": service.environment.id}
    (edge,) = (await ask(railway_demo, document, i=asked))["deployments"]["edges"]
    assert edge["node"]["status"] == "REMOVED"


async def test_instances_come_in_pages(railway_demo: RailwayDemo) -> None:
    id_ = environment_id(railway_demo, "shop/production")
    names: list[str] = []
    after = None
    while True:
        page = (await ask(railway_demo, INSTANCES, id=id_, first=4, after=after))["environment"]["serviceInstances"]
        names += [edge["node"]["serviceName"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(names) == len(set(names)) == 11


async def test_a_restricted_environment_is_refused(railway_demo: RailwayDemo) -> None:
    vault = environment_id(railway_demo, "platform/vault")
    assert await refusal(railway_demo, INSTANCES, id=vault) == "Not Authorized"


@pytest.mark.parametrize(
    ("id_", "message"),
    [("00000000-0000-4000-8000-000000000000", "Environment not found"), ("nonsense", "Problem processing request")],
)
async def test_an_unknown_and_a_malformed_id(railway_demo: RailwayDemo, id_: str, message: str) -> None:
    assert await refusal(railway_demo, INSTANCES, id=id_) == message


async def test_environments_can_be_asked_for_by_kind(railway_demo: RailwayDemo) -> None:
    project = railway_demo.world.estate("railway").projects[0].id
    document = "query($p: String!, $e: Boolean) { environments(projectId: $p, isEphemeral: $e) { edges { node { name"
    document += " meta { prNumber branch } } } } }"
    found = (await ask(railway_demo, document, p=project, e=True))["environments"]["edges"]
    assert found[0]["node"] == {"name": "pr-312", "meta": {"prNumber": 312, "branch": "feat/one-page-checkout"}}
    assert len((await ask(railway_demo, document, p=project, e=False))["environments"]["edges"]) == 2


async def test_metrics_are_sampled_per_service(railway_demo: RailwayDemo) -> None:
    service = railway_demo.world.service("shop/production/api")
    document = """query($s: String, $e: String, $from: DateTime!) { metrics(serviceId: $s, environmentId: $e,
      startDate: $from, measurements: [CPU_USAGE, MEMORY_USAGE_GB], sampleRateSeconds: 60) {
      measurement tags { serviceId } values { ts value } } }"""
    asked = {"s": service.service_id, "e": service.environment.id, "from": "2026-08-22T01:14:07Z"}
    found = (await ask(railway_demo, document, **asked))["metrics"]
    assert [one["measurement"] for one in found] == ["CPU_USAGE", "MEMORY_USAGE_GB"]
    assert len(found[0]["values"]) == 60
    assert all(sample["value"] >= 0 for one in found for sample in one["values"])
