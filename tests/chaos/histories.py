"""Histories of actions over a breaking network, generated and seeded: what is confirmed, what happens, what is said.

What must hold in each of them:

- at most one effect a confirmed intent, however often the network breaks and whoever starts again
- never *done* without the effect, never *failed* or *refused* with it
- the audit line is on disk before the first byte of the request leaves
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as HypothesisPhase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.chaos.proxy import Fault, Harm, Proxy, Where
from tests.conformance.jumping import JumpingClock, Traffic
from tests.conformance.profiles import ACCOUNT, PROFILES, Order, Profile, made, prepared, served
from tui.demo.entities import Deployment as WorldDeployment
from tui.demo.entities import Phase
from tui.demo.entities import Service as WorldService
from tui.demo.lifecycle import push
from tui.demo.serve import Serving
from tui.demo.world import World
from tui.engine.action import Action
from tui.engine.audit import ActionPhase, AuditEntry, AuditLog
from tui.engine.engine import Account, Engine
from tui.model.action import Verb
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import ProviderError
from tui.model.provider import Meter, Provider
from tui.providers import http

TIMEOUT_S = 0.3  # of every request: a black hole is found out in this time
STEPS = 6
SETTLE_S = 10.0
TO_THE_END_S = 3 * 3600.0

_SETS = frozenset({Verb.SET_STATUS, Verb.APPROVE, Verb.REJECT, Verb.STOP, Verb.START})
"""Asked again for what is so already, they are accepted and change nothing."""

_STRANGERS_DO_TOO = frozenset({Verb.REDEPLOY, Verb.ROLLBACK, Verb.DEPLOY, Verb.START, Verb.RESTART})
"""Verbs for whose effect somebody's push could be taken."""

GIVEN = [(profile, order) for profile in PROFILES for order in profile.orders]

faults = st.builds(
    Fault,
    st.sampled_from(Harm),
    st.sampled_from(Where),
    st.sampled_from([0.0, 0.0, 0.1, 0.5, 0.9, 0.999, 1.0, 1.0]),
    st.sampled_from([0, 0, 0, 1, 3, 8]),
)


@dataclass
class Table:
    """Count what many histories tried and what came of it. `broken` says of each run what did not hold in it."""

    histories: int = 0
    intents: int = 0
    effects: int = 0
    double_effects: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    platforms: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, other: Table) -> None:
        for name in ("histories", "intents", "effects", "double_effects"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("faults", "survived", "ends", "platforms"):
            getattr(self, name).update(getattr(other, name))
        self.broken += other.broken


class History:
    """One world behind one proxy, and the sessions that act on it. All that a rule does goes through here."""

    def __init__(self, profile: Profile, order: Order) -> None:
        self.profile = profile
        self.order = order
        self.confirmed = 0
        self.fault: Fault | None = None
        self.actions: list[Action] = []
        self.unwritten = 0  # requests that left before their audit line was on disk
        self._folder = Path(tempfile.mkdtemp(prefix="deckwatch-history-"))
        self._audit = self._folder / "audit.jsonl"
        self._stack = AsyncExitStack()
        self._patches = pytest.MonkeyPatch()
        self._sessions: list[tuple[Engine, AsyncExitStack]] = []

    @property
    def effects(self) -> int:
        """How often a request changed the world."""
        return sum(self.world.calls.values())

    async def begin(self) -> None:
        self._patches.setattr(http, "TIMEOUT", httpx.Timeout(TIMEOUT_S))
        self.world: World
        self.world, self._target = prepared(self.profile, self.order)
        _leave_alone(self.world.service(self.order.service))
        self._before = self.effects
        self._at_first = self._rows()
        self.clock = JumpingClock(self.world, Traffic(self._patches))
        self._serving: Serving = await self._stack.enter_async_context(served(self.profile, self.world))
        address = self._serving.addresses[self.profile.name]
        self.proxy = await self._stack.enter_async_context(Proxy(address.url, self._left).running())
        self._url = self.proxy.url(address.url)
        await self.start()

    async def start(self) -> None:
        """One more session on the same state folder."""
        stack = AsyncExitStack()
        engine = self._engine()
        await stack.enter_async_context(engine)
        engine.start()
        self._sessions.append((engine, stack))
        await self.clock.until(lambda: engine.store.accounts[ACCOUNT].snapshot is not None, within_s=600)

    def _engine(self) -> Engine:
        async def connect(meter: Meter) -> Provider:
            return made(self.profile, self._serving, self.world, meter, url=self._url, clock=self.clock)

        account = Account(ACCOUNT, self.profile.name, self.profile.name, connect, host="one.example")
        return Engine(
            [account], audit=AuditLog(self._audit), clock=self.clock, settle_s=SETTLE_S, poll_s=60, reviewing=False
        )

    def _left(self) -> None:
        """The first byte of a request that changes something is about to leave."""
        asked = sum(entry.phase is ActionPhase.ASKED for entry in self.lines())
        if asked < self.proxy.mutations:
            self.unwritten += 1

    def lines(self) -> list[AuditEntry]:
        return AuditLog(self._audit).read()

    def _service(self, engine: Engine) -> Service | None:
        found = [each for each in engine.store.services() if each.path.endswith(f"/{self.order.service}")]
        return found[0] if found else None

    # Rules do this

    async def confirm(self, session: int) -> None:
        """A person confirms the sheet: the action is asked for once, unless it is refused at once."""
        engine = self._sessions[session % len(self._sessions)][0]
        service = self._service(engine)
        if service is None:
            return
        try:
            deployment = await self._chosen(engine, service)
            intent = engine.actions.intent(self.order.verb, service, deployment, options=self.order.options)
            engine.actions.effect(intent)
        except ProviderError:
            return  # no sheet: the platform could not be asked, or the verb is not for now
        if engine.actions.blocked(self.order.verb, service, deployment) is not None:
            return
        action = engine.actions.start(intent)
        if action.phase is not ActionPhase.REFUSED:
            self.confirmed += 1
            self.actions.append(action)
        await self.clock.advance(0.5)

    async def _chosen(self, engine: Engine, service: Service) -> Deployment | None:
        if self._target is None:
            return None
        provider = await engine.provider(ACCOUNT)
        ref = Ref(ACCOUNT, Kind.DEPLOYMENT, self.profile.id(self._target))

        async def ask() -> Deployment | ProviderError:
            try:
                return await provider.deployment(ref, service)
            except ProviderError as error:
                return error

        async with asyncio.TaskGroup() as group:
            asked = group.create_task(ask())
            await self.clock.until(asked.done, within_s=600)  # it may have to wait for the platform's rate limit
        found = asked.result()
        if isinstance(found, ProviderError):
            raise found
        return found

    def stranger(self) -> None:
        """Somebody else deploys the same service, by other ways than this token's API."""
        push(self.world, self.world.service(self.order.service))

    def arm(self, fault: Fault) -> None:
        self.fault = fault
        self.proxy.arm(fault)

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)

    async def restart(self) -> None:
        """The first session ends as when its line dropped; the next one takes up what it left."""
        _, stack = self._sessions.pop(0)
        await stack.aclose()
        if not self._sessions:
            await self.start()

    async def end(self) -> None:
        """Heal the network, and wait until every action has its end or is overdue."""
        self.proxy.heal()
        running = [engine for engine, _ in self._sessions]

        def settled() -> bool:
            return not any(engine.actions.running for engine in running)

        await self.clock.until(settled, within_s=TO_THE_END_S)

    async def close(self) -> None:
        try:
            for _, stack in self._sessions:
                await stack.aclose()
            await self._stack.aclose()
        finally:
            self._patches.undo()
            shutil.rmtree(self._folder, ignore_errors=True)

    # Every history must keep to this

    def check(self) -> None:
        effects = self.effects - self._before
        told = f"{self.profile.name} {self.order.verb}, {self.fault}: {[_told(each) for each in self.actions]}"
        assert effects <= self.confirmed, f"{effects} effects of {self.confirmed} confirmed intents. {told}"
        assert self.proxy.mutations <= self.confirmed, f"a request was repeated. {told}"
        assert self.unwritten == 0, f"a request left before its audit line was on disk. {told}"
        done = sum(bool(each.ok) for each in self.actions)
        if self.order.verb in _SETS:
            done = min(done, 1)
        assert done <= effects, f"done without the effect. {told}"
        refused = [each for each in self.actions if each.phase is ActionPhase.REFUSED]
        assert effects <= self.confirmed - len(refused), f"refused with the effect. {told}"
        if effects == self.confirmed:
            for each in self.actions:
                assert each.ok is not False or self._has_failed(each), f"failed with the effect. {told}"
        finals = Counter(entry.id for entry in self.lines() if entry.phase is ActionPhase.FINAL)
        assert not finals or max(finals.values()) == 1, f"two ends of one action. {told}"

    def _has_failed(self, action: Action) -> bool:
        """In the world: what it made did not come up, or was replaced or taken away before it had settled."""
        if action.deployment is None:  # the platform told of its end and of no deployment
            came = [each for each in self._rows() if each not in self._at_first]
            was_replaced = action.intent.verb is Verb.ROLLBACK and len(came) > 1  # by what others deployed
            failed = any(each.phase is Phase.FAILED for each in came)
            return failed or was_replaced or action.intent.verb is Verb.CANCEL
        made_by_it = [each for each in self._rows() if self.profile.id(each) == action.deployment.id]
        well = (Phase.LIVE, Phase.SLEEPING)
        return not made_by_it or made_by_it[0].phase not in well

    def _rows(self) -> list[WorldDeployment]:
        return list(self.world.service(self.order.service).deployments)

    def table(self) -> Table:
        table = Table(histories=1, intents=self.confirmed, effects=self.effects - self._before)
        table.double_effects = max(0, table.effects - table.intents)
        table.platforms[self.profile.name] += 1
        if self.fault is not None:
            table.faults[str(self.fault)] += 1
        for each in self.actions:
            table.ends[_end(each)] += 1
        return table


def _leave_alone(service: WorldService) -> None:
    """Take out of the world what no history is about: it would only cost time."""
    environment = service.environment
    project = environment.project
    project.environments[:] = [environment]
    environment.services[:] = [service]
    project.workspace.projects[:] = [project]


def _end(action: Action) -> str:
    if action.phase is ActionPhase.REFUSED:
        return "refused"
    return {True: "done", False: "failed", None: "unknown"}[action.ok]


def _told(action: Action) -> str:
    return f"{_end(action)}: {action.message}"


def generate(platform: str, number: int, seed: int, steps: int = STEPS) -> Table:
    """Try `number` histories of a platform ("": of all), and return what was tried. Assert what must hold."""
    table = Table()
    _run(table, platform, number, seed, steps)
    return table


def attempt(platform: str, number: int, seed: int, steps: int = STEPS) -> Table:
    """As `generate`, but a history that breaks only ends the run: `broken` says what did not hold."""
    table = Table()
    try:
        _run(table, platform, number, seed, steps)
    except AssertionError as error:
        table.broken = table.broken or [str(error)]
    return table


def _run(table: Table, platform: str, number: int, seed: int, steps: int) -> None:
    machine = hypothesis.seed(seed)(type("Seeded", (Histories,), {"TABLE": table, "PLATFORM": platform}))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=number,
            stateful_step_count=steps,
            database=None,
            deadline=None,
            phases=[HypothesisPhase.generate],
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        ),
    )


class Histories(RuleBasedStateMachine):
    """The generator. `TABLE` gathers what was tried; `PLATFORM` narrows it."""

    TABLE = Table()
    PLATFORM = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.history: History | None = None

    def _do(self, work: Callable[[History], object]) -> None:
        assert self.history is not None
        made_of = work(self.history)
        if asyncio.iscoroutine(made_of):
            self.loop.run_until_complete(made_of)

    @initialize(data=st.data(), fault=faults)
    def begin(self, data: st.DataObject, fault: Fault) -> None:
        pairs = [pair for pair in GIVEN if self.PLATFORM in ("", pair[0].name)]
        profile, order = data.draw(st.sampled_from(pairs), label="order")
        self.history = History(profile, order)
        self._do(lambda history: history.begin())
        self._do(lambda history: history.arm(fault))

    @rule(fault=faults)
    def break_the_next_request(self, fault: Fault) -> None:
        self._do(lambda history: history.arm(fault))

    @rule(session=st.integers(0, 1))
    def confirm(self, session: int) -> None:
        self._do(lambda history: history.confirm(session))

    @rule()
    @precondition(lambda self: self.history.order.verb in _STRANGERS_DO_TOO)
    def somebody_else_deploys(self) -> None:
        self._do(lambda history: history.stranger())

    @rule(seconds=st.sampled_from([1.0, 8.0, 45.0, 400.0]))
    def time_goes_by(self, seconds: float) -> None:
        self._do(lambda history: history.pass_time(seconds))

    @rule()
    def the_line_drops_and_a_new_session_starts(self) -> None:
        self._do(lambda history: history.restart())

    @rule()
    @precondition(lambda self: len(self.history._sessions) < 2)
    def a_second_session_starts(self) -> None:
        self._do(lambda history: history.start())

    def teardown(self) -> None:
        if self.history is not None:
            try:
                if not self.history.confirmed:
                    self._do(lambda history: history.confirm(0))
                self._do(lambda history: history.end())
                self._count(self.history)
            finally:
                self._do(lambda history: history.close())
        self.loop.close()

    def _count(self, history: History) -> None:
        """Check it. One that breaks counts, too, but once: the generator runs it again to report it."""
        table = history.table()
        try:
            history.check()
        except AssertionError as error:
            if not self.TABLE.broken:
                table.broken.append(str(error))
                self.TABLE.add(table)
            raise
        table.survived += table.faults
        self.TABLE.add(table)
