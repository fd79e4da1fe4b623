"""What could not be read is said, and is never taken for what is not there."""

from __future__ import annotations

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import FakeClock
from tests.providers.railway_rows import (
    RailwayServer,
    connection,
    deployment,
    environment,
    instance,
    inventory,
    project,
    railway,
    world,
)
from tests.providers.server import Json, errors, refusal, serve
from tui.model.action import Verb
from tui.model.entities import Service, Snapshot
from tui.model.errors import UnexpectedReply
from tui.model.status import Status

NOT_READ = "Its newest deployment could not be read"


async def picture(server: RailwayServer, clock: FakeClock | None = None) -> Snapshot:
    async with serve(server):
        provider = railway(server, clock=clock or FakeClock())
        snapshot = await provider.snapshot()
        await provider.aclose()
    return snapshot


async def only(**more: object) -> tuple[Service, Snapshot]:
    """The one service of a picture, with its row as given."""
    snapshot = await picture(world(Inventory=lambda _: inventory(instance(**more))))  # type: ignore[arg-type]
    return snapshot.services[0], snapshot


# -- rows ---------------------------------------------------------------------------------------------


async def test_a_newest_deployment_that_cannot_be_read_puts_the_service_in_doubt() -> None:
    service, snapshot = await only(latestDeployment={"id": None, "status": "FAILED"})
    assert service.doubt.startswith(NOT_READ)
    assert service.live is not None
    assert service.state is Status.UNKNOWN
    assert NOT_READ in service.not_now[Verb.REDEPLOY]
    assert any(problem.startswith(f"shop/production/api: {NOT_READ}") for problem in snapshot.problems)
    assert not snapshot.is_complete


async def test_a_service_whose_only_deployment_cannot_be_read_is_not_one_without_any() -> None:
    service, _ = await only(latestDeployment=7, activeDeployments=[])
    assert (service.status, service.status_raw) == (Status.UNKNOWN, "not read")
    assert "deploy it first" not in " ".join(service.not_now.values())
    assert Verb.ROLLBACK not in service.not_now


@pytest.mark.parametrize("active", [None, 7, [deployment("d1"), None], [{"status": "SUCCESS"}]])
async def test_active_deployments_that_cannot_be_read_put_the_service_in_doubt(active: object) -> None:
    service, snapshot = await only(activeDeployments=active)
    assert "Its live deployment could not be read" in service.doubt
    assert snapshot.problems


async def test_fields_that_decorate_cost_nothing_and_are_not_worth_a_word() -> None:
    odd = deployment("d1", createdAt=7, meta=[1], creator="ada", instances=7, url=[], canRedeploy="perhaps")
    service, snapshot = await only(name="", numReplicas="many", domains=7, latestDeployment=odd)
    assert service.name == "s1"
    assert service.latest is not None
    assert snapshot.problems == ()


async def test_a_null_beside_a_fault_is_not_the_same_as_none() -> None:
    body = errors(
        "Problem processing request",
        data=inventory(instance("s1", "api"), instance("s2", "web", latestDeployment=None, activeDeployments=[])),
    )
    body["errors"][0]["path"] = ["environment", "serviceInstances", "edges", 1, "node", "latestDeployment"]
    server = world(Inventory=lambda _: JSONResponse(body))
    snapshot = await picture(server)
    api, web = snapshot.services
    assert api.doubt == ""
    assert "Problem processing request" in web.doubt
    assert web.status is Status.UNKNOWN
    assert server.named("NewestDeployments") == []
    assert any("shop/production: part of it could not be read" in problem for problem in snapshot.problems)


async def test_odd_rows_are_counted_and_their_sentences_are_bounded() -> None:
    rows = [*({"id": n} for n in range(7)), *(instance(f"s{n}", f"x{n}", latestDeployment=7) for n in range(9))]
    environments = [environment(f"e{n}", f"env{n}") for n in range(30)]
    server = world(
        Projects=lambda _: {"projects": connection(project("p1", "shop", *environments))},
        Inventory=lambda _: inventory(*rows),
    )
    snapshot = await picture(server)
    assert len(snapshot.services) == 30 * 9
    assert snapshot.problems[0].startswith("shop/env0: 7 services could not be read (")
    assert snapshot.problems[2] == "shop/env0: 8 more problems like these."
    assert len(snapshot.problems) == 20
    assert "71 more problems" in snapshot.problems[-1]


async def test_problems_are_gone_with_the_next_clean_reading() -> None:
    server = world(Inventory=lambda _: inventory(instance(latestDeployment=7), {"serviceId": 7}))
    async with serve(server):
        provider = railway(server)
        assert (await provider.snapshot()).problems
        server.answers["Inventory"] = lambda _: inventory(instance())
        snapshot = await provider.snapshot()
        assert snapshot.is_complete
        assert snapshot.services[0].doubt == ""
        await provider.aclose()


# -- what only the list of deployments shows -----------------------------------------------------------


NONE_NAMED: Json = {"latestDeployment": None, "activeDeployments": []}


@pytest.mark.parametrize(
    "answer",
    [
        refusal("Not Authorized"),
        refusal("Problem processing request"),
        lambda _: Response("down", 502),
        lambda _: {"deployments": None},
        lambda _: {"deployments": connection({"id": 7})},
        lambda _: {
            "deployments": connection(
                deployment("d0", createdAt="2026-01-01T00:00:00Z"), deployment("d1"), end="newer ones"
            )
        },
    ],
)
async def test_a_service_whose_list_cannot_be_read_is_not_one_that_was_never_deployed(answer: object) -> None:
    clock = FakeClock()
    server = world(
        Inventory=lambda _: inventory(instance(**NONE_NAMED)),
        Deployments=answer,  # type: ignore[arg-type]
    )
    async with serve(server):
        provider = railway(server, clock=clock)
        for _ in range(3):
            (service,) = (snapshot := await provider.snapshot()).services
            assert service.status is Status.UNKNOWN
            assert NOT_READ in service.doubt
            assert any(NOT_READ in problem for problem in snapshot.problems)
        assert len(server.named("NewestDeployments")) == 1
        clock._elapsed_s += 61
        server.answers["Deployments"] = lambda _: {"deployments": connection(deployment("d1", "REMOVED"))}
        snapshot = await provider.snapshot()
        assert snapshot.is_complete
        assert snapshot.services[0].status is Status.REMOVED
        await provider.aclose()


async def test_an_empty_list_is_a_service_that_was_never_deployed() -> None:
    server = world(
        Inventory=lambda _: inventory(instance(**NONE_NAMED)),
        Deployments=lambda _: {"deployments": connection()},
    )
    snapshot = await picture(server)
    assert snapshot.services[0].status_raw == "no deployment"
    assert snapshot.is_complete


# -- pages --------------------------------------------------------------------------------------------


def cut(*nodes: object, **info: object) -> Json:
    """A list that has more, without a way to it."""
    return {**connection(*nodes), "pageInfo": {"hasNextPage": True, "endCursor": None, **info}}


@pytest.mark.parametrize(
    "info", [{}, {"endCursor": 7}, {"endCursor": ""}, {"hasNextPage": None}, {"hasNextPage": "no"}]
)
async def test_a_list_that_is_cut_says_so(info: Json) -> None:
    services = inventory(instance())
    services["environment"]["serviceInstances"] = cut(instance(), **info)
    environments = {**project(), "environments": cut(environment(), **info)}
    events = cut({"id": "ev", "step": "BUILD_IMAGE"}, **info)
    server = world(
        Projects=lambda _: {"projects": cut(environments, **info)},
        Inventory=lambda _: services,
        Deployments=lambda _: {"deployments": cut(deployment("d1"), **info)},
        DeploymentEvents=lambda _: {"deploymentEvents": events},
    )
    async with serve(server):
        provider = railway(server)
        snapshot = await provider.snapshot()
        said = "\n".join(snapshot.problems)
        assert "Workspace Acme: more projects may exist" in said
        assert "Project shop: more environments may exist" in said
        assert "shop/production: more services may exist" in said
        assert "at least 1 project" in (await provider.check()).sees
        service = snapshot.services[0]
        page = await provider.deployments(service)
        assert len(page.items) == 1
        assert "more deployments may exist" in page.problems[0]
        assert service.latest is not None
        steps = await provider.steps(service.latest)
        assert [step.status for step in steps] == [Status.BUILDING, Status.UNKNOWN]
        assert "more steps may exist" in steps[1].detail
        await provider.aclose()


async def test_a_page_that_leads_to_itself_ends_the_list_and_says_so() -> None:
    server = world(Inventory=lambda _: inventory(instance(), end="c"))
    snapshot = await picture(server)
    assert any("more services may exist" in problem for problem in snapshot.problems)
    assert len(server.named("MoreServices")) == 1
    assert len(snapshot.services) == 1


async def test_a_list_without_edges_is_an_environment_that_was_not_read() -> None:
    found = project("p1", "shop", environment("e1"), environment("e2", "staging"))

    def answer(variables: Json) -> object:
        rows = inventory(instance())
        if variables["environmentId"] == "e2":
            rows["environment"]["serviceInstances"]["edges"] = None
        return rows

    snapshot = await picture(world(Projects=lambda _: {"projects": connection(found)}, Inventory=answer))
    assert [ref.id for ref in snapshot.unread] == ["e2"]
    assert [service.environment_name for service in snapshot.services] == ["production"]


async def test_a_project_with_many_environments_is_read_to_its_end() -> None:
    first = project("p1", "shop", environment("e1"))
    first["environments"]["pageInfo"] = {"hasNextPage": True, "endCursor": "c1"}
    pages = {"c1": connection(environment("e2", "b"), end="c2"), "c2": connection(environment("e3", "c"))}
    server = world(
        Projects=lambda _: {"projects": connection(first)}, Environments=lambda v: {"environments": pages[v["after"]]}
    )
    snapshot = await picture(server)
    assert [each.name for each in snapshot.environments] == ["production", "b", "c"]
    assert snapshot.is_complete
    assert [call.variables["projectId"] for call in server.named("Environments")] == ["p1", "p1"]

    server.answers["Environments"] = refusal("Problem processing request")
    snapshot = await picture(server)
    assert [each.name for each in snapshot.environments] == ["production"]
    assert any("More environments of project shop could not be read" in problem for problem in snapshot.problems)


async def test_a_timeline_says_what_of_it_could_not_be_read() -> None:
    rows = connection({"id": None}, deployment("d1"), 7)
    async with serve(world(Deployments=lambda _: {"deployments": rows})) as server:
        provider = railway(server)
        page = await provider.deployments((await provider.snapshot()).services[0])
        assert [each.id for each in page.items] == ["d1"]
        assert page.problems[0].startswith("prod/shop/production/api: 2 deployments could not be read")
        await provider.aclose()


async def test_a_list_in_the_other_order_is_read_from_its_other_end() -> None:
    dates = [f"2026-09-0{day}T12:00:00Z" for day in range(1, 8)]
    found = [deployment(f"d{n}", "REMOVED", createdAt=date) for n, date in enumerate(dates, 1)]

    def answer(variables: Json) -> object:
        first, last, before = variables.get("first"), variables.get("last"), variables.get("before")
        end = int(before) if before else len(found)
        start = max(0, end - last) if last else 0
        end = min(end, first) if first else end
        info = {"hasNextPage": end < len(found), "endCursor": "next", "hasPreviousPage": start > 0}
        return {"deployments": {**connection(*found[start:end]), "pageInfo": {**info, "startCursor": str(start)}}}

    async with serve(world(Deployments=answer)) as server:
        provider = railway(server)
        service = (await provider.snapshot()).services[0]
        seen: list[str] = []
        before: str | None = None
        while True:
            page = await provider.deployments(service, before=before, limit=3)
            assert page.problems == ()
            seen += [each.id for each in page.items]
            before = page.next
            if before is None:
                break
        assert seen == ["d7", "d6", "d5", "d4", "d3", "d2", "d1"]
        await provider.aclose()


# -- accounts -----------------------------------------------------------------------------------------


async def test_nothing_is_claimed_of_an_account_whose_workspaces_could_not_be_read() -> None:
    server = world(ApiToken=lambda _: {"apiToken": {"workspaces": [{"id": 7}]}})
    async with serve(server):
        provider = railway(server, projects=("shop",))
        snapshot = await provider.snapshot()
        assert not any("sees no environment" in problem for problem in snapshot.problems)
        assert any("1 workspace could not be read" in problem for problem in snapshot.problems)
        assert any("No project that could be read fits 'shop'" in problem for problem in snapshot.problems)
        assert not any("reaches no environment" in problem for problem in (await provider.check()).problems)
        await provider.aclose()


async def test_shared_projects_that_could_not_be_read_are_said() -> None:
    snapshot = await picture(world(ExternalWorkspaces=lambda _: Response("down", 502)))
    assert any("Projects shared by other workspaces could not be read" in problem for problem in snapshot.problems)
    assert len(snapshot.services) == 1


@pytest.mark.parametrize("me", [lambda _: Response("down", 502), lambda _: {"me": 7}])
async def test_a_token_is_not_called_a_workspace_token_because_its_owner_could_not_be_read(me: object) -> None:
    server = world(Me=me, Deployments=lambda _: {"deployments": connection()})  # type: ignore[arg-type]
    async with serve(server):
        provider = railway(server)
        assert (await provider.check()).kind == "account or workspace token"
        await provider.aclose()


async def test_one_deployment_that_cannot_be_read_is_an_unexpected_reply() -> None:
    async with serve(world(Deployment=lambda _: {"deployment": {"status": "SUCCESS"}})) as server:
        provider = railway(server)
        service = (await provider.snapshot()).services[0]
        assert service.latest is not None
        with pytest.raises(UnexpectedReply, match="cannot be read"):
            await provider.deployment(service.latest.ref, service)
        await provider.aclose()
