"""Which token it is, what it sees, and one picture of that."""

from __future__ import annotations

import asyncio

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import FakeClock
from tests.providers.loopback import Ledger, until
from tests.providers.railway_rows import (
    TOKEN,
    connection,
    deployment,
    environment,
    instance,
    inventory,
    project,
    railway,
    world,
)
from tests.providers.server import GraphQLServer, Json, errors, refusal, serve
from tui.model.action import Verb
from tui.model.errors import (
    Forbidden,
    ProviderError,
    RateLimited,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.model.status import Status

PAGE = "<html><title>Access denied | backboard.railway.com used Cloudflare to restrict access</title></html>"


def project_token_world() -> GraphQLServer:
    found = {
        "name": "ci",
        "projectId": "p1",
        "environmentId": "e1",
        "project": {"id": "p1", "name": "shop"},
        "environment": {"id": "e1", "name": "production"},
    }
    server = world(ApiToken=refusal("Not Authorized"))
    server.answers["ProjectToken"] = lambda _: {"projectToken": found}
    return server


# -- tokens -------------------------------------------------------------------------------------------


async def test_an_account_token_goes_out_as_bearer_and_me_is_never_needed() -> None:
    async with serve(world()) as server:
        provider = railway(server)
        await provider.snapshot()
        await provider.aclose()
    assert {call.headers["authorization"] for call in server.calls} == {f"Bearer {TOKEN}"}
    assert server.named("Me") == []


async def test_a_project_token_is_found_by_trying_and_remembered() -> None:
    async with serve(project_token_world()) as server:
        provider = railway(server)
        first = await provider.snapshot()
        await provider.snapshot()
        assert [service.path for service in first.services] == ["prod/shop/production/api"]
        assert len(server.named("ApiToken")) == 1
        for call in server.named("Inventory"):
            assert call.headers["project-access-token"] == TOKEN
            assert "authorization" not in call.headers
        await provider.aclose()


async def test_a_token_that_fits_neither_way_says_what_was_tried_and_what_to_do() -> None:
    server = world(ApiToken=refusal("Not Authorized"), ProjectToken=refusal("Project Token not found"))
    async with serve(server):
        provider = railway(server)
        with pytest.raises(Unauthorized) as raised:
            await provider.snapshot()
        words = str(raised.value)
        for part in ("prod", "Authorization: Bearer", "Project-Access-Token", "railway.com/account/tokens"):
            assert part in words
        assert TOKEN not in words
        await provider.aclose()


async def test_a_token_that_is_revoked_later_is_unauthorized_not_a_list_of_closed_environments() -> None:
    async with serve(world()) as server:
        provider = railway(server)
        await provider.snapshot()
        for name in ("ApiToken", "Inventory", "Projects"):
            server.answers[name] = refusal("Not Authorized")
        with pytest.raises(Unauthorized):
            await provider.snapshot()
        await provider.aclose()


async def test_a_workspace_that_wants_two_factors_is_left_out_and_said() -> None:
    workspaces = [{"id": "w1", "name": "Acme"}, {"id": "w2", "name": "Strict"}]

    def projects(variables: Json) -> object:
        if variables["workspaceId"] == "w2":
            return JSONResponse(errors("Two Factor Authentication Required", workspaceName="Strict"))
        return {"projects": connection(project())}

    server = world(ApiToken=lambda _: {"apiToken": {"workspaces": workspaces}}, Projects=projects)
    async with serve(server):
        provider = railway(server)
        snapshot = await provider.snapshot()
        assert len(snapshot.services) == 1
        assert any("Strict" in problem and "two-factor" in problem for problem in snapshot.problems)
        await provider.aclose()


@pytest.mark.parametrize(
    ("me", "kind"),
    [
        (lambda _: {"me": {"name": "Ada", "email": "ada@example.com"}}, "account token of ada@example.com"),
        (refusal("Not Authorized"), "workspace token"),
    ],
)
async def test_check_tells_account_tokens_from_workspace_tokens(me: object, kind: str) -> None:
    server = world(Deployments=lambda _: {"deployments": connection(deployment("d1"))})
    server.answers["Me"] = me  # type: ignore[assignment]
    async with serve(server):
        provider = railway(server)
        credential = await provider.check()
        assert credential.kind == kind
        assert "1 project" in credential.sees
        assert "Acme" in credential.sees
        assert credential.problems == ()
        await provider.aclose()


async def test_check_says_when_a_project_token_may_not_list_deployments() -> None:
    async with serve(project_token_world()) as server:
        server.answers["Deployments"] = refusal("Not Authorized")
        provider = railway(server)
        credential = await provider.check()
        assert credential.kind == "project token"
        assert credential.sees == "environment production of project shop"
        assert any("list deployments" in problem for problem in credential.problems)
        assert credential.verbs is not None
        assert credential.verbs[Verb.ROLLBACK] is not None
        assert credential.verbs[Verb.RESTART] is None
        await provider.aclose()


# -- what is shown ------------------------------------------------------------------------------------


async def test_projects_are_paged_and_only_those_asked_for_are_read() -> None:
    pages = {None: connection(project("p1", "shop"), end="c1"), "c1": connection(project("p2", "blog"))}
    async with serve(world(Projects=lambda v: {"projects": pages[v.get("after")]})) as server:
        for wanted, names in {
            (): {"shop", "blog"},
            ("blog",): {"blog"},
            ("p1",): {"shop"},
            ("acme/Shop",): {"shop"},
            ("acme/*",): {"shop", "blog"},
        }.items():
            provider = railway(server, projects=wanted)
            snapshot = await provider.snapshot()
            assert {found.name for found in snapshot.projects} == names, wanted
            assert snapshot.problems == ()
            await provider.aclose()


async def test_a_filter_that_fits_nothing_says_what_there_is() -> None:
    async with serve(world()) as server:
        provider = railway(server, projects=("shopp",))
        snapshot = await provider.snapshot()
        assert snapshot.services == ()
        assert snapshot.problems == ("No project fits 'shopp'; the token sees: shop.",)
        await provider.aclose()


async def test_closed_and_deleted_environments_are_left_out_and_said() -> None:
    found = project(
        "p1",
        "shop",
        environment("e1"),
        environment("e2", "vault", canAccess=False),
        environment("e3", "old", deletedAt="2026-01-01T00:00:00Z"),
        environment("e4", "pr-7", isEphemeral=True),
    )
    async with serve(world(Projects=lambda _: {"projects": connection(found)})) as server:
        provider = railway(server)
        snapshot = await provider.snapshot()
        assert [(e.name, e.ephemeral) for e in snapshot.environments] == [("production", False), ("pr-7", True)]
        assert any("shop/vault" in problem and "restricted" in problem for problem in snapshot.problems)
        assert any("shop/old" in problem for problem in snapshot.problems)
        await provider.aclose()


async def test_a_poll_is_one_query_for_all_environments_and_the_list_of_them_is_read_now_and_then() -> None:
    clock, meter = FakeClock(), Ledger()
    found = project("p1", "shop", environment("e1"), environment("e2", "staging"))
    async with serve(world(Projects=lambda _: {"projects": connection(found)})) as server:
        provider = railway(server, meter=meter, clock=clock)
        await provider.snapshot()
        before = meter.spent
        for _ in range(5):
            await provider.snapshot()
        assert meter.spent - before == 5
        clock._elapsed_s += 601
        await provider.snapshot()
        assert len(server.named("Projects")) == 2
        await provider.aclose()


async def test_one_failing_environment_does_not_blank_the_others() -> None:
    found = project("p1", "shop", environment("e1"), environment("e2", "staging"))

    def answer(variables: Json) -> object:
        if variables["environmentId"] == "e2":
            return JSONResponse(errors("Problem processing request"))
        return inventory(instance())

    async with serve(world(Projects=lambda _: {"projects": connection(found)}, Inventory=answer)) as server:
        provider = railway(server)
        snapshot = await provider.snapshot()
        assert [service.environment_name for service in snapshot.services] == ["production"]
        assert any("shop/staging" in problem for problem in snapshot.problems)
        await provider.aclose()


async def test_an_environment_that_is_gone_has_the_list_read_again_though_not_at_every_poll() -> None:
    clock = FakeClock()
    found = project("p1", "shop", environment("e1"), environment("e2", "staging"))

    def answer(variables: Json) -> object:
        gone = variables["environmentId"] == "e2"
        return JSONResponse(errors("Environment not found")) if gone else inventory(instance())

    async with serve(world(Projects=lambda _: {"projects": connection(found)}, Inventory=answer)) as server:
        provider = railway(server, clock=clock)
        for _ in range(3):
            await provider.snapshot()
        assert len(server.named("Projects")) == 1
        clock._elapsed_s += 61
        await provider.snapshot()
        assert len(server.named("Projects")) == 2
        await provider.aclose()


async def test_services_are_paged() -> None:
    pages = {None: inventory(instance("s1", "api"), end="c"), "c": inventory(instance("s2", "web"))}
    async with serve(world(Inventory=lambda v: pages[v.get("after")])) as server:
        provider = railway(server)
        assert [service.name for service in (await provider.snapshot()).services] == ["api", "web"]
        await provider.aclose()


async def test_one_odd_row_is_told_and_the_others_are_there() -> None:
    rows = inventory({"serviceId": 7}, instance("s2", "web"), instance("s3", "bot", latestDeployment={"id": 1}))
    async with serve(world(Inventory=lambda _: rows)) as server:
        provider = railway(server)
        snapshot = await provider.snapshot()
        assert [service.name for service in snapshot.services] == ["web", "bot"]
        assert any("shop/production: 1 service could not be read" in problem for problem in snapshot.problems)
        assert any("shop/production/bot" in problem for problem in snapshot.problems)
        await provider.aclose()


async def test_an_answer_with_a_fault_in_one_field_is_still_a_picture() -> None:
    body = {**errors("Problem processing request", data=inventory(instance()))}
    async with serve(world(Inventory=lambda _: JSONResponse(body))) as server:
        provider = railway(server)
        snapshot = await provider.snapshot()
        assert len(snapshot.services) == 1
        assert any("Problem processing request" in problem for problem in snapshot.problems)
        await provider.aclose()


async def test_hostile_names_are_harmless() -> None:
    async with serve(world(Inventory=lambda _: inventory(instance("s1", "a\x1b]0;evil\x07pi\nx")))) as server:
        provider = railway(server)
        assert (await provider.snapshot()).services[0].name == "api x"
        await provider.aclose()


# -- statuses -----------------------------------------------------------------------------------------


async def read_one(**more: object) -> Json:
    """What the board would show of one service."""
    async with serve(world(Inventory=lambda _: inventory(instance(**more)))) as server:  # type: ignore[arg-type]
        server.answers.setdefault("Deployments", lambda _: {"deployments": connection()})
        provider = railway(server)
        service = (await provider.snapshot()).services[0]
        await provider.aclose()
    return {
        "status": service.status,
        "raw": service.status_raw,
        "latest": service.latest.status if service.latest else None,
        "live": service.live.id if service.live else None,
        "note": service.latest.note if service.latest else "",
        "service": service,
    }


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("INITIALIZING", Status.QUEUED),
        ("QUEUED", Status.QUEUED),
        ("WAITING", Status.WAITING),
        ("NEEDS_APPROVAL", Status.NEEDS_APPROVAL),
        ("BUILDING", Status.BUILDING),
        ("DEPLOYING", Status.DEPLOYING),
        ("SUCCESS", Status.LIVE),
        ("SLEEPING", Status.SLEEPING),
        ("FAILED", Status.FAILED),
        ("CRASHED", Status.CRASHED),
        ("SKIPPED", Status.SKIPPED),
        ("REMOVING", Status.REMOVING),
        ("REMOVED", Status.REMOVED),
        ("TELEPORTING", Status.UNKNOWN),
    ],
)
async def test_every_status_has_its_place_and_keeps_railways_word(raw: str, status: Status) -> None:
    found = await read_one(latestDeployment=deployment("d1", raw), activeDeployments=[])
    assert (found["status"], found["raw"]) == (status, raw)


async def test_a_rollout_on_top_of_what_serves_shows_both() -> None:
    found = await read_one(
        latestDeployment=deployment("d2", "BUILDING", createdAt="2026-09-01T13:00:00Z"),
        activeDeployments=[deployment("d1")],
    )
    assert found["status"] is Status.LIVE
    assert found["latest"] is Status.BUILDING
    assert found["live"] == "d1"


async def test_success_is_not_live_once_everything_has_stopped() -> None:
    meta = {"serviceManifest": {"deploy": {"cronSchedule": "0 * * * *"}}}
    found = await read_one(
        latestDeployment=deployment("d1", deploymentStopped=True, meta=meta, instances=[]), activeDeployments=[]
    )
    assert found["status"] is Status.STOPPED
    assert found["note"] == "Completed"
    assert found["live"] is None


async def test_some_crashed_replicas_are_counted() -> None:
    replicas = [{"id": f"i{n}", "status": status} for n, status in enumerate(("CRASHED", "RUNNING", "RUNNING"))]
    found = await read_one(
        latestDeployment=deployment("d1", "CRASHED", instances=replicas),
        activeDeployments=[deployment("d1", "CRASHED")],
    )
    assert found["note"] == "1/3 replicas crashed"


async def test_why_it_is_queued_is_said_in_railways_words() -> None:
    meta = {"queuedReason": "Deployment queued due to upstream GitHub issues"}
    found = await read_one(latestDeployment=deployment("d2", "QUEUED", meta=meta))
    assert found["note"] == "Deployment queued due to upstream GitHub issues"


async def test_replicas_of_all_regions_are_summed() -> None:
    regions = {"us-west": {"numReplicas": 2}, "europe-west": {"numReplicas": 3}, "odd": None}
    meta = {"serviceManifest": {"deploy": {"multiRegionConfig": regions}}}
    running = deployment("d1", meta=meta)
    found = await read_one(latestDeployment=running, activeDeployments=[running])
    assert found["service"].replicas == 5


@pytest.mark.parametrize(
    ("meta", "short", "message"),
    [
        ({"commitHash": "0123456789abcdef" + "0" * 24, "commitMessage": "Fix\n\nbody"}, "0123456", "Fix"),
        ({"image": "ghcr.io/acme/api:1.4.2"}, "1.4.2", "ghcr.io/acme/api:1.4.2"),
        ({"image": "localhost:5000/api"}, "localhost:5000/api", "localhost:5000/api"),
        ({"cliMessage": "hot fix", "cliCaller": "cli"}, "upload", "hot fix"),
        ({}, None, None),
        (None, None, None),
        ({"commitHash": 7}, None, None),
    ],
)
async def test_a_revision_is_a_commit_an_image_or_an_upload(
    meta: object, short: str | None, message: str | None
) -> None:
    running = deployment("d1", meta=meta)
    found = await read_one(latestDeployment=running, activeDeployments=[running])
    revision = found["service"].latest.revision
    assert (revision.short if revision else None) == short
    assert (revision.message if revision else None) == message


async def test_a_service_without_any_deployment_asks_to_be_deployed() -> None:
    found = await read_one(latestDeployment=None, activeDeployments=[])
    service = found["service"]
    assert service.status is Status.STOPPED
    assert "deploy it first" in service.not_now[Verb.RESTART]
    assert Verb.DEPLOY not in service.not_now


async def test_what_was_removed_is_found_again_without_asking_at_every_poll() -> None:
    lists = {"s1": deployment("d1", "REMOVED"), "s2": deployment("d0", "FAILED")}
    clock = FakeClock()
    server = world(
        Inventory=lambda _: inventory(
            instance("s1", "api", latestDeployment=None, activeDeployments=[]),
            instance("s2", "web", latestDeployment=None, activeDeployments=[]),
        ),
        Deployments=lambda v: {"deployments": connection(lists[v["input"]["serviceId"]])},
    )
    async with serve(server):
        provider = railway(server, clock=clock)
        for _ in range(5):
            api, web = (await provider.snapshot()).services
        assert (api.status, web.status) == (Status.REMOVED, Status.FAILED)
        assert len(server.named("NewestDeployments")) == 1
        server.answers["Deployments"] = refusal("Not Authorized")
        clock._elapsed_s += 599
        await provider.snapshot()
        assert len(server.named("NewestDeployments")) == 1
        await provider.aclose()


# -- faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (JSONResponse(errors("Problem processing request")), Unreachable, "could not answer"),
        (JSONResponse(errors("Cannot query field", code="GRAPHQL_VALIDATION_FAILED")), UnexpectedReply, "understand"),
        (Response(PAGE, 403, media_type="text/html"), Unreachable, "Cloudflare"),
        (Response(PAGE, 200, media_type="text/html"), UnexpectedReply, "not an answer"),
        (Response("not found", 404, media_type="text/plain"), UnexpectedReply, "no Railway API"),
        (Response("[]", 200, media_type="application/json"), UnexpectedReply, "not an answer"),
        (Response("7", 200, media_type="application/json"), UnexpectedReply, "not an answer"),
        (JSONResponse({"data": None}), UnexpectedReply, "not an answer"),
        (JSONResponse({"data": {"environment": {}}}), UnexpectedReply, "serviceInstances"),
        (JSONResponse({"data": {"environment": {"serviceInstances": 7}}}), UnexpectedReply, "serviceInstances"),
        (Response("down", 502), Unreachable, "502"),
    ],
)
async def test_every_bad_answer_is_a_sentence_that_names_the_account(
    answer: Response, kind: type[ProviderError], words: str
) -> None:
    async with serve(world(Inventory=lambda _: answer)) as server:
        provider = railway(server)
        with pytest.raises(ProviderError) as raised:
            await provider.snapshot()
        assert type(raised.value) is kind
        assert "prod" in raised.value.message
        assert words in raised.value.message
        await provider.aclose()


async def test_the_status_of_a_429_with_a_graphql_body_is_not_lost() -> None:
    body = errors("Too many requests")
    headers = {"Retry-After": "7", "X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "0"}
    clock, meter = FakeClock(), Ledger()
    async with serve(world(Inventory=lambda _: JSONResponse(body, 429, headers=headers))) as server:
        provider = railway(server, clock=clock, meter=meter)
        with pytest.raises(RateLimited) as raised:
            await provider.snapshot()
        assert (raised.value.retry_at - clock.now()).total_seconds() == 7
        assert meter.told[-1]["remaining"] == 0
        assert meter.told[-1]["retry_at"] == raised.value.retry_at
        await provider.aclose()


async def test_an_unreachable_host_is_named() -> None:
    async with serve(world()) as server:
        url = server.url
    provider = railway(GraphQLServer(), url=url)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1"):
        await provider.snapshot()
    await provider.aclose()


async def test_a_connection_cut_in_mid_answer_is_unreachable() -> None:
    async with serve(world()) as server:
        server.answers["Inventory"] = lambda _: Response(status_code=600)
        provider = railway(server)
        with pytest.raises(Unreachable):
            await provider.snapshot()
        await provider.aclose()


async def test_closing_ends_a_query_under_way() -> None:
    never = asyncio.Event()

    async def hang(_: Json) -> object:
        await never.wait()
        return inventory()

    async with serve(world(Inventory=lambda v: hang(v))) as server:
        provider = railway(server)
        outcome: list[ProviderError] = []

        async def poll() -> None:
            try:
                await provider.snapshot()
            except ProviderError as error:
                outcome.append(error)

        async with asyncio.TaskGroup() as group:
            group.create_task(poll())
            await until(lambda: server.named("Inventory"))
            await provider.aclose()
        never.set()
        assert isinstance(outcome[0], Unreachable)
        with pytest.raises(Unreachable):
            await provider.snapshot()


async def test_what_the_answers_say_of_the_budget_reaches_the_meter() -> None:
    server = world()
    server.headers = {"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "990", "X-RateLimit-Reset": "1788264060"}
    meter = Ledger()
    async with serve(server):
        provider = railway(server, meter=meter)
        await provider.snapshot()
        assert meter.spent == len(server.calls)
        assert meter.told[0]["remaining"] == 990
        await provider.aclose()


async def test_two_factor_authentication_for_everything_is_forbidden_with_its_remedy() -> None:
    async with serve(world(ApiToken=refusal("Two Factor Authentication Required", workspaceName="Acme"))) as server:
        provider = railway(server)
        with pytest.raises(Forbidden) as raised:
            await provider.snapshot()
        assert raised.value.scope == "two-factor authentication"
        assert "Acme" in raised.value.message
        await provider.aclose()
