from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from tests.clocks import START, FakeClock
from tui.engine.budget import ROLLS_AFTER, Budget, counted
from tui.model.errors import RateLimited
from tui.model.provider import PRIORITY, Polling, Priority

BURST = Polling().burst


def known(clock: FakeClock, *, limit: int = 1000, remaining: int = 1000, resets_in_s: float = 3600) -> Budget:
    budget = Budget("prod", clock)
    budget.observe(limit=limit, remaining=remaining, resets_at=clock.now() + timedelta(seconds=resets_in_s))
    return budget


async def spend(budget: Budget, priority: Priority, times: int = 1) -> None:
    token = PRIORITY.set(priority)
    try:
        for _ in range(times):
            await budget.spend()
    finally:
        PRIORITY.reset(token)


async def test_where_nothing_is_told_two_requests_a_second_go_out_after_a_first_burst() -> None:
    clock = FakeClock()
    budget = Budget("prod", clock)
    async with asyncio.TaskGroup() as group:
        group.create_task(spend(budget, Priority.BACKGROUND, 1000))
        await clock.settle()
        assert budget.view().spent == BURST
        await clock.advance(10)
        assert budget.view().spent == BURST + 20
        await clock.advance(600)
    view = budget.view()
    assert (view.limit, view.remaining, view.resets_at) == (None, None, None)


async def test_the_view_tells_what_the_headers_said_less_what_was_spent_since() -> None:
    clock = FakeClock()
    budget = known(clock, remaining=700)
    await spend(budget, Priority.FOCUSED, 3)
    view = budget.view()
    assert (view.limit, view.remaining, view.spent) == (1000, 697, 3)
    assert view.resets_at == START + timedelta(hours=1)


@pytest.mark.parametrize("priority", [Priority.BACKGROUND, Priority.VISIBLE, Priority.FOCUSED])
async def test_the_last_tenth_is_kept_for_actions(priority: Priority) -> None:
    clock = FakeClock()
    budget = known(clock, remaining=100, resets_in_s=600)
    with pytest.raises(RateLimited) as refused:
        await spend(budget, priority)
    assert refused.value.retry_at == START + timedelta(seconds=600) + ROLLS_AFTER
    assert "100 of 1000" in refused.value.message
    await spend(budget, Priority.ACTION, 50)
    assert budget.view().remaining == 50


async def test_after_the_reset_the_window_is_full_again() -> None:
    clock = FakeClock()
    budget = known(clock, remaining=50, resets_in_s=600)
    await clock.advance(600 + ROLLS_AFTER.total_seconds())
    await spend(budget, Priority.BACKGROUND)
    assert budget.view().remaining == 999


async def test_a_429_stops_everything_but_actions_until_its_time() -> None:
    clock = FakeClock()
    budget = known(clock)
    budget.observe(retry_at=clock.now() + timedelta(seconds=90))
    assert budget.view().retry_at == START + timedelta(seconds=90)
    with pytest.raises(RateLimited) as refused:
        await spend(budget, Priority.FOCUSED)
    assert refused.value.retry_at == START + timedelta(seconds=90)
    await spend(budget, Priority.ACTION)
    await clock.advance(90)
    await spend(budget, Priority.BACKGROUND)
    assert budget.view().retry_at is None


async def test_a_short_pause_is_waited_out_instead_of_refused() -> None:
    clock = FakeClock()
    budget = known(clock)
    budget.observe(retry_at=clock.now() + timedelta(seconds=3))
    async with asyncio.TaskGroup() as group:
        spending = group.create_task(spend(budget, Priority.BACKGROUND))
        await clock.until(spending.done)
    assert clock.monotonic() == pytest.approx(3, abs=0.01)


async def test_the_focused_request_goes_before_those_that_waited_longer() -> None:
    clock = FakeClock()
    budget = Budget("prod", clock)
    await spend(budget, Priority.ACTION, BURST)
    order: list[str] = []

    async def asking(priority: Priority, name: str) -> None:
        await spend(budget, priority)
        order.append(name)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(asking(Priority.BACKGROUND, f"background {number}"))
        await clock.settle()
        group.create_task(asking(Priority.FOCUSED, "focused"))
        await clock.until(lambda: len(order) == 4)
    assert order == ["focused", "background 0", "background 1", "background 2"]


async def test_an_action_never_waits() -> None:
    clock = FakeClock()
    budget = known(clock)
    await spend(budget, Priority.ACTION, 40)
    assert clock.monotonic() == 0


async def test_a_waiter_that_gave_up_is_not_waited_for() -> None:
    clock = FakeClock()
    budget = Budget("prod", clock)
    await spend(budget, Priority.ACTION, BURST)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(spend(budget, Priority.FOCUSED))
        second = group.create_task(spend(budget, Priority.BACKGROUND))
        await clock.settle()
        first.cancel()
        await clock.until(second.done)
    assert clock.monotonic() <= 1.0


async def test_polling_is_stretched_to_half_of_the_window() -> None:
    budget = known(FakeClock())
    assert budget.interval_s(5, at_least=10) == pytest.approx(36)
    assert budget.interval_s(1, at_least=10) == 10
    assert budget.interval_s(0, at_least=10) == 10


async def test_somebody_elses_spending_slows_our_polls() -> None:
    clock = FakeClock()
    budget = known(clock)
    budget.observe(remaining=300)
    assert budget.interval_s(5, at_least=10) == pytest.approx(36 * 900 / 200)


async def test_below_the_reserve_polling_waits_for_the_reset() -> None:
    budget = known(FakeClock(), remaining=90, resets_in_s=1200)
    assert budget.interval_s(5, at_least=10) == 1200 + ROLLS_AFTER.total_seconds()


async def test_requests_are_counted_where_they_are_made() -> None:
    clock = FakeClock()
    budget = known(clock)
    with counted() as tally:
        await spend(budget, Priority.FOCUSED, 3)
    await spend(budget, Priority.FOCUSED)
    assert tally.requests == 3


async def test_a_reset_without_a_time_is_assumed_an_hour_later() -> None:
    clock = FakeClock()
    budget = Budget("prod", clock)
    budget.observe(limit=100, remaining=5)
    assert budget.view().resets_at == START + timedelta(hours=1)
    await clock.advance(3600 + ROLLS_AFTER.total_seconds())
    assert budget.view().remaining == 100


async def test_where_nothing_names_the_reset_one_request_in_five_minutes_asks_how_much_is_left() -> None:
    """A limit shared with others is used up by them, and nobody knows when its hour began."""
    clock = FakeClock()
    budget = Budget("prod", clock)
    budget.observe(limit=1000, remaining=0)
    assert budget.interval_s(3, at_least=20) == 300
    with pytest.raises(RateLimited) as refused:
        await spend(budget, Priority.FOCUSED)
    assert refused.value.retry_at == START + timedelta(minutes=5)
    await clock.advance(300)
    await spend(budget, Priority.BACKGROUND)
    with pytest.raises(RateLimited):
        await spend(budget, Priority.FOCUSED)
    budget.observe(limit=1000, remaining=999)
    await spend(budget, Priority.BACKGROUND, 3)


async def test_a_person_may_break_a_guessed_pause_with_one_request() -> None:
    clock = FakeClock()
    budget = Budget("prod", clock)
    budget.observe(retry_at=START + timedelta(minutes=5), guessed=True)
    with pytest.raises(RateLimited):
        await spend(budget, Priority.FOCUSED)
    budget.allow_probe()
    await spend(budget, Priority.BACKGROUND)
    budget.observe(retry_at=START + timedelta(minutes=5), guessed=True)
    budget.allow_probe()
    with pytest.raises(RateLimited):
        await spend(budget, Priority.FOCUSED)
    await clock.advance(300)
    budget.observe(retry_at=START + timedelta(minutes=15), guessed=True)
    budget.allow_probe()
    await spend(budget, Priority.FOCUSED)


async def test_nobody_breaks_a_pause_whose_end_the_platform_named() -> None:
    budget = Budget("prod", FakeClock())
    budget.observe(retry_at=START + timedelta(minutes=5))
    budget.allow_probe()
    with pytest.raises(RateLimited):
        await spend(budget, Priority.FOCUSED)


async def test_an_answer_ends_a_pause() -> None:
    budget = Budget("prod", FakeClock())
    budget.observe(retry_at=START + timedelta(minutes=5), guessed=True)
    budget.observe(retry_at=START)
    await spend(budget, Priority.BACKGROUND)
    assert budget.view().retry_at is None


async def test_a_limit_that_is_only_assumed_bounds_an_hour_and_is_not_shown() -> None:
    clock = FakeClock()
    budget = Budget("prod", clock)
    budget.suit(Polling(requests_per_hour=1000, burst=50))
    async with asyncio.TaskGroup() as group:
        group.create_task(spend(budget, Priority.BACKGROUND, 50))
        await clock.settle()
        assert budget.view().spent == 50
    assert (budget.view().limit, budget.view().remaining) == (None, None)
    assert budget.interval_s(10, at_least=1) > 60, "ten requests a time are as often as half of the hour's thousand"
    async with asyncio.TaskGroup() as group:
        group.create_task(spend(budget, Priority.BACKGROUND, 850))
        await clock.advance(300)
    with pytest.raises(RateLimited):
        await spend(budget, Priority.BACKGROUND)


async def test_what_a_platform_says_of_its_limit_takes_the_place_of_what_was_assumed() -> None:
    clock = FakeClock()
    budget = Budget("prod", clock)
    budget.suit(Polling(requests_per_hour=1000))
    await spend(budget, Priority.FOCUSED, 5)
    budget.observe(limit=2000, remaining=1700, resets_at=clock.now() + timedelta(seconds=60))
    assert (budget.view().limit, budget.view().remaining) == (2000, 1700)


async def test_a_late_answer_about_the_window_before_says_nothing_of_this_one() -> None:
    clock = FakeClock()
    budget = known(clock, remaining=120, resets_in_s=60)
    await clock.advance(61)
    assert budget.view().remaining == 1000
    budget.observe(limit=1000, remaining=99, resets_at=START + timedelta(seconds=60))
    assert budget.view().remaining == 1000
    await spend(budget, Priority.BACKGROUND)


@pytest.mark.parametrize("priority", [Priority.VISIBLE, Priority.FOCUSED])
async def test_where_a_poller_runs_its_share_of_what_is_left_is_not_spent_on_looking(priority: Priority) -> None:
    clock = FakeClock()
    budget = known(clock, remaining=500, resets_in_s=1800)
    budget.keeps_for_polls = True
    budget.observe(remaining=323)  # 100 for actions, five ninths of the other 400 for half an hour of polls, and one
    await spend(budget, priority)
    budget.observe(remaining=320)
    with pytest.raises(RateLimited, match="kept for the snapshots") as refused:
        await spend(budget, priority)
    assert START < refused.value.retry_at < START + timedelta(seconds=30)
    await spend(budget, Priority.BACKGROUND, 2)
    await spend(budget, Priority.ACTION, 2)
    await clock.advance(60)
    await spend(budget, priority)


async def test_without_a_poller_nothing_is_kept_for_it() -> None:
    clock = FakeClock()
    budget = known(clock, remaining=200, resets_in_s=3600)
    await spend(budget, Priority.FOCUSED, 5)
