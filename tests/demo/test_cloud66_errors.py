"""How Cloud 66 says no: tokens and their scopes, the hourly limit, two meanings of 503, and whatever goes wrong."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.demo.cloud66_demo import BUSY_DOCKER, DOCKER, RAILS, Cloud66Demo, cloud66_demo
from tests.providers.loopback import until
from tui.demo.cloud66 import ids


@pytest.fixture
async def demo() -> AsyncIterator[Cloud66Demo]:
    async with cloud66_demo() as served:
        yield served


# tokens


async def test_a_ping_needs_no_token_and_an_authorised_one_does(demo: Cloud66Demo) -> None:
    for path in ("/ping", "/ping.json"):
        assert (await demo.send("GET", path, token="")).json() == {"response": {"ok": True, "message": ""}}
    assert (await demo.send("GET", "/ping/auth.json")).json() == {"response": {"ok": True, "message": ""}}
    for token in ("", "wrong"):
        answer = await demo.refused("GET", "/ping/auth", token=token)
        assert (answer["status"], answer["error"]) == (401, "unauthenticated")


async def test_bearer_may_be_written_small(demo: Cloud66Demo) -> None:
    for scheme, status in (("Bearer", 200), ("bearer", 200), ("Basic", 401)):
        response = await demo.http.get("/stacks", headers={"Authorization": f"{scheme} {demo.tokens.usual}"})
        assert response.status_code == status


async def test_a_revoked_token_is_unknown(demo: Cloud66Demo) -> None:
    demo.tokens.revoke(demo.tokens.public)
    assert (await demo.refused("GET", "/stacks", token=demo.tokens.public.value))["status"] == 401


async def test_a_token_lacks_a_scope_that_is_named(demo: Cloud66Demo) -> None:
    tokens, service = demo.tokens, demo.service(DOCKER)
    uid = (await demo.get(demo.at(DOCKER, "/containers")))[0]["uid"]
    number = ids.deployment_id(demo.service(BUSY_DOCKER).recent[0])
    needs = [
        (tokens.public, "redeploy", "POST", demo.at(DOCKER, "/deployments")),
        (tokens.public, "redeploy", "DELETE", demo.at(BUSY_DOCKER, f"/deployments/{number}")),
        (tokens.public, "redeploy", "POST", demo.at(DOCKER, "/actions")),
        (tokens.public, "redeploy", "GET", demo.at(DOCKER, "/application_variants")),
        (tokens.redeploy, "admin", "DELETE", demo.at(DOCKER, "/services/web")),
        (tokens.redeploy, "admin", "POST", demo.at(DOCKER, "/services")),
        (tokens.redeploy, "admin", "GET", demo.at(DOCKER, f"/containers/{uid}")),
        (tokens.redeploy, "admin", "DELETE", demo.at(DOCKER, f"/containers/{uid}")),
        (tokens.redeploy, "admin", "POST", demo.at(RAILS, "/processes")),
        (tokens.redeploy, "admin", "POST", demo.at(DOCKER, "/reboot_servers")),
        (tokens.redeploy, "admin", "POST", demo.at(DOCKER, f"/servers/{ids.server_uid(service, 0)}/reboot_server")),
        (tokens.admin, "users", "GET", "/accounts"),
        (tokens.scopeless, "public", "GET", "/stacks"),
    ]
    for token, scope, method, path in needs:
        answer = await demo.refused(method, path, token=token.value)
        assert (answer["status"], answer["error"]) == (403, "forbidden"), path
        assert answer["details"].endswith(f" {scope}")
    assert not demo.world.calls
    for rest in ("", "/deployments", "/actions", "/services", "/containers", "/processes", "/servers"):
        assert (await demo.send("GET", demo.at(DOCKER, rest), token=tokens.public.value)).status_code == 200


async def test_an_account_whose_trial_is_over_must_pay_first(demo: Cloud66Demo) -> None:
    answer = await demo.refused("GET", "/stacks", token=demo.tokens.trial.value)
    assert (answer["status"], answer["error"]) == (402, "trial_expired")


async def test_no_token_is_in_a_repr(demo: Cloud66Demo) -> None:
    assert demo.tokens.usual not in repr(demo.tokens.everything)


# the hourly limit


async def test_the_limit_is_counted_for_the_user_whatever_the_token() -> None:
    async with cloud66_demo(rate_limit=3) as demo:
        first = await demo.send("GET", "/stacks")
        assert (first.headers["X-RateLimit-Limit"], first.headers["X-RateLimit-Remaining"]) == ("3", "2")
        await demo.send("GET", "/stacks", token=demo.tokens.public.value)
        last = await demo.send("GET", "/stacks", token=demo.tokens.redeploy.value)
        assert last.headers["X-RateLimit-Remaining"] == "0"
        response = await demo.send("POST", demo.at(RAILS, "/deployments"))
        assert (response.status_code, response.json()["error"]) == (503, "throttled")
        assert "Retry-After" not in response.headers
        assert not demo.world.calls
        assert (await demo.send("GET", "/ping", token="")).status_code == 200
        demo.world.advance(3600)
        assert (await demo.send("GET", "/stacks")).headers["X-RateLimit-Remaining"] == "2"


async def test_the_usual_limit_is_that_of_the_examples_headers(demo: Cloud66Demo) -> None:
    headers = (await demo.send("GET", "/ping/auth")).headers
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("3600", "3599")


async def test_a_503_means_one_of_two_things(demo: Cloud66Demo) -> None:
    answer = await demo.refused("GET", demo.at(DOCKER, "/snapshots"))
    assert (answer["status"], answer["error"]) == (503, "not_implemented")
    demo.world.faults.add("429")
    response = await demo.send("GET", "/stacks")
    assert (response.status_code, response.json()["error"]) == (503, "throttled")
    assert response.headers["X-RateLimit-Remaining"] == "0"


async def test_a_warning_is_in_a_header(demo: Cloud66Demo) -> None:
    assert "X-Cloud66-Warning" not in (await demo.send("GET", "/stacks")).headers
    demo.tokens.warning = "This version of the toolbelt is old"
    assert (await demo.send("GET", "/stacks")).headers["X-Cloud66-Warning"] == demo.tokens.warning


# what is not there, and what makes no sense


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/stacks/" + "0" * 32,
        "/stacks/" + "0" * 32 + "/deployments",
        "/operations/" + "0" * 22 + "/logs",
    ],
)
async def test_what_is_not_there_is_not_found(demo: Cloud66Demo, path: str) -> None:
    answer = await demo.refused("GET", path)
    assert (answer["status"], answer["error"]) == (404, "not_found")
    assert answer["error_description"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'"redeploy"'])
async def test_a_body_that_is_no_json_object_is_a_bad_request(demo: Cloud66Demo, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {demo.tokens.usual}"}
    response = await demo.http.post(demo.at(RAILS, "/deployments"), content=body, headers=headers)
    assert (response.status_code, response.json()["error"]) == (400, "bad_request")
    assert not demo.world.calls


@pytest.mark.parametrize("page", ["0", "-1", "first", ""])
async def test_a_page_that_makes_no_sense_is_the_first(demo: Cloud66Demo, page: str) -> None:
    answer = (await demo.send("GET", "/stacks", params={"page": page})).json()
    assert answer["pagination"]["current"] == 1


# faults


@pytest.mark.parametrize(
    ("kind", "detail", "status", "text"),
    [
        ("5xx", "", 502, "Bad Gateway"),
        ("5xx", "503", 503, "Bad Gateway"),
        ("html", "", 403, "Cloudflare"),
        ("html-ok", "", 200, "<!DOCTYPE html>"),
        ("problem", "", 500, "Internal Server Error"),
        ("unauthorized", "", 401, "unauthenticated"),
    ],
)
async def test_faults_come_once(demo: Cloud66Demo, kind: str, detail: str, status: int, text: str) -> None:
    demo.world.faults.add(kind, channel="http", detail=detail)
    response = await demo.send("GET", "/stacks")
    assert (response.status_code, text in response.text) == (status, True)
    assert (await demo.send("GET", "/stacks")).status_code == 200


@pytest.mark.parametrize("operation", ["POST", "/stacks/:stack_id/deployments", "deploy"])
async def test_a_lost_reply_leaves_the_order_carried_out(demo: Cloud66Demo, operation: str) -> None:
    demo.world.faults.add("lost-reply", operation)
    with pytest.raises(httpx.TransportError):
        await demo.send("POST", demo.at(RAILS, "/deployments"), {"user_reference": "lost"})
    assert len(await demo.get(demo.at(RAILS, "/actions"), user_reference="lost")) == 1
    assert list(demo.world.calls.values()) == [1]


async def test_half_an_answer_and_none(demo: Cloud66Demo) -> None:
    demo.world.faults.add("malformed", channel="http")
    response = await demo.send("GET", "/stacks")
    with pytest.raises(json.JSONDecodeError):
        response.json()
    assert response.headers["X-RateLimit-Remaining"]
    demo.world.faults.add("drop", "/stacks/:uid", channel="http")
    assert (await demo.send("GET", "/stacks")).status_code == 200
    with pytest.raises(httpx.TransportError):
        await demo.send("GET", demo.at(RAILS))


async def test_who_gives_up_waiting_leaves_no_trace_in_the_servers_log(
    demo: Cloud66Demo, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    fault = demo.world.faults.add("slow", channel="http", seconds=0.2)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await demo.send("POST", demo.at(RAILS, "/actions"), {"command": "clear_caches"})
    assert fault.taken == 1
    await until(lambda: bool(demo.world.calls))  # it is carried out all the same
    assert (await demo.send("GET", "/stacks")).status_code == 200
    assert caplog.text == ""
