from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.engine.world import LOST, World, deployment, line, service
from tui.engine.store import Timeline
from tui.model.entities import Deployment, Kind, Ref, Step
from tui.model.errors import Forbidden, NotFound, RateLimited
from tui.model.provider import Priority
from tui.model.status import Status

API = Ref("prod", Kind.SERVICE, "api")
LIVE = deployment("d1", minutes_ago=60, is_live=True)


def timeline(world: World, ref: Ref = API) -> Timeline:
    found = world.engine.store.timeline(ref)
    assert found is not None
    return found


def first(world: World) -> Deployment:
    return timeline(world).deployments[0]


async def focused(world: World, *deployments: Deployment) -> None:
    world.platform.put(*(deployments or (LIVE,)))
    world.engine.start()
    await world.clock.until(lambda: world.engine.store.services())
    world.engine.focus(API)
    await world.clock.advance(0.2)


async def test_the_focused_services_timeline_is_loaded_before_the_background() -> None:
    world = World()
    async with world.engine:
        await focused(world, LIVE, deployment("d0", Status.REMOVED, minutes_ago=90))
        assert [each.id for each in timeline(world).deployments] == ["d1", "d0"]
        assert timeline(world).observed_at is not None
        assert not timeline(world).loading
        [request] = [each for each in world.platform.requests if each.what == "deployments"]
        assert request.priority is Priority.FOCUSED


async def test_running_down_the_list_spends_one_request_and_not_one_a_row() -> None:
    world = World()
    world.platform.services = [service("api"), *(service(f"s{n}") for n in range(30))]
    async with world.engine as engine:
        engine.start()
        await world.clock.until(lambda: engine.store.services())
        for each in engine.store.services():
            engine.focus(each.ref)
            await world.clock.advance(0.03)
        await world.clock.advance(1)
    assert world.platform.count("deployments") == 1


async def test_a_timeline_seen_a_moment_ago_is_not_loaded_again_and_an_old_one_is() -> None:
    world = World()
    world.platform.services = [service("api"), service("web")]
    web = Ref("prod", Kind.SERVICE, "web")
    async with world.engine as engine:
        await focused(world)
        engine.focus(web)
        await world.clock.advance(5)
        engine.focus(API)
        await world.clock.advance(5)
        assert world.platform.count("deployments") == 2
        engine.focus(web)
        await world.clock.advance(40)
        engine.focus(API)
        await world.clock.advance(5)
        assert world.platform.count("deployments") == 3


async def test_a_deployment_that_the_snapshot_shows_is_in_the_timeline_soon() -> None:
    world = World()
    async with world.engine:
        await focused(world)
        pushed = deployment("d2", Status.FAILED, minutes_ago=0)
        world.platform.put(pushed, LIVE)
        await world.clock.advance(11)
        assert [each.id for each in timeline(world).deployments] == ["d2", "d1"]
        assert world.platform.count("deployments") == 2


async def test_without_news_the_timeline_is_not_loaded_again() -> None:
    world = World()
    async with world.engine:
        await focused(world)
        await world.clock.advance(600)
        assert world.platform.count("deployments") == 1


async def test_a_failed_load_keeps_the_list_and_is_tried_again() -> None:
    world = World()
    async with world.engine:
        await focused(world)
        world.platform.errors["deployments"] = [LOST, LOST]
        world.platform.put(deployment("d2", minutes_ago=0, is_live=True), LIVE)
        await world.clock.until(lambda: timeline(world).error is LOST)
        assert LIVE.id in [each.id for each in timeline(world).deployments]
        assert not timeline(world).loading
        await world.clock.until(lambda: timeline(world).error is None)
        assert first(world).id == "d2"


async def test_a_load_that_went_well_begins_the_waits_anew() -> None:
    world = World()
    world.platform.errors["deployments"] = [LOST] * 7
    async with world.engine:
        await focused(world)
        await world.clock.until(lambda: timeline(world).observed_at is not None)
        world.platform.errors["deployments"] = [LOST]
        world.platform.put(deployment("d2", minutes_ago=0, is_live=True), LIVE)
        await world.clock.until(lambda: timeline(world).error is LOST)
        failed_at = world.clock.monotonic()
        await world.clock.until(lambda: timeline(world).error is None)
        assert world.clock.monotonic() - failed_at <= 2


async def test_a_rate_limited_load_waits_for_its_time() -> None:
    world = World()
    until = world.clock.now().replace(minute=5)
    world.platform.errors["deployments"] = [RateLimited("Later.", retry_at=until)]
    async with world.engine:
        await focused(world)
        await world.clock.until(lambda: timeline(world).error is None)
        assert world.clock.now() >= until


async def test_older_pages_are_loaded_when_asked_for() -> None:
    world = World()
    world.platform.page_size = 3
    many = [deployment(f"d{n}", Status.REMOVED, minutes_ago=n) for n in range(8)]
    async with world.engine as engine:
        await focused(world, *many)
        for shown in (6, 8, 8):
            engine.more(API)
            engine.more(API)
            await world.clock.settle()
            assert len(timeline(world).deployments) == shown
        assert timeline(world).next is None
        assert world.platform.count("deployments") == 3


async def test_steps_of_a_deployment_in_flight_are_read_whenever_the_platform_tells_of_a_change() -> None:
    world = World()
    world.platform.can_watch = True
    building = deployment("d2", Status.BUILDING, minutes_ago=0)
    async with world.engine:
        await focused(world, building, LIVE)
        assert world.platform.count("steps") == 1
        [watch] = world.platform.watches
        world.platform.step_lists[building.ref] = (Step("build", Status.BUILDING),)
        for _ in range(50):
            watch.send(line(""))
        await world.clock.advance(2)
        assert world.platform.count("steps") == 2, "a burst of changes is one reading"
        assert timeline(world).steps[building.ref] == (Step("build", Status.BUILDING),)


async def test_where_the_platform_cannot_tell_the_steps_are_polled() -> None:
    world = World()
    building = deployment("d2", Status.BUILDING, minutes_ago=0)
    async with world.engine:
        await focused(world, building, LIVE)
        await world.clock.advance(1.5)
        assert world.platform.count("steps") == 1
        await world.clock.advance(10)
        assert 4 <= world.platform.count("steps") <= 7


async def test_a_watch_that_breaks_falls_back_to_polling() -> None:
    world = World()
    world.platform.can_watch = True
    async with world.engine:
        await focused(world, deployment("d2", Status.BUILDING, minutes_ago=0), LIVE)
        world.platform.watches[0].fail(LOST)
        await world.clock.advance(10)
        assert world.platform.count("steps") >= 4
        assert timeline(world).error is None


async def test_when_it_settles_the_board_is_read_again_and_the_watch_ends() -> None:
    world = World()
    world.platform.can_watch = True
    building = deployment("d2", Status.DEPLOYING, minutes_ago=0)
    async with world.engine:
        await focused(world, building, LIVE)
        await world.clock.advance(1)
        polls = world.platform.count("snapshot")
        world.platform.put(replace(building, status=Status.LIVE, is_live=True), replace(LIVE, is_live=False))
        world.platform.watches[0].send(line(""))
        await world.clock.advance(1.5)
        assert first(world).status is Status.LIVE
        assert world.platform.count("snapshot") == polls + 1
        assert world.platform.watches[0].closed


async def test_a_newer_deployment_in_flight_takes_the_place_of_the_older() -> None:
    world = World()
    world.platform.can_watch = True
    old = deployment("d2", Status.BUILDING, minutes_ago=1)
    async with world.engine:
        await focused(world, old, LIVE)
        world.platform.put(deployment("d3", Status.QUEUED, minutes_ago=0), old, LIVE)
        await world.clock.until(lambda: len(world.platform.watches) == 2, within_s=8)


async def test_looking_away_ends_the_reading() -> None:
    world = World()
    world.platform.can_watch = True
    async with world.engine as engine:
        await focused(world, deployment("d2", Status.BUILDING, minutes_ago=0), LIVE)
        engine.focus(None)
        await world.clock.advance(1)
        assert world.platform.watches[0].closed
        steps = world.platform.count("steps")
        await world.clock.advance(600)
        assert world.platform.count("steps") == steps


async def test_the_steps_of_a_failed_one_are_read_once_so_that_it_is_seen_where_it_failed() -> None:
    world = World()
    failed = deployment("d2", Status.FAILED, minutes_ago=3)
    world.platform.step_lists[failed.ref] = (Step("build", Status.FAILED, error="exit 1"),)
    async with world.engine:
        await focused(world, failed, LIVE)
        await world.clock.advance(300)
        assert timeline(world).steps[failed.ref][0].error == "exit 1"
        assert world.platform.count("steps") == 1


async def test_the_steps_of_any_deployment_can_be_asked_for() -> None:
    world = World()
    world.platform.step_lists[LIVE.ref] = (Step("build", Status.LIVE),)
    async with world.engine as engine:
        await focused(world)
        engine.steps(LIVE.ref)
        await world.clock.settle()
        assert timeline(world).steps == {LIVE.ref: (Step("build", Status.LIVE),)}


async def test_each_account_is_told_which_of_its_services_is_looked_at() -> None:
    world = World("prod", "other")
    async with world.engine as engine:
        await focused(world)
        await world.clock.advance(15)
        engine.focus(None)
        await world.clock.advance(1)
    assert world.platforms["prod"].focused == [None, API, None]
    assert world.platforms["other"].focused == [None]


async def test_steps_that_cannot_be_read_are_not_asked_for_in_a_storm() -> None:
    world = World()
    async with world.engine as engine:
        world.platform.errors["steps"] = [NotFound("There is no such pipeline.") for _ in range(50)]
        await focused(world, deployment("d2", Status.FAILED, minutes_ago=1), LIVE)
        await world.clock.advance(600)
        assert 1 <= world.platform.count("steps") <= 3
        engine.refresh()
        await world.clock.advance(20)
        assert world.platform.count("steps") <= 4, "somebody asked for it now"


@pytest.mark.parametrize("what", ["steps", "deployment", "deployments"])
async def test_what_fails_again_and_again_backs_off(what: str) -> None:
    world = World()
    async with world.engine:
        world.platform.errors[what] = [LOST for _ in range(1000)]
        await focused(world, deployment("d2", Status.BUILDING, minutes_ago=1), LIVE)
        await world.clock.advance(600)
        assert 5 <= world.platform.count(what) <= 45


async def test_steps_that_cannot_be_read_do_not_hide_what_becomes_of_the_deployment() -> None:
    world = World()
    async with world.engine:
        world.platform.errors["steps"] = [Forbidden("Not with this token.") for _ in range(50)]
        moving = deployment("d2", Status.BUILDING, minutes_ago=1)
        await focused(world, moving, LIVE)
        await world.clock.advance(30)
        world.platform.put(replace(moving, status=Status.LIVE, is_live=True), LIVE)
        await world.clock.until(lambda: first(world).status is Status.LIVE, within_s=30)
