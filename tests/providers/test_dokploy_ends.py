"""Actions on a Dokploy with a Swarm behind it, from the request to their end, as the engine follows them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

import pytest
from starlette.responses import Response

from tests.clocks import START, FakeClock
from tests.conformance.jumping import Traffic
from tests.providers.dokploy_server import KEY, DokployServer, Json, iso, job, row, serve, service, shop
from tests.providers.dokploy_swarm import LATEST, NAME, Swarm
from tui.credentials import Secret
from tui.engine.action import Action
from tui.engine.audit import AuditLog
from tui.engine.engine import Account, Engine
from tui.model.action import Intent, Outcome, Receipt, Verb
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import OutcomeUnknown
from tui.model.provider import Connection, Meter, Priority, Provider
from tui.model.status import Status
from tui.providers.dokploy import DokployProvider

T = TypeVar("T")
LONG_AGO = START - timedelta(days=2)
BUILD = timedelta(seconds=4)
SETTLE_S = 60.0
V4 = f"registry.example/acme/{NAME}:v4"
ERROR = "task: non-zero exit (1)"


class Patient(FakeClock):
    """Time jumps to whoever wakes next, once every answer is there."""

    def __init__(self, traffic: Traffic) -> None:
        super().__init__()
        self._traffic = traffic

    async def settle(self) -> None:
        await super().settle()
        while self._traffic.under_way:
            await asyncio.sleep(0.0005)
            await super().settle()


@dataclass
class Shop:
    """One application. `fate` says what its next task does: lives_s and code, as `Swarm.update` has them."""

    clock: FakeClock
    swarm: Swarm = field(default_factory=Swarm)
    fate: dict[str, Any] = field(default_factory=dict)
    loops: bool = False
    swarm_goes_back: bool = False
    lost: bool = False  # what is asked for is done, and the answer is a proxy's
    ignored: bool = False  # what is asked for is not done, and the answer is a proxy's
    status: str = "done"
    rows: list[tuple[Json, datetime, datetime]] = field(default_factory=list)  # with its begin and its end
    waiting: list[Json] = field(default_factory=list)
    server: DokployServer = field(default_factory=shop)

    def __post_init__(self) -> None:
        self.swarm.run(LATEST, LONG_AGO)
        for number, rollback in ((10, "r4"), (20, "r5")):
            self.rows.append((row(number, rollbackId=rollback, createdAt=iso(LONG_AGO)), LONG_AGO, LONG_AGO))
        self.server.answers |= {
            "overview.services": lambda _: [service(status=self.status)],
            "deployment.allCentralized": lambda _: self.listed(),
            "deployment.all": lambda _: self.listed(),
            "deployment.queueList": lambda _: self.waiting,
            "deployment.allByType": lambda _: [
                {**row(10), "rollback": {"version": 4}},
                {**row(20), "rollback": {"version": 5}},
            ],
            "docker.getContainers": lambda _: self.swarm.containers(self.clock.now()),
            "docker.getServiceContainersByAppName": lambda _: self.swarm.rows(self.clock.now()),
        }
        for procedure, act in (
            ("application.deploy", self.deploy),
            ("application.reload", self.reload),
            ("application.stop", self.stop),
            ("application.start", self.start),
            ("application.cleanQueues", self.clean),
            ("application.killBuild", self.kill),
            ("rollback.rollback", self.roll_back),
        ):
            self.server.answers[procedure] = self.answering(act)

    def answering(self, act: Any) -> Any:  # noqa: ANN401
        def answer(call: Any) -> Any:  # noqa: ANN401
            if not self.ignored:
                act(call)
            return Response("<html>gateway timeout</html>", 504) if self.lost or self.ignored else None

        return answer

    def listed(self) -> list[Json]:
        now = self.clock.now()
        return [
            each if ends <= now else {**each, "status": "running", "finishedAt": None}
            for each, begins, ends in reversed(self.rows)
            if begins <= now
        ]

    def deploy(self, call: Any) -> None:  # noqa: ANN401
        begins = self.clock.now()
        ends = begins + BUILD
        number = 60 + len(self.rows)
        title = call.body["title"]
        made = row(number, title=title, createdAt=iso(begins), startedAt=iso(begins), finishedAt=iso(ends))
        self.rows.append((made, begins, ends))
        self.replace(LATEST, ends)

    def replace(self, image: str, at: datetime) -> None:
        before = self.swarm.tasks[-1].image
        if self.loops:
            self.swarm.take_away(at)
            self.swarm.loop(image, at + timedelta(seconds=0.4), **self.fate)
            return
        task = self.swarm.update(image, at + timedelta(seconds=0.4), **self.fate)
        if self.swarm_goes_back:
            self.swarm.run(before, task.ends + timedelta(seconds=0.3))

    def reload(self, _: Any) -> None:  # noqa: ANN401
        self.replace(LATEST, self.clock.now())

    def roll_back(self, call: Any) -> None:  # noqa: ANN401
        assert call.body == {"rollbackId": "r4"}
        self.replace(V4, self.clock.now())

    def stop(self, _: Any) -> None:  # noqa: ANN401
        self.status = "idle"
        self.swarm.take_away(self.clock.now() + timedelta(seconds=3))

    def start(self, _: Any) -> None:  # noqa: ANN401
        self.status = "done"
        self.swarm.run(LATEST, self.clock.now() + timedelta(seconds=2))

    def clean(self, _: Any) -> None:  # noqa: ANN401
        self.waiting = []

    def kill(self, _: Any) -> None:  # noqa: ANN401
        ends = self.clock.now() + timedelta(seconds=2)
        self.rows[-1] = ({**self.rows[-1][0], "status": "error", "finishedAt": iso(ends)}, self.rows[-1][1], ends)


Prepare = Callable[[Shop], None]


class Stand:
    """The engine, and what somebody has it do."""

    def __init__(self, engine: Engine, clock: Patient) -> None:
        self.engine = engine
        self.clock = clock

    @property
    def service(self) -> Service:
        return next(iter(self.engine.store.services()))

    async def start(self, verb: Verb, deployment: Deployment | None = None, **options: str) -> Action:
        return self.engine.actions.start(self.engine.actions.intent(verb, self.service, deployment, options=options))

    async def do(self, verb: Verb, deployment: Deployment | None = None) -> Action:
        """To its end, and some seconds more, in which the board sees it, too."""
        action = await self.start(verb, deployment)
        await self.clock.until(lambda: action.ended_at is not None)
        await self.clock.advance(25)
        return action

    async def call(self, ask: Callable[[Provider], Awaitable[T]]) -> T:
        """Ask the provider, which may wait for its budget."""
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(self.engine._links["dok"].call(Priority.ACTION, ask))
            await self.clock.until(asking.done)
        return asking.result()

    async def deployment(self, id_: str) -> Deployment:
        ref, service = Ref("dok", Kind.DEPLOYMENT, id_), self.service
        return await self.call(lambda provider: provider.deployment(ref, service))

    async def trace(self, intent: Intent, since: datetime) -> Receipt | None:
        return await self.call(lambda provider: provider.trace(intent, since))


@asynccontextmanager
async def stand(monkeypatch: pytest.MonkeyPatch, prepare: Prepare | None = None) -> AsyncIterator[tuple[Stand, Shop]]:
    clock = Patient(Traffic(monkeypatch))
    world = Shop(clock)
    if prepare is not None:
        prepare(world)
    async with serve(world.server):

        async def connect(meter: Meter) -> Provider:
            return DokployProvider(Connection("dok", Secret(KEY), world.server.url), meter=meter, clock=clock)

        account = Account("dok", "dokploy", "Dokploy", connect)
        async with Engine([account], clock=clock, audit=AuditLog(None), settle_s=SETTLE_S, reviewing=False) as engine:
            engine.start()
            await clock.until(engine.store.services, within_s=60)
            yield Stand(engine, clock), world


def looping(world: Shop) -> None:
    """It crashes since a while."""
    world.swarm.take_away(START - timedelta(seconds=50))
    world.swarm.loop(LATEST, START - timedelta(seconds=50), times=200)


def took_s(action: Action) -> float:
    assert action.ended_at is not None
    return (action.ended_at - action.asked_at).total_seconds()


async def test_a_deploy_that_comes_up_is_done_when_it_has_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch) as (one, _):
        action = await one.do(Verb.DEPLOY)
        assert (action.ok, action.message) == (True, "live, healthy for 60 s")
        assert one.service.live is not None
        assert one.service.live.ref == action.deployment


@pytest.mark.parametrize("fate", [{"code": 1}, {"code": 0}, {"code": 1, "lives_s": 20}])
async def test_a_deploy_that_crash_loops_has_failed_within_the_settling_time_and_a_minute(
    monkeypatch: pytest.MonkeyPatch, fate: dict[str, Any]
) -> None:
    async with stand(monkeypatch) as (one, world):
        world.loops, world.fate = True, fate
        action = await one.do(Verb.DEPLOY)
        assert action.ok is False, action.message
        assert took_s(action) <= SETTLE_S + 60
        assert one.service.status is Status.CRASHED


async def test_a_deploy_that_swarm_rolls_back_has_failed_and_the_former_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch) as (one, world):
        world.swarm_goes_back, world.fate = True, {"lives_s": 1.6, "code": 1}
        action = await one.do(Verb.DEPLOY)
        assert action.ok is False, action.message
        assert took_s(action) <= 30
        assert one.service.latest is not None
        assert (one.service.latest.status, one.service.latest.note) == (
            Status.FAILED,
            f"Docker Swarm rolled it back: {ERROR}",
        )
        assert one.service.live is not None
        assert (one.service.status, one.service.live.id) == (Status.LIVE, "dep20")


async def test_a_restart_into_a_crash_loop_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch) as (one, world):
        world.loops = True
        action = await one.do(Verb.RESTART)
        assert action.ok is False, action.message
        assert took_s(action) <= SETTLE_S + 60


async def test_a_restart_that_ends_a_crash_loop_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch, looping) as (one, _):
        assert one.service.status.bad
        action = await one.do(Verb.RESTART)
        assert action.ok is True, action.message
        assert one.service.status is Status.LIVE


async def test_a_rollback_out_of_a_crash_loop_is_done_when_the_kept_image_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch, looping) as (one, _):
        action = await one.do(Verb.ROLLBACK, await one.deployment("dep10"))
        assert action.ok is True, action.message
        assert "healthy for 60 s" in action.message
        assert one.service.live is not None
        assert (one.service.status, one.service.live.id) == (Status.LIVE, "dep10")
        assert one.service.live.note == "rolled back: image v4 runs"
        assert one.service.latest is not None
        assert not one.service.latest.is_live


async def test_a_rollback_that_swarm_gives_up_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch) as (one, world):
        world.swarm_goes_back, world.fate = True, {"lives_s": 2.0, "code": 1}
        action = await one.do(Verb.ROLLBACK, await one.deployment("dep10"))
        assert (action.ok, action.message) == (False, f"Docker Swarm rolled it back: {ERROR}")
        assert one.service.live is not None
        assert one.service.live.id == "dep20"


async def test_a_rollback_to_what_crashes_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch) as (one, world):
        world.loops = True
        action = await one.do(Verb.ROLLBACK, await one.deployment("dep10"))
        assert action.ok is False, action.message
        assert took_s(action) <= SETTLE_S + 60
        assert one.service.status is Status.CRASHED


async def test_a_restart_undoes_a_rollback_and_says_so_before(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch) as (one, _):
        warnings = one.engine.actions.effect(one.engine.actions.intent(Verb.RESTART, one.service)).warnings
        assert any("newest build and the saved settings" in each for each in warnings)
        assert not any("undoes" in each for each in warnings)
        await one.do(Verb.ROLLBACK, await one.deployment("dep10"))
        warnings = one.engine.actions.effect(one.engine.actions.intent(Verb.RESTART, one.service)).warnings
        assert any("undoes the rollback: image v4 runs" in each for each in warnings)
        action = await one.do(Verb.RESTART)
        assert action.ok is True, action.message
        assert one.service.live is not None
        assert one.service.live.id == "dep20"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("verb", [Verb.STOP, Verb.START])
async def test_a_stop_or_start_whose_answer_was_lost_is_found(
    monkeypatch: pytest.MonkeyPatch, verb: Verb, named: bool
) -> None:
    def prepare(world: Shop) -> None:
        if verb is Verb.START:
            world.stop(None)
            world.swarm.take_away(LONG_AGO + timedelta(hours=1))

    async with stand(monkeypatch, prepare) as (one, world):
        world.lost = True
        action = await one.do(verb, await one.deployment("dep20") if named else None)
        assert action.ok is True, action.message
        assert "did arrive" in action.message
        assert one.service.status is (Status.STOPPED if verb is Verb.STOP else Status.LIVE)
    assert len(world.server.called(f"application.{verb}")) == 1


@pytest.mark.parametrize(
    ("verb", "before"),
    [
        (Verb.STOP, None),
        (Verb.STOP, looping),
        (Verb.RESTART, None),
        (Verb.ROLLBACK, None),
        (Verb.ROLLBACK, looping),
    ],
)
async def test_what_never_arrived_is_never_said_to_have_arrived(
    monkeypatch: pytest.MonkeyPatch, verb: Verb, before: Prepare | None
) -> None:
    async with stand(monkeypatch, before) as (one, world):
        world.ignored = True
        action = await one.do(verb, await one.deployment("dep10") if verb is Verb.ROLLBACK else None)
        assert action.ok is None, action.message
        assert "no trace" in action.message


async def test_a_rollback_that_a_build_replaced_at_once_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch) as (one, world):
        action = await one.start(Verb.ROLLBACK, await one.deployment("dep10"))
        await one.clock.advance(4)
        world.replace(LATEST, one.clock.now())
        await one.clock.until(lambda: action.ended_at is not None)
        assert action.ok is False
        assert "latest runs, not the image that was asked for: a deployment may have replaced it" in action.message


async def test_containers_that_a_build_replaces_are_no_sign_of_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was under way when the restart was sent, which never arrived."""
    async with stand(monkeypatch) as (one, world):
        begins, ends = one.clock.now(), one.clock.now() + timedelta(seconds=40)
        made = row(70, title="by hand", createdAt=iso(begins), startedAt=iso(begins), finishedAt=iso(ends))
        world.rows.append((made, begins, ends))
        world.replace(LATEST, ends)
        await one.clock.advance(15)
        world.ignored = True
        action = await one.do(Verb.RESTART)
        assert action.ok is None, action.message
        assert "no trace" in action.message


async def test_containers_that_a_crash_loop_replaces_are_no_sign_of_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch, looping) as (one, world):
        world.ignored = True
        intent = one.engine.actions.intent(Verb.RESTART, one.service)
        since = one.clock.now()
        with pytest.raises(ExceptionGroup) as caught:
            await one.call(lambda provider: provider.handlers[Verb.RESTART].run(intent))
        assert caught.group_contains(OutcomeUnknown)
        for _ in range(20):
            await one.clock.advance(1.3)
            assert await one.trace(intent, since) is None


@pytest.mark.parametrize("before", [None, looping])
async def test_a_rollback_whose_answer_was_lost_is_found_by_the_image_that_runs(
    monkeypatch: pytest.MonkeyPatch, before: Prepare | None
) -> None:
    async with stand(monkeypatch, before) as (one, world):
        world.lost = True
        action = await one.do(Verb.ROLLBACK, await one.deployment("dep10"))
        assert action.ok is True, action.message


async def test_a_job_that_was_cancelled_in_the_queue_ends_as_cancelled_and_so_does_the_cancelling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with stand(monkeypatch) as (one, world):

        def queue(call: Any) -> None:  # noqa: ANN401
            world.waiting = [job(7, at=one.clock.now(), titleLog=call.body["title"])]

        world.server.answers["application.deploy"] = queue
        deploy = await one.start(Verb.DEPLOY)
        await one.clock.until(lambda: deploy.status is Status.QUEUED)
        assert deploy.deployment is not None
        waiting = await one.deployment(deploy.deployment.id)
        cancel = await one.start(Verb.CANCEL, waiting)
        await one.clock.until(lambda: cancel.ended_at is not None and deploy.ended_at is not None, within_s=60)
    assert (cancel.ok, cancel.message) == (True, "it was dropped from the queue")
    assert (deploy.ok, deploy.message) == (False, "cancelled from here")


async def test_a_build_that_is_killed_has_ended_two_seconds_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async with stand(monkeypatch) as (one, _):
        deploy = await one.start(Verb.DEPLOY)
        await one.clock.until(lambda: deploy.status is Status.BUILDING)
        assert deploy.deployment is not None
        cancel = await one.start(Verb.CANCEL, await one.deployment(deploy.deployment.id))
        await one.clock.until(lambda: cancel.ended_at is not None, within_s=30)
        assert (cancel.ok, cancel.message) == (True, "it was ended (error)")
        assert took_s(cancel) <= 4
        await one.clock.until(lambda: deploy.ended_at is not None, within_s=60)
        assert deploy.ok is False


async def test_a_deploy_whose_answer_was_lost_is_found_though_a_strangers_began_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with stand(monkeypatch) as (one, world):
        intent = one.engine.actions.intent(Verb.DEPLOY, one.service)
        since = one.clock.now()
        stranger = row(61, "running", createdAt=iso(since), title="Manual deployment")
        world.rows.append((stranger, since, since + timedelta(hours=1)))
        assert await one.trace(intent, since) is None
        ours = row(62, "running", createdAt=iso(since), title=f"deckwatch {intent.id[:12]}")
        world.rows.append((ours, since, since + timedelta(hours=1)))
        found = await one.trace(intent, since)
    assert found is not None
    assert (found.outcome, found.deployment) == (Outcome.ACCEPTED, Ref("dok", Kind.DEPLOYMENT, "dep62"))
