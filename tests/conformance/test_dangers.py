"""What each verb wants before it is done, and the warnings that the platforms' contracts give reason for."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.conformance.profiles import PROFILES, Order, Profile, prepared, provided, served
from tests.conformance.test_verbs import intent_of
from tui.demo.entities import Deployment, Phase
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.model.action import Danger, Effect, Intent, Verb, dangerous
from tui.model.entities import Kind, Ref
from tui.model.provider import Provider

ORDERS = [(profile, order) for profile in PROFILES for order in profile.orders]
ALWAYS_TYPED = {Verb.STOP, Verb.REMOVE, Verb.ROLLBACK}
FURTHER = {("cloud66", Verb.RESTART), ("dokploy", Verb.CANCEL), ("gitlab", Verb.DEPLOY)}
"""What reaches further than its verb says: databases bounce, every build on the host dies, a whole pipeline runs."""


@pytest.mark.parametrize(
    ("profile", "order"), ORDERS, ids=[f"{profile.name}-{order.verb}" for profile, order in ORDERS]
)
async def test_stop_remove_rollback_and_all_of_production_want_the_name_typed(profile: Profile, order: Order) -> None:
    world, target = prepared(profile, order)
    async with served(profile, world) as serving, provided(profile, serving, world) as provider:
        intent, _ = await intent_of(provider, profile, order, target)
        effect = provider.handlers[order.verb].effect(intent)
    assert dangerous(replace(intent, production=True), effect) is Danger.TYPE
    wanted = dangerous(replace(intent, production=False), effect)
    if order.verb in ALWAYS_TYPED:
        assert wanted is Danger.TYPE
    elif (profile.name, order.verb) not in FURTHER:
        assert wanted is Danger.ASK
    assert effect.does
    if order.verb not in (Verb.RECORD, Verb.SET_STATUS, Verb.START, Verb.APPROVE, Verb.REJECT):
        assert effect.warnings, "what is lost, or what goes on"


async def effect_on(platform: str, path: str, verb: Verb, **options: str) -> tuple[Effect, Danger]:
    profile = next(each for each in PROFILES if each.name == platform)
    world = frozen_world(platforms=(platform,))
    async with served(profile, world) as serving, provided(profile, serving, world) as provider:
        intent = await _intent(profile, provider, world, path, verb, options)
        effect = provider.handlers[verb].effect(intent)
        return effect, dangerous(replace(intent, production=False), effect)


async def _intent(
    profile: Profile, provider: Provider, world: World, path: str, verb: Verb, options: dict[str, str]
) -> Intent:
    service = next(each for each in (await provider.snapshot()).services if each.path.endswith(path))
    provider.focus(service.ref)
    shown = world.service(path)
    chosen = shown.recent[0] if verb is not Verb.ROLLBACK else _older(world, path)
    ref = Ref(service.account, Kind.DEPLOYMENT, profile.id(chosen))
    return Intent("i1", verb, service, await provider.deployment(ref, service), options=options)


def _older(world: World, path: str) -> Deployment:
    """One that went well and serves no more."""
    service = world.service(path)
    return next(one for one in service.deployments[1:] if one.phase in (Phase.REMOVED, Phase.LIVE))


async def test_cloud_66_restart_bounces_the_databases_and_wants_the_name() -> None:
    effect, danger = await effect_on("cloud66", "outlet/staging/storefront", Verb.RESTART)
    assert "databases" in " ".join(effect.warnings)
    assert danger is Danger.TYPE


async def test_dokploy_kill_build_is_host_wide_and_wants_the_name() -> None:
    effect, danger = await effect_on("dokploy", "tools/production/wiki", Verb.CANCEL, how="build")
    assert "host-wide" in " ".join(effect.warnings)
    assert danger is Danger.TYPE


async def test_railway_remove_of_what_serves_takes_the_service_down() -> None:
    effect, danger = await effect_on("railway", "platform/production/gateway", Verb.REMOVE)
    assert "takes the service down" in " ".join(effect.warnings)
    assert danger is Danger.TYPE


async def test_gitlab_rollback_only_runs_the_job_again() -> None:
    effect, danger = await effect_on("gitlab", "payments/production/api", Verb.ROLLBACK)
    assert "Only the deployment's job runs again" in " ".join(effect.warnings)
    assert danger is Danger.TYPE
