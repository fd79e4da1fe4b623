"""Reading back, in the background, what the timelines of every service were."""

from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.clocks import START
from tests.engine.world import LOST, World, deployment, service
from tui.engine import history as history_module
from tui.engine.history import EVER
from tui.model.entities import Deployment, Kind, Ref
from tui.model.errors import Forbidden, NotFound, RateLimited, Unauthorized
from tui.model.provider import Priority
from tui.model.status import Status

API = Ref("prod", Kind.SERVICE, "api")
WEB = Ref("prod", Kind.SERVICE, "web")
HOUR = timedelta(hours=1)


def past(of: str, number: int, *, hours_apart: float = 1.0) -> list[Deployment]:
    """Newest first, the newest live."""
    return [
        deployment(
            f"{of}-{number - n}",
            Status.LIVE if n == 0 else Status.REMOVED,
            of=of,
            minutes_ago=60 * hours_apart * (n + 1),
            is_live=n == 0,
        )
        for n in range(number)
    ]


def ids(world: World, ref: Ref = API) -> list[str]:
    return [each.id for each in world.engine.history.deployments(ref)]


async def started(world: World) -> None:
    world.engine.start()
    services = sum(len(each.services) for each in world.platforms.values())
    await world.clock.until(lambda: len(world.engine.store.services()) == services)


async def test_every_service_is_read_back_in_pages_at_background_priority() -> None:
    world = World()
    world.platform.services = [service("api"), service("web")]
    world.platform.page_size = 5
    world.platform.put(*past("api", 12))
    world.platform.put(*past("web", 3))
    async with world.engine as engine:
        await started(world)
        assert engine.history.since(API) == START - HOUR, "of the newest one"
        engine.history.want(START - 8 * HOUR)
        assert engine.history.reading
        await world.clock.until(lambda: engine.history.progress == (2, 2))
        assert not engine.history.reading
        assert ids(world) == [f"api-{n}" for n in range(12, 2, -1)], "two pages, and no third"
        assert engine.history.since(API) == START - 10 * HOUR
        assert engine.history.since(WEB) == EVER
        reads = [each for each in world.platform.requests if each.what == "deployments"]
        assert len(reads) == 3
        assert {each.priority for each in reads} == {Priority.BACKGROUND}
        engine.history.want(START - 8 * HOUR)
        await world.clock.advance(300)
        assert world.platform.count("deployments") == 3, "nothing is read twice"
        engine.history.want(EVER)
        await world.clock.until(lambda: engine.history.since(API) == EVER)
        assert len(ids(world)) == 12
        assert world.platform.count("deployments") == 4


async def test_a_service_that_did_not_change_since_is_not_read() -> None:
    world = World()
    world.platform.services = [service("api"), service("web")]
    world.platform.put(*past("api", 3, hours_apart=50))
    world.platform.put(*past("web", 3))
    async with world.engine as engine:
        await started(world)
        engine.history.want(START - 24 * HOUR)
        await world.clock.until(lambda: engine.history.progress == (2, 2))
        await world.clock.advance(100)
        assert world.platform.count("deployments") == 1
        assert ids(world) == ["api-3"]
        assert engine.history.since(WEB) == EVER
        engine.history.want(START - 60 * HOUR)
        await world.clock.until(lambda: len(ids(world)) == 3)


async def test_what_the_pages_before_told_and_what_a_snapshot_tells_are_one_list() -> None:
    world = World()
    world.platform.put(*past("api", 3))
    async with world.engine as engine:
        await started(world)
        assert ids(world) == ["api-3"], "before anything was read, what the snapshot tells"
        engine.history.want(START - 2 * HOUR)
        await world.clock.until(lambda: len(ids(world)) == 3)
        version, before = engine.history.version, engine.history.deployments(API)
        assert engine.history.deployments(API) is before
        new = deployment("api-4", Status.BUILDING, minutes_ago=0)
        world.platform.put(new, *past("api", 3))
        await world.clock.until(lambda: ids(world)[0] == "api-4")
        assert engine.history.version > version
        live = replace(new, status=Status.LIVE, is_live=True)
        world.platform.put(live, *past("api", 3))
        await world.clock.until(lambda: engine.history.deployments(API)[0].is_live)
        assert [each.id for each in engine.history.deployments(API) if each.is_live] == ["api-4"]


async def test_what_passed_between_two_snapshots_is_read_when_somebody_asks_again() -> None:
    world = World()
    world.platform.put(*past("api", 3))
    async with world.engine as engine:
        await started(world)
        engine.history.want(START - 2 * HOUR)
        await world.clock.until(lambda: len(ids(world)) == 3)
        await world.clock.advance(100)
        missed = deployment("api-4", Status.FAILED, minutes_ago=-1)
        world.platform.put(deployment("api-5", minutes_ago=-2, is_live=True), missed, *past("api", 3)[1:])
        await world.clock.until(lambda: "api-5" in ids(world))
        await world.clock.advance(200)
        assert "api-4" not in ids(world)
        engine.history.want(START - 2 * HOUR)
        await world.clock.until(lambda: "api-4" in ids(world))
        assert world.platform.count("deployments") == 2


async def test_what_was_queued_under_another_id_does_not_stay() -> None:
    world = World()
    queued = deployment("job@1", Status.QUEUED, minutes_ago=1)
    world.platform.put(queued, *past("api", 2))
    async with world.engine:
        await started(world)
        assert "job@1" in ids(world)
        world.platform.put(deployment("row", Status.BUILDING, minutes_ago=0), *past("api", 2))
        await world.clock.until(lambda: "row" in ids(world))
        assert ids(world) == ["row", "api-2"]


async def test_the_timeline_somebody_looks_at_is_not_read_again() -> None:
    world = World()
    world.platform.put(*past("api", 3))
    async with world.engine as engine:
        await started(world)
        engine.focus(API)
        await world.clock.until(lambda: world.platform.count("deployments") == 1)
        engine.history.want(START - 2 * HOUR)
        await world.clock.until(lambda: engine.history.progress == (1, 1))
        assert world.platform.count("deployments") == 1


async def test_a_timeline_is_lent_what_was_read_back() -> None:
    world = World()
    world.platform.page_size = 5
    world.platform.put(*past("api", 12))
    async with world.engine as engine:
        await started(world)
        engine.history.want(EVER)
        await world.clock.until(lambda: engine.history.progress == (1, 1))
        engine.history.lend(API)
        timeline = engine.store.timeline(API)
        assert timeline is not None
        assert [each.id for each in timeline.deployments] == ids(world)
        assert timeline.next is None


async def test_one_service_that_may_not_be_read_does_not_hide_the_others() -> None:
    world = World()
    world.platform.services = [service("api"), service("web")]
    world.platform.put(*past("api", 3))
    world.platform.put(*past("web", 3))
    world.platform.errors["deployments"] = [Forbidden("This token may not read them.")]
    async with world.engine as engine:
        await started(world)
        engine.history.want(START - 2 * HOUR)
        await world.clock.until(lambda: engine.history.progress == (1, 2))
        [(ref, error)] = engine.history.problems.items()
        assert isinstance(error, Forbidden)
        await world.clock.advance(30)
        engine.history.want(START - 2 * HOUR)
        await world.clock.advance(5)
        assert engine.history.problems, "not asked again so soon"
        await world.clock.advance(60)
        engine.history.want(START - 2 * HOUR)
        await world.clock.until(lambda: engine.history.progress == (2, 2))
        assert not engine.history.problems
        assert len(ids(world, ref)) == 3


async def test_a_platform_that_does_not_answer_is_left_alone_after_some_tries() -> None:
    world = World("prod", "other")
    world.platform.services = [service(f"s{n}") for n in range(20)]
    world.platforms["other"].services = [service("web", account="other")]
    world.platform.errors["deployments"] = [LOST] * 100
    async with world.engine as engine:
        await started(world)
        engine.history.want(START - HOUR)
        await world.clock.advance(600)
        assert world.platform.count("deployments") == history_module.FAILURES
        assert engine.history.progress == (1, 21), "the other account is read"
        assert not engine.history.reading
        world.platform.errors["deployments"] = []
        engine.refresh()
        await world.clock.until(lambda: engine.history.progress == (21, 21))


async def test_a_refused_credential_stops_the_account_till_a_refresh() -> None:
    world = World()
    world.platform.errors["deployments"] = [Unauthorized("The token is no good.")]
    async with world.engine as engine:
        await started(world)
        engine.history.want(START - HOUR)
        await world.clock.advance(300)
        engine.history.want(START - HOUR)
        await world.clock.advance(300)
        assert world.platform.count("deployments") == 1
        engine.refresh("prod")
        await world.clock.until(lambda: engine.history.progress == (1, 1))


async def test_a_pause_that_the_platform_asks_for_is_kept_and_then_it_goes_on_by_itself() -> None:
    world = World()
    world.platform.put(*past("api", 3))
    async with world.engine as engine:
        await started(world)
        began = world.clock.monotonic()
        retry_at = world.clock.now() + timedelta(seconds=90)
        world.platform.errors["deployments"] = [RateLimited("Slower.", retry_at=retry_at)]
        engine.history.want(START - 2 * HOUR)
        await world.clock.until(lambda: engine.history.problems)
        engine.history.want(START - 2 * HOUR)
        await world.clock.until(lambda: engine.history.progress == (1, 1))
        assert world.clock.monotonic() - began >= 90


async def test_no_more_is_kept_than_there_is_room_for() -> None:
    world = World()
    world.platform.page_size = 2
    world.platform.put(*past("api", 2 * history_module.PAGES + 10))
    async with world.engine as engine:
        await started(world)
        engine.history.want(EVER)
        await world.clock.until(lambda: not engine.history.reading)
        assert len(ids(world)) == 2 * history_module.PAGES
        assert engine.history.progress == (0, 1), "not all of it, and it says so"


async def test_what_comes_for_days_pushes_out_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "HELD", 10)
    world = World()
    world.platform.put(*past("api", 8))
    async with world.engine as engine:
        await started(world)
        engine.history.want(EVER)
        await world.clock.until(lambda: engine.history.since(API) == EVER)
        later = [deployment(f"n-{n}", Status.REMOVED, minutes_ago=-n) for n in range(1, 6)]
        world.platform.put(*later[::-1], *past("api", 8))
        await world.clock.until(lambda: len(ids(world)) == 10)
        assert ids(world)[:5] == [f"n-{n}" for n in range(5, 0, -1)]
        assert engine.history.since(API) == START - 5 * HOUR, "no longer all of it"
        await world.clock.advance(100)
        assert not engine.history.reading


async def test_a_service_that_is_gone_keeps_its_deployments_under_its_last_name() -> None:
    world = World()
    world.platform.services = [service("api"), service("web")]
    world.platform.put(*past("api", 3))
    world.platform.put(*past("web", 2))
    async with world.engine as engine:
        await started(world)
        engine.history.want(START - 2 * HOUR)
        await world.clock.until(lambda: engine.history.progress == (2, 2))
        world.platform.services = [replace(world.platform.services[0], name="api-v2")]
        await world.clock.until(lambda: engine.history.gone(WEB))
        assert ids(world, WEB) == ["web-2", "web-1"]
        assert engine.history.path(WEB) == "prod/shop/production/web"
        assert engine.history.path(API) == "prod/shop/production/api-v2"
        assert not engine.history.gone(API)
        assert engine.history.named("prod/shop/production/api") == API, "by the name it had"
        assert engine.history.progress == (1, 1)


async def test_a_service_that_an_incomplete_picture_lacks_is_not_called_gone() -> None:
    world = World()
    world.platform.services = [service("api"), service("web")]
    world.platform.put(*past("web", 2))
    async with world.engine as engine:
        await started(world)
        world.platform.services = world.platform.services[:1]
        world.platform.problems = ("1 row of the services could not be read.",)
        await world.clock.until(lambda: engine.store.service(WEB) is None)
        assert not engine.history.gone(WEB)
        world.platform.problems = ()
        await world.clock.until(lambda: engine.history.gone(WEB))


async def test_a_service_that_an_incomplete_picture_lacks_is_gone_when_the_platform_says_so() -> None:
    world = World()
    world.platform.services = [service("api"), service("web")]
    world.platform.problems = ("vault is left out: the token may not see it.",)
    async with world.engine as engine:
        await started(world)
        world.platform.services = world.platform.services[:1]
        await world.clock.until(lambda: engine.store.service(WEB) is None)
        world.platform.errors["deployments"] = [NotFound("There is no service web.")] * 2
        engine.history.want(EVER)
        await world.clock.until(lambda: engine.history.gone(WEB))
        assert WEB not in engine.history.problems
        assert not engine.history.gone(API)


async def test_rows_that_could_not_be_read_are_told_of_their_service() -> None:
    world = World()
    world.platform.services = [service("api"), service("web")]
    world.platform.put(*past("api", 3))
    world.platform.odd_rows = ("1 row of the deployments could not be read.",)
    async with world.engine as engine:
        await started(world)
        assert engine.history.odd(API) == ()
        engine.history.want(EVER)
        await world.clock.until(lambda: engine.history.since(API) == EVER)
        assert engine.history.odd(API) == world.platform.odd_rows


async def test_half_of_the_window_is_read_at_once_and_the_rest_as_slowly_as_polls() -> None:
    world = World()
    world.platform.hourly = 400
    world.platform.services = [service(f"s{n}") for n in range(8)]
    world.platform.page_size = 1
    for each in world.platform.services:
        world.platform.put(*past(each.name, 60))
    async with world.engine as engine:
        await started(world)
        engine.history.want(EVER)
        await world.clock.advance(3590)
        assert world.platform.left_at_worst >= 40, "what is kept for actions"
        assert world.platform.count("deployments") > 100
        assert engine.store.accounts["prod"].error is None, "the polls went on"
