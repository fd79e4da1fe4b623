"""A deployment against the one before it: worse, fine or not to be told, and the evidence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.clocks import FakeClock
from tests.entities import NOW, deployment, service
from tests.scripted import ScriptedProvider, engine_of, scripted
from tui.engine.engine import Engine
from tui.engine.reviews import Looks, Review
from tui.model.entities import Deployment, Service
from tui.model.errors import Unreachable
from tui.model.log import HttpRequest, Level, LogEntry, LogKind, LogLine
from tui.model.provider import PRIORITY, Priority
from tui.model.status import Status

OLD = deployment("old", ago_s=90_000)
BUILDING = deployment("new", Status.BUILDING, ago_s=60)
NEW = replace(BUILDING, status=Status.LIVE, is_live=True, finished_at=NOW)
GONE = replace(OLD, status=Status.SUPERSEDED, is_live=False)


def line(second: float, text: str, level: Level = Level.INFO, by: str = "new") -> LogLine:
    return LogLine(NOW + timedelta(seconds=second), text, level, by)


def lines(count: int, begin: float, by: str) -> list[LogEntry]:
    return [line(begin + n, f"served order {n} in {n % 40} ms", by=by) for n in range(count)]


def requests(count: int, begin: float, by: str, *, failing: int = 0) -> list[LogEntry]:
    return [
        HttpRequest(
            NOW + timedelta(seconds=begin + n / 4),
            f"{by}{n}",
            "GET",
            "/orders",
            500 if failing and n % failing == 0 else 200,
            20 + n % 30,
            deployment=by,
        )
        for n in range(count)
    ]


class Rollout:
    """api, whose new deployment goes live when told."""

    def __init__(self, engine: Engine, platform: ScriptedProvider, clock: FakeClock) -> None:
        self.engine = engine
        self.platform = platform
        self.clock = clock

    def says(self, kind: LogKind, entries: Sequence[LogEntry]) -> None:
        self.platform.log(self.platform.services[0].ref, kind, entries)

    async def becomes(self, latest: Deployment, live: Deployment | None, status: Status = Status.LIVE) -> None:
        known = self.platform.services[0]
        self.platform.replace_service(replace(known, status=status, latest=latest, live=live))
        self.platform.history[known.ref] = [latest, GONE]
        await self.clock.advance(11)

    async def goes_live(self) -> None:
        await self.becomes(NEW, NEW)

    def review(self) -> Review:
        found = self.engine.reviews.of(NEW.ref)
        assert found is not None, "not judged yet"
        return found


@asynccontextmanager
async def rollout(*kinds: LogKind, first: Service | None = None) -> AsyncIterator[Rollout]:
    clock = FakeClock(NOW)
    account, platform = scripted(first or service("api", latest=BUILDING, live=OLD), clock=clock)
    platform.log_kinds = frozenset(kinds)  # type: ignore[misc]
    async with engine_of(account, clock=clock, poll_s=10) as engine:
        engine.start()
        await clock.advance(1)
        yield Rollout(engine, platform, clock)


async def test_new_errors_and_failing_requests_are_worse_and_the_evidence_says_how() -> None:
    async with rollout(LogKind.RUNTIME, LogKind.HTTP) as run:
        run.says(LogKind.RUNTIME, lines(200, -300, "old") + lines(100, 5, "new"))
        run.says(LogKind.RUNTIME, [line(10 + n, f"order {n}: no such column", Level.ERROR) for n in range(12)])
        run.says(LogKind.HTTP, requests(400, -200, "old") + requests(400, 5, "new", failing=10))
        await run.goes_live()
        assert run.engine.reviews.of(NEW.ref) is None, "it settles first"
        await run.clock.advance(30)
        review = run.review()
        assert review.looks is Looks.WORSE
        assert review.evidence[0] == "1 new error pattern: order <*>: no such column (12 lines)"
        assert review.evidence[1].startswith("5xx 0% -> ")
        assert [(each.text, each.count) for each in review.errors] == [("order <*>: no such column", 12)]
        assert review.errors[0].at == NOW + timedelta(seconds=10)
        assert review.seen


async def test_what_is_live_before_it_serves_is_judged_from_when_it_serves() -> None:
    async with rollout() as run:
        await run.becomes(replace(NEW, is_live=False), OLD)
        assert run.engine.reviews.all() == ()
        await run.goes_live()
        assert run.review().seen


async def test_what_is_stopped_and_started_or_goes_back_to_an_older_one_is_no_new_deployment() -> None:
    stopped = replace(NEW, status=Status.STOPPED)
    async with rollout(first=service("api", latest=stopped)) as run:
        await run.goes_live()
        assert run.engine.reviews.all() == ()
        await run.becomes(OLD, OLD)
        assert run.engine.reviews.all() == ()


async def test_as_before_it_looks_fine() -> None:
    async with rollout(LogKind.RUNTIME, LogKind.HTTP) as run:
        run.says(LogKind.RUNTIME, lines(200, -300, "old") + lines(100, 5, "new"))
        run.says(LogKind.HTTP, requests(400, -200, "old", failing=50) + requests(400, 5, "new", failing=50))
        await run.goes_live()
        await run.clock.advance(30)
        assert run.review().looks is Looks.FINE
        assert run.review().evidence[0] == "no new error pattern in 100 log lines, against 200 before"


async def test_without_a_log_it_cannot_be_told_and_nothing_is_waited_for() -> None:
    async with rollout() as run:
        await run.goes_live()
        assert run.review().looks is Looks.UNCLEAR
        assert run.review().evidence == ("no runtime log on Scripted", "no HTTP log on Scripted")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (200, 10, "only 10 log lines yet"),
        (200, 0, "0 log lines yet"),
        (20, 100, "only 20 log lines of the deployment before"),
        (0, 100, "no line of the deployment before to compare with"),
    ],
)
async def test_too_little_cannot_be_told(old: int, new: int, said: str) -> None:
    async with rollout(LogKind.RUNTIME) as run:
        run.says(LogKind.RUNTIME, lines(old, -300, "old") + lines(new, 5, "new"))
        await run.goes_live()
        await run.clock.advance(30)
        assert run.review().looks is Looks.UNCLEAR
        assert run.review().evidence[0] == said


async def test_one_new_error_line_among_many_is_a_doubt_and_no_verdict() -> None:
    async with rollout(LogKind.RUNTIME) as run:
        run.says(LogKind.RUNTIME, lines(200, -300, "old") + lines(200, 5, "new"))
        run.says(LogKind.RUNTIME, [line(7, "one socket hung up", Level.ERROR)])
        await run.goes_live()
        await run.clock.advance(30)
        assert run.review().looks is Looks.UNCLEAR
        assert "too few lines to tell" in run.review().evidence[0]
        assert run.review().errors[0].text == "one socket hung up"


async def test_it_is_judged_again_as_more_comes_and_what_was_before_is_read_once() -> None:
    async with rollout(LogKind.RUNTIME) as run:
        run.says(LogKind.RUNTIME, lines(200, -300, "old") + lines(100, 5, "new"))
        await run.goes_live()
        await run.clock.advance(30)
        assert run.review().looks is Looks.FINE
        run.says(LogKind.RUNTIME, [line(60 + n, f"order {n}: no such column", Level.ERROR) for n in range(30)])
        await run.clock.advance(100)
        assert run.review().looks is Looks.WORSE
        version = run.engine.reviews.version
        await run.clock.advance(3600)
        assert run.engine.reviews.version == version + 1, "ten minutes after it went live was the last look"


async def test_what_crashes_is_worse_with_how_long_it_lived() -> None:
    async with rollout(LogKind.RUNTIME) as run:
        await run.goes_live()
        crashed = replace(NEW, status=Status.CRASHED)
        await run.clock.advance(9)
        await run.becomes(crashed, crashed, Status.CRASHED)
        assert run.review().looks is Looks.WORSE
        assert run.review().evidence[0] == "crashed 20 s after going live"


async def test_what_failed_is_said_at_once_without_reading_anything() -> None:
    async with rollout(LogKind.RUNTIME) as run:
        run.platform.log_error = AssertionError("nobody reads")  # type: ignore[assignment]
        await run.becomes(replace(BUILDING, status=Status.FAILED, note="exit code 1"), OLD)
        assert run.review().evidence == ("failed before it went live: exit code 1",)


async def test_a_log_that_cannot_be_read_is_no_verdict() -> None:
    async with rollout(LogKind.RUNTIME) as run:
        run.platform.log_error = Unreachable("Scripted does not answer.")
        await run.goes_live()
        await run.clock.advance(30)
        assert (run.review().looks, run.review().evidence[0]) == (
            Looks.UNCLEAR,
            "runtime log not read: Scripted does not answer.",
        )


async def test_lines_that_name_no_deployment_are_parted_by_the_time_it_went_live() -> None:
    async with rollout(LogKind.RUNTIME) as run:
        run.says(LogKind.RUNTIME, lines(200, -300, "") + lines(100, 5, ""))
        run.says(LogKind.RUNTIME, [line(10 + n, f"order {n}: no such column", Level.ERROR, by="") for n in range(12)])
        await run.goes_live()
        await run.clock.advance(30)
        assert run.review().looks is Looks.WORSE
        assert run.review().errors[0].count == 12


async def test_what_went_live_shortly_before_the_start_is_judged_and_what_did_so_long_ago_is_not() -> None:
    recent = replace(NEW, created_at=NOW - timedelta(minutes=9), finished_at=NOW - timedelta(minutes=8))
    async with rollout(LogKind.RUNTIME, first=service("api", latest=recent, live=recent)) as run:
        run.platform.history[run.platform.services[0].ref] = [recent, GONE]
        await run.clock.advance(1)
        assert not run.review().seen
    async with rollout(LogKind.RUNTIME, first=service("api", latest=OLD, live=OLD)) as run:
        await run.clock.advance(1000)
        assert run.engine.reviews.all() == ()
        run.engine.reviews.want(OLD)
        await run.clock.advance(1)
        assert run.engine.reviews.of(OLD.ref) is not None, "asked for"


async def test_a_wish_for_one_under_way_waits_until_it_is_live() -> None:
    async with rollout(LogKind.RUNTIME) as run:
        run.engine.reviews.want(BUILDING)
        await run.clock.advance(5)
        assert run.engine.reviews.all() == ()
        await run.goes_live()
        await run.clock.advance(30)
        assert run.review().seen


async def test_logs_are_read_in_the_background() -> None:
    async with rollout(LogKind.RUNTIME) as run:
        priorities: list[Priority] = []
        read = run.platform.logs

        def logs(*given: object) -> object:
            priorities.append(PRIORITY.get())
            return read(*given)  # type: ignore[arg-type]

        run.platform.logs = logs  # type: ignore[assignment,method-assign]
        run.says(LogKind.RUNTIME, lines(10, 5, "new"))
        await run.goes_live()
        await run.clock.advance(1000)
        assert set(priorities) == {Priority.BACKGROUND}
        assert len(priorities) == 4, "three looks, and once the one before"
