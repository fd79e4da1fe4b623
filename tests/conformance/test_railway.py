"""What only Railway has: three kinds of token, and an environment that nobody may enter."""

from __future__ import annotations

import pytest

from tests.conformance.profiles import RAILWAY, provided, served
from tui.demo.story import frozen_world


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
