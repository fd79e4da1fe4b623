from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.clocks import START
from tests.engine.world import LOST, Stream, World, deployment, line
from tui.engine.log_records import Notice, Rule
from tui.engine.log_spool import LogSpool
from tui.engine.log_store import LogLimits, LogStore
from tui.engine.log_tail import LogTail, TailPhase
from tui.model.entities import Kind, Ref
from tui.model.errors import Forbidden, NotFound, ProviderError, RateLimited, Refused, Unauthorized
from tui.model.log import Cursor, Level, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.model.status import Status

API = Ref("prod", Kind.SERVICE, "api")


async def open_tail(world: World, kind: LogKind = LogKind.RUNTIME, of: str | None = None) -> LogTail:
    """The board is polled, and the log is open and has said nothing yet."""
    world.engine.start()
    await world.clock.until(lambda: world.engine.store.services())
    if of is not None:
        world.engine.focus(API)
        await world.clock.advance(1)
    tail = world.engine.tails.open(kind, API, None if of is None else Ref("prod", Kind.DEPLOYMENT, of))
    await world.clock.settle()
    return tail


def shown(buffer: LogStore) -> list[str]:
    words = []
    for entry in buffer:
        match entry:
            case LogLine():
                words.append(entry.text)
            case Rule():
                words.append(f"--- {entry.deployment.id}")
            case Notice():
                words.append(f"({entry.text})")
            case LogGap():
                words.append("gap")
            case _:
                words.append("?")
    return words


def phase(tail: LogTail) -> TailPhase:
    """For the type checker a phase once looked at would stay so."""
    return tail.phase


def latest(world: World) -> Stream:
    return world.platform.streams[-1]


def live_world(*ids: str, log_limits: LogLimits | None = None, log_spool: LogSpool | None = None) -> World:
    """The service has these deployments, newest first, and the newest is live."""
    world = World(log_limits=log_limits, log_spool=log_spool)
    first, *rest = ids or ("d1",)
    world.platform.put(
        deployment(first, minutes_ago=5, is_live=True),
        *(deployment(each, Status.REMOVED, minutes_ago=60 + n) for n, each in enumerate(rest)),
    )
    return world


async def test_lines_come_into_the_buffer_and_the_first_one_makes_it_live() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        assert phase(tail) is TailPhase.CONNECTING
        latest(world).send(line("one"), line("two"))
        await world.clock.settle()
        assert phase(tail) is TailPhase.LIVE
        assert tail.last_at == world.clock.now()
        assert shown(tail.buffer) == ["one", "two"]


async def test_a_json_line_is_read_into_message_and_fields() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        text = '{"level":"error","msg":"no answer","peer":"db-1"}'
        latest(world).send(line(text))
        await world.clock.settle()
        entry = tail.buffer[0]
        assert isinstance(entry, LogLine)
        assert (entry.text, entry.level, entry.attributes, entry.raw) == (
            "no answer",
            Level.ERROR,
            {"peer": "db-1"},
            text,
        )


async def test_a_quiet_log_is_live_once_it_has_been_open_for_two_seconds() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        await world.clock.advance(1.9)
        assert phase(tail) is TailPhase.CONNECTING
        await world.clock.advance(0.2)
        assert phase(tail) is TailPhase.LIVE
        assert shown(tail.buffer) == []


async def test_tail_resumes_with_the_same_cursor_and_says_how_long_it_was_away() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        first = latest(world)
        first.send(line("one"))
        await world.clock.settle()
        first.fail(LOST)
        await world.clock.settle()
        assert phase(tail) is TailPhase.RECONNECTING
        assert tail.error is LOST
        assert tail.retry_at is not None
        await world.clock.until(lambda: len(world.platform.streams) == 2)
        assert latest(world).cursor is first.cursor
        latest(world).send(line("two"))
        await world.clock.settle()
        assert phase(tail) is TailPhase.LIVE
        assert tail.reconnects == 1
        assert tail.error is None
        assert tail.retry_at is None
        away_s = world.clock.monotonic()
        assert shown(tail.buffer) == [
            "one",
            "(connection lost: Fake does not answer; reconnecting)",
            f"(reconnected after {away_s:.1f} s)",
            "two",
        ]
        assert first.closed


async def test_a_long_loss_is_told_once_with_waits_that_grow() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        latest(world).send(line("one"))
        await world.clock.settle()
        world.platform.errors["logs"] = [LOST] * 9
        latest(world).fail(LOST)
        await world.clock.until(lambda: len(world.platform.streams) == 11)
        assert world.clock.monotonic() > 60
        latest(world).send(line("two"))
        await world.clock.settle()
        assert len(shown(tail.buffer)) == 4
        assert tail.reconnects == 1


async def test_a_silent_connection_that_proved_dead_is_not_called_live_so_soon_again() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        latest(world).send(line("one"))
        await world.clock.settle()
        latest(world).fail(LOST)
        for _ in range(2):
            await world.clock.until(lambda: not latest(world).closed)
            await world.clock.advance(10)
            latest(world).fail(LOST)
            await world.clock.settle()
        assert [words.split(" after")[0] for words in shown(tail.buffer)] == [
            "one",
            "(connection lost: Fake does not answer; reconnecting)",
            "(reconnected",
            "(connection lost: Fake does not answer; reconnecting)",
        ]
        await world.clock.until(lambda: phase(tail) is TailPhase.LIVE)
        latest(world).send(line("two"))
        await world.clock.settle()
        assert shown(tail.buffer)[-1] == "two"


async def test_a_good_line_begins_the_waits_anew() -> None:
    world = live_world()
    async with world.engine:
        await open_tail(world)
        world.platform.errors["logs"] = [LOST] * 8
        latest(world).fail(LOST)
        await world.clock.until(lambda: len(world.platform.streams) == 10)
        latest(world).send(line("one"))
        await world.clock.settle()
        at = world.clock.monotonic()
        latest(world).fail(LOST)
        await world.clock.until(lambda: len(world.platform.streams) == 11)
        assert world.clock.monotonic() - at <= 2


async def test_a_rate_limit_is_waited_out() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        until = START.replace(minute=30)
        latest(world).fail(RateLimited("Too many sockets.", retry_at=until))
        await world.clock.settle()
        assert tail.retry_at is not None
        assert tail.retry_at >= until
        await world.clock.until(lambda: len(world.platform.streams) == 2)
        assert world.clock.now() >= until


@pytest.mark.parametrize("error", [Unauthorized, Forbidden, NotFound, Refused])
async def test_what_trying_again_cannot_mend_is_not_tried_again_by_itself(error: type[ProviderError]) -> None:
    world = live_world()
    async with world.engine as engine:
        tail = await open_tail(world)
        refused = error("The token may not read this log.")
        latest(world).fail(refused)
        await world.clock.advance(3600)
        assert phase(tail) is TailPhase.FAILED
        assert tail.error is refused
        assert len(world.platform.streams) == 1
        assert shown(tail.buffer) == ["(The token may not read this log.)"]
        engine.refresh()
        await world.clock.settle()
        assert len(world.platform.streams) == 2


async def test_a_kind_of_log_that_the_platform_lacks_says_what_to_do_instead() -> None:
    world = live_world()
    async with world.engine as engine:
        tail = await open_tail(world, LogKind.HTTP)
        assert phase(tail) is TailPhase.FAILED
        assert tail.error is not None
        assert tail.error.message == "Fake keeps no HTTP logs; look at the proxy's."
        engine.refresh()
        await world.clock.advance(600)
        assert world.platform.streams == []


async def test_a_finished_build_log_ends_and_is_not_opened_again() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world, LogKind.BUILD, of="d1")
        latest(world).send(line("compiled"))
        latest(world).end()
        await world.clock.advance(600)
        assert phase(tail) is TailPhase.ENDED
        assert shown(tail.buffer) == ["compiled", "(the build's log ended)"]
        assert len(world.platform.streams) == 1


async def test_a_build_log_moves_on_to_a_newer_deployment_with_a_rule() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world, LogKind.BUILD)
        first = latest(world)
        assert first.source is not None
        assert first.source.deployment is not None
        assert first.source.deployment.id == "d1"
        first.send(line("old build"))
        first.end()
        await world.clock.settle()
        assert phase(tail) is TailPhase.ENDED
        world.platform.put(deployment("d2", Status.BUILDING, minutes_ago=0), deployment("d1", is_live=True))
        await world.clock.until(lambda: len(world.platform.streams) == 2)
        second = latest(world)
        assert second.source is not None
        assert second.source.deployment is not None
        assert second.source.deployment.id == "d2"
        assert second.cursor is not first.cursor
        second.send(line("new build"))
        await world.clock.settle()
        assert tail.source.deployment == second.source.deployment
        assert shown(tail.buffer) == ["--- d1", "old build", "(the build's log ended)", "--- d2", "new build"]


async def test_a_build_log_that_is_tried_again_gets_no_second_rule() -> None:
    world = live_world()
    async with world.engine as engine:
        tail = await open_tail(world, LogKind.BUILD)
        latest(world).send(line("a"))
        latest(world).fail(Forbidden("No."))
        await world.clock.settle()
        engine.refresh()
        await world.clock.settle()
        latest(world).send(line("b"))
        await world.clock.settle()
        assert shown(tail.buffer) == ["--- d1", "a", "(No.)", "b"]


async def test_a_build_that_is_overtaken_while_it_talks_is_left_for_the_newer_one() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world, LogKind.BUILD)
        first = latest(world)
        first.send(line("old build"))
        world.platform.put(deployment("d2", Status.QUEUED, minutes_ago=0), deployment("d1", is_live=True))
        await world.clock.until(lambda: len(world.platform.streams) == 2)
        assert first.closed
        latest(world).send(line("new build"))
        await world.clock.settle()
        assert shown(tail.buffer) == ["--- d1", "old build", "--- d2", "new build"]


async def test_a_service_without_any_deployment_waits_for_its_first_build() -> None:
    world = World()
    async with world.engine:
        tail = await open_tail(world, LogKind.BUILD)
        assert phase(tail) is TailPhase.ENDED
        assert shown(tail.buffer) == ["(api has no deployment yet)"]
        world.platform.put(deployment("d1", Status.BUILDING, minutes_ago=0))
        await world.clock.until(lambda: len(world.platform.streams) == 1)


async def test_a_runtime_log_flows_on_across_a_redeploy_with_a_rule_at_the_first_new_line() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        stream = latest(world)
        assert stream.source is not None
        assert stream.source.deployment is None
        stream.send(line("a", "d1"), line("b", "d1"))
        await world.clock.settle()
        world.platform.put(deployment("d2", minutes_ago=0, is_live=True), deployment("d1", Status.REMOVING))
        await world.clock.advance(12)
        stream.send(line("c", "d2"), line("d", "d1"), LogGap(None, "dropped"), line("e", "d2"), line("f", "d3"))
        await world.clock.settle()
        assert shown(tail.buffer) == ["a", "b", "--- d2", "c", "d", "gap", "e", "--- d3", "f"]
        rule = tail.buffer[2]
        assert isinstance(rule, Rule)
        assert rule.deployment.revision is not None, "what the store knows of it is in the rule"
        assert len(world.platform.streams) == 1


async def test_a_log_that_ended_with_its_deployment_is_opened_again_for_the_next_live_one() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        world.platform.put(deployment("d1", Status.STOPPED, minutes_ago=5))
        await world.clock.advance(11)
        latest(world).end()
        await world.clock.advance(300)
        assert phase(tail) is TailPhase.ENDED
        assert len(world.platform.streams) == 1
        world.platform.put(deployment("d2", minutes_ago=0, is_live=True), deployment("d1", Status.STOPPED))
        await world.clock.until(lambda: len(world.platform.streams) == 2)
        source = latest(world).source
        assert source is not None
        assert source.service.live is not None
        assert source.service.live.id == "d2", "the provider is given the service as it is now"


async def test_a_stream_closed_on_a_service_that_runs_on_is_opened_again() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        latest(world).send(line("one"))
        latest(world).end()
        await world.clock.until(lambda: len(world.platform.streams) == 2)
        assert shown(tail.buffer)[1] == "(the platform closed the stream; reconnecting)"


async def test_a_bug_in_the_stream_is_shown_and_tried_again() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        latest(world).fail(KeyError("severity"))
        await world.clock.settle()
        assert tail.error is not None
        assert "inside deckwatch" in tail.error.message
        assert "KeyError" not in tail.error.message
        assert "severity" not in tail.error.message
        await world.clock.until(lambda: len(world.platform.streams) == 2)


async def test_same_log_same_tail_and_it_ends_a_minute_after_its_last_user() -> None:
    world = live_world()
    async with world.engine as engine:
        tail = await open_tail(world)
        again = engine.tails.open(LogKind.RUNTIME, API)
        assert again is tail
        engine.tails.close(tail)
        await world.clock.advance(600)
        assert not latest(world).closed
        engine.tails.close(tail)
        engine.tails.close(tail)
        await world.clock.advance(59)
        assert engine.tails.open(LogKind.RUNTIME, API) is tail, "coming back in time finds it"
        await world.clock.advance(600)
        assert not latest(world).closed
        engine.tails.close(tail)
        await world.clock.advance(61)
        assert latest(world).closed
        assert engine.tails.open(LogKind.RUNTIME, API) is not tail


async def test_a_service_that_nobody_knows_has_no_log() -> None:
    world = live_world()
    async with world.engine as engine:
        with pytest.raises(NotFound):
            engine.tails.open(LogKind.RUNTIME, API)


async def test_watchers_hear_of_entries_and_of_phases() -> None:
    world = live_world()
    async with world.engine:
        tail = await open_tail(world)
        heard: list[tuple[TailPhase, int]] = []
        unwatch = tail.watch(lambda: heard.append((tail.phase, tail.buffer.end)))
        latest(world).send(line("one"))
        await world.clock.settle()
        assert heard[-1] == (TailPhase.LIVE, 1)
        unwatch()
        latest(world).send(line("two"))
        await world.clock.settle()
        assert heard[-1] == (TailPhase.LIVE, 1)


async def test_a_flood_lets_the_event_loop_breathe() -> None:
    world = live_world()
    done = asyncio.Event()

    async def flood(source: LogSource, cursor: Cursor) -> AsyncIterator[LogEntry]:
        one = line("x")
        while not done.is_set():
            yield one  # never waits, as a socket's full buffer does not

    world.platform.logs = flood  # type: ignore[method-assign]
    async with world.engine as engine:
        engine.start()
        await world.clock.until(lambda: engine.store.services())
        tail = engine.tails.open(LogKind.RUNTIME, API)
        for _ in range(5):
            await asyncio.sleep(0)
        done.set()
        assert tail.buffer.end > 100
