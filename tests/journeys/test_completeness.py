"""Whether the log is whole, by key, over real sockets: a cut that leaves a gap, enter that fills it, clocks that
disagree."""

from __future__ import annotations

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


@pytest.mark.parametrize("size", SIZES)
async def test_enter_on_a_gap_fills_it_and_the_log_is_complete_again(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut in which more was said than one reading takes."""
    monkeypatch.setattr(log_pages, "PAGES", 1)
    world = frozen_world(platforms=("railway",))
    async with sailing(world, size=size) as voyage:
        tail = await _runtime(voyage, CATALOG)
        await voyage.sees("complete", "following")
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

        await voyage.pilot.press("g", "e", "e")  # the broken line, then what is missing since
        await voyage.sees("enter reads it")
        await voyage.pilot.press("enter")
        await voyage.sees("lines read back: the gap is filled.", "complete ")
        await voyage.sees("nothing is missing here any more")
        told = [text for text in _texts(tail) if text.startswith("while")]
        assert told == missing
        await voyage.pilot.press("G")
        await voyage.sees("complete · lag <1s", step_s=0.2)
        await voyage.pilot.press("percent_sign")
        await voyage.sees("Completeness of the runtime log", "reconnected", "read back")


async def test_a_clock_that_is_not_ours_is_said_and_ages_go_by_it() -> None:
    world = frozen_world(platforms=("gitlab",))
    async with sailing(world) as voyage:
        await voyage.until(lambda: voyage.app.engine.store.services(), "services")
        await voyage.pilot.pause()
        assert "clock" not in screen_text(voyage.app)
        right = _ages(voyage)
    async with sailing(frozen_world(platforms=("gitlab",)), ahead_s=7_200) as voyage:
        await voyage.sees("demo's clock is 2h00m behind this machine's", "clock -2h00m")
        assert _ages(voyage) == right


def _ages(voyage: Voyage) -> list[str]:
    rows = [line for line in screen_text(voyage.app).splitlines() if " live " in line]
    return [line.split("▏")[0].split()[-1] for line in rows]
