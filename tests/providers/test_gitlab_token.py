"""What a GitLab token is and may do: its header, its kind, its scopes, and what `check` says of them."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import JSONResponse

from tests.providers.gitlab_server import TOKEN, Call, deployment, gitlab, no_route, refusal, the_service, world
from tui.model.action import Verb
from tui.model.errors import Unauthorized


async def test_a_token_that_only_reads_says_so_for_every_verb_and_at_the_key() -> None:
    server = world(deployment(41), answers={"GET personal_access_tokens/self": {"id": 1, "scopes": ["read_api"]}})
    async with gitlab(server) as provider:
        credential = await provider.check()
        service = await the_service(provider)
        assert credential.verbs is not None
        assert set(credential.verbs) == set(provider.handlers)
        assert all("read_api" in (why or "") for why in credential.verbs.values())
        assert "read_api" in (provider.blocked(Verb.REDEPLOY, service) or "")
        assert "cannot restart" in (provider.blocked(Verb.RESTART, service) or "")


async def test_check_tells_kind_scopes_owner_version_and_projects_and_never_the_token() -> None:
    async with gitlab(world(deployment(41))) as provider:
        credential = await provider.check()
    assert credential.kind == "personal, project or group access token of root (scopes api)"
    assert credential.sees == "1 project: acme/shop/api (GitLab 18.0.0-ee)"
    assert credential.verbs is not None
    assert not any(credential.verbs.values())
    assert TOKEN not in repr(credential)


async def test_an_oauth_token_goes_out_as_bearer_once_the_other_header_was_refused() -> None:
    def bearer(call: Call) -> Any:  # noqa: ANN401
        if call.headers.get("authorization") != "Bearer oauth-example-oauth":
            return refusal(401, "401 Unauthorized")
        return {"id": 1, "scopes": ["api"]}

    server = world(deployment(41), answers={"GET personal_access_tokens/self": bearer})
    async with gitlab(server, token="oauth-example-oauth") as provider:
        await provider.snapshot()
    assert "authorization" not in server.calls[0].headers
    assert all(call.headers["authorization"] == "Bearer oauth-example-oauth" for call in server.calls[1:])


@pytest.mark.parametrize("answer", [[], 5, None, {"scopes": [5]}, {"scopes": "api", "expires_at": {}}])
async def test_a_token_whose_description_cannot_be_read_costs_nothing(answer: object) -> None:
    async with gitlab(world(deployment(41), answers={"GET personal_access_tokens/self": answer})) as provider:
        assert (await provider.check()).problems == ()
        service = await the_service(provider)
        assert provider.blocked(Verb.REDEPLOY, service) is None


async def test_a_ci_job_token_has_its_own_header_and_may_only_look() -> None:
    server = world(deployment(41), answers={"GET personal_access_tokens/self": refusal(401, "401 Unauthorized")})
    async with gitlab(server, token="glcbt-64_secret") as provider:
        service = await the_service(provider)
        assert "job token" in (provider.blocked(Verb.REDEPLOY, service) or "")
    assert {call.headers["job-token"] for call in server.calls} == {"glcbt-64_secret"}


async def test_a_bad_token_is_unauthorized_with_what_to_do_in_either_shape() -> None:
    for body in ({"message": "401 Unauthorized"}, {"error": "invalid_token", "error_description": "Token is expired."}):
        server = world(answers={"GET personal_access_tokens/self": JSONResponse(body, 401)})
        async with gitlab(server) as provider:
            with pytest.raises(Unauthorized) as raised:
                await provider.snapshot()
        assert "scope `api`" in raised.value.remedy
        assert TOKEN not in str(raised.value)


async def test_an_old_server_that_cannot_tell_the_scopes_is_no_problem() -> None:
    answers = {"GET personal_access_tokens/self": no_route(), "GET version": no_route()}
    async with gitlab(world(deployment(41), answers=answers)) as provider:
        credential = await provider.check()
        assert not any((credential.verbs or {}).values())
