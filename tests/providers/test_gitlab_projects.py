"""Which projects an account shows: by path, by id, by group, moved, missing, or failing."""

from __future__ import annotations

import pytest
from starlette.responses import Response

from tests.clocks import FakeClock
from tests.providers.gitlab_server import (
    TOKEN,
    GitLabServer,
    deployment,
    environment,
    gitlab,
    paged,
    project,
    refusal,
    serve,
    world,
)
from tests.providers.loopback import Ledger
from tui.credentials import Secret
from tui.model.errors import (
    NotFound,
    UnexpectedReply,
)
from tui.model.provider import Connection
from tui.providers.gitlab import GitLabProvider


async def test_a_project_is_found_by_its_encoded_path_and_asked_by_its_id() -> None:
    async with gitlab(server := world(deployment(41))) as provider:
        snapshot = await provider.snapshot()
    assert [service.path for service in snapshot.services] == ["work/acme/shop/production/api"]
    assert [project.name for project in snapshot.projects] == ["acme/shop"]
    assert len(server.named("GET projects/acme%2Fshop%2Fapi")) == 1
    assert {call.path.split("/")[1] for call in server.calls if call.path.startswith("projects/7/")} == {"7"}
    assert {call.headers["private-token"] for call in server.calls} == {TOKEN}


@pytest.mark.parametrize(("suffix", "path"), [("", "projects/7/deployments"), ("/api/v4/", "projects/7/deployments")])
async def test_a_url_may_name_the_api(suffix: str, path: str) -> None:
    server = world(deployment(41))
    async with serve(server):
        connection = Connection("work", Secret(TOKEN), url=server.url + suffix, projects=("7",))
        provider = GitLabProvider(connection, meter=Ledger(), clock=FakeClock())
        assert len((await provider.snapshot()).services) == 1
        await provider.aclose()
    assert any(call.path == path for call in server.calls)


async def test_a_url_may_have_a_prefix() -> None:
    server = GitLabServer()
    async with serve(server):
        connection = Connection("work", Secret(TOKEN), url=server.url + "/code/", projects=("7",))
        provider = GitLabProvider(connection, meter=Ledger(), clock=FakeClock())
        with pytest.raises(NotFound):
            await provider.snapshot()
        await provider.aclose()
    assert server.calls[-1].path == "/code/api/v4/projects/7"


async def test_a_moved_project_is_found_at_its_new_address() -> None:
    moved = Response(status_code=301, headers={"location": "http://127.0.0.1/api/v4/projects/7"})
    async with gitlab(server := world(deployment(41))) as provider:
        server.answers["GET projects/acme%2Fshop%2Fapi"] = moved
        snapshot = await provider.snapshot()
        assert [service.name for service in snapshot.services] == ["api"]


async def test_a_server_that_sends_on_to_tls_is_not_followed_and_says_so() -> None:
    moved = Response(status_code=301, headers={"location": "https://127.0.0.1/api/v4/projects/7"})
    async with gitlab(world(answers={"GET projects/7": moved}), "7") as provider:
        with pytest.raises(UnexpectedReply, match="sends on to https://"):
            await provider.snapshot()


async def test_a_group_means_all_its_projects_with_those_of_subgroups_page_by_page() -> None:
    found = [project(100 + number, f"acme/team/p{number}") for number in range(130)]
    server = GitLabServer({"GET groups/acme/projects": paged(found)})
    for row in found:
        server.answers[f"GET projects/{row['id']}/environments"] = [environment()]
        server.answers[f"GET projects/{row['id']}/deployments"] = [deployment(41)]
    async with gitlab(server, "acme/*") as provider:
        snapshot = await provider.snapshot()
    assert len(snapshot.services) == 130
    calls = server.named("GET groups/acme/projects")
    assert [call.query["page"] for call in calls] == ["1", "2"]
    assert {call.query["include_subgroups"] for call in calls} == {"true"}


async def test_without_named_projects_the_most_active_ones_are_shown_and_that_is_said() -> None:
    server = world(deployment(41))
    server.answers["GET projects"] = [project()]
    async with gitlab(server, " / ") as provider:
        snapshot = await provider.snapshot()
    assert [service.name for service in snapshot.services] == ["api"]
    assert any("20 most recently active" in problem for problem in snapshot.problems)
    [call] = server.named("GET projects")
    assert call.query["membership"] == "true"
    assert call.query["order_by"] == "last_activity_at"


async def test_a_project_that_is_not_there_is_a_sentence_and_the_others_stay() -> None:
    missing = refusal(404, "404 Project Not Found")
    server = world(deployment(41), answers={"GET projects/acme%2Fgone": missing})
    async with gitlab(server, "acme/gone", "acme/shop/api") as provider:
        snapshot = await provider.snapshot()
    assert [service.name for service in snapshot.services] == ["api"]
    assert any("no project acme/gone" in problem and "acme/gone/*" in problem for problem in snapshot.problems)


async def test_if_none_of_the_projects_is_there_the_account_says_so() -> None:
    server = world(answers={"GET projects/acme%2Fshop%2Fapi": refusal(404, "404 Project Not Found")})
    async with gitlab(server) as provider:
        with pytest.raises(NotFound, match=r"Account work: There is no project acme/shop/api"):
            await provider.snapshot()


async def test_one_project_that_fails_costs_only_itself_and_is_unread() -> None:
    server = world(deployment(41))
    server.answers |= {
        "GET projects/8": project(8, "acme/shop/web"),
        "GET projects/8/environments": [environment(4)],
        "GET projects/8/deployments": [deployment(50, at=4)],
    }
    clock = FakeClock()
    async with gitlab(server, "acme/shop/api", "8", clock=clock) as provider:
        assert len((await provider.snapshot()).services) == 2
        server.answers["GET projects/8/deployments"] = Response(status_code=502)
        await clock.advance(120)
        snapshot = await provider.snapshot()
        assert [service.name for service in snapshot.services] == ["api"]
        assert [ref.id for ref in snapshot.unread] == ["8:4"]
        assert any("acme/shop/web could not be read" in problem for problem in snapshot.problems)
        server.answers["GET projects/8/deployments"] = [deployment(50, at=4)]
        await clock.advance(30)
        assert len((await provider.snapshot()).services) == 2
