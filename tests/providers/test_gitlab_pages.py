"""Lists in pages, as GitLab announces them and as proxies and other servers leave it out: nothing is cut silently."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from tests.clocks import FakeClock
from tests.providers.gitlab_server import (
    Call,
    GitLabServer,
    deployment,
    environment,
    gitlab,
    project,
    serve,
    the_deployment,
    the_service,
    world,
)
from tui.model.errors import ProviderError
from tui.model.log import Cursor, LogKind, LogSource
from tui.providers.gitlab import GitLabProvider

ROWS = [deployment(n) for n in range(399, 249, -1)]


def in_pages(headers: Any, size: int = 50) -> Any:  # noqa: ANN401
    """150 deployments, newest first; `headers` makes those of the page that begins at a row."""

    def answer(call: Call) -> Response:
        cursor = call.query.get("cursor")
        start = int(cursor) if cursor else (int(call.query.get("page", 1)) - 1) * size
        return JSONResponse(ROWS[start : start + size], headers=headers(start, start + size))

    return answer


def keyset(start: int, end: int) -> dict[str, str]:
    query = f"cursor={end}&pagination=keyset&per_page=50"
    link = f'<http://elsewhere.invalid/api/v4/projects/7/deployments?{query}>; rel="next"'
    return {"link": link} if end < len(ROWS) else {}


def empty_next_page(start: int, end: int) -> dict[str, str]:
    return {"x-next-page": str(end // 50 + 1) if end < len(ROWS) else ""}


def no_header(start: int, end: int) -> dict[str, str]:
    return {}


def first_link_only(start: int, end: int) -> dict[str, str]:
    return {"link": '<http://x/api/v4/projects/7/deployments?page=1>; rel="first"'}


async def whole_timeline(provider: GitLabProvider) -> list[str]:
    service = await the_service(provider)
    seen: list[str] = []
    before: str | None = None
    for _ in range(20):
        page = await provider.deployments(service, before, limit=50)
        seen += [each.id for each in page.items]
        before = page.next
        if before is None:
            return seen
    raise AssertionError("the timeline has no end")


@pytest.mark.parametrize("headers", [keyset, empty_next_page, no_header, first_link_only])
async def test_a_timeline_is_read_to_its_end_however_the_pages_are_announced(headers: Any) -> None:  # noqa: ANN401
    async with gitlab(world(answers={"GET projects/7/deployments": in_pages(headers)})) as provider:
        assert await whole_timeline(provider) == [str(n) for n in range(399, 249, -1)]


async def test_a_server_that_answers_each_page_with_the_same_rows_is_not_read_for_ever() -> None:
    async with gitlab(server := world(answers={"GET projects/7/deployments": lambda _: ROWS[:50]})) as provider:
        assert await whole_timeline(provider) == [str(n) for n in range(399, 349, -1)]
    assert len(server.named("GET projects/7/deployments")) < 10


async def test_a_link_to_the_page_itself_is_not_followed() -> None:
    loop = {"link": '<http://x/api/v4/projects/7/deployments?page=1>; rel="next"'}
    async with gitlab(world(answers={"GET projects/7/deployments": in_pages(lambda *_: loop)})) as provider:
        assert len(await whole_timeline(provider)) == 150


async def test_lists_without_headers_are_read_on_until_a_page_is_not_full() -> None:
    places = [environment(100 + n, f"qa-{n:03}") for n in range(200)]
    server = world(answers={"GET projects/7/deployments": []})

    def listed(call: Call) -> Any:  # noqa: ANN401
        start = (int(call.query["page"]) - 1) * 100
        return places[start : start + 100]

    server.answers["GET projects/7/environments"] = listed
    async with gitlab(server) as provider:
        assert len((await provider.snapshot()).services) == 200
    assert [call.query["page"] for call in server.named("GET projects/7/environments")] == ["1", "2", "3"]


async def test_a_group_without_page_headers_is_whole() -> None:
    found = [project(100 + n, f"acme/p{n}") for n in range(130)]
    server = GitLabServer()
    server.answers["GET groups/acme/projects"] = lambda call: (
        found[: 100 if call.query["page"] == "1" else 0] or (found[100:] if call.query["page"] == "2" else [])
    )
    for row in found:
        server.answers[f"GET projects/{row['id']}/environments"] = []
        server.answers[f"GET projects/{row['id']}/deployments"] = []
    async with gitlab(server, "acme/*") as provider:
        assert (await provider.check()).sees.startswith("130 projects")


# -- redirects ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_get_follows_a_redirect_to_another_origin_with_the_token(status: int) -> None:
    """The other server hears nothing, whichever endpoint sends on to it."""
    elsewhere = GitLabServer()
    async with serve(elsewhere):
        server = world(deployment(41), deployment(42, "running"))

        def sent_on(call: Call) -> Response:
            return Response(status_code=status, headers={"location": f"{elsewhere.url}/api/v4/{call.path}"})

        async with gitlab(server, clock=FakeClock()) as provider:
            service = await the_service(provider)
            latest = await the_deployment(provider, service, 42)
            for name in list(server.answers):
                server.answers[name] = sent_on
            for path in ("jobs/642", "jobs/642/trace", "pipelines/36/jobs", "deployments/42/merge_requests"):
                server.answers[f"GET projects/7/{path}"] = sent_on
            source = LogSource(LogKind.BUILD, service, latest)
            for ask in (
                provider.check,
                lambda: provider.deployments(service),
                lambda: provider.deployment(latest.ref, service),
                lambda: provider.steps(latest),
                lambda: provider.changes(latest, None),
                lambda: anext(aiter(provider.logs(source, Cursor()))),
            ):
                with pytest.raises(ProviderError):
                    await ask()
            server.answers["GET personal_access_tokens/self"] = {"scopes": ["api"]}
            server.answers["GET projects/7/jobs/642"] = {"id": 642, "status": "running"}
            with pytest.raises(ProviderError):  # the trace on its own
                await anext(aiter(provider.logs(source, Cursor())))
        assert any(call.path.endswith("/trace") for call in server.calls)
    assert elsewhere.calls == []
