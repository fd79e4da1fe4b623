"""Dokploy's account: what is there, what runs, what the key may do, and what each refusal means."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import Response

from tests.clocks import START, FakeClock
from tests.providers.dokploy_server import (
    KEY,
    DokployServer,
    Json,
    container,
    job,
    provided,
    refusal,
    row,
    serve,
    service,
    shop,
)
from tests.providers.loopback import Ledger
from tui.credentials import Secret
from tui.model.action import Intent, Verb
from tui.model.errors import (
    Forbidden,
    NotFound,
    ProviderError,
    RateLimited,
    Refused,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.model.provider import Connection
from tui.model.status import Status
from tui.providers.dokploy import DokployProvider, runs
from tui.providers.dokploy.api import Api


def denied(message: str = "You don't have access to this service") -> Response:
    return refusal(401, message, "UNAUTHORIZED", path="docker.getContainers")


def unknown() -> Response:
    return refusal(404, "Not found", "NOT_FOUND")


async def the_service(provider: DokployProvider, name: str = "api") -> Any:  # noqa: ANN401
    return next(each for each in (await provider.snapshot()).services if each.name == name)


# -- the inventory ------------------------------------------------------------------------------------------


async def test_one_request_gives_every_service_with_dokploys_names() -> None:
    server = shop(service(), service("db1", "postgres", "idle", "orders-db"), service("c1", "compose", name="metrics"))
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
    assert [each.path for each in snapshot.services] == [
        "dok/shop/production/api",
        "dok/shop/production/orders-db",
        "dok/shop/production/metrics",
    ]
    assert [each.ref.id for each in snapshot.services] == ["application:app1", "postgres:db1", "compose:c1"]
    assert [each.name for each in snapshot.projects] == ["shop"]
    assert [each.name for each in snapshot.environments] == ["production"]
    assert snapshot.observed_at == START
    assert not snapshot.problems


def tree() -> list[Json]:
    one = {"appName": "shop-api-x1", "name": "api", "serverId": None}
    databases: Json = {key: [] for key in ("mariadb", "mysql", "mongo", "redis", "libsql")}
    return [
        {
            "projectId": "p1",
            "name": "shop",
            "env": "TREE-SECRET=1",
            "environments": [
                {
                    "environmentId": "e1",
                    "name": "production",
                    "applications": [{**one, "applicationId": "app1", "applicationStatus": "done"}],
                    "compose": [{**one, "composeId": "c1", "name": "metrics", "composeStatus": "idle"}],
                    "postgres": [{**one, "postgresId": "db1", "name": "orders-db", "applicationStatus": "done"}],
                    **databases,
                }
            ],
        }
    ]


async def test_before_0_30_the_tree_of_projects_is_read_and_the_missing_procedure_is_remembered() -> None:
    server = shop()
    server.answers["overview.services"] = lambda _: unknown()
    server.answers["project.allForPermissions"] = lambda _: tree()
    clock = FakeClock()
    async with provided(server, clock) as provider:
        first = await provider.snapshot()
        await clock.advance(6)
        second = await provider.snapshot()
    assert [each.name for each in first.services] == ["api", "metrics", "orders-db"]
    assert [each.ref for each in first.services] == [each.ref for each in second.services]
    assert len(server.called("overview.services")) == 1
    assert len(server.called("project.allForPermissions")) == 2


def members(server: DokployServer) -> None:
    """A member's key on an older server: one request a project."""
    server.answers["overview.services"] = lambda _: unknown()
    server.answers["project.allForPermissions"] = lambda _: denied()
    shop_, other = tree()[0], {**tree()[0], "projectId": "p2", "name": "other"}
    server.answers["project.all"] = lambda _: [
        {**each, "environments": [{"environmentId": f"e-{each['projectId']}", "name": "production"}]}
        for each in (shop_, other)
    ]
    server.answers["environment.byProjectId"] = lambda call: (
        shop_["environments"]
        if call.query["projectId"] == "p1"
        else refusal(400, "You don't have access to this project", "BAD_REQUEST", path="environment.byProjectId")
    )


async def test_a_project_that_cannot_be_read_is_told_and_the_others_are_there() -> None:
    server = shop()
    members(server)
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
    assert [each.path for each in snapshot.services] == [
        "dok/shop/production/api",
        "dok/shop/production/metrics",
        "dok/shop/production/orders-db",
    ]
    assert [each.id for each in snapshot.unread] == ["e-p2"]
    assert "e-p2" in {each.ref.id for each in snapshot.environments}
    assert any("other" in problem and "access" in problem for problem in snapshot.problems)


async def test_what_fails_of_every_project_is_the_accounts_failure() -> None:
    server = shop()
    members(server)
    server.answers["environment.byProjectId"] = lambda _: refusal(500, "boom", "INTERNAL_SERVER_ERROR", path="x")
    async with provided(server) as provider:
        with pytest.raises(Unreachable, match="boom"):
            await provider.snapshot()


async def test_only_the_projects_that_are_named_are_shown() -> None:
    other = service("app2", name="web", projectId="p2", projectName="Other one")
    async with provided(shop(service(), other), None, "other*") as provider:
        assert [each.name for each in (await provider.snapshot()).services] == ["web"]


async def test_odd_rows_cost_no_other_row_and_are_told() -> None:
    server = shop(service(), {"id": 7, "name": ["odd"]}, service("app2", name="web"))
    server.rows = [row(20), {"deploymentId": None}, "?"]  # type: ignore[list-item]
    server.jobs = [{"id": "job-1"}]
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
    assert [each.name for each in snapshot.services] == ["api", "web"]
    assert snapshot.services[0].latest is not None
    assert snapshot.problems == (
        "1 service could not be read and is not shown.",
        "1 job of the queue could not be read and is not shown.",
        "2 deployments could not be read and are not shown.",
    )
    assert not snapshot.is_complete
    assert snapshot.services[1].status_raw != "never deployed"


async def test_a_field_that_only_decorates_never_costs_its_row() -> None:
    server = shop(service(projectName=7, environmentName=None, serverId=5, appName="shop-api-x1") | {"name": {"a": 1}})
    server.rows = [row(20, title=9, description=["x"], createdAt="soon", startedAt=1e99, pid=7, logPath=False)]
    server.jobs = [job(1, "active")]
    server.jobs[0]["processedOn"] = "now"
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
        found = snapshot.services[0]
        page = await provider.deployments(found)
    assert not snapshot.problems
    assert (found.name, found.project_name, found.status) == ("shop-api-x1", "", Status.LIVE)
    assert [each.id for each in page.items][-1] == "dep20"
    assert page.items[-1].created_at is None
    assert not page.problems


@pytest.mark.parametrize("made", ["2026-03-14T02:50:00.000Z", None, "garbage"])
async def test_a_newest_deployment_that_could_not_be_read_leaves_a_doubt(made: str | None) -> None:
    server = shop(service(), service("app2", name="web"))
    server.containers = [container(), container("shop-web-x1.1.t1")]
    server.rows = [{**row(50), "deploymentId": 5, "createdAt": made}, row(20), row(30, application="app2")]
    server.rows += [{**row(50), "deploymentId": 5, "createdAt": "2026-03-14T01:00:00.000Z", "applicationId": "app2"}]
    async with provided(server) as provider:
        api, web = (await provider.snapshot()).services
        page = await provider.deployments(api)
        again = (await provider.snapshot()).services[0]
    assert "newest could not be read" in api.doubt
    assert (api.status, api.state) == (Status.LIVE, Status.UNKNOWN)
    assert (web.doubt, web.state) == ("", Status.LIVE)
    assert page.problems == ("1 deployment could not be read and is not shown.",)
    assert again.doubt == api.doubt


async def test_never_deployed_is_not_said_while_deployments_could_not_be_read() -> None:
    server = shop(service(status="idle"))
    server.containers, server.rows = [], ["?"]  # type: ignore[list-item]
    async with provided(server) as provider:
        assert (await the_service(provider)).status_raw == "deployments not read"
    server.answers["deployment.allCentralized"] = lambda _: denied()
    async with provided(server) as provider:
        assert (await the_service(provider)).status is Status.UNKNOWN


async def test_a_cut_emoji_in_a_projects_name_costs_no_project() -> None:
    server = shop()
    server.answers["overview.services"] = lambda _: unknown()
    text = json.dumps(tree()).replace('"shop"', '"sh\\ud83dop"')
    server.answers["project.allForPermissions"] = lambda _: Response(text, media_type="application/json")
    async with provided(server) as provider:
        assert len((await provider.snapshot()).services) == 3


async def test_hostile_names_are_harmless() -> None:
    server = shop(service(name="a\x1b[2Jpi\u202e"))
    server.rows = [row(1, title="t\x1b]0;x\x07itle", description="Commit: " + "a" * 40)]
    async with provided(server) as provider:
        found = (await provider.snapshot()).services[0]
    assert found.name == "api"
    assert found.latest is not None
    assert found.latest.revision is not None
    assert found.latest.revision.message == "title"


# -- what is asked, and how often ------------------------------------------------------------------------------


async def test_an_idle_hour_keeps_to_the_polling_plan() -> None:
    server, clock = shop(), FakeClock()
    async with provided(server, clock) as provider:
        for _ in range(120):  # ten minutes
            await provider.snapshot()
            await clock.advance(5)
    assert len(server.called("overview.services")) == 120
    assert len(server.called("deployment.queueList")) <= 61
    assert len(server.called("deployment.allCentralized")) <= 61
    assert len(server.called("docker.getContainers")) <= 31


async def test_while_something_waits_the_queue_is_read_every_two_seconds() -> None:
    server, clock = shop(), FakeClock()
    server.jobs = [job(1, at=START)]
    async with provided(server, clock) as provider:
        for _ in range(10):
            await provider.snapshot()
            await clock.advance(2)
    assert len(server.called("deployment.queueList")) == 10
    assert len(server.called("overview.services")) == 4


async def test_a_service_that_changed_has_its_deployments_read_at_once() -> None:
    server, clock = shop(), FakeClock()
    async with provided(server, clock) as provider:
        await provider.snapshot()
        await clock.advance(5)
        server.services = [service(status="running")]
        server.rows = [row(59, "running"), *server.rows]
        found = (await provider.snapshot()).services[0]
    assert found.latest is not None
    assert (found.latest.id, found.latest.status) == ("dep59", Status.BUILDING)
    assert (found.status, found.live and found.live.id) == (Status.LIVE, "dep20")


async def test_the_picture_is_as_old_as_its_oldest_part() -> None:
    clock = FakeClock()
    async with provided(shop(), clock) as provider:
        await provider.snapshot()
        await clock.advance(5)
        snapshot = await provider.snapshot()
    assert clock.now() - snapshot.observed_at == timedelta(seconds=5)


async def test_without_a_central_list_each_service_is_asked_for_and_then_only_what_moves() -> None:
    server, clock = shop(service(), service("app2", name="web")), FakeClock()
    server.answers["deployment.allCentralized"] = lambda _: unknown()
    server.answers["deployment.queueList"] = lambda _: unknown()
    async with provided(server, clock) as provider:
        snapshot = await provider.snapshot()
        assert snapshot.services[0].latest is not None
        assert any("queue is not shown" in problem for problem in snapshot.problems)
        assert len(server.called("deployment.all")) == 2
        provider.focus(snapshot.services[1].ref)
        await clock.advance(10)
        await provider.snapshot()
    assert [call.query["applicationId"] for call in server.called("deployment.all")[2:]] == ["app2"]
    assert len(server.called("deployment.allCentralized")) == 1


# -- what runs -----------------------------------------------------------------------------------------------


LOOPING = [
    container(state="running", status="Up 2 seconds", id_="c3"),
    container("shop-api-x1.1.t2", "exited", "Exited (1) 5 seconds ago"),
    container("shop-api-x1.1.t3", "exited", "Exited (1) 14 seconds ago"),
]
NOTHING = (Status.CRASHED, "done (no container runs)")
TWO = [container("shop-api-x1.1.t1"), container("shop-api-x1.2.t2", "exited", "Exited (137) 3 minutes ago")]


@pytest.mark.parametrize(
    ("containers", "status", "raw", "note"),
    [
        ([container()], Status.LIVE, "done", ""),
        ([container(status="Up 3 hours (unhealthy)")], Status.CRASHED, "done (unhealthy)", "1/1 replicas: Up 3"),
        (
            [container(state="restarting", status="Restarting (1) 4 seconds ago")],
            Status.CRASHED,
            "done (restarting)",
            "Restarting (1)",
        ),
        ([container(state="exited", status="Exited (1) 4 minutes ago")], Status.CRASHED, "done (exited)", "Exited (1)"),
        ([container(state="exited", status="Exited (0) 1 second ago")], Status.DEPLOYING, "done (exited)", ""),
        ([container(state="exited", status="Exited (0) 2 hours ago")], Status.CRASHED, "done (no container runs)", ""),
        (LOOPING, Status.CRASHED, "done (crash loop)", "Exited (1) 5 seconds ago"),
        (LOOPING[:2], Status.LIVE, "done", ""),
        (
            [container(), container("shop-api-x1.1.old", "exited", "Exited (1) 4 minutes ago")],
            Status.LIVE,
            "done",
            "",
        ),
        (TWO, Status.LIVE, "done", "1/2 replicas: Exited (137)"),
        ([], *NOTHING, "no container runs"),
        ([container("shop-api-x1-db.1.t1", "restarting", "Restarting (1)")], *NOTHING, ""),
        ([container("other.shop-api-x1.1", "restarting", "Restarting (1)")], *NOTHING, ""),
    ],
)
async def test_done_is_not_healthy_the_containers_say(
    containers: list[Json], status: Status, raw: str, note: str
) -> None:
    server = shop()
    server.containers = containers
    async with provided(server) as provider:
        found = await the_service(provider)
    assert found.latest is not None
    assert (found.status, found.status_raw) == (status, raw)
    assert (found.latest.status, found.latest.status_raw) == (status, raw)
    assert found.latest.is_live is (status is not Status.DEPLOYING)
    assert found.live == (found.latest if found.latest.is_live else None)
    assert note in found.latest.note


async def test_a_compose_services_containers_are_its_own_and_not_those_of_a_longer_name() -> None:
    server = shop(service("c1", "compose", name="m"), service("c2", "compose", name="m-x"))
    server.services[0]["appName"], server.services[1]["appName"] = "shop-m", "shop-m-x"
    server.containers = [
        container("shop-m-grafana-1"),
        container("shop-m-x-prom-1", "restarting", "Restarting (2) 1 second ago"),
        container("shop-m_web.1.task"),
    ]
    server.rows = [row(5, application="", applicationId=None, composeId=id_, deploymentId=id_) for id_ in ("c1", "c2")]
    async with provided(server) as provider:
        one, two = (await provider.snapshot()).services
    assert [each.name for each in one.instances] == ["shop-m-grafana-1", "shop-m_web.1"]
    assert (one.status, two.status) == (Status.LIVE, Status.CRASHED)
    assert [each.status_raw for each in two.instances] == ["Restarting (2) 1 second ago"]


async def test_databases_have_no_deployments_and_are_as_dokploy_and_docker_say() -> None:
    server = shop(
        service("d1", "postgres", "done", "a"), service("d2", "redis", "idle", "b"), service("d3", "mongo", "done", "c")
    )
    server.containers = [
        container("shop-a-x1.1.t"),
        container("shop-c-x1.1.t", "restarting", "Restarting (1) 1 second ago"),
    ]
    async with provided(server) as provider:
        found = (await provider.snapshot()).services
        assert (await provider.deployments(found[0])).items == ()
    assert [each.status for each in found] == [Status.LIVE, Status.STOPPED, Status.CRASHED]
    assert {each.latest for each in found} == {None}
    assert "volumes" in found[0].not_now[Verb.REDEPLOY]


async def test_containers_of_each_server_are_asked_for_once_and_a_dead_server_costs_no_other() -> None:
    server = shop(service(), service("app2", name="web", serverId="s9"), service("app3", name="w2", serverId="s9"))
    server.answers["docker.getContainers"] = lambda call: (
        refusal(500, "SSH connection error: connect ECONNREFUSED", "INTERNAL_SERVER_ERROR", path="x")
        if call.query.get("serverId")
        else server.containers
    )
    async with provided(server) as provider:
        snapshot = await provider.snapshot()
    assert [call.query.get("serverId") for call in server.called("docker.getContainers")] == [None, "s9"]
    assert [len(each.instances) for each in snapshot.services] == [1, 0, 0]
    assert any("SSH" in problem for problem in snapshot.problems)


async def test_a_key_without_docker_looks_at_the_focused_service_by_its_name() -> None:
    server, clock = shop(service(), service("app2", name="web")), FakeClock()
    server.answers["docker.getContainers"] = lambda _: denied()
    server.answers["docker.getContainersByAppNameMatch"] = lambda call: [
        container(f"{call.query['appName']}.1.t", "restarting", "Restarting (1) 1 second ago"),
        container(f"{call.query['appName']}-longer.1.t"),
    ]
    async with provided(server, clock) as provider:
        snapshot = await provider.snapshot()
        asked = server.called("docker.getContainersByAppNameMatch")
        assert [call.query["appName"] for call in asked] == ["shop-api-x1", "shop-web-x1"]
        provider.focus(snapshot.services[1].ref)
        await clock.advance(20)
        found = await the_service(provider)
        assert len(server.called("docker.getContainers")) == 1
    assert (found.status, len(found.instances)) == (Status.CRASHED, 1)
    assert server.called("docker.getContainersByAppNameMatch")[2].query["appName"] == "shop-web-x1"


async def test_a_key_without_docker_reads_all_services_by_name_in_turn_and_says_what_is_not_read_yet() -> None:
    server, clock = shop(*(service(f"app{n}", name=f"w{n}") for n in range(20))), FakeClock()
    server.answers["docker.getContainers"] = lambda _: denied()
    server.answers["docker.getContainersByAppNameMatch"] = lambda call: [container(f"{call.query['appName']}.1.t")]
    async with provided(server, clock) as provider:
        first = await provider.snapshot()
        for _ in range(2):
            await clock.advance(20)
            last = await provider.snapshot()
        assert [each.state for each in first.services].count(Status.LIVE) == 8
        assert {each.doubt for each in first.services if each.state is Status.UNKNOWN} == {
            "Its containers have not been read yet: whether it runs is not known."
        }
        assert {each.state for each in last.services} == {Status.LIVE}
        server.calls.clear()
        for _ in range(180):
            await clock.advance(20)
            await provider.snapshot()
    assert len(server.called("docker.getContainersByAppNameMatch")) <= 20 * 60


# -- the key -------------------------------------------------------------------------------------------------


async def test_a_key_that_never_worked_is_unauthorized_and_the_header_is_dokploys() -> None:
    server = shop()
    server.answers["overview.services"] = lambda _: refusal(401, "Unauthorized", None)
    async with provided(server) as provider:
        with pytest.raises(Unauthorized) as caught:
            await provider.snapshot()
    assert KEY not in str(caught.value)
    assert server.calls[0].headers["x-api-key"] == KEY
    assert "authorization" not in server.calls[0].headers


@pytest.mark.parametrize("bare", [refusal(401, "Unauthorized", None), refusal(401, "UNAUTHORIZED", "UNAUTHORIZED")])
async def test_a_key_that_worked_and_is_refused_gets_silence_first_a_minute_then_five(bare: Response) -> None:
    server, clock, meter = shop(), FakeClock(), Ledger()
    async with provided(server, clock, meter=meter) as provider:
        await provider.snapshot()
        server.answers = dict.fromkeys(server.answers, lambda _: bare)
        waits = []
        for _ in range(3):
            await clock.advance(400)
            with pytest.raises(RateLimited) as caught:
                await provider.snapshot()
            waits.append((caught.value.retry_at - clock.now()).total_seconds())
    assert waits == [60, 300, 300]
    assert [told["retry_at"] for told in meter.told if told.get("retry_at")][-1] == caught.value.retry_at
    assert "without" in caught.value.remedy


async def test_requests_refused_side_by_side_make_one_silence() -> None:
    server, clock = shop(), FakeClock()
    async with provided(server, clock) as provider:
        await provider.snapshot()
        bare = refusal(401, "Unauthorized", None)
        server.answers |= dict.fromkeys(("deployment.allCentralized", "docker.getContainers"), lambda _: bare)
        await clock.advance(20)
        with pytest.raises(RateLimited) as caught:
            await provider.snapshot()
        assert (caught.value.retry_at - clock.now()).total_seconds() == 60
        await clock.advance(60)
        with pytest.raises(RateLimited) as caught:
            await provider.snapshot()
    assert len(server.called("docker.getContainers")) == 3


DOWN = {
    "error": {
        "json": {
            "message": "Failed query: SELECT 1\nparams: ",
            "code": -32603,
            "data": {"code": "INTERNAL_SERVER_ERROR", "httpStatus": 500, "path": "settings.health", "zodError": None},
        }
    }
}


@pytest.mark.parametrize("worked", [True, False])
async def test_while_dokploys_database_is_down_no_key_is_blamed(worked: bool) -> None:
    server, clock = shop(), FakeClock()
    healthy = dict(server.answers)
    async with provided(server, clock) as provider:
        if worked:
            await provider.snapshot()
        server.answers = dict.fromkeys(server.answers, lambda _: refusal(401, "Unauthorized", None))
        server.answers["trpc/settings.health"] = lambda _: Response(
            json.dumps(DOWN), 500, media_type="application/json"
        )
        for _ in range(5):
            await clock.advance(20)
            with pytest.raises(Unreachable, match="database does not answer") as caught:
                await provider.snapshot()
        assert "params" not in str(caught.value)
        assert "may well be good" in caught.value.remedy
        server.answers = healthy
        await clock.advance(20)
        assert (await provider.snapshot()).services
    asked = server.called("trpc/settings.health")
    assert asked
    assert all("x-api-key" not in call.headers for call in asked)
    assert len(asked) <= 5


async def test_an_action_while_dokploys_database_is_down_was_surely_not_done() -> None:
    server = shop()
    server.answers["application.stop"] = lambda _: refusal(401, "Unauthorized", None)
    server.answers["trpc/settings.health"] = lambda _: Response(json.dumps(DOWN), 500, media_type="application/json")
    async with provided(server) as provider:
        found = await the_service(provider)
        with pytest.raises(Refused, match="Nothing was done"):
            await provider.handlers[Verb.STOP].run(Intent("i1", Verb.STOP, found))


@pytest.mark.parametrize(
    "health",
    [
        Response(json.dumps({"result": {"data": {"json": {"status": "ok"}}}}), media_type="application/json"),
        refusal(404, "Not found", "NOT_FOUND"),
    ],
)
async def test_a_refused_key_is_the_keys_fault_where_dokploy_is_well_or_does_not_say(health: Response) -> None:
    server = shop()
    server.answers["overview.services"] = lambda _: refusal(401, "Unauthorized", None)
    server.answers["trpc/settings.health"] = lambda _: health
    async with provided(server) as provider:
        with pytest.raises(Unauthorized, match="does not accept the key"):
            await provider.snapshot()


async def test_a_gate_in_front_of_dokploy_is_not_taken_for_dokploy() -> None:
    server = shop()
    server.answers["overview.services"] = lambda _: Response("<html>Sign in</html>", 401, media_type="text/html")
    async with provided(server) as provider:
        with pytest.raises(Unauthorized, match="in front of Dokploy"):
            await provider.snapshot()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ('[{"code": "too_small", "path": ["title"], "message": "Too short"}]', "title: Too short"),
        ('{"broken', "the request was not valid"),
        ("", "it gave no reason"),
    ],
)
async def test_json_inside_json_is_no_message(message: str, shown: str) -> None:
    server = shop()
    server.answers["overview.services"] = lambda _: refusal(400, message, "BAD_REQUEST", path="x")
    async with provided(server) as provider:
        with pytest.raises(Refused) as caught:
            await provider.snapshot()
    assert shown in caught.value.message
    assert not any(sign in caught.value.message for sign in '[{"')


REFUSALS = [
    (denied(), Forbidden, "access"),
    (refusal(403, "You are not a member", "FORBIDDEN", path="x"), Forbidden, "member"),
    (refusal(404, "Application not found", "NOT_FOUND", path="x"), NotFound, "not found"),
    (refusal(400, "Input validation failed", "BAD_REQUEST", path="x"), Refused, "validation"),
    (Response("Invalid JSON", 400), Refused, "Invalid JSON"),
    (refusal(415, "Missing content-type header", "UNSUPPORTED_MEDIA_TYPE", path="x"), Refused, "content-type"),
    (refusal(500, "boom", "INTERNAL_SERVER_ERROR", path="x"), Unreachable, "boom"),
    (Response("<html><title>Dokploy</title></html>", 500, media_type="text/html"), Unreachable, "Dokploy"),
    (Response("<html><title>Dokploy</title></html>", 404, media_type="text/html"), UnexpectedReply, "url"),
    (Response("<html>login</html>", 200, media_type="text/html"), UnexpectedReply, "not an answer"),
    (Response("", 308, {"location": "https://elsewhere.example/"}), UnexpectedReply, "not followed"),
    (Response('[{"id":', 200, media_type="application/json"), UnexpectedReply, "not an answer"),
]


@pytest.mark.parametrize(("answer", "error", "words"), REFUSALS)
async def test_each_refusal_is_the_error_that_says_what_to_do(
    answer: Response, error: type[ProviderError], words: str
) -> None:
    server = shop()
    server.answers = {"deployment.all": lambda _: answer}
    async with serve(server):
        api = Api(Connection("dok", Secret(KEY), f"{server.url}/api/"), "Dokploy", meter=Ledger(), clock=FakeClock())
        with pytest.raises(error) as caught:
            (await api.query("deployment.all")).decode(list[Json])
        await api.aclose()
    assert words in str(caught.value)
    assert "dok" in str(caught.value)


async def test_a_failed_commands_line_is_not_shown_because_it_may_hold_a_password() -> None:
    server = shop()
    message = "Command execution failed: Command failed: docker login -u ops -p hunter22 reg\nerror: denied hunter22"
    server.answers["overview.services"] = lambda _: refusal(500, message, "INTERNAL_SERVER_ERROR", path="x")
    async with provided(server) as provider:
        with pytest.raises(Unreachable, match="docker login") as caught:
            await provider.snapshot()
    assert "hunter22" not in str(caught.value)


async def test_nobody_there_is_unreachable() -> None:
    async with provided(shop(), url="http://127.0.0.1:9") as provider:
        with pytest.raises(Unreachable):
            await provider.snapshot()


# -- check ---------------------------------------------------------------------------------------------------


async def test_check_tells_organisation_version_role_and_servers_that_were_never_set_up() -> None:
    server = shop()
    server.answers |= {
        "organization.active": lambda _: {"id": "o1", "name": "Acme"},
        "user.getPermissions": lambda _: {"deployment": {"read": True, "create": True, "cancel": False}},
        "server.all": lambda _: [{"serverId": "s1", "name": "edge-1"}, {"serverId": "s2", "name": "edge-2"}],
        "deployment.allByServer": lambda call: (
            [row(1, "done"), row(2, "error", errorMessage="boom\nmore")] if call.query["serverId"] == "s1" else []
        ),
    }
    async with provided(server) as provider:
        credential = await provider.check()
    assert credential.kind == "API key of the organisation Acme"
    assert credential.sees == "1 service in 1 project, Dokploy v0.30.2"
    assert credential.problems == ("The last set-up of the server edge-1 failed: boom.",)
    assert credential.verbs is not None
    assert credential.verbs[Verb.DEPLOY] is None
    assert "deployment.cancel" in (credential.verbs[Verb.CANCEL] or "")


async def test_check_of_a_member_with_nothing_says_so() -> None:
    server = shop()
    server.services = []
    server.answers["server.all"] = lambda _: denied()
    server.answers["organization.active"] = lambda _: Response("null", media_type="application/json")
    async with provided(server) as provider:
        credential = await provider.check()
    assert credential.kind == "API key"
    assert any("sees what the member was given" in each for each in credential.problems)


async def test_records_of_any_type_are_read_without_what_a_rollback_holds() -> None:
    server = shop()
    full = {"rollbackId": "r1", "fullContext": {"env": "BY-TYPE-SECRET"}}
    server.answers["deployment.allByType"] = lambda _: [row(1), row(2, rollbackId="r1", rollback=full)]
    async with serve(server):
        api = Api(Connection("dok", Secret(KEY), server.url), "Dokploy", meter=Ledger(), clock=FakeClock())
        found = await runs.of_type(api, "schedule", "x1")
        await api.aclose()
    assert [each.deployment_id for each in found.items] == ["dep2", "dep1"]
    assert "SECRET" not in repr(found)
    assert server.calls[0].query == {"id": "x1", "type": "schedule"}


async def test_no_secret_of_a_body_reaches_an_entity_a_repr_an_error_or_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    secret: Json = {
        "env": "BODY-SECRET=1",
        "databasePassword": "BODY-SECRET",
        "rollback": {"fullContext": "BODY-SECRET"},
    }
    server = shop(service(**secret), service("db1", "postgres", name="db", **secret))
    server.rows = [row(20, **secret), {"deploymentId": 1, **secret}]
    server.answers |= {
        "organization.active": lambda _: {"id": "o", "name": "Acme", **secret},
        "application.stop": lambda _: {"applicationId": "app1", **secret},
        "postgres.deploy": lambda _: {"postgresId": "db1", **secret},
        "server.all": lambda _: [{"serverId": "s1", "sshKey": "BODY-SECRET"}],
        "deployment.allByServer": lambda _: [row(1, **secret)],
    }
    shown: list[object] = []
    async with provided(server) as provider:
        shown += [provider, await provider.check()]
        snapshot = await provider.snapshot()
        api, database, _ = snapshot.services
        shown += [snapshot, await provider.deployments(api), vars(provider).values()]
        for verb, target in ((Verb.STOP, api), (Verb.DEPLOY, database)):
            intent = Intent("i1", verb, target)
            shown += [provider.handlers[verb].effect(intent), await provider.handlers[verb].run(intent)]
        members(server)
        server.answers["project.all"] = lambda _: [{"name": "x", "projectId": 5, **secret}]
        other = DokployProvider(Connection("dok", Secret(KEY), server.url), meter=Ledger(), clock=FakeClock())
        try:
            shown.append(await other.snapshot())
        except ProviderError as error:
            shown += [error, vars(error)]
        await other.aclose()
    text = "\n".join(f"{each!r} {each!s}" for each in shown) + caplog.text
    assert "BODY-SECRET" not in text
    assert KEY not in text
