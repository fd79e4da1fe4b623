"""The same night on servers of years ago: fewer words, the same services, deployments and logs."""

from __future__ import annotations

import asyncio

import pytest

from tests.conformance.profiles import ACCOUNT, DOKPLOY, GITLAB, Profile, named, provided, served
from tests.conformance.test_logs import in_order, shown_texts, texts
from tui.demo.story import frozen_world
from tui.model.entities import Kind, Ref
from tui.model.log import Cursor, LogKind, LogSource
from tui.model.status import Status

OLD = [pytest.param(GITLAB, "/old", id="gitlab"), pytest.param(DOKPLOY, "/v028", id="dokploy")]


@pytest.mark.parametrize(("profile", "prefix"), OLD)
async def test_an_old_server_is_shown_as_a_new_one(profile: Profile, prefix: str) -> None:
    world = frozen_world(platforms=(profile.name,))
    async with served(profile, world) as serving:
        url = serving.addresses[profile.name].url
        async with (
            provided(profile, serving, world) as new,
            provided(profile, serving, world, url=url + prefix) as old,
        ):
            now, then = await new.snapshot(), await old.snapshot()
            assert {service.path for service in then.services} == {service.path for service in now.services}
            for service in then.services:
                shown = next(each for each in now.services if each.path == service.path)
                if service.latest is None or shown.latest is None:
                    continue
                assert service.latest.id == shown.latest.id
                if shown.latest.status is not Status.NEEDS_APPROVAL:  # a word that old servers do not have
                    assert service.latest.status is shown.latest.status, service.path
            healthy = named(then, profile.healthy)
            page = await old.deployments(healthy)
            assert [each.id for each in page.items] == [
                each.id for each in (await new.deployments(named(now, profile.healthy))).items
            ]


@pytest.mark.parametrize(("profile", "prefix"), OLD)
async def test_an_old_servers_build_log_is_whole(profile: Profile, prefix: str) -> None:
    world = frozen_world(platforms=(profile.name,))
    one = world.service(profile.busy).recent[0]
    world.advance(200)
    async with served(profile, world) as serving:
        url = serving.addresses[profile.name].url + prefix
        async with provided(profile, serving, world, url=url) as provider:
            service = named(await provider.snapshot(), profile.busy)
            deployment = await provider.deployment(Ref(ACCOUNT, Kind.DEPLOYMENT, profile.id(one)), service)
            source = LogSource(LogKind.BUILD, service, deployment)
            async with asyncio.timeout(10):
                entries = [entry async for entry in provider.logs(source, Cursor())]
    assert in_order(texts(one, world), shown_texts(entries)) == []
