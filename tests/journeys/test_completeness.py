"""Whether the log is whole, by key, over real sockets: a cut that leaves a gap, enter that fills it, clocks that
disagree."""

from __future__ import annotations

import re

import pytest

from tests.journeys.sailing import Voyage, sailing
from tests.screens.running import screen_text
from tui.demo.lifecycle import say
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.engine.log_tail import LogTail
from tui.model.log import LogGap, LogLine
from tui.providers.railway import log_pages

SIZES = [(80, 24), (120, 40)]
CATALOG = "shop/production/catalog"


async def _runtime(voyage: Voyage, path: str) -> LogTail:
    await voyage.goes_to(path)
    await voyage.pilot.press("3")
    while "[runtime]" not in screen_text(voyage.app):
        await voyage.pilot.press("right_square_bracket")
    tail = voyage.app.board.tail
    assert tail is not None
    await voyage.until(lambda: len(tail.buffer) > 50, "lines")
    return tail


def _gap(tail: LogTail) -> int | None:
    return next((each for each in range(tail.buffer.end) if isinstance(tail.buffer[each], LogGap)), None)


def _texts(tail: LogTail) -> list[str]:
    return [entry.text for entry in tail.buffer if isinstance(entry, LogLine)]


def _spoken(world: World, count: int) -> None:
    (one, *_) = world.service(CATALOG).active
    for number in range(count):
        world.advance(0.01)
        say(world, one, f"while nobody listened {number}", "info")


def _is_on_an_open_gap(voyage: Voyage, tail: LogTail) -> bool:
    cursor = voyage.app.board.log_view.cursor
    entry = None if cursor is None else tail.buffer[cursor]
    return isinstance(entry, LogGap) and entry.is_open


@pytest.mark.parametrize("size", SIZES)
async def test_enter_on_a_gap_fills_it_and_what_the_platform_dropped_stays_told(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut in which more was said than one reading takes."""
    monkeypatch.setattr(log_pages, "PAGES", 1)
    world = frozen_world(platforms=("railway",))
    async with sailing(world, size=size) as voyage:
        tail = await _runtime(voyage, CATALOG)
        await voyage.sees("complete", "following")
        (one, *_) = world.service(CATALOG).active
        say(world, one, "Railway rate limit of 500 logs/sec reached for replica 1. Messages dropped: 312", "warn")
        await voyage.sees("dropped lines: more came than it takes (312 lines)", "drops 312")
        away = world.faults.add("drop", "EnvironmentLogs", channel="http", count=None)
        world.faults.add("drop", channel="socket", after=1)
        await voyage.sees("CUT", step_s=0.2)
        _spoken(world, log_pages.PAGE + 300)
        world.faults.remove(away)
        await voyage.until(lambda: _gap(tail) is not None, "the gap", step_s=0.1)
        await voyage.sees("gap", "following")
        assert not tail.completeness.whole
        missing = [f"while nobody listened {number}" for number in range(log_pages.PAGE + 300)]
        assert set(missing) - set(_texts(tail))

        await voyage.pilot.press("g")
        while not _is_on_an_open_gap(voyage, tail):
            await voyage.pilot.press("e")
        await voyage.sees("enter reads it")
        await voyage.pilot.press("enter")
        await voyage.sees("lines read back: the gap is filled.", "drops 312")
        assert tail.completeness.open_count == 0
        await voyage.sees("nothing is missing here any more")
        told = [text for text in _texts(tail) if text.startswith("while")]
        assert told == missing
        await voyage.pilot.press("G")
        await voyage.sees("lag <1s", step_s=0.2)
        await voyage.pilot.press("percent_sign")
        await voyage.sees("Completeness of the runtime log", "reconnected", "read back", "dropped 312 lines")


async def test_a_clock_that_is_not_ours_is_said_and_ages_go_by_it() -> None:
    world = frozen_world(platforms=("gitlab",))
    async with sailing(world) as voyage:
        await voyage.until(lambda: len(_ages(voyage)) >= 4, "ages")
        assert "clock" not in screen_text(voyage.app)
        right = _ages(voyage)
    async with sailing(frozen_world(platforms=("gitlab",)), ahead_s=7_200) as voyage:
        await voyage.sees("demo's clock is 2h00m behind this machine's", "clock -2h00m")
        await voyage.until(lambda: _ages(voyage) == right, f"the ages {right}")


def _ages(voyage: Voyage) -> list[str]:
    """Of what is live, in the services."""
    return re.findall(r"● \S+ +live +(\d+[smhd]) ▏", screen_text(voyage.app))
