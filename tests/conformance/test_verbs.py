"""What can be done: each verb changes the world once, and a lost answer never makes it twice."""

from __future__ import annotations

import pytest

from tests.conformance.profiles import (
    ACCOUNT,
    PROFILES,
    Order,
    Profile,
    named,
    prepared,
    provided,
    served,
)
from tests.journeys.sailing import WorldTime
from tui.demo.entities import Deployment as WorldDeployment
from tui.demo.serve import Serving
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.engine.follow import SAME_MOMENT
from tui.model.action import Intent, Outcome, Verb
from tui.model.entities import Deployment, Kind, Ref, Service
from tui.model.errors import Forbidden, OutcomeUnknown, Refused
from tui.model.provider import Provider

ORDERS = [(profile, order) for profile in PROFILES for order in profile.orders]
each_order = pytest.mark.parametrize(
    ("profile", "order"), ORDERS, ids=[f"{profile.name}-{order.verb}" for profile, order in ORDERS]
)


async def intent_of(
    provider: Provider, profile: Profile, order: Order, target: WorldDeployment | None
) -> tuple[Intent, Service]:
    service = named(await provider.snapshot(), order.service)
    provider.focus(service.ref)
    chosen: Deployment | None = None
    if target is not None:
        chosen = await provider.deployment(Ref(ACCOUNT, Kind.DEPLOYMENT, profile.id(target)), service)
    reason = provider.blocked(order.verb, chosen or service)
    assert reason is None, reason
    return Intent("i1", order.verb, service, chosen, options=order.options), service


def done(world: World) -> int:
    return sum(world.calls.values())


@each_order
async def test_each_verb_changes_the_world_exactly_once(profile: Profile, order: Order) -> None:
    world, target = prepared(profile, order)
    async with served(profile, world) as serving, provided(profile, serving, world) as provider:
        intent, _ = await intent_of(provider, profile, order, target)
        handler = provider.handlers[order.verb]
        effect = handler.effect(intent)
        assert serving.addresses[profile.name].token not in repr(effect)
        assert effect.call
        assert effect.does.endswith(".")
        before = done(world)
        receipt = await handler.run(intent)
    assert receipt.outcome is Outcome.ACCEPTED
    assert done(world) == before + 1, world.calls


@each_order
async def test_a_lost_answer_is_an_unknown_outcome_and_is_never_asked_for_again(profile: Profile, order: Order) -> None:
    world, target = prepared(profile, order)
    async with served(profile, world) as serving, provided(profile, serving, world) as provider:
        intent, _ = await intent_of(provider, profile, order, target)
        for operation in profile.mutations:
            world.faults.add("lost-reply", operation)
        before = done(world)
        with pytest.raises(OutcomeUnknown):
            await provider.handlers[order.verb].run(intent)
        world.faults.clear()
    assert done(world) == before + 1, world.calls


SHOWN = {
    "railway": {order.verb for profile in PROFILES if profile.name == "railway" for order in profile.orders}
    - {Verb.RESTART},  # over by then
    "gitlab": {order.verb for profile in PROFILES if profile.name == "gitlab" for order in profile.orders}
    - {Verb.REMOVE},
    "cloud66": {order.verb for profile in PROFILES if profile.name == "cloud66" for order in profile.orders},
    "dokploy": {order.verb for profile in PROFILES if profile.name == "dokploy" for order in profile.orders}
    - {Verb.REMOVE},
}
"""What only the provider can tell of: the rest shows as a new deployment, or on the target."""


@each_order
async def test_what_arrived_though_its_answer_was_lost_is_told_and_what_never_arrived_is_not(
    profile: Profile, order: Order
) -> None:
    world, target = prepared(profile, order)
    async with served(profile, world) as serving, provided(profile, serving, world) as provider:
        intent, _ = await intent_of(provider, profile, order, target)
        await provider.snapshot()  # what runs in the service that is looked at
        for kind in ("5xx", "lost-reply"):
            since = WorldTime(world).now() - SAME_MOMENT
            for operation in profile.mutations:
                world.faults.add(kind, operation)
            with pytest.raises(OutcomeUnknown):
                await provider.handlers[order.verb].run(intent)
            world.faults.clear()
            world.advance(1 if kind == "5xx" else 20)
            before = done(world)
            told = await provider.trace(intent, since)
            assert done(world) == before
            if kind == "5xx":
                assert told is None
            else:
                assert (told is not None) == (order.verb in SHOWN.get(profile.name, ()))
    if told is not None:
        assert (told.outcome, told.intent) == (Outcome.ACCEPTED, intent)
        assert told.operation or told.message


@each_order
async def test_an_answer_that_is_none_is_an_unknown_outcome(profile: Profile, order: Order) -> None:
    world, target = prepared(profile, order)
    async with served(profile, world) as serving, provided(profile, serving, world) as provider:
        intent, _ = await intent_of(provider, profile, order, target)
        for operation in profile.mutations:
            world.faults.add("5xx", operation)
        with pytest.raises(OutcomeUnknown):
            await provider.handlers[order.verb].run(intent)


@each_order
async def test_the_options_of_a_verb_are_told(profile: Profile, order: Order) -> None:
    world = frozen_world(platforms=(profile.name,))
    async with served(profile, world) as serving, provided(profile, serving, world) as provider:
        options = provider.handlers[order.verb].options
    assert all(len(help_) > 10 for help_ in options.values())
    assert set(order.options) <= set(options)


async def test_a_token_that_may_only_look_is_told_what_it_lacks(
    profile: Profile, world: World, serving: Serving
) -> None:
    if profile.limited is None:
        pytest.skip(f"{profile.name} has no tokens that only look")
    order = profile.orders[0]
    target = order.target(world, world.service(order.service))
    token = profile.limited(serving.tokens[profile.name])
    async with (
        provided(profile, serving, world) as able,
        provided(profile, serving, world, token=token) as unable,
    ):
        intent, _ = await intent_of(able, profile, order, target)
        with pytest.raises((Forbidden, Refused)) as caught:
            await unable.handlers[order.verb].run(intent)
    assert token not in str(caught.value)
    assert done(world) == 0
