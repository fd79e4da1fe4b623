from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conformance.profiles import PROFILES, Profile, served
from tui.demo.serve import Serving
from tui.demo.story import frozen_world
from tui.demo.world import World


@pytest.fixture(params=PROFILES, ids=[profile.name for profile in PROFILES])
def profile(request: pytest.FixtureRequest) -> Profile:
    found: Profile = request.param
    return found


@pytest.fixture
def world(profile: Profile) -> World:
    """The part of the night that plays on this platform, standing still."""
    return frozen_world(platforms=(profile.name,))


@pytest.fixture
async def serving(profile: Profile, world: World) -> AsyncIterator[Serving]:
    async with served(profile, world) as serving:
        yield serving
