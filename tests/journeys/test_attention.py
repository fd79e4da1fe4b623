"""What wants a person, by key, over real HTTP and WebSocket: a rollout judged, its alert acknowledged."""

from __future__ import annotations

import pytest

from tests.journeys.sailing import Voyage, sailing
from tests.screens.running import screen_text
from tui.demo.cast import Fate
from tui.demo.lifecycle import push
from tui.demo.story import frozen_world
from tui.engine.attention import Alert, Trouble
from tui.engine.reviews import Looks
from tui.model.status import Status

SIZES = [(80, 24), (200, 50)]
API = "shop/production/api"


async def _rolls_out(voyage: Voyage, path: str, fate: Fate) -> None:
    """Somebody pushes to a service that is looked at, and it goes live."""
    await voyage.goes_to(path)
    before = voyage.selected.live
    push(voyage.world, voyage.world.service(path), fate)
    await voyage.until(lambda: voyage.selected.live not in (None, before), "the new one live", step_s=1)


def _looks(voyage: Voyage) -> Looks | None:
    live = voyage.selected.live
    review = voyage.app.engine.reviews.of(live.ref) if live else None
    return None if review is None else review.looks


def _evidence(voyage: Voyage) -> tuple[str, ...]:
    live = voyage.selected.live
    review = voyage.app.engine.reviews.of(live.ref) if live else None
    return () if review is None else review.evidence


@pytest.mark.parametrize("size", SIZES)
async def test_a_bad_rollout_rises_to_the_top_with_its_reason_until_it_is_acknowledged(size: tuple[int, int]) -> None:
    async with sailing(frozen_world(platforms=("railway",), calm=True), size=size) as voyage:
        told: list[Alert] = []
        voyage.app.engine.attention.on_event(told.append)
        await _rolls_out(voyage, API, Fate.ERRORS)
        await voyage.sees("▼ W", "worse since", "live worse", step_s=1)
        top = screen_text(voyage.app).splitlines()[1]
        assert top.startswith(" ▼ W")
        assert API in top
        assert [each.path for each in told] == [f"demo/{API}"]
        assert "new error pattern" in told[0].reason
        await voyage.pilot.press("exclamation_mark")
        await voyage.sees("Acknowledged: demo/" + API, "1 acknowledged")
        assert "▼ W" not in screen_text(voyage.app)
        await voyage.pilot.press("exclamation_mark")
        await voyage.sees("acknowledged just now")
        await voyage.pilot.press("2", "enter")
        await voyage.sees("Against the one before  ▼ worse", step_s=2)
        await voyage.until(lambda: "5xx 0" in str(_evidence(voyage)), "requests enough", step_s=2)
        assert len(told) == 1, "once"


async def test_a_good_rollout_looks_fine_and_wants_nobody() -> None:
    async with sailing(frozen_world(platforms=("railway",), calm=True)) as voyage:
        await _rolls_out(voyage, API, Fate.GOOD)
        await voyage.until(lambda: _looks(voyage) is Looks.FINE, "looks fine", step_s=2)
        await voyage.sees("live ✓")
        assert voyage.app.engine.attention.alerts() == ()


async def test_where_there_is_no_log_it_cannot_be_told_and_that_is_said() -> None:
    async with sailing(frozen_world(platforms=("gitlab",), calm=True)) as voyage:
        await _rolls_out(voyage, "payments/production/web", Fate.GOOD)
        await voyage.until(lambda: _looks(voyage), "a judgement", step_s=1)
        await voyage.pilot.press("2", "enter")
        await voyage.sees("can't tell", "no runtime log on GitLab", "no HTTP log on GitLab")


async def test_e_goes_through_them_the_worst_first_also_when_it_is_typed_ahead() -> None:
    async with sailing(frozen_world(platforms=("railway",))) as voyage:
        attention = voyage.app.engine.attention
        await voyage.until(lambda: Trouble.WORSE in [each.trouble for each in attention.alerts()], "the last judgement")
        order = [each.service for each in attention.alerts()]
        await voyage.pilot.press("e", "e", "e")
        assert voyage.app.board.services.selected == order[2]
        await voyage.pilot.press("E", "E", "E")
        assert voyage.app.board.services.selected == order[-1]
        await voyage.sees("more: e goes through them")


async def test_what_fails_while_we_look_is_told_once_and_leaves_when_it_recovers() -> None:
    async with sailing(frozen_world(platforms=("railway",), calm=True)) as voyage:
        told: list[Alert] = []
        voyage.app.engine.attention.on_event(told.append)
        await voyage.goes_to(API)
        push(voyage.world, voyage.world.service(API), Fate.BUILD_FAILS)
        await voyage.sees("✗ F", "the newest deployment failed", step_s=1)
        assert [each.path for each in told] == [f"demo/{API}"]
        push(voyage.world, voyage.world.service(API), Fate.GOOD)
        await voyage.until(
            lambda: voyage.selected.latest and voyage.selected.latest.status is Status.LIVE, "live", step_s=1
        )
        await voyage.until(lambda: not voyage.app.engine.attention.alerts(), "the end of it")
        assert len(told) == 1
