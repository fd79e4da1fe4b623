"""Who may come in to the demo's Dokploy, by which form, and what stands in the way."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.demo.dokploy_demo import BUSY, COMPOSE, POSTGRES, STATUS_PAGE, DokployDemo, dokploy
from tui.demo.dokploy import ids
from tui.demo.dokploy.tokens import SECRETS, Tokens
from tui.demo.serve import serve
from tui.demo.story import frozen_world


@pytest.fixture
async def demo() -> AsyncIterator[DokployDemo]:
    async with dokploy() as demo:
        yield demo


# keys


async def test_keys_are_64_letters_and_every_bad_one_is_refused_alike(demo: DokployDemo) -> None:
    assert len(demo.key) == 64
    assert demo.key.isalpha()
    assert demo.key not in repr(demo.tokens.owner)
    for key in ("", "nobody", demo.tokens.expired):
        async with demo.client(key) as client:
            answer = await client.get("project.all")
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    demo.tokens.revoke(demo.tokens.owner)
    assert await demo.refused("GET", "project.all") == (401, "Unauthorized")


async def test_the_check_that_fails_second_says_it_otherwise(demo: DokployDemo) -> None:
    demo.tokens.limited.limit = 5
    async with demo.client(demo.tokens.limited.value) as client:
        told = [(await client.get("project.all")) for _ in range(4)]
    assert [answer.status_code for answer in told] == [200, 200, 401, 401]
    assert told[2].json()["message"] == told[2].json()["code"] == "UNAUTHORIZED"
    assert told[3].json() == {"message": "Unauthorized"}
    assert not [answer for answer in told if "retry-after" in answer.headers]


async def test_a_trpc_request_is_checked_once_and_so_is_a_socket(demo: DokployDemo) -> None:
    limited = demo.tokens.limited
    async with demo.client(limited.value) as client:
        batch = '{"0":{"json":null},"1":{"json":null}}'
        await client.get(f"trpc/project.all,deployment.queueList?batch=1&input={quote(batch)}")
    assert limited.checks == 1
    async with demo.socket("listen-deployment", limited.value, logPath="/etc/dokploy/logs/x.log") as socket:
        await socket.recv()
    assert limited.checks == 2
    limited.checks = limited.limit
    async with demo.socket("listen-deployment", limited.value, logPath="/etc/dokploy/logs/x.log") as socket:
        with pytest.raises(ConnectionClosed):
            await socket.recv()
        assert socket.close_code == 1005


async def test_a_limit_may_be_set_on_the_usual_key() -> None:
    world = frozen_world(platforms=("dokploy",))
    async with serve(world, rate_limit=4) as serving:
        place = serving.addresses["dokploy"]
        async with httpx.AsyncClient(base_url=f"{place.url}/api", headers={"x-api-key": place.token}) as client:
            assert [(await client.get("project.all")).status_code for _ in range(3)] == [200, 200, 401]
    assert Tokens(world).usual == Tokens(frozen_world(platforms=("dokploy",))).usual


async def test_a_member_sees_what_is_listed_and_changes_nothing(demo: DokployDemo) -> None:
    member = demo.tokens.member.value
    found = await demo.get("overview.services", member)
    assert {one["type"] for one in found} == {"application", "compose"}
    (project,) = await demo.get("project.all", member)
    assert not any(each[name] for each in project["environments"] for name in ids.DATABASES)
    assert (await demo.get("application.one", member, applicationId=demo.id(BUSY)))["name"] == "wiki"
    no_access = (401, "You don't have access to this service")
    assert await demo.refused("GET", "postgres.one", member, postgresId=demo.id(POSTGRES)) == no_access
    allowed = await demo.get("user.getPermissions", member)
    assert (allowed["deployment"], allowed["docker"]) == (
        {"read": True, "create": False, "cancel": False},
        {"read": False},
    )
    for method, procedure, resource in (
        ("GET", "docker.getContainers", "docker"),
        ("GET", "server.all", "server"),
        ("GET", "project.allForPermissions", "member"),
        ("POST", "settings.cleanAllDeploymentQueue", "deployment"),
    ):
        said = await demo.refused(method, procedure, member)
        assert said == (401, f'unauthorized to access resource "{resource}"')
    of_app, of_row = {"applicationId": demo.id(BUSY)}, {"deploymentId": (await demo.rows(BUSY))[0]["deploymentId"]}
    orders = {
        **{
            f"application.{verb}": of_app
            for verb in ("deploy", "redeploy", "stop", "start", "killBuild", "cleanQueues")
        },
        "deployment.removeDeployment": of_row,
        "deployment.killProcess": of_row,
        "compose.deploy": {"composeId": demo.id(COMPOSE)},
    }
    for procedure, body in orders.items():
        assert (await demo.refused("POST", procedure, member, **body))[0] == 401, procedure
    assert not demo.world.calls


# what is said of the server, and of whoever asks


async def test_the_server_says_who_it_is(demo: DokployDemo) -> None:
    async with httpx.AsyncClient() as nobody:
        assert (await nobody.get(f"{demo.url}/api/health")).json() == {"ok": True}
        assert (await nobody.get(f"{demo.url}/api/trpc/settings.health")).json() == {
            "result": {"data": {"json": {"status": "ok"}}}
        }
        assert (await nobody.get(f"{demo.url}/api/settings.health")).status_code == 401
        page = await nobody.get(f"{demo.url}/nope-page")
        assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert (await nobody.get(f"{demo.url}/_demo/state")).json()["frozen"] is True
        assert (await nobody.head(f"{demo.url}/api/project.all")).status_code == 204
        assert (await nobody.options(f"{demo.url}/api/project.all")).status_code == 401
    assert await demo.get("settings.getDokployVersion") == "v0.30.2"
    assert await demo.get("settings.isCloud") is False
    assert (await demo.get("organization.active"))["name"] == "acme"
    assert (await demo.get("user.get"))["role"] == "owner"
    assert (await demo.get("user.get", demo.tokens.member.value))["role"] == "member"
    stats = await demo.get("project.homeStats")
    assert (stats["services"], stats["databases"]) == (len(demo.world.services), 2)
    (server,) = await demo.get("server.all")
    setup = (await demo.get("deployment.allByServer", serverId=server["serverId"]))[0]
    assert (setup["title"], setup["status"], setup["startedAt"]) == ("Setup Server", "error", None)
    (domain,) = await demo.get("domain.byApplicationId", applicationId=demo.id(STATUS_PAGE))
    assert domain["host"] == demo.world.service(STATUS_PAGE).host


async def test_the_trees_agree_on_what_there_is(demo: DokployDemo) -> None:
    flat = {one["id"]: (one["appName"], one["status"]) for one in await demo.get("overview.services")}
    (project,) = await demo.get("project.allForPermissions")
    assert not any(secret in json.dumps(project) for secret in SECRETS)
    one = await demo.get("project.one", projectId=project["projectId"])
    for environments in (
        project["environments"],
        one["environments"],
        await demo.get("environment.byProjectId", projectId=project["projectId"]),
    ):
        found = {
            row[f"{kind}Id"]: (row["appName"], row.get("applicationStatus") or row["composeStatus"])
            for each in environments
            for kind in ("application", "compose", *ids.DATABASES)
            for row in each["applications" if kind == "application" else kind]
        }
        assert found == flat


async def test_secrets_are_where_the_real_ones_are_and_nowhere_else(demo: DokployDemo) -> None:
    app = demo.id(STATUS_PAGE)
    (project,) = await demo.get("project.all")
    leaking = [
        await demo.get("application.one", applicationId=app),
        await demo.get("compose.one", composeId=demo.id(COMPOSE)),
        await demo.get("postgres.one", postgresId=demo.id(POSTGRES)),
        await demo.get("deployment.allByType", id=app, type="application"),
        await demo.get("project.one", projectId=project["projectId"]),
        await demo.get("environment.byProjectId", projectId=project["projectId"]),
        await demo.post("application.stop", applicationId=app),
        [project],
    ]
    for body in leaking:
        assert any(secret in json.dumps(body) for secret in SECRETS)
    assert all(any(secret in json.dumps(body) for body in leaking) for secret in SECRETS)
    for procedure in ("overview.services", "deployment.allCentralized", "deployment.queueList", "docker.getContainers"):
        body = json.dumps(await demo.get(procedure))
        assert not any(secret in body for secret in SECRETS), procedure


# tRPC


async def test_trpc_wraps_what_goes_in_and_out(demo: DokployDemo) -> None:
    async with demo.client() as client:
        wrapped = quote(json.dumps({"json": {"applicationId": demo.id(STATUS_PAGE)}}))
        bare = quote(json.dumps({"applicationId": demo.id(STATUS_PAGE)}))
        found = (await client.get(f"trpc/deployment.all?input={wrapped}")).json()["result"]["data"]["json"]
        assert found == await demo.rows(STATUS_PAGE)
        refused = await client.get(f"trpc/deployment.all?input={bare}")
        assert (refused.status_code, refused.json()["error"]["json"]["code"]) == (400, -32_600)
        body = {"json": {"applicationId": demo.id(STATUS_PAGE)}}
        void = await client.post("trpc/application.cleanQueues", json=body)
        assert void.json() == {"result": {"data": {"json": None, "meta": {"values": ["undefined"], "v": 1}}}}
        wrong = await client.get("trpc/application.cleanQueues")
        assert (wrong.status_code, wrong.json()["error"]["json"]["data"]["code"]) == (405, "METHOD_NOT_SUPPORTED")
        assert (await client.get("trpc/deployment.nope")).status_code == 404
        unlike = quote(json.dumps({"0": {"json": None}, "1": {"json": {"applicationId": "nobody"}}}))
        both = await client.get(f"trpc/project.all,application.one?batch=1&input={unlike}")
        assert both.status_code == 207
        assert [list(each) for each in both.json()] == [["result"], ["error"]]


# an old server


async def test_an_old_server_is_the_same_world_with_fewer_words(demo: DokployDemo) -> None:
    async with httpx.AsyncClient(base_url=f"{demo.url}/v028/api", headers={"x-api-key": demo.key}) as old:
        for gone in ("overview.services", "application.readLogs", "deployment.readLogs", "project.homeStats"):
            answer = await old.get(gone)
            assert (answer.status_code, answer.json()["message"]) == (404, "Not found")
            assert "path" not in answer.json()["data"]
        for there in ("project.allForPermissions", "deployment.queueList", "deployment.allCentralized"):
            assert (await old.get(there)).json() == await demo.get(there), there
        assert (await old.get("trpc/overview.services")).status_code == 404
        document = (await old.get("settings.getOpenApiDocument")).json()
        assert "/project.all" in document["paths"]
        await old.post("application.redeploy", json={"applicationId": demo.id(STATUS_PAGE)})
        assert demo.id(STATUS_PAGE) in str(await demo.get("deployment.queueList"))
    row = (await demo.rows(STATUS_PAGE))[0]
    async with demo.socket("v028/listen-deployment", logPath=row["logPath"]) as socket:
        assert str(await socket.recv()).startswith("I")


# faults


@pytest.mark.parametrize(
    ("fault", "status", "starts"),
    [
        ("429", 401, '{"message":"Unauthorized"}'),
        ("unauthorized", 401, '{"message":"Unauthorized"}'),
        ("problem", 500, "<!DOCTYPE html>"),
        ("5xx", 502, "<html>"),
        ("html", 403, "<!DOCTYPE html>"),
        ("html-ok", 200, "<!DOCTYPE html>"),
    ],
)
async def test_a_fault_has_the_face_that_it_would_have(demo: DokployDemo, fault: str, status: int, starts: str) -> None:
    demo.world.faults.add(fault, "overview.services")
    async with demo.client() as client:
        assert (await client.get("project.all")).status_code == 200
        answer = await client.get("overview.services")
        assert answer.status_code == status
        assert answer.text.startswith(starts)
        assert (await client.get("overview.services")).status_code == 200


async def test_a_lost_answer_leaves_the_order_given(demo: DokployDemo) -> None:
    demo.world.faults.add("lost-reply", "POST")
    async with demo.client() as client:
        with pytest.raises(httpx.TransportError):
            await client.post("application.redeploy", json={"applicationId": demo.id(STATUS_PAGE)})
    assert sum(demo.world.calls.values()) == 1
    assert demo.world.calls["redeploy", demo.world.service(STATUS_PAGE).id] == 1


async def test_the_queue_holds_what_is_nobody_elses_business(demo: DokployDemo) -> None:
    *_, foreign = await demo.get("deployment.queueList")
    assert foreign["servicePath"] == {"href": None, "label": "—"}
    assert foreign["data"]["applicationId"] not in {one["id"] for one in await demo.get("overview.services")}
    demo.world.advance(61)
    assert foreign not in await demo.get("deployment.queueList")
