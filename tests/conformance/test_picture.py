"""What a provider shows of the world: every service, every state, every page."""

from __future__ import annotations

import pytest

from tests.conformance.profiles import ACCOUNT, PROFILES, Profile, named, of_the_world, provided, served
from tui.demo.entities import UP, Phase
from tui.demo.serve import Serving
from tui.demo.story import frozen_world
from tui.demo.world import World
from tui.model.action import Verb
from tui.model.entities import Deployment, Kind, Ref
from tui.model.errors import NotFound
from tui.model.log import LogKind
from tui.model.status import Status


async def test_every_service_is_in_the_picture_with_the_state_of_its_newest_deployment(
    profile: Profile, world: World, serving: Serving
) -> None:
    async with provided(profile, serving, world) as provider:
        snapshot = await provider.snapshot()
    expected = [service for service in world.services if not service.environment.restricted]
    assert len(of_the_world(snapshot.services)) == len(expected)
    for service in expected:
        shown = named(snapshot, service.path)
        newest = service.recent[0]
        if newest.phase in profile.statuses and not newest.stopped and shown.latest is not None:
            assert shown.latest.status is profile.statuses[newest.phase], f"{service.path}: {newest.phase}"
        assert shown.account == ACCOUNT
        assert shown.project in {each.ref for each in snapshot.projects}
        assert shown.environment in {each.ref for each in snapshot.environments}


@pytest.mark.parametrize(
    ("profile", "phase"),
    [(profile, phase) for profile in PROFILES for phase in profile.statuses],
    ids=lambda value: value.name if isinstance(value, Profile) else str(value),
)
async def test_every_state_of_the_world_is_known(profile: Profile, phase: Phase) -> None:
    world = frozen_world(platforms=(profile.name,))
    one = world.service(profile.healthy).recent[0]
    one.phase = phase
    if phase not in UP and phase is not Phase.REMOVING and profile.name != "railway":
        one.live_from = None  # it has not come up yet, or never did
    if phase is Phase.CRASHED:
        one.loops_from = world.now
        world.advance(20)  # one failure is no loop
    async with served(profile, world) as serving, provided(profile, serving, world) as provider:
        service = named(await provider.snapshot(), profile.healthy)
        assert service.latest is not None
        assert service.latest.status is profile.statuses[phase]


async def test_a_status_from_the_future_is_shown_in_its_own_word(
    profile: Profile, world: World, serving: Serving
) -> None:
    world.service(profile.healthy).recent[0].word = "HIBERNATING"
    async with provided(profile, serving, world) as provider:
        service = named(await provider.snapshot(), profile.healthy)
    assert service.latest is not None
    assert service.latest.status is Status.UNKNOWN
    assert "hibernating" in service.latest.status_raw.lower()


async def test_all_pages_of_a_timeline_are_read_each_deployment_once(
    profile: Profile, world: World, serving: Serving
) -> None:
    truth = [profile.id(one) for one in world.service(profile.healthy).deployments]
    async with provided(profile, serving, world) as provider:
        service = named(await provider.snapshot(), profile.healthy)
        seen: list[Deployment] = []
        before: str | None = None
        while True:
            page = await provider.deployments(service, before, limit=7)
            seen += page.items
            before = page.next
            if before is None:
                break
    ids = [one.id for one in seen]
    assert ids == truth[: len(ids)]
    assert len(ids) >= min(len(truth), (profile.keeps or len(truth)) - 1)
    assert [one.id for one in seen if one.is_live] == truth[:1]


async def test_one_deployment_is_read_by_its_id_and_an_unknown_id_is_not_found(
    profile: Profile, world: World, serving: Serving
) -> None:
    one = world.service(profile.healthy).recent[0]
    async with provided(profile, serving, world) as provider:
        service = named(await provider.snapshot(), profile.healthy)
        found = await provider.deployment(Ref(ACCOUNT, Kind.DEPLOYMENT, profile.id(one)), service)
        assert (found.service, found.is_live, found.status) == (service.ref, True, Status.LIVE)
        assert service.latest is not None
        assert service.latest.ref == found.ref
        with pytest.raises(NotFound):
            await provider.deployment(Ref(ACCOUNT, Kind.DEPLOYMENT, profile.unknown), service)


async def test_what_a_platform_lacks_is_said_in_its_own_words(profile: Profile, world: World, serving: Serving) -> None:
    async with provided(profile, serving, world) as provider:
        service = named(await provider.snapshot(), profile.healthy)
        assert set(provider.handlers) | {verb for verb in provider.lacks if isinstance(verb, Verb)} == set(Verb)
        assert provider.log_kinds | {kind for kind in provider.lacks if isinstance(kind, LogKind)} == set(LogKind)
        assert not set(provider.handlers) & set(provider.lacks)
        assert not provider.log_kinds & set(provider.lacks)
        for verb in set(Verb) - set(provider.handlers):
            why = provider.blocked(verb, service)
            assert why is not None
            assert provider.title in why
            assert len(why) > 30


async def test_the_credential_is_told_and_never_shown(profile: Profile, world: World, serving: Serving) -> None:
    async with provided(profile, serving, world) as provider:
        credential = await provider.check()
    assert credential.kind
    assert credential.sees
    assert serving.addresses[profile.name].token not in repr(credential)


async def test_the_platform_is_read_again_only_as_far_as_it_changed(
    profile: Profile, world: World, serving: Serving
) -> None:
    """A second picture is the same, and a change that came in between is in it."""
    async with provided(profile, serving, world) as provider:
        first = await provider.snapshot()
        busy = named(first, profile.busy)
        provider.focus(busy.ref)
        world.advance(400)
        second = await provider.snapshot()
    assert {service.ref for service in second.services} == {service.ref for service in first.services}
    assert busy.latest is not None
    assert busy.latest.status.in_flight
    now = named(second, profile.busy)
    assert now.latest is not None
    assert now.latest.status is Status.LIVE, now
    assert now.live is not None
    assert now.live.ref == now.latest.ref
