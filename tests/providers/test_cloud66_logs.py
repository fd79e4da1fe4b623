"""Cloud 66's build log: pushed while the deployment runs, or an operation's; and what is said where there is none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.clocks import FakeClock
from tests.providers.cloud66_server import (
    CUT,
    RAILS,
    TOKEN,
    Cloud66Server,
    Json,
    action,
    cloud66,
    deploying,
    deployment,
    one,
    paged,
    refusal,
    stack,
    the_service,
    world,
)
from tests.providers.loopback import Ledger, until
from tui.model.errors import ProviderError, Refused, UnexpectedReply, Unreachable
from tui.model.log import Cursor, Level, LogEntry, LogGap, LogKind, LogLine, LogSource
from tui.providers.cloud66 import Cloud66Provider, live_log
from tui.providers.cloud66.log_lines import live_row

STARTED = "2026-03-14T02:59:50Z"
ONE = f"GET stacks/{RAILS}/deployments/108"


def building(*, actions: list[Json] | None = None, **more: Any) -> Cloud66Server:  # noqa: ANN401
    rows = [deploying(108, started_at=STARTED, **more), deployment(107, is_live=True)]
    return world(stack(status=6, is_busy=True), deployments={"shop": rows}, actions=actions)


def over(server: Cloud66Server, outcome: str = "success") -> None:
    server.answers[ONE] = one(deployment(108, outcome, is_live=outcome == "success", started_at=STARTED))


CUT_REST = refusal(500, "oops")


class Reading:
    """A stream that is read in the background, and what came of it."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []
        self.error: ProviderError | None = None
        self.task: asyncio.Task[None] | None = None

    @property
    def texts(self) -> list[str]:
        return [entry.text for entry in self.entries if isinstance(entry, LogLine)]

    @property
    def gaps(self) -> list[str]:
        return [entry.reason for entry in self.entries if isinstance(entry, LogGap)]

    @property
    def ended(self) -> bool:
        return self.task is not None and self.task.done()

    async def read(self, provider: Cloud66Provider, source: LogSource, cursor: Cursor) -> None:
        try:
            async for entry in provider.logs(source, cursor):
                self.entries.append(entry)
        except ProviderError as error:
            self.error = error


@asynccontextmanager
async def reading(provider: Cloud66Provider, source: LogSource, cursor: Cursor | None = None) -> AsyncIterator[Reading]:
    found = Reading()
    async with asyncio.TaskGroup() as group:
        found.task = group.create_task(found.read(provider, source, cursor if cursor is not None else Cursor()))
        yield found
        found.task.cancel()


async def source_of(provider: Cloud66Provider, **more: Any) -> LogSource:  # noqa: ANN401
    service = await the_service(provider)
    return LogSource(LogKind.BUILD, service, service.latest, **more)


async def passes(clock: FakeClock, condition: Any, *, step_s: float = 1.0) -> None:  # noqa: ANN401
    """Time goes by until it holds."""
    async with asyncio.timeout(5):
        while not condition():
            await clock.advance(step_s)
            await asyncio.sleep(0.002)


async def whole(provider: Cloud66Provider, source: LogSource, cursor: Cursor | None = None) -> list[LogEntry]:
    async with asyncio.timeout(5):
        return [entry async for entry in provider.logs(source, cursor if cursor is not None else Cursor())]


# -- where there is none ----------------------------------------------------------------------------------


async def test_without_live_logs_it_is_said_where_logs_are() -> None:
    async with cloud66(building()) as provider:
        with pytest.raises(Refused, match=r"no log history.*live_logs.*cx logs"):
            await whole(provider, await source_of(provider))


async def test_a_finished_deployment_has_no_log_and_how_it_ended_is_told() -> None:
    rows = [deployment(108, "failed", started_at="2026-03-14T03:00:02Z"), deployment(107, is_live=True)]
    actions = [action(40, ended=False, finished_message="Bundler\x1b[2J failed"), action(39, ended=True, started_at="")]
    server = world(stack(), deployments={"shop": rows}, actions=actions)
    async with cloud66(server, live=True) as provider:
        gap, line = await whole(provider, await source_of(provider))
    assert isinstance(gap, LogGap)
    assert "cx logs" in gap.reason
    assert isinstance(line, LogLine)
    assert (line.text, line.level, line.deployment) == ("Cloud 66: Bundler failed", Level.ERROR, "108")
    assert server.push.calls == []


@pytest.mark.parametrize("kind", [LogKind.RUNTIME, LogKind.HTTP])
async def test_runtime_and_http_logs_are_not_offered(kind: LogKind) -> None:
    async with cloud66(building(), live=True) as provider:
        assert "cx tail" in provider.lacks[kind]
        service = await the_service(provider)
        with pytest.raises(Refused, match="cx tail"):
            await whole(provider, LogSource(kind, service))


async def test_a_stack_without_deployments_has_no_log() -> None:
    async with cloud66(world(stack(), deployments={"shop": []}), live=True) as provider:
        with pytest.raises(Refused, match="no deployment yet"):
            await whole(provider, await source_of(provider))


# -- pushed -----------------------------------------------------------------------------------------------


async def test_pushed_lines_are_shown_until_the_deployment_is_over() -> None:
    actions = [action(40, started_at=STARTED)]
    server, clock = building(actions=actions), FakeClock()
    async with (
        cloud66(server, clock=clock, live=True) as provider,
        reading(provider, await source_of(provider)) as found,
    ):
        await until(lambda: server.push.polls)
        await server.push.say("one", "two\nand a half")
        await server.push.say("careful", severity=3)
        await server.push.say("it broke", severity=4)
        await server.push.say("do look", severity=5)
        await server.push.say("dead\x1b[2J", severity=6)
        await until(lambda: len(found.entries) == 8)
        over(server)
        actions[0] |= {"finished_at": "2026-03-14T03:02:00Z", "finished_success": True, "finished_message": "Done"}
        await clock.advance(5)
        await until(lambda: server.named(ONE)[1:])
        await server.push.say("the last")
        await until(lambda: "the last" in found.texts)
        await passes(clock, lambda: found.ended)
    assert found.error is None
    assert found.texts == [
        "one",
        "two",
        "and a half",
        "careful",
        "it broke",
        "do look",
        "dead",
        "the last",
        "Cloud 66: Done",
    ]
    levels = [entry.level for entry in found.entries if isinstance(entry, LogLine)]
    assert levels[3:7] == [Level.WARN, Level.ERROR, Level.WARN, Level.FATAL]
    assert found.gaps == ["Cloud 66 tells deploy logs only from now on; earlier lines are in the dashboard."]
    assert {entry.deployment for entry in found.entries if isinstance(entry, LogLine)} == {"108"}
    line = found.entries[1]
    assert isinstance(line, LogLine)
    assert line.at == datetime(2026, 3, 14, 3, 0, 5, tzinfo=UTC)


async def test_the_push_server_never_gets_the_token_and_costs_one_request_of_the_budget() -> None:
    server, clock, meter = building(), FakeClock(), Ledger()
    async with (
        cloud66(server, clock=clock, live=True, meter=meter) as provider,
        reading(provider, await source_of(provider)) as found,
    ):
        for text in ("one", "two", "three"):
            await until(lambda: server.push.polls)
            await server.push.say(text)
            await until(lambda: server.push.queues == {"client1": []})
        await until(lambda: len(found.texts) == 3)
    assert len(server.push.calls) >= 5
    assert meter.spent == len(server.calls) + 1
    assert all("authorization" not in headers for _, headers in server.push.calls)
    assert TOKEN not in repr(server.push.calls)
    handshake, subscribe = server.push.calls[0][0], server.push.calls[1][0]
    assert handshake == {
        "channel": "/meta/handshake",
        "version": "1.0",
        "supportedConnectionTypes": ["long-polling"],
    }
    assert subscribe == {
        "channel": "/meta/subscribe",
        "clientId": "client1",
        "subscription": f"/realtime/{RAILS}/*",
        "id": "1",
    }


async def test_after_a_cut_the_lines_that_were_queued_come_once_and_the_gap_is_told() -> None:
    server, clock, cursor = building(), FakeClock(), Cursor()
    async with cloud66(server, clock=clock, live=True) as provider:
        source = await source_of(provider)
        async with reading(provider, source, cursor) as found:
            await until(lambda: server.push.polls)
            await server.push.say("one", "one", "two")
            await until(lambda: len(found.texts) == 3)
            await until(lambda: server.push.polls)
            server.push.broken.append(CUT)
            await server.push.wake()
            await until(lambda: found.ended)
        assert isinstance(found.error, Unreachable)
        await server.push.say("one", "two", "two", "three")  # the first two are sent again, the third is a new one
        async with reading(provider, source, cursor) as again:
            await until(lambda: "three" in again.texts)
    assert again.texts == ["two", "three"]
    assert len(again.gaps) == 1
    assert "may be missing" in again.gaps[0]
    assert len(server.push.named("/meta/handshake")) == 1, "the server still knew us"


async def test_a_client_that_the_server_forgot_shakes_hands_again() -> None:
    server, clock, cursor = building(), FakeClock(), Cursor()
    async with (
        cloud66(server, clock=clock, live=True) as provider,
        reading(provider, await source_of(provider), cursor) as found,
    ):
        await until(lambda: server.push.polls)
        await server.push.forget()
        server.push.queues["nobody"] = [1]
        await server.push.wake()
        await until(lambda: len(server.push.named("/meta/handshake")) == 2)
        await until(lambda: server.push.polls)
        await server.push.say("after")
        await until(lambda: found.texts)
    assert found.texts == ["after"]
    assert "dropped the subscription" in found.gaps[1]
    assert cursor.token == "client2"


async def test_a_server_that_forgets_at_once_is_not_shaken_hands_with_for_ever() -> None:
    server = building()
    forgotten = [{"channel": "/meta/connect", "successful": False, "error": "401:x:Unknown", "advice": {}}]
    server.push.broken = [json.dumps(forgotten).encode()] * 3
    async with cloud66(server, clock=FakeClock(), live=True) as provider:
        with pytest.raises(Unreachable, match="broke off"):
            await whole(provider, await source_of(provider))
    assert len(server.push.named("/meta/handshake")) == 2


async def test_lines_beside_a_refusal_are_not_lost() -> None:
    server = building()
    data = json.dumps(json.dumps({"message": "beside"}))
    channel = f"/realtime/{RAILS}/x"
    refused = {"channel": "/meta/connect", "successful": False, "advice": {"reconnect": "handshake"}}
    server.push.broken = [json.dumps([refused, {"channel": channel, "data": data}]).encode()]
    async with (
        cloud66(server, clock=FakeClock(), live=True) as provider,
        reading(provider, await source_of(provider)) as found,
    ):
        await until(lambda: found.texts)
    assert found.texts == ["beside"]


async def test_a_line_that_cannot_be_read_is_a_gap_of_one_and_the_rest_goes_on() -> None:
    server = building()
    async with (
        cloud66(server, clock=FakeClock(), live=True) as provider,
        reading(provider, await source_of(provider)) as found,
    ):
        await until(lambda: server.push.polls)
        for odd in ('"{half', 17, None, json.dumps({"severity": "high"})):
            await server.push.send(odd)
        await server.push.send({"severity": 2, "message": "not a string at all", "time": "2026-03-14T03:00:05Z"})
        await server.push.send(json.dumps({"message": "once a string"}))
        await until(lambda: len(found.texts) == 2)
    assert found.texts == ["not a string at all", "once a string"]
    assert [entry.lines for entry in found.entries if isinstance(entry, LogGap)] == [None, 1, 1, 1, 1]


async def test_an_answer_that_is_none_breaks_the_stream() -> None:
    server = building()
    async with (
        cloud66(server, clock=FakeClock(), live=True) as provider,
        reading(provider, await source_of(provider)) as found,
    ):
        await until(lambda: server.push.polls)
        server.push.broken.append(b'[{"channel": "/meta/')
        await server.push.wake()
        await until(lambda: found.ended)
    assert isinstance(found.error, UnexpectedReply)


async def test_a_push_server_that_turns_us_away_is_no_bad_token() -> None:
    server = building()
    server.push.denied = 401
    async with cloud66(server, clock=FakeClock(), live=True) as provider:
        with pytest.raises(Refused, match="No token is sent there"):
            await whole(provider, await source_of(provider))


async def test_a_look_at_the_deployment_that_fails_does_not_cut_the_log() -> None:
    server, clock = building(), FakeClock()
    async with (
        cloud66(server, clock=clock, live=True) as provider,
        reading(provider, await source_of(provider)) as found,
    ):
        await until(lambda: server.push.polls)
        server.answers[ONE] = CUT_REST
        await asks(server, clock)
        await server.push.say("still here")
        await until(lambda: found.texts)
        over(server)
        await passes(clock, lambda: found.ended)
    assert found.error is None


async def test_polls_that_bring_nothing_are_not_repeated_without_a_pause() -> None:
    server, clock = building(), FakeClock()
    async with cloud66(server, clock=clock, live=True) as provider, reading(provider, await source_of(provider)):
        await until(lambda: server.push.polls)
        nothing = b'[{"channel": "/meta/connect", "successful": true}]'
        for polls in range(1, 5):
            server.push.broken.append(nothing)
            await server.push.wake()
            await until(lambda: not server.push.broken and not server.push.polls)
            assert len(server.push.named("/meta/connect")) == polls
            await clock.advance(live_log.EMPTY_S)
            await until(lambda: server.push.polls)


async def test_a_refused_subscription_is_told_without_the_stacks_uid() -> None:
    server = building()
    server.push.refuse = f"403:/realtime/{RAILS}/*:Forbidden channel"
    async with cloud66(server, clock=FakeClock(), live=True) as provider:
        with pytest.raises(Refused, match="refused the subscription") as caught:
            await whole(provider, await source_of(provider))
    assert RAILS not in str(caught.value)


async def asks(server: Cloud66Server, clock: FakeClock) -> None:
    """After the time for it, whether the deployment is over is asked once more."""
    seen = len(server.named(ONE))
    await clock.advance(live_log.CHECK_S)
    await until(lambda: len(server.named(ONE)) > seen)


async def test_the_end_is_looked_for_every_five_seconds_and_not_if_somebody_else_just_did() -> None:
    server, clock = building(), FakeClock()
    async with cloud66(server, clock=clock, live=True) as provider:
        source = await source_of(provider)
        assert source.deployment is not None
        async with reading(provider, source):
            await until(lambda: server.push.polls)
            server.calls.clear()
            for _ in range(6):
                await asks(server, clock)
            assert len(server.named(ONE)) == 6
            for _ in range(6):
                await clock.advance(live_log.CHECK_S - 1)
                await provider.deployment(source.deployment.ref, source.service)
                await clock.advance(1)
            assert len(server.named(ONE)) == 12


async def test_what_still_waits_is_followed_when_it_gets_its_id() -> None:
    row = stack(status=5)
    actions = [action(41, started_at="2026-03-14T03:00:00Z")]
    rows = [deployment(107, is_live=True)]
    server, clock = world(row, deployments={"shop": rows}, actions=actions), FakeClock()
    server.answers[f"GET stacks/{RAILS}/actions/41"] = one(actions[0])
    async with cloud66(server, clock=clock, live=True) as provider:
        source = await source_of(provider)
        assert source.deployment is not None
        assert source.deployment.id == "action-41"
        async with reading(provider, source) as found:
            await until(lambda: server.push.polls)
            rows.insert(0, deploying(108, started_at="2026-03-14T03:00:01Z", triggered_via="api"))
            server.answers[ONE] = one(rows[0])
            await clock.advance(5)
            await server.push.say("building")
            await until(lambda: found.texts)
            over(server)
            await passes(clock, lambda: found.ended)
    assert found.texts == ["building"]
    assert found.gaps == []
    assert found.error is None


async def test_closing_ends_a_stream_that_waits() -> None:
    server = building()
    async with (
        cloud66(server, clock=FakeClock(), live=True) as provider,
        reading(provider, await source_of(provider)) as found,
    ):
        await until(lambda: server.push.polls)
        await provider.aclose()
        await until(lambda: found.ended)
    assert isinstance(found.error, Unreachable)


async def test_a_stream_that_is_not_followed_ends_at_once() -> None:
    server = building()
    async with cloud66(server, live=True) as provider:
        (gap,) = await whole(provider, await source_of(provider, follow=False))
    assert isinstance(gap, LogGap)


def test_two_lines_with_the_same_words_and_time_are_two() -> None:
    data = json.dumps(json.dumps({"message": "again", "time": "2026-03-14T03:00:05.123456789Z"}))
    assert live_row(data, "1").key == live_row(data, "1").key
    cursor = Cursor()
    cursor.recent.append(live_row(data, "1").key)
    other = live_row(json.dumps({"message": "new"}), "1")
    rows = [other, live_row(data, "1")]
    assert live_log._without_resent(rows, cursor) == rows, "what does not begin the batch was not sent again"


# -- of an operation --------------------------------------------------------------------------------------


UID = "c4dc7c9f53d44856adba9c"
LOGS = f"GET operations/{UID}/logs"


def log_row(number: int, severity: int = 2, **more: object) -> Json:
    return {"v": severity, "m": f"line {number}", "t": "2026-03-14T01:00:00Z", "s": None, "e": 0, **more}


def logged(rows: list[Json]) -> Cloud66Server:
    row = deployment(108, is_live=True, operation_uid=UID)
    server = world(stack(), deployments={"shop": [row]})
    server.answers[LOGS] = paged(rows)
    return server


async def test_the_log_of_an_operation_is_read_whole_where_its_uid_is_known() -> None:
    rows = [log_row(number) for number in range(1, 96)]
    rows[3] |= {"v": 4, "s": "docker", "operation_uid": "child"}
    server = logged(rows)
    async with cloud66(server) as provider:
        entries = await whole(provider, await source_of(provider))
    assert [entry.text for entry in entries if isinstance(entry, LogLine)] == [f"line {n}" for n in range(1, 96)]
    fourth = entries[3]
    assert isinstance(fourth, LogLine)
    assert (fourth.level, fourth.deployment) == (Level.WARN, "108")
    assert fourth.attributes == {"operation": UID, "child": "child", "source": "docker"}
    assert server.named(LOGS)[0].query["include_children"] == "true"


async def test_the_uid_may_be_told_by_the_action_that_made_the_deployment() -> None:
    rows = [deployment(108, started_at="2026-03-14T03:00:02Z", is_live=True)]
    actions = [
        action(40, ended=True, operation_uid=UID),
        action(39, ended=True, operation_uid="other", started_at="2026-03-14T02:00:00Z"),
        action(38, "restart", ended=True, operation_uid="restart", started_at="2026-03-14T03:00:02Z"),
    ]
    server = world(stack(), deployments={"shop": rows}, actions=actions, answers={LOGS: paged([log_row(1)])})
    async with cloud66(server) as provider:
        (line,) = await whole(provider, await source_of(provider))
    assert isinstance(line, LogLine)
    assert line.text == "line 1"


async def test_only_the_tail_of_a_long_log_is_read() -> None:
    server = logged([log_row(number) for number in range(1, 3001)])
    async with cloud66(server) as provider:
        entries = await whole(provider, await source_of(provider, tail=40))
    assert [entry.text for entry in entries if isinstance(entry, LogLine)] == [f"line {n}" for n in range(2961, 3001)]
    assert len(server.named(LOGS)) <= 6


async def test_lines_within_a_time_are_chosen_on_our_side() -> None:
    rows = [log_row(number, t=f"2026-03-14T01:{number:02}:00Z") for number in range(1, 50)]
    since, until_ = datetime(2026, 3, 14, 1, 10, tzinfo=UTC), datetime(2026, 3, 14, 1, 12, tzinfo=UTC)
    async with cloud66(logged(rows)) as provider:
        entries = await whole(provider, await source_of(provider, since=since, until=until_, follow=False))
    assert [entry.text for entry in entries if isinstance(entry, LogLine)] == ["line 10", "line 11", "line 12"]


@pytest.mark.parametrize("per_page", [30, 7, 50])
async def test_a_growing_log_is_followed_and_goes_on_after_a_cut_without_repeat_or_loss(per_page: int) -> None:
    rows = [log_row(number) for number in range(1, 41)]
    server, clock, cursor = building(operation_uid=UID), FakeClock(), Cursor()
    server.answers[LOGS] = paged(rows, per_page=per_page)
    async with cloud66(server, clock=clock) as provider:
        source = await source_of(provider)
        async with reading(provider, source, cursor) as found:
            await until(lambda: len(found.texts) == 40)
            rows.extend(log_row(number) for number in range(41, 91))
            await passes(clock, lambda: len(found.texts) == 90)
            answer, server.answers[LOGS] = server.answers[LOGS], CUT
            await passes(clock, lambda: found.ended)
        assert isinstance(found.error, Unreachable)
        server.answers[LOGS] = answer
        rows.extend(log_row(number) for number in range(91, 96))
        async with reading(provider, source, cursor) as again:
            await passes(clock, lambda: len(again.texts) == 5)
            rows.append(log_row(96))
            over(server)
            await passes(clock, lambda: again.ended)
    assert found.texts + again.texts == [f"line {n}" for n in range(1, 97)]
    assert again.error is None


async def test_an_odd_line_of_a_log_is_left_out_once() -> None:
    rows: list[Any] = [log_row(1), {"v": "odd"}, log_row(3)]
    server, clock, cursor = building(operation_uid=UID), FakeClock(), Cursor()
    server.answers[LOGS] = paged(rows)
    async with cloud66(server, clock=clock) as provider, reading(provider, await source_of(provider), cursor) as found:
        await until(lambda: len(found.texts) == 2)
        rows.extend(log_row(number) for number in range(4, 70))
        over(server)
        await passes(clock, lambda: found.ended)
    assert found.texts == ["line 1", *(f"line {n}" for n in range(3, 70))]


async def test_closing_ends_a_stream_that_rests() -> None:
    server = building(operation_uid=UID)
    server.answers[LOGS] = paged([log_row(1)])
    async with cloud66(server, clock=FakeClock()) as provider, reading(provider, await source_of(provider)) as found:
        await until(lambda: found.texts)
        await provider.aclose()
        await until(lambda: found.ended)
    assert isinstance(found.error, Unreachable)
