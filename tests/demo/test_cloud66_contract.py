"""The demo's answers against every example of the contract: each key is there, with a value of the same JSON type."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.demo.cloud66_demo import (
    BUSY_DOCKER,
    DOCKER,
    HANDSHAKE,
    RAILS,
    Cloud66Demo,
    cloud66_demo,
    connect,
    subscribe,
)
from tui.demo.cloud66 import ids

CONTRACTS = Path(os.environ.get("DECKWATCH_CONTRACTS", Path(__file__).parents[2].parent / "shared" / "contracts"))
EXAMPLES = CONTRACTS / "cloud66" / "examples"

needs_contracts = pytest.mark.skipif(not EXAMPLES.exists(), reason="the contracts (DECKWATCH_CONTRACTS) are not here")

Ask = Callable[[Cloud66Demo], Awaitable[httpx.Response]]


def get(path: str, stack: str | None = None, **params: object) -> Ask:
    return lambda demo: demo.send("GET", demo.at(stack, path) if stack else path, params=params)


def post(path: str, stack: str, **body: object) -> Ask:
    return lambda demo: demo.send("POST", demo.at(stack, path), body)


async def _one_deployment(demo: Cloud66Demo) -> httpx.Response:
    return await demo.send("GET", demo.at(RAILS, f"/deployments/{_newest(demo, RAILS)}"))


async def _cancelled(demo: Cloud66Demo) -> httpx.Response:
    return await demo.send("DELETE", demo.at(BUSY_DOCKER, f"/deployments/{_newest(demo, BUSY_DOCKER)}"))


def _newest(demo: Cloud66Demo, stack: str) -> str:
    return ids.deployment_id(demo.service(stack).recent[0])


async def _ordered(demo: Cloud66Demo) -> None:
    await demo.post(demo.at(RAILS, "/deployments"), user_reference="my-useful-id")
    demo.world.advance(300)


async def _actions_by_reference(demo: Cloud66Demo) -> httpx.Response:
    await _ordered(demo)
    return await demo.send("GET", demo.at(RAILS, "/actions"), params={"user_reference": "my-useful-id"})


async def _action(demo: Cloud66Demo) -> httpx.Response:
    await _ordered(demo)
    (row,) = await demo.get(demo.at(RAILS, "/actions"), user_reference="my-useful-id")
    return await demo.send("GET", demo.at(RAILS, f"/actions/{row['id']}"))


async def _container_uid(demo: Cloud66Demo) -> str:
    uid: str = (await demo.get(demo.at(DOCKER, "/containers")))[0]["uid"]
    return uid


async def _container(demo: Cloud66Demo) -> httpx.Response:
    return await demo.send("GET", demo.at(DOCKER, f"/containers/{await _container_uid(demo)}"))


async def _stopped_container(demo: Cloud66Demo) -> httpx.Response:
    return await demo.send("DELETE", demo.at(DOCKER, f"/containers/{await _container_uid(demo)}"))


async def _rebooted_server(demo: Cloud66Demo) -> httpx.Response:
    server = (await demo.get(demo.at(RAILS, "/servers")))[0]["uid"]
    return await demo.send("POST", demo.at(RAILS, f"/servers/{server}/reboot_server"))


async def _account(demo: Cloud66Demo) -> httpx.Response:
    id_ = (await demo.get("/accounts"))[0]["id"]
    return await demo.send("GET", f"/accounts/{id_}", params={"include_servers": "true"})


async def _operation_log(demo: Cloud66Demo) -> httpx.Response:
    """The last page of a failed deployment's, where its child's row is."""
    failed = next(row for row in await demo.whole(demo.at(RAILS, "/deployments")) if row["outcome"]["code"] == 2)
    path, params = f"/operations/{failed['operation_uid']}/logs.json", {"include_children": "true", "min_severity": 3}
    return await demo.send("GET", path, params=params)


ENDPOINTS: dict[str, Ask] = {
    "deployment_get": _one_deployment,
    "deployments_list": get("/deployments", RAILS),
    "deployment_create_v3": post("/deployments", RAILS),
    "deployment_create_2020": post("/deployments", BUSY_DOCKER),
    "deployment_create_not_queued": post("/deployments", DOCKER),
    "deployment_cancel_v3": _cancelled,
    "deployment_cancel_2020": _cancelled,
    "stacks_list": get("/stacks", filter_git_branch="main"),
    "stack_get": get("", RAILS),
    "stack_docker_2016": get("", DOCKER),
    "actions_list": _actions_by_reference,
    "action_get": _action,
    "action_create": post("/actions", RAILS, command="clear_caches"),
    "stack_reboot": post("/reboot_servers", RAILS, strategy="serial"),
    "services_list": get("/services", DOCKER),
    "services_list_2016": get("/services", DOCKER),
    "service_get": get("/services/web", DOCKER),
    "service_scale": post("/services", DOCKER, service_name="web", server_group_count={"128": 2}),
    "service_stop": lambda demo: demo.send("DELETE", demo.at(DOCKER, "/services/web")),
    "containers_list": get("/containers", DOCKER),
    "container_get": _container,
    "container_stop": _stopped_container,
    "servers_list": get("/servers", RAILS),
    "server_reboot": _rebooted_server,
    "processes_list": get("/processes", RAILS),
    "process_scale": post("/processes", RAILS, process_name="worker", server_group_count={"128": 2}),
    "accounts_list": get("/accounts"),
    "account_get_v3": _account,
    "notifications_list": get("/notifications", RAILS),
    "application_variants_list_v3": get("/application_variants", DOCKER),
    "operation_logs_CONSTRUCTED": _operation_log,
    "ping_CONSTRUCTED": get("/ping.json"),
}
MODELS: dict[str, Ask] = {
    "container_model_v3": get("/containers", DOCKER),
    "service_model_v3": get("/services/web", DOCKER),
    "stack_full_v3": get("", DOCKER),
}
SEEN_ELSEWHERE = {
    "errors_CONSTRUCTED": "below, one by one",
    "faye_exchange_CONSTRUCTED": "below, message by message",
    "webhook_stack_event_v3": "what Cloud 66 sends to a public address; nothing answers with it",
    "deployment_model_v3_partial": "codes that are strings, against the endpoint's own page, which the demo follows",
    "pagination_model_v3": '"prev" and no "per_page", against every endpoint\'s own page, which the demo follows',
}
OPEN = (".params.", ".servers.", ".runtime.")
"""Below these the keys are names of somebody's servers, or Docker's own."""
ODD = {
    # The webhook's own two; and a stack of Rails on Kubernetes, which the demo does not have.
    "stack_full_v3": {"[].timestamp", "[].event_type", "[].git", "[].git_branch"},
    "service_model_v3": {"[].containers[].id"},  # every other source has `uid`
}
NULLABLE = re.compile(
    r"git|git_branch|git_hash|git_ref|docker_ip|health_message|health_source|reverted|reverted_by|reverted_at|finished_\w+|s"
    r"|command|\w+_command|previous|next|int_ipv6|ext_ipv6|redeploy_hook|application_address"
)
"""What the contract says may be null."""


def example(name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))["body"]


def places(value: object, at: str = "") -> Iterator[tuple[str, object]]:
    """Every key of a JSON value with what stands there; a list is what all its rows have between them."""
    if isinstance(value, dict):
        for key, each in value.items():
            here = f"{at}.{key}" if at else key
            yield here, each
            yield from places(each, here)
    elif isinstance(value, list):
        for each in value:
            yield from places(each, f"{at}[]")


def kind(value: object) -> str:
    """A JSON type."""
    if value is None:
        return "null"
    return {bool: "boolean", int: "number", float: "number", str: "string", dict: "object", list: "array"}[type(value)]


def gathered(value: object) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for place, each in places(value):
        found.setdefault(place, set()).add(kind(each))
    return found


def lacking(name: str, documented: object, answer: object) -> list[str]:
    """What the example has and the answer has not, or has otherwise."""
    ours = gathered(answer)
    wrong = []
    for place, types in gathered(documented).items():
        if place in ODD.get(name, ()) or any(each in place for each in OPEN):
            continue
        found, may_be_null = ours.get(place, set()), bool(NULLABLE.fullmatch(place.rpartition(".")[2]))
        if not found:
            wrong.append(f"{place} is not there")
        elif not types - {"null"} <= found:
            wrong.append(f"{place} is {found}, not {types}")
        elif "null" in types | found and not may_be_null:
            wrong.append(f"{place} may be null")
    return wrong


@needs_contracts
def test_every_example_is_compared() -> None:
    known = set(ENDPOINTS) | set(MODELS) | set(SEEN_ELSEWHERE)
    assert {path.stem for path in EXAMPLES.glob("*.json")} == known


@needs_contracts
@pytest.mark.parametrize("name", ENDPOINTS)
async def test_an_answer_has_all_that_its_documented_example_has(name: str) -> None:
    async with cloud66_demo() as demo:
        response = await ENDPOINTS[name](demo)
    assert response.status_code == 200, response.text
    assert lacking(name, example(name), response.json()) == []


@needs_contracts
@pytest.mark.parametrize("name", MODELS)
async def test_an_answer_has_all_that_its_documented_model_has(name: str) -> None:
    async with cloud66_demo() as demo:
        answer = (await MODELS[name](demo)).json()["response"]
    documented = example(name)
    assert lacking(name, [documented], answer if isinstance(answer, list) else [answer]) == []


@needs_contracts
async def test_an_error_says_what_its_example_says() -> None:
    documented = example("errors_CONSTRUCTED")
    async with cloud66_demo() as demo:
        deployment = ids.deployment_id(demo.service(RAILS).recent[0])
        asked = {
            "401": ("GET", "/stacks", "nobody's"),
            "403": ("POST", demo.at(RAILS, "/deployments"), demo.tokens.public.value),
            "404": ("GET", "/stacks/" + "0" * 32, None),
            "409": ("DELETE", demo.at(RAILS, f"/deployments/{deployment}"), None),
            "503 other": ("GET", demo.at(RAILS, "/snapshots"), None),
        }
        for status, (method, path, token) in asked.items():
            answer = await demo.refused(method, path, token=token)
            assert answer["status"] == int(status[:3])
            assert answer["error"] == documented[status]["error"]
            assert set(documented[status]) <= set(answer)
        demo.world.faults.add("429")
        throttled = await demo.refused("GET", "/stacks")
    assert (throttled["status"], throttled["error"]) == (503, documented["503 rate limit"]["error"])


@needs_contracts
async def test_the_push_channel_speaks_as_in_its_example() -> None:
    handshake, subscription, connection = example("faye_exchange_CONSTRUCTED")
    async with cloud66_demo() as demo:
        replies = [await demo.push(HANDSHAKE)]
        client = replies[0][0]["clientId"]
        replies.append(await demo.push(subscribe(client, demo.uid(BUSY_DOCKER))))

        async def polled() -> None:
            replies.append(await demo.push(connect(client)))

        async with asyncio.TaskGroup() as group:
            group.create_task(polled())
            await asyncio.sleep(0)
            demo.world.advance(5)
    assert handshake["send"] == HANDSHAKE
    for documented, reply in zip((handshake, subscription, connection), replies, strict=True):
        for wanted, given in zip(documented["recv"], reply, strict=False):
            assert lacking("", wanted, given) == []
    line = json.loads(connection["recv"][1]["data"])
    assert set(json.loads(line)) == set(json.loads(json.loads(replies[2][1]["data"])))
