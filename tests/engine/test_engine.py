from __future__ import annotations

import asyncio
import logging
import subprocess
import sys

import pytest

from tests.engine.world import LOST, World, deployment, service
from tui.engine.store import Phase
from tui.model.action import Verb
from tui.model.entities import Kind, Ref
from tui.model.errors import ProviderError, Unreachable
from tui.model.log import LogKind
from tui.model.status import Status

API = Ref("prod", Kind.SERVICE, "api")


async def test_a_bug_inside_one_account_stays_there_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    world = World("prod", "other")
    other = world.platforms["other"]
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
        world.platform.errors["snapshot"] = [KeyError("secret-looking"), KeyError("secret-looking")]
        with caplog.at_level(logging.ERROR, logger="tui"):
            await world.clock.until(lambda: engine.store.accounts["prod"].error is not None)
        state = engine.store.accounts["prod"]
        assert state.broken
        assert "inside deckwatch" in str(state.error)
        assert "KeyError" not in str(state.error)
        assert "secret-looking" not in str(state.error)
        assert state.snapshot is not None
        assert state.phase(world.clock.now()) is Phase.STALE
        assert engine.store.accounts["other"].error is None
        [record] = [each for each in caplog.records if each.exc_info]
        assert "Traceback" in logging.Formatter().format(record)
        polls = other.count("snapshot")
        await world.clock.advance(100)
        assert other.count("snapshot") == polls + 10
        assert not engine.store.accounts["prod"].broken, "polling went on, and it mended"


async def test_the_same_bug_again_does_not_fill_the_diagnostics(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.platform.errors["snapshot"] = [KeyError("x") for _ in range(20)]
    with caplog.at_level(logging.INFO, logger="tui"):
        async with world.engine as engine:
            engine.start()
            await world.clock.until(lambda: engine.store.accounts["prod"].snapshot is not None)
    assert sum(record.exc_info is not None for record in caplog.records) == 1


async def test_a_bug_elsewhere_ends_the_engine_with_its_traceback() -> None:
    world = World()

    def wrong() -> None:
        raise ZeroDivisionError

    async def run() -> None:
        async with world.engine as engine:
            engine.store.watch(wrong)
            engine.start()
            await asyncio.Event().wait()

    with pytest.raises(ExceptionGroup) as ended:
        await run()
    assert ended.group_contains(ZeroDivisionError)
    assert world.platform.closed == 1


async def test_what_leaves_the_block_is_not_wrapped() -> None:
    world = World()

    async def run() -> None:
        async with world.engine as engine:
            engine.start()
            await world.clock.advance(1)
            raise LOST

    with pytest.raises(Unreachable, match="does not answer"):
        await run()
    assert world.platform.closed == 1


async def test_cancelling_the_engines_task_closes_everything() -> None:
    world = World()
    running = asyncio.Event()

    async def run() -> None:
        async with world.engine as engine:
            engine.start()
            await world.clock.advance(1)
            running.set()
            await asyncio.Event().wait()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
        await running.wait()
        task.cancel()
    assert task.cancelled()
    assert world.platform.closed == 1


async def test_leaving_ends_every_task_and_closes_every_provider_once() -> None:
    world = World("prod", "other")
    world.platform.can_watch = True
    world.platform.put(deployment("d1", Status.BUILDING, minutes_ago=0))
    before = asyncio.all_tasks()
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
        engine.focus(API)
        engine.tails.open(LogKind.RUNTIME, API)
        engine.tails.close(engine.tails.open(LogKind.BUILD, API))
        shown = engine.store.service(API)
        assert shown is not None
        engine.actions.start(engine.actions.intent(Verb.CANCEL, shown, shown.latest))
        await world.clock.advance(1)
        assert len(asyncio.all_tasks()) > len(before) + 5
    assert asyncio.all_tasks() == before
    assert [platform.closed for platform in world.platforms.values()] == [1, 1]
    assert all(stream.closed for stream in world.platform.streams)
    assert all(stream.closed for stream in world.platform.watches)


async def test_a_provider_that_cannot_be_closed_does_not_keep_the_others_open() -> None:
    world = World("prod", "other")

    async def stuck() -> None:
        raise LOST

    world.platform.aclose = stuck  # type: ignore[method-assign]
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
    assert world.platforms["other"].closed == 1


async def test_an_engine_that_was_never_started_asks_for_nothing() -> None:
    world = World()
    async with world.engine:
        await world.clock.advance(100)
    assert world.platform.requests == []
    assert world.platform.closed == 0


async def test_a_provider_is_connected_once_however_many_ask() -> None:
    world = World()
    async with world.engine as engine:
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(engine.provider("prod")) for _ in range(5)]
        assert {id(each.result()) for each in asked} == {id(world.platform)}
    assert world.connects == 1


async def test_a_connection_that_failed_is_tried_by_the_next_who_asks() -> None:
    world = World()
    world.connect_errors = [LOST]
    async with world.engine as engine:
        with pytest.raises(ProviderError):
            await engine.provider("prod")
        assert await engine.provider("prod") is world.platform


async def test_one_accounts_refresh_leaves_the_others_alone() -> None:
    world = World("prod", "other")
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(3)
        engine.refresh("other")
        await world.clock.advance(2)
    assert (world.platform.count("snapshot"), world.platforms["other"].count("snapshot")) == (1, 2)


async def test_two_accounts_with_the_same_ids_do_not_mix() -> None:
    world = World("prod", "other")
    world.platforms["other"].services = [service("api", account="other", project="else")]
    async with world.engine as engine:
        engine.start()
        await world.clock.advance(1)
        paths = [each.path for each in engine.store.services()]
    assert paths == ["prod/shop/production/api", "other/else/production/api"]


def test_the_engine_starts_without_network_libraries_and_without_the_screen() -> None:
    code = (
        "import sys, tui.engine.engine\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}"
        " & {'httpx', 'gql', 'graphql', 'websockets', 'textual', 'rich', 'click'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
