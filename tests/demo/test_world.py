"""The demo world: its opening, how it goes on by itself, and what orders do to it."""

from __future__ import annotations

import itertools

import pytest

from tui.demo import lifecycle
from tui.demo.cast import PEOPLE, Fate
from tui.demo.clock import MINUTE, SECOND, WorldClock
from tui.demo.entities import Deployment, InstanceState, Phase
from tui.demo.flows import tail
from tui.demo.story import FROZEN_AT, frozen_world, new_world
from tui.demo.world import Change, Denied, StatusChanged, World
from tui.demo.writing import set_log_rate

ANA = PEOPLE[0]


def picture(world: World) -> list[object]:
    """Everything that can be seen of it."""
    return [
        (
            one.id,
            one.phase,
            one.stopped,
            one.changed_at,
            one.commit,
            [(each.id, each.state) for each in one.instances],
            [(step.name, step.started_at, step.finished_at, step.error) for step in one.steps],
            [(line.at, line.text) for line in one.build_lines(world.now)],
            [(line.at, line.text) for line in tail([one.lines], world.now, 20)],
            [(each.at, each.status, each.path) for each in tail([one.requests], world.now, 20)],
        )
        for service in world.services
        for one in service.recent
    ]


def newest(world: World, path: str) -> Deployment:
    return world.service(path).deployments[0]


def live(world: World, path: str) -> Deployment:
    return world.service(path).active[-1]


# the same for the same seed


def test_the_same_seed_and_time_make_the_same_world() -> None:
    one, other = frozen_world(7), frozen_world(7)
    one.advance(900)
    other.advance(900)
    assert picture(one) == picture(other)
    assert picture(one) != picture(frozen_world(8))


def test_one_leap_and_many_small_steps_lead_to_the_same_world() -> None:
    leap, steps = frozen_world(), frozen_world()
    leap.advance(600)
    for _ in range(2400):
        steps.advance(0.25)
    assert picture(leap) == picture(steps)


def test_a_mutation_at_the_same_moment_leads_to_the_same_world() -> None:
    worlds = [frozen_world(), frozen_world()]
    for world in worlds:
        world.advance(30)
        lifecycle.redeploy(world, live(world, "shop/production/api"), ANA)
        world.advance(300)
    assert picture(worlds[0]) == picture(worlds[1])


def test_frozen_time_stands_still() -> None:
    world = frozen_world()
    before = picture(world)
    world.run()
    assert world.now == WorldClock(FROZEN_AT, frozen=True).now()
    assert picture(world) == before


def test_real_time_moves_on_by_itself() -> None:
    world = new_world()
    before = world.now
    world.run()
    assert world.now > before


def test_time_never_goes_back() -> None:
    with pytest.raises(ValueError, match="forward"):
        frozen_world().advance(-1)


# the opening


@pytest.mark.parametrize(
    ("path", "phase"),
    [
        ("shop/production/api", Phase.LIVE),
        ("shop/production/web", Phase.BUILDING),
        ("shop/production/search", Phase.FAILED),
        ("shop/production/emails", Phase.CRASHED),
        ("shop/production/worker", Phase.CRASHED),
        ("shop/pr-312/web", Phase.NEEDS_APPROVAL),
        ("platform/staging/gateway", Phase.QUEUED),
        ("platform/production/auth", Phase.WAITING),
        ("platform/production/scheduler", Phase.SKIPPED),
        ("shop/staging/web", Phase.SLEEPING),
    ],
)
def test_the_story_opens_with_every_kind_of_trouble(world: World, path: str, phase: Phase) -> None:
    assert newest(world, path).phase is phase


def test_about_twenty_services_by_default_each_with_a_history(world: World) -> None:
    assert 18 <= len(world.services) <= 24
    for service in world.services:
        assert len(service.deployments) >= 30
        made = [one.created_at for one in service.deployments]
        assert made == sorted(made, reverse=True)
        assert len({one.id for one in service.deployments}) == len(made)


def test_what_is_broken_has_a_live_deployment_behind_it_where_one_is_left(world: World) -> None:
    for path in ("shop/production/web", "shop/production/search", "platform/production/auth"):
        assert newest(world, path) not in world.service(path).active
        assert [one.phase for one in world.service(path).active] == [Phase.LIVE]


def test_there_is_something_good_to_roll_back_to(world: World) -> None:
    for path in ("shop/production/checkout", "shop/production/emails", "shop/production/api"):
        choice = [one for one in world.service(path).deployments if lifecycle.can_roll_back(world, one)]
        assert len(choice) >= 2
        assert all(one.commit.fate is Fate.GOOD for one in choice)


def test_a_failed_build_ends_with_the_compilers_words(world: World) -> None:
    lines = newest(world, "shop/production/search").build_lines(world.now)
    assert "undefined: newMergePolicy" in "\n".join(line.text for line in lines[-4:])
    assert lines[-1].level == "error"


def test_a_crash_loop_repeats_its_traceback(world: World) -> None:
    one = newest(world, "shop/production/emails")
    lines = one.lines.window(world.now - MINUTE, world.now)
    assert sum(line.text == "KeyError: 'SMTP_SIGNING_KEY'" for line in lines) == 4
    states = set()
    for _ in range(15):
        world.advance(1)
        states |= {one.instance_state(n, world.now) for n in range(len(one.instances))}
    assert states == {InstanceState.RESTARTING, InstanceState.CRASHED}


def test_one_of_three_replicas_crashed_and_two_run(world: World) -> None:
    one = newest(world, "shop/production/worker")
    states = [one.instance_state(n, world.now) for n in range(3)]
    assert states[1:] == [InstanceState.RUNNING] * 2
    assert states[0] in (InstanceState.CRASHED, InstanceState.RESTARTING)


def test_the_bad_deploy_answers_with_500s_slowly_and_logs_a_new_error(world: World) -> None:
    bad, before = world.service("shop/production/checkout").deployments[:2]
    assert world.now - bad.created_at < 10 * MINUTE
    now_requests = tail([bad.requests], world.now, 200)
    then_requests = tail([before.requests], world.now, 200)
    assert sum(one.status == 500 for one in now_requests) > 20
    assert not [one for one in then_requests if one.status == 500]
    latency = [sum(one.duration_ms for one in each) / len(each) for each in (now_requests, then_requests)]
    assert latency[0] > 3 * latency[1]
    texts = "\n".join(line.text for line in tail([bad.lines], world.now, 200))
    assert "UndefinedColumn" in texts
    assert "UndefinedColumn" not in "\n".join(line.text for line in tail([before.lines], world.now, 200))


def test_a_finished_cron_job_is_live_and_stopped(world: World) -> None:
    one = newest(world, "shop/production/nightly-report")
    assert (one.phase, one.stopped) == (Phase.LIVE, True)
    assert tail([one.lines], world.now, 1)[0].at < world.now - MINUTE


def test_hostile_text_is_in_a_commit_and_in_log_lines(world: World) -> None:
    one = newest(world, "shop/production/catalog")
    texts = one.commit.message + "".join(line.text for line in tail([one.lines], world.now, 300))
    for hostile in ("\x1b]52;", "\x1b[2J", "\u202e", "[bold", "\r", "商品", "👩", "\n    at second line"):
        assert hostile in texts
    assert any(len(line.text) > 4000 for line in tail([one.lines], world.now, 300))


def test_builds_are_coloured_and_some_lines_are_structured(world: World) -> None:
    assert any("\x1b[" in line.text for line in newest(world, "shop/production/search").build_lines(world.now))
    gateway = tail([live(world, "platform/production/gateway").lines], world.now, 20)
    assert any(line.attributes for line in gateway)
    auth = tail([live(world, "platform/production/auth").lines], world.now, 20)
    assert any(line.text.startswith('{"lvl"') for line in auth)


# how it goes on


def test_the_rollout_goes_on_while_you_watch(world: World) -> None:
    one = newest(world, "shop/production/web")
    former = live(world, "shop/production/web")
    heard: list[tuple[str, Phase]] = []

    def hear(change: Change) -> None:
        if isinstance(change, StatusChanged) and change.deployment in (one, former):
            heard.append(("new" if change.deployment is one else "old", change.phase))

    world.listen(hear)
    lines = len(one.build_lines(world.now))
    world.advance(10)
    assert len(one.build_lines(world.now)) > lines
    world.advance(110)
    assert heard == [
        ("new", Phase.DEPLOYING),
        ("new", Phase.LIVE),
        ("old", Phase.REMOVING),
        ("old", Phase.REMOVED),
    ]
    assert [step.name for step in one.steps] == ["snapshot", "build", "publish", "create", "healthcheck", "drain"]
    assert all(step.finished_at is not None for step in one.steps)


def test_somebody_deploys_something_every_minute_or_two(world: World) -> None:
    started: list[int] = []

    def hear(change: Change) -> None:
        if isinstance(change, StatusChanged) and change.phase is Phase.INITIALIZING:
            started.append(change.at)

    world.listen(hear)
    world.advance(3600)
    assert 25 <= len(started) <= 75
    assert max(b - a for a, b in itertools.pairwise(started)) < 6 * MINUTE


def test_after_days_the_world_still_holds_together_and_forgets(world: World) -> None:
    world.advance(3 * 86_400)
    assert all(len(service.recent) <= 401 for service in world.services)
    for service in world.services:
        assert len(service.active) <= 1 + (service.latest is not None and service.latest.phase in ("live", "crashed"))
    troubled = [service.path for service in world.services if service.active and service.active[0].phase is Phase.LIVE]
    assert len(troubled) >= 15


def test_waiting_for_ci_ends_but_the_queue_and_the_approval_wait_on(world: World) -> None:
    world.advance(900)
    assert newest(world, "shop/pr-312/web").phase is Phase.NEEDS_APPROVAL
    assert newest(world, "platform/production/auth").phase is Phase.LIVE
    assert newest(world, "platform/staging/gateway").phase is Phase.QUEUED


# by order


def test_a_redeploy_is_a_new_deployment_that_takes_the_old_ones_place(world: World) -> None:
    old = live(world, "platform/production/metrics")
    new = lifecycle.redeploy(world, old, ANA)
    assert (new.phase, new.commit) == (Phase.INITIALIZING, old.commit)
    world.advance(90)
    assert (new.phase, old.phase) == (Phase.LIVE, Phase.REMOVED)
    assert new.build_lines(world.now)


def test_a_rollback_runs_the_old_image_without_building(world: World) -> None:
    service = world.service("shop/production/checkout")
    good = next(one for one in service.deployments if lifecycle.can_roll_back(world, one))
    new = lifecycle.roll_back(world, good, ANA)
    world.advance(12)
    assert (new.phase, new.commit.sha) == (Phase.LIVE, good.commit.sha)
    assert not new.build_lines(world.now)
    world.advance(20)
    assert service.active == [new]
    assert {one.status for one in tail([new.requests], world.now, 50)} <= {200, 201, 304, 404, 502}


def test_the_same_commit_meets_the_same_fate_again(world: World) -> None:
    failed = lifecycle.redeploy(world, newest(world, "shop/production/search"), ANA)
    crashed = lifecycle.redeploy(world, newest(world, "shop/production/emails"), ANA)
    world.advance(120)
    assert (failed.phase, crashed.phase) == (Phase.FAILED, Phase.CRASHED)


def test_a_restart_keeps_the_deployment_and_heals_a_lost_replica(world: World) -> None:
    one = newest(world, "shop/production/worker")
    lifecycle.restart(world, one)
    assert (one.phase, one.instances[0].state) == (Phase.DEPLOYING, InstanceState.RESTARTING)
    world.advance(10)
    assert one is world.service("shop/production/worker").latest
    assert one.phase is Phase.LIVE
    assert [one.instance_state(n, world.now) for n in range(3)] == [InstanceState.RUNNING] * 3


def test_what_is_stopped_falls_silent_and_keeps_its_status(world: World) -> None:
    one = live(world, "shop/production/images")
    lifecycle.stop(world, one)
    world.advance(300)
    assert (one.phase, one.stopped) == (Phase.LIVE, True)
    after = world.now - 299 * SECOND
    assert one.lines.window(after, world.now) == []
    assert one.requests.window(after, world.now) == []


def test_cancelling_a_build_removes_it_and_ends_its_log(world: World) -> None:
    one = newest(world, "shop/production/web")
    lifecycle.cancel(world, one)
    lines = len(one.build_lines(world.now))
    world.advance(120)
    assert one.phase is Phase.REMOVED
    assert len(one.build_lines(world.now)) == lines
    assert [each.phase for each in world.service("shop/production/web").active] == [Phase.LIVE]


def test_removing_what_runs_takes_the_service_down(world: World) -> None:
    service = world.service("shop/production/redis")
    lifecycle.remove(world, live(world, "shop/production/redis"))
    world.advance(10)
    assert service.latest is None
    assert service.active == []
    assert service.deployments[0].phase is Phase.REMOVED


def test_what_waits_for_approval_goes_on_when_it_has_it(world: World) -> None:
    one = newest(world, "shop/pr-312/web")
    lifecycle.approve(world, one)
    world.advance(120)
    assert one.phase is Phase.LIVE


def test_each_order_is_counted_even_when_it_is_refused(world: World) -> None:
    one = live(world, "shop/production/api")
    lifecycle.restart(world, one)
    with pytest.raises(Denied):
        lifecycle.restart(world, one)
    assert world.calls["restart", one.id] == 2
    assert world.calls["stop", one.id] == 0


def test_an_unknown_commit_is_not_deployed(world: World) -> None:
    with pytest.raises(Denied, match="Commit not found"):
        lifecycle.deploy(world, world.service("shop/production/api"), ANA, "f" * 40)


def test_mutations_in_quick_succession_leave_one_deployment_running(world: World) -> None:
    service = world.service("shop/production/api")
    for _ in range(4):
        lifecycle.deploy(world, service, ANA)
        world.advance(7)
    world.advance(200)
    assert len(service.active) == 1


# its size and its voice


@pytest.mark.parametrize("count", [1, 5, 200, 2000])
def test_there_are_as_many_services_as_asked_for(count: int) -> None:
    world = frozen_world(services=count)
    assert len(world.services) == count
    assert len({service.id for service in world.services}) == count
    assert len(world.estate("railway").environments) < 60


def test_a_past_fills_thirty_days_and_moves_nothing_that_is_now() -> None:
    world, usual = frozen_world(services=40, past=65), frozen_world(services=40)
    month = world.now - 30 * 86_400 * 10**9
    built = [service for service in world.services if service.repo]
    counts = [sum(one.created_at >= month for one in service.deployments) for service in built]
    assert 55 * len(built) <= sum(counts) <= 75 * len(built)
    assert min(counts) > 40
    for service in built:
        made = [one.created_at for one in service.deployments]
        assert made == sorted(made, reverse=True)
    assert [service.id for service in world.services] == [service.id for service in usual.services]
    again = frozen_world(services=40, past=65)
    assert [one.id for one in again.services[3].deployments] == [one.id for one in world.services[3].deployments]


def lines_in(world: World, seconds: int) -> int:
    start = world.now
    world.advance(seconds)
    running = (one for service in world.services for one in service.recent)
    return sum(len(one.lines.window(start, world.now)) for one in running)


@pytest.mark.parametrize("services", [None, 200])
def test_the_usual_log_rate_is_a_murmur(services: int | None) -> None:
    assert 5 * 30 <= lines_in(frozen_world(services=services), 30) <= 11 * 30


@pytest.mark.parametrize("rate", [2, 500, 2000, 20_000])
def test_a_log_rate_is_met_in_all(rate: int) -> None:
    world = frozen_world(log_rate=rate)
    assert lines_in(world, 20) == pytest.approx(rate * 20, rel=0.02 if rate > 100 else 0.5)


def test_the_log_rate_can_change_while_the_world_runs(world: World) -> None:
    set_log_rate(world, 1000)
    assert lines_in(world, 5) == pytest.approx(5000, rel=0.02)
    set_log_rate(world, 8)
    assert lines_in(world, 5) < 100
