"""What only Railway has: three kinds of token, and an environment that nobody may enter."""

from __future__ import annotations

import pytest

from tests.conformance.profiles import ACCOUNT, RAILWAY, named, provided, served
from tui.demo.entities import Phase
from tui.demo.story import frozen_world
from tui.model.action import Intent, Verb
from tui.model.entities import Kind, Ref
from tui.model.status import Status


@pytest.mark.parametrize("kind", ["account", "workspace", "project"])
async def test_each_kind_of_token_is_told_apart_and_shows_what_it_sees(kind: str) -> None:
    world = frozen_world(platforms=("railway",))
    async with served(RAILWAY, world) as serving:
        token = getattr(serving.tokens["railway"], kind)
        async with provided(RAILWAY, serving, world, token=token.value) as provider:
            credential = await provider.check()
            snapshot = await provider.snapshot()
    assert kind in credential.kind
    environments = {service.environment.id for service in snapshot.services}
    if kind == "project":
        assert environments == {token.environment.id}
    else:
        assert len(environments) > 2
        assert any("vault" in problem for problem in snapshot.problems)


@pytest.mark.parametrize(
    ("phase", "before"),
    [(Phase.LIVE, Status.LIVE), (Phase.SLEEPING, Status.SLEEPING), (Phase.CRASHED, Status.CRASHED)],
)
async def test_a_stop_shows_whatever_state_the_deployment_was_in(phase: Phase, before: Status) -> None:
    world = frozen_world(platforms=("railway",))
    service = next(each for each in world.services if each.latest and each.latest.phase is phase and not each.cron)
    assert service.latest is not None
    async with served(RAILWAY, world) as serving, provided(RAILWAY, serving, world) as provider:
        shown = named(await provider.snapshot(), service.path)
        ref = Ref(ACCOUNT, Kind.DEPLOYMENT, service.latest.id)
        deployment = await provider.deployment(ref, shown)
        assert deployment.status is before
        await provider.handlers[Verb.STOP].run(Intent("i1", Verb.STOP, shown, deployment))
        deployment = await provider.deployment(ref, shown)
        stopped = named(await provider.snapshot(), service.path)
    assert deployment.status is Status.STOPPED
    assert deployment.status_raw in ("SUCCESS", "SLEEPING", "CRASHED")
    assert stopped.status is Status.STOPPED
    assert stopped.live is None
