"""What goes wrong between a provider and its platform: each fault is the error that says what to do about it."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conformance.profiles import Profile, named, provided
from tests.providers.loopback import until
from tui.demo.serve import Serving
from tui.demo.world import World
from tui.model.entities import Kind, Ref
from tui.model.errors import (
    Forbidden,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    RateLimited,
    Refused,
    Unauthorized,
    UnexpectedReply,
    Unreachable,
)
from tui.model.log import Cursor, LogSource
from tui.providers import http

FAULTS = [
    ("429", "", (RateLimited,)),
    ("5xx", "500", (Unreachable,)),
    ("5xx", "502", (Unreachable,)),
    ("5xx", "503", (Unreachable, RateLimited)),
    ("5xx", "409", (Refused,)),
    ("5xx", "404", (NotFound, UnexpectedReply)),
    ("html", "", (Forbidden, UnexpectedReply, Unreachable)),
    ("html-ok", "", (UnexpectedReply,)),
    ("malformed", "", (UnexpectedReply, Unreachable)),
    ("drop", "", (Unreachable,)),
    ("unauthorized", "", (Unauthorized, RateLimited)),
    ("problem", "", (Unreachable, Refused, UnexpectedReply)),
    ("refused", "", (Refused,)),
]


@pytest.mark.parametrize(("fault", "detail", "expected"), FAULTS, ids=[f"{f}{d}" for f, d, _ in FAULTS])
async def test_every_fault_is_the_error_that_says_what_to_do(
    profile: Profile, world: World, serving: Serving, fault: str, detail: str, expected: tuple[type[Exception], ...]
) -> None:
    world.faults.add(fault, channel="http", count=None, detail=detail)
    if fault == "429" and not profile.tells_limits:
        expected = (RateLimited, Unauthorized)
    async with provided(profile, serving, world) as provider:
        with pytest.raises(expected) as caught:
            await provider.snapshot()
    assert isinstance(caught.value, ProviderError)
    assert "demo" in str(caught.value)
    for words_of_a_library in ("(byte", "char 0", "JSON is malformed", "Input data", "Expecting"):
        assert words_of_a_library not in str(caught.value)
    assert serving.addresses[profile.name].token not in str(caught.value)


async def test_what_failed_once_is_read_again_by_the_next_picture(
    profile: Profile, world: World, serving: Serving
) -> None:
    async with provided(profile, serving, world) as provider:
        whole = await provider.snapshot()
        world.faults.add("5xx", channel="http", count=None)
        world.advance(700)
        with pytest.raises(ProviderError):
            await provider.snapshot()
        world.faults.clear()
        world.advance(70)
        again = await provider.snapshot()
    assert {service.path for service in again.services} == {service.path for service in whole.services}


async def test_no_answer_in_time_is_unreachable_and_of_a_mutation_unknown(
    profile: Profile, world: World, serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", httpx.Timeout(0.4))
    order = profile.orders[0]
    async with provided(profile, serving, world) as provider:
        service = named(await provider.snapshot(), order.service)
        world.faults.add("silent", channel="http", count=None)
        world.advance(700)
        with pytest.raises(Unreachable):
            await provider.snapshot()
    assert service.ref.kind is Kind.SERVICE


async def test_a_token_that_is_wrong_is_unauthorized(profile: Profile, world: World, serving: Serving) -> None:
    wrong = "wrong-token-wrong-token-wrong-token"
    async with provided(profile, serving, world, token=wrong) as provider:
        for ask in (provider.snapshot, provider.check):
            with pytest.raises((Unauthorized, Forbidden)) as caught:
                await ask()
            assert wrong not in str(caught.value)


def sockets(port: int) -> int:
    """How many this process has open to that port; the demo's own ends, which are in it too, do not count."""
    rows = [row.split() for row in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    to_it = {f"socket:[{row[9]}]" for row in rows if int(row[2].rpartition(":")[2], 16) == port}
    found = 0
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found += os.readlink(entry) in to_it
        except OSError:
            continue
    return found


async def test_closing_leaves_no_socket_and_no_task_whatever_was_going_on(
    profile: Profile, world: World, serving: Serving
) -> None:
    port = urlsplit(serving.addresses[profile.name].url).port
    assert port is not None
    tasks_before = len(asyncio.all_tasks())
    async with provided(profile, serving, world) as provider:
        snapshot = await provider.snapshot()
        service = named(snapshot, profile.busy)
        kind = next(iter(sorted(provider.log_kinds)))
        assert service.latest is not None
        assert sockets(port) > 0
        source = LogSource(kind, service, service.latest)
        seen: list[object] = []

        async def read() -> ProviderError | None:
            try:
                async for entry in provider.logs(source, Cursor()):
                    seen.append(entry)  # noqa: PERF401 - what is there is looked at while it grows
            except ProviderError as error:
                return error
            return None

        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            reading = group.create_task(read())
            while not seen and not reading.done():  # what is pushed begins when somebody listens
                await asyncio.sleep(0.02)
                world.advance(0.5)
            await provider.aclose()
        assert isinstance(reading.result(), Unreachable | None)
        world.advance(700)  # nothing that is remembered is young enough
        with pytest.raises(Unreachable):
            await provider.snapshot()
    await until(lambda: sockets(port) == 0)
    await until(lambda: len(asyncio.all_tasks()) <= tasks_before)


async def test_no_secret_reaches_a_repr_an_error_or_the_diagnostics(
    profile: Profile, world: World, serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = [serving.addresses[profile.name].token, *getattr(serving.tokens[profile.name], "secrets", ())]
    shown: list[object] = []
    async with provided(profile, serving, world) as provider:
        shown += [provider, await provider.check()]
        snapshot = await provider.snapshot()
        shown.append(snapshot)
        for service in snapshot.services:
            shown.append(await provider.deployments(service))
            if service.latest is not None:
                shown.append(await provider.steps(service.latest))
        for fault, detail, _ in FAULTS:
            world.faults.add(fault, channel="http", count=None, detail=detail)
            try:
                await provider.deployment(Ref("demo", Kind.DEPLOYMENT, "1"), snapshot.services[0])
            except ProviderError as error:
                shown += [error, error.__dict__]
            world.faults.clear()
    text = "\n".join(map(repr, shown)) + "\n".join(map(str, shown)) + caplog.text
    for secret in secrets:
        assert secret not in text, f"{secret[:6]}… is shown"


async def test_a_lost_connection_during_a_mutation_that_never_left_is_not_unknown(
    profile: Profile, world: World, serving: Serving
) -> None:
    """Nobody listens at the address: nothing can have been done."""
    order = profile.orders[0]
    async with provided(profile, serving, world) as provider:
        service = named(await provider.snapshot(), order.service)
    async with provided(profile, serving, world, url="http://127.0.0.1:9") as provider:
        with pytest.raises(Unreachable) as caught:
            await provider.snapshot()
    assert not isinstance(caught.value, OutcomeUnknown)
    assert service.path
