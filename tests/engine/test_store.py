from __future__ import annotations

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.clocks import START
from tests.engine.world import LOST, deployment, ref, service
from tui.engine.store import AccountState, Phase, Store
from tui.model.entities import Deployment, Kind, Page, Service, Snapshot, Step
from tui.model.status import Status


def store(*names: str) -> Store:
    return Store([AccountState(name, "fake", "Fake", 10.0) for name in names or ("prod",)])


def snapshot(*services: Service, account: str = "prod", at_s: float = 0) -> Snapshot:
    return Snapshot(account, START + timedelta(seconds=at_s), services=services)


API = ref(Kind.SERVICE, "api")


def ids(shown: Store) -> list[str]:
    timeline = shown.timeline(API)
    assert timeline is not None
    return [each.id for each in timeline.deployments]


def many(count: int, *, first: int = 0) -> list[Deployment]:
    return [deployment(f"d{n}", Status.REMOVED, minutes_ago=n) for n in range(first, first + count)]


def test_an_equal_snapshot_moves_the_heartbeat_only() -> None:
    shown = store()
    shown.put(snapshot(service()))
    version, heartbeat = shown.version, shown.heartbeat
    shown.put(snapshot(service(), at_s=10))
    assert (shown.version, shown.heartbeat) == (version, heartbeat + 1)
    assert shown.accounts["prod"].age_s(START + timedelta(seconds=12)) == 2
    assert shown.service(API) is shown.services()[0]


def test_a_changed_snapshot_moves_the_version() -> None:
    shown = store()
    shown.put(snapshot(service(latest=deployment("d1", Status.BUILDING))))
    version = shown.version
    shown.put(snapshot(service(latest=deployment("d1", Status.LIVE))))
    assert shown.version == version + 1


def test_a_success_after_a_failure_is_visible_though_the_picture_is_equal() -> None:
    shown = store()
    shown.put(snapshot(service()))
    shown.fail("prod", LOST, at=START, next_try_at=None)
    version = shown.version
    shown.put(snapshot(service(), at_s=10))
    assert shown.version == version + 1
    assert shown.accounts["prod"].error is None


def test_a_confirmed_picture_is_visible_though_it_equals_the_kept_one() -> None:
    shown = store()
    shown.put(snapshot(service()), from_cache=True)
    version = shown.version
    shown.put(snapshot(service(), at_s=10))
    assert shown.version == version + 1
    assert not shown.accounts["prod"].from_cache


def test_the_phases_of_an_account() -> None:
    shown = store()
    now = START + timedelta(seconds=5)

    def phase() -> Phase:
        return shown.accounts["prod"].phase(now)

    assert phase() is Phase.LOADING
    shown.fail("prod", LOST, at=START, next_try_at=None)
    assert phase() is Phase.FAILED
    shown.put(snapshot(service()), from_cache=True)
    assert phase() is Phase.STALE
    shown.put(snapshot(service()))
    assert phase() is Phase.FRESH
    shown.fail("prod", LOST, at=START, next_try_at=None)
    assert phase() is Phase.STALE
    assert shown.service(API) is not None


@pytest.mark.parametrize(("poll_s", "old_s"), [(10.0, 60.0), (36.0, 108.0)])
def test_a_picture_grows_stale_after_three_intervals_and_not_before_a_minute(poll_s: float, old_s: float) -> None:
    shown = store()
    shown.put(snapshot(service()))
    shown.put_interval("prod", poll_s)
    state = shown.accounts["prod"]
    assert state.phase(START + timedelta(seconds=old_s)) is Phase.FRESH
    assert state.phase(START + timedelta(seconds=old_s + 1)) is Phase.STALE


def test_services_are_ordered_by_account_as_configured_then_project_environment_and_name() -> None:
    shown = store("zulu", "alpha")
    shown.put(snapshot(service("web", account="alpha"), account="alpha"))
    shown.put(
        snapshot(
            service("worker", account="zulu"),
            service("API", account="zulu"),
            service("api", account="zulu", environment="Alpha"),
            service("z", account="zulu", project="auth"),
            account="zulu",
        )
    )
    assert [each.path for each in shown.services()] == [
        "zulu/auth/production/z",
        "zulu/shop/Alpha/api",
        "zulu/shop/production/API",
        "zulu/shop/production/worker",
        "alpha/shop/production/web",
    ]


def test_before_its_first_page_a_timeline_shows_what_the_snapshot_tells() -> None:
    shown = store()
    assert shown.timeline(API) is None
    live = deployment("old", minutes_ago=90, is_live=True)
    shown.put(snapshot(service(latest=deployment("new", Status.BUILDING, minutes_ago=1), live=live)))
    assert ids(shown) == ["new", "old"]
    timeline = shown.timeline(API)
    assert timeline is not None
    assert timeline.observed_at is None


def test_a_newer_snapshot_wins_over_the_page_and_names_the_one_that_serves() -> None:
    shown = store()
    old = deployment("d1", minutes_ago=90, is_live=True)
    shown.put(snapshot(service(latest=old, live=old)))
    shown.put_page(API, Page((old,)), before=None, at=START)
    new = deployment("d2", minutes_ago=0, is_live=True)
    shown.put(snapshot(service(latest=new, live=new), at_s=10))
    timeline = shown.timeline(API)
    assert timeline is not None
    assert [(each.id, each.is_live) for each in timeline.deployments] == [("d2", True), ("d1", False)]


def test_a_newer_page_wins_over_the_snapshot() -> None:
    shown = store()
    shown.put(snapshot(service(latest=deployment("d1", Status.BUILDING))))
    shown.put_page(API, Page((deployment("d1", Status.FAILED),)), before=None, at=START)
    timeline = shown.timeline(API)
    assert timeline is not None
    assert [each.status for each in timeline.deployments] == [Status.FAILED]


def test_older_pages_are_added_and_the_newest_page_read_again_keeps_them() -> None:
    shown = store()
    shown.put(snapshot(service()))
    everything = many(6)
    shown.put_page(API, Page(tuple(everything[:2]), "2"), before=None, at=START)
    shown.put_page(API, Page(tuple(everything[2:4]), "4"), before="2", at=START)
    assert ids(shown) == ["d0", "d1", "d2", "d3"]
    shown.put_page(API, Page((deployment("new", minutes_ago=-1), everything[0]), "2"), before=None, at=START)
    assert ids(shown) == ["new", "d0", "d1", "d2", "d3"]
    timeline = shown.timeline(API)
    assert timeline is not None
    assert timeline.next == "4"


def test_rows_that_could_not_be_read_are_kept_with_the_pages_they_belong_to() -> None:
    shown = store()
    shown.put(snapshot(service()))
    everything = many(6)

    def problems() -> tuple[str, ...]:
        timeline = shown.timeline(API)
        assert timeline is not None
        return timeline.problems

    assert problems() == ()
    shown.put_page(API, Page(tuple(everything[:2]), "2", ("1 row is odd.",)), before=None, at=START)
    assert problems() == ("1 row is odd.",)
    shown.put_page(API, Page(tuple(everything[:2]), "2"), before=None, at=START)
    assert problems() == (), "the newest page replaces what it said before"
    shown.put_page(API, Page(tuple(everything[2:4]), "4", ("2 rows are odd.",)), before="2", at=START)
    shown.put_page(API, Page(tuple(everything[:2]), "2"), before=None, at=START)
    assert problems() == ("2 rows are odd.",), "the older page is shown still"


def test_what_the_platform_no_longer_lists_goes() -> None:
    shown = store()
    shown.put(snapshot(service()))
    shown.put_page(API, Page(tuple(many(3))), before=None, at=START)
    shown.put_page(API, Page((deployment("d0", Status.REMOVED, minutes_ago=0),)), before=None, at=START)
    assert ids(shown) == ["d0"]


def test_so_much_news_that_pages_no_longer_meet_begins_the_list_anew() -> None:
    shown = store()
    shown.put(snapshot(service()))
    shown.put_page(API, Page(tuple(many(2, first=10)), "2"), before=None, at=START)
    shown.put_page(API, Page(tuple(many(2, first=12)), "4"), before="2", at=START)
    shown.put_page(API, Page(tuple(many(2)), "2"), before=None, at=START)
    assert ids(shown) == ["d0", "d1"]
    timeline = shown.timeline(API)
    assert timeline is not None
    assert timeline.next == "2"


def test_a_live_deployment_far_down_the_list_is_shown_without_claiming_the_ones_between() -> None:
    shown = store()
    live = deployment("live", minutes_ago=9000, is_live=True)
    shown.put(snapshot(service(latest=many(1)[0], live=live)))
    shown.put_page(API, Page(tuple(many(2)), "2"), before=None, at=START)
    assert ids(shown) == ["d0", "d1", "live"]
    timeline = shown.timeline(API)
    assert timeline is not None
    assert timeline.next == "2"


def test_one_deployment_read_by_itself_is_shown_on_the_row_too() -> None:
    shown = store()
    building = deployment("d1", Status.BUILDING)
    shown.put(snapshot(service(latest=building)))
    shown.put_deployment(replace(building, status=Status.DEPLOYING))
    row = shown.service(API)
    assert row is not None
    assert row.latest is not None
    assert row.latest.status is Status.DEPLOYING
    version = shown.version
    shown.put_deployment(replace(building, status=Status.DEPLOYING))
    assert shown.version == version


def test_steps_are_kept_beside_their_deployment_and_bounded() -> None:
    shown = store()
    shown.put(snapshot(service()))
    for each in many(30):
        shown.put_steps(each, (Step("build", Status.LIVE),))
    timeline = shown.timeline(API)
    assert timeline is not None
    assert len(timeline.steps) == 20
    assert many(30)[-1].ref in timeline.steps


def test_watchers_are_called_until_they_unwatch() -> None:
    shown = store()
    calls: list[int] = []
    unwatch = shown.watch(lambda: calls.append(shown.version))
    shown.put(snapshot(service()))
    shown.touch()
    unwatch()
    unwatch()
    shown.touch()
    assert calls == [1, 2]


def test_timelines_are_bounded_and_the_longest_unused_goes() -> None:
    shown = store()
    shown.put(snapshot(*(service(f"s{n}") for n in range(150))))
    for n in range(150):
        shown.put_page(ref(Kind.SERVICE, f"s{n}"), Page((deployment(f"d{n}", of=f"s{n}"),)), before=None, at=START)
    first, last = shown.timeline(ref(Kind.SERVICE, "s0")), shown.timeline(ref(Kind.SERVICE, "s149"))
    assert first is not None
    assert last is not None
    assert first.observed_at is None
    assert last.observed_at == START
