"""Fixtures for every test: the demo world, standing still, and the platforms served over it on loopback."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings

from tui.demo.railway.tokens import Tokens
from tui.demo.serve import serve
from tui.demo.story import frozen_world
from tui.demo.world import World

settings.register_profile("loaded machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loaded machine")

# A shell that runs the tests in the background has SIGINT ignored, and so would every program started here.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples each time, however busy the machine is.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
settings.load_profile("steady")


@pytest.fixture
def world() -> World:
    """Stands still at `tui.demo.story.FROZEN_AT` (2026-08-22T02:14:07Z) until `world.advance(seconds)`."""
    return frozen_world(platforms=("railway",))


@pytest.fixture
def whole_world() -> World:
    """The same night on all four platforms."""
    return frozen_world()


@dataclass(frozen=True, slots=True)
class RailwayDemo:
    """Railway's endpoint over `world`. `token` is the account token; `tokens` has the other kinds and their budgets."""

    world: World
    url: str
    token: str
    tokens: Tokens

    @property
    def socket_url(self) -> str:
        return self.url.replace("http", "ws", 1)

    @property
    def root(self) -> str:
        """Where the back door is: `root + "/_demo/state"`."""
        return self.url.removesuffix("/graphql/v2")


@pytest.fixture
async def railway_demo(world: World) -> AsyncIterator[RailwayDemo]:
    async with serve(world, platforms=("railway",)) as serving:
        address = serving.addresses["railway"]
        yield RailwayDemo(world, address.url, address.token, serving.tokens["railway"])
