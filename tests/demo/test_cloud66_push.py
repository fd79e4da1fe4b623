"""Cloud 66's push channel: Bayeux over long polling, a stack's deployment lines from now on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.demo.client import TLS
from tests.demo.cloud66_demo import (
    BUSY_DOCKER,
    DOCKER,
    HANDSHAKE,
    RAILS,
    Cloud66Demo,
    Json,
    cloud66_demo,
    connect,
    subscribe,
    told,
)
from tests.providers.loopback import until
from tui.demo.cast import Fate
from tui.demo.cloud66.faye import AT_MOST, HOLDS_S, PUSH
from tui.demo.entities import Deployment, Phase
from tui.demo.lifecycle import cancel, push


@pytest.fixture
async def demo() -> AsyncIterator[Cloud66Demo]:
    async with cloud66_demo() as served:
        yield served


async def held(demo: Cloud66Demo, act: Callable[[], object], ask: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
    """What is answered to a request that waits, once `act` was done."""
    before = len(demo.world._sleepers)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        asking = group.create_task(_asked(ask))
        await until(lambda: len(demo.world._sleepers) > before)
        act()
    return asking.result()


async def _asked(ask: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
    return await ask()


async def polled(demo: Cloud66Demo, client: str, seconds: float) -> list[Json]:
    """A connect that waits while so much of the world's time goes by."""
    answer: list[Json] = await held(demo, lambda: demo.world.advance(seconds), lambda: demo.polled(client))
    return answer


def texts(messages: list[Json]) -> list[str]:
    return [told(message)["message"] for message in messages if "data" in message]


def raw(messages: list[Json]) -> list[str]:
    """What a build printed itself."""
    return [row["message"] for row in map(told, messages[1:]) if row["is_raw"]]


def written(demo: Cloud66Demo, one: Deployment, after: int = 0) -> list[str]:
    return [line.text for line in one.build_lines(demo.world.now) if line.at > after]


# shaking hands


async def test_every_handshake_makes_a_client(demo: Cloud66Demo) -> None:
    (first,), (second,) = await demo.push(HANDSHAKE), await demo.push(HANDSHAKE)
    assert first["successful"] is True
    assert first["supportedConnectionTypes"] == ["long-polling"]
    assert first["clientId"] != second["clientId"]


async def test_a_handshake_that_offers_no_long_polling_fails(demo: Cloud66Demo) -> None:
    (reply,) = await demo.push({**HANDSHAKE, "supportedConnectionTypes": ["websocket"]})
    assert reply["successful"] is False
    assert "clientId" not in reply


@pytest.mark.parametrize("channel", ["/meta/connect", "/meta/subscribe", "/meta/disconnect"])
async def test_an_unknown_client_is_told_to_shake_hands_again(demo: Cloud66Demo, channel: str) -> None:
    (reply,) = await demo.push({"channel": channel, "clientId": "client99", "id": "7"})
    assert (reply["successful"], reply["id"]) == (False, "7")
    assert reply["error"].startswith("401:")
    assert reply["advice"]["reconnect"] == "handshake"


async def test_a_stack_that_is_none_cannot_be_subscribed_to(demo: Cloud66Demo) -> None:
    client = await demo.subscribed()
    for uid in ("0" * 32, "*"):
        (reply,) = await demo.push(subscribe(client, uid))
        assert reply["successful"] is False
        assert reply["error"].startswith("403:")


async def test_several_messages_may_come_at_once(demo: Cloud66Demo) -> None:
    client = await demo.subscribed()
    replies = await demo.push([subscribe(client, demo.uid(RAILS)), subscribe(client, demo.uid(DOCKER))])
    assert [reply["successful"] for reply in replies] == [True, True]


async def test_a_client_that_left_is_unknown(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(RAILS)
    assert (await demo.push({"channel": "/meta/disconnect", "clientId": client}))[0]["successful"] is True
    assert (await demo.push(connect(client)))[0]["error"].startswith("401:")


async def test_a_client_that_was_silent_for_long_is_forgotten(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(RAILS)
    demo.world.advance(3600)
    await demo.push(HANDSHAKE)
    assert (await demo.push(connect(client)))[0]["error"].startswith("401:")


@pytest.mark.parametrize("body", [b"{", b"[]", b"3", b'["x"]'])
async def test_what_is_no_message_is_a_bad_request(demo: Cloud66Demo, body: bytes) -> None:
    assert (await demo.http.post(demo.push_url, content=body)).status_code == 400


async def test_nobody_but_the_server_publishes(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(RAILS)
    channel = f"/realtime/{demo.uid(RAILS)}/deployment"
    (reply,) = await demo.push({"channel": channel, "clientId": client, "data": "x"})
    assert (reply["successful"], reply["error"][:4]) == (False, "405:")


# tokens


async def test_a_token_that_comes_here_is_refused_and_counted(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(RAILS)
    assert demo.tokens.leaked == 0
    leaks: list[dict[str, Any]] = [
        {"headers": {"Authorization": f"Bearer {demo.tokens.usual}"}},
        {"params": {"access_token": demo.tokens.usual}},
        {"content": json.dumps({**connect(client), "ext": {"token": demo.tokens.public.value}})},
    ]
    for number, leak in enumerate(leaks, start=1):
        body = {"content": json.dumps(HANDSHAKE), **leak}
        assert (await demo.http.post(demo.push_url, **body)).status_code == 403
        assert demo.tokens.leaked == number


# lines


async def test_lines_come_as_they_are_written_each_once_and_in_order(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(RAILS)
    since = demo.world.now
    one = push(demo.world, demo.service(RAILS))
    seen: list[Json] = []
    while one.phase is not Phase.LIVE:
        seen += (await polled(demo, client, HOLDS_S))[1:]
    assert [row for row in texts(seen) if row in written(demo, one)] == written(demo, one, since)
    assert texts(seen)[-1] == "Deployment finished"
    times = [told(message)["time"] for message in seen]
    assert len(times) > 10
    assert len({message["id"] for message in seen}) == len(seen)
    assert {message["channel"].rpartition("/")[0] for message in seen} == {f"/realtime/{demo.uid(RAILS)}"}


async def test_what_a_line_holds_is_encoded_twice(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(BUSY_DOCKER)
    replies = await polled(demo, client, 5)
    data = replies[1]["data"]
    assert isinstance(data, str)
    assert isinstance(json.loads(data), str)
    assert set(told(replies[1])) == {"severity", "message", "time", "is_raw", "is_cap"}


async def test_there_is_no_history(demo: Cloud66Demo) -> None:
    one = demo.service(BUSY_DOCKER).recent[0]
    demo.world.advance(10)
    before, since = written(demo, one), demo.world.now
    assert before
    client = await demo.subscribed(BUSY_DOCKER)
    assert raw(await polled(demo, client, 5)) == written(demo, one, since)


async def test_a_stack_is_heard_as_a_whole_and_no_other(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(DOCKER)
    push(demo.world, demo.service(RAILS))
    push(demo.world, demo.service(DOCKER))
    messages = (await polled(demo, client, 30))[1:]
    assert messages
    assert {message["channel"] for message in messages} == {f"/realtime/{demo.uid(DOCKER)}/deployment"}


async def test_two_stacks_come_to_one_client_in_the_order_of_time(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(DOCKER, RAILS)
    both = [push(demo.world, demo.service(path)) for path in (DOCKER, RAILS)]
    messages: list[Json] = []
    while not all(one.phase is Phase.LIVE for one in both):
        messages += (await polled(demo, client, HOLDS_S))[1:]
    assert {message["channel"].split("/")[2] for message in messages} == {demo.uid(DOCKER), demo.uid(RAILS)}
    finished = [message["channel"] for message in messages if told(message)["message"] == "Deployment finished"]
    assert len(finished) == 2


async def test_severities_are_those_of_the_channel_and_not_of_the_operation_log(demo: Cloud66Demo) -> None:
    one = push(demo.world, demo.service(RAILS), Fate.BUILD_FAILS)
    client = await demo.subscribed(RAILS)
    seen: list[Json] = []
    while one.phase is not Phase.FAILED:
        seen += (await polled(demo, client, HOLDS_S))[1:]
    last = [told(message) for message in seen][-1]
    assert (last["severity"], last["is_raw"]) == (6, False)
    assert last["message"] == "Deployment failed: Failed to build an image. Please check the build logs."
    levels = {line.text: line.level for line in one.build_lines(demo.world.now)}
    shown = {levels[row["message"]]: row["severity"] for row in map(told, seen) if row["is_raw"]}
    assert shown["error"] == 4
    assert shown.items() <= {"debug": 1, "info": 2, "warn": 3, "error": 4}.items()


async def test_a_cancelled_deployment_says_so(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(BUSY_DOCKER)
    demo.world.advance(5)
    await demo.polled(client)
    demo.world.advance(1)
    cancel(demo.world, demo.service(BUSY_DOCKER).recent[0])
    demo.world.advance(1)
    assert texts(await demo.polled(client))[-1] == "Deployment was cancelled"


async def test_a_long_log_comes_in_several_answers(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(DOCKER, RAILS, BUSY_DOCKER)
    made = [push(demo.world, demo.service(path)) for path in (DOCKER, RAILS, BUSY_DOCKER) for _ in range(2)]
    since = demo.world.now
    demo.world.advance(400)
    answers: list[list[Json]] = []
    while len(answers) < 20:
        answers.append(await demo.polled(client) if len(answers) < 3 else await polled(demo, client, HOLDS_S))
        if len(answers[-1]) == 1:
            break
    assert len(answers[0]) > AT_MOST
    assert len(answers) > 2
    everything = [text for answer in answers for text in raw(answer)]
    wanted = [text for one in made for text in written(demo, one, since)]
    assert sorted(everything) == sorted(wanted + written(demo, demo.service(BUSY_DOCKER).recent[2], since))


async def test_who_unsubscribes_hears_no_more(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(RAILS, DOCKER)
    await demo.push({**subscribe(client, demo.uid(RAILS)), "channel": "/meta/unsubscribe"})
    push(demo.world, demo.service(RAILS))
    push(demo.world, demo.service(DOCKER))
    messages = (await polled(demo, client, 20))[1:]
    assert {message["channel"].split("/")[2] for message in messages} == {demo.uid(DOCKER)}


# waiting


async def test_an_idle_connect_is_held_and_then_answered_with_nothing_but_advice(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(RAILS)
    began = time.monotonic()
    replies = await polled(demo, client, HOLDS_S)
    assert time.monotonic() - began < 5
    assert [reply["channel"] for reply in replies] == ["/meta/connect"]
    assert replies[0]["advice"] == {"reconnect": "retry", "interval": 0, "timeout": 45000}


async def test_a_connect_is_not_answered_while_nothing_happens(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(RAILS)

    def act() -> None:
        for _ in range(10):
            demo.world.advance(2)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await held(demo, act, lambda: demo.polled(client))


async def test_a_newer_connect_takes_the_place_of_one_that_waits(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(BUSY_DOCKER)
    answers: list[list[Json]] = []

    async def ask() -> None:
        async with httpx.AsyncClient(timeout=5, verify=TLS) as http:
            answers.append((await http.post(demo.push_url, json=connect(client))).json())

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(ask())
        await until(lambda: len(demo.world._sleepers) == 1)
        group.create_task(ask())
        await until(lambda: len(answers) == 1)
        demo.world.advance(5)
    assert len(answers[0]) == 1
    assert len(answers[1]) > 1


async def test_who_hangs_up_takes_no_lines_along(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(BUSY_DOCKER)
    async with httpx.AsyncClient(timeout=5, verify=TLS) as http, asyncio.TaskGroup() as group:
        waiting = group.create_task(_asked(lambda: http.post(demo.push_url, json=connect(client))))
        await until(lambda: len(demo.world._sleepers) == 1)
        waiting.cancel()
    await until(lambda: not demo.world._sleepers)
    since = demo.world.now
    demo.world.advance(5)
    one = demo.service(BUSY_DOCKER).recent[0]
    assert raw(await demo.polled(client)) == written(demo, one, since)


async def test_a_server_that_stops_answers_who_waits() -> None:
    began = time.monotonic()
    async with asyncio.timeout(5), httpx.AsyncClient(timeout=5, verify=TLS) as http, asyncio.TaskGroup() as group:
        async with cloud66_demo() as demo:
            message = connect(await demo.subscribed(RAILS))
            waiting = group.create_task(_asked(lambda: http.post(demo.push_url, json=message)))
            await until(lambda: len(demo.world._sleepers) == 1)
        response = await waiting
    assert [reply["channel"] for reply in response.json()] == ["/meta/connect"]
    assert time.monotonic() - began < 1


# faults


async def test_a_server_that_forgot_its_client_says_so(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(BUSY_DOCKER)
    (reply,) = await held(
        demo, lambda: demo.world.faults.add("close", channel="socket"), lambda: demo.push(connect(client))
    )
    assert (reply["successful"], reply["advice"]["reconnect"]) == (False, "handshake")
    assert (await demo.push(connect(client)))[0]["successful"] is False


async def test_a_connection_breaks_and_the_client_is_still_known(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(BUSY_DOCKER)
    demo.world.faults.add("drop", channel="socket")
    with pytest.raises(httpx.TransportError):
        await demo.push(connect(client))
    assert len(await polled(demo, client, 5)) > 1


async def test_an_answer_that_is_cut_takes_its_lines_with_it(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(BUSY_DOCKER)
    await polled(demo, client, 5)
    demo.world.advance(5)
    since = demo.world.now
    demo.world.faults.add("malformed", PUSH, channel="socket", after=1)
    response = await demo.http.post(demo.push_url, json=connect(client))
    with pytest.raises(json.JSONDecodeError):
        response.json()
    demo.world.advance(5)
    one = demo.service(BUSY_DOCKER).recent[0]
    assert raw(await demo.polled(client)) == written(demo, one, since)


async def test_faults_may_wait_for_lines_that_went_well(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(BUSY_DOCKER)
    demo.world.faults.add("close", channel="socket", after=3)
    replies = await polled(demo, client, 5)
    assert len(replies) > 3
    assert (await demo.push(connect(client)))[0]["successful"] is False


async def test_silence_is_no_answer_at_all(demo: Cloud66Demo) -> None:
    client = await demo.subscribed(BUSY_DOCKER)
    demo.world.faults.add("silent", channel="socket")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await demo.push(connect(client))


async def test_faults_of_the_api_are_none_of_the_channels(demo: Cloud66Demo) -> None:
    demo.world.faults.add("5xx", channel="http", count=None)
    assert (await demo.push(HANDSHAKE))[0]["successful"] is True
