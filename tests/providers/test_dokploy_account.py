"""Dokploy's account: what is there, how often it is asked for, and what `check` says of the key."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest
from starlette.responses import Response

from tests.clocks import START, FakeClock
from tests.providers.dokploy_server import (
    KEY,
    DokployServer,
    Json,
    container,
    denied,
    job,
    provided,
    refusal,
    row,
    serve,
    service,
    shop,
    the_service,
    unknown,
)
from tests.providers.loopback import Ledger
from tui.credentials import Secret
from tui.model.action import Intent, Verb
from tui.model.errors import (
    ProviderError,
    Unreachable,
)
from tui.model.provider import Connection
from tui.model.status import Status
from tui.providers.dokploy import DokployProvider, runs
from tui.providers.dokploy.api import Api

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
