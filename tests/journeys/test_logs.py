"""Reading logs by key, over real HTTP and WebSocket: what a rollout changed, several logs as one, a filter."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.journeys.sailing import Voyage, sailing
from tests.screens.running import screen_text
from tui.demo.story import frozen_world
from tui.model.log import HttpRequest

SIZES = [(80, 24), (120, 40), (200, 50)]


async def _runtime(voyage: Voyage, path: str) -> None:
    await voyage.goes_to(path)
    await voyage.pilot.press("3")
    while "[runtime]" not in screen_text(voyage.app):
        await voyage.pilot.press("right_square_bracket")
    await voyage.until(lambda: len(voyage.app.board.log_view.rows) > 50, "lines")


@pytest.mark.parametrize("size", SIZES)
async def test_after_a_bad_rollout_its_new_errors_stand_first(size: tuple[int, int]) -> None:
    """What the log held before the deployment is read from the platform: the board was opened after it."""
    async with sailing(frozen_world(platforms=("railway",)), size=size) as voyage:
        await _runtime(voyage, "shop/production/checkout")
        await voyage.pilot.press("r")
        await voyage.sees(
            "new errors", "NEW  E", "UndefinedColumn" if size[0] > 80 else "ERROR checkout.tax", step_s=0.2
        )
        first = next(line for line in screen_text(voyage.app).splitlines() if "NEW " in line)
        assert " E " in first
        await voyage.pilot.press("g", "enter")  # the cursor stays on a pattern that was first before the errors came
        view = voyage.app.board.log_view
        await voyage.until(
            lambda: view.cursor is not None and "ERROR" in str(view.rows.entry(view.cursor)), "its first line"
        )


@pytest.mark.parametrize("size", SIZES)
async def test_what_the_rollout_did_to_the_requests_is_said_in_words(size: tuple[int, int]) -> None:
    async with sailing(frozen_world(platforms=("railway",)), size=size) as voyage:
        await _runtime(voyage, "shop/production/checkout")
        await voyage.pilot.press("right_square_bracket")
        await voyage.sees("% -> ", " ms since ", step_s=0.2)
        await voyage.pilot.press("r")
        await voyage.sees("worse", "/v1/checkout/:id/tax")
        await voyage.pilot.press("enter")
        await voyage.sees("& method=POST pat")
        await voyage.until(lambda: _paths(voyage), "its requests")
        assert all(path.endswith("/tax") for path in _paths(voyage))


def _paths(voyage: Voyage) -> list[str]:
    rows = voyage.app.board.log_view.rows
    entries = [rows.entry(rows.key(index)) for index in range(len(rows))]
    return [entry.path for entry in entries if isinstance(entry, HttpRequest)]


async def test_two_services_of_two_platforms_are_read_as_one() -> None:
    async with sailing(frozen_world(platforms=("railway", "dokploy"))) as voyage:
        await voyage.goes_to("shop/production/api")
        await voyage.pilot.press("m")
        await voyage.goes_to("tools/production/wiki")
        await voyage.pilot.press("m")
        await voyage.sees("merged: api, wiki", "2 services in one log")
        rows = voyage.app.board.log_view.rows
        await voyage.until(lambda: all(len(each.store) for each in rows.sources), "lines of both", step_s=0.5)
        await voyage.until(lambda: not rows.work(), "merged")
        times = [us for index in range(len(rows)) if (us := rows.time_us(rows.key(index))) is not None]
        assert all(later > sooner - 5_000_000 for sooner, later in pairwise(times))
        await voyage.pilot.press("ampersand", *"service:wiki", "enter")
        await voyage.sees("& service:wiki")
        await voyage.until(lambda: not rows.searching and len(rows), "the filtered", step_s=0.2)
        assert {rows.where(rows.key(index))[0].label for index in range(len(rows))} == {"wiki"}
