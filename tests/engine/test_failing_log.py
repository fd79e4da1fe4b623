"""Which log tells why a deployment failed, and where in it the first error is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest

from tests.entities import NOW, deployment, service
from tests.providers.loopback import until
from tests.scripted import ScriptedProvider, engine_of, scripted
from tui.engine.engine import Engine
from tui.engine.failing_log import AFTER, BEFORE, TAIL, FailingLog, failing_kind, is_error
from tui.model.entities import Deployment, Step
from tui.model.log import Level, LogEntry, LogGap, LogKind, LogLine
from tui.model.status import Status

FAILED = deployment("bad", Status.FAILED, ago_s=300)
API = service("api", latest=FAILED, live=deployment("old", ago_s=9000))


@pytest.mark.parametrize(
    ("status", "step", "kind"),
    [
        (Status.FAILED, None, LogKind.BUILD),
        (Status.FAILED, "Build image", LogKind.BUILD),
        (Status.FAILED, "Healthcheck", LogKind.RUNTIME),
        (Status.CRASHED, None, LogKind.RUNTIME),
        (Status.LIVE, None, None),
        (Status.BUILDING, None, None),
    ],
)
def test_which_log_tells_why(status: Status, step: str | None, kind: LogKind | None) -> None:
    steps = () if step is None else (Step("Snapshot", Status.LIVE), Step(step, Status.FAILED))
    assert failing_kind(deployment(status=status), steps) is kind


@pytest.mark.parametrize(
    "text",
    [
        "ERROR: failed to build",
        "error TS2304: Cannot find name",
        "[error] no such file",
        "Type error: Property 'facets' does not exist",
        "Traceback (most recent call last):",
        "KeyError: 'SMTP_SIGNING_KEY'",
        "npm ERR! code ELIFECYCLE",
        "sh: 1: pnpm: command not found",
        "\x1b[31;1mfatal:\x1b[0m no such ref",
        'process "go build" did not complete: exit code: 1',
    ],
)
def test_an_error_is_known_by_how_it_is_written_where_there_are_no_levels(text: str) -> None:
    assert is_error(LogLine(None, text))


@pytest.mark.parametrize(
    "text", ["0 errors, 2 warnings", "compiling error_pages.go", "+ error-ex@1.3.2", "exit code 0", "ErrorBoundary.tsx"]
)
def test_a_line_that_only_names_errors_is_none(text: str) -> None:
    assert not is_error(LogLine(None, text))
    assert is_error(LogLine(None, text, Level.ERROR))


def lines(*texts: str, by: str = "", at_s: float = -200) -> list[LogEntry]:
    return [LogLine(NOW + timedelta(seconds=at_s), text, deployment=by) for text in texts]


class Reading:
    def __init__(self, engine: Engine, platform: ScriptedProvider) -> None:
        self.engine = engine
        self.platform = platform

    async def of(self, one: Deployment, kind: LogKind, entries: Sequence[LogEntry]) -> FailingLog:
        """Opened when all of it is there, and read."""
        self.platform.log(API.ref, kind, entries)
        found = FailingLog(self.engine.tails, API, one, kind)
        await until(lambda: len(found.tail.buffer) >= len(entries))
        return found


@pytest.fixture
async def reading() -> AsyncIterator[Reading]:
    account, platform = scripted(API)
    async with engine_of(account) as engine:
        await engine.snapshot(account.name)
        yield Reading(engine, platform)


def texts(found: FailingLog) -> list[str]:
    return [entry.text for entry in found.excerpt().entries if isinstance(entry, LogLine)]


async def test_the_first_error_stands_among_what_was_said_around_it(reading: Reading) -> None:
    said = [
        *(f"step {n}" for n in range(50)),
        "ERROR: no such file",
        *(f"then {n}" for n in range(50)),
        "ERROR: gave up",
    ]
    found = await reading.of(FAILED, LogKind.BUILD, lines(*said))
    excerpt = found.excerpt()
    assert excerpt.error == BEFORE
    assert texts(found) == said[50 - BEFORE : 51 + AFTER]


async def test_an_error_that_comes_later_is_found_then_and_stays(reading: Reading) -> None:
    found = await reading.of(FAILED, LogKind.BUILD, lines("one", "two"))
    assert found.excerpt().error is None
    reading.platform.log(API.ref, LogKind.BUILD, lines("ERROR: first", "ERROR: second"))
    await until(lambda: len(found.tail.buffer) >= 4)
    excerpt = found.excerpt()
    assert excerpt.error == 2
    assert texts(found)[2] == "ERROR: first"


async def test_without_an_error_the_last_lines_are_shown(reading: Reading) -> None:
    found = await reading.of(FAILED, LogKind.BUILD, lines(*(f"step {n}" for n in range(50))))
    assert found.excerpt().error is None
    assert texts(found) == [f"step {n}" for n in range(50 - TAIL, 50)]


async def test_errors_of_other_deployments_are_not_its_own(reading: Reading) -> None:
    crashed = deployment("bad", Status.CRASHED, ago_s=300)
    entries = [
        *lines("ERROR: of another", by="old"),
        *lines("ERROR: before it was made", at_s=-9000),
        *lines("ERROR: its own", by="bad"),
    ]
    found = await reading.of(crashed, LogKind.RUNTIME, entries)
    assert texts(found) == ["ERROR: its own"]


async def test_what_the_platform_has_not_kept_is_told(reading: Reading) -> None:
    found = await reading.of(FAILED, LogKind.BUILD, [LogGap(NOW, "Only lines from now on are kept.")])
    assert found.excerpt().gap == "Only lines from now on are kept."
    assert not found.excerpt().entries


async def test_closing_it_leaves_the_log_to_others(reading: Reading) -> None:
    found = await reading.of(FAILED, LogKind.BUILD, lines("one"))
    also = reading.engine.tails.open(LogKind.BUILD, API.ref, FAILED.ref)
    assert also is found.tail
    found.close()
    assert len(also.buffer)
    reading.engine.tails.close(also)
