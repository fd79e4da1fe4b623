"""From one shift to the next, by key: a marked line, the hand-over's file, the next person's screen."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

from tests.entities import NOW, service
from tests.journeys.sailing import Voyage, sailing
from tests.screens.running import running, screen_text, sees
from tests.scripted import FrozenClock, scripted
from tui.demo.story import frozen_world
from tui.engine.notes import Loaded, Notes

SERVICE = "shop/production/checkout"


async def _runtime(voyage: Voyage) -> None:
    await voyage.goes_to(SERVICE)
    await voyage.pilot.press("3")
    while "[runtime]" not in screen_text(voyage.app):
        await voyage.pilot.press("right_square_bracket")
    await voyage.until(lambda: len(voyage.app.board.log_view.rows) > 50, "lines")


async def test_a_marked_line_is_marked_in_the_next_session_and_for_the_next_person(tmp_path: Path) -> None:
    world = frozen_world(platforms=("railway",))
    ann, bob = tmp_path / "ann", tmp_path / "bob"

    async with sailing(world, state_dir=ann, haste=10) as voyage:
        await _runtime(voyage)
        await voyage.pilot.press("k", "k", "M", *"began", "enter")
        await voyage.sees("Marked: began", "◆ began")
        cursor = voyage.app.board.log_view.cursor
        assert cursor is not None
        marked = voyage.app.board.log_view.rows.entry(cursor)

    async with sailing(world, state_dir=ann, haste=10) as voyage:
        await _runtime(voyage)
        await voyage.until(lambda: voyage.app.board.log_view.rows.sources[0].marks, "the mark")
        await voyage.pilot.press("apostrophe")
        await voyage.sees("◆ began")
        cursor = voyage.app.board.log_view.cursor
        assert cursor is not None
        assert voyage.app.board.log_view.rows.entry(cursor) == marked
        await voyage.pilot.press("1", "H", "enter")
        await voyage.sees("Hand-over saved to")
        (token,) = voyage.tokens

    (file,) = (ann / "saved").iterdir()
    assert file.name.startswith("handover-2026-")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    document = file.read_text()
    assert "**`began`** by `ann`" in document
    assert f"`demo/{SERVICE}`" in document
    assert token not in document

    notes = Notes(bob / "notes.jsonl", FrozenClock(NOW), user="bob")
    assert notes.load(document) == Loaded(1, 1)
    async with sailing(world, state_dir=bob, user="bob", haste=10) as voyage:
        await _runtime(voyage)
        await voyage.until(lambda: voyage.app.board.log_view.rows.sources[0].marks, "the mark")
        await voyage.pilot.press("apostrophe")
        await voyage.sees("◆ ann: began")
        await voyage.pilot.press("enter")
        await voyage.sees("note", "ann: began")
        await voyage.pilot.press("escape", "m")
        await voyage.sees("No mark here any more.")
    assert Notes(bob / "notes.jsonl", FrozenClock(NOW)).marks() == ()


async def test_escape_ends_a_hand_over_that_takes_long_and_a_wrong_time_begins_none() -> None:
    account, platform = scripted(service("api"))
    platform.history_gate = asyncio.Event()
    async with running(account) as (app, pilot):
        await sees(pilot, "api")
        await pilot.press("H", *"soon", "enter")
        await sees(pilot, "'soon' is not a time")
        await pilot.press("H", "enter")
        await sees(pilot, "Hand-over: Deployments: 0 of 1 services", "esc ends it")
        await pilot.press("escape")
        await sees(pilot, "No hand-over was written.")
        assert not app.board.ends_handover()
